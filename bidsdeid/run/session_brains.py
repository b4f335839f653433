"""The brains in the images of one session, found with what the images know of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.descent import Array
from bidsdeid.core.estimate import Attempt
from bidsdeid.errors import FaceError, FileProblem
from bidsdeid.run.brains import judged
from bidsdeid.run.session import Session, SessionImage

BrainFindings = Mapping[PurePosixPath, BrainEstimate | FileProblem]


class SessionBrains(Session[BrainEstimate]):
    """Finds the brains of a session.

    Parameters
    ----------
    search : callable
        Finds the brain in one image, or tells why not.
    """

    def __init__(self, search: Callable[[SessionImage], BrainEstimate | FileProblem]) -> None:
        super().__init__()
        self._search = search

    def _searched(self, image: SessionImage) -> BrainEstimate | FileProblem:
        return self._search(image)

    def _helped(self, image: SessionImage, problem: FileProblem) -> BrainEstimate | FileProblem:
        """Carry the brain of another image over, by a rigid registration of the heads."""
        before = [a for a in problem.attempts if isinstance(a, Attempt)]
        for other in self._images:
            estimate = self._estimate(other)
            if estimate is None or other is image:
                continue
            to_other = image.onto(other)
            if to_other is None:
                continue
            moved = replace(estimate, affine=np.linalg.inv(to_other) @ estimate.affine)
            words = f"the brain of the session's {other.name.suffix}, carried over"
            attempt = judged(moved, image.head, words)
            before.append(attempt)
            if not attempt.failed:
                return replace(moved, attempts=tuple(before))
        return FaceError(str(problem), tuple(before))

    def _landmarks(self, estimate: BrainEstimate) -> Array:
        """Return the corners of the box around the brain."""
        corners = np.array([[*corner, 1] for corner in np.ndindex(2, 2, 2)])
        scale = np.diag([*(n - 1 for n in estimate.brain.shape), 1.0])
        return np.asarray(estimate.affine @ scale @ corners.T)
