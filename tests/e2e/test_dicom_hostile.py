"""Studies that are made to let a name through, or to stop the program: each was tried once."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, generate_uid

from bidsdeid.cli import main


def image(number: int = 1, **elements: object) -> pydicom.FileDataset:
    """Return a small MR image with other elements."""
    ds = pydicom.dcmread(str(get_testdata_file("MR_small.dcm")))
    ds.SOPInstanceUID = generate_uid(entropy_srcs=["hostile", str(number)])
    ds.InstanceNumber = number
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def study(tmp_path: Path, *images: pydicom.FileDataset) -> Path:
    """Write a study."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, ds in enumerate(images):
        ds.save_as(folder / f"{number}.dcm")
    return folder


def run(tmp_path: Path, *options: str) -> int:
    command = ["dicom", str(tmp_path / "in"), str(tmp_path / "out"), "--subject", "sub-01"]
    return main([*command, "--zip", "none", *options])


def released(tmp_path: Path) -> list[pydicom.FileDataset]:
    files = sorted((tmp_path / "out" / "sub-01_deidentified").rglob("*.dcm"))
    return [pydicom.dcmread(file) for file in files]


@pytest.mark.parametrize(
    ("charset", "name", "text", "left"),
    [
        ("ISO_IR 100", "Müller^Jörg", "Kopf Mueller MULLER", "Kopf"),
        ("ISO_IR 192", "Müller^Jörg", "MÜLLER Mueller t1", "t1"),
        ("ISO_IR 144", "Иванов^Пётр", "t1 ИВАНОВ", "t1"),
        ("GB18030", "王^小东", "王小东 头部", "头部"),
        ("GB18030", "王芳", "王芳 t1", "t1"),
        ("ISO_IR 192", "王^芳", "王芳头部", "头部"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", "홍길동 t1", "t1"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "山田 頭部", "頭部"),
        ("ISO_IR 192", "김^민", "김민 t1", "t1"),
        ("ISO_IR 166", "สม^ชาย", "สม t1", "t1"),
    ],
)
def test_names_are_found_in_every_script(
    charset: object, name: str, text: str, left: str, tmp_path: Path
) -> None:
    ds = image(SpecificCharacterSet=charset, PatientName=name, SeriesDescription=text)
    study(tmp_path, ds)
    assert run(tmp_path) == 0
    (after,) = released(tmp_path)
    words = str(after.SeriesDescription).replace("[removed]", " ").split()
    assert words == [left]


def test_an_item_may_be_written_in_another_script(tmp_path: Path) -> None:
    item = Dataset()
    item.SpecificCharacterSet, item.CodeMeaning = "ISO_IR 192", "für Müller"
    item.CodeValue, item.CodingSchemeDesignator = "1", "99LOCAL"
    ds = image(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    ds.AnatomicRegionSequence = Sequence([item])
    study(tmp_path, ds)
    assert run(tmp_path) == 0
    (after,) = released(tmp_path)
    assert after.AnatomicRegionSequence[0].CodeMeaning == "für [removed]"


@pytest.mark.parametrize(
    ("elements", "keyword"),
    [
        ({"PatientID": "MRN7654321", "AcquisitionNumber": "7654321"}, "AcquisitionNumber"),
        ({"PatientID": "7654321", "SliceLocation": "7654321.0"}, "SliceLocation"),
        ({"PatientID": "007654321", "AcquisitionNumber": "+7654321"}, "AcquisitionNumber"),
        ({"PatientBirthDate": "19540203", "AcquisitionNumber": "19540203"}, "AcquisitionNumber"),
    ],
)
def test_a_record_number_is_found_as_a_number(
    elements: dict[str, object], keyword: str, tmp_path: Path
) -> None:
    study(tmp_path, image(**elements))
    assert run(tmp_path) == 0
    assert keyword not in released(tmp_path)[0]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ClinicalTrialSubjectID", "KX77Q204"), ("MedicalRecordLocator", "KX77Q204"),
        ("FillerOrderNumberImagingServiceRequest", "KX77Q204"), ("SpecimenIdentifier", "KX77Q204"),
        ("StationAETitle", "KX77Q204"), ("ServiceEpisodeID", "KX77Q204"),
    ],
)  # fmt: skip
def test_what_is_removed_is_looked_for_elsewhere(keyword: str, value: str, tmp_path: Path) -> None:
    study(tmp_path, image(ProtocolName=f"t1 {value}", **{keyword: value}))
    assert run(tmp_path) == 0
    assert released(tmp_path)[0].ProtocolName == "t1 [removed]"


