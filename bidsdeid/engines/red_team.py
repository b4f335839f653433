"""Asks a program that finds faces in photographs whether it finds one in renders of a head.

The detector is dlib's for frontal faces (histograms of oriented gradients: Dalal & Triggs 2005,
CVPR; King 2015, arXiv:1502.00046).  It was chosen by what it says of renders: whole heads score
far above what is left of them, backs of heads and brains below both.  CenterFace and
libfacedetection still fire on some defaced heads, Haar cascades on almost anything, dlib's
network on nothing.  It needs no weights, for they are compiled in, and comes as a wheel
(``dlib-bin``, Boost licence) without further packages.

It is best from the front: from a side it sees three to five whole heads of seven.  Infants, and
heads of which the eyes alone are in view, it does not see.

What its silence is worth: it says that the render does not look like a face to that detector any
more, and this only where the same detector saw one before; else there is no evidence.  It does
not say that nobody could be recognised.  The package has no weights for landmarks; how much of
eyes, nose and mouth is gone is measured in the voxels (`bidsdeid.core.gates`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The distribution that brings `dlib` as a binary; dlib itself is compiled by who installs it.
_DISTRIBUTIONS = ("dlib-bin", "dlib")

#: Renders are doubled once: the detector's faces are of 80 pixels or more.
_DOUBLED = 1

#: Lowest score that is looked for; above it the detector says how sure it is.
LEAST = -1.0


class Seen(StrEnum):
    """What a detector of faces said of one view of a head."""

    GONE = "found before, not found after"
    STAYED = "found before and after"
    NEVER = "not found before: no evidence"
    APPEARED = "not found before, found after"
    NO_DETECTOR = "no detector"

    @property
    def bad(self) -> bool:
        """Whether a face was found in what is released."""
        return self in (Seen.STAYED, Seen.APPEARED)

    @property
    def evidence(self) -> bool:
        """Whether the detector's silence says something."""
        return self is Seen.GONE


@dataclass(frozen=True, slots=True)
class Bound:
    """From which score on a face counts as found.

    Parameters
    ----------
    least : float
        dlib's score; it is no probability, and what dlib itself reports begins at 0.
    origin : str
        What the bound was read from.
    """

    least: float
    origin: str


#: By view.  "After" are the same heads as bidsdeid defaces them: the sinuses and orbits that come
#: to light have something of a mask, which scores above 0, but well below a face.
BOUNDS = {
    "front": Bound(
        1.0,
        "whole heads of MRI and CT: 1.5-2.6, one cut at the lip 0.7, infants' -0.3--0.1; after: "
        "-0.6-0.5, one CT 0.9; backs of heads and brains: -0.5 at most",
    ),
    "left": Bound(
        0.6,
        "whole heads: -0.1-1.4, five of seven above; after: -0.8-0.5; backs of heads: -0.1 "
        "at most",
    ),
    "right": Bound(
        0.6,
        "whole heads: 0.0-0.8, three of seven above; after: -0.9-0.2; backs of heads: "
        "-0.1 at most",
    ),
}


@dataclass(frozen=True, slots=True)
class RedTeam:
    """A detector of faces, if one is installed."""

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed; empty if usable."""
        if importlib.util.find_spec("dlib") is None:
            return ("dlib is not installed: `pip install 'bidsdeid[redteam]'`",)
        return ()

    def version(self) -> str:
        """Return name and version of the tool."""
        for name in _DISTRIBUTIONS:
            try:
                return f"dlib {importlib.metadata.version(name)}, frontal faces"
            except importlib.metadata.PackageNotFoundError:
                continue
        return "dlib, frontal faces"

    def score(self, picture: NDArray[np.uint8]) -> float:
        """Return how sure the detector is that there is a face; `LEAST` if it sees none.

        Parameters
        ----------
        picture : (H, W) array of uint8
            See `bidsdeid.report.render`.
        """
        _, scores, _ = _detector().run(np.ascontiguousarray(picture), _DOUBLED, LEAST)
        return max(scores, default=LEAST)

    def look(
        self, before: Mapping[str, NDArray[np.uint8]], after: Mapping[str, NDArray[np.uint8]]
    ) -> dict[str, Seen]:
        """Say what is seen in each view that there is of both heads.

        Parameters
        ----------
        before, after : mapping of view to (H, W) array of uint8
            By names of `BOUNDS`; others are not looked at.
        """
        views = [view for view in BOUNDS if view in before and view in after]
        if self.missing():
            return dict.fromkeys(views, Seen.NO_DETECTOR)
        return {
            view: verdict(view, self.score(before[view]), self.score(after[view]))
            for view in views
        }


def verdict(view: str, before: float, after: float) -> Seen:
    """Return what two scores of a view mean.

    Examples
    --------
    >>> str(verdict("front", 2.3, 0.1))
    'found before, not found after'
    >>> str(verdict("front", 0.6, 0.1))
    'not found before: no evidence'
    """
    least = BOUNDS[view].least
    if before >= least:
        return Seen.STAYED if after >= least else Seen.GONE
    return Seen.APPEARED if after >= least else Seen.NEVER


@lru_cache(maxsize=1)
def _detector() -> Any:  # noqa: ANN401 -- untyped package
    """Return dlib's detector, which stays in memory for the next picture."""
    import dlib  # noqa: PLC0415 -- an extra

    return dlib.get_frontal_face_detector()
