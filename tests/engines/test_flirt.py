from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.head import dice
from bidsdeid.core.voxels import HALF, Affine, Floats, carry, downsample
from bidsdeid.engines import flirt
from bidsdeid.engines.flirt import COSTS, FlirtEngine
from bidsdeid.errors import EngineError, UsageError
from bidsdeid.resources import pydeface_atlas

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "flirt_recorded.json").read_text("utf-8"))
CASES: list[dict[str, Any]] = RECORDED["worlds"]["cases"]

#: Before any test puts a stand-in in its place.
FSL_IS_THERE = FlirtEngine().missing() == ()


def head_of(case: Mapping[str, Any]) -> tuple[Floats, Affine]:
    shape = case["head"]["shape"]
    return np.full(shape, 0.25, np.float32), np.array(case["head"]["affine"])


def atlas_of(case: Mapping[str, Any]) -> Atlas:
    """Return an atlas whose mask is different in each direction."""
    shape = case["atlas"]["shape"]
    keep = np.ones(shape, dtype=bool)
    keep[: shape[0] // 2, shape[1] // 2 :, : shape[2] // 3] = False
    head = np.full(shape, 0.5, np.float32)
    return Atlas("a block", head, keep, np.array(case["atlas"]["affine"]))


class StandIn:
    """An FSL of which only the command lines are real."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fsl, self.home, self.bin = folder / "fsl", folder / "home", folder / "fsl" / "bin"
        self.bin.mkdir(parents=True)
        self.home.mkdir()
        self.program("fsl", "#!/bin/sh\nexit 1\n")
        source = (HERE / "flirt_stand_in.py").read_text("utf-8")
        self.program("flirt", f"#!{sys.executable}\n{source}")
        (self.fsl / "etc").mkdir()
        (self.fsl / "etc" / "fslversion").write_text("6.0.7.7:5a3ff2b\n")
        monkeypatch.setenv("FSLDIR", str(self.fsl))
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        monkeypatch.setenv("HOME", str(self.home))

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def say(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.bin / "calls.jsonl").read_text().splitlines()]


@pytest.fixture
def fsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return StandIn(tmp_path, monkeypatch)


def register(case: Mapping[str, Any], work_dir: Path, cost: str = "mutualinfo") -> Affine:
    work_dir.mkdir()
    return FlirtEngine(cost).register(*head_of(case), atlas_of(case), work_dir)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_affine_and_the_questions_are_those_recorded(
    tmp_path: Path, fsl: StandIn, case: dict[str, Any]
) -> None:
    fsl.say("matrix", case["matrix"])
    # pydeface replaces ".nii" and ".gz" in whatever path it is given.
    work_dir = tmp_path / "sub 1_T1w.nii.gz"
    to_atlas = register(case, work_dir, case["cost"])
    np.testing.assert_allclose(to_atlas, case["to_atlas"], atol=1e-4)
    assert list(work_dir.iterdir()) == []

    calls = fsl.calls()
    names = {"atlas.nii.gz": "TEMPLATE", "keep.nii.gz": "FACEMASK", "head.nii.gz": "HEAD"}
    for number, call in enumerate(calls, start=1):
        for option in ("-out", "-omat"):
            path = Path(call["argv"][call["argv"].index(option) + 1])
            assert path.parent.parent == work_dir
            names[str(path)] = f"{number}{''.join(path.suffixes)}"
    argv = [" ".join(names.get(word, word) for word in call["argv"]) for call in calls]
    kept = round(float(atlas_of(case).keep.mean()), 6)
    assert [call["means"] for call in calls] == [[0.5, 0.25], [kept, 0.25]]
    first, second = RECORDED["calls"]["argv"]
    assert argv == [first.replace("mutualinfo", case["cost"]), second]


def test_pydeface_sees_fsl_and_neither_the_network_nor_the_home(
    tmp_path: Path, fsl: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the user's")
    monkeypatch.setenv("FSLOUTPUTTYPE", "NIFTI")
    # nipype asks for its newest version unless it is told not to; its settings say where a program
    # runs and what is written beside it.
    (fsl.home / ".nipype").mkdir()
    (fsl.home / ".nipype" / "nipype.cfg").write_text("no settings")
    before = sorted(fsl.home.rglob("*"))
    fsl.say("matrix", CASES[0]["matrix"])
    register(CASES[0], tmp_path / "work")
    assert sorted(fsl.home.rglob("*")) == before
    for call in fsl.calls():
        env = call["env"]
        assert env["FSLDIR"] == str(fsl.fsl)
        assert env["FSLOUTPUTTYPE"] == "NIFTI_GZ"
        assert env["NIPYPE_NO_ET"] == env["NO_ET"] == env["OMP_NUM_THREADS"] == "1"
        assert Path(env["TMPDIR"]).parent == tmp_path / "work"
        assert call["cwd"] == env["TMPDIR"]
        assert "SECRET" not in env


def test_a_relative_work_folder_is_the_same_folder(
    tmp_path: Path, fsl: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fsl.say("matrix", CASES[0]["matrix"])
    register(CASES[0], Path("work"))
    assert {Path(call["env"]["TMPDIR"]).parent for call in fsl.calls()} == {tmp_path / "work"}


@pytest.mark.parametrize("name", ["exit_code", "matrix"])
def test_a_flirt_that_fails_is_an_engine_that_found_nothing(
    tmp_path: Path, fsl: StandIn, name: str
) -> None:
    fsl.say(name, "1")  # ends with 1, or writes one number for a matrix
    with pytest.raises(EngineError, match=r"exit code 1"):
        register(CASES[0], tmp_path / "work")
    # nipype 1.11 ignores how FLIRT ends, and asks it for the mask all the same.
    assert len(fsl.calls()) == 2
    assert list((tmp_path / "work").iterdir()) == []


#: One whose head is partly outside of the atlas.
CASE = CASES[-1]
MATRIX = CASE["matrix"]
HEXADECIMAL = "\n".join(
    " ".join(float(word).hex() for word in line.split()) for line in MATRIX.splitlines()
)


@lru_cache(maxsize=1)
def warped() -> Floats:
    """Return the mask of the case where its matrix carries it."""
    head, affine = head_of(CASE)
    atlas = atlas_of(CASE)
    keep = atlas.keep.astype(np.uint8)
    return carry(keep, atlas.affine, head.shape, affine, np.array(CASE["to_atlas"]))


def pydeface(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, matrix: str, mask: Floats
) -> None:
    """Put a program in pydeface's place that leaves a matrix and a mask, then runs a script."""
    (tmp_path / "matrix").write_text(matrix)
    nib.save(nib.Nifti1Image(mask, head_of(CASE)[1]), tmp_path / "mask.nii.gz")
    path = tmp_path / "python"
    path.write_text(
        f"#!/bin/sh\ncp {tmp_path}/matrix head_pydeface.mat\n"
        f"cp {tmp_path}/mask.nii.gz head_pydeface_mask.nii.gz\n{script}\n"
    )
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


@pytest.mark.parametrize("matrix", [MATRIX, HEXADECIMAL, f"\n{MATRIX}\n"])
def test_a_matrix_is_read_however_fsl_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matrix: str
) -> None:
    pydeface(tmp_path, monkeypatch, "", matrix, warped())
    to_atlas = register(CASE, tmp_path / "work")
    np.testing.assert_allclose(to_atlas, CASE["to_atlas"], atol=1e-4)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 3", "exit code 3"),
        ("kill -9 $$", "exit code -9"),
        ("exec sleep 30", "did not end within"),
        ("rm head_pydeface.mat", "no matrix"),
        ("rm head_pydeface_mask.nii.gz", "no face mask"),
        ("echo > head_pydeface_mask.nii.gz", "no face mask"),
        ("head -c 100 head_pydeface_mask.nii.gz > a; mv a head_pydeface_mask.nii.gz", "no face"),
    ],
)
def test_a_pydeface_that_fails_is_an_engine_that_found_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    monkeypatch.setattr(flirt, "TIMEOUT_S", 1.0)
    pydeface(tmp_path, monkeypatch, script, MATRIX, warped())
    with pytest.raises(EngineError, match=says) as caught:
        register(CASE, tmp_path / "work")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "matrix",
    [
        "", "no matrix", "1 0 0 0\n0 1 0 0\n0 0 1 0\n", "1 0 0 0\n0 1 0\n0 0 1 0\n0 0 0 1\n",
        "1 0 0 0\n0 nan 0 0\n0 0 1 0\n0 0 0 1\n", "1 0 0 inf\n0 1 0 0\n0 0 1 0\n0 0 0 1\n",
        "1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n", "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n",
        "0x1p99999 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "\xff",
    ],
    ids=[
        "empty", "text", "three rows", "ragged", "nan", "infinite", "flat", "not affine",
        "too large", "not ascii",
    ],
)  # fmt: skip
def test_a_matrix_that_is_no_affine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matrix: str
) -> None:
    pydeface(tmp_path, monkeypatch, "", matrix, warped())
    with pytest.raises(EngineError, match=r"no matrix|not an affine"):
        register(CASE, tmp_path / "work")


