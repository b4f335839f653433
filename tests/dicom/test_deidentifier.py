from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from bidsdeid.core.terms import NO_TERMS, Terms, words_of
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.part10 import quiet
from bidsdeid.dicom.profile import Profile, open_profile
from bidsdeid.dicom.subjects import Subject
from bidsdeid.errors import DicomError
from dicom_files import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    SECRET,
    SYNTAXES,
    Elements,
    data_set,
    deidentifier_of,
    elements_of,
    item,
    part10,
    persons,
    place_of,
    read,
    typed,
    undefined,
)

NAME, ID, BIRTH, SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040
WATER = 0x00089215  # DerivationCodeSequence, which the table does not list
REFERENCES = 0x00081140
SIEMENS, GE, CSA = "SIEMENS MR HEADER", "GEMS_PARM_01", "SIEMENS CSA HEADER"


def applied(
    elements: Elements,
    profile: Profile | str = "neuro",
    *,
    terms: Terms = NO_TERMS,
    subject: Subject | None = None,
    syntax: str = EXPLICIT,
) -> Dataset:
    place = place_of(elements, syntax)
    with quiet():
        deidentifier_of(profile, terms, subject).apply(place)
    return place.data_set


def values(data: Dataset) -> dict[int, object]:
    with quiet():
        return {int(element.tag): element.value for element in data}


# ── the patient ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("profile", ["neuro", "basic", "open-science"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_file_says_who_its_patient_is_from_now_on(profile: str, syntax: str) -> None:
    subject = Subject(Path("/x"), "sub01", "19811010", "M", 1)
    for before in ({0x00080060: "MR"}, elements_of(), {NAME: "", ID: "", BIRTH: "", SEX: ""}):
        data = applied(before, profile, subject=subject, syntax=syntax)
        found = values(data)
        assert [str(found[tag]) for tag in (NAME, ID, BIRTH, SEX)] == [
            *("sub01", "sub01", "19811010", "M"),
        ]


@pytest.mark.parametrize("profile", ["neuro", "basic", "open-science", "dicat"])
def test_what_nobody_says_of_the_patient_is_there_and_empty(profile: str) -> None:
    found = values(applied({0x00080060: "MR"}, profile))
    assert str(found[NAME]) == str(found[ID]) == "sub01"
    assert not found[BIRTH]
    assert not found[SEX]
    assert {BIRTH, SEX} <= found.keys()


@pytest.mark.parametrize(("profile", "sex"), [("neuro", "F"), ("basic", "")])
def test_what_the_list_leaves_out_is_empty_or_kept_by_the_profile(profile: str, sex: str) -> None:
    found = values(applied(elements_of(), profile))
    assert str(found[NAME]) == "sub01"
    assert found[BIRTH] in (None, "")
    assert (found[SEX] or "") == sex


def test_a_name_in_an_item_is_the_subjects_too() -> None:
    data = applied({WATER: ("SQ", [{NAME: "Doe^Jane", 0x00180081: "3"}])})
    assert str(data[WATER].value[0].PatientName) == "sub01"
    assert NAME in data


# ── all elements ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_slice_keeps_its_physics_and_loses_its_people(syntax: str) -> None:
    found = values(applied(elements_of(), syntax=syntax))
    assert 0x00080080 not in found
    assert not found[0x00080050]
    assert not found[0x00080090]
    assert found[0x00080020] == "19090828"
    assert str(found[0x00080030]) == "101112.5"
    assert found[0x0008103E] == "t1_mprage"
    assert found[0x00101010] == "068Y"
    assert found[0x00180081] == "2.98" or float(str(found[0x00180081])) == 2.98
    assert found[0x00280010] == 8
    assert found[0x00080018] == SECRET.uid("1.2.826.7.1.1")
    assert found[0x0020000E] == SECRET.uid("1.2.826.7.3")
    assert found[0x00080016] == "1.2.840.10008.5.1.4.1.1.4"


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
@pytest.mark.parametrize("profile", ["neuro", "basic", "open-science"])
def test_elements_at_every_depth_are_decided_alike(profile: str, syntax: str) -> None:
    people: Elements = {
        0x00080080: "Ambleford", 0x00080090: "Quimby^Ada", 0x00081048: "Quimby^Ada",
        0x00104000: "Fairweather", 0x00140104: "Doe", 0x60000022: ("LO", "Fairweather"),
        0x00181235: ("LO", "Zebulon"), 0x00290010: "ZEBULON", 0x00291010: ("LO", "Zebulon"),
        0x00180081: "2.98",
    }  # fmt: skip
    content: Elements = people
    for _ in range(5):
        content = {WATER: ("SQ", [content]), **people}
    data = applied(content, profile, syntax=syntax)
    for _ in range(5):
        assert {int(tag) for tag in data.keys()} <= {  # noqa: SIM118 -- tags, not elements
            *(0x00180081, WATER, 0x00080090, NAME, ID, BIRTH, SEX),
        }
        assert float(str(data.EchoTime)) == 2.98
        assert not data.get("ReferringPhysicianName")
        data = data[WATER].value[0]
    assert WATER not in data
    assert float(str(data.EchoTime)) == 2.98


