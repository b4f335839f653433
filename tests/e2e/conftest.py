from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from app_runs import EXAMPLE, KEY, ROOT, Run, Runner
from trees import digest


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Run ``run.py`` as a user does, with a key that is the same in each run."""
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_bytes(KEY)

    def run(
        bids_dir: Path, out: Path, level: str = "participant", *options: str, code: int | None = 0
    ) -> Run:
        done = subprocess.run(
            [sys.executable, ROOT / "run.py", bids_dir, out, level, "--key", key, *options],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "200"},
        )
        words = done.stdout + done.stderr
        assert "Traceback" not in words, words
        if code is not None:
            assert done.returncode == code, words
        return Run(done.returncode, out, out.with_name(out.name + "_private"), words)

    return run


@pytest.fixture(scope="session")
def source_before() -> dict[str, tuple[object, ...]]:
    """What the example looked like before anything ran on it."""
    return digest(EXAMPLE, times=True)


@pytest.fixture(scope="session")
def derivative(
    app: Runner,
    tmp_path_factory: pytest.TempPathFactory,
    source_before: dict[str, tuple[object, ...]],
) -> Run:
    """The example, de-identified with two processes."""
    assert source_before
    return app(EXAMPLE, tmp_path_factory.mktemp("derivative") / "out", "participant",
               "--nprocs", "2")  # fmt: skip


@pytest.fixture(scope="session")
def raw(app: Runner, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The example in the raw layout."""
    return app(EXAMPLE, tmp_path_factory.mktemp("raw") / "out", "participant",
               "--layout", "raw", "--nprocs", "2", "--skip-bids-validation")  # fmt: skip


@pytest.fixture(scope="session")
def example_module() -> ModuleType:
    """The script that made the example, which knows where the faces are."""
    spec = importlib.util.spec_from_file_location("make_example", ROOT / "data/make_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
