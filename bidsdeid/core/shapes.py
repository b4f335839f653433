"""What a shape of identifying text is, and the two ways in which one is found.

Rule 1: a pattern reads folded text, which has no capitals and no accents; a few read the source.
Rule 2: every repetition in a pattern has a bound, or begins only where a run of characters does,
        so that the time a text takes grows with its length and no faster.
Rule 3: a shape reaches to the end of what it identifies: what it leaves behind stays in a
        document from which it is removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import TypeAlias

from bidsdeid.core.terms import Folded, Span

#: Yields where a shape stands in the source.
Finder: TypeAlias = Callable[[Folded], Iterable[Span]]

#: How far back an expression looks for what makes a match harmless.
_BEFORE = 40


@dataclass(frozen=True, slots=True)
class Detector:
    """One shape of identifying text.

    Parameters
    ----------
    name : str
        What a message calls it.
    reason : str
        Where such text comes from in MRI data, or why it identifies.
    spans : Finder
        Where it stands.
    needs : str
        Characters that all occur wherever it stands: a text without one of them is not searched.
    digits : int
        The least number of digits it has: a text with fewer is not searched.
    clue : pattern, optional
        Occurs wherever it stands, and is found faster: it begins with letters or digits, which
        an expression that begins by looking back does not.
    public : bool
        It counts within references to publications, too (`bidsdeid.core.publications`).
    """

    name: str
    reason: str
    spans: Finder
    needs: str = ""
    digits: int = 0
    clue: re.Pattern[str] | None = None
    public: bool = True

    def may_occur(self, plain: str, characters: frozenset[str], digits: int) -> bool:
        """Tell whether a text can hold the shape; most texts can hold few.

        Parameters
        ----------
        plain : str
            The text, folded.
        characters : frozenset of str
            What it consists of.
        digits : int
            How many of them are digits.
        """
        return (
            digits >= self.digits
            and characters.issuperset(self.needs)
            and (self.clue is None or self.clue.search(plain) is not None)
        )


def expression(
    pattern: str, *, unless: str = "", check: Callable[[str], bool] | None = None
) -> Finder:
    r"""Return the finder of a regular expression in folded text.

    Parameters
    ----------
    pattern : str
        What is looked for.
    unless : str
        A match does not count directly after this.
    check : callable, optional
        Tells whether a match counts.

    Examples
    --------
    >>> from bidsdeid.core.terms import folded
    >>> find = expression(r"[0-9]\.[0-9]{2}", unless="version ", check=lambda x: x != "0.00")
    >>> [list(find(folded(text))) for text in ("am 4.03", "Version 4.03", "0.00")]
    [[(3, 7)], [], []]
    """
    compiled = re.compile(pattern)
    before = re.compile(rf"(?:{unless})\Z") if unless else None

    def spans(text: Folded) -> Iterator[Span]:
        for match in compiled.finditer(text.plain):
            start = match.start()
            if before is not None and before.search(text.plain, max(0, start - _BEFORE), start):
                continue
            if check is None or check(match[0]):
                yield text.span(start, match.end())

    return spans


def as_written(pattern: str) -> Finder:
    """Return the finder of a regular expression in the source, with its capitals.

    Examples
    --------
    >>> from bidsdeid.core.terms import folded
    >>> find = as_written("Mr [A-Z][a-z]+")
    >>> [list(find(folded(text))) for text in ("Mr Doe", "mr doe", "MR SCAN")]
    [[(0, 6)], [], []]
    """
    compiled = re.compile(pattern)
    return lambda text: (match.span() for match in compiled.finditer(text.source))


def either(words: Iterable[str]) -> str:
    """Return a pattern of any of some words, the longest first.

    Words of one first letter share it, so that one look at a letter rules out most of them.
    Words may hold patterns, but not for their first two characters if these are letters.

    Examples
    --------
    >>> either(["mar", "march", "may", "jun", "(?:a|b)c"])
    '(?:(?:a|b)c|m(?:arch|ar|ay)|jun)'
    """
    heads: dict[str, list[str]] = {}
    for word in sorted(words, key=lambda word: (-len(word), word)):
        heads.setdefault(word[0] if word[:2].isalpha() else word, []).append(word)
    return f"(?:{'|'.join(starmap(_branch, heads.items()))})"


def _branch(head: str, words: Sequence[str]) -> str:
    rest = "|".join(word.removeprefix(head) for word in words)
    return words[0] if len(words) == 1 else f"{head}(?:{rest})"
