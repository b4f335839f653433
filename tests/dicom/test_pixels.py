from __future__ import annotations

import struct

import pytest
from pydicom.uid import UID, JPEGBaseline8Bit, RLELossless

from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.part10 import quiet
from bidsdeid.dicom.pixels import DOUBLE_PIXELS, FLOAT_PIXELS, PIXEL_DATA, trim_pixels
from bidsdeid.errors import DicomError
from dicom_bases import bases
from dicom_files import (
    BIG,
    EXPLICIT,
    IMPLICIT,
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

ROWS, COLUMNS, SAMPLES, FRAMES, BITS = 0x00280010, 0x00280011, 0x00280002, 0x00280008, 0x00280100
FEWER, NONE = "fewer pixels than its header says", "it has no pixels"


def image(
    value: bytes, *, rows: int = 2, columns: int = 3, bits: int = 8, tag: int = PIXEL_DATA,
    vr: str = "OW", samples: int = 1, frames: str | None = None, colours: str = "MONOCHROME2",
    syntax: str = EXPLICIT,
) -> Place:  # fmt: skip
    return place_of(
        {
            ROWS: ("US", rows), COLUMNS: ("US", columns), SAMPLES: ("US", samples),
            FRAMES: frames, BITS: ("US", bits), 0x00280004: colours, tag: (vr, value),
        },
        syntax,
    )  # fmt: skip


def trimmed(place: Place, syntax: str = EXPLICIT) -> tuple[bytes, bytes]:
    """Return the pixels, and those that the data set has now."""
    with quiet():
        pixels = trim_pixels(place, UID(syntax))
        tags = [t for t in (PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS) if t in place.data_set]
        return pixels, place.data_set.get_item(tags[0]).value


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_pixels_that_are_all_there_stay(syntax: str) -> None:
    place = Place(read(mr(syntax=syntax)))
    assert trimmed(place, syntax) == (pixels_of(1, syntax), pixels_of(1, syntax))


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 6),
        ({"rows": 3}, 10),
        ({"rows": 1}, 4),
        ({"bits": 16}, 12),
        ({"bits": 32}, 24),
        ({"bits": 1, "rows": 4, "columns": 4}, 2),
        ({"bits": 1, "rows": 3, "columns": 3}, 2),
        ({"bits": 1, "rows": 5, "columns": 5}, 4),
        ({"bits": 1, "rows": 5, "columns": 7}, 6),
        ({"bits": 12, "rows": 2, "columns": 2}, 6),
        ({"samples": 3}, 18),
        ({"frames": "4"}, 24),
        ({"frames": "4", "samples": 3, "bits": 16}, 144),
        ({"samples": 3, "colours": "YBR_FULL_422", "columns": 4}, 16),
        ({"samples": 3, "colours": "YBR_FULL"}, 18),
    ],
)
def test_what_lies_behind_the_pixels_is_cut_off(settings: dict[str, int], size: int) -> None:
    value = bytes(range(1, size + 1))
    assert trimmed(image(value, **settings)) == (value, value)  # type: ignore[arg-type]
    longer = value + b"Fairweather "
    assert trimmed(image(longer, **settings)) == (value, value)  # type: ignore[arg-type]
    with pytest.raises(DicomError, match=FEWER):
        trimmed(image(value[: size - 2], **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG])
def test_pixels_are_measured_in_files_of_all_kinds(syntax: str) -> None:
    place = image(b"123456Fairweather^", syntax=syntax)
    assert trimmed(place, syntax) == (b"123456", b"123456")
    assert place.data_set.get_item(PIXEL_DATA).length == 6


@pytest.mark.parametrize(
    ("tag", "vr", "size"), [(FLOAT_PIXELS, "OF", 24), (DOUBLE_PIXELS, "OD", 48)]
)
def test_pixels_of_fractions_are_measured_by_their_type(tag: int, vr: str, size: int) -> None:
    value = bytes(range(size))
    assert trimmed(image(value + b"Jane", tag=tag, vr=vr)) == (value, value)
    with pytest.raises(DicomError, match=FEWER):
        trimmed(image(value[:-2], tag=tag, vr=vr))


def test_an_image_without_pixels_is_none() -> None:
    without = elements_of() | {PIXEL_DATA: None}
    for place in (place_of(without), place_of({})):
        with pytest.raises(DicomError, match=NONE):
            trim_pixels(place, UID(EXPLICIT))


def test_an_image_with_two_kinds_of_pixels_is_none() -> None:
    place = place_of(elements_of() | {FLOAT_PIXELS: ("OF", bytes(256))})
    with pytest.raises(DicomError, match=NONE):
        trim_pixels(place, UID(EXPLICIT))


