from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.errors import TextError
from bidsdeid.io.readers.document import read_document
from bidsdeid.io.readers.gzip_header import MAX_NAME, read_gzip_header

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]


def packed(
    content: bytes = b"",
    *,
    time: int = 0,
    extra: bytes = b"",
    name: bytes = b"",
    comment: bytes = b"",
) -> bytes:
    """Return a gzip file with every field of RFC 1952."""
    flags = 4 * bool(extra) + 8 * bool(name) + 16 * bool(comment)
    head = struct.pack("<4BI2B", 0x1F, 0x8B, 8, flags, time, 0, 255)
    head += struct.pack("<H", len(extra)) + extra if extra else b""
    head += b"".join(text + b"\0" for text in (name, comment) if text)
    body = zlib.compressobj(wbits=-15)
    tail = struct.pack("<II", zlib.crc32(content), len(content))
    return head + body.compress(content) + body.flush() + tail


def test_every_field_is_read(save: Save, texts: Texts) -> None:
    path = save(
        packed(
            b"voxels",
            time=1551694272,
            extra=b"AP\x07\x00Zebulon",
            name="Jürgen_T1w.nii".encode("latin-1"),
            comment=b"room 4",
        )
    )
    assert texts(read_gzip_header(path)) == {
        "gzip time": ["2019-03-04T10:11:12+00:00"],
        "gzip extra field": ["Zebulon"],
        "gzip name": ["Jürgen_T1w.nii"],
        "gzip comment": ["room 4"],
    }
    assert [piece.text for piece in read_document(path).pieces] == ["voxels"]


def test_what_python_writes_is_read(save: Save, texts: Texts) -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile("/home/zebulon/T1w.nii.gz", "wb", fileobj=buffer, mtime=86400) as file:
        file.write(b"x")
    assert texts(read_gzip_header(save(buffer.getvalue()))) == {
        "gzip time": ["1970-01-02T00:00:00+00:00"],
        "gzip name": ["T1w.nii"],
    }


def test_an_empty_header_says_nothing(save: Save) -> None:
    assert read_gzip_header(save(packed(b"x"))).pieces == ()
    last = read_gzip_header(save(packed(b"x", time=2**32 - 1))).pieces
    assert [piece.text for piece in last] == ["2106-02-07T06:28:15+00:00"]


def test_a_long_name_is_cut_and_told(save: Save) -> None:
    reading = read_gzip_header(save(packed(name=b"Z" * 2 * MAX_NAME)))
    assert [len(piece.text) for piece in reading.pieces] == [MAX_NAME]
    assert "gzip name" in reading.unseen


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08", b"PK\x03\x04" + bytes(20)])
def test_what_is_no_gzip_file_is_refused(save: Save, content: bytes) -> None:
    with pytest.raises(TextError):
        read_gzip_header(save(content))
    with pytest.raises(TextError, match="cannot be read"):
        read_gzip_header(Path("/no/such/file"))


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    content = packed(b"x", time=1, extra=b"AP\x07\x00Zebulon", name=b"Zebulon", comment=b"Zebulon")
    survives(data, read_gzip_header, content)
