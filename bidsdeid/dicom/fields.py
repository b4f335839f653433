"""DICAT's list of fields: what is blanked besides what PS3.15 says.

The lists in use have defects: tags that are no tags, keywords in the wrong case, items that name
two different fields or none.  DICAT passes over them in silence, and what was meant to be blanked
stays.  Here each item does all it can be taken to mean, with a warning.

A list comes from anywhere, so it cannot make the reader fetch, expand or nest anything.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.parsers import expat

from pydicom.datadict import keyword_dict, keyword_for_tag
from pydicom.valuerep import STANDARD_VR

#: No list in use comes near.
MAX_BYTES = 4 * 2**20
MAX_DEPTH = 16
MAX_ITEMS = 10_000

#: The fields whose values the list of studies gives: the name, date of birth and sex.
FROM_SUBJECTS = frozenset({0x00100010, 0x00100030, 0x00100040})


class Refused(NamedTuple):
    """The fields from the first tag to the last are left out, and why (if it is worth saying)."""

    first: int
    last: int
    reason: str


_SHAPE = "without it the image cannot be read"
_COLOUR = "without it its colours are lost"

#: Without these a file is no image, or no DICOM.
REFUSED = (
    Refused(0x00000000, 0x0000FFFF, "it is part of a message on a network, never of a file"),
    Refused(0x00020003, 0x00020003, ""),  # its UID, which always follows SOPInstanceUID
    Refused(0x00020000, 0x0002FFFF, "it belongs to the file's own header, which is written anew"),
    Refused(0x00080005, 0x00080005, "without it no text can be read"),  # SpecificCharacterSet
    Refused(0x00080016, 0x00080016, "it says what kind of object the file is"),  # SOPClassUID
    Refused(0x00280002, 0x00280011, _SHAPE),  # SamplesPerPixel … NumberOfFrames … Columns
    Refused(0x00280100, 0x00280103, _SHAPE),  # Bits…, HighBit, PixelRepresentation
    Refused(0x00281101, 0x00281103, _COLOUR),  # …PaletteColorLookupTableDescriptor
    Refused(0x00281201, 0x00281224, _COLOUR),  # …PaletteColorLookupTableData
    Refused(0x7FE00001, 0x7FE00010, "it is the image itself"),  # PixelData, its kin and offsets
    Refused(0xFFFE0000, 0xFFFEFFFF, "it marks where items end"),
)

#: Encodings that expat leaves to us; those with one byte a letter it reads with Python's help.
_MULTIBYTE = frozenset(
    "utf-8 big5 cp932 cp949 cp950 euc_jp euc_kr gb18030 gb2312 gbk iso2022_jp shift_jis".split()
)

_DECLARED = re.compile(
    rb"""(?:\xef\xbb\xbf)?<\?xml\s[^>]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']"""
)
_TAG = re.compile(r"\(?\s*([0-9A-F]{4})\s*,?\s*([0-9A-F]{4})\s*\)?", re.IGNORECASE | re.ASCII)

_SHOWN = re.compile(r"[A-Za-z0-9,]{1,64}")  # of an item, in a warning

#: DICAT's window asks for some fields twice, to compare: the second is named so.
_TWIN = "qc-"


@dataclass(frozen=True, slots=True)
class Field:
    """A field to blank.

    Parameters
    ----------
    tag : int
        `0xGGGGEEEE`.
    editable : bool
        Whether it takes its value from the list of studies.
    insert : bool
        Whether it is added, empty, to files that have none.
    vr : str
        As which type; empty if the list does not say.
    """

    tag: int
    editable: bool = False
    insert: bool = False
    vr: str = ""


@dataclass(frozen=True, slots=True)
class FieldList:
    """What a list says.

    Parameters
    ----------
    fields : tuple of Field
        Each tag once, sorted; none if there is a mistake.
    warnings : tuple of str
        Items that are not as they should be, and what is done about each.
    mistakes : tuple of str
        Why the list cannot be used.
    """

    fields: tuple[Field, ...] = ()
    warnings: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()


class _RefusedError(Exception):
    """The list is not read any further."""


def read_fields(path: Path) -> FieldList:
    """Return the fields of DICAT's XML list, or why it cannot be used."""
    try:
        with path.open("rb") as file:
            return _list(_parse(file.read(MAX_BYTES + 1)))
    except _RefusedError as error:
        return FieldList(mistakes=(f"the list of fields {error}",))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not one"
        return FieldList(mistakes=(f"the list of fields cannot be read ({reason})",))


# ── from XML to items ────────────────────────────────────────────────────────────────────────


class _Items:
    """The items of a list, as the parser comes upon them."""

    def __init__(self) -> None:
        self.found: list[dict[str, list[str]]] = []
        self._open: list[str] = []
        self._inside = 0  # how deep the item lies that is open, if one is

    def start(self, name: str, _: Mapping[str, str]) -> None:
        trouble = "is nested too deeply" if len(self._open) >= MAX_DEPTH else ""
        self._open.append(name.rpartition(":")[2].casefold())
        if self._open[-1] == "item" and len(self._open) > 1:  # the root may be called anything
            trouble = trouble or ("has an item inside an item" if self._inside else "")
            self.found.append({})
            self._inside = len(self._open)
        if len(self.found) > MAX_ITEMS:
            trouble = f"has more than {MAX_ITEMS} items"
        if trouble:
            _refuse(trouble)

    def end(self, _: str) -> None:
        if len(self._open) == self._inside:
            self._inside = 0
        self._open.pop()

    def text(self, text: str) -> None:
        if self._inside and len(self._open) > self._inside:
            self.found[-1].setdefault(self._open[self._inside], []).append(text)


def _refuse(message: str) -> NoReturn:
    raise _RefusedError(message)


