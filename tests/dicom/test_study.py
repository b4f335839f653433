from __future__ import annotations

import hashlib
import io
import stat
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from bidsdeid.core.likely import Identity
from bidsdeid.core.terms import known_words
from bidsdeid.dicom import study as module
from bidsdeid.dicom.deidentifier import Deidentifier
from bidsdeid.dicom.profile import open_profile
from bidsdeid.dicom.rulebook import Dates
from bidsdeid.dicom.study import Job, Outcome, deidentify_study, survey_study
from bidsdeid.dicom.subjects import Subject
from bidsdeid.dicom.survey import State
from bidsdeid.errors import InputError, UsageError
from dicom_bases import bases, written
from dicom_files import DEFLATED, PIXELS, SECRET, SYNTAXES, mr, pixels_of, saved
from strategies import default_policy

NAME, SERIES, DESCRIPTION = 0x00100010, 0x0020000E, 0x0008103E


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a study: two series, a report, a note, a duplicate and a damaged file."""
    files = {f"t1/IM{n:02}": mr(number=n) for n in range(1, 4)}
    files |= {
        f"bold/{n}.dcm": mr({SERIES: "1.2.826.7.4", 0x00200011: "6"}, n, SYNTAXES[n % 4])
        for n in range(10, 14)
    }
    files["report"] = mr({0x00080016: "1.2.840.10008.5.1.4.1.1.88.11"}, 20)
    files["notes.txt"] = b"seen by Dr. Quimby"
    files["t1/copy of IM01"] = mr(number=1)
    files["short"] = mr({PIXELS: ("OW", pixels_of(1)[:-2])}, 21)
    return saved(tmp_path / "Fairweather", files)


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    path = tmp_path / "stage"
    path.mkdir()
    return path


def job(folder: Path, profile: str = "neuro", *, name: str = "sub01", known: str = "") -> Job:
    subject = Subject(folder, name, "19811010", "F", 3)
    terms = known_words([known] if known else [])
    return Job(subject, "01", open_profile(profile), default_policy(), SECRET, terms)


def done(job: Job, stage: Path, processes: int = 1) -> Outcome:
    return deidentify_study(job, survey_study(job, processes), stage, processes)


def tree(stage: Path) -> dict[str, bytes]:
    return {str(p.relative_to(stage)): p.read_bytes() for p in stage.rglob("*") if p.is_file()}


# ── survey ───────────────────────────────────────────────────────────────────────────────────


def test_a_study_is_surveyed(folder: Path) -> None:
    surveyed = survey_study(job(folder))
    assert {scan.path: scan.target for scan in surveyed.scans} == {
        "t1/IM01": "0005/00001.dcm", "t1/IM02": "0005/00002.dcm", "t1/IM03": "0005/00003.dcm",
        **{f"bold/{n}.dcm": f"0006/{n - 9:05}.dcm" for n in range(10, 14)},
        "short": "0005/00004.dcm", "report": "", "notes.txt": "", "t1/copy of IM01": "",
    }  # fmt: skip
    assert (Identity.PERSON, "Fairweather^Rosalind") in surveyed.identifiers.found
    assert "1.2.826.7.4" in surveyed.identifiers.uids


@pytest.mark.parametrize("files", [{}, {"a.txt": b"x"}, {"a": mr({0x00280301: "YES"})}])
def test_a_folder_without_an_image_is_told(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="no DICOM image of MR, CT or PET"):
        survey_study(job(saved(tmp_path, files)))


def test_images_of_two_patients_are_one_only_if_that_is_said(tmp_path: Path, stage: Path) -> None:
    folder = saved(tmp_path / "x", {"a": mr(), "b": mr({0x00100020: "MRN7654321"}, 2)})
    with pytest.raises(
        InputError, match="its images are of 2 patients, by their PatientID"
    ) as told:
        survey_study(job(folder))
    assert "MRN" not in str(told.value)
    outcome = done(replace(job(folder), merge=True), stage)
    assert len(outcome.released) == 2
    assert outcome.residue == ()


# ── what comes out ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("profile", ["neuro", "basic", "open-science"])
def test_a_study_is_deidentified(folder: Path, stage: Path, profile: str) -> None:
    outcome = done(job(folder, profile), stage)
    assert outcome.residue == ()
    assert outcome.counts() == {State.IMAGE: 7, State.WITHHELD: 2, State.FAILED: 2}
    assert len(outcome.scans) == 11
    files = tree(stage)
    assert sorted(files) == [
        *(f"0005/{n:05}.dcm" for n in range(1, 4)),
        *(f"0006/{n:05}.dcm" for n in range(1, 5)),
    ]
    assert {each.path: each.sha256 for each in outcome.released} == {
        path: hashlib.sha256(content).hexdigest() for path, content in files.items()
    }
    for content in files.values():
        data = pydicom.dcmread(io.BytesIO(content))
        assert str(data.PatientName) == data.PatientID == "sub01"
        assert data.PatientBirthDate == "19811010"
        assert data.PatientSex == "F"
        assert data.StudyInstanceUID == SECRET.uid("1.2.826.7.2")
        plain = content if data.file_meta.TransferSyntaxUID != DEFLATED else b""
        assert b"weather" not in plain
        assert b"MRN" not in plain


def test_dates_move_by_the_shift_of_the_participant(folder: Path, stage: Path) -> None:
    assert done(job(folder), stage).lost_dates == 0
    data = pydicom.dcmread(stage / "0005/00001.dcm")
    assert data.StudyDate == f"{SECRET.shift('01').apply('2019-03-04T00:00:00'):.10}".replace(
        "-", ""
    )
    assert data.StudyTime == "101112.5"


def test_dates_that_cannot_be_moved_are_counted(tmp_path: Path, stage: Path) -> None:
    folder = saved(tmp_path / "x", {"a": mr({0x00080021: "yesterday", 0x00080022: "18000101"})})
    outcome = done(job(folder), stage)
    assert outcome.lost_dates == 2
    assert outcome.residue == ()


def test_names_of_the_study_are_taken_out_of_its_descriptions(tmp_path: Path, stage: Path) -> None:
    folder = saved(
        tmp_path / "x",
        {
            "a": mr({DESCRIPTION: "t1 fairweather Zebulon"}, 1),
            "b": mr({NAME: "Doe^Jane", DESCRIPTION: "t2 rosalind", 0x00080080: ""}, 2),
            "report": mr({0x00080016: "1.2.3", NAME: "Hazelton^Jo"}, 3),
            "c": mr({DESCRIPTION: "hazelton"}, 4),
        },
    )
    outcome = done(job(folder, known="Zebulon"), stage)
    assert outcome.residue == ()
    texts = [pydicom.dcmread(stage / each.path).SeriesDescription for each in outcome.released]
    assert texts == ["t1 [removed] [removed]", "t2 [removed]", "[removed]"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_name_in_one_of_many_files_is_taken_out_of_all(
    tmp_path: Path, stage: Path, processes: int
) -> None:
    files = {f"{n:03}": mr({NAME: "", DESCRIPTION: "t1 hazelton"}, n) for n in range(1, 70)}
    files["000"] = mr({NAME: "Hazelton^Jo"}, 0)
    outcome = done(job(saved(tmp_path / "x", files)), stage, processes)
    assert len(outcome.released) == 70
    assert outcome.residue == ()
    assert not any(b"hazelton" in content.lower() for content in tree(stage).values())


def test_a_file_that_fails_does_not_stop_the_others(folder: Path, stage: Path) -> None:
    outcome = done(job(folder), stage)
    failed = {scan.path: scan for scan in outcome.scans if scan.state is State.FAILED}
    assert "fewer pixels" in failed["short"].reason
    assert failed["short"].target == ""
    assert len(outcome.released) == 7


def test_a_bug_is_told_by_its_kind_and_the_others_go_on(
    folder: Path, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module.deidentify_instance

    def breaks(content: bytes, engine: Deidentifier) -> object:
        if content == mr(number=2):
            message = "Fairweather"
            raise KeyError(message)
        return whole(content, engine)

    monkeypatch.setattr(module, "deidentify_instance", breaks)
    outcome = done(job(folder), stage)
    (scan,) = (scan for scan in outcome.scans if scan.path == "t1/IM02")
    assert (scan.state, scan.target) == (State.FAILED, "")
    assert scan.reason == "it cannot be de-identified (KeyError)"
    assert len(outcome.released) == 6
    assert "0005/00002.dcm" not in tree(stage)


def test_a_disk_that_is_full_stops_the_study(
    folder: Path, stage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    surveyed = survey_study(job(folder))
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        deidentify_study(job(folder), surveyed, stage)


def test_folders_are_for_nobody_else(folder: Path, stage: Path) -> None:
    done(job(folder), stage)
    assert {stat.S_IMODE(path.stat().st_mode) for path in stage.iterdir()} == {0o700}


def test_the_source_stays_as_it_is(folder: Path, stage: Path) -> None:
    before = tree(folder)
    done(job(folder), stage)
    assert tree(folder) == before


# ── the same bytes, always ───────────────────────────────────────────────────────────────────


def _files(count: int) -> dict[str, bytes]:
    """Return files of scanners, each with an instance and a series of its own."""
    files = {}
    usable = [base for base in bases() if base.name.startswith("MR_") and base.kind == "image"]
    for number in range(count):
        data = usable[number % len(usable)].dataset()
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.8.{number}"
        data.SeriesInstanceUID = f"1.2.826.9.{number % 7}"
        data.SeriesNumber, data.InstanceNumber = number % 5, number
        data.PatientName, data.PatientComments = "Fairweather^Rosalind", "seen by Quimby"
        data.SeriesDescription = f"t1 fairweather {number % 3}"
        files[f"{number % 4}/{number * 7919 % 1000}"] = written(data)
    return files


def test_two_processes_make_what_one_makes(tmp_path: Path) -> None:
    folder = saved(tmp_path / "in", _files(40))
    outcomes = []
    for processes in (1, 2):
        stage = tmp_path / f"{processes}"
        stage.mkdir()
        outcomes.append(done(job(folder), stage, processes))
    one, two = outcomes
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    assert replace(one, lost_dates=0) == replace(two, lost_dates=0)
    assert len(one.released) == 40
    assert one.residue == ()


def test_names_of_files_do_not_matter(tmp_path: Path) -> None:
    files = _files(12)
    results = []
    for number in range(2):
        names = sorted(files)[:: -1 if number else 1]
        renamed = {f"x/{place}": files[name] for place, name in enumerate(names)}
        folder = saved(tmp_path / f"in{number}", renamed)
        stage = tmp_path / f"out{number}"
        stage.mkdir()
        done(job(folder), stage)
        results.append(tree(stage))
    assert results[0] == results[1]


def test_lost_dates_are_counted_alike_in_one_process_and_two(tmp_path: Path) -> None:
    files = {f"{n:02}": mr({0x00080021: "yesterday"}, n) for n in range(40)}
    folder = saved(tmp_path / "in", files)
    lost = []
    for processes in (1, 2):
        stage = tmp_path / f"{processes}"
        stage.mkdir()
        lost.append(done(job(folder), stage, processes).lost_dates)
    assert lost[0] == lost[1]


# ── what must not leave ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the engine leave everything as it is."""
    monkeypatch.setattr(Deidentifier, "apply", lambda *_: ())


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("processes", [1, 2])
def test_what_is_left_is_told_by_its_kind_and_never_by_its_value(
    folder: Path, stage: Path, processes: int
) -> None:
    outcome = done(job(folder), stage, processes)
    assert set(outcome.residue) == {
        "a name, a place or a record number is left in it",
        "a UID is left in it",
        "a date is left in it",
    }
    assert len(outcome.residue) == 3
    told = repr((outcome.residue, [scan.reason for scan in outcome.scans])).casefold()
    for word in ("fairweather", "rosalind", "mrn123", "2019", "1.2.826", "quimby", "ambleford"):
        assert word not in told


