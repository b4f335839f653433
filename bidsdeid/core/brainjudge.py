"""Measures brain masks.

A mask is not believed because an engine returned it.  It must be one body without holes, of a
size a brain can have at the age, lie in the head, and have a brain's shape: the brain of the
atlas, fitted to it by an affine, covers it, and nothing of it lies far outside, as eyes, neck or a
piece of scalp would.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
from scipy import ndimage

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.brain import ZOOM_MM, BrainMask
from bidsdeid.core.braingates import BrainMetrics
from bidsdeid.core.brainvolume import plausible_volume
from bidsdeid.core.descent import Array
from bidsdeid.core.estimate import Head
from bidsdeid.core.head import bright_body, dice, evened, filled
from bidsdeid.core.registration import Reference, Registration
from bidsdeid.core.voxels import HALF, Affine, Bools, carry, downsample, in_view, look_up

#: What lies farther than this from the fitted brain is not brain: eyes begin 8 mm from it.
ASTRAY_MM = 8.0

#: How thick the outside of a head is that no brain reaches into.
SKIN_MM = 4.0

#: The head is grown by this before it is asked whether the brain lies in it: in a FLAIR the rim
#: of the brain is dark.
_HEAD_RIM = 2

#: Heads nod by this against the brain's own axes (degrees).
_NODS = (-20.0, 0.0, 20.0)


class BrainJudge:
    """Measures brain masks against an atlas's brain.

    Parameters
    ----------
    atlas : Atlas
        With a brain.
    """

    def __init__(self, atlas: Atlas) -> None:
        if atlas.brain is None:
            message = "an atlas without a brain mask cannot judge one"
            raise ValueError(message)
        solid = atlas.brain.astype(np.float32)
        small, self._affine = downsample(solid, atlas.affine, ZOOM_MM)
        self._brain = small > HALF
        self._from_brain = ndimage.distance_transform_edt(~self._brain) * ZOOM_MM
        self._reference = Reference(solid, atlas.affine)
        self._volume_ml = float(solid.sum() * abs(np.linalg.det(atlas.affine[:3, :3])) / 1000)

    def measure(self, mask: BrainMask, head: Head, months: float | None = None) -> BrainMetrics:
        """Measure a mask.

        Parameters
        ----------
        mask : BrainMask
        head : Head
            Of the same image.
        months : float or None
            Age, if it is known.
        """
        least, most = plausible_volume(months)
        volume = mask.volume_ml
        overlap, astray, seen = self._fit(mask)
        in_head, skin = _in_head(mask, head)
        return BrainMetrics(
            volume_ml=volume,
            volume_least=volume / (least * seen) if seen else 0.0,
            volume_most=volume / most,
            whole=mask.whole,
            solid=mask.solid,
            in_head=in_head,
            skin=skin,
            atlas_overlap=overlap,
            astray=astray,
        )

    def position(self, mask: BrainMask) -> Registration:
        """Lay the atlas's brain on one that was found.

        Which way the labels say is up does not matter: a brain is one in any orientation.
        """
        brain, affine = mask.small
        starts = self._starts(brain, affine, mask)
        return self._reference.register(brain.astype(np.float32), affine, starts)

    def _fit(self, mask: BrainMask) -> tuple[float, float, float]:
        """Return overlap, astray part, and the part of the brain in view, by the fitted brain."""
        brain, affine = mask.small
        found = self.position(mask)
        shape, grid = self._brain.shape, self._affine
        marked = carry(brain.astype(np.float32), affine, shape, grid, found.to_image) > HALF
        view = in_view(*mask.field, shape, grid, found.to_image)
        to_atlas = np.linalg.inv(self._affine) @ found.to_reference @ affine
        place = np.argwhere(brain) @ to_atlas[:3, :3].T + to_atlas[:3, 3]
        index = np.clip(np.rint(place), 0, np.array(shape) - 1).astype(int)
        return (
            dice(marked & view, self._brain & view),
            float((self._from_brain[tuple(index.T)] > ASTRAY_MM).mean()),
            float(view[self._brain].mean()),
        )

    def _starts(self, brain: Bools, affine: Affine, mask: BrainMask) -> Sequence[Array]:
        """Return positions to begin from: all right angles, each nodding, of the brain's size."""
        size = float(np.cbrt(mask.volume_ml / self._volume_ml))
        middle = affine[:3, :3] @ np.argwhere(brain).mean(axis=0) + affine[:3, 3]
        own = self._affine[:3, :3] @ np.argwhere(self._brain).mean(axis=0) + self._affine[:3, 3]
        starts = []
        for turn, nod in product(_rotations(), np.radians(_NODS)):
            cos, sin = np.cos(nod), np.sin(nod)
            start = np.eye(4)
            start[:3, :3] = turn @ [[1, 0, 0], [0, cos, -sin], [0, sin, cos]] * size
            start[:3, 3] = middle - start[:3, :3] @ own
            starts.append(start)
        return starts


def _rotations() -> Sequence[Array]:
    """Return the 24 turns by right angles."""
    turns = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if np.linalg.det(turn) > 0:
                turns.append(turn)
    return turns


def _in_head(mask: BrainMask, head: Head) -> tuple[float, float]:
    """Return the part of a brain that lies in the head, and the part of the skin it holds."""
    low, high = np.percentile(head.volume, [0.1, 99])
    volume = np.clip(head.volume, low, max(high, low)) - low
    zooms = np.linalg.norm(head.affine[:3, :3], axis=0)
    body = filled(bright_body(evened(volume, zooms)))
    depth = ndimage.distance_transform_edt(body, sampling=zooms)
    skin = body & (depth <= max(SKIN_MM, zooms.min()))
    marked = look_up(mask.brain, mask.affine, body.shape, head.affine, np.eye(4))
    brain, affine = mask.small
    around = np.asarray(ndimage.binary_dilation(body, iterations=_HEAD_RIM))
    inside = look_up(around, head.affine, brain.shape, affine, np.eye(4))
    return (
        float(inside[brain].mean()),
        float(marked[skin].mean()) if skin.any() else float("nan"),
    )
