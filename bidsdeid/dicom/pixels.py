"""The bytes of an image: whether they are all there, and what lies behind them."""

from __future__ import annotations

from pydicom.encaps import parse_fragments
from pydicom.tag import BaseTag
from pydicom.uid import UID

from bidsdeid.dicom.codestream import check_codestreams
from bidsdeid.dicom.elements import Place
from bidsdeid.errors import DicomError

PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00010, 0x7FE00008, 0x7FE00009

_BITS = {FLOAT_PIXELS: 32, DOUBLE_PIXELS: 64}

#: Says how large a native image is: one number, or the product of several (PS3.3, C.7.6.3).
_BITS_ALLOCATED, _FRAMES, _COLOURS = 0x00280100, 0x00280008, 0x00280004
_FACTORS = ((0x00280010, 0), (0x00280011, 0), (0x00280002, 1), (_FRAMES, 1))

#: Native pixels of which two share their colours (PS3.3, C.7.6.3.1.2).
_SHARED = "YBR_FULL_422"

_NO_PIXELS = "it has no pixels: it is not an image"
_FEWER = "it has fewer pixels than its header says: copy it again from its source"


def trim_pixels(place: Place, syntax: UID) -> bytes:
    """Take off what lies behind the pixels of an image, and return them.

    Parameters
    ----------
    place : Place
        The data set of a file.
    syntax : UID
        Its transfer syntax.

    Raises
    ------
    DicomError
        If it has no pixels, fewer than its header says, or text beside them.
    """
    tags = [tag for tag in (PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS) if tag in place.data_set]
    if len(tags) != 1:
        raise DicomError(_NO_PIXELS)
    element = place.data_set.get_item(BaseTag(tags[0]))
    value: bytes = element.value or b""
    pixels = _compressed(value) if syntax.is_encapsulated else _native(value, place, tags[0])
    check_codestreams(pixels, syntax)
    if len(pixels) < len(value):
        place.trim(tags[0], pixels)
    return pixels


def _native(value: bytes, place: Place, tag: int) -> bytes:
    count = _BITS.get(tag) or place.number(_BITS_ALLOCATED)
    for factor, default in _FACTORS:
        count *= place.number(factor, default)
    if place.text(_COLOURS) == _SHARED:
        count = count // 3 * 2
    size = (count + 7) // 8
    if not 0 < size <= len(value):
        raise DicomError(_FEWER)
    return value[: size + size % 2] if len(value) > size else value


def _compressed(value: bytes) -> bytes:
    """Return compressed pixels, which end where their fragments do."""
    try:
        count, offsets = parse_fragments(value)
    except Exception as error:
        raise DicomError(_FEWER) from error
    end = 0
    if count:
        end = offsets[-1] + 8 + int.from_bytes(value[offsets[-1] + 4 :][:4], "little")
    if count < 2 or end > len(value):  # noqa: PLR2004 -- the table of offsets, and a frame
        raise DicomError(_FEWER)
    return value[:end]
