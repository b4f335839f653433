from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from bidsdeid.core.likely import Identity
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import NO_TERMS, Lexicon, Terms, known_words
from bidsdeid.dicom.identifiers import Identifiers
from bidsdeid.dicom.residue import Residue, residue_of
from dicom_files import pixels_of

WORD, UID, DATE, NAME = "a name, a place or a record number", "a UID", "a date", "a name"
BLANK = bytes(64)

IDENTIFIERS = Identifiers(
    found={(Identity.PERSON, "Fairweather^Rosalind"), (Identity.RECORD, "MRN1234567")},
    days={date(2019, 3, 4), date(1951, 2, 3)},
    uids={"1.2.826.7.2", "1.3.12.2.1107.5.2.19.45152"},
    raw={"Müller".encode("latin-1"), "Jü".encode("latin-1")},
)


def residue(*, dates: bool = True, public: tuple[str, ...] = ("sub01", "bcdfgh")) -> Residue:
    terms = IDENTIFIERS.harvest().terms(known_words(["Quimby", "AB12", "Hx99q"]))
    return residue_of(IDENTIFIERS, terms, public, dates=dates)


def found(header: bytes, pixels: bytes = BLANK) -> list[str]:
    return list(residue().found_in(header, pixels))


# ── what is found ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (b"\x10\0\x10\0PN\x14\0Fairweather^Rosalind", [WORD]),
        (b"FAIRWEATHER", [WORD]),
        (b"xx_rosalind_2", [WORD]),
        (b"t1fairweather2", [WORD]),
        (b"\0rosalind9", [WORD]),
        (b"\1MRN1234567 ", [WORD]),
        (b"mrn1234567.dcm", [WORD]),
        (b"quimby", [WORD]),
        (b"hx99q", [WORD]),
        (b"1.2.826.7.2", [UID]),
        (b"UI\x0c\x001.2.826.7.2\0", [UID]),
        (b"1.3.12.2.1107.5.2.19.45152", [UID]),
        (b"a1.2.826.7.2b", [UID]),
        (b"the UID 1.2.826.7.2.", [UID]),
        (b"20190304", [DATE]),
        (b"DA\x08\x0020190304", [DATE]),
        (b"DT 20190304101112.500000+0100", [DATE]),
        (b"series_19510203_t1", [DATE]),
        (b"M\xfcller", [NAME]),
        (b"xM\xfcllerx", [NAME]),
        (b"Rosalind 1.2.826.7.2 20190304 M\xfcller", [WORD, UID, DATE, NAME]),
    ],
)
def test_each_kind_is_found_in_a_header(content: bytes, kinds: list[str]) -> None:
    assert found(content) == kinds
    assert found(BLANK + content + BLANK) == kinds


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        (b"Rosalind", [WORD]), (b"MRN1234567", [WORD]), (b"20190304", [DATE]),
        (b"1.2.826.7.2", []), (b"1.3.12.2.1107.5.2.19.451524", []), (b"M\xfcller", [NAME]),
        (b"xRosalind", []), (b"Rosal", []), (b"hx99q", []), (b"Hello99.Rosalind", [WORD]),
        (b"Hello99.hx99q", [WORD]),
        (b"451521.3.12.2.1107.5.2.19.45152", []), (b"1107520.1.2.826.7.2", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 7, 200])
def test_each_kind_is_found_in_pixels(content: bytes, kinds: list[str], place: int) -> None:
    pixels = bytes(place) + content + bytes(40)
    assert found(b"t1_mprage", pixels) == kinds
    assert found(b"t1_mprage", pixels[: place + len(content)]) == kinds


def test_what_is_only_together_a_word_with_the_header_is_none() -> None:
    assert found(b"Fairw", b"eather" + bytes(9)) == []
    assert found(b"201903", b"04" + bytes(9)) == []


# ── what is not ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content",
    [
        b"", b"t1_mprage", b"Fair weather", b"Fairweathers", b"afairweather", b"Rosalin", b"AB12",
        b"ab12 t1", b"MRN12345678", b"xMRN1234567", b"J\xfc", b"1.2.826.7.22", b"1.2.826.7.2.1",
        b"21.2.826.7.2", b"0.1.2.826.7.2", b"120190304", b"2019030", b"2019-03-04", b"20190305",
        b"2019030410111250000000000000", b"sub01", b"bcdfgh", b"0.20190304", b"1.20190304\\2",
        b"61.5", b"1234567", b"2.25.20190304", b"2.25.120190304777 ",
    ],
)  # fmt: skip
def test_other_text_is_not_found(content: bytes) -> None:
    assert found(content) == []
    assert found(b"\0" + content + b"\0") == []


