"""A face mask for a template that has none, carried over from the adult atlas.

A child's face is small for its brain, so that an affine of the whole head lays the adult's mask
over the child's frontal lobes.  Brain is fitted to brain instead: both are known.  What that
places too low over eyes and brow is added from the template's own surface (`FaceFrame.region`),
which needs no registration, and whatever is near the template's brain is given back.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.descent import Array
from bidsdeid.core.face import FaceFrame
from bidsdeid.core.facestyle import PARTS, FaceStyle
from bidsdeid.core.head import dice, filled
from bidsdeid.core.judge import EARS_MM, EVERY
from bidsdeid.core.maskfigures import MaskFigures
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, carry, look_up
from bidsdeid.errors import GateError, UsageError

#: Nothing goes this near to the template's brain.
MARGIN_MM = 5.0

#: Templates lie straight in their space; adults' and children's nod a little differently (°).
_PITCHES = (-20, -10, 0, 10, 20)

#: The frame's landmarks end with two of the brain: they are of no use here.
_FACE_LANDMARKS = slice(None, -2)


@dataclass(frozen=True, eq=False)
class MadeMask:
    """A face mask that was made.

    Parameters
    ----------
    face : (X, Y, Z) array of bool
        True on the face, on the grid of the template.
    to_template : (4, 4) array
        World of the adult atlas → world of the template, both RAS+ mm.
    figures : MaskFigures
    """

    face: Bools
    to_template: Affine
    figures: MaskFigures


class FaceMaker:
    """Makes face masks for templates.

    Parameters
    ----------
    adult : Atlas
        With a face and a brain.

    Raises
    ------
    UsageError
        If it has no brain.
    """

    def __init__(self, adult: Atlas) -> None:
        if adult.brain is None:
            message = "an atlas without a brain mask cannot be carried over: give one that has it"
            raise UsageError(message)
        self._adult, self._brain = adult, adult.brain
        self._reference = Reference(adult.brain.astype(np.float32), adult.affine)
        self._landmarks: Array = FaceFrame(adult).landmarks[:, _FACE_LANDMARKS]

    def make(self, head: Floats, affine: Affine, brain: Bools) -> MadeMask:
        """Make the face mask of a template.

        Parameters
        ----------
        head : (X, Y, Z) array
        affine : (4, 4) array, voxel → RAS+ mm
            Its axes run left and right, to the front and up.
        brain : (X, Y, Z) array of bool

        Raises
        ------
        UsageError
            If the axes run otherwise.
        GateError
            If there is nothing in the image.
        """
        if not _upright(affine):
            message = (
                "the template's axes do not run left and right, to the front and up: "
                "reorient its files to RAS"
            )
            raise UsageError(message)
        if not np.ptp(head) > 0:
            message = "the template is empty or has one value only"
            raise GateError(message)
        to_template = self._fitted(brain, affine)
        adult, back = self._adult, np.linalg.inv(to_template)
        # Beyond the adult's atlas its mask goes on as at its edge.
        keep = carry(
            adult.keep.astype(np.uint8), adult.affine, head.shape, affine, back, mode="nearest"
        )
        base = keep < HALF
        near = _near(brain, affine)
        frame = FaceFrame(Atlas("", head, ~base, affine, brain))
        seen = frame.head_in(head, affine, np.eye(4))
        skin = look_up(
            frame.region(seen, FaceStyle()), frame.affine, head.shape, affine, np.eye(4)
        )
        # Below the brain the carried mask takes all there is, and templates fade away: what
        # looks like their surface there is not.
        skin[:, :, : int(np.flatnonzero(brain.any(axis=(0, 1)))[0])] = False
        face = np.asarray((base | skin) & ~near)
        carried = carry(self._brain.astype(np.uint8), adult.affine, head.shape, affine, back)
        scales = np.linalg.svd(to_template[:3, :3], compute_uv=False)
        figures = MaskFigures(
            brain_overlap=dice(carried > HALF, brain),
            smallest_scale=float(scales.min()),
            largest_scale=float(scales.max()),
            brain_in_head=float(filled(seen[EVERY])[frame.brain[EVERY]].mean()),
            margin_removed=float((face & near).sum()),
            landmarks_removed=_share_at(to_template @ self._landmarks, face, affine),
            **_measured(frame, seen, face, near),
        )
        return MadeMask(face, to_template, figures)

    def _fitted(self, brain: Bools, affine: Affine) -> Affine:
        """Return the affine that brings the adult's brain to another."""
        centre, volume = _centre_and_volume(brain, affine)
        own_centre, own_volume = _centre_and_volume(self._brain, self._adult.affine)
        size = np.cbrt(volume / own_volume)
        starts = []
        for pitch in _PITCHES:
            start = np.eye(4)
            start[:3, :3] = size * Rotation.from_euler("x", pitch, degrees=True).as_matrix()
            start[:3, 3] = centre - start[:3, :3] @ own_centre
            starts.append(start)
        return self._reference.register(brain.astype(np.float32), affine, starts).to_image


def _measured(frame: FaceFrame, head: Bools, face: Bools, near: Bools) -> dict[str, float]:
    """Return what is removed of the head and of its surface.

    `head` is seen in the frame, `face` and `near` are on the grid of the template.
    """
    grid = frame.atlas.affine

    def in_frame(mask: Bools) -> Bools:
        carried = carry(mask.astype(np.uint8), grid, frame.shape, frame.affine, np.eye(4))
        return np.asarray(carried >= HALF)

    gone, spared, view = in_frame(face), in_frame(near), in_frame(np.ones_like(face))
    removed = frame.parts_removed(head, gone, view)
    kept = frame.parts_removed(head, spared & ~gone, view)
    volume = gone & head
    return {
        **{f"{part}_removed": _ratio(removed[part], 1 - kept[part]) for part in PARTS},
        "surface_spared": max((v for v in kept.values() if not isnan(v)), default=0.0),
        "removed_share": _ratio(volume.sum(), head.sum()),
        "behind_removed": _ratio((volume & frame.behind(EARS_MM)).sum(), volume.sum()),
    }


def _ratio(part: float, whole: float) -> float:
    """Return a share, never above 1 by rounding; not a number stays what it is."""
    return float(np.minimum(part / whole, 1.0)) if whole else 0.0


def _near(brain: Bools, affine: Affine) -> Bools:
    """Return the brain and what is within `MARGIN_MM` of it."""
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    return np.asarray(ndimage.distance_transform_edt(~brain, sampling=zooms) <= MARGIN_MM)


def _centre_and_volume(mask: Bools, affine: Affine) -> tuple[Array, float]:
    """Return the centre (3,), RAS+ mm, and the volume, mm³."""
    middle = np.argwhere(mask).mean(axis=0)
    volume = float(mask.sum() * abs(np.linalg.det(affine[:3, :3])))
    return np.asarray(affine[:3, :3] @ middle + affine[:3, 3]), volume


def _share_at(points: Array, mask: Bools, affine: Affine) -> float:
    """Return which share of the (4, N) points that lie in the image a mask has; NaN if none do."""
    voxels = np.rint((np.linalg.inv(affine) @ points)[:3]).astype(np.intp)
    inside = ((voxels >= 0) & (voxels < np.array(mask.shape)[:, None])).all(axis=0)
    return float(mask[tuple(voxels[:, inside])].mean()) if inside.any() else float("nan")


def _upright(affine: Affine) -> bool:
    """Tell whether the axes run left and right, to the front and up."""
    return bool(
        (np.abs(affine[:3, :3]).argmax(axis=0) == np.arange(3)).all()
        and affine[1, 1] > 0
        and affine[2, 2] > 0
    )
