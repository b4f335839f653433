"""Small MR files made byte by byte, for tests of the DICOM engine."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)

from bidsdeid.core.pseudonym import DateShift, Secret
from bidsdeid.core.terms import NO_TERMS, Lexicon, Terms
from bidsdeid.dicom.deidentifier import Deidentifier
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.part10 import quiet, read_part10
from bidsdeid.dicom.profile import Profile, open_profile
from bidsdeid.dicom.subjects import Subject
from bidsdeid.dicom.values import Values

IMPLICIT, EXPLICIT = str(ImplicitVRLittleEndian), str(ExplicitVRLittleEndian)
BIG, DEFLATED = str(ExplicitVRBigEndian), str(DeflatedExplicitVRLittleEndian)
SYNTAXES = (IMPLICIT, EXPLICIT, BIG, DEFLATED)

SECRET = Secret(b"k" * 32)
SHIFT = DateShift(-40000)

#: A value as bytes, as text, as a number, as items, or after its type.
Elements = Mapping[int, Any]

#: Types whose length is written in four bytes (PS3.5, section 7.1.2).
_LONG = frozenset("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_FORMS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FD": "d", "FL": "f"}
_UNDEFINED = 0xFFFFFFFF

PIXELS = 0x7FE00010
_SIDE = 8

#: How items start and end in a file of little endian.
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def element(
    tag: int, vr: str, value: bytes, syntax: str = EXPLICIT, length: int | None = None
) -> bytes:
    """Return an element as a file has it; its length may be a lie."""
    order = ">" if syntax == BIG else "<"
    size = len(value) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack("<I", size) + value
    if vr in _LONG:
        return head + vr.encode() + struct.pack(f"{order}HI", 0, size) + value
    return head + vr.encode() + struct.pack(f"{order}H", size) + value


def item(content: bytes, syntax: str = EXPLICIT) -> bytes:
    """Return an item of a sequence."""
    order = ">" if syntax == BIG else "<"
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(content)) + content


def undefined(tag: int, vr: str, *items: bytes) -> bytes:
    """Return a sequence, or bytes in parts, whose length is not told."""
    return element(tag, vr, b"".join(map(item, items)) + _END, length=_UNDEFINED)


def typed(vr: str, value: object, syntax: str = EXPLICIT) -> bytes:
    """Return a value of a type as bytes of even number."""
    if isinstance(value, (int, float)):
        return struct.pack((">" if syntax == BIG else "<") + _FORMS[vr], value)
    if not isinstance(value, (bytes, str)):
        assert isinstance(value, Sequence)
        return b"".join(item(data_set(each, syntax), syntax) for each in value)
    content = value.encode() if isinstance(value, str) else value
    return content + (b"\0" if vr in ("UI", "OB") else b" ") * (len(content) % 2)


def data_set(elements: Elements, syntax: str = EXPLICIT) -> bytes:
    """Return elements in their order; None leaves one out."""
    parts = []
    for tag, value in sorted(elements.items()):
        if value is None:
            continue
        known = dictionary_VR(tag) if dictionary_has_tag(tag) else "LO"
        vr, content = value if isinstance(value, tuple) else (known, value)
        parts.append(element(tag, vr, typed(vr, content, syntax), syntax))
    return b"".join(parts)


def part10(
    content: bytes, syntax: str = EXPLICIT, *, uid: str = "1.2.826.7.1", extra: bytes = b""
) -> bytes:
    """Return a data set as a file, with a preamble that says who made it."""
    meta = data_set(
        {0x00020001: ("OB", b"\0\1"), 0x00020002: str(MRImageStorage), 0x00020003: uid,
         0x00020010: syntax, 0x00020012: "1.2.826.7.9", 0x00020016: "ZEBULONS_PC"}
    )  # fmt: skip
    if syntax == DEFLATED:
        packer = zlib.compressobj(wbits=-15)
        content = packer.compress(content) + packer.flush()
        content += b"\0" * (len(content) % 2)
    meta += extra
    length = data_set({0x00020000: ("UL", len(meta))})
    return b"Zebulon's scanner".ljust(128, b"\0") + b"DICM" + length + meta + content


def pixels_of(seed: int, syntax: str = EXPLICIT) -> bytes:
    """Return 8 x 8 pixels in 12 bits."""
    numbers = np.random.default_rng(seed).integers(0, 4096, _SIDE**2, dtype="<u2")
    return (numbers.byteswap() if syntax == BIG else numbers).tobytes()


def elements_of(number: int = 1) -> dict[int, Any]:
    """Return the elements of a slice of an MR series."""
    return {
        0x00080005: "ISO_IR 192",
        0x00080008: "ORIGINAL\\PRIMARY\\M",
        0x00080016: str(MRImageStorage),
        0x00080018: f"1.2.826.7.1.{number}",
        0x00080020: "20190304",
        0x00080030: "101112.5",
        0x00080050: "QX8830172",
        0x00080060: "MR",
        0x00080070: "SIEMENS",
        0x00080080: "Ambleford Infirmary",
        0x00080090: "Quimby^Ada",
        0x0008103E: "t1_mprage",
        0x00100010: "Fairweather^Rosalind",
        0x00100020: "MRN1234567",
        0x00100030: "19510203",
        0x00100040: "F",
        0x00101010: "068Y",
        0x00101030: "61.5",
        0x00180050: "1.5",
        0x00180081: "2.98",
        0x0020000D: "1.2.826.7.2",
        0x0020000E: "1.2.826.7.3",
        0x00200011: "5",
        0x00200013: str(number),
        0x00280002: ("US", 1),
        0x00280004: "MONOCHROME2",
        0x00280010: ("US", _SIDE),
        0x00280011: ("US", _SIDE),
        0x00280100: ("US", 16),
        0x00280101: ("US", 12),
        0x00280102: ("US", 11),
        0x00280103: ("US", 0),
        PIXELS: ("OW", pixels_of(number)),
    }


def mr(
    changes: Elements | None = None,
    number: int = 1,
    syntax: str = EXPLICIT,
    *,
    behind: bytes = b"",
) -> bytes:
    """Return an MR image with other elements, and bytes behind its last element."""
    pixels = {PIXELS: ("OW", pixels_of(number, syntax))}
    content = data_set({**elements_of(number), **pixels, **(changes or {})}, syntax) + behind
    return part10(content, syntax, uid=f"1.2.826.7.1.{number}")


def read(content: bytes) -> Dataset:
    """Return a file as the engine reads it."""
    with quiet():
        return read_part10(content)[0]


def place_of(elements: Elements, syntax: str = EXPLICIT) -> Place:
    """Return elements as the engine finds them in a file."""
    return Place(read(part10(data_set(elements, syntax), syntax)))


def seen_in(place: Place) -> dict[int, tuple[str, bytes | None]]:
    """Return type and value of each element of a data set."""
    with quiet():
        return {int(tag): (vr, value) for tag, vr, value in place.elements()}


def persons(*words: str) -> Terms:
    """Return terms that hold names of people."""
    return Terms(persons=Lexicon(whole=frozenset(words)))


def values_of(
    terms: Terms = NO_TERMS, shift: DateShift | None = SHIFT, subject: Subject | None = None
) -> Values:
    """Return what works out new values for a subject."""
    return Values(subject or Subject(Path("/study"), "sub01", "", ""), SECRET, shift, terms)


def deidentifier_of(
    profile: Profile | str = "neuro", terms: Terms = NO_TERMS, subject: Subject | None = None
) -> Deidentifier:
    """Return what de-identifies data sets of a subject."""
    opened = open_profile(profile) if isinstance(profile, str) else profile
    return Deidentifier(opened, values_of(terms, subject=subject))


def saved(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
