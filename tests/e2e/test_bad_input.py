"""Bad input gets a clear sentence, and nothing else is lost."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest

from app_runs import EXAMPLE, KEY, ROOT, Runner
from trees import digest, files

Spoil = Callable[[Path], None]


def save(path: Path, data: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, np.diag([4.0, 4, 4, 1]) if affine is None else affine)
    image.header.set_xyzt_units("mm", "sec")
    if data.ndim > 3:
        image.header.set_zooms((4.0, 4.0, 4.0, 2.0))
    nib.save(image, path)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A valid dataset of one participant with one small series."""
    root = tmp_path / "in"
    series = root / "sub-01/func/sub-01_task-rest_bold.nii.gz"
    numbers = np.random.default_rng(0).integers(0, 900, (8, 9, 10, 4), dtype=np.int16)
    save(series, numbers)
    fields = {"RepetitionTime": 2.0, "TaskName": "rest"}
    series.with_name("sub-01_task-rest_bold.json").write_text(json.dumps(fields))
    (root / "dataset_description.json").write_text('{"Name": "bad", "BIDSVersion": "1.9.0"}')
    (root / "README").write_text("A dataset that is spoiled on purpose by a test. " * 5)
    return root


T1W = "sub-01/anat/sub-01_T1w.nii.gz"
SERIES = "sub-01/func/sub-01_task-rest_bold.nii.gz"


def _head() -> nib.Nifti1Image:
    return nib.load(EXAMPLE / T1W)


def _truncated(path: Path) -> None:
    content = (EXAMPLE / T1W).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _rgb(path: Path) -> None:
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    save(path, np.zeros((8, 8, 8), dtype=kind))


def _no_orientation(path: Path) -> None:
    image = _head()
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, path)


def _bomb(path: Path) -> None:
    header = nib.Nifti1Header()
    header.set_data_shape((8, 8, 8))
    header.set_data_dtype(np.int16)
    header.set_sform(np.eye(4), 1)
    header["magic"], header["vox_offset"] = b"n+1", 352
    path.write_bytes(gzip.compress(header.binaryblock + bytes(2**28)))


def _mirrored(path: Path) -> None:
    """Front and back are exchanged against what the header says."""
    image = _head()
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[:, ::-1], image.affine), path)


class BadImage(NamedTuple):
    name: str
    spoil: Spoil
    sentence: str


BAD_IMAGES = [
    BadImage("truncated gzip", _truncated, "cut short"),
    BadImage("zero bytes", lambda p: p.write_bytes(b""), "the file is empty"),
    BadImage("text", lambda p: p.write_bytes(b"Dear colleague,\n" * 99), "NIfTI header"),
    BadImage(
        "damaged gzip",
        lambda p: p.write_bytes((EXAMPLE / T1W).read_bytes()[:-8] + b"checksum"),
        "damaged",
    ),
    BadImage("NaN only", lambda p: save(p, np.full((9, 9, 9), np.nan, np.float32)), "is empty"),
    BadImage("constant", lambda p: save(p, np.ones((9, 9, 9), np.int16)), "is empty"),
    BadImage("2-D", lambda p: save(p, np.ones((64, 64), np.int16)), "2 axes"),
    BadImage("one slice", lambda p: save(p, np.ones((64, 64, 1), np.int16)), "one slice"),
    BadImage("4-D T1w", lambda p: save(p, np.ones((9, 9, 9, 2), np.int16)), "three axes"),
    BadImage("RGB", _rgb, "colours"),
    BadImage("no orientation", _no_orientation, "where front and top are"),
    BadImage("gzip bomb", _bomb, "far more data"),
    BadImage("mirrored", _mirrored, "no face mask is to be trusted"),
    BadImage(
        "noise",
        lambda p: save(p, np.random.default_rng(1).random((40, 50, 45), np.float32)),
        "no face mask is to be trusted",
    ),
    BadImage(
        "annex pointer",
        lambda p: p.write_text("/annex/objects/MD5E-s9--0123456789abcdef.nii.gz\n"),
        "git-annex pointer",
    ),
]


