from __future__ import annotations

from dataclasses import fields
from functools import lru_cache

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.estimate import ZOOM_MM, Attempt, FaceEstimate, Finding, Head, rounded
from bidsdeid.core.gates import FaceMetrics
from bidsdeid.core.head import dice
from bidsdeid.core.voxels import HALF, Affine, Bools, carry
from bidsdeid.resources import pydeface_atlas
from heads import coarse_atlas, move, person

METRICS = FaceMetrics(*(float(n) / 7 for n in range(len(fields(FaceMetrics)))))
MOVE = move(pitch=14, yaw=-8, shift=(20, -10, 5), size=0.95)


@lru_cache(maxsize=1)
def estimate() -> FaceEstimate:
    """Return the face of a person who lies where `MOVE` says, on voxels of 4 mm."""
    atlas = coarse_atlas()
    first, second = Attempt("a", ("no",)), Attempt("b")
    return FaceEstimate(
        ~atlas.keep, atlas.affine, np.linalg.inv(MOVE), atlas, METRICS, (first, second)
    )


def in_order(codes: str) -> tuple[tuple[int, ...], Affine]:
    """Return the grid of a person's image with its voxels stored in another order."""
    image = nib.Nifti1Image(*person(MOVE, zoom=4.0))
    axes = nib.orientations.axcodes2ornt(tuple(codes))
    turned = image.as_reoriented(
        nib.orientations.ornt_transform(nib.io_orientation(image.affine), axes)
    )
    assert "".join(nib.aff2axcodes(turned.affine)) == codes
    return turned.shape, np.asarray(turned.affine)


def in_the_world(mask: Bools, grid: Affine) -> set[tuple[int, ...]]:
    """Return the places (mm) of marked voxels."""
    places = np.argwhere(mask) @ grid[:3, :3].T + grid[:3, 3]
    return set(map(tuple, np.round(places).astype(int).tolist()))


def test_the_last_way_tried_is_the_one_that_won() -> None:
    assert estimate().method == "b"
    assert estimate().finding is Finding.FACE


def test_the_face_that_goes_is_the_atlas_s_brought_to_the_image() -> None:
    volume, grid = person(MOVE)
    atlas = pydeface_atlas()
    kept = carry(atlas.keep.astype(np.uint8), atlas.affine, volume.shape, grid,
                 np.linalg.inv(MOVE))  # fmt: skip
    covered = carry(np.ones(atlas.keep.shape, np.uint8), atlas.affine, volume.shape, grid,
                    np.linalg.inv(MOVE)) > HALF  # fmt: skip
    truth = np.asarray((kept < HALF) & covered)
    remove = estimate().remove_on(volume.shape, grid)
    assert remove.shape == volume.shape
    assert remove.dtype == bool
    assert dice(remove & covered, truth) > 0.95


@pytest.mark.parametrize("codes", ["LAS", "LPS", "RSA", "PIL", "ASR", "IPL", "SRP"])
def test_the_order_of_the_axes_does_not_change_which_face_goes(codes: str) -> None:
    expected = in_the_world(estimate().remove_on(*in_order("RAS")), in_order("RAS")[1])
    shape, grid = in_order(codes)
    found = in_the_world(estimate().remove_on(shape, grid), grid)
    assert len(expected) > 3000
    assert len(found ^ expected) < 0.002 * len(expected)  # on the very edge of two voxels


@pytest.mark.parametrize("zoom", [2.0, 5.0])
def test_the_size_of_the_voxels_does_not_change_which_face_goes(zoom: float) -> None:
    (shape, grid), (other_shape, other) = in_order("RAS"), (None, person(MOVE, zoom=zoom)[1])
    other_shape = person(MOVE, zoom=zoom)[0].shape
    remove = estimate().remove_on(shape, grid)
    finer = estimate().remove_on(other_shape, other).astype(np.uint8)
    again = carry(finer, other, shape, grid, np.eye(4)) >= HALF
    inside = carry(np.ones(other_shape, np.uint8), other, shape, grid, np.eye(4)) > 1 - 1e-3
    assert dice(remove & inside, again & inside) > 0.95


