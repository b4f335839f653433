"""A head whose face is known: what the faces of other heads are found with."""

from __future__ import annotations

from dataclasses import dataclass

from bidsdeid.core.voxels import Affine, Bools, Floats


@dataclass(frozen=True, eq=False)
class Atlas:
    """A head, the part of it to keep, and its brain, on one grid.

    Parameters
    ----------
    name : str
        As it is called in reports.
    head : (X, Y, Z) array
    keep : (X, Y, Z) array of bool
        False over the face.
    affine : (4, 4) array, voxel → RAS+ mm
    brain : (X, Y, Z) array of bool or None
        True in the brain; None if that is not known of this head.
    """

    name: str
    head: Floats
    keep: Bools
    affine: Affine
    brain: Bools | None = None
