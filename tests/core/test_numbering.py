from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.numbering import last, natural, numbered
from strategies import LABELS

ORDERS = st.lists(LABELS | st.integers(0, 30).map(str), max_size=10, unique=True)


@given(ORDERS, st.integers(0, 120))
def test_numbers_follow_each_other_and_are_none_of_the_labels(
    order: list[str], after: int
) -> None:
    numbers = numbered(order, {}, after)
    assert list(numbers) == order
    assert [int(x) for x in numbers.values()] == list(range(after + 1, after + 1 + len(order)))
    assert not set(numbers.values()) & set(order)
    assert all(len(x) >= 2 for x in numbers.values())


@given(ORDERS, ORDERS)
def test_numbers_that_are_known_stay_and_are_not_given_again(
    first: list[str], second: list[str]
) -> None:
    known = numbered(first, {})
    after = numbered(second, known)
    assert known.items() <= after.items()
    assert len({int(x) for x in after.values()}) == len({*first, *second})


def test_what_is_known_and_no_number_does_not_count() -> None:
    assert numbered(["a"], {"emptyroom": "emptyroom"}) == {"emptyroom": "emptyroom", "a": "01"}
    assert last(["7", "x99", "", "²", "010"]) == 10
    assert last([]) == 0


@pytest.mark.parametrize(
    "labels",
    [
        ["1", "2", "9", "10", "11"],
        ["pre1", "pre2", "pre10"],
        ["20190304", "20200101"],
        ["a", "b", "b1", "b2", "c"],
        ["1a", "1b", "2a", "10a"],
    ],
)
def test_labels_are_sorted_as_people_sort_them(labels: list[str]) -> None:
    for order in itertools.permutations(labels):
        assert sorted(order, key=natural) == labels


@given(st.permutations(["1", "01", "001", "1a", "01a", "a1", "a01"]))
def test_labels_that_differ_in_zeros_have_an_order(labels: list[str]) -> None:
    assert sorted(labels, key=natural) == sorted(sorted(labels), key=natural)
