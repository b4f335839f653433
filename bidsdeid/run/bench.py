"""The place where files are made: stage, audit, record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from bidsdeid.config import Config
from bidsdeid.core.audit import Auditor, Verified
from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.dataset import SESSION_FOLDER, participant_of
from bidsdeid.core.estimate import Attempt, FaceEstimate
from bidsdeid.core.labels import objection
from bidsdeid.core.ledger import Outcome, Release, Status
from bidsdeid.core.plan import Action
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.core.pseudonym import DateShift
from bidsdeid.core.scrub import Context
from bidsdeid.core.terms import NO_WORDS
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import FileProblem, ImageError
from bidsdeid.io.store import Stage
from bidsdeid.io.tree import read_bytes
from bidsdeid.run.exhibits import Exhibit
from bidsdeid.run.study import Study

Fields = dict[str, JSONValue]

#: JSON files by path, or what is wrong with them.
Parsed = Mapping[PurePosixPath, Fields | FileProblem]


@dataclass(slots=True)
class Bench:
    """What is at hand while one participant's, or the dataset's own, files are made.

    Parameters
    ----------
    study : Study
        What was asked for, the rules, labels, words.
    auditor : Auditor
        Makes files `Verified`.
    stage : Stage
        Where files stand until they are published.
    scratch : Path
        An empty private folder for the files of an engine.
    participant : str
        Label in the source, or empty for the dataset's own files.
    shift : DateShift or None
        Moves dates.
    released : mapping
        Source path → released path, growing.
    done : mapping of str to frozenset of str
        Of the dataset's own files: old labels of whom something is released, with sessions.
    verified : list of Verified
        What may be published, growing.
    outcomes : dict
        What became of each source file, growing.
    found : dict
        What is known of face or brain in each image that is searched, or why nothing is.
    exhibits : dict
        What was measured and drawn of each image that was searched.
    """

    study: Study
    auditor: Auditor
    stage: Stage
    scratch: Path
    participant: str = ""
    shift: DateShift | None = None
    released: MutableMapping[PurePosixPath, PurePosixPath] = field(default_factory=dict)
    done: Mapping[str, frozenset[str]] = field(default_factory=dict)
    exhibits: dict[PurePosixPath, Exhibit] = field(default_factory=dict)
    _paths: set[PurePosixPath] = field(default_factory=set)
    verified: list[Verified] = field(default_factory=list)
    outcomes: dict[PurePosixPath, Outcome] = field(default_factory=dict)
    found: dict[PurePosixPath, FaceEstimate | BrainEstimate | FileProblem] = field(
        default_factory=dict
    )

    @property
    def config(self) -> Config:
        """Return what was asked for."""
        return self.study.config

    @property
    def policy(self) -> Policy:
        """Return the rules."""
        return self.study.policy

    @property
    def context(self) -> Context:
        """Return what scrubbing must know."""
        return Context(self.participant, self.released, self.study.terms, self.study.labels)

    @property
    def people(self) -> Mapping[str, frozenset[str]]:
        """Return the source labels of whom something is released, with those of sessions."""
        if not self.participant:
            return self.done
        folders = (path.parts[1] for path in self.released if participant_of(path) is not None)
        sessions = filter(None, map(SESSION_FOLDER.fullmatch, folders))
        return {self.participant: frozenset(session[1] for session in sessions)}

    def target(self, path: PurePosixPath) -> PurePosixPath:
        """Return where a file whose name says nothing of its treatment is released."""
        return self.study.labels.path(path)

    def read(self, path: PurePosixPath) -> bytes:
        """Return the bytes of a source file.

        Raises
        ------
        FileProblem
            If they cannot be read.
        """
        try:
            return read_bytes(self.config.bids_dir / path)
        except OSError as error:
            message = f"the file cannot be read: {error.strerror or type(error).__name__}"
            raise ImageError(message) from error

    def put(
        self,
        path: PurePosixPath,
        content: bytes,
        check: Callable[[bytes], Verified],
        decision: str,
    ) -> Release:
        """Write a file to the stage, audit what the disk holds, and keep it for publication.

        Raises
        ------
        FileProblem
            If the audit finds a fault, or another file is released under the same name.
        """
        if path in self._paths:
            message = "another file is released under the same name"
            raise ImageError(message)
        item = check(self.stage.write(path, content))
        self.verified.append(item)
        self._paths.add(path)
        return Release(str(item.path), item.sha256, item.size, decision)

    def attempt(self, action: Action, treat: Callable[[Action], Outcome | None]) -> None:
        """Treat one file and record how it ended; a problem withholds this file only.

        What the attempt had put on the stage is taken back if it fails.  An error that nobody
        foresaw withholds the file, too; only what the disk says (`OSError`) stops the participant.
        """
        before = len(self.verified)
        try:
            outcome = treat(action)
        except OSError:
            raise
        except FileProblem as problem:
            outcome = withheld(action, str(problem), failure=True)
            tried = tuple(a for a in problem.attempts if isinstance(a, Attempt))
            outcome = replace(outcome, attempts=tried)
        except Exception as bug:  # noqa: BLE001 -- one file must not take the others with it
            reason = f"a bug ({type(bug).__name__}): please report it with the kind of this file"
            outcome = withheld(action, reason, failure=True)
        else:
            if outcome is not None:
                self.outcomes[action.path] = outcome
            return
        self._take_back(self.verified[before:])
        self.released.pop(action.path, None)
        self.outcomes[action.path] = outcome

    def retract(self, path: PurePosixPath, reason: str) -> None:
        """Withhold a file that was ready, because one it cannot stand without failed."""
        outcome = self.outcomes[path]
        mine = {release.path for release in outcome.releases}
        self._take_back([item for item in self.verified if str(item.path) in mine])
        self.released.pop(path, None)
        self.outcomes[path] = Outcome(outcome.source, outcome.decision, Status.FAILURE, reason)

    def _take_back(self, items: Iterable[Verified]) -> None:
        for item in list(items):
            self.stage.remove(item.path)
            self.verified.remove(item)
            self._paths.discard(item.path)


def withheld(action: Action, reason: str, *, failure: bool = False) -> Outcome:
    """Return the outcome of a file that is not released."""
    status = Status.FAILURE if failure else Status.POLICY
    return Outcome(str(action.path), str(action.decision), status, reason)


def record_withheld(bench: Bench, actions: Iterable[Action]) -> None:
    """Record the files that the plan already withholds."""
    for action in actions:
        if action.decision is Decision.WITHHOLD:
            bench.outcomes[action.path] = withheld(action, action.reason, failure=action.failure)


def record_telling_names(bench: Bench, actions: Iterable[Action]) -> None:
    """Withhold files with a label in their names that identifies, under the new labels.

    If it is the participant's or a session's, all files of the participant are withheld.  In the
    other labels a code of a person counts, too.
    """
    actions, study = list(actions), bench.study
    terms, codes = study.terms.in_names, replace(study.terms, places=NO_WORDS)
    own = {study.labels.participant(bench.participant): "participant"} if bench.participant else {}
    own |= {
        study.labels.session(bench.participant, session): "session"
        for session in (a.file.name.get("ses") for a in actions if a.file.name is not None)
        if session is not None
    }
    told = {what: found for label, what in own.items() if (found := objection(label, terms))}
    for action in actions:
        reason = next((_TELLING.format(what, found) for what, found in told.items()), "")
        name = action.file.name
        if not reason and name is not None:
            others = {entity: x for entity, x in name.entities if entity not in ("sub", "ses")}
            reason = next(
                (
                    f"its label of {entity}- looks like: {found}; rename it in the input"
                    for entity, label in others.items()
                    if (found := objection(label, codes))
                ),
                "",
            )
        if reason and action.path not in bench.outcomes:
            bench.outcomes[action.path] = withheld(action, reason, failure=True)


_TELLING = "the label of its {} looks like: {}; use --relabel sequential, keyed or a table"


def released_outcome(action: Action, releases: tuple[Release, ...], **details: object) -> Outcome:
    """Return the outcome of a file that is released."""
    base = Outcome(
        str(action.path), str(action.decision), Status.RELEASED, action.reason, releases
    )
    return replace(base, **details)  # type: ignore[arg-type]
