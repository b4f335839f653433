"""Every kind of image in one synthetic session: the face goes, and not a bit of anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from app_runs import Run, Runner
from bidsdeid.core.cohort import INFANTS
from bidsdeid.core.voxels import downsample
from bidsdeid.io.templates import template_path
from bidsdeid.resources import pydeface_atlas
from session_heads import MIDDLE, Grid, Pose, Scan, Scene, write_scans
from session_scans import COARSE, SESSION, scan, series, write_companions, write_session
from template_files import save
from trees import digest

Array = NDArray[Any]


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test sees the user's templates; two processes at a time need one core each."""
    home = tmp_path_factory.mktemp("templates")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPLATEFLOW_HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.delenv("BIDSDEID_TEMPLATES", raising=False)
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        yield home


def stored(path: Path) -> Array:
    return np.asarray(nib.load(path).dataobj.get_unscaled())


def ledger(run: Run) -> dict[str, dict[str, Any]]:
    """Return what became of each image, by its path in the input."""
    return {
        outcome["source"]: outcome
        for path in (run.private / "ledger").iterdir()
        for outcome in json.loads(path.read_text())["outcomes"]
        if ".nii" in outcome["source"]
    }


def released(run: Run, item: Scan) -> Path:
    return run.out / ledger(run)[item.path]["releases"][0]["path"]


def air(item: Scan) -> float:
    """Return the stored value of no signal."""
    value = -item.inter / item.slope
    if np.dtype(item.dtype).kind == "f":
        return value
    limits = np.iinfo(item.dtype)
    return float(np.clip(round(value), limits.min, limits.max))


def gone(run: Run, item: Scan) -> Array:
    """Return the (X, Y, Z) voxels that hold nothing but air, in every volume."""
    after = stored(released(run, item))
    return np.asarray((after == air(item)).reshape((*after.shape[:3], -1)).all(axis=-1))


def mask_of(run: Run, item: Scan) -> Path:
    """Return where the mask of an anatomical is."""
    stem, suffix = item.path.removesuffix(".nii.gz").rsplit("_", 1)
    stem = re.sub(r"_(inv|echo|flip|mt|part)-[^_]+", "", stem)
    return run.out / f"{stem}_mod-{suffix}_defacemask.nii.gz"


def ids(item: Scan) -> str:
    return item.path.rpartition("/")[2].removesuffix(".nii.gz")


# ── the session ──────────────────────────────────────────────────────────────────────────────

