"""Which files are let in: images that show no text, by what they say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from pydicom.datadict import tag_for_keyword

from bidsdeid.dicom.elements import Place
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
    holds: Callable[[Place], bool]
    reason: str


def _words(header: Place, keyword: str) -> set[str]:
    """Return the words of a coded element."""
    text = header.text(_tag(keyword)).upper()
    return set(text.replace("_", " ").replace("\\", " ").split())


@cache
def _tag(keyword: str) -> int:
    return tag_for_keyword(keyword) or 0


def _has_overlay_in_pixels(header: Place) -> bool:
    tags = [tag for tag in header.data_set.keys() if tag & _ANY_OVERLAY == _OVERLAY_BIT_POSITION]  # noqa: SIM118 -- it would be sorted
    return any(header.number(tag) for tag in tags)


_OVERLAY_BIT_POSITION, _ANY_OVERLAY = 0x60000102, 0xFF00FFFF
_GREY = {"MONOCHROME1", "MONOCHROME2"}
_MODALITIES = {"MR", "CT", "PT"}
_SCREENS = {"SCREEN", "SAVE", "SCREENSHOT"}
_CONVERSIONS = {"DI", "DF", "WSD", "SD", "SI"}

#: The first that holds is the reason.
REFUSALS = (
    Refusal(
        "directory",
        lambda header: _tag("DirectoryRecordSequence") in header.data_set,
        "a DICOMDIR lists names of patients and files: make a new one of what is released",
    ),
    Refusal(
        "ultrasound",
        lambda header: bool(_words(header, "Modality") & {"US", "IVUS"}),
        "scanners write the name of the patient into ultrasound images",
    ),
    Refusal(
        "not an admitted class",
        lambda header: header.text(_tag("SOPClassUID")) not in rulebook().admitted,
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
        _has_overlay_in_pixels,
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
            bool(_words(header, "ImageType") & _SCREENS)
            or bool(_words(header, "ConversionType") & _CONVERSIONS)
        ),
        "it was captured from a screen or a film, which may show a name",
    ),
    Refusal(
        "colour",
        lambda header: not _words(header, "PhotometricInterpretation") <= _GREY,
        "scanners measure in grey: colour is that of a screenshot, or of a map with a legend",
    ),
)


def refusal(header: Place) -> Refusal | None:
    """Return why a file is not let in, None if it is.

    Parameters
    ----------
    header : Place
        The data set of the file, without pixels.
    """
    return next((row for row in REFUSALS if row.holds(header)), None)
