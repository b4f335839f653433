from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.voxels import (
    block_mean,
    carry,
    downsample,
    in_view,
    look_up,
    mean_volume,
    remove_voxels,
)
from bidsdeid.errors import EngineError, ImageError

DTYPES = ["<i2", ">i2", "<u2", "u1", "i1", "<f4", ">f4", "<f8", "<i4", ">u4"]
SHAPES = st.tuples(*[st.integers(1, 5)] * 3).flatmap(
    lambda space: st.sampled_from([space, (*space, 3), (*space, 2, 2)])
)


@given(
    SHAPES, st.sampled_from(DTYPES), st.sampled_from("FC"), st.integers(0, 2**32 - 1),
    st.integers(0, 100),
)  # fmt: skip
def test_removal_changes_the_marked_voxels_and_nothing_else(
    shape: tuple[int, ...],
    dtype: str,
    order: Literal["F", "C"],
    seed: int,
    fill: int,
) -> None:
    random = np.random.default_rng(seed)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    data = np.frombuffer(random.bytes(size), dtype).reshape(shape, order=order)
    remove = random.random(shape[:3]) < 0.4
    remove[0, 0, 0] = True
    before = data.tobytes()
    result = remove_voxels(data, remove, fill=fill)
    assert (result.shape, result.dtype) == (data.shape, data.dtype)
    assert result.flags[f"{order}_CONTIGUOUS"]
    assert result.dtype.byteorder == data.dtype.byteorder
    assert (result[remove] == fill).all()
    assert result[~remove].tobytes() == data[~remove].tobytes()
    assert data.tobytes() == before


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1), (4, 2, 2), (1, 1, 1), (2, 2, 2, 3)])
def test_a_mask_of_another_grid_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError):
        remove_voxels(np.ones((2, 2, 2, 3)), np.ones(shape, dtype=bool))


def test_a_mask_that_removes_nothing_is_refused() -> None:
    with pytest.raises(EngineError):
        remove_voxels(np.ones((2, 2, 2)), np.zeros((2, 2, 2), dtype=bool))


@pytest.mark.parametrize("dtype", [">f4", "<f4", "<f8"])
def test_what_is_not_finite_counts_as_nothing(dtype: str) -> None:
    data = np.zeros((2, 2, 2, 2), dtype)
    data[0, 0, 0] = [1, 3]
    data[1, 1, 1] = [np.nan, 1]
    data[0, 1, 1] = [np.inf, 1]
    data[1, 0, 1] = [-np.inf, np.nan]
    before = data.tobytes()
    mean = mean_volume(data)
    assert mean.dtype == np.float32
    assert (mean[0, 0, 0], mean[1, 1, 1], mean[0, 1, 1], mean[1, 0, 1]) == (2, 0.5, 0.5, 0)
    assert data.tobytes() == before


@given(
    SHAPES, st.tuples(*[st.integers(1, 4)] * 3), st.sampled_from([*DTYPES, "?", "<i8", "<u8"]),
    st.sampled_from("FC"),
)  # fmt: skip
def test_blocks_are_means_of_their_voxels_over_time(
    shape: tuple[int, ...], factors: tuple[int, ...], dtype: str, order: Literal["F", "C"]
) -> None:
    factors = tuple(min(f, n) for f, n in zip(factors, shape[:3], strict=True))
    values = np.random.default_rng(0).integers(0, 120, shape)
    data = np.asarray(values.astype(dtype), order=order)
    blocks = block_mean(data, factors)
    a, b, c = factors
    expected = np.empty([n // f for n, f in zip(shape[:3], factors, strict=True)])
    for x, y, z in np.ndindex(*expected.shape):
        block = data[a * x :, b * y :, c * z :][:a, :b, :c]
        expected[x, y, z] = block.astype(float).mean()
    assert blocks.dtype == np.float32
    assert blocks.shape == expected.shape
    np.testing.assert_allclose(blocks, expected, rtol=1e-5)


@given(st.tuples(*[st.floats(0.3, 5)] * 3), st.floats(1, 4))
def test_downsampling_keeps_places_and_makes_voxels_about_as_large_as_asked(
    zooms: tuple[float, ...], wanted: float
) -> None:
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -10, 4, 7
    places = np.indices((16, 16, 16)).astype(np.float32)
    for axis in range(3):
        small, small_affine = downsample(places[axis], affine, wanted)
        spacing = np.linalg.norm(small_affine[:3, :3], axis=0)
        most = np.maximum(np.array(zooms), 1.25 * wanted)
        least = np.minimum(np.maximum(np.array(zooms), 0.62 * wanted), 16 * np.array(zooms))
        assert (spacing <= most * 1.001).all()
        assert (spacing >= least * 0.999).all()
        for corner in ((0, 0, 0), tuple(n - 1 for n in small.shape)):
            back = np.linalg.inv(affine) @ small_affine @ [*corner, 1]
            assert small[corner] == pytest.approx(back[axis], abs=1e-3)


def test_downsampling_of_an_image_thinner_than_a_voxel_keeps_one() -> None:
    small, affine = downsample(np.ones((3, 40, 40), np.uint8), np.diag([0.5, 0.5, 0.5, 1]), 4.0)
    assert small.shape == (1, 4, 4)
    assert affine[:3, 3].tolist() == [0.5, 2.25, 2.25]


def test_carrying_to_its_own_grid_changes_nothing_and_outside_is_zero() -> None:
    volume: NDArray[np.uint8] = np.ones((3, 4, 5), dtype=np.uint8)
    affine = np.diag([2.0, 2, 2, 1])
    same = carry(volume, affine, volume.shape, affine, np.eye(4))
    np.testing.assert_allclose(same, volume)
    away = np.eye(4)
    away[0, 3] = 100
    assert not carry(volume, affine, volume.shape, affine, away).any()


def test_carrying_follows_the_world() -> None:
    volume = np.zeros((5, 5, 5), dtype=np.uint8)
    volume[1, 2, 3] = 1
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = 4
    carried = carry(volume, np.eye(4), (5, 5, 5), flip, np.eye(4))
    assert np.argwhere(carried > 0.5).tolist() == [[3, 2, 3]]
    moved = np.eye(4)
    moved[1, 3] = 1  # the wanted grid's world lies one millimetre behind
    carried = carry(volume, np.eye(4), (5, 5, 5), np.eye(4), moved)
    assert np.argwhere(carried > 0.5).tolist() == [[1, 1, 3]]


def test_beyond_the_edge_is_what_is_at_the_edge_if_that_is_asked_for() -> None:
    volume = np.zeros((3, 3, 3), dtype=np.uint8)
    volume[2] = 1
    away = np.eye(4)
    away[0, 3] = 20
    grid = ((3, 3, 3), np.eye(4), away)
    assert (carry(volume, np.eye(4), *grid, mode="nearest") == 1).all()
    assert not carry(volume, np.eye(4), *grid).any()


def oblique(seed: int) -> NDArray[np.float64]:
    """Return an affine that moves, turns, stretches and shears."""
    random = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3] = random.uniform(-1.5, 1.5, (3, 4))
    affine[:3, :3] += np.diag(random.choice([-1, 1], 3))
    affine[:3, 3] *= 4
    return affine


@given(st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.integers(1, 9)] * 3),
       st.integers(0, 2**32 - 1))  # fmt: skip
