"""Folders as values, for comparing what is there before and after."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path


def digest(root: Path, *, times: bool = False) -> dict[str, tuple[object, ...]]:
    """Return kind, size, hash and, if asked for, times of everything below a folder."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        stamp = (status.st_mtime_ns, status.st_mode) if times else ()
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()), *stamp)
        elif path.is_dir():
            found[name] = ("folder", *stamp)
        else:
            found[name] = ("file", hashlib.sha256(path.read_bytes()).hexdigest(), *stamp)
    return found


def files(root: Path) -> set[str]:
    """Return the paths of all files below a folder."""
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir()}


def contents(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every file, gzip files with what they hold behind them."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            yield path.relative_to(root).as_posix(), content + _unpacked(content)


def _unpacked(content: bytes) -> bytes:
    """Undo gzip, all members, without the reader of the package under test."""
    plain = b""
    while content[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(31)
        plain += stream.decompress(content) + stream.flush()
        content = stream.unused_data
    return plain
