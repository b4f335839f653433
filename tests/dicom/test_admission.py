from __future__ import annotations

import pytest
from pydicom.uid import UID

from bidsdeid.dicom.admission import REFUSALS, Refusal, refusal
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.part10 import quiet
from bidsdeid.dicom.rulebook import rulebook
from dicom_bases import bases
from dicom_files import SYNTAXES, Elements, mr, read

SOP, MODALITY, KIND, BURNED, CONVERSION, COLOURS = (
    0x00080016, 0x00080060, 0x00080008, 0x00280301, 0x00080064, 0x00280004,
)  # fmt: skip
RECORDS = 0x00041220

#: One example or more of each row.
EXAMPLES: list[tuple[str, Elements]] = [
    ("directory", {RECORDS: ("SQ", [])}),
    ("directory", {RECORDS: ("SQ", [{MODALITY: "MR"}])}),
    ("ultrasound", {MODALITY: "US"}),
    ("ultrasound", {MODALITY: "IVUS"}),
    ("ultrasound", {MODALITY: "us"}),
    *(
        ("not an admitted class", {SOP: f"1.2.840.10008.{uid}"})
        for uid in (
            "5.1.4.1.1.7", "5.1.4.1.1.4.2", "5.1.4.1.1.66", "5.1.4.1.1.88.11", "5.1.4.1.1.104.1",
            "5.1.4.1.1.11.1", "5.1.4.1.1.12.1", "5.1.4.1.1.481.3", "5.1.4.1.1.1",
        )
    ),
    ("not an admitted class", {SOP: None}),
    ("not an admitted class", {SOP: ""}),
    ("not an admitted class", {SOP: "1.3.12.2.1107.5.9.1"}),
    ("burned in", {BURNED: "YES"}),
    ("burned in", {BURNED: "yes "}),
    ("screen", {KIND: "DERIVED\\SECONDARY\\SCREEN SAVE"}),
    ("screen", {KIND: "DERIVED\\SECONDARY\\SCREEN_SAVE"}),
    ("screen", {KIND: "ORIGINAL\\PRIMARY\\SCREENSHOT"}),
    ("screen", {KIND: "SAVE"}),
    *(("screen", {CONVERSION: word}) for word in ("DI", "DF", "WSD", "SD", "SI")),
    ("colour", {COLOURS: "RGB"}),
    ("colour", {COLOURS: "YBR_FULL_422"}),
    ("colour", {COLOURS: "PALETTE COLOR"}),
    ("not an admitted modality", {MODALITY: "OT"}),
    ("not an admitted modality", {MODALITY: "SC"}),
    ("overlay in pixels", {0x60000102: ("US", 12)}),
    ("overlay in pixels", {0x601E0102: ("US", 12)}),
    ("burned in", {BURNED: "MAYBE"}),
]  # fmt: skip


def reason(changes: Elements, syntax: str = SYNTAXES[1]) -> str:
    header = read(mr(changes, syntax=syntax))
    with quiet():
        found = refusal(Place(header))
    return found.name if found else ""


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_mr_image_is_let_in(syntax: str) -> None:
    assert reason({}, syntax) == ""


@pytest.mark.parametrize(("name", "changes"), EXAMPLES)
def test_a_file_of_another_kind_is_not_let_in(name: str, changes: Elements) -> None:
    assert reason(changes) == name


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.name)
def test_each_row_holds_for_its_examples_and_for_no_mr_image(row: Refusal) -> None:
    examples = [changes for name, changes in EXAMPLES if name == row.name]
    assert examples
    with quiet():
        assert not row.holds(Place(read(mr())))
        assert all(row.holds(Place(read(mr(changes)))) for changes in examples)
    assert len(row.reason) > 10


@pytest.mark.parametrize(
    "changes",
    [
        {BURNED: "NO"}, {BURNED: ""}, {CONVERSION: "SYN"}, {CONVERSION: "DV"}, {KIND: ""},
        {KIND: "DERIVED\\SECONDARY\\MPR"}, {KIND: None},
        {COLOURS: "MONOCHROME1"}, {0x60000102: ("US", 0)},
        {MODALITY: "MR"}, {MODALITY: "PT"}, {MODALITY: None},
        {KIND: "ORIGINAL\\PRIMARY\\SCREENING"},
    ],
)  # fmt: skip
def test_words_that_say_nothing_of_a_screen_do_not_matter(changes: Elements) -> None:
    assert reason(changes) == ""


@pytest.mark.parametrize("uid", sorted(rulebook().admitted), ids=lambda uid: UID(uid).name)
def test_every_admitted_class_is_let_in(uid: str) -> None:
    assert reason({SOP: uid}) == ""


def test_the_first_row_that_holds_is_the_reason() -> None:
    assert reason({MODALITY: "US", BURNED: "YES", COLOURS: "RGB"}) == "ultrasound"
    assert reason({BURNED: "YES", COLOURS: "RGB"}) == "burned in"


def test_files_of_scanners_are_let_in_and_others_are_not() -> None:
    with quiet():
        let_in = {base.name for base in bases() if refusal(Place(base.dataset())) is None}
    assert let_in == {base.name for base in bases() if base.kind == "image"}
