"""Each block of shell in the README is run, or at the least read by what would run it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from app_runs import ROOT
from bidsdeid import cli
from bidsdeid.argument_types import Parser
from bidsdeid.core.voxels import downsample
from bidsdeid.errors import UsageError
from bidsdeid.resources import pydeface_atlas
from readme_blocks import Block, Call, calls, commands, fenced
from trees import contents

BASH = shutil.which("bash") or "bash"
BLOCKS = fenced("bash")
CALLS = calls(BLOCKS)


def named(block: Block) -> str:
    return f"line {block.line}"


@pytest.mark.parametrize("block", BLOCKS, ids=named)
def test_bash_can_parse_it(block: Block) -> None:
    done = subprocess.run(
        [BASH, "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", BLOCKS, ids=named)
def test_shellcheck_has_nothing_to_say(block: Block) -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        [program, "--shell=bash", "-"], input=block.text, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


class _Parsed(BaseException):
    """The options were understood; nothing is to be done."""


def understood(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line itself parse a call, up to where the work begins.

    Raises
    ------
    UsageError
        If it does not understand it.
    """
    parse = Parser.parse_args

    def stop(self: Parser, *arguments: object, **options: object) -> object:
        found = parse(self, *arguments, **options)  # type: ignore[call-overload]
        if self.prog == "bidsdeid slurm":  # the parser of what stands behind its `--` is next
            return found
        raise _Parsed

    arguments = list(call.arguments)
    if call.program == "mass_deidentify":
        arguments = ["mass_deidentify", *arguments]
    with monkeypatch.context() as patch:
        patch.setattr(Parser, "parse_args", stop)
        try:
            code = cli.main(arguments)
        except (_Parsed, SystemExit):
            return
    message = f"exit code {code}"
    raise UsageError(message)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: " ".join(call.arguments)[:60])
def test_the_app_understands_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    understood(call, monkeypatch)


def test_no_call_is_overlooked() -> None:
    """Every line with a word of ours in it is a call, or one of a few others."""
    others = ("pip", "docker", "podman", "apptainer", "cp", "main", "-m")
    found = {shlex.join(words) for block in BLOCKS for words in commands(block.text)}
    told = [x for x in found if "bidsdeid" in x or "run.py" in x]
    assert len(CALLS) >= 20
    silent = [x for x in told if not any(shlex.join(c.arguments) in x for c in CALLS)]
    assert [x for x in silent if not any(word in x for word in others)] == []


