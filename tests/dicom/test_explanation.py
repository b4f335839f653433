from __future__ import annotations

import pytest
from pydicom.datadict import keyword_for_tag

from bidsdeid.dicom.confidentiality import confidentiality_table
from bidsdeid.dicom.explanation import explain_profile, explain_tag, tag_named
from bidsdeid.dicom.profile import Action, open_profile
from bidsdeid.dicom.rulebook import Dates, rulebook
from bidsdeid.errors import UsageError

NAMES = tuple(rulebook().profiles)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("0010,0010", 0x00100010), ("(0010,0010)", 0x00100010), ("(0010, 0010)", 0x00100010),
        ("00100010", 0x00100010), ("0010 0010", 0x00100010), (" 0010,0010 ", 0x00100010),
        ("7FE0,0010", 0x7FE00010), ("7fe00010", 0x7FE00010), ("0019,100C", 0x0019100C),
        ("PatientName", 0x00100010), (" SOPInstanceUID ", 0x00080018),
    ],
)  # fmt: skip
def test_a_tag_is_named_by_its_numbers_or_its_keyword(text: str, tag: int) -> None:
    assert tag_named(text) == tag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0010",
        "0010,001",
        "0010,00100",
        "001G,0010",
        "patientname",
        "Zebulon",
        "00.10",
    ],
)
def test_what_names_no_tag_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="--tag takes a tag such as 0010,0010 or a keyword"):
        tag_named(text)


@pytest.mark.parametrize(
    ("name", "tag", "lines"),
    [
        (
            "neuro", 0x00100010,
            [
                "(0010,0010) PatientName PN",
                "  replaced by what the subject is called here, or emptied",
                "  PS3.15 2026c, table E.1-1: Z",
            ],
        ),
        (
            "neuro", 0x00081030,
            [
                "(0008,1030) StudyDescription LO",
                "  kept; identifiers that are found in it are taken out",
                "  PS3.15 2026c, table E.1-1: X; option descriptors",
            ],
        ),
        ("basic", 0x00081030, ["(0008,1030) StudyDescription LO", "  removed",
                               "  PS3.15 2026c, table E.1-1: X"]),
        ("dicat", 0x00081030, ["(0008,1030) StudyDescription LO", "  kept",
                               "  no field of the list"]),
        ("neuro", 0x00181235, ["(0018,1235)", "  removed", "  not an element of the standard"]),
    ],
)  # fmt: skip
def test_an_element_is_explained(name: str, tag: int, lines: list[str]) -> None:
    assert explain_tag(open_profile(name), tag).splitlines() == lines


def test_a_private_element_is_explained_with_those_of_its_group() -> None:
    lines = explain_tag(open_profile("neuro"), 0x0051100C).splitlines()
    assert lines == [
        "(0051,100c) UN",
        "  kept if it describes how the image was made",
        "  private element",
        "  SIEMENS MR HEADER xx13: which way the axes of the image point",
    ]
    several = explain_tag(open_profile("neuro"), 0x00191000).splitlines()[3:]
    assert len(several) == 3
    assert sum("SIEMENS MR HEADER" in line for line in several) == 2
    assert sum("GEMS_ACQU_01" in line for line in several) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_explained_with_every_element_of_the_table(name: str) -> None:
    profile = open_profile(name)
    lines = explain_profile(profile).splitlines()
    assert lines[0] == f"Profile {name}: {profile.row.description}"
    assert lines[1] == f"Dates and times: {profile.dates}"
    for tag, table in confidentiality_table().items():
        shown = f"({tag >> 16:04x},{tag & 0xFFFF:04x}) {keyword_for_tag(tag)}".rstrip()
        (line,) = (x for x in lines if x.startswith(f"  {shown} "))
        assert line.split()[len(shown.split())] == table
        assert any(line.endswith(action) for action in Action)


def test_options_and_dates_of_a_profile_are_shown() -> None:
    text = explain_profile(open_profile("neuro", retain=["device"], dates=Dates.KEEP))
    assert "Dates and times: keep" in text
    for name, code in (("patient", "113108"), ("descriptors", "113105"), ("device", "113109")):
        assert f"Option {name} {code}: {rulebook().options[name].reason}" in text
    assert "Option institution" not in text


def test_elements_beside_the_table_are_explained_by_their_type() -> None:
    lines = explain_profile(open_profile("open-science")).splitlines()
    start = lines.index("Elements that it does not list, by their type")
    end = lines.index("Private elements that stay")
    shown = dict(line.split(maxsplit=1) for line in lines[start + 2 : end - 1])
    assert shown == {
        "PN": Action.REMOVE, "UI": Action.UID, "DA": Action.REMOVE, "LO": Action.WORD,
        "CS": Action.CODE, "DS": Action.NUMBER, "SQ": Action.ITEMS, "OB": Action.REMOVE,
        "AE": Action.REMOVE,
    }  # fmt: skip


def test_private_elements_are_listed_where_some_stay() -> None:
    text = explain_profile(open_profile("neuro"))
    for creator, group, number in rulebook().private:
        assert f"  {creator} ({group:04x},xx{number:02x})  " in text
    assert "SIEMENS MR HEADER" not in explain_profile(open_profile("basic"))
