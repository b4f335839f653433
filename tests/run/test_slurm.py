from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app_runs import EXAMPLE, KEY
from bidsdeid.cli import main
from bidsdeid.io.private import KEY_VARIABLE
from trees import digest, files

#: A dataset of whose images only the names are looked at.
PEOPLE = ("ann", "bob", "cec")

SBATCH = """#!/bin/bash
printf '%s\\n' "$#" "$@" >> "$SAID"
[ -z "${REFUSES:-}" ] || { echo 'sbatch: error: invalid partition' >&2; exit 1; }
count=$(grep -c parsable "$SAID")
[ "$count" != "${REFUSES_FROM:-}" ] || { echo 'sbatch: error: limit' >&2; exit 1; }
echo "10$count;here"
"""


@pytest.fixture(autouse=True)
def _no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    for label in PEOPLE:
        folder = root / f"sub-{label}" / "anat"
        folder.mkdir(parents=True)
        (folder / f"sub-{label}_T1w.nii.gz").write_bytes(b"no image")
        (folder / f"sub-{label}_T1w.json").write_text("{}")
    return root


def call(dataset: Path, *words: object) -> int:
    """Write scripts next to a dataset that is not validated."""
    out = dataset.with_name("out")
    before, mark, behind = [str(word) for word in words], "--", []
    if mark in before:
        at = before.index(mark)
        before, behind = before[:at], before[at + 1 :]
    behind.append("--skip-bids-validation")
    return main(["slurm", str(dataset), str(out), *before, mark, *behind])


def text(dataset: Path, name: str = "participants.sh") -> str:
    return (dataset.with_name("out_private") / "slurm" / name).read_text("utf-8")


def options_of(script: str) -> list[str]:
    block = re.search(r"^options=\((.*?)\n\)$", script, re.DOTALL | re.MULTILINE)
    assert block is not None
    return [line.strip() for line in block[1].splitlines()[2:]]


def listed(script: str) -> list[str]:
    block = re.search(r"^participants=\(\n(.*?)\n\)$", script, re.DOTALL | re.MULTILINE)
    assert block is not None
    return block[1].splitlines()


# ── what is written ──────────────────────────────────────────────────────────────────────────


