"""Measures what a face mask does to the head in an image."""

from __future__ import annotations

import math

import numpy as np

from bidsdeid.core.face import FaceFrame
from bidsdeid.core.gates import FaceMetrics, Trust
from bidsdeid.core.head import dice, filled
from bidsdeid.core.registration import Reference
from bidsdeid.core.view import View
from bidsdeid.core.voxels import Affine, Bools, Floats, in_view, look_up

#: How far behind the frontal pole of an adult's brain the ears end (mm).
EARS_MM = 130.0

#: Cavities of the head are filled, and overlaps measured, on every other voxel of the frame.
EVERY = (slice(None, None, 2),) * 3


class FaceJudge:
    """Measures masks against one atlas.

    Parameters
    ----------
    frame : FaceFrame
    reference : Reference
        Of the same atlas.
    """

    def __init__(self, frame: FaceFrame, reference: Reference) -> None:
        self._frame, self._reference = frame, reference
        own = frame.own_head
        self._atlas_head = filled(own[EVERY])

    def measure(
        self,
        volume: Floats,
        affine: Affine,
        remove: Bools,
        grid: Affine,
        to_atlas: Affine,
        *,
        trust: Trust = Trust.FOUND,
        compare: bool = True,
        seen: View | None = None,
        brain: Bools | None = None,
    ) -> FaceMetrics:
        """Measure a mask.

        Parameters
        ----------
        volume : (x, y, z) array, finite
            Copy of the image with voxels of 2 mm or larger.
        affine : (4, 4) array, voxel of `volume` → RAS+ mm
        remove : (X, Y, Z) array of bool
            On the grid of the image.
        grid : (4, 4) array, voxel of `remove` → RAS+ mm
        to_atlas : (4, 4) array, world of the image → world of the atlas
        trust : Trust
            How the position came to be known.
        compare : bool
            Measure likeness and lead, too; else they are NaN, which passes no gate.
        seen : View, optional
            The image, seen in the frame, if that is at hand.
        brain : (X, Y, Z) array of bool, optional
            The image's own brain, beside the atlas's; on the grid of the image.

        Raises
        ------
        GateError
            If there is no head to be seen.
        """
        frame, back = self._frame, np.linalg.inv(to_atlas)
        view = in_view(volume.shape, affine, frame.shape, frame.affine, back)
        gone = view & look_up(remove, grid, frame.shape, frame.affine, back)
        head = (seen or frame.view_of(volume, affine, to_atlas)).head()
        parts = frame.parts_removed(head, gone, view, skin_only=trust >= Trust.CONFIRMED)
        both = view[EVERY]
        overlap = dice(filled(head[EVERY]) & both, self._atlas_head & both)
        likeness = rival = math.nan
        if compare:
            likeness, rival = self._reference.likeness_and_rival(volume, affine, back)
        scales = np.linalg.svd(back[:3, :3], compute_uv=False)
        removed = gone & head
        brain_removed = float(gone[frame.brain].mean())
        if brain is not None and brain.any():
            brain_removed = max(brain_removed, float(remove[brain].mean()))
        return FaceMetrics(
            smallest_scale=float(scales.min()),
            largest_scale=float(scales.max()),
            stretch=float(scales.max() / scales.min()),
            head_overlap=overlap,
            likeness=likeness,
            lead=likeness - rival,
            removed_share=float(removed.sum() / max(1, head.sum())),
            brain_removed=brain_removed,
            behind_removed=float((removed & frame.behind(EARS_MM)).sum() / max(1, removed.sum())),
            **{f"{part}_removed": _or_one(share) for part, share in parts.items()},
        )


def _or_one(share: float) -> float:
    return 1.0 if math.isnan(share) else share
