"""Releases that never were, for the certificate: outcomes as a run records them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from bidsdeid.config import Config
from bidsdeid.core.disclosure import Disclosure
from bidsdeid.core.ledger import Outcome, Release, Status
from bidsdeid.core.ratings import Rating, Region, Verdict
from bidsdeid.core.scrub import Change
from bidsdeid.core.triage import Triage
from bidsdeid.report.facts import Check, Choices, Facts, Resource
from bidsdeid.report.tally import Tally
from bidsdeid.resources import load_policy

DIGEST = "5e282469d9098381de696f8ceebcd0583fe0ca55ddce7890746200f32d561904"
ONE = "atlas on pydeface mean_reg2mean"
TWO = f"{ONE}, confirmed by niimath on pydeface mean_reg2mean"

#: Nothing of it may be told: a source path, an old label, a field that no rule knows, a value.
OLD_LABEL, UNKNOWN_FIELD, VALUE = "JohannaQuist", "NoteOnJohanna", "Quist^Johanna"

CHANGES = (
    Change("PatientName", "dropped", "they are names of the participant and the family"),
    Change("SeriesDescription", "dropped", "its text looks like: date, phone"),
    Change(UNKNOWN_FIELD, "dropped", "no rule names this field"),
    Change("scans.acq_time", "replaced", "the order and distance of scans are needed"),
)

PHOTO_REASON = (
    "they show a face or a head, or a label with a name: crop them, and add them by hand"
)


def released(path: str, decision: str, **details: object) -> Outcome:
    """Return the outcome of an image that is released."""
    source = f"sub-{OLD_LABEL}/{path.split('/', 1)[-1]}"
    release = Release(path, DIGEST, 2**20, decision)
    return replace(
        Outcome(source, decision, Status.RELEASED, "a rule", (release,)),
        **details,  # type: ignore[arg-type]
    )


def defaced(number: int, *, engine: str = ONE, suffix: str = "T1w") -> Outcome:
    name = f"sub-{number:03d}/anat/sub-{number:03d}_desc-defaced_{suffix}.nii.gz"
    return released(
        name, "deface", removed_voxels=900, voxels=9000, engine=engine, finding="a face",
        changes=CHANGES,
    )  # fmt: skip


def stripped(number: int) -> Outcome:
    name = f"sub-{number:03d}/anat/sub-{number:03d}_desc-brain_T2w.nii.gz"
    return released(
        name, "skullstrip", removed_voxels=900, voxels=9000, engine="SynthStrip", finding="a brain"
    )


def faceless(number: int) -> Outcome:
    name = f"sub-{number:03d}/anat/sub-{number:03d}_FLAIR.nii.gz"
    return released(name, "deface", finding="a face that had been removed before", engine=ONE)


def bold(number: int) -> Outcome:
    return released(f"sub-{number:03d}/func/sub-{number:03d}_task-x_bold.nii.gz", "scrub")


def failed(number: int) -> Outcome:
    source = f"sub-{OLD_LABEL}/anat/sub-{OLD_LABEL}_run-{number}_T1w.nii.gz"
    return Outcome(source, "deface", Status.FAILURE, f"of {VALUE} no face is found for sure")


def photo() -> Outcome:
    source = f"sub-{OLD_LABEL}/anat/sub-{OLD_LABEL}_photo.jpg"
    return Outcome(source, "withhold", Status.POLICY, PHOTO_REASON)


def document() -> Outcome:
    return Outcome("README", "copy", Status.POLICY, f"its text looks like: {VALUE}")


DISCLOSURE = Disclosure(
    rows=40, columns=("age", "sex"), smallest=1, alone=7, below=21, k=5, age_width=10, suppressed=2
)
RESOURCES = (
    Resource("pydeface mean_reg2mean", "2.1.0", "atlas of a head", DIGEST, "as published"),
    Resource("niimath", "1.0.20261016", "second registration engine"),
)
CHECKS = (
    Check(
        "bids-validator-deno 3.0.2", "every file, against the schema", "0 errors", condition=True
    ),
    Check(
        "audit", "names, text, headers and faces", "nothing that stops a release", condition=True
    ),
)


def facts(
    outcomes: Iterable[Outcome] = (),
    *,
    policy: str = "default",
    triage: Mapping[str, Triage] | None = None,
    ratings: Iterable[Rating] = (),
    choices: Mapping[str, object] | None = None,
    **more: object,
) -> Facts:
    """Return the facts of a release.

    Parameters
    ----------
    triage
        By released path.
    ratings
        Of any images.
    choices, **more
        Of `Choices` and `Facts`, what is to differ.
    """
    rules = load_policy(policy)
    tally, rated = Tally(rules), list(ratings)
    for outcome in outcomes:
        path = outcome.releases[0].path if outcome.releases else ""
        tally.add(outcome, (triage or {}).get(path), [x for x in rated if x.path == path])
    chosen = Choices.of(Config(Path("i"), Path("o"), Path("p"), Path("w"), policy=policy))
    made = Facts(
        "0.1.0",
        rules,
        replace(chosen, **(choices or {})),  # type: ignore[arg-type]
        tally,
        participants=3,
        resources=RESOURCES,
        checks=CHECKS,
        disclosure=DISCLOSURE,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def release(policy: str = "default") -> Facts:
    """Return the facts of a release with something of every kind."""
    outcomes = [
        defaced(1), defaced(2, engine=TWO), defaced(3, suffix="T2w"), stripped(1), faceless(2),
        bold(1), bold(2), failed(1), photo(), document(),
    ]  # fmt: skip
    seen = outcomes[0].releases[0].path
    down = outcomes[1].releases[0].path
    return facts(
        outcomes,
        policy=policy,
        triage={seen: Triage.PASS, down: Triage.FAIL},
        ratings=[
            Rating(seen, Verdict.PASS, (), OLD_LABEL),
            Rating(down, Verdict.UNDER, (Region.EYES,), OLD_LABEL),
        ],
    )
