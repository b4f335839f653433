"""Values of JSON metadata: what is inside them, and which numbers tell too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"


def strings(value: JSONValue) -> Iterator[str]:
    """Yield every string inside a JSON value, keys of objects included.

    Examples
    --------
    >>> list(strings({"a": ["b", 1, {"c": None}]}))
    ['a', 'b', 'c']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from strings(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from strings(inner)


def numbers(value: JSONValue) -> Iterator[float]:
    """Yield every number inside a JSON value."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from numbers(inner)


def telling_number(value: float, *, record: bool = False) -> bool:
    """Tell whether a number reads as a day, a clock or a record rather than a quantity.

    Parameters
    ----------
    value : float
        From a numeric field or cell.
    record : bool
        Whole numbers of seven digits and more count as record numbers, too.

    Examples
    --------
    >>> [telling_number(x) for x in (19800304, 1551693600.5, 2.0, 127.748504)]
    [True, True, False, False]
    """
    if abs(value) >= _CLOCK:
        return True
    if value != int(value):
        return False
    if record and abs(value) >= _RECORD:
        return True
    month, day = divmod(int(value) % 10_000, 100)
    return 1900 <= value // 10_000 <= 2099 and 1 <= month <= 12 and 1 <= day <= 31  # noqa: PLR2004


#: Seconds since 1970 are larger than this, and no quantity in MRI metadata is.
_CLOCK = 1e8

#: No whole number in MRI metadata is larger.
_RECORD = 1e6


def objects(value: JSONValue) -> Iterator[dict[str, JSONValue]]:
    """Yield the outermost objects of a value."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def scalars(value: JSONValue) -> Iterator[str]:
    """Yield the strings and numbers of a value, the parts of a nested one on their own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, (int, float)):
        yield str(value)
    else:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from scalars(inner)
