from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pytest
from bidsschematools.schema import load_schema
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.dataset import DatasetIndex, SourceFile, datatype_of
from bidsdeid.core.entities import parse_name
from bidsdeid.core.likely import Identity
from bidsdeid.core.plan import Kind, build_plan
from bidsdeid.core.policy import Decision, Identifier, MaskFrom, Policy
from bidsdeid.core.rule_rows import IDENTITIES
from bidsdeid.core.rules import compile_policy
from bidsdeid.errors import PolicyError
from bidsdeid.resources import field_schemas, load_policy, policy_names, policy_text
from strategies import default_policy, index_of, source_file, source_files

HEAD = {"policy": {"name": "test", "version": "1"}}
FILE = {"action": "copy", "reason": "r", "path": "*"}
KEY = {"action": "keep", "reason": "r", "fields": ["EchoTime"]}
COLUMN = {"table": "events", "fields": ["x"], "kind": "text", "reason": "r"}
IDENTIFIER = {"paragraph": "(A)", "what": "Names", "where": ["tables"], "how": "They go."}


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
        ({"policy": {"name": "x", "version": "1", "extend": "default"}}, "'extend'"),
        ({"policy": {"name": "x", "version": "1", "extends": 7}}, "`extends`"),
        ({"policy": {"name": "x", "version": "1", "description": ["y"]}}, "`description`"),
        ({"files": [FILE]}, "unknown table [files]"),
        ({"file": [{**FILE, "acton": "copy"}]}, "'acton'"),
        ({"file": [{**FILE, "action": "keep"}]}, "'keep'"),
        ({"file": [{**FILE, "action": ["copy"]}]}, "`action`"),
        ({"file": [{"reason": "r", "path": "*"}]}, "`action` is missing"),
        ({"file": [{"action": "copy", "reason": "r"}]}, "every file"),
        ({"file": [{"action": "copy", "reason": "r", "tolerate": "date"}]}, "every file"),
        ({"file": [{**FILE, "path": "/README"}]}, "root"),
        ({"file": [{**FILE, "path": ["README", "./README"]}]}, "root"),
        ({"file": [{**FILE, "extension": ["nii"]}]}, "dot"),
        ({"file": [{**FILE, "reason": 7}]}, "`reason`"),
        ({"file": [{**FILE, "reason": ""}]}, "reason"),
        ({"file": [{**FILE, "path": 7}]}, "`path`"),
        ({"file": [{**FILE, "suffix": ["T1w", 2]}]}, "`suffix`"),
        ({"file": [{**FILE, "suffix": ["T1w", ""]}]}, "`suffix`"),
        ({"file": [{**FILE, "tolerate": ["dates"]}]}, "'dates'"),
        ({"file": [{**FILE, "mask": "own"}]}, "`deface`"),
        ({"file": [{**FILE, "action": "withhold", "mask": "acquisition"}]}, "`deface`"),
        ({"file": [{**FILE, "action": "deface", "mask": "magnitude"}]}, "'magnitude'"),
        ({"file": [{**FILE, "action": "deface", "mask": ["own"]}]}, "`mask`"),
        ({"file": [{**FILE, "deface_all": "yes"}]}, "`deface_all` takes true or false"),
        ({"key": [{**KEY, "action": "replace"}]}, "`value`"),
        ({"key": [{**KEY, "value": "x"}]}, "`replace`"),
        ({"key": [{**KEY, "action": "replace", "value": 7}]}, "`value` takes one word"),
        ({"key": [{**KEY, "action": "copy"}]}, "'copy'"),
        ({"key": [{**KEY, "fields": ["EchTime"]}]}, "'EchTime'"),
        ({"key": [{**KEY, "scope": "images"}]}, "'images'"),
        ({"key": [{**KEY, "tolerate": "dates"}]}, "'dates'"),
        ({"key": [{**KEY, "required": ["FlipAngle"]}]}, "'FlipAngle'"),
        ({"key": [{**KEY, "type": "text"}]}, "'text'"),
        ({"key": [{**KEY, "type": ["string"]}]}, "`type`"),
        ({"key": [{"action": "keep", "reason": "r"}]}, "`fields` is missing"),
        ({"key": [{**KEY, "fields": []}]}, "`fields` is missing"),
        ({"key": [{**KEY, "identity": "person"}]}, "`drop`"),
        ({"key": [{**KEY, "action": "drop", "identity": "name"}]}, "'name'"),
        ({"key": [{**KEY, "action": "drop", "identity": ["person"]}]}, "`identity`"),
        ({"key": [{**KEY, "colour": "red"}]}, "'colour'"),
        ({"column": [{**COLUMN, "kind": "word"}]}, "'word'"),
        ({"column": [{**COLUMN, "kind": "choice"}]}, "choices"),
        ({"column": [{**COLUMN, "choices": ["a"]}]}, "choices"),
        ({"column": [{"table": "events", "fields": "x", "reason": "r"}]}, "`kind` is missing"),
        ({"column": [{**COLUMN, "table": []}]}, "`table` is missing"),
        ({"column": [{**COLUMN, "quasi": "yes"}]}, "`quasi`"),
        ({"column": [{**COLUMN, "quasi": 1}]}, "`quasi`"),
        ({"column": [{**COLUMN, "kind": "drop", "quasi": True}]}, "`quasi`"),
        ({"identifier": [{**IDENTIFIER, "paragraph": ""}]}, "`paragraph` is missing"),
        ({"identifier": [{**IDENTIFIER, "what": 7}]}, "`what`"),
        ({"identifier": [{**IDENTIFIER, "where": []}]}, "`where` is missing"),
        ({"identifier": [{**IDENTIFIER, "action": "drop"}]}, "'action'"),
        ({"identifier": IDENTIFIER}, "two brackets"),
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


