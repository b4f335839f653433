"""Base files for tests of the DICOM engine: from the wheels of pydicom and pydicom-data."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import data_store
import pydicom.data
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
)

_WHEEL = Path(pydicom.data.__file__).parent
_FOLDERS = (
    _WHEEL / "test_files",
    _WHEEL / "charset_files",
    Path(data_store.__file__).parent / "data",
)

#: Files that a de-identifier of MRI accepts: MR, Enhanced MR, CT.
_IMAGES = """
    MR_small MR_small_implicit MR_small_bigendian MR_small_expb MR_small_RLE
    MR_small_jp2klossless MR_small_jpeg_ls_lossless MR_small_padded
    examples_overlay MR2_J2KI CT_small 693_J2KI J2K_pixelrep_mismatch explicit_VR-UN
""".split()

#: Enhanced MR, which get the functional groups that those of the wheel lack.
_ENHANCED = """
    emri_small emri_small_RLE emri_small_big_endian emri_small_jpeg_ls_lossless
    emri_small_jpeg_2k_lossless
""".split()

#: Others: captures, ultrasound, reports, radiotherapy, an ECG, and fragments.
_OTHERS = """
    SC_rgb_small_odd SC_rgb_jpeg_dcmtk JPGExtended image_dfl ExplVR_BigEnd OBXXXX1A_rle
    reportsi test-SR rtdose rtdose_rle rtplan waveform_ecg liver_1frame
    priv_SQ nested_priv_SQ UN_sequence
    chrH32 chrI2 chrX2 chrFrenMulti chrRuss chrArab chrKoreanMulti
""".split()

#: Character sets that are declared in copies of a small image, with their values.
_CHARSETS: dict[str, str | list[str]] = {
    "MR_japanese": ["", "ISO 2022 IR 87"],
    "MR_korean": ["", "ISO 2022 IR 149"],
    "MR_chinese": "GB18030",
    "MR_utf8": "ISO_IR 192",
    "MR_greek": "ISO_IR 126",
}


@dataclass(frozen=True)
class Base:
    """A file before identifiers are put into it.

    Parameters
    ----------
    name : str
    kind : str
        'image' if a de-identifier of MRI accepts it, else 'other'.
    content : bytes
    hostile : bool
        It gets text where numbers and times belong; a reader may stumble over it.
    """

    name: str
    kind: str
    content: bytes
    hostile: bool = False

    def dataset(self) -> FileDataset:
        """Return it as pydicom reads it."""
        return read(self.content)


def read(content: bytes) -> FileDataset:
    """Return a file as pydicom reads it, strictly but without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(io.BytesIO(content))


def written(data: FileDataset) -> bytes:
    """Return the bytes of a file; elements that were not looked at stay as they are."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(out)
    return out.getvalue()


def _content(name: str) -> bytes:
    for folder in _FOLDERS:
        path = folder / f"{name}.dcm"
        if path.is_file():
            return path.read_bytes()
    raise FileNotFoundError(name)


def _in_charset(charset: str | list[str]) -> bytes:
    data = read(_content("MR_small"))
    data.SpecificCharacterSet = charset
    return written(data)


def _enhanced(name: str) -> bytes:
    """Return a multi-frame image with functional groups, shared ones and for each frame."""
    data = read(_content(name))
    frames = []
    for number in range(int(data.NumberOfFrames)):
        content, position, diffusion, frame = (Dataset() for _ in range(4))
        content.FrameAcquisitionDateTime = f"2004011907273{number % 10}.25"
        content.FrameReferenceDateTime = f"2004011907274{number % 10}.25"
        content.FrameAcquisitionDuration = 71.5 + number
        content.DimensionIndexValues, content.InStackPositionNumber = [1, number + 1], number + 1
        content.StackID = "1"
        position.ImagePositionPatient = [-103.5, -17.25, 12.125 * number]
        diffusion.DiffusionDirectionality, diffusion.DiffusionBValue = "DIRECTIONAL", 1000.0
        frame.FrameContentSequence, frame.PlanePositionSequence = [content], [position]
        frame.MRDiffusionSequence = [diffusion]
        frames.append(frame)
    timing, shared = Dataset(), Dataset()
    timing.RepetitionTime, timing.FlipAngle = "2300.5", "9"
    shared.MRTimingAndRelatedParametersSequence = [timing]
    data.PerFrameFunctionalGroupsSequence = frames
    data.SharedFunctionalGroupsSequence = [shared]
    return written(data)


def _deflated() -> bytes:
    data = read(_content("MR_small"))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return written(data)


def _pet(*, implicit: bool) -> bytes:
    """Return a CT that says it is a PET, since the wheels have none."""
    data = read(_content("MR_small_implicit" if implicit else "CT_small"))
    assert (data.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian) == implicit
    data.SOPClassUID = PositronEmissionTomographyImageStorage
    data.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
    data.Modality, data.Units, data.CountsSource = "PT", "BQML", "EMISSION"
    tracer = Dataset()
    tracer.RadiopharmaceuticalStartDateTime = "20040119072730"
    tracer.RadionuclideTotalDose = "370000000"
    tracer.RadionuclideHalfLife = "6586.2"
    data.RadiopharmaceuticalInformationSequence = [tracer]
    return written(data)


@cache
def bases() -> tuple[Base, ...]:
    """Return all base files, images first."""
    return (
        *(Base(name, "image", _content(name)) for name in _IMAGES),
        *(Base(name, "image", _enhanced(name)) for name in _ENHANCED),
        *(Base(name, "image", _in_charset(value)) for name, value in _CHARSETS.items()),
        Base("MR_deflated", "image", _deflated()),
        Base("PT_explicit", "image", _pet(implicit=False)),
        Base("PT_implicit", "image", _pet(implicit=True)),
        Base("MR_hostile", "image", _content("MR_small"), hostile=True),
        Base("CT_hostile", "image", _content("CT_small"), hostile=True),
        Base("MR_hostile_implicit", "image", _content("MR_small_implicit"), hostile=True),
        *(Base(name, "other", _content(name)) for name in _OTHERS),
    )
