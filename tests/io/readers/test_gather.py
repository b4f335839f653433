from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.piece import Piece
from bidsdeid.errors import FileProblem, ImageError
from bidsdeid.io.readers import gather as module
from bidsdeid.io.readers.gather import (
    Gathered,
    decoded,
    gather,
    is_text,
    printable,
    refusing,
)
from bidsdeid.io.readers.source import Bounded

Save = Callable[..., Path]


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=6), st.binary(max_size=9)
)
def test_runs_are_found_wherever_they_stand(text: str, rubbish: bytes) -> None:
    for code in ("ascii", "utf-16-le", "utf-16-be"):
        content = (
            b"\xff\x00\x00\x01" + rubbish + b"\x00\x00\x01" + text.encode(code) + b"\x01\x00\x00"
        )
        assert any(text in run for run in printable(content)), code


def test_letters_of_all_languages_are_part_of_a_run() -> None:
    for text in ("Jürgen Müller", "Łukasz Żak", "王小東 王小東"):
        assert printable(b"\x00\x01" + text.encode() + b"\x00\x01") == [text]
    assert printable(b"\x00" + "Jürgen Müller".encode("latin-1") + b"\x00") == ["Jürgen Müller"]


def test_short_runs_and_wide_ones_can_be_left_out() -> None:
    assert printable(b"Doe\0\1Janes\0\1Zebulon") == ["Zebulon"]
    assert printable(b"Doe\0\1Janes", least=3) == ["Doe", "Janes"]
    wide = "Zebulon".encode("utf-16-le")
    assert printable(wide) == ["Zebulon"]
    assert printable(wide, wide=False) == []


@given(st.binary(max_size=200))
def test_any_bytes_have_runs_and_are_text_or_not(content: bytes) -> None:
    assert all(len(run) >= 4 for run in printable(content, least=4))
    assert isinstance(is_text(content), bool)
    assert isinstance(decoded(content), str)


def test_what_is_text() -> None:
    assert is_text(b"")
    assert is_text(b"a\tb\r\nc\x1b[0m")
    assert is_text(("ab" * 200 + "\x01").encode())
    assert not is_text(b"ab\x01\x02")
    assert not is_text(b"ab\0" + b"c" * 999)
    assert decoded("\ufeffé".encode()) == "é"
    assert decoded(b"\xe9") == "é"


def test_blank_strings_are_left_out_and_lines_are_numbered() -> None:
    gathered = Gathered()
    gathered.add("a", " \0\r\n")
    gathered.add("a", " x \0", "f")
    gathered.add_lines("b", "one")
    gathered.add_lines("", "one")
    gathered.add_lines("c", "1\r\n\r\n3\r4", "g")
    assert gathered.reading().pieces == (
        Piece("a", "x", "f"),
        Piece("b", "one"),
        Piece("line 1", "one"),
        Piece("c line 1", "1", "g"),
        Piece("c line 3", "3", "g"),
        Piece("c line 4", "4", "g"),
    )


def test_content_is_text_or_runs() -> None:
    gathered = Gathered()
    gathered.add_content("a", b"Li\nWu\0\0\0")
    gathered.add_content("b", b"Li\0Zebulon\0\1\2")
    assert [piece.text for piece in gathered.reading().pieces] == ["Li", "Wu", "Zebulon"]


def test_more_strings_than_anybody_reads_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIECES", 3)
    gathered = Gathered()
    gathered.add_lines("", "\n".join("abcde"))
    gathered.unseen("else")
    gathered.unseen("else")
    reading = gathered.reading()
    assert [piece.text for piece in reading.pieces] == ["a", "b", "c"]
    assert reading.unseen == "only the first 3 strings have been taken; else"


@pytest.mark.parametrize("in_order", [True, False])
def test_what_was_found_before_the_damage_is_kept(
    save: Save, caplog: pytest.LogCaptureFixture, *, in_order: bool
) -> None:
    path = save(b"Zebulon")

    def broken(stream: Bounded, gathered: Gathered) -> None:
        if first:
            gathered.add("a", stream.read(3).decode())
        warnings.warn("Zebulon", stacklevel=1)
        logging.getLogger("pydicom").error("Zebulon")
        message = "Zebulon is not a number"
        raise ValueError(message)

    first = True
    reading = gather(path, "a test", broken, limit=9, in_order=in_order)
    assert reading.pieces == (Piece("a", "Zeb"),)
    assert reading.unseen == (
        "it cannot be read as a test (ValueError), so that only a part of it has been seen"
    )
    first = False
    with pytest.raises(ImageError, match=r"^it cannot be read as a test \(ValueError\)$"):
        gather(path, "a test", broken, limit=9, in_order=in_order, problem=ImageError)
    assert not caplog.records  # values would stand there
    logging.getLogger("pydicom").error("heard")
    assert caplog.messages == ["heard"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            FileNotFoundError(2, "No such file", "/home/zebulon"),
            "it cannot be read (No such file)",
        ),
        (OSError("Zebulon"), "it cannot be read (OSError)"),
        (RecursionError("Zebulon"), "it cannot be read as a test (RecursionError)"),
        (MemoryError(), "it cannot be read as a test (MemoryError)"),
        (ImageError("a sentence"), "a sentence"),
    ],
)
def test_errors_quote_nothing(error: Exception, message: str) -> None:
    with pytest.raises(FileProblem) as raised, refusing("a test"):
        raise error
    assert str(raised.value) == message
