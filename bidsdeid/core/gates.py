"""Is a face mask to be believed?  Numbers about it, and the bounds they must lie in.

Registration that failed still returns an affine, and a mask made of it still removes something.
So nothing an engine says about itself counts here: a mask is judged by what it does to the head
in the image (`bidsdeid.core.judge`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Trust(IntEnum):
    """How a position came to be known, from least to most."""

    FOUND = 0
    """By an engine, in the image itself."""

    CARRIED = 1
    """From another image of the session, by a rigid registration of the heads."""

    CONFIRMED = 2
    """Carried, the headers of the two images say the same, and the head faces the same way."""

    KNOWN = 3
    """From another volume of the same series."""


@dataclass(frozen=True, slots=True)
class FaceMetrics:
    """What a face mask does to a head.

    Parameters
    ----------
    smallest_scale, largest_scale : float
        Extreme stretches of the head relative to the atlas.
    stretch : float
        One divided by the other.
    head_overlap : float
        Dice coefficient of the atlas's head and the image's own, where both are in view.
    likeness : float
        Correlation ratio of image and atlas, times the root of the part of the atlas in view.
    lead : float
        `likeness` less the best that any other orientation of the head reaches.
    removed_share : float
        Part of the head's volume that is removed.
    eyes_removed, nose_removed, mouth_removed : float
        Part of the outer 8 mm over each that is removed; 1 if none is in view.
    brain_removed : float
        Part of the brain that is removed.
    behind_removed : float
        Part of what is removed that lies behind the ears.
    """

    smallest_scale: float
    largest_scale: float
    stretch: float
    head_overlap: float
    likeness: float
    lead: float
    removed_share: float
    eyes_removed: float
    nose_removed: float
    mouth_removed: float
    brain_removed: float
    behind_removed: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Bounds of one metric, what being outside of them means, and where they come from.

    Parameters
    ----------
    metric : str
    least, most : float
        Outside of these a mask is not believed.
    sentence : str
        What is wrong then.
    origin : str
        What the bounds were read from: the heads and perturbations of
        ``benchmarks/robustness.py``, if nothing else is said.
    sure : float or None
        Below this (still above `least`) a second engine must agree.
    until : Trust
        A position that is trusted more is not asked: the size of a head, for one, is known if
        its place is carried over from another image.
    confirmed_least : float or None
        The least that is asked of a position that is confirmed: an echo-planar image shows a
        brain and little else of a head.
    extended : bool
        It asks for more than an atlas's own mask removes.
    """

    metric: str
    least: float
    most: float
    sentence: str
    origin: str
    sure: float | None = None
    until: Trust = Trust.KNOWN
    confirmed_least: float | None = None
    extended: bool = False

    def admits(self, value: float, trust: Trust = Trust.FOUND) -> bool:
        """Tell whether a value lies within the bounds; what is not a number does not."""
        least = self.least
        if trust >= Trust.CONFIRMED and self.confirmed_least is not None:
            least = self.confirmed_least
        return least <= value <= self.most


_SIZE = "the head is not of the atlas's size"

GATES = (
    Gate(
        "smallest_scale", 0.86, 1.25, _SIZE, "adults: 0.92-1.04; an infant: 0.71",
        until=Trust.FOUND,
    ),
    Gate(
        "largest_scale", 0.86, 1.25, _SIZE, "adults: 1.00-1.10; an infant: 0.80",
        until=Trust.FOUND,
    ),
    Gate(
        "stretch", 1.0, 1.25, "the head would have to be distorted",
        "right: 1.00-1.17; MNI305 squashed: 1.31", until=Trust.FOUND,
    ),
    Gate(
        "head_overlap", 0.85, 1.0, "the atlas does not lie on the head",
        "right: 0.87-0.98, wrong: 0.35-0.91", sure=0.88,
        until=Trust.CONFIRMED, confirmed_least=0.70,
    ),
    Gate(
        "likeness", 0.35, 1.0, "the image does not look like a head in the atlas's place",
        "right: 0.42-0.87, wrong: 0.02-0.60, with the part in view itself", sure=0.45,
        until=Trust.CONFIRMED, confirmed_least=0.15,
    ),
    Gate(
        "lead", 0.03, 1.0, "the head may be turned or mirrored against its labels",
        "right: 0.04-0.46, wrong: -0.40-0.02", sure=0.10,
        until=Trust.CARRIED,
    ),
    Gate(
        "removed_share", 0.005, 0.33, "too little or too much of the head is removed",
        "right: 0.05-0.14", until=Trust.FOUND,
    ),
    Gate(
        "eyes_removed", 0.95, 1.0, "the skin over the eyes is not all removed", "asked for",
        extended=True,
    ),
    Gate("nose_removed", 0.95, 1.0, "the nose is not all removed", "asked for"),
    Gate(
        "mouth_removed", 0.95, 1.0, "the skin over the mouth is not all removed", "asked for",
        extended=True,
    ),
    Gate("brain_removed", 0.0, 0.0, "some of the brain would be removed", "asked for"),
    Gate(
        "behind_removed", 0.0, 0.02, "something behind the ears would be removed", "right: 0.000"
    ),
)  # fmt: skip


def failed_gates(
    metrics: FaceMetrics, trust: Trust = Trust.FOUND, *, as_given: bool = False
) -> tuple[str, ...]:
    """Return one sentence for each gate that metrics do not pass.

    A metric that is not a number passes no gate.

    Parameters
    ----------
    metrics : FaceMetrics
    trust : Trust
        How the position came to be known.
    as_given : bool
        The region is an atlas's own mask, as the user asked.
    """
    return tuple(
        dict.fromkeys(
            gate.sentence
            for gate in GATES
            if trust <= gate.until
            and not (as_given and gate.extended)
            and not gate.admits(getattr(metrics, gate.metric), trust)
        )
    )


def is_sure(metrics: FaceMetrics) -> bool:
    """Tell whether metrics are so good that no second engine need agree."""
    return all(gate.sure is None or getattr(metrics, gate.metric) >= gate.sure for gate in GATES)
