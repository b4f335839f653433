from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.spelling import spellings
from bidsdeid.core.terms import Terms, known_words


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Müller", "MUELLER_T1w"), ("Mueller", "müller"), ("Müller", "Muller"),
        ("Sørensen", "SORENSEN"), ("Sørensen", "Soerensen"), ("Sorensen", "sørensen"),
        ("Wałęsa", "walesa"), ("Walesa", "WAŁĘSA"), ("Åberg", "aaberg"), ("Aaberg", "Åberg"),
        ("Æsop", "AESOP"), ("Weiß", "weiss"), ("Jörg Müller", "mueller, joerg"),
    ],
)  # fmt: skip
def test_a_name_is_found_as_keyboards_write_it(term: str, text: str) -> None:
    assert Terms(known_words([term])).occur_in(f"scan of {text} again")


@pytest.mark.parametrize(("term", "text"), [("Doe", "do"), ("Rae", "ra"), ("Jue", "ju")])
def test_short_names_are_not_made_shorter(term: str, text: str) -> None:
    assert not Terms(known_words([term])).occur_in(text)


@given(st.text())
def test_the_first_spelling_is_the_text_itself(text: str) -> None:
    first, *others = spellings(text)
    assert first == text
    assert text.lower() not in others