def test_looking_up_is_scipy_s_nearest_neighbour(
    mask_shape: tuple[int, ...], shape: tuple[int, ...], seed: int
) -> None:
    mask = np.random.default_rng(seed).random(mask_shape) < 0.5
    affines = [oblique(seed + k) for k in range(3)]
    mask_affine, affine, to_mask = affines
    matrix = np.linalg.inv(mask_affine) @ to_mask @ affine
    expected = ndimage.affine_transform(
        mask.astype(np.uint8), matrix[:3, :3], matrix[:3, 3], shape, order=0, mode="nearest"
    )
    found = look_up(mask, mask_affine, shape, affine, to_mask)
    assert found.shape == shape
    assert found.dtype == bool
    assert found.flags.f_contiguous
    place = np.tensordot(matrix[:3, :3], np.indices(shape), 1) + matrix[:3, 3, None, None, None]
    tied = (np.abs(place - np.floor(place) - 0.5) < 1e-3).any(axis=0)
    np.testing.assert_array_equal(found[~tied], expected[~tied] > 0)


def test_looking_up_does_not_depend_on_how_the_mask_is_stored() -> None:
    mask = np.random.default_rng(0).random((5, 6, 7)) < 0.5
    grid = ((8, 8, 8), np.diag([0.7, 0.8, 0.9, 1]), np.eye(4))
    expected = look_up(mask, np.eye(4), *grid)
    assert 0 < expected.sum() < expected.size
    wide = np.zeros((10, 6, 7), bool)
    wide[::2] = mask
    for same in (np.asfortranarray(mask), wide[::2]):
        np.testing.assert_array_equal(look_up(same, np.eye(4), *grid), expected)


@given(st.tuples(*[st.integers(1, 6)] * 3), st.integers(0, 2**32 - 1))
def test_what_is_in_view_lies_within_half_a_voxel_of_the_image(
    seen_shape: tuple[int, ...], seed: int
) -> None:
    seen, grid = oblique(seed), oblique(seed + 1)
    shape = (7, 8, 9)
    found = in_view(seen_shape, seen, shape, grid, np.eye(4))
    place = np.tensordot((np.linalg.inv(seen) @ grid)[:3, :3], np.indices(shape), 1)
    place += (np.linalg.inv(seen) @ grid)[:3, 3, None, None, None]
    last = np.array(seen_shape)[:, None, None, None] - 0.5
    margin = np.minimum(place + 0.5, last - place).min(axis=0)
    np.testing.assert_array_equal(
        found[np.abs(margin) > 1e-3], (margin > 0)[np.abs(margin) > 1e-3]
    )


def test_trailing_axes_do_not_change_what_is_in_view() -> None:
    grid = ((4, 4, 4), np.eye(4), np.eye(4))
    assert in_view((2, 3, 4, 9), np.eye(4), *grid).sum() == 24


@pytest.mark.parametrize(("dtype", "value"), [("f8", 1e300), ("f4", 3e38)])
def test_numbers_of_any_size_have_a_finite_mean(dtype: str, value: float) -> None:
    data = np.full((2, 2, 2), value, dtype)
    assert np.isfinite(block_mean(data, (2, 2, 2))).all()
