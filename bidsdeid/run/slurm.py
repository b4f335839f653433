"""``bidsdeid slurm``: the jobs that do a dataset on a cluster, written and perhaps submitted."""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bidsdeid.config import BASE_MB, COPIES, Config
from bidsdeid.core.batch import (
    Batch,
    Demand,
    array_script,
    array_words,
    group_script,
    group_words,
    typed_commands,
)
from bidsdeid.core.plan import Plan, build_plan
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.errors import NothingSelectedError, StoreError, ToolError, UsageError
from bidsdeid.io.private import KEY_VARIABLE, PrivateFolder
from bidsdeid.io.process import run
from bidsdeid.io.tree import index_dataset
from bidsdeid.io.work import work_folder
from bidsdeid.run.app import largest_mb, policy_of, seeks_brains, validate_input
from bidsdeid.run.brain_cascade import check_skullstrip, network_steps
from bidsdeid.run.options import config_from
from bidsdeid.run.participant import Task, finished_ledger
from bidsdeid.run.study import open_study
from bidsdeid.slurm_arguments import app_options, app_words, build_slurm_parser, directives, split

#: What tells a process in an image where the image lies.
_IN_IMAGE = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")

#: Seconds of one participant, of each image whose face or brain is looked for, of its network.
_START_S, _IMAGE_S, _NETWORK_S, _S_PER_MB = 120, 3, 20, 0.1

#: Seconds in which the metadata of a participant are read, by every job for all participants.
_METADATA_S = 0.02

#: Nodes are slower than what the figures were taken on, and file systems are shared.
_SLOWER = 5

_SBATCH_S = 120.0


@dataclass(frozen=True, slots=True)
class _Image:
    """Where the program of the jobs is."""

    path: str | None
    here: bool  # this process runs the same program as the jobs will


def main(argv: Sequence[str]) -> int:
    """Write the scripts, and submit them if asked to.

    Raises
    ------
    BidsdeidError
        If an option or a folder cannot be right, or something cannot be written or submitted.
    """
    own, words = split(argv)
    options = build_slurm_parser().parse_args(own)
    given = app_options(options, words)
    config = config_from(given)
    config.check_folders()
    image = _image(options.image)
    if options.submit and shutil.which("sbatch") is None:
        message = "--submit: there is no sbatch here; leave it out, and type what is printed"
        raise ToolError(message)
    if image.here:
        check_skullstrip(config.brain)
    scripts, logs = _folders(config, options)
    option_words, files = app_words(given)
    folders = (config.bids_dir, config.output_dir, config.private_dir, config.work_dir, logs)
    files = tuple(f for f in files if not any(Path(f).is_relative_to(x) for x in folders[:3]))
    _check_paths((*folders, scripts, *map(Path, files)), image.path)
    policy = policy_of(config)
    plan = build_plan(index_dataset(config.bids_dir, options.participant_label), policy,
                      config.selection)  # fmt: skip
    private = PrivateFolder(config.private_dir)
    private.prepare()
    participants = _participants(config, policy, plan, private, resume=options.resume)
    if config.validate_input and not options.resume:
        with work_folder(config.work_dir) as scratch:
            validate_input(config, private, scratch)
    batch = Batch(
        participants,
        *folders,
        option_words,
        image.path,
        files,
        directives(options),
        tuple(options.before),
        options.throttle,
        options.max_array,
        given.gpu,
        given.key is None and bool(os.environ.get(KEY_VARIABLE)),
    )
    demand = _demand(config, plan, options, here=image.here)
    array, group = _write(batch, demand, scripts, logs)
    _tell(f"{len(participants)} participant(s), {demand.memory_mb} MB and time {demand.time} each")
    if options.submit:
        _submit(batch, array, group)
    else:
        _tell("To submit them, type:")
        for line in typed_commands(batch, array, group):
            _tell(line)
    return 0


def _image(given: Path | None) -> _Image:
    """Return the image that jobs run: the one given, else the one this runs in."""
    inside = next((os.environ[name] for name in _IN_IMAGE if os.environ.get(name)), None)
    if given is None:
        return _Image(inside, here=True)
    if inside is None and not given.exists():
        message = "--image names no file"
        raise UsageError(message)
    path = str(given.absolute())
    return _Image(path, here=path == inside)


