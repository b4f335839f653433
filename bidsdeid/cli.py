"""Command line: arguments to a configuration, errors to exit codes.  No logic."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from bidsdeid import __version__
from bidsdeid.errors import BidsdeidError, UnknownLevelError, UsageError

LEVELS = ("participant", "group")

_EPILOG = """\
exit codes:
  0 done, all released     1 done, some files withheld because they failed
  16 input not valid BIDS  17 unknown level       18 nothing selected
  64 usage or policy       65 output not valid    66 input unreadable
  70 a tool or a bug       73 cannot write        130 interrupted

Nothing is sent anywhere.  The private folder names source files: do not share it.
"""


class _Parser(argparse.ArgumentParser):
    """A parser that raises our errors instead of leaving with 2."""

    def error(self, message: str) -> NoReturn:
        sentence = f"{message}; see --help"
        raise UsageError(sentence)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return an exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["policy"]:
            from bidsdeid.run.policies import main as policy_main  # noqa: PLC0415

            return policy_main(arguments[1:])
        return _run(arguments[1:] if arguments[:1] == ["run"] else arguments)
    except BidsdeidError as error:
        print(f"bidsdeid: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        print("bidsdeid: interrupted; run it again to go on", file=sys.stderr)  # noqa: T201
        return 130


def _run(arguments: Sequence[str]) -> int:
    parser = build_parser()
    if not arguments:
        parser.print_help()
        return UsageError.exit_code
    early, _ = _config_file_parser().parse_known_args(arguments)
    if early.config_file is not None:
        parser.set_defaults(**_read_config_file(early.config_file, parser))
    options = parser.parse_args(arguments)
    if options.analysis_level not in LEVELS:
        message = f"unknown analysis level: choose from {', '.join(LEVELS)}"
        raise UnknownLevelError(message)
    # Numerical libraries read these when they are first loaded, which is after this line.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("NO_ET", "1")
    # Imported late: half a second that --help can do without.
    from bidsdeid.run.app import run_app  # noqa: PLC0415
    from bidsdeid.run.options import config_from  # noqa: PLC0415

    return run_app(config_from(options), options.analysis_level)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the BIDS App."""
    parser = _Parser(
        prog="bidsdeid",
        description="De-identify an MRI dataset in BIDS: remove faces, scrub metadata, check.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("bids_dir", type=Path, help="dataset to de-identify; it is only read")
    add("output_dir", type=Path, help="where the de-identified dataset goes")
    add("analysis_level", metavar="{participant,group}",
        help="participant: do participants, and finish the dataset if it did all of them; "
             "group: finish a dataset whose participants were done by separate jobs")  # fmt: skip
    add("--version", action="version", version=f"bidsdeid {__version__}")

    which = parser.add_argument_group("which files").add_argument
    which("--participant-label", "--participant_label", "--participant-labels",
          "--participant_labels", nargs="+", metavar="LABEL", type=_label("sub-"),
          help="participants to do, with or without sub- (default: all)")  # fmt: skip
    which("--session-label", "--session_label", "--session-id", nargs="+", metavar="LABEL",
          type=_label("ses-"), help="sessions to do (default: all)")  # fmt: skip
    which("--bids-filter-file", type=Path, metavar="FILE",
          help='JSON such as {"t1w": {"acquisition": null}}, as for fMRIPrep')  # fmt: skip
    which("--skip-bids-validation", "--skip_bids_validation", "--skip-bids-validator",
          "--skip_bids_validator", action="store_true",
          help="do not validate the input (the output always is)")  # fmt: skip

    how = parser.add_argument_group("what is done").add_argument
    how("--layout", choices=("derivative", "raw"), default="derivative",
        help="derivative: defaced images get desc-defaced; raw: names as in the input "
             "(default: %(default)s)")  # fmt: skip
    how("--policy", default="default", metavar="NAME|FILE",
        help="rules: see `bidsdeid policy list` (default: %(default)s)")  # fmt: skip
    how("--deface-all", action="store_true", help="treat every image as if it showed a face")
    how("--dates", choices=("shift", "remove"), default="shift",
        help="shift: to 1902-1925, intervals kept (default: %(default)s)")  # fmt: skip
    how("--key", type=Path, metavar="FILE",
        help="secret that moves dates (default: made in the private folder)")  # fmt: skip
    how("--known-terms", type=Path, metavar="FILE",
        help="words, one a line, that must not occur in the output")  # fmt: skip

    where = parser.add_argument_group("where, and with how much").add_argument
    where("--private-dir", type=Path, metavar="DIR",
          help="ledger and key (default: OUTPUT_DIR_private)")  # fmt: skip
    where("-w", "--work-dir", "--work_dir", type=Path, metavar="DIR",
          help="files on their way (default: in the private folder)")  # fmt: skip
    where("--nprocs", "--nthreads", "--n_cpus", "--n-cpus", "--n_procs", type=_count, default=1,
          metavar="N", help="participants at one time (default: %(default)s)")  # fmt: skip
    where("--omp-nthreads", "--omp_nthreads", type=_count, metavar="N",
          help="threads of one registration (default: processors / nprocs)")  # fmt: skip
    where("--mem", "--mem-mb", "--mem_mb", type=_megabytes, metavar="MB",
          help="memory for all processes together, in MB or with a suffix K, M, G or T; fewer "
               "participants are done at one time to keep to it")  # fmt: skip
    where("--config-file", type=Path, metavar="FILE", help="TOML with any of these options")
    where("--dry-run", action="store_true", help="print the plan, write nothing")
    where("--stop-on-first-crash", action="store_true",
          help="stop when a participant cannot be done")  # fmt: skip
    where("--no-progress", action="store_true", help="no progress bar")
    where("-v", "--verbose", action="count", default=0, help="more words; twice for more")
    for ignored in ("--notrack", "--resource-monitor", "--low-mem"):
        where(ignored, action="store_true", help=argparse.SUPPRESS)
    return parser


def _config_file_parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-file", type=Path)
    return parser


def _read_config_file(path: Path, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return options from a TOML file, checked and converted like those of the command line."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        message = f"--config-file cannot be read: {error.strerror}"
        raise UsageError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"--config-file is not TOML: {error}"
        raise UsageError(message) from error
    known = {action.dest: action for action in parser._actions if action.option_strings}  # noqa: SLF001
    defaults: dict[str, Any] = {}
    for name, value in raw.items():
        action = known.get(name.replace("-", "_"))
        if action is None:
            message = f"--config-file: there is no option {name!r}"
            raise UsageError(message)
        defaults[action.dest] = _converted(action, name, value)
    return defaults


def _converted(action: argparse.Action, name: str, value: object) -> object:
    many = action.nargs == "+"
    if isinstance(value, bool) != (action.nargs == 0) or isinstance(value, list) != many:
        message = f"--config-file: {name} has not the type of this option"
        raise UsageError(message)
    convert = action.type if callable(action.type) else (lambda item: item)
    items = [
        item if isinstance(item, bool) else convert(str(item))
        for item in (value if isinstance(value, list) else [value])
    ]
    if action.choices is not None and any(item not in action.choices for item in items):
        message = f"--config-file: {name} is none of {', '.join(map(str, action.choices))}"
        raise UsageError(message)
    return items if many else items[0]


def _label(prefix: str) -> Any:  # noqa: ANN401 -- argparse wants any callable
    def label(text: str) -> str:
        bare = text.removeprefix(prefix)
        if not re.fullmatch("[a-zA-Z0-9+]+", bare):
            message = "a label has letters and digits only"
            raise argparse.ArgumentTypeError(message)
        return bare

    return label


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        message = "must be a whole number from 1"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _megabytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text, re.IGNORECASE)
    if match is None:
        message = "must be a number of MB, or with a suffix K, M, G or T"
        raise argparse.ArgumentTypeError(message)
    factor = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}[match[2].upper()]
    return max(1, int(float(match[1]) * factor))


def read_filters(path: Path) -> dict[str, dict[str, object]]:
    """Read ``--bids-filter-file``.

    Raises
    ------
    UsageError
        If it is not an object of objects.
    """
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = "--bids-filter-file cannot be read as JSON"
        raise UsageError(message) from error
    if not isinstance(raw, dict) or not all(isinstance(value, dict) for value in raw.values()):
        message = "--bids-filter-file must hold an object of queries, each an object of entities"
        raise UsageError(message)
    return raw
