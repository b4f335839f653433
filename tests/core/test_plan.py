from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.dataset import SourceFile, State
from bidsdeid.core.plan import Action, Kind, Plan, build_plan
from bidsdeid.core.policy import Decision, MaskFrom
from bidsdeid.core.selection import Selection
from bidsdeid.errors import NothingSelectedError
from strategies import default_policy, index_of, source_file, source_files

#: An image that is always released, so that a plan exists.
IMAGE = source_file("sub-99/anat/sub-99_T1w.nii.gz")
NO_RULES = replace(default_policy(), files=())


def plan_of(*files: SourceFile, selection: Selection | None = None) -> Plan:
    return build_plan(index_of([IMAGE, *files]), default_policy(), selection or Selection())


def action_for(path: str, state: State = State.FILE, **selection: object) -> Action:
    other = source_file("sub-99/dwi/sub-99_dwi.nii.gz")
    plan = plan_of(other, source_file(path, state), selection=Selection(**selection))  # type: ignore[arg-type]
    return next(action for action in plan if action.path == PurePosixPath(path))


FILES = st.lists(source_files(), max_size=12, unique_by=lambda file: file.path)


@given(FILES)
def test_every_file_gets_exactly_one_action(files: list[SourceFile]) -> None:
    plan = plan_of(*files)
    assert Counter(action.file for action in plan) == Counter([IMAGE, *files])
    assert sum(plan.counts().values()) == len(files) + 1
    assert all(action.reason for action in plan)


