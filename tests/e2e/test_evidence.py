"""What a run leaves for people to look at: private pages, and what the release says of itself."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Pillow

from app_runs import EXAMPLE, Run, Runner
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.ratings import Rating, Verdict, ratings_tsv
from bidsdeid.engines.red_team import BOUNDS, RedTeam
from bidsdeid.report.pictures import drawings_of, views_of
from trees import digest

CODE = Path("code/bidsdeid")


def manifest(run: Run) -> list[dict[str, str]]:
    with (run.out / CODE / "manifest.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def heads(run: Run) -> list[str]:
    """Return the released images in which a face was looked for."""
    return [row["path"] for row in manifest(run) if row["triage"] != "n/a"]


def method(run: Run, path: str) -> str:
    return next(row["mask_found_by"] for row in manifest(run) if row["path"] == path)


def test_every_image_was_measured_and_passes(derivative: Run) -> None:
    rows = [row for row in manifest(derivative) if row["triage"] != "n/a"]
    assert len(rows) == 6
    for row in rows:
        assert row["triage"] == "pass"
        assert (row["eyes_removed"], row["brain_mm3"]) == ("1.0", "0.0")
        assert float(row["eyes_left"]) <= 0.2
    together = (derivative.out / CODE / "together.tsv").read_text().splitlines()
    assert together[0].split("\t")[0] == "participant_id"
    assert len(together) == 1 + 3


def test_private_pages_show_every_image(derivative: Run) -> None:
    reports = derivative.private / "reports"
    assert reports.stat().st_mode & 0o077 == 0
    index = (reports / "index.html").read_text()
    for path in heads(derivative):
        name = Path(path).name
        assert name in index
        page = (reports / f"{path.partition('/')[0]}.html").read_text()
        assert name in page
        assert "headers are rebuilt from an allow-list" in page, "changes of the header"
    assert not re.search(r"(src|href)=.?https?:", index)


def test_pictures_in_the_release_are_of_what_is_released_and_are_pixels_alone(
    derivative: Run,
) -> None:
    folder = derivative.out / CODE / "figures"
    figures = sorted(path for path in folder.rglob("*") if path.is_file())
    stems = {path.partition(".")[0] for path in heads(derivative)}
    expected = {f"{stem}_{word}.jpg" for stem in stems for word in ("mosaic", "front")}
    assert {str(path.relative_to(folder)) for path in figures} == expected
    for path in figures:
        with Pillow.open(path) as picture:
            assert picture.format == "JPEG"
            assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
            assert picture.getexif() == {}


def test_no_face_is_seen_in_the_release(derivative: Run) -> None:
    team = RedTeam()
    if team.missing():
        pytest.skip("dlib is not installed")
    for path in heads(derivative):
        image = decode_image((derivative.out / path).read_bytes())
        for view, picture in views_of(drawings_of(None, image.still(), image.affine),
                                      "after").items():  # fmt: skip
            assert team.score(picture) < BOUNDS[view].least, (path, view)
    for path in (derivative.out / CODE / "figures").rglob("*.jpg"):
        with Pillow.open(path) as picture:
            grey = np.asarray(picture.convert("L"))
        assert team.score(grey) < BOUNDS["front"].least, path.name


def test_the_certificate_agrees_with_the_manifest(derivative: Run) -> None:
    certificate = json.loads((derivative.out / CODE / "certificate.json").read_text())
    text = json.dumps(certificate)
    assert certificate == json.loads(text)
    page = (derivative.out / CODE / "certificate.html").read_text()
    assert "<script" not in page
    assert "No review is on record" in page
    rows = {row["path"]: row["sha256"] for row in manifest(derivative)}
    for name in ("certificate.json", "certificate.html", "together.tsv", "summary.json"):
        content = (derivative.out / CODE / name).read_bytes()
        assert rows[str(CODE / name)] == hashlib.sha256(content).hexdigest()
    methods = (derivative.private / "reports/methods.md").read_text()
    assert "pydeface" in methods


@pytest.fixture(scope="module")
def two(app: Runner, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """Two participants of the example, done."""
    folder = tmp_path_factory.mktemp("two")
    source = folder / "in"
    shutil.copytree(EXAMPLE, source)
    shutil.rmtree(source / "sub-01")
    run = app(source, folder / "out", "participant", "--skip-bids-validation")
    return source, run


def test_what_is_rated_down_is_done_in_another_way_and_nothing_else(
    app: Runner, two: tuple[Path, Run], tmp_path: Path
) -> None:
    source, run = two
    bad, good = [path for path in heads(run) if path.startswith("sub-02/")]
    rows = json.loads((run.private / "reports/sub-02/rows.json").read_text())
    shown = next(row["shown"] for row in rows if row["path"] == bad)
    before = digest(run.out / "sub-03", times=True)
    first, kept = method(run, bad), (run.out / good).read_bytes()
    table = tmp_path / "ratings.tsv"
    table.write_text(
        ratings_tsv([Rating(bad, Verdict.UNDER, (), "A", shown), Rating(good, Verdict.PASS)])
    )
    again = app(source, run.out, "participant", "--skip-bids-validation", "--ratings", table)
    assert digest(run.out / "sub-03", times=True) == before
    assert method(again, bad) != first
    assert not method(again, bad).startswith(f"{first},")
    assert (run.out / good).read_bytes() == kept
    page = (run.out / CODE / "certificate.html").read_text()
    assert "No review is on record" not in page
    # The image was made anew: the same ratings say nothing of it any more.
    settled = digest(run.out / "sub-02", times=True)
    app(source, run.out, "participant", "--skip-bids-validation", "--ratings", table)
    assert digest(run.out / "sub-02", times=True) == settled
    certificate = json.loads((run.out / CODE / "certificate.json").read_text())
    assert certificate["Review"]["Passed"] == 1


def test_a_picture_of_what_was_rejected_is_not_released_with_what_came_after(
    app: Runner, two: tuple[Path, Run], tmp_path: Path
) -> None:
    source, run = two
    bad = next(path for path in heads(run) if path.startswith("sub-03/") and "T1w" in path)
    figure = run.out / CODE / "figures" / f"{bad.partition('.')[0]}_front.jpg"
    before, picture = (run.out / bad).read_bytes(), figure.read_bytes()
    table = tmp_path / "ratings.tsv"
    table.write_text(f"path\trating\n{bad}\tunder-stripped\n")
    options = ("--skip-bids-validation", "--no-reports", "--ratings", table)
    app(source, run.out, "participant", *options)
    assert (run.out / bad).read_bytes() != before
    assert not figure.exists()
    assert picture not in [path.read_bytes() for path in (run.out / CODE).rglob("*.jpg")]
    rejected = (run.private / "rejected.json").read_text()
    settled = digest(run.out / "sub-03", times=True)
    app(source, run.out, "participant", *options)
    assert (run.private / "rejected.json").read_text() == rejected, "the same table, given again"
    assert digest(run.out / "sub-03", times=True) == settled


def test_what_nothing_else_can_be_done_to_is_withheld_if_it_is_rated_down(
    app: Runner, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    for label in ("01", "02"):
        path = source / f"sub-{label}/func/sub-{label}_task-rest_bold.nii.gz"
        path.parent.mkdir(parents=True)
        series = nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.diag([4, 4, 4, 1]))
        series.header.set_xyzt_units("mm", "sec")
        series.header["pixdim"][4] = 2
        nib.save(series, path)
        fields = {"TaskName": "rest", "RepetitionTime": 2.0}
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps(fields))
    (source / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    run = app(source, tmp_path / "out", "participant", "--layout", "raw")
    plain = "sub-01/func/sub-01_task-rest_bold.nii.gz"
    table = tmp_path / "ratings.tsv"
    table.write_text(f"path\trating\n{plain}\tunder-stripped\n")
    again = app(source, run.out, "participant", "--layout", "raw", "--ratings", table,
                code=1)  # fmt: skip
    assert "a reviewer rated it down" in again.words
    assert not (run.out / plain).exists()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("path\trating\nsub-zz/anat/sub-zz_T1w.nii.gz\tover-stripped\n", "no participant"),
        ("path\trating\nsub-02/x.nii.gz\tbad\n", "`rating` is none of"),
        ("path\trating\nsub-02/x.nii.gz\tover-stripped\n", "is not in the release"),
        (None, "--ratings cannot be read"),
    ],
)
def test_ratings_that_cannot_be_right_change_nothing(
    app: Runner, two: tuple[Path, Run], tmp_path: Path, table: str | None, sentence: str
) -> None:
    source, run = two
    before = digest(run.out, times=True)
    path = tmp_path / "ratings.tsv"
    if table is not None:
        path.write_text(table)
    tried = app(source, run.out, "participant", "--skip-bids-validation", "--ratings", path,
                code=64)  # fmt: skip
    assert sentence in tried.words
    assert digest(run.out, times=True) == before


POLICY = """
[policy]
name = "Zebulon Quillfeather's"
version = "as told to Wobblesby"
description = "after Quillfeather withdrew"
extends = "default"

