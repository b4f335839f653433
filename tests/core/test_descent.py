# ruff: noqa: SLF001 -- derivatives and steps are not public
from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from bidsdeid.core.descent import AFFINE, BINS, RIGID, SIMILAR, STRETCHED, Array, Descent, Points

#: Turns and strains are measured at this distance (mm) from the middle.
FAR_MM = 100.0
CENTRE = np.array([4.0, -3.0, 6.0])


@lru_cache(maxsize=1)
def scene(count: int = 6000) -> tuple[Points, Descent]:
    """Return points of a smooth, lopsided body, and the body itself in an image of 4 mm."""
    random = np.random.default_rng(0)
    grid = np.diag([4.0, 4.0, 4.0, 1.0])
    grid[:3, 3] = -100
    volume = ndimage.gaussian_filter(random.random((52, 52, 52), dtype=np.float32), 3)
    volume = (volume - volume.min()) / (volume.max() - volume.min())
    world = np.c_[random.uniform(-60, 60, (count, 3)), np.ones(count)]
    value = ndimage.map_coordinates(volume, ((world - grid[:, 3]) / 4)[:, :3].T, order=1)
    bins = np.minimum((value * BINS).astype(np.intp), BINS - 1)
    points = Points(world, bins, random.uniform(0.5, 1, count), CENTRE)
    return points, Descent(points, volume, grid)


def moved(directions: Array, step: Array) -> Array:
    """Return the move that a small step along directions about `CENTRE` makes."""
    about = np.eye(4)
    about[:3, 3] = CENTRE
    move = np.eye(4) + np.tensordot(step, directions, 1)
    return np.asarray(about @ move @ np.linalg.inv(about))


def off(at: Array, truth: Array) -> float:
    points, _ = scene()
    return float(np.linalg.norm(points.world @ (at - truth).T, axis=1).max())


def left_over(there: Array, at: Array) -> float:
    """Return the cost at a position, as a share of the variance at another one."""
    points, descent = scene()
    left, total = (descent._residuals(descent._sample(a)[0], points.weights) for a in (there, at))
    share = float((points.weights * left[0] ** 2).sum()) / total[1]
    return share + descent.cost(there) - (1 - descent.likeness(there)[0])


def test_the_directions_are_shifts_turns_stretches_and_shears() -> None:
    assert [len(d) for d in (RIGID, SIMILAR, STRETCHED, AFFINE)] == [6, 7, 9, 12]
    assert np.linalg.matrix_rank(AFFINE[:, :3].reshape(12, 12)) == 12
    linear = RIGID[:, :3, :3]
    np.testing.assert_array_equal(linear, -np.swapaxes(linear, 1, 2))
    assert not RIGID[:3, :3, :3].any()
    assert np.linalg.matrix_rank(RIGID[:3, :3, 3]) == 3
    np.testing.assert_array_equal(SIMILAR[6], np.diag([1, 1, 1, 0]) / FAR_MM)
    strains = AFFINE[6:, :3, :3]
    np.testing.assert_array_equal(strains, np.swapaxes(strains, 1, 2))
    np.testing.assert_array_equal(STRETCHED[6:].sum(axis=0), SIMILAR[6])
    assert not AFFINE[:, 3].any()


def test_likeness_is_the_correlation_ratio_of_what_is_in_view() -> None:
    points, descent = scene()
    shift = np.eye(4)
    shift[:3, 3] = 55, 0, 0
    likeness, view = descent.likeness(shift)
    place = ((points.world @ shift.T)[:, :3] + 100) / 4
    seen = ((place >= 0) & (place < 51)).all(axis=1)
    assert 0.5 < seen.mean() < 0.95
    value = ndimage.map_coordinates(descent._volume, place[seen].T, order=1)
    weights, bins = points.weights[seen], points.bins[seen]
    left = 0.0
    for one in set(bins.tolist()):
        mean = np.average(value[bins == one], weights=weights[bins == one])
        left += float((weights * (value - mean) ** 2)[bins == one].sum())
    total = float((weights * (value - np.average(value, weights=weights)) ** 2).sum())
    expected = weights.sum() / points.weights.sum()
    assert view == pytest.approx(expected)
    assert likeness == pytest.approx((1 - left / total) * expected**0.5, abs=1e-5)


