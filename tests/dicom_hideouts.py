"""Where identifiers hide in a DICOM file, other than standard elements: bytes nobody looks at."""

from __future__ import annotations

import struct

from pydicom.dataset import Dataset

from dicom_plants import UNLISTED_SEQUENCES
from dicom_seeding import Place, Seeded, tag_of, vr_of
from dicom_tokens import DEFLATED, Path, graphics, listed, tags

#: Group, creator, and element with VR.
_Row = tuple[int, str, tuple[tuple[int, str], ...]]

#: Elements that are not on a list of safe ones.
_PRIVATE = (
    (0x0029, "SIEMENS CSA HEADER", ((0x08, "CS"), (0x10, "OB"), (0x20, "OB"), (0x19, "LO"))),
    (0x0029, "SIEMENS MEDCOM HEADER2", ((0x60, "LO"),)),
    (0x0051, "SIEMENS MR HEADER", ((0x0E, "LO"), (0x11, "LO"), (0x19, "LO"))),
    (0x0019, "SIEMENS MR HEADER", ((0x7F, "SH"), (0x7E, "UN"))),
    (0x0021, "SIEMENS MR SDS 01", ((0x19, "OB"), (0xF0, "LO"))),
    (0x0009, "GEMS_IDEN_01", ((0x02, "SH"), (0x04, "SH"), (0x30, "SH"))),
    (0x0025, "GEMS_SERS_01", ((0x1B, "OB"),)),
    (0x0043, "GEMS_PARM_01", ((0x2A, "OB"), (0x9A, "LO"))),
    (0x2001, "Philips Imaging DD 001", ((0xC8, "LO"), (0xCC, "ST"))),
    (0x2005, "Philips MR Imaging DD 001", ((0xF1, "PN"), (0xF2, "DT"))),
    (0x0065, "Image Private Header", ((0xF4, "LO"),)),
    (0x0019, "ACME 1.1", ((0x0C, "LO"), (0x27, "UN"))),
    (0x0071, "HOSPITAL RIS", ((0x01, "PN"), (0x02, "DA"), (0x03, "UI"), (0x04, "UT"))),
)  # fmt: skip

#: Numbers on such lists, by their creators: as text, and as bytes.
_NUMBERS = (
    (0x0019, "SIEMENS MR HEADER", ((0x0C, "LO"),)),
    (0x2001, "Philips Imaging DD 001", ((0x03, "LO"),)),
    (0x0043, "GEMS_PARM_01", ((0x39, "LO"),)),
)
_BYTES = ((0x0019, "SIEMENS MR HEADER", ((0x0B, "UN"), (0x27, "OB"))),)


def _private(seeded: Seeded, place: Place, category: str, rows: tuple[_Row, ...]) -> None:
    for group, creator, elements in rows:
        block = seeded.block(place, group, creator)
        for element, vr in elements:
            seeded.plant(category, place, block | element, vr)


def private(seeded: Seeded) -> None:
    top = seeded.top
    _private(seeded, top, "private top", _PRIVATE)
    if not seeded.implicit or seeded.base.hostile:  # else a reader would take it for a number
        _private(seeded, top, "text for a private number", _NUMBERS)
    if seeded.base.hostile:
        _private(seeded, top, "text for a private number", _BYTES)
    word = seeded.mint.word().upper()
    block = seeded.block(top, 0x0073, f"RIS OF {word}")
    seeded.say("private creator", word, "0073,0010")
    seeded.plant("private top", top, block | 1, "LO")
    seeded.plant("private without a creator", top, 0x00771001, "LO")
    seeded.plant("private without a creator", top, 0x00290001, "LO")
    block = seeded.block(top, 0x0051, "SIEMENS MR HEADER")
    seeded.plant("private, on lists of safe ones", top, block | 0x0F, "LO", "open")
    for name in (UNLISTED_SEQUENCES[seeded.number % 5], "ContributingEquipmentSequence"):
        item = seeded.item(top, name)
        start = seeded.number % (len(_PRIVATE) - 1)
        _private(seeded, item, "private nested", _PRIVATE[start : start + 2])


