"""What was done to each file: the evidence, private and public.

The ledger names source files and fields and therefore stays in the private folder; the manifest
in the output is made from what may be told of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from bidsdeid.core.estimate import Attempt
from bidsdeid.core.scrub import Change


class Status(StrEnum):
    """How it ended for one source file."""

    RELEASED = "released"
    POLICY = "withheld by policy"
    FAILURE = "withheld by failure"


@dataclass(frozen=True, slots=True)
class Release:
    """One file of the output.

    Parameters
    ----------
    path : str
        In the output.
    sha256 : str
        Of its bytes.
    size : int
        In bytes.
    decision : str
        What was done to its source.
    """

    path: str
    sha256: str
    size: int
    decision: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one source file.

    Parameters
    ----------
    source : str
        Its path in the input.
    decision : str
        What was planned.
    status : Status
        How it ended.
    reason : str
        Why.
    releases : tuple of Release
        Files of the output made from it.
    changes : tuple of Change
        Fields and columns that did not stay as they were.
    removed_voxels : int or None
        Of an image that was defaced, in one volume.
    voxels : int or None
        Of that volume.
    metrics : mapping
        Numbers the mask was judged by.
    engine : str
        How the mask was found.
    finding : str
        What was found in the place of a face.
    attempts : tuple of Attempt
        Every way that was tried to find the face.
    numbers : mapping
        What was measured of the released image; None for what is not known.
    triage : str
        How much it needs a person's eye (`bidsdeid.core.triage`); empty if it was not asked.
    doubts : tuple of str
        Why that is not a plain pass.
    pictures : mapping of str to str
        SHA-256 of the pictures of it that may be public, by kind.
    """

    source: str
    decision: str
    status: Status
    reason: str
    releases: tuple[Release, ...] = ()
    changes: tuple[Change, ...] = ()
    removed_voxels: int | None = None
    voxels: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    engine: str = ""
    finding: str = ""
    attempts: tuple[Attempt, ...] = ()
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    triage: str = ""
    doubts: tuple[str, ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of the files of one participant, or of the dataset's own (label ``""``).

    Parameters
    ----------
    participant : str
        Label.
    fingerprint : str
        Of the settings and files it was made with.
    outcomes : tuple of Outcome
        One for each source file.
    label : str
        Under which the participant is released.
    together : mapping
        What all released images of the participant, laid over each other, show of a face
        (`bidsdeid.core.together`).
    """

    participant: str
    fingerprint: str
    outcomes: tuple[Outcome, ...]
    label: str = ""
    together: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def releases(self) -> tuple[Release, ...]:
        """Return all files of the output, in order of their paths."""
        return tuple(
            sorted(
                (release for outcome in self.outcomes for release in outcome.releases),
                key=lambda release: release.path,
            )
        )

    def count(self, status: Status) -> int:
        """Return how many source files ended so."""
        return sum(outcome.status is status for outcome in self.outcomes)


def to_json(ledger: Ledger) -> dict[str, Any]:
    """Return a ledger as JSON values."""
    return asdict(ledger)


def from_json(raw: Mapping[str, Any]) -> Ledger:
    """Rebuild a ledger.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the values are not those of a ledger.

    Examples
    --------
    >>> ledger = Ledger("01", "f", (Outcome("a", "copy", Status.POLICY, "because"),))
    >>> from_json(to_json(ledger)) == ledger
    True
    """
    outcomes = tuple(
        Outcome(
            **{
                **outcome,
                "status": Status(outcome["status"]),
                "releases": tuple(Release(**release) for release in outcome["releases"]),
                "changes": tuple(Change(**change) for change in outcome["changes"]),
                "attempts": tuple(
                    Attempt(a["method"], tuple(a["failed"]), a["metrics"])
                    for a in outcome["attempts"]
                ),
                "doubts": tuple(outcome.get("doubts", ())),
            }
        )
        for outcome in raw["outcomes"]
    )
    return Ledger(
        raw["participant"], raw["fingerprint"], outcomes, raw["label"], raw.get("together", {})
    )
