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
from bidsdeid.run.bench import Bench, Parsed, record_withheld, withheld
from bidsdeid.run.images import release_image
from bidsdeid.run.metadata import (
    own_sidecar_outcomes,
    parse_sidecars,
    release_companions,
    release_sidecars,
)


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
        """Return a digest of everything the result depends on, the files' content aside."""
        return fingerprint(self.config, self.policy, self.key, (*self.shared, *self.actions))


def fingerprint(config: Config, policy: Policy, key: bytes, actions: Iterable[Action]) -> str:
    """Digest settings, key and files; see `Task.fingerprint`."""
    facts = [
        __version__,
        str(config.layout),
        policy.digest,
        config.shift_dates,
        sorted(config.terms.terms),
        hashlib.sha256(key).hexdigest(),
        [(str(a.path), a.file.size, str(a.decision), a.reason) for a in actions],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def finished_ledger(task: Task) -> Ledger | None:
    """Return the ledger of a participant that is done, None of one that is not.

    Raises
    ------
    StoreError
        If the output holds the participant from another run: other settings or other files.
    """
    store = Store(task.config.output_dir)
    ledger = PrivateFolder(task.config.private_dir).read_ledger(task.participant)
    published = store.has_participant(task.participant)
    if ledger is not None and ledger.fingerprint == task.fingerprint():
        complete = published or not ledger.releases
        return ledger if complete else None
    if published:
        message = (
            f"sub-{task.participant} is in the output from a run with other settings or files: "
            "remove it there, or name another output folder"
        )
        raise StoreError(message)
    return None


def run_participant(task: Task) -> Ledger:
    """Do one participant, unless it is done.

    Raises
    ------
    StoreError
        If the result cannot be written.
    """
    done = finished_ledger(task)
    if done is not None:
        return done
    try:
        with work_folder(task.config.work_dir) as folder:
            return _do_participant(task, folder)
    except OSError as error:
        message = f"the work folder cannot be written: {error.strerror or type(error).__name__}"
        raise StoreError(message) from error


def _do_participant(task: Task, folder: Path) -> Ledger:
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
        task.fingerprint(),
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
    # Files that others name come first: a reference is rewritten to what became of its file.
    for action in sorted(images, key=lambda a: (_names_others(a, parsed), a.path)):
        bench.attempt(action, partial(release_image, bench, parsed))
    own_sidecar_outcomes(bench, task.actions)
    release_companions(bench, task.actions)
    mine = {path: fields for path, fields in parsed.items() if len(path.parts) > 1}
    release_sidecars(bench, mine, task.actions, bench.released)
    for action in task.actions:
        if action.path not in bench.outcomes:
            bench.outcomes[action.path] = withheld(action, "its image is not released")


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
