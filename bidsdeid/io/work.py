"""Private folders for files on their way, gone when they are no longer needed.

A process that is killed cannot clean up behind itself, and what it leaves shows faces: the next
process on the same machine does it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bidsdeid.errors import StoreError

_NAME = re.compile(r"(?P<host>[0-9a-zA-Z-]+)\.(?P<pid>\d+)\.\w+")


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
        folder = Path(tempfile.mkdtemp(prefix=f"{_host()}.{os.getpid()}.", dir=work_dir))
    except OSError as error:
        message = f"the work folder cannot be made ({error.strerror}): name one with --work-dir"
        raise StoreError(message) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(work_dir: Path) -> None:
    """Remove the folders of processes of this machine that are no more."""
    for folder in work_dir.iterdir():
        match = _NAME.fullmatch(folder.name)
        if match and match["host"] == _host() and not _alive(int(match["pid"])):
            shutil.rmtree(folder, ignore_errors=True)


def _host() -> str:
    return re.sub(r"[^0-9a-zA-Z-]", "-", platform.node()) or "localhost"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