def test_flirt_may_fill_what_the_atlas_does_not_cover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, affine = head_of(CASE)
    atlas = atlas_of(CASE)
    ones = np.ones(atlas.keep.shape, np.uint8)
    covered = carry(ones, atlas.affine, head.shape, affine, np.array(CASE["to_atlas"])) > 0.999
    filled = np.where(covered, warped(), 1 - warped())
    assert np.mean(filled != warped()) > 2 * flirt.MASKS_DIFFER
    pydeface(tmp_path, monkeypatch, "", MATRIX, filled.astype(np.float32))
    np.testing.assert_allclose(register(CASE, tmp_path / "work"), CASE["to_atlas"], atol=1e-4)


def test_a_matrix_that_does_not_carry_the_mask_as_flirt_did_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = MATRIX.replace("238.2767226", "9238.2767226")
    for matrix, mask, says in [
        (MATRIX, warped()[::-1].copy(), "does not carry"),
        (MATRIX, warped()[:, ::-1].copy(), "does not carry"),
        (MATRIX, np.ones_like(warped()), "does not carry"),
        (MATRIX, warped()[1:].copy(), "grid"),
        (far, warped(), "does not carry"),
    ]:
        pydeface(tmp_path, monkeypatch, "", matrix, mask)
        shutil.rmtree(tmp_path / "work", ignore_errors=True)
        with pytest.raises(EngineError, match=says):
            register(CASE, tmp_path / "work")


