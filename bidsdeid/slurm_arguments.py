"""The options of ``bidsdeid slurm``, and those of the app that stand behind its ``--``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bidsdeid.argument_types import Group, Parser, add_option, count, labels, megabytes
from bidsdeid.arguments import build_parser
from bidsdeid.cli import parsed
from bidsdeid.config import private_beside
from bidsdeid.core.labels import Relabel
from bidsdeid.errors import UsageError
from bidsdeid.resources import policy_names

_EPILOG = """\
Two scripts are written: `participants.sh`, an array with one participant a task, and `group.sh`,
which finishes the dataset.  They need nothing on the cluster but bash, and the image or bidsdeid.
Options of the app stand behind `--`; they are checked now.  The input is validated now, once.

  bidsdeid slurm /data/study /data/release --image /images/bidsdeid.sif --throttle 50 \\
    --account lab --before 'module load apptainer' -- --relabel keyed --anat skullstrip
"""

#: Options of ``#SBATCH`` that have a name here.
_NAMED = ("partition", "account", "qos", "mail-user", "mail-type")

#: Slurm's ways to write a time.
_TIME = re.compile(r"UNLIMITED|\d+(:\d\d){0,2}|\d+-\d{1,2}(:\d\d){0,2}", re.IGNORECASE)

#: A value for Slurm that needs no quotes in any shell.
_PLAIN = re.compile(r"[\w@%+=:,./\[\]-]+", re.ASCII)

#: Options of the app that are given to each job in a way of its own, or make no sense there.
_OWN = {
    "participant_label": "--participant-label stands before the `--`",
    "mem": "--mem stands before the `--`: it is what each job gets",
    "dry_run": "--dry-run writes nothing: leave it out, or run it without `slurm`",
}

_NOT_PASSED_ON = frozenset(
    {
        *_OWN, "help", "version", "private_dir", "work_dir", "nprocs", "omp_nthreads",
        "config_file", "skip_bids_validation", "executor", "scheduler", "planned", "ratings",
    }
)  # fmt: skip


def build_slurm_parser() -> argparse.ArgumentParser:
    """Return the parser of what stands before the ``--``."""
    parser = Parser(
        prog="bidsdeid slurm",
        usage="bidsdeid slurm BIDS_DIR OUTPUT_DIR [options] [-- options of the app]",
        description="Write, and submit if asked to, the jobs that do a dataset on a cluster.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help="dataset to de-identify")
    parser.add_argument("output_dir", type=Path, help="where the de-identified dataset goes")
    _add_jobs(parser.add_argument_group("the jobs"))
    _add_cluster(parser.add_argument_group("what the cluster is told"))
    return parser


def _add_jobs(group: Group) -> None:
    group.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="Singularity/Apptainer image (default: the one this runs in, else bidsdeid itself)",
    )
    add_option(
        group,
        "--participant-label --participant_label",
        nargs="+",
        metavar="LABEL",
        type=labels("sub-"),
        help="participants of the array (default: all)",
    )
    add_option(group, "--private-dir", type=Path, metavar="DIR", help="as the app's; one for all")
    add_option(group, "--work-dir -w", type=Path, metavar="DIR", help="as the app's")
    group.add_argument(
        "--scripts", type=Path, metavar="DIR", help="(default: `slurm` in the private folder)"
    )
    group.add_argument(
        "--log-dir", type=Path, metavar="DIR", help="(default: `slurm/logs` in the private folder)"
    )
    group.add_argument(
        "--resume", action="store_true", help="only participants that are not done yet"
    )
    group.add_argument("--submit", action="store_true", help="submit the jobs, with sbatch")


def _add_cluster(group: Group) -> None:
    add = group.add_argument
    add("--throttle", type=count, metavar="N", help="tasks at one time, at the most")
    add("--max-array", type=count, default=1000, metavar="N",
        help="tasks of one array: less than MaxArraySize (default: %(default)s)")  # fmt: skip
    add("--cpus", type=count, default=1, metavar="N", help="of each task (default: %(default)s)")
    add("--mem", type=megabytes, metavar="MB", help="of each task (default: from the plan)")
    add("--time", type=_time, metavar="TIME", help="of each task (default: from the plan)")
    for name in _NAMED:
        add(f"--{name}", type=_plain, metavar=name.upper(), help="as sbatch's")
    add("--sbatch-option", type=_directive, action="append", default=[], metavar="TEXT",
        help="another line of #SBATCH, such as --reservation=x; may be repeated")  # fmt: skip
    add("--before", type=_line, action="append", default=[], metavar="TEXT",
        help="line of shell that runs first, such as `module load apptainer`")  # fmt: skip


def directives(options: argparse.Namespace) -> tuple[str, ...]:
    """Return what the user wants on lines of ``#SBATCH``."""
    given = ((name, getattr(options, name.replace("-", "_"))) for name in _NAMED)
    named = [f"--{name}={value}" for name, value in given if value is not None]
    return (*named, *options.sbatch_option)


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return what stands before and behind ``--``.

    A word behind ``--sbatch-option`` is its value even if it begins with a dash.

    Examples
    --------
    >>> split(["in", "out", "--sbatch-option", "--nice", "--", "--ears"])
    (['in', 'out', '--sbatch-option=--nice'], ['--ears'])
    """
    words = list(argv)
    end = words.index("--") if "--" in words else len(words)
    own: list[str] = []
    for word in words[:end]:
        if own and own[-1] == "--sbatch-option":
            own[-1] += f"={word}"
        else:
            own.append(word)
    return own, words[end + 1 :]


def app_options(options: argparse.Namespace, words: Sequence[str]) -> argparse.Namespace:
    """Return the options of the app, checked by its own parser, with the folders of the jobs.

    Raises
    ------
    UsageError
        If one cannot be right, or stands on the wrong side of the ``--``.
    """
    folders = [str(options.bids_dir.absolute()), str(options.output_dir.absolute())]
    given = parsed(build_parser(), [*folders, "participant", *words])
    for name, sentence in _OWN.items():
        if getattr(given, name):
            raise UsageError(sentence)
    if given.executor != "local":
        message = "the jobs are the executor: leave out --executor"
        raise UsageError(message)
    if given.nprocs != 1:
        message = "a task does one participant: leave out --nprocs (--cpus gives it processors)"
        raise UsageError(message)
    for name in ("private_dir", "work_dir"):
        here, there = getattr(options, name), getattr(given, name)
        if here is not None and there is not None and here.absolute() != there.absolute():
            message = f"--{name.replace('_', '-')} is given twice: all jobs must have the same"
            raise UsageError(message)
        setattr(given, name, here or there)
    given.participant_label = options.participant_label
    if given.private_dir is None:
        given.private_dir = private_beside(given.output_dir)
    return given


def app_words(given: argparse.Namespace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the options of the app as words for a job, and the files that they name.

    Paths become absolute: a job starts elsewhere.  What a configuration file says is spelt out.

    Raises
    ------
    UsageError
        If a file is missing.
    """
    words: list[str] = []
    files: list[str] = []
    seen = set(_NOT_PASSED_ON)
    for action in build_parser()._actions:  # noqa: SLF001 -- argparse has no public name for it
        value: Any = getattr(given, action.dest, None)
        if not action.option_strings or action.dest in seen:
            continue
        seen.add(action.dest)
        if value == action.default:
            continue
        option = action.option_strings[0]
        if action.nargs == 0:
            words += [option] * int(value)
        elif action.nargs == "+":
            words += [option, *map(str, value)]
        else:
            path = _file(action.dest, value)
            if path is not None:
                # A policy may extend another that lies beside it.
                files.append(str(path.parent if action.dest == "policy" else path))
            words.append(f"{option}={value if path is None else path}")
    if given.omp_nthreads is not None:
        words.append(f"--omp-nthreads={given.omp_nthreads}")
    return tuple(words), tuple(files)


