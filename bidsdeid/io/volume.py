"""One volume or mask read from a file, checked: what a template is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bidsdeid.core.nifti import decode_image
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, mean_volume
from bidsdeid.errors import EngineError, ImageError, UsageError

#: Affines of one grid differ by less than this, in mm.
_SAME_MM = 1e-3

#: Nearly all voxels of a mask are within this of 0 or 1.
_BINARY, _MOSTLY = 0.05, 0.99


def read_volume(path: Path, what: str) -> tuple[Floats, Affine]:
    """Return a 3-D image.

    Parameters
    ----------
    path : Path
        NIfTI, gzipped or not.
    what : str
        How a message calls it, such as ``the template``.

    Returns
    -------
    data : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm

    Raises
    ------
    UsageError
        If it cannot be read to its end, is not one volume, or has values that are no numbers.
    """
    try:
        image = decode_image(path.read_bytes())
        affine = image.affine
    except OSError as error:
        message = f"{what} cannot be read ({error.strerror}): give a NIfTI file"
        raise UsageError(message) from error
    except ImageError as error:
        message = f"{what} cannot be read as an image, give a whole NIfTI file: {error}"
        raise UsageError(message) from error
    slope, inter = image.header.get_slope_inter()
    data = image.data.astype(np.float32) * (slope or 1) + (inter or 0)
    if data.ndim > 3 and set(data.shape[3:]) == {1}:  # noqa: PLR2004 -- a volume
        data = data.reshape(data.shape[:3])
    if data.ndim != 3 or min(data.shape) < 2:  # noqa: PLR2004 -- a volume
        message = f"{what} is not one 3-D volume: give one volume"
        raise UsageError(message)
    if not np.isfinite(data).all() or not np.isfinite(affine).all() or np.linalg.det(affine) == 0:
        message = f"{what} has voxels or an affine that are no numbers: give a clean image"
        raise UsageError(message)
    return data, affine


def read_mask(path: Path, what: str, shape: tuple[int, ...], affine: Affine) -> Bools:
    """Return a mask.

    Parameters
    ----------
    path : Path
    what : str
        How a message calls it.
    shape : tuple of int
    affine : (4, 4) array, voxel → RAS+ mm
        The grid it must be on.

    Returns
    -------
    (X, Y, Z) array of bool

    Raises
    ------
    UsageError
        If it is on another grid, has other values than 0 and 1, or only one of them.
    """
    data, own = read_volume(path, what)
    if data.shape != shape or not np.allclose(own, affine, rtol=0, atol=_SAME_MM):
        message = f"{what} is not on the grid of the template: resample it to the template"
        raise UsageError(message)
    near = (np.abs(data) < _BINARY) | (np.abs(data - 1) < _BINARY)
    if near.mean() < _MOSTLY:
        message = f"{what} has other values than 0 and 1: make it binary"
        raise UsageError(message)
    mask: Bools = data >= HALF
    if mask.all() or not mask.any():
        message = f"{what} is the same everywhere: give a mask with both 0 and 1"
        raise UsageError(message)
    return mask


def read_found(path: Path, what: str, shape: tuple[int, ...]) -> Bools:
    """Return the mask that a program has written for an image.

    Parameters
    ----------
    path : Path
    what : str
        The program, as a message calls it.
    shape : tuple of int
        Of the image.

    Raises
    ------
    EngineError
        If there is none, or it is on another grid.
    """
    try:
        mask = mean_volume(decode_image(path.read_bytes()).data) >= HALF
    except (OSError, ImageError) as error:
        message = f"{what} left no mask"
        raise EngineError(message) from error
    if mask.shape != shape:
        message = f"{what} left a mask on another grid"
        raise EngineError(message)
    return np.asarray(mask)


def is_whole(path: Path) -> bool:
    """Tell whether a file holds a volume that can be read to its end."""
    try:
        read_volume(path, "the file")
    except UsageError:
        return False
    return True
