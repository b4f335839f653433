"""What a text, a number or the name of a file looks like, said fast where much is alike."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from bidsdeid.core.detectors import findings, words_found
from bidsdeid.core.entities import parse_name
from bidsdeid.core.terms import PLACE, Terms
from bidsdeid.core.values import telling_number

#: What says nothing, though it holds long numbers: digests, UIDs that the DICOM standard itself
#: defines, colours and marks in drawings (matplotlib, nireports), and pictures within a text.
_HARMLESS = re.compile(
    r"(?<![0-9a-zA-Z])(?=[0-9]*[a-f])(?:[0-9a-f]{128}|[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})"
    r"(?![0-9a-zA-Z])|"
    r"(?<![\d.])1\.2\.840\.10008(?:\.\d{1,5}){1,10}(?![\d.])|"
    r"(?:(?<=#)|(?<=id=\"))(?:image|[pm])[0-9a-f]{10}(?!\w)|(?:fill|stroke|color): ?#[0-9a-f]{6}|"
    r"(?<=Animation)[0-9a-f]{8}(?:-[0-9a-f]{4,12}){4}|"
    r"(?<![A-Za-z0-9+/])(?P<picture>[A-Za-z0-9+/]{72,}={0,2})(?![A-Za-z0-9+/])"
)

#: A date as DICOM writes it, and nothing else.
_DIGITS = re.compile(r"[\d.+-]{8,26}")

#: The path of a file has shorter parts.
_PART = 24

#: Dots that part words in the name of a file, not the numbers of a day.
_AT_DOTS = re.compile(r"(?<=[A-Za-z])\.|\.(?=[A-Za-z])")

#: Detectors that do not apply to names of files: places are what labels of sites are.
_IN_NAMES = frozenset({"length", PLACE})

#: Where git-annex keeps files, under the digests of what is in them.
_ANNEX = "annex/objects/"

#: What stands in all sidecars is looked at once: so many strings up to this length.
_REMEMBERED, _LONGEST = 2**16, 256


@dataclass(frozen=True, slots=True)
class Spotter:
    """Says what something looks like, never what it is.

    Parameters
    ----------
    terms : Terms
        Words that must not occur.
    least : int
        Digits of the shortest of them that is a number, 0 without any.
    """

    terms: Terms
    least: int
    _seen: dict[tuple[str, frozenset[str]], tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, terms: Terms) -> Spotter:
        """Return one that knows some words."""
        lexica = (terms.known, terms.persons, terms.records, terms.places, terms.labels)
        words = (word for x in lexica for word in (*x.inside, *x.whole, *x.phrases))
        return cls(terms, min((len(word) for word in words if word.isdigit()), default=0))

    def in_text(self, text: str, tolerate: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """Return what a text looks like, the detectors in `tolerate` left out."""
        known = self._seen.get((text, tolerate))
        if known is not None:
            return known
        plain = _HARMLESS.sub(_blank, text)
        found = findings(plain, self.terms, tolerate=tolerate)
        if "date" in found and _DIGITS.fullmatch(plain):
            found = tuple(name for name in found if name != "record number")  # it is the date
        if plain != text:
            found = (*found, *words_found(text, self.terms, tolerate=tolerate))
        if len(text) <= _LONGEST:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[text, tolerate] = found
        return found

    def in_number(
        self, value: float, written: str, tolerate: frozenset[str], *, record: bool = False
    ) -> tuple[str, ...]:
        """Return what a number looks like; `record` if it may be that of somebody."""
        short = "record number" not in tolerate
        telling = short and math.isfinite(value) and telling_number(value, record=record)
        return (*(["clock"] if telling else ()), *self.in_digits(written, tolerate))

    def in_digits(self, written: str, tolerate: frozenset[str]) -> tuple[str, ...]:
        """Return the words in a number; behind a point they would be found in any recording."""
        if 0 < self.least <= len(written) and "." not in written:
            return words_found(written, self.terms, tolerate=tolerate)
        return ()

    def in_name(self, part: str) -> frozenset[str]:
        """Return what the name of a file looks like: the whole, and each of its parts."""
        name = parse_name(part)
        labels = () if name is None else (label for _, label in name.entities)
        texts = {part, *labels, *_AT_DOTS.split(part)}
        return frozenset(found for text in texts for found in self.in_text(text, _IN_NAMES))

    def in_target(self, target: str) -> tuple[str, ...]:
        """Return what the target of a link looks like, unless it is one of git-annex's."""
        return () if _ANNEX in target else self.in_text(target, _IN_NAMES)


def _blank(match: re.Match[str]) -> str:
    """Return what is left of something harmless; the path of a file is no picture."""
    longest = max((match["picture"] or "").split("/"), key=len)
    mixed = all(any(map(kind, longest)) for kind in (str.isdigit, str.islower, str.isupper))
    return match[0] if match["picture"] and not (mixed and len(longest) >= _PART) else " "
