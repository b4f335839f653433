"""The promises, on the example dataset, each by what is on the disk afterwards."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from app_runs import EXAMPLE, KEY, ROOT, Run, Runner, image_pairs
from bidsdeid.validate import validate
from trees import contents, digest, files


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


CANARIES = [row["token"] for row in _rows(ROOT / "data/canaries.tsv")]
LAYOUTS = ["derivative", "raw"]


@pytest.fixture(params=LAYOUTS)
def released(request: pytest.FixtureRequest) -> Run:
    run: Run = request.getfixturevalue(request.param)
    return run


def test_the_input_is_as_it_was(
    derivative: Run, raw: Run, source_before: dict[str, tuple[object, ...]]
) -> None:
    assert derivative.code == raw.code == 0
    assert digest(EXAMPLE, times=True) == source_before


def test_no_canary_sings(released: Run) -> None:
    assert len(CANARIES) > 100
    found = [
        (name, canary)
        for name, content in contents(released.out)
        for canary in CANARIES
        if canary.encode() in content or canary in name
    ]
    assert found == []
    assert [canary for canary in CANARIES if canary in released.words] == []


def test_the_canaries_were_there_to_sing() -> None:
    """The search above finds what is planted: no test of silence without a test of hearing."""
    everything = b"".join(name.encode() + content for name, content in contents(EXAMPLE))
    assert [canary for canary in CANARIES if canary.encode() not in everything] == []


def test_the_output_is_valid(released: Run, tmp_path: Path) -> None:
    assert validate(released.out, tmp_path, deidentified=True) == ()


def test_every_image_of_a_known_kind_is_released(released: Run) -> None:
    names = {Path(target).name for _, target in image_pairs(released.out)}
    desc = "desc-defaced_" if "derivative" in str(released.out) else ""
    assert names == {
        f"sub-01_{desc}T1w.nii.gz",
        f"sub-01_{desc}T2w.nii.gz",
        f"sub-02_ses-baseline_{desc}T1w.nii",
        f"sub-02_ses-followup_{desc}T1w.nii.gz",
        f"sub-03_{desc}T1w.nii.gz",
        f"sub-03_{desc}FLAIR.nii.gz",
        "sub-01_task-rest_bold.nii.gz",
        "sub-01_dwi.nii.gz",
        "sub-01_dir-PA_epi.nii.gz",
    }


def test_kept_voxels_are_bit_identical_and_geometry_stays(released: Run) -> None:
    for source, target in image_pairs(released.out):
        old, new = nib.load(EXAMPLE / source), nib.load(released.out / target)
        before, after = old.dataobj.get_unscaled(), new.dataobj.get_unscaled()
        assert before.dtype == after.dtype
        assert before.shape == after.shape
        changed = before != after
        if "/anat/" not in source:
            assert not changed.any(), source
        scale = np.nan_to_num([new.dataobj.slope, new.dataobj.inter])
        assert list(scale) == list(np.nan_to_num([old.dataobj.slope, old.dataobj.inter]))
        real = np.asarray(new.dataobj)[changed]
        assert (real == 0).all(), f"removed voxels of {source} are not air"
        for get in ("get_sform", "get_qform"):
            (a, code_a), (b, code_b) = (getattr(i, get)(coded=True) for i in (old, new))
            assert code_a == code_b
            assert a is None or np.array_equal(a, b)


def test_headers_hold_nothing_but_the_image(released: Run) -> None:
    for _, target in image_pairs(released.out):
        image = nib.load(released.out / target)
        for name in ("descrip", "aux_file", "db_name", "data_type", "intent_name"):
            assert image.header[name].item() == b"", (target, name)
        assert len(image.header.extensions) == 0
        content = (released.out / target).read_bytes()
        if target.endswith(".gz"):
            assert content[3] == 0, "flags of the gzip header: a name, a comment or an extra field"
            assert content[4:8] == bytes(4), "time in the gzip header"
        else:
            assert len(content) == 352 + image.dataobj.get_unscaled().nbytes


@pytest.mark.parametrize(
    ("participant", "session", "suffix"),
    [
        ("01", None, "T1w"),
        ("01", None, "T2w"),
        ("02", "baseline", "T1w"),
        ("02", "followup", "T1w"),
        ("03", None, "T1w"),
        ("03", None, "FLAIR"),
    ],
)
def test_the_face_is_gone_and_the_brain_is_not(
    raw: Run, example_module: ModuleType, participant: str, session: str | None, suffix: str
) -> None:
    truth = example_module.truth(f"sub-{participant}", session, suffix)
    entities = f"sub-{participant}" + (f"_ses-{session}" if session else "")
    source = next(EXAMPLE.rglob(f"{entities}_{suffix}.nii*"))
    before = np.asarray(nib.load(source).dataobj)
    after = np.asarray(nib.load(raw.out / source.relative_to(EXAMPLE)).dataobj)
    tissue = before > 0.25 * np.percentile(before, 99)
    inside = ndimage.binary_erosion(truth.face)  # one voxel, 2 mm, from the edge of the mask
    face = inside & tissue
    assert face.sum() > 20000
    assert (after[face] == 0).mean() > 0.99, "of the face's tissue is removed"
    assert np.array_equal(before[truth.brain_core], after[truth.brain_core])


def test_dates_move_into_the_window_and_keep_their_intervals(released: Run) -> None:
    old = {
        row["filename"]: row["acq_time"] for p in EXAMPLE.rglob("*scans.tsv") for row in _rows(p)
    }
    new = {}
    for path in released.out.rglob("*scans.tsv"):
        for row in _rows(path):
            new[row["filename"].replace("desc-defaced_", "")] = row["acq_time"]
    assert new.keys() <= old.keys()
    shifts: dict[str, set[float]] = {}
    for name, moved in new.items():
        delta = datetime.fromisoformat(old[name]) - datetime.fromisoformat(moved)
        shifts.setdefault(name.split("sub-")[1][:2], set()).add(delta.total_seconds())
        assert "1902" <= moved[:4] <= "1925"
    assert {participant: len(all_shifts) for participant, all_shifts in shifts.items()} == {
        "01": 1, "02": 1, "03": 1,
    }  # fmt: skip
    assert len({next(iter(s)) for s in shifts.values()}) == 3, "each participant has its own shift"


def test_tables_have_allowed_columns_only_and_ages_are_capped(released: Run) -> None:
    rows = _rows(released.out / "participants.tsv")
    assert [row["participant_id"] for row in rows] == ["sub-01", "sub-02", "sub-03"]
    assert set(rows[0]) == {"participant_id", "age", "sex", "handedness", "group"}
    assert rows[2]["age"] == "89"


def test_sidecars_say_what_was_done(released: Run) -> None:
    for source, target in image_pairs(released.out):
        path = released.out / target
        fields = json.loads((path.parent / (path.name.split(".")[0] + ".json")).read_text())
        assert fields["DeidentificationMethod"]
        codes = {code["CodeValue"] for code in fields["DeidentificationMethodCodeSequence"]}
        assert ("113102" in codes) == ("/anat/" in source)
        if "derivative" in str(released.out):
            assert fields["SkullStripped"] is False
            assert fields["Sources"] == [f"bids:raw:{source}"]


def test_the_manifest_lists_every_file_with_its_digest(released: Run) -> None:
    own = "code/bidsdeid/manifest.tsv"
    rows = {row["path"]: row for row in _rows(released.out / own)}
    assert rows.keys() == files(released.out) - {own}
    for path, row in rows.items():
        assert hashlib.sha256((released.out / path).read_bytes()).hexdigest() == row["sha256"]
    assert sum(row["removed_voxels"] != "n/a" for row in rows.values()) == 6


def test_every_source_file_has_one_outcome(derivative: Run) -> None:
    sources = [
        outcome["source"]
        for path in (derivative.private / "ledger").iterdir()
        for outcome in json.loads(path.read_text())["outcomes"]
    ]
    assert len(sources) == len(set(sources))
    seen = {s for s in files(EXAMPLE) if not s.startswith(".heudiconv/")} | {".heudiconv"}
    assert set(sources) == seen


def test_the_private_folder_is_private_and_keeps_no_image(derivative: Run) -> None:
    for path in [derivative.private, *derivative.private.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert not list(derivative.private.rglob("*.nii*"))


def test_a_second_run_touches_nothing(app: Runner, derivative: Run) -> None:
    before = digest(derivative.out, times=True)
    app(EXAMPLE, derivative.out, "participant", "--skip-bids-validation")
    assert digest(derivative.out, times=True) == before


def test_other_settings_do_not_mix_into_an_output(app: Runner, derivative: Run) -> None:
    before = digest(derivative.out, times=True)
    run = app(EXAMPLE, derivative.out, "participant", "--dates", "remove",
              "--skip-bids-validation", code=73)  # fmt: skip
    assert "other settings" in run.words
    assert digest(derivative.out, times=True) == before


def test_jobs_of_one_participant_and_group_give_the_same_bytes(
    app: Runner, derivative: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for label in ("03", "sub-01", "02"):
        run = app(EXAMPLE, out, "participant", "--participant-label", label,
                  "--skip-bids-validation")  # fmt: skip
        assert "not finished" in run.words
        assert not (out / "dataset_description.json").exists()
    app(EXAMPLE, out, "group")
    assert digest(out) == digest(derivative.out)


def test_group_waits_for_everyone(app: Runner, tmp_path: Path) -> None:
    run = app(EXAMPLE, tmp_path / "out", "group", code=73)
    assert "is not done" in run.words


def _arrived(out: Path, moment: str) -> set[Path]:
    """Return what has come into the output of what is waited for."""
    return set(out.glob("sub-*" if moment == "a participant there" else ".bidsdeid-incoming-*"))


def test_killed_at_any_moment_it_holds_only_whole_participants_and_goes_on(
    app: Runner, derivative: Run, tmp_path: Path
) -> None:
    out, chance = tmp_path / "out", random.Random(20)  # noqa: S311 -- moments, not secrets
    reference = digest(derivative.out)
    key = tmp_path / "key"
    key.write_bytes(KEY)
    command = [sys.executable, ROOT / "run.py", EXAMPLE, out, "participant", "--key", key,
               "--skip-bids-validation"]  # fmt: skip
    for moment in ("by chance", "something on its way", "a participant there"):
        before = _arrived(out, moment)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        if moment == "by chance":
            time.sleep(chance.uniform(2, 9))
        while moment != "by chance" and process.poll() is None and _arrived(out, moment) == before:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for folder in out.glob("sub-*"):
            whole = {k: v for k, v in reference.items() if k.startswith(f"{folder.name}/")}
            assert {f"{folder.name}/{k}": v for k, v in digest(folder).items()} == whole
    app(EXAMPLE, out, "participant", "--skip-bids-validation")
    assert digest(out) == reference
    assert not list((tmp_path / "out_private").rglob("*.nii*")), "what was left was cleaned up"


def test_a_dry_run_prints_the_plan_and_writes_nothing(app: Runner, tmp_path: Path) -> None:
    run = app(EXAMPLE, tmp_path / "out", "participant", "--dry-run")
    assert list(tmp_path.iterdir()) == []
    assert "deface" in run.words
    assert "sub-03/anat/sub-03_FLAIR.nii.gz" in run.words
    assert "96-98 %" in run.words, "the reason is given"
    assert [canary for canary in CANARIES if canary in run.words] == []
