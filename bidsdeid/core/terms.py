"""Words that must not occur: those the user knows, and those a dataset itself gives away.

A scanner's sidecar says ``"PatientName": "DOE^JANE"``, and an operator typed ``doe_rescan`` into
another field: the first makes the second recognisable.  `Lexicon` holds such words and finds them
in any case, width and spelling of accents, in a time that does not grow with their number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache

from bidsdeid.core.first_letters import first_letters, may_hold
from bidsdeid.core.spelling import PLAIN_LETTERS, spellings

#: A known term of one word this long is looked for inside words too.
_LONG_TERM = 4

#: Words run together are looked for inside others if they are this long, and letters only.
_LONG_PHRASE = 6

_WORD = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[^\W\d_]+|\d+")
_ASCII_OR_NOT = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")

#: Humps of ``camelCase``, with every capital written as A and nothing else.
_HUMP = re.compile(r"A+(?![^\W\d_A])|A?[^\W\d_A]+")
_CAPITALS = re.compile("A+")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without the disguises that do not change what is read: width, case, accents.

    Parameters
    ----------
    source : str
        The text as it is written.
    plain : str
        The text to search.
    origin : sequence of int
        For each character of `plain`, where it comes from in `source`.
    """

    source: str
    plain: str
    origin: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Return the part of the source that a part of the plain text comes from."""
        return self.origin[start], self.origin[end - 1] + 1


def folded(text: str) -> Folded:
    """Undo disguises.

    Examples
    --------
    >>> folded("JANÉ Müller").plain
    'jane muller'
    """
    if text.isascii():
        return Folded(text, text.lower(), range(len(text)))
    letters: list[str] = []
    origin: list[int] = []
    for part in _ASCII_OR_NOT.finditer(text):  # a page has a few signs among many letters
        if part[0].isascii():
            letters.append(part[0].lower())
            origin += range(*part.span())
            continue
        for index, character in enumerate(part[0], part.start()):
            plain = unicodedata.normalize("NFKD", character).casefold().translate(PLAIN_LETTERS)
            kept = [x for x in plain if unicodedata.category(x) not in ("Cf", "Mn")]
            letters += kept
            origin += [index] * len(kept)
    return Folded(text, "".join(letters), origin)


@dataclass(frozen=True, slots=True)
class Words:
    """Where the words of a text stand.

    Parameters
    ----------
    text : Folded
    tokens : tuple of (int, int)
        Letters and digits without anything between them, in the plain text.
    starts, ends : set of int
        Where a token, letters, digits or a hump of ``camelCase`` begin and end.
    """

    text: Folded
    tokens: tuple[Span, ...]
    starts: AbstractSet[int]
    ends: AbstractSet[int]


def words_in(text: Folded) -> Words:
    """Return where the words of a text stand.

    Examples
    --------
    >>> words = words_in(folded("MRIJane2"))
    >>> words.tokens, sorted(words.starts), sorted(words.ends)
    (((0, 8),), [0, 3, 7], [3, 4, 7, 8])
    """
    tokens = tuple(match.span() for match in _WORD.finditer(text.plain))
    spans = {*tokens, *(match.span() for match in _RUN.finditer(text.plain))}
    if text.source != text.source.lower():
        capitals = (text.source[index].isupper() for index in text.origin)
        cases = "".join("A" if x else y for x, y in zip(capitals, text.plain, strict=True))
        for pattern in (_HUMP, _CAPITALS):
            spans.update(match.span() for match in pattern.finditer(cases))
    return Words(text, tokens, {start for start, _ in spans}, {end for _, end in spans})


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words by the way in which they are looked for.

    Parameters
    ----------
    inside : frozenset of str
        Single words, also found within longer ones.
    whole : frozenset of str
        Single words, found where letters or digits begin and end, or a hump of ``camelCase``.
    phrases : frozenset of str
        Several words run together; whatever stands between them in the text, they are found.
    """

    inside: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()

    def __or__(self, other: Lexicon) -> Lexicon:
        """Return the words of both."""
        return Lexicon(
            self.inside | other.inside, self.whole | other.whole, self.phrases | other.phrases
        )

    def __bool__(self) -> bool:
        """Tell whether there is any word."""
        return bool(self.inside or self.whole or self.phrases)

    def spans(self, words: Words) -> Iterator[Span]:
        """Yield where they stand, as (start, end) in the source of a text."""
        plain = words.text.plain
        for start, end in words.tokens:
            for first, last in _substrings(plain[start:end], self.inside):
                yield words.text.span(start + first, start + last)
        for length in _lengths(self.whole):
            for start in words.starts:
                end = start + length
                if end in words.ends and plain[start:end] in self.whole:
                    yield words.text.span(start, end)
        if self.phrases:
            yield from self._phrases(words)

    def _phrases(self, words: Words) -> Iterator[Span]:
        """Yield phrases between edges of words; long ones also within a word."""
        plain, tokens = words.text.plain, words.tokens
        places = [index for start, end in tokens for index in range(start, end)]
        joined = "".join(plain[start:end] for start, end in tokens)
        starts, ends = {start for start, _ in tokens}, {end for _, end in tokens}
        for first, last in _substrings(joined, self.phrases):
            start, end = places[first], places[last - 1] + 1
            whole = start in starts and end in ends
            if not whole and last - first >= _LONG_PHRASE:
                within = end - start == last - first and joined[first:last].isalpha()
                whole = within or (start in words.starts and end in words.ends)
            if whole:
                yield words.text.span(start, end)


