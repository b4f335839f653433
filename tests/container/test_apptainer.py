"""The image of the definition, built by Apptainer and run as an ordinary user."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app_runs import EXAMPLE, Run
from bidsdeid import __version__
from container.engines import output_of
from container.places import ARGUMENTS, Place, made_place, moved, poison, wrapped
from readme_blocks import Call
from trees import digest

#: Apptainer wants a user who has a name.
ORDINARY = "nobody"


@pytest.fixture
def ordinary_place() -> Iterator[Place]:
    with made_place(pwd.getpwnam(ORDINARY).pw_uid) as made:
        yield made


def _apptainer(home: Path, verb: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Apptainer as an ordinary user, whose home and PYTHONPATH are what they are."""
    user = pwd.getpwnam(ORDINARY)
    drop = ["setpriv", "--reuid", f"{user.pw_uid}", "--regid", f"{user.pw_gid}", "--clear-groups"]
    return subprocess.run(
        [*drop, "apptainer", verb, "--home", home / "home", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home / "home"),
            "PYTHONPATH": str(home / "modules"),
        },
    )


def test_the_definition_tests_and_explains_itself(sif: Path) -> None:
    assert __version__ in output_of(["apptainer", "test", sif])
    assert "OUT_private" in output_of(["apptainer", "run-help", sif])
    assert __version__ in output_of(["apptainer", "inspect", sif])


def test_apptainer_gives_the_same_bytes(sif: Path, ordinary_place: Place, released: Run) -> None:
    place = ordinary_place
    home = poison(place.folder / "poison")
    mounts = ["-B" if option == "-v" else option for option in place.options]
    done = _apptainer(home, "run", "--containall", "--cleanenv", *mounts, sif, *ARGUMENTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert digest(place.out) == digest(released.out)


@pytest.mark.parametrize("program", [["run"], ["exec", "bidsdeid"]])
def test_apptainer_without_its_walls_sees_no_module_of_the_user(
    sif: Path, ordinary_place: Place, program: list[str]
) -> None:
    """Neither --containall nor --cleanenv: home and environment are the user's."""
    home = poison(ordinary_place.folder / "poison")
    verb, *inside = program
    words = [sif, *inside, "/in", "/nowhere/out", "participant", "--dry-run"]
    mounts = ["-B", f"{home}:{home}:ro", "-B", f"{EXAMPLE}:/in:ro"]
    done = _apptainer(home, verb, *mounts, *words)
    assert done.returncode == 0, done.stderr
    assert "poisoned" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "call", wrapped("apptainer", "singularity"), ids=lambda x: " ".join(x.wrapper)
)
def test_commands_of_the_readme_run(sif: Path, place: Place, call: Call) -> None:
    said = output_of(["apptainer", *moved(call, str(sif), place.folder)])
    assert said.startswith("usage: bidsdeid")
