"""What the images of one participant show of a face together, and what is done about it.

A T1w without a mouth and a T2w without eyes, each defaced before by somebody who was content with
it, make a face.
"""

from __future__ import annotations

from bidsdeid.core.bounds import TOGETHER_BOUNDS
from bidsdeid.core.together import together
from bidsdeid.run.bench import Bench

_REASON = (
    "together with other images of the participant it shows more of the face than any of them "
    "alone: release fewer of them, or deface them from the originals"
)


def gate_together(bench: Bench) -> dict[str, float | None]:
    """Withhold images that only together show several parts of a face; return what is left.

    What one image shows alone is judged with that image.

    Returns
    -------
    dict
        See `bidsdeid.core.together.together`.
    """
    rays = {
        path: exhibit.rays
        for path, exhibit in bench.exhibits.items()
        if exhibit.rays is not None and path in bench.released
    }
    numbers = together(rays.values())
    parts = visible(numbers)
    shown = {path: visible(together([one])) for path, one in rays.items()}
    if parts and not any(parts <= own for own in shown.values()):
        for path, own in shown.items():
            if own & parts:
                bench.retract(path, _REASON)
                del rays[path]
        numbers = together(rays.values())
    return numbers


def visible(numbers: dict[str, float | None]) -> frozenset[str]:
    """Return the parts of which more is visible than may be."""
    values = ((bound, numbers.get(bound.number)) for bound in TOGETHER_BOUNDS)
    return frozenset(
        bound.number for bound, value in values if value is not None and bound.excess(value) > 1
    )
