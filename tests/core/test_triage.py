from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from math import inf, isfinite, nan

import numpy as np
import pytest

from bidsdeid.core.bounds import BRAIN_BOUNDS, FACE_BOUNDS, FACELESS_BOUNDS, Bound
from bidsdeid.core.braingates import BRAIN_GATES, BrainMetrics
from bidsdeid.core.estimate import Finding
from bidsdeid.core.facestyle import PARTS, FaceStyle
from bidsdeid.core.gates import GATES
from bidsdeid.core.ledger import Status
from bidsdeid.core.policy import Decision
from bidsdeid.core.proof import ProofJudge, ProofNumbers
from bidsdeid.core.removal import StripNumbers
from bidsdeid.core.triage import (
    FEW_ATTEMPTS,
    SEEN,
    Context,
    Triage,
    severity,
    triage,
    triage_together,
)
from bidsdeid.core.voxels import Affine, Bools, Floats, look_up
from bidsdeid.engines.red_team import Seen
from heads import Array, frame, move, person

GOOD = ProofNumbers(
    removed_voxels=80000, brain_voxels=0, brain_mm3=0, eyes_removed=1, nose_removed=1,
    mouth_removed=0.99, ears_removed=0, eyes_left=0.01, nose_left=0, mouth_left=0,
    face_before=0.9, head_removed=0.12, behind_removed=0, stray_removed=0.01,
    brain_distance_mm=5, likeness=0.7, off_mm=0, lead=0.3,
)  # fmt: skip
BRAIN: dict[str, float | None] = {
    "removed_voxels": 9e5, "lost_voxels": 0, "lost_mm3": 0, "outside_mm3": 0, "head_removed": 0.7,
    "volume_least": 1.4, "volume_most": 0.7, "whole": 1, "solid": 1, "in_head": 1, "skin": 0.004,
    "atlas_overlap": 0.96, "astray": 0,
}  # fmt: skip
STRIP = Context(decision="skullstrip", finding="a brain")
FACE = asdict(GOOD)
BOUNDS = [
    *((bound, FACE, Context()) for bound in FACE_BOUNDS),
    *((bound, FACE, Context(finding=Finding.DEFACED)) for bound in FACELESS_BOUNDS),
    *((bound, BRAIN, STRIP) for bound in BRAIN_BOUNDS),
]
each_bound = pytest.mark.parametrize(
    ("bound", "numbers", "context"), BOUNDS, ids=lambda x: x.number if isinstance(x, Bound) else ""
)


@pytest.mark.parametrize(("numbers", "context"), [(FACE, Context()), (BRAIN, STRIP)])
def test_a_good_result_passes(numbers: dict[str, float | None], context: Context) -> None:
    assert triage(numbers, context) == (Triage.PASS, ())
    assert severity(numbers, context) == 0


@each_bound
def test_every_bound_has_its_number_and_its_origin(
    bound: Bound, numbers: dict[str, float | None], context: Context
) -> None:
    assert bound.number in numbers
    assert bound.sentence
    assert bound.origin
    assert bound.bad[0] <= bound.fine[0] <= bound.fine[1] <= bound.bad[1]
    assert bound.per > 0
    assert context.decision in set(Decision)


@each_bound
def test_each_number_alone_asks_for_a_look_or_fails(
    bound: Bound, numbers: dict[str, float | None], context: Context
) -> None:
    base = severity(numbers, context)
    for edge, end, far in zip(bound.fine, bound.bad, (-inf, inf), strict=True):
        inside = triage({**numbers, bound.number: edge}, context)
        assert inside == triage(numbers, context)
        just = float(np.nextafter(edge, far))
        if isfinite(end) and isfinite(just):
            word, doubts = triage(
                {**numbers, bound.number: float(np.nextafter(end, far))}, context
            )
            assert word is Triage.FAIL
            assert doubts[0].startswith(bound.sentence)
            worse = severity(
                {**numbers, bound.number: end + np.sign(far) * 2 * bound.per}, context
            )
            assert worse == pytest.approx(3)
        if isfinite(edge) and edge != end:
            between = edge + (end - edge) / 2 if isfinite(end) else just
            word, doubts = triage({**numbers, bound.number: between}, context)
            assert word is Triage.LOOK
            assert any(doubt.startswith(bound.sentence) for doubt in doubts)
            assert base <= severity({**numbers, bound.number: between}, context) <= 1


