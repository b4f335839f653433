from __future__ import annotations

import struct

import pytest

from bidsdeid.dicom import elements as module
from bidsdeid.dicom.elements import MAX_DEPTH, Place, block_of
from bidsdeid.dicom.part10 import quiet
from bidsdeid.errors import DicomError
from dicom_files import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    SYNTAXES,
    Elements,
    data_set,
    element,
    item,
    part10,
    place_of,
    read,
    seen_in,
    typed,
    undefined,
)

NAME, CHARSET, ROWS, REFERENCES = 0x00100010, 0x00080005, 0x00280010, 0x00081140
CREATOR = "SIEMENS MR HEADER"

#: The same in all ways of writing.
_ELEMENTS: Elements = {
    CHARSET: "ISO_IR 192",
    0x00080060: "MR",
    NAME: "Müller^Jürgen",
    0x00101030: "61.5",
    0x00189087: ("FD", 1000.5),
    ROWS: ("US", 8),
    REFERENCES: ("SQ", [{0x00081150: "1.2.3", NAME: "Doe^Jane"}, {}]),
}


# ── what is read ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_element_is_read_in_its_type_and_bytes(syntax: str) -> None:
    place = place_of(_ELEMENTS, syntax)
    assert seen_in(place) == {
        CHARSET: ("CS", b"ISO_IR 192"),
        0x00080060: ("CS", b"MR"),
        NAME: ("PN", "Müller^Jürgen ".encode()),
        0x00101030: ("DS", b"61.5"),
        0x00189087: ("FD", typed("FD", 1000.5, syntax)),
        ROWS: ("US", typed("US", 8, syntax)),
        REFERENCES: ("SQ", None),
    }
    with quiet():
        first, second = place.items(REFERENCES)
    assert seen_in(first) == {0x00081150: ("UI", b"1.2.3\0"), NAME: ("PN", b"Doe^Jane")}
    assert seen_in(second) == {}
    assert (place.depth, first.depth) == (0, 1)


@pytest.mark.parametrize("vr", ["SQ", "UN"])
def test_sequences_without_length_are_read(vr: str) -> None:
    inner = data_set({NAME: "Doe^Jane"}, EXPLICIT if vr == "SQ" else IMPLICIT)
    place = Place(read(part10(undefined(REFERENCES, vr, inner))))
    assert seen_in(place) == {REFERENCES: ("SQ", None)}
    with quiet():
        (inside,) = place.items(REFERENCES)
    assert seen_in(inside) == {NAME: ("PN", b"Doe^Jane")}


@pytest.mark.parametrize(
    ("tag", "written", "vr"),
    [
        (NAME, "PN", "PN"), (NAME, "UN", "PN"), (NAME, "LO", "PN"), (NAME, "CS", "PN"),
        (0x00080020, "LO", "DA"), (0x00101010, "DS", "AS"),
        (NAME, "US", "?"), (NAME, "OB", "?"), (NAME, "FD", "?"),
        (ROWS, "UN", "US"), (ROWS, "UL", "US"), (ROWS, "LO", "?"), (ROWS, "OB", "?"),
        (0x00280106, "UN", "US or SS"), (0x00280106, "US", "US"), (0x00280106, "SS", "SS"),
        (0x00280106, "UL", "?"), (0x00280106, "LO", "?"),
        (0x7FE00010, "OB", "OB"), (0x7FE00010, "OW", "OW"), (0x7FE00010, "LO", "?"),
        (0x7FE00010, "UN", "OB or OW"), (REFERENCES, "LO", "?"), (REFERENCES, "OB", "?"),
        (0x00181235, "LO", "LO"), (0x00181235, "UN", "UN"), (0x00191235, "LO", "LO"),
    ],
)  # fmt: skip
def test_the_type_is_that_of_the_standard_or_false(tag: int, written: str, vr: str) -> None:
    value = b"12345678"
    place = place_of({tag: (written, value)})
    assert seen_in(place) == {tag: (vr, value)}


@pytest.mark.parametrize(
    ("tag", "vr"),
    [(NAME, "PN"), (ROWS, "US"), (0x00280106, "US or SS"), (0x00181235, "UN"), (0x00191235, "UN")],
)
def test_the_type_is_looked_up_where_a_file_does_not_tell_it(tag: int, vr: str) -> None:
    assert seen_in(place_of({tag: b"12345678"}, IMPLICIT)) == {tag: (vr, b"12345678")}


@pytest.mark.parametrize(
    ("syntax", "written", "vr"),
    [(IMPLICIT, "UN", "IS"), (EXPLICIT, "UN", "IS"), (EXPLICIT, "LO", "LO"), (BIG, "UN", "IS")],
)
def test_the_type_of_a_private_element_is_that_of_its_creator(
    syntax: str, written: str, vr: str
) -> None:
    elements = {0x00190010: CREATOR, 0x0019100C: (written, b"1000")}
    assert seen_in(place_of(elements, syntax))[0x0019100C] == (vr, b"1000")
    stranger = {0x00190010: "ZEBULON", 0x0019100C: ("UN", b"1000")}
    assert seen_in(place_of(stranger, syntax))[0x0019100C] == ("UN", b"1000")


