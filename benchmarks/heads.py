"""Wall time, processor time and peak memory: per head, and for N participants.

    python benchmarks/heads.py [IMAGE.nii.gz ...] [--participants N] [--nprocs N]

Without images, pydeface's own atlas stands in for a head.  Each image is defaced alone, in a
process of its own (start of Python included), interleaved with the baseline: niimath's
`-deface` at full resolution with the same atlas and mask.  Ratios are what counts; times depend
on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bidsdeid.resources import installed_folder

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


def app(source: Path, out: Path, nprocs: int) -> list[str | Path]:
    """Return the command that de-identifies a dataset."""
    options = ["--skip-bids-validation", "--no-progress", "--nprocs", str(nprocs)]
    return [sys.executable, ROOT / "run.py", source, out, "participant", *options]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path, default=[ATLAS])
    parser.add_argument("--participants", type=int, default=6)
    parser.add_argument("--nprocs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        print(f"{'per head':34} {'wall s':>8} {'CPU s':>8} {'MB':>8}   CPU ratio")
        for number, image in enumerate(options.images):
            dataset(work / f"in{number}", [image])
            ours = measure(app(work / f"in{number}", work / f"out{number}", 1))
            niimath = installed_folder("niimath") / "bin" / "niimath"
            base = measure([niimath, image, "-deface", ATLAS, MASK, work / f"base{number}.nii.gz"])
            name = image.name.removesuffix(".gz").removesuffix(".nii")[:24]
            print(f"{name:24} bidsdeid  {ours}   {ours.cpu_s / base.cpu_s:.2f}")
            print(f"{'':24} niimath   {base}   1.00")
        heads = [options.images[i % len(options.images)] for i in range(options.participants)]
        dataset(work / "many", heads)
        print(f"\n{options.participants} participants")
        for nprocs in (1, options.nprocs):
            cost = measure(app(work / "many", work / f"many{nprocs}", nprocs))
            per = cost.wall_s / options.participants
            print(f"{'--nprocs':24} {nprocs:<9} {cost}   {per:.1f} s a participant")


if __name__ == "__main__":
    main()
