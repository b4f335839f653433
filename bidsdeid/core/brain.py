"""The brain in an image, as an engine marked it and as it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np
from scipy import ndimage

from bidsdeid.core.braingates import BrainMetrics
from bidsdeid.core.estimate import Attempt
from bidsdeid.core.head import dice, largest_body
from bidsdeid.core.voxels import HALF, Affine, Bools, downsample, look_up
from bidsdeid.errors import EngineError

#: Masks are compared on voxels of this size.
ZOOM_MM = 2.0


@dataclass(frozen=True, eq=False)
class BrainEstimate:
    """A brain that was found, and believed.

    Parameters
    ----------
    brain : (x, y, z) array of bool
        A part of an image's grid that holds all of the brain, with air around it.
    affine : (4, 4) array, voxel of `brain` → RAS+ mm
    metrics : BrainMetrics
    attempts : tuple of Attempt
        All that were tried; the last one won.
    lender : PurePosixPath or None
        The image whose mask it is, if it is another's.
    """

    brain: Bools
    affine: Affine
    metrics: BrainMetrics
    attempts: tuple[Attempt, ...]
    lender: PurePosixPath | None = None

    @property
    def method(self) -> str:
        """Return how it was found."""
        return self.attempts[-1].method

    def brain_on(self, shape: tuple[int, ...], grid: Affine) -> Bools:
        """Return the (X, Y, Z) voxels of the brain on the grid of an image in the same world."""
        return look_up(self.brain, self.affine, shape, grid, np.eye(4))

    def remove_on(self, shape: tuple[int, ...], grid: Affine) -> Bools:
        """Return the (X, Y, Z) voxels that go: all others."""
        return ~self.brain_on(shape, grid)


@dataclass(frozen=True, eq=False)
class BrainMask:
    """What an engine marked, made one body without holes.

    Parameters
    ----------
    brain : (x, y, z) array of bool
        Cut to the body, with one voxel of air around it.
    affine : (4, 4) array, voxel of `brain` → RAS+ mm
    whole, solid : float
        See `BrainMetrics`.
    field : tuple of int and (4, 4) array
        Shape and affine of the image it was found in.
    """

    brain: Bools
    affine: Affine
    whole: float
    solid: float
    field: tuple[tuple[int, ...], Affine]

    @classmethod
    def of(cls, marked: Bools, grid: Affine) -> BrainMask:
        """Take the largest body of what is marked, and fill it.

        Raises
        ------
        EngineError
            If nothing is marked, or next to nothing.
        """
        found = ndimage.find_objects(marked.astype(np.int8))
        if not found:
            message = "nothing was taken for a brain"
            raise EngineError(message)
        body = largest_body(np.pad(marked[found[0]], 1))
        box = ndimage.find_objects(body.astype(np.int8))[0]
        solid = np.asarray(ndimage.binary_fill_holes(np.pad(body[box], 1)))
        start = np.array(
            [outer.start + inner.start - 2 for outer, inner in zip(found[0], box, strict=True)]
        )
        shift = np.eye(4)
        shift[:3, 3] = start
        mask = cls(
            solid,
            grid @ shift,
            float(body.sum() / marked.sum()),
            float(body.sum() / solid.sum()),
            (marked.shape, grid),
        )
        if not mask.small[0].any():
            message = "what was taken for a brain is too small to be one"
            raise EngineError(message)
        return mask

    @property
    def volume_ml(self) -> float:
        """Return its volume."""
        return float(self.brain.sum() * abs(np.linalg.det(self.affine[:3, :3])) / 1000)

    @cached_property
    def small(self) -> tuple[Bools, Affine]:
        """A copy of voxels of about 2 mm."""
        small, affine = downsample(self.brain, self.affine, ZOOM_MM)
        return small > HALF, affine

    def agrees(self, other: BrainMask) -> tuple[float, float]:
        """Return overlap and distance of two masks of one image.

        Returns
        -------
        overlap : float
            Dice coefficient.
        distance : float
            95 % of the surface of each lie nearer than this to that of the other (mm).
        """
        one, affine = self._around(other)
        theirs = look_up(*other.small, one.shape, affine, np.eye(4))
        zooms = np.linalg.norm(affine[:3, :3], axis=0)
        distances = [
            ndimage.distance_transform_edt(~_surface(b), sampling=zooms)[_surface(a)]
            for a, b in ((one, theirs), (theirs, one))
        ]
        far = max((float(np.percentile(d, 95)) for d in distances if d.size), default=np.inf)
        return dice(one, theirs), far

    def _around(self, other: BrainMask) -> tuple[Bools, Affine]:
        """Return the small copy on a grid that holds all of another one, too."""
        one, affine = self.small
        theirs, their_affine = other.small
        corners = np.array([[*(n - 1 for n in theirs.shape), 1], [0, 0, 0, 1]]).T
        ends = (np.linalg.inv(affine) @ their_affine @ corners)[:3]
        before = np.maximum(0, np.ceil(-ends.min(axis=1))).astype(int)
        after = np.maximum(0, np.ceil(ends.max(axis=1) + 1 - one.shape)).astype(int)
        shift = np.eye(4)
        shift[:3, 3] = -before
        return np.pad(one, [*zip(before, after, strict=True)]), affine @ shift


def _surface(body: Bools) -> Bools:
    return np.asarray(body & ~ndimage.binary_erosion(body))
