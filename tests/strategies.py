"""Values that several test files draw or build."""

from __future__ import annotations

import gzip
import itertools
import string
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
from bids_validator import BIDSValidator
from hypothesis import strategies as st

from bidsdeid.core.dataset import DatasetIndex, SourceFile, State, datatype_of, participant_of
from bidsdeid.core.entities import ENTITY_ORDER, BIDSName, parse_name
from bidsdeid.core.policy import Policy
from bidsdeid.resources import load_policy

LABELS = st.text(string.ascii_letters + string.digits + "+", min_size=1, max_size=6)

#: A scanner's affine: 0.8 x 0.9 x 1.1 mm, turned a little about the left-right axis.
AFFINE = np.array(
    [
        [-0.8, 0.0, 0.0, 90.0],
        [0.0, 0.9 * np.cos(0.1), -1.1 * np.sin(0.1), -126.0],
        [0.0, 0.9 * np.sin(0.1), 1.1 * np.cos(0.1), -72.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


@lru_cache(maxsize=1)
def default_policy() -> Policy:
    """Return the policy that comes with the package."""
    return load_policy("default")


def packed(content: bytes, *cuts: int) -> bytes:
    """Return a gzip file of several members, as parallel packers write it."""
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return b"".join(gzip.compress(content[a:b]) for a, b in itertools.pairwise(edges))


def header(
    shape: tuple[int, ...] = (3, 4, 5),
    dtype: str = "int16",
    *,
    version: int = 1,
    order: str = "<",
) -> Any:  # noqa: ANN401 -- nibabel has no types
    """Return a header that a scanner could have written, with text in every text field."""
    kind = nib.Nifti1Header if version == 1 else nib.Nifti2Header
    fresh = kind(endianness=order)
    fresh.set_data_shape(shape)
    fresh.set_data_dtype(np.dtype(dtype))
    fresh.set_sform(AFFINE, 1)
    fresh.set_qform(AFFINE, 1)
    fresh.set_xyzt_units("mm", "sec")
    fresh["descrip"] = b"TE=2.1;Time=153152.362"
    fresh["aux_file"] = b"Doe^Jane"
    fresh["intent_name"] = b"clinic"
    if version == 1:
        fresh["db_name"] = b"MRN1234567"
        fresh["data_type"] = b"room 4"
    fresh["cal_max"] = 117
    fresh["toffset"] = 11
    fresh["vox_offset"] = fresh.single_vox_offset
    return fresh


def file_bytes(head: Any, data: np.ndarray[Any, Any], extension: bytes = b"") -> bytes:  # noqa: ANN401
    """Return a .nii file as another program would write it, the header as it is."""
    raw = head.copy()
    gap = raw.single_vox_offset - len(raw.binaryblock)
    flags = bytes([1, 0, 0, 0]) if extension else bytes(gap)
    raw["vox_offset"] = raw.single_vox_offset + len(extension)
    stored = data.astype(head.get_data_dtype(), copy=False)
    return bytes(raw.binaryblock) + flags + extension + stored.tobytes(order="F")


def source_file(path: str, state: State = State.FILE) -> SourceFile:
    """Return an entry of an index as the reader of the input would make it."""
    where = PurePosixPath(path)
    raw = len(where.parts) == 1 or participant_of(where) is not None
    known = raw and _is_bids(path)
    name = parse_name(where.name) if known else None
    return SourceFile(where, 1, state, name, datatype_of(where))


@cache
def _is_bids(path: str) -> bool:
    return bool(BIDSValidator.is_bids(f"/{path}"))


def index_of(files: list[SourceFile]) -> DatasetIndex:
    """Return the index of some files."""
    owned: dict[str, tuple[SourceFile, ...]] = {}
    shared: list[SourceFile] = []
    for file in files:
        owner = participant_of(file.path)
        if owner is None:
            shared.append(file)
        else:
            owned[owner] = (*owned.get(owner, ()), file)
    return DatasetIndex(tuple(shared), owned)


@st.composite
def names(draw: st.DrawFn) -> BIDSName:
    """Draw a BIDS name, legal or not, with its entities in order."""
    chosen = draw(st.sets(st.sampled_from(ENTITY_ORDER), max_size=6))
    entities = tuple((entity, draw(LABELS)) for entity in ENTITY_ORDER if entity in chosen)
    suffix = draw(st.text(string.ascii_letters + string.digits, min_size=1, max_size=8))
    extension = draw(st.sampled_from(["", ".nii", ".nii.gz", ".json", ".tsv.gz", ".", ".a..b"]))
    return BIDSName(entities, suffix, extension)


def source_files() -> st.SearchStrategy[SourceFile]:
    """Draw an entry of a dataset: known, unknown, hidden, of any state."""
    folders = ["", "sub-01/", "sub-01/ses-a/", "sub-02/", "sourcedata/", ".git/", "sub-03/x/"]
    datatypes = ["", "anat/", "func/", "fmap/", "dwi/", "perf/", "eeg/", "visit of 4 March/"]
    files = [
        "sub-01_T1w.nii.gz", "sub-01_T1w.json", "sub-01_task-rest_bold.nii.gz", "README",
        "sub-01_task-rest_events.tsv", "sub-01_dwi.bval", "sub-01_defacemask.nii.gz", ".DS_Store",
        "sub-01_phasediff.nii", "sub-01_scans.tsv", "participants.tsv", "notes.txt", "scan.dcm",
        "sub-01_task-rest_physio.tsv.gz", "sub-01_eeg.edf", "T1w.json", "sub-01_asl.nii.gz",
    ]  # fmt: skip
    path = st.builds(
        "{}{}{}".format,
        st.sampled_from(folders),
        st.sampled_from(datatypes),
        st.sampled_from(files) | names().map(str),
    )
    return st.builds(source_file, path, st.sampled_from(State))


#: Text as people type it, with what identifies them among it.
TELLING = st.sampled_from(
    ["Doe^Jane", "2019-03-04", "/home/jdoe/raw", "612-555-0142", "1.2.840.113619.2.5.17",
     "jane@clinic.example", "10:11:12", "MRN 12"]
)  # fmt: skip
WORDS = st.text(string.ascii_letters + string.digits + " _-.", max_size=20)

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | TELLING,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