@each_bound
@pytest.mark.parametrize("unknown", [nan, None])
def test_what_is_not_known_is_not_held_against_a_result(
    bound: Bound, numbers: dict[str, float | None], context: Context, unknown: float | None
) -> None:
    assert triage({**numbers, bound.number: unknown}, context) == triage(numbers, context)


def test_bounds_of_failure_are_not_looser_than_the_gates_where_they_are_the_gates() -> None:
    gates = {gate.metric: gate for gate in (*GATES, *BRAIN_GATES)}
    bounds = {bound.number: bound for bound in (*FACE_BOUNDS, *BRAIN_BOUNDS)}
    same = {"behind_removed", "atlas_overlap", "astray", "skin", "volume_least", "volume_most"}
    for name in same:
        assert bounds[name].bad == (gates[name].least, gates[name].most)
    assert bounds["head_removed"].bad == (
        gates["removed_share"].least,
        gates["removed_share"].most,
    )
    for part in ("eyes", "nose", "mouth"):
        assert bounds[f"{part}_removed"].bad[0] == gates[f"{part}_removed"].least


def test_numbers_of_brains_are_those_that_are_measured() -> None:
    measured = {*BrainMetrics.__slots__, *StripNumbers.__slots__}
    assert {bound.number for bound in BRAIN_BOUNDS} <= measured


def test_doubts_come_worst_first() -> None:
    numbers = {**FACE, "nose_removed": 0.2, "likeness": 0.26, "eyes_left": 0.5}
    word, doubts = triage(numbers, Context(sure=False))
    assert word is Triage.FAIL
    starts = ["the nose", "something is left before the eyes", "it passed its gates narrowly",
              "the image looks little"]  # fmt: skip
    assert [doubt.startswith(start) for doubt, start in zip(doubts, starts, strict=True)]
    assert doubts[0] == "the nose is not all gone: 0.2 (0.97 to 1)"


@pytest.mark.parametrize("part", ["eyes", "mouth"])
def test_an_atlas_s_own_mask_that_was_asked_for_is_looked_at(part: str) -> None:
    numbers = {**FACE, f"{part}_removed": 0.3, f"{part}_left": 0.6}
    assert triage(numbers, Context())[0] is Triage.FAIL
    assert triage(numbers, Context(as_given=True))[0] is Triage.LOOK
    assert triage({**FACE, "nose_removed": 0.3}, Context(as_given=True))[0] is Triage.FAIL


def test_an_image_of_a_session_need_not_look_like_an_atlas_but_its_place_must_be_right() -> None:
    numbers = {**FACE, "likeness": 0.1, "lead": -0.1, "face_before": 0.02, "head_removed": 0.004}
    assert triage(numbers, Context())[0] is Triage.FAIL
    assert triage(numbers, Context(carried=True)) == (Triage.PASS, ())
    for wrong in ({"off_mm": 30.0}, {"brain_mm3": 8.0}, {"nose_removed": 0.5}):
        assert triage({**numbers, **wrong}, Context(carried=True))[0] is Triage.FAIL


@pytest.mark.parametrize(
    "context",
    [Context(sure=False), Context(attempts=FEW_ATTEMPTS + 1),
     *(Context(finding=found) for found in Finding if found is not Finding.FACE)],
    ids=str,
)  # fmt: skip
def test_what_was_not_plain_is_looked_at(context: Context) -> None:
    word, doubts = triage(FACE, context)
    assert word is Triage.LOOK
    assert doubts
    assert 0 < severity(FACE, context) <= 1


@pytest.mark.parametrize("how", ["agreed", "carried"])
def test_a_second_way_that_agrees_makes_up_for_being_unsure(how: str) -> None:
    context = replace(Context(sure=False, attempts=FEW_ATTEMPTS), **{how: True})
    assert triage(FACE, context) == (Triage.PASS, ())


def test_what_was_carried_over_may_have_been_searched_for_long() -> None:
    context = Context(sure=False, carried=True, attempts=9)
    assert triage(FACE, context) == (Triage.PASS, ())


def test_what_was_not_measured_is_looked_at() -> None:
    for context in (Context(), STRIP, Context(finding=Finding.DEFACED), Context(finding="")):
        word, doubts = triage({}, context)
        assert word is Triage.LOOK
        assert "nothing of it was measured" in doubts


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [(0.0, Triage.PASS), (None, Triage.PASS), (0.15, Triage.LOOK), (0.6, Triage.FAIL)],
)
@pytest.mark.parametrize("part", PARTS)
def test_what_images_show_together_is_triaged_like_one(
    part: str, shown: float | None, wanted: Triage
) -> None:
    numbers = {**dict.fromkeys((f"{name}_visible" for name in PARTS), 0.0), "images": 3}
    word, doubts = triage_together({**numbers, f"{part}_visible": shown})
    assert word is wanted
    assert all(part in doubt for doubt in doubts)
    assert bool(doubts) is (wanted is not Triage.PASS)


