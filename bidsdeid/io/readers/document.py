"""Any other file: a text line by line, or the printable runs of one that is no text."""

from __future__ import annotations

import codecs
from pathlib import Path
from types import MappingProxyType

from bidsdeid.core.piece import Reading
from bidsdeid.io.readers.gather import LEAST, Gathered, decoded, gather, is_text
from bidsdeid.io.readers.source import Bounded

#: What is read of a text, and of a file that is no text.
MAX_TEXT, MAX_BINARY = 8 * 2**20, 2**20

RUNS = f"only runs of printable characters in its first {MAX_BINARY // 2**20} MB have been seen"
BINARY = f"its format is not known: {RUNS}"
CUT = f"only the first {MAX_TEXT // 2**20} MB of its text have been seen"

_BYTE_ORDER_MARKS = MappingProxyType(
    {
        codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it starts with
        codecs.BOM_UTF32_BE: "utf-32",
        codecs.BOM_UTF16_LE: "utf-16",
        codecs.BOM_UTF16_BE: "utf-16",
    }
)


def read_document(path: Path) -> Reading:
    """Read a text of any encoding by lines, and the printable runs of anything else.

    Raises
    ------
    TextError
        If it cannot be opened or inflated.
    """
    return gather(path, "a document", _fill, limit=MAX_TEXT + 1, in_order=True)


def read_runs(path: Path) -> Reading:
    """Read the printable runs of a file, be it a text or not.

    Raises
    ------
    TextError
        If it cannot be opened or inflated.
    """
    return gather(path, "a document", _fill_runs, limit=MAX_BINARY, in_order=True)


def _fill(stream: Bounded, gathered: Gathered) -> None:
    content, cut = stream.start(MAX_TEXT)
    encoding = _encoding(content)
    if not encoding and not is_text(content):
        gathered.unseen(BINARY)
        _add_runs(content[:MAX_BINARY], gathered)
        return
    if cut:
        gathered.unseen(CUT)
        if not encoding:  # a character that was cut in two would make it Latin-1
            content = content[: content.rfind(b"\n") + 1] or content
    gathered.add_lines("", content.decode(encoding, "replace") if encoding else decoded(content))


def _fill_runs(stream: Bounded, gathered: Gathered) -> None:
    gathered.unseen(RUNS)
    _add_runs(stream.start(MAX_BINARY)[0], gathered)


def _add_runs(content: bytes, gathered: Gathered) -> None:
    gathered.add_runs(f"text of {LEAST} characters or more", content)


def _encoding(content: bytes) -> str:
    found = (name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark))
    return next(found, "")
