"""The bytes of an image: whether they are all there, and what lies behind them."""

from __future__ import annotations

import numpy as np
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
_BITS_STORED, _SIGNED, _PADDING = 0x00280101, 0x00280103, 0x00280120
_WHOLE = frozenset({8, 16, 32})
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
    native = not syntax.is_encapsulated
    pixels = _native(value, place, tags[0], syntax) if native else _compressed(value)
    check_codestreams(pixels, syntax)
    if len(pixels) < len(value):
        place.trim(tags[0], pixels)
    return pixels


def _native(value: bytes, place: Place, tag: int, syntax: UID) -> bytes:
    count = _BITS.get(tag) or place.number(_BITS_ALLOCATED)
    for factor, default in _FACTORS:
        count *= place.number(factor, default)
    if place.text(_COLOURS) == _SHARED:
        count = count // 3 * 2
    size = (count + 7) // 8
    if not 0 < size <= len(value):
        raise DicomError(_FEWER)
    if tag == PIXEL_DATA:
        _check_unused_bits(value[:size], place, syntax)
    return value[: size + size % 2] if len(value) > size else value


def _check_unused_bits(pixels: bytes, place: Place, syntax: UID) -> None:
    """Refuse pixels that have something in the bits which are not theirs: overlays once were.

    Raises
    ------
    DicomError
        If there are such; the number that pads an image is none.
    """
    allocated, stored = place.number(_BITS_ALLOCATED), place.number(_BITS_STORED)
    if allocated not in _WHOLE or not 0 < stored < allocated:
        return
    order = "<" if syntax.is_little_endian else ">"
    numbers = np.frombuffer(
        pixels[: len(pixels) // (allocated // 8) * (allocated // 8)], f"{order}u{allocated // 8}"
    )
    signed = place.number(_SIGNED)
    highest = numbers >> (stored - 1 if signed else stored)
    full = (1 << allocated - (stored - 1)) - 1 if signed else 0
    odd = numbers[(highest != 0) & (highest != full)]
    padding = place.number(_PADDING, -1)
    if odd.size and not np.all(odd == padding):
        message = "there is something in the unused bits of its pixels, where overlays were kept"
        raise DicomError(message)


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
