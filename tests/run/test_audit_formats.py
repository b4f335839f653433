from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.finding import RULES, AuditReport, Finding, Gap, Note, State, rule_of
from bidsdeid.run.audit_formats import FORMATS, as_json, as_sarif, as_text

REPORT = AuditReport(
    7,
    (
        Finding("sub-*** (no. 2)/a b.json", "field PatientName", "identity field"),
        Finding("sub-*** (no. 2)/a b.json", "field SAR", "clock", 3),
        Finding("x.txt", "line 1", "next year's detector"),
    ),
    (Gap("", "there is no file in it"), Gap("y.zip", "it is closed")),
    ("z.txt",),
    (Note("", "faces were not looked for in 2 image(s)"), Note("b.nii", "it shows no face")),
)

PATHS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
FINDINGS = st.builds(
    Finding, PATHS, st.sampled_from(["line 1", "field SAR"]),
    st.sampled_from([*RULES, "unheard of"]), st.integers(1, 9),
)  # fmt: skip
REPORTS = st.builds(
    AuditReport,
    st.integers(0, 10**6),
    st.lists(FINDINGS, max_size=6).map(sorted).map(tuple),
    st.lists(st.builds(Gap, PATHS, PATHS), max_size=3).map(tuple),
    st.lists(PATHS, max_size=3).map(tuple),
    st.lists(st.builds(Note, PATHS, PATHS), max_size=3).map(tuple),
)


def sarif(report: AuditReport) -> dict[str, Any]:
    (run,) = json.loads(as_sarif(report))["runs"]
    assert isinstance(run, dict)
    return run


# ── text ─────────────────────────────────────────────────────────────────────────────────────


def test_the_text_says_what_where_and_what_to_do() -> None:
    assert (
        as_text(REPORT)
        == """\
STOP: identifies a person, do not share
  sub-*** (no. 2)/a b.json
      field PatientName: a field with the name of a person

HOLD: look at it, and remove it if it is about a participant
  sub-*** (no. 2)/a b.json
      field SAR: a number that reads as a day, a clock or a record, 3 times
  x.txt
      line 1: something in the form of an identifier (next year's detector)

Not looked into:
  there is no file in it
  y.zip
      it is closed

Changed meanwhile:
  z.txt
      it changed, came or went while it was read

Worth knowing:
  faces were not looked for in 2 image(s)
  b.nii
      it shows no face

      files  what it is                                                     what to do
STOP      1  a field with the name of a person                              remove it
HOLD      1  a number that reads as a day, a clock or a record              look at it
HOLD      1  something in the form of an identifier (next year's detector)  look at it

files: 7; findings that stop: 1, to look at: 2; not looked into: 2; changed meanwhile: 1
STOP: something identifies a person, do not share it
"""
    )


def test_a_clear_report_is_two_lines() -> None:
    totals, result = as_text(AuditReport(1)).splitlines()
    assert totals.startswith("files: 1; findings that stop: 0")
    assert result == "CLEAR: nothing was found"


def test_files_in_which_the_same_was_found_are_told_together() -> None:
    found = [Finding(f"{n}.dcm", "tag PatientName", "identity field") for n in range(1, 8)]
    other = Finding("8.dcm", "tag PatientID", "record field")
    lines = as_text(AuditReport(8, (*found, other))).splitlines()
    assert lines[1:8] == [
        "  1.dcm", "  2.dcm", "  3.dcm", "  and 4 more",
        "      tag PatientName: a field with the name of a person",
        "  8.dcm", "      tag PatientID: a field that leads to a person or visit",
    ]  # fmt: skip


def test_the_items_of_a_sequence_are_told_together() -> None:
    found = tuple(Finding("x.dcm", f"tag A item {n} tag B", "date", n) for n in (1, 2, 10))
    assert "      tag A item * tag B: a date, 13 times" in as_text(AuditReport(1, found))


