"""The input: what is there, and the bytes of a file.  Nothing here writes.

Two readers must agree on a file before it counts as known BIDS: pybids, and our own parser
together with the official file-name rules.  A walk of the folders sees the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from bids.layout import BIDSLayout, BIDSLayoutIndexer
from bids.layout.models import Tag
from bids_validator import BIDSValidator
from pathspec import GitIgnoreSpec

from bidsdeid.core.dataset import (
    PARTICIPANT_FOLDER,
    SESSION_FOLDER,
    DatasetIndex,
    SourceFile,
    State,
    datatype_of,
    participant_of,
)
from bidsdeid.core.entities import BIDSName, parse_name
from bidsdeid.core.packed import PackedFiles
from bidsdeid.errors import ImageError, InputError

#: Participants per pybids layout: one for each costs four times as much, one for all a third of a
#: gigabyte per thousand.
BATCH = 50

_NOT_RAW = r"^/(code|stimuli|sourcedata|rawdata|derivatives|logs|docs|phenotype)(/|$)"
_ANNEX_POINTER = b"/annex/objects/"
_Facts = tuple[object, ...]

#: What the two readers must agree on, in pybids' words.
_COMPARED = ("subject", "session", "suffix", "extension")

_TOP = PurePosixPath()

_Stat = tuple[int, int]  # size in bytes, time of the last change in ns


def index_dataset(bids_dir: Path, participants: Sequence[str] | None = None) -> DatasetIndex:
    """Find every file of a dataset.

    Parameters
    ----------
    bids_dir : Path
        Root of the dataset.
    participants : sequence of str, optional
        Labels; the folders of others are not looked into.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """
    root = Path(os.path.abspath(bids_dir))  # noqa: PTH100 -- links are kept, unlike `resolve`
    if not root.is_dir() or not os.access(root, os.R_OK | os.X_OK):
        message = "the input folder does not exist or may not be read"
        raise InputError(message)
    entries = _entries(root)
    labels = _labels(root, PARTICIPANT_FOLDER)
    asked = set(labels if participants is None else participants)
    wanted = [label for label in labels if label in asked]
    folders = {f"sub-{label}" for label in labels}
    top = [x for name, entry in entries.items() if name not in folders for x in _at(root, entry)]
    closed = [path for path, _, state in top if state is State.UNREADABLE]
    legal, ignored = BIDSValidator(), _ignored(root)
    shared: list[SourceFile] = []
    packed = PackedFiles()
    for start in range(0, max(len(wanted), 1), BATCH):
        batch = wanted[start : start + BATCH]
        found = [x for label in batch for x in _at(root, entries[f"sub-{label}"])]
        shut = [path for path, _, state in found if state is State.UNREADABLE]
        by_pybids = _pybids_facts(root, batch, [*closed, *shut])
        owned: dict[str, list[SourceFile]] = {label: [] for label in batch}
        for path, (size, mtime_ns), state in found if start else [*top, *found]:
            name = parse_name(path.name) if legal.is_bids(f"/{path}") else None
            if name is not None and by_pybids.get(path) != _own_facts(path, name):
                name = None
            if ignored.match_file(str(path)):
                name = None  # the dataset itself says that this is not part of it
            file = SourceFile(path, size, state, name, datatype_of(path), mtime_ns)
            owned.get(participant_of(path) or "", shared).append(file)
        for label, files in owned.items():
            packed.pack(label, files)
    shared.sort(key=lambda file: file.path.parts)
    return DatasetIndex(tuple(shared), packed)


def source_labels(bids_dir: Path) -> dict[str, tuple[str, ...]]:
    """Return the labels of all participants, each with those of their sessions.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """
    return {label: session_labels(bids_dir, label) for label in top_labels(bids_dir)}


def top_labels(bids_dir: Path) -> list[str]:
    """Return the labels of all participants, in order.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """
    try:
        return _labels(bids_dir, PARTICIPANT_FOLDER)
    except OSError as error:
        message = "the input folder may not be read"
        raise InputError(message) from error


def session_labels(bids_dir: Path, participant: str) -> tuple[str, ...]:
    """Return the labels of a participant's sessions; of a folder that is closed, none."""
    try:
        return tuple(_labels(bids_dir / f"sub-{participant}", SESSION_FOLDER))
    except OSError:
        return ()


def metadata_files(
    bids_dir: Path, participants: Sequence[str] | None = None
) -> Iterator[PurePosixPath]:
    """Yield the JSON and TSV files of a dataset, hidden folders and derivatives left out.

    Parameters
    ----------
    bids_dir : Path
    participants : sequence of str, optional
        Labels; the folders of others are not looked into.
    """
    asked = None if participants is None else {f"sub-{label}" for label in participants}
    for folder, folders, names in os.walk(bids_dir):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "derivatives"
        )
        if asked is not None and folder == os.fspath(bids_dir):
            folders[:] = [x for x in folders if x in asked or not PARTICIPANT_FOLDER.fullmatch(x)]
        for name in sorted(names):
            if name.endswith((".json", ".tsv")):
                yield PurePosixPath(os.path.relpath(folder, bids_dir)) / name


