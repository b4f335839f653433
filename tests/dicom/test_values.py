from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from bidsdeid.core.terms import Lexicon, Terms, words_of
from bidsdeid.dicom import values as module
from bidsdeid.dicom.numbers import is_number, is_plausible
from bidsdeid.dicom.part10 import quiet
from bidsdeid.dicom.profile import Action
from bidsdeid.dicom.subjects import Subject
from bidsdeid.dicom.values import DUMMY, Values
from dicom_files import SECRET, persons, values_of

NAME, ID, BIRTH, SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040
COMMENT, SERIES, CODE, VERSION = 0x00204000, 0x0008103E, 0x00180020, 0x00181020
UTF8 = ("UTF8",)
TERMS = persons("fairweather", "rosalind")


def new(
    action: Action,
    vr: str,
    value: bytes,
    *,
    tag: int = COMMENT,
    terms: Terms = TERMS,
    encodings: tuple[str, ...] = (),
) -> bytes | None:
    with quiet():
        return values_of(terms).new(action, tag, vr, value, encodings)


# ── dummies, subjects, UIDs ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("vr", "dummy"),
    [
        ("AS", b"000Y"), ("DA", b"19000101"), ("TM", b"000000"), ("DT", b"19000101000000"),
        ("IS", b"0 "), ("DS", b"0 "), ("US", b""), ("FD", b""), ("OB", b""), ("UR", b""),
        *((vr, b"REMOVED ") for vr in "AE CS LO LT PN SH ST UC UT".split()),
    ],
)  # fmt: skip
def test_a_dummy_is_of_the_type_and_of_even_length(vr: str, dummy: bytes) -> None:
    assert new(Action.DUMMY, vr, b"Fairweather ") == dummy
    assert new(Action.DUMMY, vr, b"") == b""


def test_what_the_subject_is_called_comes_from_the_list_at_even_length() -> None:
    values = values_of(subject=Subject(Path("/x"), "sub01", "19510203", "F", 7))
    given = [values.new(Action.SUBJECT, tag, "LO", b"x", ()) for tag in (NAME, ID, BIRTH, SEX)]
    assert given == [b"sub01 ", b"sub01 ", b"19510203", b"F "]
    assert values.of_subject(NAME) == "sub01"


def test_what_the_list_leaves_out_is_emptied() -> None:
    values = values_of()
    assert [values.new(Action.SUBJECT, tag, "DA", b"x", ()) for tag in (BIRTH, SEX)] == [b"", b""]


def test_a_uid_is_what_the_key_tells() -> None:
    assert new(Action.UID, "UI", b"1.2.3\0") == _padded(SECRET.uid("1.2.3"))
    assert new(Action.UID, "UI", b"1.2.3") == new(Action.UID, "UI", b"1.2.3\0")
    assert new(Action.UID, "UI", b"1.2.3\0") != new(Action.UID, "UI", b"1.2.4\0")


def test_new_uids_are_noted() -> None:
    values = values_of()
    values.new(Action.UID, COMMENT, "UI", b"1.2.3\\1.2.840.10008.1.2\\1.2.4", ())
    assert values.made == {SECRET.uid("1.2.3").encode(), SECRET.uid("1.2.4").encode()}


def test_each_of_several_uids_is_replaced_but_those_of_the_standard() -> None:
    old = b"1.2.840.10008.1.2\\1.2.840.100081.2\\\\1.2.3"
    replaced = new(Action.UID, "UI", old)
    assert replaced is not None
    first, second, third, fourth = replaced.rstrip(b"\0").decode().split("\\")
    assert first == "1.2.840.10008.1.2"
    assert second == SECRET.uid("1.2.840.100081.2")
    assert third == ""
    assert fourth == SECRET.uid("1.2.3")
    assert UID(second).is_valid
    assert len(replaced) % 2 == 0


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


# ── dates, ages, numbers ─────────────────────────────────────────────────────────────────────


def test_dates_move_and_invalid_ones_are_emptied_and_counted() -> None:
    values = values_of()
    value = b"20190304\\Doe\\20190305\\"
    assert values.new(Action.MOMENT, COMMENT, "DA", value, ()) == b"19090828\\\\19090829\\ "
    assert values.lost == {"Doe"}
    assert values.new(Action.MOMENT, COMMENT, "DT", b"2019 ", ()) == b""
    assert values.lost == {"Doe", "2019"}


def test_dates_are_kept_as_they_stand_without_a_shift() -> None:
    values = values_of(shift=None)
    assert values.new(Action.MOMENT, COMMENT, "DA", b"20190304", ()) == b"20190304"
    assert values.new(Action.MOMENT, COMMENT, "TM", b"1011 ", ()) == b"1011 "
    assert values.new(Action.MOMENT, COMMENT, "DA", b"Doe^Jane", ()) == b""
    assert values.lost == {"Doe^Jane"}


