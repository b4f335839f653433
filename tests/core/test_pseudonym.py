from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.detectors import findings
from bidsdeid.core.pseudonym import (
    FIRST_DAY,
    FIRST_YEAR,
    KEY_BYTES,
    LABEL_LENGTH,
    LAST_DAY,
    LETTERS,
    ROOM_YEARS,
    SHIFTS,
    DateShift,
    Secret,
    day_of,
    is_moved,
    read_secret,
)

KEY = b"k" * KEY_BYTES
KEYS = st.binary(min_size=KEY_BYTES, max_size=40)
LABELS = st.text("abc019", min_size=1, max_size=3)
YEARS = st.integers(1902, 2100)
SECRETS = st.builds(Secret, KEYS, YEARS)


@st.composite
def visits(draw: st.DrawFn) -> tuple[Secret, list[str]]:
    """Draw a secret, and visits in the years of which it moves the dates."""
    secret = draw(SECRETS)
    last = date(secret.first_year + ROOM_YEARS - 1, 12, 31)
    days = draw(st.lists(st.dates(date(secret.first_year, 1, 1), last), min_size=1, max_size=5))
    clock = st.sampled_from(["T10:11:12", "T23:59:59.999999", "T00:00:00Z", "T07:00:00.5+02:00"])
    return secret, [f"{day}{draw(clock)}" for day in days]


@given(visits(), LABELS)
def test_visits_of_22_years_land_in_the_window_with_their_intervals_and_times(
    drawn: tuple[Secret, list[str]], label: str
) -> None:
    secret, dates = drawn
    shift = secret.shift(label)
    moved = [str(shift.apply(text)) for text in dates]
    for text, new in zip(dates, moved, strict=True):
        assert "1902-01-01" <= new[:10] <= "1925-12-31"
        assert new[10:] == text[10:]
        assert date.fromisoformat(new[:10]) - date.fromisoformat(text[:10]) == timedelta(
            shift.days
        )


@pytest.mark.parametrize("year", [1902, 1903, 1904, 1999, 2000, 2007, 2019, 2024, 2100])
def test_the_first_and_the_last_day_fit_with_every_shift(year: int) -> None:
    first, last = f"{year}-01-01T00:00:00", f"{year + ROOM_YEARS - 1}-12-31T23:59:59"
    least = (date(1902, 1, 1) - date(year, 1, 1)).days
    assert DateShift(least).apply(first) == "1902-01-01T00:00:00"
    assert DateShift(least + SHIFTS - 1).apply(last) is not None


@given(SECRETS, LABELS)
def test_a_shift_is_one_of_731(secret: Secret, label: str) -> None:
    least = (FIRST_DAY - date(secret.first_year, 1, 1)).days
    assert SHIFTS == 731
    assert 0 <= secret.shift(label).days - least < SHIFTS


def test_all_shifts_occur_and_none_much_more_often_than_others() -> None:
    secret = Secret(KEY)
    shifts = [secret.shift(f"{number}").days for number in range(20 * SHIFTS)]
    counts = [shifts.count(days) for days in set(shifts)]
    assert len(counts) == SHIFTS
    assert max(counts) < 3 * 20


@given(KEYS, LABELS, YEARS, YEARS)
def test_the_first_year_moves_the_window_and_nothing_else(
    key: bytes, label: str, one: int, other: int
) -> None:
    secrets = Secret(key, one), Secret(key, other)
    days = [secret.shift(label).days + date(secret.first_year, 1, 1).toordinal()
            for secret in secrets]  # fmt: skip
    assert days[0] == days[1]
    assert secrets[0].label("participant", label) == secrets[1].label("participant", label)


@given(SECRETS, st.lists(LABELS, min_size=2, unique=True))
def test_labels_and_shifts_depend_on_key_and_label_and_not_on_who_was_asked_before(
    secret: Secret, labels: list[str]
) -> None:
    def answers(order: list[str]) -> dict[str, tuple[str, DateShift]]:
        return {x: (secret.label("participant", x), secret.shift(x)) for x in order}

    assert answers(labels) == answers(labels[::-1])
    alone = Secret(secret.key, secret.first_year)
    assert answers(labels)[labels[0]] == (
        alone.label("participant", labels[0]), alone.shift(labels[0]),
    )  # fmt: skip


_ASK = """
from bidsdeid.core.pseudonym import Secret
secret = Secret(b"k" * 32, 2007)
print(secret.label("participant", "01"), secret.label("session", "", "pre"))
print(secret.shift("01").days, secret.digest("order", "01").hex()[:16])
"""


