from __future__ import annotations

import gzip
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from bidsdeid.errors import TextError
from bidsdeid.io.readers import dicom as module
from bidsdeid.io.readers.dicom import BROKEN, ENDS, LARGE, PIXELS, is_dicom, read_dicom
from bidsdeid.io.readers.dispatch import read
from bidsdeid.io.readers.vr import ASCII, LOCAL

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]
SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
]


def dataset() -> Dataset:
    """Return a data set with text in elements of every kind."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    ds.StudyDate = "20190304"
    ds.AcquisitionTime = "101112.5"
    ds.Modality = "MR"
    ds.StationName = "ROOM4"
    ds.PatientName = "Müller^Jürgen"
    ds.PatientID = "MRN1234567"
    ds.PatientAge = "051Y"
    ds.PatientComments = "first line\r\nsecond \\ line"
    ds.OtherPatientNames = ["Doe^A", "Doe^B"]
    ds.PatientWeight = "61.5"
    ds.InstanceNumber = "7"
    ds.RetrieveURI = "https://pacs.example/jdoe"
    ds.EchoTrainLength = 5
    ds.Rows = ds.Columns = 8
    ds.LossyImageCompression = ""
    inner, outer = Dataset(), Dataset()
    inner.PersonName = "Smith^J"
    outer.PersonIdentificationCodeSequence = Sequence([inner])
    outer.InstitutionName = "Clinic"
    ds.PerformingPhysicianIdentificationSequence = Sequence([Dataset(), outer])
    block = ds.private_block(0x0029, "ZEBULON MEDICAL", create=True)
    block.add_new(0x10, "LO", "private words")
    block.add_new(0x11, "OB", b"\x01\x02Zebulon\x00\x01\x00")
    block.add_new(0x12, "UN", b"\x01\x02unknown\x00")
    nested = Dataset()
    nested.add_new(0x00104000, "LT", "private depth")
    block.add_new(0x13, "SQ", Sequence([nested]))
    return ds


def saved(
    ds: Dataset, syntax: str = ExplicitVRLittleEndian, preamble: bytes = bytes(128)
) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", "1.2.3")
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.7"
    ds.file_meta.SourceApplicationEntityTitle = "ZEBULONS_PC"
    ds.preamble = preamble
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_string_at_every_depth(save: Save, texts: Texts, syntax: str) -> None:
    content = saved(dataset(), syntax)
    assert is_dicom(content[:200])
    reading = read_dicom(save(content))
    found = texts(reading)
    people = "tag (0008,1052) PerformingPhysicianIdentificationSequence item 2 "
    person = f"{people}tag (0040,1101) PersonIdentificationCodeSequence item 1 "
    expected = {
        "tag (0002,0016) SourceApplicationEntityTitle": ["ZEBULONS_PC"],
        "tag (0008,0020) StudyDate": ["20190304"],
        "tag (0008,0032) AcquisitionTime": ["101112.5"],
        "tag (0008,0060) Modality": ["MR"],
        "tag (0008,1010) StationName": ["ROOM4"],
        "tag (0010,0010) PatientName": ["Müller^Jürgen"],
        "tag (0010,0020) PatientID": ["MRN1234567"],
        "tag (0010,1001) OtherPatientNames": ["Doe^A", "Doe^B"],
        "tag (0010,1010) PatientAge": ["051Y"],
        "tag (0010,1030) PatientWeight": ["61.5"],
        "tag (0010,4000) PatientComments line 1": ["first line"],
        "tag (0010,4000) PatientComments line 2": ["second \\ line"],
        "tag (0020,0013) InstanceNumber": ["7"],
        "tag (0040,e010) RetrieveURI": ["https://pacs.example/jdoe"],
        f"{people}tag (0008,0080) InstitutionName": ["Clinic"],
        f"{person}tag (0040,a123) PersonName": ["Smith^J"],
        "tag (0029,0010)": ["ZEBULON MEDICAL"],
        "tag (0029,1010)": ["private words"],
        "tag (0029,1011)": ["Zebulon"],
        "tag (0029,1012)": ["unknown"],
    }
    assert {where: found.get(where) for where in expected} == expected
    depth = "tag (0029,1013) item 1 tag (0010,4000) PatientComments"
    assert found[depth] == ["private depth"]
    assert not {"tag (0028,0010) Rows", "preamble"} & found.keys()
    assert reading.unseen == ""
    fields = {piece.where: piece.field for piece in reading.pieces}
    assert fields["tag (0010,0010) PatientName"] == "PatientName"
    assert fields["tag (0029,1010)"] == ""


def walk(ds: Dataset) -> Iterator[str]:
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                yield from walk(item)
        elif element.VR in LOCAL | ASCII:
            values = element.value if element.VM > 1 else [element.value]
            for value in values:
                text = str(
                    value if element.VR == "PN" else getattr(value, "original_string", value)
                )
                for line in text.replace("\0", "\n").replace("\r", "\n").split("\n"):
                    yield line.strip(" \t\f\v").rstrip("=")


def test_all_that_pydicom_finds_in_its_own_files_is_found() -> None:
    compared = 0
    for path in sorted((Path(pydicom.__file__).parent / "data").rglob("*")):
        if not path.is_file() or not is_dicom(path.read_bytes()[:200]):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(path, force=True)
            expected = {text for part in (ds.file_meta, ds) for text in walk(part)} - {"", "None"}
        found = {piece.text.rstrip("=") for piece in read_dicom(path).pieces}
        assert expected <= found, path.name
        compared += len(expected)
    assert compared > 4000


def test_a_preamble_is_text_too(save: Save, texts: Texts) -> None:
    found = texts(read_dicom(save(saved(Dataset(), preamble=b"Zebu".ljust(128, b"\0")))))
    assert found["preamble"] == ["Zebu"]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_a_file_without_preamble_is_known_and_read(save: Save, texts: Texts, syntax: str) -> None:
    content = saved(dataset(), syntax)
    start = content.index(b"ISO_IR 192") - 8
    for bare in (content[start:], content[132:]):
        assert is_dicom(bare[:100])
        found = texts(read(save(bare)))
        assert found["tag (0010,0010) PatientName"] == ["Müller^Jürgen"]
        assert found["tag (0029,1010)"] == ["private words"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x08", b"\x08\x00\x05\x00", b"text", bytes(400), b"\x5c\1\0\0" + bytes(344),
     b"\x08\x00\x05\x00\xff\xff\xff\xff", b"\x08\x00\x07\x00CS\x02\x00"],
)  # fmt: skip
def test_what_is_no_dicom_is_not_taken_for_it(save: Save, content: bytes) -> None:
    assert not is_dicom(content)
    with pytest.raises(TextError, match="does not start as a DICOM file"):
        read_dicom(save(content))


def element(tag: int, vr: str, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    long = vr in {"OB", "OW", "SQ", "UN", "UT", "UC", "UR", "OF", "OD"}
    return head + (struct.pack("<HI", 0, size) if long else struct.pack("<H", size)) + value


def file_of(*elements: bytes) -> bytes:
    return (
        bytes(128)
        + b"DICM"
        + element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
        + b"".join(elements)
    )


AFTER = element(0x7FE11010, "LO", b"Zebulon ")


@pytest.mark.parametrize(
    "pixels",
    [
        element(0x7FE00010, "OW", bytes(64)),
        element(0x7FE00010, "OB", bytes(64)),
        element(
            0x7FE00010, "OB", b"\xfe\xff\x00\xe0\x04\0\0\0abcd\xfe\xff\xdd\xe0\0\0\0\0", 0xFFFFFFFF
        ),
        element(0x7FE00008, "OF", bytes(64)) + element(0x7FE00010, "OW", bytes(8)),
        element(0x7FE00010, "US", bytes(64)),
    ],
)
def test_pixels_are_skipped_and_what_follows_is_read(
    save: Save, texts: Texts, pixels: bytes
) -> None:
    name = element(0x00100010, "PN", b"Doe^Jane")
    reading = read_dicom(save(file_of(name, pixels, AFTER)))
    assert texts(reading)["tag (0010,0010) PatientName"] == ["Doe^Jane"]
    assert texts(reading)["tag (7fe1,1010)"] == ["Zebulon"]
    assert reading.unseen == PIXELS


def test_pixels_of_an_implicit_file_are_skipped(save: Save, texts: Texts) -> None:
    content = b"".join(
        struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value
        for tag, value in (
            (0x00080060, b"MR"), (0x7FE00010, bytes(64)), (0x7FE10010, b"SIEMENS "),
            (0x7FE11099, b"\1Zebulon"),
        )
    )  # fmt: skip
    reading = read_dicom(save(content))
    assert texts(reading)["tag (7fe1,1099)"] == ["Zebulon"]
    assert reading.unseen == PIXELS


def test_pixels_are_not_read(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    reading = read_dicom(save(file_of(element(0x7FE00010, "OW", bytes(2**22)), AFTER)))
    assert [piece.text for piece in reading.pieces][-1] == "Zebulon"


def test_an_element_that_occurs_twice_is_seen_twice(save: Save, texts: Texts) -> None:
    twice = [element(0x00100010, "PN", name) for name in (b"Doe^Jane", b"Doe^John")]
    found = texts(read_dicom(save(file_of(*twice))))
    assert found["tag (0010,0010) PatientName"] == ["Doe^Jane", "Doe^John"]


@pytest.mark.parametrize(
    ("charset", "name", "code"),
    [
        (b"ISO_IR 100", "Müller^Jürgen", "latin-1"),
        (b"ISO_IR 192", "王^小東", "utf-8"),
        (b"ISO_IR 144", "Яшин^Лев", "iso8859-5"),
        (b"GB18030 ", "王^小东", "gb18030"),
        (b"", "Müller^Jürgen", "utf-8"),
        (b"", "Müller^Jürgen", "latin-1"),
        (b"ISO_IR 192", "Müller^Jürgen", "latin-1"),  # it says so, and is not
        (b"no such set ", "Müller^Jürgen", "latin-1"),
        (b"zlib", "Müller^Jürgen", "latin-1"),
    ],
)
def test_letters_of_any_character_set(
    save: Save, texts: Texts, charset: bytes, name: str, code: str
) -> None:
    parts = element(0x00080005, "CS", charset), element(0x00100010, "PN", name.encode(code))
    found = texts(read_dicom(save(file_of(*parts))))
    assert found["tag (0010,0010) PatientName"] == [name]


def test_a_character_set_that_cannot_be_one_hides_nothing(save: Save) -> None:
    parts = element(0x00080005, "CS", b"\0\1\\\0\2 "), element(0x00100010, "PN", b"Zebulon^A ")
    reading = read_dicom(save(file_of(*parts)))
    assert any("Zebulon^A" in piece.text for piece in reading.pieces)
    assert "only a part of it" in reading.unseen


def test_a_value_that_does_not_fit_its_type_is_text_all_the_same(save: Save, texts: Texts) -> None:
    parts = [
        element(0x00100030, "DA", b"born Zebulon"),
        element(0x00200013, "IS", b"Zebulon "),
        element(0x00101030, "DS", b"Zebulon "),
        element(0x00080090, "ZZ", b"Zebulon\0"),
        element(0x00100020, "LO", b"a\0Zebulon "),
    ]
    found = texts(read_dicom(save(file_of(*parts))))
    assert found["tag (0010,0030) PatientBirthDate"] == ["born Zebulon"]
    assert found["tag (0020,0013) InstanceNumber"] == ["Zebulon"]
    assert found["tag (0010,1030) PatientWeight"] == ["Zebulon"]
    assert found["tag (0008,0090) ReferringPhysicianName"] == ["Zebulon"]
    assert found["tag (0010,0020) PatientID line 2"] == ["Zebulon"]


ITEM, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def item(content: bytes) -> bytes:
    return ITEM + struct.pack("<I", len(content)) + content


def implicit(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


@pytest.mark.parametrize("tag", [0x00081140, 0x00291010])
def test_a_sequence_of_unknown_type_is_implicit(save: Save, texts: Texts, tag: int) -> None:
    content = element(tag, "UN", item(implicit(0x00100010, b"Doe^Jane")))
    (found,) = (w for w in texts(read_dicom(save(file_of(content)))) if "PatientName" in w)
    assert " item 1 tag (0010,0010)" in found


def test_types_of_private_elements_are_looked_up(save: Save, texts: Texts) -> None:
    creator = implicit(0x00190010, b"SIEMENS MR HEADER ")
    content = implicit(0x00080060, b"MR") + creator + implicit(0x0019100B, b"1\\22")
    assert texts(read_dicom(save(content)))["tag (0019,100b)"] == ["1", "22"]


def test_elements_have_a_number_too(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ELEMENTS", 3)
    names = [element(0x00100010, "PN", b"Zebulon%d" % n) for n in range(5)]
    reading = read_dicom(save(file_of(*names)))
    texts = [piece.text for piece in reading.pieces]
    assert texts[1:3] == ["Zebulon0", "Zebulon1"]
    assert any("Zebulon4" in text for text in texts)
    assert "elements" in reading.unseen


def test_a_large_value_is_skipped_and_told(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VALUE", 100)
    reading = read_dicom(save(file_of(element(0x00104000, "LT", b"a" * 102), AFTER)))
    assert [piece.text for piece in reading.pieces][-1] == "Zebulon"
    assert reading.unseen == LARGE


def test_a_file_that_ends_early_is_told_and_read(save: Save, texts: Texts) -> None:
    reading = read_dicom(save(file_of(element(0x00100010, "PN", b"Doe^Jane", 64))))
    assert texts(reading)["tag (0010,0010) PatientName"] == ["Doe^Jane"]
    assert reading.unseen == ENDS


def nested(depth: int, *, defined: bool) -> bytes:
    content = element(0x00100010, "PN", b"Doe^Jane")
    for _ in range(depth):
        if defined:
            content = element(0x00081140, "SQ", item(content))
        else:
            content = ITEM + b"\xff" * 4 + content + b"\xfe\xff\x0d\xe0\0\0\0\0"
            content = element(0x00081140, "SQ", content + END, 0xFFFFFFFF)
    return content


@pytest.mark.parametrize("defined", [True, False])
def test_deep_sequences_are_read_or_told(save: Save, *, defined: bool) -> None:
    shallow = read_dicom(save(file_of(nested(20, defined=defined))))
    assert shallow.pieces[-1].where.count("item 1") == 20
    assert shallow.unseen == ""
    deep = read_dicom(save(file_of(nested(2000, defined=defined))))
    assert any("Doe^Jane" in piece.text for piece in deep.pieces)
    assert BROKEN in deep.unseen


@pytest.mark.parametrize("defined", [True, False])
def test_a_sequence_in_a_file_that_ends_early_is_read(save: Save, *, defined: bool) -> None:
    second = element(0x00100020, "LO", b"MRN1234567")
    content = nested(2, defined=defined)
    place = content.index(b"Doe^Jane") + 8
    reading = read_dicom(save(file_of(content[:place] + second)))
    assert {"Doe^Jane", "MRN1234567"} <= {piece.text for piece in reading.pieces}


def test_an_element_that_occurs_twice_in_an_item_is_seen_twice(save: Save) -> None:
    twice = b"".join(element(0x00100010, "PN", name) for name in (b"Doe^Jane", b"Doe^John"))
    for length in (len(twice), 0xFFFFFFFF):
        sequence = element(0x00081140, "SQ", ITEM + struct.pack("<I", length) + twice, 0xFFFFFFFF)
        found = {piece.text for piece in read_dicom(save(file_of(sequence))).pieces}
        assert {"Doe^Jane", "Doe^John"} <= found


def test_what_follows_a_sequence_without_length_is_read(save: Save, texts: Texts) -> None:
    sequence = nested(2, defined=False)
    reading = read_dicom(save(file_of(sequence, AFTER, sequence, AFTER)))
    assert texts(reading)["tag (7fe1,1010)"] == ["Zebulon", "Zebulon"]
    assert reading.unseen == ""


def test_pixels_of_an_icon_are_skipped_and_told(save: Save) -> None:
    for pixels in (
        element(0x7FE00010, "OB", b"Zebulon\0"),
        element(0x7FE00010, "OB", item(b"Zebulon\0") + END, 0xFFFFFFFF),
    ):
        content = element(0x00880200, "SQ", item(pixels + element(0x00100010, "PN", b"Doe^Jane")))
        reading = read_dicom(save(file_of(content)))
        assert [piece.text for piece in reading.pieces][1:] == ["Doe^Jane"]
        assert reading.unseen == PIXELS


def test_private_bytes_in_parts_are_searched(save: Save, texts: Texts) -> None:
    parts = element(0x00291010, "OB", item(b"\1Zebulon") + item(b"\1second ") + END, 0xFFFFFFFF)
    found = texts(read_dicom(save(file_of(parts, AFTER))))
    assert found["tag (0029,1010)"] == ["Zebulon", "second"]
    assert found["tag (7fe1,1010)"] == ["Zebulon"]


def test_a_broken_sequence_is_searched_and_the_rest_is_read(save: Save, texts: Texts) -> None:
    broken = element(0x00081140, "SQ", b"no item Zebulon\0")
    reading = read_dicom(save(file_of(broken, element(0x00100010, "PN", b"Doe^Jane"))))
    assert texts(reading)["tag (0008,1140) ReferencedImageSequence"] == ["no item Zebulon"]
    assert texts(reading)["tag (0010,0010) PatientName"] == ["Doe^Jane"]
    assert reading.unseen == BROKEN


def test_what_follows_a_damage_is_searched(save: Save, texts: Texts) -> None:
    broken = element(0x00081140, "SQ", b"Dr. Zeb", 0xFFFFFFFF) + element(
        0x00100010, "PN", b"Doe^Jane"
    )
    reading = read_dicom(save(file_of(broken)))
    assert any("Doe^Jane" in text for text in texts(reading)["bytes behind the damage"])
    assert "only a part of it" in reading.unseen


def test_a_deflated_bomb_is_not_inflated(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**16)
    packer = zlib.compressobj(wbits=-15)
    data = element(0x00100010, "PN", b"Doe^Jane") + element(0x00104000, "UT", bytes(2**24))
    body = packer.compress(data) + packer.flush()
    syntax = element(0x00020010, "UI", b"1.2.840.10008.1.2.1.99")
    reading = read_dicom(save(bytes(128) + b"DICM" + syntax + body))
    assert "Doe^Jane" in {piece.text for piece in reading.pieces}
    assert "have been inflated" in reading.unseen


def test_a_packed_file_is_read(save: Save) -> None:
    path = save(gzip.compress(saved(dataset()), mtime=0), "a.dcm.gz")
    assert "MRN1234567" in {piece.text for piece in read(path).pieces}


def with_pixels() -> bytes:
    ds = dataset()
    for tag in ("PatientName", "PatientComments", "StationName"):
        setattr(ds, tag, "Zebulon")
    ds.add_new(0x7FE00010, "OB", pydicom.encaps.encapsulate([b"Zebulon "]))
    ds["PixelData"].is_undefined_length = True
    return saved(ds, JPEGBaseline8Bit)


@settings(max_examples=200)
@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from(SYNTAXES))
    survives(data, read_dicom, saved(dataset(), syntax))
    survives(data, read_dicom, with_pixels())
    survives(data, read_dicom, file_of(nested(3, defined=False), nested(3, defined=True)))


@given(st.data(), st.binary(max_size=300))
def test_any_bytes_are_survived(
    survives: Callable[..., None], data: st.DataObject, content: bytes
) -> None:
    assert isinstance(is_dicom(content), bool)
    survives(data, read_dicom, file_of(content))
