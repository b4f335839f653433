"""Time and memory to plan a large dataset: N participants of 38 files.

    python benchmarks/planning.py [N]

Run in a process of its own; the baseline, in the same run, is one pybids layout of everything.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bids.layout import BIDSLayout, BIDSLayoutIndexer

from bidsdeid.core.plan import build_plan
from bidsdeid.io.tree import index_dataset
from bidsdeid.resources import load_policy

FILES = (
    *(f"anat/{s}{e}" for s in ("T1w", "T2w", "FLAIR") for e in (".nii.gz", ".json")),
    *(f"dwi/dwi{e}" for e in (".nii.gz", ".json", ".bval", ".bvec")),
    *(f"fmap/dir-{d}_epi{e}" for d in ("AP", "PA") for e in (".nii.gz", ".json")),
    *(
        f"func/task-rest_run-{r}_{e}"
        for r in range(1, 7)
        for e in ("bold.nii.gz", "bold.json", "events.tsv", "physio.tsv.gz")
    ),
)


def make(root: Path, participants: int) -> int:
    """Make a dataset of empty files and return their number."""
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    for number in range(participants):
        label = f"sub-{number:05d}"
        for file in FILES:
            datatype, _, rest = file.partition("/")
            path = root / label / datatype / f"{label}_{rest}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return participants * len(FILES)


def plan(root: Path) -> None:
    """Plan as the app does."""
    build_plan(index_dataset(root), load_policy("default"))


def one_layout(root: Path) -> None:
    """Index as pybids does when asked plainly."""
    BIDSLayout(
        root, validate=False, indexer=BIDSLayoutIndexer(validate=False, index_metadata=False)
    )


def main() -> None:
    """Make the dataset, and run each way in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("participants", nargs="?", type=int, default=1000)
    parser.add_argument("--only", choices=("plan", "one_layout"), help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        wall, cpu = time.perf_counter(), time.process_time()
        {"plan": plan, "one_layout": one_layout}[options.only](options.root)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{options.only:12} {wall:8.1f} s {cpu:8.1f} CPU s {peak:8.0f} MB")
        return
    with tempfile.TemporaryDirectory() as folder:
        number = make(Path(folder), options.participants)
        print(f"{options.participants} participants, {number} files")
        for way in ("plan", "one_layout"):
            command = [sys.executable, __file__, "--only", way, "--root", folder]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
