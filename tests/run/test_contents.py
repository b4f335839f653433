from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bidsdeid.core.tables import Table
from bidsdeid.errors import FileProblem
from bidsdeid.io.snapshot import snapshot
from bidsdeid.run.contents import Content, Contents


def read(file: Path, content: bytes) -> Content:
    """Write a file and return what is read of it."""
    file.write_bytes(content)
    (entry,) = snapshot(file)
    return Contents(file.parent).of(entry)


def texts(content: Content) -> list[str]:
    return [piece.text for piece in content.reading.pieces]


@pytest.mark.parametrize("value", [{"a": [1, {"b": None}]}, ["a", 1], "a", 2.5, None])
@pytest.mark.parametrize("name", ["x.json", "sub-01_T1w.JSON", "x.v2.json"])
def test_json_is_read_whatever_it_holds(tmp_path: Path, name: str, value: Any) -> None:  # noqa: ANN401
    assert read(tmp_path / name, json.dumps(value).encode()) == Content((value,))


def test_json_of_an_old_converter_is_read_as_latin_1(tmp_path: Path) -> None:
    content = read(tmp_path / "x.json", '{"PatientName": "M\xfcller"}'.encode("latin-1"))
    assert content.fields == ({"PatientName": "M\xfcller"},)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": 1,\n"b": "Qanary"', "not JSON (line 2)"),
        (b'{"a": "Qanary", "a": "Other"}', "names a field twice"),
        (b'{"b": "Qanary", "a": ' + b"[" * 300 + b"]" * 300 + b"}", "nested too deeply"),
        (b'{"b": "Qanary", "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"b": "Qanary", "a": ' + b"1" * 5000 + b"}", "numbers that are too long"),
        ('{"a": "Qanary"}'.encode("utf-16"), "not JSON"),
    ],
    ids=["cut", "field twice", "deep", "very deep", "long number", "wide"],
)
def test_json_that_is_none_is_read_as_text_and_that_is_told(
    tmp_path: Path, content: bytes, told: str
) -> None:
    result = read(tmp_path / "x.json", content)
    assert result.fields == ()
    assert told in result.reading.unseen
    assert "only its lines" in result.reading.unseen
    assert any("Qanary" in text for text in texts(result))
    assert "Qanary" not in result.reading.unseen


def test_a_table_is_read_with_its_columns(tmp_path: Path) -> None:
    content = read(tmp_path / "x.tsv", b"name\tage\nDoe\t30\n")
    assert content == Content(table=Table(("name", "age"), (("Doe", "30"),)))


@pytest.mark.parametrize(
    ("content", "told", "columns"),
    [
        (b"name\tage\nDoe\n", "row 2", ("name", "age")),
        (b"name\tname\nDoe\tRoe\n", "two columns", ("name", "name (2)")),
        (b"name\nDoe\tRoe\n", "row 2", ("name", "(2)")),
    ],
)
def test_a_table_that_is_not_even_is_read_and_that_is_told(
    tmp_path: Path, content: bytes, told: str, columns: tuple[str, ...]
) -> None:
    result = read(tmp_path / "x.tsv", content)
    assert result.table is not None
    assert result.table.columns == columns
    assert "Doe" in result.table.rows[0]
    assert told in result.reading.unseen


@pytest.mark.parametrize("mark", [b",", b";", b"\t"])
def test_a_spreadsheet_is_read_with_its_columns(tmp_path: Path, mark: bytes) -> None:
    rows = (b"surname,born\r\n", b'"Doe",1980\r\n', b"\r\n")
    content = read(tmp_path / "x.csv", b"".join(rows).replace(b",", mark))
    assert content.table == Table(("surname", "born"), (("Doe", "1980"),))
    assert content.reading.unseen == ""


def test_any_other_file_is_read_by_its_reader(tmp_path: Path) -> None:
    assert texts(read(tmp_path / "README", b"one\ntwo\n")) == ["one", "two"]
    assert texts(read(tmp_path / "x.json.gz", gzip.compress(b'{"a": 1}', mtime=0))) == ['{"a": 1}']


@pytest.mark.parametrize("name", ["x.json", "x.tsv", "x.csv", "sub-01_T1w.nii.gz", "notes"])
def test_an_empty_file_holds_nothing(tmp_path: Path, name: str) -> None:
    assert read(tmp_path / name, b"") == Content()


@pytest.mark.parametrize("name", ["x.json", "x.tsv", "x.nii.gz", "notes"])
def test_a_pointer_of_git_annex_is_no_content(tmp_path: Path, name: str) -> None:
    pointer = b"/annex/objects/MD5E-s10--0b1c2d3e4f5061728394a5b6c7d8e9f0.json\n"
    with pytest.raises(FileProblem, match="datalad get"):
        read(tmp_path / name, pointer)


def test_what_was_read_is_kept_where_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    (entry,) = snapshot(tmp_path / "x.json")
    roomy, narrow = Contents(tmp_path), Contents(tmp_path, room=0)
    first = roomy.of(entry), narrow.of(entry)
    (tmp_path / "x.json").write_text('{"a": 2}')
    assert roomy.of(entry) is first[0]
    assert narrow.of(entry).fields == ({"a": 2},)