def test_every_item_of_a_sequence_is_done() -> None:
    one = {0x00081155: "1.2.3", 0x00104000: "Fairweather"}
    data = applied({REFERENCES: ("SQ", [one, {}, {**one, 0x00081155: "1.2.4"}])})
    first, second, third = data[REFERENCES].value
    assert first.ReferencedSOPInstanceUID == SECRET.uid("1.2.3")
    assert third.ReferencedSOPInstanceUID == SECRET.uid("1.2.4")
    assert [len(x) for x in (first, second, third)] == [1, 0, 1]


def test_what_is_of_a_false_type_goes() -> None:
    data = applied({0x00180081: ("OB", b"Fairweather "), 0x00280030: ("FD", b"Rosalind")})
    assert 0x00180081 not in data
    assert 0x00280030 not in data
    empty = applied({0x00080050: ("OB", b"QX8830172"), 0x00080022: ("US", b"20190304")})
    assert 0x00080050 not in empty
    assert 0x00080022 not in empty


@pytest.mark.parametrize("value", [b"Fairweather ", b"1.5 Rosalind"])
def test_text_in_the_place_of_a_number_goes(value: bytes) -> None:
    assert 0x00180081 not in applied({0x00180081: value})


def test_text_is_cleaned_of_names_in_the_study() -> None:
    terms = persons("fairweather")
    data = applied({0x0008103E: "t1 FAIRWEATHER", 0x00080070: "Fairweather"}, terms=terms)
    assert data.SeriesDescription == "t1 [removed]"
    assert data.Manufacturer == "[removed]"


def test_words_of_open_science_stay_and_others_go() -> None:
    data = applied({0x00080070: "SIEMENS", 0x00081090: "Zebulon"}, "open-science")
    assert data.Manufacturer == "SIEMENS"
    assert "ManufacturerModelName" not in data


# ── sequences ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_a_sequence_of_which_nothing_is_left_goes(syntax: str) -> None:
    gone = {0x00104000: "Fairweather"}
    data = applied({WATER: ("SQ", [gone, gone])}, syntax=syntax)
    assert WATER not in data
    inner = applied({WATER: ("SQ", [{REFERENCES: ("SQ", [gone])}])}, syntax=syntax)
    assert WATER not in inner


def test_a_sequence_that_was_empty_stays() -> None:
    assert list(applied({WATER: ("SQ", [])})[WATER].value) == []
    assert len(applied({WATER: ("SQ", [{}])})[WATER].value) == 1


def test_a_sequence_that_the_table_wants_empty_is() -> None:
    data = applied({0x0040A730: ("SQ", [{0x00180081: "3"}]), 0x00400555: ("SQ", [{NAME: "Doe"}])})
    assert list(data[0x0040A730].value) == []
    assert list(data[0x00400555].value) == []


@pytest.mark.parametrize("vr", ["SQ", "UN"])
def test_sequences_without_length_are_done(vr: str) -> None:
    way = EXPLICIT if vr == "SQ" else IMPLICIT
    inner = data_set({NAME: "Doe^Jane", 0x00081080: "Fairweather", 0x00180081: "3"}, way)
    place = Place(read(part10(undefined(WATER, vr, inner))))
    with quiet():
        deidentifier_of().apply(place)
        (inside,) = place.data_set[WATER].value
    assert {int(tag) for tag in inside.keys()} == {NAME, 0x00180081}  # noqa: SIM118


@pytest.mark.parametrize("times", [1, 4000], ids=["small", "larger than 64 kB"])
def test_a_sequence_as_of_unknown_type_is_done_or_removed(times: int) -> None:
    content = item(data_set({0x00104000: "Fairweather", 0x00180081: "3"}, IMPLICIT)) * times
    data = applied({WATER: ("UN", content)})
    if times == 1:
        assert [int(tag) for tag in data[WATER].value[0].keys()] == [0x00180081]  # noqa: SIM118
    else:
        assert WATER not in data


