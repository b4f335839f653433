from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, TiffImagePlugin

from bidsdeid.errors import TextError
from bidsdeid.io.readers import exif as module
from bidsdeid.io.readers.dispatch import read
from bidsdeid.io.readers.exif import LARGE, MANY, PIXELS, add_iptc, read_tiff
from bidsdeid.io.readers.gather import Gathered

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]

TEXTS = {270: "a scan of Zebulon", 305: "v1", 306: "2019:03:04 10:11:12", 315: "Zebulon W"}


def tags() -> Image.Exif:
    """Return EXIF with all its directories."""
    made = Image.Exif()
    for number, text in TEXTS.items():
        made[number] = text
    made[40093] = "Jürgen".encode("utf-16-le")
    inner = made.get_ifd(ExifTags.IFD.Exif)
    inner[36867] = "2019:03:04 10:11:12"
    inner[42032] = "Zebulon"
    inner[37510] = b"ASCII\0\0\0my comment"
    inner[37500] = b"\0\1\2SN998877\0\0"
    places = made.get_ifd(ExifTags.IFD.GPSInfo)
    places[1], places[2] = "N", (45.0, 30.0, 15.25)
    places[29] = "2019:03:04"
    return made


def tiff(*pages: dict[int, object] | Image.Exif, **options: object) -> bytes:
    pictures = [Image.new("L", (4, 4), n) for n, _ in enumerate(pages)]
    for picture, page in zip(pictures, pages, strict=True):
        info = TiffImagePlugin.ImageFileDirectory_v2()
        for number, value in page.items():
            info[number] = value
        picture.encoderinfo = {"tiffinfo": info}
    buffer = io.BytesIO()
    pictures[0].save(
        buffer, "TIFF", save_all=True, append_images=pictures[1:],
        tiffinfo=pictures[0].encoderinfo["tiffinfo"], **options,
    )  # fmt: skip
    return buffer.getvalue()


@pytest.mark.parametrize("big", [False, True])
def test_tags_of_every_page(save: Save, texts: Texts, *, big: bool) -> None:
    content = tiff({270: "Zebulon", 700: b"<x>Jane</x>"}, {270: "second page"}, big_tiff=big)
    reading = read(save(content, "scan"))
    found = texts(reading)
    assert found["TIFF tag 270 ImageDescription"] == ["Zebulon", "second page"]
    assert found["TIFF tag 700 XMP"] == ["<x>Jane</x>"]
    assert reading.unseen == PIXELS
    assert {piece.field for piece in reading.pieces} >= {"ImageDescription", "XMP"}


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_directory_of_exif(save: Save, texts: Texts, order: str) -> None:
    made = tags()
    made.endian = order
    content = made.tobytes()
    start = content.index(b"II" if order == "<" else b"MM")
    found = texts(read_tiff(save(content[start:])))
    assert found == {
        "TIFF tag 270 ImageDescription": ["a scan of Zebulon"],
        "TIFF tag 305 Software": ["v1"],
        "TIFF tag 306 DateTime": ["2019:03:04 10:11:12"],
        "TIFF tag 315 Artist": ["Zebulon W"],
        "TIFF tag 40093 XPAuthor": ["Jürgen"],
        "EXIF tag 36867 DateTimeOriginal": ["2019:03:04 10:11:12"],
        "EXIF tag 42032 CameraOwnerName": ["Zebulon"],
        "EXIF tag 37510 UserComment": ["my comment"],
        "EXIF tag 37500 MakerNote": ["SN998877"],
        "GPS tag 1 GPSLatitudeRef": ["N"],
        "GPS tag 2 GPSLatitude": ["45 30 15.25"],
        "GPS tag 29 GPSDateStamp": ["2019:03:04"],
    }


