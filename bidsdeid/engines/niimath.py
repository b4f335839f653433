"""niimath's affine registration: the second opinion.

pydeface registers its mean head to the image with 12 degrees of freedom.  niimath, a program of
3 MB that comes with its Python package, does so on copies of 2 mm.  It begins where the headers
say that the head is, and believes its brightness: where a coil bends that, or the head is cut off,
it ends 35 to 120 mm off.  So it is shown a copy of even brightness, its head on the atlas's.
"""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.head import evened
from bidsdeid.core.registration import head_centre
from bidsdeid.core.voxels import Affine, Floats, downsample
from bidsdeid.engines.atlas import reference
from bidsdeid.errors import EngineError, ToolError
from bidsdeid.io.process import run
from bidsdeid.resources import installed_folder

#: Registration is done on voxels of this size.
ZOOM_MM = 2.0

#: Brightness is evened on a copy smoothed by this (standard deviation).
_SMOOTH_MM = 1.2

#: The middle of a head is sought on voxels of this size.
_COARSE_MM = 8.0

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
    as_stored : bool
        Show it the image as it is, in the place that its header says.
    """

    threads: int = 1
    cost: str = "fast"
    as_stored: bool = False

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
        small, grid = downsample(volume, affine, ZOOM_MM)
        shift = np.eye(4)
        if not self.as_stored:
            small = _even(small, grid)
            centre = head_centre(*downsample(small, grid, _COARSE_MM))
            shift[:3, 3] = reference(atlas).centre - centre
        for name, (data, matrix) in {
            "head.nii": (small, shift @ grid),
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
        return np.asarray(_read_affine(work_dir / "affine.json") @ shift)


def _even(volume: Floats, affine: Affine) -> Floats:
    """Return an image between 0 and about 1 without what coils do to its brightness."""
    low, high = np.percentile(volume, [0.1, 99.5])
    clipped = np.clip((volume - low) / max(high - low, 1e-9), 0, 1)
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    return evened(ndimage.gaussian_filter(clipped, _SMOOTH_MM / zooms, truncate=3), zooms)


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
