"""One external program, run once: a list of arguments, a time limit, its words kept."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bidsdeid.errors import ToolError

#: Environment that programs see: nothing of the user's, only what finds libraries and folders.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Finished:
    """Run a program to its end.

    Parameters
    ----------
    argv : sequence
        Program and arguments; no shell sees them.
    timeout_s : float
        After this it is killed.
    env : mapping, optional
        Added to the few variables that are passed on.
    cwd : Path, optional
        Where it runs.

    Raises
    ------
    ToolError
        If it cannot be started or does not end in time.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment.update(env or {})
    program = Path(argv[0]).name
    try:
        process = subprocess.Popen(  # noqa: S603 -- a list of arguments, no shell
            [os.fspath(arg) for arg in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            start_new_session=True,  # so that what it starts itself can be ended with it
        )
    except OSError as error:
        message = f"{program} cannot be started: {error.strerror}"
        raise ToolError(message) from error
    with process:
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            message = f"{program} did not end within {timeout_s:.0f} s"
            raise ToolError(message) from error
        except BaseException:
            _kill(process)
            raise
    return Finished(process.returncode, stdout, stderr)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and all it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
