"""The TOML of a policy → `Policy`, with every mistake reported at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bidsdeid.core.policy import ColumnRule, FileRule, Identifier, KeyRule, Policy, Schema
from bidsdeid.core.rule_rows import column_rules, file_rule, identifier, key_rules
from bidsdeid.errors import PolicyError

#: A policy file as `tomllib` reads it.
RawPolicy = Mapping[str, Any]

TABLES = ("file", "key", "column", "identifier")
_HEAD = ("name", "version", "description", "extends")
_UNNAMED = "(unnamed)"


@dataclass(frozen=True, slots=True)
class _Layer:
    """The file of a policy, or of one that it extends.

    Parameters
    ----------
    raw : mapping
        The parsed TOML.
    whose : str
        What a mistake in it is followed by.
    """

    raw: RawPolicy
    whose: str = ""

    def rows(self, table: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the rows of a table, each with its place; none if it is no list of tables."""
        rows = self.raw.get(table, [])
        if _is_list_of_tables(rows):
            for number, row in enumerate(rows, start=1):
                yield f"[[{table}]] no. {number}{self.whose}", row


def compile_policy(
    raw: RawPolicy,
    field_schemas: Mapping[str, Schema],
    *,
    below: Sequence[RawPolicy] = (),
    mistakes: Sequence[str] = (),
    deface_all: bool = False,
) -> Policy:
    """Turn the tables of a policy file into a `Policy`.

    Parameters
    ----------
    raw : mapping
        The parsed TOML.
    field_schemas : mapping
        JSON Schema of each metadata field of the BIDS schema.
    below : sequence of mapping
        The TOML of the policies it extends, the nearest first; their rules come after its own.
    mistakes : sequence of str
        What was found wrong while the files were read.
    deface_all : bool
        Treat every image that would be released with its voxels untouched as if it showed a
        face.

    Raises
    ------
    PolicyError
        With every mistake found, in all of the files.
    """
    layers = [_Layer(raw), *(_Layer(each, f" of policy {_name(each)!r}") for each in below)]
    found = [*mistakes]
    files: list[FileRule] = []
    keys: dict[tuple[str, str], KeyRule] = {}
    columns: dict[tuple[str, str], ColumnRule] = {}
    identifiers: list[Identifier] = []
    compilers: dict[str, Callable[[Mapping[str, Any]], None]] = {
        "file": lambda row: files.append(file_rule(row)),
        "key": lambda row: _add(keys, key_rules(row, field_schemas)),
        "column": lambda row: _add(columns, column_rules(row)),
        "identifier": lambda row: identifiers.append(identifier(row)),
    }
    for layer in layers:
        found.extend(mistake + layer.whose for mistake in _outline_mistakes(layer.raw))
        for table in TABLES:
            for place, row in layer.rows(table):
                try:
                    compilers[table](row)
                except ValueError as error:
                    found.append(f"{place}: {error}")
    if found:
        raise PolicyError(_name(raw), tuple(found))
    head = raw["policy"]
    rules = {table: [row for layer in layers for _, row in layer.rows(table)] for table in TABLES}
    return Policy(
        str(head["name"]),
        str(head["version"]),
        _digest([head["name"], head["version"], rules, deface_all]),
        tuple(files),
        keys,
        columns,
        deface_all,
        identifiers=_by_paragraph(identifiers),
        description=str(head.get("description", "")),
    )


def _outline_mistakes(raw: RawPolicy) -> Iterator[str]:
    """Yield what is wrong outside of the rules: one table ``[policy]``, and lists of tables."""
    head = raw.get("policy", {})
    if not isinstance(head, dict):
        yield "[policy] must be a table"
    else:
        if not (head.get("name") and head.get("version")):
            yield "[policy] needs `name` and `version`"
        for key in ("description", "extends"):
            if not isinstance(head.get(key, ""), str):
                yield f"[policy]: `{key}` takes one text"
        for key in head.keys() - set(_HEAD):
            yield f"[policy]: key {key!r} is none of {sorted(_HEAD)}"
    for key in raw:
        if key not in ("policy", *TABLES):
            yield f"unknown table [{key}]"
        elif key in TABLES and not _is_list_of_tables(raw[key]):
            yield f"rules are written [[{key}]], with two brackets"


def _is_list_of_tables(rows: object) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _name(raw: RawPolicy) -> str:
    head = raw.get("policy")
    return str(head.get("name") or _UNNAMED) if isinstance(head, dict) else _UNNAMED


def _add(table: dict[tuple[str, str], Any], rules: Mapping[tuple[str, str], Any]) -> None:
    """Add rules; the first one for a name wins, as everywhere in a policy."""
    for key, rule in rules.items():
        table.setdefault(key, rule)


def _by_paragraph(rows: Sequence[Identifier]) -> tuple[Identifier, ...]:
    """Return the first row for each paragraph, in the place where the last one stands.

    A policy that extends another may say more about one paragraph without moving it.
    """
    return tuple(reversed({row.paragraph: row for row in reversed(rows)}.values()))


def _digest(rules: object) -> str:
    text = json.dumps(rules, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
