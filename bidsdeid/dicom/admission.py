"""Which files are let in: images that show no text, by what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from bidsdeid.dicom.rulebook import rulebook


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of file that is not let in.

    Parameters
    ----------
    name : str
        Short, for tables.
    holds : callable
        Tells whether a header is of this kind.
    reason : str
    """

    name: str
    holds: Callable[[Dataset], bool]
    reason: str


def _words(header: Dataset, keyword: str) -> set[str]:
    """Return the words of a coded element."""
    value = header.get(keyword) or ()
    values = [value] if isinstance(value, str) else value
    return {word for each in values for word in str(each).upper().replace("_", " ").split()}


_GREY = {"MONOCHROME1", "MONOCHROME2"}
_MODALITIES = {"MR", "CT", "PT"}

#: The first that holds is the reason.
REFUSALS = (
    Refusal(
        "directory",
        lambda header: "DirectoryRecordSequence" in header,
        "a DICOMDIR lists names of patients and files: make a new one of what is released",
    ),
    Refusal(
        "ultrasound",
        lambda header: bool(_words(header, "Modality") & {"US", "IVUS"}),
        "scanners write the name of the patient into ultrasound images",
    ),
    Refusal(
        "not an admitted class",
        lambda header: str(header.get("SOPClassUID", "")) not in rulebook().admitted,
        "only images of MR, CT and PET are let in: reports, documents, presentation states, "
        "secondary captures, raw and private data hold text that no rule knows",
    ),
    Refusal(
        "not an admitted modality",
        lambda header: not _words(header, "Modality") <= _MODALITIES,
        "it says that it is of no scanner for MR, CT or PET",
    ),
    Refusal(
        "overlay in pixels",
        lambda header: any(
            header.get((group, 0x0102)) is not None and header[group, 0x0102].value != 0
            for group in range(0x6000, 0x6020, 2)
        ),
        "an overlay, which may be writing, lies in its pixels",
    ),
    Refusal(
        "burned in",
        lambda header: bool(_words(header, "BurnedInAnnotation") - {"NO"}),
        "it says that there is text in its pixels",
    ),
    Refusal(
        "screen",
        lambda header: (
            bool(_words(header, "ImageType") & {"SCREEN", "SAVE", "SCREENSHOT"})
            or bool(_words(header, "ConversionType") & {"DI", "DF", "WSD", "SD", "SI"})
        ),
        "it was captured from a screen or a film, which may show a name",
    ),
    Refusal(
        "colour",
        lambda header: not _words(header, "PhotometricInterpretation") <= _GREY,
        "scanners measure in grey: colour is that of a screenshot, or of a map with a legend",
    ),
)


def refusal(header: Dataset) -> Refusal | None:
    """Return why a file is not let in, None if it is.

    Parameters
    ----------
    header : Dataset
        Of the file, without pixels.
    """
    return next((row for row in REFUSALS if row.holds(header)), None)
