from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app_runs import EXAMPLE, KEY
from cluster.one_machine_slurm import Cluster, cluster, missing_tools
from container import images
from trees import digest

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("BIDSDEID_TEST_SLURM") != "1", reason="BIDSDEID_TEST_SLURM=1 is not set"
    ),
    pytest.mark.skipif(bool(missing_tools()), reason=f"Slurm is not installed: {missing_tools()}"),
]

Submit = Callable[..., list[str]]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("slurm")
    with cluster(root / "cluster") as running:
        running.env["PATH"] = f"{Path(sys.executable).parent}:{running.env['PATH']}"
        yield running


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_bytes(KEY)
    return path


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    """The example, done by one process."""
    out = tmp_path_factory.mktemp("one") / "out"
    app = [sys.executable, "-m", "bidsdeid", str(EXAMPLE), str(out), "participant"]
    options = ["--key", str(key), "--skip-bids-validation"]
    subprocess.run([*app, *options], check=True, capture_output=True)
    return out


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "it's the 100% out"


@pytest.fixture
def submit(machine: Cluster, key: Path, out: Path) -> Submit:
    """Submit the example, and return the numbers of its jobs."""

    def submit(*options: str) -> list[str]:
        words = ["slurm", str(EXAMPLE), str(out), "--submit", *options]
        behind = ["--", "--key", str(key), "--skip-bids-validation"]
        app = [sys.executable, "-m", "bidsdeid", *words, *behind]
        done = subprocess.run(app, env=machine.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        jobs = re.search(r"submitted: ([\d, ]+);", done.stdout)
        assert jobs is not None
        return jobs[1].split(", ")

    return submit


def private(out: Path) -> Path:
    return out.with_name(out.name + "_private")


def logs(out: Path) -> str:
    folder = private(out) / "slurm" / "logs"
    return "\n".join(path.read_text() for path in sorted(folder.iterdir()))


def test_a_large_dataset_is_several_arrays(
    machine: Cluster,
    submit: Submit,
    out: Path,
    one_run: Path,
) -> None:
    *arrays, group = submit("--max-array", "2", "--throttle", "2", "--time", "10")
    assert len(arrays) == 2
    machine.wait(lambda: machine.ended(group))
    assert set(machine.states(group).values()) == {"COMPLETED"}, logs(out)
    assert digest(out) == digest(one_run)
    first, last = arrays
    names = {f"{first}_1.log", f"{first}_2.log", f"{last}_1.log", f"{group}_group.log"}
    assert {path.name for path in (private(out) / "slurm/logs").iterdir()} == names


def test_the_image_gives_the_bytes_of_one_run(
    machine: Cluster,
    submit: Submit,
    out: Path,
    one_run: Path,
) -> None:
    array, group = submit("--throttle", "2", "--image", str(images.sif()))
    machine.wait(lambda: machine.ended(group))
    assert set(machine.states(array).values()) == {"COMPLETED"}, logs(out)
    assert set(machine.states(group).values()) == {"COMPLETED"}, logs(out)
    assert digest(out) == digest(one_run)


def test_a_killed_task_a_requeued_one_and_then_the_rest(
    machine: Cluster,
    submit: Submit,
    out: Path,
    one_run: Path,
) -> None:
    array, group = submit("--mem", "500")

    def working(task: str) -> list[int]:
        """Return the processes of a task once the app is at work in its folder."""
        for job in machine.jobs(array):
            if (job.task, job.state) == (task, "RUNNING"):
                found = machine.processes(job)
                if any("--participant-label" in machine.command_of(x) for x in found):
                    return list(found)
        return []

    machine.wait(lambda: working("1"))
    machine.call("scontrol", "requeue", f"{array}_1")
    machine.wait(lambda: working("2"))
    machine.kill(*working("2"))
    machine.wait(lambda: machine.states(array)["2"] == "FAILED")
    machine.wait(lambda: machine.states(array)["1"] == "PENDING")
    # Slurm waits two minutes before it begins a requeued task again.
    machine.call("scontrol", "update", f"jobid={array}_1", "StartTime=now")
    machine.wait(lambda: machine.ended(array))
    machine.wait(lambda: machine.ended(group))
    assert set(machine.states(group).values()) == {"CANCELLED"}
    assert not (out / "dataset_description.json").exists()
    assert machine.states(array) == {"1": "COMPLETED", "2": "FAILED", "3": "COMPLETED"}, logs(out)
    again, group = submit("--resume")
    machine.wait(lambda: machine.ended(group))
    assert machine.states(again) == {"1": "COMPLETED"}, logs(out)
    assert set(machine.states(group).values()) == {"COMPLETED"}, logs(out)
    assert digest(out) == digest(one_run)
    assert not list((private(out) / "work").iterdir())


def test_a_lost_node(machine: Cluster, submit: Submit, out: Path, one_run: Path) -> None:
    array, group = submit("--throttle", "1", "--sbatch-option", "nodelist=n3")
    machine.wait(lambda: any(machine.processes(job) for job in machine.jobs(array)))
    (job,) = [job for job in machine.jobs(array) if machine.processes(job)]
    assert job.node == "n3"
    machine.lose_node("n3", job)
    machine.wait(lambda: machine.states(array)[job.task] == "PENDING")
    machine.start_node("n3")
    machine.wait(lambda: machine.call("sinfo", "-h", "-n", "n3", "-t", "idle,mixed,alloc"))
    machine.call("scontrol", "update", f"jobid={array}_{job.task}", "StartTime=now")
    machine.wait(lambda: machine.ended(group))
    assert set(machine.states(array).values()) == {"COMPLETED"}, logs(out)
    assert set(machine.states(group).values()) == {"COMPLETED"}, logs(out)
    assert digest(out) == digest(one_run)
