"""Finds the face in an image by several ways, one after the other, until one is believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.brain import BrainEstimate, BrainMask
from bidsdeid.core.brainjudge import BrainJudge
from bidsdeid.core.estimate import Attempt, FaceEstimate, Finding, Head, rounded
from bidsdeid.core.face import FaceFrame
from bidsdeid.core.facestyle import FaceStyle, MaskStyle
from bidsdeid.core.gates import Trust, failed_gates, is_sure
from bidsdeid.core.judge import FaceJudge
from bidsdeid.core.ratings import was_rejected
from bidsdeid.core.recognition import is_stripped, only_face_missing, what_is_there
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import Affine, Floats, look_up
from bidsdeid.engines.atlas import reference
from bidsdeid.errors import EngineError, FaceError, GateError
from bidsdeid.run.face_cascade import Step

#: Two engines agree if they put no point of the face and the brain farther apart than this.
AGREEMENT_MM = 10.0

#: A brain says less of where the chin is: 6-14 mm on nine heads on which both were right.
BRAIN_AGREEMENT_MM = 15.0

#: The family of positions that come from the brain.
OF_BRAINS = "brain"


@dataclass(frozen=True, slots=True)
class Hint:
    """Where another image of the session says the head is.

    Parameters
    ----------
    words : str
        What is told of it.
    to_atlas : (4, 4) array, world of the image → world of the atlas
    atlas : Atlas
    trust : Trust
        Whether the headers of the images say the same.
    brain : BrainEstimate or None
        The brain of the other image, carried over.
    """

    words: str
    to_atlas: Affine
    atlas: Atlas
    trust: Trust = Trust.CARRIED
    brain: BrainEstimate | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    words: str
    family: str
    atlas: Atlas
    to_atlas: Affine
    estimate: FaceEstimate | None  # if it passed all gates
    judged: FaceEstimate | None  # in any case


@dataclass(frozen=True, slots=True)
class _OnBrain:
    """Lays the atlas's brain on one that was found in the image: an engine for that image."""

    brain: BrainEstimate

    def missing(self) -> tuple[str, ...]:
        return ()

    def version(self) -> str:
        return self.brain.method

    def register(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> Affine:  # noqa: ARG002
        field = (volume.shape, affine)
        mask = BrainMask(self.brain.brain, self.brain.affine, 1.0, 1.0, field)
        return brain_judge_of(atlas).position(mask).to_reference


class FaceFinder:
    """Finds faces with a cascade of engines, starts and atlases.

    Parameters
    ----------
    steps : sequence of Step
        See `bidsdeid.run.face_cascade`.
    style : FaceStyle
    scratch : Path
        An empty private folder for files of engines.
    rejected : sequence of str
        Ways that a reviewer rejected.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        style: FaceStyle,
        scratch: Path,
        rejected: Sequence[str] = (),
    ) -> None:
        self._steps, self._style, self._scratch = tuple(steps), style, scratch
        self._rejected = tuple(rejected)

    def find(
        self, head: Head, hint: Hint | None = None, brain: BrainEstimate | None = None
    ) -> FaceEstimate:
        """Find the face.

        The first position that passes all gates wins if it is sure, or as soon as an engine of
        another family puts the head in the same place.  If none does, the hint is taken.

        Parameters
        ----------
        head : Head
        hint : Hint, optional
            Where another image of the session says the head is: it confirms as an engine does.
        brain : BrainEstimate, optional
            The brain in the image, which is kept beside the atlas's.

        Raises
        ------
        FaceError
            If no position is believed, with all that was tried.
        """
        found: list[_Found] = []
        attempts: list[Attempt] = []
        if hint is not None:
            found.append(_Found(hint.words, "session", hint.atlas, hint.to_atlas, None, None))
        carried = hint is not None and brain is hint.brain  # it says what the hint says
        for step in self._ways(None if carried else brain):
            try:
                to_atlas = step.engine.register(
                    head.volume, head.affine, step.atlas, self._scratch
                )
                estimate = self._at(head, to_atlas, step.atlas, step.words, brain=brain)
            except (EngineError, GateError) as problem:
                attempts.append(Attempt(step.words, (str(problem),)))
                continue
            (attempt,) = estimate.attempts
            passed = None if attempt.failed else estimate
            found.append(_Found(step.words, step.family, step.atlas, to_atlas, passed, estimate))
            if not attempt.failed and not is_sure(estimate.metrics):
                attempt = replace(attempt, failed=("no second engine agrees so far",))
            attempts.append(attempt)
            if not attempt.failed:
                return replace(estimate, attempts=tuple(attempts))
            agreed = _agreed(found)
            if agreed is not None:
                words, estimate = agreed
                attempts.append(Attempt(words, (), rounded(estimate.metrics)))
                return replace(estimate, attempts=tuple(attempts))
        if hint is not None:
            estimate = self.place(head, hint, brain)
            attempts.extend(estimate.attempts)
            if not estimate.attempts[0].failed:
                return replace(estimate, attempts=tuple(attempts))
        faceless = self._faceless(head, found)
        if faceless is not None:
            return replace(faceless, attempts=(*attempts, *faceless.attempts))
        reasons = [reason for attempt in attempts for reason in attempt.failed]
        reason = reasons[0] if reasons else "every way to find it was rated down"
        message = f"no face mask is to be trusted: {reason}"
        raise FaceError(message, tuple(attempts))

    def _ways(self, brain: BrainEstimate | None) -> Iterator[Step]:
        """Yield the steps; after the first, if the brain is known, the atlas is laid on that."""
        for number, step in enumerate(self._steps):
            steps = [step]
            if number == 0 and brain is not None:
                words = f"{step.atlas.name} laid on the brain"
                steps.append(Step(words, OF_BRAINS, _OnBrain(brain), step.atlas))
            yield from (x for x in steps if not was_rejected(x.words, self._rejected))

    def _faceless(self, head: Head, found: Sequence[_Found]) -> FaceEstimate | None:
        """Return what the image shows if it surely shows no face, with nothing to remove."""
        placed = [
            replace(one, estimate=one.judged)
            for one in found
            if one.judged is not None and only_face_missing(one.judged.metrics)
        ]
        agreed = _agreed([*placed, *(one for one in found if one.judged is None)])
        if agreed is not None:
            words, estimate = agreed
            finding = what_is_there(head, frame_of(estimate.atlas), estimate.to_atlas)
            if finding is not Finding.FACE:
                return _with_nothing_to_remove(estimate, finding, words)
        for atlas in dict.fromkeys(step.atlas for step in self._steps):
            to_atlas = brain_reference(atlas).register(head.volume, head.affine).to_reference
            if is_stripped(head, frame_of(atlas), to_atlas):
                estimate = self._at(head, to_atlas, atlas, "", trust=Trust.KNOWN)
                words = f"the brain alone laid on {atlas.name}"
                return _with_nothing_to_remove(estimate, Finding.STRIPPED, words)
        return None

    def place(self, head: Head, hint: Hint, brain: BrainEstimate | None = None) -> FaceEstimate:
        """Judge a position that is carried over from another image of the same head.

        Its one attempt says whether it can be used.
        """
        return self._at(head, hint.to_atlas, hint.atlas, hint.words, trust=hint.trust, brain=brain)

    def _at(
        self,
        head: Head,
        to_atlas: Affine,
        atlas: Atlas,
        words: str,
        *,
        trust: Trust = Trust.FOUND,
        brain: BrainEstimate | None = None,
    ) -> FaceEstimate:
        frame = frame_of(atlas)
        seen = frame.view_of(head.volume, head.affine, to_atlas)
        region = frame.region(seen.sure_head(), self._style)
        own = None
        if brain is not None:
            region = region & ~frame.near(brain.brain, brain.affine, to_atlas)
            own = brain.brain_on(head.shape, head.grid)
        remove = look_up(region, frame.affine, head.shape, head.grid, to_atlas)
        metrics = judge_of(atlas).measure(
            head.volume, head.affine, remove, head.grid, to_atlas, trust=trust, seen=seen,
            brain=own,
        )  # fmt: skip
        attempt = Attempt(
            words,
            failed_gates(metrics, trust, as_given=self._style.mask is MaskStyle.PYDEFACE),
            rounded(metrics),
        )
        limit = "" if brain is None else brain.method
        return FaceEstimate(
            region, frame.affine, to_atlas, atlas, metrics, (attempt,), brain_limit=limit
        )


def _agreed(found: Sequence[_Found]) -> tuple[str, FaceEstimate] | None:
    """Return the first position that passed the gates and that another family confirms."""
    for one, other in product(found, found):
        if one.estimate is None or one.family == other.family or one.atlas is not other.atlas:
            continue
        of_brain = OF_BRAINS in (one.family, other.family)
        most = BRAIN_AGREEMENT_MM if of_brain else AGREEMENT_MM
        if displacement(frame_of(one.atlas), one.to_atlas, other.to_atlas) <= most:
            return f"{one.words}, confirmed by {other.words}", one.estimate
    return None


def _with_nothing_to_remove(estimate: FaceEstimate, finding: Finding, words: str) -> FaceEstimate:
    attempt = Attempt(f"{words}: {finding}", (), rounded(estimate.metrics))
    nothing = np.zeros_like(estimate.region)
    return replace(estimate, region=nothing, attempts=(attempt,), finding=finding)


def displacement(frame: FaceFrame, one: Affine, other: Affine) -> float:
    """Return how far apart two positions put a landmark of face or brain at most (mm).

    Parameters
    ----------
    frame : FaceFrame
    one, other : (4, 4) arrays, world of an image → world of the atlas
    """
    moved = other @ np.linalg.inv(one) @ frame.landmarks - frame.landmarks
    return float(np.linalg.norm(moved[:3], axis=0).max())


@lru_cache(maxsize=4)
def frame_of(atlas: Atlas) -> FaceFrame:
    """Return the rules of a face on an atlas."""
    return FaceFrame(atlas)


@lru_cache(maxsize=4)
def brain_reference(atlas: Atlas) -> Reference:
    """Return the brain of an atlas, ready to be looked for."""
    brain = np.zeros_like(atlas.head) if atlas.brain is None else atlas.head * atlas.brain
    return Reference(brain, atlas.affine)


@lru_cache(maxsize=4)
def brain_judge_of(atlas: Atlas) -> BrainJudge:
    """Return who measures brain masks against the brain of an atlas."""
    return BrainJudge(atlas)


@lru_cache(maxsize=4)
def judge_of(atlas: Atlas) -> FaceJudge:
    """Return who measures masks against an atlas."""
    return FaceJudge(frame_of(atlas), reference(atlas))
