"""Voxels taken out of an image, and grids that masks are carried between.

Here, once for all engines: data type, scaling, 4-D, and the value that air has.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.errors import EngineError, ImageError

Bools: TypeAlias = NDArray[np.bool_]
Floats: TypeAlias = NDArray[np.float32]
Affine: TypeAlias = NDArray[np.floating[Any]]
Stored: TypeAlias = NDArray[Any]

#: A resampled mask counts where at least half a voxel is covered.
HALF = 0.5


def remove_voxels(data: Stored, remove: Bools, *, fill: float = 0) -> Stored:
    """Return a copy of `data` with every voxel marked in `remove` set to `fill`.

    Parameters
    ----------
    data : (X, Y, Z, ...) array
        Voxels as stored, before ``scl_slope`` and ``scl_inter``.  Trailing axes (time, echo) are
        masked alike.
    remove : (X, Y, Z) array of bool
        True where the voxel can identify the participant.  Same grid as `data`.
    fill : scalar
        Value written, in stored units; see `air_value`.

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


def air_value(slope: float, inter: float, dtype: np.dtype[Any]) -> float:
    """Return the stored value that stands for zero signal.

    Parameters
    ----------
    slope, inter : float
        ``scl_slope`` and ``scl_inter``; a slope of 0 or NaN means "not scaled".
    dtype : dtype
        Type of the stored voxels.

    Examples
    --------
    >>> air_value(0.5, -10, np.dtype("int16"))
    20.0
    >>> air_value(float("nan"), float("nan"), np.dtype("uint8"))
    0.0
    """
    scaled = np.isfinite(slope) and slope != 0 and np.isfinite(inter)
    zero = -inter / slope if scaled else 0.0
    if dtype.kind not in "iu":
        return float(zero)
    limits = np.iinfo(dtype)
    return float(np.clip(round(zero), limits.min, limits.max))


def mean_volume(data: Stored) -> Floats:
    """Return the mean over trailing axes as an (X, Y, Z) float array, what is not finite as 0."""
    volume: Floats = data.mean(axis=tuple(range(3, data.ndim)), dtype=np.float32)
    return np.nan_to_num(volume, nan=0.0, posinf=0.0, neginf=0.0)


def block_mean(data: Floats, factors: tuple[int, ...]) -> Floats:
    """Average blocks of voxels; what does not fill a block at the far edge is left out.

    Examples
    --------
    >>> block_mean(np.arange(4, dtype=np.float32).reshape(4, 1, 1), (2, 1, 1)).ravel().tolist()
    [0.5, 2.5]
    """
    shape = tuple(n // f for n, f in zip(data.shape, factors, strict=True))
    cut = data[tuple(slice(n * f) for n, f in zip(shape, factors, strict=True))]
    blocks = cut.reshape([m for n, f in zip(shape, factors, strict=True) for m in (n, f)])
    means: Floats = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return means


def downsample(data: Floats, affine: Affine, zoom_mm: float) -> tuple[Floats, Affine]:
    """Average an image to voxels of at most about `zoom_mm`.

    Parameters
    ----------
    data : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm
    zoom_mm : float
        Voxels are never made larger than this, and never smaller than they were.

    Returns
    -------
    small : (x, y, z) array
    small_affine : (4, 4) array, voxel → RAS+ mm
        Of the block centres.
    """
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    factors = tuple(max(1, int(zoom_mm / zoom + 1e-3)) for zoom in zooms)
    blocks = np.diag([*factors, 1.0])
    blocks[:3, 3] = [(factor - 1) / 2 for factor in factors]
    return block_mean(data, factors), affine @ blocks


def carry(
    volume: NDArray[Any],
    volume_affine: Affine,
    shape: tuple[int, ...],
    affine: Affine,
    to_volume_world: Affine,
) -> Floats:
    """Resample `volume` onto another grid, linearly; 0 outside of it.

    Parameters
    ----------
    volume : (X, Y, Z) array
    volume_affine : (4, 4) array, voxel of `volume` → its world
    shape, affine : of the grid wanted, voxel → its world
    to_volume_world : (4, 4) array, world of the grid wanted → world of `volume`

    Returns
    -------
    `shape` array of float32
    """
    matrix = np.linalg.inv(volume_affine) @ to_volume_world @ affine
    result: Floats = ndimage.affine_transform(
        volume, matrix[:3, :3], matrix[:3, 3], shape, output=np.float32, order=1, mode="constant"
    )
    return result
