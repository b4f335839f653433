"""Rules out, in microseconds, that a text holds any of many words."""

from __future__ import annotations

from collections.abc import Collection

#: So many letters of a word are enough to rule out most texts.
_MOST = 4


def first_letters(words: Collection[str]) -> frozenset[str]:
    """Return how words begin: as many letters of each as the shortest has, and no more than four.

    Examples
    --------
    >>> sorted(first_letters(["miller", "doe"]))
    ['doe', 'mil']
    """
    told = [word for word in words if word]
    length = min((_MOST, *map(len, told)))
    return frozenset(word[:length] for word in told)


def may_hold(text: str, starts: frozenset[str]) -> bool:
    """Tell whether a text may hold a word that begins in one of some ways; never a false no.

    Parameters
    ----------
    text : str
        Its letters and digits, with nothing between them.
    starts : frozenset of str
        As `first_letters` returns them.

    Examples
    --------
    >>> [may_hold(text, frozenset({"doe", "mil"})) for text in ("t1rescanjanedoe", "t1rescan")]
    [True, False]
    """
    length = len(next(iter(starts), ""))
    grams = map("".join, zip(*(text[first:] for first in range(length)), strict=False))
    return length > 0 and not starts.isdisjoint(grams)
