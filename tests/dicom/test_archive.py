from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from bidsdeid.dicom.archive import pack, part_of
from bidsdeid.errors import StoreError
from dicom_files import saved

FILES = {"0001/00001.dcm": b"first" * 100, "0001/00002.dcm": b"second", "0002/00001.dcm": b""}
PATHS = sorted(FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return saved(tmp_path / "stage", FILES)


def test_a_zip_holds_the_files_in_their_order_below_its_root(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "sub01.zip"
    pack(target, folder, reversed(PATHS), "sub01", 0o644)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"sub01/{path}" for path in reversed(PATHS)]
        assert {name: archive.read(f"sub01/{name}") for name in PATHS} == FILES
        assert archive.comment == b""


def test_a_zip_depends_on_what_is_in_it_and_nothing_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [tmp_path / f"{number}.zip" for number in range(3)]
    pack(targets[0], folder, PATHS, "sub01", 0o600)
    for path in PATHS:
        os.utime(folder / path, (10**9, 10**9))
        (folder / path).chmod(0o777)
    pack(targets[1], folder, PATHS, "sub01", 0o600)
    other = saved(tmp_path / "elsewhere", FILES)
    monkeypatch.setattr("zipfile.sys.platform", "win32")
    pack(targets[2], other, PATHS, "sub01", 0o600)
    assert len({target.read_bytes() for target in targets}) == 1


def test_members_tell_no_time_and_no_owner(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "sub01.zip"
    pack(target, folder, PATHS, "sub01", 0o640)
    with zipfile.ZipFile(target) as archive:
        for member in archive.infolist():
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert (member.extra, member.comment) == (b"", b"")
            assert member.create_system == 3
            assert member.compress_type == zipfile.ZIP_DEFLATED
            assert member.external_attr >> 16 == 0o640
    assert target.stat().st_size < 1000


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
@pytest.mark.parametrize("umask", [0o077, 0o022, 0o000])
def test_who_may_read_it_is_what_was_asked_for(
    folder: Path, tmp_path: Path, mode: int, umask: int
) -> None:
    target = tmp_path / "sub01.zip"
    before = os.umask(umask)
    try:
        pack(target, folder, PATHS, "sub01", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == mode


@pytest.mark.parametrize("limit", [10, 2000])
def test_large_files_are_in_a_large_zip(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("zipfile.ZIP64_LIMIT", limit)
    target = tmp_path / "sub01.zip"
    pack(target, folder, PATHS, "sub01", 0o600)
    assert (b"\x01\x00\x10\x00" in target.read_bytes()) == (limit == 10)
    monkeypatch.undo()
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.read("sub01/0001/00001.dcm") == FILES["0001/00001.dcm"]


def test_a_failure_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "sub01.zip"
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError, match="cannot be written: No such file") as caught:
        pack(target, folder, [*PATHS, "0003/Fairweather.dcm"], "sub01", 0o600)
    assert "Fairweather" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_failure_leaves_what_was_there(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "sub01.zip"
    target.write_bytes(b"earlier")
    with pytest.raises(StoreError):
        pack(target, folder, ["missing"], "sub01", 0o600)
    assert target.read_bytes() == b"earlier"
    pack(target, folder, PATHS, "sub01", 0o600)
    assert zipfile.is_zipfile(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stage", "sub01.zip"]


def test_a_folder_that_is_not_there_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="the zip file cannot be written"):
        pack(tmp_path / "no" / "sub01.zip", folder, PATHS, "sub01", 0o600)


def test_a_target_that_is_a_folder_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.zip").mkdir()
    with pytest.raises(StoreError, match="the zip file cannot be written"):
        pack(tmp_path / "taken.zip", folder, PATHS, "sub01", 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stage", "taken.zip"]


def test_what_a_killed_process_left_goes_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "sub01.zip"
    left = [part_of(target), part_of(target)]
    assert left[0] != left[1]
    assert {path.parent for path in left} == {tmp_path}
    left[0].write_bytes(b"half")
    saved(left[1], {"a/b": b"half"})
    others = [".sub01.zip-", ".sub01.zip-0123456789ag", ".sub01xzip-0123456789ab",
              "sub01.zip-0123456789ab", ".sub01.zip-0123456789abc",
              ".sub010.zip-0123456789ab"]  # fmt: skip
    saved(tmp_path, dict.fromkeys(others, b"x"))
    pack(target, folder, PATHS, "sub01", 0o600)
    assert {path.name for path in tmp_path.iterdir()} == {"stage", "sub01.zip", *others}
