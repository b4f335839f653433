"""How old a participant was at a scan, from the tables of a dataset.

The nearest table wins: ``scans.tsv``, then ``sessions.tsv``, then ``participants.tsv``.  What is
said unclearly or twice, differently, gives no age but a sentence: the wrong template finds the
wrong face.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bidsdeid.core.age import Age, Finding, Unclear
from bidsdeid.core.agecolumn import Meaning, Origin, meaning_of
from bidsdeid.core.agerow import Row, age_of_row, pregnancy_of_row
from bidsdeid.core.duration import Duration
from bidsdeid.core.tables import Table
from bidsdeid.core.values import JSONValue

#: Tables with a row for each session have one of these, though BIDS wants one row a participant.
_SESSION = frozenset({"session_id", "session"})

_ADD = "add an age to sessions.tsv or use --age-months"


@dataclass(frozen=True, slots=True)
class AgeTable:
    """A table and its JSON dictionary.

    Parameters
    ----------
    table : Table
    fields : mapping of str to JSONValue
        By the name of the column.
    """

    table: Table
    fields: Mapping[str, JSONValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AgeTables:
    """The tables that can tell an age; what does not exist is None.

    Parameters
    ----------
    participants, sessions, scans : AgeTable or None
        ``sessions`` of the participant, ``scans`` of the participant and session.
    """

    participants: AgeTable | None = None
    sessions: AgeTable | None = None
    scans: AgeTable | None = None


def find_age(
    tables: AgeTables,
    participant: str,
    *,
    session: str | None = None,
    scan: str | None = None,
    sessions: Sequence[str] = (),
) -> Finding:
    """Return the age of a participant at a session, or at a scan.

    Parameters
    ----------
    tables : AgeTables
    participant, session : str
        Labels, without ``sub-`` and ``ses-``.
    scan : str, optional
        As ``scans.tsv`` names it, such as ``anat/sub-01_T1w.nii.gz``.
    sessions : sequence of str
        Labels of all sessions of this participant.

    Returns
    -------
    Age, Unclear or None
        None if nothing is said, and nothing hints at a study of children.

    Examples
    --------
    >>> table = Table(("participant_id", "age"), (("sub-01", "0.5"), ("sub-02", "n/a")))
    >>> tables = AgeTables(AgeTable(table))
    >>> find_age(tables, "01").months
    6.0
    >>> find_age(tables, "01", session="2", sessions=("1", "2")).reason.partition(":")[0]
    'participants.tsv gives the age of a child once, for several sessions'
    >>> find_age(tables, "02").reason.partition(":")[0]
    'no age is given for this participant of a study with children'
    """
    everywhere = [t for t in (tables.scans, tables.sessions, tables.participants) if t is not None]
    newborns = any(
        isinstance(meaning := meaning_of(name), Meaning) and meaning.origin is Origin.GESTATION
        for level in everywhere
        for name in level.table.columns
    )
    people = tables.participants
    own = list(_rows(people, "participant_id", participant, session))
    pregnancy = (
        pregnancy_of_row(own[0], people.fields, newborns=newborns)
        if people is not None and own
        else None
    )
    nearer = (
        ("scans.tsv", tables.scans, _rows(tables.scans, "filename", scan)),
        ("sessions.tsv", tables.sessions, _rows(tables.sessions, "session_id", session)),
    )
    for name, level, rows in nearer:
        found = _of_rows(level, rows, name, newborns=newborns, pregnancy=pregnancy)
        if found is not None:
            return found
    found = _of_rows(people, own, "participants.tsv", newborns=newborns)
    several = (
        len(sessions) > 1 and people is not None and _SESSION.isdisjoint(people.table.columns)
    )
    if isinstance(found, Age) and found.child and several:
        return found if session is not None and session == _first(sessions, tables) else _ONCE
    if found is None and (newborns or _has_children(people)):
        return _NOT_GIVEN
    return found


_ONCE = Unclear(f"participants.tsv gives the age of a child once, for several sessions: {_ADD}")
_NOT_GIVEN = Unclear(f"no age is given for this participant of a study with children: {_ADD}")


def _rows(
    level: AgeTable | None, key: str, wanted: str | None, session: str | None = None
) -> Iterator[Row]:
    """Yield the rows about something, and of one session if the table has a column of them."""
    if level is None or wanted is None:
        return
    for cells in level.table.rows:
        row = dict(zip(level.table.columns, cells, strict=True))
        named = {_label(row[column]) for column in _SESSION & row.keys()} - {session}
        other = session is not None and bool(named)
        if key in row and _label(row[key]) == _label(wanted) and not other:
            yield row


def _label(cell: str) -> str:
    """Return a label without its prefix, or the name of a file without its folder."""
    name = cell.rpartition("/")[2]
    return name if "." in name else name.removeprefix("sub-").removeprefix("ses-")


def _of_rows(
    level: AgeTable | None,
    rows: Iterable[Row],
    name: str,
    *,
    newborns: bool,
    pregnancy: Duration | None = None,
) -> Finding:
    """Return the age that all rows about one thing give."""
    if level is None:
        return None
    found = {
        age_of_row(row, level.fields, name, newborns=newborns, pregnancy=pregnancy) for row in rows
    }
    if len(found) > 1:
        return Unclear(f"several rows of {name} give different ages for one scan: {_ADD}")
    return next(iter(found), None)


def _has_children(level: AgeTable | None) -> bool:
    if level is None:
        return False
    rows = (dict(zip(level.table.columns, cells, strict=True)) for cells in level.table.rows)
    ages = (age_of_row(row, level.fields, "participants.tsv") for row in rows)
    return any(isinstance(age, Age) and age.child for age in ages)


def _first(sessions: Sequence[str], tables: AgeTables) -> str | None:
    """Return the first session: by the dates in sessions.tsv, else by numbers in the labels."""
    times: dict[str, str] = {}
    for label in sessions:
        rows = list(_rows(tables.sessions, "session_id", label))
        time = rows[0].get("acq_time", "") if rows else ""
        if re.match(r"\d{4}-\d\d-\d\d", time):
            times[label] = time
    if len(times) == len(sessions):
        return min(sessions, key=lambda label: times[label])
    if len({re.sub(r"\d+", "#", label) for label in sessions}) == 1:
        return min(sessions, key=lambda label: [int(n) for n in re.findall(r"\d+", label)])
    return None
