from __future__ import annotations

import pytest

from bidsdeid.core.age import Unclear
from bidsdeid.core.agecolumn import AGE_NAMES, Meaning, Origin, meaning_of
from bidsdeid.core.duration import Unit
from bidsdeid.core.values import JSONValue


def test_every_row_has_a_reason_and_every_name_one_meaning() -> None:
    names = [name for row in AGE_NAMES for name in row.names]
    assert len(set(names)) == len(names)
    assert all(row.reason for row in AGE_NAMES)


@pytest.mark.parametrize(
    ("column", "entry", "origin", "unit"),
    [
        ("age", None, Origin.BIRTH, Unit.YEARS),
        ("Age", {"Description": "how old"}, Origin.BIRTH, Unit.YEARS),
        ("age_months", None, Origin.BIRTH, Unit.MONTHS),
        ("age (weeks)", None, Origin.BIRTH, Unit.WEEKS),
        ("age_in_days", None, Origin.BIRTH, Unit.DAYS),
        ("age_years", {"Units": "year"}, Origin.BIRTH, Unit.YEARS),
        ("age_at_scan", {"Units": "a"}, Origin.BIRTH, Unit.YEARS),
        ("age_at_scan", None, Origin.BIRTH, None),
        ("age", {"Units": "mo"}, Origin.BIRTH, Unit.MONTHS),
        ("age", {"Units": "m"}, Origin.BIRTH, Unit.MONTHS),
        ("age", {"Units": "weeks"}, Origin.BIRTH, Unit.WEEKS),
        ("age", {"Description": "age in months"}, Origin.BIRTH, Unit.MONTHS),
        ("age", {"LongName": "Age (days)"}, Origin.BIRTH, Unit.DAYS),
        ("age", {"Units": "weeks (post-menstrual)"}, Origin.CONCEPTION, Unit.WEEKS),
        ("age", {"Units": "gestational weeks"}, Origin.CONCEPTION, Unit.WEEKS),
        ("age", {"Units": "weeks", "Description": "PMA at scan"}, Origin.CONCEPTION, Unit.WEEKS),
        ("age", {"Units": "months", "Description": "corrected age"}, Origin.TERM, Unit.MONTHS),
        (
            "age",
            {"Units": "years", "Description": "Age; gestational_age is another column"},
            Origin.BIRTH,
            Unit.YEARS,
        ),
        ("pma", None, Origin.CONCEPTION, Unit.WEEKS),
        ("PMA_days", None, Origin.CONCEPTION, Unit.DAYS),
        ("post_menstrual_age", None, Origin.CONCEPTION, Unit.WEEKS),
        ("age_adjusted", {"Units": "days"}, Origin.TERM, Unit.DAYS),
        ("birth_age", None, Origin.GESTATION, Unit.WEEKS),
        ("ga", None, Origin.GESTATION_OR_SCAN, Unit.WEEKS),
        ("ga", {"Description": "gestational age at birth"}, Origin.GESTATION, Unit.WEEKS),
        ("gestational_age", {"Description": "GA at scan"}, Origin.CONCEPTION, Unit.WEEKS),
        ("scan_age", {"Units": "years"}, Origin.BIRTH, Unit.YEARS),
        ("scan_age", {"Units": "weeks PMA"}, Origin.CONCEPTION, Unit.WEEKS),
    ],
)
def test_what_a_column_means(
    column: str, entry: JSONValue, origin: Origin, unit: Unit | None
) -> None:
    assert meaning_of(column, entry) == Meaning(column, origin, unit)


def test_the_scan_age_of_newborns() -> None:
    meaning = meaning_of("scan_age", newborns=True)
    assert meaning == Meaning("scan_age", Origin.CONCEPTION, Unit.WEEKS)
    older = meaning_of("scan_age", {"Units": "years"}, newborns=True)
    assert older == Meaning("scan_age", Origin.BIRTH, Unit.YEARS)


@pytest.mark.parametrize(
    "column",
    ["sex", "age_group", "mother_age", "brain_age", "dosage", "age_of_onset", "age_z", "page", ""],
)
def test_what_is_no_age_of_the_participant(column: str) -> None:
    assert meaning_of(column) is None


@pytest.mark.parametrize(
    ("column", "entry", "word"),
    [
        ("age", {"Units": "fortnights"}, "not understood"),
        ("age", {"Units": "years or months"}, "not understood"),
        ("age", {"Units": "years*10"}, "not understood"),
        ("age", {"Units": "school years"}, "not understood"),
        ("age", {"Units": 12}, "not understood"),
        ("age", {"Units": ""}, "not understood"),
        ("age", {"Units": "n/a"}, "not understood"),
        ("age_months", {"Units": "years"}, "twice"),
        ("age", {"Units": "years", "Description": "age in months"}, "twice"),
        ("age", {"Description": "age (months), later in years"}, "twice"),
        ("age", {"Description": "gestational age"}, "several moments"),
        ("age", {"Units": "weeks", "Description": "corrected or gestational"}, "several moments"),
        ("corrected_age", {"Units": "gestational weeks"}, "several moments"),
        ("scan_age", None, "from birth or before"),
        ("scan_age", {"Units": "weeks"}, "from birth or before"),
    ],
)
def test_what_stays_unclear(column: str, entry: JSONValue, word: str) -> None:
    meaning = meaning_of(column, entry)
    assert isinstance(meaning, Unclear)
    assert word in meaning.reason


def test_a_reason_does_not_quote_the_dictionary() -> None:
    meaning = meaning_of("age", {"Units": "Doe^Jane", "Description": "born 1980-03-04"})
    assert isinstance(meaning, Unclear)
    assert "Doe" not in meaning.reason
    assert "1980" not in meaning.reason
