"""The reader for a file: chosen by what it starts with, and by its name where that says nothing.

JSON and TSV are not in the table: they have fields, and `bidsdeid.core.text` reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bidsdeid.core.piece import Reading
from bidsdeid.errors import FileProblem, TextError
from bidsdeid.io.readers import archive, exif, gzip_header, hdf5, nifti, office, picture, recording
from bidsdeid.io.readers.dicom import is_dicom, read_dicom
from bidsdeid.io.readers.document import read_document, read_runs
from bidsdeid.io.readers.gather import refusing
from bidsdeid.io.readers.source import first_bytes, stored_bytes

#: Bytes that a kind of file is recognised by.
_LOOK = 1024

_PACKED = (".gz", ".bz2", ".xz")
_ANNEX = b"/annex/objects/"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    name : str
    recognises : callable
        Whether first bytes, inflated if they are packed, and a name in lower case without
        ``.gz`` are those of a file of this kind.
    read : callable
    plain : bool
        Its text is stored as it is: where the reader fails, runs of characters can be found.
    """

    name: str
    recognises: Callable[[bytes, str], bool]
    read: Callable[[Path], Reading]
    plain: bool = False


#: Every kind, the first that recognises a file counts.
KINDS = (
    Kind("NIfTI", lambda first, _: nifti.is_nifti(first), nifti.read_nifti, plain=True),
    Kind("DICOM", lambda first, _: is_dicom(first), read_dicom, plain=True),
    Kind("PNG", lambda first, _: first.startswith(picture.PNG), picture.read_png),
    Kind("JPEG", lambda first, _: first.startswith(picture.JPEG), picture.read_jpeg),
    Kind("GIF", lambda first, _: first.startswith(picture.GIF), picture.read_gif),
    Kind("TIFF", lambda first, _: first.startswith(exif.TIFF), exif.read_tiff),
    Kind("office document", office.is_office, office.read_office),
    Kind("zip", lambda first, _: first.startswith(archive.ZIP), archive.read_zip),
    Kind("tar", lambda first, _: archive.is_tar(first), archive.read_tar),
    Kind("archive", lambda first, _: first.startswith(archive.OTHER), archive.read_other),
    Kind("EDF", lambda first, _: recording.is_edf(first), recording.read_edf, plain=True),
    Kind("FIF", lambda first, _: recording.is_fif(first), recording.read_fif, plain=True),
    Kind("HDF5", lambda first, _: hdf5.is_hdf5(first), hdf5.read_hdf5, plain=True),
    Kind(
        "Analyze",
        lambda first, name: name.endswith((".hdr", ".nii")) and nifti.is_analyze(first),
        nifti.read_nifti,
        plain=True,
    ),
    Kind("voxels", lambda _, name: name.endswith(".img"), nifti.read_voxels, plain=True),
    Kind("document", lambda *_: True, read_document),
)


def read(path: Path) -> Reading:
    """Return the strings of a file of any kind, with places.

    A packed file is read as what it holds, and what its gzip header says comes first.

    Raises
    ------
    FileProblem
        If nothing of it can be read.
    """
    with refusing("a file"):
        stored = stored_bytes(path, _LOOK)
    if stored.startswith(_ANNEX):
        message = "it is a git-annex pointer: get the content first (`datalad get`)"
        raise TextError(message)
    if not stored.startswith(gzip_header.MAGIC):
        return _read(path)
    head = gzip_header.read_gzip_header(path)
    try:
        return head.joined(_read(path))
    except FileProblem as problem:
        if not head.pieces:
            raise
        return head.joined(Reading(unseen=str(problem)))


def kind_of(path: Path) -> Kind:
    """Return the kind of a file.

    Raises
    ------
    TextError
        If it cannot be opened or inflated.
    """
    with refusing("a packed file"):
        first = first_bytes(path, _LOOK)
    name = path.name.lower()
    for ending in _PACKED:
        name = name.removesuffix(ending)
    return next(kind for kind in KINDS if kind.recognises(first, name))


def _read(path: Path) -> Reading:
    kind = kind_of(path)
    try:
        return kind.read(path)
    except FileProblem as problem:
        runs = read_runs(path) if kind.plain else Reading()
        if not runs.pieces:
            raise
        return Reading(runs.pieces, f"{problem}; {runs.unseen}")