def private_sequences(seeded: Seeded) -> None:
    """Plant into sequences that are private, and public elements inside them."""
    for group, creator, element in (
        (0x2005, "Philips MR Imaging DD 005", 0x0F),
        (0x0021, "SIEMENS MR SDR 01", 0xFE),
        (0x0075, "HOSPITAL PACS", 0x10),
    ):
        block = seeded.block(seeded.top, group, creator)
        item = seeded.item(seeded.top, block | element)
        for name in ("PatientName", "InstitutionName", "StudyDate", "SequenceName", "DeviceUID"):
            seeded.plant("public in a private SQ", item, name)
        inner = seeded.block(item, group, creator)
        seeded.plant("private SQ", item, inner | 0x7D, "LO")
    if not seeded.implicit:
        item, word = Dataset(), seeded.mint.word().upper()
        item.PatientName = word
        block = seeded.block(seeded.top, 0x0075, "HOSPITAL PACS")
        path = seeded.put(seeded.top, block | 0x11, seeded.implicit_item(item), "UN")
        seeded.say("private SQ", word, path)


def overlays(seeded: Seeded) -> None:
    """Plant into the groups of curves and overlays, in the first and in later ones."""
    for tag, vr in (
        (0x50000022, "LO"), (0x50003000, "OW"), (0x50000030, "SH"), (0x50002600, "LO"),
        (0x501E0022, "LO"), (0x50102500, "LO"),
        (0x60000022, "LO"), (0x60001500, "LO"), (0x60004000, "LT"), (0x601E0022, "LO"),
        (0x60104000, "LT"), (0x601E3000, "OW"), (0x60FE4000, "LT"),
    ):  # fmt: skip
        seeded.plant("overlay/curve", seeded.top, tag, vr)


def padding(seeded: Seeded) -> None:
    seeded.plant("DataSetTrailingPadding", seeded.top, 0xFFFCFFFC, "OB")
    word = seeded.mint.word()
    seeded.data.preamble = b"II*\0" + word.encode().ljust(124, b"\0")
    seeded.say("preamble", word, "preamble")
    if seeded.data.file_meta.TransferSyntaxUID == DEFLATED.decode():
        word = seeded.mint.word()
        seeded.tail = word.encode()
        seeded.say("behind what is deflated", word, "end of the file")


def meta(seeded: Seeded) -> None:
    """Plant into the group of the file, which no data set has."""
    place = Place(seeded.data.file_meta)
    was = seeded.implicit, seeded.little
    seeded.implicit, seeded.little = False, True
    for tag, vr in (
        (0x00020013, "SH"), (0x00020016, "AE"), (0x00020017, "AE"), (0x00020018, "AE"),
        (0x00020026, "UR"), (0x00020027, "UR"), (0x00020028, "UR"),
        (0x00020100, "UI"), (0x00020102, "OB"),
    ):  # fmt: skip
        seeded.plant("file meta group 2", place, tag, vr, "ps315")
    instance = bytes(seeded.data.get_item("SOPInstanceUID").value).decode().strip("\0")
    path = seeded.put(place, 0x00020003, instance.encode(), "UI")
    seeded.say("UIDs top", instance, path)
    seeded.link(instance, path)
    seeded.implicit, seeded.little = was


def pixels(seeded: Seeded) -> None:
    """Plant behind the pixels, in comments of compressed frames, and in the icon."""
    icon = seeded.item(seeded.top, "IconImageSequence")
    seeded.plant("icon", icon, "PixelData", "OB")
    seeded.plant("icon", icon, "PaletteColorLookupTableUID")
    raw = seeded.data.get_item("PixelData") if "PixelData" in seeded.data else None
    if raw is None:
        return
    word = seeded.mint.word()
    if seeded.compressed and not seeded.comments:
        return
    if seeded.compressed:
        value, categories = _with_comment(raw.value, word.encode(), seeded.mint.word().encode())
        for category, text in categories:
            seeded.say(category, text.decode(), "PixelData", "open")
    else:
        value = raw.value + word.encode()
        seeded.say("behind the pixels", word, "PixelData")
    length = raw.length if seeded.compressed else len(value)
    seeded.data._dict[raw.tag] = raw._replace(value=value, length=length)  # noqa: SLF001


