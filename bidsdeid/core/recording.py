"""Tables of numbers without header, which are long, and in which little says anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

#: What is looked at of a cell: one this long is no number, and is told to be long.
_LONGEST = 2**14

#: Rows in which no number has more digits than this before its point.
_FEW_DIGITS = 4
_QUIET = re.compile(r"(?:(?:-?\d{1,4}(?:\.\d*)?(?:e-\d\d)?|n/a)?[\t\r\n])*+")
_BETWEEN = re.compile(r"[\t\r\n]")


def telling_cells(parts: Iterable[str], least: int) -> Iterator[str]:
    r"""Yield the cells of a recording, those of rows of small numbers left out.

    Parameters
    ----------
    parts : iterable of str
        Of its text, each of whole lines.
    least : int
        Digits of the shortest number that must not occur, 0 without any.

    Examples
    --------
    >>> list(telling_cells(["0.25\t-17\nn/a\t1e-05\n", "1\t20190304\n"], 5))
    ['1', '20190304', '']
    """
    for part in parts:
        if 0 < least <= _FEW_DIGITS or _QUIET.fullmatch(part) is None:
            yield from (cell[:_LONGEST] for cell in _BETWEEN.split(part))
