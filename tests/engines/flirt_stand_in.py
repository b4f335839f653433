"""A stand-in for FSL's flirt: it keeps a record of each call and does what it was told.

It does not register.  The text it finds in `matrix` beside it is what it writes as its matrix.
Images are resampled as FSL does it: on voxels stored in radiological order, by the sizes in the
header.  `exit_code` beside it, if there, is all that comes of a call.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

HERE = Path(__file__).parent


def option(name: str) -> Path:
    return Path(sys.argv[sys.argv.index(name) + 1])


def image(path: Path) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_filename(path)


def resample(source: Path, reference: Path, matrix: NDArray[np.float64], out: Path) -> None:
    moving, fixed = image(source), image(reference)
    voxels = np.asarray(moving.dataobj, dtype=np.float32)
    if np.linalg.det(moving.get_sform()) > 0:
        voxels = voxels[::-1]
    grid = np.indices(fixed.shape).reshape(3, -1).T * fixed.header.get_zooms()
    back = np.linalg.inv(matrix)
    where = (grid @ back[:3, :3].T + back[:3, 3]) / moving.header.get_zooms()
    moved = ndimage.map_coordinates(voxels, where.T, order=1).reshape(fixed.shape)
    if np.linalg.det(fixed.get_sform()) > 0:
        moved = moved[::-1]
    nib.save(nib.Nifti1Image(moved, fixed.affine, fixed.header), out)


def main() -> int:
    record = {
        "argv": ["flirt", *sys.argv[1:]],
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "means": [
            float(image(option(name)).get_fdata().mean().round(6)) for name in ("-in", "-ref")
        ],
    }
    with (HERE / "calls.jsonl").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(record) + "\n")
    if (HERE / "exit_code").exists():
        return int((HERE / "exit_code").read_text("utf-8"))
    if "-applyxfm" in sys.argv:
        text = option("-init").read_text("utf-8")
    else:
        text = (HERE / "matrix").read_text("utf-8")
    option("-omat").write_text(text, "utf-8")
    matrix = np.array(text.split(), float).reshape(4, 4)
    resample(option("-in"), option("-ref"), matrix, option("-out"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