def _with_comment(
    value: bytes, comment: bytes, behind: bytes
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return the fragments of one frame with a comment in it and something behind its end."""
    table = 8 + struct.unpack_from("<I", value, 4)[0]
    length = struct.unpack_from("<I", value, table + 4)[0]
    frame = value[table + 8 : table + 8 + length]
    if frame[:2] == b"\xff\xd8":  # JPEG, JPEG-LS
        place, segment = 2, struct.pack(">2sH", b"\xff\xfe", len(comment) + 2) + comment
    elif frame[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000: behind the segment on its size
        place = 4 + struct.unpack_from(">H", frame, 4)[0]
        segment = struct.pack(">2sHH", b"\xff\x64", len(comment) + 4, 1) + comment
    else:
        return value, []
    frame = frame[:place] + segment + frame[place:]
    planted = [("comment in a compressed frame", comment)]
    if table + 8 + length == len(value) and frame.rstrip(b"\0").endswith(b"\xff\xd9"):
        frame += behind
        planted.append(("behind a compressed frame", behind))
    frame += b"\0" * (len(frame) % 2)
    rest = value[table + 8 + length :]
    head = value[:table] if not rest else b"\xfe\xff\x00\xe0\0\0\0\0"  # offsets would be wrong
    return head + value[table : table + 4] + struct.pack("<I", len(frame)) + frame + rest, planted


def frames(seeded: Seeded) -> None:
    """Plant into each frame of an enhanced image."""
    frames = seeded.data.get("PerFrameFunctionalGroupsSequence")
    if not frames:
        return
    tag = tag_of("PerFrameFunctionalGroupsSequence")
    for number, frame in enumerate(frames):
        place = Place(frame, ((tag, number),))
        first = frame.get("FrameContentSequence")
        inside = (*place.path, (tag_of("FrameContentSequence"), 0))
        contents = Place(first[0], inside) if first else seeded.item(place, "FrameContentSequence")
        for name in ("FrameComments", "FrameAcquisitionDateTime", "FrameReferenceDateTime"):
            seeded.plant("in each frame", contents, name)
        seeded.plant("in each frame", contents, "FrameLabel")
        block = seeded.block(place, 0x2005, "Philips MR Imaging DD 005")
        item = seeded.item(place, block | 0x0F)
        seeded.plant("in each frame", item, "PatientName")
        seeded.plant("in each frame", item, "SequenceName")
        image = seeded.item(place, "ReferencedImageSequence")
        seeded.plant("UIDs nested", image, "ReferencedSOPInstanceUID")


def hostile(seeded: Seeded) -> None:
    """Plant text where numbers, dates and times belong."""
    if not seeded.base.hostile:
        return
    for vr in ("DS", "IS", "TM", "FD", "US", "AS"):
        for tag in [
            tag
            for tag in tags(vr, among="unlisted")
            if tag not in seeded.data and tag >> 16 != 0x28
        ][:3]:
            word = seeded.mint.word()[:8].upper()
            seeded.say(
                "text for a number", word, seeded.put(seeded.top, tag, word.encode()), "open"
            )
    for name in (
        "ScheduledStudyStartDate", "StudyTime", "ExpectedCompletionDateTime", "GPSLatitude",
        "FiducialUID", "GPSDifferential", "AcquisitionTime", "PatientBirthTime", "CurveDate",
    ):  # fmt: skip
        if (id(seeded.data), tag_of(name)) not in seeded.planted:
            word = seeded.mint.word()[:8].upper()
            seeded.say("text for a date", word, seeded.put(seeded.top, name, word.encode()))


def what_was_there(seeded: Seeded, known: dict[str, str]) -> None:
    """Plant into all dates, UIDs and names of the base, at every depth; `known` maps UIDs."""
    _replace(seeded, seeded.top, known)


def _replace(seeded: Seeded, place: Place, known: dict[str, str]) -> None:
    for tag in sorted(place.data.keys()):
        raw = place.data.get_item(tag)
        vr = raw.VR if raw.VR not in (None, "UN") else vr_of(int(tag))
        if vr == "SQ" and not tag.is_private:
            for number, item in enumerate(place.data[tag].value):
                gone = place.gone or listed(int(tag))
                _replace(seeded, Place(item, (*place.path, (int(tag), number)), gone), known)
            continue
        if tag.is_private or graphics(int(tag)) or vr not in ("DA", "DT", "UI", "PN"):
            continue
        value = raw.value if raw.is_raw else b""
        if not value or not bytes(value).strip(b" \0"):
            continue
        if vr == "UI":
            _replace_uid(seeded, place, int(tag), bytes(value).decode().strip(" \0"), known)
        elif place.path:
            named = {"PN": "names of the base", "DA": "dates in unlisted SQ"}
            seeded.plant(named.get(vr, "dates in unlisted SQ"), place, int(tag), vr)
        elif vr != "PN":
            seeded.plant("dates top", place, int(tag), vr)


def _replace_uid(
    seeded: Seeded, place: Place, tag: int, old: str, known: dict[str, str]
) -> Path | None:
    if "\\" in old or old.startswith("1.2.840.10008."):
        return None
    if (id(place.data), tag) in seeded.planted:
        return None
    new = known.setdefault(old, seeded.mint.uid())
    path = seeded.put(place, tag, new.encode(), "UI")
    seeded.say("UIDs nested" if place.path else "UIDs top", new, path)
    seeded.link(new, path)
    return path
