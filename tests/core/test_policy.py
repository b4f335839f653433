from __future__ import annotations

import tomllib
from pathlib import PurePosixPath
from typing import Any

import pytest
from bidsschematools.schema import load_schema
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.dataset import DatasetIndex, SourceFile, datatype_of
from bidsdeid.core.entities import parse_name
from bidsdeid.core.plan import Kind, build_plan
from bidsdeid.core.policy import Decision, MaskFrom, Policy
from bidsdeid.core.rules import compile_policy
from bidsdeid.errors import PolicyError
from bidsdeid.resources import field_schemas, load_policy, policy_text
from strategies import default_policy, source_files

HEAD = {"policy": {"name": "test", "version": "1"}}
FILE = {"action": "copy", "reason": "r", "path": "*"}
KEY = {"action": "keep", "reason": "r", "fields": ["EchoTime"]}
COLUMN = {"table": "events", "fields": ["x"], "kind": "text", "reason": "r"}


def compiled(**tables: Any) -> Policy:  # noqa: ANN401
    return compile_policy({**HEAD, **tables}, field_schemas())


def mistakes(**tables: Any) -> tuple[str, ...]:  # noqa: ANN401
    with pytest.raises(PolicyError) as caught:
        compiled(**tables)
    assert caught.value.exit_code == 64
    assert all(mistake in str(caught.value) for mistake in caught.value.mistakes)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("tables", "word"),
    [
        ({"policy": {}}, "version"),
        ({"policy": {"name": "x"}}, "version"),
        ({"files": [FILE]}, "unknown table [files]"),
        ({"file": [{**FILE, "acton": "copy"}]}, "'acton'"),
        ({"file": [{**FILE, "action": "keep"}]}, "'keep'"),
        ({"file": [{"reason": "r", "path": "*"}]}, "`action` is missing"),
        ({"file": [{**FILE, "reason": ""}]}, "reason"),
        ({"file": [{**FILE, "path": 7}]}, "`path`"),
        ({"file": [{**FILE, "suffix": ["T1w", 2]}]}, "`suffix`"),
        ({"file": [{**FILE, "suffix": ["T1w", ""]}]}, "`suffix`"),
        ({"file": [{**FILE, "tolerate": ["dates"]}]}, "'dates'"),
        ({"file": [{**FILE, "mask": "own"}]}, "`deface`"),
        ({"file": [{**FILE, "action": "withhold", "mask": "acquisition"}]}, "`deface`"),
        ({"file": [{**FILE, "action": "deface", "mask": "magnitude"}]}, "'magnitude'"),
        ({"file": [{**FILE, "action": "deface", "mask": ["own"]}]}, "own"),
        ({"key": [{**KEY, "action": "copy"}]}, "'copy'"),
        ({"key": [{**KEY, "fields": ["EchTime"]}]}, "'EchTime'"),
        ({"key": [{**KEY, "scope": "images"}]}, "'images'"),
        ({"key": [{**KEY, "tolerate": "dates"}]}, "'dates'"),
        ({"key": [{**KEY, "required": ["FlipAngle"]}]}, "'FlipAngle'"),
        ({"key": [{**KEY, "type": "text"}]}, "`text` is missing"),
        ({"key": [{**KEY, "colour": "red"}]}, "'colour'"),
        ({"column": [{**COLUMN, "kind": "word"}]}, "'word'"),
        ({"column": [{**COLUMN, "kind": "choice"}]}, "choices"),
        ({"column": [{**COLUMN, "choices": ["a"]}]}, "choices"),
        ({"column": [{"table": "events", "fields": "x", "reason": "r"}]}, "`kind` is missing"),
    ],
)
def test_a_mistake_is_named(tables: dict[str, Any], word: str) -> None:
    (mistake,) = mistakes(**tables)
    assert word in mistake


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    found = mistakes(
        extra={}, file=[FILE, {**FILE, "action": "keep"}], key=[{**KEY, "fields": ["Doe"]}],
        column=[{**COLUMN, "kind": "word"}],
    )  # fmt: skip
    assert [mistake.split(":")[0] for mistake in found] == [
        "unknown table [extra]", "[[file]] no. 2", "[[key]] no. 1", "[[column]] no. 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "tables",
    [{"policy": "default"}, {"file": {"action": "copy"}}, {"file": ["copy"]}, {"key": 7}],
    ids=["policy is a word", "file is a table", "file holds words", "key is a number"],
)
def test_toml_of_another_shape_is_a_mistake_too(tables: dict[str, Any]) -> None:
    assert mistakes(**tables)


