"""pydeface itself, with FSL's FLIRT, for those who have FSL.

pydeface runs as its users run it, in a process of its own, and so asks FLIRT what it always asks.
What is taken from it is FLIRT's matrix, in world coordinates.  The matrix is believed only if it
carries the face mask to where FLIRT carried it: nipype, which starts FLIRT for pydeface, does not
look at how FLIRT ends.

FSL's convention: a matrix maps the coordinates of ``-in`` (the atlas) to those of ``-ref`` (the
head).  They are voxels times voxel size in mm, whatever sform and qform say, with the first axis
run backwards where the determinant of the sform is positive (M. Jenkinson, "FLIRT Affine
Matricies Applied to mm Coordinates", FSL mailing list, 27 July 2009; ``fsl.transform.flirt`` of
fslpy does the same).
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, carry, mean_volume
from bidsdeid.errors import EngineError, ImageError, ToolError, UsageError
from bidsdeid.io.process import run
from bidsdeid.resources import installed_folder

#: What pydeface's ``--cost`` can be.  FLIRT also has labeldiff and bbr, which need more images.
COSTS = ("mutualinfo", "corratio", "normcorr", "normmi", "leastsq")

#: A registration takes 4 minutes; this is for a large image on a machine that is very busy.
TIMEOUT_S = 3600.0

#: Share of voxels in which FLIRT's mask and ours may differ: the two round at the mask's edge.
MASKS_DIFFER = 0.02

#: What pydeface is given, and what it leaves beside it because of ``--nocleanup``.  It replaces
#: ".gz" and ".nii" in the whole path, folders included, so it is given a name without folders.
_HEAD, _TEMPLATE, _FACEMASK = "head.nii.gz", "atlas.nii.gz", "keep.nii.gz"
_MATRIX, _WARPED = "head_pydeface.mat", "head_pydeface_mask.nii.gz"


@dataclass(frozen=True, slots=True)
class FlirtEngine:
    """pydeface's own registration.

    Parameters
    ----------
    cost : {"mutualinfo", "corratio", "normcorr", "normmi", "leastsq"}
        pydeface's ``--cost``.  pydeface makes it FLIRT's ``-searchcost``, which chooses the
        orientation to start from; the registration proper always goes by FLIRT's own default, the
        correlation ratio.

    Raises
    ------
    UsageError
        If there is no such cost.
    """

    cost: str = "mutualinfo"

    def __post_init__(self) -> None:
        if self.cost not in COSTS:
            message = f"FLIRT has no such cost: choose from {', '.join(COSTS)}"
            raise UsageError(message)

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed."""
        sentences = []
        try:
            installed_folder("pydeface")
        except ToolError as error:
            sentences.append(str(error))
        # pydeface 2.1 asks for `fsl`, though it runs `flirt` only.
        programs = all(shutil.which(name) for name in ("fsl", "flirt"))
        if not (os.environ.get("FSLDIR") and programs):
            sentences.append(
                "FSL is not installed: set FSLDIR and put its bin on PATH, "
                "or use --deface-engine auto"
            )
        return tuple(sentences)

    def version(self) -> str:
        """Return name and version of the tool."""
        return f"pydeface {importlib.metadata.version('pydeface')} with FSL {_fsl_version()}"

    def register(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> Affine:
        """Return the (4, 4) affine, world of the volume → world of the atlas.

        Parameters
        ----------
        volume : (X, Y, Z) array, finite
        affine : (4, 4) array, voxel → RAS+ mm
        atlas : Atlas
        work_dir : Path
            A private folder.  Nothing stays in it.

        Raises
        ------
        EngineError
            If pydeface fails, or its matrix is not to be trusted.
        """
        from_head = _world_to_flirt(volume.shape, affine)
        from_atlas = _world_to_flirt(atlas.head.shape, atlas.affine)
        # A folder for this call alone: nothing of an earlier one can be taken for an answer.
        with tempfile.TemporaryDirectory(
            prefix="flirt-", dir=work_dir, ignore_cleanup_errors=True
        ) as name:
            folder = Path(name).absolute()
            _save(folder / _HEAD, volume, affine)
            _save(folder / _TEMPLATE, atlas.head, atlas.affine)
            _save(folder / _FACEMASK, atlas.keep, atlas.affine)
            self._pydeface(folder)
            atlas_to_head = _read_matrix(folder / _MATRIX)
            to_atlas: Affine = np.linalg.inv(from_atlas) @ np.linalg.inv(atlas_to_head) @ from_head
            _check(to_atlas, folder / _WARPED, volume, affine, atlas)
        return to_atlas

    def _pydeface(self, folder: Path) -> None:
        try:
            done = run(
                [sys.executable, "-m", "pydeface", _HEAD, "--outfile", "defaced.nii.gz",
                 "--template", _TEMPLATE, "--facemask", _FACEMASK, "--cost", self.cost,
                 "--nocleanup"],
                timeout_s=TIMEOUT_S,
                env=_environment(folder),
                cwd=folder,
            )  # fmt: skip
        except ToolError as error:
            message = f"pydeface could not register the image: {error}"
            raise EngineError(message) from error
        if done.returncode != 0:
            message = (
                f"pydeface could not register the image (exit code {done.returncode}): "
                "try --deface-engine auto"
            )
            raise EngineError(message)


def _environment(folder: Path) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("FSLDIR",) if name in os.environ},
        # pydeface's copies of the head stay in the private folder.
        "TMPDIR": str(folder),
        # nipype reads no settings of the user's, writes none, and asks no server for its version.
        "NIPYPE_CONFIG_DIR": str(folder / "nipype"),
        "NIPYPE_NO_ET": "1",
        "NO_ET": "1",
        "OMP_NUM_THREADS": "1",
    }