def _folders(config: Config, options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the folders of scripts and of logs, which tell labels and so are private."""
    scripts: Path = (options.scripts or config.private_dir / "slurm").absolute()
    logs: Path = (options.log_dir or config.private_dir / "slurm" / "logs").absolute()
    for name, folder in (("--scripts", scripts), ("--log-dir", logs)):
        real = Path(os.path.realpath(folder))
        for public in (config.bids_dir, config.output_dir):
            if real.is_relative_to(os.path.realpath(public)):
                message = f"{name} must lie outside of input and output: it tells old labels"
                raise UsageError(message)
    return scripts, logs


def _participants(
    config: Config, policy: Policy, plan: Plan, private: PrivateFolder, *, resume: bool
) -> tuple[str, ...]:
    """Return whom the jobs do, in an order that tells nothing of the old labels.

    The key is made and labels are given out here, once for all jobs.
    """
    study = open_study(config, policy, plan, private, keep=True)
    tasks = [Task(label, actions) for label, actions in plan.participants.items()]
    if not tasks:
        message = "there is no participant in the dataset"
        raise NothingSelectedError(message)
    if resume:
        tasks = [x for x in tasks if finished_ledger(study, x, x.fingerprint(study)) is None]
    tasks.sort(key=lambda task: study.labels.participant(task.participant))
    return tuple(task.participant for task in tasks)


def _check_paths(paths: Sequence[Path], image: str | None) -> None:
    """Refuse paths that a script or an image cannot be told."""
    names = [str(path) for path in paths]
    if not all(name.isprintable() for name in (*names, image or "")):
        message = "a path has a line break or the like in its name: choose another"
        raise UsageError(message)
    if image is not None and any(":" in name or "," in name for name in names):
        message = "a path has a colon or a comma, which Singularity cannot bind: choose another"
        raise UsageError(message)


def _demand(config: Config, plan: Plan, options: argparse.Namespace, *, here: bool) -> Demand:
    """Return what a task asks for: what the user says, else what the plan comes to."""
    network = seeks_brains(config, plan)
    if network and here:
        network = bool(network_steps(config.brain))
    memory = BASE_MB + config.brain.network_mb * network + COPIES * largest_mb(plan)
    minutes = max(_seconds(plan, label, network=network) for label in plan.participants) / 60
    return Demand(
        options.mem or math.ceil(memory * 1.25 / 500) * 500,
        options.time or str(math.ceil(minutes * _SLOWER / 10) * 10),
        options.cpus,
    )


def _seconds(plan: Plan, label: str, *, network: bool) -> float:
    """Return about how long a participant takes."""
    seconds = _START_S + _METADATA_S * len(plan.participants)
    mine = replace(plan, shared=(), participants={label: plan.participants[label]})
    for action in mine:
        if action.decision is Decision.WITHHOLD:
            continue
        masked = action.decision in (Decision.DEFACE, Decision.SKULLSTRIP)
        seconds += _IMAGE_S * masked + _NETWORK_S * (masked and network)
        seconds += _S_PER_MB * largest_mb(replace(mine, participants={label: (action,)}))
    return seconds


def _write(batch: Batch, demand: Demand, scripts: Path, logs: Path) -> tuple[Path, Path]:
    """Write the scripts where only the user reads them."""
    finish = Demand(2000 + len(batch.participants) // 2, demand.time)
    texts = {"participants.sh": array_script(batch, demand)} if batch.participants else {}
    texts["group.sh"] = group_script(batch, finish)
    try:
        for folder in (scripts, logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, text in texts.items():
            new = scripts / f".{name}.{os.getpid()}"
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o700), "w") as file:  # noqa: PTH123
                file.write(text)
            new.replace(scripts / name)
        if not batch.participants:  # an earlier one would do everyone
            (scripts / "participants.sh").unlink(missing_ok=True)
    except OSError as error:
        message = f"the scripts cannot be written: {error.strerror}"
        raise StoreError(message) from error
    return scripts / "participants.sh", scripts / "group.sh"


def _submit(batch: Batch, array: Path, group: Path) -> None:
    jobs: list[str] = []
    for chunk in batch.chunks():
        jobs.append(_sbatch(array_words(batch, chunk, array, jobs[-1] if jobs else None), jobs))
    last = _sbatch(group_words(group, jobs), jobs)
    _tell(f"submitted: {', '.join([*jobs, last])}; the last finishes the dataset")


def _sbatch(words: Sequence[str], jobs: Sequence[str]) -> str:
    """Submit a script and return the number of its job.

    Raises
    ------
    ToolError
        With the cluster's words, and with the jobs that were submitted before.
    """
    done = run(["sbatch", *words], timeout_s=_SBATCH_S, env=os.environ)
    number = re.match(rb"(\d+)(;|\s|$)", done.stdout)
    if done.returncode == 0 and number is not None:
        return number[1].decode()
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    before = f"; submitted already, end it with scancel: {' '.join(jobs)}" if jobs else ""
    message = f"sbatch refused a job ({lines[-1] if lines else 'no reason given'}){before}"
    raise ToolError(message)


def _tell(line: str) -> None:
    print(line)  # noqa: T201 -- what the command is for
