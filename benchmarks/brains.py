"""Brain masks: what each engine costs, and how far they agree.

    python benchmarks/brains.py IMAGE.nii.gz [IMAGE.nii.gz ...] [--threads N] [--json FILE]

Every engine that is installed finds the brain of each image in a process of its own, start of
Python included: `synthstrip` (ours), `freesurfer` (mri_synthstrip), `deepbet`, `atlas` (the
template), and the command `nipreps-synthstrip`, which runs the same weights on torch, where it is
on the PATH.  Printed are wall time, processor time, peak memory, the volume of the mask, and its
overlap with that of `synthstrip` (Dice coefficient, difference of volume, and voxels that differ
per voxel of the mask's surface).  Where that command is there, `nipreps`, which is to do what it
does, is compared with it, too, on a line of its own.  Gates are not asked: this is about engines.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from speed import Cost, measure

from bidsdeid.config import ENGINES, BrainOptions
from bidsdeid.core.brain import BrainMask
from bidsdeid.core.head import dice
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.voxels import look_up
from bidsdeid.io.weights import find_weights
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.brain_cascade import brain_cascade

Mask = NDArray[np.bool_]

#: The command, and the engine of ours that does what it does.
_ORIGINAL, _OURS = "nipreps-synthstrip", "nipreps"


def find(engine: str, image: Path, out: Path, threads: int) -> None:
    """Write the mask that an engine finds in an image, its largest body filled."""
    steps = brain_cascade(BrainOptions(engine=engine), lambda: (pydeface_atlas(),), threads)
    source = decode_image(image.read_bytes())
    with tempfile.TemporaryDirectory() as work:
        marked = steps[0].engine.find(source.still(), source.affine, Path(work))
    mask = BrainMask.of(marked, source.affine)
    brain = look_up(mask.brain, mask.affine, marked.shape, source.affine, np.eye(4))
    nib.save(nib.Nifti1Image(brain.astype(np.uint8), source.affine), out)


def installed() -> list[str]:
    """Return the engines that can be asked here, ours first."""
    names = []
    for engine in ENGINES:
        try:
            brain_cascade(BrainOptions(engine=engine), lambda: (pydeface_atlas(),))
        except Exception as error:  # noqa: BLE001 -- whatever is missing, it is told
            print(f"{engine}: left out ({error})", file=sys.stderr)
        else:
            names.append(engine)
    return [*names, *([_ORIGINAL] if shutil.which(_ORIGINAL) else [])]


def command(engine: str, image: Path, out: Path, threads: int) -> list[str | Path]:
    """Return the command that runs an engine."""
    if engine == _ORIGINAL:
        weights = find_weights(None).path
        return [_ORIGINAL, "-i", image, "-m", out, "--model", weights, "-n", str(threads)]
    own: list[str | Path] = [sys.executable, Path(__file__), "--find", engine, "--out", out]
    return [*own, "--threads", str(threads), image]


def compare(mask: Mask, other: Mask) -> tuple[float, float, float]:
    """Return overlap, difference of volume (%), and voxels that differ (% of the surface)."""
    surface = other & ~np.asarray(ndimage.binary_erosion(other))
    difference = 100 * (mask.sum() / other.sum() - 1)
    return dice(mask, other), float(difference), float(100 * (mask ^ other).sum() / surface.sum())


def stored(path: Path) -> Mask:
    """Return the mask in a file."""
    return np.squeeze(np.asarray(nib.Nifti1Image.from_filename(path).dataobj) > 0)


def row(engine: str, cost: Cost, path: Path, first: Path) -> dict[str, float | str]:
    """Return what is told of one mask."""
    image = nib.Nifti1Image.from_filename(path)
    mask, other = stored(path), stored(first)
    voxel_ml = abs(float(np.linalg.det(np.asarray(image.affine)[:3, :3]))) / 1000
    overlap, difference, surface = compare(mask, other)
    return {
        "engine": engine, "wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "peak_mb": cost.peak_mb,
        "volume_ml": float(mask.sum()) * voxel_ml, "dice": overlap,
        "volume_percent": difference, "surface_percent": surface,
    }  # fmt: skip


def main() -> None:
    """Ask every engine for the brain of each image."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--find", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.find:
        find(options.find, options.images[0], options.out, options.threads)
        return
    engines, results = installed(), {}
    print(f"{'':40} {'wall s':>8} {'CPU s':>8} {'MB':>8} {'mL':>7} {'Dice':>7} {'vol %':>6}"
          f" {'surface %':>10}")  # fmt: skip
    for image in options.images:
        with tempfile.TemporaryDirectory() as work:
            outs = {
                engine: Path(work) / f"{number}.nii.gz" for number, engine in enumerate(engines)
            }
            for engine, out in outs.items():
                cost = measure(command(engine, image, out, options.threads))
                if not out.is_file():
                    print(f"{image.name[:20]:20} {engine:19} no mask")
                    continue
                told = row(engine, cost, out, outs[engines[0]])
                results[f"{image.name} {engine}"] = told
                print(f"{image.name[:20]:20} {engine:19} {cost} {told['volume_ml']:7.0f} "
                      f"{told['dice']:7.4f} {told['volume_percent']:6.2f} "
                      f"{told['surface_percent']:10.2f}", flush=True)  # fmt: skip
            pair = [outs[name] for name in (_OURS, _ORIGINAL) if name in outs]
            if len(pair) == 2 and all(out.is_file() for out in pair):  # noqa: PLR2004 -- a pair
                overlap, difference, surface = compare(stored(pair[0]), stored(pair[1]))
                results[f"{image.name} {_OURS} with {_ORIGINAL}"] = {
                    "dice": overlap, "volume_percent": difference, "surface_percent": surface,
                }  # fmt: skip
                print(f"{image.name[:20]:20} {f'{_OURS} with {_ORIGINAL}':54} {overlap:7.4f} "
                      f"{difference:6.2f} {surface:10.2f}", flush=True)  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
