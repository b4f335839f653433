from __future__ import annotations

import gzip
import json
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from bidsdeid.core.nifti import encode_image
from bidsdeid.errors import InvalidInputError, ToolError
from bidsdeid.validate import Finding, counted, validate
from strategies import header


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "bids"
    (root / "sub-01/anat").mkdir(parents=True)
    description = {"Name": "x", "BIDSVersion": "1.9.0", "DatasetType": "raw"}
    (root / "dataset_description.json").write_text(json.dumps(description))
    (root / "README.md").write_text("A dataset of one image, made to be validated.\n" * 5)
    image = encode_image(header(), np.ones((3, 4, 5), dtype="<i2"), gzipped=True)
    (root / "sub-01/anat/sub-01_T1w.nii.gz").write_bytes(image)
    return root


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_a_valid_dataset_has_no_findings(dataset: Path, scratch: Path) -> None:
    before = sorted(dataset.rglob("*"))
    assert validate(dataset, scratch, deidentified=True) == ()
    assert sorted(dataset.rglob("*")) == before


def test_a_dataset_of_more_than_a_thousand_participants_is_read_whole(
    dataset: Path, scratch: Path
) -> None:
    image = (dataset / "sub-01/anat/sub-01_T1w.nii.gz").read_bytes()
    labels = ["01", *(f"x{number}" for number in range(1001))]
    for label in labels[1:]:
        (dataset / f"sub-{label}/anat").mkdir(parents=True)
        (dataset / f"sub-{label}/anat/sub-{label}_T1w.nii.gz").write_bytes(image)
    rows = "".join(f"sub-{label}\n" for label in labels)
    (dataset / "participants.tsv").write_text("participant_id\n" + rows)
    assert validate(dataset, scratch, deidentified=True) == ()
    (dataset / "participants.tsv").write_text("participant_id\n" + rows.replace("x1000", "x1001"))
    (found,) = validate(dataset, scratch, deidentified=True)
    assert found.code == "PARTICIPANT_ID_MISMATCH"


def test_an_invalid_dataset_has_findings_with_code_and_place(dataset: Path, scratch: Path) -> None:
    (dataset / "sub-01/anat/notes.txt").write_text("x")
    (dataset / "sub-01/anat/sub-01_T2w.nii.gz").write_bytes(b"")
    found = validate(dataset, scratch, deidentified=False)
    assert Finding("NOT_INCLUDED", PurePosixPath("sub-01/anat/notes.txt")) in found
    assert Finding("EMPTY_FILE", PurePosixPath("sub-01/anat/sub-01_T2w.nii.gz")) in found
    assert "1 NOT_INCLUDED" in counted(found)
    assert "sub-01" not in counted(found)


def test_a_gzip_header_that_tells_something_is_an_error_after_deidentification(
    dataset: Path, scratch: Path
) -> None:
    path = dataset / "sub-01/anat/sub-01_T1w.nii.gz"
    plain = gzip.decompress(path.read_bytes())
    with gzip.GzipFile(path, "wb", mtime=1_551_700_000) as file:
        file.write(plain)
    assert validate(dataset, scratch, deidentified=False) == ()
    codes = {finding.code for finding in validate(dataset, scratch, deidentified=True)}
    assert "GZIP_HEADER_MTIME" in codes


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        """echo '{"issues": {"issues": []}}'; exit 1""",
        "exit 0",
        "echo '{}'",
        "kill -9 $$",
        """echo '{"issues": {"issues": []}}'; exit 16""",
        """echo '{"issues": {"issues": [{"code": "X", "severity": "error"}]}}'""",
    ],
    ids=[
        "fails",
        "fails with an answer",
        "silent",
        "another answer",
        "killed",
        "invalid, no error",
        "valid, an error",
    ],
)
def test_a_validator_that_broke_says_nothing_about_the_dataset(
    dataset: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    broken = scratch / "deno"
    broken.write_text(f"#!/bin/sh\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setattr("deno.find_deno_bin", lambda: str(broken))
    with pytest.raises(ToolError) as caught:
        validate(dataset, scratch, deidentified=True)
    assert not isinstance(caught.value, InvalidInputError)
    assert caught.value.exit_code == 70


def test_a_validator_without_its_runtime_is_told(
    dataset: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr("deno.find_deno_bin", missing)
    with pytest.raises(ToolError, match="deno"):
        validate(dataset, scratch, deidentified=True)


def test_what_a_platform_asks_for_is_asked_beside(dataset: Path, scratch: Path) -> None:
    found = validate(dataset, scratch, deidentified=True, profile="openneuro")
    assert {finding.code for finding in found} == {"NO_AUTHORS"}
    path = dataset / "dataset_description.json"
    fields = {**json.loads(path.read_text()), "Authors": ["A Group"], "License": "CC0"}
    path.write_text(json.dumps(fields))
    (dataset / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    assert validate(dataset, scratch, deidentified=True, profile="openneuro") == ()
    path.write_text(json.dumps({**fields, "Name": ""}))
    found = validate(dataset, scratch, deidentified=True, profile="openneuro")
    assert {finding.code for finding in found} == {"EMPTY_DATASET_NAME"}
