"""Slurm on this machine alone, with virtual nodes; nothing of it needs systemd or munge."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TOOLS = ("slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "sinfo")

_CONF = """\
ClusterName=ci
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2,sched_min_interval=0
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=30
KillWait=3
MinJobAge=3600
MaxArraySize=1001
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
{nodes}
PartitionName=main Nodes=n[1-{count}] Default=YES MaxTime=INFINITE State=UP
"""


def missing_tools() -> list[str]:
    """Return the programs of Slurm that are not installed."""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin"
    return [tool for tool in TOOLS if shutil.which(tool, path=places) is None]


@dataclass(frozen=True)
class Job:
    """A job or a task of an array, as the queue has it."""

    array: str
    task: str
    number: str
    state: str
    node: str


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    root: Path
    env: dict[str, str]

    def call(self, *words: str) -> str:
        """Run a program of Slurm and return what it prints."""
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def jobs(self, number: str = "") -> list[Job]:
        """Return all jobs, ended ones too, or those of one number."""
        lines = self.call("squeue", "-h", "-r", "-t", "all", "-o", "%F %K %A %T %N").splitlines()
        fields = [(line + " -").split()[:5] for line in lines]
        return [job for job in (Job(*words) for words in fields) if number in ("", job.array)]

    def wait(self, what: Callable[[], object], seconds: float = 120) -> None:
        """Wait until something holds."""
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, self.jobs()
            time.sleep(0.1)

    def ended(self, number: str) -> bool:
        """Tell whether all tasks of a job have ended."""
        left = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED"}
        jobs = self.jobs(number)
        return bool(jobs) and not {job.state for job in jobs} & left

    def states(self, number: str) -> dict[str, str]:
        """Return the states of a job's tasks."""
        return {job.task: job.state for job in self.jobs(number)}

    def processes(self, job: Job) -> list[int]:
        """Return the processes of a job, by their environment."""
        mark = f"SLURM_JOB_ID={job.number}".encode()
        conf = f"SLURM_CONF={self.env['SLURM_CONF']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                variables = (folder / "environ").read_bytes().split(b"\0")
                if mark in variables and conf in variables:
                    found.append(int(folder.name))
        return found

    def command_of(self, process: int) -> str:
        """Return a process's command line."""
        with suppress(OSError):
            return Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ")
        return ""

    def start_node(self, name: str) -> None:
        """Start the daemon of a node."""
        self.call("slurmd", "-N", name)

    def lose_node(self, name: str, job: Job) -> None:
        """Kill the daemon of a node, and what it runs."""
        daemon = int((self.root / f"slurmd-{name}.pid").read_text())
        steps = [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if self.command_of(int(folder.name)).startswith(f"slurmstepd: [{job.number}.")
        ]
        self.kill(daemon, *steps, *self.processes(job))

    def kill(self, *processes: int) -> None:
        """Kill processes of this cluster's jobs."""
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@contextmanager
def cluster(root: Path, nodes: int = 3) -> Iterator[Cluster]:
    """Start a cluster, and stop it in the end."""
    for name in ("state", "log", "spool"):
        (root / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 512
    lines = [
        f"NodeName=n{i} NodeHostname={host} NodeAddr=127.0.0.1 Port={_free_port()} "
        f"CPUs={os.cpu_count()} RealMemory={memory} State=UNKNOWN"
        for i in range(1, nodes + 1)
    ]
    conf = root / "slurm.conf"
    conf.write_text(
        _CONF.format(
            host=host, port=_free_port(), user=_user(), root=root, nodes="\n".join(lines),
            count=nodes,
        )
    )  # fmt: skip
    places = f"{os.environ['PATH']}:/usr/sbin"
    running = Cluster(root, {**os.environ, "SLURM_CONF": str(conf), "PATH": places})
    try:
        running.call("slurmctld", "-c")
        for i in range(1, nodes + 1):
            running.start_node(f"n{i}")
        running.wait(
            lambda: len(running.call("sinfo", "-h", "-N", "-t", "idle").splitlines()) == nodes, 60
        )
        yield running
    finally:
        _stop(running)


def _stop(running: Cluster) -> None:
    """End what this cluster started, by the files that name its processes."""
    subprocess.run(["scancel", "--partition=main"], env=running.env, check=False)  # noqa: S607
    time.sleep(1)
    for file in [*running.root.glob("slurmd-*.pid"), running.root / "slurmctld.pid"]:
        with suppress(OSError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)


def _free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _user() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607