def test_an_element_without_value_has_one_of_no_bytes() -> None:
    assert seen_in(place_of({NAME: "", ROWS: ("US", b"")})) == {
        NAME: ("PN", b""),
        ROWS: ("US", b""),
    }


# ── encodings ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("names", "encodings"),
    [
        ("ISO_IR 100", ("latin_1",)),
        ("\\ISO 2022 IR 87", ("iso8859", "iso2022_jp")),
        (" \\ ISO 2022 IR 149 ", ("iso8859", "euc_kr")),
        ("GB18030", ("GB18030",)),
    ],
)
def test_character_sets_are_those_of_the_data_set(names: str, encodings: tuple[str, ...]) -> None:
    place = place_of({CHARSET: names})
    seen_in(place)
    assert place.encodings == encodings


def items_in(outer: str, inner: str) -> tuple[Place, Place]:
    """Return an item with a character set of its own, and one without."""
    place = place_of(
        {CHARSET: outer, REFERENCES: ("SQ", [{CHARSET: inner, NAME: b"x"}, {NAME: b"x"}])}
    )
    seen_in(place)
    with quiet():
        own, around = place.items(REFERENCES)
    seen_in(own)
    seen_in(around)
    return own, around


def test_an_item_has_the_character_set_of_what_is_around_it() -> None:
    _, around = items_in("ISO_IR 192", "GB18030")
    assert around.encodings == ("UTF8",)


def test_items_in_an_item_have_its_character_set() -> None:
    inner: Elements = {CHARSET: "GB18030", REFERENCES: ("SQ", [{NAME: b"x"}])}
    place = place_of({REFERENCES: ("SQ", [inner])})
    with quiet():
        (own,) = place.items(REFERENCES)
        seen_in(own)
        (within,) = own.items(REFERENCES)
    seen_in(within)
    assert (within.encodings, within.depth) == (("GB18030",), 2)


def test_an_item_has_its_own_character_set() -> None:
    own, _ = items_in("ISO_IR 192", "GB18030")
    assert own.encodings == ("GB18030",)


@pytest.mark.parametrize("name", ["no such set", "UTF-8", "ISO_IR 100\\Zebulon"])
def test_a_character_set_that_is_none_is_told(name: str) -> None:
    for outer, inner in ((name, "GB18030"), ("GB18030", name)):
        with pytest.raises(DicomError, match="its character set is not one of the standard"):
            items_in(outer, inner)


# ── damage ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize("keep", [0, 1, 20])
def test_a_file_that_ends_within_a_value_is_damaged(syntax: str, keep: int) -> None:
    content = element(0x00104000, "LT", b"Jane" * 8, syntax)
    start = len(content) - 32
    with quiet(), pytest.raises(DicomError, match="it ends within an element"):
        list(Place(read(part10(content[: start + keep], syntax))).elements())


def test_bytes_that_are_no_items_are_a_damaged_sequence() -> None:
    place = place_of({REFERENCES: ("UN", b"Fairweather^Rosalind")})
    assert seen_in(place) == {REFERENCES: ("SQ", None)}
    with quiet(), pytest.raises(DicomError, match="it ends within an element"):
        [list(inside.elements()) for inside in place.items(REFERENCES)]


def test_what_is_no_sequence_has_no_items() -> None:
    large = item(data_set({0x00081150: "1.2.3"}, IMPLICIT)) * 4000
    place = place_of({NAME: "Doe", REFERENCES: ("UN", large)})
    for tag in (NAME, REFERENCES):
        with quiet(), pytest.raises(DicomError, match="a sequence in it is damaged"):
            place.items(tag)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_sequences_nest_only_so_deep(syntax: str) -> None:
    content = data_set({NAME: "Doe^Jane"}, syntax)
    for _ in range(MAX_DEPTH + 1):
        content = element(REFERENCES, "SQ", item(content), syntax)
    place = Place(read(part10(content, syntax)))
    with quiet():
        for _ in range(MAX_DEPTH):
            (place,) = place.items(REFERENCES)
        assert place.depth == MAX_DEPTH
        with pytest.raises(DicomError, match="nested too deep"):
            place.items(REFERENCES)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_what_a_file_says_is_told_as_it_stands(syntax: str) -> None:
    place = place_of({REFERENCES: ("UN", b""), NAME: "Doe"}, syntax)
    types = ("UN", "PN") if syntax != IMPLICIT else (None, None)
    assert place.written(REFERENCES) == (REFERENCES, types[0], None)
    assert place.written(NAME) == (NAME, types[1], b"Doe ")
    assert place.written(ROWS) is None
    with quiet():
        place.items(REFERENCES)
    assert place.written(REFERENCES) is None


