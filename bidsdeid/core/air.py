"""What air looks like in an image: what is written in the place of what goes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bidsdeid.core.voxels import Bools, Stored

_RAYLEIGH_MEDIAN = 1.1774

#: Edges that show air are darker than zero in this part of their voxels.
_MOSTLY = 2 / 3


def air_of(data: Stored, slope: float, inter: float) -> float:
    """Return the stored value of air in an image.

    It is the one that stands for zero signal, unless the image shows something darker at its
    edges: air in a CT is -1000.

    Parameters
    ----------
    data : (X, Y, Z, ...) array
        Voxels as stored.
    slope, inter : float
        ``scl_slope`` and ``scl_inter``.

    Examples
    --------
    >>> ct = np.full((4, 4, 4), -1000, dtype=np.int16)
    >>> ct[1:3, 1:3, 1:3] = 40
    >>> air_of(ct, 1, 0), air_of(abs(ct), 1, 0)
    (-1000.0, 0.0)
    """
    zero = air_value(slope, inter, data.dtype)
    edges = _outermost(data)
    darker = edges > zero if slope < 0 else edges < zero
    if darker.mean() < _MOSTLY:  # the noise of a phase image lies on both sides
        return zero
    edge = float(np.nan_to_num(np.median(edges)))
    return edge if data.dtype.kind == "f" else float(round(edge))


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


def air_noise(data: Stored, remove: Bools, air: float, seed: int) -> Stored:
    """Return noise as it is in the air of an image, for the voxels that go.

    Magnitude images have Rayleigh-distributed noise where there is no signal (Gudbjartsson &
    Patz 1995, MRM); its width is read off the outermost voxels of the image.

    Parameters
    ----------
    data : (X, Y, Z, ...) array
        Voxels as stored.
    remove : (X, Y, Z) array of bool
    air : float
        The stored value of no signal; see `air_of`.
    seed : int
        The same seed gives the same noise.

    Returns
    -------
    array
        Shaped and typed as `data[remove]`.
    """
    signal = np.abs(_outermost(data) - air)
    width = float(np.nan_to_num(np.median(signal))) / _RAYLEIGH_MEDIAN
    wanted = data[remove]
    noise = air + np.random.default_rng(seed).rayleigh(width, wanted.shape)
    if data.dtype.kind in "iu":
        limits = np.iinfo(data.dtype)
        noise = np.clip(np.rint(noise), limits.min, limits.max)
    return noise.astype(data.dtype)


def _outermost(data: Stored) -> NDArray[np.float64]:
    """Return the outermost voxels of an image."""
    # Not `np.take`, which copies an image in Fortran order for each of its six sides.
    edges = [np.moveaxis(data, axis, 0)[at] for axis in range(3) for at in (0, -1)]
    values = np.concatenate([edge.ravel() for edge in edges]).astype(np.float64)
    return np.where(np.isfinite(values), values, 0.0)
