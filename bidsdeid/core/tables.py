"""Tables with only the columns and cells the policy names.

A column is kept if a rule names it; a cell is kept if it is of its column's kind and does not
look like something that identifies a person, and is ``n/a`` otherwise.  Rows that speak of
files or people that are not released go, and the rest is sorted by the released names, so that
the order of the rows says nothing about the order of the originals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from bidsdeid.core.detectors import findings
from bidsdeid.core.policy import ColumnRule, Policy
from bidsdeid.core.pseudonym import DateShift, day_of
from bidsdeid.core.scrub import NOT_AVAILABLE, Change, Context
from bidsdeid.core.terms import Terms
from bidsdeid.core.values import telling_number
from bidsdeid.errors import TextError

#: Ages above this are reported as this (HIPAA 164.514(b)(2)(i)(C), BIDS ``age``).
MAX_AGE = 89

#: Below this age in years two decimals are kept (4 days), above it one (5 weeks).
_INFANT = 3

_MAX_CELL = 200

#: Why a date could not be moved.
OUTSIDE = "a date outside of the 22 years that the key moves"

#: The time of day of a day whose time is removed (BIDS, common principles).
MIDNIGHT = "00:00:00"
_ROW_KINDS = frozenset({"participant", "session", "path"})


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells.

    Parameters
    ----------
    columns : tuple of str
        Header; distinct names.
    rows : tuple of tuple of str
        As many cells in each row as there are columns.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> tuple[str, ...]:
        """Return the cells of one column, empty if there is no such column."""
        if name not in self.columns:
            return ()
        index = self.columns.index(name)
        return tuple(row[index] for row in self.rows)


@dataclass(frozen=True, slots=True)
class TableContext:
    """What the cells of a table are checked against.

    Parameters
    ----------
    base : Context
        Labels, released files, known terms.
    folder : PurePosixPath
        Folder of the table in the source; paths in it are relative to this.
    participants : frozenset of str
        Labels, in the source, of the participants of whom something is released.
    sessions : mapping of str to frozenset of str
        By participant, the labels of sessions of which something is released.
    shift : DateShift or None
        Moves dates; None removes them.
    """

    base: Context
    folder: PurePosixPath = field(default_factory=PurePosixPath)
    participants: frozenset[str] = frozenset()
    sessions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shift: DateShift | None = None


def scrub_table(
    table: Table, suffix: str, policy: Policy, context: TableContext
) -> tuple[Table, tuple[Change, ...]]:
    """Apply a policy to a table with a header.

    Parameters
    ----------
    table : Table
        As read.
    suffix : str
        Suffix of its name, such as ``participants`` or ``events``.
    policy : Policy
        The rules.
    context : TableContext
        What rows and cells are checked against.

    Returns
    -------
    scrubbed : Table
        Kept columns in their order; rows about people, sessions and files sorted by the names
        they are released under, others in their order.
    changes : tuple of Change
        Columns dropped, and columns in which cells were changed; never a value.

    Raises
    ------
    TextError
        If no column can be kept.
    """
    rules = {name: policy.column_rule(suffix, name) for name in table.columns}
    kept = [index for index, name in enumerate(table.columns) if rules[name].kind != "drop"]
    if not kept:
        message = "no column of the table is named by a rule"
        raise TextError(message)
    changes = [
        Change(f"{suffix}.{name}", "dropped", rule.reason)
        for name, rule in rules.items()
        if rule.kind == "drop"
    ]
    columns = tuple(table.columns[index] for index in kept)
    treat = [_CELLS[rules[name].kind] for name in columns]
    person = next((i for i, name in enumerate(columns) if rules[name].kind == "participant"), None)
    rows: list[tuple[str, ...]] = []
    touched: set[str] = set()
    lost = 0
    for row in table.rows:
        old = tuple(row[index] for index in kept)
        about = context if person is None else _about(old[person], context)
        new = [
            _blank(rules[name]) if cell == NOT_AVAILABLE else do(cell, rules[name], about)
            for cell, name, do in zip(old, columns, treat, strict=True)
        ]
        if any(
            cell is None and rules[name].kind in _ROW_KINDS
            for cell, name in zip(new, columns, strict=True)
        ):
            changes.append(Change(f"{suffix} row", "dropped", "what it names is not released"))
            continue
        cells = tuple(NOT_AVAILABLE if cell is None else cell for cell in new)
        touched |= {n for n, a, b in zip(columns, old, cells, strict=True) if a != b}
        lost += sum(
            cell is None and context.shift is not None and day_of(before) is not None
            for cell, before in zip(new, old, strict=True)
        )
        rows.append(cells)
    changes.extend(
        Change(f"{suffix}.{name}", "replaced", rules[name].reason)
        for name in columns
        if name in touched
    )
    changes.extend([Change(suffix, "removed", OUTSIDE)] * lost)
    if any(rules[name].kind in _ROW_KINDS for name in columns):
        rows.sort()
    return Table(columns, tuple(rows)), tuple(changes)


def scrub_rows(rows: Sequence[Sequence[str]], rules: Sequence[ColumnRule], terms: Terms) -> bytes:
    r"""Return a recording with only quantities, in columns that a rule names.

    Columns have no header and are told by their place: one that goes leaves ``n/a`` behind.

    Examples
    --------
    >>> rules = [ColumnRule("number", "pulse"), ColumnRule("drop", "unknown")]
    >>> scrub_rows([["0.1", "19800304"]], rules, Terms())
    b'0.1\tn/a\n'
    """
    keep = [rule.kind == "number" for rule in rules]
    lines = (
        "\t".join(
            (quantity(cell, terms) or NOT_AVAILABLE) if kept else NOT_AVAILABLE
            for cell, kept in zip(row, keep, strict=True)
        )
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines).encode()


def is_number(cell: str) -> bool:
    """Tell whether a cell holds a finite number, as BIDS writes it.

    Examples
    --------
    >>> is_number("-1.5e3"), is_number("nan"), is_number("1_000")
    (True, False, False)
    """
    try:
        return "_" not in cell and math.isfinite(float(cell))
    except ValueError:
        return False


def _blank(rule: ColumnRule) -> str | None:
    """Return what stands for an empty cell; a row that names nothing is not kept."""
    return None if rule.kind in _ROW_KINDS else NOT_AVAILABLE


def quantity(cell: str, terms: Terms) -> str | None:
    """Return a cell of a numeric column, None if it is no number or reads as something else."""
    plain = cell.strip()
    if not is_number(plain) or telling_number(float(plain)) or terms.occur_in(plain):
        return None
    return plain


def _number(cell: str, _rule: ColumnRule, context: TableContext) -> str | None:
    return quantity(cell, context.base.terms)


def _text(cell: str, _rule: ColumnRule, context: TableContext) -> str | None:
    spoken = context.base.labels.text(cell, context.base.participant)
    return None if len(cell) > _MAX_CELL or findings(spoken, context.base.terms) else spoken


def _choice(cell: str, rule: ColumnRule, _context: TableContext) -> str | None:
    return cell if cell in rule.choices else None


def _age(cell: str, _rule: ColumnRule, _context: TableContext) -> str | None:
    digits = cell.strip().removesuffix("+")
    if not is_number(digits) or float(digits) < 0:
        return None
    if float(digits) > MAX_AGE:
        return str(MAX_AGE)
    places = 2 if float(digits) < _INFANT else 1
    return digits if digits.isdecimal() else f"{round(float(digits), places):g}"


def _date(cell: str, _rule: ColumnRule, context: TableContext) -> str | None:
    return None if context.shift is None else context.shift.apply(cell)


def _day(cell: str, rule: ColumnRule, context: TableContext) -> str | None:
    moved = _date(cell, rule, context)
    return None if moved is None else f"{moved[: len('YYYY-MM-DD')]}T{MIDNIGHT}"


def _about(cell: str, context: TableContext) -> TableContext:
    """Return the context of a row that names a participant."""
    return replace(context, base=replace(context.base, participant=cell.removeprefix("sub-")))


def _participant(cell: str, _rule: ColumnRule, context: TableContext) -> str | None:
    label = cell.removeprefix("sub-")
    if label not in context.participants:
        return None
    return f"sub-{context.base.labels.participant(label)}"


def _session(cell: str, _rule: ColumnRule, context: TableContext) -> str | None:
    label, owner = cell.removeprefix("ses-"), context.base.participant
    if label not in context.sessions.get(owner, frozenset()):
        return None
    return f"ses-{context.base.labels.session(owner, label)}"


def _path(cell: str, _rule: ColumnRule, context: TableContext) -> str | None:
    target = context.base.released.get(context.folder / cell)
    folder = context.base.labels.path(context.folder)
    return None if target is None else str(target.relative_to(folder))


_CELLS: dict[str, Callable[[str, ColumnRule, TableContext], str | None]] = {
    "number": _number,
    "text": _text,
    "choice": _choice,
    "age": _age,
    "date": _date,
    "day": _day,
    "participant": _participant,
    "session": _session,
    "path": _path,
}