def test_elements_that_are_known_are_passed_over_and_their_like_are_not() -> None:
    place = place_of({NAME: "Doe^Jane", 0x00100020: "Doe^Jane", 0x00081010: ("UN", b"A ")})
    known = {(NAME, "PN", b"Doe^Jane"), (0x00100020, "PN", b"Doe^Jane"), (0x00081010, "SH", b"A ")}
    with quiet():
        assert [int(tag) for tag, _, _ in place.elements(known)] == [0x00081010, 0x00100020]
        other = place_of({NAME: "Doe^Jan "})
        assert [int(tag) for tag, _, _ in other.elements(known)] == [NAME]


# ── private elements ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tag", "block"),
    [(0x00191015, 0x00190010), (0x0019FF15, 0x001900FF), (0x20051100, 0x20050011)],
)
def test_a_block_has_a_creator(tag: int, block: int) -> None:
    assert block_of(tag) == block


@pytest.mark.parametrize(
    ("elements", "tag", "key"),
    [
        ({0x00190010: CREATOR}, 0x0019100C, (CREATOR, 0x19, 0x0C)),
        ({0x00190011: CREATOR}, 0x0019110C, (CREATOR, 0x19, 0x0C)),
        ({0x001900FF: CREATOR}, 0x0019FF0C, (CREATOR, 0x19, 0x0C)),
        ({0x00190010: "ZEBULON", 0x00190011: CREATOR}, 0x0019110C, (CREATOR, 0x19, 0x0C)),
        ({0x00190011: CREATOR}, 0x0019100C, None),
        ({0x00210010: CREATOR}, 0x0019100C, None),
        ({}, 0x0019100C, None),
        ({0x00190010: " "}, 0x0019100C, None),
        ({0x00190010: CREATOR}, 0x00190010, None),
        ({0x00190010: CREATOR}, 0x00190001, None),
        ({0x00190010: CREATOR}, 0x0019000C, None),
    ],
)
def test_whose_a_private_element_is(
    elements: Elements, tag: int, key: tuple[str, int, int] | None
) -> None:
    place = place_of({**elements, tag: elements.get(tag, b"1")})
    assert place.private(tag) == key
    assert place.private(tag) == key


# ── what is written ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_a_value_is_replaced_in_the_type_as_written(syntax: str) -> None:
    place = place_of({NAME: ("UN", b"Doe^Jane")}, syntax)
    place.set(NAME, "PN", b"sub01 ")
    element = place.data_set.get_item(NAME)
    assert (element.value, element.length) == (b"sub01 ", 6)
    assert (None if syntax == IMPLICIT else "UN") == element.VR


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_an_element_is_added_as_the_file_is_written(syntax: str) -> None:
    place = place_of({0x00080060: "MR"}, syntax)
    place.set(NAME, "PN", b"sub01 ")
    element = place.data_set.get_item(NAME)
    assert (element.value, element.length, element.is_little_endian) == (
        b"sub01 ",
        6,
        syntax != BIG,
    )
    assert (None if syntax == IMPLICIT else "PN") == element.VR
    assert element.is_implicit_VR == (syntax == IMPLICIT)


def test_an_element_is_replaced_whatever_it_was() -> None:
    place = place_of({NAME: ("OB", b"Doe^Jane")})
    place.replace(NAME, "PN", b"sub01 ")
    assert seen_in(place) == {NAME: ("PN", b"sub01 ")}


def test_an_element_is_cut_and_keeps_its_way_of_ending() -> None:
    place = place_of({0x7FE00010: ("OW", b"12345678")})
    place.trim(0x7FE00010, b"1234")
    assert place.data_set.get_item(0x7FE00010).length == 4
    parts = Place(read(part10(undefined(0x7FE00010, "OB", b"", b"1234"))))
    parts.trim(0x7FE00010, b"12")
    element = parts.data_set.get_item(0x7FE00010)
    assert (element.value, element.length) == (b"12", module.UNDEFINED)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_numbers_are_read_in_binary_and_written_out(syntax: str) -> None:
    place = place_of({ROWS: ("US", 0x0102), 0x00280008: " 12 ", NAME: "Doe"}, syntax)
    assert place.number(ROWS) == 0x0102
    assert place.number(0x00280008) == 12
    assert place.number(0x00280011) == 0
    assert place.number(0x00280002, 1) == 1
    assert place.text(NAME) == "Doe"
    assert place.text(0x00100020) == ""


@pytest.mark.parametrize("value", [b"Doe ", b"1.5 ", b"-1", b"1\\2 "])
def test_a_number_that_is_none_is_told(value: bytes) -> None:
    place = place_of({0x00280008: value})
    with pytest.raises(DicomError, match="a number in its header is none"):
        place.number(0x00280008)


def test_elements_may_go_while_they_are_read() -> None:
    place = place_of(_ELEMENTS)
    with quiet():
        for tag, _, _ in place.elements():
            del place.data_set[tag]
    assert len(place.data_set) == 0


def test_numbers_are_of_the_order_of_their_file() -> None:
    assert place_of({ROWS: ("US", struct.pack(">H", 5))}, BIG).number(ROWS) == 5
