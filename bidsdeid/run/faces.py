"""Finds the face in an image by several ways, one after the other, until one is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.estimate import Attempt, FaceEstimate, Finding, Head, rounded
from bidsdeid.core.face import FaceFrame
from bidsdeid.core.facestyle import FaceStyle, MaskStyle
from bidsdeid.core.gates import Trust, failed_gates, is_sure
from bidsdeid.core.judge import FaceJudge
from bidsdeid.core.recognition import is_stripped, only_face_missing, what_is_there
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import Affine, look_up
from bidsdeid.engines.atlas import AtlasEngine, reference
from bidsdeid.engines.base import FaceEngine
from bidsdeid.engines.flirt import FlirtEngine
from bidsdeid.engines.niimath import NiimathEngine
from bidsdeid.errors import EngineError, FaceError, GateError, UsageError

#: Two engines agree if they put no point of the face and the brain farther apart than this.
AGREEMENT_MM = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One way to find a face.

    Parameters
    ----------
    words : str
        What is told of it.
    family : str
        Ways of one family fail together: they cannot confirm each other.
    engine : FaceEngine
    atlas : Atlas
    """

    words: str
    family: str
    engine: FaceEngine
    atlas: Atlas


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
    """

    words: str
    to_atlas: Affine
    atlas: Atlas
    trust: Trust = Trust.CARRIED


@dataclass(frozen=True, slots=True)
class _Found:
    words: str
    family: str
    atlas: Atlas
    to_atlas: Affine
    estimate: FaceEstimate | None  # if it passed all gates
    judged: FaceEstimate | None  # in any case


class FaceFinder:
    """Finds faces with a cascade of engines, starts and atlases.

    Parameters
    ----------
    steps : sequence of Step
        See `cascade`.
    style : FaceStyle
    scratch : Path
        An empty private folder for files of engines.
    """

    def __init__(self, steps: Sequence[Step], style: FaceStyle, scratch: Path) -> None:
        self._steps, self._style, self._scratch = tuple(steps), style, scratch

    def find(self, head: Head, hint: Hint | None = None) -> FaceEstimate:
        """Find the face.

        The first position that passes all gates wins if it is sure, or as soon as an engine of
        another family puts the head in the same place.  If none does, the hint is taken.

        Parameters
        ----------
        head : Head
        hint : Hint, optional
            Where another image of the session says the head is: it confirms as an engine does.

        Raises
        ------
        FaceError
            If no position is believed, with all that was tried.
        """
        found: list[_Found] = []
        attempts: list[Attempt] = []
        if hint is not None:
            found.append(_Found(hint.words, "session", hint.atlas, hint.to_atlas, None, None))
        for step in self._steps:
            try:
                to_atlas = step.engine.register(
                    head.volume, head.affine, step.atlas, self._scratch
                )
                estimate = self._at(head, to_atlas, step.atlas, step.words)
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
            estimate = self.place(head, hint)
            attempts.extend(estimate.attempts)
            if not estimate.attempts[0].failed:
                return replace(estimate, attempts=tuple(attempts))
        faceless = self._faceless(head, found)
        if faceless is not None:
            return replace(faceless, attempts=(*attempts, *faceless.attempts))
        message = f"no face mask is to be trusted: {attempts[0].failed[0]}"
        raise FaceError(message, tuple(attempts))

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
                estimate = self._at(head, to_atlas, atlas, "", Trust.KNOWN)
                words = f"the brain alone laid on {atlas.name}"
                return _with_nothing_to_remove(estimate, Finding.STRIPPED, words)
        return None

    def place(self, head: Head, hint: Hint) -> FaceEstimate:
        """Judge a position that is carried over from another image of the same head.

        Its one attempt says whether it can be used.
        """
        return self._at(head, hint.to_atlas, hint.atlas, hint.words, hint.trust)

    def _at(
        self, head: Head, to_atlas: Affine, atlas: Atlas, words: str, trust: Trust = Trust.FOUND
    ) -> FaceEstimate:
        frame = frame_of(atlas)
        seen = frame.view_of(head.volume, head.affine, to_atlas)
        region = frame.region(seen.sure_head(), self._style)
        remove = look_up(region, frame.affine, head.shape, head.grid, to_atlas)
        metrics = judge_of(atlas).measure(
            head.volume, head.affine, remove, head.grid, to_atlas, trust=trust, seen=seen
        )
        attempt = Attempt(
            words,
            failed_gates(metrics, trust, as_given=self._style.mask is MaskStyle.PYDEFACE),
            rounded(metrics),
        )
        return FaceEstimate(region, frame.affine, to_atlas, atlas, metrics, (attempt,))


def _agreed(found: Sequence[_Found]) -> tuple[str, FaceEstimate] | None:
    """Return the first position that passed the gates and that another family confirms."""
    for one, other in product(found, found):
        if one.estimate is None or one.family == other.family or one.atlas is not other.atlas:
            continue
        if displacement(frame_of(one.atlas), one.to_atlas, other.to_atlas) <= AGREEMENT_MM:
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


def cascade(
    atlases: Sequence[Atlas], engine: str = "auto", cost: str | None = None, threads: int = 1
) -> tuple[Step, ...]:
    """Return the ways to find a face, in the order in which they are tried.

    Parameters
    ----------
    atlases : sequence of Atlas
        The one for the age first, then its neighbours.
    engine : str
        ``auto`` and ``atlas`` begin with our own, ``niimath`` and ``flirt`` with that.
    cost : str or None
        FLIRT's name of a cost function, for ``flirt`` and ``niimath``.
    threads : int
        Of one registration.

    Raises
    ------
    UsageError
        If the engine is not installed.
    """
    first = atlases[0]
    leaders: dict[str, FaceEngine] = {
        "atlas": AtlasEngine(),
        "niimath": NiimathEngine(threads, NIIMATH_COSTS.get(cost or "", "fast")),
        "flirt": FlirtEngine(cost or "mutualinfo"),
    }
    lead = "atlas" if engine == "auto" else engine
    missing = leaders[lead].missing()
    if missing:
        raise UsageError(missing[0])
    order = [lead, *(name for name in ("atlas", "niimath") if name != lead)]
    steps = [Step(f"{name} on {first.name}", name, leaders[name], first) for name in order]
    steps.append(
        Step(f"atlas on {first.name}, neck left out", "atlas", AtlasEngine(cropped=True), first)
    )
    steps.append(
        Step(f"niimath (hel) on {first.name}", "niimath", NiimathEngine(threads, "fasthel"), first)
    )
    for other in atlases[1:]:
        steps.extend(
            Step(f"{name} on {other.name}", name, leaders[name], other)
            for name in ("atlas", "niimath")
        )
    return tuple(steps)


#: FLIRT's names of costs, and niimath's for the same.
NIIMATH_COSTS = {"mutualinfo": "nmi", "normmi": "nmi", "corratio": "fastcr", "leastsq": "ls"}


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
def judge_of(atlas: Atlas) -> FaceJudge:
    """Return who measures masks against an atlas."""
    return FaceJudge(frame_of(atlas), reference(atlas))
