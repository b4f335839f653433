"""DICOM files (PS3.10): bytes to a data set and back, with nothing around it that came with it."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO

import pydicom
from pydicom.charset import default_encoding
from pydicom.config import IGNORE, logger, settings
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info, write_sequence_item
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from bidsdeid import __version__
from bidsdeid.errors import DicomError

#: Names this program in the files it writes: a UUID under 2.25 (PS3.5, annex B.2).
IMPLEMENTATION_UID = "2.25.100627032673075791062505380860361497702"
IMPLEMENTATION = f"BIDSDEID_{__version__}"[:16]

PREAMBLE, MAGIC = 128, b"DICM"

#: A deflated data set inflates to no more than this, and no more than so many times.
MAX_INFLATED, MAX_RATIO, SMALL = 2**29, 100, 2**24

_DEFLATED = str(DeflatedExplicitVRLittleEndian).encode()
_META_START = PREAMBLE + len(MAGIC)
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom, whose warnings quote values, and spare it checks that change nothing."""
    mode, disabled = settings.reading_validation_mode, logger.disabled
    settings.reading_validation_mode, logger.disabled = IGNORE, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        settings.reading_validation_mode, logger.disabled = mode, disabled


def read_part10(content: bytes, *, header: bool = False) -> tuple[Dataset, UID]:
    """Return the data set of a file, and its transfer syntax.

    Parameters
    ----------
    content : bytes
    header : bool
        Leave out the pixels, and what comes after them.

    Raises
    ------
    DicomError
        If it is no file of PS3.10, or damaged.
    """
    if content[PREAMBLE:_META_START] != MAGIC:
        message = "it is not a DICOM file with a preamble (PS3.10): convert it first"
        raise DicomError(message)
    _check_inflated(content)
    try:
        data_set = pydicom.dcmread(BytesIO(content), stop_before_pixels=header)
        syntax = data_set.file_meta.TransferSyntaxUID
    except Exception as error:
        message = "it cannot be read as DICOM: copy it again from its source"
        raise DicomError(message) from error
    if not syntax.is_transfer_syntax or syntax.is_private:
        message = "its transfer syntax is not one of the standard"
        raise DicomError(message)
    return data_set, syntax


def write_part10(data_set: Dataset, syntax: UID, sop_class: str, sop_instance: str) -> bytes:
    """Return a data set as a file with a preamble of zeros and a new header.

    Raises
    ------
    DicomError
        If pydicom cannot write it.
    """
    stream = DicomBytesIO()
    stream.is_little_endian = syntax.is_little_endian
    stream.is_implicit_VR = syntax.is_implicit_VR
    try:
        write_dataset(stream, data_set)
        uid = sop_instance.encode()
        head = _head(str(syntax), sop_class, len(uid)).replace(_nines(len(uid)), uid, 1)
    except Exception as error:
        message = "it has an element that cannot be written"
        raise DicomError(message) from error
    content = stream.getvalue()
    if syntax == DeflatedExplicitVRLittleEndian:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = deflater.compress(content) + deflater.flush()
        content += b"\0" * (len(content) % 2)
    return head + content


def encoded_items(items: Sequence[Dataset], like: Dataset, encodings: Sequence[str]) -> bytes:
    """Return the items of a sequence as they stand in a file.

    Parameters
    ----------
    items : sequence of Dataset
    like : Dataset
        The data set that they are in: theirs are its byte order and its way of telling types.
    encodings : sequence of str
        Python's names of its character sets.

    Raises
    ------
    DicomError
        If pydicom cannot write them.
    """
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = map(bool, like.original_encoding)
    try:
        for item in items:
            write_sequence_item(stream, item, list(encodings) or [default_encoding])
    except Exception as error:
        message = "it has a sequence that cannot be written"
        raise DicomError(message) from error
    return stream.getvalue()


@lru_cache(maxsize=8)
def _head(syntax: str, sop_class: str, length: int) -> bytes:
    """Return everything before the data set, for an image whose UID has so many nines."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(_nines(length).decode())
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = IMPLEMENTATION
    stream = DicomBytesIO()
    write_file_meta_info(stream, meta)
    return bytes(PREAMBLE) + MAGIC + stream.getvalue()


def _nines(length: int) -> bytes:
    return b"9" * length


def inflated(content: bytes) -> bytes:
    """Return a file with its data set inflated, if it is deflated.

    Raises
    ------
    DicomError
        If it is damaged, or too large.
    """
    start = _start_of_deflated(content)
    if start is None:
        return content
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        limit = min(MAX_INFLATED, max(SMALL, MAX_RATIO * (len(content) - start)))
        plain = inflater.decompress(content[start:], limit)
    except zlib.error as error:
        message = "its deflated data set is damaged"
        raise DicomError(message) from error
    if inflater.unconsumed_tail:
        message = "its data set inflates to more than an image does"
        raise DicomError(message)
    return content[:start] + plain


def _check_inflated(content: bytes) -> None:
    if _start_of_deflated(content) is not None:
        inflated(content)


def _start_of_deflated(content: bytes) -> int | None:
    """Return where a deflated data set begins, None if it is not deflated."""
    told = content.startswith(_GROUP_LENGTH, _META_START)
    length = _META_START + len(_GROUP_LENGTH)
    start = length + 4 + int.from_bytes(content[length : length + 4], "little")
    if _DEFLATED not in content[: start if told else None]:
        return None
    if not told:
        message = "it is deflated, and its header does not tell its own length"
        raise DicomError(message)
    return start