@pytest.mark.parametrize(
    "elements",
    [
        {"InstitutionName": "Private Hospital Basic Option Profile"},
        {"PatientName": "DATES^OPTION"},
        {"PatientBirthDate": "19000101", "ContentDate": "20190304"},
    ],
)
def test_what_this_program_writes_itself_is_no_leftover(
    elements: dict[str, object], tmp_path: Path
) -> None:
    study(tmp_path, image(**elements))
    assert run(tmp_path, "--profile", "basic") == 0


def test_a_birth_date_that_the_list_gives_may_be_the_true_one(tmp_path: Path) -> None:
    study(tmp_path, image(PatientBirthDate="19540203"))
    (tmp_path / "list.csv").write_text("in,sub-01,1954-02-03,F\n", "utf-8")
    command = ["dicom", "-c", str(tmp_path / "list.csv"), "-o", str(tmp_path / "out")]
    assert main([*command, "--zip", "none"]) == 0
    assert released(tmp_path)[0].PatientBirthDate == "19540203"


def test_two_patients_in_one_folder_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, image(1, PatientID="A1234567"), image(2, PatientID="B1234567"))
    assert run(tmp_path) == 1
    assert "of 2 patients" in capsys.readouterr().err
    assert run(tmp_path, "--merge-patients") == 0
    assert len(released(tmp_path)) == 2


def test_a_uid_of_the_root_of_new_ones_is_found_as_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uid = "2.25.329800735698586629295641978511506172918"
    study(tmp_path, image(StudyInstanceUID=uid, SoftwareVersions=uid))
    assert run(tmp_path) == 65
    assert "a UID is left in it" in capsys.readouterr().err


def test_a_uid_below_the_standards_root_that_is_not_the_standards_is_replaced(
    tmp_path: Path,
) -> None:
    study(tmp_path, image(FrameOfReferenceUID="1.2.840.10008.77.4711.815"))
    assert run(tmp_path) == 0
    assert released(tmp_path)[0].FrameOfReferenceUID.startswith("2.25.")


def test_an_image_within_a_sequence_goes(tmp_path: Path) -> None:
    item = Dataset()
    item.PixelData, item.Rows = b"a screenshot of Kowalczyk ", 2
    ds = image()
    ds.MREchoSequence = Sequence([item])
    ds.MREchoSequence[0]["PixelData"].VR = "OB"
    study(tmp_path, ds)
    assert run(tmp_path) == 0
    assert "PixelData" not in released(tmp_path)[0].MREchoSequence[0]


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"BurnedInAnnotation": "Y"}, "there is text in its pixels"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        ({"Modality": "OT"}, "no scanner"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "captured from a screen"),
        ({"BitsStored": 11, "HighBit": 10}, "unused bits"),
    ],
)
def test_images_that_may_show_text_are_not_let_in(
    elements: dict[str, object], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, image(1), image(2, **elements))
    assert run(tmp_path) in (0, 1)
    assert reason in capsys.readouterr().err
    assert len(released(tmp_path)) == 1


@pytest.mark.parametrize("base", ["JPEG-lossy.dcm", "JPEG-LL.dcm"])
def test_jpeg_stays_byte_for_byte_and_the_names_beside_it_go(base: str, tmp_path: Path) -> None:
    jpeg = pydicom.dcmread(str(get_testdata_file(base)))
    ds = image(1, PatientName="KOWALCZYK^ANNA", SeriesDescription="t1 kowalczyk")
    ds.file_meta.TransferSyntaxUID = jpeg.file_meta.TransferSyntaxUID
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelData"):
        setattr(ds, keyword, jpeg[keyword].value)
    ds.PixelRepresentation = jpeg.PixelRepresentation
    ds["PixelData"].is_undefined_length = True
    study(tmp_path, ds)
    assert run(tmp_path) == 0
    (after,) = released(tmp_path)
    assert after.PixelData == jpeg.PixelData
    assert after.file_meta.TransferSyntaxUID == jpeg.file_meta.TransferSyntaxUID
    (path,) = (tmp_path / "out").rglob("*.dcm")
    assert b"kowalczyk" not in path.read_bytes().lower()


