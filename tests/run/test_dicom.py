from __future__ import annotations

import hashlib
import json
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from bidsdeid.cli import main
from bidsdeid.core.pseudonym import Secret

#: The list in DICAT's manual, as it is written there.
MANUAL = """\
'/data/John_Doe/','subject_ID_1','1981-01-01','M'
'/data/Lana_Bip/','subject_ID_2','','F'
'/data/Suzy_Bud/','subject_ID_3','1979-10-10',''
"""

FIELDS = """\
<data>
  <item><name>0010,0010</name><description>PatientName</description><editable>yes</editable></item>
  <item><name>0018,0080</name><description>RepetitionTime</description><editable>no</editable></item>
  <item><name></name><description></description></item>
</data>
"""

KEY = "2004:" + "k" * 32


def study(folder: Path, name: str, series: int = 2, images: int = 3) -> Path:
    """Write a study of small MR images, of a patient of this name, and notes beside them."""
    uids = {"study": generate_uid(entropy_srcs=[name, "study"])}
    for number in range(series):
        (folder / f"{name}_ser{number}").mkdir(parents=True)
        for image in range(images):
            ds = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
            ds.PatientName, ds.PatientID = name.replace("_", "^"), f"MRN{len(name)}77"
            ds.StudyDate, ds.SeriesDescription = "20040826", f"{name} t1_mprage"
            ds.StudyInstanceUID = uids["study"]
            ds.SeriesInstanceUID = generate_uid(entropy_srcs=[name, str(number)])
            ds.SOPInstanceUID = generate_uid(entropy_srcs=[name, str(number), str(image)])
            ds.SeriesNumber, ds.InstanceNumber = number + 1, image + 1
            ds.save_as(folder / f"{name}_ser{number}" / f"{name}_{image}.dcm")
    (folder / f"{name}_ser0" / f"notes_{name}.txt").write_text(f"{name} was late", "utf-8")
    return folder


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return DICAT's list, with its folders somewhere else."""
    monkeypatch.setenv("BIDSDEID_KEY", KEY)
    for name in ("John_Doe", "Lana_Bip", "Suzy_Bud"):
        study(tmp_path / "data" / name, name)
    path = tmp_path / "lists" / "subject_list_dicoms.csv"
    path.parent.mkdir()
    path.write_text(MANUAL.replace("/data/", f"{tmp_path}/data/"), "utf-8")
    return path


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read(archive: Path) -> list[pydicom.FileDataset]:
    with zipfile.ZipFile(archive) as content:
        assert content.testzip() is None
        return [pydicom.dcmread(content.open(name)) for name in sorted(content.namelist())]


def test_the_list_of_dicats_manual_gives_three_pairs_of_zips(manual: Path, tmp_path: Path) -> None:
    before = digests(tmp_path / "data")
    assert main(["mass_deidentify", "-c", str(manual), "-v"]) == 0
    assert digests(tmp_path / "data") == before
    names = ["subject_ID_1", "subject_ID_2", "subject_ID_3"]
    zips = sorted(path.name for path in manual.parent.glob("*.zip"))
    assert zips == sorted(f"{name}{end}.zip" for name in names for end in ("", "_deidentified"))
    births, sexes = ("19810101", "", "19791010"), ("M", "F", "F")
    for name, birth, sex in zip(names, births, sexes, strict=True):
        images = read(manual.parent / f"{name}_deidentified.zip")
        assert len(images) == 6
        assert {str(image.PatientName) for image in images} == {name}
        assert {image.PatientID for image in images} == {name}
        assert {image.PatientBirthDate for image in images} == {birth}
        assert {image.PatientSex for image in images} == {sex}
        assert {image.SeriesDescription for image in images} == {"[removed] t1_mprage"}


def test_the_original_zip_holds_everything_and_is_the_users_own(
    manual: Path, tmp_path: Path
) -> None:
    assert main(["dicom", "-c", str(manual), "-o", str(tmp_path / "out")]) == 0
    original = tmp_path / "out" / "subject_ID_1.zip"
    assert stat.S_IMODE(original.stat().st_mode) == 0o600
    with zipfile.ZipFile(original) as content:
        inside = {
            name.partition("/")[2]: hashlib.sha256(content.read(name)).hexdigest()
            for name in content.namelist()
        }
    assert inside == digests(tmp_path / "data" / "John_Doe")


