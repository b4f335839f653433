"""Policies: which file, field and column is released, and why.

A policy is a TOML file of rules; each has a `reason`, and what no rule names is withheld
(files) or dropped (fields and columns).  The first rule that selects something wins.
This module compiles the TOML into lookups and reports every mistake at once.

Rules may name things; they cannot compute.  A new *rule* is data and can be reviewed by anyone;
a new *action* is code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from bidsdeid.core.entities import BIDSName
from bidsdeid.core.values import DETECTOR_NAMES
from bidsdeid.errors import PolicyError

Schema = Mapping[str, Any]


class Decision(StrEnum):
    """What is done to a file."""

    DEFACE = "deface"
    SCRUB = "scrub"
    COPY = "copy"
    WITHHOLD = "withhold"


@dataclass(frozen=True, slots=True)
class FileRule:
    """One row of ``[[file]]``: a selector, a decision and its reason."""

    decision: Decision
    reason: str
    path: tuple[str, ...] = ()
    datatype: frozenset[str] = frozenset()
    suffix: frozenset[str] = frozenset()
    extension: frozenset[str] = frozenset()
    entity: frozenset[str] = frozenset()
    tolerate: frozenset[str] = frozenset()

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
            and (not self.entity or not self.entity.isdisjoint(dict(name.entities)))
        )


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What happens to one JSON field.

    Parameters
    ----------
    action : str
        ``keep``, ``drop``, ``references`` (paths of other files), ``columns`` (names of the
        columns of a table without header) or ``generate`` (the input's value is dropped, and
        the program may write its own).
    reason : str
        Why.
    schema : mapping, optional
        JSON Schema of the value; what does not conform is dropped.
    required : bool
        BIDS requires the field somewhere, so that it is replaced rather than dropped.
    tolerate : frozenset of str
        Detectors of `bidsdeid.core.values` that do not apply to it.
    """

    action: str
    reason: str
    schema: Schema = field(default_factory=dict)
    required: bool = False
    tolerate: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What happens to one column of a table.

    Parameters
    ----------
    kind : str
        ``number``, ``text`` or ``choice`` (one of `choices`) are kept if the cell conforms;
        ``participant`` and ``session`` are labels, ``path`` a file of the dataset, ``date`` a
        point in time, ``age`` a number of years; ``drop`` goes.
    """

    kind: str
    reason: str
    choices: frozenset[str] = frozenset()


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
    """

    name: str
    version: str
    digest: str
    files: tuple[FileRule, ...]
    keys: Mapping[tuple[str, str], KeyRule]
    columns: Mapping[tuple[str, str], ColumnRule]

    def file_rule(
        self, path: PurePosixPath, name: BIDSName | None, datatype: str | None
    ) -> FileRule:
        """Return the first rule that selects a file, or the one that withholds the unknown."""
        return next(
            (rule for rule in self.files if rule.selects(path, name, datatype)), _NO_FILE_RULE
        )

    def key_rule(self, scope: str, key: str) -> KeyRule:
        """Return the rule for a JSON field in ``image``, ``dictionary`` or ``dataset`` scope."""
        return self.keys.get((scope, key), _NO_KEY_RULE)

    def column_rule(self, table: str, column: str) -> ColumnRule:
        """Return the rule for a column; `table` is the suffix of the table's name."""
        return self.columns.get((table, column), _NO_COLUMN_RULE)

    @property
    def required_keys(self) -> frozenset[str]:
        """Fields of image sidecars that BIDS requires of some image."""
        return frozenset(
            key for (scope, key), rule in self.keys.items() if scope == "image" and rule.required
        )


_NO_FILE_RULE = FileRule(Decision.WITHHOLD, "no rule names this kind of file")
_NO_KEY_RULE = KeyRule("drop", "no rule names this field")
_NO_COLUMN_RULE = ColumnRule("drop", "no rule names this column")

SCOPES = frozenset({"image", "dictionary", "dataset"})
KEY_ACTIONS = frozenset({"keep", "drop", "references", "columns", "generate"})
COLUMN_KINDS = frozenset(
    {"number", "text", "choice", "participant", "session", "path", "date", "age", "drop"}
)
VALUE_TYPES: Mapping[str, Schema] = {
    "number": {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]},
    "boolean": {"type": "boolean"},
    "string": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
}
_FILE_FIELDS = {
    "path": tuple,
    "datatype": frozenset,
    "suffix": frozenset,
    "extension": frozenset,
    "entity": frozenset,
    "tolerate": frozenset,
}


