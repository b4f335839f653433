"""PNG, JPEG and GIF: what their chunks, segments and blocks say beside the pixels.

The containers are walked here, so that nothing is decoded and what stands behind the pixels is
seen as well.  A second picture in a JPEG file (as stereo cameras write) is not looked for.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from types import MappingProxyType

from bidsdeid.core.piece import Reading
from bidsdeid.errors import TextError
from bidsdeid.io.readers.exif import PIXELS, add_iptc, fill_tags
from bidsdeid.io.readers.gather import Gathered, decoded, gather
from bidsdeid.io.readers.source import Bounded

PNG, JPEG, GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"

#: What is read of a file beside its pixels, of one text, and of what follows the picture.
MAX_BYTES, MAX_TEXT, MAX_TAIL = 32 * 2**20, 8 * 2**20, 2**20
MAX_BLOCKS = 8 * 2**20  # bytes of a GIF file, which has a block each 255 bytes

LARGE = f"a text of more than {MAX_TEXT // 2**20} MB has not been read to its end"
DAMAGED = "of tags that are damaged, only runs of characters have been seen"

#: Chunks of a PNG file without text (PNG 3, sections 11.2 and 11.3; APNG).
_SILENT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA sBIT sRGB cICP bKGD hIST pHYs acTL fcTL fdAT".split()
)
_CHUNKS = frozenset(b"tEXt zTXt iTXt eXIf tIME iCCP sPLT".split())

#: Words that the PNG standard names (section 11.3.3.1), and those of ImageMagick and Adobe.
_KEYWORDS = MappingProxyType(
    {
        word.lower(): word
        for word in (
            "Title", "Author", "Description", "Copyright", "Creation Time", "Software",
            "Disclaimer", "Warning", "Source", "Comment", "XML:com.adobe.xmp",
            "Raw profile type exif", "Raw profile type iptc", "Raw profile type xmp",
            "Raw profile type APP1", "date:create", "date:modify",
        )
    }
)  # fmt: skip
_RAW_PROFILE = "raw profile type"

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_COMMENT, _APPS, _START_OF_SCAN, _PHOTOSHOP = 0xFE, range(0xE0, 0xF0), 0xDA, 0xED
_MAX_RUBBISH = 2**16

#: Bytes after ``ff`` that are no marker of a segment: fill bytes, and markers that stand alone.
_ALONE = frozenset(bytes([code]) for code in (0x00, 0x01, *range(0xD0, 0xDA), 0xFF))
_END_OF_JPEG = b"\xff\xd9"


def read_png(path: Path) -> Reading:
    """Read the text chunks of a PNG picture, its EXIF and its time.

    Raises
    ------
    TextError
        If it is not one, or nothing of it can be read.
    """
    return gather(path, "a PNG picture", _fill_png, limit=MAX_BYTES)


def read_jpeg(path: Path) -> Reading:
    """Read the comments and the segments of programs (EXIF, XMP, IPTC) of a JPEG picture.

    Raises
    ------
    TextError
        If it is not one, or nothing of it can be read.
    """
    return gather(path, "a JPEG picture", _fill_jpeg, limit=MAX_BYTES)


def read_gif(path: Path) -> Reading:
    """Read the comments, texts and blocks of programs of a GIF picture.

    Raises
    ------
    TextError
        If it is not one, or nothing of it can be read.
    """
    return gather(path, "a GIF picture", _fill_gif, limit=MAX_BLOCKS)


def _fill_png(stream: Bounded, gathered: Gathered) -> None:
    _expect(stream, PNG, gathered)
    kind, number = b"", 0
    while kind != b"IEND" and len(head := stream.read(8)) == 8:  # noqa: PLR2004 -- size, type
        number += 1
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        after = stream.tell() + size + 4
        if kind not in _SILENT:
            if size > MAX_TEXT:
                gathered.unseen(LARGE)
            where = f"chunk {number} ({kind.decode()})" if kind in _CHUNKS else f"chunk {number}"
            _add_chunk(kind, stream.read(min(size, MAX_TEXT)), where, gathered)
        stream.seek(after)
    gathered.add_content("bytes behind the picture", stream.start(MAX_TAIL)[0])


def _add_chunk(kind: bytes, content: bytes, where: str, gathered: Gathered) -> None:
    word, _, rest = content.partition(b"\0")
    if kind == b"tEXt":
        _add_text(decoded(word), rest, where, gathered)
    elif kind == b"zTXt":
        _add_text(decoded(word), _inflated(rest[1:], gathered), where, gathered)
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        _language, _, rest = rest[2:].partition(b"\0")
        translated, _, text = rest.partition(b"\0")
        gathered.add(f"{where} keyword", decoded(translated))
        _add_text(decoded(word), _inflated(text, gathered) if packed else text, where, gathered)
    elif kind == b"iCCP":
        gathered.add(where, decoded(word))
        gathered.add_runs(where, _inflated(rest[1:], gathered))
    elif kind == b"tIME" and len(content) == 7:  # noqa: PLR2004 -- a year of two bytes
        year, *parts = struct.unpack(">H5B", content)
        gathered.add(where, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(year, *parts))
    elif kind == b"eXIf":
        _add_tags(content, where, gathered)
    else:
        gathered.add_content(where, content)


def _add_text(word: str, content: bytes, where: str, gathered: Gathered) -> None:
    if known := _KEYWORDS.get(word.lower(), ""):
        where = f"{where} {known}"
    else:
        gathered.add(f"{where} keyword", word)
    text = decoded(content)
    if word.lower().startswith(_RAW_PROFILE):  # its name and size, then bytes as hexadecimals
        _, _, *digits = [*text.split(), "", ""]
        gathered.add_content(where, bytes.fromhex("".join(digits)), word)
    else:
        gathered.add_lines(where, text, word)


def _inflated(content: bytes, gathered: Gathered) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(content, MAX_TEXT)
    if inflater.unconsumed_tail:
        gathered.unseen(LARGE)
    return text


def _add_tags(content: bytes, where: str, gathered: Gathered) -> None:
    try:
        fill_tags(Bounded(io.BytesIO(content), MAX_BYTES), gathered, "EXIF")
    except Exception:  # noqa: BLE001 -- it fails in any way, and its bytes are searched then
        gathered.unseen(DAMAGED)
        gathered.add_runs(where, content)


def _fill_jpeg(stream: Bounded, gathered: Gathered) -> None:
    _expect(stream, JPEG[:2], gathered)
    number = 0
    while (marker := _marker(stream)) != _START_OF_SCAN:
        number += 1
        size = max(int.from_bytes(stream.read(2), "big") - 2, 0)
        if marker == _COMMENT or marker in _APPS:
            _add_segment(marker, stream.read(size), number, gathered)
        else:
            stream.seek(size, io.SEEK_CUR)
    end = stream.seek(0, io.SEEK_END)
    stream.seek(max(end - MAX_TAIL, 0))
    _, found, tail = stream.start(MAX_TAIL)[0].rpartition(_END_OF_JPEG)
    gathered.add_content("bytes behind the picture", tail if found else b"")


def _marker(stream: Bounded) -> int:
    """Return the next marker of a segment with a size, past rubbish that decoders skip, too."""
    before = b""
    for _ in range(_MAX_RUBBISH):
        byte = stream.read(1)
        if not byte:
            break
        if before == b"\xff" and byte not in _ALONE:
            return byte[0]
        before = byte
    message = "no segment follows where one should"
    raise TextError(message)


def _add_segment(marker: int, content: bytes, number: int, gathered: Gathered) -> None:
    name = "COM" if marker == _COMMENT else f"APP{marker - _APPS[0]}"
    where = f"segment {number} ({name})"
    if content.startswith(_EXIF):
        _add_tags(content.removeprefix(_EXIF), where, gathered)
    elif content.startswith(_XMP):
        gathered.add_content(f"{where} XMP", content.removeprefix(_XMP))
    else:
        if marker == _PHOTOSHOP:
            add_iptc(content, gathered)
        gathered.add_content(where, content)


def _fill_gif(stream: Bounded, gathered: Gathered) -> None:
    _expect(stream, GIF, gathered)
    stream.seek(_table(stream.read(9)[6:7]), io.SEEK_CUR)
    number = 0
    while (kind := stream.read(1)) in (b"!", b","):
        number += 1
        label = stream.read(1) if kind == b"!" else b""
        if not label:
            stream.seek(_table(stream.read(9)[8:9]) + 1, io.SEEK_CUR)
        blocks = _blocks(stream, keep=bool(label))
        where = f"block {number}"
        if label == b"\xfe":
            gathered.add_content(f"{where} (comment)", b"".join(block[1:] for block in blocks))
        elif label == b"\x01":
            gathered.add_content(f"{where} (text)", b"".join(block[1:] for block in blocks[1:]))
        elif label == b"\xff":  # XMP is stored as if it were blocks: their sizes are letters of it
            gathered.add_content(f"{where} (program)", b"".join(blocks))
    gathered.add_content("bytes behind the picture", stream.start(MAX_TAIL)[0])


def _table(flags: bytes) -> int:
    """Return the bytes of a table of colours, of which these flags tell."""
    (flag,) = flags
    return 3 * 2 ** ((flag & 7) + 1) if flag & 0x80 else 0


def _blocks(stream: Bounded, *, keep: bool) -> list[bytes]:
    """Return blocks up to the empty one that ends them, each with its size in front."""
    blocks: list[bytes] = []
    while (size := stream.read(1)) and size != b"\0":
        if keep:
            blocks.append(size + stream.read(size[0]))
        else:
            stream.seek(size[0], io.SEEK_CUR)
    return blocks


def _expect(stream: Bounded, magic: bytes, gathered: Gathered) -> None:
    if stream.read(len(magic)) != magic:
        message = "it does not start as its kind of picture does"
        raise TextError(message)
    gathered.unseen(PIXELS)
