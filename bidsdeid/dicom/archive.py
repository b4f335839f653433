"""Zip files that depend on what is in them and on nothing else: no time and no owner."""

from __future__ import annotations

import os
import re
import shutil
import uuid
import zipfile
from collections.abc import Iterable
from pathlib import Path

from bidsdeid.errors import StoreError

#: What every member says of its time: the first that a zip can tell.
_TIME = (1980, 1, 1, 0, 0, 0)

_CHUNK = 2**20


def pack(target: Path, folder: Path, paths: Iterable[str], root: str, mode: int) -> None:
    """Write a zip file, whole or not at all.

    Parameters
    ----------
    target : Path
    folder : Path
        Where the files are.
    paths : iterable of str
        Of the files below it; the order in the zip is theirs.
    root : str
        Folder within the zip.
    mode : int
        Who may read it.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    part = part_of(target)
    try:
        clear_parts(target)
        with (
            open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "w+b") as file,  # noqa: PTH123
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for path in paths:
                _add(archive, folder / path, f"{root}/{path}", mode)
        os.chmod(part, mode)  # noqa: PTH101 -- the umask took some of it away
        part.replace(target)
    except OSError as error:
        message = f"the zip file cannot be written: {error.strerror}"
        raise StoreError(message) from error
    finally:
        part.unlink(missing_ok=True)


def part_of(target: Path) -> Path:
    """Return where a file or folder is written before it is whole."""
    return target.with_name(f".{target.name}-{uuid.uuid4().hex[:12]}")


def clear_parts(target: Path) -> None:
    """Remove what killed processes left of a file or folder."""
    for part in target.parent.iterdir():
        if re.fullmatch(rf"\.{re.escape(target.name)}-[0-9a-f]{{12}}", part.name):
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, source: Path, name: str, mode: int) -> None:
    readable = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    member = zipfile.ZipInfo(readable, _TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = mode << 16
    member.create_system = 3  # Unix, on every system
    large = source.stat().st_size >= zipfile.ZIP64_LIMIT // 2
    with source.open("rb") as content, archive.open(member, "w", force_zip64=large) as file:
        shutil.copyfileobj(content, file, _CHUNK)
