"""Private folders for files on their way, gone when they are no longer needed.

A process that is killed cannot clean up behind itself, and what it leaves shows faces: the next
process does it.  Whether a folder's process still runs is told by a lock, which the kernel lets go
with the process: names of machines and numbers of processes say nothing across containers.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bidsdeid.errors import StoreError

#: Folders are called so; before they are locked, otherwise.
_PREFIX, _NEW = "work-", ".new-"

#: Locked by the process that works in the folder.
_LOCK = ".alive"


@contextmanager
def work_folder(work_dir: Path) -> Iterator[Path]:
    """Make a 0700 folder below `work_dir`, and remove it at the end.

    Raises
    ------
    StoreError
        If it cannot be made.
    """
    try:
        work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(work_dir)
        folder, lock = _locked(work_dir)
    except OSError as error:
        message = f"the work folder cannot be made ({error.strerror}): name one with --work-dir"
        raise StoreError(message) from error
    try:
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def sweep(work_dir: Path) -> None:
    """Remove the folders of processes that are no more."""
    for folder in work_dir.iterdir():
        if folder.name.startswith(_PREFIX) and _is_left(folder):
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, its lock last: what is killed on the way is swept by the next."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK:
                path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _locked(work_dir: Path) -> tuple[Path, int]:
    """Return a new folder and its lock, which it has before others can see it by its name."""
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=work_dir))
    lock = os.open(new / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # file systems without locks: the folder is nobody's to sweep
        (new / _LOCK).unlink()
    folder = new.with_name(_PREFIX + new.name.removeprefix(_NEW))
    new.rename(folder)
    return folder, lock


def _is_left(folder: Path) -> bool:
    """Tell whether nobody holds the lock of a folder."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)
