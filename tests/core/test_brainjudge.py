from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from bidsdeid.core.brain import BrainMask
from bidsdeid.core.braingates import (
    BRAIN_GATES,
    BrainMetrics,
    failed_brain_gates,
    is_sure_brain,
)
from bidsdeid.core.brainjudge import BrainJudge
from bidsdeid.core.brainvolume import plausible_volume
from bidsdeid.core.estimate import Head
from bidsdeid.core.head import filled
from bidsdeid.core.voxels import Affine, Bools, Floats, downsample, look_up
from bidsdeid.resources import pydeface_atlas
from heads import EYELIDS, TISSUE, Array, at, coarse_atlas, move, person

HERE = np.eye(4)
SENTENCE = {gate.metric: gate.sentence for gate in BRAIN_GATES}
SHAPE, ASTRAY, SIZE = (SENTENCE[name] for name in ("atlas_overlap", "astray", "volume_most"))

MOVES = {
    "as it is": HERE,
    "moved": move(shift=(20, -15, 30)),
    "nodding": move(pitch=-35),
    "turned": move(yaw=25, roll=-20, pitch=15),
    "small": move(size=0.87),
    "large": move(size=1.08),
    "long": move(size=(0.95, 1.08, 1.0)),
}


@lru_cache(maxsize=1)
def judge() -> BrainJudge:
    return BrainJudge(coarse_atlas())


@lru_cache(maxsize=1)
def true_brain() -> tuple[Bools, Affine]:
    """Return the brain of pydeface's head at 2 mm."""
    atlas = pydeface_atlas()
    assert atlas.brain is not None
    small, affine = downsample(atlas.brain, atlas.affine, 2.0)
    return small >= 0.5, affine


def brain_of(shape: tuple[int, ...], grid: Affine, moved: Array = HERE) -> Bools:
    brain, affine = true_brain()
    return look_up(np.pad(brain, 1), affine @ _BEFORE, shape, grid, np.linalg.inv(moved))


_BEFORE = np.array([[1, 0, 0, -1], [0, 1, 0, -1], [0, 0, 1, -1], [0, 0, 0, 1.0]])


@lru_cache(maxsize=1)
def subject() -> tuple[Floats, Affine, Bools]:
    """Return a head, its grid and its brain."""
    volume, grid = person(zoom=3.0, noise=5)
    return volume, grid, brain_of(volume.shape, grid)


def measure(marked: Bools, months: float | None = None) -> BrainMetrics:
    volume, grid, _ = subject()
    return judge().measure(BrainMask.of(marked, grid), Head.of(volume, grid), months)


@lru_cache(maxsize=1)
def right() -> BrainMetrics:
    return measure(subject()[2])


def ball(middle: Array, radius: float) -> Bools:
    """Return a ball in the subject's image, mm."""
    volume, grid, _ = subject()
    place = np.moveaxis(np.indices(volume.shape), 0, -1) @ grid[:3, :3].T + grid[:3, 3]
    return np.asarray(np.linalg.norm(place - middle, axis=-1) < radius)


def middle_of(brain: Bools) -> Array:
    return at(subject()[1], tuple(np.argwhere(brain).mean(axis=0)))


@pytest.mark.parametrize("name", MOVES)
def test_a_brain_is_one_wherever_and_however_large(name: str) -> None:
    volume, grid = person(MOVES[name], zoom=3.0)
    brain = brain_of(volume.shape, grid, MOVES[name])
    metrics = judge().measure(BrainMask.of(brain, grid), Head.of(volume, grid))
    assert failed_brain_gates(metrics) == ()
    assert is_sure_brain(metrics)
    assert metrics.atlas_overlap > 0.96
    assert metrics.astray == 0
    litres = brain.sum() * 27 / 1e6
    assert metrics.volume_ml == pytest.approx(1000 * litres, rel=1e-3)


