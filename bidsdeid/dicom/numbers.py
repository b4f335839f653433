"""Binary values: whether they are numbers, as many as there should be, or text."""

from __future__ import annotations

import re

import numpy as np
from pydicom.datadict import dictionary_VM

#: So many letters in a row are text, among whole numbers and in fractions.
_TEXT_IN_NUMBERS = re.compile(rb"[A-Za-z]{4}")
_TEXT_IN_FRACTIONS = {
    "FD": re.compile(rb"[0-9A-Za-z ,.^-]{7}"),
    "FL": re.compile(rb"[0-9A-Za-z ,.^-]{8}"),
}

#: Bytes of a binary number.
_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "AT": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8}

#: Binary fractions; what they are between in private elements, and anywhere.
_FRACTIONS = frozenset({"FD", "FL"})
_LEAST, _MOST, _MOST_OF_ALL = 1e-30, 1e6, 1e13

#: Bytes of the longest whole number in a private element.
_ONE_NUMBER = 4


def is_number(tag: int, vr: str, value: bytes, *, little: bool) -> bool:
    """Tell whether a binary value of the standard holds as many numbers as it should, and no text.

    Fractions cannot be told from text by their letters, but by their size.
    """
    size = _SIZES.get(vr, 2)
    if len(value) % size or (len(value) > size and dictionary_VM(tag) == "1"):
        return False
    if vr in _FRACTIONS:
        return is_plausible(value, vr, little=little, most=_MOST_OF_ALL)
    return _TEXT_IN_NUMBERS.search(value) is None


def is_plausible(value: bytes, vr: str, *, little: bool, most: float = _MOST) -> bool:
    """Tell whether a binary value is a number as scanners measure, and no text in its place.

    Letters in the place of a fraction make a number of no magnitude that occurs; in the place of
    whole numbers they do not show, so that there is room for one only.
    """
    if vr not in _FRACTIONS:
        return len(value) <= _ONE_NUMBER
    numbers = np.frombuffer(value[: len(value) // 8 * 8], f"{'<' if little else '>'}f8")
    if vr == "FL":
        numbers = np.frombuffer(value[: len(value) // 4 * 4], f"{'<' if little else '>'}f4")
    if numbers.nbytes != len(value) or _TEXT_IN_FRACTIONS[vr].search(value):
        return False
    size = np.abs(numbers[numbers != 0])
    return bool(np.all(np.isfinite(size) & (size > _LEAST) & (size < most)))
