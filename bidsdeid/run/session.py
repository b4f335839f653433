"""The faces in the images of one session, found with what the images know of each other.

Each image is asked on its own where its face is.  The first that knows tells the others, by a
rigid registration of the heads, which confirms what they found, or stands in for it.  Images of
one acquisition share one mask; phase images and maps only ever take one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import PurePosixPath
from typing import TypeGuard

import numpy as np

from bidsdeid.core.entities import BIDSName
from bidsdeid.core.estimate import Attempt, FaceEstimate, Finding, Head
from bidsdeid.core.gates import Trust
from bidsdeid.core.kinship import acquisition, may_lend, preference, simultaneous
from bidsdeid.core.policy import MaskFrom
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import Affine, look_up
from bidsdeid.errors import FaceError, FileProblem
from bidsdeid.run.faces import AGREEMENT_MM, FaceFinder, Hint, displacement, frame_of

#: Heads this alike (correlation ratio) lie on each other; others say nothing.
LEAST_LIKENESS = 0.30

#: An image made with other pulses shares the mask of its acquisition if the head lay this still.
STILL_MM = 3.0

#: By how much the mask of the other contrast must be better to be preferred.
BETTER = 0.02

_CONTRASTS = ("T1w", "T2w")


@dataclass(frozen=True, eq=False)
class SessionImage:
    """An image whose face is to be found.

    Parameters
    ----------
    path : PurePosixPath
    name : BIDSName
    mask : MaskFrom
        Where its mask may come from.
    head : Head
    """

    path: PurePosixPath
    name: BIDSName
    mask: MaskFrom
    head: Head

    @cached_property
    def reference(self) -> Reference:
        """Return the head, ready to be looked for in other images."""
        return Reference(self.head.volume, self.head.affine)


Findings = dict[PurePosixPath, FaceEstimate | FileProblem]


class SessionFaces:
    """Finds the faces of a session.

    Parameters
    ----------
    finder_for : callable
        From a suffix to the finder with the atlases for its contrast.
    mask_source : str
        Whose mask T1w and T2w images get: ``T1w``, ``T2w``, ``union``, or ``auto``: their own,
        unless the other's is better.
    """

    def __init__(self, finder_for: Callable[[str], FaceFinder], mask_source: str = "auto") -> None:
        self._finder_for, self._mask_source = finder_for, mask_source
        self._images: list[SessionImage] = []
        self._findings: Findings = {}
        self._unaided: set[PurePosixPath] = set()  # searched before anything could help

    def find(self, images: Iterable[SessionImage]) -> Findings:
        """Find the face of each image, or what stands in its way."""
        self._images = sorted(images, key=lambda image: preference(image.name))
        own = [image for image in self._images if image.mask is MaskFrom.OWN]
        for image in own:
            self._findings[image.path] = self._borrowed(image) or self._searched(image)
        for image in own:  # what failed may be helped by one that came later
            if isinstance(self._findings[image.path], FileProblem):
                self._findings[image.path] = self._borrowed(image) or self._helped(image)
        for image in self._images:
            if image.mask is MaskFrom.EITHER:
                self._findings[image.path] = self._borrowed(image) or self._searched(image)
        for image in self._images:
            if image.mask is MaskFrom.ACQUISITION:
                self._findings[image.path] = self._borrowed(image) or FaceError(
                    "it shows no face of its own, and no magnitude image of its acquisition and "
                    "grid has a mask to lend"
                )
        self._choose_source()
        return self._findings

    def _estimate(self, image: SessionImage) -> FaceEstimate | None:
        found = self._findings.get(image.path)
        return found if isinstance(found, FaceEstimate) else None

    def _searched(self, image: SessionImage) -> FaceEstimate | FileProblem:
        hint = self._hint(image)
        if hint is None:
            self._unaided.add(image.path)
        try:
            return self._finder_for(image.name.suffix).find(image.head, hint)
        except FileProblem as problem:
            return problem

    def _helped(self, image: SessionImage) -> FaceEstimate | FileProblem:
        """Place an image whose own search failed where another says the head is."""
        problem = self._findings[image.path]
        hint = self._hint(image) if image.path in self._unaided else None  # else it had one
        if hint is None or not isinstance(problem, FaceError):
            return problem
        before = [a for a in problem.attempts if isinstance(a, Attempt)]
        try:
            placed = self._finder_for(image.name.suffix).place(image.head, hint)
        except FileProblem as other:
            return other
        attempts = (*before, *placed.attempts)
        if placed.attempts[0].failed:
            return FaceError(str(problem), attempts)
        return replace(placed, attempts=attempts)

    def _hint(self, image: SessionImage) -> Hint | None:
        """Return where the image that shows the head best says it is."""
        for other in self._images:
            estimate = self._estimate(other)
            if other is not image and estimate is not None and estimate.finding is Finding.FACE:
                return self._carried(other, estimate, image)
        return None

    def _carried(
        self, other: SessionImage, estimate: FaceEstimate, image: SessionImage
    ) -> Hint | None:
        """Carry a position over by a rigid registration of the heads, if they are alike."""
        # Both ways: what shows less of the head, as echo-planar images do, is sought in the other.
        found: list[tuple[float, Affine]] = []
        try:
            there = other.reference.register(image.head.volume, image.head.affine, rigid=True)
            found.append((there.likeness, there.to_reference))
            back = image.reference.register(other.head.volume, other.head.affine, rigid=True)
            found.append((back.likeness, back.to_image))
        except FileProblem:
            return None
        likeness, to_other = max(found, key=itemgetter(0))
        if likeness < LEAST_LIKENESS:
            return None
        to_atlas = estimate.to_atlas @ to_other
        frame = frame_of(estimate.atlas)
        agree = displacement(frame, estimate.to_atlas, to_atlas) <= AGREEMENT_MM
        trust = Trust.CONFIRMED if agree else Trust.CARRIED
        return Hint(f"the session's {other.name.suffix}", to_atlas, estimate.atlas, trust)

    def _borrowed(self, image: SessionImage) -> FaceEstimate | None:
        """Return the mask of an image of the same acquisition, grid and position."""
        key = acquisition(image.path, image.name)
        for other in self._images:
            estimate = self._estimate(other)
            if (
                other is image
                or estimate is None
                or estimate.finding is not Finding.FACE  # that nothing is to go is not lent
                or acquisition(other.path, other.name) != key
                or not other.head.same_grid(image.head)
            ):
                continue
            if self._lies_still(other, estimate, image):
                attempt = Attempt(
                    f"the mask of {other.name.suffix} of its acquisition", (), _scores(estimate)
                )
                return replace(estimate, attempts=(attempt,))
        return None

    def _lies_still(
        self, other: SessionImage, estimate: FaceEstimate, image: SessionImage
    ) -> bool:
        """Tell whether two images of one acquisition and grid show the head in one place.

        They do if they were made at once.  Images made one after the other must be seen to.  A
        map is computed voxel by voxel, and where there is no signal it is noise: it must not be
        seen to lie elsewhere.
        """
        computed = other.name.suffix != image.name.suffix
        if simultaneous(other.name, image.name):
            return True
        if computed and not may_lend(other.name, image.name):
            return False
        try:
            found = other.reference.register(
                image.head.volume, image.head.affine, [np.eye(4)], rigid=True
            )
        except FileProblem:
            return computed
        moved = estimate.to_atlas @ found.to_reference
        still = displacement(frame_of(estimate.atlas), estimate.to_atlas, moved) <= STILL_MM
        return still if found.likeness >= LEAST_LIKENESS else computed

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
        placed = self._finder_for(image.name.suffix).place(image.head, hint)
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
        both = Attempt(f"union with {hint.words}", (), _scores(own))
        return replace(own, region=region, attempts=(*attempts, both))


def _shows_face(found: FaceEstimate | FileProblem | None) -> TypeGuard[FaceEstimate]:
    return isinstance(found, FaceEstimate) and found.finding is Finding.FACE


def _completeness(estimate: FaceEstimate) -> float:
    metrics = estimate.metrics
    return min(metrics.eyes_removed, metrics.nose_removed, metrics.mouth_removed)


def _scores(estimate: FaceEstimate) -> Mapping[str, float]:
    return estimate.attempts[-1].metrics
