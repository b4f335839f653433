from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.braingates import BrainMetrics
from bidsdeid.core.estimate import Attempt, FaceEstimate, Finding, Head
from bidsdeid.core.facestyle import FaceStyle, MaskStyle
from bidsdeid.engines.atlas import AtlasEngine
from bidsdeid.errors import EngineError, FaceError, UsageError
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.face_cascade import Step, cascade
from bidsdeid.run.faces import FaceFinder, Hint, displacement, frame_of
from session_heads import Array, Grid, Scene, volume
from session_scans import scan

ATLAS = pydeface_atlas()
ITEM = scan("anat/T1w", grid=Grid(zooms=(3.0, 3.0, 3.0)))


@dataclass(frozen=True)
class Told:
    """An engine that answers what it is told to, this far (mm) from the truth."""

    up: float = 0.0
    words: str = ""

    def register(self, volume: Array, affine: Array, atlas: Any, work_dir: Path) -> Array:  # noqa: ANN401, ARG002
        if self.words:
            raise EngineError(self.words)
        return moved(self.up)


def moved(up: float) -> Array:
    matrix = np.eye(4)
    matrix[2, 3] = up
    return matrix @ truth()


@cache
def head() -> Head:
    return Head.of(np.asarray(volume(ITEM).dataobj), ITEM.scene.affine)


@cache
def truth() -> Array:
    return AtlasEngine().register(head().volume, head().affine, ATLAS, Path())


def finder(*engines: tuple[str, Any]) -> FaceFinder:
    steps = [
        Step(f"{family} {number}", family, engine, ATLAS)
        for number, (family, engine) in enumerate(engines)
    ]
    return FaceFinder(steps, FaceStyle(), Path())


def methods(found: FaceEstimate) -> list[tuple[str, bool]]:
    return [(attempt.method, not attempt.failed) for attempt in found.attempts]


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    """No position is sure: a second family must agree."""
    monkeypatch.setattr("bidsdeid.run.faces.is_sure", lambda _: False)


def test_the_first_that_is_sure_wins() -> None:
    found = finder(("a", Told()), ("b", Told(words="never asked"))).find(head())
    assert methods(found) == [("a 0", True)]
    assert found.finding is Finding.FACE
    remove = found.remove_on(head().shape, head().grid)
    there: Scene = ITEM.scene
    assert remove[there.face].mean() > 0.95
    assert not remove[there.core].any()


def test_an_engine_without_an_answer_and_one_that_errs_are_recorded() -> None:
    found = finder(("a", Told(words="no answer")), ("b", Told(up=60)), ("c", Told())).find(head())
    assert methods(found) == [("a 0", False), ("b 1", False), ("c 2", True)]
    assert found.attempts[0].failed == ("no answer",)
    assert found.attempts[1].metrics


@pytest.mark.usefixtures("unsure")
def test_what_is_not_sure_needs_another_family_to_agree() -> None:
    found = finder(("a", Told()), ("a", Told()), ("b", Told(up=4))).find(head())
    assert methods(found) == [
        ("a 0", False), ("a 1", False), ("b 2", False), ("a 0, confirmed by b 2", True)
    ]  # fmt: skip
    assert np.allclose(found.to_atlas, truth())


@pytest.mark.usefixtures("unsure")
def test_engines_that_disagree_are_not_believed() -> None:
    with pytest.raises(FaceError) as caught:
        finder(("a", Told()), ("b", Told(up=14))).find(head())
    assert [a.method for a in caught.value.attempts] == ["a 0", "b 1"]


@pytest.mark.usefixtures("unsure")
def test_a_hint_confirms() -> None:
    hint = Hint("the session's T1w", moved(4), ATLAS)
    found = finder(("a", Told())).find(head(), hint)
    assert methods(found) == [("a 0", False), ("a 0, confirmed by the session's T1w", True)]


def test_a_hint_stands_in_for_engines_that_fail() -> None:
    hint = Hint("the session's T1w", truth(), ATLAS)
    found = finder(("a", Told(up=60))).find(head(), hint)
    assert methods(found) == [("a 0", False), ("the session's T1w", True)]


@pytest.mark.parametrize("up", [-40, 30, 60])
def test_a_wrong_hint_is_not_taken(up: float) -> None:
    hint = Hint("the session's T1w", moved(up), ATLAS)
    with pytest.raises(FaceError) as caught:
        finder(("a", Told(words="no answer"))).find(head(), hint)
    assert caught.value.attempts[-1].failed


def test_displacement_is_that_of_the_farthest_landmark() -> None:
    assert displacement(frame_of(ATLAS), truth(), moved(7)) == pytest.approx(7)


def test_the_cascade_begins_as_asked() -> None:
    assert [step.family for step in cascade((ATLAS,))] == ["atlas", "niimath", "atlas", "niimath"]
    assert [step.family for step in cascade((ATLAS,), "niimath")][:2] == ["niimath", "atlas"]


def test_an_engine_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("FSLDIR", raising=False)
    with pytest.raises(UsageError, match="FSL"):
        cascade((ATLAS,), "flirt")


def test_a_brain_in_the_way_of_one_image_changes_nothing_for_the_next() -> None:
    """pydeface's own region is one array for all images."""
    step = Step("told", "told", Told(), ATLAS)
    pydeface = FaceFinder([step], FaceStyle(MaskStyle.PYDEFACE), Path())
    before = pydeface.find(head())
    region = before.region.copy()
    ball = np.indices((40, 40, 40)) - 20
    front = np.linalg.inv(truth()) @ [0, 70, -20, 1]  # between the eyes
    affine = np.eye(4)
    affine[:3, 3] = front[:3] - 20
    attempt = Attempt("a ball")
    metrics = BrainMetrics(1400, 1.5, 0.7, 1, 1, 1, 0, 0.97, 0)
    brain = BrainEstimate((ball**2).sum(axis=0) < 15**2, affine, metrics, (attempt,))
    spared = pydeface.find(head(), None, brain)
    assert spared.region.sum() < region.sum()
    assert np.array_equal(before.region, region)
    assert np.array_equal(pydeface.find(head()).region, region)
