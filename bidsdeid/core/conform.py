"""The grid SynthStrip's network sees, and the way back from it.

The procedure is that of FreeSurfer's ``mri_synthstrip`` (7.4): axes in the order left, inferior,
anterior; voxels of 1 mm, each the nearest of the image; cropped to what is above zero, then
padded or cut about the middle to multiples of 64 between 192 and 320; brightness from the least
to the 99th percentile made 0 to 1.  What else runs the network brings a `Procedure` of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.voxels import Affine, Bools, Floats, Stored
from bidsdeid.errors import ImageError

#: Axes of the network's grid.
_ORIENTATION = "LIA"

#: Voxels of the network's grid are of 1 mm; images this near to it stay as they are.
_ZOOM_TOLERANCE = 1e-5

#: Sizes that are this near to one of so many decimals are that size.
_DECIMALS, _ROUNDING = 6, 2e-7

#: Each axis is a multiple of this, and no shorter or longer than these.
STEP, _LEAST, _MOST = 64, 192, 320

#: No image of a head is longer than this; memory grows with it.
_LONGEST_MM = 640

#: What is this bright is 1.
_BRIGHT_PERCENTILE = 99.0

#: Outside of the network's grid everything is this far from a brain (mm).
FAR_MM = 100.0

#: How far beyond its bound a distance can still round into a mask (voxels of the network).
_RIM = 2


@dataclass(frozen=True, eq=False)
class Conformed:
    """An image as the network sees it.

    Parameters
    ----------
    volume : (X, Y, Z) array
        0 to 1.
    affine : (4, 4) array, voxel of `volume` → RAS+ mm
    """

    volume: Floats
    affine: Affine


@dataclass(frozen=True, slots=True)
class Procedure:
    """A way to show images to the network, and to carry what it answers back.

    Parameters
    ----------
    name : str
        What is told of it.
    conform, within : callable
        As the functions of those names.
    """

    name: str
    conform: Callable[[Stored, Affine], Conformed]
    within: Callable[[Floats, Affine, tuple[int, ...], Affine, float], Bools]


def conform(data: Stored, affine: Affine) -> Conformed:
    """Return an image as the network sees it.

    Parameters
    ----------
    data : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm

    Raises
    ------
    ImageError
        If nothing in the image is above zero, or it is too large.
    """
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(affine), nib.orientations.axcodes2ornt(_ORIENTATION)
    )
    grid = np.asarray(affine @ nib.orientations.inv_ornt_aff(turn, data.shape))
    volume, grid = _at_1_mm(nib.orientations.apply_orientation(data, turn), grid)
    check_light(volume)
    box = ndimage.find_objects((volume > 0).astype(np.int8))[0]
    volume, grid = volume[box], _shifted(grid, [side.start for side in box])
    volume, grid = _fitted(volume, grid)
    return Conformed(brightness(volume), grid)


def within(
    distance: Floats,
    distance_affine: Affine,
    shape: tuple[int, ...],
    affine: Affine,
    border: float,
) -> Bools:
    """Return the voxels of an image that lie within a distance of the brain.

    Parameters
    ----------
    distance : (X, Y, Z) array
        To the brain's surface, negative inside (mm).
    distance_affine : (4, 4) array, voxel of `distance` → RAS+ mm
    shape, affine : of the image, voxel → RAS+ mm
    border : float
        mm.

    Returns
    -------
    `shape` array of bool
    """
    mask = np.zeros(shape, bool)
    near = ndimage.find_objects((distance < border).astype(np.int8))
    if not near:
        return mask
    # Only there is anything to be found: a box around it, on the image's grid.
    ends = [(side.start - _RIM, side.stop + _RIM) for side in near[0]]
    corners = np.array([[x, y, z, 1] for x in ends[0] for y in ends[1] for z in ends[2]]).T
    matrix = np.linalg.inv(distance_affine) @ affine
    there = (np.linalg.inv(matrix) @ corners)[:3]
    low = np.clip(np.floor(there.min(axis=1)), 0, shape).astype(int)
    high = np.clip(np.ceil(there.max(axis=1)) + 1, 0, shape).astype(int)
    if not (high > low).all():
        return mask
    carried = ndimage.affine_transform(
        distance,
        matrix[:3, :3],
        matrix[:3, :3] @ low + matrix[:3, 3],
        output_shape=tuple(high - low),
        output=np.float32,
        order=1,
        mode="constant",
        cval=FAR_MM,
    )
    mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = carried < border
    return mask


#: What FreeSurfer's ``mri_synthstrip`` does.
FREESURFER = Procedure("SynthStrip", conform, within)


def brightness(volume: Floats) -> Floats:
    """Return values from the least to the 99th percentile as 0 to 1.

    Examples
    --------
    >>> brightness(np.array([-1, 0, 1, 1], np.float32)).tolist()
    [0.0, 0.5, 1.0, 1.0]
    """
    volume = volume - volume.min()
    bright_value = float(np.percentile(volume, _BRIGHT_PERCENTILE))
    scaled: Floats = volume / np.float32(bright_value if bright_value > 0 else 1)
    return scaled.clip(0, 1)


def check_light(volume: Stored) -> None:
    """Refuse an image in which there is nothing to see.

    Raises
    ------
    ImageError
        If nothing in it is above zero.
    """
    if not (volume > 0).any():
        message = "nothing in the image is above zero"
        raise ImageError(message)


def check_size(lengths_mm: NDArray[Any]) -> None:
    """Refuse an image of which an axis is longer than any head's.

    Raises
    ------
    ImageError
        If one is.
    """
    if lengths_mm.max() > _LONGEST_MM:
        message = "the image is larger than any head: its voxel sizes cannot be in mm"
        raise ImageError(message)


def network_lengths(least: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Return the lengths of a grid that the network takes, for so many voxels along each axis.

    Examples
    --------
    >>> network_lengths(np.array([10, 193, 400])).tolist()
    [192, 256, 320]
    """
    steps: NDArray[np.integer[Any]] = -(-least // STEP)
    return (steps * STEP).clip(_LEAST, _MOST)


def _at_1_mm(volume: Stored, grid: Affine) -> tuple[Floats, Affine]:
    """Take the nearest voxel for each of 1 mm, about the middle of the image."""
    zooms = np.linalg.norm(grid[:3, :3], axis=0)
    if np.allclose(zooms, 1, rtol=0, atol=_ZOOM_TOLERANCE):
        return np.asarray(volume, np.float32), grid
    old = np.array(volume.shape)
    # FreeSurfer has sizes as headers have them, in single precision; what an oblique affine says
    # of them is off by rounding: 1.8000001 mm are 1.8 mm.
    written = np.round(zooms, _DECIMALS)
    sizes = np.where(np.isclose(zooms, written, rtol=_ROUNDING, atol=0), written, zooms)
    new = np.ceil(sizes.astype(np.float32).astype(np.float64) * old).astype(int)
    turn = grid[:3, :3] / zooms
    fresh = np.eye(4)
    fresh[:3, :3] = turn
    fresh[:3, 3] = (grid @ [*(old / 2), 1.0])[:3] - turn @ (new / 2)
    matrix = np.linalg.inv(grid) @ fresh
    index, inside = [], []
    for axis, (count, size) in enumerate(zip(new, old, strict=True)):
        # In single precision throughout, as FreeSurfer has it: rounding decides what is half way.
        step, first = np.float32(matrix[axis, axis]), np.float32(matrix[axis, 3])
        place = np.arange(count, dtype=np.float32) * step + first
        index.append(np.clip(np.floor(place + np.float32(0.5)).astype(int), 0, size - 1))
        inside.append((place >= 0) & (place < size))
    check_size(new)
    taken = np.asarray(volume[np.ix_(*index)], np.float32)
    taken *= inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
    return taken, fresh


def _fitted(volume: Floats, grid: Affine) -> tuple[Floats, Affine]:
    """Pad or cut each axis about its middle to a length that the network takes."""
    fitted = np.zeros(network_lengths(np.array(volume.shape)), np.float32)
    source, target, start = [], [], []
    for old, new in zip(volume.shape, fitted.shape, strict=True):
        cut, pad = max(0, (old - new) // 2), max(0, (new - old) // 2)
        length = min(old, new)
        source.append(slice(cut, cut + length))
        target.append(slice(pad, pad + length))
        start.append(cut - pad)
    fitted[tuple(target)] = volume[tuple(source)]
    return fitted, _shifted(grid, start)


def _shifted(grid: Affine, start: list[int]) -> Affine:
    """Return the affine of a grid that begins at another voxel."""
    fresh = grid.copy()
    fresh[:3, 3] += grid[:3, :3] @ np.array(start, float)
    return fresh
