"""The TOML of a policy → `Policy`, with every mistake reported at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bidsdeid.core.policy import ColumnRule, Decision, FileRule, KeyRule, MaskFrom, Policy, Schema
from bidsdeid.core.values import DETECTOR_NAMES
from bidsdeid.errors import PolicyError

_UNNAMED = "(unnamed)"
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
    mistakes = list(_shape_mistakes(raw))
    if mistakes:
        raise PolicyError(_UNNAMED, tuple(mistakes))
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
    rows("file", lambda row: files.append(_file_rule(row)))
    rows("key", lambda row: _add(keys, _key_rules(row, field_schemas)))
    rows("column", lambda row: _add(columns, _column_rules(row)))
    if mistakes:
        raise PolicyError(name or _UNNAMED, tuple(mistakes))
    text = json.dumps([raw, deface_all], sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Policy(name, version, digest, tuple(files), keys, columns, deface_all)


def _shape_mistakes(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the outline: one table ``[policy]``, and lists of tables."""
    if not isinstance(raw.get("policy", {}), dict):
        yield "[policy] must be a table"
    for name in ("file", "key", "column"):
        rows = raw.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            yield f"rules are written [[{name}]], with two brackets"


def _file_rule(row: Mapping[str, Any]) -> FileRule:
    _only(row, {"action", "reason", "mask", *_FILE_FIELDS})
    decision, mask = Decision(row["action"]), MaskFrom(row.get("mask", "own"))
    if "mask" in row and decision not in (Decision.DEFACE, Decision.SKULLSTRIP):
        message = "`mask` belongs to the action `deface`"
        raise ValueError(message)
    criteria = {key: make(_words(row, key)) for key, make in _FILE_FIELDS.items() if key in row}
    _check_detectors(criteria.get("tolerate", ()))
    return FileRule(decision, row["reason"], mask, **criteria)


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
