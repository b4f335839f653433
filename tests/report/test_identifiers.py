from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from bidsdeid.core.detectors import DETECTOR_NAMES
from bidsdeid.core.rule_rows import COLUMN_KINDS
from bidsdeid.core.scrub import Change
from bidsdeid.core.tables import OUTSIDE
from bidsdeid.report.identifiers import (
    LISTED_TERM,
    OTHER_CHANGE,
    UNKNOWN_FIELD,
    kinds,
    paragraph_of_change,
    paragraph_of_file,
)
from bidsdeid.resources import load_policy

DEFAULT, HIPAA = load_policy("default"), load_policy("hipaa-safe-harbor")


def test_the_eighteen_are_those_of_the_law_in_their_words() -> None:
    assert [kind.paragraph for kind in kinds()] == [
        f"({letter})" for letter in "ABCDEFGHIJKLMNOPQR"
    ]
    own = {row.paragraph: row.what for row in HIPAA.identifiers}
    assert {kind.paragraph: kind.what for kind in kinds()} == own


def test_the_table_names_what_there_is_and_each_once() -> None:
    for which, known in (("detectors", DETECTOR_NAMES), ("columns", COLUMN_KINDS)):
        names = [name for kind in kinds() for name in getattr(kind, which)]
        assert len(names) == len(set(names))
        assert set(names) <= known
    fields = [name for kind in kinds() for name in kind.fields]
    assert len(fields) == len(set(fields))
    assert set(fields) <= {name for _, name in DEFAULT.keys}


def test_every_field_that_identifies_is_in_the_table() -> None:
    named = {name for kind in kinds() for name in kind.fields}
    telling = {name for (_, name), rule in DEFAULT.keys.items() if rule.identity}
    assert telling <= named


def test_what_is_not_counted_by_itself_says_where_it_is() -> None:
    paragraphs = {kind.paragraph for kind in kinds()}
    for kind in kinds():
        if not (kind.fields or kind.detectors or kind.columns or kind.suffixes or kind.datatypes):
            assert kind.counted_with in paragraphs


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change("PatientName", "dropped", "x"), ("(A)", "dropped")),
        (Change("StationName", "dropped", "it is the name of a device (M)"), ("(M)", "dropped")),
        (Change("Instructions", "dropped", "it holds a name in this dataset"), ("(A)", "text")),
        (Change("text", "removed", "it looks like: email"), ("(F)", "text")),
        (Change("TaskName", "replaced", "its text looks like: uuid, date"), ("(R)", "text")),
        (Change("TaskName", "dropped", "it holds a known term"), (LISTED_TERM, "text")),
        (Change("scans.acq_time", "replaced", "x"), ("(C)", "rewritten")),
        (Change("participants.age", "replaced", "x"), ("(C)", "rewritten")),
        (Change("participants.participant_id", "replaced", "x"), ("(R)", "rewritten")),
        (Change("scans", "removed", OUTSIDE), ("(C)", "text")),
        (Change("Jane", "dropped", "no rule names this field"), (UNKNOWN_FIELD, "dropped")),
        (Change("events.j", "dropped", "no rule names this column"), (UNKNOWN_FIELD, "dropped")),
        (Change("EchoTime", "dropped", "its value has not the type"), (OTHER_CHANGE, "dropped")),
        (Change("IntendedFor", "replaced", "a file it names"), (OTHER_CHANGE, "rewritten")),
    ],
)  # fmt: skip
def test_a_change_counts_once_under_what_can_be_told(
    change: Change, expected: tuple[str, str]
) -> None:
    assert paragraph_of_change(change, DEFAULT) == expected


def test_a_paragraph_that_the_rule_names_comes_before_the_table() -> None:
    change = Change("ShimSetting", "dropped", HIPAA.key_rule("image", "ShimSetting").reason)
    assert paragraph_of_change(change, HIPAA) == ("(R)", "dropped")
    assert paragraph_of_change(change, DEFAULT) == ("(R)", "dropped")


@pytest.mark.parametrize(
    ("source", "reason", "paragraph"),
    [
        ("sub-1/anat/sub-1_photo.jpg", "x", "(Q)"),
        ("sub-1/eeg/sub-1_task-x_eeg.edf", "x", "(P)"),
        ("sub-1/pet/sub-1_pet.nii.gz", "x", "(Q)"),
        ("sub-1/perf/sub-1_asl.nii.gz", "faces are recognised in 8 % of them (Q)", "(Q)"),
        ("sub-1/beh/sub-1_task-x_beh.tsv", "x", ""),
        ("notes.txt", "x", ""),
    ],
)
def test_a_file_that_is_withheld_counts_by_its_kind(
    source: str, reason: str, paragraph: str
) -> None:
    assert paragraph_of_file(PurePosixPath(source), reason) == paragraph
