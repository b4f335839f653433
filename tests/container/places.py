"""Folders that an image is given, and those of a user that it must not look into."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app_runs import EXAMPLE, KEY
from container.engines import NOBODY
from readme_blocks import Call, calls, fenced

#: What the app is told in an image with the folders of a `Place`.
ARGUMENTS = ("/in", "/results/out", "participant", "--key", "/key")


@dataclass(frozen=True)
class Place:
    """What an image is given of this machine: a folder for results, and a key."""

    folder: Path

    @property
    def options(self) -> list[str]:
        """Mounts, as podman and docker want them."""
        return [
            "-v", f"{EXAMPLE}:/in:ro", "-v", f"{self.folder}/results:/results",
            "-v", f"{self.folder}/key:/key:ro",
        ]  # fmt: skip

    @property
    def out(self) -> Path:
        """The output."""
        return self.folder / "results" / "out"


@contextmanager
def made_place(user: int = int(NOBODY.split(":")[0])) -> Iterator[Place]:
    """Make folders of the user of the image; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="bidsdeid-test-") as name:
        place = Place(Path(name))
        place.folder.chmod(0o755)
        (place.folder / "results").mkdir()
        (place.folder / "key").write_bytes(KEY)
        (place.folder / "key").chmod(0o600)
        for owned in ("results", "key"):
            os.chown(place.folder / owned, user, user)
        yield place


def poison(folder: Path) -> Path:
    """Make a home and a folder of modules that break whatever imports from them."""
    for minor in (11, 12, 13):
        site = f"home/.local/lib/python3.{minor}/site-packages"
        (folder / site).mkdir(parents=True)
    (folder / "modules").mkdir()
    for where in [folder / "modules", *folder.glob("home/.local/lib/*/site-packages")]:
        for name in ("numpy", "nibabel", "pydicom", "bidsdeid", "argparse"):
            (where / f"{name}.py").write_text("raise SystemExit('poisoned')\n")
    return folder


def wrapped(*engines: str) -> list[Call]:
    """Return the calls of the README that such an engine runs."""
    return [x for x in calls(fenced("bash")) if x.wrapper and x.wrapper[0] in engines]


def moved(call: Call, image: str, folder: Path) -> list[str]:
    """Return a call of the README with folders of this machine, asking for help only."""
    places = re.compile("/path/to/[a-zA-Z]+|/data|/images")
    *wrapper, name = call.wrapper
    assert "bidsdeid" in name
    words = [places.sub(str(folder), x.replace("$(id -u):$(id -g)", NOBODY)) for x in wrapper]
    program = [call.program] if wrapper[1] == "exec" else []
    command = [x for x in call.arguments[:1] if x in ("audit", "slurm", "dicom", "templates")]
    return [*words[1:], image, *program, *command, "--help"]
