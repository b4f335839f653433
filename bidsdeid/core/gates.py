"""Is a face mask to be believed?  Numbers about it, and the bounds they must lie in.

Registration that failed still returns an affine, and a mask made of it still removes something.
So nothing an engine says about itself counts here: the mask is judged by what it does to the
head in the image, on copies of 4 mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.head import correlation_ratio, dice, front_of, head_mask
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, carry, downsample

#: Voxel size at which masks are judged.
ZOOM_MM = 4.0

#: Half the width of the strip over nose and mouth in which that surface is looked at.
FRONT_HALF_WIDTH_MM = 36.0

#: The head is compared with the atlas down to this far below the crown; the neck varies.
COMPARED_MM = 170.0

_FEW_POINTS = 200
_EVERY = 3  # points of the atlas that are compared


@dataclass(frozen=True, slots=True)
class FaceMetrics:
    """What a face mask does to a head.

    Parameters
    ----------
    smallest_scale, largest_scale : float
        Extreme stretches of the head relative to the atlas.
    stretch : float
        One divided by the other.
    head_overlap : float
        Dice coefficient of the atlas's head, carried to the image, and the image's own head.
    likeness : float
        Correlation ratio of image and atlas, times the part of the atlas in view.
    lead : float
        `likeness` less the best that any other orientation of the head reaches.
    removed_share : float
        Part of the head's volume that is removed.
    front_removed : float
        Part of the frontmost tissue over nose and mouth that is removed; 1 if none is in view.
    """

    smallest_scale: float
    largest_scale: float
    stretch: float
    head_overlap: float
    likeness: float
    lead: float
    removed_share: float
    front_removed: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Bounds of one metric, what being outside of them means, and where they come from."""

    metric: str
    least: float
    most: float
    sentence: str
    origin: str


_SEEN = "18 images registered right, 31 wrong (turned, shifted, axes swapped, noise, infants)"

GATES = (
    Gate("smallest_scale", 0.75, 1.4, "the head is not of adult size", "right: 0.99-1.03"),
    Gate("largest_scale", 0.75, 1.4, "the head is not of adult size", "right: 1.06-1.11"),
    Gate("stretch", 1.0, 1.4, "the head would have to be distorted", f"right: <= 1.12; {_SEEN}"),
    Gate(
        "head_overlap", 0.90, 1.0, "the atlas does not lie on the head",
        f"right: 0.91-0.97, wrong: 0.59-0.94; {_SEEN}",
    ),
    Gate(
        "likeness", 0.40, 1.0, "the image does not look like a head in the atlas's place",
        f"right: 0.44-0.86, wrong: 0.00-0.54; {_SEEN}",
    ),
    Gate(
        "lead", 0.12, 1.0, "the head may be turned or mirrored against its labels",
        f"right: 0.15-0.47, wrong: -0.16-0.16; {_SEEN}",
    ),
    Gate(
        "removed_share", 0.02, 0.33, "too little or too much of the head is removed",
        f"right: 0.03-0.20; {_SEEN}",
    ),
    Gate(
        "front_removed", 0.90, 1.0, "the front of the face is not removed",
        f"right: 0.98-1.00, two partial or thick images 0.78-0.84; {_SEEN}",
    ),
)  # fmt: skip


def failed_gates(metrics: FaceMetrics) -> tuple[str, ...]:
    """Return one sentence for each gate that metrics do not pass.

    A metric that is not a number passes no gate.
    """
    return tuple(
        dict.fromkeys(
            gate.sentence
            for gate in GATES
            if not gate.least <= getattr(metrics, gate.metric) <= gate.most
        )
    )