@given(source_files(), st.text(max_size=8))
def test_what_no_rule_names_is_withheld_or_dropped(file: SourceFile, name: str) -> None:
    policy = compiled()
    rule = policy.file_rule(file.path, file.name, file.datatype)
    assert (rule.decision, bool(rule.reason)) == (Decision.WITHHOLD, True)
    assert policy.key_rule("image", name).action == "drop"
    assert policy.column_rule("events", name).kind == "drop"


def test_the_first_rule_wins() -> None:
    policy = compiled(
        file=[{**FILE, "action": "withhold", "path": "a*"}, FILE],
        key=[{**KEY, "action": "drop"}, KEY],
        column=[{**COLUMN, "kind": "number"}, COLUMN],
    )
    assert policy.file_rule(PurePosixPath("ab"), None, None).decision is Decision.WITHHOLD
    assert policy.file_rule(PurePosixPath("b"), None, None).decision is Decision.COPY
    assert policy.key_rule("image", "EchoTime").action == "drop"
    assert policy.column_rule("events", "x").kind == "number"


def test_a_mask_is_the_image_s_own_if_nothing_else_is_said() -> None:
    said = [{}, {"mask": "own"}, {"mask": "acquisition"}, {"mask": "either"}]
    rows = [{**FILE, "action": "deface", **mask} for mask in said]
    assert [rule.mask for rule in compiled(file=rows).files] == [
        MaskFrom.OWN, MaskFrom.OWN, MaskFrom.ACQUISITION, MaskFrom.EITHER,
    ]  # fmt: skip
    assert compiled(file=[FILE]).files[0].mask is MaskFrom.OWN


def test_a_policy_may_have_some_images_skull_stripped() -> None:
    rows = [
        {"action": "skullstrip", "reason": "r", "suffix": "UNIT1", "mask": "either"},
        {"action": "deface", "reason": "r", "suffix": ["T1w", "UNIT1"]},
    ]
    policy = compiled(file=rows)
    names = ("sub-01_UNIT1.nii.gz", "sub-01_T1w.nii.gz")
    files = tuple(
        SourceFile(PurePosixPath("sub-01/anat") / name, 1, name=parse_name(name), datatype="anat")
        for name in names
    )
    actions = build_plan(DatasetIndex((), {"01": files}), policy)
    assert [(action.decision, action.mask) for action in actions] == [
        (Decision.SKULLSTRIP, MaskFrom.EITHER), (Decision.DEFACE, MaskFrom.OWN),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entity", "filename", "selected"),
    [
        ("part", "sub-01_part-phase_T1w.nii.gz", True),
        ("part", "sub-01_T1w.nii.gz", False),
        ("part-phase", "sub-01_part-phase_T1w.nii.gz", True),
        ("part-phase", "sub-01_run-1_part-phase_T1w.nii.gz", True),
        ("part-phase", "sub-01_part-mag_T1w.nii.gz", False),
        ("part-phase", "sub-01_part-phasediff_T1w.nii.gz", False),
        ("part-phase", "sub-01_acq-phase_T1w.nii.gz", False),
        ("phase", "sub-01_part-phase_T1w.nii.gz", False),
        (["part-real", "part-imag"], "sub-01_part-imag_T1w.nii.gz", True),
        (["part-real", "echo"], "sub-01_echo-1_part-mag_T1w.nii.gz", True),
        (["part-real", "echo-2"], "sub-01_echo-1_part-mag_T1w.nii.gz", False),
    ],
)
def test_an_entity_is_named_with_or_without_its_label(
    entity: str | list[str], filename: str, *, selected: bool
) -> None:
    policy = compiled(file=[{"action": "copy", "reason": "r", "entity": entity}])
    path = PurePosixPath("sub-01/anat") / filename
    rule = policy.file_rule(path, parse_name(filename), "anat")
    assert (rule.decision is Decision.COPY) is selected