@pytest.mark.parametrize(
    "line",
    [
        "bidsdeid BIDS_DIR OUT participant --deface-al",
        "bidsdeid audit PATH --formt sarif",
        "bidsdeid slurm IN OUT --throtle 5",
        "bidsdeid slurm IN OUT -- --relabl keyed",
        "mass_deidentify --csvfil x",
        "docker run --rm -v a:/in bidsdeid /in /out participant --nproc 2",
        "apptainer exec -B a:/in bidsdeid.sif bidsdeid templates fetsh",
        "singularity run -B a:/in bidsdeid.sif /in /out participant --lay raw",
    ],
)
def test_a_misspelt_option_is_seen(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (call,) = calls([Block(1, line)])
    with pytest.raises(UsageError):
        understood(call, monkeypatch)
    assert capsys.readouterr().err


def test_a_misspelt_option_of_an_engine_is_seen() -> None:
    with pytest.raises(ValueError, match="--read-olny"):
        calls([Block(1, "docker run --read-olny bidsdeid /in /out participant")])


def block_with(words: str) -> Block:
    (block,) = [block for block in BLOCKS if words in block.text]
    return block


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a block in a scratch folder, with the programs of this package on the PATH."""

    def run(text: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            [BASH, "-euo", "pipefail", "-c", text],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "BIDSDEID_KEY": "2004:" + "k" * 32},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


Typed = Callable[[str], subprocess.CompletedProcess[str]]


def scan(folder: Path) -> None:
    """Write pydeface's mean head as the DICOM files of a scanner, one a slice."""
    folder.mkdir(parents=True)
    atlas = pydeface_atlas()
    head, _ = downsample(atlas.head, atlas.affine, 2.0)
    uids = {name: generate_uid(entropy_srcs=["readme", name]) for name in ("study", "series")}
    for number in range(head.shape[2]):
        ds = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
        # Rows run to the left, columns to the back, and slices to the head.
        pixels = np.rot90(head[:, :, number]).astype(np.uint16)
        ds.Rows, ds.Columns = pixels.shape
        ds.PixelData = np.fliplr(pixels).tobytes()
        ds.PixelRepresentation, ds.SeriesDescription = 0, "t1_mprage"
        ds.PatientName, ds.Manufacturer = "WEATHERBY^ORLA", "SIEMENS"
        ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [2.0, 2.0], 2.0, 2.0
        ds.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = [head.shape[0], -head.shape[1], 2.0 * number]
        ds.StudyInstanceUID, ds.SeriesInstanceUID = uids["study"], uids["series"]
        ds.SOPInstanceUID = generate_uid(entropy_srcs=["readme", str(number)])
        ds.SeriesNumber, ds.InstanceNumber = 1, number + 1
        ds.save_as(folder / f"{number:03d}.dcm", enforce_file_format=True)


def test_from_raw_dicom_to_a_shared_dataset(typed: Typed, tmp_path: Path) -> None:
    if shutil.which("dcm2niix", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("dcm2niix is not installed")
    scan(tmp_path / "DICOM" / "sub-01" / "T1w")
    done = typed(block_with("dcm2niix -b y").text)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # the audit's: pictures are a HOLD
    assert "findings that stop: 0, to look at: 0" in done.stdout
    released = {path.name for path in (tmp_path / "OUT").rglob("*.nii.gz")}
    assert released == {"sub-01_desc-defaced_T1w.nii.gz", "sub-01_mod-T1w_defacemask.nii.gz"}
    assert "WEATHERBY" in (tmp_path / "BIDS_DIR/sub-01/anat/sub-01_T1w.json").read_text("utf-8")
    told = [name for name, held in contents(tmp_path / "OUT") if b"weatherby" in held.lower()]
    assert told == []


def study(folder: Path, name: str) -> Path:
    """Write three images of a patient."""
    folder.mkdir(parents=True)
    for number in range(3):
        ds = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
        ds.PatientName, ds.PatientID = name, "MRN7743310"
        ds.SOPInstanceUID = generate_uid(entropy_srcs=[name, str(number)])
        ds.InstanceNumber = number + 1
        ds.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


FIELDS = """\
<data>
  <item><name>0010,0010</name><description>PatientName</description><editable>yes</editable></item>
</data>
"""


def test_lists_of_studies(typed: Typed, tmp_path: Path) -> None:
    """The list of the README and its commands, with its folders somewhere else."""
    (listed,) = [x.text for x in fenced("") if "subject_ID_1" in x.text]
    (tmp_path / "subject_list_dicoms.csv").write_text(
        listed.replace("/data/", f"{tmp_path}/data/"), "utf-8"
    )
    (tmp_path / "fields.xml").write_text(FIELDS, "utf-8")
    for name in ("John_Doe", "Lana_Bip"):
        study(tmp_path / "data" / name, name)
    study(tmp_path / "STUDY", "Suzy_Bud")
    done = typed(block_with("subject_list_dicoms.csv -o OUT").text)
    assert done.returncode == 0, done.stdout + done.stderr
    zips = {path.name for path in tmp_path.rglob("*_deidentified.zip")}
    assert zips == {f"{x}_deidentified.zip" for x in ("subject_ID_1", "subject_ID_2", "sub-01")}


def test_an_audit(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "PATH").mkdir()
    (tmp_path / "PATH" / "notes.txt").write_text("measured twice\n", "utf-8")
    (tmp_path / "names.txt").write_text("Weatherby\n", "utf-8")
    done = typed(block_with("bidsdeid audit PATH").text)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sarif" in (tmp_path / "audit.sarif").read_text("utf-8").lower()


def test_jobs_of_a_cluster(typed: Typed, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data" / "example", tmp_path / "data" / "study")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "bidsdeid.sif").touch()
    text = block_with("--account lab").text
    done = typed(text.replace(" /data/", f" {tmp_path}/data/").replace(" /im", f" {tmp_path}/im"))
    assert done.returncode == 0, done.stdout + done.stderr
    array = (tmp_path / "data/release_private/slurm/participants.sh").read_text("utf-8")
    assert "#SBATCH --account=lab\n" in array
    assert "module load apptainer\n" in array
    assert "sbatch" in done.stdout


def test_a_policy_of_your_own(typed: Typed, tmp_path: Path) -> None:
    (policy,) = fenced("toml")
    (tmp_path / "our-lab.toml").write_text(policy.text, "utf-8")
    done = typed("bidsdeid policy check our-lab.toml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("our-lab 1: no mistakes")


def test_templates_are_listed(typed: Typed) -> None:
    block = block_with("bidsdeid templates list")
    (line,) = [x for x in block.text.splitlines() if x.endswith("list")]
    done = typed(line)
    assert done.returncode == 0, done.stderr
    assert "MNIInfant" in done.stdout


def test_python_can_be_parsed() -> None:
    blocks = fenced("python")
    assert blocks
    for block in blocks:
        compile(block.text, named(block), "exec")
