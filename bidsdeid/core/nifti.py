"""NIfTI files: bytes ↔ (header, stored voxels).

Voxels are never scaled on their way through: what is read is the array as it is stored, and what
is written is that array behind a new header.  A reader of files from unknown hands also has
limits: no more is decompressed than the header announces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from bidsdeid.core.estimate import Head
from bidsdeid.core.gzipped import GZIP_MAGIC, Inflater, compress, inflated_at_once
from bidsdeid.core.header import DATA_TYPES, NiftiHeader, released_header
from bidsdeid.core.voxels import Affine, Floats, Stored, mean_volume
from bidsdeid.errors import ImageError

#: A single image larger than this is not an MRI of a head.
MAX_BYTES = 32 * 2**30

#: What may follow the voxels before the file counts as something else in disguise.
MAX_TRAILING_BYTES = 64 * 2**20

#: Farther from the middle of a scanner nothing is measured, and single precision fails.
FARTHEST_MM = 1e6

_HEADERS: dict[int, Any] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_MIN_AXES, _MAX_AXES = 3, 7

#: Any number may begin after so many bytes.
_ALIGNED = 16


@dataclass(frozen=True)
class Image:
    """An image as it is stored.

    Parameters
    ----------
    header : Nifti1Header or Nifti2Header
        As read.
    data : (X, Y, Z, ...) array
        Stored voxels, before scaling.
    """

    header: NiftiHeader
    data: Stored

    @cached_property
    def affine(self) -> Affine:
        """(4, 4) array, voxel → RAS+ mm: the sform if it is set, else the qform."""
        return world_affine(self.header)

    @property
    def oriented(self) -> bool:
        """Whether the header says where left, front and top are."""
        return bool(self.header["sform_code"] > 0 or self.header["qform_code"] > 0)

    @property
    def slope(self) -> float:
        """``scl_slope``; 0 and NaN mean that voxels are not scaled."""
        return float(self.header["scl_slope"])

    def head(self) -> Head:
        """Return a small copy to look for a face in: the mean over time, not scaled."""
        return Head.of(self.data, self.affine, self.slope)

    def still(self) -> Stored:
        """Return one (X, Y, Z) array to look at, finite, and with what is bright brighter."""
        if self.data.ndim > _MIN_AXES or self.data.dtype.kind == "f" or self.slope < 0:
            volume = mean_volume(self.data)
            return -volume if self.slope < 0 else volume
        return self.data

    def stored_volumes(self) -> Iterator[Stored]:
        """Yield each (X, Y, Z) volume of a series as it is stored; none for a single volume."""
        series = self.data.reshape((*self.data.shape[:3], -1), order="F")
        if series.shape[3] > 1:
            yield from np.moveaxis(series, 3, 0)

    def volumes(self) -> Iterator[Floats]:
        """Yield the same, finite and in single precision."""
        return map(mean_volume, self.stored_volumes())


def world_affine(header: NiftiHeader) -> Affine:
    """Return the (4, 4) affine of a header, voxel → RAS+ mm.

    A ``pixdim[0]`` that is neither 1 nor -1 counts as 1, as the NIfTI standard has it.
    """
    header = header.copy()
    if abs(header["pixdim"][0]) != 1:
        header["pixdim"][0] = 1
    return np.asarray(header.get_best_affine(), dtype=np.float64)


def decode_image(content: bytes) -> Image:
    """Read the bytes of a ``.nii`` or ``.nii.gz`` file.

    Raises
    ------
    ImageError
        If it is not a whole, sane NIfTI image with three or more axes of plain numbers.
    """
    packed = content.startswith(GZIP_MAGIC)
    read = Inflater(content).read if packed else _slices(memoryview(content))
    header = _read_header(read)
    shape, dtype = _shape_and_type(header)
    size = math.prod(shape) * dtype.itemsize
    offset = float(header["vox_offset"]) or header.single_vox_offset
    gap = offset - header.template_dtype.itemsize
    if size > MAX_BYTES or not 0 <= gap <= MAX_TRAILING_BYTES:  # an offset of NaN fails, too
        message = "the header announces more data than an image can have"
        raise ImageError(message)
    start = int(offset)
    plain = inflated_at_once(content, start + size) if packed and not start % _ALIGNED else None
    if plain is not None:
        return Image(header, np.frombuffer(plain, dtype, -1, start).reshape(shape, order="F"))
    read(int(gap))
    voxels = read(size)
    if len(voxels) < size:
        message = "the file ends before its last voxel"
        raise ImageError(message)
    if len(read(MAX_TRAILING_BYTES)) == MAX_TRAILING_BYTES:  # to the end: the checksum counts
        message = "far more data follow the voxels than an image has"
        raise ImageError(message)
    return Image(header, np.frombuffer(voxels, dtype).reshape(shape, order="F"))


def encode_image(header: NiftiHeader, data: Stored, *, gzipped: bool) -> bytes:
    """Return the bytes of a file with only the released part of `header`, then the voxels.

    Parameters
    ----------
    header : Nifti1Header or Nifti2Header
        Of the input; `released_header` of it is written.
    data : (X, Y, Z, ...) array
        Stored voxels, in the byte order of the header.
    gzipped : bool
        Compress, with no name and no time in the gzip header.
    """
    fresh = released_header(header)
    start = fresh.binaryblock
    content = b"".join(
        (start, bytes(fresh.single_vox_offset - len(start)), data.tobytes(order="F"))
    )
    return compress(content) if gzipped else content


def mask_header(header: NiftiHeader) -> NiftiHeader:
    """Return a header for a uint8 mask on the grid of the image that `header` describes."""
    fresh = released_header(header)
    fresh.set_data_dtype(np.uint8)
    fresh["dim"][0] = 3
    fresh["scl_slope"], fresh["scl_inter"] = 1, 0
    for name in ("intent_code", "slice_code", "slice_start", "slice_end", "slice_duration"):
        fresh[name] = 0
    return released_header(fresh)


def _slices(content: memoryview) -> Callable[[int], bytes]:
    """Return a reader of bytes that are not compressed."""
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        piece = content[position : position + size]
        position += len(piece)
        return bytes(piece)

    return read


def _read_header(read: Callable[[int], bytes]) -> NiftiHeader:
    size = read(4)
    if not size:
        message = "the file is empty"
        raise ImageError(message)
    for sign, number in (
        ("<", int.from_bytes(size, "little")),
        (">", int.from_bytes(size, "big")),
    ):
        if number not in _HEADERS:
            continue
        block = size + read(number - len(size))
        if len(block) < number:
            message = "the file ends within its header"
            raise ImageError(message)
        header: NiftiHeader = _HEADERS[number](block, endianness=sign, check=False)
        if bytes(header["magic"].item())[:2] != b"n+":
            message = "the file is not a single-file NIfTI image"
            raise ImageError(message)
        return header
    message = "the file does not start with a NIfTI header"
    raise ImageError(message)


def _shape_and_type(header: NiftiHeader) -> tuple[tuple[int, ...], np.dtype[Any]]:
    axes = int(header["dim"][0])
    if not _MIN_AXES <= axes <= _MAX_AXES:
        message = f"the image has {axes} axes where an image of a head has three or four"
        raise ImageError(message)
    shape = tuple(int(n) for n in header["dim"][1 : axes + 1])
    if min(shape) < 1:
        message = "the image has an axis without voxels"
        raise ImageError(message)
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        message = "the header names a voxel type that does not exist"
        raise ImageError(message) from error
    if dtype.kind not in DATA_TYPES:
        message = "the voxels are colours or complex numbers, not intensities"
        raise ImageError(message)
    try:
        affine = world_affine(header)
        with np.errstate(invalid="ignore"):
            volume = abs(float(np.linalg.det(affine[:3, :3])))
    except (HeaderDataError, ValueError) as error:
        message = "the header's geometry cannot be used: it is not a rotation with lengths"
        raise ImageError(message) from error
    if not 1e-6 < volume < 1e6:  # noqa: PLR2004 -- mm³ of a voxel; NaN fails, too
        message = "the header's geometry cannot be used: an axis has no length"
        raise ImageError(message)
    if not np.abs(affine).max() < FARTHEST_MM:  # NaN fails, too
        message = "the header's geometry cannot be used: its origin is nowhere"
        raise ImageError(message)
    return shape, dtype