@pytest.mark.parametrize(
    "changes",
    [
        {ROWS: ("US", 0)}, {ROWS: None}, {COLUMNS: None}, {BITS: None}, {BITS: ("US", 0)},
        {PIXEL_DATA: ("OW", b"")}, {ROWS: ("US", 9)}, {FRAMES: "2"}, {SAMPLES: ("US", 3)},
        {FRAMES: "0"},
    ],
    ids=["no row", "rows not told", "columns not told", "bits not told", "no bit", "empty",
         "a row more", "a frame more", "colours more", "no frame"],
)  # fmt: skip
def test_an_image_whose_header_says_something_else_is_damaged(
    changes: dict[int, object],
) -> None:
    with pytest.raises(DicomError, match=FEWER):
        trim_pixels(place_of(elements_of() | changes), UID(EXPLICIT))


def test_a_number_of_frames_that_is_none_is_told() -> None:
    with pytest.raises(DicomError, match="a number in its header is none"):
        trim_pixels(place_of(elements_of() | {FRAMES: "two"}), UID(EXPLICIT))


def test_a_truncated_file_is_damaged() -> None:
    content = mr()
    for cut in (1, 2, 64, 127):
        place = Place(read(content[:-cut]))
        with pytest.raises(DicomError, match=FEWER):
            trim_pixels(place, UID(EXPLICIT))


def test_without_samples_and_frames_there_is_one() -> None:
    place = place_of(elements_of() | {SAMPLES: None, FRAMES: ""})
    assert trimmed(place)[0] == pixels_of(1)


# ── compressed ───────────────────────────────────────────────────────────────────────────────

END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def compressed(value: bytes, syntax: str) -> Place:
    head = data_set(elements_of() | {PIXEL_DATA: None})
    pixels = element(PIXEL_DATA, "OB", value, length=0xFFFFFFFF)
    return Place(read(part10(head + pixels, syntax)))


@pytest.mark.parametrize("syntax", [str(RLELossless), str(JPEGBaseline8Bit)])
def test_compressed_pixels_that_end_within_a_fragment_are_fewer(syntax: str) -> None:
    value = b"\xfe\xff\x00\xe0\0\0\0\0" + struct.pack("<4sI", b"\xfe\xff\x00\xe0", 4) + b"abcd"
    for cut in (2, 5, 13):
        with pytest.raises(DicomError, match=FEWER):
            trimmed(compressed(value[:cut] + END, syntax), syntax)


@pytest.mark.parametrize("syntax", [str(RLELossless), str(JPEGBaseline8Bit)])
def test_compressed_pixels_without_a_frame_are_fewer(syntax: str) -> None:
    for value in (b"", b"\xfe\xff\x00\xe0\0\0\0\0"):
        with pytest.raises(DicomError, match=FEWER):
            trimmed(compressed(value + END, syntax), syntax)


def test_native_pixels_under_a_compressed_syntax_are_fewer() -> None:
    place = Place(read(part10(data_set(elements_of()), str(RLELossless))))
    with pytest.raises(DicomError, match=FEWER):
        trimmed(place, str(RLELossless))


@pytest.mark.parametrize(
    "name", ["MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless"]
)
def test_compressed_pixels_stay_to_their_last_fragment(name: str) -> None:
    data = next(base for base in bases() if base.name == name).dataset()
    syntax = str(data.file_meta.TransferSyntaxUID)
    value = data.PixelData
    pixels, kept = trimmed(compressed(value + END, syntax), syntax)
    assert pixels == kept
    assert value.startswith(pixels)
    assert len(value) - len(pixels) in (0, 8)
    head = data_set(elements_of() | {PIXEL_DATA: None})
    hidden = element(PIXEL_DATA, "OB", pixels + END + b"Fairweather^")
    again = trimmed(Place(read(part10(head + hidden, syntax))), syntax)
    assert again == (pixels, pixels)
    with pytest.raises(DicomError):
        trimmed(compressed(pixels[:-30] + END, syntax), syntax)


@pytest.mark.parametrize("syntax", [str(RLELossless), str(JPEGBaseline8Bit)])
def test_bytes_between_fragments_are_damage(syntax: str) -> None:
    value = b"\xfe\xff\x00\xe0\0\0\0\0" + b"Fairweather^" + item(b"abcd")
    with pytest.raises(DicomError, match=FEWER):
        trimmed(compressed(value + END, syntax), syntax)
