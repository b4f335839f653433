"""What must be true of a file before it may leave.

Rule 1: only this module makes a `Verified`, and the store publishes nothing else.
Rule 2: an audit looks at the finished bytes, read back from the disk, and trusts nothing that
        was known while they were made.
Rule 3: a finding names the file's kind of fault, never the value.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from bidsdeid.core.detectors import findings, words_found
from bidsdeid.core.entities import parse_name
from bidsdeid.core.gzipped import GZIP_MAGIC, bare_member
from bidsdeid.core.header import released_header
from bidsdeid.core.labels import objection
from bidsdeid.core.nifti import Image, decode_image
from bidsdeid.core.policy import ColumnRule, Policy
from bidsdeid.core.pseudonym import DateShift
from bidsdeid.core.removal import changed_bits
from bidsdeid.core.scrub import NOT_AVAILABLE
from bidsdeid.core.tables import MAX_AGE, MIDNIGHT, is_number, quantity
from bidsdeid.core.terms import NO_WORDS, Terms
from bidsdeid.core.values import JSONValue, strings
from bidsdeid.core.voxels import Bools, Fill
from bidsdeid.errors import ImageError, LeakError

#: Fields that this program writes itself, from constants.
OWN_FIELDS = frozenset({"DeidentificationMethod", "DeidentificationMethodCodeSequence"})

#: Room for a header and what may stand before the voxels.
MAX_HEADER_BYTES = 1024

#: A recording (physiology, stimulus) larger than this is something else.
MAX_SIGNAL_BYTES = 2**30

_TOKEN = object()

#: Labels and file names in tables.
_NAME = re.compile(r"[a-zA-Z0-9+_.-]+")


@dataclass(frozen=True, slots=True, init=False)
class Verified:
    """A file that passed its audit.  Cannot be made outside of this module.

    Parameters
    ----------
    path : PurePosixPath
        Where it is to stand in the output.
    sha256 : str
        Of the bytes that were audited.
    size : int
        Their number.
    """

    path: PurePosixPath
    sha256: str
    size: int

    def __init__(self, token: object, path: PurePosixPath, content: bytes) -> None:
        if token is not _TOKEN:
            message = "a Verified comes from an Auditor only"
            raise TypeError(message)
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "sha256", hashlib.sha256(content).hexdigest())
        object.__setattr__(self, "size", len(content))


@dataclass(frozen=True, slots=True)
class Auditor:
    """Checks finished files.

    Parameters
    ----------
    policy : Policy
        What may be in a file.
    terms : Terms
        What must not be in any file, whatever the policy says.
    """

    policy: Policy
    terms: Terms

    def image(
        self,
        path: PurePosixPath,
        content: bytes,
        source: Image,
        remove: Bools | None,
        fill: Fill,
    ) -> Verified:
        """Check an image against its source.

        Its header is the released part of the source's and nothing else; voxels outside of
        `remove` are bit-identical to the stored ones, and all inside are `fill`: one value, or
        noise that was drawn without looking at them.

        Raises
        ------
        LeakError
            If any of it is not so.
        """
        header = released_header(source.header)
        start = header.single_vox_offset
        plain = _unpacked(content, start + source.data.nbytes)
        if len(plain) != start + source.data.nbytes or any(plain[header["sizeof_hdr"] : start]):
            _leak("it holds bytes that are neither header nor voxels")
        image = decode_image(plain)
        if image.header.binaryblock != header.binaryblock:
            _leak("its header is not the one that was to be written")
        changed = changed_bits(source.data, image.data)
        if remove is not None:
            gone = remove.reshape(remove.shape + (1,) * (image.data.ndim - 3))
            value = np.asarray(fill, image.data.dtype)
            left = image.data[remove] != value if value.ndim else (image.data != value) & gone
            if left.any():
                _leak("voxels of the face are left in it")
            changed &= ~gone
        if changed.any():
            _leak("voxels outside of the face were changed")
        return self._verified(path, content)

    def mask(self, path: PurePosixPath, content: bytes, keep: NDArray[np.uint8]) -> Verified:
        """Check a mask: it holds `keep` and nothing else."""
        image = decode_image(_unpacked(content, MAX_HEADER_BYTES + keep.nbytes))
        if not np.array_equal(image.data, keep) or image.data.dtype != np.uint8:
            _leak("the mask is not the one that was used")
        if image.header.binaryblock != released_header(image.header).binaryblock:
            _leak("its header holds more than geometry")
        return self._verified(path, content)

    def fields(
        self,
        path: PurePosixPath,
        content: bytes,
        *,
        scope: str = "image",
        table: str = "",
    ) -> Verified:
        """Check a JSON file: every field is named by a rule, no string looks like an identifier.

        `scope` and `table` are those of `bidsdeid.core.scrub.scrub_fields`.
        """
        fields = json.loads(content)
        self._check_fields(fields, scope, table)
        return self._verified(path, content)

    def _check_fields(self, fields: dict[str, JSONValue], scope: str, table: str) -> None:
        for key, value in fields.items():
            described = table and self.policy.column_rule(table, key).kind != "drop"
            if described and isinstance(value, dict):
                self._check_fields(value, "dictionary", "")
                continue
            rule = self.policy.key_rule(scope, key)
            if rule.action == "drop" or (rule.action == "replace" and value != rule.value):
                _leak("a field is left that no rule keeps")
            if key in OWN_FIELDS or rule.action == "replace":
                continue
            for text in strings(value):  # the field's own name stands in a rule
                self._clean(text, rule.tolerate)
            whole = json.dumps(value, ensure_ascii=False)
            words = words_found(whole, self.terms, tolerate=rule.tolerate)
            if words:
                _leak(f"it holds a {words[0]}")

    def table(self, path: PurePosixPath, content: bytes, suffix: str) -> Verified:
        """Check a table: every column is named by a rule, every cell is of its kind."""
        header, *rows = (row.split("\t") for row in content.decode().split("\n")[:-1])
        for name, *cells in zip(header, *rows, strict=True):
            rule = self.policy.column_rule(suffix, name)
            for cell in cells:
                if cell != NOT_AVAILABLE and not self._cell_is(rule, cell):
                    _leak("a cell is not of its column's kind")
        return self._verified(path, content)

    def _cell_is(self, rule: ColumnRule, cell: str) -> bool:
        """Tell whether a cell is what its column's kind says; no kind lets everything pass."""
        checks: dict[str, Callable[[], bool]] = {
            "date": lambda: DateShift(0).apply(cell) == cell,
            "day": lambda: cell[10:] == f"T{MIDNIGHT}" and DateShift(0).apply(cell) == cell,
            "age": lambda: is_number(cell) and 0 <= float(cell) <= MAX_AGE,
            "number": lambda: quantity(cell, self.terms) == cell,
            "choice": lambda: cell in rule.choices,
            "text": lambda: not findings(cell, self.terms),
            "participant": lambda: _NAME.fullmatch(cell) is not None,
            "session": lambda: _NAME.fullmatch(cell) is not None,
            "path": lambda: all(_NAME.fullmatch(p) and p != ".." for p in cell.split("/")),
        }
        check = checks.get(rule.kind)
        return check is not None and check()

    def numbers(self, path: PurePosixPath, content: bytes) -> Verified:
        """Check a file of numbers and white space, gzipped or not."""
        cells = _unpacked(content, MAX_SIGNAL_BYTES).decode("ascii", "replace").split()
        if not all(cell == NOT_AVAILABLE or quantity(cell, self.terms) for cell in cells):
            _leak("it holds something else than quantities")
        return self._verified(path, content)

    def document(self, path: PurePosixPath, content: bytes, tolerate: Iterable[str]) -> Verified:
        """Check a text that is released as it is."""
        self._clean(content.decode(), tolerate)
        return self._verified(path, content)

    def own(self, path: PurePosixPath, content: bytes) -> Verified:
        """Check a text this program wrote about the release: its words are constants.

        They tell what was found in other files, so that words that announce are among them.
        """
        tolerate = ("length", "record number", "path", "date", "identifier word")
        for line in _LINE.finditer(content):  # a manifest has one a file
            self._clean(line[0].decode(), tolerate, Terms())
        return self._verified(path, content)

    def picture(self, path: PurePosixPath, content: bytes) -> Verified:
        """Check a picture of what is released: pixels in a JPEG file, and not a word beside them.

        Raises
        ------
        LeakError
            If it is something else, or has a comment or other metadata.
        """
        if not _is_bare_jpeg(content):
            _leak("a picture is not a JPEG file of pixels alone")
        return self._verified(path, content)

    def _clean(self, text: str, tolerate: Iterable[str], terms: Terms | None = None) -> None:
        found = findings(text, self.terms if terms is None else terms, tolerate=tolerate)
        if found:
            _leak(f"its text looks like: {', '.join(found)}")

    def _verified(self, path: PurePosixPath, content: bytes) -> Verified:
        name = parse_name(path.name)
        people, codes = self.terms.in_names, replace(self.terms, places=NO_WORDS)
        labels = (("", path.name),) if name is None else name.entities
        for entity, label in labels:
            found = objection(label, people if entity in ("sub", "ses", "") else codes)
            if found:
                _leak(f"a label in its name looks like: {found}")
        if self.terms.in_names.occur_in(str(path)):
            _leak("its name holds a name of a person or a known term")
        return Verified(_TOKEN, path, content)


