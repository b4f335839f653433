from __future__ import annotations

import bz2
import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.nifti1 import Nifti1Extension

from bidsdeid.errors import ImageError
from bidsdeid.io.readers import nifti as module
from bidsdeid.io.readers.dispatch import read
from bidsdeid.io.readers.nifti import (
    CUT,
    NO_HEADER,
    NO_SIZE,
    PACKED_TAIL,
    TAIL,
    is_analyze,
    is_nifti,
    read_nifti,
    read_voxels,
)
from strategies import header

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]

FIELDS = {
    "header field descrip": ["TE=2.1;Time=153152.362"],
    "header field aux_file": ["Doe^Jane"],
    "header field intent_name": ["clinic"],
}
FIELDS_OF_1 = {"header field db_name": ["MRN1234567"], "header field data_type": ["room 4"]}


def image(
    *extensions: tuple[int, bytes], version: int = 1, pair: bool = False, order: str = "<"
) -> dict[str, bytes]:
    """Return the files of an image as nibabel writes them, by ending."""
    head = header((3, 4, 5), version=version, order=order)
    head["cal_max"] = 0
    kinds = {
        (1, False): nib.Nifti1Image,
        (2, False): nib.Nifti2Image,
        (1, True): nib.Nifti1Pair,
        (2, True): nib.Nifti2Pair,
    }
    data = np.arange(60, dtype=np.int16).reshape((3, 4, 5))
    made = kinds[version, pair](data, None, head)
    made.header.extensions[:] = [Nifti1Extension(code, content) for code, content in extensions]
    files = {"header": nib.FileHolder(fileobj=io.BytesIO())} if pair else {}
    files["image"] = nib.FileHolder(fileobj=io.BytesIO())
    made.to_file_map(files)
    endings = {"header": "hdr", "image": "img" if pair else "nii"}
    return {endings[name]: holder.fileobj.getvalue() for name, holder in files.items()}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("pair", [False, True])
def test_text_of_the_header_and_of_extensions(
    save: Save,
    texts: Texts,
    pack: Callable[[bytes], bytes],
    *,
    pair: bool,
    version: int,
    order: str,
) -> None:
    comments = (6, "read by Jürgen\non 2019-03-04".encode()), (44, b'{"a": "Zebulon"}')
    files = image(*comments, version=version, pair=pair, order=order)
    content = files["hdr" if pair else "nii"]
    assert is_nifti(content[:1024])
    reading = read_nifti(save(pack(content), "a.hdr" if pair else "a.nii"))
    expected = FIELDS | (FIELDS_OF_1 if version == 1 else {})
    expected |= {
        "extension 1 (code 6) line 1": ["read by Jürgen"],
        "extension 1 (code 6) line 2": ["on 2019-03-04"],
        "extension 2 (code 44)": ['{"a": "Zebulon"}'],
    }
    assert texts(reading) == expected
    assert reading.unseen == ""
    assert {piece.field for piece in reading.pieces} >= {"descrip", "aux_file"}


def test_what_stands_behind_the_end_of_a_text_and_in_unused_numbers(
    save: Save, texts: Texts
) -> None:
    content = bytearray(image()["nii"])
    content[148:228] = b"a\0Zebulon\x01\xff".ljust(80, b"\0")
    struct.pack_into("<i", content, 32, 20190304)  # extents
    struct.pack_into("<h", content, 36, 77)  # session_error
    struct.pack_into("<2i", content, 140, 255, 8)  # glmax, glmin
    content[38] = ord("Q")  # regular
    found = texts(read_nifti(save(bytes(content))))
    assert found["header field descrip"] == ["a", "Zebulonÿ"]
    assert found["header field extents"] == ["20190304"]
    assert found["header field session_error"] == ["77"]
    assert found["header field glmax"] == ["255"]
    assert found["header field glmin"] == ["8"]
    assert found["header field regular"] == ["Q"]


def test_nothing_of_a_clean_header(save: Save) -> None:
    content = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)).to_bytes()
    for regular in (b"\0", b"r"):  # by nibabel and by dcm2niix
        reading = read_nifti(save(content[:38] + regular + content[39:]))
        assert (reading.pieces, reading.unseen) == ((), "")


