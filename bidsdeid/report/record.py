"""What is shown of the images of a participant, to those who may see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bidsdeid.core.estimate import Attempt
from bidsdeid.core.scrub import Change
from bidsdeid.core.triage import Triage


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image of the input, and what became of it.

    Parameters
    ----------
    path : str
        In the release, under new labels; of an image that is withheld, the one it would have had.
    status : str
        How it ended, in the words of `bidsdeid.core.ledger.Status`.
    reason : str
        Why.
    decision : str
        What was done: ``deface``, ``skullstrip``, ``scrub``, ``withhold``.
    finding : str
        What was found in the place of a face.
    method : str
        How the mask was found.
    numbers : mapping
        What was measured, by name (`bidsdeid.core.gates`, `bidsdeid.core.braingates`); None for
        what could not be.
    triage : Triage
    doubts : tuple of str
        Why it is not a plain pass.
    attempts : tuple of Attempt
        Every way that was tried to find face or brain.
    changes : tuple of Change
        Fields of header and sidecar that did not stay as they were.
    seen : mapping
        What a face detector saw in the renders, by view: ``front``, ``left``, ``right``; a word of
        `bidsdeid.engines.red_team`.
    pictures : mapping
        PNG or JPEG files by name (`bidsdeid.report.pictures`).
    volume : bytes
        A small copy of the released head, for turning it: a gzipped NIfTI file, or empty.
    """

    path: str
    status: str
    reason: str
    decision: str
    finding: str = ""
    method: str = ""
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    triage: Triage = Triage.LOOK
    doubts: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    changes: tuple[Change, ...] = ()
    seen: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    volume: bytes = b""


@dataclass(frozen=True, slots=True)
class ParticipantRecord:
    """One participant.

    Parameters
    ----------
    label : str
        Under which the participant is released, without ``sub-``.
    images : tuple of ImageRecord
    changes : tuple of Change
        Of tables and other files that are no images.
    together : mapping
        Numbers of what all released images, laid over each other, still show of the face.
    log : tuple of str
        What else is told of the participant, line by line.
    """

    label: str
    images: tuple[ImageRecord, ...]
    changes: tuple[Change, ...] = ()
    together: Mapping[str, float | None] = field(default_factory=dict)
    log: tuple[str, ...] = ()
