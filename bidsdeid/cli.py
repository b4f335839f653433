"""Command line: arguments to a configuration, errors to exit codes.  No logic."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bidsdeid.argument_types import Parser
from bidsdeid.engines.runtime import SILENCE
from bidsdeid.errors import BidsdeidError, StoreError, ToolError, UnknownLevelError, UsageError

LEVELS = ("participant", "group")

#: Exit code after SIGTERM, as shells have it.
_TERMINATED = 143

#: Commands beside the BIDS App, and the modules whose `main` they are.
_COMMANDS = {
    "audit": "bidsdeid.run.audit",
    "dicom": "bidsdeid.run.dicom",
    "mass_deidentify": "bidsdeid.run.mass_deidentify",
    "policy": "bidsdeid.run.policies",
    "skullstrip": "bidsdeid.run.skullstrip",
    "slurm": "bidsdeid.run.slurm",
    "templates": "bidsdeid.run.templates",
}


def mass_deidentify() -> int:
    """Run the command line under the name of DICAT's command."""
    return main(["mass_deidentify", *sys.argv[1:]])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return an exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        if arguments and arguments[0] in _COMMANDS:
            _tame_libraries()
            command = importlib.import_module(_COMMANDS[arguments[0]])
            code: int = _bounded(command.main, arguments[1:])
            return code
        return _run(arguments[1:] if arguments[:1] == ["run"] else arguments)
    except BidsdeidError as error:
        print(f"bidsdeid: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt:
        print("bidsdeid: interrupted; run it again to go on", file=sys.stderr)  # noqa: T201
        return 130


def _terminate(*_: object) -> None:
    """End as after an interrupt, so that nothing is left half done.

    The first process of a container would not end at all.
    """
    raise SystemExit(_TERMINATED)


def _bounded(command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run a command; a bug is told without a traceback, which may hold names."""
    try:
        return command(arguments)
    except BidsdeidError:
        raise
    except BrokenPipeError:
        # Who read the output has seen enough; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        message = f"a file cannot be read or written: {error.strerror}"
        raise StoreError(message) from error
    except Exception as bug:
        message = f"a bug ({type(bug).__name__}): please report how it came about"
        raise ToolError(message) from bug


def _run(arguments: Sequence[str]) -> int:
    # Imported late: half a second that other commands, and --help of them, can do without.
    from bidsdeid.arguments import build_parser  # noqa: PLC0415

    parser = build_parser()
    if not arguments:
        parser.print_help()
        return UsageError.exit_code
    options = parsed(parser, arguments)
    if options.analysis_level not in LEVELS:
        message = f"unknown analysis level: choose from {', '.join(LEVELS)}"
        raise UnknownLevelError(message)
    _tame_libraries()
    # Imported late: half a second that --help can do without.
    from bidsdeid.run.app import run_app  # noqa: PLC0415
    from bidsdeid.run.options import config_from  # noqa: PLC0415

    return run_app(config_from(options), options.analysis_level)


def _tame_libraries() -> None:
    """Set what numerical libraries read when they are first loaded, which is after this."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("NO_ET", "1")
    os.environ[SILENCE] = "1"


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the app, those of its ``--config-file`` where none are given."""
    first = Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--config-file", type=Path)
    early, _ = first.parse_known_args(arguments)
    if early.config_file is not None:
        parser.set_defaults(**_read_config_file(early.config_file, parser))
    return parser.parse_args(arguments)


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
    convert = action.type if callable(action.type) else str
    values = value if isinstance(value, list) else [value]
    try:
        items = [item if isinstance(item, bool) else convert(str(item)) for item in values]
    except argparse.ArgumentTypeError as error:
        message = f"--config-file: {name}: {error}"
        raise UsageError(message) from error
    if action.choices is not None and any(item not in action.choices for item in items):
        message = f"--config-file: {name} is none of {', '.join(map(str, action.choices))}"
        raise UsageError(message)
    return items if many else items[0]
