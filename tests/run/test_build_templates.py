from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from bidsdeid.cli import main
from bidsdeid.core.cohort import CHILDREN, INFANTS, Cohort
from bidsdeid.core.face import FaceFrame
from bidsdeid.core.head import bright_body, filled
from bidsdeid.core.voxels import Affine, Bools, Floats
from bidsdeid.io import facemasks
from bidsdeid.io.facemasks import digest, sidecar
from bidsdeid.io.templates import find_template, load_template, template_folders, template_path
from bidsdeid.io.volume import read_mask
from heads import coarse_atlas
from template_files import save

FETCHED = ("T1w", "T2w", "desc-brain_mask")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's templates."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BIDSDEID_TEMPLATES", raising=False)
    return tmp_path / "home"


@cache
def child() -> tuple[dict[str, Floats], Affine, Bools]:
    """Return both heads of a child, with voxels of 2.8 mm, and the brain."""
    atlas = coarse_atlas()
    assert atlas.brain is not None
    head = ndimage.gaussian_filter(atlas.head, 0.4)
    top = np.float32(np.percentile(head, 99))
    inverted = np.where(filled(bright_body(head)), 1.1 * top - np.minimum(head, top), 0.3 * head)
    return {"T1w": head, "T2w": inverted}, np.diag([0.7, 0.7, 0.7, 1]) @ atlas.affine, atlas.brain


def write(home: Path, cohort: Cohort, endings: tuple[str, ...] = FETCHED) -> None:
    heads, affine, brain = child()
    for ending in endings:
        data = heads.get(ending, brain.astype(np.float32))
        save(template_path(home, cohort, ending), data, affine)


def mask_of(folder: Path, cohort: Cohort) -> Path:
    return template_path(folder, cohort, "desc-face_mask")


def test_a_mask_is_built_where_a_run_looks_for_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, INFANTS[0])
    assert main(["templates", "build", "--cohort", "1"]) == 0
    assert str(mask_of(home, INFANTS[0])) in capsys.readouterr().out
    _, affine, brain = child()
    for contrast in ("T1w", "T2w"):
        atlas = load_template(find_template(INFANTS[0], contrast, template_folders()))
        assert 0.01 < (~atlas.keep).mean() < 0.2
        frame = FaceFrame(atlas)
        head = frame.head_in(atlas.head, atlas.affine, np.eye(4))
        gone = ~frame_of_keep(frame)
        shares = frame.parts_removed(head, gone, np.ones_like(head))
        assert min(share for share in shares.values() if not np.isnan(share)) > 0.9, contrast
    far = ndimage.distance_transform_edt(~brain, sampling=np.linalg.norm(affine[:3, :3], axis=0))
    face = read_mask(mask_of(home, INFANTS[0]), "the mask", brain.shape, affine)
    assert far[face].min() > 5.0
    assert nib.load(mask_of(home, INFANTS[0])).get_data_dtype() == np.uint8


def frame_of_keep(frame: FaceFrame) -> Bools:
    """Return the atlas's own keep mask on the frame, each voxel from the nearest."""
    index = np.indices(frame.shape).reshape(3, -1)
    to_grid = np.linalg.inv(frame.atlas.affine) @ frame.affine
    at = np.rint(to_grid[:3, :3] @ index + to_grid[:3, 3:]).astype(int)
    last = np.array(frame.atlas.keep.shape)[:, None] - 1
    return frame.atlas.keep[tuple(np.clip(at, 0, last))].reshape(frame.shape)


def test_what_is_beside_it_says_how_it_was_made(home: Path) -> None:
    write(home, INFANTS[0])
    assert main(["templates", "build", "--cohort", "1"]) == 0
    mask = mask_of(home, INFANTS[0])
    text = sidecar(mask).read_text("utf-8")
    facts = json.loads(text)
    assert facts["SHA256"] == digest(mask)
    assert facts["Template"] == [
        {"Name": path.name, "SHA256": digest(path)}
        for path in (template_path(home, INFANTS[0], e) for e in ("T1w", "desc-brain_mask"))
    ]
    assert [one["Name"] for one in facts["Atlas"]] == [
        "mean_reg2mean.nii.gz", "facemask.nii.gz", "pydeface_brain.nii.gz",
    ]  # fmt: skip
    assert set(facts["Packages"]) == {"bidsdeid", "pydeface", "numpy", "scipy"}
    assert facts["Figures"]["margin_removed"] == 0
    assert facts["Figures"]["eyes_removed"] >= 0.95
    assert {check["metric"] for check in facts["Checks"]} == set(facts["Figures"])
    assert np.allclose(np.array(facts["AtlasToTemplate"])[:3, :3], np.eye(3) * 0.7, atol=0.05)
    assert str(home.parent) not in text
    assert "NaN" not in text


def test_built_again_it_is_the_same(home: Path) -> None:
    write(home, INFANTS[0])
    mask = mask_of(home, INFANTS[0])
    contents = []
    for _ in range(2):
        assert main(["templates", "build", "--cohort", "1"]) == 0
        contents.append((mask.read_bytes(), sidecar(mask).read_bytes()))
    assert contents[0] == contents[1]
    assert len([*mask.parent.iterdir()]) == 5  # three were there; nothing is left on the way


