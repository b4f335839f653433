from __future__ import annotations

import pytest
from hypothesis import given

from bidsdeid.core.values import JSONValue, numbers, strings, telling_number
from strategies import JSON_VALUES


@given(JSON_VALUES)
def test_every_string_of_a_value_is_looked_at(value: JSONValue) -> None:
    marked: JSONValue = {"a": [value, {"needle": [["hay"]]}]}
    assert {"needle", "hay", "a"} <= set(strings(marked))
    assert set(strings(value)) <= set(strings(marked))


@given(JSON_VALUES)
def test_every_number_of_a_value_is_looked_at(value: JSONValue) -> None:
    marked: JSONValue = {"a": [value, {"b": [[4815162]]}, True, "7"]}
    assert list(numbers(marked)) == [*numbers(value), 4815162]


@pytest.mark.parametrize("number", [19800304, 20191231.0, 1551693600.5, -1e9])
def test_numbers_that_tell_a_day_or_a_clock(number: float) -> None:
    assert telling_number(number)


@pytest.mark.parametrize("number", [0, -3.5, 2.0, 127.748504, 123255.5, 1802, 987654])
def test_numbers_that_are_quantities(number: float) -> None:
    assert not telling_number(number, record=True)


def test_large_whole_numbers_are_records_in_fields_and_counts_in_tables() -> None:
    assert telling_number(4815162, record=True)
    assert not telling_number(4815162)
    assert not telling_number(19800399), "no month has 99 days"
