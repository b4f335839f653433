from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core import detectors
from bidsdeid.core.detectors import (
    DETECTOR_NAMES,
    DETECTORS,
    MAX_LENGTH,
    REMOVED,
    findings,
    removed,
    words_found,
)
from bidsdeid.core.publications import references
from bidsdeid.core.shapes import Detector, either
from bidsdeid.core.terms import (
    KNOWN,
    NO_TERMS,
    PERSON,
    PLACE,
    RECORD,
    Lexicon,
    Terms,
    folded,
    known_words,
)
from clean_text import Clean, clean_values
from detector_examples import EXAMPLES
from strategies import WORDS, default_policy

#: Words of each kind; each has a shape that no detector knows.
TERMS = Terms(
    known_words(["jane"]),
    Lexicon(whole=frozenset(["doe"])),
    Lexicon(whole=frozenset(["b12"])),
    Lexicon(whole=frozenset(["annex"])),
)

FOUND = [(row, text) for row in DETECTORS for text in EXAMPLES[row.reason].found]
MISSED = [(row, text) for row in DETECTORS for text in EXAMPLES[row.reason].missed]
TEXTS = st.sampled_from([text for _, text in FOUND])

#: What a document can be made of.
PIECES = st.lists(
    TEXTS | st.sampled_from([text for _, text in MISSED]) | WORDS | st.text(max_size=8), max_size=6
)


def named(value: Detector | str) -> str:
    return ascii(value) if isinstance(value, str) else value.name


@pytest.mark.parametrize(("row", "text"), FOUND, ids=named)
def test_identifying_text_is_found_and_removed_as_a_whole(row: Detector, text: str) -> None:
    assert row.name in findings(text)
    assert list(row.spans(folded(text)))
    assert removed(f"seen: {text} | end") == f"seen: {REMOVED} | end"


@pytest.mark.parametrize(("row", "text"), MISSED, ids=named)
def test_text_that_is_almost_identifying_survives(row: Detector, text: str) -> None:
    assert findings(text) == (), row.reason
    assert removed(text) == text


def test_every_row_has_examples_and_a_reason_of_its_own() -> None:
    assert [row.reason for row in DETECTORS] == list(EXAMPLES)
    assert all(len(e.found) > 1 and len(e.missed) > 1 for e in EXAMPLES.values())
    rows = {row.name for row in DETECTORS}
    assert rows | {"length", PERSON, RECORD, PLACE} == DETECTOR_NAMES


@pytest.mark.parametrize("row", DETECTORS, ids=lambda row: row.reason)
def test_a_row_that_is_switched_off_is_missed(
    row: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detectors, "_SHORT", 0)  # nothing is remembered
    monkeypatch.setattr(detectors, "DETECTORS", tuple(r for r in DETECTORS if r is not row))
    assert not all(row.name in findings(text) for text in EXAMPLES[row.reason].found)


@pytest.mark.parametrize(("row", "text"), FOUND, ids=named)
def test_a_detector_that_is_tolerated_does_not_speak(row: Detector, text: str) -> None:
    assert row.name not in findings(text, tolerate=[row.name])
    assert findings(text, tolerate=DETECTOR_NAMES) == ()
    assert removed(text, tolerate=DETECTOR_NAMES) == text


def alarms(values: Iterator[Clean]) -> list[tuple[Clean, tuple[str, ...]]]:
    policy = default_policy()
    tolerate = {"document": frozenset({"length"})}
    found = [
        (value, findings(value[2], tolerate=tolerate.get(scope, policy.key_rule(*key).tolerate)))
        for value in values
        for scope, key in [(value[0], value[:2])]
    ]
    return [(value, names) for value, names in found if names]


def test_text_of_real_datasets_survives() -> None:
    values = set(clean_values())
    assert len({text for _, _, text in values}) > 1000
    assert alarms(iter(values)) == []


def test_clean_text_stands_in_fields_that_are_kept() -> None:
    policy = default_policy()
    fields = {(scope, field) for scope, field, _ in clean_values() if scope != "document"}
    assert {key for key in fields if policy.key_rule(*key).action != "keep"} == set()


def test_an_alarm_in_clean_text_would_be_seen() -> None:
    value = ("image", "SeriesDescription", "t1_mprage_2019-03-04")
    assert alarms(iter([value])) == [(value, ("date",))]


@pytest.mark.parametrize(
    "text", ["ID.777888999", "MRN12345", "visit 4.3.80", "scan 04-03-80", "sub-01_4mar19_T1w"]
)
def test_identifiers_that_lean_on_their_neighbours_are_found(text: str) -> None:
    assert findings(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("10:15-11:30", "[removed]-[removed]"),
        ("call +49 30 1234567 or 7", "call [removed] or 7"),
        ("C:\\Users\\Jane Doe\\raw is mine", "[removed] is mine"),
        ("see /home/jdoe/a, then b", "see [removed] then b"),
        ("DOE^JANE was late again", "[removed] was late again"),
        ("Patient name: Jane Doe; ok", "[removed]; ok"),
        ("dob: 4.3.1980, male", "[removed], male"),
        ("2019-03-04 10:11:12.5", "[removed] [removed]"),
        ("jane.2019-03-04@clinic.org is", "[removed] is"),
        ("2019 03 04 2019-03-05", "[removed] [removed]"),
        ("a [removed] b", "a [removed] b"),
        ("M\u00fcller^J\u00fcrgen \u2012 2019\u201203\u201204", "[removed] \u2012 [removed]"),
    ],
)
def test_what_is_removed_is_the_whole_and_no_more(text: str, left: str) -> None:
    assert removed(text) == left