def test_a_damaged_sequence_of_unknown_type_is_removed_and_another_is_told() -> None:
    damaged = b"Fairweather^Rosalind"
    assert WATER not in applied({WATER: ("UN", damaged)})
    assert WATER not in applied({WATER: ("UN", damaged), 0x00180081: "3"})
    with pytest.raises(DicomError, match="ends within an element"):
        applied({WATER: ("SQ", damaged)})


def test_what_is_deeper_than_anything_is_told() -> None:
    content: Elements = {0x00180081: "3"}
    for _ in range(40):
        content = {WATER: ("SQ", [content])}
    with pytest.raises(DicomError, match="nested too deep"):
        applied(content)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_the_same_sequence_in_many_files_is_done_alike(syntax: str) -> None:
    elements: Elements = {
        WATER: ("SQ", [{0x00081155: "1.2.3", 0x00104000: "Fairweather", 0x00280030: "1\\1"}]),
        REFERENCES: ("SQ", [{0x00104000: "Fairweather"}]),
    }
    engine = deidentifier_of()
    results = []
    for _ in range(3):
        place = place_of(elements, syntax)
        with quiet():
            engine.apply(place)
            results.append(place.data_set.to_json())
    assert len(set(results)) == 1
    assert REFERENCES not in place.data_set
    other = place_of({WATER: elements[REFERENCES]}, syntax)
    with quiet():
        engine.apply(other)
    assert WATER not in other.data_set


@pytest.mark.parametrize("vr", ["SQ", "UN"])
def test_bytes_behind_the_end_of_a_sequence_go_in_every_file(vr: str) -> None:
    engine = deidentifier_of()
    for _ in range(2):
        place = place_of({WATER: (vr, b"\xfe\xff\xdd\xe0\0\0\0\0Fairweather ")})
        with quiet():
            engine.apply(place)
        assert not place.data_set.get_item(WATER).value


def test_a_sequence_is_done_for_its_own_character_set() -> None:
    engine = deidentifier_of(terms=persons("fairweather"))
    text = b"\x1b$BF,It\x1b(B Fairweather"
    cleaned = []
    for charset in ("ISO 2022 IR 87", "ISO_IR 100"):
        inner: Elements = {0x00080005: f"\\{charset}", 0x0008103E: text}
        place = place_of({WATER: ("SQ", [inner])})
        with quiet():
            engine.apply(place)
            cleaned.append(place.data_set[WATER].value[0].get_item(0x0008103E).value)
    assert all(b"Fairweather" not in value for value in cleaned)
    assert b"\x1b$BF,It\x1b(B" in cleaned[0]


def test_the_same_bytes_are_read_in_the_character_set_of_their_own_item() -> None:
    text = "头部 t1".encode("gb18030")
    deep: Elements = {0x0008103E: text, 0x00080070: text}
    inner = [
        {0x00080005: charset, REFERENCES: ("SQ", [deep]), **deep}
        for charset in ("ISO_IR 100", "GB18030", "ISO_IR 100")
    ]
    data = applied({WATER: ("SQ", inner)}, terms=persons(*words_of("头部")))
    for item_, cleaned in zip(data[WATER].value, (False, True, False), strict=True):
        for each in (item_, item_[REFERENCES].value[0]):
            for tag in deep:
                value = each.get_item(tag).value
                assert (value == b"[removed] t1") == cleaned
                assert (value.strip() == text) != cleaned


# ── private elements ─────────────────────────────────────────────────────────────────────────


#: Creator, group, last two digits, type and value of a private element.
Row = tuple[str, int, int, str, Any]


def private(row: Row, block: int = 0x10) -> Elements:
    creator, group, number, vr, value = row
    return {
        group << 16 | block: creator,
        group << 16 | block << 8 | number: (vr, value),
        0x00180081: "3",
    }


