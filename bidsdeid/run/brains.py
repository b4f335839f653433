"""Finds the brain in an image by several engines, one after the other, until one is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bidsdeid.core.brain import BrainEstimate, BrainMask
from bidsdeid.core.braingates import BrainMetrics, failed_brain_gates, is_sure_brain
from bidsdeid.core.estimate import Attempt, Head, rounded
from bidsdeid.core.voxels import Affine, Stored
from bidsdeid.errors import EngineError, FaceError, GateError, ToolError
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.brain_cascade import BrainStep
from bidsdeid.run.faces import brain_judge_of

#: Two engines agree on a brain if their masks overlap by this much (Dice coefficient), and 95 %
#: of their surfaces lie this near to each other (mm).
AGREEMENT, AGREEMENT_MM = 0.88, 8.0


@dataclass(frozen=True, slots=True)
class _Found:
    step: BrainStep
    mask: BrainMask
    metrics: BrainMetrics

    @property
    def believed(self) -> bool:
        """Whether it needs no other that agrees."""
        return self.step.alone and is_sure_brain(self.metrics)

    def confirms(self, other: _Found) -> bool:
        """Tell whether it agrees with what an engine of another family found."""
        if self.step.family == other.step.family:
            return False
        overlap, distance = self.mask.agrees(other.mask)
        return overlap >= AGREEMENT and distance <= AGREEMENT_MM


class BrainFinder:
    """Finds brains with a cascade of engines.

    Parameters
    ----------
    steps : sequence of BrainStep
        See `bidsdeid.run.brain_cascade`.
    scratch : Path
        An empty private folder for files of engines.
    """

    def __init__(self, steps: Sequence[BrainStep], scratch: Path) -> None:
        self._steps, self._scratch = tuple(steps), scratch

    def find(
        self, volume: Stored, affine: Affine, head: Head, months: float | None = None
    ) -> BrainEstimate:
        """Find the brain.

        The first mask that passes all gates wins if its engine may be believed alone and no
        witness contradicts it, or as soon as an engine of another family agrees.

        Parameters
        ----------
        volume : (X, Y, Z) array
            Stored voxels, or their mean over time.
        affine : (4, 4) array, voxel → RAS+ mm
        head : Head
            Of the same image.
        months : float or None
            Age, if it is known.

        Raises
        ------
        FaceError
            If no mask is believed, with all that was tried.
        """
        found: list[_Found] = []
        attempts: list[Attempt] = []
        for step in self._steps:
            if len(found) == 1 and found[0].believed and not step.witness:
                continue
            try:
                mask = BrainMask.of(step.engine.find(volume, affine, self._scratch), affine)
                metrics = brain_judge_of(pydeface_atlas()).measure(mask, head, months)
            except (EngineError, GateError, ToolError) as problem:
                attempts.append(Attempt(step.words, (str(problem),)))
                continue
            failed = failed_brain_gates(metrics)
            attempts.append(Attempt(step.words, failed, rounded(metrics)))
            if failed:
                continue
            this = _Found(step, mask, metrics)
            for other in found:
                if this.confirms(other):
                    words = f"{other.step.words}, confirmed by {step.words}"
                    return _estimate(other, attempts, words)
            found.append(this)
        if len(found) == 1 and found[0].believed:
            return _estimate(found[0], attempts, found[0].step.words)
        message = _why_not(found, attempts)
        raise FaceError(message, tuple(attempts))


def _estimate(found: _Found, attempts: Sequence[Attempt], words: str) -> BrainEstimate:
    last = Attempt(words, (), rounded(found.metrics))
    before = [attempt for attempt in attempts if attempt.method != words]
    return BrainEstimate(found.mask.brain, found.mask.affine, found.metrics, (*before, last))


def _why_not(found: Sequence[_Found], attempts: Sequence[Attempt]) -> str:
    if not attempts:
        return (
            "no brain can be found: install SynthStrip's weights, since there is no template for "
            "the age"
        )
    if len(found) > 1:
        return "no brain mask is to be trusted: the engines do not agree on the brain"
    if found:
        return (
            f"no brain mask is to be trusted: no second engine agrees with {found[0].step.words}"
        )
    reasons = [reason for attempt in attempts for reason in attempt.failed]
    reason = reasons[0] if reasons else "every way to find it was rated down"
    return f"no brain mask is to be trusted: {reason}"
