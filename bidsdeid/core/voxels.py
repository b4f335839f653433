"""Voxels taken out of an image, and grids that masks are carried between.

Here, once for all engines: data type, scaling, 4-D, and the value that air has.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.reach import reach
from bidsdeid.errors import EngineError, ImageError

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float32]
Affine: TypeAlias = NDArray[np.floating[Any]]
Stored: TypeAlias = NDArray[Any]
Fill: TypeAlias = "float | Stored"

#: Larger values are damage, and their sums would overflow.
_HUGE = 1e30

#: Masks of fewer voxels have indices that are short integers.
_SHORT = 2**31

#: A resampled mask counts where at least half a voxel is covered.
HALF = 0.5


def remove_voxels(data: Stored, remove: Bools, *, fill: Fill = 0) -> Stored:
    """Return a copy of `data` with every voxel marked in `remove` set to `fill`.

    Parameters
    ----------
    data : (X, Y, Z, ...) array
        Voxels as stored, before ``scl_slope`` and ``scl_inter``.  Trailing axes (time, echo) are
        masked alike.
    remove : (X, Y, Z) array of bool
        True where the voxel can identify the participant.  Same grid as `data`.
    fill : scalar, or array as `data[remove]`
        What is written, in stored units; see `bidsdeid.core.air`.

    Returns
    -------
    (X, Y, Z, ...) array
        Same shape, type and memory order; voxels outside `remove` are bit-identical.

    Raises
    ------
    ImageError
        If the grids differ: a mask is never resampled or broadcast here.
    EngineError
        If `remove` marks nothing: not finding a face is a failure, not a result.

    Examples
    --------
    >>> data = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    >>> face = np.zeros((2, 2, 2), dtype=bool)
    >>> face[0] = True
    >>> remove_voxels(data, face).tolist()
    [[[0, 0], [0, 0]], [[4, 5], [6, 7]]]
    >>> remove_voxels(data, face[:1])
    Traceback (most recent call last):
        ...
    bidsdeid.errors.ImageError: mask grid (1, 2, 2) is not image grid (2, 2, 2)
    """
    if data.shape[:3] != remove.shape:
        message = f"mask grid {remove.shape} is not image grid {data.shape[:3]}"
        raise ImageError(message)
    if not remove.any():
        message = "the mask removes nothing"
        raise EngineError(message)
    result = data.copy(order="K")
    result[remove] = fill
    return result


def mean_volume(data: Stored) -> Floats:
    """Return the mean over trailing axes as an (X, Y, Z) float array, what is not finite as 0."""
    return block_mean(data, (1, 1, 1))


def block_mean(data: Stored, factors: tuple[int, ...]) -> Floats:
    """Average blocks of voxels; what does not fill a block at the far edge is left out.

    Parameters
    ----------
    data : (X, Y, Z, ...) array
        Trailing axes are averaged, too; what is not finite counts as 0.
    factors : tuple of int
        Voxels of a block, along each of the three axes.

    Examples
    --------
    >>> block_mean(np.arange(4).reshape(4, 1, 1), (2, 1, 1)).ravel().tolist()
    [0.5, 2.5]
    """
    shape = tuple(n // f for n, f in zip(data.shape[:3], factors, strict=True))
    series = data.reshape((*data.shape[:3], -1), order="F")
    total: Floats = np.zeros(shape, np.float32, order="F")
    count, sane = 0, _is_sane(data)
    for volume in range(series.shape[3]):
        # Strided sums: no copy of the image in floating point is ever made.
        for corner in np.ndindex(*factors):
            strides = tuple(
                slice(start, start + (n - 1) * step + 1, step)
                for start, n, step in zip(corner, shape, factors, strict=True)
            )
            part = series[..., volume][strides]
            if not sane:
                part = np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0)
                part = np.clip(part, -_HUGE, _HUGE)
            total += part
            count += 1
    total /= np.float32(count)
    return total


def _is_sane(data: Stored) -> bool:
    """Tell whether all values can be summed up: one NaN makes least and greatest NaN."""
    if data.dtype.kind != "f" or not data.size:
        return True
    return bool(data.min() >= -_HUGE and data.max() <= _HUGE)


def downsample(data: Stored, affine: Affine, zoom_mm: float) -> tuple[Floats, Affine]:
    """Average an image to voxels of at most about `zoom_mm`.

    Parameters
    ----------
    data : (X, Y, Z, ...) array
        Trailing axes are averaged, too.
    affine : (4, 4) array, voxel → RAS+ mm
    zoom_mm : float
        Voxels are made up to a quarter larger than this, and never smaller than they were.

    Returns
    -------
    small : (x, y, z) array
    small_affine : (4, 4) array, voxel → RAS+ mm
        Of the block centres.
    """
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    factors = tuple(
        min(max(1, int(1.25 * zoom_mm / zoom)), size)
        for zoom, size in zip(zooms, data.shape[:3], strict=True)
    )
    blocks = np.diag([*factors, 1.0])
    blocks[:3, 3] = [(factor - 1) / 2 for factor in factors]
    return block_mean(data, factors), affine @ blocks


def carry(
    volume: NDArray[Any],
    volume_affine: Affine,
    shape: tuple[int, ...],
    affine: Affine,
    to_volume_world: Affine,
    *,
    mode: Literal["constant", "nearest"] = "constant",
) -> Floats:
    """Resample `volume` onto another grid, linearly.

    Parameters
    ----------
    volume : (X, Y, Z) array
    volume_affine : (4, 4) array, voxel of `volume` → its world
    shape, affine : of the grid wanted, voxel → its world
    to_volume_world : (4, 4) array, world of the grid wanted → world of `volume`
    mode : str
        What is outside of `volume`: ``constant`` for 0, ``nearest`` for what is at its edge.

    Returns
    -------
    `shape` array of float32
    """
    matrix = np.linalg.inv(volume_affine) @ to_volume_world @ affine
    result: Floats = ndimage.affine_transform(
        volume, matrix[:3, :3], matrix[:3, 3], shape, output=np.float32, order=1, mode=mode
    )
    return result


def box_corners(shape: tuple[int, ...], affine: Affine) -> NDArray[np.float64]:
    """Return where the eight outermost voxels of a grid lie, as (4, 8) places in its world.

    Examples
    --------
    >>> box_corners((3, 2, 1), np.eye(4)).max(axis=1).tolist()
    [2.0, 1.0, 0.0, 1.0]
    """
    ends = np.array([[*corner, 1] for corner in np.ndindex(2, 2, 2)]).T
    return np.asarray(affine @ np.diag([*(n - 1 for n in shape[:3]), 1.0]) @ ends, np.float64)


def in_view(
    seen_shape: tuple[int, ...],
    seen_affine: Affine,
    shape: tuple[int, ...],
    affine: Affine,
    to_seen: Affine,
) -> Bools:
    """Mark the voxels of a grid that lie inside the field of view of another.

    Arguments as for `look_up`.

    Examples
    --------
    >>> in_view((2, 1, 1), np.eye(4), (4, 1, 1), np.eye(4), np.eye(4)).ravel().tolist()
    [True, True, False, False]
    """
    padded = np.zeros([n + 2 for n in seen_shape[:3]], dtype=bool)
    padded[1:-1, 1:-1, 1:-1] = True
    before = np.eye(4)
    before[:3, 3] = -1
    return look_up(padded, seen_affine @ before, shape, affine, to_seen)


def look_up(
    mask: Bools, mask_affine: Affine, shape: tuple[int, ...], affine: Affine, to_mask: Affine
) -> Bools:
    """Carry a mask onto another grid, each voxel from the nearest of the mask's or of its edge.

    Parameters
    ----------
    mask : (X, Y, Z) array of bool
    mask_affine : (4, 4) array, voxel of `mask` → its world
    shape, affine : of the grid wanted, voxel → its world
    to_mask : (4, 4) array, world of the grid wanted → world of `mask`

    Returns
    -------
    `shape` array of bool, in Fortran order

    Examples
    --------
    >>> mask = np.array([False, True]).reshape(2, 1, 1)
    >>> look_up(mask, np.eye(4), (4, 1, 1), np.diag([0.5, 1, 1, 1]), np.eye(4)).ravel().tolist()
    [False, True, True, True]
    """
    exact = np.linalg.inv(mask_affine) @ to_mask @ affine
    result = np.zeros(shape, bool, order="F")
    across, along, up = reach(mask, shape, exact)
    # The voxel of the mask for each of the grid is a sum of one term for each axis.
    matrix = exact.astype(np.float32)
    rows = np.arange(across.start, across.stop, dtype=np.float32)[:, None]
    columns = np.arange(along.start, along.stop, dtype=np.float32)[None, :]
    first = [
        np.asfortranarray(row[0] * rows + row[1] * columns + (row[3] + np.float32(HALF)))
        for row in matrix[:3]
    ]
    if not mask.flags.f_contiguous:
        mask = np.ascontiguousarray(mask)
    flat, strides = mask.ravel(order="K"), mask.strides  # a voxel of bool is a byte
    place = np.empty_like(first[0])
    # Short integers are multiplied several at a time, but numpy picks by long ones.
    kind = np.dtype(np.int32 if mask.size < _SHORT else np.intp)
    voxel, total = (np.empty_like(place, kind) for _ in range(2))
    index = np.empty_like(place, np.intp)
    for level in range(up.start, up.stop):  # by planes: indices of a whole image would not fit
        total.fill(0)
        for plane, row, size, stride in zip(first, matrix, mask.shape, strides, strict=False):
            np.add(plane, row[2] * np.float32(level), out=place)
            np.clip(place, 0, size - 1, out=place)
            np.copyto(voxel, place, casting="unsafe")
            voxel *= stride
            total += voxel
        np.copyto(index, total)
        result[across, along, level] = flat[index]
    return result