def test_digits_within_our_own_uids_tell_nothing() -> None:
    own = Secret(b"k" * 32).uid("1.2.3").encode()
    digits = own.removeprefix(b"2.25.")
    terms = Terms(records=Lexicon(whole=frozenset({digits.decode()})))
    strict = residue_of(Identifiers(), terms, (), dates=True)
    assert list(strict.found_in(own, BLANK, {own})) == []
    assert list(strict.found_in(own, BLANK)) == []
    assert list(strict.found_in(own + b" " + digits, BLANK, {own})) == [WORD]
    assert list(strict.found_in(digits, BLANK)) == [WORD]
    assert list(strict.found_in(b"12.25." + digits, BLANK)) == []
    assert list(strict.found_in(b"1.2.25 " + digits, BLANK)) == [WORD]


def test_a_uid_of_the_source_made_from_a_uuid_is_found() -> None:
    old = "2.25.329800735698586629295641978511506172918"
    strict = residue_of(Identifiers(uids={old}), NO_TERMS, (), dates=True)
    assert list(strict.found_in(old.encode(), BLANK)) == [UID]


def test_noise_in_pixels_is_nothing() -> None:
    noise = np.random.default_rng(5).integers(0, 256, 2**20, dtype=np.uint8).tobytes()
    assert found(b"t1", noise) == []
    assert found(b"t1", pixels_of(1)) == []
    assert found(b"t1", b"") == []
    assert found(b"t1", b"abc") == []


def test_letters_without_end_in_pixels_are_looked_at_once() -> None:
    assert found(b"t1", b"A" * 2**16 + b" Rosalind") == [WORD]
    assert found(b"t1", b"AAAAAA.Rosalind.AAAAA" * 300) == [WORD]


# ── what is looked for ───────────────────────────────────────────────────────────────────────


def test_words_are_looked_for_if_chance_does_not_write_them() -> None:
    terms = Terms(
        known=Lexicon(inside=frozenset({"abcd", "abcde", "123456", "a1b2", "a1b2c"})),
        persons=Lexicon(whole=frozenset({"smith"})),
        records=Lexicon(phrases=frozenset({"x9", "janedoe", "x9y8z"})),
        places=Lexicon(whole=frozenset({"infirmary"})),
        labels=Lexicon(whole=frozenset({"oldlabel"})),
    )
    looked = residue_of(Identifiers(), terms, (), dates=True)
    assert looked.words == {b"abcde", b"123456", b"smith", b"infirmary", b"oldlabel", b"janedoe"}
    assert looked.codes == {b"a1b2c", b"x9y8z"}


def test_short_numbers_are_not_looked_for_in_decimals() -> None:
    terms = Terms(places=Lexicon(whole=frozenset({"35017"})))
    looked = residue_of(Identifiers(), terms, (), dates=True)
    assert list(looked.found_in(b"DS 0.35017 ", BLANK)) == []


@pytest.mark.parametrize("number", [b"0.350172", b"350172.5", b"-1.350172e1", b"3501729"])
def test_longer_numbers_are_not_found_in_decimals(number: bytes) -> None:
    terms = Terms(places=Lexicon(whole=frozenset({"350172"})))
    looked = residue_of(Identifiers(), terms, (), dates=True)
    assert list(looked.found_in(b"DS" + number, BLANK)) == []
    assert list(looked.found_in(b"DS 350172 ", BLANK)) == [WORD]


def test_what_the_subject_is_called_is_not_looked_for() -> None:
    terms = Terms(known=Lexicon(whole=frozenset({"smith", "pilot", "other"})))
    looked = residue_of(Identifiers(), terms, ("Smith-Pilot",), dates=True)
    assert looked.words == {b"other"}


def test_dates_that_stay_are_not_looked_for() -> None:
    assert residue(dates=True).days == {b"20190304", b"19510203"}
    assert residue(dates=False).days == frozenset()
    assert list(residue(dates=False).found_in(b"20190304", BLANK)) == []


def test_names_of_bytes_are_looked_for_if_they_are_long() -> None:
    assert residue().raw == ("Müller".encode("latin-1"),)


def test_uids_are_looked_for_as_they_stand() -> None:
    assert residue().uids == {b"1.2.826.7.2", b"1.3.12.2.1107.5.2.19.45152"}


def test_a_kind_is_told_and_never_the_value() -> None:
    told = " ".join(found(b"Rosalind Fairweather 1.2.826.7.2 20190304 M\xfcller")).casefold()
    assert told == f"{WORD} {UID} {DATE} {NAME}".casefold()