def test_a_date_beside_blanks_is_one() -> None:
    assert new(Action.MOMENT, "TM", b" 101112.5\\ 11") == b"101112.5\\11 "


@pytest.mark.parametrize(
    ("age", "becomes"),
    [
        ("068Y", "068Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("091Y", "090Y"), ("120Y", "090Y"),
        ("999Y", "090Y"), ("100M", "100M"), ("300W", "300W"), ("999D", "999D"), ("068", ""),
        ("68Y", ""), ("0068Y", ""), ("Jane", ""), ("068y", ""), ("", ""),
        ("068Y\\095Y", "068Y\\090Y"), ("068Y Jane", ""),
    ],
)  # fmt: skip
def test_ages_are_kept_up_to_89(age: str, becomes: str) -> None:
    padded = becomes.encode() + b" " * (len(becomes) % 2)
    assert new(Action.AGE, "AS", age.encode() + b" " * (len(age) % 2)) == padded


@pytest.mark.parametrize(
    "number",
    ["1", "-1.5", "+3", ".5", "5.", "1e-3", "1.5E+10", " 1.5\\2 ", "0", "1\\\\3", "", "7654321"],
)
def test_numbers_are_kept_as_they_stand(number: str) -> None:
    assert new(Action.NUMBER, "DS", number.encode()) == number.encode()


@pytest.mark.parametrize(
    "text",
    [
        "Doe",
        "1.5 mm",
        "1,5",
        "0x1F",
        "nan",
        "inf",
        "1\\Doe",
        "1e",
        "--1",
        "1.2.3",
        "1\x005",
        "1234567",
    ],
)
def test_what_is_no_number_or_one_of_the_records_goes(text: str) -> None:
    terms = Terms(records=Lexicon(whole=frozenset({"1234567"})))
    assert new(Action.NUMBER, "IS", text.encode(), terms=terms) is None
    assert new(Action.NUMBER, "IS", b"1234567.5", terms=terms) == b"1234567.5"


# ── text and codes ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (b"t1_mprage ", b"t1_mprage "),
        (b"fairweather t1", b"[removed] t1"),
        (b"rescan 2019-03-04 ", b"rescan [removed]"),
        (b"t1\\Rosalind\\t2 ", b"t1\\[removed]\\t2 "),
        (b"", b""),
    ],
)
def test_identifiers_are_taken_out_of_text(value: bytes, becomes: bytes) -> None:
    assert new(Action.TEXT, "LO", value) == becomes


def test_a_long_text_has_one_value_however_many_backslashes_it_has() -> None:
    assert new(Action.TEXT, "LT", b" a \\ Rosalind \\b ") == b"a \\ [removed] \\b"
    assert new(Action.TEXT, "LO", b" a \\ Rosalind \\b ") == b"a\\[removed]\\b "


def test_text_that_is_too_long_to_be_a_description_is_emptied() -> None:
    assert new(Action.TEXT, "LT", b"a " * 1000) == b"a " * 1000
    assert new(Action.TEXT, "LT", b"a " * 1000 + b"bc") == b""


@pytest.mark.parametrize(("vr", "most"), [("SH", 16), ("CS", 16), ("LO", 64), ("ST", 1024)])
def test_text_that_grew_too_long_for_its_type_is_emptied(vr: str, most: int) -> None:
    name = b"Ro9"
    terms = Terms(known=Lexicon(whole=frozenset({"ro9"})))
    fits = b"b" * (most - len("[removed] ")) + b" " + name
    with quiet():
        kept = values_of(terms).new(Action.TEXT, COMMENT, vr, fits, ())
        gone = values_of(terms).new(Action.TEXT, COMMENT, vr, b"b" + fits, ())
    assert kept == fits[: -len(name)] + b"[removed]"
    assert gone == b""


def test_one_value_of_several_that_is_too_long_empties_all() -> None:
    assert new(Action.TEXT, "SH", b"a\\Rosalind bbbbbbbbbbb\\c") == b""


def test_a_long_value_that_did_not_change_stays() -> None:
    value = b"b" * 70
    assert new(Action.TEXT, "LO", value) == value


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (b"SE\\GR ", b"SE\\GR "),
        (b"SE\\ROSALIND\\GR", b"SE\\REMOVED\\GR "),
        (b"20190304", b"REMOVED "),
        (b"", b""),
    ],
)
def test_codes_in_which_an_identifier_is_found_are_replaced(value: bytes, becomes: bytes) -> None:
    assert new(Action.CODE, "CS", value, tag=CODE) == becomes
    assert DUMMY.encode() == b"REMOVED"