GOOD: list[Row] = [
    (SIEMENS, 0x19, 0x0C, "IS", b"1000"),
    (SIEMENS, 0x19, 0x0D, "CS", b"DIRECTIONAL "),
    (SIEMENS, 0x19, 0x0E, "FD", struct.pack("<3d", 0.5, -0.5, 0.7071)),
    (SIEMENS, 0x19, 0x0F, "SH", b"Fast"),
    (SIEMENS, 0x19, 0x0A, "US", b"\x24\0"),
    (SIEMENS, 0x51, 0x13, "SH", b"+LPH"),
    (GE, 0x43, 0x39, "IS", b"1000000800\\8\\0\\0"),
    (GE, 0x43, 0x2C, "SS", b"\x01\0"),
    ("Philips Imaging DD 001", 0x2001, 0x03, "FL", struct.pack("<f", 1000)),
    ("Philips MR Imaging DD 001", 0x2005, 0x0E, "FL", struct.pack("<f", 0.0125)),
    ("Image Private Header", 0x65, 0x09, "FD", struct.pack("<d", 700)),
]
BAD: list[Row] = [
    (SIEMENS, 0x19, 0x0C, "IS", b"Fairweather "),
    (SIEMENS, 0x19, 0x0C, "LO", b"Fairweather "),
    (SIEMENS, 0x19, 0x0C, "LT", b"Fairweather "),
    (SIEMENS, 0x19, 0x0C, "OB", b"Fairweather "),
    (SIEMENS, 0x19, 0x0D, "CS", b"DIRECTIONAL X "),
    (SIEMENS, 0x19, 0x0D, "CS", b"FAIRWEATHER "),
    (SIEMENS, 0x19, 0x0D, "CS", b"NONE\\JANE "),
    (SIEMENS, 0x19, 0x0E, "FD", b"Rosalind"),
    (SIEMENS, 0x19, 0x0E, "FD", struct.pack("<d", 1.0) + b"Jane"),
    (SIEMENS, 0x19, 0x0A, "US", b"Rosalind"),
    (SIEMENS, 0x51, 0x13, "SH", b"+LPH Jane "),
    (SIEMENS, 0x51, 0x11, "LO", b"p2"),
    (SIEMENS, 0x19, 0x10, "IS", b"1000"),
    (SIEMENS, 0x21, 0x0C, "IS", b"1000"),
    (GE, 0x19, 0x0C, "IS", b"1000"),
    ("SIEMENS MR HEADERS", 0x19, 0x0C, "IS", b"1000"),
    ("siemens mr header", 0x19, 0x0C, "IS", b"1000"),
    ("ZEBULON", 0x19, 0x0C, "IS", b"1000"),
    (CSA, 0x29, 0x10, "OB", b"\0\1\0\1"),
    (SIEMENS, 0x19, 0x0C, "SQ", [{0x00104000: "Doe"}]),
]


@pytest.mark.parametrize("block", [0x10, 0x11, 0xE1, 0xFF])
@pytest.mark.parametrize("row", GOOD)
def test_private_physics_stay_in_whatever_block_they_lie(row: Row, block: int) -> None:
    creator, group, number, _, value = row
    tag = group << 16 | block << 8 | number
    for written in (row, (*row[:3], "UN", value)):
        data = applied(private(written, block))
        assert data.get_item(tag).value == value
        assert data.get_item(group << 16 | block).value.decode().strip() == creator


@pytest.mark.parametrize("row", BAD)
def test_other_private_elements_go_with_their_creator(row: Row) -> None:
    data = applied(private(row))
    assert all(not tag.is_private for tag in data.keys())  # noqa: SIM118
    assert data.EchoTime == 3


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG])
@pytest.mark.parametrize(
    "row",
    [
        (SIEMENS, 0x19, 0x0C, "IS", "1000"), (SIEMENS, 0x19, 0x28, "FD", 21.5),
        (SIEMENS, 0x19, 0x0A, "US", 36), (SIEMENS, 0x19, 0x0D, "CS", "NONE"),
        ("Philips Imaging DD 001", 0x2001, 0x03, "FL", 1000.0),
    ],
)  # fmt: skip
def test_private_physics_stay_in_files_of_all_kinds(row: Row, syntax: str) -> None:
    data = applied(private(row, 0x11), syntax=syntax)
    tag = row[1] << 16 | 0x1100 | row[2]
    assert data.get_item(tag).value == typed(row[3], row[4], syntax)


def test_private_numbers_with_blanks_between_them_stay() -> None:
    row = (GE, 0x43, 0x39, "IS", b"1000 \\8 \\0 ")
    assert 0x00431039 in applied(private(row))


def test_a_number_under_which_somebody_is_known_goes() -> None:
    terms = persons("1234567")
    data = applied(private((SIEMENS, 0x19, 0x0C, "IS", b"1234567 ")), terms=terms)
    assert 0x0019100C not in data


