"""Wall time, processor time and peak memory: per head, and for N participants.

    python benchmarks/speed.py [IMAGE.nii.gz ...] [--participants N] [--nprocs N] [--rounds N]

Without images, pydeface's own atlas stands in for a head.  Each image goes through the whole
program in a process of its own (start of Python and validation of the output included), and
through others, in turn: niimath's `-deface` with the same atlas and mask (the baseline), the
affine registration of ANTsPy if it is installed, and pydeface itself where FSL is.  "one of many"
is what a head adds to a run that has others: the cost of five participants less that of one,
divided by four.  "face alone" is the same without evidence, metadata and release: the image read,
its face found, judged and removed, the result written.  Ratios are what counts; times depend on
what else the machine does.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bidsdeid.config import Config
from bidsdeid.core.air import air_of
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.nifti import decode_image, encode_image
from bidsdeid.core.voxels import remove_voxels
from bidsdeid.resources import installed_folder, pydeface_atlas
from bidsdeid.run.face_cascade import cascade
from bidsdeid.run.faces import FaceFinder
from bidsdeid.run.treatment import treatment_of

ROOT = Path(__file__).parents[1]
ATLAS = installed_folder("pydeface") / "data" / "mean_reg2mean.nii.gz"
MASK = installed_folder("pydeface") / "data" / "facemask.nii.gz"
DESCRIPTION = {"Name": "benchmark", "BIDSVersion": "1.9.0"}


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    wall_s: float
    cpu_s: float
    peak_mb: float

    def __str__(self) -> str:
        """Return a row of a table."""
        return f"{self.wall_s:8.1f} {self.cpu_s:8.1f} {self.peak_mb:8.0f}"


def measure(command: Sequence[str | Path]) -> Cost:
    """Run a command and return its cost, children included."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    if code not in (0, 1):
        message = f"{command[:2]} ended with {code}"
        raise RuntimeError(message)
    wall = time.perf_counter() - start
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def dataset(root: Path, images: Sequence[Path]) -> None:
    """Make a BIDS dataset of one T1w for each image."""
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps(DESCRIPTION))
    for number, image in enumerate(images, start=1):
        folder = root / f"sub-{number:03d}" / "anat"
        folder.mkdir(parents=True)
        extension = "".join(image.suffixes[-2:]) if image.suffix == ".gz" else image.suffix
        shutil.copy(image, folder / f"sub-{number:03d}_T1w{extension}")


#: ANTsPy has no command; this is the registration of what pydeface does with FLIRT.
_ANTS = """\
import sys, ants
head, atlas, mask, out = sys.argv[1:]
fixed, moving = ants.image_read(head), ants.image_read(atlas)
found = ants.registration(fixed, moving, type_of_transform="Affine")
keep = ants.apply_transforms(fixed, ants.image_read(mask), found["fwdtransforms"])
ants.image_write(fixed * (keep > 0.5), out)
"""


def others(image: Path, work: Path) -> dict[str, list[str | Path]]:
    """Return the commands of other programs that are installed; the baseline first."""
    niimath = installed_folder("niimath") / "bin" / "niimath"
    commands: dict[str, list[str | Path]] = {
        "niimath -deface": [niimath, image, "-deface", ATLAS, MASK, work / "niimath.nii.gz"]
    }
    if importlib.util.find_spec("ants"):
        out = work / "ants.nii.gz"
        commands["ANTsPy Affine"] = [sys.executable, "-c", _ANTS, image, ATLAS, MASK, out]
    if shutil.which("fsl"):
        out = work / "pydeface.nii.gz"
        commands["pydeface, FLIRT"] = ["pydeface", image, "--outfile", out, "--force"]
    return commands


def app(source: Path, out: Path, nprocs: int) -> list[str | Path]:
    """Return the command that de-identifies a dataset."""
    options = ["--skip-bids-validation", "--no-progress", "--nprocs", str(nprocs)]
    return [sys.executable, ROOT / "run.py", source, out, "participant", *options]


def per_head(image: Path, work: Path, rounds: int) -> None:
    """Print the rows of one image: the median of each program over the rounds."""
    dataset(work / "one", [image])
    dataset(work / "five", [image] * 5)
    face_alone(image, work)  # what is done once a process
    costs: dict[str, list[Cost]] = {}
    for _ in range(rounds):
        one, five = (_fresh(work, name) for name in ("one", "five"))
        costs.setdefault("bidsdeid, whole run", []).append(one)
        many = Cost((five.wall_s - one.wall_s) / 4, (five.cpu_s - one.cpu_s) / 4, five.peak_mb)
        costs.setdefault("bidsdeid, one of many", []).append(many)
        costs.setdefault("bidsdeid, face alone", []).append(face_alone(image, work))
        for name, command in others(image, work).items():
            costs.setdefault(name, []).append(measure(command))
    middle = {
        name: sorted(found, key=lambda cost: cost.cpu_s)[len(found) // 2]
        for name, found in costs.items()
    }
    base = middle["niimath -deface"].cpu_s
    for name, cost in middle.items():
        stem = image.name.partition(".")[0][:24]
        print(f"{stem:24} {name:22} {cost}   {cost.cpu_s / base:.2f}", flush=True)


def face_alone(image: Path, work: Path) -> Cost:
    """Deface one image in this process, which has done one before."""
    finder = FaceFinder(cascade([pydeface_atlas()]), FaceStyle(), work)
    config, out = Config(work, work, work, work), work / "alone.nii.gz"
    start, used = time.perf_counter(), sum(os.times()[:4])
    stored = decode_image(image.read_bytes())
    treatment = treatment_of(config, finder.find(stored.head()), stored)
    if treatment.remove is None:
        message = f"there is no face in {image.name}"
        raise RuntimeError(message)
    air = air_of(stored.data, stored.slope, float(stored.header["scl_inter"]))
    data = remove_voxels(stored.data, treatment.remove, fill=air)
    out.write_bytes(encode_image(stored.header, data, gzipped=True))
    wall, cpu = time.perf_counter() - start, sum(os.times()[:4]) - used
    return Cost(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _fresh(work: Path, name: str) -> Cost:
    """Run the app into an empty folder."""
    for folder in (work / "out", work / "out_private"):
        shutil.rmtree(folder, ignore_errors=True)
    return measure(app(work / name, work / "out", 1))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path, default=[ATLAS])
    parser.add_argument("--participants", type=int, default=6)
    parser.add_argument("--nprocs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(f"{'per head':47} {'wall s':>8} {'CPU s':>8} {'MB':>8}   CPU ratio")
    for image in options.images:
        with tempfile.TemporaryDirectory() as folder:
            per_head(image, Path(folder), options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        heads = [options.images[i % len(options.images)] for i in range(options.participants)]
        dataset(work / "many", heads)
        print(f"\n{options.participants} participants")
        for nprocs in (1, options.nprocs):
            cost = measure(app(work / "many", work / f"many{nprocs}", nprocs))
            per = cost.wall_s / options.participants
            print(f"{'--nprocs':24} {nprocs:<22} {cost}   {per:.1f} s a participant")


if __name__ == "__main__":
    main()
