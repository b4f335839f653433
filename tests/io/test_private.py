from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from bidsdeid.core.ledger import Ledger, Outcome, Status
from bidsdeid.errors import StoreError, UsageError
from bidsdeid.io.private import PrivateFolder

LEDGER = Ledger("01", "print", (Outcome("sub-01/Доу.nii", "deface", Status.POLICY, "r"),))


@pytest.fixture
def private(tmp_path: Path) -> PrivateFolder:
    folder = PrivateFolder(tmp_path / "deep" / "private")
    folder.prepare()
    return folder


def modes(folder: Path) -> set[tuple[bool, int]]:
    return {(p.is_dir(), p.stat().st_mode & 0o777) for p in [folder, *folder.rglob("*")]}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_everything_in_it_is_for_its_owner_only(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        private = PrivateFolder(tmp_path / "private")
        private.prepare()
        private.key(None)
        private.write_ledger(LEDGER)
        private.write_text("report.txt", "a")
        private.write_text("report.txt", "b")
    finally:
        os.umask(before)
    assert modes(private.folder) == {(True, 0o700), (False, 0o600)}
    assert (private.folder / "report.txt").read_text() == "b"


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770])
def test_a_folder_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(UsageError, match="chmod 700"):
        PrivateFolder(tmp_path).prepare()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        PrivateFolder(tmp_path / "file" / "private").prepare()


def _key(folder: Path) -> bytes:
    return PrivateFolder(folder).key(None)


def test_many_processes_make_one_key(private: PrivateFolder) -> None:
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(8, mp_context=context) as pool:
        keys = set(pool.map(_key, [private.folder] * 24))
    assert keys == {private.key(None)}
    assert len(next(iter(keys))) >= 32
    assert {path.name for path in private.folder.iterdir()} == {"key", "ledger"}


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    folders = [PrivateFolder(tmp_path / name) for name in "ab"]
    for folder in folders:
        folder.prepare()
    assert folders[0].key(None) != folders[1].key(None)


def test_a_key_that_is_given_is_used_and_not_copied(
    private: PrivateFolder, tmp_path: Path
) -> None:
    given = tmp_path / "secret"
    given.write_bytes(b"k" * 32 + b"\n")
    assert private.key(given) == b"k" * 32
    assert not (private.folder / "key").exists()


def test_a_key_that_is_missing_or_too_short_is_refused(
    private: PrivateFolder, tmp_path: Path
) -> None:
    given = tmp_path / "secret"
    with pytest.raises(UsageError):
        private.key(given)
    given.write_bytes(b"k" * 31 + b"\n\n")
    with pytest.raises(UsageError, match="32"):
        private.key(given)


def test_a_ledger_is_read_as_it_was_written_and_can_be_replaced(private: PrivateFolder) -> None:
    assert private.read_ledger("01") is None
    private.write_ledger(LEDGER)
    assert private.read_ledger("01") == LEDGER
    private.write_ledger(Ledger("01", "other", ()))
    assert private.read_ledger("01") == Ledger("01", "other", ())
    private.write_ledger(Ledger("", "all", ()))
    assert private.read_ledger("") == Ledger("", "all", ())
    names = {path.name for path in (private.folder / "ledger").iterdir()}
    assert names == {"sub-01.json", "dataset.json"}
    private.forget("01")
    assert private.read_ledger("01") is None


def test_a_ledger_of_names_that_are_not_unicode(private: PrivateFolder) -> None:
    name = os.fsdecode(b"sub-01/\xff.nii")
    ledger = Ledger("01", "print", (Outcome(name, "withhold", Status.POLICY, "r"),))
    private.write_ledger(ledger)
    assert private.read_ledger("01") == ledger


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff", b"null", b'{"participant": "01", "outcomes": [1]}'],
)
def test_a_damaged_ledger_is_told(private: PrivateFolder, content: bytes) -> None:
    private.write_ledger(LEDGER)
    (private.folder / "ledger" / "sub-01.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"sub-01\.json .* is damaged"):
        private.read_ledger("01")