@given(PIECES, st.sampled_from([NO_TERMS, TERMS]))
def test_nothing_is_found_in_what_is_left(pieces: list[str], terms: Terms) -> None:
    assert set(findings(removed("".join(pieces), terms), terms)) <= {"length"}


@given(PIECES)
def test_what_is_left_is_in_the_text_and_in_its_order(pieces: list[str]) -> None:
    text = " ".join(pieces)
    position = 0
    for part in removed(text).split(REMOVED):
        position = text.index(part, position) + len(part)
    assert text.endswith(removed(text).rpartition(REMOVED)[2])


@given(WORDS)
def test_a_word_that_is_part_of_the_mark_ends_the_search(word: str) -> None:
    terms = Terms(known_words(["move", "removed", word]))
    left = removed("move it, remove it", terms).replace(REMOVED, "")
    assert "move" not in left


@given(WORDS, TEXTS, WORDS)
def test_a_finding_does_not_depend_on_the_text_around(left: str, text: str, right: str) -> None:
    assert findings(f"{left} | {text} | {right}")


@given(PIECES)
def test_no_row_is_passed_over_that_would_find_something(pieces: list[str]) -> None:
    text = folded("".join(pieces))
    characters, digits = frozenset(text.plain), len(re.findall(r"\d", text.plain))
    for row in DETECTORS:
        if list(row.spans(text)):
            assert row.may_occur(text.plain, characters, digits), row.reason


@pytest.mark.parametrize("text", ["t1_mprage_sag_p2_iso", "ORIGINAL\\PRIMARY", "Press the key."])
def test_most_rows_are_passed_over(text: str) -> None:
    asked = [row for row in DETECTORS if row.may_occur(text, frozenset(text), 2)]
    assert len(asked) < len(DETECTORS) / 3


#: Beginnings of shapes, of which none comes to an end.
BEGINNINGS = [
    "x", "1.", "~a", "+1 ", "a^", "a@", "a@b.", "0 1 ", "1:", "a:", "a at b dot ", "c:\\",
    "-----begin private key", "eyj", "1/", "4 mar ", "dob ", "name: a", "de89 ", "10.1000/", "a.",
    "\\\\a\\", "http://", "12 A ", "front. ", "Dr. ", "0-", "x-strasse", "2019-", "(0", "f", "ab:",
    "?token",
]  # fmt: skip


@pytest.mark.parametrize("count", [20_000])
def test_a_long_run_of_anything_is_searched_to_its_end(count: int) -> None:
    """A README in a script without spaces, or with a picture in base64, must not take for ever."""
    code = (
        "import sys; from bidsdeid.core.detectors import findings\n"
        "for text in sys.argv[2:]: findings(text * (int(sys.argv[1]) // len(text)))"
    )
    words = [sys.executable, "-c", code, str(count), *BEGINNINGS]
    assert subprocess.run(words, timeout=60, check=False).returncode == 0


@given(st.text())
def test_a_finding_never_quotes_the_text(text: str) -> None:
    assert set(findings(text, TERMS)) <= DETECTOR_NAMES | {KNOWN}


@pytest.mark.parametrize(
    ("name", "text"), [(KNOWN, "Jane"), (PERSON, "Doe"), (RECORD, "b12"), (PLACE, "Annex")]
)
def test_words_are_found_by_their_kind_and_known_ones_are_never_tolerated(
    name: str, text: str
) -> None:
    assert findings(f"scan of {text}, again", TERMS) == (name,)
    assert words_found(text, TERMS) == (name,)
    every = DETECTOR_NAMES | {KNOWN}
    assert findings(text, TERMS, tolerate=every) == ((KNOWN,) if name == KNOWN else ())


def test_long_prose_is_found_unless_it_is_tolerated() -> None:
    text = "word " * (MAX_LENGTH // 5)
    assert findings(text) == ()
    assert findings(text + "x") == ("length",)
    assert findings(text + "x", tolerate=["length"]) == ()


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("https://www.ncbi.nlm.nih.gov/pubmed/25977808", True),
        ("doi:10.1101/2020.06.16.155317v1", True),
        ("PMID: 25977808", True),
        ("d3605957a3110c17ae5830242cdd5d5f44acf68f", True),
        ("Front. Neuroinform. 11:17", True),
        ("2015 Mar 4;35(9)", True),
        ("https://pacs.example.org/pubmed/25977808", False),
        ("see doi.org and 25977808", False),
        ("ds1234567890", False),
        ("grants 2019-03-04", False),
        ("award for patient 25977808", False),
    ],
)
def test_numbers_of_publications_are_public(text: str, *, public: bool) -> None:
    assert (findings(text) == ()) is public


def test_names_within_an_address_that_is_public_are_found() -> None:
    assert findings("https://doi.org/jane@clinic.org") == ("email",)
    assert list(references("no reference")) == []


@given(st.lists(st.from_regex(r"[a-c]{1,4}", fullmatch=True), min_size=1), st.text("abcd"))
def test_any_of_some_words_is_matched_by_their_pattern(words: list[str], text: str) -> None:
    assert (re.fullmatch(either(words), text) is not None) is (text in words)
    assert all(re.fullmatch(either(words), word) for word in words)
