"""JSON metadata with only what the policy names, in the type the schema gives it.

A field is kept if a rule keeps it, its value has the type of that field, and no string in it has
the shape of something that identifies a person.  A field that BIDS requires is not dropped but
replaced; if that is not possible the file cannot be released.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from jsonschema import Draft202012Validator

from bidsdeid.core.detectors import findings, words_found
from bidsdeid.core.labels import Labels
from bidsdeid.core.policy import KeyRule, Policy, Schema
from bidsdeid.core.references import Released, released_references
from bidsdeid.core.terms import Terms
from bidsdeid.core.values import JSONValue, numbers, strings, telling_number
from bidsdeid.errors import TextError

#: What stands for a required string that had to go; BIDS's own word for "not available".
NOT_AVAILABLE = "n/a"

#: A column as HED annotations name it.
_HED_COLUMN = re.compile(r"\{(\w+)\}")

#: Deeper than any BIDS metadata goes.
MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Change:
    """One field or column that was not kept as it was.

    Parameters
    ----------
    where : str
        Name of the field or column, such as ``PatientName`` or ``events.comment``.  Private: a
        name that no rule knows can itself identify a person.
    what : str
        ``dropped``, ``replaced``, ``shifted``, ``capped``.
    why : str
        The rule's reason or the name of the detector, never a value.
    """

    where: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Context:
    """What scrubbing must know beside the policy.

    Parameters
    ----------
    participant : str
        Label, in the source, of the participant the file belongs to; empty at the dataset's root.
    released : mapping of PurePosixPath to PurePosixPath
        Files that are released, by source path.
    terms : Terms
        Words that must not occur.
    labels : Labels
        New labels.
    """

    participant: str = ""
    released: Released = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    labels: Labels = field(default_factory=Labels)


Scrubbed = tuple[dict[str, JSONValue], tuple[Change, ...]]


def scrub_fields(
    fields: Mapping[str, JSONValue],
    policy: Policy,
    context: Context,
    *,
    scope: str = "image",
    table: str = "",
) -> Scrubbed:
    """Apply a policy to the fields of one JSON file.

    Parameters
    ----------
    fields : mapping
        The JSON object.
    policy : Policy
        The rules.
    context : Context
        Labels, released files, known terms.
    scope : str
        ``image`` for sidecars, ``dataset`` for ``dataset_description.json``.
    table : str
        Suffix of the table whose columns the file describes, such as ``participants``.  A field
        named like a kept column is then that column's description.

    Returns
    -------
    scrubbed : dict
        The fields that remain, in their order.
    changes : tuple of Change
        One for each field that did not stay as it was.

    Raises
    ------
    TextError
        If a field that BIDS requires can neither be kept nor replaced.
    """
    kept: dict[str, JSONValue] = {}
    changes: list[Change] = []
    for key, value in fields.items():
        column = scope == "image" and table and policy.column_rule(table, key).kind != "drop"
        if column and isinstance(value, dict):
            inner, inner_changes = scrub_fields(
                value, policy, context, scope="dictionary", table=table
            )
            kept[key] = inner
            changes.extend(Change(f"{key}.{c.where}", c.what, c.why) for c in inner_changes)
            continue
        rule = policy.key_rule(scope, key)
        if rule.action == "columns":
            result, what, why = _scrub_columns(value, policy, table)
        elif rule.action == "replace":
            result, what = rule.value, "" if value == rule.value else "replaced"
            why = rule.reason
        elif rule.action == "keep":
            spoken = _relabelled(value, context)
            objection = _objection(spoken, rule, policy, context, table)
            result, what, why = _kept(key, spoken, rule, objection)
            if spoken != value and not what:
                what, why = "replaced", "it names a participant or session"
        else:
            result, what, why = _not_kept(value, rule, context)
        if what:
            changes.append(Change(key, what, why))
        if what != "dropped":
            kept[key] = result
    return kept, tuple(changes)


def conforms(value: JSONValue, schema: Schema) -> bool:
    """Tell whether a value has the type (and is among the choices) of its field.

    Examples
    --------
    >>> conforms(0.03, {"type": "number", "exclusiveMinimum": 0})
    True
    >>> conforms("Jane", {"type": "number"})
    False
    """
    return bool(_validator(json.dumps(schema, sort_keys=True)).is_valid(value))


@lru_cache(maxsize=512)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def depth(value: JSONValue) -> int:
    """Return how many objects and arrays are nested; 0 for a number or a string."""
    if isinstance(value, dict):
        return 1 + max((depth(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(inner) for inner in value), default=0)
    return 0


def _not_kept(value: JSONValue, rule: KeyRule, context: Context) -> tuple[JSONValue, str, str]:
    """Return (value, what was done, why) of a field that goes, or names files."""
    if rule.action in ("drop", "generate"):
        return None, "dropped", rule.reason
    new = released_references(value, context.participant, context.released)
    if new is None:
        return None, "dropped", "none of the files it names is released"
    return new, "" if new == value else "replaced", "a file it names is released otherwise"


def _relabelled(value: JSONValue, context: Context) -> JSONValue:
    """Return a value with new labels in all its strings."""
    if isinstance(value, str):
        return context.labels.text(value, context.participant)
    if isinstance(value, list):
        return [_relabelled(item, context) for item in value]
    if isinstance(value, dict):
        return {
            context.labels.text(key, context.participant): _relabelled(inner, context)
            for key, inner in value.items()
        }
    return value


def _kept(key: str, value: JSONValue, rule: KeyRule, objection: str) -> tuple[JSONValue, str, str]:
    """Return (value, what was done, why); nothing done is two empty strings."""
    if not objection:
        return value, "", ""
    if not rule.required:
        return None, "dropped", objection
    if conforms(NOT_AVAILABLE, rule.schema):
        return NOT_AVAILABLE, "replaced", objection
    message = f"field {key} is required and can be neither kept nor replaced: {objection}"
    raise TextError(message)


def _objection(
    value: JSONValue, rule: KeyRule, policy: Policy, context: Context, table: str
) -> str:
    """Return why a value may not be kept, or nothing."""
    if depth(value) > MAX_DEPTH or not conforms(value, rule.schema):
        return "its value has not the type of this field"
    found = {
        finding
        for text in strings(value)
        for finding in findings(text, context.terms, tolerate=rule.tolerate)
    }
    if found:
        return f"its text looks like: {', '.join(sorted(found))}"
    long = "record number" in rule.tolerate
    if not long and any(telling_number(number, record=True) for number in numbers(value)):
        return "its number reads as a date, a clock or a record number"
    words = words_found(
        json.dumps(value, ensure_ascii=False), context.terms, tolerate=rule.tolerate
    )
    if words:
        return f"it holds a {words[0]}"
    return _dangling(value, policy, table)


def _dangling(value: JSONValue, policy: Policy, table: str) -> str:
    """Return an objection if HED annotations name a column, in braces, that is dropped."""
    named = {match for text in strings(value) for match in _HED_COLUMN.findall(text)}
    dropped = {name for name in named if policy.column_rule(table, name).kind == "drop"}
    return "it names a column that is dropped" if table and dropped - {"HED"} else ""


def _scrub_columns(value: JSONValue, policy: Policy, table: str) -> tuple[JSONValue, str, str]:
    """Give the columns of a table without header names that say nothing but their kind."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        message = "field Columns is not a list of names"
        raise TextError(message)
    names: list[JSONValue] = [
        name if policy.column_rule(table, str(name)).kind != "drop" else f"column_{number}"
        for number, name in enumerate(value, start=1)
    ]
    return names, "" if names == value else "replaced", "no rule names some of the columns"