def test_a_face_of_which_nothing_is_in_view_is_looked_at() -> None:
    unseen = {**FACE, "eyes_removed": None, "nose_removed": nan, "mouth_removed": None}
    assert triage(unseen, Context())[1] == ("no part of the face is in view",)


def test_every_word_of_the_face_detector_is_known() -> None:
    assert set(SEEN) == set(map(str, Seen))
    assert {word for word, found in SEEN.items() if found is not Triage.PASS} == {
        str(word) for word in Seen if word.bad
    }


@pytest.mark.parametrize(("word", "wanted"), [*SEEN.items(), ("something new", Triage.LOOK)])
@pytest.mark.parametrize("decision", ["deface", "skullstrip", "scrub"])
def test_a_face_that_a_detector_still_finds_is_a_failure(
    decision: str, word: str, wanted: Triage
) -> None:
    numbers = BRAIN if decision == "skullstrip" else FACE
    context = Context(decision=decision, seen={"front": Seen.GONE, "left": word})
    found, doubts = triage(numbers, context)
    assert found is wanted
    assert all("left" in doubt and word in doubt for doubt in doubts)


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (Context(status=Status.FAILURE), Triage.LOOK),
        (Context(status=Status.POLICY), Triage.PASS),
        (Context(decision="scrub"), Triage.PASS),
        (Context(decision="copy"), Triage.PASS),
    ],
)
def test_what_was_not_defaced_is_not_asked_for_numbers(context: Context, wanted: Triage) -> None:
    for numbers in ({}, {**FACE, "eyes_left": 0.9, "brain_mm3": 5.0}):
        assert triage(numbers, context)[0] is wanted


def test_a_face_that_was_said_to_be_gone_and_is_not_is_a_failure() -> None:
    whole = {**FACE, "eyes_left": 0.8, "nose_left": 0.8, "mouth_left": 0.9}
    for finding in (Finding.DEFACED, Finding.ELSEWHERE, Finding.STRIPPED):
        assert triage(whole, Context(finding=finding))[0] is Triage.FAIL
    brow = {**FACE, "eyes_left": 0.8, "nose_left": None, "mouth_left": None}
    assert triage(brow, Context(finding=Finding.ELSEWHERE))[0] is Triage.LOOK


# Results that went wrong on purpose, on pydeface's head; many more, on more heads, are in
# benchmarks/triage.py.


@lru_cache(maxsize=1)
def proof_judge() -> ProofJudge:
    return ProofJudge(frame())


@lru_cache(maxsize=1)
def subject() -> tuple[Floats, Affine]:
    return person(zoom=3.0, noise=5)


def mask_for(to_atlas: Affine) -> Bools:
    """Return what goes if the subject's head is believed to lie there."""
    volume, affine = subject()
    seen = frame().view_of(volume, affine, to_atlas).sure_head()
    region = frame().region(seen, FaceStyle())
    return look_up(region, frame().affine, volume.shape, affine, to_atlas)


def mask(moved: Array | None = None) -> Bools:
    """Return the right mask, moved."""
    volume, affine = subject()
    seen = frame().view_of(volume, affine, np.eye(4)).sure_head()
    region = frame().region(seen, FaceStyle())
    to_atlas = np.eye(4) if moved is None else np.linalg.inv(moved)
    return look_up(region, frame().affine, volume.shape, affine, to_atlas)


def cut(away: int) -> Bools:
    """Return the right mask with a centimetre of brain, from its front or its top."""
    volume, affine = subject()
    brain = look_up(frame().brain, frame().affine, volume.shape, affine, np.eye(4))
    index = np.argwhere(brain)
    outer = index[index[:, away] > index[:, away].max() - 10 / 3]
    remove = mask()
    remove[tuple(outer.T)] = True
    return remove


def half(axis: int, *, upper: bool) -> Bools:
    remove = mask()
    index = np.argwhere(remove & (subject()[0] > 100))
    middle = int(np.median(index[:, axis]))
    part = slice(None, middle) if upper else slice(middle, None)
    remove[(*[slice(None)] * axis, part)] = False
    return remove


