from __future__ import annotations

import io
import warnings

import pydicom
import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import UID, MRImageStorage

from bidsdeid import __version__
from bidsdeid.dicom import part10 as module
from bidsdeid.dicom.part10 import (
    IMPLEMENTATION,
    IMPLEMENTATION_UID,
    encoded_items,
    inflated,
    quiet,
    read_part10,
    write_part10,
)
from bidsdeid.errors import DicomError
from dicom_files import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    PIXELS,
    SYNTAXES,
    data_set,
    element,
    elements_of,
    item,
    mr,
    part10,
    pixels_of,
    place_of,
    read,
)

CLASS, INSTANCE = str(MRImageStorage), "1.2.826.7.1.1"


def rewritten(content: bytes) -> bytes:
    with quiet():
        data, syntax = read_part10(content)
        return write_part10(data, syntax, CLASS, INSTANCE)


def strictly(content: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(content))


# ── reading ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_file_is_read_in_the_way_it_is_written(syntax: str) -> None:
    with quiet():
        data, found = read_part10(mr(syntax=syntax))
    assert found == syntax
    assert data.PatientID == "MRN1234567"
    assert data.PixelData == pixels_of(1, syntax)
    assert data.original_encoding == (syntax == IMPLICIT, syntax != BIG)


def test_a_header_is_read_without_pixels() -> None:
    with quiet():
        data, _ = read_part10(mr(), header=True)
    assert "PixelData" not in data
    assert data.Rows == 8


@pytest.mark.parametrize(
    "content",
    [
        b"", b"DICM", bytes(128), bytes(127) + b"DICM", bytes(128) + b"dicm", mr()[132:],
        data_set(elements_of()), b"DICM" + bytes(200),
    ],
    ids=["empty", "magic alone", "zeros", "short", "small letters", "no preamble", "bare",
         "first"],
)  # fmt: skip
def test_a_file_without_preamble_is_not_let_in(content: bytes) -> None:
    with pytest.raises(DicomError, match=r"not a DICOM file with a preamble \(PS3.10\)"):
        read_part10(content)


@pytest.mark.parametrize(
    "content",
    [
        bytes(128) + b"DICM",
        bytes(128) + b"DICM" + data_set({0x00020003: "1.2.3"}),
        bytes(128) + b"DICM" + data_set(elements_of()),
        bytes(128) + b"DICM\2\0",
    ],
    ids=["nothing", "no syntax", "no header", "two bytes"],
)
def test_a_file_that_does_not_say_how_it_is_written_is_told(content: bytes) -> None:
    with quiet(), pytest.raises(DicomError, match="it cannot be read as DICOM"):
        read_part10(content)


@pytest.mark.parametrize(
    "syntax", ["1.2.826.7.5", "1.2.840.113619.5.2", "1.2.840.10008.5.1.4.1.1.4"]
)
def test_a_syntax_of_a_maker_or_none_is_not_let_in(syntax: str) -> None:
    with quiet(), pytest.raises(DicomError, match="not one of the standard"):
        read_part10(mr(syntax=EXPLICIT).replace(
            element(0x00020010, "UI", EXPLICIT.encode() + b"\0"),
            element(0x00020010, "UI", syntax.encode() + b"\0" * (len(syntax) % 2)),
        ))  # fmt: skip


# ── deflated ─────────────────────────────────────────────────────────────────────────────────


def test_a_deflated_file_is_inflated_and_others_are_what_they_are() -> None:
    plain = inflated(mr(syntax=DEFLATED))
    assert plain.endswith(data_set(elements_of())) or data_set(elements_of()) in plain
    assert plain[:128] == mr()[:128]
    for syntax in (EXPLICIT, IMPLICIT, BIG):
        assert inflated(mr(syntax=syntax)) == mr(syntax=syntax)


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = mr({0x00204000: ("UT", b" " * 2**16)}, syntax=DEFLATED)
    assert len(bomb) < 4096
    with quiet():
        assert read_part10(bomb)[0].ImageComments == ""
    monkeypatch.setattr(module, "MAX_INFLATED", 2**16)
    with pytest.raises(DicomError, match="inflates to more than an image does"):
        read_part10(bomb)
    with pytest.raises(DicomError, match="inflates to more than an image does"):
        inflated(bomb)


def test_a_file_of_just_the_limit_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    content = mr(syntax=DEFLATED)
    monkeypatch.setattr(module, "MAX_INFLATED", len(data_set(elements_of())))
    assert PIXELS in read(content)
    monkeypatch.setattr(module, "MAX_INFLATED", len(data_set(elements_of())) - 1)
    with pytest.raises(DicomError, match="than an image does"):
        read_part10(content)


def test_a_damaged_deflated_file_is_told() -> None:
    content = mr(syntax=DEFLATED)
    start = len(content) - 400
    broken = content[:start] + b"\xff" * 400
    with quiet(), pytest.raises(DicomError, match="deflated data set is damaged"):
        read_part10(broken)


def test_a_deflated_file_tells_the_length_of_its_header() -> None:
    content = mr(syntax=DEFLATED)
    headless = content[:132] + content[144:]
    with pytest.raises(DicomError, match="does not tell its own length"):
        read_part10(headless)


