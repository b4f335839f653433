from __future__ import annotations

import pytest

from bidsdeid.core.detectors import DETECTOR_NAMES
from bidsdeid.core.finding import RULES, AuditReport, Finding, Gap, Note, Notebook, State, rule_of
from bidsdeid.core.terms import KNOWN

STOP, HOLD = Finding("a", "here", "date"), Finding("a", "here", "time")


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (AuditReport(3), State.CLEAR),
        (AuditReport(3, notes=(Note("a", "it shows no face"),)), State.CLEAR),
        (AuditReport(3, gaps=(Gap("a", "it is closed"),)), State.HOLD),
        (AuditReport(3, changed=("a",)), State.HOLD),
        (AuditReport(3, (HOLD,)), State.HOLD),
        (AuditReport(3, (HOLD, STOP)), State.STOP),
        (AuditReport(3, (STOP,), (Gap("b", "it is closed"),)), State.STOP),
    ],
)
def test_the_worst_that_was_found_says_what_it_comes_to(report: AuditReport, state: State) -> None:
    assert report.state is state


def test_every_detector_has_a_rule_in_words_of_its_own() -> None:
    assert DETECTOR_NAMES | {KNOWN} <= RULES.keys()
    sentences = [rule.sentence for rule in RULES.values()]
    assert len(set(sentences)) == len(sentences)


def test_a_rule_stops_or_holds_and_says_what_to_do() -> None:
    for rule in RULES.values():
        assert rule.severity in (State.STOP, State.HOLD)
        assert rule.sentence
        assert rule.remedy


def test_what_has_no_rule_of_its_own_must_be_looked_at() -> None:
    assert rule_of("a detector of next year").severity is State.HOLD


def test_a_notebook_counts_what_was_found_at_a_place() -> None:
    book = Notebook("sub-01/notes.txt")
    book.add("line 2", ["date", "time"])
    book.add("line 1", ["date"])
    book.add("line 2", ["date"])
    book.add("line 3", [])
    assert book.findings() == (
        Finding("sub-01/notes.txt", "line 1", "date"),
        Finding("sub-01/notes.txt", "line 2", "date", 2),
        Finding("sub-01/notes.txt", "line 2", "time"),
    )
