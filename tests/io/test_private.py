from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from bidsdeid.core.labels import Labels, Relabel
from bidsdeid.core.ledger import Ledger, Outcome, Status
from bidsdeid.core.pseudonym import Secret
from bidsdeid.errors import StoreError, UsageError
from bidsdeid.io.private import KEY_VARIABLE, PrivateFolder

LEDGER = Ledger("01", "print", (Outcome("sub-01/Доу.nii", "deface", Status.POLICY, "r"),))
LABELS = Labels({"ann": "02", "bob": "01"}, {("bob", "pre"): "01", ("bob", "20190304"): "02"})


@pytest.fixture(autouse=True)
def _no_key_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


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
        private.secret(None, 2007, lasting=True)
        private.write_ledger(LEDGER)
        private.record_labels(Relabel.KEYED, LABELS)
        private.write_text("report.txt", "a")
        private.write_text("report.txt", "b")
    finally:
        os.umask(before)
    assert modes(private.folder) == {(True, 0o700), (False, 0o600)}
    assert (private.folder / "report.txt").read_text() == "b"
    assert private.exposed() == ()


# ── who can read ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770, 0o704])
def test_a_folder_that_others_can_read_is_told(tmp_path: Path, mode: int) -> None:
    private = PrivateFolder(tmp_path / "private")
    private.folder.mkdir()
    private.folder.chmod(mode)
    private.prepare()
    assert private.exposed() == ("the private folder",)
    assert private.folder.stat().st_mode & 0o777 == mode, "it is the user's"


@pytest.mark.parametrize(
    ("mode", "told"),
    [(0o600, ()), (0o400, ()), (0o640, ("the key file",)), (0o604, ("the key file",))],
)
@pytest.mark.parametrize("inside", [True, False])
def test_a_key_that_others_can_read_is_told(
    private: PrivateFolder, tmp_path: Path, mode: int, told: tuple[str, ...], *, inside: bool
) -> None:
    key = private.folder / "key" if inside else tmp_path / "secret"
    key.write_bytes(b"k" * 32)
    key.chmod(mode)
    assert private.exposed(None if inside else key) == told


def test_what_is_not_there_is_not_exposed(tmp_path: Path) -> None:
    assert PrivateFolder(tmp_path / "missing").exposed(tmp_path / "secret") == ()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        PrivateFolder(tmp_path / "file" / "private").prepare()


# ── the key ──────────────────────────────────────────────────────────────────────────────────


def _secret(folder: Path) -> Secret:
    return PrivateFolder(folder).secret(None, 2011, lasting=True)


def test_many_processes_make_one_key(private: PrivateFolder) -> None:
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(8, mp_context=context) as pool:
        secrets = set(pool.map(_secret, [private.folder] * 24))
    assert secrets == {_secret(private.folder)}
    assert len(next(iter(secrets)).key) >= 32
    assert {path.name for path in private.folder.iterdir()} == {"key", "ledger"}


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    folders = [PrivateFolder(tmp_path / name) for name in "ab"]
    for folder in folders:
        folder.prepare()
    assert _secret(folders[0].folder) != _secret(folders[1].folder)


def test_a_key_that_is_made_keeps_its_first_year(private: PrivateFolder) -> None:
    made = private.secret(None, 1998, lasting=True)
    assert made.first_year == 1998
    assert private.secret(None, 2015, lasting=True) == made
    assert private.secret(None, 2015, lasting=False) == made
    assert private.secret(private.folder / "key", 2015, lasting=True) == made


@pytest.mark.parametrize("year", [1, 1899, 1901])
def test_dates_before_the_window_do_not_make_a_key_that_cannot_be_read(
    private: PrivateFolder, year: int
) -> None:
    made = private.secret(None, year, lasting=True)
    assert made.first_year == 1902
    assert private.secret(None, year, lasting=True) == made


def test_a_key_that_is_given_is_used_and_not_copied(
    private: PrivateFolder, tmp_path: Path
) -> None:
    given = tmp_path / "secret"
    given.write_bytes(b"1998:" + b"k" * 32 + b"\n")
    for lasting in (True, False):
        assert private.secret(given, 2015, lasting=lasting) == Secret(b"k" * 32, 1998)
    assert not (private.folder / "key").exists()


def test_a_key_named_in_the_private_folder_is_made_there(private: PrivateFolder) -> None:
    given = private.folder / "another"
    made = private.secret(given, 1998, lasting=True)
    assert private.secret(given, 2015, lasting=True) == made
    assert {path.name for path in private.folder.iterdir()} == {"another", "ledger"}
    assert modes(private.folder) == {(True, 0o700), (False, 0o600)}


def test_a_key_from_the_environment(
    private: PrivateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "1998:" + "e" * 32)
    assert private.secret(None, 2015, lasting=False) == Secret(b"e" * 32, 1998)
    assert not (private.folder / "key").exists()
    given = tmp_path / "secret"
    given.write_bytes(b"k" * 32)
    assert private.secret(given, 2015, lasting=False).key == b"k" * 32
    monkeypatch.setenv(KEY_VARIABLE, "")
    assert private.secret(None, 2015, lasting=True).first_year == 2015