@given(FILES, st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter(
    files: list[SourceFile], random: st.DataObject
) -> None:
    before = {action.path: action for action in plan_of(*files)}
    random.shuffle(files)  # type: ignore[attr-defined]
    assert {action.path: action for action in plan_of(*files)} == before


@given(FILES)
def test_only_regular_files_are_released(files: list[SourceFile]) -> None:
    for action in plan_of(*files):
        assert action.decision is Decision.WITHHOLD or action.file.state is State.FILE
        assert not action.failure or action.decision is Decision.WITHHOLD


@given(FILES)
def test_a_policy_without_rules_withholds_everything(files: list[SourceFile]) -> None:
    with pytest.raises(NothingSelectedError):
        build_plan(index_of([IMAGE, *files]), NO_RULES)


@pytest.mark.parametrize(
    ("path", "kind", "decision"),
    [
        ("sub-01/anat/sub-01_T1w.nii.gz", Kind.IMAGE, Decision.DEFACE),
        ("sub-01/anat/sub-01_acq-x_run-1_FLAIR.nii", Kind.IMAGE, Decision.DEFACE),
        ("sub-01/fmap/sub-01_magnitude1.nii.gz", Kind.IMAGE, Decision.DEFACE),
        ("sub-01/fmap/sub-01_phasediff.nii.gz", Kind.IMAGE, Decision.SCRUB),
        ("sub-01/func/sub-01_task-a_bold.nii.gz", Kind.IMAGE, Decision.SCRUB),
        ("sub-01/func/sub-01_task-a_events.tsv", Kind.TABLE, Decision.SCRUB),
        ("sub-01/func/sub-01_task-a_physio.tsv.gz", Kind.SIGNAL, Decision.SCRUB),
        ("sub-01/dwi/sub-01_dwi.bval", Kind.NUMBERS, Decision.COPY),
        ("sub-01/anat/sub-01_T1w.json", Kind.JSON, Decision.SCRUB),
        ("T1w.json", Kind.JSON, Decision.SCRUB),
        ("dataset_description.json", Kind.JSON, Decision.SCRUB),
        ("README", Kind.DOCUMENT, Decision.COPY),
        ("sub-01/anat/sub-01_defacemask.nii.gz", Kind.IMAGE, Decision.WITHHOLD),
        ("sub-01/anat/sub-01_part-phase_T2starw.nii.gz", Kind.IMAGE, Decision.DEFACE),
        ("sub-01/anat/sub-01_angio.nii.gz", Kind.IMAGE, Decision.DEFACE),
        ("sub-01/anat/sub-01_T1map.nii.gz", Kind.IMAGE, Decision.DEFACE),
        ("sub-01/fmap/sub-01_TB1map.nii.gz", Kind.IMAGE, Decision.DEFACE),
        ("sub-01/anat/Jane.nii.gz", Kind.DOCUMENT, Decision.WITHHOLD),
        ("sub-01/eeg/sub-01_task-a_eeg.json", Kind.JSON, Decision.WITHHOLD),
        ("sub-01/meg/sub-01_task-a_events.json", Kind.JSON, Decision.WITHHOLD),
        ("sub-01/.DS_Store", Kind.DOCUMENT, Decision.WITHHOLD),
        ("sourcedata/sub-01/anat/sub-01_T1w.nii.gz", Kind.DOCUMENT, Decision.WITHHOLD),
        ("derivatives/x/T1w.json", Kind.JSON, Decision.WITHHOLD),
        ("phenotype/interview.tsv", Kind.TABLE, Decision.WITHHOLD),
        ("scan.dcm", Kind.DOCUMENT, Decision.WITHHOLD),
        ("sub-01", Kind.DOCUMENT, Decision.WITHHOLD),
    ],
)
def test_what_the_default_policy_does(path: str, kind: Kind, decision: Decision) -> None:
    action = action_for(path)
    assert (action.kind, action.decision, action.failure) == (kind, decision, False)


@pytest.mark.parametrize(
    ("path", "mask"),
    [
        ("anat/sub-01_T1w.nii.gz", MaskFrom.OWN),
        ("anat/sub-01_part-mag_T2starw.nii.gz", MaskFrom.OWN),
        ("anat/sub-01_part-phase_T2starw.nii.gz", MaskFrom.ACQUISITION),
        ("anat/sub-01_inv-1_part-imag_MP2RAGE.nii.gz", MaskFrom.ACQUISITION),
        ("anat/sub-01_inv-1_MP2RAGE.nii.gz", MaskFrom.OWN),
        ("anat/sub-01_UNIT1.nii.gz", MaskFrom.EITHER),
        ("anat/sub-01_T1map.nii.gz", MaskFrom.ACQUISITION),
        ("fmap/sub-01_TB1map.nii.gz", MaskFrom.ACQUISITION),
        ("fmap/sub-01_magnitude1.nii.gz", MaskFrom.OWN),
    ],
)
def test_what_does_not_show_a_head_takes_the_mask_of_its_acquisition(
    path: str, mask: MaskFrom
) -> None:
    action = action_for(f"sub-01/{path}")
    assert (action.decision, action.mask) == (Decision.DEFACE, mask)


@pytest.mark.parametrize("deface_all", [False, True])
@pytest.mark.parametrize(
    ("path", "decision"),
    [
        ("anat/sub-01_T1w.nii.gz", Decision.SKULLSTRIP),
        ("anat/sub-01_part-phase_T2starw.nii.gz", Decision.SKULLSTRIP),
        ("anat/sub-01_T1map.nii.gz", Decision.SKULLSTRIP),
        ("anat/sub-01_T1w.json", Decision.SCRUB),
        ("anat/sub-01_defacemask.nii.gz", Decision.WITHHOLD),
        ("fmap/sub-01_magnitude1.nii.gz", Decision.DEFACE),
        ("fmap/sub-01_TB1map.nii.gz", Decision.DEFACE),
        ("func/sub-01_task-a_bold.nii.gz", None),
        ("dwi/sub-01_dwi.nii.gz", None),
    ],
)
def test_skulls_are_stripped_of_anatomicals_only(
    path: str, decision: Decision | None, *, deface_all: bool
) -> None:
    policy = replace(default_policy(), skullstrip=True, deface_all=deface_all)
    plain = replace(policy, skullstrip=False)
    wanted = source_file(f"sub-01/{path}")
    stripped, defaced = (
        next(action for action in build_plan(index_of([IMAGE, wanted]), rules)
             if action.file == wanted)
        for rules in (policy, plain)
    )  # fmt: skip
    other = Decision.DEFACE if deface_all else Decision.SCRUB
    assert stripped.decision is (decision or other)
    assert replace(stripped, decision=defaced.decision) == defaced


def test_an_image_without_a_rule_of_its_mask_takes_its_own() -> None:
    assert action_for("sub-01/anat/sub-01_defacemask.nii.gz").mask is MaskFrom.OWN
    assert action_for("README").mask is MaskFrom.OWN


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        (State.FILE, False),
        (State.HIDDEN_FOLDER, False),
        (State.BROKEN_LINK, False),
        (State.SPECIAL, False),
        (State.FOLDER_LINK, True),
        (State.UNREADABLE, True),
    ],
)
def test_what_no_rule_names_is_a_failure_only_if_it_may_hide_more(
    state: State, *, failure: bool
) -> None:
    assert action_for("sub-01/strange", state).failure is failure


