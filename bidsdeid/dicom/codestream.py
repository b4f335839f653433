"""What compressed images say beside their pixels: comments, and bytes behind their end.

JPEG, JPEG-LS and JPEG 2000 have room for text.  Compressed pixels are not changed, so that a file
in which somebody used that room is not let in; the names that programs leave there are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydicom.encaps import generate_fragments
from pydicom.uid import UID, RLELossless

from bidsdeid.errors import DicomError

#: Markers (ITU-T T.81, table B.1; T.800, table A.2): those without a length, comments of both
#: kinds, data of applications, the start of what is compressed, and the end.
_ALONE = frozenset({0x01, 0x4F, *range(0xD0, 0xD9)})
_OF_2000 = 0x64  # in JPEG 2000: a number for the kind of comment comes first
_COMMENTS = frozenset({0xFE, _OF_2000})
_APPLICATIONS = frozenset(range(0xE0, 0xF0))
_DATA = frozenset({0xDA, 0x90, 0x93})
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff")
_END = b"\xff\xd9"

#: What programs say of themselves there.
_PROGRAMS = re.compile(
    rb"^(?:JFIF|LJIF|SPIFF|Adobe|LEAD Technologies Inc\. V[\d.]+|MITRA_DICOM_STANDARD|"
    rb"Created by (?:GDCM/)?OpenJPEG version [\d.]+|Kakadu-v?[\d.]+|"
    rb"Creator: JasPer Version [\d.]+)"
)

#: Runs of characters that are text.
_TEXT = re.compile(rb"[ -~]{4}")

_COMMENT = "its compressed pixels hold a comment: decompress it first"
_BEHIND = "there are bytes behind its compressed pixels: decompress it first"


def check_codestreams(pixels: bytes, syntax: UID) -> None:
    """Refuse compressed pixels that hold text.

    Parameters
    ----------
    pixels : bytes
        All fragments, as in the file.
    syntax : UID
        The transfer syntax of the file.

    Raises
    ------
    DicomError
        If they do, or are damaged.
    """
    if not syntax.is_encapsulated or syntax == RLELossless:
        return
    stream = b"".join(list(generate_fragments(pixels))[1:])
    position = 0
    while position < len(stream):
        if not stream.startswith(_STARTS, position):
            # Frames are padded to an even number of bytes.
            if stream[position:].strip(b"\0\xff"):
                raise DicomError(_BEHIND)
            return
        position = _end_of_frame(stream, position)


def _end_of_frame(stream: bytes, start: int) -> int:
    """Check the segments before the data of a frame, and return where the frame ends."""
    data = start
    for marker, content, end in _segments(stream, start):
        data = end
        if marker in _COMMENTS or marker in _APPLICATIONS:
            text = content[2:] if marker == _OF_2000 else content
            if _TEXT.search(_PROGRAMS.sub(b"", text)):
                raise DicomError(_COMMENT)
    end = stream.find(_END, data)
    if end < 0:
        message = "its compressed pixels have no end: copy it again from its source"
        raise DicomError(message)
    end += len(_END)
    return end + (stream[end : end + 1] == b"\0")


def _segments(stream: bytes, position: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, content and end of the segments of a frame, up to its data."""
    while position + 2 <= len(stream) and stream[position] == 0xFF:  # noqa: PLR2004 -- a marker
        marker = stream[position + 1]
        position += 2
        if marker in _ALONE:
            continue
        length = int.from_bytes(stream[position : position + 2])
        end = position + length
        yield marker, stream[position + 2 : end], end
        if marker in _DATA:
            return
        position = end