def test_analyze_has_a_field_for_the_patient(save: Save, texts: Texts) -> None:
    made = nib.AnalyzeHeader()
    made.set_data_shape((2, 2, 2))
    for name, value in (("patient_id", b"MRN12345"), ("exp_date", b"20190304"), ("views", 3)):
        made[name] = value
    assert not is_nifti(made.binaryblock)
    assert is_analyze(made.binaryblock)
    found = texts(read(save(made.binaryblock, "a.hdr")))
    assert found["header field patient_id"] == ["MRN12345"]
    assert found["header field exp_date"] == ["20190304"]
    assert found["header field views"] == ["3"]


def test_a_data_set_in_an_extension_is_read_as_one(save: Save, texts: Texts) -> None:
    element = b"\x10\x00\x10\x00PN\x08\x00Doe^Jane"
    first = b"\x08\x00\x60\x00CS\x02\x00MR"
    content = image(
        (2, first + element), (2, b"no DICOM: Zebulon"), (2, first + b"\x10\0\x10\0SQ")
    )
    found = texts(read_nifti(save(content["nii"])))
    assert found["extension 1 (code 2) tag (0010,0010) PatientName"] == ["Doe^Jane"]
    assert found["extension 1 (code 2) tag (0008,0060) Modality"] == ["MR"]
    assert found["extension 2 (code 2)"] == ["no DICOM: Zebulon"]
    assert found["extension 3 (code 2) tag (0008,0060) Modality"] == ["MR"]


def test_an_extension_that_is_no_text_has_runs(save: Save, texts: Texts) -> None:
    content = image((40, b"\0\1\2" * 50 + b"Zebulon" + b"\0\1\2" * 9))["nii"]
    assert texts(read_nifti(save(content)))["extension 1 (code 40)"] == ["Zebulon"]


@pytest.mark.parametrize("flag", [b"\0\0\0\0", b"\1\0\0\0", b"Dr. "])
def test_bytes_before_the_voxels(save: Save, texts: Texts, flag: bytes) -> None:
    content = bytearray(image()["nii"])
    struct.pack_into("<f", content, 108, 400)
    gap = (flag + b"Zebulon\0").ljust(52, b"\0")
    found = texts(read_nifti(save(bytes(content[:348]) + gap + bytes(content[352:]))))
    assert found["bytes before the voxels"] == [(flag.strip(b"\0\1") + b"Zebulon").decode()]


def test_an_extension_of_an_impossible_size_is_searched_all_the_same(
    save: Save, texts: Texts
) -> None:
    for size in (0, 7, -16, 4096, 2**31 - 1):
        extension = struct.pack("<2i", size, 6) + b"Zebulon\0"
        content = bytearray(image((6, b"first"))["nii"])
        struct.pack_into("<f", content, 108, 384)
        content[368:] = extension + bytes(content[368:])
        found = texts(read_nifti(save(bytes(content))))
        assert found["extension 1 (code 6)"] == ["first"]
        assert found["bytes before the voxels"] == ["Zebulon"]


def test_bytes_behind_the_voxels(save: Save, texts: Texts) -> None:
    content = image()["nii"]
    reading = read_nifti(save(content + b"Zebulon"))
    assert texts(reading)["bytes behind the voxels"] == ["Zebulon"]
    assert reading.unseen == ""
    long = read_nifti(save(content + bytes(module.MAX_TAIL) + b"Zebulon"))
    assert "bytes behind the voxels" not in texts(long)
    assert long.unseen == TAIL


def test_a_packed_file_says_whether_anything_follows_its_voxels(save: Save) -> None:
    content = image()["nii"]
    assert read_nifti(save(gzip.compress(content))).unseen == ""
    assert read_nifti(save(gzip.compress(content + b"x"))).unseen == PACKED_TAIL
    assert read_nifti(save(gzip.compress(content) + b"Zebulon")).unseen == PACKED_TAIL
    parts = gzip.compress(content[:400]) + gzip.compress(content[400:])
    assert read_nifti(save(parts)).unseen == PACKED_TAIL
    assert read_nifti(save(bz2.compress(content))).unseen == PACKED_TAIL


