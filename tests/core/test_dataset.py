from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from bidsdeid.core.dataset import SourceFile, datatype_of, participant_of, public_path
from strategies import source_file


@pytest.mark.parametrize(
    ("path", "participant", "datatype"),
    [
        ("sub-01/anat/sub-01_T1w.nii.gz", "01", "anat"),
        ("sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz", "01", "anat"),
        ("sub-01/ses-a/sub-01_ses-a_scans.tsv", "01", None),
        ("sub-01/sub-01_scans.tsv", "01", None),
        ("sub-01/anat/extra/sub-01_T1w.nii.gz", "01", None),
        ("sub-01", None, None),
        ("sub-01_T1w.json", None, None),
        ("sub-a b/anat/x", None, None),
        ("derivatives/sub-01/anat/sub-01_T1w.nii.gz", None, None),
    ],
)
def test_owner_and_datatype_of_a_path(
    path: str, participant: str | None, datatype: str | None
) -> None:
    assert participant_of(PurePosixPath(path)) == participant
    assert datatype_of(PurePosixPath(path)) == datatype


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1w.nii.gz"),
        ("sourcedata/Doe^Jane/1.dcm", "sourcedata/..."),
        ("sub-01/anat/Doe Jane.nii", "sub-01/..."),
        ("Doe Jane.txt", "(a name that is not BIDS)"),
        ("Doe Jane/notes.json.bak", "(a name that is not BIDS)"),
        ("dataset_description.json", "dataset_description.json"),
    ],
)
def test_only_names_that_bids_knows_are_shown(path: str, shown: str) -> None:
    assert public_path(source_file(path)) == shown


def test_a_file_that_bids_does_not_know_in_its_place_is_not_shown_by_name() -> None:
    file = SourceFile(PurePosixPath("sub-01/sub-02_T1w.nii.gz"))
    assert "02" not in public_path(file)
