"""The rules beyond table E.1-1, read from ``rules.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import pydicom.uid
from pydicom.datadict import tag_for_keyword

from bidsdeid.core.likely import Identity


class Dates(StrEnum):
    """What becomes of dates and times."""

    SHIFT = "shift"
    REMOVE = "remove"
    KEEP = "keep"


class Text(StrEnum):
    """What becomes of text in elements that the table does not list."""

    SCRUB = "scrub"
    REMOVE = "remove"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A profile: which options it applies.

    Parameters
    ----------
    name, description : str
    options : tuple of str
        Names of options.
    dates : Dates
    text : Text
    """

    name: str
    options: tuple[str, ...]
    dates: Dates
    text: Text
    description: str


@dataclass(frozen=True, slots=True)
class Option:
    """An option of PS3.15, section E.3.

    Parameters
    ----------
    name, reason : str
    code, meaning : str
        In context group 7050 of PS3.16; empty for one that the standard does not have.
    keep, clean : frozenset of int
        Tags that stay, and those that stay after identifiers were taken out of them.
    """

    name: str
    code: str
    meaning: str
    keep: frozenset[int]
    clean: frozenset[int]
    reason: str


@dataclass(frozen=True, slots=True)
class PrivateRow:
    """Private elements that describe how an image was made.

    Parameters
    ----------
    creator : str
        Whose they are.
    group : int
    types : mapping of int to str
        By the last two digits of the element: the type of value, for files that do not tell it.
    pattern : re.Pattern or None
        What values that are text must match as a whole; None allows numbers only.
    reason : str
    """

    creator: str
    group: int
    types: Mapping[int, str]
    pattern: re.Pattern[str] | None
    reason: str


#: A private element, whatever block of its group it lies in: (creator, group, last two digits).
PrivateKey = tuple[str, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Rulebook:
    """All rules.

    Parameters
    ----------
    profiles : mapping of str to ProfileRow
    options : mapping of str to Option
    required : mapping of int to str
        Tags of the table that an image cannot stand without, with the reason.
    bytes_kept : mapping of int to str
        Tags of bytes that stay, with the reason.
    vocabulary : mapping of int to re.Pattern
        What the values of text elements must match as a whole, where other text is removed.
    private, csa : mapping of PrivateKey to PrivateRow
    admitted : frozenset of str
        UIDs of the SOP classes that are let in.
    tolerated : mapping of int to frozenset of str
        Detectors of `bidsdeid.core.detectors` that do not apply to the text of a tag.
    identities : mapping of int to Identity
        Whom the value of a tag identifies.
    """

    profiles: Mapping[str, ProfileRow]
    options: Mapping[str, Option]
    required: Mapping[int, str]
    bytes_kept: Mapping[int, str]
    vocabulary: Mapping[int, re.Pattern[str]]
    private: Mapping[PrivateKey, PrivateRow]
    csa: Mapping[PrivateKey, PrivateRow]
    admitted: frozenset[str]
    tolerated: Mapping[int, frozenset[str]]
    identities: Mapping[int, Identity]

    @property
    def private_groups(self) -> frozenset[int]:
        """Groups in which some private element may stay."""
        return _groups(self)


@cache
def _groups(book: Rulebook) -> frozenset[int]:
    return frozenset(group for _, group, _ in (*book.private, *book.csa))


@cache
def rulebook() -> Rulebook:
    """Return the rules.

    Examples
    --------
    >>> book = rulebook()
    >>> list(book.profiles), book.options["device"].code
    (['neuro', 'basic', 'open-science', 'dicat'], '113109')
    """
    text = files("bidsdeid.dicom").joinpath("rules.toml").read_text("utf-8")
    raw: dict[str, list[dict[str, Any]]] = tomllib.loads(text)
    return Rulebook(
        {row["name"]: _profile(row) for row in raw["profile"]},
        {row["name"]: _option(row) for row in raw["option"]},
        {_tag(row["keyword"]): row["reason"] for row in raw["required"]},
        {_tag(word): row["reason"] for row in raw["bytes"] for word in row["keywords"]},
        {_tag(row["keyword"]): re.compile(row["pattern"]) for row in raw["vocabulary"]},
        {key: row for row in map(_private, raw["private"]) for key in _keys(row)},
        {key: row for row in map(_private, raw["csa"]) for key in _keys(row)},
        frozenset(
            str(getattr(pydicom.uid, name)) for row in raw["admitted"] for name in row["classes"]
        ),
        {
            _tag(word): frozenset(row["detectors"])
            for row in raw["tolerate"]
            for word in row["keywords"]
        },
        {_tag(word): Identity(row["whom"]) for row in raw["identity"] for word in row["keywords"]},
    )


def _profile(row: dict[str, Any]) -> ProfileRow:
    return ProfileRow(
        row["name"],
        tuple(row["options"]),
        Dates(row["dates"]),
        Text(row["text"]),
        row["description"],
    )


def _option(row: dict[str, Any]) -> Option:
    keep, clean = (frozenset(map(_tag, row.get(name, ()))) for name in ("keep", "clean"))
    return Option(row["name"], row["code"], row["meaning"], keep, clean, row["reason"])


def _private(row: dict[str, Any]) -> PrivateRow:
    pattern = re.compile(row["pattern"]) if "pattern" in row else None
    types = {int(number, 16): vr for number, vr in row["elements"].items()}
    return PrivateRow(row["creator"], row["group"], types, pattern, row["reason"])


def _keys(row: PrivateRow) -> list[PrivateKey]:
    return [(row.creator, row.group, number) for number in row.types]


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag
