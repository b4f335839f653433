"""What an image costs: its size, its start, participants, and room on the disk.

    python benchmarks/images.py [--podman IMAGE] [--apptainer FILE.sif] [--participants N]

Starts are told cold (as root: the kernel forgets the files first) and warm, the fastest of five.
pydeface's own atlas stands in for a head.  Work folders are looked at while they are in use, every
twentieth of a second.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from speed import ATLAS, dataset, measure

ROUNDS = 5
LOOK_S = 0.05
CACHES = Path("/proc/sys/vm/drop_caches")


def wrapper(engine: str, image: str, folder: Path | None = None) -> list[str]:
    """Return what stands before the options of the app."""
    if engine == "podman":
        bound = ["--rm", "--read-only", "--network", "none"]
        mounts = [] if folder is None else ["-v", f"{folder}:/data"]
    else:
        bound = ["--containall", "--cleanenv"]
        mounts = [] if folder is None else ["-B", f"{folder}:/data"]
    return [engine, "run", *bound, *mounts, image]


def start_s(command: Sequence[str], *, cold: bool) -> float:
    """Return the seconds of a command."""
    if cold:
        os.sync()
        CACHES.write_text("3")
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


def starts(engine: str, image: str) -> None:
    """Print how long it takes to say who one is, and what one can do."""
    for option in ("--version", "--help"):
        command = [*wrapper(engine, image), option]
        warm = min(start_s(command, cold=False) for _ in range(ROUNDS))
        cold = "-"
        if os.access(CACHES, os.W_OK):
            cold = f"{start_s(command, cold=True):.1f}"
        print(f"{engine:10} {option:10} cold {cold:>5} s   warm {warm:5.2f} s", flush=True)


def size_mb(folder: Path) -> float:
    """Return what the files of a folder hold; those that vanish meanwhile count for nothing."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(path) / name).lstat().st_size
    return total / 1e6


class Watch(threading.Thread):
    """Keeps the largest size of a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.most_mb, self.over = folder, 0.0, threading.Event()

    def run(self) -> None:
        """Look, until it is over."""
        while not self.over.wait(LOOK_S):
            self.most_mb = max(self.most_mb, size_mb(self.folder))


def participants(engine: str, image: str, number: int) -> None:
    """Print what a dataset takes, with one process and with two."""
    for nprocs in (1, 2):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            dataset(folder / "in", [ATLAS] * number)
            options = ["--skip-bids-validation", "--no-progress", "--nprocs", str(nprocs)]
            words = ["/data/in", "/data/out", "participant", *options]
            watch = Watch(folder / "out_private" / "work")
            watch.start()
            cost = measure([*wrapper(engine, image, folder), *words])
            watch.over.set()
            watch.join()
            sizes = {x: size_mb(folder / x) for x in ("in", "out", "out_private")}
            print(f"{engine:10} {number} participants, --nprocs {nprocs}: {cost.wall_s:.1f} s")
            told = ", ".join(f"{key} {value:.1f} MB" for key, value in sizes.items())
            print(f"{'':10} {told}, work {watch.most_mb:.1f} MB at the most", flush=True)


def main() -> None:
    """Print everything for the engines that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--podman", metavar="IMAGE")
    parser.add_argument("--apptainer", type=Path, metavar="FILE.sif")
    parser.add_argument("--participants", type=int, default=6)
    options = parser.parse_args()
    if options.podman and shutil.which("podman"):
        command = ["podman", "image", "inspect", "--format", "{{.Size}}", options.podman]
        size = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"podman     {size / 1e6:.0f} MB unpacked")
        starts("podman", options.podman)
        participants("podman", options.podman, options.participants)
    if options.apptainer and shutil.which("apptainer"):
        print(f"apptainer  {options.apptainer.stat().st_size / 1e6:.0f} MB")
        starts("apptainer", str(options.apptainer))
        participants("apptainer", str(options.apptainer), options.participants)


if __name__ == "__main__":
    main()
