"""Letters that are written in more than one way: ``Müller``, ``Mueller``."""

from __future__ import annotations

#: Letters that Unicode does not take apart, and what is written where a keyboard has them not.
PLAIN_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
)

_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_PAIRS = {"ae": "a", "oe": "o", "ue": "u", "aa": "a"}


def spellings(text: str) -> tuple[str, ...]:
    """Return a text and the ways in which its letters are also written.

    Examples
    --------
    >>> spellings("Müller"), spellings("Mueller"), spellings("Doe")
    (('Müller', 'mueller'), ('Mueller', 'muller'), ('Doe',))
    """
    lower = text.lower()
    spelt_out = lower.translate(_SPELT_OUT)
    short = lower
    for pair, letter in _PAIRS.items():
        short = "".join(_shortened(part, pair, letter) for part in _parts(short))
    return tuple(dict.fromkeys([text, *(x for x in (spelt_out, short) if x != lower)]))


def _parts(text: str) -> list[str]:
    """Return words and what stands between them, one after the other."""
    parts = [""]
    for letter in text:
        if parts[-1] and letter.isalpha() != parts[-1][-1].isalpha():
            parts.append("")
        parts[-1] += letter
    return parts


def _shortened(word: str, pair: str, letter: str) -> str:
    """Put one letter for two, in words that are long enough to be told by it."""
    return word.replace(pair, letter) if len(word) > _SHORT else word


#: ``Doe`` and ``Rae`` are names of their own.
_SHORT = 4
