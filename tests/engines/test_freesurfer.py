from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.engines import freesurfer
from bidsdeid.engines.freesurfer import FreeSurferEngine
from bidsdeid.errors import EngineError, ToolError

SHAPE = (6, 7, 8)
GRID = np.array([[-2.0, 0, 0, 9], [0, 0, 3, -4], [0, 2.5, 0, 1], [0, 0, 0, 1]])
HEAD = np.random.default_rng(0).integers(0, 900, SHAPE).astype(np.int16)

#: mri_synthstrip, of which only the command line is real: brain is what is brighter than 500.
STAND_IN = """
import json, os, sys
from pathlib import Path
import nibabel as nib
import numpy as np

argv = sys.argv[1:]
here = Path(__file__).parent
record = {"argv": argv, "env": dict(os.environ), "cwd": os.getcwd()}
image = nib.load(argv[argv.index("-i") + 1])
record["affine"] = image.affine.tolist()
(here / "call.json").write_text(json.dumps(record))
mask = (np.asarray(image.dataobj) > 500).astype(np.uint8)
nib.save(nib.Nifti1Image(mask, image.affine), argv[argv.index("-m") + 1])
"""


class StandIn:
    """A FreeSurfer of which only the command line is real."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.work = folder / "freesurfer", folder / "work"
        (self.home / "bin").mkdir(parents=True)
        self.work.mkdir()
        self.program = self.home / "bin" / "mri_synthstrip"
        self.does("")
        monkeypatch.setenv("PATH", f"{self.home / 'bin'}:/usr/bin:/bin")
        monkeypatch.setenv("FREESURFER_HOME", str(self.home))

    def does(self, last: str) -> None:
        """Have the program end with a line of Python."""
        self.program.write_text(f"#!{sys.executable}\n{STAND_IN}\n{last}\n")
        self.program.chmod(0o755)

    def call(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.home / "bin" / "call.json").read_text())
        return record


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(tmp_path, monkeypatch)


def test_the_mask_is_what_the_program_writes(stand_in: StandIn) -> None:
    mask = FreeSurferEngine().find(HEAD, GRID, stand_in.work)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, HEAD > 500)
    np.testing.assert_allclose(stand_in.call()["affine"], GRID)
    assert stand_in.call()["cwd"] == str(stand_in.work)


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        (FreeSurferEngine(), ["-b", "1"]),
        (FreeSurferEngine(border_mm=2.5), ["-b", "2.5"]),
        (FreeSurferEngine(csf=False), ["-b", "1", "--no-csf"]),
        (FreeSurferEngine(gpu=True), ["-b", "1", "-g"]),
        (FreeSurferEngine(csf=False, border_mm=-1, gpu=True), ["-b", "-1", "--no-csf", "-g"]),
    ],
)
def test_it_is_called_as_its_users_call_it(
    stand_in: StandIn, engine: FreeSurferEngine, options: list[str]
) -> None:
    engine.find(HEAD, GRID, stand_in.work)
    image, mask = (str(stand_in.work / name) for name in ("head.nii.gz", "brain.nii.gz"))
    assert stand_in.call()["argv"] == ["-i", image, "-m", mask, *options]


def test_it_sees_freesurfer_s_settings_and_none_of_the_user_s(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the user's")
    monkeypatch.setenv("FS_LICENSE", "/a/license.txt")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    FreeSurferEngine(threads=3).find(HEAD, GRID, stand_in.work)
    env = stand_in.call()["env"]
    assert env["FREESURFER_HOME"] == str(stand_in.home)
    assert env["FS_LICENSE"] == "/a/license.txt"
    assert env["OMP_NUM_THREADS"] == "3"
    assert "SECRET" not in env


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ("sys.exit(3)", "found no brain .exit code 3."),
        ("os.kill(os.getpid(), 9)", "exit code -9"),
        ("Path(argv[3]).unlink()", "left no mask"),
        ("Path(argv[3]).write_bytes(b'mask')", "left no mask"),
        ("os.truncate(argv[3], 60)", "left no mask"),
        ("nib.save(nib.Nifti1Image(mask[1:], image.affine), argv[3])", "on another grid"),
    ],
)
def test_a_program_that_fails_is_an_engine_that_found_nothing(
    stand_in: StandIn, last: str, says: str
) -> None:
    stand_in.does(last)
    with pytest.raises(EngineError, match=f"mri_synthstrip .*{says}") as caught:
        FreeSurferEngine().find(HEAD, GRID, stand_in.work)
    assert str(stand_in.work) not in str(caught.value)


def test_a_mask_of_an_image_before_is_not_taken_for_this_one_s(stand_in: StandIn) -> None:
    FreeSurferEngine().find(HEAD, GRID, stand_in.work)
    assert (stand_in.work / "brain.nii.gz").is_file()
    stand_in.program.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(EngineError, match="left no mask"):
        FreeSurferEngine().find(HEAD, GRID, stand_in.work)


def test_a_program_that_does_not_end_is_ended(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freesurfer, "TIMEOUT_S", 0.5)
    stand_in.program.write_text("#!/bin/sh\nexec sleep 30\n")
    with pytest.raises(ToolError, match="did not end within"):
        FreeSurferEngine().find(HEAD, GRID, stand_in.work)


def test_what_is_missing_is_told_with_what_to_do(stand_in: StandIn) -> None:
    assert FreeSurferEngine().missing() == ()
    stand_in.program.chmod(0o644)
    (sentence,) = FreeSurferEngine().missing()
    assert "mri_synthstrip is not on the PATH: set up FreeSurfer" in sentence
    stand_in.program.unlink()
    assert FreeSurferEngine().missing() == (sentence,)
    with pytest.raises(ToolError, match="mri_synthstrip cannot be started"):
        FreeSurferEngine().find(HEAD, GRID, stand_in.work)


def test_the_version_is_freesurfer_s_if_it_says_one(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FreeSurferEngine().version() == "mri_synthstrip"
    (stand_in.home / "build-stamp.txt").write_text("freesurfer-linux-7.4.1-20230614\n")
    assert FreeSurferEngine().version() == "mri_synthstrip (FreeSurfer 7.4.1)"
    for content in (b"\xff7.4.1", b"made by somebody"):  # only the number is told
        (stand_in.home / "build-stamp.txt").write_bytes(content)
        assert FreeSurferEngine().version() == "mri_synthstrip"
    for home in ("", str(stand_in.work)):
        monkeypatch.setenv("FREESURFER_HOME", home)
        assert FreeSurferEngine().version() == "mri_synthstrip"
    monkeypatch.delenv("FREESURFER_HOME")
    assert FreeSurferEngine().version() == "mri_synthstrip"


def test_voxels_of_any_type_are_written_as_they_are(stand_in: StandIn) -> None:
    values = np.linspace(-3, 900, HEAD.size).reshape(SHAPE)
    for kind in (np.float64, np.uint16, ">i2"):
        volume = np.abs(values).astype(kind)
        mask = FreeSurferEngine().find(volume, GRID, stand_in.work)
        np.testing.assert_array_equal(mask, volume > 500)
        image = nib.Nifti1Image.from_filename(stand_in.work / "head.nii.gz")
        np.testing.assert_allclose(np.asarray(image.dataobj), volume.astype(float), rtol=1e-6)
