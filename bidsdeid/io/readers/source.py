"""Files from unknown hands: opened, inflated if they are packed, and read within limits."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, cast

from bidsdeid.errors import TextError

#: Bytes read at once: a reader that asks for 4 GB gets what is there, and no buffer of 4 GB.
_BLOCK = 2**20

#: A file is not read in more pieces than this.
MAX_READS = 2_000_000

#: First bytes of packed files, and what inflates them.  A bomb is inflated as far as it is read.
_PACKERS: MappingProxyType[bytes, Any] = MappingProxyType(
    {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
)
_MAGIC = 6


class Bounded(io.RawIOBase):
    """A file of which no more than some number of bytes is read, and none that is not there.

    Parameters
    ----------
    stream : binary file
        It can seek.
    limit : int
        Bytes that may be read in all; what is skipped does not count.  `MAX_READS` limits how
        often, so that a file of a million empty parts ends.
    packed : bool
        It is inflated while it is read, so that to skip is to read, and nothing goes back.
    """

    def __init__(self, stream: BinaryIO, limit: int, *, packed: bool = False) -> None:
        super().__init__()
        self._stream = stream
        self._reads = 0
        self.packed = packed
        #: Bytes that may still be read.
        self.left = limit

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may lie behind the end."""
        return self._stream.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        """Return `size` bytes, or fewer at the end of the file.

        Raises
        ------
        TextError
            If more would be read than may be.
        """
        wanted = self.left + 1 if size is None or size < 0 else size
        blocks: list[bytes] = []
        self._reads += 1
        if self._reads > MAX_READS:
            message = "it has more parts than its kind of file takes"
            raise TextError(message)
        while wanted > 0 and (block := self._stream.read(min(wanted, _BLOCK))):
            self.left -= len(block)
            if self.left < 0:
                message = "more of it would have to be read than its kind of file takes"
                raise TextError(message)
            blocks.append(block)
            wanted -= len(block)
        return b"".join(blocks)

    def start(self, size: int) -> tuple[bytes, bool]:
        """Return the next bytes, `size` of them or as many as may be read, and if more follow."""
        content = self.read(min(size, self.left))
        return content, bool(self._stream.read(1))


@contextmanager
def streamed(path: Path, limit: int) -> Iterator[Bounded]:
    """Open a file to be read from its start to its end, inflated if it is packed.

    Parameters
    ----------
    path : Path
    limit : int
        Bytes that may be read, after inflating.
    """
    with _open(path) as stored:
        unpack = _unpacker(stored.read(_MAGIC))
        stored.seek(0)
        if unpack is None:
            yield Bounded(stored, limit)
        else:
            with unpack(stored) as plain:
                yield Bounded(plain, limit, packed=True)


@contextmanager
def opened(path: Path, limit: int) -> Iterator[tuple[Bounded, bool]]:
    """Open a file to be read at any place, inflated into memory if it is packed.

    Yields
    ------
    file : Bounded
    cut : bool
        It is packed, and more follows than may be inflated.
    """
    with streamed(path, limit) as stream:
        if stream.packed:
            content, cut = stream.start(limit)
            yield Bounded(io.BytesIO(content), limit), cut
        else:
            yield stream, False


def first_bytes(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, inflated if it is packed."""
    with streamed(path, size) as stream:
        return stream.read(size)


def stored_bytes(path: Path, size: int) -> bytes:
    """Return the first bytes of a file as they are stored."""
    with _open(path) as stored:
        return stored.read(size)


def last_bytes(path: Path, size: int) -> bytes:
    """Return the last bytes of a file as they are stored."""
    with _open(path) as stored:
        stored.seek(max(stored.seek(0, io.SEEK_END) - size, 0))
        return stored.read(size)


def _open(path: Path) -> BinaryIO:
    # A pipe would be waited for, and a device has no end.
    if not stat.S_ISREG(path.stat().st_mode):
        message = "it is not a regular file"
        raise TextError(message)
    return cast("BinaryIO", path.open("rb"))


def _unpacker(first: bytes) -> Any:  # noqa: ANN401 -- one of three functions with overloads
    return next((open_ for magic, open_ in _PACKERS.items() if first.startswith(magic)), None)