@pytest.mark.usefixtures("nothing")
def test_each_kind_is_told_alone(tmp_path: Path, stage: Path) -> None:
    bare = {
        0x00080020: "", 0x00080050: "", 0x00080080: "", 0x00080090: "", NAME: "", 0x00100020: "",
        0x00100030: "", 0x0020000D: "", SERIES: "",
    }  # fmt: skip
    for number, (tag, value, kind) in enumerate(
        [
            (NAME, "Fairweather^Rosalind", "a name, a place or a record number is left in it"),
            (0x00080020, "20190304", "a date is left in it"),
            (NAME, "Müllers^Jürgen".encode("latin-1"), "a name is left in it"),
        ]
    ):
        folder = saved(tmp_path / f"{number}", {"a": mr({**bare, tag: value})})
        (stage / f"{number}").mkdir()
        outcome = done(job(folder), stage / f"{number}")
        assert set(outcome.residue) == {kind, "a UID is left in it"}


@pytest.mark.usefixtures("nothing")
def test_dates_that_are_kept_are_no_residue(folder: Path, stage: Path) -> None:
    kept = job(folder)
    profile = open_profile("neuro", dates=Dates.KEEP)
    outcome = done(Job(kept.subject, "01", profile, kept.policy, SECRET), stage)
    assert "a date is left in it" not in outcome.residue
    assert "a UID is left in it" in outcome.residue