class FaceJudge:
    """Measures masks against one atlas.

    Parameters
    ----------
    head : (X, Y, Z) array
        The atlas.
    keep : (X, Y, Z) array of bool
        False over its face.
    affine : (4, 4) array, voxel → RAS+ mm
    """

    def __init__(self, head: Floats, keep: Bools, affine: Affine) -> None:
        small, self._affine = downsample(head, affine, ZOOM_MM)
        kept, _ = downsample(keep.astype(np.float32), affine, ZOOM_MM)
        self._head = head_mask(small)
        self._front = self._face_columns(kept < HALF)
        points = np.argwhere(ndimage.binary_dilation(self._head, iterations=3))[::_EVERY]
        world = _moved(self._affine, points.T)
        near = world[2] > world[2].max() - COMPARED_MM
        self._points = world[:, near]
        smooth = ndimage.gaussian_filter(small, 0.75)
        self._values: Floats = smooth[tuple(points[near].T)]

    def measure(
        self, volume: Floats, affine: Affine, remove: Bools, to_atlas: Affine
    ) -> FaceMetrics:
        """Measure a mask.

        Parameters
        ----------
        volume : (X, Y, Z) array, finite
        affine : (4, 4) array, voxel → RAS+ mm
        remove : (X, Y, Z) array of bool
            On the grid of `volume`.
        to_atlas : (4, 4) array, world of the volume → world of the atlas

        Raises
        ------
        GateError
            If there is no head to be seen.
        """
        small, small_affine = downsample(volume, affine, ZOOM_MM)
        gone_part, _ = downsample(remove.astype(np.float32), affine, ZOOM_MM)
        head, gone = head_mask(small), gone_part >= HALF
        shape = small.shape
        ones = np.ones_like(self._head)
        in_view = _carried(ones, self._affine, shape, small_affine, to_atlas)
        atlas_head = _carried(self._head, self._affine, shape, small_affine, to_atlas)
        stretches = np.linalg.svd(np.linalg.inv(to_atlas)[:3, :3], compute_uv=False)
        likeness, rival = self._likenesses(small, small_affine, to_atlas)
        return FaceMetrics(
            smallest_scale=float(stretches.min()),
            largest_scale=float(stretches.max()),
            stretch=float(stretches.max() / stretches.min()),
            head_overlap=dice(head & in_view, atlas_head),
            likeness=likeness,
            lead=likeness - rival,
            removed_share=float(gone[head].mean()),
            front_removed=self._front_removed(head, gone, small_affine, to_atlas),
        )

    def _face_columns(self, face: Bools) -> Bools:
        """Return the columns (x, z) of the atlas, over nose and mouth, whose front is face."""
        ras = self._affine[:3, :3]
        centre = _moved(self._affine, np.argwhere(self._head).T).mean(axis=1)
        rays = _moved(self._affine, np.indices(face.shape).reshape(3, -1)).reshape(3, *face.shape)
        middle = np.abs(rays[0] - centre[0]).min(axis=1) < FRONT_HALF_WIDTH_MM
        front = front_of(self._head, float(ras[1, 1]))
        share = (front & face).sum(axis=1) / np.maximum(front.sum(axis=1), 1)
        columns: Bools = middle & (share > 0.9)  # noqa: PLR2004 -- all but a voxel
        return columns

    def _front_removed(self, head: Bools, gone: Bools, affine: Affine, to_atlas: Affine) -> float:
        """Return how much of the head's front, seen in the atlas's frame, is gone."""
        shape, back = self._head.shape, np.linalg.inv(to_atlas)
        seen = _carried(head, affine, shape, self._affine, back)
        removed = _carried(gone, affine, shape, self._affine, back)
        front = front_of(seen, float(self._affine[1, 1])) & self._front[:, np.newaxis, :]
        return float(removed[front].mean()) if front.any() else 1.0

    def _likenesses(self, small: Floats, affine: Affine, to_atlas: Affine) -> tuple[float, float]:
        """Return the likeness as registered, and the best of 46 other orientations.

        Mirrored left to right is left out: heads are too symmetric to tell.
        """
        low, high = np.percentile(small, [1, 99.5])
        smooth: Floats = ndimage.gaussian_filter(np.clip(small, low, high), 0.75)
        to_voxel = np.linalg.inv(affine) @ np.linalg.inv(to_atlas)
        centre = self._points.mean(axis=1, keepdims=True)
        scores = [
            self._likeness(smooth, _moved(to_voxel, turn @ (self._points - centre) + centre))
            for turn in _ORIENTATIONS
        ]
        return scores[0], max(scores[1:])

    def _likeness(self, volume: Floats, at: NDArray[np.float64]) -> float:
        inside = ((at >= 0) & (at <= np.array([volume.shape]).T - 1)).all(axis=0)
        if inside.sum() < _FEW_POINTS:
            return 0.0
        values = ndimage.map_coordinates(volume, at[:, inside], order=1, mode="nearest")
        return correlation_ratio(self._values[inside], values) * float(inside.mean())


def _orientations() -> tuple[NDArray[np.float64], ...]:
    """Return the axis permutations with signs, the identity first, left-right mirror left out."""
    turns = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            turns.append(turn)
    mirror = np.diag([-1.0, 1.0, 1.0])
    return tuple(turn for turn in turns if not np.array_equal(turn, mirror))


_ORIENTATIONS = _orientations()


def _carried(
    mask: Bools, mask_affine: Affine, shape: tuple[int, ...], affine: Affine, to_mask: Affine
) -> Bools:
    """Resample a mask; arguments as for `carry`."""
    carried: Bools = carry(mask.astype(np.uint8), mask_affine, shape, affine, to_mask) > HALF
    return carried


def _moved(affine: Affine, points: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a (4, 4) affine to (3, N) points."""
    moved: NDArray[np.float64] = affine[:3, :3] @ points + affine[:3, 3:]
    return moved