def test_t2w_stands_in_for_a_missing_t1w(home: Path) -> None:
    write(home, INFANTS[1], ("T2w", "desc-brain_mask"))
    assert main(["templates", "build", "--cohort", "2"]) == 0
    facts = json.loads(sidecar(mask_of(home, INFANTS[1])).read_text("utf-8"))
    assert facts["Template"][0]["Name"].endswith("T2w.nii.gz")


@pytest.mark.parametrize(
    ("endings", "words"),
    [
        ((), "the template is missing"),
        (("desc-brain_mask",), "the template is missing"),
        (("T1w", "T2w"), "the brain mask is missing"),
    ],
)
def test_what_is_missing_is_said_and_the_others_go_on(
    home: Path, capsys: pytest.CaptureFixture[str], endings: tuple[str, ...], words: str
) -> None:
    write(home, INFANTS[2], endings)
    write(home, CHILDREN[1])
    assert main(["templates", "build", "--cohort", "3", "MNIPediatricAsym:2"]) == 70
    out, error = capsys.readouterr()
    first, second = out.splitlines()
    assert first.startswith(f"MNIInfant:3: {words}")
    assert "`bidsdeid templates fetch --cohort MNIInfant:3`" in first
    assert second.startswith("MNIPediatricAsym:2: written")
    assert mask_of(home, CHILDREN[1]).is_file()
    assert not mask_of(home, INFANTS[2]).exists()
    assert error.startswith("bidsdeid: 1 of 2 face masks")
    assert error.count("\n") == 1


def test_all_infants_are_built_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["templates", "build"]) == 70
    out, error = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == [str(c) for c in INFANTS]
    assert "11 of 11" in error


def test_a_mask_that_fails_its_checks_is_not_written(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, INFANTS[0])
    _, affine, brain = child()
    moved = np.roll(brain, 8, axis=1).astype(np.float32)
    save(template_path(home, INFANTS[0], "desc-brain_mask"), moved, affine)
    assert main(["templates", "build", "--cohort", "1"]) == 70
    assert "no mask is written, for the brain mask" in capsys.readouterr().out
    assert not mask_of(home, INFANTS[0]).exists()
    assert not sidecar(mask_of(home, INFANTS[0])).exists()


@pytest.mark.parametrize("ending", ["T1w", "desc-brain_mask"])
def test_a_damaged_file_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    write(home, INFANTS[0])
    path = template_path(home, INFANTS[0], ending)
    path.write_bytes(path.read_bytes()[:500])
    assert main(["templates", "build", "--cohort", "1"]) == 70
    assert "`bidsdeid templates fetch --cohort MNIInfant:1`" in capsys.readouterr().out


def test_a_mask_of_someone_else_stays(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, INFANTS[0], (*FETCHED, "desc-face_mask"))
    before = mask_of(home, INFANTS[0]).read_bytes()
    assert main(["templates", "build", "--cohort", "1"]) == 70
    assert "move it away" in capsys.readouterr().out
    assert mask_of(home, INFANTS[0]).read_bytes() == before


def test_a_mask_that_was_edited_stays(home: Path) -> None:
    write(home, INFANTS[0])
    assert main(["templates", "build", "--cohort", "1"]) == 0
    write(home, INFANTS[0], ("desc-face_mask",))
    edited = mask_of(home, INFANTS[0]).read_bytes()
    assert main(["templates", "build", "--cohort", "1"]) == 70
    assert mask_of(home, INFANTS[0]).read_bytes() == edited


def no_writing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder read-only, for the superuser as well."""
    real = facemasks._replace

    def replace(path: Path, content: bytes) -> None:
        if path.is_relative_to(folder):
            raise PermissionError(13, os.strerror(13))
        real(path, content)

    monkeypatch.setattr(facemasks, "_replace", replace)


def test_a_home_that_is_read_only_leaves_the_cache(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, INFANTS[0])
    no_writing(home, monkeypatch)
    assert main(["templates", "build", "--cohort", "1"]) == 0
    cache_folder = home.parent / "cache/bidsdeid/templates"
    assert mask_of(cache_folder, INFANTS[0]).is_file()
    load_template(find_template(INFANTS[0], "T1w", template_folders()))


def test_a_full_disk_leaves_nothing_behind(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    write(home, INFANTS[0])
    before = {*home.rglob("*")}
    monkeypatch.setattr(os, "fsync", full)
    assert main(["templates", "build", "--cohort", "1"]) == 70
    assert "No space left" in capsys.readouterr().out
    assert {*home.rglob("*")} == before


def test_a_new_mask_never_goes_behind_an_old_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, INFANTS[0])
    assert main(["templates", "build", "--cohort", "1"]) == 0
    no_writing(home, monkeypatch)
    assert main(["templates", "build", "--cohort", "1"]) == 70
    assert "BIDSDEID_TEMPLATES" in capsys.readouterr().out
    assert not (home.parent / "cache").exists()


def test_a_folder_of_masks_goes_first(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIDSDEID_TEMPLATES", str(tmp_path / "own"))
    write(home, INFANTS[0])
    assert main(["templates", "build", "--cohort", "1"]) == 0
    assert mask_of(tmp_path / "own", INFANTS[0]).is_file()
    assert not mask_of(home, INFANTS[0]).exists()


def test_another_home_is_given(tmp_path: Path, home: Path) -> None:
    write(tmp_path / "other", INFANTS[0])
    assert main(["templates", "build", "--cohort", "1", "--home", str(tmp_path / "other")]) == 0
    assert mask_of(tmp_path / "other", INFANTS[0]).is_file()
    assert not home.exists()
