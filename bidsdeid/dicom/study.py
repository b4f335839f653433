"""One study: survey its files, de-identify them, read back what was written, and say what came."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from bidsdeid.core.detectors import words_found
from bidsdeid.core.policy import Policy
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import NO_WORDS, Lexicon
from bidsdeid.dicom.deidentifier import Deidentifier
from bidsdeid.dicom.identifiers import Identifiers
from bidsdeid.dicom.instance import deidentify_instance, leftovers
from bidsdeid.dicom.profile import Profile
from bidsdeid.dicom.residue import Residue, residue_of
from bidsdeid.dicom.rulebook import Dates
from bidsdeid.dicom.stamp import own_words
from bidsdeid.dicom.subjects import Subject
from bidsdeid.dicom.survey import Scan, State, files_of, placed, survey
from bidsdeid.dicom.values import Values
from bidsdeid.errors import DicomError, InputError, UsageError

#: Files that a process does at one time: enough to be worth sending, few enough to share out.
_CHUNK = 32

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Released:
    """A file that was written and checked.

    Parameters
    ----------
    path : str
        Below the study's new folder.
    sha256 : str
    """

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a study.

    Parameters
    ----------
    scans : tuple of Scan
        Every file of the source.
    released : tuple of Released
    residue : tuple of str
        What was found in files that were written: with any, nothing of the study may leave.
    lost_dates : int
        Dates that were emptied since they cannot be moved.
    """

    scans: tuple[Scan, ...]
    released: tuple[Released, ...]
    residue: tuple[str, ...]
    lost_dates: int

    def counts(self) -> dict[State, int]:
        """Return how many files were released, withheld and failed."""
        return {state: sum(scan.state is state for scan in self.scans) for state in State}

    def reasons(self) -> dict[str, int]:
        """Return for how many files a reason not to release them holds, in order."""
        left = (scan.reason for scan in self.scans if scan.state is not State.IMAGE)
        return dict(sorted(Counter(left).items()))