def test_the_answers_are_the_same_in_all_processes_and_versions() -> None:
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, check=True)
    assert done.stdout.decode().split() == [
        "ncfvxtskqf", "msfkcwtrnr", "-38319", "34ee7ca5ac2b11ca",
    ]  # fmt: skip


def test_shifts_and_labels_differ_by_participant_and_by_key() -> None:
    one, keys = Secret(KEY), [bytes([n]) * KEY_BYTES for n in range(50)]
    assert len({one.shift(f"{n:02}").days for n in range(50)}) > 45
    assert len({Secret(key).shift("01").days for key in keys}) > 45
    assert len({one.label("participant", f"{n:02}") for n in range(50)}) == 50
    assert len({Secret(key).label("participant", "01") for key in keys}) == 50


@given(SECRETS, LABELS, LABELS)
def test_what_is_derived_for_one_purpose_tells_nothing_of_another(
    secret: Secret, one: str, other: str
) -> None:
    answers = [
        secret.digest("participant", one), secret.digest("session", one),
        secret.digest("session", one, other), secret.digest("session", "", one + other),
        secret.digest("date", one), secret.digest("order", one),
    ]  # fmt: skip
    assert len(set(answers)) == len(answers)


@given(SECRETS, LABELS)
def test_a_derived_label_is_never_a_word_a_number_or_a_date(secret: Secret, label: str) -> None:
    new = secret.label("participant", label)
    assert len(new) == LABEL_LENGTH
    assert set(new) <= set(LETTERS)
    assert not set(LETTERS) & set("aeiouy0123456789")
    assert findings(new) == ()


def test_letters_stand_in_all_places_of_a_label() -> None:
    labels = [Secret(KEY).label("participant", f"{n}") for n in range(400)]
    assert all({label[place] for label in labels} == set(LETTERS) for place in range(LABEL_LENGTH))


@pytest.mark.parametrize(
    ("content", "year"),
    [
        (KEY, FIRST_YEAR),
        (KEY + b"\n", FIRST_YEAR),
        (b" \t" + KEY + b"\r\n\n", FIRST_YEAR),
        (b"1998:" + KEY, 1998),
        (b"1998: " + KEY + b"\n", 1998),
        (b"1902:" + KEY, 1902),
        (b"2031:" + KEY, 2031),
    ],
)
def test_a_key_with_and_without_the_first_year(content: bytes, year: int) -> None:
    assert read_secret(content) == Secret(KEY, year)


@pytest.mark.parametrize(
    "content", [b"98:" + KEY, b"19980:" + KEY, b"1998;" + KEY, b"year:" + KEY, KEY + b"\n1998:x"]
)
def test_a_key_that_only_resembles_one_with_a_year_is_taken_as_it_is(content: bytes) -> None:
    assert read_secret(content) == Secret(content, FIRST_YEAR)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", KEY[1:], KEY[1:] + b"\n\n", b"2019:" + KEY[1:], b"2019:", b"1901:" + KEY],
)
def test_what_is_too_short_or_has_no_room_for_dates_is_no_secret(content: bytes) -> None:
    assert read_secret(content) is None


@given(st.binary(min_size=KEY_BYTES, max_size=60))
def test_keys_of_any_bytes_are_read_alike_with_and_without_white_space_around(
    key: bytes,
) -> None:
    assert read_secret(key) == read_secret(b"\n " + key + b" \n")


@pytest.mark.parametrize(
    "text",
    ["", "n/a", "2019-03-04", "20190304T101112", "2019-02-30T10:11:12", "10:11:12", "Doe^Jane",
     "2019-W10-1T10:11:12", "2019-03-04 10:11:12", "2019-03-04T10:11:12 Jane"],
)  # fmt: skip
def test_what_is_no_full_date_is_not_kept(text: str) -> None:
    assert DateShift(-40000).apply(text) is None
    assert day_of(text) is None


@given(st.dates(), st.integers(-60000, 60000))
def test_a_date_that_would_leave_the_window_is_not_kept(day: date, days: int) -> None:
    moved = DateShift(days).apply(f"{day}T10:11:12")
    assert moved is None or str(FIRST_DAY) <= moved[:10] <= str(LAST_DAY)
    assert moved is None or is_moved(date.fromisoformat(moved[:10]))


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_dates_that_stand_for_no_date_are_not_kept(text: str) -> None:
    assert Secret(KEY).shift("01").apply(text) is None
    assert DateShift(4_000_000).apply(text) is None


def test_a_moved_day_is_one_from_1902_to_1925() -> None:
    days = [date(1901, 12, 31), date(1902, 1, 1), date(1925, 12, 31), date(1926, 1, 1)]
    assert [is_moved(day) for day in days] == [False, True, True, False]