def compile_policy(
    raw: Mapping[str, Any], field_schemas: Mapping[str, Schema], *, deface_all: bool = False
) -> Policy:
    """Turn the tables of a policy file into a `Policy`.

    Parameters
    ----------
    raw : mapping
        The parsed TOML.
    field_schemas : mapping
        JSON Schema of each metadata field of the BIDS schema.
    deface_all : bool
        Treat every image that would be released with its voxels untouched as if it showed a
        face.

    Raises
    ------
    PolicyError
        With every mistake found.
    """
    mistakes: list[str] = []
    head = raw.get("policy", {})
    name, version = str(head.get("name", "")), str(head.get("version", ""))
    if not name or not version:
        mistakes.append("[policy] needs `name` and `version`")
    mistakes.extend(
        f"unknown table [{key}]" for key in raw if key not in {"policy", "file", "key", "column"}
    )

    def rows(table: str, compile_row: Callable[[Mapping[str, Any]], None]) -> None:
        for number, row in enumerate(raw.get(table, ()), start=1):
            try:
                if not row.get("reason"):
                    raise ValueError("a rule needs a `reason`")  # noqa: EM101, TRY003, TRY301
                compile_row(row)
            except (KeyError, TypeError, ValueError) as error:
                text = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else error
                mistakes.append(f"[[{table}]] no. {number}: {text}")

    files: list[FileRule] = []
    keys: dict[tuple[str, str], KeyRule] = {}
    columns: dict[tuple[str, str], ColumnRule] = {}
    rows("file", lambda row: files.append(_file_rule(row, deface_all=deface_all)))
    rows("key", lambda row: _add(keys, _key_rules(row, field_schemas)))
    rows("column", lambda row: _add(columns, _column_rules(row)))
    if mistakes:
        raise PolicyError(name or "(unnamed)", tuple(mistakes))
    text = json.dumps([raw, deface_all], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Policy(name, version, digest, tuple(files), keys, columns)


def _file_rule(row: Mapping[str, Any], *, deface_all: bool) -> FileRule:
    _only(row, {"action", "reason", *_FILE_FIELDS})
    decision = Decision(row["action"])
    criteria = {key: make(_words(row, key)) for key, make in _FILE_FIELDS.items() if key in row}
    _check_detectors(criteria.get("tolerate", ()))
    rule = FileRule(decision, row["reason"], **criteria)
    if deface_all and decision is Decision.SCRUB and any(".nii" in e for e in rule.extension):
        return FileRule(Decision.DEFACE, "every image is treated as a face", **criteria)
    return rule


def _key_rules(
    row: Mapping[str, Any], field_schemas: Mapping[str, Schema]
) -> dict[tuple[str, str], KeyRule]:
    _only(row, {"action", "reason", "fields", "required", "scope", "tolerate", "type"})
    action, scopes = row["action"], _words(row, "scope") or ("image",)
    _known("action", (action,), KEY_ACTIONS)
    _known("scope", scopes, SCOPES)
    fields, required = _words(row, "fields"), frozenset(_words(row, "required"))
    _known("required", tuple(required), frozenset(fields))
    tolerate = frozenset(_words(row, "tolerate"))
    _check_detectors(tolerate)
    rules: dict[tuple[str, str], KeyRule] = {}
    for key in fields:
        schema = VALUE_TYPES[row["type"]] if "type" in row else field_schemas.get(key)
        if schema is None and action == "keep":
            message = f"field {key!r} is not in the BIDS schema, so the rule must give its `type`"
            raise ValueError(message)
        for scope in scopes:
            rules[scope, key] = KeyRule(
                action, row["reason"], schema or {}, key in required, tolerate
            )
    return rules


def _column_rules(row: Mapping[str, Any]) -> dict[tuple[str, str], ColumnRule]:
    _only(row, {"table", "fields", "kind", "choices", "reason"})
    _known("kind", (row["kind"],), COLUMN_KINDS)
    choices = frozenset(_words(row, "choices"))
    if (row["kind"] == "choice") != bool(choices):
        message = "`choices` belongs to kind `choice`"
        raise ValueError(message)
    rule = ColumnRule(row["kind"], row["reason"], choices)
    return {(t, f): rule for t in _words(row, "table") for f in _words(row, "fields")}


def _words(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value: object = row.get(key, ())
    words: Sequence[object] = [value] if isinstance(value, str) else list(_sequence(value, key))
    if not all(isinstance(word, str) and word for word in words):
        message = f"`{key}` takes words"
        raise ValueError(message)
    return tuple(str(word) for word in words)


def _sequence(value: object, key: str) -> Sequence[object]:
    if isinstance(value, (list, tuple)):
        return value
    message = f"`{key}` takes a word or a list of words"
    raise ValueError(message)


def _add(table: dict[tuple[str, str], Any], rules: Mapping[tuple[str, str], Any]) -> None:
    """Add rules; the first one for a name wins, as everywhere in a policy."""
    for key, rule in rules.items():
        table.setdefault(key, rule)


def _only(row: Mapping[str, Any], allowed: set[str]) -> None:
    _known("key", tuple(row), frozenset(allowed))


def _check_detectors(names: Sequence[str] | frozenset[str]) -> None:
    _known("tolerate", tuple(names), DETECTOR_NAMES)


def _known(what: str, words: tuple[str, ...], allowed: frozenset[str]) -> None:
    unknown = sorted(set(words) - allowed)
    if unknown:
        message = f"{what}: {', '.join(map(repr, unknown))} is none of {sorted(allowed)}"
        raise ValueError(message)
