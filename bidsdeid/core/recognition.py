"""What an image shows that has no face to remove."""

from __future__ import annotations

import numpy as np

from bidsdeid.core.estimate import Finding, Head
from bidsdeid.core.face import FaceFrame
from bidsdeid.core.gates import GATES, FaceMetrics
from bidsdeid.core.head import bright_body, dice, filled
from bidsdeid.core.voxels import HALF, Affine, Bools, carry, in_view

#: A face that was removed leaves at most this share of its tissue.
_LEFT = 0.15

#: It leaves one value, exactly; air as a scanner sees it is noise.
_ONE_VALUE = 0.95

#: A face of which less than this is in view is not in view.
_IN_VIEW = 0.02

#: A brain without a skull fills its own place and no more.
_BRAIN_OVERLAP = 0.88

#: And is not stretched to do so, as a ball would be.
_STRETCH = next(gate for gate in GATES if gate.metric == "stretch")

#: Share of the atlas's own surface over each part that is one value, exactly, where a face was
#: removed: 0.26-0.76, 0.94-1 and 0.84-0.99 on nine heads after, 0-0.09, 0-0.24 and 0 before.
_ONE_VALUE_OVER = {"eyes": 0.15, "nose": 0.8, "mouth": 0.7}

#: Gates that a head without a face cannot pass.
_OF_FACES = frozenset({"removed_share", "eyes_removed", "nose_removed", "mouth_removed"})


def only_face_missing(metrics: FaceMetrics) -> bool:
    """Tell whether a position passes all gates but those that ask what was removed."""
    return all(
        gate.admits(getattr(metrics, gate.metric))
        for gate in GATES
        if gate.metric not in _OF_FACES
    )


def is_defaced(head: Head, frame: FaceFrame, to_atlas: Affine) -> bool:
    """Tell whether a face had been removed from a head before, by whatever tool.

    Parameters
    ----------
    head : Head
    frame : FaceFrame
    to_atlas : (4, 4) array, world of the image → world of the atlas
        That is believed.
    """
    back = np.linalg.inv(to_atlas)
    view = in_view(head.volume.shape, head.affine, frame.shape, frame.affine, back)
    shares = frame.parts_removed(frame.own_head, _one_value(head, frame, back), view)
    seen = {part: share for part, share in shares.items() if not np.isnan(share)}
    return bool(seen) and all(share >= _ONE_VALUE_OVER[part] for part, share in seen.items())


def what_is_there(head: Head, frame: FaceFrame, to_atlas: Affine) -> Finding:
    """Say what an image shows where the atlas has its face.

    Parameters
    ----------
    head : Head
    frame : FaceFrame
    to_atlas : (4, 4) array, world of the image → world of the atlas
        That is believed.
    """
    back = np.linalg.inv(to_atlas)
    face = frame.own_face
    view = face & in_view(head.volume.shape, head.affine, frame.shape, frame.affine, back)
    if view.sum() < _IN_VIEW * face.sum():
        return Finding.ELSEWHERE
    seen = frame.head_in(head.volume, head.affine, to_atlas)
    one_value = _one_value(head, frame, back)
    if seen[view].mean() <= _LEFT and one_value[view].mean() >= _ONE_VALUE - _LEFT:
        return Finding.DEFACED
    return Finding.FACE


def is_stripped(head: Head, frame: FaceFrame, to_atlas: Affine) -> bool:
    """Tell whether an image shows a brain and nothing else.

    Parameters
    ----------
    head : Head
    frame : FaceFrame
    to_atlas : (4, 4) array, world of the image → world of the atlas
        As the atlas's brain alone was laid on it.
    """
    back = np.linalg.inv(to_atlas)
    flat = head.volume == _most_common(head)
    body = filled(bright_body((~flat).astype(np.float32)))
    seen = carry(body.astype(np.uint8), head.affine, frame.shape, frame.affine, back) > HALF
    alone = float(flat[~body].mean()) if not body.all() else 0.0
    scales = np.linalg.svd(back[:3, :3], compute_uv=False)
    return (
        alone >= _ONE_VALUE
        and _STRETCH.admits(float(scales.max() / scales.min()))
        and dice(seen, frame.brain) >= _BRAIN_OVERLAP
    )


def _one_value(head: Head, frame: FaceFrame, back: Affine) -> Bools:
    """Return where the image has its commonest value, exactly, seen in the frame."""
    flat = head.volume == _most_common(head)
    carried = carry(flat.astype(np.uint8), head.affine, frame.shape, frame.affine, back)
    return np.asarray(carried > HALF)


def _most_common(head: Head) -> float:
    values, counts = np.unique(head.volume, return_counts=True)
    return float(values[counts.argmax()])
