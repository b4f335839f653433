from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.pseudonym import FIRST_DAY, LAST_DAY, DateShift, date_shift

KEYS = st.binary(min_size=32, max_size=40)
LABELS = st.text("abc019", min_size=1, max_size=3)
#: Visits of one participant within 18 years.
VISITS = st.builds(
    lambda first, days: [(first + timedelta(days=day)).isoformat() for day in [0, *days]],
    st.datetimes(datetime(1985, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 -- BIDS has none
    st.lists(st.integers(0, 18 * 365), max_size=4),
)


@given(KEYS, LABELS, VISITS)
def test_visits_land_in_the_window_with_their_intervals_and_times(
    key: bytes, label: str, visits: list[str]
) -> None:
    shift = date_shift(key, label, visits)
    moved = [shift.apply(visit) for visit in visits]
    assert None not in moved
    days = [date.fromisoformat(str(text)[:10]) for text in moved]
    assert date(1902, 1, 1) <= min(days) < date(1907, 1, 1)
    assert max(days) <= date(1925, 12, 31)
    for visit, text, day in zip(visits, moved, days, strict=True):
        assert str(text)[10:] == visit[10:]
        assert date.fromisoformat(visit[:10]) - day == timedelta(days=-shift.days)


@given(KEYS, LABELS, VISITS, st.randoms(use_true_random=False))
def test_a_shift_depends_on_key_participant_and_first_visit_only(
    key: bytes, label: str, visits: list[str], random: st.DataObject
) -> None:
    shuffled = [*visits, "n/a", "yesterday"]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert date_shift(key, label, shuffled) == date_shift(key, label, visits)
    assert date_shift(key, label, [min(visits)]) == date_shift(key, label, visits)


def test_shifts_differ_by_participant_and_by_key() -> None:
    dates = ["2019-03-04T10:11:12"]
    by_label = {date_shift(b"k" * 32, f"{n:02}", dates).days for n in range(50)}
    by_key = {date_shift(bytes([n]) * 32, "01", dates).days for n in range(50)}
    assert len(by_label) > 45
    assert len(by_key) > 45


def test_the_shift_is_the_same_in_all_versions() -> None:
    assert date_shift(b"k" * 32, "01", ["2019-03-04T10:11:12"]) == DateShift(-42149)


@pytest.mark.parametrize(
    "text",
    ["", "n/a", "2019-03-04", "20190304T101112", "2019-02-30T10:11:12", "10:11:12", "Doe^Jane",
     "2019-W10-1T10:11:12", "2019-03-04 10:11:12", "2019-03-04T10:11:12 Jane"],
)  # fmt: skip
def test_what_is_no_full_date_is_not_kept(text: str) -> None:
    assert DateShift(-40000).apply(text) is None


@given(st.dates(), st.integers(-60000, 60000))
def test_a_date_that_would_leave_the_window_is_not_kept(day: date, days: int) -> None:
    moved = DateShift(days).apply(f"{day}T10:11:12")
    assert moved is None or str(FIRST_DAY) <= moved[:10] <= str(LAST_DAY)


def test_dates_that_stand_for_no_date_are_not_kept() -> None:
    dates = ["0001-01-01T00:00:00", "9999-12-31T23:59:59"]
    shift = date_shift(b"k" * 32, "01", dates)
    assert shift.apply(dates[1]) is None


def test_a_participant_without_dates_has_no_shift() -> None:
    assert date_shift(b"k" * 32, "01", ["n/a"]) == DateShift(0)
