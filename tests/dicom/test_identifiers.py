from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bidsdeid.core.likely import Identity
from bidsdeid.core.terms import Terms
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.identifiers import Identifiers
from bidsdeid.dicom.part10 import quiet
from bidsdeid.dicom.profile import Profile, open_profile
from bidsdeid.dicom.rulebook import Dates
from dicom_files import EXPLICIT, SYNTAXES, Elements, element, item, part10, place_of, read
from strategies import default_policy

NAME, WATER, REFERENCES = 0x00100010, 0x00089215, 0x00081140


def gathered(
    elements: Elements, profile: Profile | str = "neuro", syntax: str = EXPLICIT
) -> Identifiers:
    opened = open_profile(profile) if isinstance(profile, str) else profile
    identifiers = Identifiers()
    with quiet():
        identifiers.gather(place_of(elements, syntax), opened, default_policy())
    return identifiers


def terms(elements: Elements, profile: Profile | str = "neuro", syntax: str = EXPLICIT) -> Terms:
    return gathered(elements, profile, syntax).harvest().terms()


@pytest.mark.parametrize(
    ("tag", "value", "identity"),
    [
        (NAME, "Fairweather^Rosalind", Identity.PERSON),
        (0x00101001, "Fairweather^Rose", Identity.PERSON),
        (0x00101005, "Oldname^Rosalind", Identity.PERSON),
        (0x00102297, "Roe^Ann", Identity.PERSON),
        (0x00101235, ("PN", "Roe^Ann"), Identity.PERSON),
        (0x00181235, ("PN", "Roe^Ann"), Identity.STAFF),
        (0x00100020, "MRN1234567", Identity.RECORD),
        (0x00080050, "QX8830172", Identity.RECORD),
        (0x00200010, "55801733", Identity.RECORD),
        (0x00080090, "Quimby^Ada", Identity.STAFF),
        (0x00081070, "Quimby^Ada", Identity.STAFF),
        (0x00321032, "Quimby^Ada", Identity.STAFF),
        (0x00081060, "Quimby^Ada", Identity.STAFF),
        (0x00140104, "Quimby^Ada", Identity.STAFF),
        (0x00080080, "Ambleford Infirmary", Identity.PLACE),
        (0x00081010, "AMBL35017", Identity.PLACE),
    ],
)  # fmt: skip
def test_values_that_are_taken_out_identify(
    tag: int, value: str | tuple[str, str], identity: Identity
) -> None:
    text = value if isinstance(value, str) else value[1]
    assert (identity, text) in gathered({tag: value}).found


def test_each_word_of_a_clinics_name_is_one_of_a_place() -> None:
    found = gathered({0x00080080: "Ambleford Infirmary"}).found
    assert found == {
        (Identity.PLACE, "Ambleford Infirmary"),
        (Identity.PLACE, "ambleford"),
        (Identity.PLACE, "infirmary"),
    }


def test_words_of_people_places_and_records_are_found_in_text() -> None:
    harvested = terms(
        {
            NAME: "Fairweather^Rosalind", 0x00100020: "MRN1234567",
            0x00080080: "Ambleford Infirmary", 0x00080090: "Quimby^Ada", 0x00080050: "QX8830172",
        }
    )  # fmt: skip
    for text in (
        "t1 FAIRWEATHER", "rosalind_rescan", "mrn1234567", "ambleford t2", "Quimby's", "QX8830172",
        "FairweatherRosalind", "rosalind fairweather",
    ):  # fmt: skip
        assert harvested.occur_in(text)
    for text in ("t1_mprage", "Fair weather", "head", "MR", "88301"):
        assert not harvested.occur_in(text)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_identifiers_are_found_at_every_depth_and_in_all_kinds_of_files(syntax: str) -> None:
    inner: Elements = {
        0x00101001: "Fairweather^Rose", 0x00080021: "20190305", 0x00081155: "1.2.826.7.77",
    }  # fmt: skip
    for _ in range(4):
        inner = {WATER: ("SQ", [{}, inner])}
    identifiers = gathered({NAME: "Doe^Jane", **inner}, syntax=syntax)
    assert identifiers.found == {
        (Identity.PERSON, "Doe^Jane"),
        (Identity.PERSON, "Fairweather^Rose"),
    }
    assert identifiers.days == {date(2019, 3, 5)}
    assert identifiers.uids == {"1.2.826.7.77"}


