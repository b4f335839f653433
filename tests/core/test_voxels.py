from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bidsdeid.core.voxels import (
    air_value,
    block_mean,
    carry,
    downsample,
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


@pytest.mark.parametrize(
    ("slope", "inter", "dtype", "air"),
    [
        (1.0, 0.0, "int16", 0),
        (0.0, 50.0, "int16", 0),
        (float("nan"), 50.0, "int16", 0),
        (2.0, float("nan"), "int16", 0),
        (2.0, -1024.0, "int16", 512),
        (1.0, -1024.0, "uint8", 255),
        (1.0, 5.0, "uint16", 0),
        (0.5, 1.25, "float32", -2.5),
        (-1.0, 10.0, "int16", 10),
    ],
)
def test_air_is_the_stored_value_that_means_no_signal(
    slope: float, inter: float, dtype: str, air: float
) -> None:
    assert air_value(slope, inter, np.dtype(dtype)) == air


def test_the_mean_over_time_is_finite() -> None:
    data = np.zeros((2, 2, 2, 2), dtype=">f4")
    data[0, 0, 0] = [1, 3]
    data[1, 1, 1] = [np.nan, 1]
    data[0, 1, 1] = [np.inf, 1]
    mean = mean_volume(data)
    assert mean.dtype == np.float32
    assert (mean[0, 0, 0], mean[1, 1, 1], mean[0, 1, 1]) == (2, 0, 0)


@given(st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.integers(1, 4)] * 3))
def test_blocks_are_means_of_their_voxels(
    shape: tuple[int, ...], factors: tuple[int, ...]
) -> None:
    factors = tuple(min(f, n) for f, n in zip(factors, shape, strict=True))
    data = np.random.default_rng(0).random(shape, dtype=np.float32)
    blocks = block_mean(data, factors)
    a, b, c = factors
    expected = np.empty([n // f for n, f in zip(shape, factors, strict=True)])
    for x, y, z in np.ndindex(*expected.shape):
        expected[x, y, z] = data[a * x :, b * y :, c * z :][:a, :b, :c].mean()
    np.testing.assert_allclose(blocks, expected, rtol=1e-5)


@given(st.tuples(*[st.floats(0.3, 5)] * 3), st.floats(1, 4))
def test_downsampling_keeps_places_and_never_exceeds_the_zoom(
    zooms: tuple[float, ...], wanted: float
) -> None:
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -10, 4, 7
    places = np.indices((16, 16, 16)).astype(np.float32)
    small, small_affine = downsample(places[1], affine, wanted)
    spacing = np.linalg.norm(small_affine[:3, :3], axis=0)
    assert (spacing <= np.maximum(np.array(zooms), wanted + 0.01 * np.array(zooms))).all()
    where = small_affine @ [0, 0, 0, 1]
    back = np.linalg.inv(affine) @ where
    assert small[0, 0, 0] == pytest.approx(back[1], abs=1e-4)


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