def test_links_and_pipes_are_told_and_do_not_hang(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study(tmp_path, image(1))
    os.mkfifo(folder / "pipe.dcm")
    (folder / "zero.dcm").symlink_to("/dev/zero")
    (folder / "nowhere.dcm").symlink_to("gone.dcm")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "more").symlink_to(elsewhere)
    assert run(tmp_path, "--zip", "both") == 1
    assert "4 it is no file, or a link to a folder or to nothing" in capsys.readouterr().err


def test_a_file_name_in_no_encoding_does_not_stop_the_study(tmp_path: Path) -> None:
    folder = study(tmp_path, image(1))
    os.rename(folder / "0.dcm", os.fsencode(folder) + b"/\xff\xfe.dcm")  # noqa: PTH104 -- bytes
    assert run(tmp_path, "--zip", "both") == 0


def test_a_report_is_not_written_into_a_study(tmp_path: Path) -> None:
    folder = study(tmp_path, image(1))
    before = (folder / "0.dcm").read_bytes()
    assert run(tmp_path, "--report", str(folder / "0.dcm")) == 64
    assert (folder / "0.dcm").read_bytes() == before


def test_output_that_is_a_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, image(1))
    (tmp_path / "out").write_text("")
    assert run(tmp_path) == 73
    assert capsys.readouterr().err.count("\n") == 1


def test_a_deflated_file_that_inflates_too_much_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ds = image(2)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    folder = study(tmp_path, image(1), ds)
    content = (folder / "1.dcm").read_bytes()
    length = 144 + int.from_bytes(content[140:144], "little")
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = deflater.compress(bytes(2**26)) + deflater.flush()
    (folder / "1.dcm").write_bytes(content[:length] + bomb)
    assert run(tmp_path) == 1
    assert "inflates to more than an image does" in capsys.readouterr().err


def test_a_bug_in_one_study_does_not_stop_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, image(1, PatientName="KOWALCZYK^ANNA"))
    (tmp_path / "in").rename(tmp_path / "first")
    study(tmp_path, image(1))
    (tmp_path / "list.csv").write_text("first,sub-01\nin,sub-02\n", "utf-8")

    def broken(name: str) -> str:
        message = "KOWALCZYK"
        if name == "sub-01.zip":
            raise RuntimeError(message)
        return name

    monkeypatch.setattr("bidsdeid.dicom.archive.part_of", lambda p: p.with_name(broken(p.name)))
    report = tmp_path / "report.json"
    command = ["dicom", "-c", str(tmp_path / "list.csv"), "-o", str(tmp_path / "out")]
    assert main([*command, "--report", str(report)]) == 70
    told = capsys.readouterr().err
    assert "a bug (RuntimeError)" in told
    assert "KOWALCZYK" not in told
    assert "sub-02: 1 released" in told
    states = [each["state"] for each in json.loads(report.read_text("utf-8"))["studies"]]
    assert states == ["failed", "done"]


def test_fields_that_a_list_inserts_are_there(tmp_path: Path) -> None:
    study(tmp_path, image(1))
    fields = tmp_path / "fields.xml"
    fields.write_text(
        "<data><item><name>0010,4000</name><description>PatientComments</description>"
        "<editable>no</editable><forceInsert>yes</forceInsert></item></data>",
        "utf-8",
    )
    assert run(tmp_path, "-x", str(fields)) == 0
    assert released(tmp_path)[0]["PatientComments"].is_empty


def test_words_that_are_no_options_are_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dicom", "-c", "list.csv", "--profil=Zebrowski", "--nam", "Zebrowski"]) == 64
    told = capsys.readouterr().err
    assert "--profil" in told
    assert "Zebrowski" not in told


@pytest.mark.parametrize(("text", "code"), [(b"SV10 1.2.3.4.5.6.77", 0), (b"SV10 KOWALCZYK ", 65)])
def test_headers_kept_whole_may_hold_uids_but_no_names(
    text: bytes, code: int, tmp_path: Path
) -> None:
    ds = image(1, PatientName="KOWALCZYK^ANNA", StudyInstanceUID="1.2.3.4.5.6.77")
    ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", text)
    study(tmp_path, ds)
    assert run(tmp_path, "--retain", "csa") == code