def test_what_is_in_a_sequence_that_goes_identifies_as_well() -> None:
    identifiers = gathered({0x00400275: ("SQ", [{0x00080050: "QX8830172", NAME: "Doe^Jane"}])})
    assert {text for _, text in identifiers.found} >= {"QX8830172", "Doe^Jane"}


# ── what stays identifies nobody ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (0x0008103E, "Fairweather t1"), (0x00101010, "068Y"), (0x00100040, "F"),
        (0x00080070, "SIEMENS"), (0x00080060, "MR"), (0x00180081, "2.98"), (NAME, ""),
        (0x00181020, "syngo MR E11"), (0x00204000, "some comment"), (0x00280010, ("US", 8)),
        (0x00180022, "PFP\\FS"),
    ],
)  # fmt: skip
def test_what_stays_or_says_nothing_is_not_harvested(tag: int, value: Any) -> None:  # noqa: ANN401
    identifiers = gathered({tag: value})
    assert not identifiers.found
    assert not identifiers.days
    assert not identifiers.uids
    assert not identifiers.raw


def test_what_an_option_retains_is_not_harvested() -> None:
    elements: Elements = {
        0x00080080: "Ambleford Infirmary", 0x00081010: "AMBL35017", 0x00181000: "35017",
        0x0020000D: "1.2.826.7.2", NAME: "Doe^Jane",
    }  # fmt: skip
    assert {text for _, text in gathered(elements, "basic").found} == {
        *("Ambleford Infirmary", "ambleford", "infirmary", "AMBL35017", "ambl35017", "35017"),
        "Doe^Jane",
    }
    retained = open_profile("basic", retain=["device", "institution", "uids"])
    identifiers = gathered(elements, retained)
    assert identifiers.found == {(Identity.PERSON, "Doe^Jane")}
    assert not identifiers.uids


def test_uids_of_the_standard_and_those_that_stay_are_not_harvested() -> None:
    elements: Elements = {
        0x00080016: "1.2.840.10008.5.1.4.1.1.4", 0x00080018: "1.2.826.7.1",
        0x00081140: ("SQ", [{0x00081155: "1.2.826.7.2\\\\1.2.840.10008.1.2\\1.2.826.7.3"}]),
    }  # fmt: skip
    assert gathered(elements).uids == {"1.2.826.7.1", "1.2.826.7.2", "1.2.826.7.3"}


def test_days_are_those_of_dates_that_do_not_stay() -> None:
    elements: Elements = {
        0x00080020: "20190304", 0x00100030: "19510203", 0x00080021: "20190305 \\20190306",
        0x0008002A: "20190307101112.5+0100", 0x00080030: "101112", 0x00080023: "20190230",
        0x00080022: "Fairweather",
    }  # fmt: skip
    days = {date(2019, 3, day) for day in (4, 5, 6, 7)} | {date(1951, 2, 3)}
    for dates in Dates:
        profile = open_profile("neuro", dates=dates)
        assert gathered(elements, profile).days == days


def test_days_of_dates_that_a_list_of_fields_keeps_are_not_harvested() -> None:
    elements: Elements = {0x00080020: "20190304", 0x00100030: "19510203"}
    assert not gathered(elements, "dicat").days
    listed = open_profile("dicat", fields={0x00100030: True})
    assert gathered(elements, listed).days == {date(1951, 2, 3)}


def test_fields_of_the_users_list_identify_too() -> None:
    profile = open_profile("dicat", fields={0x00080080: False})
    elements: Elements = {0x00080080: "Ambleford", 0x00081010: "AMBL35017", NAME: "Doe^Jane"}
    assert {text for _, text in gathered(elements, profile).found} == {"Ambleford", "ambleford"}


