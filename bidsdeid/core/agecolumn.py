"""What a column of ages means: its unit, and the moment it counts from.

`AGE_NAMES` is the whole of the knowledge of names: one row a meaning, each with its reason.
A name may end in a unit (``age_months``, ``pma_in_weeks``).  A column's entry in the JSON
dictionary says more; two statements that contradict each other are not weighed, but told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bidsdeid.core.age import Unclear
from bidsdeid.core.duration import UNIT_WORDS, Unit
from bidsdeid.core.values import JSONValue


class Origin(StrEnum):
    """The moment an age counts from."""

    BIRTH = "birth"
    CONCEPTION = "the last menstrual period"
    TERM = "the day on which the birth was due"
    GESTATION = "the last menstrual period, until birth"
    GESTATION_OR_SCAN = "the last menstrual period, until birth or until the scan"
    SCAN = "birth or the last menstrual period, until the scan"


@dataclass(frozen=True, slots=True)
class AgeName:
    """One row of `AGE_NAMES`.

    Parameters
    ----------
    names : tuple of str
        In lower case, words joined by ``_``, without a unit.
    origin : Origin
    unit : Unit or None
        If nothing says another; None if that cannot be known.
    reason : str
        Where this meaning comes from.
    """

    names: tuple[str, ...]
    origin: Origin
    unit: Unit | None
    reason: str


def _names(words: str) -> tuple[str, ...]:
    return tuple(words.split())


AGE_NAMES = (
    AgeName(
        _names("age"),
        Origin.BIRTH,
        Unit.YEARS,
        "BIDS: postnatal, in years unless Units says otherwise",
    ),
    AgeName(
        _names(
            "age_at_scan age_scan age_at_mri age_mri age_at_session age_at_visit "
            "postnatal_age post_natal_age chronological_age"
        ),
        Origin.BIRTH,
        None,
        "in use for years, months and days alike",
    ),
    AgeName(
        _names(
            "pma pma_at_scan pma_scan post_menstrual_age postmenstrual_age "
            "post_menstrual_age_at_scan postmenstrual_age_at_scan pca postconceptional_age "
            "gestational_age_at_scan ga_at_scan ga_scan"
        ),
        Origin.CONCEPTION,
        Unit.WEEKS,
        "neonatology counts these in weeks (AAP 2004, doi:10.1542/peds.2004-1915)",
    ),
    AgeName(
        _names("corrected_age age_corrected adjusted_age age_adjusted"),
        Origin.TERM,
        None,
        "HBCD has both names, in days and in weeks",
    ),
    AgeName(
        _names(
            "birth_age gestational_age_at_birth gestational_age_birth ga_at_birth ga_birth "
            "gestational_age_delivery gestational_age_at_delivery"
        ),
        Origin.GESTATION,
        Unit.WEEKS,
        "dHCP participants.tsv, HBCD: how long the pregnancy was, not how old the child is",
    ),
    AgeName(
        _names("gestational_age ga"),
        Origin.GESTATION_OR_SCAN,
        Unit.WEEKS,
        "at birth by definition, at the scan in many neonatal tables",
    ),
    AgeName(
        _names("scan_age"),
        Origin.SCAN,
        None,
        "dHCP sessions.tsv: weeks since the last menstrual period; elsewhere years",
    ),
)

_BY_NAME = {name: row for row in AGE_NAMES for name in row.names}

#: Words beside the unit in ``Units``; what is not here is not understood.
_FILLERS = frozenset(
    "age ages of in at the old since after post natal postnatal birth life scan completed decimal "
    "whole chronological".split()
)
_ORIGIN_WORDS = {
    **dict.fromkeys(
        "menstrual postmenstrual pma conceptional postconceptional pca gestational gestation "
        "ga".split(),
        Origin.CONCEPTION,
    ),
    **dict.fromkeys("corrected adjusted term edd".split(), Origin.TERM),
}
_LONG_UNIT = r"(years|months|weeks|days)"
_PROSE_UNIT = re.compile(rf"\bin\s+(?:[a-z]+\s+)?{_LONG_UNIT}\b|[(\[]{_LONG_UNIT}[)\]]")
_AT_BIRTH = re.compile(r"\bat (?:the time of )?(?:birth|delivery)\b")
_AT_SCAN = re.compile(r"\bat (?:the )?(?:time of )?(?:the )?(?:scan|mri|imaging|acquisition)")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the numbers of a column are.

    Parameters
    ----------
    column : str
        As the table names it.
    origin : Origin
        Never ``SCAN``; ``GESTATION_OR_SCAN`` is told apart by the other columns.
    unit : Unit or None
        None if only a cell can say it.
    """

    column: str
    origin: Origin
    unit: Unit | None


