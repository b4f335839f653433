"""The report of an audit: for people, for programs, and for code scanners (SARIF 2.1.0)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from bidsdeid import __version__
from bidsdeid.core.finding import AuditReport, Finding, State, rule_of

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {State.STOP: "error", State.HOLD: "warning"}


def as_text(report: AuditReport) -> str:
    """Return the report for people: the worst first, and the result last."""
    return "\n".join([*_findings(report), *_rest(report), *_totals(report)]) + "\n"


def _findings(report: AuditReport) -> Iterator[str]:
    for severity in (State.STOP, State.HOLD):
        found = [f for f in report.findings if rule_of(f.rule).severity is severity]
        if found:
            yield f"{severity}: {_WHAT_TO_DO[severity]}"
        for path, group in groupby(found, key=lambda finding: finding.path):
            yield f"  {path}"
            for finding in group:
                times = f", {finding.count} times" if finding.count > 1 else ""
                yield f"      {finding.where}: {_sentence(finding)}{times}"
        if found:
            yield ""


_WHAT_TO_DO = {
    State.STOP: "identifies a person, do not share",
    State.HOLD: "look at it, and remove it if it is about a participant",
}


def _rest(report: AuditReport) -> Iterator[str]:
    parts = (
        ("Not looked into", [f"{gap.path}: {gap.reason}" for gap in report.gaps]),
        ("Changed while it was read", list(report.changed)),
        ("Worth knowing", [f"{note.path}: {note.sentence}" for note in report.notes]),
    )
    for title, lines in parts:
        if lines:
            yield f"{title}:"
            yield from (f"  {line}" for line in lines)
            yield ""


def _totals(report: AuditReport) -> Iterator[str]:
    severities = [rule_of(finding.rule).severity for finding in report.findings]
    yield (
        f"{report.files} files; {severities.count(State.STOP)} findings that stop, "
        f"{severities.count(State.HOLD)} to look at; {len(report.gaps)} not looked into; "
        f"{len(report.changed)} changed while they were read"
    )
    yield str(report.state)


def as_json(report: AuditReport) -> str:
    """Return the report for programs."""
    facts = {
        "Name": "bidsdeid",
        "Version": __version__,
        "State": str(report.state),
        "Files": report.files,
        "Findings": [
            {**asdict(finding), "severity": str(rule_of(finding.rule).severity)}
            for finding in report.findings
        ],
        "Coverage": [asdict(gap) for gap in report.gaps],
        "Integrity": list(report.changed),
        "Notes": [asdict(note) for note in report.notes],
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def as_sarif(report: AuditReport) -> str:
    """Return the report in the format that code scanners share."""
    rules = sorted({finding.rule for finding in report.findings})
    notifications = [_notification(gap.path, gap.reason, "warning") for gap in report.gaps] + [
        _notification(path, "it changed while it was read", "error") for path in report.changed
    ]
    run = {
        "tool": {
            "driver": {
                "name": "bidsdeid",
                "version": __version__,
                "rules": [_rule(name) for name in rules],
            }
        },
        "results": [_result(finding) for finding in report.findings],
        "invocations": [
            {"executionSuccessful": True, "toolExecutionNotifications": notifications}
        ],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _rule(name: str) -> dict[str, Any]:
    rule = rule_of(name)
    return {
        "id": _id(name),
        "shortDescription": {"text": rule.sentence},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    return {
        "ruleId": _id(finding.rule),
        "level": _LEVELS[rule_of(finding.rule).severity],
        "message": {"text": f"{finding.where}: {_sentence(finding)}"},
        "locations": [
            {
                "physicalLocation": _artifact(finding.path),
                "logicalLocations": [{"name": finding.where}],
            }
        ],
        "occurrenceCount": finding.count,
    }


def _notification(path: str, reason: str, level: str) -> dict[str, Any]:
    return {
        "level": level,
        "message": {"text": reason},
        "locations": [{"physicalLocation": _artifact(path)}],
    }


def _artifact(path: str) -> dict[str, Any]:
    return {"artifactLocation": {"uri": _uri(path)}}


def _uri(path: str) -> str:
    """Return a path as a URI reference, from the folder that was audited."""
    return (PurePosixPath("/") / path).as_uri().removeprefix("file:///")


def _id(name: str) -> str:
    return name.replace(" ", "-")


def _sentence(finding: Finding) -> str:
    sentence = rule_of(finding.rule).sentence
    return f"{sentence} ({finding.rule})" if "in the form of an" in sentence else sentence


FORMATS: Mapping[str, Callable[[AuditReport], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
}
