"""One participant, from source files to a folder in the output, or to nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.core.audit import Auditor
from bidsdeid.core.inheritance import chain
from bidsdeid.core.ledger import Ledger
from bidsdeid.core.plan import Action, Kind
from bidsdeid.core.policy import Decision
from bidsdeid.errors import StoreError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.store import Stage, Store
from bidsdeid.io.work import work_folder
from bidsdeid.report.row import folder_of
from bidsdeid.run.atlases import Shelf
from bidsdeid.run.bench import Bench, Parsed, record_telling_names, record_withheld, withheld
from bidsdeid.run.face_together import revealing, shown_together
from bidsdeid.run.images import lender_of, release_image, retract_borrowers
from bidsdeid.run.metadata import (
    own_sidecar_outcomes,
    parse_sidecars,
    release_companions,
    release_lists,
    release_sidecars,
    retract_dependents,
)
from bidsdeid.run.reports import write_participant
from bidsdeid.run.search import SEARCHED, search_images
from bidsdeid.run.study import Study


@dataclass(frozen=True, slots=True)
class Task:
    """What one participant adds to a study.

    Parameters
    ----------
    participant : str
        Label in the source.
    actions : tuple of Action
        Of the participant's own files.
    """

    participant: str
    actions: tuple[Action, ...]

    def fingerprint(self, study: Study) -> str:
        """Return a digest of everything the result depends on.

        But not of the words of other participants: these may become more, and what is published
        is looked through again with all of them when the dataset is finished.
        """
        inherited = (action for action in study.shared if action.kind is Kind.JSON)
        return fingerprint(study, (*inherited, *self.actions), self.participant)


def fingerprint(study: Study, actions: Iterable[Action], participant: str = "") -> str:
    """Digest settings, key and files; see `Task.fingerprint`.

    Of files that are withheld in any case nothing counts.  Text counts by what it says, images
    by size and time: they are too large to be read for this.
    """
    config, actions = study.config, tuple(actions)
    files = [
        (str(study.labels.path(action.path)), str(action.decision), _identity(config, action))
        for action in actions
        if action.decision is not Decision.WITHHOLD
    ]
    paths = {str(action.path) for action in actions}
    rejected = [[path, *ways] for path, ways in sorted(study.rejected.items()) if path in paths]
    facts = [
        __version__,
        str(config.layout),
        study.policy.digest,
        [str(getattr(config, name)) for name in _FACE_SETTINGS],
        [_digest(path) for path in (config.template, config.facemask, config.brain.weights)],
        [str(getattr(config.identity, name)) for name in _IDENTITY_SETTINGS],
        [sorted(getattr(config.identity.terms, x)) for x in ("inside", "whole", "phrases")],
        [study.secret.digest("fingerprint").hex(), study.secret.first_year, participant],
        files,
        # Only if there are any: whoever was never rated is done as before.
        *([rejected] if rejected else []),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


#: Settings that decide what becomes of labels, dates and words.
_IDENTITY_SETTINGS = ("relabel", "sessions", "shift_dates", "scrub_text", "k")

#: Settings that decide which voxels go.
_FACE_SETTINGS = (
    "face", "fill", "engine", "cost", "mask_source", "age_months", "infant", "brain", "on_failure",
    "brain_limit",
)  # fmt: skip


def _digest(path: Path | None) -> str | None:
    """Return the digest of a file the user gave; a missing one is told where it is used."""
    try:
        return None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _identity(config: Config, action: Action) -> object:
    if action.kind is Kind.IMAGE:
        return action.file.size, action.file.mtime_ns
    try:
        with (config.bids_dir / action.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return error.errno


def finished_ledger(study: Study, task: Task, mark: str) -> Ledger | None:
    """Return the ledger of a participant that is done, None of one that is not.

    `mark` is the task's fingerprint: it reads files, so that it is taken once.

    Raises
    ------
    StoreError
        If the output holds the participant from another run (other settings or other files), or
        not as it was published.
    """
    store = Store(study.config.output_dir)
    ledger = PrivateFolder(study.config.private_dir).read_ledger(task.participant)
    label = study.labels.participant(task.participant)
    published = store.has_participant(label)
    if ledger is None or ledger.fingerprint != mark:
        if published:
            message = (
                f"sub-{label} is in the output from a run with other settings or "
                "files: remove it there, or name another output folder"
            )
            raise StoreError(message)
        return None
    if not published:
        return None if ledger.releases else ledger
    if not store.holds(f"sub-{label}", ledger.releases):
        message = (
            f"sub-{label} in the output is not as it was published: remove it there and run again"
        )
        raise StoreError(message)
    return ledger


def run_participant(study: Study, task: Task) -> Ledger:
    """Do one participant, unless it is done.

    Raises
    ------
    StoreError
        If the result cannot be written.
    """
    mark = task.fingerprint(study)
    done = finished_ledger(study, task, mark)
    if done is not None:
        return done
    try:
        with work_folder(study.config.work_dir) as folder:
            return _do_participant(study, task, mark, folder)
    except OSError as error:
        message = f"the work folder cannot be written: {error.strerror or type(error).__name__}"
        raise StoreError(message) from error


def _do_participant(study: Study, task: Task, mark: str, folder: Path) -> Ledger:
    """Make, draw, record and publish, in this order: what is published is always on record."""
    auditor = Auditor(study.policy, study.terms)
    barred: dict[PurePosixPath, str] = {}
    while True:
        stage = Stage(folder / f"stage-{len(barred)}")
        bench = Bench(study, auditor, stage, folder, task.participant)
        _fill(bench, task, barred)
        more = revealing(bench)
        if not more:
            break
        # All that goes with an image depends on whether it is released: it is made anew.
        barred |= more
    together = shown_together(bench)
    label = study.labels.participant(task.participant)
    outcomes = tuple(bench.outcomes[path] for path in sorted(bench.outcomes))
    private = PrivateFolder(study.config.private_dir)
    private.remove_report(folder_of(label))
    if bench.config.reports:
        write_participant(private, bench, task.actions, together)
    ledger = Ledger(task.participant, mark, outcomes, label, together)
    private.write_ledger(ledger)
    if bench.verified:
        Store(study.config.output_dir).publish_participant(label, stage, bench.verified)
    return ledger


def _fill(bench: Bench, task: Task, barred: Mapping[PurePosixPath, str]) -> None:
    """Make all files of the participant on the bench, without images that must not be released."""
    record_withheld(bench, task.actions)
    record_telling_names(bench, task.actions)
    _record_barred(bench, task.actions, barred)
    actions = [action for action in task.actions if action.path not in bench.outcomes]
    shared = bench.study.shared
    parsed = parse_sidecars(bench, (*shared, *actions))
    if bench.config.identity.shift_dates:
        bench.shift = bench.study.secret.shift(task.participant)
    images = [action for action in actions if action.kind is Kind.IMAGE]
    search_images(bench, Shelf(bench, task.actions, shared), images)
    # Files that others name come first: a reference is rewritten to what became of its file.
    naming = {action.path for action in images if _names_others(action, parsed)}
    naming |= {action.path for action in images if lender_of(bench, action.path) in naming}
    for late in (False, True):
        for action in images:
            if (action.path in naming) is late:
                bench.attempt(action, partial(release_image, bench, parsed))
        retract_borrowers(bench, images)
        for action in images:
            if action.path in bench.outcomes:
                retract_dependents(bench, action)
        release_companions(bench, parsed, actions)
    release_lists(bench, actions)
    own_sidecar_outcomes(bench, actions)
    mine = {path: fields for path, fields in parsed.items() if len(path.parts) > 1}
    release_sidecars(bench, mine, actions, bench.released)
    for action in actions:
        if action.path not in bench.outcomes:
            bench.outcomes[action.path] = withheld(action, "no image it belongs to is released")


def _record_barred(
    bench: Bench, actions: Iterable[Action], barred: Mapping[PurePosixPath, str]
) -> None:
    for action in actions:
        reason = barred.get(action.path) or _rated_down(bench, action)
        if reason and action.path not in bench.outcomes:
            bench.outcomes[action.path] = withheld(action, reason, failure=True)


def _rated_down(bench: Bench, action: Action) -> str:
    """Return why an image is withheld that a reviewer rated down and nothing else is done to."""
    rejected = bench.study.rejected.get(str(action.path))
    if not rejected or action.decision in SEARCHED:
        return ""
    return "a reviewer rated it down, and there is no other way to treat it"


def _names_others(action: Action, parsed: Parsed) -> bool:
    """Tell whether an image's sidecars name other files (``IntendedFor``)."""
    sidecars = (parsed[path] for path in chain(action.path, parsed))
    return any(isinstance(fields, dict) and "IntendedFor" in fields for fields in sidecars)
