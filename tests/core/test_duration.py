from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.duration import DAYS_IN_MONTH, UNIT_WORDS, Duration, Unit, read_duration

UNITS = st.sampled_from(Unit)


def months(text: str, unit: Unit | None = None) -> float | None:
    length = read_duration(text, unit)
    return None if length is None else length.months


def test_units_are_of_one_year() -> None:
    assert {unit: unit.months * DAYS_IN_MONTH for unit in Unit} == pytest.approx(
        {Unit.YEARS: 365.25, Unit.MONTHS: 30.4375, Unit.WEEKS: 7, Unit.DAYS: 1}
    )


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("34", Unit.YEARS, 408),
        (" 34.5 ", Unit.YEARS, 414),
        ("26,5", Unit.YEARS, 318),
        ("18.", Unit.MONTHS, 18),
        ("89+", Unit.YEARS, 1068),
        ("89 +", Unit.YEARS, 1068),
        (">89", Unit.YEARS, 1068),
        ("20-25", Unit.YEARS, 240),
        ("20 \N{EN DASH} 25 years", None, 240),
        ("-2", Unit.MONTHS, -2),
        ("018M", None, 18),
        ("003W", None, 21 / DAYS_IN_MONTH),
        ("010D", None, 10 / DAYS_IN_MONTH),
        ("045Y", None, 540),
        ("018M", Unit.YEARS, 18),
        ("6 years", None, 72),
        ("6yrs.", None, 72),
        ("2y 3m", None, 27),
        ("1 year, 6 months", None, 18),
        ("P3M2W", None, 3 + 14 / DAYS_IN_MONTH),
        ("P1Y", Unit.MONTHS, 12),
        ("p0.5y", None, 6),
        ("P3M2DT12H", None, 3 + 2 / DAYS_IN_MONTH),
        ("38+4", Unit.WEEKS, 270 / DAYS_IN_MONTH),
        ("38w4d", None, 270 / DAYS_IN_MONTH),
    ],
)
def test_what_is_understood(text: str, unit: Unit | None, expected: float) -> None:
    assert months(text, unit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("34", None),
        ("", Unit.YEARS),
        ("adult", Unit.YEARS),
        ("34 apples", Unit.YEARS),
        ("2019-03-04", Unit.YEARS),
        ("25-20", Unit.YEARS),
        ("3m 2y", None),
        ("3 months 3 months", None),
        ("nan", Unit.YEARS),
        ("inf", Unit.YEARS),
        ("1e3", Unit.DAYS),
        ("1_000", Unit.DAYS),
        ("P", None),
        ("PT5H", None),
        ("38+4", Unit.YEARS),
        ("38+9", Unit.WEEKS),
        ("1234567", Unit.DAYS),
    ],
)
def test_what_is_not(text: str, unit: Unit | None) -> None:
    assert months(text, unit) is None


@given(st.integers(0, 99_999), UNITS)
def test_every_spelling_of_a_unit_is_the_unit(number: int, unit: Unit) -> None:
    plain = read_duration(str(number), unit)
    assert plain is not None
    for word in (word for word, other in UNIT_WORDS.items() if other is unit):
        for text in (f"{number} {word}", f"{number}{word.upper()}"):
            assert read_duration(text) == plain
    assert plain.months * DAYS_IN_MONTH == pytest.approx(number * unit.months * DAYS_IN_MONTH)


@given(st.tuples(*[st.integers(0, 99)] * 4))
def test_a_duration_is_the_sum_of_its_parts(parts: tuple[int, int, int, int]) -> None:
    text = "P" + "".join(f"{n}{u}" for n, u in zip(parts, "YMWD", strict=True))
    total = sum(n * unit.months for n, unit in zip(parts, Unit, strict=True))
    assert months(text) == pytest.approx(total)


@given(st.text(max_size=12), UNITS)
def test_no_text_breaks_it(text: str, unit: Unit) -> None:
    length = read_duration(text, unit)
    assert length is None or length.step > 0


@given(st.floats(0, 90), st.floats(0, 90), UNITS)
def test_order_is_kept(a: float, b: float, unit: Unit) -> None:
    low, high = sorted((a, b))
    first, second = months(f"{low:.6f}", unit), months(f"{high:.6f}", unit)
    assert first is not None
    assert second is not None
    assert first <= second


@pytest.mark.parametrize(
    ("text", "step"), [("1", 12), ("1.0", 12), ("0.5", 1.2), ("0.25", 0.12), ("20-25", 60)]
)
def test_the_step_of_the_last_digit(text: str, step: float) -> None:
    length = read_duration(text, Unit.YEARS)
    assert length is not None
    assert length.step == pytest.approx(step)


def test_an_open_end_agrees_with_what_is_above() -> None:
    length = read_duration("89+", Unit.YEARS)
    assert length is not None
    assert length.agrees(Duration(97 * 12.0, 1.0))
