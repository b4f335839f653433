"""What one row of a table says of an age, all its columns together.

Columns may say one thing in several ways.  They must agree, each within the step of its last
digit; then the finest counts.  An age since birth and one since the due day agree if a living
child can be born so early or late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from bidsdeid.core.age import Age, Finding, Unclear
from bidsdeid.core.agecolumn import Origin, meaning_of
from bidsdeid.core.duration import Duration, Unit, read_duration
from bidsdeid.core.values import JSONValue

TERM_WEEKS = 40.0

#: Pregnancies that end with a living child, in weeks; a table may say no more than that.
_SHORTEST, _LONGEST = 20.0, 45.0

#: Nobody counts post-menstrual weeks further.
_MAX_PMA = 100.0

_MAX_MONTHS = 130 * 12.0

#: Ages are corrected for an early birth up to here (AAP 2004: up to 3 years; most clinics: 2).
_CORRECTED_UNTIL = 24.0

#: Below this a template lasts for 2-3 months, and whole years say too little.
_FINE_BELOW, _FINE_STEP = 12.0, 3.0

#: Cells that say nothing.
_NOTHING = frozenset({"", "n/a", "na", "nan", "none", "null", "unknown", "-", "."})

Row: TypeAlias = Mapping[str, str]
_Stated: TypeAlias = Mapping[Origin, Sequence[tuple[str, Duration]]]


def age_of_row(
    row: Row,
    fields: Mapping[str, JSONValue],
    table: str,
    *,
    newborns: bool = False,
    pregnancy: Duration | None = None,
) -> Finding:
    """Return the age that a row gives.

    Parameters
    ----------
    row : mapping of str to str
        Cells by column.
    fields : mapping of str to JSONValue
        The table's JSON dictionary.
    table : str
        How a message calls the table, such as ``sessions.tsv``.
    newborns : bool
        The study gives gestational ages at birth.
    pregnancy : Duration or None
        From the last menstrual period to birth, if another table says so.

    Examples
    --------
    >>> age_of_row({"age": "2", "age_months": "25"}, {}, "sessions.tsv")
    Age(months=25.0, source='sessions.tsv age_months')
    >>> age_of_row({"pma": "40"}, {}, "sessions.tsv").months
    0.0
    >>> age_of_row({"age": "2", "age_months": "50"}, {}, "sessions.tsv").reason
    'sessions.tsv: two columns give ages that contradict each other: mend one'
    """
    stated = _read(row, fields, newborns=newborns)
    if not isinstance(stated, Unclear):
        stated = _settle(stated, per_scan=table != "participants.tsv")
    found = stated if isinstance(stated, Unclear) else _combine(stated, pregnancy, table)
    return Unclear(f"{table}: {found.reason}") if isinstance(found, Unclear) else found


def pregnancy_of_row(
    row: Row, fields: Mapping[str, JSONValue], *, newborns: bool = False
) -> Duration | None:
    """Return how long the pregnancy was, if a row says so, once and clearly."""
    stated = _read(row, fields, newborns=newborns)
    lengths = [] if isinstance(stated, Unclear) else stated.get(Origin.GESTATION, ())
    return lengths[0][1] if len(lengths) == 1 else None


def _read(row: Row, fields: Mapping[str, JSONValue], *, newborns: bool) -> _Stated | Unclear:
    """Return what a row says, by the moment it counts from."""
    stated: dict[Origin, list[tuple[str, Duration]]] = {}
    for column, cell in row.items():
        if cell.strip().casefold() in _NOTHING:
            continue
        meaning = meaning_of(column, fields.get(column), newborns=newborns)
        if isinstance(meaning, Unclear):
            return meaning
        if meaning is None:
            continue
        length = read_duration(cell, meaning.unit)
        if length is None:
            what = "has no unit" if meaning.unit is None else "is not understood"
            return Unclear(
                f"the age in the column {column!r} {what}: write a number there and its Units "
                "in the JSON"
            )
        if not _plausible(length.months, meaning.origin):
            return Unclear(f"the age in the column {column!r} cannot be: look at its Units")
        stated.setdefault(meaning.origin, []).append((column, length))
    return stated


def _plausible(months: float, origin: Origin) -> bool:
    weeks = months / Unit.WEEKS.months
    if origin is Origin.BIRTH:
        return 0 <= months <= _MAX_MONTHS
    if origin is Origin.TERM:
        return weeks >= _SHORTEST - TERM_WEEKS and months <= _MAX_MONTHS
    return _SHORTEST <= weeks <= (_LONGEST if origin is Origin.GESTATION else _MAX_PMA)


def _settle(stated: _Stated, *, per_scan: bool) -> _Stated | Unclear:
    """Decide what a gestational age is: at birth if the row gives an age besides."""
    loose = stated.get(Origin.GESTATION_OR_SCAN)
    if not loose:
        return stated
    rest: dict[Origin, Sequence[tuple[str, Duration]]] = {
        k: v for k, v in stated.items() if k is not Origin.GESTATION_OR_SCAN
    }
    if rest.keys() - {Origin.GESTATION}:
        return {**rest, Origin.GESTATION: [*rest.get(Origin.GESTATION, ()), *loose]}
    if per_scan or rest:
        return {**rest, Origin.CONCEPTION: loose}
    return Unclear(
        f"the column {loose[0][0]!r} may be the age at birth or at the scan: name the column "
        "birth_age or pma, or use --age-months"
    )


def _combine(stated: _Stated, pregnancy: Duration | None, table: str) -> Finding:
    """Return the one age that the statements of a row agree on, of the finest step."""
    term = TERM_WEEKS * Unit.WEEKS.months
    since_birth = list(stated.get(Origin.BIRTH, ()))
    since_due = [*stated.get(Origin.TERM, ())] + [
        (column, Duration(length.months - term, length.step))
        for column, length in stated.get(Origin.CONCEPTION, ())
    ]
    if not since_birth and not since_due:
        return None
    born = stated.get(Origin.GESTATION)
    pregnancy = born[0][1] if born else pregnancy
    agree = all(
        a.agrees(b) for group in (since_birth, since_due) for _, a in group for _, b in group
    )
    possible = all(_early(b, d) for _, b in since_birth for _, d in since_due) and all(
        pregnancy is None or d.months + term + d.step + pregnancy.step >= pregnancy.months
        for _, d in since_due
    )
    if not agree or not possible:
        return Unclear("two columns give ages that contradict each other: mend one")
    column, best = min(since_due or since_birth, key=lambda pair: pair[1].step)
    if best.months < _FINE_BELOW and best.step > _FINE_STEP:
        return Unclear(
            f"the age in the column {column!r} is too coarse for a child of that age: "
            "give months, or use --age-months"
        )
    if not since_due and pregnancy is not None and best.months < _CORRECTED_UNTIL:
        return Age(best.months + pregnancy.months - term, f"{table} {column}, corrected")
    return Age(best.months, f"{table} {column}")


def _early(since_birth: Duration, since_due: Duration) -> bool:
    """Tell whether an age since birth and one since the due day can be of one child."""
    earliest, latest = (
        (TERM_WEEKS - weeks) * Unit.WEEKS.months for weeks in (_LONGEST, _SHORTEST)
    )
    slack = since_birth.step + since_due.step
    return earliest - slack <= since_birth.months - since_due.months <= latest + slack
