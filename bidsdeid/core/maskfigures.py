"""What is measured of a face mask that was made for a template, and what it must be like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan

from bidsdeid.core.gates import Gate


@dataclass(frozen=True, slots=True)
class MaskFigures:
    """What was measured of a mask that was made.

    Parameters
    ----------
    brain_overlap : float
        Dice coefficient of the adult's brain, carried over, and the template's.
    smallest_scale, largest_scale : float
        Extreme stretches of the adult's brain to the template's.
    brain_in_head : float
        Part of the brain mask that lies in the head.
    margin_removed : float
        Voxels removed in the brain or within 5 mm of it.
    landmarks_removed : float
        Part of the adult's landmarks at eyes, cheeks and chin that is removed, of those in view.
    eyes_removed, nose_removed, mouth_removed : float
        Part of the surface over each, farther than 5 mm from the brain, that is removed; not a
        number if none is in view.
    surface_spared : float
        Part of that surface that is nearer to the brain, where it is most.
    removed_share : float
        Part of the head's volume that is removed.
    behind_removed : float
        Part of what is removed that lies behind the ears.
    """

    brain_overlap: float
    smallest_scale: float
    largest_scale: float
    brain_in_head: float
    margin_removed: float
    landmarks_removed: float
    eyes_removed: float
    nose_removed: float
    mouth_removed: float
    surface_spared: float
    removed_share: float
    behind_removed: float

    def rounded(self) -> dict[str, float | None]:
        """Return the figures by name, to four digits; None for what is not in view."""
        return {
            name: None if isnan(value) else round(value, 4) for name, value in asdict(self).items()
        }


_MEASURED = "real infant template"
_ASKED = "asked for"

#: What a mask must be like to be written.
CHECKS = (
    Gate(
        "brain_overlap", 0.85, 1.0, "the adult's brain does not fit the template's brain mask",
        f"{_MEASURED}: 0.95",
    ),
    Gate(
        "smallest_scale", 0.5, 1.15, "the template's brain is not of a human's size",
        f"{_MEASURED}: 0.82; a newborn's brain has a quarter of the volume, 0.63 of the length",
    ),
    Gate(
        "largest_scale", 0.5, 1.15, "the template's brain is not of a human's size",
        f"{_MEASURED}: 0.89",
    ),
    Gate(
        "brain_in_head", 0.99, 1.0, "the brain mask does not lie in the template's head",
        f"{_MEASURED}: 1.00; its mask moved up or back by 20 mm: 0.85-0.91",
    ),
    Gate("margin_removed", 0, 0, "something within 5 mm of the brain would be removed", _ASKED),
    Gate("landmarks_removed", 1.0, 1.0, "eyes, cheeks or chin are not removed", _ASKED),
    Gate("eyes_removed", 0.95, 1.0, "the skin over the eyes is not in view or stays", _ASKED),
    Gate("nose_removed", 0.95, 1.0, "the nose is not all removed", _ASKED),
    Gate("mouth_removed", 0.95, 1.0, "the skin over the mouth is not all removed", _ASKED),
    Gate(
        "surface_spared", 0.0, 0.2, "the brain mask reaches too near to the face's skin",
        f"{_MEASURED}: T1w 0.03, T2w 0.09; its mask moved forward by 12 mm: 0.76-0.80",
    ),
    Gate(
        "removed_share", 0.03, 0.25, "too little or too much of the head is removed",
        f"{_MEASURED}: 0.09; adults: 0.05-0.14",
    ),
    Gate(
        "behind_removed", 0.0, 0.02, "something behind the ears would be removed",
        f"{_MEASURED}: 0.000",
    ),
)  # fmt: skip

#: Averages of infants end at the upper nose.
_MAY_BE_OUT_OF_VIEW = frozenset({"nose_removed", "mouth_removed"})


def failed_checks(figures: MaskFigures) -> tuple[str, ...]:
    """Return one sentence for each check that a mask does not pass.

    A figure that is not a number passes only if it is of a nose or mouth out of view.
    """
    values: Mapping[str, float] = asdict(figures)
    return tuple(
        dict.fromkeys(
            check.sentence
            for check in CHECKS
            if not check.admits(values[check.metric])
            and not (check.metric in _MAY_BE_OUT_OF_VIEW and isnan(values[check.metric]))
        )
    )
