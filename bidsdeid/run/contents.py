"""What the files of a folder hold, each read once where memory allows.

Nothing is refused: what is not as its name says is read as text, or as runs of characters, and
what was not understood is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bidsdeid.core.piece import Reading
from bidsdeid.core.tables import Table
from bidsdeid.core.text import MAX_BYTES, decode_csv, decode_json, decode_table
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import TextError
from bidsdeid.io.readers.dispatch import read
from bidsdeid.io.readers.gather import decoded
from bidsdeid.io.snapshot import Entry

#: So many bytes of memory, or about that, are used to keep what files hold.
ROOM = 2**28

#: What a string takes in memory, and how much more than its text a table or an object does.
_PIECE, _LARGER = 400, 10


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Parameters
    ----------
    fields : tuple
        Of a JSON file, its one value; else empty.
    table : Table or None
        Of a file with columns.
    reading : Reading
        The strings of any other file, and what was not seen or not understood.
    """

    fields: tuple[JSONValue, ...] = ()
    table: Table | None = None
    reading: Reading = field(default_factory=Reading)


class Contents:
    """Reads files, and keeps what they hold for a second time.

    Parameters
    ----------
    folder : Path
    room : int
        Bytes of memory for that.
    """

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        self._folder, self._room = folder, room
        self._kept: dict[PurePosixPath, Content] = {}

    def of(self, entry: Entry) -> Content:
        """Return what a file holds.

        Raises
        ------
        FileProblem
            If nothing of it can be read.
        OSError
            If it cannot be opened.
        """
        known = self._kept.get(entry.path)
        if known is not None:
            return known
        size = entry.mark[0] if entry.mark else 0
        content = _content(self._folder / entry.path, size) if size else Content()
        parsed = content.fields or content.table
        cost = _LARGER * size if parsed else _PIECE * (1 + len(content.reading.pieces))
        if cost <= self._room:
            self._room -= cost
            self._kept[entry.path] = content
        return content


def _content(file: Path, size: int) -> Content:
    decode = next((d for ending, d in _DECODERS if file.name.lower().endswith(ending)), None)
    if decode is None or size > MAX_BYTES:
        return Content(reading=read(file))
    content = file.read_bytes()
    if content.startswith(_ANNEX):
        return Content(reading=read(file))
    try:
        content.decode()
    except UnicodeDecodeError:  # BIDS wants UTF-8, and older converters wrote Latin-1
        content = decoded(content).encode()
    try:
        return decode(content)
    except TextError as problem:
        reading = read(file)
        return Content(reading=reading.joined(Reading(unseen=f"{problem}: {_AS_TEXT}")))


_AS_TEXT = "only its lines have been looked through"

#: A file that git-annex has not fetched begins so.
_ANNEX = b"/annex/objects/"


def _fields(content: bytes) -> Content:
    return Content(fields=(decode_json(content),))


def _table(content: bytes) -> Content:
    try:
        return Content(table=decode_table(content))
    except TextError as problem:
        return Content(table=decode_csv(content, "\t"), reading=Reading(unseen=str(problem)))


def _csv(content: bytes) -> Content:
    return Content(table=decode_csv(content))


_DECODERS: Iterable[tuple[str, Callable[[bytes], Content]]] = (
    (".json", _fields),
    (".tsv", _table),
    (".csv", _csv),
)