def meaning_of(
    column: str, entry: JSONValue = None, *, newborns: bool = False
) -> Meaning | Unclear | None:
    """Return what a column of a table means.

    Parameters
    ----------
    column : str
        Its name.
    entry : JSONValue
        What the table's JSON dictionary has under this name.
    newborns : bool
        The study gives gestational ages at birth, as dHCP, so that a ``scan_age`` counts on.

    Returns
    -------
    Meaning, Unclear or None
        None if it is no column of ages.

    Examples
    --------
    >>> meaning_of("age").unit, meaning_of("age", {"Units": "mo"}).unit, meaning_of("sex")
    (<Unit.YEARS: 'years'>, <Unit.MONTHS: 'months'>, None)
    >>> meaning_of("age_months", {"Units": "years"}).reason
    "the unit of the column 'age_months' is said twice, differently: mend its name or its JSON"
    """
    found = _row_of(column)
    if found is None:
        return None
    row, named_unit = found
    fields = entry if isinstance(entry, Mapping) else {}
    units = fields.get("Units")
    prose = " ".join(str(fields[key]) for key in ("LongName", "Description") if key in fields)
    stated = _units(units) if units is not None else (None, frozenset[Origin]())
    if stated is None:
        return Unclear(
            f"the Units of the column {column!r} are not understood: write years, months, "
            "weeks or days in its JSON"
        )
    written = {Unit(a or b) for a, b in _PROSE_UNIT.findall(prose.casefold())}
    said = {unit for unit in (named_unit, stated[0]) if unit is not None} | written
    if len(said) > 1:
        return Unclear(
            f"the unit of the column {column!r} is said twice, differently: mend its name or "
            "its JSON"
        )
    origins = stated[1] | _origins(prose)
    unit = next(iter(said), None)
    if unit in {Unit.YEARS, Unit.MONTHS} and Origin.CONCEPTION in origins:
        # Nobody counts a pregnancy so: the prose speaks of something else.
        origins -= {Origin.CONCEPTION}
    plain = Meaning(column, row.origin, unit or row.unit)
    guessed = unit is None and row.origin is Origin.BIRTH and Origin.CONCEPTION in origins
    if guessed or (row.origin is Origin.TERM and Origin.CONCEPTION in origins):
        return _two_origins(column)
    return _with_origin(plain, origins, prose, newborns=newborns)


def _row_of(column: str) -> tuple[AgeName, Unit | None] | None:
    """Return the row for a name and the unit at the name's end."""
    plain = re.sub(r"[^a-z0-9]+", "_", column.strip().casefold()).strip("_")
    if plain in _BY_NAME:
        return _BY_NAME[plain], None
    base, _, last = plain.rpartition("_")
    row, unit = _BY_NAME.get(base.removesuffix("_in")), UNIT_WORDS.get(last)
    return None if row is None or unit is None else (row, unit)


def _units(units: JSONValue) -> tuple[Unit, frozenset[Origin]] | None:
    """Return the one unit that a text names, and what it says of the origin."""
    if not isinstance(units, str) or not re.fullmatch(r"[a-z\s()\[\].,_-]+", units.casefold()):
        return None
    words = re.findall("[a-z]+", units.casefold())
    found = {UNIT_WORDS[word] for word in words if word in UNIT_WORDS}
    known = UNIT_WORDS.keys() | _ORIGIN_WORDS.keys() | _FILLERS
    return (found.pop(), _origins(units)) if len(found) == 1 and known >= {*words} else None


def _origins(text: str) -> frozenset[Origin]:
    words = re.findall("[a-z]+", text.casefold())
    return frozenset(_ORIGIN_WORDS[word] for word in words if word in _ORIGIN_WORDS)


def _two_origins(column: str) -> Unclear:
    return Unclear(
        f"the JSON of the column {column!r} names several moments to count from: write only the "
        "one that holds, with its unit"
    )


def _with_origin(
    plain: Meaning, origins: frozenset[Origin], prose: str, *, newborns: bool
) -> Meaning | Unclear:
    """Settle what the name leaves open by what the dictionary says."""
    origin, unit = plain.origin, plain.unit
    if origin is Origin.GESTATION_OR_SCAN:
        text = prose.casefold()
        at_birth, at_scan = _AT_BIRTH.search(text), _AT_SCAN.search(text)
        if bool(at_birth) != bool(at_scan):
            origin = Origin.GESTATION if at_birth else Origin.CONCEPTION
    elif origin is Origin.SCAN and unit in {Unit.YEARS, Unit.MONTHS}:
        origin = Origin.BIRTH
    elif origin is Origin.SCAN:
        if not newborns and Origin.CONCEPTION not in origins:
            return Unclear(
                f"the column {plain.column!r} may count from birth or before it: write "
                "'weeks (post-menstrual)' or 'years' into Units in its JSON"
            )
        origin, unit = Origin.CONCEPTION, unit or Unit.WEEKS
    elif origin is Origin.BIRTH and len(origins) > 1:
        return _two_origins(plain.column)
    elif origin is Origin.BIRTH and origins:
        origin = next(iter(origins))
    return Meaning(plain.column, origin, unit)