def test_the_deidentified_zip_has_no_old_name(manual: Path, tmp_path: Path) -> None:
    assert main(["dicom", "-c", str(manual), "-o", str(tmp_path / "out")]) == 0
    with zipfile.ZipFile(tmp_path / "out" / "subject_ID_1_deidentified.zip") as content:
        names = content.namelist()
        assert {info.date_time for info in content.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        everything = b"".join(map(content.read, names))
    assert names == [f"subject_ID_1/{s:04}/{i:05}.dcm" for s in (1, 2) for i in (1, 2, 3)]
    assert re.search(rb"doe|john|MRN", everything, re.IGNORECASE) is None


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_process_gives_the_same_bytes(manual: Path, tmp_path: Path, jobs: int) -> None:
    out = tmp_path / "out"
    assert main(["dicom", "-c", str(manual), "-o", str(out), "--jobs", str(jobs)]) == 0
    command = [sys.executable, "-m", "bidsdeid", "dicom", "-c", str(manual), "--jobs", "1"]
    subprocess.run([*command, "-o", str(tmp_path / "again")], check=True, capture_output=True)
    assert digests(tmp_path / "again") == digests(out)


def test_another_key_changes_every_uid_and_the_shift(
    manual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for key in (KEY, "2004:" + "x" * 32):
        monkeypatch.setenv("BIDSDEID_KEY", key)
        out = tmp_path / key[-1]
        assert main(["dicom", "-c", str(manual), "-o", str(out)]) == 0
        images = read(out / "subject_ID_1_deidentified.zip")
        uids = {
            str(image[word].value)
            for image in images
            for word in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
        }
        found.append((uids, {image.StudyDate for image in images}))
    assert not found[0][0] & found[1][0]
    assert found[0][1] != found[1][1]


def test_labels_and_dates_are_those_of_the_app(manual: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["dicom", "-c", str(manual), "-o", str(out), "--relabel", "keyed"]) == 0
    secret = Secret(b"k" * 32, 2004)
    label = secret.label("participant", "subject_ID_1")
    image = read(out / f"{label}_deidentified.zip")[0]
    assert image.PatientID == label
    moved = secret.shift("subject_ID_1").apply("2004-08-26T00:00:00")
    assert moved is not None
    assert image.StudyDate == moved[:10].replace("-", "")


def test_fields_of_a_list_are_blanked_at_every_depth(manual: Path, tmp_path: Path) -> None:
    fields, out = tmp_path / "fields_to_zap.xml", tmp_path / "out"
    fields.write_text(FIELDS, "utf-8")
    assert main(["dicom", "-c", str(manual), "-x", str(fields), "-o", str(out)]) == 0
    images = read(out / "subject_ID_1_deidentified.zip")
    assert {image.RepetitionTime for image in images} == {None}
    assert {str(image.PatientName) for image in images} == {"subject_ID_1"}


def test_the_profile_of_dicat_blanks_its_list_and_says_that_it_is_not_the_standard(
    manual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields, out = tmp_path / "fields_to_zap.xml", tmp_path / "out"
    fields.write_text(FIELDS, "utf-8")
    options = ["-x", str(fields), "-o", str(out), "--profile", "dicat"]
    assert main(["dicom", "-c", str(manual), *options]) == 0
    assert "not what DICOM PS3.15 calls de-identified" in capsys.readouterr().err
    image = read(out / "subject_ID_1_deidentified.zip")[0]
    assert (str(image.PatientName), image.RepetitionTime) == ("subject_ID_1", None)
    assert image.StudyDate == "20040826"
    assert "DeidentificationMethodCodeSequence" not in image


def test_all_mistakes_are_told_before_anything_is_done(
    manual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with manual.open("a", encoding="utf-8") as file:
        file.write(f"'{tmp_path}/data/Nobody_Here','subject_ID_1','1981-13-01','Q'\n")
    fields = tmp_path / "fields_to_zap.xml"
    fields.write_text("<data>", "utf-8")
    assert main(["dicom", "-c", str(manual), "-x", str(fields), "-o", str(tmp_path / "out")]) == 64
    told = capsys.readouterr().err
    assert told.count("line 4") >= 4
    assert "XML" in told
    assert "Nobody" not in told
    assert not (tmp_path / "out").exists()


def test_a_row_without_dicom_is_an_error_and_the_others_are_done(
    manual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "data" / "Empty"
    empty.mkdir()
    (empty / "readme.txt").write_text("nothing", "utf-8")
    with manual.open("a", encoding="utf-8") as file:
        file.write(f"'{empty}','subject_ID_4','',''\n")
    report = tmp_path / "report.json"
    out = tmp_path / "out"
    assert main(["dicom", "-c", str(manual), "-o", str(out), "--report", str(report)]) == 1
    assert "subject_ID_4: not done: there is no DICOM image" in capsys.readouterr().err
    assert len(list(out.glob("*_deidentified.zip"))) == 3
    states = [each["state"] for each in json.loads(report.read_text("utf-8"))["studies"]]
    assert states == ["done", "done", "done", "failed"]
    assert re.search("doe|john|bip|MRN", report.read_text("utf-8"), re.IGNORECASE) is None


def test_a_second_run_does_nothing_and_another_profile_is_refused(
    manual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["dicom", "-c", str(manual), "-o", str(out)]
    assert main(command) == 0
    before = digests(out)
    assert main(command) == 0
    assert "subject_ID_1: is done already" in capsys.readouterr().err
    assert main([*command, "--profile", "basic"]) == 1
    assert "its output is there already" in capsys.readouterr().err
    assert digests(out) == before


def test_a_damaged_file_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = study(tmp_path / "in", "John_Doe", series=1)
    path = source / "John_Doe_ser0" / "John_Doe_1.dcm"
    path.write_bytes(path.read_bytes()[:-100])
    out = tmp_path / "out"
    assert main(["dicom", str(source), str(out), "--subject", "sub-01"]) == 1
    assert "2 released, 1 withheld, 1 failed" in capsys.readouterr().err
    assert len(read(out / "sub-01_deidentified.zip")) == 2


def test_a_new_name_that_is_in_the_study_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = study(tmp_path / "in", "John_Doe", series=1)
    assert main(["dicom", str(source), str(tmp_path / "out"), "--subject", "study_john"]) == 1
    assert "holds a name that is in the study" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_output_within_a_study_is_refused(tmp_path: Path) -> None:
    source = study(tmp_path / "in", "John_Doe", series=1)
    assert main(["dicom", str(source), str(source / "out"), "--subject", "sub-01"]) == 64
    assert not (source / "out").exists()


@pytest.mark.parametrize("profile", ["neuro", "open-science"])
def test_the_audit_finds_nothing_that_stops_and_would_in_the_source(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = study(tmp_path / "in", "John_Doe", series=1)
    options = ["--subject", "sub-01", "--zip", "none", "--profile", profile]
    assert main(["dicom", str(source), str(tmp_path / "out"), *options]) == 0
    capsys.readouterr()
    assert main(["audit", str(tmp_path / "out"), "--no-faces"]) == 1
    assert "findings that stop: 0," in capsys.readouterr().out
    assert main(["audit", str(source), "--no-faces"]) == 65


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = study(tmp_path / "in", "John_Doe", series=1)
    options = ["--subject", "sub-01", "--dry-run"]
    assert main(["dicom", str(source), str(tmp_path / "out"), *options]) == 0
    assert "sub-01: would be 3 released, 1 withheld" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tag", "0010,0010"], "(0010,0010) PatientName PN\n  replaced by what the subject"),
        (["--tag", "SeriesDescription"], "option descriptors"),
        (["--tag", "SeriesDescription", "--profile", "basic"], "  removed\n"),
        (["--tag", "StudyDate", "--dates", "remove"], "  emptied\n"),
        (["--tag", "0019,100c"], "SIEMENS MR HEADER"),
        ([], "(0040,a730) ContentSequence"),
    ],
)
def test_explain(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dicom", "explain", *arguments]) == 0
    assert told in capsys.readouterr().out
