from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bidsdeid.errors import StoreError
from bidsdeid.io.work import sweep, work_folder

HOST = re.sub(r"[^0-9a-zA-Z-]", "-", platform.node()) or "localhost"


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_work_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with work_folder(tmp_path / "a" / "work") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "face.nii").write_bytes(b"x")
        assert folder.parent == tmp_path / "a" / "work"
    assert not folder.exists()


def test_a_work_folder_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), work_folder(tmp_path) as folder:
        (folder / "missing" / "face.nii").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_dead_processes_of_this_machine_are_swept(tmp_path: Path) -> None:
    dead = dead_pid()
    gone = {f"{HOST}.{dead}.abc", f"{HOST}.{dead}.x_1"}
    kept = {
        f"{HOST}.{os.getpid()}.abc", f"{HOST}.1.abc", f"another-{HOST}.{dead}.abc",
        f"{HOST}.{dead}", f"{HOST}.{dead}.abc.d", f"{HOST}.x.abc", "notes",
    }  # fmt: skip
    for name in gone | kept:
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "face.nii").write_bytes(b"x")
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == kept


def test_a_folder_whose_number_is_no_process_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f"{HOST}.{10**30}.abc"
    other.mkdir()
    sweep(tmp_path)
    assert other.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from bidsdeid.io.work import work_folder\n"
        "with work_folder(Path(sys.argv[1])) as f:\n"
        "    (f / 'face.nii').write_bytes(b'x'); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(f"{HOST}.")
    with work_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_a_work_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--work-dir"), work_folder(tmp_path / "file" / "work"):
        pytest.fail("there is no folder")
