from __future__ import annotations

import gzip
import io
from typing import Any

import deflate
import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core import nifti
from bidsdeid.core.gzipped import compress
from bidsdeid.core.header import released_header
from bidsdeid.core.nifti import decode_image, encode_image, mask_header
from bidsdeid.errors import ImageError
from strategies import AFFINE, file_bytes, header, packed

DTYPES = ["int16", "uint8", "uint16", "float32", "int32", "float64"]
EXTENSION = bytes([32, 0, 0, 0, 6, 0, 0, 0]) + b"Doe^Jane 2019-03-04\0\0\0\0\0"


def voxels(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int = 0) -> np.ndarray[Any, Any]:
    size = int(np.prod(shape)) * dtype.itemsize
    content = np.random.default_rng(seed).bytes(size)
    return np.frombuffer(content, dtype).reshape(shape, order="F")


@given(
    version=st.sampled_from([1, 2]),
    order=st.sampled_from("<>"),
    dtype=st.sampled_from(DTYPES),
    shape=st.sampled_from([(3, 4, 5), (3, 2, 5, 4), (2, 2, 2, 1, 3), (2, 3, 4, 1)]),
    members=st.none() | st.lists(st.integers(0, 2000), max_size=3),
    extension=st.sampled_from([b"", EXTENSION]),
    trailing=st.binary(max_size=40),
    gzipped=st.booleans(),
)
def test_an_image_survives_and_what_surrounds_it_does_not(
    *,
    version: int,
    order: str,
    dtype: str,
    shape: tuple[int, ...],
    members: list[int] | None,
    extension: bytes,
    trailing: bytes,
    gzipped: bool,
) -> None:
    head = header(shape, dtype, version=version, order=order)
    data = voxels(shape, head.get_data_dtype())
    content = file_bytes(head, data, extension) + trailing
    image = decode_image(content if members is None else packed(content, *members))
    assert (image.data.shape, image.data.dtype) == (shape, head.get_data_dtype())
    assert image.data.tobytes(order="F") == data.tobytes(order="F")
    written = encode_image(image.header, image.data, gzipped=gzipped)
    plain = gzip.decompress(written) if gzipped else written
    assert plain == (released_header(head).binaryblock + bytes(4) + data.tobytes(order="F"))
    again = decode_image(written)
    assert again.data.tobytes(order="F") == data.tobytes(order="F")
    assert encode_image(again.header, again.data, gzipped=gzipped) == written
    np.testing.assert_array_equal(again.affine, image.affine)


@pytest.mark.parametrize("gzipped", [True, False])
def test_nibabel_reads_what_is_written(*, gzipped: bool) -> None:
    head = header((3, 4, 5, 2))
    head["scl_slope"], head["scl_inter"] = 0.5, -3
    data = voxels((3, 4, 5, 2), head.get_data_dtype())
    written = encode_image(head, data, gzipped=gzipped)
    plain = gzip.decompress(written) if gzipped else written
    image = nib.Nifti1Image.from_stream(io.BytesIO(plain))
    np.testing.assert_array_equal(image.dataobj.get_unscaled(), data)
    np.testing.assert_allclose(image.get_fdata(), data * 0.5 - 3)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)
    assert not image.header.extensions


def test_a_gzip_header_tells_nothing() -> None:
    written = encode_image(header(), voxels((3, 4, 5), np.dtype("<i2")), gzipped=True)
    assert written[:3] == b"\x1f\x8b\x08"
    assert written[3:8] == bytes(5)


def whole() -> bytes:
    return file_bytes(header(), voxels((3, 4, 5), np.dtype("<i2")))


@given(length=st.integers(0, 471), gzipped=st.booleans())
def test_a_file_cut_short_is_refused(*, length: int, gzipped: bool) -> None:
    content = whole()[:length]
    with pytest.raises(ImageError):
        decode_image(gzip.compress(content) if gzipped else content)


@given(st.integers(2, 200))
def test_a_gzip_stream_cut_short_is_refused(missing: int) -> None:
    content = gzip.compress(whole())
    with pytest.raises(ImageError):
        decode_image(content[: max(2, len(content) - missing)])


def test_a_wrong_checksum_and_data_behind_a_stream_are_refused() -> None:
    content = bytearray(gzip.compress(whole()))
    content[-8] ^= 1
    with pytest.raises(ImageError, match="damaged"):
        decode_image(bytes(content))
    with pytest.raises(ImageError):
        decode_image(gzip.compress(whole()) + b"PatientName=Doe")
    assert decode_image(gzip.compress(whole()) + bytes(512)).data.shape == (3, 4, 5)


@given(st.lists(st.tuples(st.integers(0, 347), st.integers(0, 255)), min_size=1, max_size=6))
def test_any_header_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    content = bytearray(whole())
    for place, value in changes:
        content[place] = value
    try:
        image = decode_image(bytes(content))
    except ImageError:
        return
    assert image.data.size > 0
    assert np.isfinite(image.affine).all()


def broken(**fields: Any) -> bytes:  # noqa: ANN401
    head = header()
    for name, value in fields.items():
        head[name] = value
    gap = bytes(head.single_vox_offset - len(head.binaryblock))
    return bytes(head.binaryblock) + gap + bytes(120)


