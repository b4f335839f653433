"""What is known of the face in one image, and how it came to be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import product
from pathlib import PurePosixPath

import numpy as np

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.braingates import BrainMetrics
from bidsdeid.core.gates import FaceMetrics
from bidsdeid.core.voxels import Affine, Bools, Floats, Stored, downsample, look_up

#: Faces are looked for on copies of this size.
ZOOM_MM = 2.0

#: Grids that differ by less than this share of a voxel anywhere are one.
_SAME = 0.1


class Finding(StrEnum):
    """What was found where a face may be."""

    FACE = "a face"
    DEFACED = "a face that had been removed before"
    STRIPPED = "a brain without skull or face"
    ELSEWHERE = "a head whose face is not in view"


@dataclass(frozen=True, eq=False)
class Head:
    """A small copy of an image, to look for a face in, and the image's own grid.

    Parameters
    ----------
    volume : (x, y, z) array, finite
        With voxels of about 2 mm, or larger if the image's are.
    affine : (4, 4) array, voxel of `volume` → RAS+ mm
    shape : tuple of int
        Of one volume of the image.
    grid : (4, 4) array, voxel of the image → RAS+ mm
    """

    volume: Floats
    affine: Affine
    shape: tuple[int, ...]
    grid: Affine

    @classmethod
    def of(cls, data: Stored, grid: Affine, slope: float = 1.0) -> Head:
        """Make the copy.

        Parameters
        ----------
        data : (X, Y, Z, ...) array
            Stored voxels; trailing axes are averaged.
        grid : (4, 4) array, voxel → RAS+ mm
        slope : float
            ``scl_slope``: if it is negative, dark is stored as bright.
        """
        volume, affine = downsample(data, grid, ZOOM_MM)
        return cls(-volume if slope < 0 else volume, affine, data.shape[:3], grid)

    def same_grid(self, other: Head) -> bool:
        """Tell whether two images have the same voxels in the same places."""
        corners = np.array([[*corner, 1] for corner in product(*((0, n) for n in self.shape))])
        apart = np.abs((self.grid - other.grid) @ corners.T)
        voxel = np.linalg.norm(self.grid[:3, :3], axis=0).min()
        return self.shape == other.shape and bool(apart.max() < _SAME * voxel)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to find a face that was tried.

    Parameters
    ----------
    method : str
        Engine, start and atlas, in words.
    failed : tuple of str
        Why it was not believed; empty if it was.
    metrics : mapping
        Numbers it was judged by; empty if it got nowhere.
    """

    method: str
    failed: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FaceEstimate:
    """A face that was found, and believed.

    Parameters
    ----------
    region : (U, V, W) array of bool
        What goes, on the grid of a frame (`bidsdeid.core.face`).
    region_affine : (4, 4) array, voxel of `region` → world of the atlas
    to_atlas : (4, 4) array
        World of the image → world of the atlas, both RAS+ mm.
    atlas : Atlas
    metrics : FaceMetrics
    attempts : tuple of Attempt
        All that were tried; the last one won.
    finding : Finding
    brain_limit : str
        How the image's own brain was found, if it was kept beside the atlas's.
    lender : PurePosixPath or None
        The image whose mask it is, if it is another's.
    """

    region: Bools
    region_affine: Affine
    to_atlas: Affine
    atlas: Atlas
    metrics: FaceMetrics
    attempts: tuple[Attempt, ...]
    finding: Finding = Finding.FACE
    brain_limit: str = ""
    lender: PurePosixPath | None = None

    @property
    def method(self) -> str:
        """Return how it was found."""
        limit = f"; brain kept: {self.brain_limit}" if self.brain_limit else ""
        return self.attempts[-1].method + limit

    def remove_on(self, shape: tuple[int, ...], grid: Affine) -> Bools:
        """Return the (X, Y, Z) voxels that go, on the grid of an image in the same world."""
        return look_up(self.region, self.region_affine, shape, grid, self.to_atlas)


def rounded(metrics: FaceMetrics | BrainMetrics) -> dict[str, float]:
    """Return metrics by name, to four digits."""
    return {name: round(value, 4) for name, value in asdict(metrics).items()}
