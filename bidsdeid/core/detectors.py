"""Strings that identify a person, recognised by their shape.

A kept string has already passed an allow-list of fields; this is the second fence, for what an
operator typed into a field that is meant for something else.  It knows shapes (dates, numbers,
paths), not names: those are `bidsdeid.core.terms`.

`DETECTORS` is the whole of the knowledge: one row a shape, each with what it is for.  What no row
knows is kept, and that is safe only beside the allow-list: a first name alone, a ward or a rare
disease has no shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from bidsdeid.core.publications import references
from bidsdeid.core.shapes import Detector, expression
from bidsdeid.core.shapes_when import WHEN
from bidsdeid.core.shapes_where import WHERE
from bidsdeid.core.shapes_who import WHO
from bidsdeid.core.terms import KNOWN, NO_TERMS, PERSON, PLACE, RECORD, Folded, Span, Terms, folded

#: A kept string longer than this is prose of unknown content, not a description of a scan.
MAX_LENGTH = 2000

#: What stands where something was taken out of a document.
REMOVED = "[removed]"

_CONTROL = Detector(
    "control characters",
    "bytes of a header that are no text, and orders to a terminal",
    expression(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"),
)

DETECTORS = (*WHEN, *WHO, *WHERE, _CONTROL)

DETECTOR_NAMES = frozenset(detector.name for detector in DETECTORS) | {
    *("length", PERSON, RECORD, PLACE),
}

_DIGIT = re.compile(r"\d")


def findings(
    text: str, terms: Terms = NO_TERMS, *, tolerate: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the names of what `text` looks like, never the text itself.

    Parameters
    ----------
    text : str
        One value or a whole document.
    terms : Terms
        What must not occur whatever its shape.
    tolerate : iterable of str
        Detectors that do not apply, such as ``date`` for a software version; known terms are
        never tolerated.

    Examples
    --------
    >>> findings("t1_mprage_sag_p2_iso 1.0mm")
    ()
    >>> findings("rescan 2019-03-04, ask 612-555-0142")
    ('date', 'phone')
    >>> findings("v1.0.20210317", tolerate=["date", "record number"])
    ()
    """
    find = _remembered if len(text) <= _SHORT else _found
    return find(text, terms, frozenset(tolerate))


def words_found(text: str, terms: Terms, *, tolerate: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the kinds of terms in a text, whatever else it looks like."""
    find = _remembered_words if len(text) <= _SHORT else _found_words
    return find(text, terms, frozenset(tolerate))


def removed(text: str, terms: Terms = NO_TERMS, *, tolerate: Iterable[str] = ()) -> str:
    """Return a document with a mark in the place of everything that is found in it.

    It is searched until nothing is found, since what stood beside a number that went may be one.

    Examples
    --------
    >>> removed("Ask jane@clinic.org about 2019-03-04.")
    'Ask [removed] about [removed].'
    """
    tolerated = frozenset(tolerate)
    while True:
        spans = {span for _, span in _spans(folded(text), terms, tolerated)}
        marks = [match.span() for match in _MARK.finditer(text)]
        found = sorted(span for span in spans if not _is_within(span, marks))
        if not found:
            return text
        text = _marked(text, sorted([*found, *marks]))


def _found(text: str, terms: Terms, tolerate: frozenset[str]) -> tuple[str, ...]:
    found = {name: None for name, _ in _spans(folded(text), terms, tolerate)}
    if len(text) > MAX_LENGTH and "length" not in tolerate:
        found["length"] = None
    return tuple(found)


def _found_words(text: str, terms: Terms, tolerate: frozenset[str]) -> tuple[str, ...]:
    return tuple(dict(_words(folded(text), terms, tolerate)))


#: The same values stand in the sidecars and tables of all participants.
_SHORT = 400
_remembered = lru_cache(maxsize=2**12)(_found)
_remembered_words = lru_cache(maxsize=2**12)(_found_words)

_MARK = re.compile(re.escape(REMOVED))


def _marked(text: str, spans: Iterable[Span]) -> str:
    """Return a text with one mark in the place of spans that overlap."""
    parts: list[str] = []
    position = 0
    for start, end in spans:
        if end <= position:
            continue
        if start >= position:
            parts += [text[position:start], REMOVED]
        position = end
    return "".join([*parts, text[position:]])


def _is_within(span: Span, others: Iterable[Span]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)


def _spans(text: Folded, terms: Terms, tolerate: frozenset[str]) -> Iterator[tuple[str, Span]]:
    """Yield what is found, and where in the source."""
    characters, digits = frozenset(text.plain), len(_DIGIT.findall(text.plain))
    public: list[Span] | None = None
    for detector in DETECTORS:
        if detector.name in tolerate or not detector.may_occur(text.plain, characters, digits):
            continue
        for span in detector.spans(text):
            if not detector.public:
                if public is None:
                    public = [text.span(*place) for place in references(text.plain)]
                if _is_within(span, public):
                    continue
            yield detector.name, span
    yield from _words(text, terms, tolerate)


def _words(text: Folded, terms: Terms, tolerate: frozenset[str]) -> Iterator[tuple[str, Span]]:
    for name, span in terms.spans(text):
        if name == KNOWN or name not in tolerate:
            yield name, span
