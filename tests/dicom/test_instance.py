from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pydicom
import pytest

from bidsdeid.core.terms import NO_TERMS, Terms
from bidsdeid.dicom.identifiers import Identifiers
from bidsdeid.dicom.instance import Instance, deidentify_instance, leftovers
from bidsdeid.dicom.part10 import inflated
from bidsdeid.dicom.residue import Residue, residue_of
from bidsdeid.errors import DicomError
from dicom_bases import bases
from dicom_files import (
    EXPLICIT,
    PIXELS,
    SECRET,
    SYNTAXES,
    Elements,
    deidentifier_of,
    element,
    mr,
    persons,
    pixels_of,
)

TERMS = persons("fairweather", "rosalind")
NOTHING = residue_of(Identifiers(), NO_TERMS, (), dates=True)
NAMES = residue_of(Identifiers(uids={"1.2.826.7.2"}), TERMS, ("sub01",), dates=True)


def done(
    changes: Elements | None = None, syntax: str = EXPLICIT, *, profile: str = "neuro",
    terms: Terms = TERMS, behind: bytes = b"",
) -> Instance:  # fmt: skip
    content = mr(changes, syntax=syntax, behind=behind)
    return deidentify_instance(content, deidentifier_of(profile, terms))


def told(written: bytes, instance: Instance, residue: Residue = NAMES) -> list[str]:
    return list(leftovers(written, instance, residue))


# ── one file ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("profile", ["neuro", "basic", "open-science"])
def test_a_file_is_deidentified(syntax: str, profile: str) -> None:
    instance = done(syntax=syntax, profile=profile)
    data = pydicom.dcmread(io.BytesIO(instance.content))
    uid = SECRET.uid("1.2.826.7.1.1")
    assert instance.uid == data.SOPInstanceUID == data.file_meta.MediaStorageSOPInstanceUID == uid
    assert data.file_meta.MediaStorageSOPClassUID == data.SOPClassUID
    assert data.file_meta.TransferSyntaxUID == syntax
    assert data.PixelData == instance.pixels == pixels_of(1, syntax)
    assert data.PatientIdentityRemoved == "YES"
    assert str(data.PatientName) == data.PatientID == "sub01"
    plain = inflated(instance.content)
    for word in (b"weather", b"osalind", b"MRN", b"QX88", b"mbleford", b"uimby", b"1.2.826.7",
                 b"20190304", b"ZEBULON", b"Zebulon"):  # fmt: skip
        assert word not in plain
    assert told(instance.content, instance) == []


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_file_is_always_deidentified_to_the_same_bytes(syntax: str) -> None:
    assert done(syntax=syntax).content == done(syntax=syntax).content


@pytest.mark.parametrize("name", [base.name for base in bases() if base.kind == "image"])
def test_files_of_scanners_are_deidentified_and_read_back(name: str) -> None:
    base = next(base for base in bases() if base.name == name)
    instance = deidentify_instance(base.content, deidentifier_of())
    assert told(instance.content, instance, NOTHING) == []
    again = deidentify_instance(base.content, deidentifier_of())
    assert again == instance


def test_bytes_behind_the_pixels_are_cut_off() -> None:
    instance = done({PIXELS: ("OW", pixels_of(1) + b"Fairweather^")})
    assert instance.pixels == pixels_of(1)
    assert b"weather" not in instance.content
    padding = element(0xFFFCFFFC, "OB", b"Fairweather^")
    assert done(behind=padding).content == done().content


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018])
@pytest.mark.parametrize("value", [None, ""])
def test_a_file_that_does_not_say_what_it_is_is_told(tag: int, value: str | None) -> None:
    with pytest.raises(DicomError, match="does not say what it is"):
        done({tag: value})


def test_a_file_without_pixels_is_told() -> None:
    with pytest.raises(DicomError, match="it has no pixels"):
        done({PIXELS: None})


def test_a_file_with_too_few_pixels_is_told() -> None:
    with pytest.raises(DicomError, match="fewer pixels"):
        done({PIXELS: ("OW", pixels_of(1)[:-2])})


@pytest.mark.parametrize("vr", ["SQ", "OB"])
def test_a_name_of_a_false_type_does_not_get_out(vr: str) -> None:
    value: object = [{0x00080080: "Fairweather"}] if vr == "SQ" else b"Fairweather "
    instance = done({0x00100010: (vr, value)})
    assert b"weather" not in instance.content
    assert b"sub01" in instance.content


#: Pixels of 16 bits.
ALL_BITS: Elements = {0x00280101: ("US", 16), 0x00280102: ("US", 15)}


# ── what is left ─────────────────────────────────────────────────────────────────────────────


def test_other_bytes_than_those_that_were_written_are_told() -> None:
    instance = done()
    for written in (b"", instance.content[:-1], instance.content + b"\0", instance.content[::-1]):
        assert told(written, instance) == ["its bytes are not those that were written"]


def tampered(instance: Instance, change: Callable[[bytes], bytes]) -> list[str]:
    content = change(instance.content)
    assert content != instance.content
    return told(content, replace(instance, content=content))


def test_another_image_in_the_header_or_the_data_set_is_told() -> None:
    instance = done()
    uid, other = instance.uid.encode(), instance.uid.encode()[:-1] + b"x"
    place = instance.content.index(uid)
    sentence = "its header names another image"
    assert tampered(instance, lambda x: x.replace(uid, other, 1)) == [sentence]
    assert tampered(
        instance, lambda x: x[: place + 5] + x[place + 5 :].replace(uid, other, 1)
    ) == [sentence]
    assert tampered(instance, lambda x: x.replace(uid, other)) == [sentence]
    assert told(instance.content, replace(instance, uid="1.2.3")) == [sentence]


def test_other_pixels_are_told() -> None:
    instance = done()
    pixels = instance.pixels
    other = pixels[:-1] + bytes([pixels[-1] ^ 1])
    sentence = "its pixels are not those of the source"
    assert tampered(instance, lambda x: x.replace(pixels, other)) == [sentence]
    assert told(instance.content, replace(instance, pixels=other)) == [sentence]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_left_in_a_file_is_told_without_its_value(syntax: str) -> None:
    named = done({0x0008103E: "t1 fairweather"}, syntax, terms=NO_TERMS)
    assert told(named.content, named) == ["a name, a place or a record number is left in it"]
    kept = done(syntax=syntax, profile="dicat")
    assert told(kept.content, kept) == ["a UID is left in it"]
    both = done({0x0008103E: "t1 fairweather"}, syntax, profile="dicat")
    assert len(told(both.content, both)) == 2
    assert told(both.content, both, NOTHING) == []


def test_what_is_left_in_pixels_is_told() -> None:
    pixels = pixels_of(1)[:40] + b" Rosalind " + pixels_of(1)[50:]
    instance = done({PIXELS: ("OW", pixels), **ALL_BITS})
    assert told(instance.content, instance) == ["a name, a place or a record number is left in it"]
    assert told(instance.content, instance, NOTHING) == []
