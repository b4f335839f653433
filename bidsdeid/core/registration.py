"""Where one head lies on another: a registration that costs half a second.

The reference head is reduced to points in and around it, each with the bin its brightness falls
into.  An affine that carries the points into another image is good if the bins explain the
brightness found there (the correlation ratio: Roche et al. 1998, MICCAI), whatever the contrast
of the two.  Many starts are tried on voxels of 8 mm, the best of them on voxels of 4 mm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bidsdeid.core.descent import AFFINE, BINS, RIGID, SIMILAR, STRETCHED, Array, Descent, Points
from bidsdeid.core.head import bright_body, evened
from bidsdeid.core.voxels import Affine, Bools, Floats, downsample


@dataclass(frozen=True, slots=True)
class _Level:
    """Voxel size (mm), smoothness (full width at half maximum, mm), number of points."""

    zoom_mm: float
    width_mm: float
    points: int


_COARSE, _FINE = _Level(8.0, 10.0, 4000), _Level(4.0, 6.0, 24000)

#: Points are taken in the head and this far around it (mm): the step from air to skin guides.
_RIM_MM = 14.0

#: Necks are bent differently in every scan: this far under the crown (mm) points count half,
#: and this far little.
_CHIN_MM, _NECK_MM = 150.0, 180.0

#: How many starts are followed, and how many of what they lead to.
_FOLLOWED, _REFINED, _FINISHED = 16, 4, 2

#: Two positions this alike (entries of their matrices: mm) are one.
_SAME = 0.05

#: How many of the other orientations are fitted before they are compared.
_RIVALS = 6

#: With less of a lead than this on the coarse copies, they are compared on the fine ones.
_CLEAR_LEAD = 0.15

#: What is turned by less is the same orientation, unless it is so much more alike.
_RIVAL_DEG, _BETTER = 45.0, 0.05

_SIZES = (0.68, 0.82, 1.2)
_PITCHES = (-35, -20, -5, 10, 25)
_ROLL_YAW = ((0, 0), (-20, 0), (20, 0), (0, -20), (0, 20))


@dataclass(frozen=True, slots=True)
class Registration:
    """An affine and how well it explains an image.

    Parameters
    ----------
    to_image : (4, 4) array
        World of the reference → world of the image, both RAS+ mm.
    likeness : float
        Correlation ratio times the root of the share of the reference in view, 0 to 1.
    view : float
        Share of the reference's points that lie in the image, 0 to 1.
    """

    to_image: Array
    likeness: float
    view: float

    @property
    def to_reference(self) -> Array:
        """(4, 4) array: world of the image → world of the reference."""
        return np.asarray(np.linalg.inv(self.to_image))


class Reference:
    """A head that is looked for in images.

    Parameters
    ----------
    head : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm
    """

    def __init__(self, head: Floats, affine: Affine) -> None:
        coarse, coarse_affine = _smooth_copy(head, affine, _COARSE)
        self.centre = head_centre(coarse, coarse_affine)
        self._coarse = _points(coarse, coarse_affine, _COARSE, self.centre)
        self._fine = _points(*_smooth_copy(head, affine, _FINE), _FINE, self.centre)

    def register(
        self,
        volume: Floats,
        affine: Affine,
        starts: Iterable[Array] | None = None,
        *,
        rigid: bool = False,
        turned: bool = True,
    ) -> Registration:
        """Find this head in an image.

        Parameters
        ----------
        volume : (X, Y, Z) array
        affine : (4, 4) array, voxel → RAS+ mm
        starts : iterable of (4, 4) arrays, optional
            World of the reference → world of the image; by default turns and sizes about the
            centre of the head in the image, and about where the headers say it is.
        rigid : bool
            It is the same person's head: move and turn it only.
        turned : bool
            If no starts are given, turn and size the head in them, and not only move it.

        Returns
        -------
        Registration
            The best position found, good or not.

        Raises
        ------
        GateError
            If there is nothing in the image.
        """
        small, small_affine = _smooth_copy(volume, affine, _COARSE)
        coarse = Descent(self._coarse, small, small_affine)
        fine = Descent(self._fine, *_smooth_copy(volume, affine, _FINE))
        if starts is None:
            starts = self._starts(head_centre(small, small_affine), rigid=rigid, turned=turned)
        freedom = RIGID if rigid else SIMILAR
        found = _best_first([(coarse.cost(start), start) for start in starts])
        followed = _best_first([coarse.refine(at, RIGID, 5) for _, at in found[:_FOLLOWED]])
        kept = followed[:_REFINED]
        seen = {_size(at) for _, at in kept}
        for _, at in found:  # the best of each size that would else drop out
            if _size(at) not in seen:
                seen.add(_size(at))
                kept.append(coarse.refine(at, RIGID, 5))
        refined = _distinct(_best_first([coarse.refine(at, freedom, 12) for _, at in kept]))
        _, at = min((fine.refine(at, freedom, 12) for _, at in refined[:_FINISHED]), key=_cost)
        if not rigid:
            _, at = fine.refine(at, STRETCHED, 10)
            _, at = fine.refine(at, AFFINE, 25)
        return Registration(at, *fine.likeness(at))

    def likeness_and_rival(
        self, volume: Floats, affine: Affine, at: Affine
    ) -> tuple[float, float]:
        """Return how well a position explains an image, and how well the best other orientation.

        The others are the head turned by right angles or mirrored, and fitted; mirrored left to
        right is left out: heads are too symmetric to tell.

        Parameters
        ----------
        volume : (X, Y, Z) array
        affine : (4, 4) array, voxel → RAS+ mm
        at : (4, 4) array
            World of this head → world of the image.
        """
        coarse_volume, coarse_affine = _smooth_copy(volume, affine, _COARSE)
        coarse = Descent(self._coarse, coarse_volume, coarse_affine)
        # As it was found; as the labels say; and about the middle of all there is, since for a
        # head upside down its crown, and with it its centre, is taken to be elsewhere.
        poses = [np.asarray(at), self._placed(np.eye(3), (at @ [*self.centre, 1.0])[:3])]
        poses.append(self._placed(np.eye(3), _middle(coarse_volume, coarse_affine)))
        starts = [self._turned(pose, turn) for pose in poses for turn in RIGHT_ANGLES]
        others = _best_first([(coarse.cost(start), start) for start in starts])
        fitted = _best_first([coarse.refine(start, SIMILAR, 10) for _, start in others[:_RIVALS]])
        likeness = coarse.likeness(np.asarray(at))[0]
        rivals = [
            there
            for _, there in fitted
            if _turn(at, there) > _RIVAL_DEG or coarse.likeness(there)[0] > likeness + _BETTER
        ]
        best = max((coarse.likeness(there)[0] for there in rivals), default=0.0)
        if likeness - best > _CLEAR_LEAD:
            return likeness, best
        fine = Descent(self._fine, *_smooth_copy(volume, affine, _FINE))
        close = [fine.refine(there, SIMILAR, 10)[1] for there in rivals[:_FINISHED]]
        close = [fine.refine(there, AFFINE, 15)[1] for there in close]
        best = max((fine.likeness(there)[0] for there in close), default=0.0)
        return fine.likeness(np.asarray(at))[0], best

    def _turned(self, at: Affine, turn: Array) -> Array:
        """Return a position with the head turned about its own centre first."""
        return np.asarray(at @ self._placed(turn, self.centre))

    def _starts(self, centre: Array, *, rigid: bool, turned: bool) -> Iterable[Array]:
        """Yield positions to begin from: heads nod more than they turn or tilt."""
        angles = product(_PITCHES, _ROLL_YAW) if turned else [(0, (0, 0))]
        for pitch, (roll, yaw) in angles:
            turn = Rotation.from_euler("ZYX", [yaw, roll, pitch], degrees=True).as_matrix()
            yield self._placed(turn, centre)
            yield self._placed(turn, self.centre)
            if not (rigid or roll or yaw):
                yield from (self._placed(turn * size, centre) for size in _SIZES)

    def _placed(self, turn: Array, centre: Array) -> Array:
        """Return the (4, 4) affine that turns the head and brings its centre to `centre`."""
        start = np.eye(4)
        start[:3, :3] = turn
        start[:3, 3] = centre - turn @ self.centre
        return start


def _right_angles() -> tuple[Array, ...]:
    """Return the 46 turns and mirrorings that change more than left and right."""
    swaps = (np.eye(3)[list(order)] for order in permutations(range(3)))
    turns = [np.diag(signs) @ swap for swap in swaps for signs in product((1.0, -1.0), repeat=3)]
    return tuple(t for t in turns if not np.array_equal(np.abs(t), np.eye(3)) or t[1:].min() < 0)


#: Ways in which a head may lie that no label of its axes tells.
RIGHT_ANGLES = _right_angles()


def head_centre(volume: Floats, affine: Affine) -> Array:
    """Return the middle (3,) of the head without its neck, RAS+ mm, from a smooth copy."""
    world = _world(bright_body(volume), affine)
    top = np.percentile(world[:, 2], 99.8)
    middle: Array = world[world[:, 2] > top - _CHIN_MM].mean(axis=0)
    return middle


def _middle(volume: Floats, affine: Affine) -> Array:
    """Return the middle (3,) of everything bright, RAS+ mm."""
    return np.asarray(_world(bright_body(volume), affine).mean(axis=0))


def _turn(one: Affine, other: Affine) -> float:
    """Return the angle between two positions (degrees), a mirroring left to right left out."""
    between = np.asarray(np.linalg.inv(one) @ other)[:3, :3]
    if np.linalg.det(between) < 0:
        between = between @ np.diag([-1.0, 1.0, 1.0])
    left, _, right = np.linalg.svd(between)
    return float(np.degrees(Rotation.from_matrix(left @ right).magnitude()))


def _smooth_copy(volume: Floats, affine: Affine, level: _Level) -> tuple[Floats, Affine]:
    """Return a small, smooth copy with most values in 0 to 1, and its affine."""
    small, small_affine = downsample(volume, affine, level.zoom_mm)
    low, high = np.percentile(small, [0.1, 99.5])
    small = np.clip((small - low) / max(high - low, 1e-9), 0, 1)
    zooms = np.linalg.norm(small_affine[:3, :3], axis=0)
    # Blocks are smooth already, by 0.6 of their size.
    wanted = (level.width_mm / 2.355) ** 2 - (0.6 * zooms / 2.355) ** 2
    sigmas = np.sqrt(np.maximum(wanted, 0)) / zooms
    smooth: Floats = ndimage.gaussian_filter(small, sigmas, mode="nearest", truncate=3)
    return evened(smooth, zooms), small_affine


def _points(volume: Floats, affine: Affine, level: _Level, centre: Array) -> Points:
    body = bright_body(volume)
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    near = np.asarray(ndimage.distance_transform_edt(~body, sampling=zooms) < _RIM_MM)
    world = _world(near, affine)
    chosen = np.sort(np.random.default_rng(0).permutation(len(world))[: level.points])
    value = volume[near][chosen] / np.percentile(volume[body], 99)
    depth = _world(body, affine)[:, 2].max() - world[chosen, 2]
    return Points(
        np.c_[world[chosen], np.ones(len(chosen))],
        np.clip((value * BINS).astype(np.intp), 0, BINS - 1),
        np.select([depth > _NECK_MM, depth > _CHIN_MM], [0.15, 0.5], 1.0),
        centre,
    )


def _world(mask: Bools, affine: Affine) -> Array:
    """Return the (N, 3) places of the marked voxels, in the order of `volume[mask]`."""
    return np.asarray(np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3])


def _cost(found: tuple[float, Array]) -> float:
    return found[0]


def _best_first(found: Iterable[tuple[float, Array]]) -> list[tuple[float, Array]]:
    return sorted(found, key=_cost)


def _size(at: Array) -> float:
    return round(float(np.cbrt(np.linalg.det(at[:3, :3]))), 2)


def _distinct(found: list[tuple[float, Array]]) -> list[tuple[float, Array]]:
    kept: list[tuple[float, Array]] = []
    for cost, at in found:
        if all(np.abs(at - other).max() >= _SAME for _, other in kept):
            kept.append((cost, at))
    return kept