def test_a_file_that_names_the_deflated_syntax_elsewhere_is_read() -> None:
    content = mr({0x00083002: DEFLATED})
    assert read(content)[0x00083002].value == DEFLATED


# ── writing ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_written_is_read_again_strictly(syntax: str) -> None:
    content = rewritten(mr(syntax=syntax))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = strictly(content)
        assert data.PixelData == pixels_of(1, syntax)
        assert str(data.PatientName) == "Fairweather^Rosalind"
    assert data.file_meta.TransferSyntaxUID == syntax
    assert rewritten(content) == content
    assert len(content) % 2 == 0


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_preamble_and_header_are_made_anew(syntax: str) -> None:
    content = rewritten(mr(syntax=syntax))
    assert content[:132] == bytes(128) + b"DICM"
    meta = strictly(content).file_meta
    assert {int(element.tag): str(element.value) for element in meta} == {
        0x00020000: str(meta.FileMetaInformationGroupLength),
        0x00020001: str(b"\0\1"),
        0x00020002: CLASS,
        0x00020003: INSTANCE,
        0x00020010: syntax,
        0x00020012: IMPLEMENTATION_UID,
        0x00020013: IMPLEMENTATION,
    }
    for word in (b"ZEBULON", b"Zebulon", b"1.2.826.7.9"):
        assert word not in content


def test_private_information_in_the_header_goes() -> None:
    extra = data_set({0x00020100: ("UI", "1.2.826.7.8"), 0x00020102: ("OB", b"Fairweather")})
    content = rewritten(part10(data_set(elements_of()), extra=extra).replace(b"MRN", b"XXX"))
    assert len(strictly(content).file_meta) == 7
    assert b"1.2.826.7.8" not in content


def test_this_program_names_itself() -> None:
    assert UID(IMPLEMENTATION_UID).is_valid
    assert IMPLEMENTATION_UID.startswith("2.25.")
    assert int(IMPLEMENTATION_UID.removeprefix("2.25.")) < 2**128
    assert f"BIDSDEID_{__version__}".startswith(IMPLEMENTATION)
    assert 0 < len(IMPLEMENTATION) <= 16


def test_the_header_tells_the_image_that_is_written_and_no_earlier_one() -> None:
    with quiet():
        for uid in ("1.2.1", "1.2.22", "1.2.1"):
            data, syntax = read_part10(mr())
            content = write_part10(data, syntax, CLASS, uid)
            assert strictly(content).file_meta.MediaStorageSOPInstanceUID == uid


def test_what_cannot_be_written_is_told() -> None:
    with quiet():
        data, syntax = read_part10(mr())
        data.add_new(0x00280010, "US", "Fairweather")
        with pytest.raises(DicomError, match="it has an element that cannot be written") as caught:
            write_part10(data, syntax, CLASS, INSTANCE)
        assert "Fairweather" not in str(caught.value)
        with pytest.raises(DicomError, match="cannot be written"):
            write_part10(read(mr()), syntax, "", INSTANCE)


def test_a_deflated_file_is_deflated_again_at_even_length() -> None:
    lengths = set()
    for number in range(8):
        content = rewritten(mr({0x00204000: "a" * number}, number=number, syntax=DEFLATED))
        assert len(content) % 2 == 0
        assert b"MRN1234567" not in content
        assert b"MRN1234567" in inflated(content)
        lengths.add(len(content))
    assert len(lengths) > 1


def test_bytes_behind_a_deflated_data_set_go() -> None:
    content = rewritten(mr(syntax=DEFLATED) + b"Fairweather ")
    assert content == rewritten(mr(syntax=DEFLATED))
    assert b"Fairweather" not in content


# ── items ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_items_are_written_as_the_file_is(syntax: str) -> None:
    inner = [{0x00081155: "1.2.3", 0x00280010: ("US", 8)}, {}]
    place = place_of({0x00081140: ("SQ", inner)}, syntax)
    with quiet():
        items = [each.data_set for each in place.items(0x00081140)]
        content = encoded_items(items, place.data_set, ())
    assert content == b"".join(item(data_set(each, syntax), syntax) for each in inner)


def test_items_that_cannot_be_written_are_told() -> None:
    place = place_of({0x00080060: "MR"})
    with quiet():
        place.data_set.add_new(0x00280010, "US", "Fairweather")
        with pytest.raises(DicomError, match="a sequence that cannot be written"):
            encoded_items([place.data_set], place.data_set, ())


# ── silence ──────────────────────────────────────────────────────────────────────────────────


def test_warnings_of_pydicom_are_silenced_and_settings_come_back() -> None:
    bad = mr({0x00101010: "Fairweather", 0x00080018: "1.2.x"})
    before = config.settings.reading_validation_mode
    with quiet():
        assert config.settings.reading_validation_mode == config.IGNORE
        data, _ = read_part10(bad)
        assert data.PatientAge == "Fairweather"
        warnings.warn("silenced", UserWarning, stacklevel=1)
    assert config.settings.reading_validation_mode == before
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", UserWarning, stacklevel=1)


def test_settings_come_back_after_a_failure() -> None:
    before = config.settings.reading_validation_mode
    assert before != config.IGNORE
    with pytest.raises(ZeroDivisionError), quiet():
        raise ZeroDivisionError
    assert config.settings.reading_validation_mode == before
