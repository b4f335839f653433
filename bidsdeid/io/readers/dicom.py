"""Every string of a DICOM file, at every depth, private ones and those behind the pixels too.

pydicom reads the elements one by one, so that an element that occurs twice is seen twice; items
of sequences are entered here, so that what comes before a damage is kept, and depth has a limit.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from bidsdeid.core.piece import Reading
from bidsdeid.errors import TextError
from bidsdeid.io.readers.gather import Gathered, gather
from bidsdeid.io.readers.source import Bounded
from bidsdeid.io.readers.vr import (
    ASCII,
    CREATORS,
    ITEMS,
    LOCAL,
    NUMBERS,
    VR,
    WHOLE,
    encodings_of,
    is_private,
    starts_data_set,
    text_of,
    vr_of,
)

#: What is read of a file beside its pixels, and of one element; elements, and depth of sequences.
MAX_BYTES, MAX_VALUE = 128 * 2**20, 16 * 2**20
MAX_ELEMENTS, MAX_DEPTH = 1_000_000, 32

PIXELS = "its pixels have not been looked at: they may show names and faces"
LARGE = f"an element larger than {MAX_VALUE // 2**20} MB has not been read"
LONG = f"only its first {MAX_BYTES // 2**20} MB have been inflated"
MANY = f"it has more than {MAX_ELEMENTS} elements"
ENDS = "it ends within an element"
BROKEN = "of a sequence that is damaged or very deep, only runs of characters have been seen"

_PREAMBLE, _MAGIC, _LEAST_PREAMBLE = 128, b"DICM", 4
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_META, _SYNTAX, _CHARACTER_SET = 2, 0x00020010, 0x00080005
_ENDS_OF_SEQUENCE = (b"\xfe\xff\xdd\xe0", b"\xff\xfe\xe0\xdd")
_HEAD, _UNDEFINED = 8, 0xFFFFFFFF  # bytes of tag, type and length; a length that is not told


@dataclass(slots=True)
class _Place:
    """A data set: what its places start with, how it is written, what it has said so far."""

    where: str
    depth: int = 0
    implicit: bool = False
    little: bool = True
    encodings: list[str] = field(default_factory=list)
    creators: dict[int, str] = field(default_factory=dict)

    @property
    def order(self) -> Literal["little", "big"]:
        return "little" if self.little else "big"

    def to(self, tag: int) -> str:
        name = f"tag ({tag >> 16:04x},{tag & 0xFFFF:04x}) {keyword_for_tag(tag)}"
        return f"{self.where}{name}".rstrip()

    def vr(self, tag: int, written: str | None, start: bytes) -> str:
        creator = self.creators.get(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8, "")
        return vr_of(tag, written, start, creator)


def is_dicom(first_bytes: bytes) -> bool:
    r"""Tell whether a file is DICOM by its first bytes, with a preamble or without.

    Examples
    --------
    >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100")
    (True, True)
    """
    magic = first_bytes[_PREAMBLE : _PREAMBLE + len(_MAGIC)]
    return magic == _MAGIC or starts_data_set(first_bytes)


def read_dicom(path: Path) -> Reading:
    """Read every string of a DICOM file.

    Raises
    ------
    TextError
        If it is not one, or nothing could be read of it.
    """
    return gather(path, "a DICOM file", fill_dicom, limit=MAX_BYTES)


def fill_dicom(stream: Bounded, gathered: Gathered, where: str = "") -> None:
    """Put every string of a DICOM file, or of a data set without preamble, into `gathered`.

    Parameters
    ----------
    stream : Bounded
    gathered : Gathered
    where : str
        What places start with.

    Raises
    ------
    TextError
        If it is neither.  Damaged files raise any other error, too.
    """
    preamble = stream.read(_PREAMBLE)
    if stream.read(len(_MAGIC)) == _MAGIC:
        gathered.add_runs(f"{where}preamble", preamble, least=_LEAST_PREAMBLE)
    elif is_dicom(preamble):
        stream.seek(0)
    else:
        message = "it does not start as a DICOM file does"
        raise TextError(message)
    walk = _Walk(stream, gathered)
    try:
        walk.file(where)
    except Exception:
        walk.add_rest(where)
        raise


class _Walk:
    """The way through one file, and what is found on it."""

    def __init__(self, stream: Bounded, gathered: Gathered) -> None:
        self._stream = stream
        self._gathered = gathered
        self._syntax = ""
        self._count = 0
        self._last = stream.tell()

    def file(self, where: str) -> None:
        """Follow the elements of the file's own group, and those of its data set."""
        self._elements(self._stream, _Place(where), lambda tag: tag >> 16 != _META)
        if self._syntax == DeflatedExplicitVRLittleEndian:
            self._inflate()
        little = self._syntax != ExplicitVRBigEndian
        place = _entered(self._stream, _Place(where, little=little))
        while self._elements(self._stream, place, _PIXELS.__contains__):
            self._gathered.unseen(PIXELS)
            _, _, length = _head(self._stream, place)
            if length == _UNDEFINED:
                list(_parts(self._stream, place, skip=True))
            else:
                self._stream.seek(length, io.SEEK_CUR)

    def add_rest(self, where: str) -> None:
        """Add the runs of characters from the element on that could not be followed."""
        self._stream.seek(self._last)
        content, _ = self._stream.start(MAX_VALUE)
        self._gathered.add_runs(f"{where}bytes behind the damage", content)

    def _inflate(self) -> None:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflater.decompress(self._stream.read(), MAX_BYTES)
        if inflater.unconsumed_tail:
            self._gathered.unseen(LONG)
        self._stream, self._last = Bounded(io.BytesIO(content), 2 * MAX_BYTES), 0

    def _elements(self, stream: Bounded, place: _Place, stop: Callable[[int], bool]) -> bool:
        """Follow elements up to one where to stop, and tell whether there is one."""
        found = endless = False

        def stop_when(tag: BaseTag, _vr: str | None, length: int) -> bool:
            nonlocal found, endless
            found, endless = stop(int(tag)), length == _UNDEFINED
            if place.depth == 0:
                self._last = stream.tell()
            return found or endless

        while True:
            for element in data_element_generator(
                cast("BinaryIO", stream), place.implicit, place.little, stop_when, MAX_VALUE
            ):
                self._element(cast("RawDataElement", element), place)
            if found or not endless:
                return found
            self._endless(stream, place)
            endless = False

    def _element(self, element: RawDataElement, place: _Place) -> None:
        """Add what an element says whose length is known."""
        tag, value = int(element.tag), element.value
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise TextError(MANY)
        if value is None and element.length:
            self._gathered.unseen(LARGE)
        if tag in _PIXELS:
            self._gathered.unseen(PIXELS)
        if not value or tag in _PIXELS:
            return
        if len(value) < element.length:
            self._gathered.unseen(ENDS)
        vr = place.vr(tag, element.VR, value[:4])
        if vr == "SQ":
            self._sequence(tag, value, place)
        elif vr in LOCAL | ASCII:
            self._text(tag, vr, text_of(value, vr, place.encodings), place)
        elif vr not in NUMBERS:
            self._gathered.add_runs(
                place.to(tag), value, keyword_for_tag(tag), wide="OW" not in vr
            )

    def _text(self, tag: int, vr: str, text: str, place: _Place) -> None:
        values = [text] if vr in WHOLE else text.split("\\")
        if tag == _SYNTAX:
            self._syntax = text
        elif tag == _CHARACTER_SET:
            place.encodings = encodings_of([value.strip() for value in values])
        elif is_private(tag) and tag & 0xFFFF in CREATORS:
            place.creators[tag] = text
        for value in values:
            self._gathered.add_lines(place.to(tag), value, keyword_for_tag(tag))

    def _sequence(self, tag: int, content: bytes, place: _Place) -> None:
        try:
            self._items(tag, Bounded(io.BytesIO(content), MAX_BYTES), place)
        except Exception:  # noqa: BLE001 -- it fails in any way, and its bytes are searched then
            self._gathered.unseen(BROKEN)
            self._gathered.add_runs(place.to(tag), content, keyword_for_tag(tag))

    def _endless(self, stream: Bounded, place: _Place) -> None:
        """Follow an element up to the mark of its end: a sequence, or pixels in parts."""
        tag, written, _ = _head(stream, place)
        if place.vr(tag, written, _peek(stream, 4)) == "SQ":
            self._items(tag, stream, place)
            return
        if tag in _PIXELS:
            self._gathered.unseen(PIXELS)
        for content in _parts(stream, place, skip=tag in _PIXELS):
            self._gathered.add_runs(place.to(tag), content, keyword_for_tag(tag))

    def _items(self, tag: int, stream: Bounded, place: _Place) -> None:
        """Follow the items of a sequence; those of unknown type are implicit (PS3.5, 6.2.2)."""
        number = 0
        while len(head := stream.read(_HEAD)) == _HEAD and head[:4] not in _ENDS_OF_SEQUENCE:
            if head[:4] not in ITEMS or place.depth == MAX_DEPTH:
                raise TextError(BROKEN)
            number += 1
            length = int.from_bytes(head[4:], place.order)
            item = stream
            if length != _UNDEFINED:
                item = Bounded(io.BytesIO(stream.read(length)), MAX_BYTES)
            inner = _Place(f"{place.to(tag)} item {number} ", place.depth + 1)
            inner.implicit, inner.little = place.implicit, place.little
            inner.encodings = place.encodings
            self._elements(item, _entered(item, inner), lambda _: False)