def _fsl_version() -> str:
    path = Path(os.environ.get("FSLDIR", "")) / "etc" / "fslversion"
    try:
        found = re.match(r"\d+(\.\d+)*", path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        found = None
    return found[0] if found else "of unknown version"


def _save(path: Path, data: Floats | Bools, affine: Affine) -> None:
    # nibabel sets the sform and leaves the qform unset, so that FSL cannot find them to disagree.
    nib.save(nib.Nifti1Image(data.astype(np.float32), affine), path)


def _number(word: str) -> float:
    # Some builds of FSL write C's hexadecimal floats, as in 0x1.8p+1.
    return float.fromhex(word) if "0x" in word.lower() else float(word)


def _read_matrix(path: Path) -> Affine:
    try:
        lines = path.read_text("ascii").splitlines()
        rows = [[_number(word) for word in line.split()] for line in lines if line.strip()]
        matrix: Affine = np.array(rows, dtype=float)
    except (OSError, ValueError, OverflowError) as error:
        message = "FLIRT wrote no matrix: try --deface-engine auto"
        raise EngineError(message) from error
    if not _is_affine(matrix):
        message = "FLIRT's matrix is not an affine that can be inverted: try --deface-engine auto"
        raise EngineError(message)
    return matrix


def _is_affine(matrix: Affine) -> bool:
    return (
        matrix.shape == (4, 4)
        and bool(np.isfinite(matrix).all())
        and matrix[3].tolist() == [0, 0, 0, 1]
        and np.linalg.matrix_rank(matrix) == len(matrix)
    )


def _world_to_flirt(shape: tuple[int, ...], affine: Affine) -> Affine:
    """Return the (4, 4) affine, world of an image → FLIRT's coordinates of it."""
    if not _is_affine(affine):
        message = "the image's affine cannot be inverted: correct its header"
        raise EngineError(message)
    from_voxel = np.diag([*nib.affines.voxel_sizes(affine), 1.0])
    if np.linalg.det(affine) > 0:
        last = (shape[0] - 1) * from_voxel[0, 0]
        from_voxel = np.array([[-1, 0, 0, last], *np.eye(4)[1:]]) @ from_voxel
    result: Affine = from_voxel @ np.linalg.inv(affine)
    return result


def _check(to_atlas: Affine, warped: Path, volume: Floats, affine: Affine, atlas: Atlas) -> None:
    """Hold the affine against the mask that FLIRT itself carried with its matrix."""
    try:
        theirs = mean_volume(decode_image(warped.read_bytes()).data)
    except (OSError, ImageError) as error:
        message = "pydeface left no face mask: try --deface-engine auto"
        raise EngineError(message) from error
    if theirs.shape != volume.shape:
        message = "pydeface's face mask is not on the image's grid: try --deface-engine auto"
        raise EngineError(message)
    ours, covered = (
        carry(data, atlas.affine, volume.shape, affine, to_atlas)
        for data in (atlas.keep.astype(np.uint8), np.ones(atlas.keep.shape, np.uint8))
    )
    # Outside of the atlas each fills as it likes.
    inside = covered > 1 - np.finfo(np.float32).resolution
    if not inside.any() or ((ours < HALF) != (theirs < HALF))[inside].mean() > MASKS_DIFFER:
        message = (
            "FLIRT's matrix does not carry the face mask to where FLIRT carried it: "
            "try --deface-engine auto"
        )
        raise EngineError(message)