LEFT_ALONE = ("bold", "sbref", "dwi", "asl", "m0scan", "epi", "phasediff")
DEFACED = [item for item in SESSION if not ids(item).endswith(LEFT_ALONE)]
ALONE = [item for item in SESSION if ids(item).endswith(LEFT_ALONE)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_session(tmp_path_factory.mktemp("session") / "in")


@pytest.fixture(scope="module")
def session(app: Runner, source: Path) -> Run:
    """The session, de-identified; input and output are valid, and nothing failed."""
    return app(source, source.with_name("out"), "participant", "--nprocs", "2")


def test_the_truth_is_true() -> None:
    scene = DEFACED[0].scene
    assert scene.face.sum() > 20_000
    assert scene.eyes.sum() > 1_000
    assert not (scene.core & scene.face).any()
    assert (scene.head[scene.core] > 100).mean() > 0.99
    assert 0.4 < scene.face[scene.eyes].mean() < 0.8, "pydeface's mask leaves lids and brow"


@pytest.mark.parametrize("item", SESSION, ids=ids)
def test_storage_and_place_stay(session: Run, source: Path, item: Scan) -> None:
    before, after = nib.load(source / item.path), nib.load(released(session, item))
    assert stored(released(session, item)).dtype == np.dtype(item.dtype)
    assert np.array_equal(before.affine, after.affine)
    for image in (before, after):
        assert (image.dataobj.slope, image.dataobj.inter) == (item.slope, item.inter)
    assert before.header.get_zooms() == after.header.get_zooms()


@pytest.mark.parametrize("item", DEFACED, ids=ids)
def test_the_face_goes_and_nothing_else(session: Run, source: Path, item: Scan) -> None:
    before, after, there = stored(source / item.path), stored(released(session, item)), item.scene
    removed = gone(session, item)
    if "/anat/" in item.path:
        removed = stored(mask_of(session, item)) == 0
        assert (after[removed] == air(item)).all()
    assert np.array_equal(before[~removed], after[~removed])
    assert removed.sum() < 0.2 * removed.size
    assert not removed[there.core].any()
    assert removed[there.face].mean() > 0.95
    # On voxels of 4 mm half of a voxel is a quarter of the skin.
    assert removed[there.eyes].mean() > (0.9 if item.grid == COARSE else 0.95)


@pytest.mark.parametrize("item", ALONE, ids=ids)
def test_what_shows_no_face_keeps_every_bit(session: Run, source: Path, item: Scan) -> None:
    assert np.array_equal(stored(source / item.path), stored(released(session, item)))
    assert ledger(session)[item.path]["decision"] == "scrub"


@pytest.mark.parametrize(
    ("lender", "borrowers"),
    [
        ("inv-2_part-mag_MP2RAGE",
         ("inv-1_part-mag_MP2RAGE", "inv-1_part-phase_MP2RAGE", "inv-2_part-phase_MP2RAGE",
          "UNIT1", "T1map")),
        ("echo-1_part-mag_MEGRE",
         ("echo-2_part-mag_MEGRE", "echo-3_part-mag_MEGRE", "echo-1_part-phase_MEGRE",
          "echo-3_part-phase_MEGRE", "T2starmap")),
        ("echo-1_MESE", ("echo-2_MESE",)),
        ("flip-1_VFA", ("flip-2_VFA",)),
        ("mt-off_MTR", ("mt-on_MTR",)),
        ("acq-complex_part-mag_T2starw",
         ("acq-complex_part-real_T2starw", "acq-complex_part-imag_T2starw")),
        ("flip-1_TB1DAM", ("flip-2_TB1DAM", "TB1map")),
    ],
)  # fmt: skip
def test_images_of_an_acquisition_share_the_mask_of_one(
    session: Run, lender: str, borrowers: tuple[str, ...]
) -> None:
    by_name = {ids(item)[len("sub-01_") :]: item for item in SESSION}
    known = ledger(session)
    first = by_name[lender]
    assert known[first.path]["engine"].startswith("atlas on pydeface")
    for name in borrowers:
        other = by_name[name]
        assert known[other.path]["removed_voxels"] == known[first.path]["removed_voxels"]
        assert known[other.path]["engine"] == (
            f"the mask of {lender.rpartition('_')[2]} of its acquisition"
        )
        if "/anat/" in other.path:
            masks = [stored(mask_of(session, item)) for item in (first, other)]
            assert np.array_equal(*masks)


def test_the_ledger_says_how_each_face_was_found(session: Run) -> None:
    known = ledger(session)
    assert known.keys() == {item.path for item in SESSION}
    for item in DEFACED:
        outcome = known[item.path]
        assert outcome["status"] == "released"
        assert outcome["finding"] == "a face"
        *_, last = outcome["attempts"]
        assert (last["method"], last["failed"]) == (outcome["engine"], [])
        assert outcome["metrics"]["eyes_removed"] > 0.95
        assert outcome["removed_voxels"] > 0
    assert {known[item.path]["finding"] for item in ALONE} == {""}


# ── images that are not as they should be ────────────────────────────────────────────────────


def _defaced(values: Array, there: Scene) -> Array:
    """Remove a face as pydeface does, and the air before it."""
    hidden = ndimage.binary_dilation(there.face, iterations=6)
    values = values.copy()
    values[hidden & ~ndimage.binary_dilation(there.core, iterations=3)] = 0
    return values


def _stripped(values: Array, there: Scene) -> Array:
    values = values.copy()
    values[~ndimage.binary_dilation(there.core, iterations=2)] = 0
    return values


def _moved(values: Array, there: Scene) -> Array:  # noqa: ARG001
    """Move the head of the last volume by 40 mm."""
    values = values.copy()
    values[..., -1] = np.roll(values[..., -1], 16, axis=2)
    return values


_PHASE = {"Units": "rad", "EchoTime": 0.01}
FACELESS = scan("anat/T1w", sub="faceless", spoil=_defaced)
STRIPPED = scan("anat/T1w", sub="stripped", spoil=_stripped)
GOOD = scan("anat/T1w", sub="sisters")
ORPHAN = scan("anat/acq-orphan_echo-1_part-phase_MEGRE", _PHASE, sub="sisters", look="phase")
_RUN = {"look": "GRE", "fade": (1.0, 0.9), "sub": "sisters"}
MOVED = scan("anat/acq-moved_part-mag_T2starw", spoil=_moved, **_RUN)
LENT = scan("anat/acq-moved_part-phase_T2starw", _PHASE, **{**_RUN, "look": "phase"})
UNTOLD = scan("anat/acq-untold_part-mag_T2starw", look="GRE", sub="sisters")
UNTOLD_TOO = scan("anat/acq-untold_part-phase_T2starw", _PHASE, sub="sisters", look="phase")
STRANGER = scan("anat/acq-stranger_T2w", sub="sisters", look="T2w", pose=Pose(size=(0.7,) * 3))


@pytest.fixture(scope="module")
def problems(app: Runner, tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("problems") / "in"
    write_scans(
        root,
        (FACELESS, STRIPPED, GOOD, ORPHAN, MOVED, LENT, UNTOLD, UNTOLD_TOO, STRANGER),
    )
    (root / UNTOLD.path).with_suffix("").with_suffix(".json").write_text("{")
    return app(root, root.with_name("out"), "participant", "--nprocs", "2",
               "--skip-bids-validation", "--layout", "raw", code=1)  # fmt: skip


@pytest.mark.parametrize(
    ("item", "finding"),
    [
        (FACELESS, "a face that had been removed before"),
        (STRIPPED, "a brain without skull or face"),
    ],
    ids=["faceless", "stripped"],
)
def test_what_has_no_face_any_more_is_passed_on(problems: Run, item: Scan, finding: str) -> None:
    outcome = ledger(problems)[item.path]
    assert (outcome["status"], outcome["finding"]) == ("released", finding)
    assert outcome["removed_voxels"] is None
    assert outcome["attempts"][0]["failed"], "it was first looked for"
    source = problems.out.with_name("in") / item.path
    assert np.array_equal(stored(source), stored(released(problems, item)))


def test_a_phase_image_without_a_magnitude_is_withheld(problems: Run) -> None:
    outcome = ledger(problems)[ORPHAN.path]
    assert outcome["status"] == "withheld by failure"
    assert "no magnitude image" in outcome["reason"]
    assert not (problems.out / ORPHAN.path).exists()


@pytest.mark.parametrize(
    ("lender", "borrower", "reason"),
    [(MOVED, LENT, "the head moved in a series"), (UNTOLD, UNTOLD_TOO, "cannot be used")],
    ids=["its mask did not fit", "it has a broken sidecar"],
)
def test_what_is_not_released_has_lent_its_mask_to_nobody(
    problems: Run, lender: Scan, borrower: Scan, reason: str
) -> None:
    known = ledger(problems)
    assert reason in known[lender.path]["reason"]
    assert known[borrower.path]["status"] == "withheld by failure"
    assert known[borrower.path]["reason"] == "the image that lent its mask is not released"
    assert not list(problems.out.rglob("*acq-moved*"))
    assert not list(problems.out.rglob("*acq-untold*"))


def test_a_stranger_in_the_session_is_withheld_with_every_reason(problems: Run) -> None:
    known = ledger(problems)
    assert known[GOOD.path]["status"] == "released"
    outcome = known[STRANGER.path]
    assert outcome["status"] == "withheld by failure"
    assert "the head is not of the atlas's size" in outcome["reason"]
    methods = [attempt["method"] for attempt in outcome["attempts"]]
    assert methods[:2] == [f"{name} on pydeface mean_reg2mean" for name in ("atlas", "niimath")]
    assert all(attempt["failed"] for attempt in outcome["attempts"])
    assert STRANGER.path not in " ".join(map(str, problems.out.rglob("*")))


# ── options ──────────────────────────────────────────────────────────────────────────────────

PLAIN = scan("anat/T1w", pose=Pose(turn=(0, 0, 0)))
PAIR = (
    scan("anat/T1w"),
    scan("anat/T2w", look="T2w", grid=Grid(tilt=9), pose=Pose(shift=(9, -3, 12))),
)
SERIES = (PAIR[0], *series())
OPTIONS: dict[str, tuple[tuple[Scan, ...], str]] = {
    "standard": ((PLAIN,), ""),
    "light": ((PLAIN,), "--strength light"),
    "strong": ((PLAIN,), "--strength strong"),
    "ears": ((PLAIN,), "--ears"),
    "pydeface": ((PLAIN,), "--mask-style pydeface"),
    "noise": ((PLAIN,), "--fill noise"),
    "noise again": ((PLAIN,), "--fill noise"),
    "T1w": (PAIR, "--mask-source T1w"),
    "T2w": (PAIR, "--mask-source T2w"),
    "union": (PAIR, "--mask-source union"),
    "all": (SERIES, "--deface-all"),
}


@pytest.fixture(scope="module")
def runs(app: Runner, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    base = tmp_path_factory.mktemp("options")

    def run(name: str) -> Run:
        scans, options = OPTIONS[name]
        root = base / name.replace(" ", "_") / "in"
        write_scans(root, scans)
        if scans is SERIES:
            write_companions(root)
        return app(root, root.with_name("out"), "participant", "--skip-bids-validation",
                   "--layout", "raw", *options.split())  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(OPTIONS, pool.map(run, OPTIONS), strict=True))


def _removed(run: Run, item: Scan = PLAIN) -> Array:
    return stored(mask_of(run, item)) == 0


def test_strengths_hold_one_another(runs: dict[str, Run]) -> None:
    light, standard, strong = (_removed(runs[n]) for n in ("light", "standard", "strong"))
    assert not (light & ~standard).any()
    assert not (standard & ~strong).any()
    assert light.sum() < standard.sum() < strong.sum()


def test_ears_go_if_asked(runs: dict[str, Run]) -> None:
    standard, ears = _removed(runs["standard"]), _removed(runs["ears"])
    assert not (standard & ~ears).any()
    more = np.argwhere(ears & ~standard)
    world = more @ PLAIN.scene.affine[:3, :3].T + PLAIN.scene.affine[:3, 3] - PLAIN.pose.shift
    aside, front, _ = (world - MIDDLE).T
    assert (np.abs(aside) > 45).all()
    assert (aside > 0).any()
    assert (aside < 0).any()
    assert (np.abs(front) < 75).all()
    assert not ears[PLAIN.scene.core].any()


def test_pydefaces_style_is_pydefaces_region(runs: dict[str, Run]) -> None:
    own, tissue = _removed(runs["pydeface"]), PLAIN.scene.tissue
    both = (own & PLAIN.scene.face).sum()
    assert 2 * both / ((own & tissue).sum() + PLAIN.scene.face.sum()) > 0.93
    assert (own & tissue).sum() < (_removed(runs["standard"]) & tissue).sum()


def test_noise_is_noise_and_always_the_same(runs: dict[str, Run]) -> None:
    removed, run = _removed(runs["noise"]), runs["noise"]
    assert np.array_equal(removed, _removed(runs["standard"]))
    after = stored(released(run, PLAIN))
    edge = after[0].ravel()  # air, as it was
    assert after[removed].std() == pytest.approx(edge.std(), rel=0.15)
    assert after[removed].mean() == pytest.approx(edge.mean(), rel=0.15)
    before = stored(run.out.with_name("in") / PLAIN.path)
    assert abs(np.corrcoef(before[removed], after[removed])[0, 1]) < 0.02
    assert digest(run.out) == digest(runs["noise again"].out)


@pytest.mark.parametrize("name", ["T1w", "T2w", "union"])
def test_whose_mask_it_is_is_on_record(runs: dict[str, Run], name: str) -> None:
    known = ledger(runs[name])
    for item in PAIR:
        mine = ids(item).rpartition("_")[2]
        other = {"T1w": "T2w", "T2w": "T1w"}[mine]
        engine = known[item.path]["engine"]
        if name == "union":
            assert engine == f"union with the session's {other}"
        elif mine == name:
            assert engine.startswith("atlas on")
        else:
            assert engine == f"the session's {other}"
        removed = _removed(runs[name], item)
        assert removed[item.scene.face].mean() > 0.95
        assert removed[item.scene.eyes].mean() > 0.95
        assert not removed[item.scene.core].any()


def test_a_union_is_no_smaller(runs: dict[str, Run]) -> None:
    first, second = PAIR
    assert not (_removed(runs["T1w"], first) & ~_removed(runs["union"], first)).any()
    assert not (_removed(runs["T2w"], second) & ~_removed(runs["union"], second)).any()


@pytest.mark.parametrize("item", series(), ids=ids)
def test_deface_all_defaces_all(runs: dict[str, Run], item: Scan) -> None:
    outcome = ledger(runs["all"])[item.path]
    assert (outcome["decision"], outcome["finding"]) == ("deface", "a face")
    before = stored(runs["all"].out.with_name("in") / item.path)
    after = stored(released(runs["all"], item))
    removed = gone(runs["all"], item)
    assert np.array_equal(before[~removed], after[~removed])
    assert removed[item.scene.face].mean() > 0.95
    assert removed[item.scene.eyes].mean() > 0.9
    assert not removed[item.scene.core].any()


# ── ages ─────────────────────────────────────────────────────────────────────────────────────

SMALL = Pose(size=(0.72, 0.72, 0.72))
AGES = {"newborn": "n/a", "infant": "0.25", "child": "0.5", "adult": "30"}
PEOPLE = {
    label: replace(scan("anat/T1w", sub=label), pose=Pose() if label == "adult" else SMALL)
    for label in AGES
}


@pytest.fixture(scope="module")
def ages(app: Runner, surroundings: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Four people, and the template of one age."""
    atlas, cohort = pydeface_atlas(), INFANTS[2]
    assert cohort.contains(6.0)
    assert atlas.brain is not None
    scale = np.diag([0.72, 0.72, 0.72, 1.0])
    for ending, data in (
        ("T1w", atlas.head), ("desc-face_mask", ~atlas.keep), ("desc-brain_mask", atlas.brain),
    ):  # fmt: skip
        small, affine = downsample(data, atlas.affine, 2.5)
        mask = small if ending == "T1w" else small >= 0.5
        save(template_path(surroundings, cohort, ending), mask.astype(np.float32), scale @ affine)
    root = tmp_path_factory.mktemp("ages") / "in"
    write_scans(root, PEOPLE.values())
    rows = [f"sub-{label}\t{age}\n" for label, age in AGES.items()]
    (root / "participants.tsv").write_text("participant_id\tage\n" + "".join(rows))
    (root / "participants.json").write_text('{"age": {"Units": "year"}}')
    return app(root, root.with_name("out"), "participant", "--skip-bids-validation",
               "--layout", "raw", "--infant", "--nprocs", "2", code=1)  # fmt: skip


@pytest.mark.parametrize(("label", "cohort"), [("newborn", 1), ("infant", 2)])
def test_an_infant_without_its_template_is_withheld_and_told_what_to_do(
    ages: Run, label: str, cohort: int
) -> None:
    outcome = ledger(ages)[PEOPLE[label].path]
    assert outcome["status"] == "withheld by failure"
    assert f"bidsdeid templates fetch --cohort MNIInfant:{cohort}" in outcome["reason"]
    assert f"bidsdeid templates fetch --cohort MNIInfant:{cohort}" in ages.words
    assert not (ages.out / PEOPLE[label].path).exists()


@pytest.mark.parametrize(
    ("label", "template"), [("child", "MNIInfant:3 T1w"), ("adult", "pydeface mean_reg2mean")]
)
def test_each_age_has_its_template(ages: Run, label: str, template: str) -> None:
    item = PEOPLE[label]
    outcome = ledger(ages)[item.path]
    assert outcome["status"] == "released"
    assert outcome["engine"].startswith(f"atlas on {template}")
    removed = _removed(ages, item)
    assert removed[item.scene.face].mean() > 0.95
    assert removed[item.scene.eyes].mean() > 0.9
    assert not removed[item.scene.core].any()
