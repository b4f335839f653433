from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bidsdeid.errors import StoreError
from bidsdeid.io.work import sweep, work_folder

#: Makes a work folder with a face in it, and then does what follows.
MAKE = (
    "import os, sys; from pathlib import Path; from bidsdeid.io.work import work_folder\n"
    "with work_folder(Path(sys.argv[1])) as f:\n"
    "    (f / 'face.nii').write_bytes(b'x'); print(f.name, flush=True); "
)


def test_a_work_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with work_folder(tmp_path / "a" / "work") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "face.nii").write_bytes(b"x")
        assert folder.parent == tmp_path / "a" / "work"
    assert not folder.exists()
    assert list((tmp_path / "a" / "work").iterdir()) == []


def test_a_work_folder_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), work_folder(tmp_path) as folder:
        (folder / "missing" / "face.nii").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_process_that_runs_is_left_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{MAKE} sys.stdin.read()", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        name = other.stdout.readline().decode().strip()
        sweep(tmp_path)
        with work_folder(tmp_path):
            assert (tmp_path / name / "face.nii").exists()
        other.kill()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_this_process_are_left_alone(tmp_path: Path) -> None:
    with work_folder(tmp_path) as first, work_folder(tmp_path) as second:
        sweep(tmp_path)
        assert first.is_dir()
        assert second.is_dir()


def test_what_is_no_work_folder_is_left_alone(tmp_path: Path) -> None:
    for name in ("notes", "host.17.abc", "work-without-lock", ".new-abc"):
        (tmp_path / name / "inner").mkdir(parents=True)
    (tmp_path / "work-file").write_text("")
    before = sorted(tmp_path.rglob("*"))
    sweep(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"{MAKE} os.kill(os.getpid(), 9)", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == -9
    (left,) = tmp_path.iterdir()
    assert (left / "face.nii").exists()
    with work_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, os.strerror(38))

    with work_folder(tmp_path) as first:
        monkeypatch.setattr("fcntl.flock", refuse)
        with work_folder(tmp_path) as second:
            assert first.is_dir()
            monkeypatch.undo()
            sweep(tmp_path)
            assert second.is_dir()


def test_a_work_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--work-dir"), work_folder(tmp_path / "file" / "work"):
        pytest.fail("there is no folder")


_KILLED = """
import os, sys
from pathlib import Path
from bidsdeid.io.work import work_folder

left = int(sys.argv[2])

def count(event, arguments):
    global left
    if event in ("os.remove", "os.rmdir") and armed:
        left -= 1
        if left < 0:
            os._exit(9)

armed = False
sys.addaudithook(count)
with work_folder(Path(sys.argv[1])) as folder:
    for name in ("a", "stage/sub-01/b", "z"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    armed = True
"""


def test_whatever_moment_it_is_killed_at_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    codes = []
    for moment in range(9):
        command = [sys.executable, "-c", _KILLED, str(tmp_path), str(moment)]
        codes.append(subprocess.run(command, check=False).returncode)
        sweep(tmp_path)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [], moment
    assert codes[0] == 9, "it was killed"
    assert codes[-1] == 0, "it came to its end"
