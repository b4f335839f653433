from __future__ import annotations

import struct

import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from bidsdeid.dicom.codestream import check_codestreams
from bidsdeid.errors import DicomError


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(*segments: bytes, behind: bytes = b"") -> bytes:
    data = segment(0xDA, bytes(10)) + b"\x12\x34\xff\x00\x56"
    return b"\xff\xd8" + b"".join(segments) + data + b"\xff\xd9" + behind


def j2k(*segments: bytes) -> bytes:
    data = segment(0x90, bytes(8)) + b"\xff\x93" + b"\x12\x34\x56"
    return b"\xff\x4f" + segment(0x51, bytes(38)) + b"".join(segments) + data + b"\xff\xd9"


def pixels(*frames: bytes) -> bytes:
    return encapsulate(list(frames))


@pytest.mark.parametrize(
    "frame",
    [
        jpeg(),
        jpeg(segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")),
        jpeg(segment(0xEE, b"Adobe\0d\0\0\0\0\0")),
        jpeg(segment(0xFE, b"LEAD Technologies Inc. V1.01")),
        jpeg(behind=b"\0"),
        j2k(),
        j2k(segment(0x64, b"\0\1Created by GDCM/OpenJPEG version 2.3.0")),
        j2k(segment(0x64, b"\0\1Kakadu-v5.2.1")),
    ],
)
def test_what_programs_say_of_themselves_is_let_in(frame: bytes) -> None:
    check_codestreams(pixels(frame, frame), JPEGBaseline8Bit)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (jpeg(segment(0xFE, b"WEATHERBY^ORLA")), "a comment"),
        (jpeg(segment(0xE1, b"Exif\0\0 Weatherby")), "a comment"),
        (jpeg(segment(0xE0, b"JFIF Weatherby")), "a comment"),
        (j2k(segment(0x64, b"\0\1Weatherby")), "a comment"),
        (j2k(segment(0x64, b"\0\1Kakadu-v5.2.1 Weatherby")), "a comment"),
        (jpeg(behind=b"Weatherby "), "bytes behind"),
        (jpeg()[:-2], "no end"),
        (b"Weatherby ", "bytes behind"),
    ],
)
def test_text_is_not_let_in(frame: bytes, reason: str) -> None:
    with pytest.raises(DicomError, match=reason):
        check_codestreams(pixels(frame), JPEG2000Lossless)


def test_a_comment_in_the_second_frame_is_seen() -> None:
    with pytest.raises(DicomError, match="a comment"):
        check_codestreams(pixels(jpeg(), jpeg(segment(0xFE, b"WEATHERBY"))), JPEGBaseline8Bit)


def test_run_length_encoding_has_no_room_for_text() -> None:
    check_codestreams(pixels(b"Weatherby "), RLELossless)
