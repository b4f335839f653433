"""Words of others on their way into something public: what looks like an identifier is taken out.

A policy of the user's own, its reasons and its name are free text, and so is the version of a
tool.  What the certificate says in its own words passes as it is, which a test sees to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from bidsdeid.core.detectors import removed

T = TypeVar("T")

#: Names of fields whose strings are no words: digests, codes of a standard, released paths, which
#: were audited, and a date that somebody asked for.
_NO_WORDS = frozenset({"sha256", "digest", "code_value", "paths", "date"})

#: More digits in a row than this read as a record or a day; builds of tools have them.
_LONG = re.compile(r"\d{6,}")
_GROUP = 4


def public_words(value: T) -> T:
    """Return a value of the same kind, all its strings without what looks like an identifier.

    Parameters
    ----------
    value : str, tuple, mapping or dataclass, one in the other
        Keys of a mapping that become one are counted together.

    Examples
    --------
    >>> public_words(("a rule of the board", "see mail of 2019-03-04"))
    ('a rule of the board', 'see mail of [removed]')
    """
    return cast("T", _public(value))


def told_version(version: str) -> str:
    """Return a version whose build does not read as a day or a record: in groups of four digits.

    Examples
    --------
    >>> told_version("1.0.20261016"), told_version("2.1.0")
    ('1.0.2026 1016', '2.1.0')
    """
    return _LONG.sub(lambda match: _grouped(match[0]), version)


def _grouped(digits: str) -> str:
    return " ".join(digits[i : i + _GROUP] for i in range(0, len(digits), _GROUP))


def _public(value: object) -> object:
    if isinstance(value, str):
        return "\n".join(removed(line, tolerate=("length",)) for line in value.split("\n"))
    if is_dataclass(value) and not isinstance(value, type):
        told = {
            each.name: _public(getattr(value, each.name))
            for each in fields(value)
            if each.name not in _NO_WORDS
        }
        return replace(value, **told)
    if isinstance(value, Mapping):
        counts: Counter[object] = Counter()
        for key, number in value.items():
            counts[_public(key)] += number
        return dict(counts)
    if isinstance(value, tuple):
        return tuple(map(_public, value))
    return value
