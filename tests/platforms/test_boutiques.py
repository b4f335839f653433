from __future__ import annotations

import json
import os
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.arguments import build_parser

FOLDER = Path(__file__).parents[2] / "platforms" / "boutiques"
DESCRIPTOR = json.loads((FOLDER / "bidsdeid.json").read_text("utf-8"))


def test_the_descriptor_is_that_of_the_parser() -> None:
    made = runpy.run_path(str(FOLDER / "make_descriptor.py"))["descriptor"]()
    assert made == DESCRIPTOR, "run platforms/boutiques/make_descriptor.py"


def test_the_parser_takes_what_the_descriptor_gives() -> None:
    flags = {"strength": "light", "nprocs": "2", "participant_label": "01"}
    arguments = ["bids", "out", "participant"]
    for option in DESCRIPTOR["inputs"]:
        if option["id"] in flags:
            arguments += [option["command-line-flag"], flags[option["id"]]]
    options = build_parser().parse_args(arguments)
    assert (options.strength, options.nprocs, options.participant_label) == ("light", 2, ["01"])


@pytest.mark.parametrize("options", [[], ["--bids"]])
def test_boutiques_finds_it_valid(options: list[str]) -> None:
    bosh = shutil.which("bosh", path=str(Path(sys.executable).parent))
    if bosh is None:
        pytest.skip("boutiques is not installed")
    command = [bosh, "validate", *options, str(FOLDER / "bidsdeid.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def bosh() -> str:
    found = shutil.which("bosh", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("boutiques is not installed")
    return found


def write_dataset(root: Path) -> None:
    """Make a dataset of one series, without participants.tsv: CBRAIN makes such ones."""
    path = root / "sub-01/func/sub-01_task-rest_bold.nii.gz"
    path.parent.mkdir(parents=True)
    series = nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.diag([4, 4, 4, 1]))
    series.header.set_xyzt_units("mm", "sec")
    series.header["pixdim"][4] = 2
    nib.save(series, path)
    fields = {"TaskName": "rest", "RepetitionTime": 2.0, "PatientName": "Quillfeather"}
    path.with_name("sub-01_task-rest_bold.json").write_text(json.dumps(fields))
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')


INVOCATION = {
    "bids_dir": "in", "output_dir_name": "results/out", "analysis_level": "participant",
    "layout": "raw", "relabel": "sequential", "no_progress": True,
}  # fmt: skip


def test_boutiques_simulates_a_call_that_the_parser_takes(bosh: str, tmp_path: Path) -> None:
    (tmp_path / "call.json").write_text(json.dumps(INVOCATION))
    done = subprocess.run(
        [bosh, "exec", "simulate", "-i", "call.json", str(FOLDER / "bidsdeid.json")],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    line = next(x for x in done.stdout.splitlines() if "bidsdeid in results/out" in x)
    words = shlex.split(line[line.index("bidsdeid in ") :])
    options = build_parser().parse_args(words[1:])
    assert (options.layout, options.relabel, options.no_progress) == ("raw", "sequential", True)


def test_boutiques_runs_the_command_line_of_this_machine(bosh: str, tmp_path: Path) -> None:
    write_dataset(tmp_path / "in")
    (tmp_path / "call.json").write_text(json.dumps(INVOCATION))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [bosh, "exec", "launch", "--no-container", "--skip-data-collection",
         str(FOLDER / "bidsdeid.json"), "call.json"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (sidecar,) = (tmp_path / "results/out").rglob("*_bold.json")
    assert "Quillfeather" not in sidecar.read_text()
    assert json.loads(sidecar.read_text())["RepetitionTime"] == 2.0
