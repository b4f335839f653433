"""Zones of a face on an atlas, and what an image shows of them: what evidence is measured with.

Evidence must not believe the mask it is evidence of.  Nothing here is shared with the rules that
choose what goes (`bidsdeid.core.face`) but the atlas and the heights of the parts of a face.

A *box* of 2 mm voxels holds the face, for surfaces; a *coarse* grid of 4 mm holds the whole head,
for volumes.  Both lie along the axes of a frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.face import ZOOM_MM, FaceFrame
from bidsdeid.core.facestyle import PARTS, FaceStyle, Strength
from bidsdeid.core.voxels import Affine, Bools

#: Every other voxel of a frame is one of its coarse grid.
COARSE = 2
COARSE_MM = COARSE * ZOOM_MM

#: What counts as outer surface, from outside to inside.
SURFACE_MM = 8.0

#: The face's surface lies within this of the middle, and no farther back from the frontal pole.
_HALF_WIDTH_MM, _BACK_MM = 60.0, 30.0

#: Nobody asks for more of a face than its skin up to here, as a share of the brain's height.
_TOP = max(top for _, top in PARTS.values())

#: A surface has this many voxels of air before it; else the field of view ends in the head.
AIR_VOXELS = 3

#: Nothing may be removed this near to the brain, and nothing there is asked for.
_MARGIN_MM = 5.0

#: Height of the brain on pydeface's atlas: lengths here are of a head of that size.
_ADULT_BRAIN_MM = 142.0

#: The ears end this far behind the frontal pole.
_EARS_MM = 130.0

#: Where ears are: their middle behind the frontal pole and half their length (mm), from and to
#: which height, and how far from the brain at least (mm).
_EAR_BACK_MM, _EAR_HALF_MM, _EAR_HEIGHTS, _EAR_OUT_MM = 100.0, 28.0, (-0.15, 0.42), 16.0

#: Tissue that goes lies within this of the most that a style takes away: noses differ.
_SLACK_MM = 12.0

#: A part of which fewer rays than this are in view is not in view.
FEW_RAYS = 30

#: Rays of one participant's images are put together on this grid: from side to side (mm of an
#: adult's head) and by height.
_ASIDE = np.arange(-_HALF_WIDTH_MM, _HALF_WIDTH_MM + 1, ZOOM_MM)
_HEIGHTS = np.arange(-0.5, _TOP, ZOOM_MM / _ADULT_BRAIN_MM)

Rays = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Zones:
    """Where the parts of a face are in a frame.

    Parameters
    ----------
    frame : FaceFrame
    """

    frame: FaceFrame

    @cached_property
    def _brain(self) -> NDArray[np.float64]:
        """(2, 3) array: the lowest and the highest corner of the brain, mm along the frame."""
        inside = np.argwhere(self.frame.brain) * ZOOM_MM
        return np.array([inside.min(axis=0), inside.max(axis=0) + ZOOM_MM])

    @cached_property
    def size(self) -> float:
        """Height of the brain over that of pydeface's atlas."""
        return float((self._brain[1, 2] - self._brain[0, 2]) / _ADULT_BRAIN_MM)

    @cached_property
    def _middle(self) -> float:
        return float(np.argwhere(self.frame.brain)[:, 0].mean() * ZOOM_MM)

    def _aside(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.asarray(index * ZOOM_MM - self._middle)

    def _before_pole(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.asarray(index * ZOOM_MM - self._brain[1, 1])

    def _height(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        low, high = self._brain[:, 2]
        return np.asarray((index * ZOOM_MM - low) / (high - low))

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """The part of the frame that holds the face."""
        across, along, up = (np.arange(n) for n in self.frame.shape)
        kept = (
            across[np.abs(self._aside(across)) < _HALF_WIDTH_MM * self.size],
            along[self._before_pole(along) > -_BACK_MM * self.size],
            up[self._height(up) < _TOP],
        )
        first, second, third = (slice(int(k[0]), int(k[-1]) + 1) for k in kept)
        return first, second, third

    @cached_property
    def box_grid(self) -> tuple[tuple[int, ...], Affine]:
        """Shape of the box and its affine, voxel → world of the atlas."""
        start = np.eye(4)
        start[:3, 3] = [part.start for part in self.box]
        shape = tuple(part.stop - part.start for part in self.box)
        return shape, self.frame.affine @ start

    @cached_property
    def coarse_grid(self) -> tuple[tuple[int, ...], Affine]:
        """Shape of the coarse grid and its affine, voxel → world of the atlas."""
        shape = tuple(-(-n // COARSE) for n in self.frame.shape)
        return shape, self.frame.affine @ np.diag([COARSE, COARSE, COARSE, 1.0])

    @cached_property
    def parts(self) -> Mapping[str, Bools]:
        """Which heights of the box each part of a face has."""
        part = self.box[2]
        height = self._height(np.arange(part.start, part.stop))
        return {name: (height >= low) & (height < high) for name, (low, high) in PARTS.items()}

    @cached_property
    def near_brain(self) -> Bools:
        """Voxels of the box that nobody asks to be removed."""
        return self.frame.from_brain[self.box] <= _MARGIN_MM * self.size

    @cached_property
    def from_brain(self) -> NDArray[np.float64]:
        """Distance from the brain on the coarse grid, mm of the atlas."""
        return self.frame.from_brain[::COARSE, ::COARSE, ::COARSE]

    @cached_property
    def brain(self) -> Bools:
        """The brain on the coarse grid."""
        return self.frame.brain[::COARSE, ::COARSE, ::COARSE]

    @cached_property
    def own_front(self) -> NDArray[np.intp]:
        """Where each ray meets the atlas's own head; see `front_of`."""
        return front_of(self.frame.own_head[self.box])

    @cached_property
    def ears(self) -> Bools:
        """Voxels of the coarse grid that hold an ear, if it is tissue."""
        across, along, up = (np.arange(0, n, COARSE) for n in self.frame.shape)
        sides = np.argwhere(self.frame.brain.any(axis=(1, 2))).ravel()
        beside = np.abs(self._aside(across)) > 0.8 * np.abs(self._aside(sides)).max()
        level = np.abs(self._before_pole(along) + _EAR_BACK_MM * self.size)
        low, high = _EAR_HEIGHTS
        height = self._height(up)
        return np.asarray(
            beside[:, None, None]
            & (level < _EAR_HALF_MM * self.size)[None, :, None]
            & ((height >= low) & (height < high))[None, None, :]
            & (self.from_brain > _EAR_OUT_MM * self.size)
        )

    @cached_property
    def behind(self) -> Bools:
        """Which rows of the coarse grid, from back to front, lie behind the ears."""
        along = np.arange(0, self.frame.shape[1], COARSE)
        return self._before_pole(along) < -_EARS_MM * self.size

    @cached_property
    def face(self) -> Bools:
        """What may be removed of a head, on the coarse grid: the most of any style, and a rim.

        Forward of the atlas's face there is no end of it: noses differ.
        """
        style = FaceStyle(strength=Strength.STRONG, ears=True)
        most = self.frame.region(self.frame.own_head, style)
        most = most[::COARSE, ::COARSE, ::COARSE]
        near = ndimage.distance_transform_edt(~most) * COARSE_MM <= _SLACK_MM * self.size
        return np.asarray(near)

    def on_rays(self, flags: Rays) -> Rays:
        """Bring the flags of the box's rays to the grid that all atlases have in common.

        Parameters
        ----------
        flags : (X, Z) array of uint8
            One for each ray of the box, from the front.

        Returns
        -------
        (61, 66) array of uint8
            From left to right of an adult's face in steps of 2 mm, and by height.
        """
        (low, high), part = self._brain[:, 2], self.box
        across = np.rint((_ASIDE * self.size + self._middle) / ZOOM_MM).astype(int)
        up = np.rint((_HEIGHTS * (high - low) + low) / ZOOM_MM).astype(int)
        across, up = across - part[0].start, up - part[2].start
        inside = ((across >= 0) & (across < flags.shape[0]))[:, None]
        inside = inside & ((up >= 0) & (up < flags.shape[1]))[None, :]
        picked = flags[np.ix_(across.clip(0, flags.shape[0] - 1), up.clip(0, flags.shape[1] - 1))]
        return np.asarray(np.where(inside, picked, 0), np.uint8)


def ray_parts() -> Mapping[str, Bools]:
    """Return which columns of the rays of `Zones.on_rays` each part of a face has."""
    return {name: (low <= _HEIGHTS) & (high > _HEIGHTS) for name, (low, high) in PARTS.items()}


def front_of(body: Bools) -> NDArray[np.intp]:
    """Return where each ray from the front meets a body first.

    Parameters
    ----------
    body : (X, Y, Z) array of bool
        Its second axis runs from back to front.

    Returns
    -------
    (X, Z) array of int
        Index along the second axis; -1 where a ray meets nothing.

    Examples
    --------
    >>> front_of(np.array([[[True], [True], [False]]])).tolist()
    [[1]]
    """
    first = body.shape[1] - 1 - np.argmax(body[:, ::-1], axis=1)
    return np.where(body.any(axis=1), first, -1)


def along_rays(volume: NDArray[np.bool_], index: NDArray[np.intp]) -> Bools:
    """Return a volume's voxels at places along its rays; False beyond its ends.

    Parameters
    ----------
    volume : (X, Y, Z) array of bool
    index : (X, N, Z) array of int
        Along the second axis.

    Returns
    -------
    (X, N, Z) array of bool
    """
    inside = (index >= 0) & (index < volume.shape[1])
    picked = np.take_along_axis(volume, index.clip(0, volume.shape[1] - 1), axis=1)
    return np.asarray(picked & inside)
