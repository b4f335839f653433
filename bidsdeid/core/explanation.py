"""A policy as prose, for people who read no TOML: one sentence a rule, with its reason."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType

from bidsdeid.core.file_sentences import MANY, file_sentences, left_out
from bidsdeid.core.policy import ColumnRule, Identifier, KeyRule, Policy
from bidsdeid.core.prose import because, heading, in_order, listed, title, wrapped

#: A choice among more words than this gives their number only.
_MANY_CHOICES = 6

_PREFACE = (
    "Every file, field and column is decided by the first rule that names it, and what no rule "
    "names is not released: a file is withheld, a field or column is dropped. Rules for files "
    "are numbered in the order in which they are asked."
)

_SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "image": "FIELDS OF SIDECARS, the JSON files about images, recordings and tables",
        "dictionary": "FIELDS THAT DESCRIBE COLUMNS, in participants.json and the like",
        "dataset": "FIELDS OF dataset_description.json",
    }
)

#: By the action, and whether the values are looked for elsewhere.
_KEY_ACTIONS: Mapping[tuple[str, bool], str] = MappingProxyType(
    {
        ("keep", False): "Kept, if the value is of the type of the field and nothing in it looks "
        "like an identifier; where BIDS requires the field, n/a stands for what cannot be kept, "
        "or the file is withheld",
        ("columns", False): "Kept as names of columns",
        ("references", False): "Kept as names of files",
        ("replace", False): "Replaced by a value that says nothing, since BIDS requires them",
        ("generate", False): "Written by this program",
        ("drop", True): "Dropped, and what they hold is looked for in all that is kept",
        ("drop", False): "Dropped",
    }
)

_MOVED = "by one secret number of days for each participant (with --dates remove, dropped)"
_COLUMN_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "participant": "Kept as labels of participants",
        "session": "Kept as labels of sessions",
        "path": "Kept as names of files",
        "number": "Kept, where the cell is a number",
        "choice": "Kept, where the cell is one of the words of a list",
        "text": "Kept, where nothing in the cell looks like an identifier",
        "age": "Kept as ages in years, with 89 for all that are older",
        "date": f"Kept as dates with their time of day, moved {_MOVED}",
        "day": f"Kept as dates without their time of day, moved {_MOVED}",
        "drop": "Dropped",
    }
)


def explain(policy: Policy) -> str:
    """Return a policy as sentences, in groups of what they decide.

    Parameters
    ----------
    policy : Policy

    Returns
    -------
    str
        Plain text, of lines that fit a page.
    """
    name = f"Policy {policy.name} {policy.version}"
    lines = [name, "=" * len(name), ""]
    lines += [*wrapped(policy.description), ""] if policy.description else []
    lines += wrapped(_PREFACE)
    lines += file_sentences(policy.files)
    lines += _key_sentences(policy.keys)
    lines += _column_sentences(policy.columns)
    lines += _quasi_sentence(policy)
    lines += _identifier_sentences(policy)
    return "\n".join(lines)


def identifier_rows(policy: Policy) -> str:
    """Return what a law or guideline names, and what is done about each, as a Markdown table."""
    rows = [("paragraph", "what", "where it is looked for", "what is done"), ("---",) * 4]
    rows += [
        (row.paragraph, row.what, listed(row.where), _what_is_done(row))
        for row in policy.identifiers
    ]
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _key_sentences(rules: Mapping[tuple[str, str], KeyRule]) -> Iterator[str]:
    for scope, what in _SCOPES.items():
        mine = {key: rule for (where, key), rule in rules.items() if where == scope}
        yield from title(what)
        for (action, sought), means in _KEY_ACTIONS.items():
            groups: dict[Hashable, list[str]] = {}
            for key, rule in mine.items():
                if rule.action == action and bool(rule.identity) is sought:
                    groups.setdefault((rule.reason, rule.tolerate), []).append(key)
            if groups or (action == "drop" and not sought):
                yield from heading(means)
            for names in groups.values():
                rule = mine[names[0]]
                yield from _sentence(names, "fields", left_out(rule.tolerate), rule.reason)
        yield from wrapped("every other field, because no rule names it.", "  - ")


def _column_sentences(rules: Mapping[tuple[str, str], ColumnRule]) -> Iterator[str]:
    yield from title("COLUMNS OF TABLES")
    for kind, means in _COLUMN_KINDS.items():
        mine = dict.fromkeys(rule for rule in rules.values() if rule.kind == kind)
        if mine or kind == "drop":
            yield from heading(means)
        for rule in mine:
            for names, tables in _spoken_of(rule, rules).items():
                more = f" of {listed(tables)}{_choices(rule)}"
                yield from _sentence(names, "columns", more, rule.reason)
    yield from wrapped("every other column, because no rule names it.", "  - ")


def _spoken_of(
    rule: ColumnRule, rules: Mapping[tuple[str, str], ColumnRule]
) -> dict[tuple[str, ...], list[str]]:
    """Return the columns that a rule speaks of, each set of them with its tables."""
    columns: dict[str, list[str]] = {}
    for (table, name), other in rules.items():
        if other == rule:
            columns.setdefault(table, []).append(name)
    tables: dict[tuple[str, ...], list[str]] = {}
    for table, names in columns.items():
        tables.setdefault(tuple(names), []).append(table)
    return tables


def _choices(rule: ColumnRule) -> str:
    words = in_order(rule.choices)
    if not words:
        return ""
    return f" ({listed(words, 'or') if len(words) <= _MANY_CHOICES else f'{len(words)} words'})"


def _quasi_sentence(policy: Policy) -> Iterator[str]:
    tables = in_order({table for table, _ in policy.columns})
    named = {table: in_order(policy.quasi_columns(table)) for table in tables}
    parts = [f"{listed(columns)} of {table}" for table, columns in named.items() if columns]
    if parts:
        yield ""
        yield from wrapped(
            f"Together with others these may tell who somebody is: {listed(parts, 'as well as')}. "
            "With --k N they are kept in the table of participants only, and made coarser or left "
            "out there until N participants share each combination."
        )


def _identifier_sentences(policy: Policy) -> Iterator[str]:
    if policy.identifiers:
        yield from title("IDENTIFIERS, and what is done about each")
    for row in policy.identifiers:
        yield ""
        yield from wrapped(f"{row.paragraph} {row.what}.")
        yield from wrapped(f"Looked for in {listed(row.where)}. {_what_is_done(row)}", "    ")


def _what_is_done(row: Identifier) -> str:
    return f"{row.how} This is so because {row.reason}." if row.reason else row.how


def _sentence(names: Sequence[str], what: str, more: str, reason: str) -> list[str]:
    """Return the lines of a rule for fields or columns."""
    if len(names) <= MANY:
        return because(f"{listed(names)}{more}", reason)
    return because(f"{len(names)} {what}{more}", reason, names)
