from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.prose import because, heading, in_order, listed, title, wrapped

WORDS = st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("words", "last", "text"),
    [
        (["a"], "and", "a"),
        (["a", "b"], "and", "a and b"),
        (["a", "b", "c"], "or", "a, b or c"),
    ],
)
def test_a_list_in_a_sentence(words: list[str], last: str, text: str) -> None:
    assert listed(words, last) == text


def test_the_alphabet_has_one_order() -> None:
    assert in_order({"T1w", "angio", "FLAIR", "flair"}) == ["angio", "FLAIR", "flair", "T1w"]


@given(WORDS)
def test_paragraphs_fit_the_page_and_lose_no_word(words: list[str]) -> None:
    lines = wrapped(" ".join(words), "  7. ")
    assert all(len(line) <= 100 for line in lines)
    assert lines[0].startswith("  7. ")
    assert all(line.startswith("     ") for line in lines[1:])
    assert " ".join(line[5:] for line in lines).split() == words


def test_a_number_stays_with_its_per_cent_sign_and_a_name_is_not_broken() -> None:
    lines = wrapped(f"{'x' * 90} 96-98 % of them", "  - ")
    assert lines == [f"  - {'x' * 90}", "    96-98 % of them"]
    assert len(wrapped("a-" * 80)) == 1


def test_names_come_in_the_sentence_or_after_it() -> None:
    assert because("A and B", "r") == ["  - A and B, because r."]
    assert because("2 fields", "r", ["A", "B"], " 1. ") == [
        " 1. 2 fields, because r:", "      A, B.",
    ]  # fmt: skip


def test_parts_and_groups_stand_apart() -> None:
    assert (title("FILES"), heading("Kept")) == (["", "", "FILES"], ["", "Kept:"])
