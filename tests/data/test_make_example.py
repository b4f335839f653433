"""The example dataset is what its generator writes, and hides what its table says."""

import csv
import gzip
import importlib.util
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
EXAMPLE = DATA / "example"
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    path = DATA / "make_example.py"
    spec = importlib.util.spec_from_file_location("make_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


def files_of(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }


def unpack(packed: bytes) -> tuple[list[bytes], bytes]:
    """Split gzip members into their headers and their joint content."""
    headers, content = [], b""
    while packed:
        flags, end = packed[3], 10
        if flags & 4:
            end += 2 + struct.unpack_from("<H", packed, end)[0]
        for flag in (8, 16):
            if flags & flag:
                end = packed.index(b"\0", end) + 1
        headers.append(packed[:end])
        stream = zlib.decompressobj(-15)
        content += stream.decompress(packed[end:]) + stream.flush()
        packed = stream.unused_data[8:]
    return headers, content


def all_bytes(path: Path) -> bytes:
    raw = path.read_bytes()
    if path.suffix != ".gz":
        return raw
    headers, content = unpack(raw)
    return b"\n".join([*headers, content])


def test_regenerating_gives_the_committed_dataset(generator: ModuleType, tmp_path: Path) -> None:
    generator.make(tmp_path / "example")
    fresh, kept = files_of(tmp_path / "example"), files_of(EXAMPLE)
    assert sorted(fresh) == sorted(kept)
    for name, path in fresh.items():
        # Compressors differ between builds of zlib, so packed files are compared unpacked.
        assert all_bytes(path) == all_bytes(kept[name]), name
    assert (tmp_path / "canaries.tsv").read_bytes() == (DATA / "canaries.tsv").read_bytes()


def test_refuses_to_replace_anything_else(generator: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit, match="something else"):
        generator.make(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_every_canary_is_in_the_dataset() -> None:
    files = files_of(EXAMPLE)
    haystack = "\n".join(files).encode() + b"\n".join(map(all_bytes, files.values()))
    with (DATA / "canaries.tsv").open(newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len({row["token"] for row in rows}) == len(rows) > 150
    assert [row for row in rows if row["token"].encode() not in haystack] == []


def test_no_canary_is_in_what_has_to_stay() -> None:
    with (DATA / "canaries.tsv").open(newline="") as table:
        tokens = [row["token"] for row in csv.DictReader(table, delimiter="\t")]
    with (EXAMPLE / "participants.tsv").open(newline="") as table:
        kept = [list(row.values())[:5] for row in csv.DictReader(table, delimiter="\t")]
    clean = [(EXAMPLE / name).read_text() for name in ("CHANGES", "LICENSE")]
    clean += [path.read_text() for path in EXAMPLE.rglob("*.bv*")]
    stays = "\n".join([*clean, *(cell for row in kept for cell in row)])
    assert [token for token in tokens if token in stays] == []


def test_the_gzip_headers_tell_a_time_only_where_they_are_meant_to() -> None:
    times = {
        name: struct.unpack_from("<I", path.read_bytes(), 4)[0]
        for name, path in files_of(EXAMPLE).items()
        if path.suffix == ".gz"
    }
    assert sorted(name for name, time in times.items() if time) == [
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/func/sub-01_task-rest_physio.tsv.gz",
    ]
    for path in EXAMPLE.rglob("*.gz"):
        assert gzip.decompress(path.read_bytes()) == unpack(path.read_bytes())[1]


def test_the_dataset_is_small() -> None:
    assert sum(path.stat().st_size for path in files_of(EXAMPLE).values()) < 15 * MEGABYTE


def test_truth_lies_on_the_grid_of_each_image(generator: ModuleType) -> None:
    for scan in generator.SCANS:
        image = nib.nifti1.load(EXAMPLE / scan.path)
        data = np.asarray(image.dataobj)
        first = data if data.ndim == 3 else data[..., 0]
        truth = generator.truth(scan.participant, scan.session, scan.suffix)
        assert truth.face.shape == truth.brain_core.shape == first.shape
        assert truth.face.dtype == truth.brain_core.dtype == bool
        assert not (truth.face & truth.brain_core).any()
        # There is something to remove, and nothing but brain in the core.
        assert np.mean(first[truth.face] > 60) > 0.1
        assert np.mean(first[truth.brain_core] > 60) > 0.99


def test_headers_are_consistent_and_of_many_kinds(generator: ModuleType) -> None:
    images = [nib.nifti1.load(EXAMPLE / scan.path) for scan in generator.SCANS]
    for image, scan in zip(images, generator.SCANS, strict=True):
        header = image.header
        assert (header["qform_code"], header["sform_code"]) == (1, 1)
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-3)
        slope, inter = image.dataobj.slope, image.dataobj.inter
        assert (slope, inter) == (scan.slope, scan.inter)
        assert "".join(nib.orientations.aff2axcodes(image.affine)) == scan.axes
    assert {scan.axes for scan in generator.SCANS} >= {"RAS", "LAS", "LPS", "PIR"}
    codes = [e.get_code() for image in images for e in image.header.extensions]
    assert {2, 6} <= set(codes)
