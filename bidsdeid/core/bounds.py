"""What the numbers of a result should be, and why: the table of the triage.

Two bounds for each number: within the first nothing is said; beyond the second the result is a
failure; between the two it is worth a look.  The numbers are those of `bidsdeid.core.proof` for
faces, and of `bidsdeid.core.braingates` and `bidsdeid.core.removal` for brains.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isinf


@dataclass(frozen=True, slots=True)
class Bound:
    """What a number should be.

    Parameters
    ----------
    number : str
    fine : tuple of float
        From and to where nothing is said.
    bad : tuple of float
        Less than the first, or more than the second, is a failure.
    sentence : str
        What is wrong then.
    origin : str
        What was measured: the lowest and highest of good results and of planted failures in
        ``benchmarks/triage.py``, if nothing else is said.
    per : float
        By how much farther out severity grows by one.
    own : bool
        It is asked only of a position that was found in the image itself: if another image of the
        session told it, this one may be an echo-planar image, which looks little like a head.
    extended : bool
        It asks for more than an atlas's own mask removes: never a failure if that was asked for.
    """

    number: str
    fine: tuple[float, float]
    bad: tuple[float, float]
    sentence: str
    origin: str
    per: float
    own: bool = False
    extended: bool = False

    def excess(self, value: float) -> float:
        """Return how far out a value is: 0 if fine, more than 1 if a failure.

        Examples
        --------
        >>> bound = Bound("x", (0.9, 1.0), (0.8, 1.0), "", "", 0.1)
        >>> bound.excess(0.95), round(bound.excess(0.85), 2), round(bound.excess(0.7), 2)
        (0.0, 0.5, 2.0)
        """
        (low, high), (least, most) = self.fine, self.bad
        if low <= value <= high:
            return 0.0
        edge, end = (low, least) if value < low else (high, most)
        beyond = abs(value - edge)
        if value < least or value > most:
            return 1 + max(abs(value - end) / self.per, 1e-9)
        return min(1.0, beyond / self.per) if isinf(end) else beyond / abs(end - edge)


_ASKED = "the gates ask for 0.95; good: 0.999-1"

_BRAIN = (
    Bound(
        "brain_mm3", (0, 0), (0, 0), "some of the brain was removed",
        "asked for; good: 0, cut: 4500-29600", per=1000,
    ),
)  # fmt: skip

_PLACE = (
    Bound(
        "off_mm", (0, 8), (0, 12), "the atlas would fit better elsewhere",
        "good: 0, an echo-planar image: 8; a place that is wrong by 20 mm: 13-64", per=10,
    ),
    Bound(
        "likeness", (0.3, 1), (0.15, 1), "the image looks little like the atlas in its place",
        "good: 0.35-0.98; a place that is wrong: 0.03-0.53", per=0.2, own=True,
    ),
    Bound(
        "lead", (0.08, 1), (0, 1), "the head may be turned or mirrored",
        "good: 0.16-0.56; a place that is wrong: -0.44-0.13", per=0.2, own=True,
    ),
)  # fmt: skip

#: Of an image whose face was found and removed.
FACE_BOUNDS = (
    *_BRAIN,
    Bound(
        "eyes_removed", (0.97, 1), (0.95, 1), "the skin over the eyes is not all gone",
        _ASKED, per=0.3, extended=True,
    ),
    Bound("nose_removed", (0.97, 1), (0.95, 1), "the nose is not all gone", _ASKED, per=0.3),
    Bound(
        "mouth_removed", (0.97, 1), (0.95, 1), "the skin over the mouth is not all gone",
        _ASKED, per=0.3, extended=True,
    ),
    Bound(
        "eyes_left", (0, 0.2), (0, 0.4), "something is left before the eyes",
        "good: 0-0.19, of an average head with its haze made bright 0.29; untouched: 0.36-0.99",
        per=0.3, extended=True,
    ),
    Bound(
        "nose_left", (0, 0.06), (0, 0.15), "something is left of the nose",
        "good: 0; untouched: 0.52-1.00", per=0.3,
    ),
    Bound(
        "mouth_left", (0, 0.06), (0, 0.15), "something is left of the mouth",
        "good: 0; untouched: 0.64-1.00", per=0.3, extended=True,
    ),
    Bound(
        "head_removed", (0.03, 0.22), (0.005, 0.33), "too little or too much of the head is gone",
        "good: 0.05-0.18; the bounds of failure are the gate's", per=0.1, own=True,
    ),
    Bound(
        "behind_removed", (0, 0.005), (0, 0.02), "something behind the ears is gone",
        "good: 0; the bounds of failure are the gate's", per=0.2,
    ),
    Bound(
        "stray_removed", (0, 0.12), (0, 0.2), "something is gone where no face is",
        "good: 0-0.11, the most in noise; a mask turned: 0.07-1.00", per=0.2, own=True,
    ),
    Bound(
        "face_before", (0.3, 1), (0.05, 1), "there was little of a face where it was removed",
        "good: 0.37-1.0; facing backwards: 0", per=0.2, own=True,
    ),
    *_PLACE,
)  # fmt: skip

#: Of an image in which there was no face to be removed: it was gone before, or is not in view.
FACELESS_BOUNDS = (
    *_BRAIN,
    Bound(
        "eyes_left", (0, 0.06), (0, inf), "something is left before the eyes",
        "other tools leave 0.42-0.69 of the skin over the eyes: never a failure alone", per=1,
    ),
    Bound(
        "nose_left", (0, 0.06), (0, 0.3), "something is left of the nose",
        "untouched: 0.52-1.00", per=0.3,
    ),
    Bound(
        "mouth_left", (0, 0.06), (0, 0.3), "something is left of the mouth",
        "untouched: 0.64-1.00", per=0.3,
    ),
)  # fmt: skip

_VOLUME = "the table of `bidsdeid.core.brainvolume`"

#: Of an image of which a brain is left.
BRAIN_BOUNDS = (
    Bound(
        "lost_voxels", (0, 0), (0, 0), "some of the brain that was found is gone", "asked for",
        per=1000,
    ),
    Bound(
        "outside_mm3", (0, 0), (0, 0), "something beside the brain stayed", "asked for", per=1000
    ),
    Bound("volume_least", (1.1, inf), (1, inf), "the brain is small for the age", _VOLUME, per=1),
    Bound("volume_most", (0, 0.95), (0, 1), "the brain is large for the age", _VOLUME, per=1),
    Bound(
        "atlas_overlap", (0.94, 1), (0.93, 1), "it has not quite the shape of a brain",
        "`sure` and `least` of `bidsdeid.core.braingates`", per=0.1,
    ),
    Bound(
        "astray", (0, 0.002), (0, 0.004), "something beside the brain may be in it",
        "right: 0.0000-0.0009; the bound of failure is the gate's", per=0.01,
    ),
    Bound(
        "skin", (0, 0.03), (0, 0.05), "the skin of the head may be in it",
        "right: 0.000-0.009; the bound of failure is the gate's", per=0.2,
    ),
)  # fmt: skip

_TOGETHER = "all good results: 0.00, with a bold beside them: 0.09; untouched heads: 0.44-1.00"

#: Of all images of a participant, laid over each other: as of one image, but that more of them
#: put more chance together.
TOGETHER_BOUNDS = tuple(
    Bound(
        f"{part}_visible", (0, 0.1), (0, 0.25),
        f"together the released images show skin over the {part}", _TOGETHER, per=0.3,
    )
    for part in ("eyes", "nose", "mouth")
)  # fmt: skip
