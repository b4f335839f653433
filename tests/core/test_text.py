from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.tables import Table
from bidsdeid.core.text import (
    MAX_BYTES,
    decode_fields,
    decode_table,
    decode_text,
    encode_fields,
    encode_table,
)
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import TextError
from strategies import JSON_VALUES, WORDS

CELLS = st.text(string.ascii_letters + 'äö中^/\\".-', min_size=1, max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.lists(CELLS, min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.tuples(*[CELLS] * len(columns)), max_size=4))
    return Table(tuple(columns), tuple(rows))


@given(tables())
def test_a_table_survives_being_written_and_read(table: Table) -> None:
    assert decode_table(encode_table(table)) == table


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON_VALUES, max_size=5))
def test_fields_survive_being_written_and_read(fields: dict[str, JSONValue]) -> None:
    assert list(decode_fields(encode_fields(fields)).items()) == list(fields.items())


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for decode in (decode_fields, decode_table, decode_text):
        try:
            result = decode(content)
        except TextError:
            continue
        assert isinstance(result, dict | Table | str)


@given(tables(), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_byte_order_marks_and_line_ends_make_no_difference(
    table: Table, end: str, mark: bytes
) -> None:
    content = mark + encode_table(table).replace(b"\n", end.encode())
    assert decode_table(content) == table


def test_empty_cells_are_not_available_and_empty_lines_are_no_rows() -> None:
    table = decode_table(b"onset\tvalue\n1\t\n\n \t2\n\n")
    assert table.rows == (("1", "n/a"), ("n/a", "2"))
    assert table.column("value") == ("n/a", "2")
    assert table.column("missing") == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"a\tb\n1\n",
        b"a\n1\t2\n",
        b"a\tb\ta\n1\t2\t3\n",
        b"a\ta \n1\t2\n",
        b"a\n\xff\n",
        "a\nb".encode("utf-16"),
    ],
    ids=[
        "nothing", "blank", "short row", "long row", "column twice", "column twice, padded",
        "not utf-8", "utf-16",
    ],
)  # fmt: skip
def test_tables_that_are_ambiguous_are_refused(content: bytes) -> None:
    with pytest.raises(TextError):
        decode_table(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"text"',
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"1" * 5000 + b"}",
    ],
    ids=[
        "nothing", "list", "string", "cut", "field twice", "inner field twice", "nan", "infinity",
        "too large a float", "lone surrogate", "lone surrogate in a name", "not utf-8", "utf-16",
        "deep", "very long integer",
    ],
)  # fmt: skip
def test_json_that_is_ambiguous_is_refused(content: bytes) -> None:
    with pytest.raises(TextError) as caught:
        decode_fields(content)
    assert len(str(caught.value)) < 100


def test_nesting_of_any_depth_is_read_or_refused() -> None:
    read = refused = 0
    for depth in range(100, 3000, 20):
        try:
            read += bool(decode_fields(b'{"a":' + b"[" * depth + b"]" * depth + b"}"))
        except TextError:
            refused += 1
    assert read > 0
    assert read + refused == len(range(100, 3000, 20))


def test_a_message_names_the_place_and_not_the_value() -> None:
    with pytest.raises(TextError) as caught:
        decode_fields(b'{"PatientName":\n"Doe^Jane",\n]')
    assert "line 3" in str(caught.value)
    assert "Doe" not in str(caught.value)


def test_a_file_too_large_for_metadata_is_refused() -> None:
    with pytest.raises(TextError, match="too large"):
        decode_text(bytes(MAX_BYTES + 1))


@given(WORDS)
def test_text_comes_without_its_byte_order_mark(text: str) -> None:
    assert decode_text(text.encode("utf-8-sig")) == text == decode_text(text.encode())