def test_an_image_whose_affine_says_nothing_is_refused_before_flirt_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pydeface(tmp_path, monkeypatch, f"touch {tmp_path}/asked", MATRIX, warped())
    volume, affine = head_of(CASE)
    for value in (0.0, np.nan):
        affine[2, :3] = value
        with pytest.raises(EngineError, match="affine cannot be inverted"):
            FlirtEngine().register(volume, affine, atlas_of(CASE), tmp_path)
    assert not (tmp_path / "asked").exists()


def test_what_is_missing_is_told_with_what_to_do(
    fsl: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FlirtEngine().missing() == ()
    for name in ("fsl", "flirt"):
        (fsl.bin / name).rename(fsl.bin / "away")
        (sentence,) = FlirtEngine().missing()
        assert "set FSLDIR" in sentence
        assert "--deface-engine auto" in sentence
        (fsl.bin / "away").rename(fsl.bin / name)
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("FSLDIR")
        else:
            monkeypatch.setenv("FSLDIR", value)
        assert len(FlirtEngine().missing()) == 1
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "pydeface" in FlirtEngine().missing()[0]


def test_the_version_is_that_of_both(fsl: StandIn) -> None:
    assert FlirtEngine().version().startswith("pydeface 2.")
    assert FlirtEngine().version().endswith(" with FSL 6.0.7.7")
    (fsl.fsl / "etc" / "fslversion").write_text("built by someone")
    assert FlirtEngine().version().endswith(" with FSL of unknown version")
    (fsl.fsl / "etc" / "fslversion").unlink()
    assert FlirtEngine().version().endswith(" with FSL of unknown version")


def test_the_costs_are_those_that_pydeface_takes() -> None:
    with pytest.raises(UsageError, match="mutualinfo"):
        FlirtEngine("entropy")
    costs = "for cost in sys.argv[1:]: FLIRT(cost_func=cost)"
    code = f"import sys; from nipype.interfaces.fsl import FLIRT\n{costs}"
    argv = [sys.executable, "-c", code, *COSTS]
    subprocess.run(argv, env={"NIPYPE_NO_ET": "1", "NO_ET": "1"}, check=True, capture_output=True)


@pytest.mark.skipif(not FSL_IS_THERE, reason="FSL is not installed")
@pytest.mark.parametrize("flip", [1, -1])
def test_flirt_itself_finds_the_face(tmp_path: Path, flip: int) -> None:
    atlas = pydeface_atlas()
    head, affine = downsample(atlas.head, atlas.affine, 2.0)
    move = np.array([[1.02, 0, 0, 4], [0, 0.99, -0.1, -7], [0, 0.1, 0.99, 9], [0, 0, 0, 1]])
    volume = np.ascontiguousarray(head[::flip])
    if flip < 0:
        affine = affine @ [[-1, 0, 0, len(head) - 1], *np.eye(4)[1:].tolist()]
    to_atlas = FlirtEngine().register(volume, move @ affine, atlas, tmp_path)
    keep = atlas.keep.astype(np.uint8)
    found, true = (
        carry(keep, atlas.affine, head.shape, move @ affine, matrix) < HALF
        for matrix in (to_atlas, np.linalg.inv(move))
    )
    assert dice(np.asarray(found), np.asarray(true)) > 0.95
