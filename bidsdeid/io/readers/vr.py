"""Types of DICOM values (value representations): which are text, and what text they are.

Bytes that do not fit their type, or the file's character set, are text all the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from bidsdeid.io.readers.gather import decoded

#: Types of value (PS3.5, table 6.2-1): text in the file's character set; text in ASCII; those of
#: them that are one text however many backslashes it has; numbers.  All else is bytes.
LOCAL = frozenset("LO LT PN SH ST UC UT".split())
ASCII = frozenset("AE AS CS DA DS DT IS TM UI UR".split())
WHOLE = frozenset("LT ST UR UT".split())
NUMBERS = frozenset("AT FD FL OD OF OL OV SL SS SV UL US UV".split()) | {"US or SS"}

#: How an item of a sequence starts, in both byte orders (PS3.5, section 7.5).
ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")

#: Elements of a private group that say whose a block of it is (PS3.5, section 7.8.1).
CREATORS = range(0x10, 0x100)

#: Groups that a file without preamble starts with: its own, or the first of a data set (which may
#: be implicit); and bytes that its first element may have then.
_FIRST_GROUPS, _MAX_FIRST = (2, 8), 1024

VR = re.compile(rb"[A-Z]{2}")


def is_private(tag: int) -> bool:
    """Tell whether an element is of a maker and not of the standard."""
    return bool(tag >> 16 & 1)


@lru_cache(maxsize=2**14)
def known_vr(tag: int, creator: str = "") -> str:
    """Return the type that the standard, or its maker, gives an element; empty if unknown.

    Examples
    --------
    >>> known_vr(0x00100010), known_vr(0x0019100C, "SIEMENS MR HEADER"), known_vr(0x00091001)
    ('PN', 'IS', '')
    """
    try:
        return private_dictionary_VR(tag, creator) if is_private(tag) else dictionary_VR(tag)
    except KeyError:
        return ""


def vr_of(tag: int, written: str | None, start: bytes, creator: str) -> str:
    """Return the type of an element: as written, or looked up if that says nothing.

    Parameters
    ----------
    tag : int
    written : str or None
        None in an implicit file; ``UN`` if who wrote it did not know.
    start : bytes
        First four bytes of its value.
    creator : str
        Whose a private element is.
    """
    if written and written != "UN":
        return written
    if known := known_vr(tag, creator):
        return known
    if is_private(tag) and tag & 0xFFFF in CREATORS:
        return "LO"
    return "SQ" if start in ITEMS else "UN"


def starts_data_set(first: bytes) -> bool:
    """Tell whether bytes start with an element of the standard that a file can start with."""
    return _can_start(first, "little") or _can_start(first, "big")


def encodings_of(names: list[str]) -> list[str]:
    r"""Return Python's names of character sets; none if they have no meaning.

    Examples
    --------
    >>> encodings_of(["ISO_IR 192"]), encodings_of(["no\0name"])
    (['UTF8'], [])
    """
    try:
        return convert_encodings(names)
    except (LookupError, ValueError):
        return []


def text_of(value: bytes, vr: str, encodings: list[str]) -> str:
    """Return a value as text."""
    if vr in LOCAL and encodings:
        delimiters = PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS
        try:
            text = decode_bytes(value, encodings, delimiters)
        except (LookupError, ValueError):
            text = "\ufffd"
        if "\ufffd" not in text:
            return text.strip(" \0")
    return decoded(value).strip(" \0")


def _can_start(first: bytes, order: Literal["little", "big"]) -> bool:
    group, element, length = (
        int.from_bytes(first[start:end], order) for start, end in ((0, 2), (2, 4), (4, 8))
    )
    if group not in _FIRST_GROUPS or not known_vr(group << 16 | element):
        return False
    if VR.fullmatch(first[4:6]):
        return first[4:6].decode() in LOCAL | ASCII | {"OB", "UL"}
    return order == "little" and group == max(_FIRST_GROUPS) and 0 < length <= _MAX_FIRST
