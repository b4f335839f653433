"""The elements of a data set at every depth, each with the type that decides what happens to it.

Values stay as raw bytes, which is fast and changes nothing that need not change; pydicom reads
sequences, and writes everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias, cast

from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from bidsdeid.dicom.rulebook import PrivateKey
from bidsdeid.errors import DicomError
from bidsdeid.io.readers.vr import (
    ASCII,
    CREATORS,
    LOCAL,
    NUMBERS,
    encodings_of,
    known_vr,
    text_of,
)

#: An element as a file has it: tag, type (None where the file does not tell types) and value; and
#: how values of a data set are written: character sets, implicit types, little bytes first.
Written: TypeAlias = tuple[int, str | None, bytes | None]
Manner: TypeAlias = tuple[tuple[str, ...], tuple[bool | None, bool | None]]

#: Sequences nest no deeper in any image, and Python's own stack is not endless.
MAX_DEPTH = 32

UNDEFINED = 0xFFFFFFFF

_CHARACTER_SET = 0x00080005
_TEXTUAL = LOCAL | ASCII


@dataclass(slots=True)
class Place:
    """A data set, and how text in it is to be read.

    Parameters
    ----------
    data_set : Dataset
    encodings : tuple of str
        Python's names of its character sets.
    depth : int
    """

    data_set: Dataset
    encodings: tuple[str, ...] = ()
    depth: int = 0
    _creators: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.text(_CHARACTER_SET)
        if names:
            self.encodings = _encodings(names)

    @property
    def manner(self) -> Manner:
        """Return how values are written."""
        return self.encodings, self.data_set.original_encoding

    @property
    def is_little(self) -> bool:
        """Tell whether bytes of numbers stand in little-endian order."""
        return bool(self.data_set.original_encoding[1])

    def elements(
        self, known: Collection[Written] = ()
    ) -> Iterator[tuple[BaseTag, str, bytes | None]]:
        """Yield tag, type and raw value; None for a sequence, and the type "?" if it is false.

        What is yielded may be replaced or deleted on the way.

        Parameters
        ----------
        known : collection of Written
            What need not be yielded.

        Raises
        ------
        DicomError
            If the file ends within a value.
        """
        # pydicom looks into some elements when it reads others: all are taken as they are now.
        for tag, element in list(self.data_set.items()):
            if not isinstance(element, RawDataElement):
                yield tag, element.VR, None if element.VR == "SQ" else _as_bytes(element)
                continue
            number = int(tag)
            if known and (number, element.VR, element.value) in known:
                continue
            value = element.value or b""
            if element.length not in (len(value), UNDEFINED):
                message = "it ends within an element: copy it again from its source"
                raise DicomError(message)
            private = number >> 16 & 1
            vr = self._private_vr(number, element.VR) if private else _vr(number, element.VR)
            yield tag, vr, None if vr == "SQ" else value

    def items(self, tag: int) -> list[Place]:
        """Return the data sets in a sequence.

        Raises
        ------
        DicomError
            If it is damaged, or too deep.
        """
        if self.depth >= MAX_DEPTH:
            message = "its sequences are nested too deep"
            raise DicomError(message)
        damaged = "a sequence in it is damaged"
        try:
            element = self.data_set[tag]
        except Exception as error:
            raise DicomError(damaged) from error
        if element.VR != "SQ":
            raise DicomError(damaged)
        return [Place(item, self.encodings, self.depth + 1) for item in element.value or ()]

    def written(self, tag: int) -> Written | None:
        """Return an element as the file has it; None if pydicom has looked into it already."""
        element = self._raw(tag)
        return None if element is None else (int(tag), element.VR, element.value)

    def brief(self, tag: int, longest: int) -> tuple[Written, ...]:
        """Return an element as the file has it, nothing if its value is longer."""
        written = self.written(tag)
        return () if written is None or len(written[2] or b"") > longest else (written,)

    def private(self, tag: int) -> PrivateKey | None:
        """Return whose a private element is, None if nobody says."""
        block = block_of(tag)
        if tag & 0xFFFF in CREATORS or block & 0xFFFF not in CREATORS:
            return None
        creator = self._creators.get(block)
        if creator is None:
            creator = self._creators[block] = self.text(block)
        return (creator, tag >> 16, tag & 0xFF) if creator else None

    def set(self, tag: int, vr: str, value: bytes) -> None:
        """Give an element a value, in raw bytes; its type as written stays."""
        old = self._raw(tag)
        if old is None:
            self.replace(tag, vr, value)
        else:
            self.data_set[old.tag] = old._replace(value=value, length=len(value))

    def replace(self, tag: int, vr: str, value: bytes) -> None:
        """Put an element of this type and value in, whatever was there before."""
        implicit, little = map(bool, self.data_set.original_encoding)
        written = None if implicit else vr
        new = RawDataElement(BaseTag(tag), written, len(value), value, 0, implicit, little)
        self.data_set[BaseTag(tag)] = new

    def trim(self, tag: int, value: bytes) -> None:
        """Give an element the start of its own value."""
        old = self._raw(tag)
        if old is not None:
            length = old.length if old.length == UNDEFINED else len(value)
            self.data_set[old.tag] = old._replace(value=value, length=length)

    def text(self, tag: int) -> str:
        """Return the value of an element that holds ASCII, empty if there is none."""
        element = self._held(tag)
        if isinstance(element, DataElement):  # pydicom looked into it
            return _as_bytes(element).decode()
        return text_of(element.value, "CS", []) if element and element.value else ""

    def number(self, tag: int, default: int = 0) -> int:
        """Return the value of an element that holds a whole number, in binary or written out.

        Raises
        ------
        DicomError
            If it holds something else.
        """
        element = self._raw(tag)
        if element is None or not element.value:
            return default
        if known_vr(tag) in ASCII:
            text = self.text(tag)
            if text.isdecimal():
                return int(text)
            message = "a number in its header is none"
            raise DicomError(message)
        return int.from_bytes(element.value, "little" if element.is_little_endian else "big")

    def _held(self, tag: int) -> DataElement | RawDataElement | None:
        element = self.data_set.get_item(BaseTag(tag), keep_deferred=True)
        return cast("DataElement | RawDataElement | None", element)

    def _raw(self, tag: int) -> RawDataElement | None:
        element = self._held(tag)
        return element if isinstance(element, RawDataElement) else None

    def _private_vr(self, tag: int, written: str | None) -> str:
        if written and written != "UN":
            return written
        key = self.private(tag)
        return known_vr(tag, key[0] if key else "") or "UN"


@lru_cache(maxsize=64)
def _encodings(names: str) -> tuple[str, ...]:
    """Return Python's names of character sets.

    Raises
    ------
    DicomError
        If one is not of the standard: what is written in it cannot be looked through.
    """
    sets = [name.strip(" \0") for name in names.split("\\")]
    if any(name not in python_encoding for name in sets):
        message = "its character set is not one of the standard"
        raise DicomError(message)
    return tuple(encodings_of(sets))


@lru_cache(maxsize=2**14)
def _vr(tag: int, written: str | None) -> str:
    """Return the type of an element: the standard's, if what is written can be of that type.

    A name that was written as a number, or a number as a name, is of neither.
    """
    known = known_vr(tag)
    told = written if written and written != "UN" else None
    if told is None or not known or told == known:
        return told or known or "UN"
    if " or " in known:
        return told if told in known.split(" or ") else "?"
    return known if _kind(known) == _kind(told) else "?"


def block_of(tag: int) -> int:
    """Return the tag that says whose a private element is (PS3.5, section 7.8.1).

    Examples
    --------
    >>> f"{block_of(0x00191015):08x}"
    '00190010'
    """
    return tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8


def _as_bytes(element: DataElement) -> bytes:
    """Return the value of an element that pydicom looked into: character sets, and numbers."""
    values = () if element.VR in NUMBERS else element.value or ()
    return "\\".join([values] if isinstance(values, str) else map(str, values)).encode()


def _kind(vr: str) -> str:
    """Return what types can stand for each other: those of one kind."""
    if vr in _TEXTUAL:
        return "text"
    return "number" if vr in NUMBERS else vr