def test_a_creator_goes_with_the_last_of_its_block_and_others_stay() -> None:
    data = applied(
        {
            0x00190010: SIEMENS, 0x0019100C: ("IS", b"1000"), 0x00191011: ("LO", "Fairweather"),
            0x00190011: "ZEBULON", 0x0019110C: ("IS", b"1000"),
            0x00190012: SIEMENS, 0x00191211: ("LO", "Fairweather"),
            0x00210010: "ZEBULON", 0x00191316: ("LO", "of nobody"),
        }
    )  # fmt: skip
    assert {int(tag) for tag in data.keys() if tag.is_private} == {  # noqa: SIM118
        *(0x00190010, 0x0019100C),
    }


def test_private_elements_in_items_are_decided_by_the_creators_there() -> None:
    block: Elements = {0x00190010: SIEMENS, 0x0019100C: ("IS", b"1000"), 0x00191019: ("LO", "Doe")}
    stray: Elements = {0x0019100C: ("IS", b"1000"), 0x00180081: "3"}
    data = applied({0x00190010: SIEMENS, WATER: ("SQ", [block, stray])})
    first, second = data[WATER].value
    assert {int(tag) for tag in first.keys()} == {0x00190010, 0x0019100C}  # noqa: SIM118
    assert {int(tag) for tag in second.keys()} == {0x00180081}  # noqa: SIM118
    assert 0x00190010 not in data


@pytest.mark.parametrize("profile", ["basic", "open-science"])
def test_without_the_option_nothing_private_stays(profile: str) -> None:
    data = applied(private((SIEMENS, 0x19, 0x0C, "IS", b"1000")), profile)
    assert all(not tag.is_private for tag in data.keys())  # noqa: SIM118


def test_the_csa_headers_stay_only_if_they_are_asked_for() -> None:
    elements = {
        **private((CSA, 0x29, 0x10, "OB", b"SV10\4\3\2\1")),
        0x00291020: ("OB", b"SV10"), 0x00291008: ("CS", "IMAGE NUM 4"), 0x00291018: ("CS", "MR"),
    }  # fmt: skip
    assert 0x00291010 not in applied(elements)
    data = applied(elements, open_profile("basic", retain=["csa"]))
    assert {int(tag) for tag in data.keys() if tag.is_private} == {  # noqa: SIM118
        *(0x00290010, 0x00291010, 0x00291020),
    }
    assert data.get_item(0x00291010).value == b"SV10\4\3\2\1"


# ── DICAT's way ──────────────────────────────────────────────────────────────────────────────


def test_a_list_of_fields_alone_changes_these_at_every_depth() -> None:
    fields = {0x00080080: False, 0x00080090: False, NAME: True, 0x00291010: False}
    inner: Elements = {0x00080080: "Ambleford", 0x00104000: "stays"}
    elements = {**elements_of(), WATER: ("SQ", [inner]), 0x00290010: "ZEBULON",
                0x00291010: ("LO", "Doe"), 0x00291011: ("LO", "stays")}  # fmt: skip
    data = applied(elements, open_profile("dicat", fields=fields))
    assert data.InstitutionName == ""
    assert str(data.ReferringPhysicianName) == ""
    assert str(data.PatientName) == "sub01"
    assert data.StudyDate == "20190304"
    assert data.AccessionNumber == "QX8830172"
    assert data[WATER].value[0].InstitutionName == ""
    assert data[WATER].value[0].PatientComments == "stays"
    assert {int(tag) for tag in data.keys() if tag.is_private} == {  # noqa: SIM118
        *(0x00290010, 0x00291011),
    }


def test_fields_that_are_to_be_there_are_put_in_empty() -> None:
    profile = open_profile("neuro", inserted={0x00080080: "LO", 0x00080060: "CS"})
    data = applied({0x00080060: "MR"}, profile)
    assert data.InstitutionName == ""
    assert data.Modality == "MR"


@pytest.mark.parametrize("profile", ["neuro", "basic", "open-science"])
def test_pixels_in_a_sequence_go(profile: str) -> None:
    inner: Elements = {0x7FE00010: ("OW", b"Fairweather "), 0x00180081: "3"}
    data = applied({WATER: ("SQ", [inner]), 0x7FE00010: ("OW", b"1234")}, profile)
    assert 0x7FE00010 in data
    assert [int(tag) for tag in data[WATER].value[0].keys()] == [0x00180081]  # noqa: SIM118


def test_a_type_with_several_values_is_read_back() -> None:
    data = applied({0x00080008: "ORIGINAL\\PRIMARY\\M", 0x00200037: "1\\0\\0\\0\\1\\0"})
    assert isinstance(data.ImageType, MultiValue)
    assert list(data.ImageType) == ["ORIGINAL", "PRIMARY", "M"]
    assert [float(x) for x in data.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