def _file(name: str, value: object) -> Path | None:
    """Return the file that an option names, if it names one."""
    if name == "policy":
        return None if value in policy_names() else Path(str(value)).absolute()
    if name == "relabel":
        return None if value in set(Relabel) else Path(str(value)).absolute()
    if not isinstance(value, Path):
        return None
    if name != "key" and not value.is_file():  # a key is made on first use
        message = f"--{name.replace('_', '-')} names no file"
        raise UsageError(message)
    return value.absolute()


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        message = "must be minutes, H:MM:SS or D-H:MM:SS"
        raise argparse.ArgumentTypeError(message)
    return text


def _plain(text: str) -> str:
    if not _PLAIN.fullmatch(text):
        message = "has characters that Slurm's names do not have"
        raise argparse.ArgumentTypeError(message)
    return text


def _line(text: str) -> str:
    if not text.isprintable() or not text.strip():
        message = "must be one line of text"
        raise argparse.ArgumentTypeError(message)
    return text


def _directive(text: str) -> str:
    """Read an option of sbatch, with or without its dashes."""
    line = _line(text).strip().removeprefix("#SBATCH").strip()
    line = line if line.startswith("-") else f"--{line}"
    if re.match(r"--arr|-a|--wrap|--pars", line):
        message = "the array is made here: see --throttle and --max-array"
        raise argparse.ArgumentTypeError(message)
    return line
