"""The eighteen identifiers of HIPAA's Safe Harbor, and which change counts under which.

The table is ``identifiers.toml``.  A change is counted once, under the first of its paragraphs
that can be told; what cannot be told is counted apart, never guessed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import PurePosixPath

from bidsdeid.core.entities import parse_name
from bidsdeid.core.policy import Policy
from bidsdeid.core.scrub import Change
from bidsdeid.core.tables import OUTSIDE
from bidsdeid.core.terms import KNOWN

#: What is not counted under a paragraph, by why.
UNKNOWN_FIELD = "fields and columns that no rule names"
LISTED_TERM = "texts with a term that the owner of the data listed"
OTHER_CHANGE = "other changes: values of a wrong type, telling numbers, references to files"

_UNKNOWN = re.compile(r"no rule names this (?:field|column)|no rule names some of the columns")

#: How `bidsdeid.core.scrub` and `bidsdeid.run.metadata` tell what was found in a text.
_FOUND = re.compile(r"(?:looks like: |it holds a )(.+)")

#: How a rule of a policy names a paragraph, at the end of its reason.
_PARAGRAPH = re.compile(r"\([A-R]\)(?=$|[;,.])")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the eighteen.

    Parameters
    ----------
    paragraph : str
        Such as ``(A)``.
    what : str
        In the words of the paragraph.
    where : tuple of str
        Parts of a dataset in which it is looked for.
    how : str
        What is done about it.
    how_moved : str
        The same if dates are moved; empty if that makes no difference.
    how_everywhere : str
        The same if every image is treated as if it showed a face.
    counted_with : str
        Paragraph under which it is counted, if it has no form of its own.
    nothing : str
        What is told if nothing of the kind was met with.
    fields, columns, detectors, suffixes, datatypes : frozenset of str
        What counts under it: names of fields, kinds of columns, names of detectors, and suffixes
        and datatypes of files that are withheld.
    """

    paragraph: str
    what: str
    where: tuple[str, ...]
    how: str
    how_moved: str = ""
    how_everywhere: str = ""
    counted_with: str = ""
    nothing: str = "Looked for; nothing of the kind had to go."
    fields: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    detectors: frozenset[str] = frozenset()
    suffixes: frozenset[str] = frozenset()
    datatypes: frozenset[str] = frozenset()


_SETS = ("fields", "columns", "detectors", "suffixes", "datatypes")


@lru_cache(maxsize=1)
def kinds() -> tuple[Kind, ...]:
    """Return the eighteen, in the order of the paragraphs.

    Examples
    --------
    >>> [kind.paragraph for kind in kinds()][:3], len(kinds())
    (['(A)', '(B)', '(C)'], 18)
    """
    file = resources.files("bidsdeid.report") / "identifiers.toml"
    rows = tomllib.loads(file.read_text("utf-8"))["identifier"]
    return tuple(
        Kind(
            **{
                **row,
                "where": tuple(row["where"]),
                **{name: frozenset(row.get(name, ())) for name in _SETS},
            }
        )
        for row in rows
    )


def paragraph_of_change(change: Change, policy: Policy) -> tuple[str, str]:
    """Return where a change is counted, and how it came about.

    Parameters
    ----------
    change : Change
    policy : Policy
        That was followed.

    Returns
    -------
    paragraph : str
        Or one of `UNKNOWN_FIELD`, `LISTED_TERM` and `OTHER_CHANGE`.
    way : str
        ``text`` if something was found in a text that would have been kept, ``rewritten`` if
        cells or values were replaced, else ``dropped``.

    Examples
    --------
    >>> from bidsdeid.resources import load_policy
    >>> policy = load_policy("default")
    >>> paragraph_of_change(Change("PatientName", "dropped", "they are names"), policy)
    ('(A)', 'dropped')
    >>> why = "its text looks like: date, phone"
    >>> paragraph_of_change(Change("SeriesDescription", "dropped", why), policy)
    ('(C)', 'text')
    """
    found = _FOUND.search(change.why)
    if found:
        names = [name.strip() for name in found[1].split(",")]
        return _first(names, "detectors") or _term(names), "text"
    if change.why == OUTSIDE:
        return "(C)", "text"
    way = "dropped" if change.what == "dropped" else "rewritten"
    if _UNKNOWN.fullmatch(change.why):
        return UNKNOWN_FIELD, way
    table, dot, name = change.where.rpartition(".")
    kind = policy.column_rule(table, name).kind if dot else ""
    named = _PARAGRAPH.search(change.why)
    paragraph = (
        (named[0] if named else "")
        or _first([change.where], "fields")
        or _first([kind], "columns")
        or (_first([name], "fields") if dot else "")
    )
    return paragraph or OTHER_CHANGE, way


def paragraph_of_file(source: PurePosixPath, reason: str) -> str:
    """Return under which paragraph a file that is withheld counts, or nothing.

    Parameters
    ----------
    source : PurePosixPath
        In the input; only its suffix and datatype are looked at.
    reason : str
        Of the rule.

    Examples
    --------
    >>> paragraph_of_file(PurePosixPath("sub-1/anat/sub-1_photo.jpg"), "")
    '(Q)'
    """
    named = _PARAGRAPH.search(reason)
    if named:
        return named[0]
    name = parse_name(source.name)
    return _first(["" if name is None else name.suffix], "suffixes") or _first(
        [source.parent.name], "datatypes"
    )


def _term(names: Iterable[str]) -> str:
    return LISTED_TERM if KNOWN in names else OTHER_CHANGE


def _first(names: Iterable[str], which: str) -> str:
    """Return the first paragraph that has one of some names, in the order of the names."""
    table = _table(which)
    return next((table[name] for name in names if name in table), "")


@lru_cache(maxsize=len(_SETS))
def _table(which: str) -> Mapping[str, str]:
    return {name: kind.paragraph for kind in kinds() for name in getattr(kind, which)}
