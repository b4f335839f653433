"""What a NIfTI or Analyze image says beside its voxels.

Text and unused numbers of the header, its extensions, and the bytes between header and voxels and
behind the voxels.  No more of a packed file is inflated than what lies before its voxels.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import nibabel as nib
import numpy as np

from bidsdeid.core.piece import Reading
from bidsdeid.errors import ImageError
from bidsdeid.io.readers.dicom import fill_dicom
from bidsdeid.io.readers.gather import Gathered, decoded, gather
from bidsdeid.io.readers.gzip_header import MAGIC as GZIP
from bidsdeid.io.readers.source import Bounded, last_bytes, opened, stored_bytes

#: What is read of the extensions and of what follows the voxels, and how many extensions.
MAX_SPACE, MAX_TAIL, MAX_EXTENSIONS = 64 * 2**20, 2**20, 10_000

TAIL = f"only the first {MAX_TAIL // 2**20} MB behind its voxels have been read"
PACKED_TAIL = "it is packed in a way that does not tell whether something follows its voxels"
NO_SIZE = "its header does not say where its voxels end, so that what follows was not read"
CUT = f"only the first {MAX_SPACE // 2**20} MB between its header and its voxels have been read"
NO_HEADER = "it has no header beside it: only runs of characters in its first MB have been seen"

_NIFTI1, _NIFTI2 = 348, 540  # bytes; Analyze 7.5 has as many as NIfTI-1
_KINDS = MappingProxyType({_NIFTI1: nib.Nifti1Header, _NIFTI2: nib.Nifti2Header})
_MAX_AXES = 7
_LARGEST = 2**62

#: Extensions that hold a DICOM data set (https://nifti.nimh.nih.gov/nifti-1/, registered codes).
_DICOM = 2

#: Text fields that say nothing if they are as each program writes them.
_FIXED = MappingProxyType({"magic": None, "regular": b"r"})

#: Numbers that no program needs, so that any can stand there (Analyze 7.5; "unused" in NIfTI-1).
_UNUSED = frozenset(
    "extents session_error glmax glmin unused1 dim_un0 funused1 funused2 funused3 compressed "
    "verified views vols_added start_field field_skip omax omin smax smin".split()
)


@dataclass(frozen=True, slots=True)
class _Header:
    """A header as it is stored; `paired` if its voxels are in another file."""

    block: bytes
    dtype: np.dtype[Any]
    paired: bool

    @property
    def values(self) -> Any:  # noqa: ANN401 -- a record
        return np.frombuffer(self.block, self.dtype, 1)[0]

    @property
    def order(self) -> Literal["little", "big"]:
        return "big" if self.dtype["sizeof_hdr"].str[0] == ">" else "little"

    @property
    def offset(self) -> int:
        """Place of the first voxel; -1 if it is no place."""
        offset = float(self.values["vox_offset"])
        if not 0 <= offset < _LARGEST:  # NaN fails, too
            return -1
        return int(offset) or (0 if self.paired else len(self.block) + 4)

    @property
    def end(self) -> int:
        """Place behind the last voxel; -1 if the header does not make sense."""
        axes, bits = int(self.values["dim"][0]), int(self.values["bitpix"])
        shape = [int(n) for n in self.values["dim"][1 : axes + 1]]
        if not 1 <= axes <= _MAX_AXES or min(shape) < 1 or bits < 1 or self.offset < 0:
            return -1
        end = self.offset + (math.prod(shape) * bits + 7) // 8
        return end if end < _LARGEST else -1


def is_nifti(first: bytes) -> bool:
    """Tell whether a file starts with a NIfTI header, of a whole image or of a pair."""
    return bool(_magic(first))


def is_analyze(first: bytes) -> bool:
    """Tell whether a file may be an Analyze header, which has no word to know it by."""
    return _NIFTI1 in _sizes(first[:4])


def read_nifti(path: Path) -> Reading:
    """Read a ``.nii`` file, or the ``.hdr`` file of a pair, packed or not.

    Raises
    ------
    ImageError
        If it does not start with a whole header.
    """

    def fill(stream: Bounded, gathered: Gathered) -> None:
        header = _read_header(stream, path)
        _add_fields(header, gathered)
        gap = MAX_SPACE if header.paired else max(header.offset - len(header.block), 0)
        content, more = stream.start(min(gap, MAX_SPACE))
        cut = more and (header.paired or gap > MAX_SPACE)
        if cut:
            gathered.unseen(CUT)
        _add_space(content, header.order, gathered, cut=cut)
        if not header.paired:
            _add_tail(path, header, stream, gathered)

    limit = _NIFTI2 + MAX_SPACE + MAX_TAIL
    return gather(path, "a NIfTI image", fill, limit=limit, in_order=True, problem=ImageError)


def read_voxels(path: Path) -> Reading:
    """Read what surrounds the voxels in the ``.img`` file of a pair.

    Raises
    ------
    ImageError
        If it or its header cannot be read.
    """
    stem = path.name.lower().removesuffix(".gz").removesuffix(".img")
    names = (path.name[: len(stem)] + ending for ending in (".hdr", ".hdr.gz", ".HDR"))
    pair = next((p for p in map(path.with_name, names) if p.is_file()), None)

    def fill(stream: Bounded, gathered: Gathered) -> None:
        if pair is None:
            gathered.unseen(NO_HEADER)
            gathered.add_runs("bytes", stream.start(MAX_TAIL)[0])
            return
        with opened(pair, _NIFTI2) as (file, _):
            header = _read_header(file, pair)
        before, _ = stream.start(min(max(header.offset, 0), MAX_SPACE))
        gathered.add_runs("bytes before the voxels", before)
        _add_tail(path, header, stream, gathered)

    limit = MAX_SPACE + MAX_TAIL
    return gather(path, "an image", fill, limit=limit, in_order=True, problem=ImageError)


def _sizes(first: bytes) -> tuple[int, int]:
    return int.from_bytes(first, "little"), int.from_bytes(first, "big")


def _magic(block: bytes) -> bytes:
    """Return what tells a whole image from a pair; empty if it is not NIfTI."""
    sizes = _sizes(block[:4])
    if _NIFTI1 in sizes and block[344:348] in (b"n+1\0", b"ni1\0"):
        return block[344:346]
    return block[4:6] if _NIFTI2 in sizes and block[4:8] in (b"n+2\0", b"ni2\0") else b""


def _read_header(stream: Bounded, path: Path) -> _Header:
    first = stream.read(4)
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for sign, size in zip(orders, _sizes(first), strict=True):
        if size not in _KINDS:
            continue
        block = first + stream.read(size - len(first))
        if len(block) < size:
            message = "the file ends within its header"
            raise ImageError(message)
        magic = _magic(block)
        kind = _KINDS[size] if magic or size == _NIFTI2 else nib.AnalyzeHeader
        paired = magic == b"ni" or (not magic and ".hdr" in path.name.lower())
        return _Header(block, kind.template_dtype.newbyteorder(sign), paired)
    message = "the file does not start with a NIfTI header"
    raise ImageError(message)


def _add_fields(header: _Header, gathered: Gathered) -> None:
    for name, (kind, offset, *_) in (header.dtype.fields or {}).items():
        stored = header.block[offset : offset + kind.itemsize]
        if kind.kind == "S" and (name not in _FIXED or _FIXED[name] not in (None, stored)):
            for part in stored.split(b"\0"):  # what stands behind the end of a text, too
                text = "".join(c for c in decoded(part) if c.isprintable())
                gathered.add(f"header field {name}", text, name)
        elif name in _UNUSED and header.values[name]:
            gathered.add(f"header field {name}", str(header.values[name]), name)


def _add_space(
    content: bytes, order: Literal["little", "big"], gathered: Gathered, *, cut: bool
) -> None:
    """Add what lies between header and voxels: a flag of four bytes, then extensions."""
    place, number = 4, 1
    while content[:1].strip(b"\0") and number <= MAX_EXTENSIONS:
        size = int.from_bytes(content[place : place + 4], order, signed=True)
        code = int.from_bytes(content[place + 4 : place + 8], order, signed=True)
        left = len(content) - place
        if not 8 <= size <= left and not (cut and size > left >= 8):  # noqa: PLR2004 -- its head
            break
        where = f"extension {number} (code {code})"
        _add_extension(where, code, content[place + 8 : place + size], gathered)
        place, number = place + size, number + 1
    gathered.add_content("bytes before the voxels", content[place if number > 1 else 0 :])


def _add_extension(where: str, code: int, content: bytes, gathered: Gathered) -> None:
    before = len(gathered)
    if code == _DICOM:
        try:
            fill_dicom(Bounded(io.BytesIO(content), 2 * MAX_SPACE), gathered, f"{where} ")
        except Exception:  # noqa: BLE001 -- it fails in any way, and is a text or bytes then
            before = len(gathered)
    if len(gathered) == before:
        gathered.add_content(where, content)


def _add_tail(path: Path, header: _Header, stream: Bounded, gathered: Gathered) -> None:
    """Add what follows the voxels; of a packed file, tell whether anything does."""
    if header.end < 0:
        gathered.unseen(NO_SIZE)
    elif stream.packed:
        # The last four bytes of a gzip file are the size of what it holds (RFC 1952, 2.3.1).
        size = int.from_bytes(last_bytes(path, 4), "little")
        if stored_bytes(path, 2) != GZIP or size != header.end % 2**32:
            gathered.unseen(PACKED_TAIL)
    else:
        stream.seek(header.end)
        content, more = stream.start(MAX_TAIL)
        gathered.add_content("bytes behind the voxels", content)
        if more:
            gathered.unseen(TAIL)