@pytest.mark.usefixtures("nothing")
def test_a_list_of_fields_alone_is_not_searched(folder: Path, stage: Path) -> None:
    named = replace(job(folder), profile=open_profile("dicat", fields={NAME: True}))
    outcome = done(named, stage)
    assert outcome.residue == ()
    assert len(outcome.released) == 7


def test_a_name_in_the_pixels_of_one_file_is_told(tmp_path: Path, stage: Path) -> None:
    pixels = pixels_of(1)[:40] + b" Rosalind " + pixels_of(1)[50:]
    folder = saved(
        tmp_path / "x",
        {"a": mr({PIXELS: ("OW", pixels), 0x00280101: ("US", 16)}), "b": mr(number=2)},
    )
    outcome = done(job(folder), stage)
    assert outcome.residue == ("a name, a place or a record number is left in it",)


# ── the new name ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["Rosalind", "sub-fairweather", "ROSALIND_2", "zebulon1"])
def test_a_new_name_that_is_in_the_study_is_told(folder: Path, stage: Path, name: str) -> None:
    with pytest.raises(
        UsageError, match="its new name holds a name that is in the study"
    ) as caught:
        done(job(folder, name=name, known="Zebulon"), stage)
    assert name not in str(caught.value)
    assert tree(stage) == {}


def test_a_new_name_that_is_the_studys_own_code_is_fine(tmp_path: Path, stage: Path) -> None:
    folder = saved(tmp_path / "x", {"a": mr({NAME: "sub01", 0x00100020: "sub01"})})
    outcome = done(job(folder), stage)
    assert outcome.residue == ()
    assert len(outcome.released) == 1
