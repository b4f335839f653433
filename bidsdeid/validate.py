"""The official BIDS validator, as a function: a folder in, its errors out.

The validator that is installed with the package (``bids-validator-deno``) is called through its
own runtime, with permission to read files and nothing else: it cannot reach the network.  That
the dataset is not valid and that the validator broke are different things.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bidsdeid.errors import ToolError
from bidsdeid.io.process import run
from bidsdeid.resources import installed_folder

#: About 1.3 ms of processor time a file; this is for a hundred thousand on a slow disk.
TIMEOUT_S = 7200.0

_VALID, _INVALID = 0, 16

#: HED schemas beyond the bundled ones would be fetched from the network.
_IGNORED = [{"code": "HED_ERROR", "subCode": "SCHEMA_LOAD_FAILED"}]

#: Warnings of the BIDS schema that are errors in a de-identified dataset.
_RAISED = [
    {"code": "GZIP_HEADER_FILENAME"},
    {"code": "GZIP_HEADER_COMMENT"},
    {"code": "GZIP_HEADER_MTIME"},
]


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


def validate(dataset: Path, scratch: Path, *, deidentified: bool) -> tuple[Finding, ...]:
    """Return the errors the validator finds in a dataset, none if it is valid.

    Parameters
    ----------
    dataset : Path
        Its root.
    scratch : Path
        A private folder for the validator's settings and cache.
    deidentified : bool
        Whether names and times in gzip headers are errors.

    Raises
    ------
    ToolError
        If the validator is missing or broke, which says nothing about the dataset.
    """
    config = scratch / "validator.json"
    config.write_text(json.dumps({"ignore": _IGNORED, "error": _RAISED if deidentified else []}))
    done = run(
        [
            _deno(), "run", "--no-prompt", "--no-remote", "--cached-only", "--no-config",
            "--no-lock", "--allow-read", "--allow-env",
            installed_folder("bids_validator_deno") / "bids-validator.js",
            dataset, "--format", "json", "--ignoreWarnings", "--config", config,
            "--max-rows=-1",  # by default it misses participants after the first thousand
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


def _deno() -> Path:
    """Return the runtime that is installed with the validator."""
    from deno import find_deno_bin  # noqa: PLC0415 -- only needed here, and slow to look for

    try:
        return Path(find_deno_bin())
    except FileNotFoundError as error:
        message = "the runtime of the BIDS validator (deno) is missing: install bidsdeid again"
        raise ToolError(message) from error
