from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.piece import Piece
from bidsdeid.errors import TextError
from bidsdeid.io.readers.document import (
    BINARY,
    CUT,
    MAX_BINARY,
    MAX_TEXT,
    RUNS,
    read_document,
    read_runs,
)

Save = Callable[..., Path]


@pytest.mark.parametrize(
    "content",
    [
        "Jürgen\r\n\r\nMüller".encode(),
        "\ufeffJürgen\r\rMüller".encode(),
        "Jürgen\n\nMüller".encode("latin-1"),
        "Jürgen\n\nMüller".encode("utf-16"),
        codecs.BOM_UTF16_BE + "Jürgen\n\nMüller".encode("utf-16-be"),
        "Jürgen\n\nMüller".encode("utf-32"),
        gzip.compress("Jürgen\n\nMüller".encode(), mtime=0),
    ],
)
def test_lines_of_a_text_in_any_encoding(save: Save, content: bytes) -> None:
    reading = read_document(save(content))
    assert reading.pieces == (Piece("line 1", "Jürgen"), Piece("line 3", "Müller"))
    assert reading.unseen == ""


def test_an_empty_file_says_nothing(save: Save) -> None:
    assert read_document(save(b"")).pieces == ()
    assert read_document(save(b"")).unseen == ""


def test_runs_of_what_is_no_text(save: Save) -> None:
    content = bytes(range(32)) * 9 + b"Zebulon" + bytes(9) + "Wilhelmine".encode("utf-16-le")
    reading = read_document(save(content))
    assert [piece.text for piece in reading.pieces] == ["Zebulon", "Wilhelmine"]
    assert reading.unseen == BINARY


def test_runs_of_a_text_too(save: Save) -> None:
    reading = read_runs(save(b"Zebulon\nJo\n"))
    assert [piece.text for piece in reading.pieces] == ["Zebulon"]
    assert reading.unseen == RUNS


def test_a_long_text_is_cut_at_a_line_and_told(save: Save) -> None:
    line = "é" * 2**15 + "\n"
    reading = read_document(save((line * 200 + "Zebulon").encode()))
    assert 60 < len(reading.pieces) < MAX_TEXT / 2**15
    assert {piece.text for piece in reading.pieces} == {"é" * 2**15}
    assert reading.unseen == CUT
    one = read_document(save(b"a" * (MAX_TEXT + 1)))
    assert [len(piece.text) for piece in one.pieces] == [MAX_TEXT]
    assert one.unseen == CUT
    whole = read_document(save(b"a" * MAX_TEXT))
    assert whole.unseen == ""


def test_only_the_start_of_what_is_no_text_is_seen(save: Save) -> None:
    before = bytes(MAX_BINARY - 7)
    assert len(read_document(save(before + b"Zebulon")).pieces) == 1
    assert len(read_document(save(before + b"\0" * 7 + b"Zebulon")).pieces) == 0
    assert len(read_runs(save(before + b"\0" * 7 + b"Zebulon")).pieces) == 0


def test_what_cannot_be_opened_or_inflated_is_refused(save: Save, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, save(gzip.compress(b"abc" * 99)[:-9], "a.gz")):
        with pytest.raises(TextError):
            read_document(path)
        with pytest.raises(TextError):
            read_runs(path)


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    text = b"Zebulon\n\xc3\xa9 line\r\n\0\x01Zebulon"
    for content in (text, gzip.compress(text), "Zebulon".encode("utf-16")):
        survives(data, read_document, content)
        survives(data, read_runs, content)
