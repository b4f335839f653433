"""The official BIDS validator, as a function: a folder in, its errors out.

The validator that is installed with the package (``bids-validator-deno``) is called through its
own runtime, with permission to read files and nothing else: it cannot reach the network.  That
the dataset is not valid and that the validator broke are different things.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from bidsdeid.errors import ToolError
from bidsdeid.io.process import run
from bidsdeid.resources import installed_folder

#: About 1.3 ms of processor time a file; this is for a hundred thousand on a slow disk.
TIMEOUT_S = 7200.0

_VALID, _INVALID = 0, 16

#: Platforms whose own settings of the validator are known; see ``validator.toml``.
PROFILES = ("default", "openneuro")


@dataclass(frozen=True, slots=True)
class Finding:
    """One error.

    Parameters
    ----------
    code : str
        The validator's name for it.
    location : PurePosixPath
        From the dataset's root.  Private: it is a file name.
    """

    code: str
    location: PurePosixPath


def validate(
    dataset: Path, scratch: Path, *, deidentified: bool, profile: str = "default"
) -> tuple[Finding, ...]:
    """Return the errors the validator finds in a dataset, none if it is valid.

    Parameters
    ----------
    dataset : Path
        Its root.
    scratch : Path
        A private folder for the validator's settings and cache: in one where it was run before
        it starts in half the time.
    deidentified : bool
        Whether names and times in gzip headers are errors.
    profile : str
        One of `PROFILES`: what a platform takes as an error beside.

    Raises
    ------
    ToolError
        If the validator is missing or broke, which says nothing about the dataset.
    """
    config = scratch / "validator.json"
    settings = _settings()
    asked = {"any", profile, *(["deidentified"] if deidentified else [])}
    rules: dict[str, list[dict[str, str]]] = {"ignore": [], "warning": [], "error": []}
    for issue in settings["issue"]:
        if issue["for"] in asked:
            codes = {key: issue[key] for key in ("code", "subCode") if key in issue}
            rules[issue["severity"]].append(codes)
    config.write_text(json.dumps(rules))
    done = run(
        [
            _deno(), "run", "--no-prompt", "--no-remote", "--cached-only", "--no-config",
            "--no-lock", "--allow-read", "--allow-env",
            installed_folder("bids_validator_deno") / "bids-validator.js",
            dataset, "--format", "json", "--ignoreWarnings", "--config", config,
            "--max-rows=-1",  # by default it misses participants after the first thousand
            *settings["options"].get(profile, ()),
        ],
        timeout_s=TIMEOUT_S,
        env={"DENO_DIR": str(scratch / "deno"), "DENO_NO_UPDATE_CHECK": "1"},
    )  # fmt: skip
    if done.returncode not in (_VALID, _INVALID):
        message = (
            f"the BIDS validator broke (exit code {done.returncode}); the dataset may be fine"
        )
        raise ToolError(message)
    try:
        issues: list[dict[str, Any]] = json.loads(done.stdout)["issues"]["issues"]
    except (ValueError, KeyError, TypeError) as error:
        message = "the BIDS validator's answer cannot be read"
        raise ToolError(message) from error
    findings = tuple(
        Finding(issue["code"], PurePosixPath(str(issue.get("location") or "/").lstrip("/")))
        for issue in issues
        if issue.get("severity") == "error"
    )
    if bool(findings) != (done.returncode == _INVALID):
        message = "the BIDS validator's answer contradicts its exit code"
        raise ToolError(message)
    return findings


def counted(findings: Sequence[Finding]) -> str:
    """Return the codes of errors with their numbers, without file names.

    Examples
    --------
    >>> counted([Finding("EMPTY_FILE", PurePosixPath(name)) for name in "ab"])
    '2 EMPTY_FILE'
    """
    counts = Counter(finding.code for finding in findings)
    return ", ".join(f"{number} {code}" for code, number in sorted(counts.items()))


def listed(findings: Sequence[Finding]) -> str:
    """Return a line for each error, with the file's name: private."""
    return "".join(f"{finding.code}\t{finding.location}\n" for finding in findings)


@cache
def _settings() -> dict[str, Any]:
    """Return the table of what is an error for whom."""
    text = (resources.files("bidsdeid") / "validator.toml").read_text("utf-8")
    return tomllib.loads(text)


def _deno() -> Path:
    """Return the runtime that is installed with the validator."""
    from deno import find_deno_bin  # noqa: PLC0415 -- only needed here, and slow to look for

    try:
        return Path(find_deno_bin())
    except FileNotFoundError as error:
        message = "the runtime of the BIDS validator (deno) is missing: install bidsdeid again"
        raise ToolError(message) from error
