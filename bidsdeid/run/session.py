"""The images of one session, searched with what they know of each other.

Each image is asked on its own.  Images of one acquisition share what was found in one of them;
phase images and maps only ever take it.
What is looked for, faces or brains, is up to `bidsdeid.run.session_faces` and
`bidsdeid.run.session_brains`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Generic, TypeVar

import numpy as np

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.descent import Array
from bidsdeid.core.entities import BIDSName
from bidsdeid.core.estimate import Attempt, FaceEstimate, Head
from bidsdeid.core.kinship import acquisition, may_lend, preference, simultaneous
from bidsdeid.core.policy import MaskFrom
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import Affine
from bidsdeid.errors import FaceError, FileProblem

#: Heads this alike (correlation ratio) lie on each other; others say nothing.
LEAST_LIKENESS = 0.30

#: An image made with other pulses shares the mask of its acquisition if the head lay this still.
STILL_MM = 3.0

#: By so much a head must lie better on another image of it than turned or mirrored: 0.20-0.40 of
#: a real echo-planar image and eight made ones, 0.08-0.27 of slabs of the real one, -0.34 of the
#: real one turned against its labels.
LEAST_LEAD = 0.05

Estimate = TypeVar("Estimate", FaceEstimate, BrainEstimate)


def displaced(reference: Reference, head: Head, points: Array) -> float | None:
    """Return how far (mm) a head lies from where another image of it has it.

    Parameters
    ----------
    reference : Reference
        The head, as the other image shows it.
    head : Head
    points : (4, N) array, RAS+ mm
        Of which the one that moved farthest counts.

    Returns
    -------
    float or None
        None if the two are not alike.

    Raises
    ------
    FileProblem
        If there is nothing in the image.
    """
    found = reference.register(head.volume, head.affine, rigid=True, turned=False)
    if found.likeness < LEAST_LIKENESS:
        return None
    return float(np.linalg.norm((found.to_reference @ points - points)[:3], axis=0).max())


@dataclass(frozen=True, eq=False)
class SessionImage:
    """An image that is searched.

    Parameters
    ----------
    path : PurePosixPath
    name : BIDSName
    mask : MaskFrom
        Where its mask may come from.
    head : Head
    rejected : tuple of str
        Ways of finding what is looked for that a reviewer rejected.
    """

    path: PurePosixPath
    name: BIDSName
    mask: MaskFrom
    head: Head
    rejected: tuple[str, ...] = ()

    @cached_property
    def reference(self) -> Reference:
        """Return the head, ready to be looked for in other images."""
        return Reference(self.head.volume, self.head.affine)

    def onto(self, other: SessionImage) -> Affine | None:
        """Return where the head lies in another image: world of this one → world of the other.

        None if the two are not alike.
        """
        # Both ways: what shows less of the head, as echo-planar images do, is sought in the other.
        found: list[tuple[float, Affine]] = []
        try:
            there = other.reference.register(self.head.volume, self.head.affine, rigid=True)
            found.append((there.likeness, there.to_reference))
            back = self.reference.register(other.head.volume, other.head.affine, rigid=True)
            found.append((back.likeness, back.to_image))
        except FileProblem:
            return None
        likeness, to_other = max(found, key=itemgetter(0))
        return to_other if likeness >= LEAST_LIKENESS else None

    def faces_as(self, other: SessionImage, to_other: Affine) -> bool:
        """Tell whether the head faces in another image as it does in this one.

        Where two headers agree, an image that is turned against its own lies where its header
        has it, as far as `onto` can tell: a brain turned front to back fits its own outline.

        Parameters
        ----------
        other : SessionImage
        to_other : (4, 4) array, world of this one → world of the other
        """
        head = other.head
        # What shows less of the head is sought in the other: of a whole head much lies elsewhere.
        likeness, rival = self.reference.likeness_and_rival(head.volume, head.affine, to_other)
        return likeness - rival >= LEAST_LEAD


class Session(ABC, Generic[Estimate]):
    """A search through the images of a session."""

    def __init__(self) -> None:
        self._images: list[SessionImage] = []
        self._findings: dict[PurePosixPath, Estimate | FileProblem] = {}

    def find(self, images: Iterable[SessionImage]) -> dict[PurePosixPath, Estimate | FileProblem]:
        """Find what is looked for in each image, or what stands in its way."""
        self._images = sorted(images, key=lambda image: preference(image.name))
        own = [image for image in self._images if image.mask is MaskFrom.OWN]
        for image in own:
            self._findings[image.path] = self._borrowed(image) or self._searched(image)
        for image in own:  # what failed may be helped by one that came later
            problem = self._findings[image.path]
            if isinstance(problem, FileProblem):
                self._findings[image.path] = self._borrowed(image) or self._helped(image, problem)
        for image in self._images:
            if image.mask is MaskFrom.EITHER:
                self._findings[image.path] = self._borrowed(image) or self._searched(image)
        for image in self._images:
            if image.mask is MaskFrom.ACQUISITION:
                self._findings[image.path] = self._borrowed(image) or FaceError(
                    "it shows no head of its own, and no magnitude image of its acquisition and "
                    "grid has a mask to lend"
                )
            elif image.mask is MaskFrom.SESSION:
                self._findings[image.path] = self._of_session(image)
        return self._findings

    @abstractmethod
    def _searched(self, image: SessionImage) -> Estimate | FileProblem:
        """Search an image."""

    def _helped(self, image: SessionImage, problem: FileProblem) -> Estimate | FileProblem:  # noqa: ARG002
        """Search an image in which nothing was found with the help of others, if that can help."""
        return problem

    def _of_session(self, image: SessionImage) -> Estimate | FileProblem:  # noqa: ARG002
        """Carry over what was found in an anatomical image of the session, if that is done."""
        return FaceError("it shows its head too poorly to be searched on its own")

    @abstractmethod
    def _landmarks(self, estimate: Estimate) -> Array:
        """Return points of the head (4, N), world of the image, that must lie still."""

    def _may_be_lent(self, estimate: Estimate) -> bool:  # noqa: ARG002
        """Tell whether other images may have the same."""
        return True

    def _estimate(self, image: SessionImage) -> Estimate | None:
        found = self._findings.get(image.path)
        return None if isinstance(found, FileProblem) else found

    def _borrowed(self, image: SessionImage) -> Estimate | None:
        """Return the mask of an image of the same acquisition, grid and position."""
        key = acquisition(image.path, image.name)
        for other in self._images:
            estimate = self._estimate(other)
            if (
                other is image
                or estimate is None
                or not self._may_be_lent(estimate)
                or acquisition(other.path, other.name) != key
                or not other.head.same_grid(image.head)
            ):
                continue
            if self._lies_still(other, estimate, image):
                words = f"the mask of {other.name.suffix} of its acquisition"
                if words in image.rejected:
                    continue
                attempt = Attempt(words, (), estimate.attempts[-1].metrics)
                lender = estimate.lender or other.path
                return replace(estimate, attempts=(attempt,), lender=lender)
        return None

    def _lies_still(self, other: SessionImage, estimate: Estimate, image: SessionImage) -> bool:
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
            moved = displaced(other.reference, image.head, self._landmarks(estimate))
        except FileProblem:
            return computed
        return computed if moved is None else moved <= STILL_MM
