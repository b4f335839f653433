from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.bounds import Bound
from bidsdeid.report.histogram import HEIGHT, WIDTH, histogram, span
from report_records import HOSTILE, Page

BOUND = Bound("eyes_removed", (0.95, 1.0), (0.9, 1.0), "", "", 1)


def bars(markup: str) -> list[tuple[float, float]]:
    (path,) = Page(markup).all("path", **{"class": "bars"})
    found = re.findall(r"M([\d.]+) [\d.]+v-([\d.]+)", path["d"])
    return [(float(x), float(height)) for x, height in found]


@given(st.lists(st.floats(-1e6, 1e6), max_size=20))
def test_all_values_lie_between_the_edges(values: list[float]) -> None:
    low, high = span(values, BOUND)
    assert low < high
    assert all(low <= value <= high for value in [*values, 0.95, 1.0])
    assert all(
        0 <= x < WIDTH and 0 < height <= HEIGHT
        for x, height in bars(histogram("x", values, BOUND))
    )


def test_bars_stand_where_the_values_are_and_most_are_tallest() -> None:
    drawn = bars(histogram("x", [0.0] * 9 + [1.0], None))
    assert [x for x, _ in drawn] == [0, pytest.approx(WIDTH * 29 / 30)]
    assert drawn[0][1] == HEIGHT - 2 > drawn[1][1] > HEIGHT / 5


def test_what_lies_beyond_the_bounds_is_shaded() -> None:
    (shade,) = Page(histogram("x", [0.9], BOUND)).all("rect")
    assert float(shade["x"]) == 0
    assert float(shade["width"]) == pytest.approx(WIDTH / 2)
    assert not Page(histogram("x", [0.96], BOUND)).all("rect")
    assert not Page(histogram("x", [0.96], None)).all("rect")


def test_a_bound_that_is_no_number_is_no_edge() -> None:
    assert span([2.0, 3.0], Bound("x", (1.0, math.inf), (0.5, math.inf), "", "", 1)) == (1.0, 3.0)


def test_it_is_told_in_words_too() -> None:
    page = Page(histogram(HOSTILE, [0.9, 1.0], BOUND))
    assert page.words == [f"{HOSTILE}: 2 images, from 0.9 to 1"]
    assert page.all("svg", role="img")
    assert not page.all("img")