@pytest.mark.parametrize("case", BAD_IMAGES, ids=lambda case: case.name)
def test_a_bad_image_is_withheld_and_the_others_go_on(
    app: Runner, dataset: Path, case: BadImage
) -> None:
    path = dataset / T1W
    path.parent.mkdir()
    case.spoil(path)
    before = digest(dataset, times=True)
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation", code=1)
    assert f"{T1W}: " in run.words
    assert case.sentence in run.words
    assert SERIES in files(run.out)
    assert not [name for name in files(run.out) if "T1w" in name]
    assert (run.out / "dataset_description.json").exists()
    assert digest(dataset, times=True) == before


def test_without_the_option_invalid_input_stops_the_run(app: Runner, dataset: Path) -> None:
    (dataset / "sub-01/func/holiday.jpg").write_bytes(b"not BIDS")
    run = app(dataset, dataset.with_name("out"), code=16)
    assert "NOT_INCLUDED" in run.words
    assert "holiday" not in run.words
    assert not run.out.exists()


def test_a_4d_anatomical_is_defaced_in_every_volume(app: Runner, dataset: Path) -> None:
    image = _head()
    volume = np.asarray(image.dataobj)
    path = dataset / T1W.replace("T1w", "T2starw")
    path.parent.mkdir()
    stack = np.stack([volume, volume // 2, volume // 3], axis=-1)
    nib.save(nib.Nifti1Image(stack, image.affine), path)
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation",
              "--layout", "raw")  # fmt: skip
    after = np.asarray(nib.load(run.out / path.relative_to(dataset)).dataobj)
    gone = (
        np.asarray(nib.load(run.out / "sub-01/anat/sub-01_mod-T2starw_defacemask.nii.gz").dataobj)
        == 0
    )
    assert gone.any()
    for index in range(3):
        assert not after[gone, index].any()
        assert np.array_equal(after[~gone, index], stack[~gone, index])


def test_sform_and_qform_that_disagree_do_not_move_the_mask(app: Runner, dataset: Path) -> None:
    image = _head()
    wrong = image.affine.copy()
    wrong[:3, 3] += (40, -30, 20)
    image.set_qform(wrong, 1)
    (dataset / T1W).parent.mkdir()
    nib.save(image, dataset / T1W)
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation",
              "--layout", "raw")  # fmt: skip
    released = nib.load(run.out / T1W)
    assert (released.dataobj.get_unscaled() != image.dataobj.get_unscaled()).any()
    assert np.allclose(released.get_qform(), wrong, atol=1e-3)


def _sidecar(root: Path) -> Path:
    return root / SERIES.replace(".nii.gz", ".json")


class BadText(NamedTuple):
    name: str
    spoil: Spoil
    sentence: str


BAD_METADATA = [
    BadText("not JSON", lambda r: _sidecar(r).write_text('{"RepetitionTime": 2.0,'), "not JSON"),
    BadText("a list", lambda r: _sidecar(r).write_text("[1, 2]"), "not an object"),
    BadText("twice", lambda r: _sidecar(r).write_text('{"A": 1, "A": 2}'), "a field twice"),
    BadText("latin-1", lambda r: _sidecar(r).write_bytes(b'{"A": "\xe9"}'), "not UTF-8"),
    BadText(
        "a name in a number's place",
        lambda r: _sidecar(r).write_text('{"RepetitionTime": "Jo", "TaskName": "rest"}'),
        "RepetitionTime",
    ),
]


@pytest.mark.parametrize("case", BAD_METADATA, ids=lambda case: case.name)
def test_an_image_whose_metadata_cannot_be_used_is_withheld_with_them(
    app: Runner, dataset: Path, case: BadText
) -> None:
    second = dataset / "sub-02/func/sub-02_task-rest_bold.nii.gz"
    second.parent.mkdir(parents=True)
    shutil.copy(dataset / SERIES, second)
    shutil.copy(_sidecar(dataset), second.with_name("sub-02_task-rest_bold.json"))
    case.spoil(dataset)
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation", code=1)
    assert case.sentence in run.words
    assert not (run.out / "sub-01").exists()
    assert (run.out / "sub-02/func/sub-02_task-rest_bold.nii.gz").exists()


EVENTS = SERIES.replace("_bold.nii.gz", "_events.tsv")


