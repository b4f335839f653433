"""Podman or docker, an image built with it, and Apptainer, as far as they are there."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import pytest

from app_runs import ROOT

HERE = Path(__file__).parent
VARIABLE = "BIDSDEID_TEST_CONTAINERS"
PUBLIC_BASE = "docker.io/library/python:3.11-slim-bookworm"
STAND_IN = "localhost/bidsdeid-stand-in"

#: No rights beyond those of anybody, no network, nothing that can be written but what is mounted.
BOUND = (
    "--rm", "--read-only", "--network", "none", "--cap-drop", "all",
    "--security-opt", "no-new-privileges",
)  # fmt: skip
NOBODY = "12345:12345"  # in no passwd

NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})


def output_of(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """Run a program that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def cache_folder() -> Path:
    """Return where a base that was made is kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "bidsdeid-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Engine:
    """A program that builds and runs images.

    Parameters
    ----------
    program : {"podman", "docker"}
    folder : Path
        For settings of this session.
    """

    program: str
    folder: Path

    @classmethod
    def found(cls, folder: Path) -> Engine:
        """Return the first that is there, or skip the test."""
        for program in ("podman", "docker"):
            engine = cls(program, folder)
            if shutil.which(program) and engine.done("info").returncode == 0:
                return engine
        pytest.skip("neither podman nor docker is there and running")

    @cached_property
    def env(self) -> dict[str, str]:
        """Return the environment it runs in."""
        if self.program == "docker":
            return dict(os.environ)
        settings = self.folder / "containers.conf"
        settings.write_text(_podman_settings())
        return {**os.environ, "CONTAINERS_CONF": str(settings)}

    def done(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whatever that is."""
        return subprocess.run(
            [self.program, *words], capture_output=True, text=True, check=False, env=self.env
        )

    def output(self, *words: str | Path) -> str:
        """Run it; it must succeed."""
        return output_of([self.program, *words], self.env)

    def build(
        self, tag: str, target: str = "default", arguments: Mapping[str, str] = NO_ARGUMENTS
    ) -> None:
        """Build the Dockerfile as it is, on the base that can be had."""
        base, mounts = self._base()
        given = {"BASE": base, **arguments}.items()
        words = [word for name, value in given for word in ("--build-arg", f"{name}={value}")]
        self.output("build", *words, *mounts, "--target", target, "-t", tag, ROOT)

    def start(self, image: str, *words: str | Path, options: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs an image as nobody, with no rights."""
        bound = [*BOUND, *(["--read-only-tmpfs=false"] if self.program == "podman" else [])]
        return [self.program, "run", *bound, "--user", NOBODY, *options, image, *map(str, words)]

    def run(
        self, image: str, *words: str | Path, options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run an image as nobody, with no rights."""
        command = self.start(image, *words, options=options)
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self.env)

    def _has(self, image: str) -> bool:
        return self.done("image", "inspect", image).returncode == 0

    def _base(self) -> tuple[str, list[str]]:
        """Return a base image, and options for a build on it."""
        if self._has(PUBLIC_BASE):
            return PUBLIC_BASE, []
        if self.program == "podman" and shutil.which("mmdebstrap"):
            return self._stand_in()
        if self.done("pull", PUBLIC_BASE).returncode == 0:
            return PUBLIC_BASE, []
        pytest.skip("no base image: neither can it be pulled nor, for want of mmdebstrap, be made")

    def _stand_in(self) -> tuple[str, list[str]]:
        """Make or find the stand-in, with pip's settings mounted for the build alone."""
        mounts = _pip_mounts(self.folder / "pip.conf")
        script = HERE / "stand_in_base.sh"
        places = [f"{place}/" if source.is_dir() else f"{place}" for source, place in mounts]
        recipe = script.read_bytes() + "\n".join(places).encode()
        name = hashlib.sha256(recipe).hexdigest()[:12]
        image = f"{STAND_IN}:{name}"
        if not self._has(image):
            tar = cache_folder() / f"base-{name}.tar"
            if not tar.is_file():
                output_of([script, tar, *places])
            self.output(
                "import", "--change", "ENV LANG=C.UTF-8", "--change",
                "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
                tar, image,
            )  # fmt: skip
        options = ["--pull=never", "--network", "host", "--isolation", "chroot",
                   "--build-arg", "TORCH_INDEX="]  # fmt: skip
        for source, place in mounts:
            options += ["-v", f"{source}:{place}:ro"]
        return image, options


def _podman_settings() -> str:
    """Return settings with which podman runs inside another container, too."""
    limits = []
    for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        hard = resource.getrlimit(kind)[1]
        most = 16384 if hard == resource.RLIM_INFINITY else min(16384, hard)
        limits.append(f'"{name}={min(1024, most) if name == "nofile" else most}:{most}"')
    lines = ["[containers]", f"default_ulimits = [{', '.join(limits)}]", "[engine]"]
    if shutil.which("runc"):
        lines.append('runtime = "runc"')
    if not Path("/run/systemd/system").is_dir():
        lines += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
    return "\n".join(lines) + "\n"


def _pip_mounts(file: Path) -> list[tuple[Path, str]]:
    """Write pip's settings of this machine to a file; return what a build must see of it."""
    listed = output_of([sys.executable, "-m", "pip", "config", "list"])
    found = re.findall(r"^(?:global|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE)
    settings = dict(found)
    file.write_text("[global]\n" + "".join(f"{k} = {v}\n" for k, v in settings.items()))
    mounts = [(file, "/etc/pip.conf")] if settings else []
    for word in " ".join(settings.values()).split():
        path = Path(re.sub(r"/simple/*$", "", word.removeprefix("file://")))
        # An index keeps its files beside its folder `simple`.
        if path.is_absolute() and path.exists() and path not in {source for source, _ in mounts}:
            mounts.append((path, str(path)))
    return mounts
