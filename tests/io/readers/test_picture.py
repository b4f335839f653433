from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from bidsdeid.errors import TextError
from bidsdeid.io.readers import picture as module
from bidsdeid.io.readers.dispatch import read
from bidsdeid.io.readers.picture import DAMAGED, LARGE, PIXELS, read_gif, read_jpeg, read_png

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]

NUMBERED = re.compile(r"^(chunk|segment) \d+ ")


def exif() -> Image.Exif:
    made = Image.Exif()
    made[315] = "Zebulon"
    return made


def saved(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, kind, **options)
    return buffer.getvalue()


def png() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Jürgen Müller")
    info.add_text("Comment", "two\nlines", zip=True)
    info.add_itxt("Description", "王小東", "zh", "Beschreibung", zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x>Zebulon</x>")
    info.add_text("Patient Jane Doe", "known")
    return saved("PNG", pnginfo=info, exif=exif(), icc_profile=b"\0\0screen of Zebulon\0\0")


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def with_chunks(*chunks: bytes, after: bytes = b"") -> bytes:
    content = saved("PNG")
    end = content.index(b"IEND") - 4
    return content[:end] + b"".join(chunks) + content[end:] + after


def test_every_text_of_a_png(save: Save, texts: Texts) -> None:
    reading = read(save(png(), "shot"))
    found = {NUMBERED.sub("", where): text for where, text in texts(reading).items()}
    assert found == {
        "(iCCP)": ["ICC Profile", "screen of Zebulon"],
        "(tEXt) Author": ["Jürgen Müller"],
        "(zTXt) Comment line 1": ["two"],
        "(zTXt) Comment line 2": ["lines"],
        "(iTXt) keyword": ["Beschreibung"],
        "(iTXt) Description": ["王小東"],
        "(iTXt) XML:com.adobe.xmp": ["<x>Zebulon</x>"],
        "(tEXt) keyword": ["Patient Jane Doe"],
        "(tEXt)": ["known"],
        "EXIF tag 315 Artist": ["Zebulon"],
    }
    assert reading.unseen == PIXELS
    assert {piece.field for piece in reading.pieces} >= {"Author", "Artist", "Patient Jane Doe"}


def test_chunks_behind_the_pixels_and_bytes_behind_the_picture(save: Save, texts: Texts) -> None:
    content = with_chunks(
        chunk(b"tIME", struct.pack(">H5B", 2019, 3, 4, 10, 11, 12)),
        chunk(b"zzZz", b"Jane"),
        chunk(b"tEXt", b"Raw profile type iptc\0\niptc\n  7\n5a6562\n756c6f6e\n"),
        after=b"Wilhelmine",
    )
    assert texts(read_png(save(content))) == {
        "chunk 3 (tIME)": ["2019-03-04T10:11:12"],
        "chunk 4": ["Jane"],
        "chunk 5 (tEXt) Raw profile type iptc": ["Zebulon"],
        "bytes behind the picture": ["Wilhelmine"],
    }


def test_texts_that_inflate_without_end_are_cut(
    save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 2**12)
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 2**20))
    long = chunk(b"tEXt", b"Comment\0" + b"b" * 2**13)
    reading = read_png(save(with_chunks(bomb, long, chunk(b"tEXt", b"Title\0Zebulon"))))
    assert [len(piece.text) for piece in reading.pieces] == [2**12, 2**12 - 8, 7]
    assert LARGE in reading.unseen


def test_pixels_are_not_read(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**11)
    pixels = chunk(b"IDAT", bytes(2**20))
    found = read_png(save(with_chunks(pixels, chunk(b"tEXt", b"Title\0Zebulon")))).pieces
    assert [piece.text for piece in found] == ["Zebulon"]


def test_damaged_tags_are_searched(save: Save, texts: Texts) -> None:
    reading = read_png(save(with_chunks(chunk(b"eXIf", b"II*\0\xff\0\0\0Zebulon"))))
    assert texts(reading) == {"chunk 3 (eXIf)": ["Zebulon"]}
    assert DAMAGED in reading.unseen


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


