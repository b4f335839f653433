"""Labels that were replaced, as they may still stand in text."""

from __future__ import annotations

from collections.abc import Iterable

from bidsdeid.core.labels import NO_PERSON, Labels, SourceLabels
from bidsdeid.core.ordinary import COMMON, ORDINARY
from bidsdeid.core.terms import words_of


def old_words(source: SourceLabels, labels: Labels) -> tuple[frozenset[str], frozenset[str]]:
    """Return old labels as they may stand in text: (whole words, words run together).

    Labels that are also new ones are left out, and so are short ones and ordinary words standing
    alone: ``01`` and ``pilot`` are found after ``subject`` and the like, ``PILOT7`` everywhere.
    """
    if not labels.participants:
        return frozenset(), frozenset()
    people = {_plain(label) for label in set(source) - NO_PERSON}
    replaced = (session for (_, session), label in labels.sessions.items() if label != session)
    visits = {_plain(label) for label in replaced}
    new = {_plain(label) for label in labels.participants.values()}
    new |= {_plain(label) for label in labels.sessions.values()}
    old = (people | visits) - new - {""}
    rare = old - COMMON - ORDINARY - {*_PEOPLE, *_SEVERAL, *_VISITS, *_ENTITIES}
    long = {x for x in rare if len(x) >= (_LONG_NUMBER if x.isdigit() else _LONG_WORD)}
    long = {x for x in long if x in people or not x.isalpha()}  # `baseline` is no identifier
    # A new label may be the old one of another: then only `sub-` says which of the two is meant.
    spoken = _after(_PEOPLE, people - {""}) | _after(_VISITS, visits - {""})
    spoken |= {f"{word}{label}" for word in _SEVERAL for label in people if len(label) > 1}
    spoken |= _after(("sub",), people - {""}) | {f"ses{label}" for label in visits - {""}}
    spoken |= {f"{x}{label}" for label in people - new for x in _INITIALS if label[:1] == "0"}
    spoken -= {f"{word}{label}" for label in new for word in _ENTITIES}
    apart = {x for x in long if len(x) >= _LONG_PHRASE and not x.isdigit()}
    return frozenset(long), frozenset(spoken | apart)


def _after(words: Iterable[str], labels: Iterable[str]) -> set[str]:
    """Return labels run together with a word before them, also with ``no.`` between the two."""
    return {
        f"{word}{between}{spelling}"
        for label in labels
        if label
        for spelling in _spellings(label)
        for word in words
        for between in ("", *_NUMBERS)
    }


def _plain(label: str) -> str:
    """Return the letters and digits of a label, as they are looked for."""
    return "".join(words_of(label))


def _spellings(label: str) -> set[str]:
    """Return a label, a number also with other leading zeros."""
    bare = label.lstrip("0")
    return {label, *(bare.zfill(width) for width in range(1, 5))} if label.isdigit() else {label}


#: Old labels of at least so many characters, and digits, are looked for everywhere; those of so
#: many also with something between their letters and digits.
_LONG_WORD, _LONG_NUMBER, _LONG_PHRASE = 3, 5, 6

#: Words after which an old label is one, and what may stand between the two.
_PEOPLE = ("subj", "subject", "participant", "patient", "proband", "vp", "case", "volunteer")
_SEVERAL = ("subjects", "participants", "patients", "probanden")
_VISITS = ("session", "visit")
_ENTITIES = ("sub", "ses")
_NUMBERS = ("no", "nr", "number", "id")

#: Letters before a number with leading zeros: ``s07`` is a person, ``s1`` may be a cortex.
_INITIALS = ("s", "p", "pp", "pt")