@given(REPORTS)
def test_the_text_names_every_kind_of_finding_and_ends_with_the_result(
    report: AuditReport,
) -> None:
    text = as_text(report)
    assert text.splitlines()[-1].startswith(f"{report.state}: ")
    for finding in report.findings:
        assert rule_of(finding.rule).sentence in text
    for state in (State.STOP, State.HOLD):
        some = any(rule_of(finding.rule).severity is state for finding in report.findings)
        assert bool(re.search(rf"^{state} +[1-9]\d*  ", text, re.MULTILINE)) == some


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


def test_json_keeps_the_three_results_apart() -> None:
    facts = json.loads(as_json(REPORT))
    assert facts["State"] == "STOP"
    assert facts["Files"] == 7
    assert facts["Findings"][1] == {
        "path": "sub-*** (no. 2)/a b.json", "where": "field SAR", "rule": "clock", "count": 3,
        "severity": "HOLD",
    }  # fmt: skip
    assert facts["Coverage"][1] == {"path": "y.zip", "reason": "it is closed"}
    assert facts["Integrity"] == ["z.txt"]
    assert facts["Notes"][1] == {"path": "b.nii", "sentence": "it shows no face"}
    assert set(facts["Rules"]) == {"identity field", "clock", "next year's detector"}
    assert facts["Rules"]["identity field"]["remedy"] == "remove it"


@given(REPORTS)
def test_json_and_sarif_hold_the_whole_report(report: AuditReport) -> None:
    facts = json.loads(as_json(report))
    assert [(f["path"], f["where"], f["rule"], f["count"]) for f in facts["Findings"]] == [
        (f.path, f.where, f.rule, f.count) for f in report.findings
    ]
    assert len(sarif(report)["results"]) == len(report.findings)


# ── SARIF ────────────────────────────────────────────────────────────────────────────────────

_LEVELS = {"none", "note", "warning", "error"}
_URI = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@%/-]+")


@given(REPORTS)
def test_sarif_has_what_its_schema_requires(report: AuditReport) -> None:
    """Written after sarif-schema-2.1.0.json (OASIS): required properties, types and choices."""
    log = json.loads(as_sarif(report))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "bidsdeid"
    assert len({rule["id"] for rule in driver["rules"]}) == len(driver["rules"])
    for rule in driver["rules"]:
        assert set(rule) == {"id", "shortDescription", "help", "defaultConfiguration"}
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in _LEVELS
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["level"] in _LEVELS
        assert result["occurrenceCount"] >= 1
        (location,) = result["locations"]
        assert _URI.fullmatch(location["physicalLocation"]["artifactLocation"]["uri"])
        assert location["logicalLocations"][0]["name"]
    (invocation,) = run["invocations"]
    assert isinstance(invocation["executionSuccessful"], bool)
    for said in invocation["toolExecutionNotifications"]:
        assert said["message"]["text"]
        assert said["level"] in _LEVELS


def test_sarif_tells_what_was_not_looked_into_and_what_changed_apart() -> None:
    (invocation,) = sarif(REPORT)["invocations"]
    said = [
        (
            note["level"],
            [x["physicalLocation"]["artifactLocation"]["uri"] for x in note.get("locations", [])],
        )
        for note in invocation["toolExecutionNotifications"]
    ]
    assert said == [
        ("warning", []), ("warning", ["y.zip"]), ("error", ["z.txt"]),
        ("note", []), ("note", ["b.nii"]),
    ]  # fmt: skip
    assert [result["level"] for result in sarif(REPORT)["results"]] == [
        "error", "warning", "warning",
    ]  # fmt: skip


def test_a_path_is_a_uri_from_the_folder() -> None:
    uri = sarif(REPORT)["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert unquote(uri["uri"]) == "sub-*** (no. 2)/a b.json"
    assert " " not in uri["uri"]


def test_a_line_of_a_text_is_a_region() -> None:
    first, _, third = (result["locations"][0] for result in sarif(REPORT)["results"])
    assert third["physicalLocation"]["region"] == {"startLine": 1}
    assert "region" not in first["physicalLocation"]


@pytest.mark.parametrize("name", FORMATS)
@given(report=REPORTS)
def test_a_report_is_written_the_same_each_time(name: str, report: AuditReport) -> None:
    text = FORMATS[name](report)
    assert FORMATS[name](report) == text
    assert text.endswith("\n")
