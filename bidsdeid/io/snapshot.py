"""Everything below a folder, with what changes when somebody changes it.

Nothing is opened, links to folders are not followed, and a folder may be of any depth.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TypeAlias

#: Folders whose files are stored in a form of their own, with all that was ever in them.
HISTORY = frozenset({".git", ".hg", ".svn", ".datalad"})

#: Size, and the times at which content and state changed last.
Mark: TypeAlias = tuple[int, int, int]


_ROOT = PurePosixPath()


class Kind(Enum):
    """What stands behind a name; the value says why it is not looked into, if it is not."""

    FILE = ""
    FOLDER = "a folder"
    HISTORY = "the history of the dataset may hold what its files no longer do"
    BROKEN_LINK = "a link to nothing: if it is git-annex, get the content first (`datalad get`)"
    FOLDER_LINK = "a link to a folder: audit that folder, too"
    CLOSED = "this user may not read it"
    SPECIAL = "it is neither a file nor a folder"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder.

    Parameters
    ----------
    path : PurePosixPath
        From the root; empty for the root itself.
    kind : Kind
    number : int
        Its place among the names of its folder, in their order, from 1.
    mark : tuple of int or None
        Of a file.
    target : str
        Of a link, as it is written in it.
    """

    path: PurePosixPath
    kind: Kind
    number: int = 1
    mark: Mark | None = None
    target: str = ""


def snapshot(root: Path, below: PurePosixPath = _ROOT) -> tuple[Entry, ...]:
    """Return all that is below a folder, every folder before what is in it.

    Parameters
    ----------
    root : Path
        A folder; or a file, which is the only entry then, and its path is its name.
    below : PurePosixPath
        Of the folder, only this part.
    """
    if not os.path.isdir(root):  # noqa: PTH112 -- it answers where a Path raises
        return (_entry(root, PurePosixPath(root.name), 1),)
    return tuple(_below(root, below))


def _below(root: Path, below: PurePosixPath) -> Iterator[Entry]:
    folders = [Entry(below, Kind.FOLDER)]
    while folders:
        folder = folders.pop()
        try:
            names = sorted(os.listdir(root / folder.path))  # noqa: PTH208 -- only names are needed
        except OSError:
            yield replace(folder, kind=Kind.CLOSED)
            continue
        yield folder
        entries = [
            _entry(root / folder.path / name, folder.path / name, number)
            for number, name in enumerate(names, start=1)
        ]
        yield from (entry for entry in entries if entry.kind is not Kind.FOLDER)
        folders.extend(entry for entry in reversed(entries) if entry.kind is Kind.FOLDER)


def _entry(file: Path, path: PurePosixPath, number: int) -> Entry:
    target = ""
    try:
        if stat.S_ISLNK(file.lstat().st_mode):
            target = str(file.readlink())
        status = file.stat()
    except OSError:
        return Entry(path, Kind.BROKEN_LINK if target else Kind.CLOSED, number, target=target)
    mark = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if stat.S_ISDIR(status.st_mode):
        kind = Kind.HISTORY if path.name in HISTORY else Kind.FOLDER
        return Entry(path, Kind.FOLDER_LINK if target else kind, number, target=target)
    if not stat.S_ISREG(status.st_mode):
        return Entry(path, Kind.SPECIAL, number, target=target)
    readable = os.access(file, os.R_OK)
    return Entry(path, Kind.FILE if readable else Kind.CLOSED, number, mark, target)
