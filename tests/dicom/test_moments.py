from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.pseudonym import DateShift, Secret
from bidsdeid.dicom.moments import day_in, moved

SHIFT = DateShift(-40000)
SECRETS = st.builds(Secret, st.binary(min_size=32, max_size=40))
DAYS = st.dates(date(2007, 1, 1), date(2028, 12, 31))
FRACTIONS = st.integers(0, 6).flatmap(
    lambda digits: st.just("") if not digits else st.integers(0, 10**digits - 1).map(
        lambda number: f".{number:0{digits}}"
    )
)  # fmt: skip
FULL = st.builds(lambda moment, fraction: f"{moment:%H%M%S}{fraction}", st.times(), FRACTIONS)
TIMES = st.one_of(FULL, st.times().map("{:%H%M}".format), st.times().map("{:%H}".format))
ZONES = st.one_of(
    st.just(""),
    st.builds(
        "{}{:02}{:02}".format, st.sampled_from("+-"), st.integers(0, 14), st.integers(0, 59)
    ),
)


@given(DAYS, DAYS, SECRETS, st.text(max_size=5))
def test_intervals_between_dates_stay(one: date, other: date, secret: Secret, who: str) -> None:
    shift = secret.shift(who)
    new = [moved(f"{day:%Y%m%d}", "DA", shift) for day in (one, other)]
    assert None not in new
    first, second = (date.fromisoformat(day or "") for day in new)
    assert second - first == other - one
    assert 1902 <= first.year <= 1925
    assert first != one


@given(DAYS, st.one_of(st.just(""), TIMES), ZONES, SECRETS)
def test_a_moment_moves_by_days_and_keeps_its_time_fraction_and_zone(
    day: date, clock: str, zone: str, secret: Secret
) -> None:
    shift = secret.shift("01")
    new = moved(f"{day:%Y%m%d}{clock}{zone}", "DT", shift)
    assert new == f"{day + timedelta(days=shift.days):%Y%m%d}{clock}{zone}"


@given(TIMES)
def test_a_time_of_day_stays(clock: str) -> None:
    assert moved(clock, "TM", SHIFT) == clock
    assert moved(clock, "TM", None) == clock


@given(DAYS, st.one_of(st.just(""), TIMES), ZONES)
def test_without_a_shift_what_is_valid_stays(day: date, clock: str, zone: str) -> None:
    for vr, text in (("DA", f"{day:%Y%m%d}"), ("DT", f"{day:%Y%m%d}{clock}{zone}")):
        assert moved(text, vr, None) == text
        assert day_in(text, vr) == day


INVALID = [
    ("DA", ""), ("DA", "2019"), ("DA", "201903"), ("DA", "2019030"), ("DA", "201903041"),
    ("DA", "20190230"), ("DA", "20191301"), ("DA", "20190300"), ("DA", "00000000"),
    ("DA", "2019-03-04"), ("DA", "2019.03.04"), ("DA", "20190304-20190305"), ("DA", "2019W101"),
    ("DA", " 20190304"), ("DA", "20190304\n"), ("DA", "20190304101112"), ("DA", "Fairwthr"),
    ("DA", "20190304 Doe"), ("DA", "\uff12\uff10190304"),
    ("TM", ""), ("TM", "1"), ("TM", "101"), ("TM", "24"), ("TM", "2400"), ("TM", "1060"),
    ("TM", "101161"), ("TM", "101112."), ("TM", "101112.1234567"), ("TM", "1011.5"),
    ("TM", "10:11:12"), ("TM", "101112+0100"), ("TM", "101112 Jane"), ("TM", "101112\n"),
    ("TM", "20190304"), ("TM", "1234567"),
    ("DT", ""), ("DT", "2019"), ("DT", "201903"), ("DT", "20190230101112"), ("DT", "2019030424"),
    ("DT", "20190304101112+1500"), ("DT", "20190304101112+01"), ("DT", "20190304101112+0160"),
    ("DT", "20190304101112Z"), ("DT", "20190304101112.5 Jane"), ("DT", "20190304101112.1234567"),
    ("DT", "20190304\n"),
]  # fmt: skip


@pytest.mark.parametrize(("vr", "text"), INVALID)
def test_what_is_no_date_or_time_has_no_other(vr: str, text: str) -> None:
    assert moved(text, vr, SHIFT) is None
    assert moved(text, vr, None) is None
    assert day_in(text, vr) is None


@pytest.mark.parametrize(
    ("vr", "text"),
    [("TM", "235960"), ("TM", "00"), ("TM", "2359"), ("TM", "101112.123456")],
)
def test_times_that_are_rare_are_valid(vr: str, text: str) -> None:
    assert moved(text, vr, SHIFT) == text


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("20190304", "19090828"),
        ("20190304101112.5+0100", "19090828101112.5+0100"),
        ("20190304-0500", "19090828-0500"),
        ("2019030423", "1909082823"),
    ],
)
def test_moments_move_by_the_shift(text: str, new: str) -> None:
    assert moved(text, "DT", SHIFT) == new


@pytest.mark.parametrize("text", ["00010101", "18991231", "20991231", "99991231", "19090828"])
def test_dates_that_would_leave_the_window_have_no_other(text: str) -> None:
    assert moved(text, "DA", SHIFT) is None
    assert moved(f"{text}101112", "DT", SHIFT) is None
    assert moved(text, "DA", None) == text
    assert moved(text, "DA", DateShift(10**8)) is None


def test_a_time_has_no_day() -> None:
    assert day_in("101112", "TM") is None
    assert day_in("20190304101112", "DT") == date(2019, 3, 4)
    assert day_in("20190304101112", "DA") is None


@given(st.text(max_size=24), st.sampled_from(["DA", "DT", "TM"]))
def test_what_comes_out_holds_nothing_but_digits_and_marks(text: str, vr: str) -> None:
    new = moved(text, vr, SHIFT)
    assert new is None or set(new) <= set("0123456789.+-")
