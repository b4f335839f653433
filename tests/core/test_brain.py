from __future__ import annotations

import numpy as np
import pytest

from bidsdeid.core.brain import BrainEstimate, BrainMask
from bidsdeid.core.braingates import BrainMetrics
from bidsdeid.core.estimate import Attempt
from bidsdeid.core.voxels import Affine, Bools, look_up
from bidsdeid.errors import EngineError

GRID = np.array([[0, 2.0, 0, -50], [-1.5, 0, 0, 30], [0, 0, 2.5, -40], [0, 0, 0, 1]])
VOXEL_ML = 2 * 1.5 * 2.5 / 1000
METRICS = BrainMetrics(1400, 1.5, 0.7, 1, 1, 1, 0, 0.96, 0)


def nothing(shape: tuple[int, ...] = (20, 22, 24)) -> Bools:
    return np.zeros(shape, bool)


def block(*sides: tuple[int, int], shape: tuple[int, ...] = (20, 22, 24)) -> Bools:
    marked = nothing(shape)
    marked[tuple(slice(*side) for side in sides)] = True
    return marked


def again(mask: BrainMask, shape: tuple[int, ...], grid: Affine) -> Bools:
    """Return a mask on the grid of its image."""
    return look_up(mask.brain, mask.affine, shape, grid, np.eye(4))


def test_one_body_is_taken_as_it_is_with_air_around() -> None:
    marked = block((5, 12), (6, 15), (7, 20))
    mask = BrainMask.of(marked, GRID)
    assert mask.brain.shape == (9, 11, 15)
    assert mask.brain[1:-1, 1:-1, 1:-1].all()
    assert mask.brain.sum() == marked.sum()
    np.testing.assert_array_equal(
        mask.affine, GRID @ [[1, 0, 0, 4], [0, 1, 0, 5], [0, 0, 1, 6], [0, 0, 0, 1]]
    )
    np.testing.assert_array_equal(again(mask, marked.shape, GRID), marked)
    assert (mask.whole, mask.solid) == (1, 1)
    assert mask.field[0] == marked.shape
    assert mask.volume_ml == pytest.approx(marked.sum() * VOXEL_ML)


def test_only_the_largest_piece_is_brain() -> None:
    large, small = block((5, 12), (6, 15), (7, 20)), block((15, 18), (2, 4), (1, 9))
    mask = BrainMask.of(large | small, GRID)
    np.testing.assert_array_equal(again(mask, large.shape, GRID), large)
    assert mask.whole == pytest.approx(large.sum() / (large.sum() + small.sum()))
    assert mask.solid == 1
    touching = small.copy()
    touching[12, 15, 20] = True  # by a corner only: a piece of its own
    assert again(BrainMask.of(large | touching, GRID), large.shape, GRID).sum() == large.sum()


def test_holes_are_filled_and_counted() -> None:
    marked, full = block((5, 12), (6, 15), (7, 20)), block((5, 12), (6, 15), (7, 20))
    marked[7:9, 8:10, 9:12] = False
    mask = BrainMask.of(marked, GRID)
    np.testing.assert_array_equal(again(mask, marked.shape, GRID), full)
    assert mask.solid == pytest.approx(marked.sum() / full.sum())
    assert mask.whole == 1
    assert mask.volume_ml == pytest.approx(full.sum() * VOXEL_ML)
    marked[7, 8, 7:12] = False  # open to the outside: no hole
    assert BrainMask.of(marked, GRID).solid == 1


def test_a_piece_in_a_hole_is_filled_over() -> None:
    marked = block((5, 12), (6, 15), (7, 20))
    marked[7:11, 8:13, 9:15] = False
    marked[9, 10, 11] = True
    mask = BrainMask.of(marked, GRID)
    assert mask.brain.sum() == 7 * 9 * 13
    assert mask.whole < 1


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("end", [0, 1])
def test_a_brain_at_the_edge_of_the_field_of_view_is_whole(axis: int, end: int) -> None:
    sides = [(3, 17), (3, 19), (3, 21)]
    count = (20, 22, 24)[axis]
    for start in (0, 1):
        sides[axis] = (start, count - 5) if end == 0 else (5, count - start)
        mask = BrainMask.of(block(*sides), GRID)
        np.testing.assert_array_equal(again(mask, (20, 22, 24), GRID), block(*sides))
        assert mask.whole == mask.solid == 1


def test_nothing_marked_is_an_engine_that_found_nothing() -> None:
    with pytest.raises(EngineError, match="nothing was taken for a brain"):
        BrainMask.of(nothing(), GRID)


def test_a_single_voxel_is_a_body() -> None:
    mask = BrainMask.of(block((3, 4), (3, 4), (3, 4)), GRID)
    assert mask.volume_ml == pytest.approx(VOXEL_ML)
    assert mask.agrees(mask)[0] == 1


