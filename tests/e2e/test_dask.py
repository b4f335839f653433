"""The app on a real cluster of Dask: one scheduler, two workers, three processes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app_runs import EXAMPLE, Run, Runner
from trees import digest

pytest.importorskip("distributed")

ARRIVAL_S = 60


def free_port() -> int:
    with socket.socket() as anywhere:
        anywhere.bind(("127.0.0.1", 0))
        port: int = anywhere.getsockname()[1]
        return port


@contextmanager
def cluster(folder: Path, *worker_options: str, workers: int = 2) -> Iterator[str]:
    """Start a scheduler and workers, and give the address."""
    address = f"127.0.0.1:{free_port()}"
    dask = [sys.executable, "-m", "distributed.cli.dask_"]
    port = address.rpartition(":")[2]
    commands = [["scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"]]
    commands += [
        ["worker", address, "--no-dashboard", "--host", "127.0.0.1", "--local-directory",
         str(folder / str(number)), *worker_options]
        for number in range(workers)
    ]  # fmt: skip
    with (folder / "cluster.log").open("w") as log:
        started = [
            subprocess.Popen([*dask[:2], dask[2] + words[0], *words[1:]], stdout=log, stderr=log)
            for words in commands
        ]
        try:
            yield address
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(ARRIVAL_S)


def test_two_workers_make_the_same_bytes_as_one_process(
    app: Runner, derivative: Run, tmp_path: Path
) -> None:
    with cluster(tmp_path, "--nthreads", "1") as address:
        run = app(EXAMPLE, tmp_path / "out", "participant", "--executor", "dask",
                  "--scheduler", address, "--skip-bids-validation")  # fmt: skip
    assert digest(run.out) == digest(derivative.out)
    log = (tmp_path / "cluster.log").read_text()
    assert log.count("Starting established connection to") >= 2 + 1, "both workers were there"


def test_a_participant_that_crashes_on_a_worker_is_told_and_the_others_go_on(
    app: Runner, derivative: Run, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    shutil.copytree(EXAMPLE, source)
    taken = min(p.name for p in derivative.out.glob("sub-*"))
    (tmp_path / "out" / taken).mkdir(parents=True)
    (tmp_path / "out" / taken / "foreign").write_text("x")
    with cluster(tmp_path, "--nthreads", "1", workers=1) as address:
        run = app(source, tmp_path / "out", "participant", "--executor", "dask", "--scheduler",
                  address, "--skip-bids-validation", code=None)  # fmt: skip
    assert run.code not in (0, 1)
    assert f"{taken}: not done" in run.words
    done = {p.name for p in run.out.glob("sub-*")} - {taken}
    assert done == {p.name for p in derivative.out.glob("sub-*")} - {taken}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--nthreads", "2"), "start the workers with --nthreads 1"),
        (None, "no scheduler answers"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_told(
    app: Runner, tmp_path: Path, options: tuple[str, ...] | None, sentence: str
) -> None:
    words = ("--executor", "dask", "--skip-bids-validation", "--scheduler")
    if options is None:
        run = app(EXAMPLE, tmp_path / "out", "participant", *words, "127.0.0.1:9", code=64)
    else:
        with cluster(tmp_path, *options, workers=1) as address:
            time.sleep(1)
            run = app(EXAMPLE, tmp_path / "out", "participant", *words, address, code=64)
    assert sentence in run.words
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_a_scheduler_without_dask_is_a_mistake(app: Runner, tmp_path: Path) -> None:
    run = app(EXAMPLE, tmp_path / "out", "participant", "--scheduler", "127.0.0.1:1", code=64)
    assert "--scheduler is for --executor dask" in run.words