def _refuse_doctype(*_: object) -> None:
    _refuse("declares a document type: take out what begins with <!DOCTYPE")


def _parse(content: bytes) -> list[dict[str, str]]:
    """Return, of each item, the text of each element in it."""
    if len(content) > MAX_BYTES:
        _refuse("is larger than 4 MB: it is something else")
    items = _Items()
    try:
        content, encoding = _readable(content)
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        # Without a document type there are no entities, so nothing to expand or to fetch.
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = items.start
        parser.EndElementHandler = items.end
        parser.CharacterDataHandler = items.text
        parser.Parse(content, True)  # noqa: FBT003 -- takes no keywords
    except expat.ExpatError as error:
        _refuse(f"is not XML (line {error.lineno}: {expat.ErrorString(error.code)})")
    except (LookupError, ValueError):
        _refuse("is not in the encoding it declares, or that is not known: save it as UTF-8")
    if not items.found:
        _refuse("has no <item>")
    return [{name: "".join(parts).strip() for name, parts in x.items()} for x in items.found]


def _readable(content: bytes) -> tuple[bytes, str | None]:
    """Return content that expat can read, and its encoding if it is not the one declared."""
    match = _DECLARED.match(content)
    if match is None or codecs.lookup(match[1].decode()).name not in _MULTIBYTE:
        return content, None
    return content.decode(match[1].decode()).encode(), "utf-8"


# ── from items to fields ─────────────────────────────────────────────────────────────────────


def _list(items: Iterable[Mapping[str, str]]) -> FieldList:
    """Return the fields of all items, each once.

    One that is listed twice takes a value only if both say so, and is added if either does.
    """
    fields: dict[int, Field] = {}
    twins: dict[int, Field] = {}
    listed: dict[int, int] = {}
    warnings: list[str] = []
    for number, item in enumerate(items, start=1):
        is_twin = item.get("name", "").casefold().startswith(_TWIN)
        label, found, remarks = _item(item)
        for new in found:
            old = fields.get(new.tag)
            if is_twin:
                twins.setdefault(new.tag, replace(new, editable=False))
            elif old is None:
                fields[new.tag], listed[new.tag] = new, number
            else:
                remarks.append(f"item {listed[new.tag]} lists {_text(new.tag)} too")
                kept, added = old.editable and new.editable, old.insert or new.insert
                fields[new.tag] = Field(new.tag, kept, added, old.vr or new.vr)
        warnings += [f"item {number}{label}: {remark}" for remark in remarks]
    whole = twins | fields
    mistakes = () if whole else ("no item of the list of fields can be used",)
    return FieldList(tuple(whole[tag] for tag in sorted(whole)), tuple(warnings), mistakes)


def _item(item: Mapping[str, str]) -> tuple[str, list[Field], list[str]]:
    """Return how an item is called in a warning, its fields, and what is odd about it."""
    name, keyword = item.get("name", ""), item.get("description", "")
    if name.casefold().startswith(_TWIN):
        name = name[len(_TWIN) :].strip()
    tag, meant = _tag(name), _keywords().get(keyword.casefold())
    remarks = _tag_remarks(name, tag, keyword, meant)
    editable, insert = _yes(item, "editable", remarks), _yes(item, "forceinsert", remarks)
    vr = item.get("vr", "").upper()
    if vr and vr not in STANDARD_VR:
        remarks.append("its VR is none: it is ignored")
        vr = ""
    found = []
    for each in dict.fromkeys(x for x in (tag, meant) if x is not None):
        refused = next((row for row in REFUSED if row.first <= each <= row.last), None)
        if refused:
            if refused.reason:
                remarks.append(f"{_text(each)} is not blanked: {refused.reason}")
            continue
        if editable and each not in FROM_SUBJECTS:
            remarks.append(f"{_text(each)} is blanked: the list of studies has no value for it")
        # The type, and that it be added, are said of one field: what the tag is, if it is one.
        own = tag is None or each == tag
        kept = editable and each in FROM_SUBJECTS
        found.append(Field(each, kept, own and insert, vr if own else ""))
    shown = (name if tag is None else _text(tag), keyword)
    words = " ".join(word for word in shown if _SHOWN.fullmatch(word))
    return f" ({words})" if words else "", found, remarks


def _tag_remarks(name: str, tag: int | None, keyword: str, meant: int | None) -> list[str]:
    """Return what is odd about an item's tag and keyword, and what is done about it."""
    if tag is None and meant is None:
        return ["neither its tag nor its keyword is one: it is left out"]
    if tag is None:
        return [f"its tag is {'malformed' if name else 'missing'}: that of the keyword is used"]
    if meant is None:
        return [f"its keyword is {'unknown' if keyword else 'missing'}: the tag is used"]
    if tag != meant:
        return [f"its keyword is that of {_text(meant)}: both fields are blanked"]
    right = keyword_for_tag(meant)
    return [] if keyword == right else [f"its keyword is spelt {right}"]


def _yes(item: Mapping[str, str], key: str, remarks: list[str]) -> bool:
    """Tell whether an element says yes; what is neither yes nor no is noted, and a no."""
    word = item.get(key, "").casefold()
    if word not in ("", "yes", "no"):
        remarks.append(f"its {key} is neither yes nor no: it counts as no")
    return word == "yes"


def _tag(text: str) -> int | None:
    match = _TAG.fullmatch(text)
    return int(match[1] + match[2], 16) if match else None


def _text(tag: int) -> str:
    return f"{tag >> 16:04X},{tag & 0xFFFF:04X}"


@cache
def _keywords() -> Mapping[str, int]:
    """Return the tag of each keyword in lower case; no two differ by case only."""
    return {keyword.casefold(): tag for keyword, tag in keyword_dict.items() if keyword}
