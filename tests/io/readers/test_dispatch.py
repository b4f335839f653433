from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bidsdeid.core.piece import Piece
from bidsdeid.errors import FileProblem, ImageError, TextError
from bidsdeid.io.readers import dicom, dispatch, document
from bidsdeid.io.readers.dispatch import KINDS, kind_of, read

Save = Callable[..., Path]


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


NIFTI = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)).to_bytes()
ANALYZE = NIFTI[:344] + bytes(4)
DICOM = b"\x08\x00\x60\x00CS\x02\x00MR" + b"\x10\x00\x10\x00PN\x08\x00Doe^Jane"
EXAMPLES = {
    "NIfTI": NIFTI, "DICOM": bytes(128) + b"DICM" + DICOM, "PNG": picture("PNG"),
    "JPEG": picture("JPEG"), "GIF": picture("GIF"), "TIFF": picture("TIFF"),
    "zip": b"PK\x03\x04" + bytes(60), "tar": bytes(257) + b"ustar" + bytes(300),
    "archive": b"7z\xbc\xaf\x27\x1c" + bytes(60),
    "EDF": b"0       " + b"x".ljust(176) + b"256     " + bytes(64),
    "FIF": bytes([0, 0, 0, 100, 0, 0, 0, 31, 0, 0, 0, 20]), "HDF5": b"\x89HDF\r\n\x1a\n",
    "document": b"any text",
}  # fmt: skip
NAMED = {
    "Analyze": (ANALYZE, "a.HDR"), "voxels": (bytes(9), "a.img"),
    "office document": (b"PK\x03\x04" + bytes(60), "a.docx"),
}  # fmt: skip


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("name", ["file", "file.txt", "wrong.nii.gz", "wrong.dcm"])
def test_content_tells_the_kind(
    save: Save, pack: Callable[[bytes], bytes], kind: str, name: str
) -> None:
    assert kind_of(save(pack(EXAMPLES[kind]), name)).name == kind


@pytest.mark.parametrize("kind", NAMED)
def test_names_tell_it_where_content_does_not(save: Save, kind: str) -> None:
    content, name = NAMED[kind]
    assert kind_of(save(content, name)).name == kind
    assert kind_of(save(gzip.compress(content), f"{name}.gz")).name == kind
    assert kind_of(save(content, "a.bin")).name in {"document", "zip"}


def test_every_kind_has_an_example() -> None:
    assert {kind.name for kind in KINDS} == EXAMPLES.keys() | NAMED.keys()


@pytest.mark.parametrize("name", ["dwi.bval", "dwi.bvec", "README", "a.vmrk", "log.TXT"])
def test_texts_are_read_by_lines(save: Save, name: str) -> None:
    assert read(save(b"0 1000\n\n0 2000", name)).pieces == (
        Piece("line 1", "0 1000"),
        Piece("line 3", "0 2000"),
    )


def test_what_a_gzip_header_says_comes_first(save: Save) -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile("Zebulon.txt", "wb", fileobj=buffer, mtime=86400) as file:
        file.write(b"inside")
    reading = read(save(buffer.getvalue(), "a.gz"))
    assert reading.pieces == (
        Piece("gzip time", "1970-01-02T00:00:00+00:00"),
        Piece("gzip name", "Zebulon.txt"),
        Piece("line 1", "inside"),
    )
    assert reading.unseen == ""
    damaged = read(save(buffer.getvalue()[:-9], "a.gz"))
    assert damaged.pieces == reading.pieces[:2]
    assert "cannot be read" in damaged.unseen
    with pytest.raises(TextError):
        read(save(gzip.compress(b"inside", mtime=0)[:-9], "a.gz"))


def test_where_a_reader_fails_plain_files_are_searched(
    save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        message = "it is damaged"
        raise ImageError(message)

    kinds = tuple(
        dispatch.Kind(kind.name, kind.recognises, fail, plain=kind.plain) for kind in KINDS
    )
    monkeypatch.setattr(dispatch, "KINDS", kinds)
    reading = read(save(EXAMPLES["DICOM"]))
    assert [piece.text for piece in reading.pieces][-1] == "Doe^Jane"
    assert reading.unseen == f"it is damaged; {document.RUNS}"
    for content in (EXAMPLES["PNG"], EXAMPLES["NIfTI"]):  # packed inside; and without any run
        with pytest.raises(ImageError, match="it is damaged"):
            read(save(content))


def test_what_is_no_file_with_content_is_refused(save: Save, tmp_path: Path) -> None:
    pointer = save(b"/annex/objects/SHA256E-s1--abc.nii.gz\n")
    with pytest.raises(TextError, match="git-annex pointer"):
        read(pointer)
    (tmp_path / "broken").symlink_to("nowhere")
    for path in (tmp_path, tmp_path / "none", tmp_path / "broken"):
        with pytest.raises(TextError) as raised:
            read(path)
        assert "broken" not in str(raised.value)
        with pytest.raises(TextError):
            kind_of(path)


def test_an_empty_file_says_nothing(save: Save) -> None:
    assert read(save(b"")).pieces == ()


def test_reading_changes_nothing(save: Save) -> None:
    for name, content in EXAMPLES.items():
        path = save(content, "file")
        before = path.stat()
        try:
            read(path)
        except FileProblem:
            assert name not in {"NIfTI", "DICOM", "document"}
        after = path.stat()
        assert path.read_bytes() == content
        assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert len(list(path.parent.iterdir())) == 1


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    content = data.draw(st.sampled_from([*EXAMPLES.values(), ANALYZE]))
    pack = data.draw(st.sampled_from([bytes, gzip.compress, bz2.compress]))
    name = data.draw(st.sampled_from(["a", "a.hdr", "a.img", "a.docx", "a.nii.gz"]))
    survives(data, read, pack(content), name)


@given(st.binary(max_size=400), st.sampled_from(sorted(EXAMPLES)), st.data())
def test_any_bytes_behind_a_magic_are_survived(
    survives: Callable[..., None], content: bytes, kind: str, data: st.DataObject
) -> None:
    survives(data, read, EXAMPLES[kind][:16] + content)


def test_dicom_is_asked_the_question_the_auditor_asks() -> None:
    assert dicom.is_dicom(EXAMPLES["DICOM"][:200])
