"""What is done to the voxels of an image, from what was found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bidsdeid.config import Config
from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.estimate import FaceEstimate, Finding, Head, rounded
from bidsdeid.core.facestyle import FaceStyle, MaskStyle
from bidsdeid.core.gates import Trust, failed_gates
from bidsdeid.core.head import is_flat
from bidsdeid.core.nifti import Image
from bidsdeid.core.policy import Decision
from bidsdeid.core.voxels import Bools, box_corners
from bidsdeid.errors import GateError
from bidsdeid.run.faces import AGREEMENT_MM, frame_of, judge_of
from bidsdeid.run.series import check_still

#: The corners of the field of view, where a head is kept but for its brain, may move this far.
MOVED_MM = 6.0


@dataclass(frozen=True, eq=False)
class Treatment:
    """What is done to the voxels of an image.

    Parameters
    ----------
    decision : Decision
        Not the planned one, if a face was not found and the brain was.
    remove : (X, Y, Z) array of bool or None
        What goes; None if nothing does.
    stripped : bool
        Nothing but a brain is left, or was there.
    details : dict
        What is told of it in the ledger.
    """

    decision: Decision
    remove: Bools | None = None
    stripped: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def desc(self) -> str | None:
        """What the name says was done."""
        if self.remove is None:
            return None
        return "brain" if self.decision is Decision.SKULLSTRIP else "defaced"


def treatment_of(
    config: Config, found: FaceEstimate | BrainEstimate | None, image: Image
) -> Treatment:
    """Decide which voxels go.

    Raises
    ------
    GateError
        If a mask that was found on the mean of a series does not fit all its volumes.
    """
    if found is None:
        return Treatment(Decision.SCRUB)
    details: dict[str, Any] = {"engine": found.method, "attempts": found.attempts}
    details["metrics"] = rounded(found.metrics)
    shape = image.data.shape[:3]
    if isinstance(found, BrainEstimate):
        ends = box_corners(shape, image.affine)
        check_still(image, ends, MOVED_MM, unlike=False)
        remove = found.remove_on(shape, image.affine)
        details |= {"finding": "a brain", "removed_voxels": int(remove.sum())}
        details |= {"voxels": remove.size}
        return Treatment(Decision.SKULLSTRIP, remove, stripped=True, details=details)
    details["finding"] = str(found.finding)
    stripped = found.finding is Finding.STRIPPED
    if not found.region.any():
        return Treatment(Decision.DEFACE, stripped=stripped, details=details)
    remove = found.remove_on(shape, image.affine)
    _check_volumes(image, found, remove, config.face)
    details |= {"removed_voxels": int(remove.sum()), "voxels": remove.size}
    return Treatment(Decision.DEFACE, remove, stripped=stripped, details=details)


def _check_volumes(image: Image, face: FaceEstimate, remove: Bools, style: FaceStyle) -> None:
    """Look at each volume of a series: the mask was found on their mean and must fit them all.

    Raises
    ------
    GateError
        If it does not.
    """
    if face.finding is not Finding.FACE:
        return
    landmarks = np.linalg.inv(face.to_atlas) @ frame_of(face.atlas).landmarks
    check_still(image, landmarks, AGREEMENT_MM, unlike=True)
    as_given = style.mask is MaskStyle.PYDEFACE
    for volume in image.volumes():
        if is_flat(volume):
            continue  # it shows nothing, as the first of a PET series may
        head = Head.of(volume, image.affine, image.slope)
        metrics = judge_of(face.atlas).measure(
            head.volume,
            head.affine,
            remove,
            image.affine,
            face.to_atlas,
            trust=Trust.KNOWN,
            compare=False,
        )
        failed = failed_gates(metrics, Trust.KNOWN, as_given=as_given)
        if failed:
            message = f"in one of its volumes {failed[0]}"
            raise GateError(message)
