from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.terms import (
    HARVESTED,
    KNOWN,
    NO_TERMS,
    NO_WORDS,
    PERSON,
    PLACE,
    RECORD,
    Lexicon,
    Terms,
    folded,
    known_words,
    words_in,
    words_of,
)

NAMES = st.text("abcdefghij", min_size=4, max_size=8)
#: What may stand between words without being one.
GAPS = st.text(" _-^,./()\\\n'\"", min_size=1, max_size=3)


def whole(*words: str) -> Terms:
    return Terms(Lexicon(whole=frozenset(words)))


def phrase(*words: str) -> Terms:
    return Terms(Lexicon(phrases=frozenset(words)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("scan of Miller", True),
        ("MILLER_T1w", True),
        ("premillerian", True),
        ("Mil\u200bler", True),
        ("\uff2diller", True),
        ("STRASSE 4", True),
        ("Jo at three", True),
        ("jo", True),
        ("jo2", True),
        ("3Jo", True),
        ("scanJo", True),
        ("scanJO", True),
        ("JOscan", True),
        ("major", False),
        ("Job", False),
        ("JOB", False),
        ("banJo", True),
        ("banjo", False),
        ("mill", False),
        ("", False),
    ],
)
def test_known_terms(text: str, *, found: bool) -> None:
    terms = Terms(known_words(("Miller", "Jo", " straße ", "", " ", "-")))
    assert terms.occur_in(text) is found


def test_a_known_term_is_not_an_expression() -> None:
    assert not Terms(known_words(["a.c"])).occur_in("abc")
    assert Terms(known_words(["x(y"])).occur_in("x(y")


@pytest.mark.parametrize(
    "text", ["Jane Doe", "JANE_DOE", "JaneDoe", "jane  doe", "doe, jane", "Doe^Jane", "Jané Doe",
             "scanjanedoe2", "Jane\u00a0Doe", "DOEJANE", "Jane-Doe3", "3Jane Doe", "T1Jane_DoeMPR"]
)  # fmt: skip
def test_a_known_term_is_found_in_every_spelling(text: str) -> None:
    assert Terms(known_words(["Jane Doe"])).occur_in(f"seen with {text} on the day")


@pytest.mark.parametrize(
    "text",
    ["a jane and, quite apart from her, a doe", "janedo", "Jane Doering", "adjane Doe"],
)
def test_the_words_of_a_known_term_are_looked_for_together_and_whole(text: str) -> None:
    assert not Terms(known_words(["Jane Doe"])).occur_in(text)


@pytest.mark.parametrize(
    "text", ["Anna Maria Koch", "Koch^Anna^Maria", "KOCH, Anna-Maria", "maria_koch_anna"]
)
def test_any_of_three_words_may_come_first(text: str) -> None:
    terms = Terms(known_words(["Anna Maria Koch"]))
    assert terms.occur_in(text)
    assert not terms.occur_in("Anna and Maria went to the Koch institute")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tingan", "starting and ending"),
        ("dingwei", "finding weights"),
        ("evalue", "the value of"),
        ("evalue", "eva\nlues"),
    ],
)
def test_words_run_together_are_not_put_together_from_parts_of_others(
    name: str, text: str
) -> None:
    assert not phrase(name).occur_in(text)


@pytest.mark.parametrize(
    ("run", "text", "found"),
    [
        ("sub1", "see sub-1.", True),
        ("sub1", "SUB 1", True),
        ("sub1", "sub-10", False),
        ("sub1", "sub-01", False),
        ("sub1", "xsub1", False),
        ("sub1", "sub-1b", False),
        ("12345", "1.2345", True),
        ("12345", "0.12345", True),
        ("12345", "12345.6", True),
        ("12345", "123456", False),
        ("1234567", "MRN123-45-67", True),
        ("1234567", "12345678", False),
        ("anli", "An, Li", True),
        ("anli", "an lion", False),
        ("anlion", "an-lion", True),
        ("anlion", "an lions", False),
        ("anlion", "xxanlionxx", True),
        ("anlio", "xxanlioxx", False),
    ],
)
def test_where_words_run_together_count(run: str, text: str, *, found: bool) -> None:
    assert phrase(run).occur_in(text) is found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MRIJane2", "mrijane2 mrijane mri jane jane2 2"),
        ("tseDOErepeat", "tse doe tsedoerepeat"),
        ("PILOT7Scan", "pilot 7 pilot7 scan 7scan"),
        ("ÅseMärz", "ase marz asemarz"),
        ("JDoe", "j doe jdoe"),
        ("t1_doe", "t 1 t1 doe"),
        ("ann", "ann"),
    ],
)
def test_a_whole_word_is_from_where_case_or_kind_changes_to_where_it_does(
    text: str, words: str
) -> None:
    assert all(whole(word).occur_in(text) for word in words.split())


@pytest.mark.parametrize("word", ["jan", "ane", "rijane", "oe", "rep", "2x", "and2", "re"])
def test_parts_of_words_are_no_whole_words(word: str) -> None:
    assert not whole(word).occur_in("MRIJane2 and DOErepeat")


@given(NAMES, GAPS, NAMES, GAPS)
def test_a_word_is_found_between_any_signs_in_any_case(
    word: str, left: str, other: str, right: str
) -> None:
    for spelling in (word, word.upper(), word.title()):
        text = f"{other}{left}{spelling}{right}{other}"
        assert whole(word).occur_in(text)
        assert Terms(known_words([word])).occur_in(text)


