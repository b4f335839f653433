"""De-identified series convert as the originals do, and nothing that was planted comes along."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import dcm2niix
import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from bidsdeid.cli import main

#: What is planted, by where dcm2niix takes it from.
PLANTED = {
    "PatientName": "WEATHERBY^ORLA", "PatientID": "MRN7743310", "PatientBirthDate": "19610703",
    "InstitutionName": "Ambleford Infirmary", "InstitutionAddress": "14 Quillwort Lane",
    "InstitutionalDepartmentName": "Quillwort Ward", "StationName": "AMBL35017",
    "DeviceSerialNumber": "SN4471093", "StudyDescription": "WEATHERBY follow-up",
    "SeriesDescription": "t1_mprage weatherby", "ProtocolName": "t1_mprage MRN7743310",
    "ImageComments": "patient Orla Weatherby moved", "ReferringPhysicianName": "THISTLEWOOD^A",
    "OperatorsName": "BRACKENRIDGE", "AccessionNumber": "ACC5520931", "StudyID": "ACC5520931",
    "ReceiveCoilName": "HEAD WEATHERBY", "SequenceName": "WEATHERBY", "StudyDate": "20190304",
    "AcquisitionDate": "20190304", "SeriesDate": "20190304", "AcquisitionTime": "101112.5",
}  # fmt: skip
TRACES = (
    "weatherby", "orla", "mrn7743310", "7743310", "19610703", "1961-07-03", "ambleford",
    "quillwort", "ambl35017", "sn4471093", "thistlewood", "brackenridge", "acc5520931",
    "20190304", "2019-03-04",
)  # fmt: skip


def series(folder: Path, base: str, slices: int) -> Path:
    """Write a series of slices with planted identifiers."""
    folder.mkdir()
    uid = generate_uid(entropy_srcs=["series"])
    for number in range(slices):
        ds = pydicom.dcmread(str(get_testdata_file(base)))
        for keyword, text in PLANTED.items():
            setattr(ds, keyword, text)
        ds.Manufacturer, ds.ManufacturerModelName = "SIEMENS", "Prisma"
        ds.SeriesInstanceUID, ds.StudyInstanceUID = uid, generate_uid(entropy_srcs=["study"])
        ds.SOPInstanceUID = generate_uid(entropy_srcs=["image", str(number)])
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.SeriesNumber, ds.InstanceNumber = 4, number + 1
        if slices > 1:
            x, y, z = ds.ImagePositionPatient
            ds.ImagePositionPatient = [x, y, float(z) + 2 * number]
            ds.SliceLocation, ds.SpacingBetweenSlices = 2 * number, 2
            ds.PixelData = np.roll(ds.pixel_array, number, axis=1).tobytes()
            block = ds.private_block(0x0051, "SIEMENS MR HEADER", create=True)
            block.add_new(0x13, "SH", "+LPH")
            block.add_new(0x0C, "LO", "FoV WEATHERBY")
        ds.save_as(folder / f"WEATHERBY_{number}.dcm", enforce_file_format=True)
    return folder


def converted(folder: Path, out: Path) -> tuple[nib.Nifti1Image, dict[str, object]]:
    """Convert a folder and return the image and its sidecar."""
    out.mkdir()
    command = [dcm2niix.bin, "-b", "y", "-ba", "n", "-f", "%p_%n_%s", "-o", str(out), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (image,) = out.glob("*.nii")
    loaded = nib.Nifti1Image.from_filename(image)
    return loaded, json.loads(image.with_suffix(".json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("base", "slices", "profile"),
    [
        ("MR_small.dcm", 6, "neuro"),
        ("MR_small.dcm", 6, "open-science"),
        ("MR_small_implicit.dcm", 6, "neuro"),
        ("emri_small.dcm", 1, "neuro"),
        ("emri_small.dcm", 1, "open-science"),
    ],
)
def test_voxels_and_affine_are_the_same_and_nothing_planted_is_left(
    base: str, slices: int, profile: str, tmp_path: Path
) -> None:
    source = series(tmp_path / "in", base, slices)
    options = ["--subject", "sub-01", "--zip", "none", "--profile", profile]
    assert main(["dicom", str(source), str(tmp_path / "out"), *options]) == 0
    before, said_before = converted(source, tmp_path / "before")
    after, said = converted(tmp_path / "out" / "sub-01_deidentified", tmp_path / "after")
    assert np.array_equal(np.asanyarray(after.dataobj), np.asanyarray(before.dataobj))
    assert np.array_equal(after.affine, before.affine)
    assert any(trace in json.dumps(said_before).lower() for trace in TRACES)
    for path in (tmp_path / "after").iterdir():
        content = path.read_bytes()[:352] if path.suffix == ".nii" else path.read_bytes()
        text = f"{path.name} {content.decode('latin-1')}".lower()
        assert [trace for trace in TRACES if trace in text] == []
    physics = ("RepetitionTime", "EchoTime", "FlipAngle", "MagneticFieldStrength", "Manufacturer")
    for key in physics:
        assert said.get(key) == said_before.get(key), key
    assert said["DeidentificationMethod"]
    if "implicit" not in base:  # whose sequences of codes dcm2niix does not read
        assert "113100" in json.dumps(said["DeidentificationMethodCodeSequence"])
