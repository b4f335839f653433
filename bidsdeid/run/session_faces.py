"""The faces in the images of one session, found with what the images know of each other.

The first image that knows where its face is tells the others, by a rigid registration of the
heads, which confirms what they found, or stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeGuard

import numpy as np

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.descent import Array
from bidsdeid.core.estimate import Attempt, FaceEstimate, Finding
from bidsdeid.core.gates import Trust
from bidsdeid.core.kinship import is_anatomical
from bidsdeid.core.voxels import Affine, look_up
from bidsdeid.errors import FaceError, FileProblem
from bidsdeid.run.faces import AGREEMENT_MM, FaceFinder, Hint, displacement, frame_of
from bidsdeid.run.session import Session, SessionImage

#: By how much the mask of the other contrast must be better to be preferred.
BETTER = 0.02

_CONTRASTS = ("T1w", "T2w")

#: Finds the brain in an image, to keep the face's mask off it; None if nothing that is installed
#: can, or it found none that is believed.
BrainOf = Callable[[SessionImage], BrainEstimate | None]


def _no_brain(image: SessionImage) -> None:
    """Leave the brain to the atlas."""


Findings = dict[PurePosixPath, FaceEstimate | FileProblem]


class SessionFaces(Session[FaceEstimate]):
    """Finds the faces of a session.

    Parameters
    ----------
    finder_for : callable
        From an image to the finder with the atlases for its contrast and age.
    mask_source : str
        Whose mask T1w and T2w images get: ``T1w``, ``T2w``, ``union``, or ``auto``: their own,
        unless the other's is better.
    brain_of : callable
        From an image to the brain in it.
    """

    def __init__(
        self,
        finder_for: Callable[[SessionImage], FaceFinder],
        mask_source: str = "auto",
        brain_of: BrainOf = _no_brain,
    ) -> None:
        super().__init__()
        self._brains: dict[PurePosixPath, BrainEstimate] = {}
        self._finder_for, self._mask_source, self._brain_of = finder_for, mask_source, brain_of
        self._unaided: set[PurePosixPath] = set()  # searched before anything could help

    def find(self, images: Iterable[SessionImage]) -> Findings:
        """Find the face of each image, or what stands in its way."""
        super().find(images)
        self._choose_source()
        return self._findings

    def _landmarks(self, estimate: FaceEstimate) -> Array:
        landmarks = frame_of(estimate.atlas).landmarks
        return np.asarray(np.linalg.inv(estimate.to_atlas) @ landmarks)

    def _may_be_lent(self, estimate: FaceEstimate) -> bool:
        return estimate.finding is Finding.FACE  # that nothing is to go is not lent

    def _searched(self, image: SessionImage) -> FaceEstimate | FileProblem:
        hint = self._hint(image)
        if hint is None:
            self._unaided.add(image.path)
        try:
            finder = self._finder_for(image)
            return finder.find(image.head, hint, self._brain(image, hint))
        except FileProblem as problem:
            return problem

    def _helped(self, image: SessionImage, problem: FileProblem) -> FaceEstimate | FileProblem:
        """Place an image whose own search failed where another says the head is."""
        hint = self._hint(image) if image.path in self._unaided else None  # else it had one
        if hint is None or not isinstance(problem, FaceError):
            return problem
        before = [a for a in problem.attempts if isinstance(a, Attempt)]
        try:
            placed = self._finder_for(image).place(image.head, hint, self._brain(image, hint))
        except FileProblem as other:
            return other
        attempts = (*before, *placed.attempts)
        if placed.attempts[0].failed:
            return FaceError(str(problem), attempts)
        return replace(placed, attempts=attempts)

    def _of_session(self, image: SessionImage) -> FaceEstimate | FileProblem:
        """Carry the mask of an anatomical image over, and add the skin that shows in this one.

        What shows skin faintly and not sharply says less of where it is than the anatomical
        image: what goes there goes here, too.
        """
        anatomical = ((i, self._estimate(i)) for i in self._images if is_anatomical(i.path))
        known = next(((i, e) for i, e in anatomical if _shows_face(e)), None)
        if known is None:
            return FaceError(
                "it takes the mask of an anatomical image of its session, and there is none that "
                "shows a face"
            )
        hint = self._carried(*known, image)
        if hint is None:
            return FaceError(
                f"it takes the mask of the session's {known[0].name.suffix}, and the two images "
                "do not lie on each other for sure"
            )
        try:
            brain = self._brain(image, hint)
            # Where the headers agree, too, the atlas is asked which way the head lies: a PET may
            # fit the head of its session nearly as well when it is turned.
            asked = replace(hint, trust=Trust.CARRIED)
            placed = self._finder_for(image).place(image.head, asked, brain)
        except FileProblem as problem:
            return problem
        (attempt,) = placed.attempts
        if attempt.failed:
            words = f"the mask of the session's {known[0].name.suffix} does not fit it"
            return FaceError(f"{words}: {attempt.failed[0]}", placed.attempts)
        region = placed.region | known[1].region  # in one frame: that of the atlas of both
        if brain is not None:
            near = frame_of(placed.atlas).near(brain.brain, brain.affine, placed.to_atlas)
            region &= ~near
        return replace(placed, region=region, lender=known[0].path)

    def _hint(self, image: SessionImage) -> Hint | None:
        """Return where the image that shows the head best says it is."""
        for other in self._images:
            estimate = self._estimate(other)
            if other is not image and estimate is not None and estimate.finding is Finding.FACE:
                hint = self._carried(other, estimate, image)
                return None if hint is None or hint.words in image.rejected else hint
        return None

    def _carried(
        self, other: SessionImage, estimate: FaceEstimate, image: SessionImage
    ) -> Hint | None:
        """Carry a position over by a rigid registration of the heads, if they are alike."""
        to_other = image.onto(other)
        if to_other is None:
            return None
        to_atlas = estimate.to_atlas @ to_other
        frame = frame_of(estimate.atlas)
        agree = displacement(frame, estimate.to_atlas, to_atlas) <= AGREEMENT_MM
        sure = agree and image.faces_as(other, to_other)
        trust = Trust.CONFIRMED if sure else Trust.CARRIED
        words = f"the session's {other.name.suffix}"
        brain = self._brains.get(other.path)
        if brain is not None:
            attempt = replace(brain.attempts[-1], method=f"{brain.method} in {words}")
            brain = replace(
                brain, affine=np.linalg.inv(to_other) @ brain.affine, attempts=(attempt,)
            )
        return Hint(words, to_atlas, estimate.atlas, trust, brain)

    def _brain(self, image: SessionImage, hint: Hint | None) -> BrainEstimate | None:
        """Return the brain in an image: its own, or its session's where that lies for sure."""
        brain = hint.brain if hint is not None and hint.trust is Trust.CONFIRMED else None
        brain = brain or self._brain_of(image)
        if brain is not None:
            self._brains[image.path] = brain
        return brain

    def _choose_source(self) -> None:
        """Let T1w and T2w images have the mask of the one that masks better, or of both."""
        best = {
            suffix: next(
                (i for i in self._images if i.name.suffix == suffix and self._estimate(i)), None
            )
            for suffix in _CONTRASTS
        }
        before: Mapping[PurePosixPath, FaceEstimate | FileProblem] = dict(self._findings)
        for image in self._images:
            own = before[image.path]
            if image.name.suffix not in _CONTRASTS or not _shows_face(own):
                continue
            other_suffix = next(s for s in _CONTRASTS if s != image.name.suffix)
            other = best[other_suffix]
            theirs = None if other is None else before[other.path]
            if other is None or not _shows_face(theirs):
                continue
            better = _completeness(theirs) > _completeness(own) + BETTER
            asked = self._mask_source in (other_suffix, "union")
            if not (asked or (self._mask_source == "auto" and better)):
                continue
            self._findings[image.path] = self._with_source(image, own, other, theirs)

    def _with_source(
        self, image: SessionImage, own: FaceEstimate, other: SessionImage, theirs: FaceEstimate
    ) -> FaceEstimate | FileProblem:
        """Return the other contrast's mask, carried over, or the union of both."""
        hint = self._carried(other, theirs, image)
        if hint is None:
            return FaceError(
                f"the mask of the session's {other.name.suffix} was asked for, and the two images "
                "do not lie on each other: use --mask-source auto",
                own.attempts,
            )
        placed = self._finder_for(image).place(image.head, hint, self._brain(image, hint))
        if placed.attempts[0].failed:
            return FaceError(placed.attempts[0].failed[0], (*own.attempts, *placed.attempts))
        attempts = (*own.attempts, *placed.attempts)
        if self._mask_source != "union":
            return replace(placed, attempts=attempts)
        frame = frame_of(own.atlas)
        to_other: Affine = placed.to_atlas @ np.linalg.inv(own.to_atlas)
        region = own.region | look_up(
            placed.region, placed.region_affine, frame.shape, frame.affine, to_other
        )
        both = Attempt(f"union with {hint.words}", (), own.attempts[-1].metrics)
        return replace(own, region=region, attempts=(*attempts, both))


def _shows_face(found: FaceEstimate | FileProblem | None) -> TypeGuard[FaceEstimate]:
    return isinstance(found, FaceEstimate) and found.finding is Finding.FACE


def _completeness(estimate: FaceEstimate) -> float:
    metrics = estimate.metrics
    return min(metrics.eyes_removed, metrics.nose_removed, metrics.mouth_removed)