# ── raw names, damage, sums ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Müller^Jürgens".encode("latin-1"), [b"M\xfcller", b"J\xfcrgens"]),
        ("Müller^Jürgen".encode("latin-1"), [b"M\xfcller", b"J\xfcrgen"]),
        (
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            [b"Hong", b"Gildong", b"\x1b$)C\xfb\xf3", b"\x1b$)C\xd1\xce\xd4\xd7"],
        ),
    ],
    ids=["Latin-1", "Latin-1 with a blank behind it", "Korean"],
)
def test_names_in_no_known_encoding_are_kept_as_bytes(name: bytes, parts: list[bytes]) -> None:
    raw = gathered({0x00080005: "ISO_IR 192", NAME: name}).raw
    joined = {b"".join(parts[:2]), b"".join(parts[2:])} - {b""}
    assert raw == {*parts, *joined}


def test_names_in_ascii_are_no_bytes() -> None:
    assert not gathered({NAME: "Doe^Jane"}).raw


def test_japanese_names_are_kept_as_bytes() -> None:
    name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    raw = gathered({0x00080005: "\\ISO 2022 IR 87", NAME: name}).raw
    assert any(b";3ED" in part for part in raw)


@pytest.mark.parametrize("vr", ["SQ", "UN"])
def test_what_cannot_be_read_does_not_stop_the_rest(vr: str) -> None:
    broken = b"Fairweather^Rosalind"
    content = element(WATER, vr, broken) + element(NAME, "PN", b"Doe^Jane")
    deep = element(WATER, "SQ", item(b""))
    for _ in range(40):
        deep = element(WATER, "SQ", item(deep))
    for each in (content, deep + element(NAME, "PN", b"Doe^Jane")):
        identifiers = Identifiers()
        with quiet():
            place = Place(read(part10(each)))
            identifiers.gather(place, open_profile("neuro"), default_policy())
        assert identifiers.found == {(Identity.PERSON, "Doe^Jane")}


def test_several_files_are_gathered_into_one() -> None:
    identifiers = Identifiers()
    with quiet():
        for name, day in (("Doe^Jane", "20190304"), ("Doe^Jane", "20190305"), ("Roe^Ann", "")):
            for times in range(2):
                inner: Elements = {0x00081155: f"1.2.826.7.{times}"}
                elements: Elements = {NAME: name, 0x00080020: day, REFERENCES: ("SQ", [inner])}
                identifiers.gather(place_of(elements), open_profile("neuro"), default_policy())
    assert {text for _, text in identifiers.found} == {"Doe^Jane", "Roe^Ann"}
    assert identifiers.days == {date(2019, 3, 4), date(2019, 3, 5)}
    assert identifiers.uids == {"1.2.826.7.0", "1.2.826.7.1"}


def test_the_sum_of_two_holds_what_is_in_both() -> None:
    one = gathered({NAME: "Doe^Jane", 0x00080020: "20190304", 0x0020000D: "1.2.3"})
    two = gathered({NAME: "Müller".encode("latin-1"), 0x00080020: "20190305", 0x0020000E: "1.2.4"})
    both = one | two
    assert both.found == one.found | two.found
    assert len(both.found) == 2
    assert both.days == {date(2019, 3, 4), date(2019, 3, 5)}
    assert both.uids == {"1.2.3", "1.2.4"}
    assert both.raw == two.raw != set()
    assert len(one.found) == 1


def test_a_name_is_found_though_another_file_has_it_as_a_false_type() -> None:
    identifiers = Identifiers()
    with quiet():
        for vr in ("OB", "PN"):
            place = place_of({NAME: (vr, b"Doe^Jane")})
            identifiers.gather(place, open_profile("neuro"), default_policy())
    assert identifiers.found == {(Identity.PERSON, "Doe^Jane")}
