"""Files a second, and memory, of all that is done to metadata: N participants without anatomicals.

    python benchmarks/metadata.py [N]

Labels are replaced, text scrubbed, files audited and published, the dataset finished, audited and
validated.  It is done for N and for N/10 participants, so that memory can be compared; the
baseline, in the same run, is a copy of the folder.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

ROOT = Path(__file__).parents[1]

_ROW = "{:>12} {:>8} {:>8} {:>8} {:>12} {:>6} {:>15}"

SIDECAR = {
    "RepetitionTime": 2.0, "EchoTime": 0.03, "FlipAngle": 77, "TaskName": "rest",
    "PhaseEncodingDirection": "j-", "TotalReadoutTime": 0.05, "MagneticFieldStrength": 3,
    "Manufacturer": "Siemens", "ManufacturersModelName": "Prisma",
    "SoftwareVersions": "syngo MR E11", "SeriesDescription": "cmrr_mbep2d_bold_SMS4_2mm_TR2000",
    "ProtocolName": "cmrr_mbep2d_bold_SMS4_2mm_TR2000", "ImageType": ["ORIGINAL", "PRIMARY", "M"],
    "InstitutionName": "Somewhere", "StationName": "MRC35001", "DeviceSerialNumber": "167001",
    "AcquisitionTime": "10:11:12.500000", "ConversionSoftware": "dcm2niix",
    "ConversionSoftwareVersion": "v1.0.20220720",
    "SliceTiming": [round(n * 0.04, 3) for n in range(40)],
}  # fmt: skip


def make(root: Path, participants: int) -> int:
    """Make the dataset and return the number of its files."""
    description = {"Name": "many", "BIDSVersion": "1.9.0", "DatasetType": "raw"}
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps(description))
    (root / "README").write_text("A dataset of many participants, none of whom exists.\n" * 3)
    zeros = np.zeros((4, 4, 4, 2), np.int16)
    series = nib.Nifti1Image(zeros, np.diag([4.0, 4.0, 4.0, 1.0]))
    series.header.set_xyzt_units("mm", "sec")
    series.header["pixdim"][4] = 2
    image = root / "image.nii.gz"
    nib.save(series, image)
    content = image.read_bytes()
    image.unlink()
    rows = ["participant_id\tage\tsex"]
    events = "onset\tduration\ttrial_type\n" + "".join(f"{n * 2.5}\t1\tface\n" for n in range(40))
    for number in range(participants):
        label = f"sub-P{number:05d}"
        func = root / label / "func"
        func.mkdir(parents=True)
        names = []
        for run in (1, 2, 3):
            stem = f"{label}_task-rest_run-{run}"
            (func / f"{stem}_bold.nii.gz").write_bytes(content)
            (func / f"{stem}_bold.json").write_text(json.dumps(SIDECAR, indent=1))
            (func / f"{stem}_events.tsv").write_text(events)
            names.append(f"func/{stem}_bold.nii.gz\t2019-03-{number % 28 + 1:02d}T10:1{run}:00\n")
        (root / label / f"{label}_scans.tsv").write_text("filename\tacq_time\n" + "".join(names))
        rows.append(f"{label}\t{20 + number % 50}\t{'MF'[number % 2]}")
    (root / "participants.tsv").write_text("\n".join(rows) + "\n")
    return 10 * participants + 3


def deidentify(root: Path, out: Path) -> tuple[float, float, float, float]:
    """Run the app; return wall and CPU seconds, and the most memory (MB) of it and of any tool."""
    command = [
        sys.executable, str(ROOT / "run.py"), str(root), str(out), "participant",
        "--relabel", "keyed", "--private-dir", f"{out}_private", "--skip-bids-validation",
        "--no-progress",
    ]  # fmt: skip
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        own = 0.0
        while os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            own = most_memory(run.pid) or own
            time.sleep(0.2)
        _, status, used = os.wait4(run.pid, 0)
    if status:
        message = f"the app ended with {os.waitstatus_to_exitcode(status)}"
        raise SystemExit(message)
    cpu = used.ru_utime + used.ru_stime
    return time.perf_counter() - started, cpu, own, used.ru_maxrss / 1024


def most_memory(process: int) -> float:
    """Return the most memory a process has had so far, in MB; 0 if it is at its end."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Make datasets of two sizes and de-identify them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("participants", nargs="?", type=int, default=5000)
    options = parser.parse_args()
    print(
        _ROW.format(
            "participants", "files", "wall s", "CPU s", "files/CPU s", "MB", "MB of validator"
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        for participants in (max(1, options.participants // 10), options.participants):
            root, out = Path(folder) / f"in{participants}", Path(folder) / f"out{participants}"
            files = make(root, participants)
            wall, cpu, own, tool = deidentify(root, out)
            rate = f"{files / cpu:.0f}"
            figures = (f"{wall:.1f}", f"{cpu:.1f}", rate, f"{own:.0f}", f"{tool:.0f}")
            print(_ROW.format(participants, files, *figures))
            before = resource.getrusage(resource.RUSAGE_SELF)
            shutil.copytree(root, Path(folder) / f"copy{participants}")
            after = resource.getrusage(resource.RUSAGE_SELF)
            copied = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            rate = f"{files / copied:.0f}"
            print(_ROW.format("a copy", files, "", f"{copied:.1f}", rate, "", ""))


if __name__ == "__main__":
    main()
