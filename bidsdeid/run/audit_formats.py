"""The report of an audit: for people, for programs, and for code scanners (SARIF 2.1.0)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from bidsdeid import __version__
from bidsdeid.core.finding import RULES, AuditReport, Finding, State, rule_of

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LINE = re.compile(r"line (\d+)")
_LEVELS = {State.STOP: "error", State.HOLD: "warning"}


def as_text(report: AuditReport) -> str:
    """Return the report for people: details first, and what it comes to last."""
    parts = (
        *(_details(report, severity) for severity in _WHAT_TO_DO),
        _listed("Not looked into", [(gap.path, gap.reason) for gap in report.gaps]),
        _listed("Changed meanwhile", [(path, _CHANGED) for path in report.changed]),
        _listed("Worth knowing", [(note.path, note.sentence) for note in report.notes]),
        _summary(report),
        [_totals(report), f"{report.state}: {_RESULTS[report.state]}"],
    )
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


_WHAT_TO_DO = {
    State.STOP: "identifies a person, do not share",
    State.HOLD: "look at it, and remove it if it is about a participant",
}

_RESULTS = {
    State.STOP: "something identifies a person, do not share it",
    State.HOLD: "something has to be looked at first",
    State.CLEAR: "nothing was found",
}

_CHANGED = "it changed, came or went while it was read"

#: One of many, in the place of a finding.
_ITEM = re.compile(r"item \d+")

#: Files in which the same was found are told together, the first of them by name.
_NAMED = 3


def _details(report: AuditReport, severity: State) -> list[str]:
    """Return what was found where, once for all files in which the same was found."""
    by_path: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if rule_of(finding.rule).severity is severity:
            by_path.setdefault(finding.path, []).append(finding)
    groups: dict[tuple[str, ...], list[str]] = {}
    for path, findings in by_path.items():
        groups.setdefault(_lines(findings), []).append(path)
    lines = [f"{severity}: {_WHAT_TO_DO[severity]}"] if groups else []
    for found, paths in groups.items():
        lines += [f"  {path}" for path in _first(paths)]
        lines += [f"      {line}" for line in found]
    return lines


def _lines(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return a line for each place and rule, once for all items of a sequence."""
    times: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        times[_ITEM.sub("item *", finding.where), finding.rule] += finding.count
    return tuple(
        f"{where}: {_sentence(rule)}{f', {count} times' if count > 1 else ''}"
        for (where, rule), count in times.items()
    )


def _listed(title: str, said: Iterable[tuple[str, str]]) -> list[str]:
    """Return what is said of files, once for all of which the same is said."""
    groups: dict[str, list[str]] = {}
    for path, sentence in said:
        groups.setdefault(sentence, []).append(path)
    lines = [f"{title}:"] if groups else []
    for sentence, paths in groups.items():
        lines += [f"  {path}" for path in _first([path for path in paths if path])]
        lines.append(f"      {sentence}" if any(paths) else f"  {sentence}")
    return lines


def _first(paths: list[str]) -> list[str]:
    more = len(paths) - _NAMED
    return [*paths[:_NAMED], f"and {more} more"] if more > 1 else paths


def _summary(report: AuditReport) -> list[str]:
    """Return a row for each kind of finding: how many files, what it is, what to do."""
    files = Counter(rule for rule, _ in {(f.rule, f.path) for f in report.findings})
    rows = [
        (str(rule_of(name).severity), f"{files[name]}", _sentence(name), rule_of(name).remedy)
        for name in sorted(files, key=_rank)
    ]
    widths = [max(map(len, column)) for column in zip(("", "files", "", ""), *rows, strict=True)]
    table = [("", "files", "what it is", "what to do"), *rows] if rows else []
    return [
        f"{row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:{widths[2]}}  {row[3]}".rstrip()
        for row in table
    ]


def _rank(rule: str) -> tuple[bool, int, str]:
    order = list(RULES)
    place = order.index(rule) if rule in order else len(order)
    return rule_of(rule).severity is not State.STOP, place, rule


def _totals(report: AuditReport) -> str:
    severities = Counter(rule_of(finding.rule).severity for finding in report.findings)
    return (
        f"files: {report.files}; findings that stop: {severities[State.STOP]}, to look at: "
        f"{severities[State.HOLD]}; not looked into: {len(report.gaps)}; changed meanwhile: "
        f"{len(report.changed)}"
    )


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
        "Rules": {
            name: {"sentence": _sentence(name), "remedy": rule_of(name).remedy}
            for name in sorted({finding.rule for finding in report.findings})
        },
    }
    return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def as_sarif(report: AuditReport) -> str:
    """Return the report in the format that code scanners share (SARIF 2.1.0, OASIS)."""
    rules = sorted({finding.rule for finding in report.findings})
    notifications = [
        *(_notification(gap.path, gap.reason, "warning") for gap in report.gaps),
        *(_notification(path, _CHANGED, "error") for path in report.changed),
        *(_notification(note.path, note.sentence, "note") for note in report.notes),
    ]
    run = {
        "tool": {
            "driver": {
                "name": "bidsdeid",
                "version": __version__,
                "rules": [_rule(name) for name in rules],
            }
        },
        "results": [_result(finding, rules) for finding in report.findings],
        "invocations": [
            {"executionSuccessful": True, "toolExecutionNotifications": notifications}
        ],
        "properties": {"state": str(report.state)},
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False) + "\n"


def _rule(name: str) -> dict[str, Any]:
    rule = rule_of(name)
    return {
        "id": _id(name),
        "shortDescription": {"text": _sentence(name)},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(finding: Finding, rules: Sequence[str]) -> dict[str, Any]:
    return {
        "ruleId": _id(finding.rule),
        "ruleIndex": rules.index(finding.rule),
        "level": _LEVELS[rule_of(finding.rule).severity],
        "message": {"text": f"{finding.where}: {_sentence(finding.rule)}"},
        "locations": [
            {
                "physicalLocation": {**_artifact(finding.path), **_region(finding.where)},
                "logicalLocations": [{"name": finding.where}],
            }
        ],
        "occurrenceCount": finding.count,
    }


def _region(where: str) -> dict[str, Any]:
    line = _LINE.fullmatch(where)
    return {"region": {"startLine": int(line[1])}} if line else {}


def _notification(path: str, sentence: str, level: str) -> dict[str, Any]:
    where = {"locations": [{"physicalLocation": _artifact(path)}]} if path else {}
    return {"level": level, "message": {"text": sentence}, **where}


def _artifact(path: str) -> dict[str, Any]:
    return {"artifactLocation": {"uri": _uri(path)}}


def _uri(path: str) -> str:
    """Return a path as a URI reference, from the folder that was audited."""
    return (PurePosixPath("/") / path).as_uri().removeprefix("file:///")


def _id(name: str) -> str:
    return name.replace(" ", "-")


def _sentence(rule: str) -> str:
    sentence = rule_of(rule).sentence
    return sentence if rule in RULES else f"{sentence} ({rule})"


FORMATS: Mapping[str, Callable[[AuditReport], str]] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
}