def test_two_scripts_and_two_commands(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(dataset, times=True)
    assert call(dataset) == 0
    said = capsys.readouterr().out.splitlines()
    scripts = dataset.with_name("out_private") / "slurm"
    assert said[-2] == f"job=$(sbatch --parsable {scripts}/participants.sh)"
    assert said[-1].endswith(f"--kill-on-invalid-dep=yes {scripts}/group.sh")
    assert listed(text(dataset)) == list(PEOPLE)
    assert not any(label in line for line in said for label in PEOPLE)
    assert digest(dataset, times=True) == before
    assert not dataset.with_name("out").exists()


def test_only_the_user_reads_what_tells_labels(dataset: Path) -> None:
    assert call(dataset) == 0
    folder = dataset.with_name("out_private") / "slurm"
    for path in (folder, folder / "logs", folder / "participants.sh", folder / "group.sh"):
        assert path.stat().st_mode & 0o077 == 0
    assert files(folder) == {"participants.sh", "group.sh"}


def test_options_of_the_app_are_spelt_out(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dataset.parent)
    Path("terms.txt").write_text("Qanahill\n")
    Path("new.toml").write_text('relabel = "keyed"\nears = true\nprivate-dir = "mine"\n')
    options = ["--known-terms", "terms.txt", "--config-file", "new.toml", "--age-months", "-3"]
    assert call(dataset, "--cpus", "3", "--", *options, "-vv", "--omp-nthreads", "2") == 0
    here = dataset.parent
    script = (here / "mine/slurm/participants.sh").read_text()
    assert options_of(script) == [
        "--ears", "--age-months=-3.0", "--relabel=keyed", f"--known-terms={here}/terms.txt",
        "-v", "-v", "--omp-nthreads=2",
    ]  # fmt: skip
    assert f"private_dir={here}/mine\n" in script
    assert "--cpus-per-task=3" in script
    assert options_of((here / "mine/slurm/group.sh").read_text()) == options_of(script)


def test_a_policy_of_ones_own_is_found_by_jobs(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dataset.with_name("rules")
    folder.mkdir()
    (folder / "ours.toml").write_text(
        '[policy]\nname = "ours"\nversion = "1"\nextends = "default"\n'
    )
    image = dataset.with_name("app.sif")
    image.touch()
    monkeypatch.chdir(folder)
    assert call(dataset, "--image", image, "--", "--policy", "ours.toml") == 0
    assert f"--policy={folder}/ours.toml" in options_of(text(dataset))
    assert f"  --bind {folder}:{folder}:ro\n" in text(dataset)


def test_a_table_of_labels_is_found_by_jobs(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("participant_id", "new_participant_id"), *zip(PEOPLE, "srq", strict=True)]
    dataset.with_name("new.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    monkeypatch.chdir(dataset.parent)
    assert call(dataset, "--", "--relabel", "new.tsv") == 0
    assert options_of(text(dataset)) == [f"--relabel={dataset.parent}/new.tsv"]
    assert listed(text(dataset)) == ["cec", "bob", "ann"]  # in the order of the new labels


def test_what_the_cluster_is_told(dataset: Path) -> None:
    assert call(
        dataset, "--mem", "2G", "--time", "1-02:00:00", "--account", "lab", "--partition",
        "short,long", "--mail-user", "a@b.org", "--mail-type", "END,FAIL", "--throttle", "7",
        "--sbatch-option", "--gres=gpu:1", "--sbatch-option", "nice=3",
        "--before", "module load x",
    ) == 0  # fmt: skip
    for name in ("participants.sh", "group.sh"):
        lines = set(text(dataset, name).splitlines())
        assert {f"#SBATCH --{x}" for x in ("account=lab", "partition=short,long", "nice=3",
                "mail-user=a@b.org", "mail-type=END,FAIL", "gres=gpu:1")} <= lines  # fmt: skip
        assert "module load x" in lines
        assert "#SBATCH --time=1-02:00:00" in lines
    assert {"#SBATCH --array=1-3%7", "#SBATCH --mem=2048M"} <= set(text(dataset).splitlines())


def test_memory_and_time_follow_the_images(dataset: Path) -> None:
    def demand() -> tuple[int, int]:
        script = text(dataset)
        found = [re.search(rf"--{x}=(\d+)", script) for x in ("mem", "time")]
        assert found[0] is not None
        assert found[1] is not None
        return int(found[0][1]), int(found[1][1])

    quick = ("--", "--brain-limit", "atlas")
    assert call(dataset, *quick) == 0
    small = demand()
    with (dataset / "sub-bob/anat/sub-bob_T1w.nii.gz").open("wb") as file:
        file.truncate(400 * 2**20)
    assert call(dataset, *quick) == 0
    large = demand()
    assert small == (1000, 20)
    # eight copies of an image three times the size of its file, and a quarter on top
    assert 1.25 * 8 * 1200 < large[0] < 1.4 * 8 * 1200
    assert large[1] > small[1]


def test_participants_can_be_chosen(dataset: Path) -> None:
    assert call(dataset, "--participant-label", "sub-cec", "ann") == 0
    assert listed(text(dataset)) == ["ann", "cec"]
    assert call(dataset, "--participant-label", "dan") == 18


def test_new_labels_are_given_out_once_and_decide_the_order(dataset: Path) -> None:
    key = dataset.with_name("key")
    key.write_bytes(KEY)
    assert call(dataset, "--", "--relabel", "keyed", "--key", str(key)) == 0
    table = (dataset.with_name("out_private") / "labels-keyed.tsv").read_text().splitlines()
    new = {row.split("\t")[0]: row.split("\t")[2] for row in table[1:]}
    assert listed(text(dataset)) == sorted(PEOPLE, key=new.__getitem__)


def test_a_key_is_made_once_for_all_jobs(dataset: Path) -> None:
    assert call(dataset) == 0
    key = (dataset.with_name("out_private") / "key").read_bytes()
    assert call(dataset) == 0
    assert (dataset.with_name("out_private") / "key").read_bytes() == key
    assert KEY_VARIABLE not in text(dataset)


def test_a_key_of_the_environment_is_asked_for_and_not_written(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    assert call(dataset) == 0
    assert f'[ -n "${{{KEY_VARIABLE}:-}}" ] || fail 64' in text(dataset)
    assert KEY.decode().strip() not in text(dataset)
    assert not (dataset.with_name("out_private") / "key").exists()
    dataset.with_name("key").write_bytes(KEY)
    assert call(dataset, "--", "--key", str(dataset.with_name("key"))) == 0
    assert f'[ -n "${{{KEY_VARIABLE}:-}}" ]' not in text(dataset)


# ── images ───────────────────────────────────────────────────────────────────────────────────


def test_an_image_sees_the_files_that_options_name(dataset: Path) -> None:
    image, terms = dataset.with_name("app.sif"), dataset.with_name("terms.txt")
    image.touch()
    terms.write_text("Qanahill\n")
    inside = dataset / "code" / "key"
    inside.parent.mkdir()
    inside.write_bytes(KEY)
    options = ("--known-terms", str(terms), "--key", str(inside))
    assert call(dataset, "--image", image, "--", *options) == 0
    script = text(dataset)
    assert f"  --bind {terms}:{terms}:ro\n" in script
    assert f"{inside}:" not in script  # the input is there already
    assert f"  {image})\n" in script


@pytest.mark.parametrize("variable", ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
def test_in_an_image_the_jobs_run_the_same(
    dataset: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/images/of us/app.sif")
    assert call(dataset) == 0
    assert "  '/images/of us/app.sif')\n" in text(dataset)


def test_a_network_that_may_be_in_the_image_is_reckoned_with(dataset: Path) -> None:
    image = dataset.with_name("app.sif")
    image.touch()
    assert call(dataset, "--image", image) == 0
    memory = re.search(r"--mem=(\d+)M", text(dataset))
    assert memory is not None
    assert int(memory[1]) > 2850 * 1.2


# ── what is refused, before anything is written ──────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["--", "--no-such-option"], 64, "--no-such-option"),
        (["--", "--strength", "gentle"], 64, "gentle"),
        (["--", "Doe"], 64, "unknown arguments"),
        (["--", "--participant-label", "ann"], 64, "before the `--`"),
        (["--", "--mem", "3G"], 64, "before the `--`"),
        (["--", "--dry-run"], 64, "--dry-run"),
        (["--", "--nprocs", "4"], 64, "--nprocs"),
        (["--private-dir", "a", "--", "--private-dir", "b"], 64, "the same"),
        (["--", "--known-terms", "missing.txt"], 64, "--known-terms"),
        (["--", "--template", "missing.nii.gz"], 64, "--template names no file"),
        (["--", "--policy", "missing"], 64, "policy"),
        (["--", "--relabel", "missing.tsv"], 64, "--relabel"),
        (["--private-dir", "out/private"], 64, "--private-dir"),
        (["--scripts", "out/scripts"], 64, "--scripts must lie outside"),
        (["--log-dir", "in/logs"], 64, "--log-dir must lie outside"),
        (["--image", "missing.sif"], 64, "--image"),
        (["--participant-label", "../x"], 64, "label"),
        (["--throttle", "0"], 64, "from 1"),
        (["--time", "soon"], 64, "--time"),
        (["--mem", "lots"], 64, "--mem"),
        (["--account", "a b"], 64, "--account"),
        (["--partition", "x\n#SBATCH --uid=0"], 64, "--partition"),
        (["--sbatch-option", "--nice\nrm"], 64, "one line"),
        (["--sbatch-option", "--array=1-9"], 64, "array"),
        (["--before", "a\nb"], 64, "one line"),
        (["--work-dir", "a\nb"], 64, "line break"),
        (["--no-such"], 64, "--no-such"),
    ],
)
def test_what_cannot_be_right_is_told_at_once(
    dataset: Path,
    words: list[str],
    code: int,
    sentence: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(dataset.parent)
    assert call(dataset, *words) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("bidsdeid: ")
    assert "Doe" not in said
    assert not list(dataset.parent.rglob("*.sh"))


def test_an_image_cannot_bind_every_path(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = dataset.with_name("app.sif")
    image.touch()
    odd = dataset.with_name("a:b")
    assert call(dataset, "--image", image, "--private-dir", odd) == 64
    assert "colon" in capsys.readouterr().err
    assert not odd.exists()
    assert call(dataset, "--private-dir", odd) == 0


def test_an_input_that_is_not_valid_is_told_once(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["slurm", str(dataset), str(dataset.with_name("out"))]) == 16
    assert "not valid BIDS" in capsys.readouterr().err
    assert not list(dataset.parent.rglob("*.sh"))


# ── submitting ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a program in the place of sbatch writes how it was called."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sbatch").write_text(SBATCH)
    (tmp_path / "bin/sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    return tmp_path / "said"


def test_jobs_are_submitted_one_after_the_other(
    dataset: Path, said: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(dataset, "--submit", "--max-array", "2") == 0
    scripts = dataset.with_name("out_private") / "slurm"
    assert said.read_text().splitlines() == [
        "4", "--parsable", "--array=1-2", f"{scripts}/participants.sh", "0",
        "4", "--parsable", "--array=1-1", f"{scripts}/participants.sh", "2",
        "4", "--parsable", "--dependency=afterok:101:102", "--kill-on-invalid-dep=yes",
        f"{scripts}/group.sh",
    ]  # fmt: skip
    assert "submitted: 101, 102, 103" in capsys.readouterr().out


def test_a_cluster_that_refuses_is_heard(
    dataset: Path, said: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REFUSES_FROM", "2")
    assert call(dataset, "--submit") == 70
    words = capsys.readouterr().err
    assert "sbatch: error: limit" in words
    assert "scancel: 101" in words
    assert said.exists()


def test_no_sbatch_is_told_before_anything_is_written(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert call(dataset, "--submit") == 70
    assert "sbatch" in capsys.readouterr().err
    assert not dataset.with_name("out_private").exists()


# ── run for real, without a cluster ──────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_bytes(KEY)
    return path


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    """The example, done by one process."""
    out = tmp_path_factory.mktemp("one") / "out"
    options = ["--key", str(key), "--skip-bids-validation", "--relabel", "keyed"]
    private = ["--private-dir", str(out.with_name("private"))]
    app = [sys.executable, "-m", "bidsdeid", str(EXAMPLE), str(out), "participant"]
    subprocess.run([*app, *options, *private], check=True, capture_output=True)
    return out


def _task(script: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    places = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [shutil.which("bash") or "bash", script],
        env={**os.environ, "PATH": places, **variables},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def test_tasks_and_their_end_give_the_bytes_of_one_run(
    one_run: Path, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, private = tmp_path / "a study's out", tmp_path / "private"
    words = ["slurm", str(EXAMPLE), str(out), "--private-dir", str(private)]
    behind = ["--", "--key", str(key), "--relabel", "keyed"]
    assert main([*words, *behind]) == 0
    array, group = private / "slurm/participants.sh", private / "slurm/group.sh"
    early = _task(group)
    assert early.returncode == 73
    assert "is not done" in early.stderr
    # Slurm may start a task twice: both end well, and what there is is one's or the other's.
    with ThreadPoolExecutor() as pool:
        for done in pool.map(lambda task: _task(array, SLURM_ARRAY_TASK_ID=task), "331"):
            assert done.returncode == 0, done.stderr
    assert not (out / "dataset_description.json").exists()
    order = listed(array.read_text())
    # One is left, and the next call lists only that one.
    assert main([*words, "--resume", *behind]) == 0
    assert listed(array.read_text()) == [order[1]]
    assert _task(array, SLURM_ARRAY_TASK_ID="1").returncode == 0
    capsys.readouterr()
    assert main([*words, "--resume", *behind]) == 0
    typed = capsys.readouterr().out.splitlines()
    assert typed[-1] == f"sbatch --parsable {group}"
    assert not array.exists()
    done = _task(group)
    assert done.returncode == 0, done.stderr
    assert digest(out) == digest(one_run)
    assert not list((private / "work").iterdir())
