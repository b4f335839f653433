"""The images under test, each made once in a session, for all tests that need one."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from app_runs import ROOT
from container.engines import VARIABLE, Engine, output_of

TAG = "localhost/bidsdeid-test"


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Make a folder that everybody can read; it is gone when the tests have ended."""
    folder = tempfile.TemporaryDirectory(prefix="bidsdeid-test-images-")
    Path(folder.name).chmod(0o755)
    return folder


@cache
def engine() -> Engine:
    """Return what builds and runs images, or skip the test."""
    if os.environ.get(VARIABLE) != "1":
        pytest.skip(f"set {VARIABLE}=1 to build and run the image")
    if os.getuid() != 0:
        pytest.skip("only root can give folders to the user of the image")
    return Engine.found(Path(_scratch().name))


@cache
def image() -> str:
    """Return the image that the Dockerfile makes if nothing is said."""
    engine().build(TAG)
    return TAG


@cache
def image_with_weights() -> str:
    """Return the same with SynthStrip's weights."""
    tag = f"{TAG}:weights"
    engine().build(tag, arguments={"SYNTHSTRIP_WEIGHTS": "yes"})
    return tag


@cache
def sif() -> Path:
    """Return the image as Apptainer has it, by the definition."""
    if shutil.which("apptainer") is None:
        pytest.skip("apptainer is not installed")
    archive, made = (Path(_scratch().name) / name for name in ("image.tar", "bidsdeid.sif"))
    podman = engine().program == "podman"
    form = ["--format", "docker-archive"] if podman else []
    engine().output("save", *form, "-o", archive, image())
    output_of(
        ["apptainer", "build", "--fakeroot", "--force",
         "--mksquashfs-args", "-comp gzip -Xcompression-level 1",
         "--build-arg", "BOOTSTRAP=docker-archive", "--build-arg", f"FROM={archive}",
         made, ROOT / "Singularity.def"]
    )  # fmt: skip
    archive.unlink()
    return made
