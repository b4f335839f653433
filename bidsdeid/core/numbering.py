"""Numbers in the place of labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_DIGITS = re.compile(r"(\d+)")


def numbered(order: Sequence[str], known: Mapping[str, str], after: int = 0) -> dict[str, str]:
    """Return numbers for labels; none of them is among the labels they replace.

    Parameters
    ----------
    order : sequence of str
        Labels, in the order of their numbers.
    known : mapping of str to str
        Labels that have a number, which they keep; it is not given again.
    after : int
        The first number is larger than this.

    Examples
    --------
    >>> numbered(["b", "a"], {}), numbered(["b", "a", "c"], {"a": "07"})
    ({'b': '01', 'a': '02'}, {'a': '07', 'b': '08', 'c': '09'})
    """
    fresh = [label for label in order if label not in known]
    first = max(after, last(known.values())) + 1
    numbers = range(first, first + len(fresh))
    width = max(2, len(str(numbers.stop - 1)), *(len(x) for x in known.values() if x.isdecimal()))
    taken = {*order, *known} - {*known.values()}
    while any(f"{number:0{width}}" in taken for number in numbers):
        width += 1
    return {**known, **{x: f"{n:0{width}}" for x, n in zip(fresh, numbers, strict=True)}}


def last(labels: Iterable[str]) -> int:
    """Return the largest number among labels, 0 without one."""
    return max((int(label) for label in labels if label.isdecimal()), default=0)


def natural(label: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts ``9`` before ``10``, and tells ``1`` from ``01``."""
    parts = [(int(p), "") if p.isdigit() else (-1, p) for p in _DIGITS.split(label) if p]
    return parts, label
