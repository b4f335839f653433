"""What is told about a release, in the release: no source name, no value, counts and digests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.core.disclosure import Disclosure
from bidsdeid.core.estimate import Attempt
from bidsdeid.core.facestyle import face_words
from bidsdeid.core.ledger import Outcome, Release, Status
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.core.scrub import NOT_AVAILABLE
from bidsdeid.run.brain_cascade import network_steps

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


def settings(config: Config, policy: Policy, outcomes: Sequence[Outcome]) -> str:
    """Return the settings that the result depends on, as JSON."""
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
        "BrainNetworks": _networks(config, outcomes),
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
        "Engines": sorted({outcome.engine for outcome in outcomes if outcome.engine}),
    }
    return json.dumps(facts, indent=2) + "\n"


def summary(outcomes: Sequence[Outcome], disclosed: Disclosure | None) -> str:
    """Return counts of what happened, and why files were withheld by a rule, as JSON.

    Parameters
    ----------
    outcomes : sequence of Outcome
    disclosed : Disclosure or None
        How small the groups of participants are who share age, sex and the like.
    """
    reasons = Counter(_public(o.reason) for o in outcomes if o.status is Status.POLICY)
    facts = {
        "FilesByStatus": dict(sorted(Counter(str(o.status) for o in outcomes).items())),
        "FilesByDecision": dict(sorted(Counter(o.decision for o in outcomes).items())),
        "WithheldByPolicy": dict(sorted(reasons.items())),
        "FieldsAndColumnsChanged": sum(len(o.changes) for o in outcomes),
        "ImagesDefaced": _masked(outcomes, Decision.DEFACE),
        "ImagesSkullStripped": _masked(outcomes, Decision.SKULLSTRIP),
        "Disclosure": None if disclosed is None else asdict(disclosed),
    }
    return json.dumps(facts, indent=2) + "\n"


def _public(reason: str) -> str:
    """Return a reason without what was found in a text, which the ledger tells."""
    what, found, _ = reason.partition(" looks like: ")
    return f"{what} looks like an identifier" if found else reason


def _networks(config: Config, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the networks that found a brain which counted."""
    return [
        step.engine.version()
        for step in network_steps(config.brain)
        if any(step.words in outcome.engine for outcome in outcomes)
    ]


def _masked(outcomes: Sequence[Outcome], decision: Decision) -> int:
    """Count the images of which voxels were removed so."""
    return sum(o.removed_voxels is not None and o.decision == decision for o in outcomes)


#: What is told of each face that was removed and each brain that was kept, by names of metrics.
_TOLD = (
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
        "finding",
        "mask_found_by",
    ),
    *_TOLD,
    "tried",
)


def manifest(outcomes: Sequence[Outcome], own: Sequence[Release]) -> str:
    """List every released file with its digest; this file itself cannot be in it."""
    rows = [
        (r.path, r.decision, str(r.size), r.sha256, *_face(outcome, r))
        for outcome in outcomes
        for r in outcome.releases
    ]
    rows += [(r.path, r.decision, str(r.size), r.sha256, *_NO_FACE) for r in own]
    return "".join("\t".join(row) + "\n" for row in (_HEADER, *sorted(rows)))


_NO_FACE = (NOT_AVAILABLE,) * (len(_HEADER) - 4)


def _face(outcome: Outcome, release: Release) -> tuple[str, ...]:
    """Return what is told of the face in an image, and of every way it was looked for."""
    if not outcome.finding or release is not outcome.releases[0]:
        return _NO_FACE
    removed, voxels = (
        NOT_AVAILABLE if count is None else str(count)
        for count in (outcome.removed_voxels, outcome.voxels)
    )
    told = [str(outcome.metrics.get(name, NOT_AVAILABLE)) for name in _TOLD]
    tried = "; ".join(_tried(attempt) for attempt in outcome.attempts)
    return (removed, voxels, outcome.finding, outcome.engine, *told, tried)


def _tried(attempt: Attempt) -> str:
    scores = " ".join(
        f"{name}={attempt.metrics[name]}" for name in _TOLD if name in attempt.metrics
    )
    verdict = ", ".join(attempt.failed) or "believed"
    return f"{attempt.method} ({scores}): {verdict}"
