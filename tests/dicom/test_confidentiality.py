from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import tag_for_keyword

from bidsdeid.dicom import confidentiality as module
from bidsdeid.dicom.confidentiality import EDITION, confidentiality_table
from bidsdeid.errors import ToolError

Table = dict[str, Any]
Give = Callable[[object], None]


@pytest.fixture
def table() -> Table:
    return deepcopy(dicom_anonymization_database_selector(f"dicomfields_{EDITION}"))


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Iterator[Give]:
    def give(answer: object) -> None:
        def select(name: str) -> object:
            assert name == f"dicomfields_{EDITION}"
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(module, "dicom_anonymization_database_selector", select)
        confidentiality_table.cache_clear()

    yield give
    confidentiality_table.cache_clear()


@pytest.mark.parametrize(
    ("keyword", "action"),
    [
        ("PatientName", "Z"),
        ("PatientID", "Z/D"),
        ("PatientBirthDate", "Z"),
        ("PatientAge", "X"),
        ("OtherPatientIDs", "X"),
        ("StudyInstanceUID", "U"),
        ("SOPInstanceUID", "U"),
        ("StudyDate", "Z"),
        ("AcquisitionDate", "X/Z"),
        ("StudyDescription", "X"),
        ("DeviceSerialNumber", "X/Z/D"),
        ("InstitutionName", "X/Z/D"),
        ("StationName", "X/Z/D"),
        ("ReferencedImageSequence", "X/Z/U*"),
        ("ContentSequence", "D"),
        ("ProtocolName", "X/D"),
        ("IconImageSequence", "X"),
    ],
)
def test_the_table_says_what_the_standard_says(keyword: str, action: str) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    assert confidentiality_table()[tag] == action


def test_the_table_is_whole_and_of_known_actions() -> None:
    table = confidentiality_table()
    assert len(table) == 617 + 35
    assert set(table.values()) == set("X Z D U X/Z X/D Z/D X/Z/D X/Z/U*".split())
    assert not any(tag >> 24 in (0x50, 0x60) for tag in table)


def test_the_table_of_the_package_is_taken(table: Table, give: Give) -> None:
    give(table)
    assert confidentiality_table()[0x00100010] == "Z"


def _moved(table: Table, tag: tuple[int, int], source: str, target: str) -> Table:
    table[source].remove(tag)
    table[target].append(tag)
    return table


def _without(table: Table, name: str) -> Table:
    del table[name]
    return table


def _dropped(table: Table, name: str, tag: tuple[int, int], *, told: bool) -> Table:
    table[name].remove(tag)
    if told:
        table["ALL_TAGS"].remove(tag)
    return table


def _cut(table: Table, count: int) -> Table:
    """Return a table that agrees with itself, and is too short."""
    samples = {(tag >> 16, tag & 0xFFFF) for tag in module._SAMPLES}  # noqa: SLF001
    for tag in [tag for tag in table["X_TAGS"] if tag not in samples][:count]:
        table["X_TAGS"].remove(tag)
        table["ALL_TAGS"].remove(tag)
    return table


def _with_text(table: Table) -> Table:
    table["X_TAGS"].append(("0010", "4000"))
    return table


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {},
        lambda _: None,
        lambda table: _without(table, "X_TAGS"),
        lambda table: _without(table, "X_Z_U_STAR_TAGS"),
        lambda table: _without(table, "ALL_TAGS"),
        lambda table: table | {"X_TAGS": None},
        lambda table: table | {"X_TAGS": []},
        _with_text,
        lambda table: _cut(table, 60),
        lambda table: _dropped(table, "X_TAGS", (0x0010, 0x4000), told=False),
        lambda table: _dropped(table, "Z_TAGS", (0x0010, 0x0010), told=True),
        lambda table: _moved(table, (0x0010, 0x0010), "Z_TAGS", "X_TAGS"),
        lambda table: _moved(table, (0x0010, 0x0020), "Z_D_TAGS", "Z_TAGS"),
        lambda table: _moved(table, (0x0008, 0x1048), "X_TAGS", "Z_TAGS"),
        lambda table: _moved(table, (0x0020, 0x000D), "U_TAGS", "X_TAGS"),
        lambda table: _moved(table, (0x0008, 0x002A), "X_Z_D_TAGS", "X_Z_TAGS"),
        lambda table: _moved(table, (0x0008, 0x1140), "X_Z_U_STAR_TAGS", "X_Z_TAGS"),
        lambda table: _moved(table, (0x0040, 0xA730), "D_TAGS", "U_TAGS"),
        lambda table: _moved(table, (0x0018, 0x1030), "X_D_TAGS", "D_TAGS"),
        lambda table: _moved(table, (0x0032, 0x1060), "X_Z_TAGS", "D_TAGS"),
        lambda table: table | {"ALL_TAGS": [*table["ALL_TAGS"], (0x0010, 0x9999)]},
    ],
    ids=[
        "empty", "none", "no list", "no U*", "no list of all", "a list that is none",
        "an empty list", "tags of text", "too short, and it says so", "short of a row",
        "no PatientName", "PatientName X", "PatientID Z", "PhysiciansOfRecord Z",
        "StudyInstanceUID X", "AcquisitionDateTime X/Z", "references X/Z", "ContentSequence U",
        "ProtocolName D", "RequestedProcedureDescription D", "a row in no list",
    ],
)  # fmt: skip
def test_another_table_is_not_believed(
    table: Table, give: Give, change: Callable[[Table], object]
) -> None:
    give(change(table))
    with pytest.raises(ToolError, match=r"install version 2\.1"):
        confidentiality_table()


@pytest.mark.parametrize(
    "error",
    [ValueError("Unknown DICOM anonymization database"), AttributeError("X_TAGS"), KeyError("x")],
    ids=["no such edition", "a list is missing", "other names"],
)
def test_a_package_without_the_table_is_told(give: Give, error: Exception) -> None:
    give(error)
    with pytest.raises(ToolError, match=r"has no table of PS3\.15"):
        confidentiality_table()
