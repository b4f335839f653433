"""Is a brain mask to be believed?  Numbers about it, and the bounds they must lie in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bidsdeid.core.gates import Gate


@dataclass(frozen=True, slots=True)
class BrainMetrics:
    """What is measured of a brain mask.

    Parameters
    ----------
    volume_ml : float
    volume_least, volume_most : float
        `volume_ml` divided by the least, and by the most, that is plausible at the age; of the
        least as much is asked as the field of view holds of the fitted brain.
    whole : float
        Part of what the engine marked that is one body.
    solid : float
        Part of that body, with its holes filled, that the engine marked.
    in_head : float
        Part of the brain that lies in the head.
    skin : float
        Part of the outer 4 mm of the head that the mask holds; not a number if none is seen.
    atlas_overlap : float
        Dice coefficient with the atlas's brain, fitted to it, where both are in view.
    astray : float
        Part of the brain that lies more than 8 mm outside of the fitted one.
    """

    volume_ml: float
    volume_least: float
    volume_most: float
    whole: float
    solid: float
    in_head: float
    skin: float
    atlas_overlap: float
    astray: float


_VOLUME = "the brain is not of a size that is plausible at the age"

BRAIN_GATES = (
    Gate("volume_least", 1.0, np.inf, _VOLUME, "the table of `bidsdeid.core.brainvolume`"),
    Gate("volume_most", 0.0, 1.0, _VOLUME, "the table of `bidsdeid.core.brainvolume`"),
    Gate("whole", 0.95, 1.0, "the brain is in pieces", "right: 0.998-1.000"),
    Gate("solid", 0.97, 1.0, "the brain has holes", "right: 0.999-1.000"),
    Gate(
        "in_head", 0.99, 1.0, "the brain does not lie in the head",
        "right: 0.999-1.000; noise without a head: 0.974-0.982",
    ),
    Gate(
        "skin", 0.0, 0.05, "the skin of the head is in it, or none is to be seen",
        "right: 0.000-0.009, with much noise or shade to 0.05; echo-planar: 0.32; a head: 1.00",
    ),
    Gate(
        "atlas_overlap", 0.93, 1.0, "it has not the shape of a brain",
        "right: 0.952-0.977; a ball: 0.92, half a brain: 0.49-0.91, with a neck: 0.91-0.94, "
        "without its top 27 mm: 0.94",
        sure=0.94,
    ),
    Gate(
        "astray", 0.0, 0.004, "something beside the brain, such as eyes or neck, is in it",
        "right: 0.0000-0.0009; with both eyes: 0.011-0.018, with a neck: 0.05-0.07",
    ),
)  # fmt: skip


def failed_brain_gates(metrics: BrainMetrics) -> tuple[str, ...]:
    """Return one sentence for each gate that metrics do not pass; what is not a number fails."""
    return tuple(
        dict.fromkeys(
            gate.sentence for gate in BRAIN_GATES if not gate.admits(getattr(metrics, gate.metric))
        )
    )


def is_sure_brain(metrics: BrainMetrics) -> bool:
    """Tell whether metrics are so good that no second engine need agree."""
    return all(
        gate.sure is None or getattr(metrics, gate.metric) >= gate.sure for gate in BRAIN_GATES
    )