IPTC = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0c\x1c\x02\x50\0\x07Zebulon"
XMP = b"http://ns.adobe.com/xap/1.0/\0<x>\nJane</x>"


def jpeg() -> bytes:
    content = saved("JPEG", comment="first comment", exif=exif())
    place = content.index(b"\xff\xdb")
    more = segment(0xE1, XMP), segment(0xED, IPTC), segment(0xFE, "Jürgen".encode()), b"\xff"
    segments = b"".join((*more, segment(0xE7, b"\0\1\2Wilhelmine\0")))
    return content[:place] + segments + content[place:] + b"behind all"


def test_every_segment_of_a_jpeg(save: Save, texts: Texts) -> None:
    reading = read(save(jpeg(), "photo"))
    found = texts(reading)
    found.pop("segment 1 (APP0)", None)
    by_kind = {NUMBERED.sub("", where): text for where, text in found.items()}
    assert by_kind.pop("(APP13)")[-1].endswith("Zebulon")
    assert by_kind == {
        "(COM)": ["Jürgen"],
        "EXIF tag 315 Artist": ["Zebulon"],
        "(APP1) XMP line 1": ["<x>"],
        "(APP1) XMP line 2": ["Jane</x>"],
        "IPTC field 2:080": ["Zebulon"],
        "(APP7)": ["Wilhelmine"],
        "bytes behind the picture": ["behind all"],
    }
    assert "first comment" in {piece.text for piece in reading.pieces}
    assert reading.unseen == PIXELS


def test_a_jpeg_is_followed_past_rubbish_but_not_forever(save: Save, texts: Texts) -> None:
    start, rest = jpeg()[:2], jpeg()[2:]
    assert texts(read_jpeg(save(start + b"rubbish" + rest))) == texts(read_jpeg(save(jpeg())))
    with pytest.raises(TextError, match="no segment"):
        read_jpeg(save(start + bytes(2**17) + rest))


def gif(*blocks: bytes, after: bytes = b"") -> bytes:
    content = saved("GIF")
    image = 13 + 3 * 2 ** ((content[10] & 7) + 1)  # behind header and table of colours
    return content[:image] + b"".join(blocks) + content[image:] + after


def test_every_block_of_a_gif(save: Save, texts: Texts) -> None:
    text = b"!\x01\x0c" + bytes(12) + b"\x05Hello\x03 Jo\0"
    xmp = b"!\xff\x0bXMP DataXMP<x>Zebulon</x>\x01" + bytes(range(255, -1, -1)) + b"\0"
    comment = b"!\xfe\x04Jane\x04 Doe\0"
    control = b"!\xf9\x04Name\0"
    reading = read(save(gif(comment, text, xmp, control, after=b"Wilhelmine"), "move"))
    found = texts(reading)
    assert found["block 1 (comment)"] == ["Jane Doe"]
    assert found["block 2 (text)"] == ["Hello Jo"]
    assert any("<x>Zebulon</x>" in text for text in found["block 3 (program)"])
    assert found["bytes behind the picture"] == ["Wilhelmine"]
    assert len(found) == 4
    assert reading.unseen == PIXELS


def test_a_comment_of_a_gif_as_pillow_writes_it(save: Save, texts: Texts) -> None:
    found = texts(read_gif(save(saved("GIF", comment=b"Zebulon " * 99))))
    assert [text for texts in found.values() for text in texts] == [("Zebulon " * 99).strip()]


@pytest.mark.parametrize("read_kind", [read_png, read_jpeg, read_gif])
@pytest.mark.parametrize("content", [b"", b"GIF", b"\x89PNG", b"\xff", b"Zebulon" * 9])
def test_what_is_no_such_picture_is_refused(
    save: Save, read_kind: Callable[[Path], object], content: bytes
) -> None:
    with pytest.raises(TextError):
        read_kind(save(content))


@settings(max_examples=150)
@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    survives(data, read_png, png())
    survives(data, read_jpeg, jpeg()[:500])
    survives(data, read_gif, gif(b"!\xfe\x07Zebulon\0", b"!\xff\x0bXMP DataXMP<x>Zebulon\0"))