def test_mistakes_of_policies_below_are_told_with_whose_they_are() -> None:
    below = {"policy": {"name": "base", "version": "1", "extend": "x"}, "file": [FILE, {}],
             "key": {}}  # fmt: skip
    lowest = {"column": [{**COLUMN, "kind": "word"}]}
    with pytest.raises(PolicyError) as caught:
        compile_policy(
            {**HEAD, "file": [FILE, FILE, {**FILE, "action": "keep"}]}, field_schemas(),
            below=[below, lowest], mistakes=["`extends`: nothing there"],
        )  # fmt: skip
    assert caught.value.name == "test"
    assert [mistake.split(": ")[0] for mistake in caught.value.mistakes] == [
        "`extends`", "[[file]] no. 3", "[policy]",
        "rules are written [[key]], with two brackets of policy 'base'",
        "[[file]] no. 2 of policy 'base'",
        "[policy] needs `name` and `version` of policy '(unnamed)'",
        "[[column]] no. 1 of policy '(unnamed)'",
    ]  # fmt: skip
    assert caught.value.mistakes[2].endswith("of policy 'base'")


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


def test_rules_come_before_those_of_the_policies_below() -> None:
    layers = [
        {**HEAD, "file": [{**FILE, "action": action}], "key": [{**KEY, "reason": action}],
         "column": [{**COLUMN, "reason": action, "fields": ["x", *more]}]}
        for action, more in (("withhold", []), ("copy", ["y"]), ("scrub", ["y", "z"]))
    ]  # fmt: skip
    policy = compile_policy(layers[0], field_schemas(), below=layers[1:])
    assert [rule.decision for rule in policy.files] == ["withhold", "copy", "scrub"]
    assert policy.key_rule("image", "EchoTime").reason == "withhold"
    assert [policy.column_rule("events", name).reason for name in "xyz"] == [
        "withhold", "copy", "scrub",
    ]  # fmt: skip


