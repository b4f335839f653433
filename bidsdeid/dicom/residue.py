"""What must not be left in the bytes of a file that was written.

This is asked of the file as it is on the disk, in the simplest way there is, so that a mistake of
the engine or of pydicom does not answer its own question.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bidsdeid.core.terms import Terms, words_of
from bidsdeid.dicom.identifiers import Identifiers

#: Runs of letters and digits, and of digits with dots.
_RUNS = re.compile(rb"[a-z]+|\d[\d.]*")
_CODES = re.compile(rb"[a-z0-9]+")

#: UIDs of the root under which new ones are made.
_OWN = re.compile(rb"(?<![\d.])2\.25\.\d+")

#: Shorter words stand in numbers by chance: four bytes in one of 2,000 files of 10 kB.
_LEAST = 5
_LEAST_NUMBER = 6
_LEAST_RAW = 4

#: Runs of letters and digits this long are looked at in pixels, where shorter ones are noise.
_LEAST_IN_PIXELS = 6

#: A time of day may follow a day.
_DAY, _LONGEST_MOMENT = 8, 21

_LETTERS_AND_DIGITS = np.zeros(256, bool)
_LETTERS_AND_DIGITS[list(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = True


@dataclass(frozen=True, slots=True)
class Residue:
    """Bytes that must not occur.

    Parameters
    ----------
    words, codes : frozenset of bytes
        In lower case: letters or digits only, and both.
    people : frozenset of bytes
        Those of the words that are names of people or known terms.
    days : frozenset of bytes
        As ``YYYYMMDD``.
    uids : frozenset of bytes
    raw : tuple of bytes
        In whatever encoding.
    """

    words: frozenset[bytes]
    codes: frozenset[bytes]
    people: frozenset[bytes]
    days: frozenset[bytes]
    uids: frozenset[bytes]
    raw: tuple[bytes, ...]

    def found_in(
        self,
        header: bytes,
        pixels: bytes,
        made: Collection[bytes] = (),
        whole: Iterable[bytes] = (),
    ) -> Iterator[str]:
        """Yield the kinds of what is found.

        Parameters
        ----------
        header : bytes
            All of a file but its pixels, inflated.
        pixels : bytes
        made : collection of bytes
            New UIDs, whose digits tell nothing.
        whole : iterable of bytes
            Values that the user wants to keep whole, whatever is in them but names of people.
        """
        for value in whole:
            header = header.replace(value, b" ")
            if not self.people.isdisjoint(_RUNS.findall(value.lower())):
                yield "a name"
        header = _OWN.sub(lambda match: b" " if match[0] in made else match[0], header)
        text = b" ".join([header, *_long_runs(pixels)]).lower()
        runs = set(_RUNS.findall(text))
        if not self.words.isdisjoint(runs) or not self.codes.isdisjoint(_CODES.findall(text)):
            yield "a name, a place or a record number"
        if not self.uids.isdisjoint(run.strip(b".") for run in runs):
            yield "a UID"
        moments = (run[:_DAY] for run in runs if _DAY <= len(run) <= _LONGEST_MOMENT)
        if not self.days.isdisjoint(moments):
            yield "a date"
        long = (name for name in self.raw if len(name) >= _LEAST_IN_PIXELS)
        if any(name in header for name in self.raw) or any(name in pixels for name in long):
            yield "a name"


def residue_of(
    identifiers: Identifiers,
    terms: Terms,
    public: Collection[str],
    *,
    dates: bool,
) -> Residue:
    """Return what must not be left.

    Parameters
    ----------
    identifiers : Identifiers
    terms : Terms
        Words that were taken out of the text that stays.
    public : collection of str
        What this program writes: the subject's new name and birth date, and its own words.
    dates : bool
        Whether dates are moved or removed.
    """
    lexica = (terms.known, terms.persons, terms.records, terms.places, terms.labels)
    words = {word.encode() for x in lexica for word in (*x.whole, *x.inside, *x.phrases)}
    people = {
        word.encode()
        for x in (terms.known, terms.persons)
        for word in (*x.whole, *x.inside, *x.phrases)
    }
    own = {word.encode() for text in public for word in words_of(text)}
    words -= own
    return Residue(
        frozenset(word for word in words if _is_plain(word)),
        frozenset(word for word in words if _is_code(word) and len(word) >= _LEAST),
        frozenset(word for word in people - own if _is_plain(word)),
        frozenset(f"{day:%Y%m%d}".encode() for day in identifiers.days if dates) - own,
        frozenset(uid.encode(errors="replace") for uid in identifiers.uids),
        tuple(name for name in identifiers.raw if len(name) >= _LEAST_RAW),
    )


def _is_code(word: bytes) -> bool:
    return not word.isalpha() and not word.isdigit()


def _is_plain(word: bytes) -> bool:
    """Tell whether a word is of letters only, or of digits only, and no shorter than by chance."""
    letters = word.isalpha() and len(word) >= _LEAST
    return letters or (word.isdigit() and len(word) >= _LEAST_NUMBER)


def _long_runs(pixels: bytes) -> Iterator[bytes]:
    """Yield runs of letters and digits, among dots too, that chance does not make often."""
    plain = _LETTERS_AND_DIGITS[np.frombuffer(pixels, np.uint8)]
    ends = plain.size - _LEAST_IN_PIXELS + 1
    if ends <= 0:
        return
    starts = plain[:ends].copy()
    for offset in range(1, _LEAST_IN_PIXELS):
        starts &= plain[offset : ends + offset]
    last = -1
    for start in map(int, np.flatnonzero(starts)):
        if start > last:
            match = _LONG.match(pixels, start)
            last = match.end() if match else start
            yield pixels[start:last]


_LONG = re.compile(rb"[0-9A-Za-z.]+")