def test_the_copy_of_a_head_is_small_and_in_the_same_place() -> None:
    data = np.zeros((40, 50, 60), np.int16)
    data[10:20, 20:30, 30:50] = 700
    grid = move(yaw=20, shift=(7, 8, 9)) @ np.diag([1.0, 1.0, 0.7, 1.0])
    head = Head.of(data, grid)
    assert head.shape == data.shape
    np.testing.assert_array_equal(head.grid, grid)
    zooms = np.linalg.norm(head.affine[:3, :3], axis=0)
    assert (zooms > 0.8 * ZOOM_MM).all()
    assert (zooms <= 1.25 * ZOOM_MM).all()
    bright = np.argwhere(head.volume > 350).mean(axis=0)
    place, truth = (
        (affine @ [*at, 1])[:3]
        for affine, at in ((head.affine, bright), (grid, [14.5, 24.5, 39.5]))
    )
    np.testing.assert_allclose(place, truth, atol=0.5)


def test_trailing_axes_are_averaged() -> None:
    random = np.random.default_rng(0)
    data = random.integers(0, 500, (8, 8, 8, 3, 2)).astype(">u2")
    grid = np.diag([2.0, 2.0, 2.0, 1.0])
    head = Head.of(data, grid)
    assert head.shape == (8, 8, 8)
    np.testing.assert_allclose(head.volume, data.mean(axis=(3, 4)), rtol=1e-5)


def test_what_is_not_a_number_is_air() -> None:
    data = np.full((8, 8, 8), 5, np.float64)
    data[0, 0, 0], data[1, 1, 1], data[2, 2, 2] = np.nan, np.inf, -np.inf
    head = Head.of(data, np.diag([2.0, 2.0, 2.0, 1.0]))
    assert np.isfinite(head.volume).all()
    assert head.volume[[0, 1, 2], [0, 1, 2], [0, 1, 2]].tolist() == [0, 0, 0]
    assert (np.delete(head.volume.ravel(), [0, 73, 146]) == 5).all()


@pytest.mark.parametrize(
    ("slope", "sign"), [(1.0, 1), (0.2, 1), (0.0, 1), (float("nan"), 1), (-1.0, -1), (-0.1, -1)]
)
def test_a_slope_below_zero_stores_dark_as_bright(slope: float, sign: int) -> None:
    data = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    head = Head.of(data, np.diag([2.0, 2.0, 2.0, 1.0]), slope)
    np.testing.assert_array_equal(head.volume, sign * data.astype(np.float32))


def head_on(grid: Affine, shape: tuple[int, ...] = (10, 20, 30)) -> Head:
    return Head.of(np.zeros(shape, np.uint8), grid)


def test_grids_are_one_if_no_voxel_is_elsewhere() -> None:
    grid = np.diag([1.0, 1.0, 3.0, 1.0])
    head = head_on(grid)
    near, far, turned = grid.copy(), grid.copy(), grid.copy()
    near[0, 3], far[0, 3] = 0.05, 0.3
    turned[0, 1] = 0.02  # 0.4 mm at the far end
    assert head.same_grid(head_on(grid))
    assert head.same_grid(head_on(near))
    assert not head.same_grid(head_on(far))
    assert not head.same_grid(head_on(turned))
    assert not head.same_grid(head_on(grid, (10, 20, 29)))
    assert not head.same_grid(head_on(grid, (20, 10, 30)))
    assert head.same_grid(head_on(grid, (10, 20, 30, 4)))


@given(st.floats(0.3, 5), st.sampled_from([0.06, 0.2]))
def test_how_far_is_elsewhere_goes_with_the_size_of_voxels(zoom: float, share: float) -> None:
    grid = np.diag([zoom, zoom, zoom, 1.0])
    moved = grid.copy()
    moved[1, 3] += share * zoom
    assert head_on(grid).same_grid(head_on(moved)) is (share < 0.1)
    assert head_on(moved).same_grid(head_on(grid)) is (share < 0.1)


def test_metrics_are_told_by_name_to_four_digits() -> None:
    told = rounded(METRICS)
    assert list(told) == [field.name for field in fields(FaceMetrics)]
    for index, value in enumerate(told.values()):
        assert value == round(index / 7, 4)