def test_an_identifier_is_told_once_for_each_paragraph_in_the_order_of_the_lowest() -> None:
    below = {**HEAD, "identifier": [{**IDENTIFIER, "paragraph": p} for p in ("(A)", "(B)", "(C)")]}
    own = [{**IDENTIFIER, "paragraph": p, "how": "Ours.", "reason": "r"} for p in ("(D)", "(B)")]
    policy = compile_policy({**HEAD, "identifier": own}, field_schemas(), below=[below])
    assert [(row.paragraph, row.how) for row in policy.identifiers] == [
        ("(D)", "Ours."), ("(A)", "They go."), ("(B)", "Ours."), ("(C)", "They go."),
    ]  # fmt: skip
    assert policy.identifiers[1] == Identifier("(A)", "Names", ("tables",), "They go.")
    assert policy.identifiers[2].reason == "r"
    assert compiled().identifiers == ()


def test_a_digest_tells_rules_not_files() -> None:
    rows = [FILE, {**FILE, "path": "a"}]
    one = compiled(file=rows).digest
    base = {"policy": {"name": "b", "version": "2"}, "file": rows[1:]}
    layered = compile_policy({**HEAD, "file": rows[:1]}, field_schemas(), below=[base])
    described = {**HEAD["policy"], "description": "d", "extends": "b"}
    assert one == layered.digest == compiled(policy=described, file=rows).digest
    assert one != compiled(file=rows[::-1]).digest
    assert one != compiled(file=rows, identifier=[IDENTIFIER]).digest
    assert one != compiled(policy={**HEAD["policy"], "version": "2"}, file=rows).digest


def test_quasi_identifiers_are_columns_that_say_so() -> None:
    policy = compiled(
        column=[
            {**COLUMN, "table": ["participants", "sessions"], "fields": "age", "quasi": True},
            {**COLUMN, "table": "participants", "fields": ["site", "age"], "quasi": True},
            {**COLUMN, "table": "participants", "fields": "mood", "quasi": False},
        ]
    )
    assert policy.quasi_columns("participants") == {"age", "site"}
    assert policy.quasi_columns("sessions") == {"age"}
    assert policy.quasi_columns("events") == frozenset()
    assert not policy.column_rule("participants", "mood").quasi
    default = default_policy()
    assert default.quasi_columns("participants") == {"age", "sex", "handedness", "group"}
    assert default.quasi_columns("sessions") == {"age", "pathology"}


def test_quasi_identifiers_may_be_kept_in_one_table_only() -> None:
    default = default_policy()
    policy = default.quasi_only_in("participants")
    assert policy.quasi_columns("participants") == default.quasi_columns("participants")
    assert not policy.quasi_columns("sessions")
    for column in ("age", "pathology"):
        assert policy.column_rule("sessions", column).kind == "drop"
    assert policy.column_rule("participants", "age") == default.column_rule("participants", "age")
    assert policy.column_rule("sessions", "acq_time").kind == "date"


def test_a_dropped_field_says_whom_its_values_identify() -> None:
    policy = compiled(key=[{**KEY, "action": "drop", "identity": word, "fields": word}
                           for word in sorted(IDENTITIES)])  # fmt: skip
    assert {policy.key_rule("image", word).identity for word in IDENTITIES} == IDENTITIES
    assert compiled(key=[KEY]).key_rule("image", "EchoTime").identity == ""
    assert {*Identity} == IDENTITIES, "the words that the harvest knows"


@pytest.mark.parametrize(
    ("identity", "fields"),
    [
        ("person", "PatientName"),
        ("record", "PatientID OtherPatientIDs AccessionNumber StudyID DeviceSerialNumber"),
        ("record", "StudyInstanceUID SeriesInstanceUID"),
        ("staff", "ReferringPhysicianName OperatorsName PerformingPhysicianName"),
        ("place", "InstitutionName InstitutionAddress InstitutionalDepartmentName StationName"),
        ("", "PatientBirthDate PatientSex PatientAge PatientWeight StudyDescription Dosage"),
        ("", "AcquisitionTime ImageComments EchoTime NoSuchField"),
    ],
)
@pytest.mark.parametrize("name", policy_names())
def test_packaged_policies_say_whom_fields_identify(name: str, identity: str, fields: str) -> None:
    policy = load_policy(name)
    assert {policy.key_rule("image", key).identity for key in fields.split()} == {identity}