def directory(
    *entries: tuple[int, int, int, bytes], order: str = "<", after: bytes = b""
) -> bytes:
    """Return a TIFF file of one directory; values of more than four bytes follow it."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    place = 8 + 2 + 12 * len(entries) + 4
    body, far = struct.pack(order + "H", len(entries)), b""
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHI", tag, kind, count)
        if len(value) > 4:
            body += struct.pack(order + "I", place + len(far))
            far += value
        else:
            body += value.ljust(4, b"\0")
    return head + body + bytes(4) + far + after


@pytest.mark.parametrize(("order", "code"), [("<", "utf-16-le"), (">", "utf-16-be")])
def test_comments_in_unicode_and_in_no_code(
    save: Save, texts: Texts, order: str, code: str
) -> None:
    values = [b"UNICODE\0" + "Jürgen".encode(code), bytes(8) + "Jürgen".encode()]
    values.append("JIS?Jürgen".encode())
    content = directory(*((37510, 7, len(v), v) for v in values), order=order)
    found = texts(read_tiff(save(content)))
    assert found == {"TIFF tag 37510 UserComment": ["Jürgen", "Jürgen", "JIS?Jürgen"]}


def test_letters_of_a_text_that_is_not_ascii(save: Save, texts: Texts) -> None:
    values = ["Jürgen".encode(), "Jürgen".encode("latin-1"), b"one\0two"]
    content = directory(*((270, 2, len(v), v) for v in values))
    found = [text for texts in texts(read_tiff(save(content))).values() for text in texts]
    assert found == ["Jürgen", "Jürgen", "one", "two"]


def iptc() -> bytes:
    fields = {(2, 80): b"Zebulon", (2, 55): b"20190304", (2, 120): "Jürgen".encode()}
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(text)) + text
        for (record, number), text in fields.items()
    )


@pytest.mark.parametrize("kind", [1, 4, 7])
def test_iptc_of_any_type(save: Save, texts: Texts, kind: int) -> None:
    block = iptc().ljust(40, b"\0")
    content = directory((33723, kind, len(block) // (4 if kind == 4 else 1), block))
    assert texts(read_tiff(save(content))) == {
        "IPTC field 2:080": ["Zebulon"],
        "IPTC field 2:055": ["20190304"],
        "IPTC field 2:120": ["Jürgen"],
    }


def test_numbers_are_no_text(save: Save) -> None:
    letters = struct.pack("<4I", *[int.from_bytes(b"Zebu", "little")] * 4)
    assert read_tiff(save(directory((270, 4, 4, letters)))).pieces == ()


def test_a_loop_of_directories_ends(save: Save) -> None:
    content = bytearray(directory((270, 2, 4, b"Jane")))
    content[22:26] = struct.pack("<I", 8)
    assert len(read_tiff(save(bytes(content))).pieces) == 1
    pointer = directory((270, 2, 4, b"Jane"), (34665, 4, 1, struct.pack("<I", 8)))
    assert len(read_tiff(save(pointer)).pieces) == 1


def test_many_directories_and_tags_and_long_values_are_told(
    save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_DIRECTORIES", 2)
    reading = read_tiff(save(tiff({270: "one"}, {270: "two"}, {270: "three"})))
    assert [piece.text for piece in reading.pieces] == ["one", "two"]
    assert MANY in reading.unseen
    monkeypatch.setattr(module, "MAX_ENTRIES", 1)
    reading = read_tiff(save(directory((270, 2, 4, b"Jane"), (271, 2, 4, b"John"))))
    assert [piece.text for piece in reading.pieces] == ["Jane"]
    assert MANY in reading.unseen
    monkeypatch.setattr(module, "MAX_VALUE", 10)
    reading = read_tiff(save(directory((270, 2, 11, b"Jane Doe 77"))))
    assert reading.pieces == ()
    assert LARGE in reading.unseen


def test_pixels_are_not_read(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**10)
    content = directory((270, 2, 4, b"Jane"), after=bytes(2**20))
    assert [piece.text for piece in read_tiff(save(content)).pieces] == ["Jane"]


@pytest.mark.parametrize(
    "content", [b"", b"II", b"II*\0", b"PK*\0\x08\0\0\0\0\0", b"II*\0\xff\xff\xff\xff"]
)
def test_what_is_no_tiff_is_refused(save: Save, content: bytes) -> None:
    with pytest.raises(TextError):
        read_tiff(save(content))


@given(st.binary(max_size=60))
def test_any_iptc_is_survived(content: bytes) -> None:
    add_iptc(content, Gathered())
    add_iptc(b"\x1c\x02" + content, Gathered())


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    survives(data, read_tiff, tags().tobytes()[6:])
    survives(data, read_tiff, tiff({270: "Zebulon"}, {270: "Zebulon"}, big_tiff=True))
    survives(data, read_tiff, directory((33723, 7, 40, iptc().ljust(40))))
