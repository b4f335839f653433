"""FreeSurfer's own ``mri_synthstrip``, for those who have it."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsdeid.core.voxels import Affine, Bools, Stored
from bidsdeid.errors import EngineError
from bidsdeid.io.process import run
from bidsdeid.io.volume import read_found

PROGRAM = "mri_synthstrip"

#: An image takes a minute; this is for a machine that is very busy.
TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class FreeSurferEngine:
    """``mri_synthstrip``, as its users call it.

    Parameters
    ----------
    csf : bool
        Else ``--no-csf``.
    border_mm : float
        ``-b``.
    threads : int
        ``--threads``.
    gpu : bool
        ``-g``.
    """

    csf: bool = True
    border_mm: float = 1.0
    threads: int = 1
    gpu: bool = False

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed."""
        if shutil.which(PROGRAM) is None:
            return (f"{PROGRAM} is not on the PATH: set up FreeSurfer, or choose another engine",)
        return ()

    def version(self) -> str:
        """Return name and version of the tool."""
        home = os.environ.get("FREESURFER_HOME")
        stamp = Path(home) / "build-stamp.txt" if home else None
        try:
            found = re.search(r"\d+\.\d+\.\d+", "" if stamp is None else stamp.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            found = None
        return f"{PROGRAM} (FreeSurfer {found[0]})" if found else PROGRAM

    def find(self, volume: Stored, affine: Affine, work_dir: Path) -> Bools:
        """Find the brain; see `bidsdeid.engines.base.BrainEngine`."""
        head, mask = work_dir / "head.nii.gz", work_dir / "brain.nii.gz"
        mask.unlink(missing_ok=True)
        nib.save(nib.Nifti1Image(np.asarray(volume, np.float32), affine), head)
        argv: list[str | Path] = [PROGRAM, "-i", head, "-m", mask, "-b", f"{self.border_mm:g}"]
        argv += [] if self.csf else ["--no-csf"]
        argv += ["-g"] if self.gpu else []
        passed_on = {k: v for k, v in os.environ.items() if k.startswith(("FREESURFER", "FS_"))}
        done = run(
            argv,
            timeout_s=TIMEOUT_S,
            env={**passed_on, "OMP_NUM_THREADS": str(self.threads)},
            cwd=work_dir,
        )
        if done.returncode != 0:
            message = f"{PROGRAM} found no brain (exit code {done.returncode})"
            raise EngineError(message)
        return read_found(mask, PROGRAM, volume.shape)
