"""What a hostile reader of the program tried, and must not succeed in."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from app_runs import EXAMPLE, KEY, Run, Runner
from bidsdeid.resources import installed_folder
from trees import contents, digest, files

SERIES = "sub-01/func/sub-01_task-rest_bold.nii.gz"
HEAD = EXAMPLE / "sub-01/anat/sub-01_T1w.nii.gz"


def series(path: Path, volumes: int = 4) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.random.default_rng(0).integers(0, 900, (8, 9, 10, volumes), dtype=np.int16)
    image = nib.Nifti1Image(numbers, np.diag([4.0, 4, 4, 1]))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((4.0, 4.0, 4.0, 2.0))
    nib.save(image, path)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    for label in ("01", "02"):
        series(root / SERIES.replace("01", label))
    (root / "task-rest_bold.json").write_text('{"RepetitionTime": 2.0, "TaskName": "rest"}')
    (root / "dataset_description.json").write_text('{"Name": "hostile", "BIDSVersion": "1.9.0"}')
    return root


@pytest.fixture
def go(app: Runner, dataset: Path) -> Runner:
    def run(*options: str, level: str = "participant", code: int = 0) -> Run:
        out = dataset.with_name("out")
        return app(dataset, out, level, "--skip-bids-validation", *options, code=code)

    return run


def everything(run: Run) -> bytes:
    return b"".join(content for _, content in contents(run.out)) + run.words.encode()


def physio(dataset: Path, columns: list[str], row: str) -> None:
    stem = dataset / SERIES.replace("_bold.nii.gz", "_physio")
    fields = {"SamplingFrequency": 10, "StartTime": 0, "Columns": columns}
    stem.with_suffix(".json").write_text(json.dumps(fields))
    stem.with_suffix(".tsv.gz").write_bytes(gzip.compress(row.encode()))


def test_columns_of_a_recording_that_no_rule_names_lose_their_values(
    go: Runner, dataset: Path
) -> None:
    physio(dataset, ["cardiac", "patient_mrn", "timestamp"], "0.1\t481516\t1551693600.5\n" * 3)
    run = go()
    stem = run.out / SERIES.replace("_bold.nii.gz", "_physio")
    assert gzip.decompress(stem.with_suffix(".tsv.gz").read_bytes()) == b"0.1\tn/a\tn/a\n" * 3
    assert json.loads(stem.with_suffix(".json").read_text())["Columns"] == [
        "cardiac", "column_2", "timestamp",
    ]  # fmt: skip


def test_a_recording_without_sidecar_is_withheld(go: Runner, dataset: Path) -> None:
    physio(dataset, ["cardiac"], "0.1\n")
    (dataset / SERIES.replace("_bold.nii.gz", "_physio.json")).write_text('{"StartTime": NaN}')
    run = go(code=1)
    assert not [name for name in files(run.out) if "physio" in name]


def test_known_terms_are_looked_for_in_numbers_and_names(go: Runner, dataset: Path) -> None:
    fields = {"SeriesNumber": 48151, "SeriesDescription": "rest_MULLER-jane", "FlipAngle": 90}
    (dataset / SERIES.replace(".nii.gz", ".json")).write_text(json.dumps(fields))
    terms = dataset.with_name("terms")
    terms.write_text("48151\nJane Müller\n")
    run = go("--known-terms", str(terms))
    assert b"48151" not in everything(run)
    assert b"uller" not in everything(run).lower()
    assert b"FlipAngle" in everything(run)


def test_numbers_that_tell_a_day_are_dropped(go: Runner, dataset: Path) -> None:
    fields = {"SAR": 19800304, "SeriesNumber": 4815162, "FlipAngle": 90}
    (dataset / SERIES.replace(".nii.gz", ".json")).write_text(json.dumps(fields))
    events = dataset / SERIES.replace("_bold.nii.gz", "_events.tsv")
    events.write_text("onset\tduration\tvalue\n1.5\t2\t19800304\n")
    run = go()
    assert b"19800304" not in everything(run)
    assert b"4815162" not in everything(run)
    assert b"1.5\t2\tn/a" in everything(run)


def test_a_row_that_names_no_one_is_not_released(go: Runner, dataset: Path) -> None:
    (dataset / "participants.tsv").write_text("participant_id\tage\nsub-01\t30\nn/a\t77\n")
    run = go()
    text = (run.out / "participants.tsv").read_text()
    assert text == "participant_id\tage\nsub-01\t30\nsub-02\tn/a\n"


def test_what_a_dropped_field_hid_is_not_inherited(go: Runner, dataset: Path) -> None:
    common = {"RepetitionTime": 2.0, "TaskName": "rest", "ProtocolName": "A"}
    (dataset / "task-rest_bold.json").write_text(json.dumps(common))
    own = dataset / SERIES.replace(".nii.gz", ".json")
    own.write_text('{"ProtocolName": "B 2019-03-04"}')
    run = go(code=1)
    assert "ProtocolName" in run.words
    assert "2019" not in run.words
    assert not (run.out / "sub-01").exists()
    assert (run.out / "sub-02").exists()


def test_foreign_files_in_the_output_are_not_made_part_of_a_dataset(
    go: Runner, dataset: Path
) -> None:
    foreign = dataset.with_name("out") / "sub-99/anat/sub-99_T1w.nii.gz"
    foreign.parent.mkdir(parents=True)
    shutil.copy(HEAD, foreign)
    run = go(code=65)
    assert "did not put there" in run.words
    assert not (run.out / "dataset_description.json").exists()


def test_a_published_file_that_was_changed_is_noticed(go: Runner, dataset: Path) -> None:
    run = go()
    shutil.copy(dataset / SERIES, run.out / SERIES)
    assert "not as it was published" in go(code=73).words


def test_bytes_changed_without_changing_the_size_are_noticed(go: Runner) -> None:
    run = go()
    target = run.out / SERIES
    target.write_bytes(bytes(target.stat().st_size))
    assert "not as they were published" in go(level="group", code=65).words


def test_a_document_that_is_no_longer_released_leaves_the_output(
    go: Runner, dataset: Path
) -> None:
    (dataset / "CHANGES").write_text("1.0.0 2020-01-01\n - first: alpha@example.org\n")
    assert "CHANGES" not in files(go().out)
    (dataset / "CHANGES").write_text("1.0.0 2020-01-01\n - first: alpha of example\n")
    assert "CHANGES" in files(go().out)
    (dataset / "CHANGES").write_text("1.0.0 2020-01-01\n - first: alpha@example.org\n")
    run = go()
    assert "CHANGES" not in files(run.out)


def test_a_text_edited_to_the_same_size_is_not_taken_for_done(go: Runner, dataset: Path) -> None:
    own = dataset / SERIES.replace(".nii.gz", ".json")
    own.write_text('{"ProtocolName": "JaneDoe"}')
    go()
    own.write_text('{"ProtocolName": "restAAA"}')
    assert "other settings or files" in go(code=73).words


def test_files_that_come_and_go_in_withheld_folders_do_not_matter(
    go: Runner, dataset: Path
) -> None:
    go("--participant-label", "01")
    (dataset / "code").mkdir()
    (dataset / "code/slurm-1.log").write_text("job 1")
    go("--participant-label", "02")
    assert go(level="group").code == 0


def test_output_in_the_derivatives_of_the_input(app: Runner, dataset: Path) -> None:
    out = dataset / "derivatives" / "bidsdeid"
    private = str(dataset.with_name("private"))
    options = ("--skip-bids-validation", "--private-dir", private)
    app(dataset, out, "participant", *options)
    app(dataset, out, "group", *options)
    assert (out / "dataset_description.json").exists()


def test_group_takes_no_labels(go: Runner) -> None:
    go()
    assert "--participant-label" in go("--participant-label", "01", level="group", code=64).words


def test_a_secret_in_the_output_is_refused(go: Runner, dataset: Path) -> None:
    key = dataset.with_name("out") / "key"
    key.parent.mkdir()
    key.write_bytes(KEY)
    assert "--key" in go("--key", str(key), code=64).words


def test_a_series_with_a_face_in_another_place_is_withheld(go: Runner, dataset: Path) -> None:
    image = nib.load(HEAD)
    volume = np.asarray(image.dataobj)
    moved = np.roll(volume, -20, axis=1) // 4
    path = dataset / "sub-01/anat/sub-01_T2starw.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(np.stack([volume, moved], axis=-1), image.affine), path)
    run = go(code=1)
    assert "the head moved in a series" in run.words
    assert not list(run.out.rglob("*T2starw*"))


@pytest.mark.parametrize("layout", ["derivative", "raw"])
def test_a_fieldmap_keeps_its_magnitude(go: Runner, dataset: Path, layout: str) -> None:
    for suffix in ("magnitude", "fieldmap"):
        path = dataset / f"sub-01/fmap/sub-01_{suffix}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        shutil.copy(HEAD, path)
    (path.parent / "sub-01_fieldmap.json").write_text('{"Units": "Hz", "IntendedFor": []}')
    run = go("--layout", layout)
    assert "sub-01/fmap/sub-01_magnitude.nii.gz" in files(run.out)


def test_a_fieldmap_does_not_outlive_its_magnitude(go: Runner, dataset: Path) -> None:
    folder = dataset / "sub-01/fmap"
    folder.mkdir()
    for suffix in ("magnitude", "fieldmap"):
        series(folder / f"sub-01_{suffix}.nii.gz", volumes=1)
    (folder / "sub-01_fieldmap.json").write_text('{"Units": "Hz"}')
    run = go(code=1)
    assert not [name for name in files(run.out) if "fmap" in name]
    assert SERIES in files(run.out)


def dwi(dataset: Path, vectors: str) -> None:
    for label in ("01", "02"):
        series(dataset / f"sub-{label}/dwi/sub-{label}_dwi.nii.gz")
    (dataset / "dwi.bval").write_text("0 1000 1000 1000\n")
    (dataset / "dwi.bvec").write_text(vectors)


def test_gradients_at_the_root_are_released(go: Runner, dataset: Path) -> None:
    dwi(dataset, "0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    run = go()
    assert {"dwi.bval", "dwi.bvec", "sub-01/dwi/sub-01_dwi.nii.gz"} <= files(run.out)


def test_a_diffusion_series_does_not_outlive_its_gradients(go: Runner, dataset: Path) -> None:
    series(dataset / "sub-01/dwi/sub-01_dwi.nii.gz")
    (dataset / "sub-01/dwi/sub-01_dwi.bval").write_text("0 1000 1000 1000\n")
    (dataset / "sub-01/dwi/sub-01_dwi.bvec").write_text("0 1 0 NaN\n" * 3)
    run = go(code=1)
    assert not [name for name in files(run.out) if "dwi" in name]
    assert SERIES in files(run.out)


def test_a_reference_to_an_image_that_was_taken_back_goes(go: Runner, dataset: Path) -> None:
    """The gradients fail after the image was ready, and the field map named the image."""
    series(dataset / "sub-01/dwi/sub-01_dwi.nii.gz")
    (dataset / "sub-01/dwi/sub-01_dwi.bval").write_text("0 1000 1000 1000\n")
    (dataset / "sub-01/dwi/sub-01_dwi.bvec").write_text("0 1 0 NaN\n" * 3)
    series(dataset / "sub-01/fmap/sub-01_dir-PA_epi.nii.gz", volumes=2)
    fields = {
        "PhaseEncodingDirection": "j",
        "TotalReadoutTime": 0.05,
        "IntendedFor": ["dwi/sub-01_dwi.nii.gz", f"bids::{SERIES}"],
    }
    sidecar = dataset / "sub-01/fmap/sub-01_dir-PA_epi.json"
    sidecar.write_text(json.dumps(fields))
    run = go(code=1)
    released = json.loads((run.out / sidecar.relative_to(dataset)).read_text())
    assert released["IntendedFor"] == [f"bids::{SERIES}"]


def test_events_at_the_root_are_released(go: Runner, dataset: Path) -> None:
    (dataset / "task-rest_events.tsv").write_text("onset\tduration\n1\t2\n")
    assert "task-rest_events.tsv" in files(go().out)


def test_annotations_that_name_a_dropped_column_go_with_it(go: Runner, dataset: Path) -> None:
    events = SERIES.replace("_bold.nii.gz", "_events.tsv")
    (dataset / events).write_text("onset\tduration\ttrial_type\tmine\n1\t2\tgo\tx\n")
    fields = {"trial_type": {"HED": {"go": "Sensory-event, {mine}"}, "Levels": {"go": "go"}}}
    (dataset / "task-rest_events.json").write_text(json.dumps(fields))
    run = go()
    released = json.loads((run.out / "task-rest_events.json").read_text())
    assert released == {"trial_type": {"Levels": {"go": "go"}}}


def test_what_the_dataset_ignores_is_not_released(go: Runner, dataset: Path) -> None:
    (dataset / ".bidsignore").write_text("*run-9*\n")
    series(dataset / "sub-01/func/sub-01_task-rest_run-9_bold.nii.gz")
    assert not [name for name in files(go().out) if "run-9" in name]


def test_twins_do_not_overwrite_each_other(go: Runner, dataset: Path) -> None:
    image = nib.load(dataset / SERIES)
    nib.save(image, dataset / SERIES.removesuffix(".gz"))
    run = go(code=1)
    assert "under the same name" in run.words
    assert (run.out / "sub-02").exists()


def test_an_anatomical_under_another_name_is_withheld(go: Runner, dataset: Path) -> None:
    atlas = installed_folder("pydeface") / "data" / "mean_reg2mean.nii.gz"
    path = dataset / SERIES.replace("_bold", "_sbref")
    shutil.copy(atlas, path)
    run = go(code=1)
    assert "check its suffix" in run.words
    assert not [name for name in files(run.out) if "sbref.nii" in name]


def test_one_slice_is_no_face(go: Runner, dataset: Path) -> None:
    image = nib.load(dataset / SERIES)
    data = np.asarray(image.dataobj)[:, :, :1]
    nib.save(nib.Nifti1Image(data, image.affine, image.header), dataset / SERIES)
    assert SERIES in files(go().out)


def test_a_description_that_is_no_object_stops_with_a_sentence(go: Runner, dataset: Path) -> None:
    (dataset / "dataset_description.json").write_text('["x"]')
    before = digest(dataset)
    run = go(code=66)
    assert "dataset_description.json" in run.words
    assert digest(dataset) == before
