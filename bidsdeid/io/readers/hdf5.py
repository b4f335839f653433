"""SNIRF and all other HDF5 files (NWB, MATLAB 7.3): every string, with h5py, which is optional.

A damaged file can make its library never end or break, so that it works in a process of its own,
with limits.  Links are not followed out of the file, and no numbers are read but those that MATLAB
takes for letters.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from bidsdeid.core.piece import Piece, Reading
from bidsdeid.errors import TextError, ToolError
from bidsdeid.io.process import run
from bidsdeid.io.readers.gather import Gathered, decoded, gather
from bidsdeid.io.readers.source import Bounded

#: Objects that are looked at, and bytes of one of them.
MAX_OBJECTS, MAX_VALUE = 100_000, 16 * 2**20

#: Time and memory of the process that reads a file.
TIMEOUT_S, MAX_MEMORY = 60.0, 4 * 2**30

OBJECTS = f"only the first {MAX_OBJECTS} objects in it have been seen"
DAMAGED = "an object in it cannot be read"
LARGE = f"texts of more than {MAX_VALUE // 2**20} MB in it have not been read"
ELSEWHERE = "it points to values in other files, which have not been read"

MAGIC = b"\x89HDF\r\n\x1a\n"
_USER_BLOCK = 512

#: Metadata that the SNIRF specification names (1.1, ``nirs(i)/metaDataTags``).
_SNIRF = frozenset(
    "SubjectID MeasurementDate MeasurementTime LengthUnit TimeUnit FrequencyUnit ManufacturerName "
    "Model SubjectName DateOfBirth AcquisitionStartTime StudyID StudyDescription AccessionNumber "
    "InstanceNumber CalibrationFileName UnixTime formatVersion".split()
)


def is_hdf5(first: bytes) -> bool:
    """Tell whether a file is HDF5, perhaps behind a block of its user (as MATLAB's is)."""
    return MAGIC in (first[: len(MAGIC)], first[_USER_BLOCK : _USER_BLOCK + len(MAGIC)])


def read_hdf5(path: Path) -> Reading:
    """Read all strings of a SNIRF or other HDF5 file, in a process of its own.

    Raises
    ------
    TextError
        If h5py is not installed, or cannot read it.
    """
    if importlib.util.find_spec("h5py") is None:
        message = "HDF5 and SNIRF files need `pip install bidsdeid[audit]`"
        raise TextError(message)
    # Nothing is imported from the folder that is audited, which may be the current one.
    own, current = Path(__file__).parents[3], Path.cwd()
    folders = [name for name in sys.path if name and (Path(name) != current or current == own)]
    argv = (sys.executable, "-P", "-m", __spec__.name, path.absolute())
    try:
        done = run(argv, timeout_s=TIMEOUT_S, env={"PYTHONPATH": os.pathsep.join(folders)})
        found = json.loads(done.stdout)
    except (ToolError, ValueError) as error:
        message = "it cannot be read as an HDF5 file: it stops the library that reads such files"
        raise TextError(message) from error
    if found["problem"]:
        raise TextError(found["problem"])
    return Reading(tuple(Piece(*piece) for piece in found["pieces"]), found["unseen"])


def read_here(path: Path) -> Reading:
    """Read all strings of an HDF5 file in this process.

    Raises
    ------
    TextError
        If h5py cannot read it.
    """

    def fill(stream: Bounded, gathered: Gathered) -> None:
        h5py = importlib.import_module("h5py")
        gathered.add_runs("bytes before the data", stream.read(_USER_BLOCK).partition(MAGIC)[0])
        seen = 0

        def visit(name: str, item: Any) -> bool | None:  # noqa: ANN401 -- h5py has no types
            nonlocal seen
            seen += 1
            if seen > MAX_OBJECTS:
                gathered.unseen(OBJECTS)
                return True
            with _damage_told(gathered):
                _add_object(name.rpartition("/")[2], item, f"object {seen}", gathered)
            return None

        with h5py.File(path, "r") as file:
            with _damage_told(gathered):
                _add_group(file, "file", gathered)
            file.visititems(visit)

    return gather(path, "an HDF5 file", fill, limit=_USER_BLOCK, in_order=True)


def main(path: str) -> None:
    """Write what is found in a file to standard output, within limits of time and memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    found: dict[str, object] = {"problem": ""}
    try:
        reading = read_here(Path(path))
        found |= {"pieces": [astuple(p) for p in reading.pieces], "unseen": reading.unseen}
    except TextError as problem:
        found["problem"] = str(problem)
    sys.stdout.write(json.dumps(found))


@contextmanager
def _damage_told(gathered: Gathered) -> Iterator[None]:
    """Go on after an object that cannot be read."""
    try:
        yield
    except Exception:  # noqa: BLE001 -- it fails in any way
        gathered.unseen(DAMAGED)


def _add_object(name: str, item: Any, where: str, gathered: Gathered) -> None:  # noqa: ANN401
    if name in _SNIRF:
        where = f"field {name}"
    else:
        gathered.add(f"{where} name", name)
    _add_group(item, where, gathered)
    if getattr(item, "external", None) or getattr(item, "is_virtual", False):
        gathered.unseen(ELSEWHERE)
        return
    dtype = getattr(item, "dtype", None)
    if dtype is None or not item.size:
        return
    letters = dtype == np.uint16 and item.attrs.get("MATLAB_class") == b"char"
    if not letters and dtype.kind not in "OSV":
        return
    if item.nbytes > MAX_VALUE:
        gathered.unseen(LARGE)
        return
    values = item[()]
    text = (
        values.astype("<u2").tobytes(order="F").decode("utf-16-le", "replace")
        if letters
        else values
    )
    _add_values(text, where, name, gathered)


def _add_group(item: Any, where: str, gathered: Gathered) -> None:  # noqa: ANN401
    """Add attributes, which all objects have, and where links to other files lead."""
    for number, name in enumerate(item.attrs, start=1):
        with _damage_told(gathered):
            _add_values(item.attrs[name], f"{where} attribute {number}", name, gathered)
    for name in item if hasattr(item, "visititems") else ():
        link = item.get(name, getlink=True)
        if target := getattr(link, "path", ""):
            gathered.add(f"{where} link", name)
            gathered.add(f"{where} link", target)
        if target := getattr(link, "filename", ""):
            gathered.unseen(ELSEWHERE)
            gathered.add(f"{where} link", target)


def _add_values(values: Any, where: str, name: str, gathered: Gathered) -> None:  # noqa: ANN401
    """Add what is text of a value: one, an array, or a column of a table."""
    array = np.asarray(values)
    if array.dtype.names:
        for column in array.dtype.names:
            _add_values(array[column], where, column, gathered)
    elif array.dtype.kind in "OSU":
        for value in array.ravel().tolist():
            if isinstance(value, str | bytes):
                text = value if isinstance(value, str) else decoded(value)
                gathered.add_lines(where, text, name)


if __name__ == "__main__":
    main(sys.argv[1])