@pytest.mark.parametrize(
    ("value", "becomes"),
    [(b"SIEMENS ", b"SIEMENS "), (b"SIEMENS Zebulon ", None), (b"SIEMENS\\Zebulon", None)],
)
def test_words_are_of_a_closed_list(value: bytes, becomes: bytes | None) -> None:
    assert new(Action.WORD, "LO", value, tag=0x00080070) == becomes


def test_versions_may_look_like_dates_and_not_like_names() -> None:
    value = b"1.0.20190304\\Rosalind "
    assert new(Action.TEXT, "LO", value, tag=VERSION) == b"1.0.20190304\\[removed]"
    cleaned = new(Action.TEXT, "LO", b"1.0.20190304", tag=SERIES)
    assert cleaned is not None
    assert b"2019" not in cleaned


# ── character sets ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("encodings", "codec", "letters"),
    [
        (UTF8, "utf-8", "Kopf für Ärzte"),
        (("GB18030",), "gb18030", "头部扫描"),
        (("latin_1",), "latin-1", "Schädel"),
        (("iso8859_5",), "iso8859-5", "голова"),
    ],
    ids=["UTF-8", "GB18030", "Latin-1", "Cyrillic"],
)
def test_text_stays_in_the_character_set_of_the_file(
    encodings: tuple[str, ...], codec: str, letters: str
) -> None:
    value = f"{letters} t1".encode(codec)
    assert new(Action.TEXT, "LO", value, encodings=encodings) == value
    cleaned = new(Action.TEXT, "LO", f"{letters} Rosalind".encode(codec), encodings=encodings)
    assert cleaned is not None
    assert len(cleaned) % 2 == 0
    assert cleaned.decode(codec).rstrip(" ") == f"{letters} [removed]"


@pytest.mark.parametrize(
    ("encodings", "value", "letters"),
    [
        (("iso8859", "iso2022_jp"), b"\x1b$BF,It\x1b(B", "頭部"),
        (("iso8859", "euc_kr"), b"\x1b$)C\xb8\xd3\xb8\xae", "머리"),
    ],
    ids=["Japanese", "Korean"],
)
def test_text_with_escapes_is_read_and_written_again(
    encodings: tuple[str, ...], value: bytes, letters: str
) -> None:
    assert new(Action.TEXT, "LO", value, encodings=encodings) == value
    both = value + b" Rosalind"
    cleaned = new(Action.TEXT, "LO", both, encodings=encodings)
    assert cleaned is not None
    assert len(cleaned) % 2 == 0
    again = new(Action.TEXT, "LO", cleaned, encodings=encodings)
    assert again == cleaned
    assert value.rstrip(b"\x1b(B") in cleaned
    assert b"[removed]" in cleaned
    named = persons(*words_of(letters))
    gone = new(Action.TEXT, "LO", value + b" t1 ", encodings=encodings, terms=named)
    assert gone == b"[removed] t1"


@pytest.mark.parametrize(
    ("encodings", "value"),
    [
        (UTF8, "für Rosalind".encode("latin-1")),
        ((), "für Rosalind".encode()),
        (("no such codec",), "für Rosalind".encode()),
        (("GB18030",), b"\xff\xff Rosalind"),
    ],
    ids=["not UTF-8", "none", "unknown", "damaged"],
)
def test_names_are_found_in_text_of_another_character_set_than_is_told(
    encodings: tuple[str, ...], value: bytes
) -> None:
    cleaned = new(Action.TEXT, "LO", value, encodings=encodings)
    assert cleaned is not None
    assert b"Rosalind" not in cleaned
    assert len(cleaned) % 2 == 0


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\\"), max_size=30),
    st.sampled_from(["LO", "SH", "LT", "ST", "UT", "UC"]),
)
def test_no_name_survives_and_lengths_are_even(text: str, vr: str) -> None:
    value = f"{text} ROSALIND {text}".encode()
    cleaned = new(Action.TEXT, vr, value, encodings=UTF8)
    assert cleaned is not None
    assert b"rosalind" not in cleaned.lower()
    assert len(cleaned) % 2 == 0


# ── memory ───────────────────────────────────────────────────────────────────────────────────


