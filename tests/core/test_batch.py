from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath
from shlex import quote

import pytest

from bidsdeid.core.batch import (
    Batch,
    Chunk,
    Demand,
    array_script,
    array_words,
    group_script,
    group_words,
    typed_commands,
)

DEMAND = Demand(1500, "30", 2)
AWKWARD = 'it\'s $(touch x) "a" `b` 100% é;&'
BASH = shutil.which("bash") or "bash"

#: A program in the place of bidsdeid or apptainer, which says how it was called.
SAYS = """#!/bin/bash
printf '%s\\n' "$@" > "$SAID"
env > "$SAID.env"
echo x >> "$SAID.calls"
[ -z "${WAITS:-}" ] || { trap 'echo told >> "$SAID.calls"; exit 143' TERM; sleep 30 & wait; }
count=$(wc -l < "$SAID.calls")
read -ra codes <<< "${CODES:-0}"
exit "${codes[count - 1]:-0}"
"""


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    root = tmp_path / AWKWARD
    folders = [root / name for name in ("in", "out", "private", "work", "logs")]
    return Batch(("01", "b+b", "cc"), *folders, options=("--known-terms=a b'c", "--ears"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Programs that only say how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("bash", "cat", "env", "mkdir", "mktemp", "rm", "sleep", "wc"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    for name in ("bidsdeid", "apptainer"):
        (folder / name).write_text(SAYS)
        (folder / name).chmod(0o755)
    return folder


def environment(place: Path, **more: str) -> dict[str, str]:
    return {"PATH": str(place), "SAID": str(place / "said"), **more}


def go(text: str, place: Path, *arguments: str, **more: str) -> tuple[int, str, list[str]]:
    script = place / "script.sh"
    script.write_text(text)
    done = subprocess.run(
        [BASH, script, *arguments],
        env=environment(place, **more),
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = place / "said"
    words = said.read_text().splitlines() if said.exists() else []
    return done.returncode, done.stdout + done.stderr, words


def calls(place: Path) -> int:
    return len((place / "said.calls").read_text().splitlines())


# ── what is written ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("image", [None, "/images/it's.sif"])
def test_what_is_written_is_bash(batch: Batch, image: str | None, tmp_path: Path) -> None:
    batch = replace(batch, image=image, gpu=True, key_variable=True, files=("/a b",))
    for text in (array_script(batch, DEMAND), group_script(batch, DEMAND)):
        (tmp_path / "x.sh").write_text(text)
        subprocess.run([BASH, "-n", tmp_path / "x.sh"], check=True)
        if shutil.which("shellcheck"):
            # What looks like a command in the folders' names is to be left alone.
            subprocess.run(["shellcheck", "-e", "SC2016", tmp_path / "x.sh"], check=True)  # noqa: S607


def test_the_head_asks_for_what_is_needed(batch: Batch) -> None:
    text = array_script(replace(batch, throttle=2, directives=("--mail-type=END",)), DEMAND)
    head = [line for line in text.splitlines() if line.startswith("#SBATCH")]
    assert text.startswith("#!/bin/bash\n")
    assert text.index("#SBATCH --array") < text.index("set -u")
    assert {"#SBATCH --array=1-3%2", "#SBATCH --mem=1500M", "#SBATCH --time=30"} <= set(head)
    assert {"#SBATCH --cpus-per-task=2", "#SBATCH --open-mode=append"} <= set(head)
    assert "#SBATCH --mail-type=END" in head
    assert not any(label in line for label in ("b+b", "cc") for line in head)


def test_a_per_cent_sign_in_a_path_is_no_pattern_of_slurm(batch: Batch) -> None:
    (line,) = [x for x in group_script(batch, DEMAND).splitlines() if "--output" in x]
    assert "100%%" in line
    assert line.endswith("/%j_group.log'")


def test_the_finishing_script_tells_no_label(batch: Batch) -> None:
    assert "b+b" not in group_script(batch, DEMAND)


# ── what is typed ────────────────────────────────────────────────────────────────────────────


def test_two_commands_are_typed(batch: Batch) -> None:
    assert typed_commands(batch, PurePosixPath("/x y/a.sh"), PurePosixPath("/g.sh")) == (
        "job=$(sbatch --parsable '/x y/a.sh')",
        'sbatch --parsable --dependency="afterok:${job%%;*}" --kill-on-invalid-dep=yes /g.sh',
    )


def test_a_large_dataset_is_several_arrays(batch: Batch) -> None:
    batch = replace(batch, largest_array=2)
    assert batch.chunks() == (Chunk(0, 2), Chunk(2, 1))
    assert typed_commands(batch, PurePosixPath("/a.sh"), PurePosixPath("/g.sh")) == (
        "job1=$(sbatch --parsable --array=1-2 /a.sh 0)",
        "job2=$(sbatch --parsable --array=1-1 /a.sh 2)",
        (
            'sbatch --parsable --dependency="afterok:${job1%%;*}:${job2%%;*}" '
            "--kill-on-invalid-dep=yes /g.sh"
        ),
    )


def test_a_throttle_holds_for_all_arrays_together(batch: Batch) -> None:
    batch = replace(batch, largest_array=2, throttle=5)
    words = array_words(batch, batch.chunks()[1], PurePosixPath("/a.sh"), "77")
    assert words == ("--parsable", "--dependency=afterany:77", "--array=1-1%5", "/a.sh", "2")


def test_nothing_is_waited_for_where_all_are_done() -> None:
    assert group_words(PurePosixPath("/g.sh"), ()) == ("--parsable", "/g.sh")


def test_what_is_typed_is_what_a_shell_understands(batch: Batch, place: Path) -> None:
    (place / "sbatch").write_text(SAYS + "\n")
    (place / "sbatch").chmod(0o755)
    commands = typed_commands(batch, PurePosixPath("/x y/a.sh"), PurePosixPath("/it's.sh"))
    code, _, words = go("job='12;there'\n" + commands[-1], place)
    assert code == 0
    assert words[1:] == ["--dependency=afterok:12", "--kill-on-invalid-dep=yes", "/it's.sh"]


# ── what is run ──────────────────────────────────────────────────────────────────────────────


def test_a_task_does_its_participant(batch: Batch, place: Path) -> None:
    code, said, words = go(array_script(batch, DEMAND), place, SLURM_ARRAY_TASK_ID="2")
    assert code == 0, said
    assert words[:3] == [str(batch.bids_dir), str(batch.output_dir), "participant"]
    assert words[-2:] == ["--participant-label", "b+b"]
    assert "--skip-bids-validation" in words
    assert "--known-terms=a b'c" in words
    assert words[words.index("--private-dir") + 1] == str(batch.private_dir)
    assert not (place / "x").exists()


def test_attempts_share_no_work_folder_and_leave_none(batch: Batch, place: Path) -> None:
    text = array_script(batch, DEMAND)
    folders = set()
    for _ in range(2):
        *_, words = go(text, place, SLURM_ARRAY_TASK_ID="2")
        folders.add(words[words.index("--work-dir") + 1])
    assert len(folders) == 2
    assert all(Path(folder).parent == batch.work_dir for folder in folders)
    assert not list(Path(batch.work_dir).iterdir())
    assert Path(batch.work_dir).stat().st_mode & 0o077 == 0


def test_later_arrays_go_on_where_the_first_ended(batch: Batch, place: Path) -> None:
    *_, words = go(array_script(batch, DEMAND), place, "2", SLURM_ARRAY_TASK_ID="1")
    assert words[-1] == "cc"


@pytest.mark.parametrize("task", ["", "0", "4"])
def test_a_task_without_a_participant_says_so(batch: Batch, place: Path, task: str) -> None:
    code, said, words = go(array_script(batch, DEMAND), place, SLURM_ARRAY_TASK_ID=task)
    assert (code, words) == (64, [])
    assert said.startswith("bidsdeid: ")


@pytest.mark.parametrize(
    ("codes", "code", "runs"),
    [("0", 0, 1), ("1", 0, 1), ("70", 70, 1), ("73 0", 0, 2), ("73 1", 0, 2), ("73 73", 73, 2)],
)
def test_what_a_task_ends_with(
    batch: Batch, place: Path, codes: str, code: int, runs: int
) -> None:
    got, *_ = go(array_script(batch, DEMAND), place, SLURM_ARRAY_TASK_ID="1", CODES=codes)
    assert (got, calls(place)) == (code, runs)


def test_a_signal_reaches_the_program_and_nothing_is_left(batch: Batch, place: Path) -> None:
    script = place / "script.sh"
    script.write_text(array_script(batch, DEMAND))
    env = environment(place, SLURM_ARRAY_TASK_ID="1", WAITS="1")
    with subprocess.Popen([BASH, script], env=env, cwd=place) as process:
        for _ in range(200):
            if (place / "said.calls").exists():
                break
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    assert (place / "said.calls").read_text() == "x\ntold\n"
    assert not list(Path(batch.work_dir).iterdir())


@pytest.mark.parametrize(("codes", "left"), [("0", 0), ("1", 0), ("73", 1)])
def test_the_finishing_script_clears_away_what_killed_tasks_left(
    batch: Batch, place: Path, codes: str, left: int
) -> None:
    text = group_script(batch, DEMAND)
    *_, words = go(text, place)
    mine = Path(words[words.index("--work-dir") + 1])
    killed = mine.with_name(mine.name[:-10] + "killed4321")
    other = mine.with_name("bidsdeid-of-another-dataset")
    for folder in (killed, other):
        folder.mkdir()
    (place / "said.calls").unlink()
    code, _, words = go(text, place, CODES=codes)
    assert code == int(codes)
    assert words[2] == "group"
    assert "--participant-label" not in words
    assert killed.exists() == bool(left)
    assert other.exists()


def test_an_image_sees_what_it_needs_and_nothing_else(batch: Batch, place: Path) -> None:
    batch = replace(batch, image="/i/it's.sif", files=("/key file",), gpu=True)
    code, said, words = go(
        array_script(batch, DEMAND), place, SLURM_ARRAY_TASK_ID="1", BIDSDEID_KEY="secret"
    )
    assert code == 0, said
    assert words[:3] == ["run", "--containall", "--cleanenv"]
    assert "--nv" in words
    binds = [words[i + 1] for i, word in enumerate(words) if word == "--bind"]
    work = words[words.index("--work-dir") + 1]
    assert binds == [
        f"{batch.bids_dir}:{batch.bids_dir}:ro",
        f"{batch.output_dir}:{batch.output_dir}",
        f"{batch.private_dir}:{batch.private_dir}",
        f"{work}:{work}",
        "/key file:/key file:ro",
    ]
    start = words.index("/i/it's.sif")
    assert words[start + 1 : start + 4] == [
        str(batch.bids_dir), str(batch.output_dir), "participant"
    ]  # fmt: skip
    assert Path(batch.output_dir).is_dir()
    variables = (place / "said.env").read_text().splitlines()
    assert "APPTAINERENV_BIDSDEID_KEY=secret" in variables
    assert "SINGULARITYENV_BIDSDEID_KEY=secret" in variables
    assert "secret" not in words


def test_singularity_will_do(batch: Batch, place: Path) -> None:
    (place / "apptainer").rename(place / "singularity")
    text = array_script(replace(batch, image="/i.sif"), DEMAND)
    code, _, words = go(text, place, SLURM_ARRAY_TASK_ID="1")
    assert (code, words[0]) == (0, "run")


@pytest.mark.parametrize(("image", "name"), [("/i.sif", "apptainer"), (None, "bidsdeid")])
def test_a_program_that_is_missing_is_told(
    batch: Batch, place: Path, image: str | None, name: str
) -> None:
    (place / name).unlink()
    text = array_script(replace(batch, image=image), DEMAND)
    code, said, words = go(text, place, SLURM_ARRAY_TASK_ID="1")
    assert (code, words) == (70, [])
    assert name in said
    text = array_script(
        replace(batch, image=image, before=(f"PATH=$PATH:{quote(str(place))}/more",)), DEMAND
    )
    (place / "more").mkdir()
    (place / "more" / name).write_text(SAYS)
    (place / "more" / name).chmod(0o755)
    code, *_ = go(text, place, SLURM_ARRAY_TASK_ID="1")
    assert code == 0


def test_a_key_that_is_not_there_is_told(batch: Batch, place: Path) -> None:
    text = array_script(replace(batch, key_variable=True), DEMAND)
    code, said, words = go(text, place, SLURM_ARRAY_TASK_ID="1")
    assert (code, words) == (64, [])
    assert "BIDSDEID_KEY" in said
    assert go(text, place, SLURM_ARRAY_TASK_ID="1", BIDSDEID_KEY="x")[0] == 0


def test_a_folder_that_cannot_be_made_is_told(batch: Batch, place: Path) -> None:
    work = Path(batch.work_dir)
    work.parent.mkdir(parents=True)
    work.write_text("a file")
    code, said, words = go(array_script(batch, DEMAND), place, SLURM_ARRAY_TASK_ID="1")
    assert (code, words) == (73, [])
    assert "bidsdeid: " in said


def test_bash_is_where_the_scripts_look_for_it() -> None:
    assert os.access("/bin/bash", os.X_OK)