#: Markers of a JPEG file (ITU T.81 table B.1) that carry what decoding pixels needs: frames,
#: tables of Huffman and quantisation, restart intervals, and the header of JFIF.
_JFIF, _JFIF_BYTES = 0xE0, 16  # longer, it has a thumbnail
_PIXEL_MARKERS = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, _JFIF})
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, b"\xff\xd9"


def _is_bare_jpeg(content: bytes) -> bool:
    """Tell whether a JPEG file has no segment but those of its pixels, and nothing behind them."""
    if not content.startswith(b"\xff\xd8") or not content.endswith(_END_OF_IMAGE):
        return False
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:  # noqa: PLR2004 -- a marker's
        marker = content[place + 1]
        if marker == _START_OF_SCAN:
            return content.count(_END_OF_IMAGE, place) == 1
        size = int.from_bytes(content[place + 2 : place + 4], "big")
        if marker not in _PIXEL_MARKERS or (marker == _JFIF and size != _JFIF_BYTES):
            return False
        place += 2 + size
    return False


_LINE = re.compile(rb"[^\n]+")


def _unpacked(content: bytes, limit: int) -> bytes:
    """Return what a file holds: itself, or what is in its one gzip member that tells nothing."""
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return bare_member(content, limit)
    except ImageError as problem:
        _leak(str(problem))


def _leak(what: str) -> NoReturn:
    message = f"the finished file did not pass its audit: {what}"
    raise LeakError(message)
