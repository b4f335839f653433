"""Whom a table of participants gives away by a combination that few share: k-anonymity.

Age, sex, handedness, group and site each tell of no one, but somebody who knows them of a person
finds the row if no other has all of them (Sweeney 2002, doi:10.1142/S0218488502001648).  A cell
is such a combination; in a table that is k-anonymous each cell that occurs has k rows or more.

Rule 1: ages become coarser before anything is blanked, all of them by the same width.
Rule 2: rows that are still in too small a cell lose all of their quasi-identifiers, since to
        blank some of them makes new combinations, which can be rare again.
Rule 3: rows without quasi-identifiers are a cell, too: it must not be a small one either.

Cells are compared as they are written: ``34`` and ``34.0`` are two values, since a reader can
tell them apart.  A row is a participant.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bidsdeid.core.scrub import NOT_AVAILABLE, Change
from bidsdeid.core.tables import MAX_AGE, Table, is_number

#: Years, the coarser the later.
AGE_WIDTHS = (1, 2, 5, 10, 20)

#: A width of ages suffices if not more than one row in this many is blanked with it (5 %).
_ONE_ROW_IN = 20

#: The quasi-identifiers of one row.
Cell: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """How well the rows of a table hide each other.

    It is public and therefore holds counts only, never a value or a participant's label.

    Parameters
    ----------
    rows : int
        Of the table.
    columns : tuple of str
        Quasi-identifying columns that are there.
    smallest : int
        Size of the smallest cell of the table as it is; 0 if it has no rows.
    alone : int
        Participants who are alone in their cell.
    below : int
        Participants in cells smaller than `k`.
    k : int
        What was asked for.
    age_width : int or None
        The finest of `AGE_WIDTHS` with which no participant is in a cell smaller than `k` after
        5 % of the rows, or fewer, are blanked; also if there are no ages, or none need to
        change.  None if no width suffices.
    suppressed : int
        Participants whose quasi-identifiers would still have to be blanked with that width, or
        with the coarsest if none suffices.
    """

    rows: int
    columns: tuple[str, ...]
    smallest: int
    alone: int
    below: int
    k: int
    age_width: int | None
    suppressed: int


@dataclass(frozen=True, slots=True)
class _Recoding:
    """What a table would hold with ages of one width.

    Parameters
    ----------
    width : int
        Of ages, in years.
    cells : tuple of Cell
        One for each row, as it would be written.
    suppressed : int
        How many rows were blanked, without those that said nothing before.
    suffices : bool
        Whether all cells are of k rows, and few were blanked for it.
    """

    width: int
    cells: tuple[Cell, ...]
    suppressed: int
    suffices: bool


def disclosure(
    table: Table, quasi: Sequence[str], k: int, *, ages: Collection[str] = ("age",)
) -> Disclosure:
    """Count whom a table gives away, and what it would take to hide them.

    Parameters
    ----------
    table : Table
        One row for each participant.
    quasi : sequence of str
        Columns whose values others may know; those that are not in the table are passed over.
    k : int
        How many participants must share a combination.
    ages : collection of str
        Those of `quasi` that are ages in years.

    Examples
    --------
    >>> table = Table(("participant_id", "age", "sex"), (
    ...     ("sub-01", "31", "F"), ("sub-02", "34", "F"), ("sub-03", "33.5", "F")))
    >>> disclosure(table, ["age", "sex", "site"], 3)  # doctest: +NORMALIZE_WHITESPACE
    Disclosure(rows=3, columns=('age', 'sex'), smallest=1, alone=3, below=3, k=3, age_width=5,
        suppressed=0)
    """
    columns = _present(table, quasi)
    cells = _cells(table, columns)
    sizes = Counter(cells).values()
    best = _best(cells, [name in ages for name in columns], k)
    return Disclosure(
        rows=len(table.rows),
        columns=columns,
        smallest=min(sizes, default=0),
        alone=sum(size == 1 for size in sizes),
        below=sum(size for size in sizes if size < k),
        k=k,
        age_width=best.width if best.suffices else None,
        suppressed=best.suppressed,
    )


def enforced(
    table: Table, quasi: Sequence[str], k: int, *, ages: Collection[str] = ("age",)
) -> tuple[Table, tuple[Change, ...]]:
    """Return the table with each combination shared by `k` participants, or blank.

    A table that is so already is not changed, whatever its ages look like.  Otherwise all ages
    are written as the lower bound of their bin, of the finest width with which 5 % of the rows
    or fewer are blanked, else of the coarsest.

    Parameters
    ----------
    table, quasi, k, ages
        As for `disclosure`.

    Returns
    -------
    safe : Table
        With its rows in their order, and all other columns as they are.  If it has fewer than
        `k` rows, all its quasi-identifiers are ``n/a``.
    changes : tuple of Change
        One for each column that was changed.

    Examples
    --------
    >>> table = Table(("participant_id", "age"), (
    ...     ("sub-01", "21"), ("sub-02", "20.5"), ("sub-03", "71"), ("sub-04", "73")))
    >>> safe, changes = enforced(table, ["age", "sex"], 2)
    >>> safe.column("age")
    ('20', '20', '70', '70')
    >>> [change.where for change in changes]
    ['participants.age']
    >>> enforced(table, ["age"], 5)[0].column("age")
    ('n/a', 'n/a', 'n/a', 'n/a')
    """
    columns = _present(table, quasi)
    cells = _cells(table, columns)
    if all(size >= k for size in Counter(cells).values()):
        return table, ()
    best = _best(cells, [name in ages for name in columns], k)
    return _rewritten(table, columns, best.cells), tuple(_changes(columns, cells, best, k))


def _present(table: Table, quasi: Sequence[str]) -> tuple[str, ...]:
    """Return the quasi-identifying columns that are there, each once."""
    return tuple(dict.fromkeys(name for name in quasi if name in table.columns))


def _cells(table: Table, columns: Sequence[str]) -> tuple[Cell, ...]:
    places = [table.columns.index(name) for name in columns]
    return tuple(tuple(row[place] for place in places) for row in table.rows)


def _best(cells: Sequence[Cell], is_age: Sequence[bool], k: int) -> _Recoding:
    """Return the finest recoding that suffices, the coarsest if none does."""
    tried = [_recoding(cells, is_age, width, k) for width in AGE_WIDTHS]
    return next((recoding for recoding in tried if recoding.suffices), tried[-1])


def _recoding(cells: Sequence[Cell], is_age: Sequence[bool], width: int, k: int) -> _Recoding:
    binned = [
        tuple(
            _lower_bound(value, width) if age else value
            for value, age in zip(cell, is_age, strict=True)
        )
        for cell in cells
    ]
    blank = (NOT_AVAILABLE,) * len(is_age)
    gone = _gone(Counter(binned), blank, k)
    written = tuple(blank if cell in gone else cell for cell in binned)
    suppressed = sum(new != old for new, old in zip(written, binned, strict=True))
    few = suppressed * _ONE_ROW_IN <= len(cells)
    hidden = all(size >= k for size in Counter(written).values())
    return _Recoding(width, written, suppressed, few and hidden)


def _gone(sizes: Mapping[Cell, int], blank: Cell, k: int) -> frozenset[Cell]:
    """Return the cells to blank: the small ones, and one more if these alone would be few.

    One more is enough, since a cell that is not small has `k` rows itself.  Of cells of one size
    it is the first in the order of their text, which is the same in whatever order the rows are.
    """
    small = {cell for cell, size in sizes.items() if size < k}
    together = sum(sizes[cell] for cell in small | ({blank} & sizes.keys()))
    others = sizes.keys() - small - {blank}
    if 0 < together < k and others:
        small.add(min(others, key=lambda cell: (sizes[cell], cell)))
    return frozenset(small)


def _lower_bound(age: str, width: int) -> str:
    """Return the age at which the bin of an age begins; text that is no number as it is.

    Bins begin at multiples of `width`, and infants are binned like all others: with a width of 1
    they are 0, 1 or 2.  `MAX_AGE` means "this or older" and stays a bin of its own, so that the
    bin before it ends there, however wide the others are: merged, 80 would stand for 80 to 99
    in one table and for 80 and more in this, and nobody could see which.

    Examples
    --------
    >>> [_lower_bound(age, 5) for age in ("34", "4.25", "88.9", "89", "n/a")]
    ['30', '0', '85', '89', 'n/a']
    """
    if not is_number(age):
        return age
    years = math.floor(float(age))
    return str(MAX_AGE if years >= MAX_AGE else years // width * width)


def _rewritten(table: Table, columns: Sequence[str], cells: Sequence[Cell]) -> Table:
    """Return a table with other cells in some columns."""
    rows = []
    for row, cell in zip(table.rows, cells, strict=True):
        new = dict(zip(columns, cell, strict=True))
        old = zip(table.columns, row, strict=True)
        rows.append(tuple(new.get(name, value) for name, value in old))
    return Table(table.columns, tuple(rows))


def _changes(
    columns: Sequence[str], old: Sequence[Cell], best: _Recoding, k: int
) -> Iterator[Change]:
    """Yield what was done to each column, without a value."""
    binned = f"ages are the lower bounds of bins (width in years: {best.width})"
    blanked = f"n/a where fewer than {k} participants share the combination, or to hide those few"
    for index, name in enumerate(columns):
        both = ((was[index], now[index]) for was, now in zip(old, best.cells, strict=True))
        became = {now for was, now in both if was != now}
        whys = [binned] if became - {NOT_AVAILABLE} else []
        whys += [blanked] if NOT_AVAILABLE in became else []
        if whys:
            yield Change(f"participants.{name}", "replaced", "; ".join(whys))