def test_out_of_view_there_is_no_likeness_and_no_way_down() -> None:
    _, descent = scene()
    away = np.eye(4)
    away[:3, 3] = 500
    assert descent.likeness(away) == (0, 0)
    cost, at = descent.refine(away, AFFINE, 5)
    assert cost == descent.cost(away) >= 1
    np.testing.assert_array_equal(at, away)


def test_only_a_corner_in_view_costs_more_than_any_position_in_view() -> None:
    _, descent = scene()
    corner = np.eye(4)
    corner[:3, 3] = 110, 110, 0
    assert 0 < descent.likeness(corner)[1] < 0.24
    assert descent.cost(corner) > descent.cost(np.diag([1, -1.0, 1, 1]))


def test_being_stretched_costs_and_being_larger_does_not() -> None:
    _, descent = scene()

    def strain(at: Array) -> float:
        return descent.cost(at) - (1 - descent.likeness(at)[0])

    assert strain(np.eye(4)) == pytest.approx(0, abs=1e-9)
    assert strain(np.diag([0.8, 0.8, 0.8, 1])) == pytest.approx(0, abs=1e-9)
    turn = moved(RIGID, np.array([1, 2, 3, 0, 0, 0.0]))
    assert strain(turn) == pytest.approx(0, abs=1e-9)
    little, much = (strain(np.diag([1, 1, size, 1.0])) for size in (1.1, 1.2))
    assert 0 < 3 * little < much
    assert strain(np.diag([1, 1, 1 / 1.2, 1.0])) == pytest.approx(much)
    shear = np.eye(4)
    shear[0, 1] = 0.2
    assert strain(shear) > 0


@pytest.mark.parametrize("directions", [RIGID, SIMILAR, STRETCHED, AFFINE],
                         ids=["rigid", "similar", "stretched", "affine"])  # fmt: skip
def test_the_slope_is_that_of_finite_differences(directions: Array) -> None:
    _, descent = scene()
    at = np.eye(4)
    at[:3, :3] = [[1.06, 0.05, -0.02], [-0.06, 0.95, 0.03], [0.04, -0.01, 1.02]]
    at[:3, 3] = 3.3, -4.1, 2.7
    slope, bend = descent._derivatives(at, directions)
    numeric = [
        (left_over(descent._moved(at, directions, step), at)
         - left_over(descent._moved(at, directions, -step), at)) / 0.1
        for step in np.eye(len(directions)) * 0.05
    ]  # fmt: skip
    # Gauss and Newton halve the sum of squares, and leave the variance to explain as it is.
    np.testing.assert_allclose(2 * slope, numeric, rtol=0.01, atol=0.01 * np.abs(numeric).max())
    np.testing.assert_allclose(bend, bend.T)
    assert (np.linalg.eigvalsh(bend) > 0).all()


def test_the_bend_is_that_of_what_the_bins_leave_unexplained() -> None:
    points, descent = scene()
    at = np.eye(4)
    at[:3, 3] = 3.3, -4.1, 2.7

    def left_at(step: Array) -> Array:
        value = descent._sample(descent._moved(at, RIGID, step))[0]
        return descent._residuals(value, points.weights)[0]

    slopes = np.stack([(left_at(s) - left_at(-s)) / 0.1 for s in np.eye(6) * 0.05], axis=1)
    _, total = descent._residuals(descent._sample(at)[0], points.weights)
    expected = slopes.T @ (slopes * points.weights[:, None]) / total
    _, bend = descent._derivatives(at, RIGID)
    np.testing.assert_allclose(bend, expected, rtol=0.05, atol=0.02 * expected.max())


def test_the_bend_of_being_stretched_is_that_of_its_cost() -> None:
    points, _ = scene()
    grid = np.diag([4.0, 4.0, 4.0, 1.0])
    grid[:3, 3] = -100
    flat = Descent(points, np.ones((52, 52, 52), np.float32), grid)
    _, bend = flat._derivatives(np.eye(4), AFFINE)
    for step in np.random.default_rng(0).uniform(-2, 2, (5, 12)):
        rise = flat.cost(flat._moved(np.eye(4), AFFINE, step)) - flat.cost(np.eye(4))
        assert rise == pytest.approx(step @ bend @ step, rel=0.05)


