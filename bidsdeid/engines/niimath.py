"""niimath's affine registration: the second opinion.

pydeface registers its mean head to the image with 12 degrees of freedom.  niimath, a program of
3 MB that comes with its Python package, does so on copies of 2 mm.
"""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.voxels import Affine, Floats, downsample
from bidsdeid.errors import EngineError, ToolError
from bidsdeid.io.process import run
from bidsdeid.resources import installed_folder

#: Registration is done on voxels of this size.
ZOOM_MM = 2.0

#: A registration takes 3-7 s of processor time; this is for a machine that is very busy.
TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class NiimathEngine:
    """The embedded engine.

    Parameters
    ----------
    threads : int
        Threads of one registration.  The result does not depend on it.
    cost : str
        niimath's ``-cost``.
    """

    threads: int = 1
    cost: str = "fast"

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed."""
        try:
            program = _program()
        except ToolError as error:
            return (str(error),)
        return () if program.is_file() else (f"{program.name} is not in its package",)

    def version(self) -> str:
        """Return name and version of the tool."""
        return f"niimath {importlib.metadata.version('niimath')}"

    def register(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> Affine:
        """Find where a head lies; see `bidsdeid.engines.base.FaceEngine`."""
        for name, (data, matrix) in {
            "head.nii": downsample(volume, affine, ZOOM_MM),
            "atlas.nii": downsample(atlas.head, atlas.affine, ZOOM_MM),
        }.items():
            image = nib.Nifti1Image(data, matrix)
            image.header.set_xyzt_units("mm")
            nib.save(image, work_dir / name)
        done = run(
            [_program(), "head.nii", "-allineate", "atlas.nii", "-cost", self.cost, "-nearest",
             "-savemat", "affine.json", "moved.nii"],
            timeout_s=TIMEOUT_S,
            env={"OMP_NUM_THREADS": str(self.threads)},
            cwd=work_dir,
        )  # fmt: skip
        if done.returncode != 0:
            message = f"niimath could not register the image (exit code {done.returncode})"
            raise EngineError(message)
        return _read_affine(work_dir / "affine.json")


def _program() -> Path:
    return installed_folder("niimath") / "bin" / "niimath"


def _read_affine(path: Path) -> Affine:
    try:
        matrix = np.array(json.loads(path.read_text("utf-8"))["moving_to_fixed"], dtype=float)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = "niimath wrote no affine"
        raise EngineError(message) from error
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0:
        message = "niimath's affine cannot be inverted"
        raise EngineError(message)
    return matrix
