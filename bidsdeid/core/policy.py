"""Policies: which file, field and column is released, and why.

A policy is a TOML file of rules; each has a `reason`, and what no rule names is withheld
(files) or dropped (fields and columns).  The first rule that selects something wins.
`bidsdeid.core.rules` compiles the TOML into the lookups of this module.

Rules may name things; they cannot compute.  A new *rule* is data and can be reviewed by anyone;
a new *action* is code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from bidsdeid.core.entities import BIDSName

Schema = Mapping[str, Any]


class Decision(StrEnum):
    """What is done to a file."""

    DEFACE = "deface"
    SKULLSTRIP = "skullstrip"
    SCRUB = "scrub"
    COPY = "copy"
    WITHHOLD = "withhold"


class MaskFrom(StrEnum):
    """Where the mask of an image that is defaced comes from."""

    OWN = "own"
    ACQUISITION = "acquisition"
    EITHER = "either"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class FileRule:
    """One row of ``[[file]]``: a selector, a decision and its reason.

    Parameters
    ----------
    decision : Decision
    reason : str
    mask : MaskFrom
        ``own``: found in the image itself; ``acquisition``: taken from a magnitude image of the
        same acquisition, for what does not show a head (phase, maps); ``either``: from there if
        there is one; ``session``: carried over from an anatomical image of the same session, for
        what shows a head too poorly to be searched on its own (PET).
    path, datatype, suffix, extension : collection of str
        Any of each; empty for all.
    entity : frozenset of str
        Entities such as ``part``, or with their label, such as ``part-phase``.
    tolerate : frozenset of str
        Detectors that do not apply to the file's text.
    deface_all : bool
        The rule counts only if every image is treated as if it showed a face.
    """

    decision: Decision
    reason: str
    mask: MaskFrom = MaskFrom.OWN
    path: tuple[str, ...] = ()
    datatype: frozenset[str] = frozenset()
    suffix: frozenset[str] = frozenset()
    extension: frozenset[str] = frozenset()
    entity: frozenset[str] = frozenset()
    tolerate: frozenset[str] = frozenset()
    deface_all: bool = False

    def selects(self, path: PurePosixPath, name: BIDSName | None, datatype: str | None) -> bool:
        """Tell whether this rule speaks for a file; all criteria given must hold."""
        if self.path and not any(fnmatchcase(str(path), pattern) for pattern in self.path):
            return False
        if not (self.datatype or self.suffix or self.extension or self.entity):
            return True
        if name is None:
            return False
        return (
            (not self.datatype or datatype in self.datatype)
            and (not self.suffix or name.suffix in self.suffix)
            and (not self.extension or name.extension in self.extension)
            and (not self.entity or not self.entity.isdisjoint(_words(name)))
        )


def _words(name: BIDSName) -> set[str]:
    """Return the entities of a name, without and with their labels."""
    return {word for entity, label in name.entities for word in (entity, f"{entity}-{label}")}


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What happens to one JSON field.

    Parameters
    ----------
    action : str
        ``keep``, ``drop``, ``references`` (paths of other files), ``columns`` (names of the
        columns of a table without header), ``replace`` (by `value`) or ``generate`` (the input's
        value is dropped, and the program may write its own).
    reason : str
        Why.
    schema : mapping, optional
        JSON Schema of the value; what does not conform is dropped.
    required : bool
        BIDS requires the field somewhere, so that it is replaced rather than dropped.
    tolerate : frozenset of str
        Detectors of `bidsdeid.core.detectors` that do not apply to it.
    identity : str
        Whom the values of a field that is dropped identify: a ``person``, a ``record``,
        ``staff`` or a ``place``.  They are looked for in all that is kept.  Empty if they are
        no identifiers, or too common to be looked for.
    value : str
        What stands for a value that is replaced.
    """

    action: str
    reason: str
    schema: Schema = field(default_factory=dict)
    required: bool = False
    tolerate: frozenset[str] = frozenset()
    identity: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What happens to one column of a table.

    Parameters
    ----------
    kind : str
        ``number``, ``text`` or ``choice`` (one of `choices`) are kept if the cell conforms;
        ``participant`` and ``session`` are labels, ``path`` a file of the dataset, ``date`` a
        point in time, ``day`` one whose time of day is removed, ``age`` a number of years;
        ``drop`` goes.
    reason : str
    choices : frozenset of str
        Of kind ``choice``.
    quasi : bool
        A quasi-identifier: its values tell of no one, but together with others they may (age,
        sex, handedness, group, site, diagnosis).
    """

    kind: str
    reason: str
    choices: frozenset[str] = frozenset()
    quasi: bool = False


@dataclass(frozen=True, slots=True)
class Identifier:
    """One kind of identifier that a law or guideline names, and what becomes of it.

    Rules decide; this tells.  It is the answer to whoever asks about a paragraph.

    Parameters
    ----------
    paragraph : str
        Where it is named, such as ``(A)``.
    what : str
        In the words of the paragraph.
    where : tuple of str
        Parts of a dataset in which it is looked for.
    how : str
        What is done about it, and what is not.
    reason : str
        Why so, if that is not plain.
    """

    paragraph: str
    what: str
    where: tuple[str, ...]
    how: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Compiled rules.

    Parameters
    ----------
    name, version : str
        As the file says.
    digest : str
        SHA-256 of all its rules, which tells one policy from another of the same name.
    files : tuple of FileRule
        In the order in which they are asked.
    keys : mapping of (scope, field) to KeyRule
    columns : mapping of (table, column) to ColumnRule
    deface_all : bool
        Every image that a rule releases is treated as if it showed a face.
    skullstrip : bool
        Anatomical images that would be defaced are skull-stripped instead.
    identifiers : tuple of Identifier
        What a law or guideline names, in the order of its paragraphs.
    description : str
        One line on what the policy is for.
    """

    name: str
    version: str
    digest: str
    files: tuple[FileRule, ...]
    keys: Mapping[tuple[str, str], KeyRule]
    columns: Mapping[tuple[str, str], ColumnRule]
    deface_all: bool = False
    skullstrip: bool = False
    identifiers: tuple[Identifier, ...] = ()
    description: str = ""

    def file_rule(
        self, path: PurePosixPath, name: BIDSName | None, datatype: str | None
    ) -> FileRule:
        """Return the first rule that selects a file, or the one that withholds the unknown."""
        rules = (rule for rule in self.files if self.deface_all or not rule.deface_all)
        return next((rule for rule in rules if rule.selects(path, name, datatype)), NO_FILE_RULE)

    def key_rule(self, scope: str, key: str) -> KeyRule:
        """Return the rule for a JSON field in ``image``, ``dictionary`` or ``dataset`` scope."""
        return self.keys.get((scope, key), _NO_KEY_RULE)

    def column_rule(self, table: str, column: str) -> ColumnRule:
        """Return the rule for a column; `table` is the suffix of the table's name."""
        return self.columns.get((table, column), _NO_COLUMN_RULE)

    def quasi_columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table that are kept and are quasi-identifiers."""
        return frozenset(
            column
            for (where, column), rule in self.columns.items()
            if where == table and rule.quasi
        )

    def quasi_only_in(self, table: str) -> Policy:
        """Return the policy with quasi-identifiers dropped from all other tables.

        What is made coarser in one table must not stand in another.
        """
        gone = ColumnRule("drop", f"participants are made alike in {table}, and only there")
        columns = {
            pair: gone if rule.quasi and pair[0] != table else rule
            for pair, rule in self.columns.items()
        }
        return replace(self, columns=columns)

    @property
    def required_keys(self) -> frozenset[str]:
        """Fields of image sidecars that BIDS requires of some image."""
        return frozenset(
            key for (scope, key), rule in self.keys.items() if scope == "image" and rule.required
        )


NO_FILE_RULE = FileRule(Decision.WITHHOLD, "no rule names this kind of file")
_NO_KEY_RULE = KeyRule("drop", "no rule names this field")
_NO_COLUMN_RULE = ColumnRule("drop", "no rule names this column")
