"""Dates and times as DICOM writes them: whether they are valid, and what they are when moved."""

from __future__ import annotations

import re
from datetime import date

from bidsdeid.core.pseudonym import DateShift

_TIME = r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?"
_ZONE = r"(?:[+-](?:0\d|1[0-4])[0-5]\d)?"

#: Types of value (PS3.5, table 6.2-1), with a group for the day.
_SHAPES = {
    "DA": re.compile(r"(?P<day>\d{8})"),
    "TM": re.compile(_TIME),
    "DT": re.compile(rf"(?P<day>\d{{8}})(?:{_TIME})?{_ZONE}"),
}

_DAY = len("YYYYMMDD")


def day_in(text: str, vr: str) -> date | None:
    """Return the day of a value, None if it has none or is not valid."""
    match = _SHAPES[vr].fullmatch(text)
    if match is None or vr == "TM":
        return None
    try:
        return date.fromisoformat(match["day"])
    except ValueError:
        return None


def moved(text: str, vr: str, shift: DateShift | None) -> str | None:
    """Return a date or time on its new day; None if it is not valid or cannot be moved.

    Parameters
    ----------
    text : str
        One value.
    vr : str
        ``DA``, ``TM`` or ``DT``.
    shift : DateShift or None
        None leaves valid values as they are.  Times of day always stay.

    Examples
    --------
    >>> moved("20190304", "DA", DateShift(-40000))
    '19090828'
    >>> moved("20190304101112.5+0100", "DT", DateShift(-40000))
    '19090828101112.5+0100'
    >>> moved("2019", "DT", DateShift(-40000)) is None
    True
    """
    if vr == "TM":
        return text if _SHAPES[vr].fullmatch(text) else None
    day = day_in(text, vr)
    if day is None or shift is None:
        return None if day is None else text
    new = shift.move(day)
    return None if new is None else f"{new:%Y%m%d}".zfill(_DAY) + text[_DAY:]
