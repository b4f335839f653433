"""A second look at where a head is said to be: whether it fits better nearby, or turned.

No registration: the atlas's points are held against the image where they are believed to lie,
moved by a few millimetres, nodding, and turned by right angles.  The face is left out, so that it
does not matter whether it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bidsdeid.core.descent import Array
from bidsdeid.core.registration import RIGHT_ANGLES
from bidsdeid.core.voxels import Affine, Bools, Floats, carry, downsample
from bidsdeid.core.zones import COARSE_MM, Zones

#: Points of the atlas that are held against an image, and the bins of their brightness.
_POINTS, _BINS = 8000, 24

#: Points lie in the head and this far around it (mm): the step from air to skin tells most.
_RIM_MM = 10.0

#: Points lie above this share of the brain's height: necks bend, and mouths are removed.
_LOWEST = -0.05

#: Moves (mm, of an adult's head) and turns (degrees) that are tried, as often.
_MOVES, _DEGREES, _ROUNDS = (4.0, 8.0, 14.0, 20.0, 28.0), (5.0, 10.0, 20.0), 2

#: A move is one if the likeness grows by more than this: less is noise.
_GAIN = 0.01


@dataclass(frozen=True, slots=True)
class Place:
    """What a second look says of a position.

    Parameters
    ----------
    likeness : float
        Correlation ratio (Roche et al. 1998, MICCAI) of image and atlas, 0 to 1, without the face.
    off_mm : float
        How far the face would move if the head were brought to where it fits best, nearby.
    lead : float
        `likeness` less the best of the head turned by right angles or mirrored.
    """

    likeness: float
    off_mm: float
    lead: float


class PlaceJudge:
    """Holds images against one atlas.

    Parameters
    ----------
    zones : Zones
    """

    def __init__(self, zones: Zones) -> None:
        self._zones = zones

    @cached_property
    def _points(self) -> tuple[Array, NDArray[np.intp], Array]:
        """Points (N, 3) on the coarse grid, the bin of each, and what they turn about."""
        zones, frame = self._zones, self._zones.frame
        small, affine = downsample(frame.atlas.head, frame.atlas.affine, COARSE_MM)
        shape, grid = zones.coarse_grid
        own = carry(small, affine, shape, grid, np.eye(4))
        head = frame.own_head[::2, ::2, ::2]
        near = ndimage.distance_transform_edt(~head) * COARSE_MM <= _RIM_MM
        low, high = np.percentile(np.argwhere(zones.brain)[:, 2], [0, 100])
        near[:, :, : max(0, int(low + _LOWEST * (high - low)))] = False
        places = np.argwhere(near & ~zones.face)
        chosen = np.random.default_rng(0).permutation(len(places))[:_POINTS]
        places = places[np.sort(chosen)]
        value = own[tuple(places.T)] / np.percentile(own[head], 99)
        bins = np.clip((value * _BINS).astype(np.intp), 0, _BINS - 1)
        return places.astype(float), bins, np.argwhere(zones.brain).mean(axis=0)

    @cached_property
    def _chin(self) -> Array:
        """Eyes, nose and chin (N, 3), where a displacement matters, on the coarse grid."""
        _, grid = self._zones.coarse_grid
        return np.asarray((np.linalg.inv(grid) @ self._zones.frame.landmarks)[:3, :-2].T)

    def look(self, seen: Floats, view: Bools) -> Place:
        """Hold an image against the atlas.

        Parameters
        ----------
        seen : (X, Y, Z) array
            The image on the coarse grid of the zones.
        view : (X, Y, Z) array of bool
            What is in view of it.
        """
        points, bins, centre = self._points
        image, inside = np.pad(seen, 1), np.pad(view, 1)
        shape, values, within = image.shape, image.ravel(), inside.ravel(order="C")

        def likeness(pose: Affine) -> float:
            there = np.rint(points @ pose[:3, :3].T + pose[:3, 3]).astype(np.intp) + 1
            index = np.ravel_multi_index(tuple(there.T), shape, mode="clip")
            known = within[index]
            return _correlation_ratio(values[index[known]], bins[known]) * float(known.mean())

        here = likeness(np.eye(4))
        best, pose = here, np.eye(4)
        steps = self._steps(centre)
        for _ in range(_ROUNDS):
            base = pose
            for step in steps:
                value = likeness(step @ base)
                if value > best:
                    best, pose = value, step @ base
        moved = self._chin @ pose[:3, :3].T + pose[:3, 3] - self._chin
        off = float(np.linalg.norm(moved, axis=1).max() * COARSE_MM)
        rival = max(likeness(_about(turn, centre)) for turn in RIGHT_ANGLES)
        return Place(here, off if best > here + _GAIN else 0.0, here - rival)

    def _steps(self, centre: Array) -> list[Affine]:
        """Return small moves along and turns about each axis, both ways."""
        steps: list[Affine] = []
        for axis, sign in product(range(3), (1, -1)):
            for length in _MOVES:
                step = np.eye(4)
                step[axis, 3] = sign * length * self._zones.size / COARSE_MM
                steps.append(step)
            for angle in _DEGREES:
                turn = Rotation.from_euler("xyz"[axis], sign * angle, degrees=True).as_matrix()
                steps.append(_about(turn, centre))
        return steps


def _about(turn: Array, centre: Array) -> Affine:
    pose = np.eye(4)
    pose[:3, :3] = turn
    pose[:3, 3] = centre - turn @ centre
    return pose


def _correlation_ratio(values: Floats, bins: NDArray[np.intp]) -> float:
    """Return the share of the values' variance that bins explain; 0 if there is none."""
    count = np.bincount(bins, minlength=_BINS)
    if not count.any():
        return 0.0
    total = np.bincount(bins, values, _BINS)
    mean = float(values.mean())
    spread = float(((values - mean) ** 2).sum())
    between = float((total**2 / np.maximum(count, 1)).sum()) - mean**2 * len(values)
    return max(0.0, between / spread) if spread > 0 else 0.0
