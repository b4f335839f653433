"""What is said of studies that were done: counts, reasons and digests, and nobody's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bidsdeid import __version__
from bidsdeid.dicom.confidentiality import EDITION
from bidsdeid.dicom.profile import Profile
from bidsdeid.dicom.study import Outcome
from bidsdeid.dicom.survey import State


def report_of(profile: Profile, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the report of a run, for JSON."""
    return {
        "program": f"bidsdeid {__version__}",
        "edition": f"DICOM PS3.15 {EDITION}",
        "profile": profile.row.name,
        "options": [option.name for option in profile.options],
        "dates": profile.dates,
        "codes": [code for code, _ in profile.codes],
        "studies": list(reports),
    }


def report_of_study(outcome: Outcome) -> dict[str, Any]:
    """Return the report of a study, for JSON."""
    return {
        "state": "done",
        "files": {str(state): number for state, number in outcome.counts().items()},
        "reasons": outcome.reasons(),
        "dates_emptied": outcome.lost_dates,
        "released": {released.path: released.sha256 for released in outcome.released},
    }


def told(outcome: Outcome) -> str:
    """Return what became of a study, for people."""
    counts = outcome.counts()
    lines = [", ".join(f"{counts[state]} {state}" for state in State)]
    lines += [f"  {number:5} {reason}" for reason, number in outcome.reasons().items()]
    if outcome.lost_dates:
        lines.append(f"  {outcome.lost_dates:5} dates emptied, since the key does not move them")
    return "\n".join(lines)
