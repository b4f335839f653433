from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.estimate import Head
from bidsdeid.core.voxels import Affine, Bools, Stored
from bidsdeid.errors import EngineError, FaceError
from bidsdeid.run.brain_cascade import BrainStep
from bidsdeid.run.brains import BrainFinder
from brain_heads import brain_in
from session_heads import Grid, Mask, Pose, volume
from session_scans import scan

ITEM = scan("anat/T1w", grid=Grid(zooms=(3.0, 3.0, 3.0)))
SMALL = scan("anat/T1w", grid=Grid(zooms=(3.0, 3.0, 3.0)), pose=Pose(size=(0.7, 0.7, 0.7)))
SHAPE = ITEM.scene.core.shape


@dataclass(frozen=True, eq=False)
class Told:
    """An engine that answers what it is told to."""

    marked: Mask | None = None
    words: str = ""

    def missing(self) -> tuple[str, ...]:
        return ()

    def version(self) -> str:
        return "told"

    def find(self, volume: Stored, affine: Affine, work_dir: Path) -> Bools:  # noqa: ARG002
        if self.marked is None:
            raise EngineError(self.words)
        return self.marked


@cache
def brain() -> Mask:
    return brain_in(ITEM.scene)


def lower(voxels: int) -> Mask:
    """Return the brain, as if it lay that much lower in the head: it has a brain's shape."""
    return np.roll(brain(), -voxels, axis=2)


def found_in(item: Any, *steps: BrainStep, months: float | None = None) -> BrainEstimate:  # noqa: ANN401
    data, affine = np.asarray(volume(item).dataobj), item.scene.affine
    return BrainFinder(steps, Path()).find(data, affine, Head.of(data, affine), months)


def found(*steps: BrainStep, months: float | None = None) -> BrainEstimate:
    return found_in(ITEM, *steps, months=months)


def refused(*steps: BrainStep, months: float | None = None) -> FaceError:
    with pytest.raises(FaceError) as caught:
        found(*steps, months=months)
    assert [a.method for a in attempts(caught.value)] == [step.words for step in steps]
    return caught.value


def attempts(problem: FaceError) -> tuple[Any, ...]:
    return problem.attempts


def step(words: str, marked: Mask | None, **more: Any) -> BrainStep:  # noqa: ANN401
    """Return a step of the family that its first letter names."""
    return BrainStep(words, words[0], Told(marked, f"{words} has no answer"), **more)


def methods(estimate: BrainEstimate) -> list[tuple[str, bool]]:
    return [(attempt.method, not attempt.failed) for attempt in estimate.attempts]


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    """No mask is sure: a second family must agree."""
    monkeypatch.setattr("bidsdeid.run.brains.is_sure_brain", lambda _: False)


def test_the_first_that_is_sure_wins_and_no_other_is_asked() -> None:
    estimate = found(step("a", brain(), alone=True), step("b", None), step("c", None, alone=True))
    assert methods(estimate) == [("a", True)]
    assert estimate.method == "a"
    assert np.array_equal(estimate.brain_on(SHAPE, ITEM.scene.affine), brain())
    assert np.array_equal(estimate.remove_on(SHAPE, ITEM.scene.affine), ~brain())
    assert estimate.metrics.volume_ml == pytest.approx(brain().sum() * 0.027)
    assert estimate.attempts[0].metrics["volume_ml"] == pytest.approx(brain().sum() * 0.027)


def test_what_one_engine_does_not_find_the_next_does() -> None:
    estimate = found(step("a", None, alone=True), step("b", brain(), alone=True))
    assert methods(estimate) == [("a", False), ("b", True)]
    assert estimate.attempts[0].failed == ("a has no answer",)


def test_a_mask_that_fails_its_gates_is_recorded_with_its_numbers() -> None:
    half = brain() & (np.arange(SHAPE[0]) < 32)[:, None, None]
    estimate = found(step("a", half, alone=True), step("b", brain(), alone=True))
    assert methods(estimate) == [("a", False), ("b", True)]
    assert "it has not the shape of a brain" in estimate.attempts[0].failed
    assert estimate.attempts[0].metrics["atlas_overlap"] < 0.93


def test_a_witness_that_agrees_confirms() -> None:
    like = ndimage.binary_erosion(brain())
    estimate = found(step("a", brain(), alone=True), step("b", like, witness=True))
    assert methods(estimate) == [("a", True), ("b", True), ("a, confirmed by b", True)]
    assert np.array_equal(estimate.brain_on(SHAPE, ITEM.scene.affine), brain())


