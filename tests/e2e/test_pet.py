"""PET with `--deface-all`: the mask of the session, a scrubbed sidecar, a valid dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from app_runs import Run, Runner
from pet_heads import AMYLOID, ELSEWHERE, FAINT, FDG, RECEPTOR, pet, sidecar
from session_heads import Grid, Pose, Scan, write_scans
from session_scans import scan

Array = NDArray[Any]

ANATOMICAL = Grid(zooms=(2.2, 2.2, 2.2))
DYNAMIC = pet("trc-dynamic_pet")
STATIC = pet("trc-static_rec-one_pet", AMYLOID, (1.0,), pose=ELSEWHERE)
#: The first frames hold nothing at all, as they do before a tracer has arrived.
EARLY = pet(
    "trc-early_pet", RECEPTOR, (0.0, 0.01, 0.1, 1.0), pose=ELSEWHERE, dtype="int16", slope=2.5
)
NODDED = pet("trc-nodded_pet", FDG, (0.3, 1.0), pose=Pose(turn=(45.0, -3.0, 4.0)))
RELEASED = (DYNAMIC, STATIC, EARLY, NODDED)
BRAIN_ONLY = pet("pet", FAINT, pose=ELSEWHERE, sub="02")
ALONE = pet(sub="03")
#: Of this one the T1w is of another visit.
VISIT_A = replace(
    scan("anat/T1w", grid=ANATOMICAL), path="sub-04/ses-a/anat/sub-04_ses-a_T1w.nii.gz"
)
VISIT_B = replace(pet(), path="sub-04/ses-b/pet/sub-04_ses-b_pet.nii.gz")
NO_ANATOMICAL = "it takes the mask of an anatomical image of its session, and there is none"
WITHHELD = (
    (BRAIN_ONLY, "the mask of the session's T1w does not fit it"),
    (ALONE, NO_ANATOMICAL),
    (VISIT_B, NO_ANATOMICAL),
)
SCANS = (
    scan("anat/T1w", grid=ANATOMICAL), *RELEASED,
    scan("anat/T1w", sub="02", grid=ANATOMICAL), BRAIN_ONLY, ALONE, VISIT_A, VISIT_B,
)  # fmt: skip
#: Fields that tell of the visit, the place or the weight of the participant.
GONE = {
    "ScanDate", "MolarActivityMeasTime", "InjectedMassPerWeight", "InjectedMassPerWeightUnits",
    "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName",
}  # fmt: skip


def write(root: Path) -> Path:
    write_scans(root, SCANS)
    blood = root / DYNAMIC.path.replace("_pet.nii.gz", "_recording-manual_blood.tsv")
    blood.write_text("time\tplasma_radioactivity\n0\t1.0\n")
    names = ("PlasmaAvail", "MetaboliteAvail", "WholeBloodAvail", "DispersionCorrected")
    columns = {"time": {"Units": "s"}, "plasma_radioactivity": {"Units": "Bq/mL"}}
    fields = dict.fromkeys(names, False) | {"PlasmaAvail": True} | columns
    blood.with_suffix(".json").write_text(json.dumps(fields))
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("pet") / "in")


@pytest.fixture(scope="module")
def runs(app: Runner, source: Path) -> Iterator[dict[str, Run]]:
    """Both layouts; input and output pass the validator."""

    def run(layout: str) -> Run:
        once = ["--skip-bids-validation"] if layout == "raw" else []
        return app(source, source.with_name(layout), "participant", "--deface-all",
                   "--layout", layout, *once, code=1)  # fmt: skip

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        with ThreadPoolExecutor(2) as pool:
            layouts = ("derivative", "raw")
            yield dict(zip(layouts, pool.map(run, layouts), strict=True))


def ledger(run: Run) -> dict[str, dict[str, Any]]:
    return {
        outcome["source"]: outcome
        for path in (run.private / "ledger").iterdir()
        for outcome in json.loads(path.read_text())["outcomes"]
    }


def stored(path: Path) -> Array:
    return np.asarray(nib.load(path).dataobj.get_unscaled())


def ids(item: Scan) -> str:
    return item.path.rpartition("/")[2].removesuffix(".nii.gz")


@pytest.mark.parametrize("layout", ["derivative", "raw"])
@pytest.mark.parametrize("item", RELEASED, ids=ids)
def test_the_face_goes_and_every_other_voxel_stays(
    runs: dict[str, Run], source: Path, item: Scan, layout: str
) -> None:
    outcome = ledger(runs[layout])[item.path]
    assert (outcome["status"], outcome["decision"]) == ("released", "deface")
    assert outcome["engine"] == "the session's T1w"
    target = runs[layout].out / outcome["releases"][0]["path"]
    name = item.path if layout == "raw" else item.path.replace("_pet.", "_desc-defaced_pet.")
    assert target == runs[layout].out / name
    before, after = nib.load(source / item.path), nib.load(target)
    assert np.array_equal(before.affine, after.affine)
    assert before.header.get_zooms() == after.header.get_zooms()
    assert before.header.get_xyzt_units() == after.header.get_xyzt_units()
    assert (after.dataobj.slope, after.dataobj.inter) == (item.slope, item.inter)
    old, new = stored(source / item.path), stored(target)
    assert (old.dtype, old.shape) == (new.dtype, new.shape)
    frames = new.reshape((*new.shape[:3], -1))
    removed = (frames == 0).all(axis=-1)
    assert np.array_equal(old[~removed], new[~removed])
    there = item.scene
    assert removed[there.face].mean() > 0.97
    assert removed[there.eyes].mean() > 0.85  # voxels of 4 mm
    assert not removed[there.core].any()


@pytest.mark.parametrize("item", RELEASED, ids=ids)
def test_the_evidence_says_that_it_is_gone(runs: dict[str, Run], item: Scan) -> None:
    outcome = ledger(runs["raw"])[item.path]
    numbers = outcome["numbers"]
    for part in ("eyes", "nose", "mouth"):
        assert numbers[f"{part}_removed"] > 0.97
        assert numbers[f"{part}_left"] < 0.06
    assert numbers["brain_mm3"] == 0
    assert outcome["triage"] in ("pass", "look")


@pytest.mark.parametrize("layout", ["derivative", "raw"])
@pytest.mark.parametrize("item", RELEASED, ids=ids)
def test_the_sidecar_keeps_the_physics_and_loses_the_visit(
    runs: dict[str, Run], item: Scan, layout: str
) -> None:
    target = runs[layout].out / ledger(runs[layout])[item.path]["releases"][0]["path"]
    after = json.loads((target.parent / f"{target.name.partition('.')[0]}.json").read_text())
    before = sidecar(len(item.fade))
    assert after["TimeZero"] == "00:00:00"
    kept = before.keys() - GONE - {"TimeZero"}
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert after.keys() - kept == {
        "TimeZero", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
        "SkullStripped", *({"Sources"} if layout == "derivative" else ()),
    } - ({"SkullStripped"} if layout == "raw" else set())  # fmt: skip


@pytest.mark.parametrize(("item", "reason"), WITHHELD, ids=[ids(item) for item, _ in WITHHELD])
def test_what_no_anatomical_of_its_session_fits_is_withheld(
    runs: dict[str, Run], item: Scan, reason: str
) -> None:
    for run in runs.values():
        outcome = ledger(run)[item.path]
        assert outcome["status"] == "withheld by failure"
        assert outcome["reason"].startswith(reason)
        assert not list(run.out.glob(f"{item.path[:6]}/**/pet"))


def test_beside_the_images_nothing_of_pet_is_released(runs: dict[str, Run]) -> None:
    for run in runs.values():
        names = {path.name.partition(".")[0] for path in run.out.glob("sub-*/**/pet/*")}
        assert len(names) == len(RELEASED)
        assert not [name for name in names if "blood" in name]


def test_without_deface_all_pet_is_withheld_by_policy(app: Runner, source: Path) -> None:
    run = app(source, source.with_name("plain"), "participant", "--skip-bids-validation",
              "--participant-label", "01")  # fmt: skip
    outcomes = {path: outcome for path, outcome in ledger(run).items() if "/pet/" in path}
    assert {outcome["status"] for outcome in outcomes.values()} == {"withheld by policy"}
    assert outcomes.keys() >= {item.path for item in RELEASED}
    assert not list(run.out.glob("sub-*/**/pet"))