@pytest.mark.parametrize(
    ("offset", "layout", "value"),
    [(40, "<h", 0), (40, "<h", 8), (42, "<h", -3), (72, "<h", 0), (108, "<f", float("nan"))],
)
def test_a_header_without_sense_is_told(
    save: Save, offset: int, layout: str, value: float
) -> None:
    content = bytearray(image()["nii"])
    struct.pack_into(layout, content, offset, value)
    reading = read_nifti(save(bytes(content)))
    assert len(reading.pieces) == 5
    assert reading.unseen == NO_SIZE


def test_no_more_of_a_packed_file_is_inflated_than_lies_before_its_voxels(save: Save) -> None:
    content = image((6, b"Zebulon"))["nii"]
    packed = gzip.compress(content)
    damaged = packed[:-9] + b"\xff" + packed[-8:]  # of its end, nothing is read but the size
    assert any(p.text == "Zebulon" for p in read_nifti(save(damaged)).pieces)
    large = bytearray(content)
    struct.pack_into("<f", large, 108, 2.0**31)
    reading = read_nifti(save(gzip.compress(bytes(large[:368]) + bytes(70 * 2**20))))
    assert CUT in reading.unseen
    assert len(reading.pieces) == 6


def test_extensions_have_a_number_too(
    save: Save, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EXTENSIONS", 2)
    content = image((6, b"one"), (6, b"two"), (6, b"Zebulon"))["nii"]
    found = texts(read_nifti(save(content)))
    assert "extension 3 (code 6)" not in found
    assert found["bytes before the voxels"] == ["Zebulon"]


def test_what_surrounds_the_voxels_of_a_pair(save: Save, texts: Texts) -> None:
    files = image(pair=True)
    assert len(files["img"]) == 120
    save(files["hdr"], "a.hdr")
    reading = read(save(files["img"] + b"Zebulon", "a.img"))
    assert texts(reading) == {"bytes behind the voxels": ["Zebulon"]}
    shifted = bytearray(files["hdr"])
    struct.pack_into("<f", shifted, 108, 16)
    save(gzip.compress(bytes(shifted)), "b.hdr.gz")
    path = save(gzip.compress(b"Zebulon".ljust(16, b"\0") + files["img"], mtime=0), "b.img.gz")
    reading = read_voxels(path)
    assert texts(reading) == {"bytes before the voxels": ["Zebulon"]}
    assert reading.unseen == ""


def test_voxels_without_a_header_are_searched_for_runs(save: Save, texts: Texts) -> None:
    reading = read(save(bytes(99) + b"Zebulon", "a.img"))
    assert texts(reading) == {"bytes": ["Zebulon"]}
    assert reading.unseen == NO_HEADER
    save(b"no header", "b.hdr")
    with pytest.raises(ImageError):
        read_voxels(save(bytes(99), "b.img"))


@pytest.mark.parametrize(
    "content", [b"", b"\x5c\1", b"\x5c\1\0\0" + bytes(343), b"\x1c\2\0\0" + bytes(9), b"PK" * 400]
)
def test_what_is_no_image_is_refused(save: Save, content: bytes) -> None:
    for name in ("a.nii", "a.nii.gz"):
        with pytest.raises(ImageError):
            read_nifti(save(content, name))
    with pytest.raises(ImageError):
        read_nifti(save(gzip.compress(content), "a.nii.gz"))


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    extensions = (6, b"Zebulon"), (2, b"\x08\x00\x60\x00CS\x02\x00MR\x10\0\x10\0PN\x08\0Zebulon ")
    version = data.draw(st.sampled_from([1, 2]))
    content = image(*extensions, version=version)["nii"] + b"Zebulon"
    survives(
        data, read_nifti, data.draw(st.sampled_from([bytes, gzip.compress]))(content), "a.nii"
    )
    content = image(*extensions, version=version, pair=True)["hdr"]
    survives(data, read_nifti, content, "a.hdr")
    survives(data, read_voxels, b"Zebulon" + bytes(120), "a.img")
