"""What is in a dataset: every file once, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from bidsdeid.core.entities import BIDSName

PARTICIPANT_FOLDER = re.compile(r"sub-([a-zA-Z0-9+]+)")
SESSION_FOLDER = re.compile(r"ses-([a-zA-Z0-9+]+)")


class State(StrEnum):
    """What stands behind a name in a folder; the value is the sentence for a person."""

    FILE = "a file"
    HIDDEN_FOLDER = "a hidden folder, not looked into"
    BROKEN_LINK = "a link to nothing: if it is git-annex, get the content first (`datalad get`)"
    FOLDER_LINK = "a link to a folder: copy the folder or name it as the input"
    UNREADABLE = "a folder or file that this user may not read"
    SPECIAL = "not a regular file"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One entry of the input.

    Parameters
    ----------
    path : PurePosixPath
        From the dataset's root.
    size : int
        In bytes.
    state : State
        What it is.
    name : BIDSName or None
        Its parts, if it is a raw file that BIDS knows in this place.
    datatype : str or None
        Such as ``anat``, if it lies in such a folder of a participant.
    mtime_ns : int
        Time of its last change.
    """

    path: PurePosixPath
    size: int = 0
    state: State = State.FILE
    name: BIDSName | None = None
    datatype: str | None = None
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class DatasetIndex:
    """All files of a dataset.

    Parameters
    ----------
    shared : tuple of SourceFile
        What belongs to no participant.
    participants : mapping of str to tuple of SourceFile
        By label, without ``sub-``.
    """

    shared: tuple[SourceFile, ...]
    participants: Mapping[str, tuple[SourceFile, ...]]


def participant_of(path: PurePosixPath) -> str | None:
    """Return the label of the participant in whose folder a path lies.

    Examples
    --------
    >>> participant_of(PurePosixPath("sub-01/anat/sub-01_T1w.json"))
    '01'
    >>> participant_of(PurePosixPath("T1w.json")) is None
    True
    """
    match = PARTICIPANT_FOLDER.fullmatch(path.parts[0]) if len(path.parts) > 1 else None
    return None if match is None else match[1]


def datatype_of(path: PurePosixPath) -> str | None:
    """Return the data type folder of a path, such as ``anat``; None outside of one.

    Examples
    --------
    >>> datatype_of(PurePosixPath("sub-01/ses-a/anat/sub-01_ses-a_T1w.json"))
    'anat'
    >>> datatype_of(PurePosixPath("sub-01/sub-01_sessions.tsv")) is None
    True
    """
    if participant_of(path) is None:
        return None
    folders = [part for part in path.parts[1:-1] if not part.startswith("ses-")]
    return folders[0] if len(folders) == 1 else None


def public_path(file: SourceFile) -> str:
    """Return a path that may be shown: whole if BIDS knows it, else only its known folder.

    Examples
    --------
    >>> public_path(SourceFile(PurePosixPath("sourcedata/visit of 4 March/scan.dcm")))
    'sourcedata/...'
    """
    if file.name is not None:
        return str(file.path)
    top = file.path.parts[0]
    known = top in _KNOWN_FOLDERS or PARTICIPANT_FOLDER.fullmatch(top)
    if known and len(file.path.parts) > 1:
        return f"{top}/..."
    return top if top in _KNOWN_FILES else "(a name that is not BIDS)"


_KNOWN_FOLDERS = frozenset(
    "sourcedata rawdata derivatives code stimuli docs logs phenotype .git .datalad".split()
)
_KNOWN_FILES = frozenset(
    "README README.md README.rst README.txt CHANGES LICENSE CITATION.cff participants.tsv "
    "participants.json dataset_description.json .bidsignore .git .datalad".split()
)