def test_what_is_marked_is_left_as_it_is() -> None:
    marked = block((5, 12), (6, 15), (7, 20))
    marked[8, 9, 10] = False
    before = marked.copy()
    BrainMask.of(marked, GRID)
    np.testing.assert_array_equal(marked, before)


def estimate(mask: BrainMask) -> BrainEstimate:
    attempts = (Attempt("first", ("it failed",)), Attempt("second"))
    return BrainEstimate(mask.brain, mask.affine, METRICS, attempts)


def test_an_estimate_marks_the_same_places_on_every_grid() -> None:
    marked = block((5, 12), (6, 15), (7, 20))
    found = estimate(BrainMask.of(marked, GRID))
    assert found.method == "second"
    np.testing.assert_array_equal(found.brain_on(marked.shape, GRID), marked)
    np.testing.assert_array_equal(found.remove_on(marked.shape, GRID), ~marked)
    fine = GRID @ np.diag([0.5, 0.5, 0.5, 1])
    fine[:3, 3] = (GRID @ [-0.25, -0.25, -0.25, 1])[:3]
    large = marked.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(found.brain_on(large.shape, fine), large)
    far = GRID.copy()
    far[:3, 3] += 500
    assert not found.brain_on(marked.shape, far).any()


def test_a_brain_cut_by_the_field_of_view_does_not_go_on_outside_of_it() -> None:
    marked = block((0, 12), (6, 15), (7, 24))
    found = estimate(BrainMask.of(marked, GRID))
    wide = GRID.copy()
    wide[:3, 3] = (GRID @ [-4, -4, -4, 1])[:3]
    expected = np.pad(marked, 4)
    np.testing.assert_array_equal(found.brain_on(expected.shape, wide), expected)


def ball(at: tuple[float, float, float], radius: float, grid: Affine, count: int = 60) -> Bools:
    place = np.moveaxis(np.indices((count,) * 3), 0, -1) @ grid[:3, :3].T + grid[:3, 3]
    return np.asarray(np.linalg.norm(place - at, axis=-1) < radius)


ISO = np.diag([2.0, 2.0, 2.0, 1])


def test_a_mask_agrees_with_itself() -> None:
    mask = BrainMask.of(ball((60, 60, 60), 40, ISO), ISO)
    assert mask.agrees(mask) == (1, 0)


def test_overlap_and_distance_are_those_of_balls() -> None:
    one = BrainMask.of(ball((60, 60, 60), 40, ISO), ISO)
    inner = BrainMask.of(ball((60, 60, 60), 30, ISO), ISO)
    overlap, distance = one.agrees(inner)
    assert overlap == pytest.approx(2 * 30**3 / (40**3 + 30**3), abs=0.01)
    assert distance == pytest.approx(10, abs=2)
    assert inner.agrees(one) == pytest.approx((overlap, distance), abs=1)


def test_agreement_does_not_hang_on_which_is_asked_nor_on_the_grid() -> None:
    fine = np.diag([1.2, 1.3, 3, 1])
    fine[:3, 3] = 0.7
    one = BrainMask.of(ball((60, 60, 60), 40, ISO), ISO)
    other = BrainMask.of(ball((66, 60, 60), 40, fine, 100), fine)
    overlap, distance = one.agrees(other)
    # Of two balls of one size, apart by d: 1 - 3d/4r + d^3/16r^3.
    assert overlap == pytest.approx(1 - 3 * 6 / 160 + 6**3 / (16 * 40**3), abs=0.02)
    assert 3.5 < distance < 8.5
    assert other.agrees(one) == pytest.approx((overlap, distance), abs=2)


def test_a_thing_that_only_one_of_them_has_makes_a_distance() -> None:
    plain = ball((60, 60, 60), 30, ISO)
    horned = plain.copy()
    horned[28:33, 28:33, 40:58] = True
    one, other = (BrainMask.of(marked, ISO) for marked in (plain, horned))
    for a, b in ((one, other), (other, one)):
        overlap, distance = a.agrees(b)
        assert overlap == pytest.approx(2 * plain.sum() / (plain.sum() + horned.sum()))
        assert distance > 12


def test_masks_that_do_not_meet_do_not_agree() -> None:
    one = BrainMask.of(ball((30, 30, 30), 20, ISO), ISO)
    other = BrainMask.of(ball((90, 90, 90), 20, ISO), ISO)
    overlap, distance = one.agrees(other)
    assert overlap == 0
    assert distance > 50
    assert other.agrees(one) == (0, distance)


def test_next_to_nothing_marked_is_too_small() -> None:
    for speck in (block((5, 6), (6, 7), (7, 8)), block((5, 6), (6, 12), (7, 8))):
        with pytest.raises(EngineError, match="too small"):
            BrainMask.of(speck, GRID @ np.diag([0.5, 0.5, 0.5, 1.0]))
