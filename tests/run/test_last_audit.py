from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from bidsdeid.config import Config
from bidsdeid.core.labels import Labels
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import NO_TERMS, Lexicon, Terms, known_words
from bidsdeid.run.last_audit import stopped, told
from bidsdeid.run.study import Study
from file_bytes import epi, packed, with_fields
from strategies import default_policy

#: What this program releases of a participant.
RELEASED = {
    "anat/{0}_desc-defaced_T1w.nii.gz": packed(epi()),
    "anat/{0}_desc-defaced_T1w.json": b'{"EchoTime": 0.002, "Manufacturer": "Siemens"}',
    "func/{0}_task-rest_events.tsv": b"onset\tduration\n1.5\t2\n",
    "func/{0}_task-rest_physio.tsv.gz": gzip.compress(b"0.1\t2\n", mtime=0),
    "{0}_scans.tsv": b"filename\tacq_time\nanat/x.nii.gz\t1910-03-04T10:11:12\n",
}

DATASET = {
    "dataset_description.json": b'{"Name": "A dataset", "BIDSVersion": "1.9.0"}',
    "README": b"Ask us: lab@clinic.example.org\n",
    "CHANGES": b"1.0.0 2019-03-04\n - made\n",
    "participants.tsv": b"participant_id\tage\nsub-01\t34\nsub-02\t89\n",
}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A stage with the dataset's own files, and an output with two participants."""
    stage, out = tmp_path / "stage", tmp_path / "out"
    for name, content in DATASET.items():
        put(stage / name, content)
    for label in ("01", "02"):
        for name, content in RELEASED.items():
            put(out / f"sub-{label}" / name.format(f"sub-{label}"), content)
    return stage, out


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def study(terms: Terms = NO_TERMS) -> Study:
    config = Config(Path("in"), Path("out"), Path("private"), Path("work"))
    return Study(config, default_policy(), (), Secret(b"k" * 32), Labels(), terms)


def who(folders: tuple[Path, Path], terms: Terms = NO_TERMS) -> set[str]:
    stage, out = folders
    return set(stopped(study(terms), stage, out, ["02", "01"]))


def test_what_this_program_releases_is_not_stopped(folders: tuple[Path, Path]) -> None:
    assert who(folders) == set()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("anat/sub-02_T1w.json", b'{"PatientName": "Doe"}'),
        ("anat/sub-02_T1w.json", b'{"SeriesDescription": "on 2019-03-04"}'),
        ("anat/sub-02_T2w.nii.gz", packed(with_fields(epi(), {"descrip": "DOE^JANE"}))),
        ("func/sub-02_task-rest_events.tsv", b"onset\tsurname\n1\tDoe\n"),
        ("sub-02_scans.tsv", b"filename\tacq_time\nx.nii\t2019-03-04T10:11:12\n"),
        ("anat/sub-02_acq-20190304_T1w.json", b"{}"),
        ("anat/sub-02_T2w.json", b'{"SeriesDescription": "as for qanary"}'),
    ],
)
def test_a_participant_of_whom_something_is_left_is_stopped_and_no_other(
    folders: tuple[Path, Path], name: str, content: bytes
) -> None:
    put(folders[1] / "sub-02" / name, content)
    assert who(folders, Terms(persons=Lexicon(whole=frozenset({"qanary"})))) == {"02"}


def test_the_words_of_one_participant_stop_another(folders: tuple[Path, Path]) -> None:
    put(folders[1] / "sub-01/anat/sub-01_T1w.json", b'{"SeriesDescription": "again qanary"}')
    assert who(folders) == set()
    assert who(folders, Terms(known_words(["Qanary"]))) == {"01"}


def test_the_label_of_a_participant_can_stop(folders: tuple[Path, Path]) -> None:
    put(folders[0] / "participants.tsv", b"participant_id\tage\nsub-01\t34\n")
    assert who(folders, Terms(labels=Lexicon(whole=frozenset({"02"})))) == {"02"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README", b"scanned on 2019-03-04"),
        ("participants.tsv", b"participant_id\tage\nsub-01\t93\n"),
        ("dataset_description.json", json.dumps({"Name": "DOE^JANE"}).encode()),
        ("code/bidsdeid/manifest.tsv", b"path\n/x/2019-03-04\n"),
    ],
)
def test_the_files_of_the_dataset_can_stop(
    folders: tuple[Path, Path], name: str, content: bytes
) -> None:
    put(folders[0] / name, content)
    assert who(folders) == {""}


def test_what_must_only_be_looked_at_does_not_stop(folders: tuple[Path, Path]) -> None:
    put(folders[1] / "sub-01/anat/sub-01_T1w.json", b'{"SeriesDescription": "at 23:10"}')
    put(folders[1] / "sub-01/anat/sub-01_T2w.json", b'{"cut": ')
    assert who(folders) == set()


def test_the_report_says_of_whom_it_speaks_and_repeats_nothing(
    folders: tuple[Path, Path],
) -> None:
    put(folders[0] / "README", b"Qanary")
    put(folders[1] / "sub-02/anat/sub-02_T1w.json", b'{"SeriesDescription": "qanary"}')
    reports = stopped(study(Terms(known_words(["qanary"]))), *folders, ["01", "02"])
    text = told(reports)
    dataset, participant = text.split("sub-02\n", 1)
    assert dataset.startswith("dataset\n")
    assert "README" in dataset
    assert "sub-02/anat/sub-02_T1w.json" in participant
    assert "field SeriesDescription: a known term" in participant
    assert "qanary" not in text.lower()