@pytest.mark.parametrize("state", [state for state in State if state is not State.FILE])
def test_what_the_policy_names_and_cannot_be_had_is_a_failure(state: State) -> None:
    action = action_for("sub-01/anat/sub-01_T1w.nii.gz", state)
    assert (action.decision, action.failure) == (Decision.WITHHOLD, True)
    assert action.reason == str(state)


T1W = "sub-01/ses-a/anat/sub-01_ses-a_acq-hi_T1w.nii.gz"
BOLD = "sub-01/func/sub-01_task-rest_bold.nii.gz"


@pytest.mark.parametrize(
    ("path", "filters", "selected"),
    [
        (T1W, {"t1w": {"acquisition": "hi"}}, True),
        (T1W, {"t1w": {"acquisition": "lo"}}, False),
        (T1W, {"t1w": {"acquisition": ["lo", "HI"]}}, True),
        (T1W, {"t1w": {"acquisition": None}}, False),
        (T1W, {"t1w": {"acquisition": "*", "reconstruction": "*"}}, True),
        (T1W, {"t1w": {"session": "b"}}, False),
        (T1W, {"t1w": {"run": 1}}, False),
        (T1W, {"anything": {"suffix": "T1w", "acq": "lo"}}, False),
        (T1W, {"anything": {"suffix": "T1w", "datatype": "func", "acq": "lo"}}, True),
        (T1W, {"bold": {"acquisition": "lo"}}, True),
        (T1W, {"anat": {"acquisition": "lo"}}, False),
        (T1W, {"anything": {"datatype": "anat", "acquisition": "lo"}}, False),
        (T1W, {"fmap": {"datatype": "fmap", "acquisition": "lo"}}, True),
        (BOLD, {"bold": {"task": "rest"}, "t1w": {"acquisition": "lo"}}, True),
        (BOLD, {"bold": {"task": "nback"}}, False),
        ("README", {"bold": {"task": "nback"}}, True),
    ],
)
def test_filters(path: str, filters: dict[str, dict[str, object]], *, selected: bool) -> None:
    action = action_for(path, filters=filters)
    assert (action.decision is not Decision.WITHHOLD) is selected
    assert action.failure is False


def test_sessions_and_participants_that_are_not_asked_for() -> None:
    other = source_file(T1W.replace("ses-a", "ses-b"))
    chosen = plan_of(
        source_file(T1W), source_file(BOLD), other, selection=Selection(sessions={"b"})
    )
    decisions = {str(action.path): action.decision for action in chosen}
    assert decisions[T1W] is Decision.WITHHOLD
    assert decisions[BOLD] is Decision.WITHHOLD, "an image without session is of another one"
    assert decisions[str(other.path)] is Decision.DEFACE
    with pytest.raises(NothingSelectedError):
        action_for(T1W, sessions={"a", "c"})
    with pytest.raises(NothingSelectedError):
        action_for(T1W, filters={"t1": {"acquisition": "hi"}})
    plan = plan_of(source_file(BOLD), selection=Selection(participants={"99"}))
    assert list(plan.participants) == ["99"]


def test_a_label_that_does_not_exist_is_not_repeated() -> None:
    with pytest.raises(NothingSelectedError) as caught:
        plan_of(selection=Selection(participants={"Jane"}))
    assert "Jane" not in str(caught.value)
    assert caught.value.exit_code == 18