def _labels(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return the labels of the folders that are called after one."""
    with os.scandir(folder) as entries:
        return sorted(
            match[1]
            for entry in entries
            if (match := pattern.fullmatch(entry.name)) and _is_folder(entry)
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def read_bytes(path: Path) -> bytes:
    """Return the content of an input file.

    Raises
    ------
    ImageError
        If it is a pointer to content that git-annex has not fetched.
    OSError
        If it cannot be read.
    """
    content = path.read_bytes()
    if content.startswith(_ANNEX_POINTER):
        message = "it is a git-annex pointer: get the content first (`datalad get`)"
        raise ImageError(message)
    return content


def _entries(folder: Path) -> dict[str, os.DirEntry[str]]:
    """Return what a folder holds, by name, in order.

    Raises
    ------
    OSError
        If it may not be read.
    """
    with os.scandir(folder) as entries:
        return {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}


def _at(
    root: Path, entry: os.DirEntry[str], above: PurePosixPath = _TOP
) -> Iterator[tuple[PurePosixPath, _Stat, State]]:
    """Yield path, size and time, and state of an entry and all that is below, in order."""
    path = above / entry.name
    try:
        stat, state = _look(entry)
    except OSError:
        stat, state = (0, 0), State.BROKEN_LINK if entry.is_symlink() else State.UNREADABLE
    if state is not None:
        yield path, stat, state
        return
    try:
        entries = _entries(root / path)
    except OSError:
        yield path, (0, 0), State.UNREADABLE
        return
    for below in entries.values():
        yield from _at(root, below, path)


def _look(entry: os.DirEntry[str]) -> tuple[_Stat, State | None]:
    """Return size, time and state of an entry; no state for a folder to go into."""
    if entry.is_dir():
        if entry.is_symlink():
            return (0, 0), State.FOLDER_LINK
        return (0, 0), State.HIDDEN_FOLDER if entry.name.startswith(".") else None
    if entry.is_file():
        status, readable = entry.stat(), os.access(entry.path, os.R_OK)
        return (status.st_size, status.st_mtime_ns), State.FILE if readable else State.UNREADABLE
    return (0, 0), State.BROKEN_LINK if entry.is_symlink() else State.SPECIAL


def _ignored(root: Path) -> GitIgnoreSpec:
    """Return what the dataset's ``.bidsignore`` names."""
    path = root / ".bidsignore"
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
    except OSError:
        lines = []
    return GitIgnoreSpec.from_lines(lines)


def _pybids_facts(
    root: Path, labels: Sequence[str], closed: Sequence[PurePosixPath]
) -> dict[PurePosixPath, _Facts]:
    """Return what pybids reads off the names of the files of some participants.

    It is kept from what it would stumble over: folders that may not be read (`closed`), and
    names that are not Unicode.
    """
    others = "|".join(map(re.escape, labels)) or "(?!)"
    ignore = [
        re.compile(_NOT_RAW),
        re.compile(r"/\."),
        re.compile("[\udc80-\udcff]"),
        *(re.compile(f"^/{re.escape(str(path))}(/|$)") for path in closed),
        re.compile(rf"^/sub-(?!(?:{others})(?:/|$))"),
    ]
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=ignore)
    try:
        layout = BIDSLayout(root, validate=False, indexer=indexer)
    except (AttributeError, TypeError, ValueError) as error:
        message = "pybids cannot read the dataset: is dataset_description.json an object?"
        raise InputError(message) from error
    try:
        # One query for all: asking each file for its entities is a query a file (pybids#940).
        tags = layout.session.query(Tag.file_path, Tag.entity_name, Tag._value)  # noqa: SLF001
        entities: dict[str, dict[str, object]] = {}
        for path, entity, value in tags.filter(Tag.entity_name.in_(_COMPARED)):
            entities.setdefault(path, {})[entity] = value
        return {
            PurePosixPath(os.path.relpath(path, root)): tuple(map(found.get, _COMPARED))
            for path, found in entities.items()
        }
    finally:
        layout.session.close()
        layout.connection_manager.engine.dispose()  # else each layout stays in memory


def _own_facts(path: PurePosixPath, name: BIDSName) -> _Facts:
    session = name.get("ses")
    owner = participant_of(path)
    if owner != name.get("sub") or (session and f"ses-{session}" not in path.parts[:-1]):
        return ()
    return (owner, session, name.suffix, name.extension)
