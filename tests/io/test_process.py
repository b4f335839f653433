from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from bidsdeid.errors import ToolError
from bidsdeid.io.process import run


def test_a_program_ends_with_its_code_and_its_words(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); sys.stderr.write('oh'); sys.exit(3)"
    done = run([sys.executable, "-c", code], timeout_s=60, cwd=tmp_path)
    assert done.returncode == 3
    assert Path(done.stdout.decode().strip()) == tmp_path.resolve()
    assert done.stderr == b"oh"


def test_nothing_of_the_users_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("PYTHONSTARTUP", "x")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    done = run([sys.executable, "-c", code], timeout_s=60, env={"OMP_NUM_THREADS": "1"})
    seen = json.loads(done.stdout)
    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["PATH"] == os.environ["PATH"]
    assert not {"SECRET_TOKEN", "PYTHONSTARTUP"} & set(seen)


def test_no_shell_reads_the_arguments() -> None:
    code = "import sys; print(sys.argv[1])"
    done = run([sys.executable, "-c", code, "$HOME; echo `id`"], timeout_s=60)
    assert done.stdout == b"$HOME; echo `id`\n"


def test_a_program_gets_no_input() -> None:
    code = "import sys; print(repr(sys.stdin.read()))"
    assert run([sys.executable, "-c", code], timeout_s=60).stdout == b"''\n"


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    code = f"import os, time; open({str(marker)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(ToolError, match="did not end within 3 s"):
        run([sys.executable, "-c", code], timeout_s=3)
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)


def test_what_a_program_started_is_killed_with_it(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(marker)!r}, "w").write(str(child.pid))
child.wait()
"""
    with pytest.raises(ToolError, match="did not end"):
        run([sys.executable, "-c", code], timeout_s=4)
    grandchild = int(marker.read_text())
    for _ in range(100):  # it is reaped by whoever adopted it, not at once
        state = Path(f"/proc/{grandchild}/stat")
        if not state.exists() or state.read_text().rpartition(") ")[2][0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("the grandchild lives on")


@pytest.mark.parametrize("program", ["/nonexistent/tool", "/etc/passwd"])
def test_a_program_that_cannot_start(program: str) -> None:
    with pytest.raises(ToolError, match="cannot be started"):
        run([program], timeout_s=60)
