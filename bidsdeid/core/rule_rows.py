"""One row of a policy's TOML → its rules, or what is wrong with the row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from bidsdeid.core.detectors import DETECTOR_NAMES
from bidsdeid.core.policy import (
    ColumnRule,
    Decision,
    FileRule,
    Identifier,
    KeyRule,
    MaskFrom,
    Schema,
)

Row = Mapping[str, Any]

SCOPES = frozenset({"image", "dictionary", "dataset"})
KEY_ACTIONS = frozenset({"keep", "drop", "references", "columns", "generate", "replace"})
IDENTITIES = frozenset({"person", "record", "staff", "place"})
COLUMN_KINDS = frozenset(
    {"number", "text", "choice", "participant", "session", "path", "date", "day", "age", "drop"}
)
VALUE_TYPES: Mapping[str, Schema] = {
    "number": {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]},
    "boolean": {"type": "boolean"},
    "string": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
}

#: What selects files.
_CRITERIA = ("path", "datatype", "suffix", "extension", "entity")

#: What a rule for fields may say beside what it does, to which and why.
_OF_KEYS = ("required", "scope", "tolerate", "type", "identity")


def file_rule(row: Row) -> FileRule:
    """Compile a row of ``[[file]]``.

    Raises
    ------
    ValueError
        With what is wrong with it; so do all functions of this module.
    """
    _only(row, {"action", "reason", "mask", "tolerate", "deface_all", *_CRITERIA})
    decision = Decision(_word(row, "action", frozenset(Decision)))
    if "mask" in row and decision not in (Decision.DEFACE, Decision.SKULLSTRIP):
        _wrong("`mask` belongs to the action `deface`")
    mask = MaskFrom(_word(row, "mask", frozenset(MaskFrom), default=MaskFrom.OWN))
    path = _words(row, "path")
    datatype, suffix, extension, entity = (frozenset(_words(row, key)) for key in _CRITERIA[1:])
    if not (path or datatype or suffix or extension or entity):
        _wrong(f"it selects every file: give one of {', '.join(_CRITERIA)}")
    if any(pattern.startswith(("/", "./")) for pattern in path):
        _wrong("`path` counts from the dataset's root, without a slash before it")
    if not all(word.startswith(".") for word in extension):
        _wrong("`extension` begins with a dot")
    return FileRule(
        decision,
        _reason(row),
        mask,
        path,
        datatype,
        suffix,
        extension,
        entity,
        _tolerated(row),
        _flag(row, "deface_all"),
    )


def key_rules(row: Row, field_schemas: Mapping[str, Schema]) -> dict[tuple[str, str], KeyRule]:
    """Compile a row of ``[[key]]`` into rules by scope and field."""
    _only(row, {"action", "reason", "fields", "value", *_OF_KEYS})
    action, reason = _word(row, "action", KEY_ACTIONS), _reason(row)
    scopes = _words(row, "scope", SCOPES) or ("image",)
    fields = _named(row, "fields")
    required = _words(row, "required", frozenset(fields))
    tolerate = _tolerated(row)
    identity = _word(row, "identity", IDENTITIES, default="")
    if identity and action != "drop":
        _wrong("`identity` belongs to the action `drop`")
    value = _word(row, "value", default="")
    if (action == "replace") != bool(value):
        _wrong("`value` belongs to the action `replace`")
    own = VALUE_TYPES[_word(row, "type", VALUE_TYPES)] if "type" in row else None
    rules: dict[tuple[str, str], KeyRule] = {}
    for key in fields:
        schema = field_schemas.get(key) if own is None else own
        if schema is None and action == "keep":
            _wrong(f"field {key!r} is not in the BIDS schema, so the rule must give its `type`")
        rule = KeyRule(action, reason, schema or {}, key in required, tolerate, identity, value)
        rules.update({(scope, key): rule for scope in scopes})
    return rules


def column_rules(row: Row) -> dict[tuple[str, str], ColumnRule]:
    """Compile a row of ``[[column]]`` into rules by table and column."""
    _only(row, {"table", "fields", "kind", "choices", "quasi", "reason"})
    kind = _word(row, "kind", COLUMN_KINDS)
    choices = frozenset(_words(row, "choices"))
    if (kind == "choice") != bool(choices):
        _wrong("`choices` belongs to kind `choice`")
    quasi = _flag(row, "quasi")
    if quasi and kind == "drop":
        _wrong("`quasi` belongs to a column that is kept")
    rule = ColumnRule(kind, _reason(row), choices, quasi)
    return {(t, f): rule for t in _named(row, "table") for f in _named(row, "fields")}


def identifier(row: Row) -> Identifier:
    """Compile a row of ``[[identifier]]``."""
    _only(row, {"paragraph", "what", "where", "how", "reason"})
    return Identifier(
        _word(row, "paragraph"),
        _word(row, "what"),
        _named(row, "where"),
        _word(row, "how"),
        _word(row, "reason", default=""),
    )


def _reason(row: Row) -> str:
    return _word(row, "reason")


def _flag(row: Row, key: str) -> bool:
    """Return true or false, false if there is no such key."""
    value: object = row.get(key, False)
    if not isinstance(value, bool):
        _wrong(f"`{key}` takes true or false")
    return value


def _tolerated(row: Row) -> frozenset[str]:
    return frozenset(_words(row, "tolerate", DETECTOR_NAMES))


def _word(
    row: Row, key: str, allowed: Collection[str] | None = None, *, default: str | None = None
) -> str:
    """Return one word, which must be there unless it has a default."""
    value: object = row.get(key, "")
    if value == "":
        if default is None or key in row:
            _wrong(f"`{key}` is missing")
        return default
    if not isinstance(value, str):
        _wrong(f"`{key}` takes one word")
    if allowed is not None:
        _known(key, (value,), allowed)
    return value


def _words(row: Row, key: str, allowed: Collection[str] | None = None) -> tuple[str, ...]:
    """Return a word or a list of words, none if there is no such key."""
    value: object = row.get(key, ())
    words = (value,) if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)):
        _wrong(f"`{key}` takes a word or a list of words")
    if not all(isinstance(word, str) and word for word in words):
        _wrong(f"`{key}` takes words")
    if allowed is not None:
        _known(key, words, allowed)
    return tuple(words)


def _named(row: Row, key: str) -> tuple[str, ...]:
    """Return words of which there must be one or more."""
    words = _words(row, key)
    if not words:
        _wrong(f"`{key}` is missing")
    return words


def _only(row: Row, allowed: Collection[str]) -> None:
    _known("key", row, allowed)


def _known(what: str, words: Collection[str], allowed: Collection[str]) -> None:
    unknown = sorted(set(words) - set(allowed))
    if unknown:
        _wrong(f"{what}: {', '.join(map(repr, unknown))} is none of {sorted(map(str, allowed))}")


def _wrong(message: str) -> NoReturn:
    raise ValueError(message)
