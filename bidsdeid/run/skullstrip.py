"""``bidsdeid skullstrip``: one image, with the flags of FreeSurfer's ``mri_synthstrip``.

The engines and the gates are those of the app.  What is written has a header built anew and the
stored values of the brain; nothing is written if no mask is believed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from bidsdeid.argument_types import Parser, count, millimetres, months
from bidsdeid.config import ENGINES, BrainOptions
from bidsdeid.core.air import air_of
from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.nifti import Image, decode_image, encode_image, mask_header
from bidsdeid.core.voxels import remove_voxels
from bidsdeid.errors import InputError, StoreError, UsageError
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.brain_cascade import brain_cascade, check_skullstrip
from bidsdeid.run.brains import BrainFinder
from bidsdeid.run.search import searchable


def main(argv: Sequence[str]) -> int:
    """Skull-strip an image and return an exit code.

    Raises
    ------
    BidsdeidError
        If the image cannot be read, no mask is believed, or the result cannot be written.
    """
    options = _parser().parse_args(argv)
    if options.out is None and options.mask is None:
        message = "nothing would be written: give --out, --mask or both"
        raise UsageError(message)
    targets = [target for target in (options.out, options.mask) if target is not None]
    _check_targets(options.image, targets)
    brain = BrainOptions(
        options.skullstrip_engine, options.model, not options.no_csf, options.border, options.gpu
    )
    check_skullstrip(brain)
    image = _read(options.image)
    head = searchable(image)
    steps = brain_cascade(brain, lambda: (pydeface_atlas(),), options.threads)
    with tempfile.TemporaryDirectory(prefix="bidsdeid-") as scratch:
        finder = BrainFinder(steps, Path(scratch))
        found = finder.find(image.still(), image.affine, head, options.age_months)
    _write_all(image, found, options)
    print(f"{found.metrics.volume_ml:.0f} mL of brain, found by {found.method}")  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="bidsdeid skullstrip",
        description="Keep the brain in one image, with the flags of mri_synthstrip.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-i", "--image", type=Path, required=True, metavar="FILE", help="NIfTI image of a head")
    add("-o", "--out", type=Path, metavar="FILE", help="the image with only the brain left")
    add("-m", "--mask", type=Path, metavar="FILE", help="the brain mask, 1 in the brain")
    add("-b", "--border", type=millimetres, default=1.0, metavar="MM",
        help="how far beyond the brain the mask goes (default: 1)")  # fmt: skip
    add("--no-csf", action="store_true", help="leave out cerebrospinal fluid")
    add("-g", "--gpu", action="store_true", help="use the GPU")
    add("-t", "-n", "--threads", type=count, default=len(os.sched_getaffinity(0)), metavar="N",
        help="(default: all processors)")  # fmt: skip
    add("--model", "--synthstrip-weights", type=Path, metavar="FILE", help="SynthStrip's weights")
    add("--skullstrip-engine", choices=("auto", *ENGINES), default="auto",
        help="who finds the brain (default: the first that is installed)")  # fmt: skip
    add("--age-months", type=months, metavar="N", help="tells which volumes are plausible")
    return parser


def _check_targets(source: Path, targets: Sequence[Path]) -> None:
    if len({os.path.realpath(target) for target in targets}) < len(targets):
        message = "--out and --mask name one file: name two"
        raise UsageError(message)
    for target in targets:
        if not target.name.endswith((".nii", ".nii.gz")):
            message = "output files end in .nii or .nii.gz"
            raise UsageError(message)
        if os.path.realpath(target) == os.path.realpath(source):
            message = "the output is the input: name another file"
            raise UsageError(message)


def _read(path: Path) -> Image:
    try:
        return decode_image(path.read_bytes())
    except OSError as error:
        message = f"the image cannot be read: {error.strerror}"
        raise InputError(message) from error


def _write_all(image: Image, found: BrainEstimate, options: argparse.Namespace) -> None:
    remove = found.remove_on(image.data.shape[:3], image.affine)
    if options.out is not None:
        air = air_of(image.data, image.slope, float(image.header["scl_inter"]))
        stripped = remove_voxels(image.data, remove, fill=air)
        packed = options.out.name.endswith(".gz")
        _write(options.out, encode_image(image.header, stripped, gzipped=packed))
    if options.mask is not None:
        keep = (~remove).astype(np.uint8)
        packed = options.mask.name.endswith(".gz")
        _write(options.mask, encode_image(mask_header(image.header), keep, gzipped=packed))


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        message = f"the output cannot be written: {error.strerror}"
        raise StoreError(message) from error