def test_a_key_from_the_environment_may_be_any_bytes(
    private: PrivateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, os.fsdecode(b"\xff\xfe" * 16))
    assert private.secret(None, 2015, lasting=False).key == b"\xff\xfe" * 16


@pytest.mark.parametrize("value", ["short", " ", "1998:short"])
def test_a_key_from_the_environment_that_is_too_short_is_refused(
    private: PrivateFolder, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, value)
    with pytest.raises(UsageError, match="32"):
        private.secret(None, 2015, lasting=True)
    assert not (private.folder / "key").exists()


@pytest.mark.parametrize("name", [None, "another"])
def test_a_key_that_would_be_lost_is_not_made(private: PrivateFolder, name: str | None) -> None:
    given = None if name is None else private.folder / name
    with pytest.raises(UsageError, match=rf"--private-dir, .* --key, .* \${KEY_VARIABLE}"):
        private.secret(given, 2015, lasting=False)
    assert {path.name for path in private.folder.iterdir()} == {"ledger"}


def test_a_key_that_is_missing_or_too_short_is_refused(
    private: PrivateFolder, tmp_path: Path
) -> None:
    given = tmp_path / "secret"
    with pytest.raises(UsageError, match="cannot be read"):
        private.secret(given, 2015, lasting=True)
    given.write_bytes(b"k" * 31 + b"\n\n")
    with pytest.raises(UsageError, match="32"):
        private.secret(given, 2015, lasting=True)
    assert given.read_bytes() == b"k" * 31 + b"\n\n"
    with pytest.raises(UsageError, match="cannot be read"):
        private.secret(private.folder / "no" / "key", 2015, lasting=True)


# ── the map of labels ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", [Relabel.KEYED, Relabel.SEQUENTIAL, Relabel.TABLE])
def test_labels_are_read_as_they_were_recorded(private: PrivateFolder, mode: Relabel) -> None:
    assert private.read_labels(mode) == Labels()
    private.record_labels(mode, LABELS)
    assert private.read_labels(mode) == LABELS
    path = private.folder / f"labels-{mode}.tsv"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("utf-8").splitlines() == [
        "participant_id\tsession_id\tnew_participant_id\tnew_session_id",
        "ann\tn/a\t02\tn/a",
        "bob\t20190304\t01\t02",
        "bob\tpre\t01\t01",
    ]
    others = {Relabel.KEYED, Relabel.SEQUENTIAL, Relabel.TABLE} - {mode}
    assert all(private.read_labels(other) == Labels() for other in others)


def test_labels_that_did_not_change_are_not_written_again(private: PrivateFolder) -> None:
    private.record_labels(Relabel.KEYED, LABELS)
    path = private.folder / "labels-keyed.tsv"
    before = path.stat().st_ino
    private.record_labels(Relabel.KEYED, LABELS)
    assert path.stat().st_ino == before
    private.record_labels(Relabel.KEYED, Labels({"ann": "02"}))
    assert private.read_labels(Relabel.KEYED) == Labels({"ann": "02"})
    assert len(list(private.folder.iterdir())) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"participant_id\n01\n", b"a\tb\n1\n",
     b"participant_id\tsession_id\tnew_participant_id\nann\tn/a\t01\n", b"participant_id\n",
     b"session_id\tparticipant_id\tnew_participant_id\tnew_session_id\npre\tann\t01\t01\n"],
)  # fmt: skip
def test_a_damaged_map_of_labels_is_told(private: PrivateFolder, content: bytes) -> None:
    (private.folder / "labels-sequential.tsv").write_bytes(content)
    with pytest.raises(StoreError, match=r"labels-sequential\.tsv .* is damaged"):
        private.read_labels(Relabel.SEQUENTIAL)


# ── the ledger ───────────────────────────────────────────────────────────────────────────────


def test_a_ledger_is_read_as_it_was_written_and_can_be_replaced(private: PrivateFolder) -> None:
    assert private.read_ledger("01") is None
    private.write_ledger(LEDGER)
    assert private.read_ledger("01") == LEDGER
    private.write_ledger(Ledger("01", "other", (), "bcd"))
    assert private.read_ledger("01") == Ledger("01", "other", (), "bcd")
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
    [b"", b"{", b"[]", b"{}", b"\xff", b"null", b'{"participant": "01", "outcomes": [1]}',
     b'{"participant": "01", "fingerprint": "print", "outcomes": []}'],
)  # fmt: skip
def test_a_damaged_ledger_is_told(private: PrivateFolder, content: bytes) -> None:
    private.write_ledger(LEDGER)
    (private.folder / "ledger" / "sub-01.json").write_bytes(content)
    with pytest.raises(StoreError, match="the record of a participant in the private folder is"):
        private.read_ledger("01")