@given(NAMES, NAMES, GAPS)
def test_two_words_are_found_in_either_order_whatever_stands_between_them(
    one: str, other: str, gap: str
) -> None:
    terms = Terms(known_words([f"{one} {other}"]))
    assert terms.occur_in(f"x {one}{gap}{other} y")
    assert terms.occur_in(f"x {other}{gap}{one} y")


@given(st.text(), st.lists(st.text(max_size=5), max_size=4))
def test_spans_are_where_the_words_stand(text: str, terms: list[str]) -> None:
    lexicon = known_words(terms)
    both = Terms(lexicon, Lexicon(whole=lexicon.inside), Lexicon(phrases=lexicon.whole))
    for _, (start, end) in both.spans(folded(text)):
        assert 0 <= start < end <= len(text)
        assert both.occur_in(text[start:end]) or not text[start:end].isascii()


@given(st.text(), st.text(min_size=1))
def test_what_is_known_is_found_in_itself(around: str, term: str) -> None:
    if words_of(term):
        assert Terms(known_words([term])).occur_in(f"{around} {term}")


@given(st.text())
def test_without_words_nothing_is_found(text: str) -> None:
    assert list(NO_TERMS.spans(folded(text))) == []
    assert not Terms(known_words(["", " ", "--", "\u200b"])).occur_in(text)
    assert not NO_TERMS
    assert not NO_WORDS
    assert not known_words(["-"])


@given(st.lists(st.text("aB1 \n_", max_size=5) | st.text(max_size=3)))
def test_letters_are_undone_one_by_one_whatever_stands_beside_them(parts: list[str]) -> None:
    text = "".join(parts)
    alone = [folded(letter).plain for letter in text]
    assert folded(text).plain == "".join(alone)
    assert list(folded(text).origin) == [i for i, plain in enumerate(alone) for _ in plain]


@given(st.text())
def test_undoing_disguises_keeps_track_of_where_everything_comes_from(text: str) -> None:
    plain = folded(text)
    assert len(plain.origin) == len(plain.plain)
    assert list(plain.origin) == sorted(plain.origin)
    assert folded(plain.plain).plain == plain.plain
    for start in range(len(plain.plain)):
        first, last = plain.span(start, start + 1)
        assert folded(text[first:last]).plain in plain.plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("JANÉ Müller", "jane muller"),
        ("Jane\u0301", "jane"),
        ("Straße", "strasse"),
        ("\uff21\uff4e\uff4e\uff11", "ann1"),
        ("Mil\u200bl\u00ader", "miller"),
        ("\ufb01sher", "fisher"),
        ("İz", "iz"),
    ],
)
def test_disguises(text: str, plain: str) -> None:
    assert folded(text).plain == plain
    assert words_of(text) == plain.split()


def test_words_stand_where_tokens_letters_digits_and_humps_begin_and_end() -> None:
    words = words_in(folded("a_bC3 "))
    assert words.tokens == ((0, 1), (2, 5))
    assert sorted(words.starts) == [0, 2, 3, 4]
    assert sorted(words.ends) == [1, 3, 4, 5]


TERMS = Terms(
    known_words(["known"]),
    Lexicon(whole=frozenset(["person"])),
    Lexicon(whole=frozenset(["record"])),
    Lexicon(whole=frozenset(["place"])),
    Lexicon(whole=frozenset(["label"])),
)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("known", KNOWN),
        ("person", PERSON),
        ("record", RECORD),
        ("label", RECORD),
        ("place", PLACE),
    ],
)
def test_a_word_is_told_by_its_kind(word: str, kind: str) -> None:
    assert list(TERMS.spans(folded(f"a {word}"))) == [(kind, (2, 2 + len(word)))]


def test_what_is_known_is_not_harvested() -> None:
    assert sorted(HARVESTED) == sorted([PERSON, RECORD, PLACE])


@pytest.mark.parametrize(
    ("word", "found"),
    [("known", True), ("person", True), ("label", True), ("record", False), ("place", False)],
)
def test_names_of_files_may_hold_records_and_places_but_no_old_labels(
    word: str, *, found: bool
) -> None:
    assert TERMS.in_names.occur_in(f"sub-01_acq-{word}_T1w.json") is found


@pytest.mark.parametrize("field", ["known", "persons", "records", "places", "labels"])
@pytest.mark.parametrize("kind", ["inside", "whole", "phrases"])
def test_one_word_of_any_kind_is_enough(field: str, kind: str) -> None:
    terms = Terms(**{field: Lexicon(**{kind: frozenset(["doe"])})})
    assert terms
    assert terms.occur_in("doe")


def test_lexicons_add_up() -> None:
    one = Lexicon(frozenset("a"), frozenset("b"), frozenset("c"))
    other = Lexicon(frozenset("d"), frozenset("e"), frozenset("f"))
    assert one | other == Lexicon(frozenset("ad"), frozenset("be"), frozenset("cf"))


_LONG = """
import sys
from bidsdeid.core.terms import Lexicon, Terms, folded
words = frozenset(f"{chr(97 + n % 26)}{n}x" for n in range(20000))
names = frozenset("".join(chr(97 + n // 26 ** i % 26) for i in range(9)) for n in range(20000))
lexicon = Lexicon(names, words | names, names)
list(Terms(lexicon, lexicon, lexicon, lexicon).spans(folded(sys.argv[1] * 30000)))
"""


@pytest.mark.parametrize("text", ["a1", "aB", "x", "a ", "\u00e9", "a\u0301B"])
def test_a_long_text_is_searched_to_its_end_for_many_words(text: str) -> None:
    done = subprocess.run([sys.executable, "-c", _LONG, text], timeout=60, check=False)
    assert done.returncode == 0
