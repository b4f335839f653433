"""What is told about a release, in the release: no source name, no value, counts and digests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.core.disclosure import Disclosure
from bidsdeid.core.estimate import Attempt
from bidsdeid.core.facestyle import face_words
from bidsdeid.core.ledger import Outcome, Release, Status
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.core.scrub import NOT_AVAILABLE
from bidsdeid.report.tally import Tally
from bidsdeid.run.brain_cascade import network_steps

#: What is told of a rule that is the user's own: its words may be about people.
OWN_RULE = "a rule of the owner of the data"

_README = """\
This dataset was de-identified with bidsdeid {version} (policy {policy}).

{voxels}  NIfTI headers, sidecars and tables were rebuilt from an allow-list;
dates were {dates}.

What was done to each file, with its SHA-256, is in code/bidsdeid/manifest.tsv, and how in
code/bidsdeid/settings.json.
In *_defacemask and *_mask images, 1 marks voxels that were kept and 0 voxels that were removed.
"""

_DEFACED = "Faces were removed from anatomical images: {face}."
_STRIPPED = (
    "Of anatomical images only the brain was kept, and every other voxel was set to air; from "
    "other images that show a face it was removed."
)
_SOME_STRIPPED = "  Of those called desc-brain, or marked SkullStripped, only the brain was kept."


def readme(config: Config, policy: Policy) -> str:
    """Return the README of a dataset that has none, or none that can be released."""
    dates = "moved into 1902-1925" if config.identity.shift_dates else "removed"
    rules = f"{policy.name} {policy.version}"
    voxels = _STRIPPED if policy.skullstrip else _DEFACED
    some = config.on_failure == "skullstrip" or any(
        rule.decision is Decision.SKULLSTRIP for rule in policy.files
    )
    if some and not policy.skullstrip:
        voxels += _SOME_STRIPPED
    return _README.format(
        version=__version__,
        policy=rules,
        dates=dates,
        voxels=voxels.format(face=face_words(config.face)),
    )


class Evidence:
    """What is told of all outcomes, taken in one by one.

    Parameters
    ----------
    private : collection of str
        Reasons that are not told: those of a policy of the user's own.
    """

    def __init__(self, private: Collection[str] = ()) -> None:
        self._private = frozenset(private)
        self._engines: set[str] = set()
        self._reasons: Counter[str] = Counter()
        self._masked: Counter[str] = Counter()
        self._changes = 0
        self._rows: list[str] = []

    def add(self, outcome: Outcome) -> None:
        """Take in what became of one source file."""
        if outcome.engine:
            self._engines.add(outcome.engine)
        if outcome.status is Status.POLICY:
            own = outcome.reason in self._private
            self._reasons[OWN_RULE if own else _public(outcome.reason)] += 1
        if outcome.removed_voxels is not None:
            self._masked[outcome.decision] += 1
        self._changes += len(outcome.changes)
        self._rows += [_row(release, *_face(outcome, release)) for release in outcome.releases]

    def settings(self, config: Config, policy: Policy) -> str:
        """Return the settings that the result depends on, as JSON."""
        networks = [
            step.engine.version()
            for step in network_steps(config.brain)
            if any(step.words in engine for engine in self._engines)
        ]
        return _settings(config, policy, networks, sorted(self._engines))

    def summary(self, tally: Tally, disclosed: Disclosure | None) -> str:
        """Return counts of what happened, and why files were withheld by a rule, as JSON.

        Parameters
        ----------
        tally : Tally
            Of the same outcomes.
        disclosed : Disclosure or None
            How small the groups of participants are who share age, sex and the like.
        """
        facts = {
            "FilesByStatus": dict(sorted(tally.statuses.items())),
            "FilesByDecision": dict(sorted(tally.decisions.items())),
            "WithheldByPolicy": dict(sorted(self._reasons.items())),
            "FieldsAndColumnsChanged": self._changes,
            "ImagesDefaced": self._masked[Decision.DEFACE],
            "ImagesSkullStripped": self._masked[Decision.SKULLSTRIP],
            "ImagesByTriage": dict(sorted(tally.triage.items())),
            "Disclosure": None if disclosed is None else asdict(disclosed),
        }
        return json.dumps(facts, indent=2) + "\n"

    def manifest(self, own: Iterable[Release]) -> str:
        """List every released file with its digest; this file itself cannot be in it.

        Parameters
        ----------
        own : iterable of Release
            Files of the dataset that are made from none of the input.
        """
        rows = sorted([*self._rows, *(_row(release, *_NO_FACE) for release in own)])
        return "".join(["\t".join(_HEADER) + "\n", *rows])


def _row(release: Release, *face: str) -> str:
    words = (release.path, release.decision, str(release.size), release.sha256, *face)
    return "\t".join(words) + "\n"


def _settings(
    config: Config, policy: Policy, networks: Sequence[str], engines: Sequence[str]
) -> str:
    facts = {
        "Name": "bidsdeid",
        "Version": __version__,
        "Policy": policy.name,
        "PolicyVersion": policy.version,
        "PolicySHA256": policy.digest,
        "Layout": str(config.layout),
        "DefaceAll": config.deface_all,
        "Anat": config.anat,
        "OnFailure": config.on_failure,
        "BrainNetworks": networks,
        "BrainBorderMM": config.brain.border_mm,
        "BrainWithCSF": config.brain.csf,
        "BrainLimit": config.brain_limit,
        "Face": face_words(config.face),
        "Fill": config.fill,
        "MaskSource": config.mask_source,
        "Relabel": str(config.identity.relabel),
        "Dates": "shift" if config.identity.shift_dates else "remove",
        "KnownTerms": bool(config.identity.terms),
        "ScrubText": config.identity.scrub_text,
        "K": config.identity.k,
        "Engines": engines,
    }
    return json.dumps(facts, indent=2) + "\n"


def _public(reason: str) -> str:
    """Return a reason without what was found in a text, which the ledger tells."""
    what, found, _ = reason.partition(" looks like: ")
    return f"{what} looks like an identifier" if found else reason


#: What is told of each face that was removed and each brain that was kept, by names of metrics.
_TOLD = (
    *("eyes_removed", "nose_removed", "mouth_removed", "ears_removed", "head_removed"),
    *("eyes_left", "nose_left", "mouth_left", "brain_mm3", "likeness"),
    *("volume_ml", "atlas_overlap", "astray"),
)

#: The same of an attempt, which is judged by its mask.
_JUDGED = (
    *("eyes_removed", "nose_removed", "mouth_removed", "brain_removed", "likeness"),
    *("volume_ml", "atlas_overlap", "astray"),
)

_HEADER = (
    *(
        "path",
        "decision",
        "bytes",
        "sha256",
        "removed_voxels",
        "voxels",
        "triage",
        "finding",
        "mask_found_by",
    ),
    *_TOLD,
    "tried",
)


_NO_FACE = (NOT_AVAILABLE,) * (len(_HEADER) - 4)


def _face(outcome: Outcome, release: Release) -> tuple[str, ...]:
    """Return what is told of the face in an image, and of every way it was looked for."""
    if not outcome.finding or release is not outcome.releases[0]:
        return _NO_FACE
    removed, voxels = (
        NOT_AVAILABLE if count is None else str(count)
        for count in (outcome.removed_voxels, outcome.voxels)
    )
    # What was measured of the release counts, not what the mask was judged by.
    numbers = {**outcome.metrics, **outcome.numbers}
    told = [cell(numbers.get(name)) for name in _TOLD]
    word = outcome.triage or NOT_AVAILABLE
    tried = "; ".join(_tried(attempt) for attempt in outcome.attempts)
    return (removed, voxels, word, outcome.finding, outcome.engine, *told, tried)


def cell(number: float | None) -> str:
    """Return a number as a table has it."""
    return NOT_AVAILABLE if number is None else str(number)


def _tried(attempt: Attempt) -> str:
    scores = " ".join(
        f"{name}={attempt.metrics[name]}" for name in _JUDGED if name in attempt.metrics
    )
    verdict = ", ".join(attempt.failed) or "believed"
    return f"{attempt.method} ({scores}): {verdict}"
