"""One external program, run once: a list of arguments, a time limit, its words kept."""

from __future__ import annotations

import os
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
        done = subprocess.run(  # noqa: S603 -- a list of arguments, no shell
            [os.fspath(arg) for arg in argv],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            env=environment,
            cwd=cwd,
        )
    except subprocess.TimeoutExpired as error:
        message = f"{program} did not end within {timeout_s:.0f} s"
        raise ToolError(message) from error
    except OSError as error:
        message = f"{program} cannot be started: {error.strerror}"
        raise ToolError(message) from error
    return Finished(done.returncode, done.stdout, done.stderr)
