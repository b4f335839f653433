"""Files of other formats, made by hand with text in the places where text can stand."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache

import nibabel as nib
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

#: Places of the fields of a NIfTI-1 header that hold text, or numbers that nobody needs.
NIFTI_FIELDS = {
    "data_type": (4, "10s"), "db_name": (14, "18s"), "extents": (32, "i"),
    "session_error": (36, "h"), "cal_max": (124, "f"), "glmax": (140, "i"), "glmin": (144, "i"),
    "descrip": (148, "80s"), "aux_file": (228, "24s"), "intent_name": (328, "16s"),
}  # fmt: skip

_SIDE = 4.0


@cache
def epi(volumes: int = 4) -> bytes:
    """Return a small series as dcm2niix writes it."""
    numbers = np.random.default_rng(volumes).integers(0, 900, (6, 7, 8, volumes), dtype=np.int16)
    image = nib.Nifti1Image(numbers, np.diag([_SIDE, _SIDE, _SIDE, 1]))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((_SIDE, _SIDE, _SIDE, 2.0))
    return bytes(image.to_bytes())


def with_fields(image: bytes, values: Mapping[str, str | float]) -> bytes:
    """Return a NIfTI file with other values in fields of its header."""
    content = bytearray(image)
    for name, value in values.items():
        place, form = NIFTI_FIELDS[name]
        struct.pack_into(
            f"<{form}", content, place, value.encode() if isinstance(value, str) else value
        )
    return bytes(content)


def with_surroundings(
    image: bytes,
    extensions: Mapping[int, bytes] | None = None,
    before: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """Return a NIfTI file with extensions by code, and bytes before and behind its voxels."""
    gap = b""
    for code, content in (extensions or {}).items():
        size = -(-(len(content) + 8) // 16) * 16
        gap += struct.pack("<2i", size, code) + content.ljust(size - 8, b"\0")
    gap = (gap + before).ljust(-(-len(gap + before) // 16) * 16, b"\0")
    head = bytearray(image[:348])
    struct.pack_into("<f", head, 108, 352 + len(gap))
    return bytes(head) + struct.pack("<B3x", bool(extensions)) + gap + image[352:] + behind


def packed(
    content: bytes, *, name: str = "", comment: str = "", extra: str = "", seconds: int = 0
) -> bytes:
    """Return a gzip file with what its header has room for."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    flags = 4 * bool(extra) + 8 * bool(name) + 16 * bool(comment)
    head = struct.pack("<3BBIBB", 0x1F, 0x8B, 8, flags, seconds, 0, 255)
    if extra:
        head += struct.pack("<H2sH", len(extra) + 4, b"QN", len(extra)) + extra.encode()
    head += b"".join(text.encode() + b"\0" for text in (name, comment) if text)
    body = stream.compress(content) + stream.flush()
    return head + body + struct.pack("<2I", zlib.crc32(content), len(content))


def dicom(name: str, code: str, comment: str, private: str, inner: str) -> bytes:
    """Return a DICOM file, with text at the top, in a private element and in a sequence."""
    item = Dataset()
    item.OperatorsName = inner
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = MRImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.2.1.1"
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, "1.2.826.0.1.3680043.2.1.1"
    data.PatientName, data.PatientID, data.ImageComments = name, code, comment
    data.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "LO", private)
    data.RequestAttributesSequence = [item]
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def dicom_element(name: str) -> bytes:
    """Return a patient's name as one element, as in an extension of a NIfTI file."""
    room = -(-(len(name) + 16) // 16) * 16 - 16
    return struct.pack("<2H2sH", 0x10, 0x10, b"PN", room) + name.encode().ljust(room)


def exif(artist: str) -> bytes:
    """Return an EXIF block with the name of the photographer."""
    text = artist.encode() + b"\0"
    entry = struct.pack("<HHII", 315, 2, len(text), 26)
    return struct.pack("<2sHIH", b"II", 42, 8, 1) + entry + struct.pack("<I", 0) + text


def png(text: str, artist: str) -> bytes:
    """Return a picture of one pixel with a comment and an EXIF block."""
    chunks = (
        (b"IHDR", struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)),
        (b"tEXt", b"Comment\0" + text.encode()),
        (b"eXIf", exif(artist)),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def jpeg(comment: str, artist: str) -> bytes:
    """Return a picture without pixels: a comment, an EXIF block, the end."""
    segments = ((0xFE, comment.encode()), (0xE1, b"Exif\0\0" + exif(artist)))
    body = b"".join(
        struct.pack(">2BH", 0xFF, code, len(part) + 2) + part for code, part in segments
    )
    return b"\xff\xd8" + body + b"\xff\xd9"


def edf(patient: str, recording: str) -> bytes:
    """Return an EDF recording of one signal without samples."""
    fields = ("0", 8), (patient, 80), (recording, 80), ("01.02.03", 8), ("23.59.58", 8)
    rest = ("512", 8), ("", 44), ("0", 8), ("1", 8), ("1", 4)
    signal = ("EEG Fpz", 16), ("", 80), ("uV", 8), ("-1", 8), ("1", 8), ("-1", 8), ("1", 8)
    last = ("", 80), ("0", 8), ("", 32)
    return b"".join(
        text.encode()[:room].ljust(room) for text, room in (*fields, *rest, *signal, *last)
    )


def zipped(members: Mapping[str, str], comment: str = "") -> bytes:
    """Return a zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)
        archive.comment = comment.encode()
    return out.getvalue()


def tarred(name: str, owner: str) -> bytes:
    """Return a packed tar archive with one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.uname = owner
        archive.addfile(member)
    return gzip.compress(out.getvalue(), mtime=0)


def office(text: str, author: str) -> bytes:
    """Return the least that is a Word document."""
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "docProps/core.xml": f"<p><dc:creator>{author}</dc:creator></p>",
            "word/document.xml": f"<w:document><w:t>{text}</w:t></w:document>",
        }
    )