[[file]]
path = "sub-03/anat/*FLAIR*"
action = "withhold"
reason = "Quillfeather withdrew it"
"""


def test_words_of_a_policy_of_the_users_own_are_not_released(app: Runner, tmp_path: Path) -> None:
    source = tmp_path / "in"
    shutil.copytree(EXAMPLE, source)
    for label in ("sub-01", "sub-02"):
        shutil.rmtree(source / label)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    run = app(source, tmp_path / "out", "participant", "--skip-bids-validation", "--policy",
              policy, "--relabel", "sequential")  # fmt: skip
    assert len(heads(run)) == 1
    for path in run.out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for word in (b"uillfeather", b"obblesby", b"withdrew", b"FLAIR*"):
                assert word not in content, path
    summary = json.loads((run.out / CODE / "summary.json").read_text())
    assert summary["WithheldByPolicy"]["a rule of the owner of the data"] >= 1


def test_without_reports_images_are_measured_all_the_same(app: Runner, tmp_path: Path) -> None:
    source = tmp_path / "in"
    shutil.copytree(EXAMPLE, source)
    for label in ("sub-01", "sub-02"):
        shutil.rmtree(source / label)
    run = app(source, tmp_path / "out", "participant", "--skip-bids-validation", "--no-reports")
    assert len(heads(run)) == 2
    assert not (run.private / "reports/index.html").exists()
    assert not (run.out / CODE / "figures").exists()
    assert (run.out / CODE / "certificate.html").exists()


def test_what_is_withheld_is_shown_as_it_was_and_to_nobody_else(
    app: Runner, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    shutil.copytree(EXAMPLE, source)
    for label in ("sub-01", "sub-02"):
        shutil.rmtree(source / label)
    (source / "participants.tsv").unlink()
    folder = source / "sub-09/anat"
    folder.mkdir(parents=True)
    grid = np.indices((60, 60, 60)) - 30
    ball = (np.linalg.norm(grid, axis=0) < 25).astype(np.int16) * 100
    nib.save(nib.Nifti1Image(ball, np.diag([3, 3, 3, 1])), folder / "sub-09_T1w.nii.gz")
    run = app(source, tmp_path / "out", "participant", "--skip-bids-validation", code=1)
    (row,) = json.loads((run.private / "reports/sub-09/rows.json").read_text())
    assert row["status"] == "withheld by failure"
    assert row["triage"] == "look"
    assert "sub-09_T1w.nii.gz" in (run.private / "reports/index.html").read_text()
    page = (run.private / "reports/sub-09.html").read_text()
    assert "data:image/jpeg" in page
    assert not [path for path in run.out.rglob("*") if "sub-09" in path.name]
