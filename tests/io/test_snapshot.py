from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from bidsdeid.io.snapshot import Entry, Kind, snapshot


def kinds(root: Path, below: str = "") -> dict[str, Kind]:
    return {str(e.path): e.kind for e in snapshot(root, PurePosixPath(below))}


def test_everything_below_a_folder_is_there_and_folders_come_before_what_is_in_them(
    tmp_path: Path,
) -> None:
    for name in ("b/c/d.txt", "a.txt", "b/a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "empty").mkdir()
    entries = snapshot(tmp_path)
    assert [str(e.path) for e in entries] == [
        ".", "a.txt", "b", "b/a.txt", "b/c", "b/c/d.txt", "empty",
    ]  # fmt: skip
    assert [e.number for e in entries] == [1, 1, 2, 1, 2, 1, 3]


def test_a_part_of_a_folder_has_the_paths_of_the_whole(tmp_path: Path) -> None:
    (tmp_path / "sub-01/anat").mkdir(parents=True)
    (tmp_path / "sub-02").mkdir()
    assert kinds(tmp_path, "sub-01") == {"sub-01": Kind.FOLDER, "sub-01/anat": Kind.FOLDER}


def test_a_file_is_a_root_too(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    assert kinds(tmp_path / "x.json") == {"x.json": Kind.FILE}


def test_what_is_not_a_file_is_told_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    for name, target in (
        ("to folder", "folder"), ("to file", "file"), ("to nothing", "gone"), ("round", "round"),
    ):  # fmt: skip
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    for name in (".git", ".datalad", "inner/.hg"):
        (tmp_path / name / "objects").mkdir(parents=True)
    (tmp_path / ".svn").write_text("a file is no history")
    assert kinds(tmp_path) == {
        ".": Kind.FOLDER, "folder": Kind.FOLDER, "file": Kind.FILE, "pipe": Kind.SPECIAL,
        "to folder": Kind.FOLDER_LINK, "to file": Kind.FILE, "to nothing": Kind.BROKEN_LINK,
        "round": Kind.BROKEN_LINK, ".git": Kind.HISTORY, ".datalad": Kind.HISTORY,
        "inner": Kind.FOLDER, "inner/.hg": Kind.HISTORY, ".svn": Kind.FILE,
    }  # fmt: skip
    targets = {str(e.path): e.target for e in snapshot(tmp_path) if e.target}
    assert targets == {
        "to folder": "folder", "to file": "file", "to nothing": "gone", "round": "round",
    }  # fmt: skip


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_this_user_may_not_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/x").write_text("x")
    (tmp_path / "file").write_text("x")
    for name in ("folder", "file"):
        (tmp_path / name).chmod(0)
    try:
        assert kinds(tmp_path) == {
            ".": Kind.FOLDER, "file": Kind.CLOSED, "folder": Kind.CLOSED,
        }  # fmt: skip
    finally:
        (tmp_path / "folder").chmod(0o700)


def test_a_folder_that_went_away_is_told(tmp_path: Path) -> None:
    assert kinds(tmp_path / "gone") == {"gone": Kind.CLOSED}


def test_folders_of_any_depth_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    deep = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(1200):
            os.mkdir("x", dir_fd=deep)
            inner = os.open("x", os.O_RDONLY, dir_fd=deep)
            os.close(deep)
            deep = inner
    finally:
        os.close(deep)
    assert len(snapshot(tmp_path)) == 1202
    os.removedirs(tmp_path.joinpath(*["x"] * 1200))


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"new\nline", b"\x1b[2J", b" "])
def test_names_of_any_bytes_are_read(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_text("x")
    assert [os.fsencode(e.path) for e in snapshot(tmp_path)[1:]] == [name]


def test_a_change_shows_in_the_mark(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("one")
    before = snapshot(tmp_path)
    assert snapshot(tmp_path) == before
    status = file.stat()
    file.write_text("two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # somebody covers his traces
    assert snapshot(tmp_path) != before


def test_an_entry_is_a_value() -> None:
    assert Entry(PurePosixPath("a"), Kind.FILE) == Entry(PurePosixPath("a"), Kind.FILE)