def test_a_witness_with_no_answer_contradicts_nobody() -> None:
    estimate = found(step("a", brain(), alone=True), step("b", None, witness=True))
    assert estimate.method == "a"
    assert [attempt.method for attempt in estimate.attempts] == ["b", "a"]


@pytest.mark.parametrize("first", [0, 6], ids=["the sure one is right", "the witness is right"])
def test_where_a_witness_contradicts_the_next_engine_decides(first: int) -> None:
    second = 6 - first
    estimate = found(
        step("a", lower(first), alone=True),
        step("b", lower(second), witness=True),
        step("c", brain()),
    )
    right = "b" if first else "a"
    assert methods(estimate)[-1] == (f"{right}, confirmed by c", True)
    assert np.array_equal(estimate.brain_on(SHAPE, ITEM.scene.affine), brain())


def test_two_that_contradict_each_other_are_not_believed() -> None:
    problem = refused(step("a", brain(), alone=True), step("b", lower(6), witness=True))
    assert "do not agree" in str(problem)
    assert not any(attempt.failed for attempt in attempts(problem))


def test_a_brain_three_millimetres_off_is_the_same_brain() -> None:
    estimate = found(step("a", brain(), alone=True), step("b", lower(1), witness=True))
    assert estimate.method == "a, confirmed by b"


@pytest.mark.parametrize("order", [1, -1], ids=["the witness", "the first"])
def test_a_mask_that_leaves_out_a_part_is_not_the_same_brain(order: int) -> None:
    top = np.flatnonzero(brain().any(axis=(0, 1))).max()
    cut = brain() & (np.arange(SHAPE[2]) <= top - 7)
    assert 2 * cut.sum() / (cut.sum() + brain().sum()) > 0.95, "by its volume it would be"
    first, second = [brain(), cut][::order]
    problem = refused(step("a", first, alone=True), step("b", second, witness=True))
    assert "do not agree" in str(problem)


def test_who_may_not_be_believed_alone_is_not() -> None:
    problem = refused(step("deepbet", brain(), witness=True))
    assert "no second engine agrees with deepbet" in str(problem)
    assert attempts(problem)[0].metrics


def test_two_who_may_not_be_believed_alone_may_be_together() -> None:
    estimate = found(step("deepbet", brain(), witness=True), step("template", brain()))
    assert estimate.method == "deepbet, confirmed by template"


def test_one_family_does_not_confirm_itself() -> None:
    problem = refused(step("s", brain()), step("s again", brain()))
    assert "do not agree" in str(problem)


@pytest.mark.usefixtures("unsure")
def test_what_is_not_sure_needs_another_family_to_agree() -> None:
    problem = refused(step("a", brain(), alone=True))
    assert "no second engine agrees with a" in str(problem)
    estimate = found(step("a", brain(), alone=True), step("b", brain(), alone=True))
    assert estimate.method == "a, confirmed by b"


@pytest.mark.parametrize(
    ("marked", "why"),
    [
        (np.zeros(SHAPE, bool), "nothing was taken for a brain"),
        (np.ones(SHAPE, bool), "the brain is not of a size that is plausible"),
        (None, "a has no answer"),
    ],
    ids=["empty", "all", "no answer"],
)
def test_where_nothing_is_found_it_is_told_what_was_tried(marked: Mask | None, why: str) -> None:
    problem = refused(step("a", marked, alone=True), step("b", None))
    assert why in str(problem)
    assert why in attempts(problem)[0].failed[0]
    assert attempts(problem)[1].failed == ("b has no answer",)


def test_without_any_engine_it_is_told_what_to_install() -> None:
    assert "install SynthStrip's weights" in str(refused())


def test_a_newborns_brain_is_plausible_at_its_own_age_only() -> None:
    small = brain_in(SMALL.scene)
    only = step("a", small, alone=True)
    assert found_in(SMALL, only, months=0).method == "a"
    for months in (12 * 30.0, None):
        with pytest.raises(FaceError, match="size that is plausible at the age"):
            found_in(SMALL, only, months=months)


def test_an_adults_brain_is_none_of_a_newborns() -> None:
    only = step("a", brain(), alone=True)
    assert found(only, months=12 * 30).method == "a"
    assert "plausible at the age" in str(refused(only, months=0))
