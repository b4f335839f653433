"""Strings that identify a person, recognised by their shape.

Patterns are bounded, so that the time they take grows with the length of a text and no faster.

A kept string has already passed an allow-list of fields; this is the second fence, for what an
operator typed into a field that is meant for something else.  It knows shapes (dates, numbers,
paths), not names: a name on its own is only found if it is among the known terms.

`DETECTORS` is the whole of the knowledge: one row a shape, each with what it is for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"

#: A kept string longer than this is prose of unknown content, not a description of a scan.
MAX_LENGTH = 2000

#: A known term this long is looked for inside words too.
_LONG_TERM = 4

_MONTH = (
    r"(?:jan(?:uary?)?|feb(?:ruary?)?|m[aä]r(?:ch|z)?|apr(?:il)?|ma[iy]|jun[ei]?|jul[iy]?|"
    r"aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)"
)
_YEAR = r"(?:19|20)\d\d"


@dataclass(frozen=True, slots=True)
class Detector:
    """One shape of identifying text.

    Parameters
    ----------
    name : str
        What a message calls it.
    pattern : str
        Regular expression, applied without regard to case.
    reason : str
        Where such text comes from in MRI data.
    """

    name: str
    pattern: str
    reason: str


DETECTORS = (
    Detector(
        "date",
        rf"(?<!\d){_YEAR}([-/._ ])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])(?!\d)",
        "ISO-like dates in protocol names and comments",
    ),
    Detector(
        "date",
        rf"(?<![\d.])[0-3]?\d([-/._ ])[0-3]?\d\1{_YEAR}(?!\d)|"
        r"(?<![\d.])(?:(?:0?[1-9]|[12]\d|3[01])([-/.])(?:0?[1-9]|1[0-2])|"
        r"(?:0?[1-9]|1[0-2])([-/.])(?:0?[1-9]|[12]\d|3[01]))(?:\2|\3)\d\d(?![\d.])",
        "day-month-year and month-day-year",
    ),
    Detector(
        "date",
        rf"(?<!\d){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{{4}}|\d{{6}})?(?!\d)",
        "DICOM DA and DT values",
    ),
    Detector(
        "date",
        rf"\b{_MONTH}\.?[ -]\d{{1,2}}(?:st|nd|rd|th)?,?[ -]{_YEAR}\b|"
        rf"\b\d{{1,2}}(?:st|nd|rd|th|\.)?[ -]?{_MONTH}\.?,?[ -]?(?:{_YEAR}|\d\d)\b",
        "dates with the month's name",
    ),
    Detector(
        "time",
        r"(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?![\d:])",
        "acquisition times",
    ),
    Detector(
        "email",
        r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+",
        "contacts in comments and instructions",
    ),
    Detector("url with user", r"\w{1,20}://[^/\s@]{1,100}@", "paths of internal servers"),
    Detector(
        "path",
        r"(?<![\w:/.])/(?:home|users|root|mnt|media|scratch|data\d*|export|nfs|net|gpfs|lustre|"
        r"projects?|private|tmp|var|opt|srv)/[^\s/]|(?<!\w)[a-z]:\\\w|(?<!\\)\\\\\w{1,64}\\|~\w{0,32}/\w|"
        r"file://",
        "home and network folders, which carry user names",
    ),
    Detector(
        "uid",
        r"(?<![\d.])[0-2](?:\.(?:0|[1-9]\d*)){5,}(?!\d)",
        "DICOM UIDs, which lead back to the scanner's archive",
    ),
    Detector("ip address", r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", "host addresses"),
    Detector(
        "mac address",
        r"(?<![0-9a-f:-])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![0-9a-f:-])",
        "network interfaces",
    ),
    Detector("uuid", r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "record identifiers"),
    Detector(
        "phone",
        r"\+\d[\d ().-]{7,20}\d|(?<!\d)\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?!\d)",
        "telephone numbers",
    ),
    Detector("ssn", r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)", "social security numbers"),
    Detector(
        "person name",
        r"[^\W\d_]{2}\w{0,32}\^+[^\W\d_]",
        "DICOM person names (PN)",
    ),
    Detector(
        "record number",
        r"(?<!\d)(?<!\d\.)\d{6,}(?!\d)",
        "medical record numbers: six digits and more",
    ),
    Detector(
        "identifier word",
        r"(?<![a-z])(?:mrn|ssn|dob|d\.o\.b\.|patient ?(?:id|name)|date of birth)(?![a-z])",
        "words that announce an identifier",
    ),
)

_COMPILED = tuple(
    (detector.name, re.compile(detector.pattern, re.IGNORECASE)) for detector in DETECTORS
)
DETECTOR_NAMES = frozenset(name for name, _ in _COMPILED) | {"length", "control characters"}


@dataclass(frozen=True, slots=True)
class KnownTerms:
    """Words that must not occur anywhere in the output, in any case or width.

    Parameters
    ----------
    terms : tuple of str
        As given by the user: names, record numbers, project codes.

    Examples
    --------
    >>> known = KnownTerms(("Jane Müller",))
    >>> [known.occur_in(text) for text in ("JANE_MULLER", "muller, jane", "Jan Mull")]
    [True, True, False]
    """

    terms: tuple[str, ...] = ()

    def occur_in(self, text: str) -> bool:
        """Tell whether a term occurs, whatever stands between its words and in which order."""
        pattern = _terms_pattern(self)
        return pattern is not None and pattern.search(_folded(text)) is not None


def findings(
    text: str, terms: KnownTerms = KnownTerms(), *, tolerate: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the names of what `text` looks like, never the text itself.

    Parameters
    ----------
    text : str
        One value or a whole document.
    terms : KnownTerms
        What must not occur whatever its shape.
    tolerate : iterable of str
        Detectors that do not apply, such as ``date`` for a software version.

    Examples
    --------
    >>> findings("t1_mprage_sag_p2_iso 1.0mm")
    ()
    >>> findings("rescan 2019-03-04, ask 612-555-0142")
    ('date', 'phone')
    >>> findings("v1.0.20210317", tolerate=["date", "record number"])
    ()
    """
    plain = _folded(text)
    skipped = set(tolerate)
    found = {
        name: None
        for name, pattern in _COMPILED
        if name not in skipped and pattern.search(plain) is not None
    }
    if len(text) > MAX_LENGTH and "length" not in skipped:
        found["length"] = None
    if "control characters" not in skipped and any(
        unicodedata.category(character) == "Cc" and character not in "\t\n\r" for character in text
    ):
        found["control characters"] = None
    if terms.occur_in(text):
        found["known term"] = None
    return tuple(found)