@dataclass(frozen=True, slots=True)
class Job:
    """How a study is de-identified.

    Parameters
    ----------
    subject : Subject
        Its folder, and what its patient is called from now on.
    participant : str
        What dates are shifted by: the label of the participant in a BIDS dataset of the source.
    profile : Profile
    policy : Policy
        Says whom elements identify, as in sidecars.
    secret : Secret
    known : Lexicon
        Words that the user knows.
    merge : bool
        Images of several patients are one subject's.
    """

    subject: Subject
    participant: str
    profile: Profile
    policy: Policy
    secret: Secret
    known: Lexicon = NO_WORDS
    merge: bool = False


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A study before anything is done.

    Parameters
    ----------
    scans : tuple of Scan
        Every file, images with their new paths.
    identifiers : Identifiers
    """

    scans: tuple[Scan, ...]
    identifiers: Identifiers


def survey_study(job: Job, processes: int = 1) -> Surveyed:
    """Read the headers of a study.

    Raises
    ------
    InputError
        If there is no DICOM image in it, or of more than one patient.
    """
    chunks = _chunks(files_of(job.subject.folder))
    scans: list[Scan] = []
    identifiers = Identifiers()
    with _spread(min(processes, len(chunks)), _begin_survey, (job,)) as spread:
        seen: list[Scan]
        found: Identifiers
        for seen, found in spread(_survey_chunk, chunks):
            scans += seen
            identifiers |= found
    if not any(scan.state is State.IMAGE for scan in scans):
        message = "there is no DICOM image of MR, CT or PET in its folder"
        raise InputError(message)
    patients = len({scan.patient for scan in scans if scan.state is State.IMAGE})
    if patients > 1 and not job.merge:
        message = (
            f"its images are of {patients} patients, by their PatientID: give each a row, or say "
            "that they are one with --merge-patients"
        )
        raise InputError(message)
    return Surveyed(tuple(placed(scans, job.secret)), identifiers)


def deidentify_study(job: Job, surveyed: Surveyed, stage: Path, processes: int = 1) -> Outcome:
    """De-identify the images of a study into a folder.

    Parameters
    ----------
    job : Job
    surveyed : Surveyed
    stage : Path
        Private; nothing in it may leave if the outcome has residue.
    processes : int

    Raises
    ------
    UsageError
        If the new name of the patient is in the study.
    """
    name = job.subject.name
    terms = surveyed.identifiers.harvest().terms(job.known, public=(name, job.participant))
    if words_found(name, terms.in_names):
        message = "its new name holds a name that is in the study: choose another"
        raise UsageError(message)
    public = (name, job.participant, job.subject.birth_date, *own_words(job.profile))
    dates = job.profile.dates is not Dates.KEEP
    residue = residue_of(surveyed.identifiers, terms, public, dates=dates)
    shift = job.secret.shift(job.participant) if job.profile.dates is Dates.SHIFT else None
    values = Values(job.subject, job.secret, shift, terms)
    worker = _Worker(job.subject.folder, stage, Deidentifier(job.profile, values), residue)
    images = [scan for scan in surveyed.scans if scan.state is State.IMAGE]
    for folder in {os.path.dirname(scan.target) for scan in images}:  # noqa: PTH120
        (stage / folder).mkdir(mode=0o700)
    released: list[Released] = []
    residue_found: dict[str, None] = {}
    failed: dict[str, str] = {}
    lost: set[str] = set()
    chunks = _chunks(images)
    with _spread(min(processes, len(chunks)), _begin_work, (worker,)) as spread:
        part: _Part
        for part in spread(_work_chunk, chunks):
            released += part.released
            residue_found |= dict.fromkeys(part.residue)
            failed |= part.failed
            lost |= part.lost
    scans = tuple(
        replace(scan, state=State.FAILED, reason=failed[scan.path], target="")
        if scan.path in failed
        else scan
        for scan in surveyed.scans
    )
    return Outcome(scans, tuple(released), tuple(residue_found), len(lost))


@dataclass(slots=True)
class _Part:
    """What became of a chunk of files."""

    released: list[Released]
    residue: list[str]
    failed: dict[str, str]
    lost: set[str]


@dataclass(frozen=True, slots=True)
class _Worker:
    """De-identifies files of one study."""

    folder: Path
    stage: Path
    deidentifier: Deidentifier
    residue: Residue

    def do(self, scans: Sequence[Scan]) -> _Part:
        """De-identify files, and check each as the disk has it."""
        part = _Part([], [], {}, self.deidentifier.values.lost)
        for scan in scans:
            try:
                self._do(scan, part)
            except DicomError as error:
                part.failed[scan.path] = str(error)
            except OSError:
                raise
            except Exception as bug:  # noqa: BLE001 -- the file does not go out, the others do
                part.failed[scan.path] = f"it cannot be de-identified ({type(bug).__name__})"
        return part

    def _do(self, scan: Scan, part: _Part) -> None:
        instance = deidentify_instance((self.folder / scan.path).read_bytes(), self.deidentifier)
        target = self.stage / scan.target
        target.write_bytes(instance.content)
        written = target.read_bytes()
        if self.deidentifier.profile.standard:
            made = self.deidentifier.values.made
            part.residue += leftovers(written, instance, self.residue, made)
        digest = hashlib.sha256(written).hexdigest()
        part.released.append(Released(scan.target, digest))


#: In a process of its own: what all its chunks have in common.
_JOBS: list[Job] = []
_WORKERS: list[_Worker] = []


def _begin_survey(job: Job) -> None:
    _JOBS[:] = [job]


def _survey_chunk(paths: Sequence[str]) -> tuple[list[Scan], Identifiers]:
    job = _JOBS[0]
    return survey(job.subject.folder, paths, job.profile, job.policy)


def _begin_work(worker: _Worker) -> None:
    _WORKERS[:] = [worker]


def _work_chunk(scans: Sequence[Scan]) -> _Part:
    return _WORKERS[0].do(scans)


def _chunks(items: Sequence[_In]) -> list[Sequence[_In]]:
    return [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]


@contextmanager
def _spread(
    processes: int, begin: Callable[..., None], arguments: tuple[object, ...]
) -> Iterator[Callable[..., Iterator[_Out]]]:
    """Yield what applies a function to chunks, in this process or in several."""
    if processes <= 1:
        begin(*arguments)
        yield map
        return
    # Forked, since nothing runs beside this thread yet and the modules need not be loaded again.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, begin, arguments) as pool:
        yield pool.map