@pytest.mark.parametrize(
    "turned",
    [
        [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
        [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
        [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    ],
)
def test_a_brain_is_one_whichever_way_the_labels_say_is_up(turned: list[list[float]]) -> None:
    volume, grid, brain = subject()
    wrong = np.eye(4)
    wrong[:3, :3] = turned
    head = Head.of(volume, wrong @ grid)
    metrics = judge().measure(BrainMask.of(brain, wrong @ grid), head)
    assert failed_brain_gates(metrics) == ()
    assert metrics.atlas_overlap == pytest.approx(right().atlas_overlap, abs=0.01)


def test_thick_slices_do_not_change_what_is_measured() -> None:
    volume, grid = person(zoom=2.0)
    thick, affine = volume[:, :, 1::3], grid @ np.diag([1, 1, 3, 1])
    affine[:3, 3] = at(grid, (0, 0, 1))
    marked = brain_of(thick.shape, affine)
    metrics = judge().measure(BrainMask.of(marked, affine), Head.of(thick, affine))
    assert failed_brain_gates(metrics) == ()
    assert metrics.volume_ml == pytest.approx(right().volume_ml, rel=0.02)


def grown(marked: Bools, steps: int) -> Bools:
    return np.asarray(ndimage.binary_dilation(marked, iterations=steps))


def test_a_brain_with_some_of_its_rim_or_without_is_still_one() -> None:
    brain = subject()[2]
    for marked in (grown(brain, 1), np.asarray(ndimage.binary_erosion(brain))):
        metrics = measure(marked)
        assert failed_brain_gates(metrics) == ()
        assert metrics.atlas_overlap > 0.94


def with_eyes() -> Bools:
    eyes = [ball(np.array(lid) - [0, 16, 0], 13) for lid in EYELIDS]
    stalks = [ball(np.array(lid) * [0.8, 0.6, 1.0], 8) for lid in EYELIDS]
    return np.asarray(np.logical_or.reduce([subject()[2], *eyes, *stalks]))


def rod(first: int, last: int, radius: float, back: float = 0) -> Bools:
    """Return a rod upwards from so far above the middle of the brain to so far, mm."""
    middle = middle_of(subject()[2]) - [0, back, 0]
    balls = [ball(middle + np.array([0, 0, up]), radius) for up in range(first, last, 6)]
    return np.asarray(np.logical_or.reduce(balls))


def with_neck() -> Bools:
    return np.asarray(subject()[2] | rod(-125, -60, 20, back=10))


def with_scalp() -> Bools:
    brain = subject()[2]
    shell = grown(brain, 7) & ~grown(brain, 5)
    patch = shell & ball(middle_of(brain) + np.array([0, 0, 80]), 60)
    return np.asarray(brain | patch | (rod(30, 120, 8) & grown(brain, 7)))


def half() -> Bools:
    brain = subject()[2].copy()
    brain[: round(np.argwhere(brain)[:, 0].mean())] = False
    return brain


def round_one() -> Bools:
    brain = subject()[2]
    return ball(middle_of(brain), float((right().volume_ml * 750 / np.pi) ** (1 / 3)))


WRONG = {
    "a ball": (round_one, SHAPE),
    "half a brain": (half, SHAPE),
    "with a neck": (with_neck, ASTRAY),
    "with both eyes": (with_eyes, ASTRAY),
    "with scalp": (with_scalp, ASTRAY),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_brain_or_more_than_one_is_not_believed(name: str) -> None:
    make, sentence = WRONG[name]
    assert sentence in failed_brain_gates(measure(make()))


def test_two_pieces_and_holes_are_told() -> None:
    brain = subject()[2].copy()
    two = brain | ball(np.array([0.0, 100, -60]), 29)
    assert SENTENCE["whole"] in failed_brain_gates(measure(two))
    brain[ball(middle_of(brain), 28)] = False
    assert failed_brain_gates(measure(brain)) == (SENTENCE["solid"],)


def test_a_brain_that_lies_in_the_air_is_told() -> None:
    volume, grid, brain = subject()
    mask = BrainMask.of(brain, grid)
    away = np.roll(volume, len(volume) // 3, axis=2)
    metrics = judge().measure(mask, Head.of(away, grid))
    assert metrics.in_head < 0.9
    assert SENTENCE["in_head"] in failed_brain_gates(metrics)
    assert right().in_head > 0.99


def test_a_dark_rim_of_the_brain_counts_as_head_and_a_dark_middle_too() -> None:
    volume, grid, brain = subject()
    dark = np.where(brain & ~ndimage.binary_erosion(brain), 0, volume).astype(np.float32)
    dark[~grown(brain, 1)] = 0
    dark[ball(middle_of(brain), 30)] = 0
    metrics = judge().measure(BrainMask.of(brain, grid), Head.of(dark, grid))
    assert metrics.in_head > 0.99


def test_the_size_is_that_of_the_age() -> None:
    for months in (None, 0, 30, 500):
        metrics = measure(subject()[2], months)
        least, most = plausible_volume(months)
        assert metrics.volume_ml == right().volume_ml
        assert metrics.volume_least == pytest.approx(metrics.volume_ml / least)
        assert metrics.volume_most == pytest.approx(metrics.volume_ml / most)
    assert failed_brain_gates(measure(subject()[2], 0)) == (SIZE,)  # an adult's in a newborn
    assert failed_brain_gates(measure(subject()[2], 500)) == ()


def test_a_brain_as_small_as_a_newborn_s_is_plausible_at_that_age_only() -> None:
    infant = move(size=0.65)
    volume, grid = person(infant, zoom=3.0)
    mask = BrainMask.of(brain_of(volume.shape, grid, infant), grid)
    assert 300 < mask.volume_ml < 500
    found = judge().measure(mask, Head.of(volume, grid), 0)
    assert failed_brain_gates(found) == ()
    least, most = plausible_volume(500)
    adult = replace(
        found, volume_least=found.volume_ml / least, volume_most=found.volume_ml / most
    )
    assert failed_brain_gates(adult) == (SIZE,)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_of_a_brain_that_the_field_of_view_cuts_what_is_in_view_counts(axis: int) -> None:
    volume, grid, brain = subject()
    places = np.argwhere(brain)[:, axis]
    keep = int(np.percentile(places, 70))
    view = [slice(None)] * 3
    view[axis] = slice(None, keep)
    marked, seen = brain[tuple(view)], volume[tuple(view)]
    mask = BrainMask.of(marked, grid)
    metrics = judge().measure(mask, Head.of(seen, grid), 500)
    least, _ = plausible_volume(500)
    assert metrics.volume_least > 1.1 * metrics.volume_ml / least  # not all of it is asked
    assert metrics.volume_ml < 0.8 * right().volume_ml
    assert metrics.atlas_overlap > 0.93
    assert failed_brain_gates(metrics) == ()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_of_a_brain_that_is_in_view_the_part_that_is_not_marked_counts(axis: int) -> None:
    brain = subject()[2].copy()
    most = int(np.percentile(np.argwhere(brain)[:, axis], 70))
    brain[(slice(None),) * axis + (slice(most, None),)] = False
    metrics = measure(brain)
    assert metrics.atlas_overlap < 0.9
    assert SHAPE in failed_brain_gates(metrics)


@pytest.mark.parametrize("start", [35, 55, 80])
def test_a_whole_head_that_the_field_of_view_cuts_is_no_brain(start: float) -> None:
    small = move(size=0.79)  # a head whose skull has the size of a brain
    volume, grid = person(small, zoom=3.0)
    brain = brain_of(volume.shape, grid, small)
    first = int(np.argwhere(brain)[:, 2].min() + start / 3.0)
    seen, head = volume[:, :, first:], grid.copy()
    head[:3, 3] = (grid @ [0, 0, first, 1])[:3]
    marked = filled(seen > TISSUE)
    metrics = judge().measure(BrainMask.of(marked, head), Head.of(seen, head))
    assert metrics.skin > 0.5
    assert any("skin" in sentence for sentence in failed_brain_gates(metrics))


def test_all_metrics_are_plain_numbers() -> None:
    for field in fields(BrainMetrics):
        assert type(getattr(right(), field.name)) is float


def test_an_atlas_without_a_brain_cannot_judge() -> None:
    with pytest.raises(ValueError, match="without a brain mask"):
        BrainJudge(replace(coarse_atlas(), brain=None))
