"""EXIF and TIFF: the text in directories of tags, with what cameras and scanners write there.

EXIF is a TIFF file without picture.  A directory has entries of twelve bytes (twenty in BigTIFF):
tag, type, count, and the value or its place (TIFF 6.0, section 2; CIPA DC-008, section 4.6).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bidsdeid.core.piece import Reading
from bidsdeid.errors import TextError
from bidsdeid.io.readers.gather import Gathered, decoded, gather
from bidsdeid.io.readers.source import Bounded

#: TIFF and BigTIFF, in both byte orders.
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

PIXELS = "its pixels have not been looked at: they may show names and faces"
MANY = "only the first of its many tags have been read"
LARGE = "a tag with an extraordinarily long value has not been read"

#: What is read of a file beside its pixels, and of one value; directories and their entries.
MAX_BYTES, MAX_VALUE, MAX_DIRECTORIES, MAX_ENTRIES = 64 * 2**20, 16 * 2**20, 1000, 4096

#: Tags that point to further directories, and what those are called.
_POINTERS = MappingProxyType(
    {330: "TIFF", 34665: "EXIF", 34853: "GPS", 40965: "EXIF interoperability"}
)

#: Names of the tags that hold text or bytes with text (TIFF 6.0, EXIF 3.0, XMP, IPTC, Windows).
_NAMES = MappingProxyType(
    {
        269: "DocumentName", 270: "ImageDescription", 271: "Make", 272: "Model",
        285: "PageName", 305: "Software", 306: "DateTime", 315: "Artist", 316: "HostComputer",
        700: "XMP", 33432: "Copyright", 33723: "IPTC", 34377: "Photoshop",
        36867: "DateTimeOriginal", 36868: "DateTimeDigitized", 37500: "MakerNote",
        37510: "UserComment",
        40091: "XPTitle", 40092: "XPComment", 40093: "XPAuthor", 40094: "XPKeywords",
        40095: "XPSubject", 42016: "ImageUniqueID", 42032: "CameraOwnerName",
        42033: "BodySerialNumber", 42036: "LensModel", 42037: "LensSerialNumber",
        42038: "ImageTitle", 42039: "Photographer", 42040: "ImageEditor",
    }
)  # fmt: skip
_GPS_NAMES = MappingProxyType(
    {
        1: "GPSLatitudeRef", 2: "GPSLatitude", 3: "GPSLongitudeRef", 4: "GPSLongitude",
        6: "GPSAltitude", 7: "GPSTimeStamp", 18: "GPSMapDatum", 20: "GPSDestLatitude",
        22: "GPSDestLongitude", 27: "GPSProcessingMethod", 28: "GPSAreaInformation",
        29: "GPSDateStamp",
    }
)  # fmt: skip

#: Bytes and `struct` letters of each type; a fraction is two numbers.
_SIZES = MappingProxyType(
    {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
     17: 8, 18: 8, 129: 1}
)  # fmt: skip
_INTEGERS = MappingProxyType({3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"})
_FRACTIONS = MappingProxyType({5: "I", 10: "i"})
_TEXT, _BYTES = frozenset({2, 129}), frozenset({1, 6, 7})
_WIDE = range(40091, 40096)  # text of Windows, as UTF-16

#: What EXIF puts before a comment to tell its encoding (CIPA DC-008, table 9).
_CODES = MappingProxyType({b"ASCII\0\0\0": "", b"UNICODE\0": "utf-16", b"\0" * 8: ""})

_IPTC_START = re.compile(rb"\x1c[\x01\x02]")


@dataclass(frozen=True, slots=True)
class _Tag:
    """An entry of a directory, with its value as it is stored."""

    group: str
    number: int
    kind: int
    value: bytes

    @property
    def name(self) -> str:
        names = _GPS_NAMES if self.group == "GPS" else _NAMES
        return names.get(self.number, "")

    @property
    def where(self) -> str:
        return f"{self.group} tag {self.number} {self.name}".rstrip()


def read_tiff(path: Path) -> Reading:
    """Read the tags of a TIFF picture, of all its pages.

    Raises
    ------
    TextError
        If it is not one, or none of its tags can be read.
    """

    def fill(stream: Bounded, gathered: Gathered) -> None:
        gathered.unseen(PIXELS)
        fill_tags(stream, gathered, "TIFF")

    return gather(path, "a TIFF picture", fill, limit=MAX_BYTES)


def fill_tags(stream: Bounded, gathered: Gathered, group: str) -> None:
    """Put the text of a TIFF file, or of an EXIF block, into `gathered`.

    Parameters
    ----------
    stream : Bounded
        From the two letters that tell the byte order.
    gathered : Gathered
    group : str
        How places call the first directory.

    Raises
    ------
    TextError
        If it is neither.
    """
    mark = stream.read(2)
    if mark not in (b"II", b"MM"):
        message = "its tags do not start with their byte order"
        raise TextError(message)
    directories = _Directories(stream, gathered, "<" if mark == b"II" else ">")
    for tag in directories.tags(group):
        _add(tag, gathered, directories.order)


class _Directories:
    """All directories of a file, each visited once."""

    def __init__(self, stream: Bounded, gathered: Gathered, order: str) -> None:
        self._stream = stream
        self._gathered = gathered
        self.order = order
        self._big = self._number("H") == 43  # noqa: PLR2004 -- the answer, and BigTIFF
        if self._big:
            self._number("I")
        self._word = "Q" if self._big else "I"

    def tags(self, group: str) -> Iterator[_Tag]:
        """Yield the tags of one directory after the other."""
        ahead, seen = [(group, self._number(self._word))], set[int]()
        while ahead:
            group, place = ahead.pop(0)
            if place in seen or place == 0:
                continue
            if len(seen) == MAX_DIRECTORIES:
                self._gathered.unseen(MANY)
                return
            seen.add(place)
            self._stream.seek(place)
            count = self._number("Q" if self._big else "H")
            for tag in self._entries(group, min(count, MAX_ENTRIES)):
                if tag.number in _POINTERS and (letter := _INTEGERS.get(tag.kind)):
                    places = struct.iter_unpack(self.order + letter, tag.value)
                    ahead += [(_POINTERS[tag.number], p) for (p,) in places][:MAX_DIRECTORIES]
                else:
                    yield tag
            if count > MAX_ENTRIES:
                self._gathered.unseen(MANY)
            else:
                ahead.append((group, self._number(self._word)))

    def _entries(self, group: str, count: int) -> Iterator[_Tag]:
        room = struct.calcsize(f"={self._word}")
        for _ in range(count):
            number, kind, values = self._numbers(f"HH{self._word}")
            inline = self._stream.read(room)
            after = self._stream.tell()
            size = values * _SIZES.get(kind, 0)
            if size <= room:
                yield _Tag(group, number, kind, inline[:size])
            elif kind not in _INTEGERS or number in _NAMES or number in _POINTERS:
                yield from self._far(_Tag(group, number, kind, inline), size)
            self._stream.seek(after)

    def _far(self, tag: _Tag, size: int) -> Iterator[_Tag]:
        if size > MAX_VALUE:
            self._gathered.unseen(LARGE)
            return
        (place,) = struct.unpack(self.order + self._word, tag.value)
        self._stream.seek(place)
        yield _Tag(tag.group, tag.number, tag.kind, self._stream.read(size))

    def _numbers(self, letters: str) -> tuple[int, ...]:
        layout = struct.Struct(self.order + letters)
        return layout.unpack(self._stream.read(layout.size))

    def _number(self, letter: str) -> int:
        return self._numbers(letter)[0]


def add_iptc(content: bytes, gathered: Gathered) -> None:
    """Add the text of an IPTC block (IPTC-IIM 4.2, section 1.6), wherever it starts."""
    start = _IPTC_START.search(content)
    place = start.start() if start else len(content)
    while content[place : place + 1] == b"\x1c" and len(content) >= place + 5:
        record, number, size = struct.unpack_from(">BBH", content, place + 1)
        text = content[place + 5 : place + 5 + size]
        gathered.add_content(f"IPTC field {record}:{number:03d}", text)
        place += 5 + size


def _add(tag: _Tag, gathered: Gathered, order: str) -> None:
    value, name = tag.value, tag.name
    if tag.kind in _TEXT:
        gathered.add_lines(tag.where, decoded(value), name)
    elif name == "IPTC":  # of any type: its writers do not agree on one
        add_iptc(value, gathered)
    elif tag.kind in _BYTES and value[:8] in _CODES:
        encoding = _CODES[value[:8]] and ("utf-16-le" if order == "<" else "utf-16-be")
        text = value[8:].decode(encoding, "replace") if encoding else decoded(value[8:])
        gathered.add_lines(tag.where, text, name)
    elif tag.kind in _BYTES and tag.number in _WIDE:
        gathered.add_lines(tag.where, value.decode("utf-16-le", "replace"), name)
    elif tag.kind in _BYTES:
        gathered.add_content(tag.where, value, name)
    elif tag.group == "GPS" and (letter := _FRACTIONS.get(tag.kind)):
        parts = struct.iter_unpack(order + 2 * letter, value)
        gathered.add(tag.where, " ".join(f"{a / b:.6g}" for a, b in parts if b), name)
