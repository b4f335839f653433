"""Numbers of images on a page: what they are called, how they are written, where they should lie.

Where they should lie is what the triage asks of them (`bidsdeid.core.bounds`), and of what it
does not ask, the gates that a mask had to pass (`bidsdeid.core.gates`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import inf, isfinite

from bidsdeid.core.bounds import (
    BRAIN_BOUNDS,
    FACE_BOUNDS,
    FACELESS_BOUNDS,
    TOGETHER_BOUNDS,
    Bound,
)
from bidsdeid.core.braingates import BRAIN_GATES
from bidsdeid.core.gates import GATES
from bidsdeid.core.triage import Context, Triage, bounds_for

#: Those that say whether brain is kept and face is gone come first, and stand in the index.
FIRST = (
    "brain_mm3", "brain_removed", "lost_voxels", "outside_mm3", "eyes_removed", "nose_removed",
    "mouth_removed", "ears_removed", "head_removed", "removed_share",
)  # fmt: skip

_WORDS = {
    "brain_mm3": "brain removed (mm³)",
    "outside_mm3": "kept beside the brain (mm³)",
    "lost_voxels": "brain lost (voxels)",
    "off_mm": "atlas off by (mm)",
    "volume_ml": "volume (ml)",
    "volume_least": "volume over the least",
    "volume_most": "volume over the most",
}

_GATES = {
    # A gate knows no half measures: outside of it a mask is not believed.
    gate.metric: Bound(
        gate.metric, *((gate.least, gate.most),) * 2, gate.sentence, gate.origin, per=1.0
    )
    for gate in (*GATES, *BRAIN_GATES)
}

_ORDER = {
    name: place
    for place, name in enumerate(
        dict.fromkeys(
            (
                *FIRST,
                *(bound.number for bound in (*FACE_BOUNDS, *FACELESS_BOUNDS, *BRAIN_BOUNDS)),
                *_GATES,
            )
        )
    )
}

#: From here on digits after the point say nothing.
_MANY = 1000


#: Where the numbers of all images of a participant together should lie.
TOGETHER = {bound.number: bound for bound in TOGETHER_BOUNDS}


@lru_cache
def bounds_of(decision: str, status: str, finding: str) -> Mapping[str, Bound]:
    """Return where the numbers of an image should lie, by name.

    Parameters
    ----------
    decision, status, finding : str
        See `bidsdeid.core.triage.Context`.
    """
    asked = bounds_for(Context(decision=decision, status=status, finding=finding))
    return _GATES | {bound.number: bound for bound in asked}


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of numbers: the telling ones first, then as they stand in their tables.

    Examples
    --------
    >>> in_order(["stretch", "zeal", "nose_removed", "lead", "brain_mm3"])
    ['brain_mm3', 'nose_removed', 'lead', 'stretch', 'zeal']
    """
    return sorted(set(names), key=lambda name: (_ORDER.get(name, len(_ORDER)), name))


def words(name: str) -> str:
    """Return the name of a number as people write it.

    Examples
    --------
    >>> words("nose_removed"), words("brain_mm3")
    ('nose removed', 'brain removed (mm³)')
    """
    return _WORDS.get(name, name.replace("_", " "))


def written(value: float | None) -> str:
    """Return a number to four digits.

    Examples
    --------
    >>> written(0.98765), written(1234567.8), written(None), written(1)
    ('0.9877', '1234568', 'not measured', '1')
    """
    if value is None or not isfinite(value):
        return "not measured"
    return f"{value:.0f}" if abs(value) >= _MANY else f"{value:.4g}"


def bound_words(bound: Bound | None) -> str:
    """Return where a number should lie; nothing if that is not known.

    Examples
    --------
    >>> bound_words(Bound("x", (0.97, 1), (0.95, 1), "", "", 0.3))
    '0.97 to 1'
    >>> bound_words(Bound("x", (0, 0), (0, 0), "", "", 1)), bound_words(None)
    ('exactly 0', '')
    >>> bound_words(Bound("x", (1.1, inf), (1, inf), "", "", 1))
    'at least 1.1'
    """
    if bound is None:
        return ""
    low, high = bound.fine
    if low == high:
        return f"exactly {written(low)}"
    return f"at least {written(low)}" if high == inf else f"{written(low)} to {written(high)}"


def mark(value: float | None, bound: Bound | None) -> Triage:
    """Return what a number says by itself; what was not measured says nothing.

    Examples
    --------
    >>> bound = Bound("x", (0.97, 1), (0.95, 1), "", "", 0.3)
    >>> [mark(value, bound).value for value in (1.0, 0.96, 0.9, None)]
    ['pass', 'look', 'fail', 'pass']
    """
    if bound is None or value is None or not isfinite(value):
        return Triage.PASS
    excess = bound.excess(value)
    if excess <= 0:
        return Triage.PASS
    return Triage.FAIL if excess > 1 else Triage.LOOK
