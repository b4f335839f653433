"""Which images need a person's eye: the numbers against their bounds, and what else is known.

The bounds are those of `bidsdeid.core.bounds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isnan
from types import MappingProxyType

from bidsdeid.core.bounds import BRAIN_BOUNDS, FACE_BOUNDS, FACELESS_BOUNDS, TOGETHER_BOUNDS, Bound
from bidsdeid.core.estimate import Finding
from bidsdeid.core.facestyle import PARTS
from bidsdeid.core.ledger import Status
from bidsdeid.core.policy import Decision

#: An engine, a second one that agrees, and the word that it does: more was not plain.
FEW_ATTEMPTS = 3


class Triage(StrEnum):
    """How much an image needs a person's eye."""

    PASS = "pass"  # noqa: S105 -- a word of triage
    LOOK = "look"
    FAIL = "fail"


#: What a face detector says of a render (`bidsdeid.engines.red_team.Seen`), and what that is
#: worth.  That it is silent after it was silent before, or that there is none, says nothing.
SEEN = MappingProxyType(
    {
        "found before, not found after": Triage.PASS,
        "not found before: no evidence": Triage.PASS,
        "no detector": Triage.PASS,
        "found before and after": Triage.FAIL,
        "not found before, found after": Triage.LOOK,
    }
)

#: What is found in the place of a face and asks for a look, whatever the numbers say.
_LOOKED_AT = MappingProxyType(
    {
        str(Finding.DEFACED): "its face had been removed before, by other means",
        str(Finding.ELSEWHERE): "its face is said not to be in view",
        str(Finding.STRIPPED): "it is said to have had no skull or face",
    }
)

#: How severe what asks for a look, and what is a failure, is without a number.
_LOOK, _FAIL = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of an image beside its numbers.

    Parameters
    ----------
    decision : str
        What was done: of `bidsdeid.core.policy.Decision`.
    status : str
        How it ended: of `bidsdeid.core.ledger.Status`.
    finding : str
        What was found in the place of a face: of `bidsdeid.core.estimate.Finding`.
    sure : bool
        The gates were passed so well that no second engine need agree.
    agreed : bool
        A second engine put the head in the same place.
    carried : bool
        The place was carried over from another image of the session.
    attempts : int
        Ways that were tried until one was believed; 0 if none was.
    as_given : bool
        The atlas's own mask was asked for, and no more.
    seen : mapping
        What a face detector saw in the renders, by view, in the words of `SEEN`.
    """

    decision: str = str(Decision.DEFACE)
    status: str = str(Status.RELEASED)
    finding: str = str(Finding.FACE)
    sure: bool = True
    agreed: bool = False
    carried: bool = False
    attempts: int = 1
    as_given: bool = False
    seen: Mapping[str, str] = field(default_factory=dict)


Numbers = Mapping[str, float | None]
_Doubt = tuple[float, str]


def triage(numbers: Numbers, context: Context) -> tuple[Triage, tuple[str, ...]]:
    """Say how much an image needs a person's eye, and why, the worst first.

    Parameters
    ----------
    numbers : mapping
        By name; None or not a number for what is not known.
    context : Context

    Examples
    --------
    >>> gone = {"eyes_removed": 1.0, "nose_removed": 0.4, "mouth_removed": 0.99}
    >>> word, doubts = triage(gone, Context())
    >>> word.value, doubts
    ('fail', ('the nose is not all gone: 0.4 (0.97 to 1)',))
    """
    return _sorted(_doubts(numbers, context))


def triage_together(numbers: Numbers) -> tuple[Triage, tuple[str, ...]]:
    """Say the same of what all images of a participant show together.

    Parameters
    ----------
    numbers : mapping
        Of `bidsdeid.core.together.together`.

    Examples
    --------
    >>> triage_together({"eyes_visible": 0.01, "nose_visible": 0.0, "mouth_visible": None})[1]
    ()
    """
    return _sorted(_out_of(TOGETHER_BOUNDS, numbers))


def severity(numbers: Numbers, context: Context) -> float:
    """Return how bad it is at worst: 0 for a plain pass, above 1 for a failure."""
    return max(map(_severity, _doubts(numbers, context)), default=0.0)


def bounds_for(context: Context) -> tuple[Bound, ...]:
    """Return what is asked of the numbers of an image."""
    if context.status != Status.RELEASED:
        return ()
    if context.decision == Decision.SKULLSTRIP:
        return BRAIN_BOUNDS
    if context.decision != Decision.DEFACE:
        return ()
    return FACE_BOUNDS if context.finding == Finding.FACE else FACELESS_BOUNDS


def _doubts(numbers: Numbers, context: Context) -> Iterator[_Doubt]:
    if context.status == Status.FAILURE:
        yield _LOOK, "it is withheld: nothing that was tried is to be trusted"
    if context.status != Status.RELEASED:
        return
    yield from _of_numbers(numbers, context)
    for view, word in context.seen.items():
        found = SEEN.get(word, Triage.LOOK)
        if found is not Triage.PASS:
            yield _FAIL if found is Triage.FAIL else _LOOK, f"face detector, {view}: {word}"
    if context.decision == Decision.DEFACE:
        yield from _of_search(numbers, context)


def _of_numbers(numbers: Numbers, context: Context) -> Iterator[_Doubt]:
    bounds = bounds_for(context)
    if bounds and not any(_is_known(numbers.get(bound.number)) for bound in bounds):
        yield _LOOK, "nothing of it was measured"
    asked = [bound for bound in bounds if not (bound.own and context.carried)]
    mild = [bound for bound in asked if context.as_given and bound.extended]
    yield from _out_of([bound for bound in asked if bound not in mild], numbers)
    yield from ((min(excess, _LOOK), words) for excess, words in _out_of(mild, numbers))


def _out_of(bounds: Iterable[Bound], numbers: Numbers) -> Iterator[_Doubt]:
    """Yield which numbers lie out of their bounds, and how far."""
    for bound in bounds:
        value = numbers.get(bound.number)
        excess = bound.excess(value) if value is not None and _is_known(value) else 0.0
        if excess > 0:
            low, high = bound.fine
            span = f"{low:g} to {high:g}" if high > low else f"{low:g}"
            yield excess, f"{bound.sentence}: {value:.3g} ({span})"


def _is_known(value: float | None) -> bool:
    return value is not None and not isnan(value)


def _of_search(numbers: Numbers, context: Context) -> Iterator[_Doubt]:
    """Yield what the search for the face leaves open."""
    if context.finding != Finding.FACE:
        yield _LOOK, _LOOKED_AT.get(context.finding, "it is not said what was found in it")
        return
    if not any(_is_known(numbers.get(f"{part}_removed")) for part in PARTS):
        yield _LOOK, "no part of the face is in view"
    if not (context.sure or context.agreed or context.carried):
        yield _LOOK, "it passed its gates narrowly, and no second way agrees"
    if context.attempts > FEW_ATTEMPTS and not context.carried:
        yield _LOOK, f"its face was found at attempt {context.attempts} only"


def _sorted(doubts: Iterable[_Doubt]) -> tuple[Triage, tuple[str, ...]]:
    """Return the word for the worst of some doubts, and all of them, the worst first."""
    found = sorted(doubts, key=_severity, reverse=True)
    word = _word(found[0][0] if found else 0.0)
    return word, tuple(dict.fromkeys(sentence for _, sentence in found))


def _word(severity: float) -> Triage:
    if severity > 1:
        return Triage.FAIL
    return Triage.LOOK if severity > 0 else Triage.PASS


def _severity(doubt: _Doubt) -> float:
    return doubt[0]
