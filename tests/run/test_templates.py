from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bidsdeid.cli import main
from bidsdeid.core.cohort import CHILDREN, INFANTS
from bidsdeid.io.process import Finished
from bidsdeid.io.templates import template_path
from bidsdeid.run import templates
from template_files import write_template

FETCHED = ("T1w", "T2w", "desc-brain_mask")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's templates, or a network."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BIDSDEID_TEMPLATES", raising=False)
    return tmp_path / "home"


def row(text: str, name: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name} "))
    return line.split()


def test_list_shows_what_is_there_and_where_it_looked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_template(home, INFANTS[1], ("T2w", "desc-face_mask"))
    template_path(home, INFANTS[2], "T1w").parent.mkdir(parents=True)
    template_path(home, INFANTS[2], "T1w").write_bytes(b"")
    assert main(["templates", "list"]) == 0
    text = capsys.readouterr().out
    assert str(home) in text.splitlines()[0]
    assert str(home.parent / "cache/bidsdeid/templates") in text
    missing = ["missing"] * 4
    assert row(text, "MNIInfant:1") == ["MNIInfant:1", "0-2", "months", *missing]
    assert row(text, "MNIInfant:2")[3:] == ["missing", "present", "missing", "present"]
    assert row(text, "MNIInfant:3")[3:] == missing
    assert row(text, "MNIPediatricAsym:2")[1:] == ["4.5-8.5", "years", *missing]
    assert row(text, "pydeface")[2:] == ["present", "-", "present", "present"]


def test_list_looks_where_it_is_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_template(tmp_path / "other", INFANTS[0])
    assert main(["templates", "list", "--home", str(tmp_path / "other")]) == 0
    assert row(capsys.readouterr().out, "MNIInfant:1")[3:] == ["present"] * 4
    assert not home.exists()


def test_fetch_without_a_network_says_what_to_copy_where(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["templates", "fetch", "--cohort", "1"]) == 70
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"copy its tpl-MNIInfant into {home}" in error
    assert not any(p.stat().st_size for p in home.glob("tpl-MNIInfant/cohort-1/*"))


#: Put before the child's program: the real client, with a download that needs no network.
NO_DOWNLOAD = """
import templateflow.client as client
def download(config, path):
    path.write_bytes(b"downloaded")
client._s3_get = download
"""


def test_the_child_asks_the_real_templateflow_for_these_files_only(home: Path) -> None:
    write_template(home, INFANTS[0], ("desc-face_mask",))  # a home that TemplateFlow did not make
    done = subprocess.run(
        [sys.executable, "-c", NO_DOWNLOAD + templates._CHILD, "MNIInfant:1:T2w:",  # noqa: SLF001
         "MNIPediatricAsym:2:mask:brain"],
        capture_output=True,
        check=False,
        env={**os.environ, "TEMPLATEFLOW_HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    got = {path for path in home.rglob("*.nii.gz") if path.read_bytes() == b"downloaded"}
    assert got == {
        template_path(home, INFANTS[0], "T2w"),
        template_path(home, CHILDREN[1], "desc-brain_mask"),
    }


def test_fetch_does_nothing_if_all_is_there(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_: object, **__: object) -> None:
        pytest.fail("nothing is missing")

    monkeypatch.setattr(templates, "run", no_process)
    write_template(home, INFANTS[0], FETCHED)
    assert main(["templates", "fetch", "--cohort", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "all files are there",
        "face masks are missing: run `bidsdeid templates build`",
    ]
    write_template(home, INFANTS[0], ("desc-face_mask",))
    assert main(["templates", "fetch", "--cohort", "1"]) == 0
    assert capsys.readouterr().out == "all files are there\n"


class Server:
    """Stands for the process that asks TemplateFlow."""

    def __init__(self, home: Path, *, cut: str | None = None) -> None:
        self.home, self.cut = home, cut
        self.asked: list[str] = []
        self.env: dict[str, str] = {}

    def __call__(self, argv: Sequence[Any], *, timeout_s: float, env: dict[str, str]) -> Finished:
        assert timeout_s > 60
        self.asked, self.env = [str(word) for word in argv[3:]], env
        for words in self.asked:
            template, number, suffix, desc = words.split(":")
            cohort = next(
                c
                for c in (*INFANTS, *CHILDREN)
                if (c.template, str(c.number)) == (template, number)
            )
            ending = f"desc-{desc}_{suffix}" if desc else suffix
            write_template(self.home, cohort, (ending,))
            if ending == self.cut:
                path = template_path(self.home, cohort, ending)
                path.write_bytes(path.read_bytes()[:-100])
        return Finished(1 if self.cut else 0, b"", b"")


def test_fetch_asks_for_what_is_missing_only(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(home)
    monkeypatch.setattr(templates, "run", server)
    write_template(home, INFANTS[2], ("T1w",))
    assert main(["templates", "fetch", "--cohort", "3", "MNIPediatricAsym:2"]) == 0
    assert server.asked == [
        "MNIInfant:3:T2w:",
        "MNIInfant:3:mask:brain",
        "MNIPediatricAsym:2:T1w:",
        "MNIPediatricAsym:2:T2w:",
        "MNIPediatricAsym:2:mask:brain",
    ]
    assert server.env["TEMPLATEFLOW_HOME"] == str(home)
    assert server.env["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert "5 files" in capsys.readouterr().out


def test_fetch_gets_all_infants_unless_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(home)
    monkeypatch.setattr(templates, "run", server)
    assert main(["templates", "fetch"]) == 0
    assert len(server.asked) == 33
    assert all(words.startswith("MNIInfant:") for words in server.asked)


def test_a_file_cut_short_is_not_left_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "run", Server(home, cut="T2w"))
    assert main(["templates", "fetch", "--cohort", "1"]) == 70
    assert not template_path(home, INFANTS[0], "T2w").exists()
    assert template_path(home, INFANTS[0], "T1w").exists()


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["templates", "fetch", "--home", str(tmp_path / "file" / "x")]) == 73
    assert "--home" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "{list,fetch,build}"),
        (["nonsense"], "nonsense"),
        (["fetch", "--cohort", "12"], "no such cohort"),
        (["fetch", "--cohort"], "--cohort"),
        (["list", "--no-such-option"], "--no-such-option"),
    ],
)
def test_commands_that_cannot_be_right(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["templates", *arguments]) == 64
    assert word in capsys.readouterr().err