def strings(value: JSONValue) -> Iterator[str]:
    """Yield every string inside a JSON value, keys of objects included.

    Examples
    --------
    >>> list(strings({"a": ["b", 1, {"c": None}]}))
    ['a', 'b', 'c']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from strings(inner)


def numbers(value: JSONValue) -> Iterator[float]:
    """Yield every number inside a JSON value."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from numbers(inner)


def telling_number(value: float, *, record: bool = False) -> bool:
    """Tell whether a number reads as a day, a clock or a record rather than a quantity.

    Parameters
    ----------
    value : float
        From a numeric field or cell.
    record : bool
        Whole numbers of seven digits and more count as record numbers, too.

    Examples
    --------
    >>> [telling_number(x) for x in (19800304, 1551693600.5, 2.0, 127.748504)]
    [True, True, False, False]
    """
    if abs(value) >= _CLOCK:
        return True
    if value != int(value):
        return False
    if record and abs(value) >= _RECORD:
        return True
    month, day = divmod(int(value) % 10_000, 100)
    return 1900 <= value // 10_000 <= 2099 and 1 <= month <= 12 and 1 <= day <= 31  # noqa: PLR2004


#: Seconds since 1970 are larger than this, and no quantity in MRI metadata is.
_CLOCK = 1e8

#: No whole number in MRI metadata is larger.
_RECORD = 1e6


@lru_cache(maxsize=8)
def _terms_pattern(known: KnownTerms) -> re.Pattern[str] | None:
    """Return one expression for all terms; short ones count only as whole words."""
    patterns: list[str] = []
    for term in sorted(known.terms, key=len, reverse=True):
        words = re.findall(r"[^\W_]+", _folded(term))
        for order in {tuple(words), tuple(reversed(words))} - {()}:
            pattern = r"[\W_]*".join(map(re.escape, order))
            short = sum(map(len, order)) < _LONG_TERM
            patterns.append(rf"(?<![^\W_]){pattern}(?![^\W_])" if short else pattern)
    return re.compile("|".join(patterns)) if patterns else None


def _folded(text: str) -> str:
    """Undo disguises that do not change what is read: width, case, accents, invisible marks."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Mn")).casefold()