def test_deface_all_defaces_every_image_and_nothing_else() -> None:
    paths = [
        PurePosixPath(f"sub-01/{rest}")
        for rest in (
            "anat/sub-01_T1w.nii.gz", "anat/sub-01_T1map.nii.gz", "func/sub-01_task-a_bold.nii.gz",
            "dwi/sub-01_dwi.nii", "dwi/sub-01_dwi.bval", "fmap/sub-01_phasediff.nii.gz",
            "perf/sub-01_asl.nii.gz", "func/sub-01_task-a_events.tsv",
            "func/sub-01_task-a_bold.json",
        )
    ]  # fmt: skip
    files = tuple(
        SourceFile(path, 1, name=parse_name(path.name), datatype=datatype_of(path))
        for path in paths
    )
    index = DatasetIndex((), {"01": files})
    plain = build_plan(index, load_policy("default"))
    strict = build_plan(index, load_policy("default", deface_all=True))
    for one, other in zip(plain, strict, strict=True):
        image = one.kind is Kind.IMAGE and one.decision is not Decision.WITHHOLD
        assert other.decision is (Decision.DEFACE if image else one.decision)
    assert sum(action.decision is Decision.DEFACE for action in strict) == 6


def test_fields_without_a_type_of_their_own_are_fields_of_bids() -> None:
    rows = tomllib.loads(policy_text("default"))["key"]
    named = {key for row in rows if row["action"] != "drop" and "type" not in row
             for key in row["fields"]}  # fmt: skip
    assert named <= set(field_schemas())


def test_every_detector_that_bids_fields_tolerate_is_used_with_care() -> None:
    for (_, key), rule in default_policy().keys.items():
        assert not rule.tolerate & {"person name", "email", "path", "known term"}, key


#: Fields that say where, when, with which device or on whom an image was made.
REMOVED = [
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName",
    "DeviceSerialNumber", "ScanDate", "SampleExtractionInstitution", "PatientName", "PatientID",
    "PatientBirthDate", "PatientSex", "PatientAge", "AcquisitionDateTime", "AcquisitionTime",
    "StudyInstanceUID", "SeriesInstanceUID", "AccessionNumber", "ReferringPhysicianName",
    "OperatorsName", "StudyID",
]  # fmt: skip


@pytest.mark.parametrize("key", REMOVED)
def test_fields_that_identify_are_dropped_in_every_scope(key: str) -> None:
    for scope in ("image", "dictionary", "dataset"):
        assert default_policy().key_rule(scope, key).action == "drop"


#: Required by rules for files that this version never releases.
NEVER_RELEASED = {"OnsetSource": "physioevents"}


def required_fields() -> dict[str, str]:
    """Return each sidecar field that some rule for MRI requires, with the rule's name."""
    schema = load_schema().to_dict()
    names = {key: entry["name"] for key, entry in schema["objects"]["metadata"].items()}
    found: dict[str, str] = {}
    groups = ["mri", "anat", "func", "dwi", "fmap", "asl", "continuous", "events", "qmri"]
    for group in groups:
        for title, rule in schema["rules"]["sidecars"].get(group, {}).items():
            for key, entry in rule.get("fields", {}).items():
                words = str(entry if isinstance(entry, str) else [*entry.values()])
                if "required" in words.casefold():
                    found.setdefault(names[key], f"{group}.{title}")
    return found


@pytest.mark.parametrize(("key", "rule"), sorted(required_fields().items()))
def test_no_field_that_bids_requires_for_mri_is_dropped(key: str, rule: str) -> None:
    action = default_policy().key_rule("image", key).action
    assert action in ("keep", "references", "columns") or key in NEVER_RELEASED, rule


def test_the_fields_that_bids_requires_are_found() -> None:
    assert {"TaskName", "RepetitionTime", "EchoTime1", "M0Type", "Columns"} <= set(
        required_fields()
    )