def known_words(terms: Iterable[str]) -> Lexicon:
    """Return the lexicon of terms that a user gave: names, record numbers, project codes.

    Short ones count as whole words only; the words of one term may stand in either order, and
    any of them may come first.

    Examples
    --------
    >>> terms = Terms(known_words(["Jane Müller"]))
    >>> [terms.occur_in(text) for text in ("JANE_MULLER", "muller, jane", "Jan Mull")]
    [True, True, False]
    """
    inside: set[str] = set()
    whole: set[str] = set()
    phrases: set[str] = set()
    for spelling in (spelling for term in terms for spelling in spellings(term)):
        words = words_of(spelling)
        if len(words) > 1:
            turned = ([*words[first:], *words[:first]] for first in range(len(words)))
            phrases |= {"".join(order) for order in (*turned, words[::-1])}
        elif words:
            (inside if len(words[0]) >= _LONG_TERM else whole).add(words[0])
    return Lexicon(frozenset(inside), frozenset(whole), frozenset(phrases))


def words_of(text: str) -> list[str]:
    """Return the words of a text, without disguises.

    Examples
    --------
    >>> words_of("DOE^Jané")
    ['doe', 'jane']
    """
    return _WORD.findall(folded(text).plain)


@dataclass(frozen=True, slots=True)
class Terms:
    """All words that must not occur.

    Parameters
    ----------
    known : Lexicon
        Given by the user.
    persons : Lexicon
        Names of people that the dataset's own metadata hold.
    records : Lexicon
        Numbers and codes of people and visits in them.
    places : Lexicon
        Staff, institutions and devices in them.
    labels : Lexicon
        Labels that were replaced.
    """

    known: Lexicon = field(default_factory=Lexicon)
    persons: Lexicon = field(default_factory=Lexicon)
    records: Lexicon = field(default_factory=Lexicon)
    places: Lexicon = field(default_factory=Lexicon)
    labels: Lexicon = field(default_factory=Lexicon)

    def spans(self, text: Folded) -> Iterator[tuple[str, Span]]:
        """Yield what kind of word stands where."""
        if not may_hold("".join(_WORD.findall(text.plain)), _starts(self)):
            return
        words = words_in(text)
        for name, lexicon in (
            (KNOWN, self.known),
            (PERSON, self.persons),
            (RECORD, self.records),
            (RECORD, self.labels),
            (PLACE, self.places),
        ):
            for span in lexicon.spans(words):
                yield name, span

    def __bool__(self) -> bool:
        """Tell whether there is any word."""
        return any((self.known, self.persons, self.records, self.places, self.labels))

    def occur_in(self, text: str) -> bool:
        """Tell whether any of them occurs."""
        return next(self.spans(folded(text)), None) is not None

    @property
    def in_names(self) -> Terms:
        """Those that must not occur in the name of a file.

        Records are left out: a study's own code of a person is often the scanner's, too.
        """
        return Terms(self.known, self.persons, labels=self.labels)


NO_WORDS = Lexicon()
NO_TERMS = Terms()

#: What findings are called.
KNOWN = "known term"
PERSON = "name in this dataset"
RECORD = "record of this dataset"
PLACE = "staff or place of this dataset"
HARVESTED = frozenset({PERSON, RECORD, PLACE})


def _substrings(text: str, words: frozenset[str]) -> Iterator[Span]:
    """Yield where any of the words stands within a text."""
    for length in _lengths(words):
        for start in range(len(text) - length + 1):
            if text[start : start + length] in words:
                yield start, start + length


@lru_cache(maxsize=16)
def _starts(terms: Terms) -> frozenset[str]:
    lexica = (terms.known, terms.persons, terms.records, terms.places, terms.labels)
    return first_letters([w for x in lexica for w in (*x.inside, *x.whole, *x.phrases)])


@lru_cache(maxsize=64)
def _lengths(words: Collection[str]) -> tuple[int, ...]:
    return tuple(sorted({len(word) for word in words}))
