"""One participant, from source files to a folder in the output, or to nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.core.audit import Auditor
from bidsdeid.core.inheritance import chain
from bidsdeid.core.ledger import Ledger
from bidsdeid.core.plan import Action, Kind
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.core.pseudonym import DateShift, date_shift
from bidsdeid.core.text import decode_table
from bidsdeid.errors import FileProblem, StoreError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.store import Stage, Store
from bidsdeid.io.work import work_folder
from bidsdeid.run.atlases import Shelf
from bidsdeid.run.bench import Bench, Parsed, record_withheld, withheld
from bidsdeid.run.images import release_image
from bidsdeid.run.metadata import (
    own_sidecar_outcomes,
    parse_sidecars,
    release_companions,
    release_lists,
    release_sidecars,
    retract_dependents,
)
from bidsdeid.run.search import search_images


@dataclass(frozen=True, slots=True)
class Task:
    """All that one process needs to do one participant.

    Parameters
    ----------
    config : Config
    policy : Policy
    participant : str
    actions : tuple of Action
        Of the participant's own files.
    shared : tuple of Action
        Of the dataset's files; their sidecars are inherited.
    key : bytes
        The secret that moves dates.
    """

    config: Config
    policy: Policy
    participant: str
    actions: tuple[Action, ...]
    shared: tuple[Action, ...]
    key: bytes

    def fingerprint(self) -> str:
        """Return a digest of everything the result depends on."""
        inherited = (action for action in self.shared if action.kind is Kind.JSON)
        return fingerprint(self.config, self.policy, self.key, (*inherited, *self.actions))


def fingerprint(config: Config, policy: Policy, key: bytes, actions: Iterable[Action]) -> str:
    """Digest settings, key and files; see `Task.fingerprint`.

    Of files that are withheld in any case nothing counts.  Text counts by what it says, images
    by size and time: they are too large to be read for this.
    """
    files = [
        (str(action.path), str(action.decision), _identity(config, action))
        for action in actions
        if action.decision is not Decision.WITHHOLD
    ]
    facts = [
        __version__,
        str(config.layout),
        policy.digest,
        config.shift_dates,
        [str(getattr(config, name)) for name in _FACE_SETTINGS],
        [_digest(path) for path in (config.template, config.facemask, config.brain.weights)],
        sorted(config.terms.terms),
        hashlib.sha256(key).hexdigest(),
        files,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


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


def finished_ledger(task: Task, mark: str) -> Ledger | None:
    """Return the ledger of a participant that is done, None of one that is not.

    `mark` is the task's fingerprint: it reads files, so that it is taken once.

    Raises
    ------
    StoreError
        If the output holds the participant from another run (other settings or other files), or
        not as it was published.
    """
    store = Store(task.config.output_dir)
    ledger = PrivateFolder(task.config.private_dir).read_ledger(task.participant)
    published = store.has_participant(task.participant)
    if ledger is None or ledger.fingerprint != mark:
        if published:
            message = (
                f"sub-{task.participant} is in the output from a run with other settings or "
                "files: remove it there, or name another output folder"
            )
            raise StoreError(message)
        return None
    if not published:
        return None if ledger.releases else ledger
    if not store.holds(f"sub-{task.participant}", ledger.releases):
        message = (
            f"sub-{task.participant} in the output is not as it was published: remove it there "
            "and run again"
        )
        raise StoreError(message)
    return ledger


def run_participant(task: Task) -> Ledger:
    """Do one participant, unless it is done.

    Raises
    ------
    StoreError
        If the result cannot be written.
    """
    mark = task.fingerprint()
    done = finished_ledger(task, mark)
    if done is not None:
        return done
    try:
        with work_folder(task.config.work_dir) as folder:
            return _do_participant(task, mark, folder)
    except OSError as error:
        message = f"the work folder cannot be written: {error.strerror or type(error).__name__}"
        raise StoreError(message) from error


def _do_participant(task: Task, mark: str, folder: Path) -> Ledger:
    """Make, record and publish, in this order: what is published is always on record."""
    bench = Bench(
        task.config,
        task.policy,
        Auditor(task.policy, task.config.terms),
        Stage(folder / "stage"),
        folder,
        task.participant,
    )
    _fill(bench, task)
    ledger = Ledger(
        task.participant,
        mark,
        tuple(bench.outcomes[path] for path in sorted(bench.outcomes)),
    )
    PrivateFolder(task.config.private_dir).write_ledger(ledger)
    if bench.verified:
        store = Store(task.config.output_dir)
        store.publish_participant(task.participant, bench.stage, bench.verified)
    return ledger


def _fill(bench: Bench, task: Task) -> None:
    """Make all files of the participant on the bench."""
    record_withheld(bench, task.actions)
    parsed = parse_sidecars(bench, (*task.shared, *task.actions))
    bench.shift = _date_shift(bench, task)
    images = [
        action
        for action in task.actions
        if action.kind is Kind.IMAGE and action.decision is not Decision.WITHHOLD
    ]
    shelf = Shelf(bench, task.actions, task.shared)
    search_images(bench, shelf, images)
    # Files that others name come first: a reference is rewritten to what became of its file.
    for naming in (False, True):
        for action in images:
            if _names_others(action, parsed) is naming:
                bench.attempt(action, partial(release_image, bench, parsed))
        for action in images:
            if action.path in bench.outcomes:
                retract_dependents(bench, action)
        release_companions(bench, parsed, task.actions)
    release_lists(bench, task.actions)
    own_sidecar_outcomes(bench, task.actions)
    mine = {path: fields for path, fields in parsed.items() if len(path.parts) > 1}
    release_sidecars(bench, mine, task.actions, bench.released)
    for action in task.actions:
        if action.path not in bench.outcomes:
            bench.outcomes[action.path] = withheld(action, "no image it belongs to is released")


def _names_others(action: Action, parsed: Parsed) -> bool:
    """Tell whether an image's sidecars name other files (``IntendedFor``)."""
    sidecars = (parsed[path] for path in chain(action.path, parsed))
    return any(isinstance(fields, dict) and "IntendedFor" in fields for fields in sidecars)


def _date_shift(bench: Bench, task: Task) -> DateShift | None:
    """Return the participant's shift, from all dates that any of its tables has."""
    if not task.config.shift_dates:
        return None
    dates: list[str] = []
    for action in task.actions:
        name = action.file.name
        if name is None or name.suffix not in ("scans", "sessions") or name.extension != ".tsv":
            continue
        try:
            dates.extend(decode_table(bench.read(action.path)).column("acq_time"))
        except FileProblem:
            continue  # reported when the table itself is treated
    return date_shift(task.key, task.participant, dates)
