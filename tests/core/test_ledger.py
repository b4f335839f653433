from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.ledger import Ledger, Outcome, Release, Status, from_json, to_json
from bidsdeid.core.scrub import Change

TEXT = st.text(max_size=8)
COUNTS = st.none() | st.integers(0, 10**9)
RELEASES = st.builds(Release, TEXT, TEXT, st.integers(0), TEXT)
OUTCOMES = st.builds(
    Outcome, TEXT, TEXT, st.sampled_from(Status), TEXT,
    st.lists(RELEASES, max_size=3).map(tuple),
    st.lists(st.builds(Change, TEXT, TEXT, TEXT), max_size=3).map(tuple),
    COUNTS, COUNTS, st.dictionaries(TEXT, st.floats(allow_nan=False), max_size=3), TEXT,
)  # fmt: skip
LEDGERS = st.builds(Ledger, TEXT, TEXT, st.lists(OUTCOMES, max_size=4).map(tuple), TEXT)


@given(LEDGERS)
def test_a_ledger_survives_being_written_and_read(ledger: Ledger) -> None:
    assert from_json(json.loads(json.dumps(to_json(ledger)))) == ledger


@given(LEDGERS)
def test_releases_are_those_of_all_outcomes_by_path(ledger: Ledger) -> None:
    paths = [release.path for release in ledger.releases]
    assert paths == sorted(r.path for outcome in ledger.outcomes for r in outcome.releases)
    assert sum(ledger.count(status) for status in Status) == len(ledger.outcomes)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        [],
        {"participant": "01", "fingerprint": "f"},
        {"participant": "01", "fingerprint": "f", "outcomes": []},
        {"participant": "01", "fingerprint": "f", "outcomes": [{}]},
        {"participant": "01", "fingerprint": "f", "outcomes": [7]},
        {"participant": "01", "fingerprint": "f", "outcomes": [
            {"source": "a", "decision": "b", "status": "?", "reason": "", "releases": [],
             "changes": []}]},
    ],
    ids=["empty", "list", "no outcomes", "no label", "empty outcome", "number", "status"],
)  # fmt: skip
def test_what_is_no_ledger_is_refused(raw: Any) -> None:  # noqa: ANN401
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(raw)