QFORM_ONLY = {"sform_code": 0, "qform_code": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image, and long enough to hold a whole header of one" * 10,
        broken(magic=b"ni1"),
        broken(dim=[2, 3, 4, 1, 1, 1, 1, 1]),
        broken(dim=[3, 3, -4, 5, 1, 1, 1, 1]),
        broken(dim=[9, 3, 4, 5, 1, 1, 1, 1]),
        broken(dim=[4, 32767, 32767, 32767, 32767, 1, 1, 1]),
        broken(dim=[5, 16384, 16384, 16384, 16384, 16384, 1, 1]),
        broken(datatype=128),
        broken(datatype=32),
        broken(datatype=999),
        broken(datatype=0),
        broken(srow_x=[0, 0, 0, 0]),
        broken(srow_x=[np.nan, 0, 0, 0]),
        broken(srow_y=[0, 1, 0, np.nan]),
        broken(srow_z=[0, 0, 1, np.inf]),
        broken(srow_z=[0, 0, 1, -3e38]),
        broken(**QFORM_ONLY, qoffset_x=np.nan),
        broken(vox_offset=-352),
        broken(vox_offset=2**30),
        broken(vox_offset=np.nan),
        broken(vox_offset=np.inf),
        broken(**QFORM_ONLY, quatern_b=2),
        broken(**QFORM_ONLY, pixdim=[1, -1, 1, 1, 1, 1, 1, 1]),
    ],
    ids=[
        "nothing", "text", "two files", "two axes", "negative axis", "nine axes",
        "too large", "size that overflows", "colours", "complex", "unknown type", "no type",
        "flat geometry", "no geometry", "origin nan", "origin infinite", "origin far away",
        "origin of a qform nan", "negative offset", "offset far away", "offset nan",
        "offset infinite", "quaternion too long", "negative zoom",
    ],
)  # fmt: skip
def test_what_is_no_image_of_a_head_is_refused(content: bytes) -> None:
    with pytest.raises(ImageError):
        decode_image(content)


def test_a_qfac_of_zero_means_one() -> None:
    """nifti1.h, "METHOD 2": "if pixdim[0]=0 ... should take qfac to be 1"."""
    image = decode_image(broken(**QFORM_ONLY, pixdim=[0, 1, 1, 1, 1, 1, 1, 1]))
    assert np.linalg.det(image.affine[:3, :3]) > 0


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nifti, "MAX_TRAILING_BYTES", 2**20)
    assert decode_image(gzip.compress(whole() + bytes(2**20 - 1))).data.size == 60
    for content in (whole() + bytes(2**20), gzip.compress(whole() + bytes(2**24))):
        with pytest.raises(ImageError, match="more data"):
            decode_image(content)


@given(st.lists(st.integers(0, 472), max_size=3), st.integers(0, 3))
def test_an_image_is_the_same_however_it_was_packed(cuts: list[int], behind: int) -> None:
    content = whole()
    expected = decode_image(content)
    for file in (
        gzip.compress(content),
        compress(content),
        packed(content + bytes(behind), *cuts),
    ):
        found = decode_image(file)
        assert found.header == expected.header
        np.testing.assert_array_equal(found.data, expected.data)
        assert not found.data.flags.writeable
        assert found.data.flags.aligned


def test_no_room_is_made_for_more_than_a_file_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflate, "gzip_decompress", lambda *_: pytest.fail("was asked"))
    large = nib.Nifti1Header()
    large.set_data_dtype(np.uint8)
    large.set_data_shape((1024, 1024, 1024))
    content = bytearray(gzip.compress(file_bytes(large, np.zeros((1, 1, 1), np.uint8))))
    content[-4:] = (352 + 2**30).to_bytes(4, "little")  # what it says of its size
    with pytest.raises(ImageError):
        decode_image(bytes(content))


def test_orientation_and_volume() -> None:
    head = header((2, 3, 4, 2))
    data = voxels((2, 3, 4, 2), np.dtype("<i2"))
    image = decode_image(file_bytes(head, data))
    assert image.oriented
    head_copy = image.head()
    assert head_copy.shape == (2, 3, 4)
    np.testing.assert_allclose(head_copy.volume.mean(), data[:2, :2, :4].mean(), atol=0.01)
    head["sform_code"] = head["qform_code"] = 0
    assert not decode_image(file_bytes(head, data)).oriented


@pytest.mark.parametrize("version", [1, 2])
def test_a_mask_has_the_grid_of_its_image_and_no_more(version: int) -> None:
    head = header((3, 4, 5, 6), "float32", version=version)
    head["scl_slope"], head["scl_inter"], head["slice_code"], head["intent_code"] = 2, 7, 3, 5
    mask = mask_header(head)
    assert mask.get_data_shape() == (3, 4, 5)
    assert mask.get_data_dtype() == np.uint8
    assert (mask["scl_slope"], mask["scl_inter"], mask["slice_code"]) == (1, 0, 0)
    assert mask["intent_code"] == 0
    np.testing.assert_array_equal(mask.get_best_affine(), head.get_best_affine())
    assert released_header(mask).binaryblock == mask.binaryblock
    content = encode_image(mask, np.ones((3, 4, 5), np.uint8), gzipped=True)
    assert decode_image(content).data.sum() == 60
