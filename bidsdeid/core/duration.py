"""Lengths of time as people write them: ``18``, ``6 years``, ``018M``, ``P1Y6M``, ``38+4``.

Everything becomes months of 30.4375 days (a year of 365.25 days has 12), with the step of its
last digit: ``1`` year and ``14`` months do not contradict each other, ``1.0`` year says no more
than ``1`` (tables written by pandas have the zero in every row), and ``0.5`` year says more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

DAYS_IN_MONTH = 365.25 / 12


class Unit(StrEnum):
    """A unit of time that ages are given in."""

    YEARS = "years"
    MONTHS = "months"
    WEEKS = "weeks"
    DAYS = "days"

    @property
    def months(self) -> float:
        """How many months one of it is."""
        return _MONTHS[self]


_MONTHS = {
    Unit.YEARS: 12.0,
    Unit.MONTHS: 1.0,
    Unit.WEEKS: 7 / DAYS_IN_MONTH,
    Unit.DAYS: 1 / DAYS_IN_MONTH,
}

#: Every way a unit is written: English, UCUM (``a mo wk d``, which BIDS recommends), DICOM AS.
_SPELLINGS = {
    Unit.YEARS: "years year yrs yr y a annum",
    Unit.MONTHS: "months month mos mo m mth mths",
    Unit.WEEKS: "weeks week wks wk w",
    Unit.DAYS: "days day d",
}

UNIT_WORDS = {word: unit for unit, words in _SPELLINGS.items() for word in words.split()}

#: ``89+`` and ``>89`` say nothing above: any older age agrees.
_OPEN = 12.0 * 50


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time.

    Parameters
    ----------
    months : float
        Of 30.4375 days.
    step : float
        What the last digit stands for, in months.
    """

    months: float
    step: float

    def agrees(self, other: Duration) -> bool:
        """Tell whether both can be true of one moment, each known to a step.

        Examples
        --------
        >>> Duration(12.0, 12.0).agrees(Duration(18.0, 1.0))
        True
        >>> Duration(24.0, 1.0).agrees(Duration(18.0, 1.0))
        False
        """
        return abs(self.months - other.months) <= self.step + other.step


_NUMBER = r"-?\d{1,5}(?:[.,]\d{0,20})?"  # some tables have decimal commas (ds000244)
_ONE = re.compile(rf"([>≥]?)\s*({_NUMBER})\s*(\+?)\s*([a-z]*)\.?")
_PARTS = re.compile(r"(?:\d{1,5}(?:[.,]\d{1,20})?\s*[a-z]+\.?[\s,]*){1,4}")
_PART = re.compile(r"(\d{1,5}(?:[.,]\d{1,20})?)\s*([a-z]+)")
_ISO = re.compile(r"p((?:\d{1,5}(?:[.,]\d{1,20})?[ymwd]){1,4})(?:t[\dhms.,]{1,20})?")
_RANGE = re.compile(rf"({_NUMBER})\s*[-\N{{EN DASH}}]\s*({_NUMBER})\s*([a-z]*)\.?")
_WEEKS_AND_DAYS = re.compile(r"(\d{2})\s*\+\s*([0-6])")


def read_duration(text: str, unit: Unit | None = None) -> Duration | None:
    """Read a length of time.

    Parameters
    ----------
    text : str
        A number, with or without a unit of its own, which counts more than `unit`; several
        numbers with units; an ISO 8601 duration; a DICOM age string; a range, of which the lower
        end is taken; or, of weeks, ``weeks+days`` as neonatologists write.
    unit : Unit or None
        Of a number without one.

    Returns
    -------
    Duration or None
        None if it is not understood, or if neither says a unit.

    Examples
    --------
    >>> [read_duration(text).months for text in ("018M", "P1Y6M", "1 year 6 months", "18 mo")]
    [18.0, 18.0, 18.0, 18.0]
    >>> read_duration("89+", Unit.YEARS).months / 12
    89.0
    >>> read_duration("38+4", Unit.WEEKS).months == read_duration("270 days").months
    True
    >>> read_duration("six", Unit.YEARS) is read_duration("6") is None
    True
    """
    plain = text.strip().casefold()
    if unit is Unit.WEEKS and (match := _WEEKS_AND_DAYS.fullmatch(plain)):
        return _sum([(match[1], Unit.WEEKS), (match[2], Unit.DAYS)])
    if match := _ONE.fullmatch(plain):
        own = UNIT_WORDS.get(match[4]) if match[4] else unit
        return None if own is None else _open(match[2], own, at_least=bool(match[1] or match[3]))
    if match := _RANGE.fullmatch(plain):
        own = UNIT_WORDS.get(match[3]) if match[3] else unit
        return None if own is None else _range(_float(match[1]), _float(match[2]), own)
    if match := _ISO.fullmatch(plain):
        return _units(match[1])
    return _units(plain) if _PARTS.fullmatch(plain) else None


def _float(number: str) -> float:
    return float(number.replace(",", "."))


def _step(number: str) -> float:
    """Return what the last digit of a number stands for; zeros at the end say nothing."""
    _, _, digits = number.replace(",", ".").partition(".")
    return float(10.0 ** -len(digits.rstrip("0")))


def _open(number: str, unit: Unit, *, at_least: bool) -> Duration:
    step = _OPEN if at_least else _step(number) * unit.months
    return Duration(_float(number) * unit.months, step)


def _range(low: float, high: float, unit: Unit) -> Duration | None:
    return Duration(low * unit.months, (high - low) * unit.months) if low < high else None


def _units(text: str) -> Duration | None:
    parts = [(number, UNIT_WORDS.get(word)) for number, word in _PART.findall(text)]
    known = [(number, unit) for number, unit in parts if unit is not None]
    largest_first = sorted(known, key=lambda part: -part[1].months)
    units = [unit for _, unit in known]
    if len(known) < len(parts) or known != largest_first or len(set(units)) < len(units):
        return None
    return _sum(known)


def _sum(parts: list[tuple[str, Unit]]) -> Duration:
    return Duration(
        sum(_float(number) * unit.months for number, unit in parts),
        min(_step(number) * unit.months for number, unit in parts),
    )
