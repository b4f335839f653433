"""All studies of a list, one after the other: each is published whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from bidsdeid import __version__
from bidsdeid.core.labels import Relabel
from bidsdeid.core.policy import Policy
from bidsdeid.core.pseudonym import FIRST_YEAR, ROOM_YEARS, Secret
from bidsdeid.dicom.archive import clear_parts, pack, part_of
from bidsdeid.dicom.confidentiality import EDITION, confidentiality_table
from bidsdeid.dicom.study import Job, Outcome, deidentify_study, survey_study
from bidsdeid.dicom.subjects import Subject
from bidsdeid.dicom.survey import State, files_of, survey
from bidsdeid.errors import BidsdeidError, InputError, ReleaseError, StoreError, ToolError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.work import work_folder
from bidsdeid.resources import load_policy
from bidsdeid.run.dicom_order import Order, participant_of
from bidsdeid.run.dicom_report import report_of, report_of_study, told
from bidsdeid.run.relabelling import new_labels

#: What is appended to a name, as DICAT does.
SUFFIX = "_deidentified"

_PUBLISHED = "published"


def deidentify_studies(order: Order) -> tuple[dict[str, Any], int]:
    """De-identify all studies, and return a report that names nobody, and the exit code.

    A study that fails leaves the others alone.

    Raises
    ------
    BidsdeidError
        If nothing could be done at all.
    """
    confidentiality_table()
    policy = load_policy("default")
    private = PrivateFolder(order.private_dir)
    if order.dry_run:
        return _dry_run(order, policy), 0
    private.prepare()
    order.output.mkdir(parents=True, exist_ok=True)
    for what in private.exposed(order.identity.key):
        _say(f"warning: {what} can be read by other users of this machine")
    studies = _Studies(order, policy, private)
    with work_folder(order.work_dir or order.private_dir / "work") as work:
        reports = [studies.do(subject, work) for subject in order.subjects]
    code = max((report.pop("exit_code") for report in reports), default=0)
    return report_of(order.profile, reports), code


class _Studies:
    """The studies of a list, with what they have in common."""

    def __init__(self, order: Order, policy: Policy, private: PrivateFolder) -> None:
        self._order = order
        self._policy = policy
        self._private = private
        lasting = order.identity.relabel is not Relabel.KEYED or order.private_named
        year = _first_year(order, policy)
        self._secret = private.secret(order.identity.key, year, lasting=lasting)
        participants = [participant_of(subject) for subject in order.subjects]
        source = dict.fromkeys(participants, ())
        self._labels = new_labels(order.identity, source, self._secret, private)

    def do(self, subject: Subject, work: Path) -> dict[str, Any]:
        """Do a study; what stops it is in the report."""
        job = self._job(subject)
        name = job.subject.name
        report: dict[str, Any] = {"subject": name}
        if self._order.verbose:
            _say(f"{name}: de-identifying a study, profile {job.profile.row.name}")
        try:
            report |= self._do(job, work)
        except Exception as error:  # noqa: BLE001 -- one study must not stop the others
            problem = self._as_problem(name, error)
            _say(f"{name}: not done: {problem}")
            leak = isinstance(problem, ReleaseError)
            report |= {"state": "withheld" if leak else "failed", "reason": str(problem)}
            bad = isinstance(problem, ReleaseError | ToolError)
            report["exit_code"] = problem.exit_code if bad else 1
        return report

    def _as_problem(self, name: str, error: Exception) -> BidsdeidError:
        """Return what to tell of an error; the traceback of a bug goes to the private folder."""
        if isinstance(error, BidsdeidError):
            return error
        if isinstance(error, OSError):
            return StoreError(f"a file cannot be read or written: {error.strerror}")
        return self._private.record_bug(f"crash-dicom-{name}.txt", error)

    def _job(self, subject: Subject) -> Job:
        participant = participant_of(subject)
        prefix = subject.name[: len(subject.name) - len(participant)]
        name = prefix + self._labels.participant(participant)
        return Job(
            replace(subject, name=name),
            participant,
            self._order.profile,
            self._policy,
            self._secret,
            self._order.identity.terms,
            self._order.merge,
        )

    def _do(self, job: Job, work: Path) -> dict[str, Any]:
        name, order = job.subject.name, self._order
        fingerprint = self._fingerprint(job)
        record = self._private.folder / f"dicom-{name}.json"
        targets = [path for path in (self._shared(name), self._original(name)) if path is not None]
        known = _recorded(record, fingerprint)
        if known == _PUBLISHED and all(target.exists() for target in targets):
            _say(f"{name}: is done already")
            return {"state": "done before", "exit_code": 0}
        if known is None and any(target.exists() for target in targets):
            message = "its output is there already: remove it, or name another folder"
            raise StoreError(message)
        surveyed = survey_study(job, order.jobs)
        stage = work / uuid.uuid4().hex
        stage.mkdir(mode=0o700)
        outcome = deidentify_study(job, surveyed, stage, order.jobs)
        if outcome.residue:
            self._write_record(record, outcome, "", "withheld")
            message = f"{'; '.join(outcome.residue)}: please report it; nothing of it was written"
            raise ReleaseError(message)
        counts = outcome.counts()
        if not counts[State.IMAGE]:
            message = "none of its images could be de-identified"
            raise InputError(message)
        # What is cut off from here on is this program's own, and is written again.
        self._write_record(record, outcome, fingerprint, "begun")
        self._publish(job, outcome, stage)
        self._write_record(record, outcome, fingerprint, _PUBLISHED)
        shutil.rmtree(stage, ignore_errors=True)
        _say(f"{name}: {told(outcome)}")
        return report_of_study(outcome) | {"exit_code": 1 if counts[State.FAILED] else 0}

    def _publish(self, job: Job, outcome: Outcome, stage: Path) -> None:
        name, folder = job.subject.name, job.subject.folder
        original, shared = self._original(name), self._shared(name)
        if original is not None:
            files = [path for path in files_of(folder) if (folder / path).is_file()]
            pack(original, folder, files, name, 0o600)
        paths = sorted(released.path for released in outcome.released)
        if self._order.zips == "none":
            _bring(stage, paths, shared)
        else:
            pack(shared, stage, paths, name, 0o644)

    def _shared(self, name: str) -> Path:
        suffix = SUFFIX if self._order.zips == "none" else f"{SUFFIX}.zip"
        return self._order.output / f"{name}{suffix}"

    def _original(self, name: str) -> Path | None:
        return self._order.output / f"{name}.zip" if self._order.zips == "both" else None

    def _fingerprint(self, job: Job) -> str:
        """Return a digest of all that the result depends on; files by size and time."""
        folder, profile = job.subject.folder, job.profile
        stats = [(path, (folder / path).lstat()) for path in files_of(folder)]
        parts = (
            __version__, EDITION, profile.row.name, [option.name for option in profile.options],
            profile.dates, sorted(profile.fields.items()), sorted(profile.inserted.items()),
            job.merge, job.subject.name,
            job.subject.birth_date, job.subject.sex, self._order.zips,
            sorted(job.known.inside | job.known.whole | job.known.phrases),
            job.secret.digest("fingerprint").hex(),
            [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats],
        )  # fmt: skip
        return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()

    def _write_record(self, path: Path, outcome: Outcome, fingerprint: str, state: str) -> None:
        """Write which file became which, for the owner of the data."""
        digests = {released.path: released.sha256 for released in outcome.released}
        files = [
            {"source": scan.path, "state": scan.state, "reason": scan.reason,
             "target": scan.target, "sha256": digests.get(scan.target, "")}
            for scan in outcome.scans
        ]  # fmt: skip
        content = {
            "state": state,
            "fingerprint": fingerprint,
            "files": files,
            "residue": outcome.residue,
        }
        self._private.write_text(path.name, json.dumps(content, indent=1))


def _bring(stage: Path, paths: Sequence[str], target: Path) -> None:
    """Make checked files appear by one rename, copied first if they are on another disk."""
    clear_parts(target)
    part = part_of(target)
    try:
        for path in paths:
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            _move(stage / path, part / path)
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(source, target)


def _dry_run(order: Order, policy: Policy) -> dict[str, Any]:
    """Say what would become of each study."""
    reports: list[dict[str, Any]] = []
    for subject in order.subjects:
        job = Job(subject, participant_of(subject), order.profile, policy, Secret(bytes(32)))
        try:
            outcome = Outcome(survey_study(job, order.jobs).scans, (), (), 0)
        except BidsdeidError as error:
            reports.append({"subject": subject.name, "state": "failed", "reason": str(error)})
            _say(f"{subject.name}: would fail: {error}")
            continue
        reports.append({"subject": subject.name, **report_of_study(outcome), "state": "not begun"})
        _say(f"{subject.name}: would be {told(outcome)}")
    return report_of(order.profile, reports)


def _first_year(order: Order, policy: Policy) -> int:
    """Return the first year of the dates that a key that is made now should move."""
    years: set[int] = set()
    for subject in order.subjects:
        for path in files_of(subject.folder):
            scans, found = survey(subject.folder, [path], order.profile, policy)
            if scans[0].state is State.IMAGE:
                days = {day for day in found.days if day <= date.today()}  # noqa: DTZ011 -- any zone
                years |= {max(days).year} if days else set()  # the others are births
                break
    return max(min(years), max(years) - ROOM_YEARS + 1) if years else FIRST_YEAR


def _recorded(record: Path, fingerprint: str) -> str | None:
    """Return how far this study got before with the same input and options, None if nowhere."""
    try:
        content = json.loads(record.read_bytes())
        return str(content["state"]) if content["fingerprint"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _say(text: str) -> None:
    print(f"bidsdeid: {text}", file=sys.stderr)  # noqa: T201
