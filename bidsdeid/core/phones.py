"""Telephone numbers.

What a number looks like differs from country to country, and Google's library of the formats in
use (`phonenumbers`) is kept up; it reads tables of its own and asks nobody.  It is asked only
about what could be one, since it takes a millisecond.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import lru_cache

from phonenumbers import Leniency, PhoneNumberMatcher

from bidsdeid.core.terms import Folded, Span

#: Countries in which a number begins with 0 within the country: elsewhere a national number has
#: nothing that tells it from a list of numbers.  The library must know the groups in which it is
#: written, since "01 02 03 04 0506" is a list.
_NATIONAL = ("DE", "GB", "FR", "CH", "AT", "NL", "IT", "AU", "BE", "SE")

#: What the library is asked about: a plus, an opening zero or the three, three and four digits
#: of North America, then enough digits and what stands between the digits of a number.
_CANDIDATE = re.compile(
    r"(?<![\w.+:])(?<!\d[ \t])"
    r"(?:\+\s?\d|\(?0(?=\d)|\([2-9]\d\d\)|[2-9]\d\d(?=[-./ ]{1,3}\d{3}[-. ]\d{4}(?!\d)))"
    r"(?:[ ()./\u2010-\u2015-]{0,3}\d){6,14}(?!\d|\.\d|[ \t]{1,3}[-+]?\d)"
)

#: A list of numbers is no number of a telephone: "256 256 1000", "0 0.707 0.5", "01 02 03 04".
_ROUND = re.compile(r"[2-9]\d\d \d{3} \d\d00")
_DECIMAL = re.compile(r"(?<!\d)\d\.\d")
_MANY = 3

#: A shorter one is found as a record number, if it is written without gaps.
LEAST_DIGITS = 9


def phone_spans(text: Folded) -> Iterator[Span]:
    """Yield where telephone numbers stand in the source.

    Examples
    --------
    >>> from bidsdeid.core.terms import folded
    >>> text = "call +49 30 1234567 or (612) 555-0142, TE 2.26 TR 2300"
    >>> [text[start:end] for start, end in phone_spans(folded(text))]
    ['+49 30 1234567', '(612) 555-0142']
    """
    for match in _CANDIDATE.finditer(text.plain):
        span = number_in(match[0])
        if span is not None:
            yield text.span(match.start() + span[0], match.start() + span[1])


@lru_cache(maxsize=1024)
def number_in(candidate: str) -> Span | None:
    """Return where digits and what stands between them are a number that can be called.

    Examples
    --------
    >>> [number_in(x) for x in ("0511/532-1234", "020 7946 0958", "01 02 03 04 05")]
    [(0, 13), (0, 13), None]
    """
    if sum(map(str.isdigit, candidate)) < LEAST_DIGITS:
        return None
    if candidate.startswith("+"):
        return _found(candidate, None, Leniency.VALID)
    if _ROUND.fullmatch(candidate) or _DECIMAL.search(candidate) or _is_counted(candidate):
        return None
    countries = _NATIONAL if candidate.startswith(("0", "(0")) else ("US",)
    found = (_found(candidate, country, Leniency.EXACT_GROUPING) for country in countries)
    return next(filter(None, found), None)


def _found(candidate: str, country: str | None, leniency: int) -> Span | None:
    first = next(iter(PhoneNumberMatcher(candidate, country, leniency=leniency)), None)
    return None if first is None else (first.start, first.end)


def _is_counted(candidate: str) -> bool:
    """Tell whether all numbers of a list differ by the same step."""
    steps = [int(x) for x in re.findall(r"\d+", candidate)]
    return len({b - a for a, b in itertools.pairwise(steps)}) == 1 and len(steps) > _MANY
