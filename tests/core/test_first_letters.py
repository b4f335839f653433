from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.first_letters import first_letters, may_hold

WORDS = st.text("abc1", min_size=1, max_size=7)


@given(st.sets(WORDS, min_size=1), st.text("abc1", max_size=12), st.data())
def test_a_text_that_holds_a_word_is_never_ruled_out(
    words: set[str], text: str, data: st.DataObject
) -> None:
    word = data.draw(st.sampled_from(sorted(words)))
    place = data.draw(st.integers(0, len(text)))
    assert may_hold(text[:place] + word + text[place:], first_letters(words))


@given(st.sets(WORDS), st.text("xyz", max_size=12))
def test_a_text_of_other_letters_is_ruled_out(words: set[str], text: str) -> None:
    assert not may_hold(text, first_letters(words))


def test_an_empty_word_does_not_hide_the_others() -> None:
    assert may_hold("jane", first_letters(["", "jane"]))
    assert not may_hold("jane", first_letters([]))
