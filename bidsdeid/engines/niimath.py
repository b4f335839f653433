"""pydeface's method with niimath's affine registration.

pydeface registers its mean head to the image with 12 degrees of freedom and carries its face
mask along.  Here niimath, a program of 3 MB that comes with its Python package, does the
registration on copies of 2 mm; the mask is carried to the image's own grid.
"""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsdeid.core.voxels import HALF, Affine, Floats, carry, downsample
from bidsdeid.engines.base import FaceMask
from bidsdeid.errors import EngineError, ToolError
from bidsdeid.io.process import run
from bidsdeid.resources import Atlas, installed_folder

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

    def find(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> FaceMask:
        """Find the face in one volume; see `bidsdeid.engines.base.FaceEngine`."""
        to_atlas = self.register(volume, affine, atlas, work_dir)
        kept = carry(atlas.keep.astype(np.uint8), atlas.affine, volume.shape, affine, to_atlas)
        return FaceMask(kept < HALF, to_atlas, self.version())

    def register(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> Affine:
        """Return the (4, 4) affine, world of the volume → world of the atlas.

        Raises
        ------
        EngineError
            If niimath fails or its answer is not an invertible affine.
        """
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