def test_the_same_value_of_another_element_type_or_character_set_is_worked_out_anew() -> None:
    values = values_of(TERMS)
    value = b"20190304"
    assert values.new(Action.MOMENT, 0x00080020, "DA", value, ()) == b"19090828"
    assert values.new(Action.NUMBER, 0x00180050, "DS", b"2.5 ", ()) == b"2.5 "
    assert values.new(Action.SUBJECT, NAME, "PN", value, ()) == b"sub01 "
    assert values.new(Action.SUBJECT, BIRTH, "DA", value, ()) == b""
    assert values.new(Action.MOMENT, 0x00080020, "TM", value, ()) == b""
    japanese = b"\x1b$BF,It\x1b(B Rosalind"
    with quiet():
        plain = values.new(Action.TEXT, COMMENT, "LO", japanese, ())
        read = values.new(Action.TEXT, COMMENT, "LO", japanese, ("iso8859", "iso2022_jp"))
    assert plain != read


def test_a_value_that_goes_is_remembered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    values = values_of(TERMS)
    assert values.new(Action.NUMBER, COMMENT, "DS", b"Doe ", ()) is None
    monkeypatch.setattr(Values, "_work_out", None)
    assert values.new(Action.NUMBER, COMMENT, "DS", b"Doe ", ()) is None


def test_only_so_many_values_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    values = values_of()
    for number in range(10):
        value = b"1.2.%d" % number
        assert values.new(Action.UID, COMMENT, "UI", value, ()) == _padded(
            SECRET.uid(value.decode())
        )
        assert len(values._known) <= 3  # noqa: SLF001


# ── plausible numbers ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize(
    "numbers", [(0.0,), (1000.0,), (-0.7071, 0.0, 0.7071), (1e-12,), (-65535.5,), ()]
)
def test_numbers_as_scanners_measure_are_plausible(
    numbers: tuple[float, ...], *, little: bool
) -> None:
    order = "<" if little else ">"
    for vr, form in (("FD", "d"), ("FL", "f")):
        value = struct.pack(f"{order}{len(numbers)}{form}", *numbers)
        assert is_plausible(value, vr, little=little)


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("FD", struct.pack("<d", 1e7)), ("FD", struct.pack("<d", -1e7)),
        ("FD", struct.pack("<d", float("inf"))), ("FD", struct.pack("<d", float("nan"))),
        ("FD", struct.pack("<d", 1e-40)), ("FL", struct.pack("<f", 1e7)),
        ("FD", struct.pack("<2d", 1.0, 1e9)), ("FD", struct.pack("<d", 1.0) + b"Jane"),
        ("FL", struct.pack("<f", 1.0) + b"Jo"), ("FD", b"Doe^Jane"), ("FD", b"20190304"),
        ("FL", b"Doe^Jane"), ("FL", b"Fairweather "),
        ("US", b"Rosali"), ("UL", b"Rosalind"), ("OW", b"Rosali"), ("SV", b"Rosalind"),
    ],
)  # fmt: skip
def test_what_no_scanner_measures_is_not_plausible(vr: str, value: bytes) -> None:
    assert not is_plausible(value, vr, little=True)


@pytest.mark.parametrize(
    ("vr", "value"),
    [("FL", b"20190304"), ("FL", b"12345678"), ("FL", b"DOE JANE"), ("FD", b"SMITH, A")],
)
def test_digits_and_capitals_are_no_fractions(vr: str, value: bytes) -> None:
    assert not is_plausible(value, vr, little=True)


@pytest.mark.parametrize("value", [b"", b"\x08\0", b"\x08\0\0\0"])
def test_one_whole_number_is_plausible(value: bytes) -> None:
    assert is_plausible(value, "US", little=True)
    assert is_plausible(value, "SL", little=True)


@pytest.mark.parametrize(
    ("tag", "vr", "value", "fine"),
    [
        (0x00280010, "US", b"\x08\0", True),
        (0x00280010, "US", b"\x08", False),
        (0x00280010, "US", b"\x08\0\x08\0", False),
        (0x00280010, "US", b"", True),
        (0x00180072, "FD", struct.pack("<d", 21.5), True),
        (0x00189087, "FD", struct.pack("<d", 1000.5), True),
        (0x00189087, "FD", b"Rosalind", False),
        (0x00189087, "FD", b"20190304", False),
        (0x00189089, "FD", struct.pack("<3d", 0.0, 0.6, -0.8), True),
        (0x00189089, "FD", b"Fairweather Rosalind X  ", False),
        (0x00181310, "US", struct.pack("<4H", 0, 64, 64, 0), True),
        (0x00181310, "US", b"Fairweat", False),
        (0x00181310, "US", b"J. Doe\0\0", True),
    ],
)
def test_numbers_of_the_standard_are_as_many_as_they_should_be_and_no_text(
    tag: int, vr: str, value: bytes, *, fine: bool
) -> None:
    assert is_number(tag, vr, value, little=True) == fine


def test_the_order_of_bytes_matters() -> None:
    value = struct.pack(">d", 1000.0)
    assert is_plausible(value, "FD", little=False)
    assert not is_plausible(value, "FD", little=True)
