"""The evidence of one image: what is released, read back, measured and drawn beside the input.

Nothing here asks what was meant to be removed: a mask that got lost, turned or half applied on its
way into the file shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.estimate import FaceEstimate, rounded
from bidsdeid.core.facestyle import FaceStyle, MaskStyle
from bidsdeid.core.gates import is_sure
from bidsdeid.core.nifti import Image
from bidsdeid.core.policy import Decision, MaskFrom
from bidsdeid.core.proof import ProofJudge
from bidsdeid.core.removal import measure_stripped, removed_between
from bidsdeid.core.scrub import Change
from bidsdeid.core.triage import Context, Triage, triage
from bidsdeid.core.voxels import Bools, look_up
from bidsdeid.core.zones import Rays
from bidsdeid.engines.red_team import RedTeam
from bidsdeid.report.pictures import drawings_of, encoded, small_volume, views_of
from bidsdeid.run.faces import frame_of

Verdict: TypeAlias = tuple[Triage, tuple[str, ...]]

#: How a method begins that another image of the session told, and what a second engine adds.
_CARRIED, _AGREED = ("the session's ", "the mask of "), ", confirmed by "


@dataclass(frozen=True, eq=False)
class Exhibit:
    """What is shown of one image.

    Parameters
    ----------
    numbers : mapping
        By name; None for what is not known.
    triage : Triage
    doubts : tuple of str
        Why it is not a plain pass.
    measured : tuple of Triage, tuple of str
        The same without what a detector of faces says: it is not installed everywhere, and the
        release must not depend on that.
    seen : mapping
        What a detector of faces said, by view.
    rays : (61, 66) array of uint8 or None
        What of the face it shows (`bidsdeid.core.together`).
    pictures : mapping
        JPEG files by name, private ones among them.
    volume : bytes
        A small copy of the released head.
    header : tuple of Change
        Fields of the NIfTI header that did not stay as they were.
    """

    numbers: Mapping[str, float | None]
    triage: Triage
    doubts: tuple[str, ...] = ()
    measured: Verdict = (Triage.PASS, ())
    seen: Mapping[str, str] = field(default_factory=dict)
    rays: Rays | None = None
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    volume: bytes = b""
    header: tuple[Change, ...] = ()

    @property
    def stops(self) -> str:
        """Why it must not be released; empty if it may."""
        word, doubts = self.measured
        return doubts[0] if word is Triage.FAIL else ""


def exhibit(
    found: FaceEstimate | BrainEstimate,
    before: Image,
    after: Image,
    *,
    style: FaceStyle,
    mask: MaskFrom = MaskFrom.OWN,
    drawn: bool = True,
) -> Exhibit:
    """Measure and draw what was done to an image.

    Parameters
    ----------
    found : FaceEstimate or BrainEstimate
        In the image.
    before, after : Image
        Of the input and, as read back, of the release.
    style : FaceStyle
        That was asked for.
    mask : MaskFrom
        An image whose mask only ever comes from another shows no outline of a head.
    drawn : bool
        Make pictures, and show them to a detector of faces if one is installed.

    Raises
    ------
    FileProblem
        If what is released cannot be measured.
    """
    rays: Rays | None = None
    brain = _brain_in(found, before)
    if isinstance(found, BrainEstimate):
        stripped = measure_stripped(
            before.data, after.data, before.affine, brain, slope=before.slope
        )
        numbers = {**rounded(found.metrics), **stripped.rounded()}
    else:
        proof = _judge_of(found.atlas).measure(
            before.data,
            after.data,
            before.affine,
            found.to_atlas,
            slope=before.slope,
            outlined=mask is not MaskFrom.ACQUISITION,
        )
        numbers, rays = proof.numbers.rounded(), proof.rays
    pictures: dict[str, bytes] = {}
    volume, seen = b"", {}
    if drawn:
        remove = removed_between(before.data, after.data)
        drawings = drawings_of(before.still(), after.still(), before.affine, remove, brain)
        views = (views_of(drawings, when) for when in ("before", "after"))
        seen = {view: str(word) for view, word in RedTeam().look(*views).items()}
        pictures, volume = encoded(drawings), small_volume(after.still(), after.affine)
    context = _context(found, style)
    measured = triage(numbers, context)
    word, doubts = triage(numbers, replace(context, seen=seen))
    return Exhibit(
        numbers,
        word,
        doubts,
        measured,
        seen,
        rays,
        pictures,
        volume,
        _header_changes(before, after),
    )


def _brain_in(found: FaceEstimate | BrainEstimate, image: Image) -> Bools:
    """Return the brain that was found in an image, or that of the atlas laid on it."""
    shape = image.data.shape[:3]
    if isinstance(found, BrainEstimate):
        return found.brain_on(shape, image.affine)
    frame = frame_of(found.atlas)
    return look_up(frame.brain, frame.affine, shape, image.affine, found.to_atlas)


def _context(found: FaceEstimate | BrainEstimate, style: FaceStyle) -> Context:
    if isinstance(found, BrainEstimate):
        return Context(str(Decision.SKULLSTRIP), finding="a brain")
    return Context(
        finding=str(found.finding),
        sure=is_sure(found.metrics),
        agreed=_AGREED in found.method,
        carried=found.method.startswith(_CARRIED),
        attempts=len(found.attempts),
        as_given=style.mask is MaskStyle.PYDEFACE,
    )


@lru_cache(maxsize=4)
def _judge_of(atlas: Atlas) -> ProofJudge:
    return ProofJudge(frame_of(atlas))


#: Why a field of a header is not what it was.
_REBUILT = "NIfTI headers are rebuilt from an allow-list"


def _header_changes(before: Image, after: Image) -> tuple[Change, ...]:
    """Return which fields of a header did not stay as they were, extensions among them."""
    changed = [
        str(name)
        for name in before.header
        if name in after.header and before.header[name].tobytes() != after.header[name].tobytes()
    ]
    if len(before.header.extensions) > len(after.header.extensions):
        changed.append("extensions")
    return tuple(Change(f"NIfTI {name}", "replaced", _REBUILT) for name in changed)
