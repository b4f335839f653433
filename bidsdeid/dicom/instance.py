"""One file: bytes in, de-identified bytes out, and the check of what was written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bidsdeid.dicom.deidentifier import Deidentifier
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.part10 import inflated, quiet, read_part10, write_part10
from bidsdeid.dicom.pixels import trim_pixels
from bidsdeid.dicom.residue import Residue
from bidsdeid.dicom.stamp import stamp
from bidsdeid.errors import DicomError

SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018

#: The UID of an image stands in the header of the file and in the data set.
_TWICE = 2


@dataclass(frozen=True, slots=True)
class Instance:
    """A de-identified file.

    Parameters
    ----------
    content : bytes
        The whole file.
    uid : str
        Its new SOP Instance UID.
    pixels : bytes
        As they were and are.
    whole : tuple of bytes
        Values that the user wants to keep whole.
    """

    content: bytes
    uid: str
    pixels: bytes
    whole: tuple[bytes, ...] = ()


def deidentify_instance(content: bytes, deidentifier: Deidentifier) -> Instance:
    """De-identify a file.

    Parameters
    ----------
    content : bytes
        A file of PS3.10 with an image in it.
    deidentifier : Deidentifier

    Raises
    ------
    DicomError
        If it is damaged or no image.
    """
    with quiet():
        data_set, syntax = read_part10(content)
        place = Place(data_set)
        pixels = trim_pixels(place, syntax)
        whole = deidentifier.apply(place)
        stamp(place, deidentifier.profile)
        sop_class, uid = place.text(SOP_CLASS), place.text(SOP_INSTANCE)
        if not sop_class or not uid:
            message = "it does not say what it is (SOPClassUID, SOPInstanceUID)"
            raise DicomError(message)
        return Instance(write_part10(data_set, syntax, sop_class, uid), uid, pixels, whole)


def leftovers(
    written: bytes, instance: Instance, residue: Residue, made: Collection[bytes] = ()
) -> Iterator[str]:
    """Yield what is wrong with a file as the disk has it.

    Parameters
    ----------
    written : bytes
        Read back.
    instance : Instance
        What should be there.
    residue : Residue
        What must not.
    made : collection of bytes
        New UIDs.
    """
    if written != instance.content:
        yield "its bytes are not those that were written"
        return
    plain = inflated(written)
    start = plain.rfind(instance.pixels)
    if start < 0:
        yield "its pixels are not those of the source"
        return
    header = plain[:start] + b" " + plain[start + len(instance.pixels) :]
    if header.count(instance.uid.encode()) < _TWICE:
        yield "its header names another image"
    found = residue.found_in(header, instance.pixels, made, instance.whole)
    yield from (f"{kind} is left in it" for kind in found)