def _entered(stream: Bounded, place: _Place) -> _Place:
    """Return a place with how its elements are written, whatever the file says of it."""
    first = _peek(stream, 6)
    place.implicit |= VR.fullmatch(first[4:]) is None
    place.little &= first[:2] != b"\x00\x08"
    return place


def _peek(stream: Bounded, size: int) -> bytes:
    content = stream.read(size)
    stream.seek(-len(content), io.SEEK_CUR)
    return content


def _head(stream: Bounded, place: _Place) -> tuple[int, str | None, int]:
    """Return tag, type as it is written, and length of the next element."""
    head = stream.read(_HEAD)
    group, number = struct.unpack("<HH" if place.little else ">HH", head[:4])
    written, size = None, head[4:]
    if not place.implicit and VR.fullmatch(head[4:6]):
        written, size = head[4:6].decode(), head[6:]
        if written in EXPLICIT_VR_LENGTH_32:
            size = stream.read(4)
    return group << 16 | number, written, int.from_bytes(size, place.order)


def _parts(stream: Bounded, place: _Place, *, skip: bool) -> Iterator[bytes]:
    """Yield the parts of an element that has no length, empty if they are to be skipped."""
    while len(head := stream.read(_HEAD)) == _HEAD and head[:4] in ITEMS:
        length = int.from_bytes(head[4:], place.order)
        if skip:
            stream.seek(length, io.SEEK_CUR)
        yield b"" if skip else stream.read(length)