def wrong_masks() -> Iterator[tuple[str, Bools]]:
    ways = {"right": (20, 0, 0), "forward": (0, 20, 0), "back": (0, -20, 0), "up": (0, 0, 20),
            "down": (0, 0, -20)}  # fmt: skip
    for name, way in ways.items():
        yield f"moved {name}", mask(move(shift=way))
    yield "turned back to front", np.flip(mask(), 1)
    yield "turned upside down", np.flip(mask(), 2)
    yield "axes x and y swapped", mask().transpose(1, 0, 2)
    yield "axes y and z swapped", mask().transpose(0, 2, 1)
    yield "untouched", np.zeros_like(mask())
    yield "frontal pole cut", cut(1)
    yield "vertex cut", cut(2)
    yield "upper half only", half(2, upper=True)
    yield "lower half only", half(2, upper=False)
    yield "one side only", half(0, upper=True)


WRONG = dict(wrong_masks())


def of_mask(remove: Bools, to_atlas: Affine | None = None) -> ProofNumbers:
    volume, affine = subject()
    after = np.where(remove, np.float32(0), volume)
    place = np.eye(4) if to_atlas is None else to_atlas
    return proof_judge().measure(volume, after, affine, place).numbers


@pytest.mark.parametrize("name", WRONG)
def test_a_mask_that_went_wrong_on_its_way_fails(name: str) -> None:
    word, doubts = triage(asdict(of_mask(WRONG[name])), Context())
    assert word is Triage.FAIL, doubts


@pytest.mark.parametrize(
    "wrong",
    [move(shift=(0, 20, 0)), move(shift=(0, 0, 20)), move(shift=(0, 0, -20)), move(pitch=25),
     move(shift=(20, 0, 0)), move(yaw=180)],
    ids=["forward", "up", "down", "nodding", "sideways", "backwards"],
)  # fmt: skip
def test_the_place_of_another_head_fails(wrong: Array) -> None:
    word, doubts = triage(asdict(of_mask(mask_for(wrong), wrong)), Context())
    assert word is Triage.FAIL, doubts


def test_a_series_of_which_one_volume_was_done_fails() -> None:
    volume, affine = subject()
    before = np.stack([volume] * 3, axis=-1)
    after = before.copy()
    after[mask(), 0] = 0
    numbers = proof_judge().measure(before, after, affine, np.eye(4)).numbers
    assert triage(asdict(numbers), Context())[0] is Triage.FAIL


def test_the_right_mask_passes_and_ranks_better_than_any_wrong_one() -> None:
    good = asdict(of_mask(mask()))
    assert triage(good, Context()) == (Triage.PASS, ())
    wrong = [
        severity(asdict(of_mask(WRONG[name])), Context()) for name in ("untouched", "moved up")
    ]
    assert min(wrong) > 1 > severity(good, Context())


@pytest.mark.parametrize(
    ("moved", "inverted", "noise"),
    [(move(pitch=20, yaw=-10), False, 20), (move(roll=12, size=0.93), True, 0),
     (move(shift=(30, -40, 20), size=(0.96, 1.06, 1.0)), False, 5)],
)  # fmt: skip
def test_good_results_on_other_heads_are_no_failures(
    moved: Array,
    inverted: bool,  # noqa: FBT001 -- a parameter of the test
    noise: float,
) -> None:
    volume, affine = person(moved, zoom=2.5, noise=noise, inverted=inverted)
    to_atlas = np.linalg.inv(moved)
    seen = frame().view_of(volume, affine, to_atlas).sure_head()
    region = frame().region(seen, FaceStyle())
    remove = look_up(region, frame().affine, volume.shape, affine, to_atlas)
    after = np.where(remove, np.float32(0), volume)
    numbers = proof_judge().measure(volume, after, affine, to_atlas).numbers
    word, doubts = triage(asdict(numbers), Context())
    assert word is Triage.PASS, doubts


def test_a_brain_that_lost_a_part_fails() -> None:
    assert triage({**BRAIN, "lost_voxels": 1.0}, STRIP)[0] is Triage.FAIL
    assert triage({**BRAIN, "outside_mm3": 1000.0}, STRIP)[0] is Triage.FAIL
    assert triage({**BRAIN, "atlas_overlap": 0.935}, STRIP)[0] is Triage.LOOK
    assert replace(STRIP, sure=False) != STRIP
