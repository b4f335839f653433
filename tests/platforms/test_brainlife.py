from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "platforms" / "brainlife"
HEADS = sorted((ROOT / "data" / "example").glob("sub-*/**/anat/*_T1w.nii.gz"))


def run(tmp_path: Path, config: dict[str, object]) -> subprocess.CompletedProcess[str]:
    """Run `main` as brainlife does, with the program that is installed here for its image."""
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [str(FOLDER / "main")],
        cwd=tmp_path,
        env={**os.environ, "PATH": path, "BIDSDEID_IMAGE": "none"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_image_becomes_the_datatype_of_its_input(tmp_path: Path) -> None:
    config = {"t1": str(HEADS[0]), "_inputs": [{"id": "t1", "meta": {"subject": "77"}}]}
    result = run(tmp_path, config)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "sub-77" / "anat" / "sub-77_T1w.nii.gz").is_file()
    assert (tmp_path / "out" / "t1.nii.gz").read_bytes() != HEADS[0].read_bytes()
    product = json.loads((tmp_path / "product.json").read_text("utf-8"))
    assert product["brainlife"] == [{"type": "success", "msg": "all images are de-identified"}]


def test_a_failure_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    result = run(tmp_path, {"t1": str(tmp_path / "broken.nii.gz")})
    assert result.returncode not in (0, 127)
    product = json.loads((tmp_path / "product.json").read_text("utf-8"))
    assert product["brainlife"][0]["type"] in ("warning", "error")
    assert not (tmp_path / "out" / "t1.nii.gz").exists()


@pytest.mark.parametrize(
    ("meta", "label"),
    [
        ({"subject": "a1"}, "a1"),
        ({"subject": "Jane Doe"}, "01"),
        ({}, "01"),
        ({"subject": 7}, "7"),
    ],
)
def test_labels_are_legal(meta: dict[str, object], label: str, tmp_path: Path) -> None:
    (tmp_path / "t1.nii.gz").write_bytes(b"")
    config = {"t1": str(tmp_path / "t1.nii.gz"), "_inputs": [{"meta": meta}], "age_months": 3}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    runpy.run_path(str(FOLDER / "stage.py"))["prepare"](tmp_path)
    link = tmp_path / "bids" / f"sub-{label}" / "anat" / f"sub-{label}_T1w.nii.gz"
    assert link.resolve() == tmp_path / "t1.nii.gz"
    assert (tmp_path / "options.txt").read_text("utf-8") == "--age-months\n3\n"


def test_the_example_of_the_input_is_one() -> None:
    config = json.loads((FOLDER / "config.example.json").read_text("utf-8"))
    assert {"t1", "t2", "bids"} <= config.keys()