def test_a_mask_is_the_image_s_own_if_nothing_else_is_said() -> None:
    said = [{}, *({"mask": str(mask)} for mask in MaskFrom)]
    rows = [{**FILE, "action": "deface", **mask} for mask in said]
    assert [rule.mask for rule in compiled(file=rows).files] == [
        MaskFrom.OWN, MaskFrom.OWN, MaskFrom.ACQUISITION, MaskFrom.EITHER, MaskFrom.SESSION,
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


def test_a_rule_may_count_only_where_every_image_is_treated_as_a_face() -> None:
    rows = [{"action": "deface", "reason": "r", "path": "x*", "deface_all": True},
            {**FILE, "action": "withhold"}]  # fmt: skip
    plain = compiled(file=rows)
    strict = replace(plain, deface_all=True)
    for policy, decision in ((plain, Decision.WITHHOLD), (strict, Decision.DEFACE)):
        assert policy.file_rule(PurePosixPath("x"), None, None).decision is decision
        assert policy.file_rule(PurePosixPath("y"), None, None).decision is Decision.WITHHOLD


PET = {
    "sub-01/pet/sub-01_pet.nii.gz": Decision.DEFACE,
    "sub-01/ses-1/pet/sub-01_ses-1_trc-x_rec-y_run-1_pet.nii": Decision.DEFACE,
    "sub-01/pet/sub-01_pet.json": Decision.SCRUB,
    "sub-01_pet.json": Decision.WITHHOLD,  # no name of BIDS
    "task-rest_pet.json": Decision.SCRUB,
    "sub-01/pet/sub-01_recording-manual_blood.tsv": Decision.WITHHOLD,
    "sub-01/pet/sub-01_recording-manual_blood.json": Decision.WITHHOLD,
    "sub-01/pet/sub-01_task-rest_events.tsv": Decision.WITHHOLD,
    "sub-01/pet/sub-01_photo.jpg": Decision.WITHHOLD,
    "sub-01/pet/sub-01_T1w.nii.gz": Decision.WITHHOLD,
    "sub-01/pet/sub-01_pet.img": Decision.WITHHOLD,
    "sub-01/pet/notes.txt": Decision.WITHHOLD,
}


@pytest.mark.parametrize("name", policy_names())
@pytest.mark.parametrize("path", PET)
def test_pet_is_released_only_where_every_image_is_treated_as_a_face(name: str, path: str) -> None:
    image = source_file("sub-99/anat/sub-99_T1w.nii.gz")
    index = index_of([image, source_file(path)])
    plain, strict = (
        next(a for a in build_plan(index, load_policy(name, deface_all=flag))
             if a.path == PurePosixPath(path))
        for flag in (False, True)
    )  # fmt: skip
    assert (plain.decision, plain.failure) == (Decision.WITHHOLD, False)
    assert strict.decision is PET[path]
    if strict.decision is Decision.DEFACE:
        assert strict.mask is MaskFrom.SESSION


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


def withheld_because(path: str) -> str:
    """Return why the default policy withholds a file; it must be a decision, not a failure."""
    image = source_file("sub-99/anat/sub-99_T1w.nii.gz")
    plan = build_plan(index_of([image, source_file(path)]), default_policy())
    (action,) = (action for action in plan if action.path == PurePosixPath(path))
    assert (action.decision, action.failure) == (Decision.WITHHOLD, False)
    return action.reason


#: One kind of file a row: each is withheld for a reason of its own.
KINDS = [
    ["sub-01/pet/sub-01_pet.nii.gz", "sub-01/pet/sub-01_pet.json", "sub-01_pet.json",
     "sub-01/pet/sub-01_recording-manual_blood.tsv"],
    ["sub-01/eeg/sub-01_task-a_eeg.edf", "sub-01/eeg/sub-01_task-a_events.tsv", "task-a_eeg.json",
     "sub-01/ses-1/eeg/sub-01_ses-1_task-a_eeg.vhdr", "sub-01/eeg/notes.txt"],
    ["sub-01/ieeg/sub-01_task-a_ieeg.edf", "sub-01/ieeg/sub-01_task-a_ieeg.mefd/x.segd/x.tdat"],
    ["sub-01/meg/sub-01_task-a_meg.fif", "sub-01/meg/sub-01_task-a_meg.ds/x.res4"],
    ["sub-01/nirs/sub-01_task-a_nirs.snirf", "task-a_nirs.json"],
    ["sub-01/emg/sub-01_task-a_emg.edf"],
    ["sub-01/motion/sub-01_task-a_tracksys-b_motion.tsv"],
    ["sub-01/micr/sub-01_sample-a_SEM.png", "sub-01/micr/sub-01_sample-a_SEM.ome.tif"],
    ["sub-01/mrs/sub-01_svs.nii.gz", "sub-01/mrs/sub-01_mrsref.json", "acq-a_svs.json"],
    ["sub-01/beh/sub-01_task-a_beh.tsv", "sub-01/beh/sub-01_task-a_physio.tsv.gz"],
    ["sub-01/eeg/sub-01_photo.jpg", "sub-01/ieeg/sub-01_acq-a_photo.jpg"],
    ["sub-01/perf/sub-01_asllabeling.jpg"],
    ["sub-01/meg/sub-01_headshape.pos"],
    ["sub-01/ieeg/sub-01_electrodes.tsv", "sub-01/nirs/sub-01_optodes.tsv"],
    ["sub-01/eeg/sub-01_coordsystem.json", "sub-01/meg/sub-01_coordsystem.json"],
    ["sub-01/eeg/sub-01_task-a_channels.tsv"],
    ["phenotype/mood.tsv", "phenotype/mood.json"],
    ["stimuli/face.png"],
    ["code/run.sh"],
    ["docs/consent.pdf"],
    ["logs/console.log"],
    ["sourcedata/sub-01/pet/scan.dcm"],
    ["derivatives/x/sub-01/eeg/sub-01_eeg.json"],
]  # fmt: skip


def test_each_kind_of_file_is_withheld_for_a_reason_of_its_own() -> None:
    reasons = [{withheld_because(path) for path in paths} for paths in KINDS]
    assert [len(group) for group in reasons] == [1] * len(KINDS)
    assert len(set.union(*reasons)) == len(KINDS)
    assert "no rule names this kind of file" not in set.union(*reasons)


def test_no_rule_of_the_default_policy_is_in_the_shade_of_another() -> None:
    for number, rule in enumerate(default_policy().files):
        for earlier in default_policy().files[:number]:
            assert (rule.path, rule.datatype, rule.suffix, rule.extension, rule.entity) != (
                earlier.path, earlier.datatype, earlier.suffix, earlier.extension, earlier.entity
            )  # fmt: skip


def test_a_policy_of_one_s_own_may_release_a_table_of_the_phenotype() -> None:
    own = {
        **HEAD,
        "file": [{"action": "scrub", "reason": "r", "path": ["phenotype/mood_scale.tsv"]}],
        "column": [{**COLUMN, "table": "mood_scale", "fields": "score", "kind": "number"}],
    }
    below = tomllib.loads(policy_text("default"))
    policy = compile_policy(own, field_schemas(), below=[below])
    for path, decision in (
        ("phenotype/mood_scale.tsv", Decision.SCRUB),
        ("phenotype/mood.tsv", Decision.WITHHOLD),
    ):
        file = source_file(path)
        assert policy.file_rule(file.path, file.name, file.datatype).decision is decision
    assert policy.column_rule("mood_scale", "score").kind == "number"
    assert policy.column_rule("mood_scale", "interviewer").kind == "drop"


# ── what BIDS requires ───────────────────────────────────────────────────────────────────────

#: Required by rules for files that this version never releases.
NEVER_RELEASED = {
    "OnsetSource": "physioevents", "PlasmaAvail": "blood", "MetaboliteAvail": "blood",
    "WholeBloodAvail": "blood", "DispersionCorrected": "blood", "MetaboliteMethod": "blood",
    "MetaboliteRecoveryCorrectionApplied": "blood",
}  # fmt: skip


def required_fields() -> dict[str, str]:
    """Return each sidecar field that a rule for MRI or PET requires, with the rule's name."""
    schema = load_schema().to_dict()
    names = {key: entry["name"] for key, entry in schema["objects"]["metadata"].items()}
    found: dict[str, str] = {}
    groups = "mri anat func dwi fmap asl continuous events qmri pet".split()
    for group in groups:
        for title, rule in schema["rules"]["sidecars"].get(group, {}).items():
            for key, entry in rule.get("fields", {}).items():
                words = str(entry if isinstance(entry, str) else [*entry.values()])
                if "required" in words.casefold():
                    found.setdefault(names[key], f"{group}.{title}")
    return found


@pytest.mark.parametrize("name", policy_names())
@pytest.mark.parametrize(("key", "rule"), sorted(required_fields().items()))
def test_no_field_that_bids_requires_is_dropped(name: str, key: str, rule: str) -> None:
    if key in NEVER_RELEASED:
        return
    found = load_policy(name).key_rule("image", key)
    assert found.action in ("keep", "references", "columns", "replace"), rule
    assert found.required or found.action == "references", rule


def test_the_fields_that_bids_requires_are_found() -> None:
    assert {
        "TaskName", "RepetitionTime", "EchoTime1", "M0Type", "Columns", "RepetitionTimeExcitation",
        "PulseSequenceType", "TimeZero", "InfusionSpeed", "ReconFilterSize", "TracerName",
    } <= set(required_fields())  # fmt: skip


@pytest.mark.parametrize("name", policy_names())
@pytest.mark.parametrize(
    "key",
    ["InjectedMassPerWeight", "SpecificRadioactivityMeasTime", "MolarActivityMeasTime",
     "PharmaceuticalName", "Anaesthesia", "ScanDate", "InstitutionName"],
)  # fmt: skip
def test_what_a_pet_sidecar_tells_of_person_and_visit_is_dropped(name: str, key: str) -> None:
    assert load_policy(name).key_rule("image", key).action == "drop"


# ── the stricter policies ────────────────────────────────────────────────────────────────────

STRICTER = [name for name in policy_names() if name != "default"]

#: The more of a file goes, the higher.
STRICTNESS = {
    Decision.COPY: 0, Decision.SCRUB: 0, Decision.DEFACE: 1, Decision.SKULLSTRIP: 2,
    Decision.WITHHOLD: 3,
}  # fmt: skip


@pytest.mark.parametrize("name", STRICTER)
@given(file=source_files(), deface_all=st.booleans())
def test_a_stricter_policy_releases_no_file_that_the_default_withholds(
    name: str, file: SourceFile, *, deface_all: bool
) -> None:
    asked = (file.path, file.name, file.datatype)
    strict, default = (
        replace(policy, deface_all=deface_all).file_rule(*asked)
        for policy in (load_cached(name), default_policy())
    )
    assert STRICTNESS[strict.decision] >= STRICTNESS[default.decision]
    assert strict.tolerate <= default.tolerate


@pytest.mark.parametrize("name", STRICTER)
@pytest.mark.parametrize("path", ["README", "README.md", "CHANGES", "LICENSE", "CITATION.cff"])
def test_a_stricter_policy_searches_documents_for_no_less(name: str, path: str) -> None:
    strict, default = (
        policy.file_rule(PurePosixPath(path), None, None)
        for policy in (load_cached(name), default_policy())
    )
    assert (strict.decision, default.decision) == (Decision.COPY, Decision.COPY)
    assert strict.tolerate <= default.tolerate


@pytest.mark.parametrize("name", STRICTER)
def test_a_stricter_policy_keeps_no_field_or_column_that_the_default_drops(name: str) -> None:
    strict, default = load_cached(name), default_policy()
    for (scope, key), rule in strict.keys.items():
        other = default.key_rule(scope, key)
        assert rule.action in ("drop", other.action), key
        assert rule.tolerate <= other.tolerate, key
        assert rule.identity == other.identity, key
    allowed = {"date": {"date", "day", "drop"}, "text": {"text", "number", "choice", "drop"}}
    for (table, column), found in strict.columns.items():
        was = default.column_rule(table, column)
        assert found.kind in allowed.get(was.kind, {was.kind}), column
        assert found.quasi == (was.quasi and found.kind != "drop"), column


def load_cached(name: str) -> Policy:
    return _CACHE.setdefault(name, load_policy(name))


_CACHE: dict[str, Policy] = {}


@pytest.mark.parametrize(
    "key",
    ["ImageOrientationPatientDICOM", "ShimSetting", "TxRefAmp", "ImagingFrequency", "SAR",
     "TablePosition", "SeriesNumber", "SeriesDescription", "ProtocolName", "Instructions",
     "TaskDescription", "PulseSequenceDetails"],
)  # fmt: skip
def test_open_science_drops_fingerprints_and_typed_text(key: str) -> None:
    assert default_policy().key_rule("image", key).action == "keep"
    assert load_cached("open-science").key_rule("image", key).action == "drop"


def test_open_science_keeps_what_analyses_need() -> None:
    policy = load_cached("open-science")
    for key in ("TaskName", "AcquisitionVoxelSize", "SliceTiming", "Manufacturer"):
        assert policy.key_rule("image", key).action == "keep"
    assert {policy.column_rule(t, "acq_time").kind for t in ("scans", "sessions")} == {"day"}
    assert policy.column_rule("participants", "group").kind == "drop"
    assert policy.column_rule("sessions", "pathology").kind == "drop"
    assert policy.column_rule("events", "response").kind == "number"
    assert policy.column_rule("events", "stimulus").kind == "drop"
    assert policy.quasi_columns("participants") == {"age", "sex", "handedness"}


PARAGRAPHS = [f"({letter})" for letter in "ABCDEFGHIJKLMNOPQR"]


def test_safe_harbor_answers_for_all_eighteen_paragraphs() -> None:
    rows = load_cached("hipaa-safe-harbor").identifiers
    assert [row.paragraph for row in rows] == PARAGRAPHS
    assert all(row.what and row.where and row.how.endswith(".") for row in rows)
    assert "--relabel" in rows[-1].how
    assert not default_policy().identifiers


def test_each_rule_of_safe_harbor_names_its_paragraph() -> None:
    raw = tomllib.loads(policy_text("hipaa-safe-harbor"))
    reasons = [row["reason"] for table in ("file", "key", "column") for row in raw[table]]
    assert {reason[-3:] for reason in reasons} <= set(PARAGRAPHS)
    assert {"(A)", "(B)", "(C)", "(D)", "(H)", "(M)", "(P)", "(Q)", "(R)"} == {
        reason[-3:] for reason in reasons
    }


def test_safe_harbor_drops_dates_and_numbers_of_visits() -> None:
    policy = load_cached("hipaa-safe-harbor")
    assert {policy.column_rule(t, "acq_time").kind for t in ("scans", "sessions")} == {"drop"}
    assert "date" not in {rule.kind for rule in policy.columns.values()}
    assert policy.column_rule("participants", "age").kind == "age"
    for key in ("SeriesDescription", "ShimSetting", "SeriesNumber", "StudyInstanceUID"):
        assert policy.key_rule("image", key).action == "drop"
    assert policy.key_rule("dataset", "EthicsApprovals").action == "drop"
    image = source_file("sub-01/perf/sub-01_asl.nii.gz")
    assert policy.file_rule(image.path, image.name, "perf").decision is Decision.DEFACE
