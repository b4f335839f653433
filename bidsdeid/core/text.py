"""JSON and TSV: bytes ↔ values, strict about what is ambiguous, stable in what is written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import Any

from bidsdeid.core.scrub import NOT_AVAILABLE
from bidsdeid.core.tables import Table
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import TextError

#: Metadata larger than this are something else.
MAX_BYTES = 64 * 2**20

#: Deeper than any metadata are nested.
MAX_DEPTH = 128


def decode_text(content: bytes) -> str:
    """Return UTF-8 text, without a byte-order mark.

    Raises
    ------
    TextError
        If it is not UTF-8 or too large.
    """
    if len(content) > MAX_BYTES:
        message = "the file is too large to be metadata"
        raise TextError(message)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start})"
        raise TextError(message) from error


def decode_json(content: bytes) -> JSONValue:
    """Return what a JSON file holds, be it an object or not.

    Raises
    ------
    TextError
        If it is not JSON, is nested deeper than metadata are, or names a field twice (readers
        differ on which counts).

    Examples
    --------
    >>> decode_json(b'[{"EchoTime": 0.03}, NaN]')
    [{'EchoTime': 0.03}, nan]
    """
    try:
        value: JSONValue = json.loads(decode_text(content), object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        message = f"the file is not JSON (line {error.lineno})"
        raise TextError(message) from error
    except (RecursionError, ValueError) as error:
        message = "the JSON is nested too deeply or holds numbers that are too long"
        raise TextError(message) from error
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        message = "the JSON is nested too deeply"
        raise TextError(message)
    return value


def decode_fields(content: bytes) -> dict[str, JSONValue]:
    """Return the object a JSON file holds.

    Raises
    ------
    TextError
        If it is not JSON, not an object, names a field twice, or holds what JSON cannot write.

    Examples
    --------
    >>> decode_fields(b'{"EchoTime": 0.03}')
    {'EchoTime': 0.03}
    """
    fields = decode_json(content)
    if not isinstance(fields, dict):
        message = "the JSON is not an object with fields"
        raise TextError(message)
    try:
        encode_fields(fields)
    except ValueError as error:
        message = "the JSON holds numbers or characters that JSON cannot write"
        raise TextError(message) from error
    return fields


def encode_fields(fields: dict[str, JSONValue]) -> bytes:
    """Return an object as JSON, fields in their order."""
    text = json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def decode_table(content: bytes) -> Table:
    r"""Return the table a TSV file holds; empty cells are ``n/a``.

    Raises
    ------
    TextError
        If it has no header, a column twice, or a row with more or fewer cells than columns.

    Examples
    --------
    >>> decode_table(b"onset\tduration\n1.0\t2.0\n").rows
    (('1.0', '2.0'),)
    """
    text = decode_text(content).replace("\r\n", "\n").replace("\r", "\n")
    lines = (
        [cell.strip() for cell in line.split("\t")] for line in text.split("\n") if line.strip()
    )
    header = next(lines, None)
    if header is None:
        message = "the table is empty"
        raise TextError(message)
    if len(set(header)) < len(header):
        message = "the table has two columns of one name"
        raise TextError(message)
    once: dict[str, str] = {}  # most cells of a large table say what others say
    rows: list[tuple[str, ...]] = []
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            message = f"row {number} of the table has not as many cells as the header"
            raise TextError(message)
        rows.append(
            tuple(once.setdefault(cell, cell) for cell in (x or NOT_AVAILABLE for x in line))
        )
    return Table(tuple(header), tuple(rows))


def decode_csv(content: bytes, mark: str = "") -> Table:
    r"""Return the table that a CSV file holds, as spreadsheets write them.

    Cells may be missing or too many, and columns may share a name or have none.

    Parameters
    ----------
    content : bytes
    mark : str
        What stands between cells; by default the comma, semicolon or tab that the header has.

    Raises
    ------
    TextError
        If it is no CSV at all.

    Examples
    --------
    >>> table = decode_csv(b'name;name\n"Doe; Jane"\n1;2;3\n')
    >>> table.columns
    ('name', 'name (2)', '(3)')
    >>> table.rows
    (('Doe; Jane', 'n/a', 'n/a'), ('1', '2', '3'))
    """
    text = decode_text(content).replace("\r\n", "\n").replace("\r", "\n")
    between = mark or max(",;\t", key=text.partition("\n")[0].count)
    try:
        header, *rows = csv.reader(text.split("\n"), delimiter=between)
    except (csv.Error, ValueError) as error:
        message = "the file is not CSV"
        raise TextError(message) from error
    width = max(map(len, (header, *rows)))
    names: dict[str, None] = {}
    for number, name in enumerate([*header, *[""] * (width - len(header))], start=1):
        plain = name.strip()
        names[f"{plain} ({number})".strip() if plain in names or not plain else plain] = None
    filled = ([cell.strip() or NOT_AVAILABLE for cell in row] for row in rows if row)
    return Table(
        tuple(names), tuple((*row, *[NOT_AVAILABLE] * (width - len(row))) for row in filled)
    )


def decode_rows(content: bytes, columns: int) -> list[list[str]]:
    r"""Return the rows of a table without header.

    Raises
    ------
    TextError
        If a row has not `columns` cells.

    Examples
    --------
    >>> decode_rows(b"0.1\t0\n0.2\t1\n", 2)
    [['0.1', '0'], ['0.2', '1']]
    """
    text = content.decode("ascii", "replace").replace("\r\n", "\n")
    rows = [line.split("\t") for line in text.split("\n") if line.strip()]
    if not all(len(row) == columns for row in rows):
        message = "a row of the recording has not as many cells as there are columns"
        raise TextError(message)
    return rows


def encode_table(table: Table) -> bytes:
    """Return a table as TSV."""
    return "".join("\t".join(row) + "\n" for row in (table.columns, *table.rows)).encode()


def _inside(value: JSONValue) -> Iterable[JSONValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        message = "the JSON names a field twice"
        raise TextError(message)
    return fields
