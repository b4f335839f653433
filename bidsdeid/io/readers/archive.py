"""Archives: the names of their members, and what they say about themselves.

Nothing is extracted, so that an archive is never wholly looked into: `UNSEEN` says so.
"""

from __future__ import annotations

import itertools
import tarfile
import zipfile
from pathlib import Path
from typing import BinaryIO, Literal, cast

from bidsdeid.core.piece import Reading
from bidsdeid.io.readers.gather import Gathered, gather
from bidsdeid.io.readers.source import Bounded

#: What is read of a list of members, or of a tar archive after inflating; members that are listed.
MAX_LIST, MAX_INFLATED, MAX_MEMBERS = 16 * 2**20, 256 * 2**20, 10_000

UNSEEN = "the files in the archive have not been looked into: unpack it and audit the folder"
UNLISTED = "not even the names of the files in the archive have been seen"
MANY = f"only the first {MAX_MEMBERS} members of the archive have been listed"

ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

#: Archives that are known, and not read: 7-Zip, RAR, Zstandard, ``compress``.
OTHER = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"\x1f\x9d")

#: Owners that are no person.
_NOBODY = frozenset("root wheel staff users nobody nogroup".split())

#: Records of a member that are said in other words already (POSIX pax).
_SAID = frozenset("path linkpath uname gname size uid gid mtime atime ctime".split())


def is_tar(first: bytes) -> bool:
    """Tell whether a file, or what was inflated of it, is a tar archive."""
    return first[257:262] == b"ustar"


def read_zip(path: Path) -> Reading:
    """List a zip archive: names and comments.

    Raises
    ------
    TextError
        If it has no readable list of its members.
    """
    return gather(path, "a zip archive", _fill_zip, limit=MAX_LIST)


def read_tar(path: Path) -> Reading:
    """List a tar archive, packed or not: names, targets of links, and owners.

    Raises
    ------
    TextError
        If its first member cannot be read.
    """
    return gather(path, "a tar archive", _fill_tar, limit=MAX_INFLATED, in_order=True)


def read_other(path: Path) -> Reading:
    """Tell that an archive has not been looked into at all."""
    del path
    return Reading(unseen=f"{UNLISTED}; {UNSEEN}")


def _fill_zip(stream: Bounded, gathered: Gathered) -> None:
    gathered.unseen(UNSEEN)
    with zipfile.ZipFile(cast("BinaryIO", stream)) as archive:
        gathered.add_content("comment of the archive", archive.comment)
        members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        gathered.unseen(MANY)
    for number, member in enumerate(members[:MAX_MEMBERS], start=1):
        gathered.add(f"member {number}", member.filename)
        gathered.add_content(f"member {number} comment", member.comment)


def _fill_tar(stream: Bounded, gathered: Gathered) -> None:
    gathered.unseen(UNSEEN)
    # What is packed is inflated in its order; what is not can be skipped, however large it is.
    mode: Literal["r|", "r:"] = "r|" if stream.packed else "r:"
    with tarfile.open(fileobj=cast("BinaryIO", stream), mode=mode) as archive:
        for number, member in enumerate(itertools.islice(archive, MAX_MEMBERS + 1), start=1):
            if number > MAX_MEMBERS:
                gathered.unseen(MANY)
                break
            where = f"member {number}"
            gathered.add(where, member.name)
            gathered.add(f"{where} link", member.linkname)
            for owner in (member.uname, member.gname):
                gathered.add(f"{where} owner", "" if owner in _NOBODY else owner)
            for key in sorted(member.pax_headers.keys() - _SAID):
                gathered.add_lines(f"{where} record", member.pax_headers[key], key)
