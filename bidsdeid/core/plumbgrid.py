"""The grid on which ``nipreps-synthstrip`` shows an image to SynthStrip's network, and back.

The procedure is that of NiPreps' command (nipreps-synthstrip 0.0.1, ``conform`` and
``resample_like`` of its ``cli`` module, on nitransforms 25.1), not FreeSurfer's, which is
`bidsdeid.core.conform`.  The grid is plumb: its axes are the world's left, inferior and anterior,
its voxels are of 1 mm, its middle is the image's, and nothing dark is cut off before.  Values
are those of cubic splines, on the way there and on the way back, and distances are whole
millimetres.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage

from bidsdeid.core.conform import (
    FAR_MM,
    Conformed,
    Procedure,
    brightness,
    check_light,
    check_size,
    network_lengths,
)
from bidsdeid.core.voxels import Affine, Bools, Floats, Stored

#: Axes of the network's grid in the world: left, inferior, anterior.
_AXES = np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])

#: What is added to an extent in mm before it is cut to a whole number.
_ROUND_UP = 0.999

#: Degree of the splines.
_CUBIC: Final = 3


def conform(data: Stored, affine: Affine) -> Conformed:
    """Return an image as the network sees it.

    Parameters
    ----------
    data : (X, Y, Z) array
        Whole numbers stay whole and in the bounds of their type, as the command has it for an
        image that is stored without a scale.
    affine : (4, 4) array, voxel → RAS+ mm

    Raises
    ------
    ImageError
        If nothing in the image is above zero, or it is too large.

    Examples
    --------
    >>> seen = conform(np.ones((50, 70, 20), np.int16), np.diag([4, 3, 5, 1]))
    >>> seen.volume.shape
    (256, 192, 256)
    >>> seen.affine[:3, 3].tolist()
    [225.5, -24.0, 143.0]
    """
    check_light(data)
    check_size(np.linalg.norm(affine[:3, :3], axis=0) * data.shape)
    lengths, grid = _grid(data.shape, affine)
    volume = _splined(data, affine, lengths, grid, outside=0)
    return Conformed(brightness(np.asarray(volume, np.float32)), grid)


def within(
    distance: Floats,
    distance_affine: Affine,
    shape: tuple[int, ...],
    affine: Affine,
    border: float,
) -> Bools:
    """Return the voxels of an image that lie within a distance of the brain.

    Distances are cut to whole millimetres, towards zero, before they are compared: a border of
    1 mm holds what is nearer than 1 mm, one of 0 mm what is 1 mm or more inside.

    Parameters and result are those of `bidsdeid.core.conform.within`.

    Examples
    --------
    >>> distance = np.array([-1.5, -0.5, 0.5, 1.5], np.float32).reshape(4, 1, 1)
    >>> within(distance, np.eye(4), (4, 1, 1), np.eye(4), 1).ravel().tolist()
    [True, True, True, False]
    >>> within(distance, np.eye(4), (4, 1, 1), np.eye(4), 0).ravel().tolist()
    [True, False, False, False]
    """
    carried = _splined(distance, distance_affine, shape, affine, outside=FAR_MM)
    return np.asarray(np.trunc(carried) < border)


#: What `nipreps-synthstrip` does.
NIPREPS = Procedure("SynthStrip on the grid of nipreps-synthstrip", conform, within)


def _grid(shape: tuple[int, ...], affine: Affine) -> tuple[tuple[int, ...], Affine]:
    """Return lengths and affine of the plumb grid about the middle of an image."""
    last = np.array(shape) - 1
    # What the middles of the outermost voxels span, along each axis of the grid.
    spans = np.abs(_AXES.T @ affine[:3, :3]) @ last
    lengths = network_lengths((spans + _ROUND_UP).astype(int))
    grid = np.eye(4)
    grid[:3, :3] = _AXES
    grid[:3, 3] = (affine @ [*(last / 2), 1])[:3] - _AXES @ ((lengths - 1) / 2)
    return tuple(int(length) for length in lengths), grid


def _splined(
    volume: Stored,
    volume_affine: Affine,
    shape: tuple[int, ...],
    affine: Affine,
    outside: float,
) -> Stored:
    """Resample a volume onto another grid in the same world; its type of numbers stays."""
    matrix = np.linalg.inv(volume_affine) @ affine
    return np.asarray(
        ndimage.affine_transform(
            volume,
            matrix[:3, :3],
            matrix[:3, 3],
            output_shape=shape,
            order=_CUBIC,
            mode="constant",
            cval=outside,
        )
    )