def test_a_byte_order_mark_is_read_and_not_written(app: Runner, dataset: Path) -> None:
    (dataset / EVENTS).write_bytes("\ufeffonset\tduration\r\n1\t2\r\n".encode())
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation")
    assert (run.out / EVENTS).read_bytes() == b"onset\tduration\n1\t2\n"


def test_a_ragged_table_is_withheld(app: Runner, dataset: Path) -> None:
    (dataset / EVENTS).write_text("onset\tduration\n1\t2\t3\n")
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation", code=1)
    assert "row 2" in run.words
    assert EVENTS not in files(run.out)
    assert SERIES in files(run.out)


def test_a_broken_link_is_withheld_with_the_remedy(app: Runner, dataset: Path) -> None:
    (dataset / T1W).parent.mkdir()
    (dataset / T1W).symlink_to("../../.git/annex/objects/x/y/MD5E-s9--0123.nii.gz")
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation", code=1)
    assert "datalad get" in run.words
    assert SERIES in files(run.out)


def test_unicode_and_very_long_names_are_withheld_and_not_told(app: Runner, dataset: Path) -> None:
    names = ["sub-01/anat/Скан Ивановой.nii.gz", f"sub-01/func/{'n' * 240}.nii.gz", "a\nb.txt"]
    for name in names:
        (dataset / name).parent.mkdir(exist_ok=True)
        (dataset / name).write_bytes(b"x")
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation")
    assert all(name not in run.words for name in names)
    assert {name for name in files(run.out) if name.startswith("sub-01/")} == {
        SERIES,
        SERIES.replace(".nii.gz", ".json"),
    }


def test_a_full_disk_stops_the_participant_and_publishes_nothing(
    dataset: Path, tmp_path: Path
) -> None:
    save(dataset / SERIES, np.random.default_rng(0).integers(0, 9000, (64, 64, 40, 9), np.int16))
    (tmp_path / "key").write_bytes(KEY)
    done = subprocess.run(
        [sys.executable, ROOT / "run.py", dataset, tmp_path / "out", "participant", "--key",
         tmp_path / "key", "--skip-bids-validation"],
        check=False, capture_output=True, text=True,
        # No file may grow over 300 kB: what a full disk looks like to one write.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
    )  # fmt: skip
    assert done.returncode == 73, done.stdout + done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("sub-*"))
    assert not list((tmp_path / "out_private").rglob("*.nii*"))


@pytest.mark.parametrize("where", [".", "sub-01/out", "..", "code/out"])
def test_output_that_is_holds_or_lies_in_the_input_is_refused(
    app: Runner, dataset: Path, where: str
) -> None:
    before = digest(dataset, times=True)
    run = app(dataset, Path(os.path.normpath(dataset / where)), code=64)
    assert "input" in run.words
    assert digest(dataset, times=True) == before


def test_a_private_folder_inside_the_output_is_refused(app: Runner, dataset: Path) -> None:
    out = dataset.with_name("out")
    run = app(dataset, out, "participant", "--private-dir", str(out / "private"), code=64)
    assert "--private-dir" in run.words
    assert not out.exists()


def test_an_input_that_is_not_there(app: Runner, tmp_path: Path) -> None:
    run = app(tmp_path / "nothing", tmp_path / "out", code=66)
    assert "does not exist" in run.words


def test_a_participant_that_is_not_there(app: Runner, dataset: Path) -> None:
    app(dataset, dataset.with_name("out"), "participant", "--participant-label", "99", code=18)


def test_a_known_term_withholds_the_file_it_is_in(
    app: Runner, dataset: Path, tmp_path: Path
) -> None:
    (dataset / EVENTS).write_text("onset\tduration\ttrial_type\n1\t2\tZebulon\n3\t4\tgo\n")
    (tmp_path / "terms").write_text("zebulon\n")
    run = app(dataset, dataset.with_name("out"), "participant", "--skip-bids-validation",
              "--known-terms", str(tmp_path / "terms"))  # fmt: skip
    assert (run.out / EVENTS).read_text() == "onset\tduration\ttrial_type\n1\t2\tn/a\n3\t4\tgo\n"
    assert "ebulon" not in run.words
