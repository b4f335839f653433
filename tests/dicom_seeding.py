"""Puts identifiers into a DICOM file, byte by byte, and notes where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pydicom.datadict import dictionary_has_tag, dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicom_bases import Base, written
from dicom_tokens import DEFLATED, Mint, Path, Token, cleaned, graphics, listed, shown

#: Sequences that stay when their references are mapped.
_REFERENCES = (0x00081140, 0x00082112)

#: Codec and letters of a character set.
_SCRIPTS = {
    "ISO 2022 IR 87": ("iso2022_jp", "山田太郎花子東京大阪神戸名古屋病院脳外科検査室"),
    "ISO 2022 IR 149": ("euc_kr", "홍길동김희중박민수최영희정호석서울부산병원"),
    "GB18030": ("gb18030", "王小东李明张伟陈静北京上海医院神经外科检查"),
    "ISO_IR 192": ("utf-8", "éèüößñčšžøåÆŁőζηθλμξ"),
    "ISO_IR 100": ("iso8859-1", "éèêëüöäßñçåøæóúíáýþð"),
    "ISO_IR 126": ("iso8859-7", "αβγδεζηθικλμνξοπρστυφχψω"),
    "ISO_IR 127": ("iso8859-6", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"),
    "ISO_IR 144": ("iso8859-5", "абвгдежзийклмнопрстуфхцчшщыэюя"),
}  # fmt: skip

_TEXT_PADS = {"UI": b"\0", "OB": b"\0", "OW": b"\0", "OF": b"\0", "UN": b"\0"}


def tag_of(name: str | int) -> int:
    """Return the number of a tag from its keyword."""
    if isinstance(name, int):
        return name
    number = tag_for_keyword(name)
    assert number is not None, name
    return number


def vr_of(tag: int) -> str:
    """Return the VR of a tag."""
    return dictionary_VR(tag) if dictionary_has_tag(tag) else "LO"


@dataclass(frozen=True)
class Place:
    """A data set, or an item in it.

    Parameters
    ----------
    data : pydicom.Dataset
    path : tuple
    gone : bool
        It is in a sequence that has to go as a whole.
    """

    data: Dataset
    path: Path = ()
    gone: bool = False


class Seeded:
    """A file that identifiers are put into.

    Parameters
    ----------
    base : Base
    mint : Mint
    number : int
        Of the file in the corpus.
    comments : bool
        Plant into compressed pixels, too.
    """

    def __init__(self, base: Base, mint: Mint, number: int, *, comments: bool) -> None:
        self.base, self.mint, self.number, self.comments = base, mint, number, comments
        self.data = base.dataset()
        self.top = Place(self.data)
        syntax = self.data.file_meta.TransferSyntaxUID
        self.implicit, self.little = syntax.is_implicit_VR, syntax.is_little_endian
        self.compressed = syntax.is_compressed and syntax != DEFLATED.decode()
        self.days: Iterator[str] = mint.dates()
        self.tokens: dict[str, Token] = {}
        self.links: dict[str, list[Path]] = {}
        self.tail = b""
        self._items: list[Dataset] = []
        self.planted: set[tuple[int, int]] = set()

    @property
    def image(self) -> bool:
        """Return whether a de-identifier of MRI accepts it."""
        return self.base.kind == "image"

    @cached_property
    def script(self) -> tuple[str, str] | None:
        """Return the codec and the letters of its character set."""
        declared = self.data.get("SpecificCharacterSet") or ""
        charset = declared if isinstance(declared, str) else declared[-1]
        return _SCRIPTS.get(charset)

    def foreign(self) -> tuple[str, bytes] | None:
        """Return a word in the script of the file, and how its character set writes it."""
        if self.script is None:
            return None
        codec, letters = self.script
        word = self.mint.script(letters, 9 if codec.startswith("iso8859") else 5)
        escape = b"\x1b$)C" if codec == "euc_kr" else b""
        return word, escape + word.encode(codec)

    def item(self, place: Place, name: str | int) -> Place:
        """Return a new item behind those of a sequence."""
        tag = tag_of(name)
        if tag not in place.data:
            place.data[tag] = DataElement(tag, "SQ", Sequence())
        items = place.data[tag].value
        items.append(Dataset())
        self._items.append(items[-1])
        gone = listed(tag) and not cleaned(tag) and tag not in _REFERENCES
        return Place(items[-1], (*place.path, (tag, len(items) - 1)), place.gone or gone)

    def put(self, place: Place, name: str | int, value: bytes, vr: str = "") -> Path:
        """Write an element, whatever its value; return its place."""
        tag = tag_of(name)
        vr = vr or vr_of(tag)
        value += _TEXT_PADS.get(vr, b" ") * (len(value) % 2)
        assert (id(place.data), tag) not in self.planted, f"{shown(place.path)} {tag:08x}"
        self.planted.add((id(place.data), tag))
        stated = None if self.implicit else vr
        # A setter would convert private elements, and fail if one is not what it should be.
        place.data._dict[BaseTag(tag)] = RawDataElement(  # noqa: SLF001
            BaseTag(tag), stated, len(value), value, 0, self.implicit, self.little
        )
        return (*place.path, (tag, 0))

    def say(
        self, category: str, text: str, path: Path | str, scope: str = "ps315", *needles: bytes
    ) -> None:
        """Note that an identifier stands somewhere; what is noted first is its category."""
        where = path if isinstance(path, str) else shown(path)
        known = self.tokens.get(text)
        if known is not None:
            if where in known.where.split(" + "):
                return
            named = "harvest" if category == "harvest" else known.category
            worst = "ps315" if "ps315" in (scope, known.scope) else "open"
            where = f"{known.where} + {where}"
            self.tokens[text] = replace(known, category=named, scope=worst, where=where)
        else:
            bare = (re.sub(rb"\x1b\$\)?[BC]|\x1b\(B", b"", needle) for needle in needles)
            spelled = tuple(dict.fromkeys(bare)) or (text.encode(),)
            self.tokens[text] = Token(category, text, spelled, where, scope, self.base.name)

    def link(self, text: str, path: Path) -> None:
        """Note a place where a UID or code stands that is mapped."""
        self.links.setdefault(text, []).append(path)

    def scope(self, place: Place, tag: int) -> str:
        """Return in which scope an identifier is that only a person can tell."""
        if place.gone or graphics(tag) or tag >> 16 & 1 or not dictionary_has_tag(tag):
            return "ps315"
        if vr_of(tag) in ("DA", "DT", "PN", "AE", "UI"):
            return "ps315"
        return "ps315" if listed(tag) and not cleaned(tag) else "open"

    def plant(
        self, category: str, place: Place, name: str | int, vr: str = "", scope: str = ""
    ) -> None:
        """Write new identifiers into an element, as its VR takes them, if it has none yet."""
        tag = tag_of(name)
        kind = vr_of(tag) if vr in ("", "UN", "OB") and dictionary_has_tag(tag) else vr
        if (id(place.data), tag) in self.planted:
            return
        text, parts = self._value(kind or "LO")
        path = self.put(place, tag, text, vr)
        for part in parts:
            self.say(category, part, path, scope or self.scope(place, tag))
            if kind == "UI":
                self.link(part, path)

    def _value(self, vr: str) -> tuple[bytes, tuple[str, ...]]:
        """Return the value for a VR, and the identifiers in it."""
        word, code, capital = self.mint.word(), self.mint.code(), self.mint.word().capitalize()
        number = self.mint.digits(9)
        day = next(self.days) if vr in ("DA", "DT") else ""
        uid = self.mint.uid() if vr == "UI" else ""
        values = {
            "PN": (f"{word.upper()}^{capital}", word.upper(), capital),
            "DA": (day, day),
            "DT": (f"{day}101530.125000", day),
            "UI": (uid, uid),
            "UR": (f"https://{word}.example.org/{code}", word, code),
            "LT": (f"Seen by {capital}.\r\nCode {code}.", capital, code),
            "UT": (f"It was {capital} who said: {code}", capital, code),
            "AE": (code, code),
            "CS": (code, code),
            "DS": (f"48.{number}", number),
            "IS": (number, number),
        }
        if vr in ("OB", "OW", "OF", "UN"):
            return b"\1\0\xff" + word.encode() + b"\0\2", (word,)
        text, *parts = values.get(vr) or ((code, code) if vr == "SH" else (capital, capital))
        return text.encode(), tuple(parts)

    def block(self, place: Place, group: int, creator: str) -> int:
        """Return the start of the block of a creator of private elements, which is reserved."""
        for number in range(0x10, 0x100):
            tag = group << 16 | number
            if tag not in place.data:
                self.put(place, tag, creator.encode(), "LO")
            else:
                known = place.data.get_item(tag).value
                text = known.decode() if isinstance(known, bytes) else str(known)
                if text.strip(" \0") != creator:
                    continue
            return group << 16 | number << 8
        raise AssertionError(group)

    def implicit_item(self, item: Dataset) -> bytes:
        """Return an item as a sequence of unknown VR has it: implicit, little endian."""
        out = DicomBytesIO()
        out.is_implicit_VR, out.is_little_endian = True, True
        write_dataset(out, item)
        body = out.getvalue()
        return b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body

    def content(self) -> bytes:
        """Return the file."""
        meta = self.data.file_meta
        if "FileMetaInformationGroupLength" not in meta:
            meta.FileMetaInformationGroupLength = 0
        for item in self._items:  # else pydicom would convert what is in it
            item.set_original_encoding(self.implicit, self.little, item._character_set)  # noqa: SLF001
        return written(self.data) + self.tail
