"""Office documents (Office Open XML, OpenDocument): their text and properties.

Such a document is a zip archive of XML.  Markup is taken off without parsing it, so that no
entity can grow and no damage hides what follows.
"""

from __future__ import annotations

import html
import re
import zipfile
from pathlib import Path
from typing import BinaryIO, cast

from bidsdeid.core.piece import Reading
from bidsdeid.io.readers.archive import ZIP
from bidsdeid.io.readers.gather import Gathered, decoded, gather
from bidsdeid.io.readers.source import Bounded

#: What is inflated of a part and of all parts, and what is read of the file for it.
MAX_PART, MAX_PARTS, MAX_BYTES = 8 * 2**20, 64 * 2**20, 128 * 2**20

EMBEDDED = "pictures and other files in the document have not been looked into"
LONG = "only the first part of its text has been seen"

_NAMES = (".docx", ".docm", ".xlsx", ".xlsm", ".pptx", ".pptm", ".odt", ".ods", ".odp")
_FIRST = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis.opendocument")

#: Parts that say how a document looks: the same in all.
_LOOKS = re.compile(r"(theme|styles?|settings|fontTable|numbering)\w*\.xml$", re.IGNORECASE)
_EMBEDDED = re.compile(r"(media|embeddings|Pictures|ObjectReplacements)/")

_AUTHOR = re.compile(r'\b(?:author|initials|userId|name|Target)="([^"]*)"')
_MARKUP = re.compile(r"<[^<>]*>")


def is_office(first: bytes, name: str) -> bool:
    """Tell whether a zip archive is a document, by its name or its first member."""
    member = first[30:]  # behind the fixed part of the first member's header
    return first.startswith(ZIP) and (name.lower().endswith(_NAMES) or member.startswith(_FIRST))


def read_office(path: Path) -> Reading:
    """Read the text of a document, part by part, and the names of its authors.

    Raises
    ------
    TextError
        If it is damaged, so that nothing can be read.
    """
    return gather(path, "an office document", _fill, limit=MAX_BYTES)


def _fill(stream: Bounded, gathered: Gathered) -> None:
    left = MAX_PARTS
    with zipfile.ZipFile(cast("BinaryIO", stream)) as archive:
        for number, member in enumerate(archive.infolist(), start=1):
            if _EMBEDDED.search(member.filename):
                gathered.unseen(EMBEDDED)
            if not member.filename.endswith((".xml", ".rels")) or _LOOKS.search(member.filename):
                continue
            with archive.open(member) as part:
                content = part.read(min(left, MAX_PART))
                left -= len(content)
                if part.read(1):
                    gathered.unseen(LONG)
            _add_part(f"part {number}", decoded(content), gathered)


def _add_part(where: str, text: str, gathered: Gathered) -> None:
    for match in _AUTHOR.finditer(text):
        gathered.add(f"{where} attribute", html.unescape(match[1]))
    for run in _MARKUP.split(text):
        gathered.add(where, html.unescape(run))
