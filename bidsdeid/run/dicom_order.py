"""What is to be done with DICOM studies, and where it may go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bidsdeid.config import IdentityOptions
from bidsdeid.dicom.profile import Profile
from bidsdeid.dicom.subjects import Subject
from bidsdeid.errors import UsageError

_PREFIX = "sub-"

_REPORT = "the report"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done.

    Parameters
    ----------
    subjects : tuple of Subject
    output, private_dir : Path
    profile : Profile
    identity : IdentityOptions
        Labels, key and words.
    zips : str
        ``both``, ``deid`` or ``none``.
    jobs : int
        Processes.
    work_dir : Path or None
        By default in the private folder.
    private_named : bool
        Whether the user named the private folder.
    report : Path or None
        Where what was done is told.
    merge : bool
        Images of several patients in a folder are one subject's.
    dry_run, verbose : bool
    """

    subjects: tuple[Subject, ...]
    output: Path
    private_dir: Path
    profile: Profile
    identity: IdentityOptions
    zips: str
    jobs: int
    work_dir: Path | None = None
    private_named: bool = False
    report: Path | None = None
    merge: bool = False
    dry_run: bool = False
    verbose: bool = False

    def check(self) -> None:
        """Refuse folders that would mix input, output and what is private.

        Raises
        ------
        UsageError
            If there are such.
        """
        places = {"the output": self.output, "the private folder": self.private_dir}
        places |= {} if self.work_dir is None else {"the work folder": self.work_dir}
        places |= {} if self.report is None else {_REPORT: self.report}
        if self.report is not None and not self.report.absolute().parent.is_dir():
            message = "there is no folder for the report: make it, or name another"
            raise UsageError(message)
        for what, place in places.items():
            for subject in self.subjects:
                if _real(place).is_relative_to(_real(subject.folder)):
                    where = f" (line {subject.line})" if subject.line else ""
                    message = f"{what} lies in a study{where}: name another"
                    raise UsageError(message)
            if what not in ("the output", _REPORT) and _real(place).is_relative_to(
                _real(self.output)
            ):
                message = f"{what} lies in the output, which is shared: name another"
                raise UsageError(message)


def participant_of(subject: Subject) -> str:
    """Return the label that the participant has in a BIDS dataset of the source."""
    return subject.name.removeprefix(_PREFIX) or subject.name


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
