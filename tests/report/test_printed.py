from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from bidsdeid.core.explanation import explain
from bidsdeid.report.printed import bar, marked, printed_table, prose
from bidsdeid.resources import load_policy, policy_names


def test_a_table_escapes_and_labels_its_cells() -> None:
    table = printed_table("A & B", ("Name", "Number"), [("<i>", "1")], numbers=1)
    assert "<caption>A &amp; B</caption>" in table
    assert "&lt;i&gt;" in table
    assert '<td role="cell" data-label="Number" class="number">1</td>' in table


def test_a_row_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        printed_table("", ("Name", "Number"), [("a",)])


def test_the_parts_of_a_bar_fill_it() -> None:
    drawn = bar("Images", [("a", 1), ("left out", 0), ("c", 3)])
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="20"', drawn)]
    assert widths == [250.0, 750.0]
    assert 'aria-label="Images. a: 1, c: 3."' in drawn
    assert "left out" not in drawn
    assert drawn.count('class="three"') == 2  # a part keeps its colour whatever is left out


def test_a_bar_of_nothing_is_not_drawn() -> None:
    assert bar("Images", [("a", 0)]) == ""


def test_more_parts_than_colours_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        bar("Images", [(str(n), 1) for n in range(6)])


def test_a_backtick_without_its_partner_is_a_sign() -> None:
    assert marked("a ` b <") == "a ` b &lt;"


@pytest.mark.parametrize("policy", policy_names())
def test_no_word_of_the_rules_is_lost(policy: str) -> None:
    told = explain(replace(load_policy(policy), identifiers=()))
    _, body = told.split("\n\n", 1)  # the page has a title of its own
    shown = unescape(re.sub(r"<[^>]+>", " ", prose(told)))
    assert re.findall(r"\w+", shown) == re.findall(r"\w+", body)


def test_each_rule_is_an_item_of_its_own() -> None:
    told = explain(load_policy("default"))
    items = len(re.findall(r"(?m)^ +(?:- |\d+\. )", told))
    others = len(re.findall(r"(?m)^ {6}every other", told))
    assert prose(told).count("<li>") == items + others
