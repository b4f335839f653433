from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from bidsdeid.core.account import Account
from bidsdeid.core.ledger import Ledger, Outcome, Release, Status
from bidsdeid.errors import StoreError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.run.records import Records, ReleasedFiles


def outcome(source: str, *targets: str) -> Outcome:
    status = Status.RELEASED if targets else Status.POLICY
    releases = tuple(Release(target, "0" * 64, 1, "scrub") for target in targets)
    return Outcome(source, "scrub", status, "a rule", releases)


LEDGERS = (
    Ledger("01", "f1", (
        outcome("sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz", "sub-x/ses-a/anat/x_T1w.nii.gz", "m"),
        outcome("sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz"),
    ), "x"),
    Ledger("02", "f2", (outcome("sub-02/func/sub-02_bold.nii.gz", "sub-y/func/y_bold.nii.gz"),),
           "y"),
    Ledger("03", "f3", (outcome("sub-03/func/sub-03_bold.nii.gz"),), "z"),
)  # fmt: skip


@pytest.fixture
def private(tmp_path: Path) -> PrivateFolder:
    folder = PrivateFolder(tmp_path / "private")
    folder.prepare()
    for ledger in LEDGERS:
        folder.write_ledger(ledger)
    return folder


@pytest.fixture
def records(private: PrivateFolder) -> Records:
    return Records(private, [Account.of(ledger) for ledger in LEDGERS])


def test_ledgers_are_read_in_the_order_of_their_accounts(records: Records) -> None:
    assert tuple(records) == LEDGERS
    assert tuple(records) == LEDGERS, "and again"


def test_people_are_those_of_whom_something_is_released(records: Records) -> None:
    assert records.labels == {"x": "01", "y": "02"}
    assert records.everyone == ("x", "y", "z")
    assert records.people == {"01": frozenset({"a"}), "02": frozenset()}


def test_released_files_are_those_of_all_and_of_the_dataset(records: Records) -> None:
    files = ReleasedFiles(records)
    files[PurePosixPath("README")] = PurePosixPath("README")
    assert {str(source): str(target) for source, target in files.items()} == {
        "README": "README",
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz": "sub-x/ses-a/anat/x_T1w.nii.gz",
        "sub-02/func/sub-02_bold.nii.gz": "sub-y/func/y_bold.nii.gz",
    }
    assert PurePosixPath("sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz") not in files
    assert PurePosixPath("sub-04/func/sub-04_bold.nii.gz") not in files
    assert len(files) == 3
    assert files.pop(PurePosixPath("README"))
    assert PurePosixPath("README") not in files


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_ledger_that_changed_meanwhile_stops(
    private: PrivateFolder, records: Records, change: str
) -> None:
    if change == "gone":
        private.forget("02")
    else:
        private.write_ledger(Ledger("02", "another fingerprint", (), "y"))
    with pytest.raises(StoreError, match="changed while the dataset was being finished"):
        list(records)
    with pytest.raises(StoreError):
        records.of("02")
