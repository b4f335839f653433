"""Words into sentences, sentences into lines of a page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

_WIDTH = 100


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return words as a list in a sentence.

    Examples
    --------
    >>> listed(["T1w", "T2w", "FLAIR"]), listed(["T1w"])
    ('T1w, T2w and FLAIR', 'T1w')
    """
    *others, final = words
    return f"{', '.join(others)} {last} {final}" if others else final


def in_order(words: Iterable[str]) -> list[str]:
    """Return words in the order of the alphabet, whatever their case."""
    return sorted(words, key=lambda word: (word.casefold(), word))


def wrapped(text: str, first: str = "") -> list[str]:
    """Return the lines of a paragraph.

    Parameters
    ----------
    text : str
        Names are not broken, and a number stays on the line of its per cent sign.
    first : str
        What the first line begins with; the others are indented by as much.
    """
    lines = textwrap.wrap(
        text.replace(" %", "\0%"),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0%", " %") for line in lines]


def because(
    subject: str, reason: str, names: Sequence[str] = (), first: str = "  - "
) -> list[str]:
    """Return the lines of a decision; names that are too many for a sentence come last.

    Examples
    --------
    >>> because("2 fields", "nobody needs them", ["Angle", "Bvalue"])
    ['  - 2 fields, because nobody needs them:', '      Angle, Bvalue.']
    """
    lines = wrapped(f"{subject}, because {reason}{':' if names else '.'}", first)
    return lines + (wrapped(f"{', '.join(names)}.", " " * (len(first) + 2)) if names else [])


def title(text: str) -> list[str]:
    """Return the lines that begin a part."""
    return ["", "", *wrapped(text)]


def heading(text: str) -> list[str]:
    """Return the lines that begin a group of a part."""
    return ["", *wrapped(f"{text}:")]
