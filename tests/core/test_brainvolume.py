from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.brainvolume import PLAUSIBLE, PlausibleVolume, plausible_volume

AGES = st.floats(-12, 1500)


@pytest.mark.parametrize("row", PLAUSIBLE, ids=lambda row: f"{row.months} months")
def test_at_the_age_of_a_row_it_is_the_row(row: PlausibleVolume) -> None:
    assert plausible_volume(row.months) == (row.least_ml, row.most_ml)


def test_between_two_rows_it_is_between_them() -> None:
    assert plausible_volume(1.5) == (290, 875)
    assert plausible_volume(6) == pytest.approx((360 + 190 / 3, 1100))
    assert plausible_volume(-1) == pytest.approx((80 + 140 * 2 / 3, 650))


def test_before_the_first_row_and_after_the_last_it_is_theirs() -> None:
    assert plausible_volume(-4) == plausible_volume(-3)
    assert plausible_volume(12 * 90) == plausible_volume(180)


def test_of_whom_no_age_is_known_all_from_half_a_year_on_is_plausible() -> None:
    least, most = plausible_volume(None)
    assert (least, most) == (600, 2000)
    assert plausible_volume(0)[1] < 1.5 * least  # a newborn's brain is not, for the most part
    assert most == max(row.most_ml for row in PLAUSIBLE)


def test_rows_are_in_order_and_each_says_where_it_is_from() -> None:
    for before, after in pairwise(PLAUSIBLE):
        assert before.months < after.months
        assert before.least_ml < after.least_ml
        assert before.most_ml < after.most_ml
    assert all(row.origin for row in PLAUSIBLE)


@given(AGES, AGES)
def test_brains_do_not_shrink_and_a_range_holds_published_means(one: float, other: float) -> None:
    young, old = sorted((one, other))
    for less, more in zip(plausible_volume(young), plausible_volume(old), strict=True):
        assert less <= more
    least, most = plausible_volume(one)
    assert 1.5 * least < most


@pytest.mark.parametrize(
    ("months", "ml"),
    [(0, 341), (3, 560), (12, 900), (24, 1075), (60, 1275), (180, 1400), (400, 1289), (400, 1469)],
)
def test_published_means_are_plausible_by_far(months: float, ml: float) -> None:
    least, most = plausible_volume(months)
    assert 1.2 * least < ml < most / 1.2
