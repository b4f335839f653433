"""The brains in the images of one session, found with what the images know of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.descent import Array
from bidsdeid.core.voxels import box_corners
from bidsdeid.errors import FileProblem
from bidsdeid.run.session import Session, SessionImage

BrainFindings = Mapping[PurePosixPath, BrainEstimate | FileProblem]


class SessionBrains(Session[BrainEstimate]):
    """Finds the brains of a session.

    An image in which none is found gets that of no other: nothing would show that it fits.

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

    def _landmarks(self, estimate: BrainEstimate) -> Array:
        """Return the corners of the box around the brain."""
        return box_corners(estimate.brain.shape, estimate.affine)