def test_no_step_leads_uphill() -> None:
    _, descent = scene()
    for step in np.random.default_rng(0).uniform(-14, 14, (12, 12)):
        at = moved(AFFINE, step)
        for _ in range(6):
            before = descent.cost(at)
            cost, at = descent.refine(at, AFFINE, 1)
            assert cost <= before


def test_a_step_turns_and_stretches_about_the_centre_of_the_head_in_the_image() -> None:
    _, descent = scene()
    at = np.eye(4)
    at[:3, 3] = 20, 30, -10
    centre = at @ [*CENTRE, 1]
    for direction in AFFINE[3:]:
        there = descent._moved(at, direction[None], np.array([7.0]))
        np.testing.assert_allclose(there @ [*CENTRE, 1], centre, atol=1e-9)
        assert off(there, at) > 1
    step = descent._moved(at, AFFINE[:1], np.array([7.0]))
    np.testing.assert_allclose(step[:3, 3] - at[:3, 3], [7, 0, 0], atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_the_way_down_leads_home(seed: int) -> None:
    _, descent = scene()
    step = np.random.default_rng(seed).uniform(-3, 3, 12)
    start = moved(AFFINE, step)
    cost, at = descent.refine(start, AFFINE, 30)
    assert cost <= descent.cost(start)
    assert cost == descent.cost(at)
    assert off(at, np.eye(4)) < 1


def test_what_may_only_turn_keeps_its_size_and_form() -> None:
    _, descent = scene()
    start = moved(AFFINE, np.array([2, -3, 2, 3, -2, 3, 8, -8, 8, 4, -4, 4.0]))
    _, at = descent.refine(start, RIGID, 20)
    np.testing.assert_allclose(at[:3, :3].T @ at[:3, :3], start[:3, :3].T @ start[:3, :3])
    _, at = descent.refine(start, SIMILAR, 20)
    grown = np.linalg.norm(at[:3, :3] @ np.linalg.inv(start[:3, :3]), axis=0)
    np.testing.assert_allclose(grown, grown[0])
    assert abs(grown[0] - 1) > 1e-3


def test_the_number_of_steps_is_a_limit() -> None:
    _, descent = scene()
    start = moved(AFFINE, np.full(12, 3.0))
    assert descent.refine(start, AFFINE, 0)[0] == descent.cost(start)
    costs = [descent.refine(start, AFFINE, steps)[0] for steps in (0, 1, 2, 10)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[1] > costs[3]


def test_what_a_stored_image_is_like_in_memory_does_not_matter() -> None:
    points, descent = scene()
    volume = descent._volume
    grid = np.diag([4.0, 4.0, 4.0, 1.0])
    grid[:3, 3] = -100
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = volume.shape[0] - 1
    at = moved(AFFINE, np.full(12, 3.0))
    expected = descent.refine(at, AFFINE, 8)
    fortran = Descent(points, np.asfortranarray(volume), grid).refine(at, AFFINE, 8)
    np.testing.assert_array_equal(fortran[1], expected[1])
    mirrored = Descent(points, volume[::-1], grid @ flip).refine(at, AFFINE, 8)
    np.testing.assert_allclose(mirrored[1], expected[1], atol=1e-3)
    axes = np.eye(4)[:, [2, 0, 1, 3]]
    swapped = Descent(points, volume.transpose(2, 0, 1), grid @ axes).refine(at, AFFINE, 8)
    np.testing.assert_allclose(swapped[1], expected[1], atol=1e-3)


def test_an_image_one_voxel_thick_has_nothing_in_view() -> None:
    points, _ = scene()
    for shape in ((1, 52, 52), (52, 1, 52), (52, 52, 1), (1, 1, 1)):
        assert Descent(points, np.ones(shape, np.float32), np.eye(4)).likeness(np.eye(4)) == (0, 0)
