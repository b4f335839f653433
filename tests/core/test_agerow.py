from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.age import Age, Unclear
from bidsdeid.core.agerow import age_of_row, pregnancy_of_row
from bidsdeid.core.duration import Unit
from bidsdeid.core.values import JSONValue

WEEK = Unit.WEEKS.months


def months(row: dict[str, str], fields: dict[str, JSONValue] | None = None) -> float | str | None:
    """Return the age in months, or the reason why there is none."""
    found = age_of_row(row, fields or {}, "sessions.tsv")
    if found is None:
        return None
    return found.months if isinstance(found, Age) else found.reason


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"age": "34"}, 408),
        ({"age": "89+"}, 1068),
        ({"age": "1.5"}, 18),
        ({"age": "018M"}, 18),
        ({"age_months": "7"}, 7),
        ({"age": "n/a", "age_months": "7"}, 7),
        ({"age": "1", "age_months": "18"}, 18),
        ({"age": "1.0", "age_days": "600"}, 600 / 30.4375),
        ({"pma": "40"}, 0),
        ({"pma": "28"}, -12 * WEEK),
        ({"pma": "44", "age_weeks": "4"}, 4 * WEEK),
        ({"pma": "40", "age_weeks": "12"}, 0),
        ({"pma": "40", "age": "0"}, 0),
        ({"age_weeks": "12", "birth_age": "28"}, 0),
        ({"age": "30", "birth_age": "28"}, 360),
        ({"age_weeks": "12", "ga": "28"}, 0),
        ({"ga": "41.5"}, 1.5 * WEEK),
        ({"ga": "41", "birth_age": "35"}, WEEK),
        ({"pma": "38+4", "ga": "35"}, -10 / 7 * WEEK),
        ({"corrected_age_months": "6", "age_months": "8"}, 6),
    ],
)
def test_the_age_in_months(row: dict[str, str], expected: float) -> None:
    found = months(row)
    assert isinstance(found, float)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "row", [{}, {"sex": "F"}, {"age": "n/a"}, {"age": "NaN"}, {"birth_age": "38"}]
)
def test_nothing_said_is_no_age(row: dict[str, str]) -> None:
    assert months(row) is None


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"age": "adult"}, "not understood"),
        ({"age_at_scan": "30"}, "no unit"),
        ({"age": "2", "age_months": "50"}, "contradict"),
        ({"age_months": "6", "age_weeks": "60"}, "contradict"),
        ({"pma": "40", "age_months": "9"}, "contradict"),
        ({"pma": "50", "age_days": "0"}, "contradict"),
        ({"pma": "50", "pma_days": "280"}, "contradict"),
        ({"pma": "34", "birth_age": "38"}, "contradict"),
        ({"age": "0"}, "too coarse"),
        ({"age": "0.0"}, "too coarse"),
        ({"age": "0-5"}, "too coarse"),
        ({"age": "-1"}, "cannot be"),
        ({"age": "140"}, "cannot be"),
        ({"age": "9000"}, "cannot be"),
        ({"pma": "5"}, "cannot be"),
        ({"pma": "280"}, "cannot be"),
        ({"age_weeks": "3", "birth_age": "60"}, "cannot be"),
    ],
)
def test_what_gives_no_age_but_a_sentence(row: dict[str, str], word: str) -> None:
    found = months(row)
    assert isinstance(found, str)
    assert found.startswith("sessions.tsv: ")
    assert word in found
    assert not any(cell in found for cell in row.values() if len(cell) > 1)


def test_a_gestational_age_of_a_participant_may_be_that_at_birth() -> None:
    found = age_of_row({"ga": "30"}, {}, "participants.tsv")
    assert isinstance(found, Unclear)
    assert "at birth or at the scan" in found.reason
    assert age_of_row({"ga": "30", "age": "8"}, {}, "participants.tsv") == Age(
        96.0, "participants.tsv age"
    )


def test_the_source_says_where_an_age_is_from() -> None:
    corrected = age_of_row({"age_weeks": "12", "birth_age": "28"}, {}, "participants.tsv")
    assert isinstance(corrected, Age)
    assert corrected.source == "participants.tsv age_weeks, corrected"


@pytest.mark.parametrize(
    ("row", "known"), [({"birth_age": "30"}, True), ({"birth_age": "x"}, False), ({}, False)]
)
def test_the_length_of_the_pregnancy(row: dict[str, str], *, known: bool) -> None:
    length = pregnancy_of_row(row, {})
    assert (length is not None) == known
    assert length is None or isclose(length.months, 30 * WEEK)


@given(st.integers(1, 1500), st.sampled_from(Unit), st.sampled_from(Unit))
def test_one_age_in_two_units_is_one_age(age_months: int, first: Unit, second: Unit) -> None:
    row = {
        f"age_{unit}": f"{age_months / unit.months:.4f}" for unit in dict.fromkeys((first, second))
    }
    found = months(row)
    assert isinstance(found, float), found
    assert found == pytest.approx(age_months, abs=0.01)


@given(st.integers(0, 1500), st.sampled_from(Unit), st.floats(40, 900))
def test_a_wrong_unit_beside_a_right_one_is_found(
    age_months: int, unit: Unit, off_by: float
) -> None:
    row = {
        "age_months": str(age_months),
        f"age_in_{unit}": f"{(age_months + off_by) / unit.months:.4f}",
    }
    found = months(row)
    assert isinstance(found, str)


@given(st.floats(24, 46))
def test_weeks_since_the_last_period_are_months_from_term(weeks: float) -> None:
    found = months({"pma": f"{weeks:.6f}"})
    assert isinstance(found, float)
    assert found == pytest.approx((weeks - 40) * 7 / 30.4375, abs=1e-5)
