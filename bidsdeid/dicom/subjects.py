"""DICAT's list of studies: which folder becomes which participant.

DICAT's manual writes the cells in single quotes, which DICAT itself takes for part of the path,
so that it finds nothing and calls that a success.  Here the rows are read as they are meant, and
all of them are checked before the first file is touched.

Paths and birth dates identify people: a mistake names the line it is on and never quotes it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

#: A list of studies larger than this is something else.
MAX_BYTES = 2**20

#: The first row may say so.
COLUMNS = ("DCM_DIR", "Pname", "DOB", "Sex")

#: Folder and name; the others may be missing.
LEAST_COLUMNS = 2

SEXES = frozenset("MFO")

_LINE_END = re.compile(r"\r\n|\r|\n")

#: A cell and the comma after it.  Within quotes a comma is text, and so is the quote itself where
#: it is doubled or has a backslash before it; but `\'` at the end of a cell ends a Windows path.
_CELL = re.compile(
    r"""\s*+
    (?: (?P<quote>['"])
        (?P<inside>(?:(?!(?P=quote)|\\).|(?P=quote){2}|\\(?P=quote)(?!\s*+(?:,|\Z))|\\)*+)
        (?P=quote)\s*+
      | (?P<plain>(?!['"])[^,]*+)
    )
    (?P<end>,|\Z)""",
    re.VERBOSE | re.DOTALL,
)

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")

#: What this program appends to a name, to call its output.
_TAKEN = re.compile(r"_deidentified(_partial)?\Z", re.IGNORECASE)

_DATE = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Subject:
    """A study, and whose it becomes.

    Parameters
    ----------
    folder : Path
        Absolute, as the list names it: symbolic links are not resolved.
    name : str
        The new name of the patient, which is the participant's ID.
    birth_date : str
        `YYYYMMDD`, or empty.
    sex : str
        `M`, `F`, `O`, or empty.
    line : int
        Where the list says so.
    """

    folder: Path
    name: str
    birth_date: str = ""
    sex: str = ""
    line: int = 0


class Row(NamedTuple):
    """The cells of a row as they are written, without quotes."""

    line: int
    folder: str
    name: str
    birth_date: str = ""
    sex: str = ""


class Mistake(NamedTuple):
    """What is wrong with a line."""

    line: int
    what: str


def read_subjects(path: Path) -> tuple[tuple[Subject, ...], tuple[str, ...]]:
    """Return the studies of a list, or what is wrong with it.

    Parameters
    ----------
    path : Path
        Comma-separated; relative folders in it are relative to its own.

    Returns
    -------
    tuple of Subject
        None if there is any mistake, so that half a list is never carried out.
    tuple of str
        One sentence for each mistake; all of them, so that the list is mended in one go.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not one"
        return (), (f"the list of studies cannot be read ({reason})",)
    if len(content) > MAX_BYTES:
        return (), ("the list of studies is larger than 1 MB: it is something else",)
    text = decode(content)
    if "\0" in text:
        return (), ("the list of studies is not plain text: save it as CSV in UTF-8",)
    rows, mistakes = parse_rows(text)
    if not rows and not mistakes:
        return (), ("the list of studies has no rows",)
    mistakes += check_rows(rows, datetime.now().astimezone().date())
    folders = {row.line: _absolute(row.folder, path.absolute().parent) for row in rows}
    mistakes += check_folders({line: folder for line, folder in folders.items() if folder})
    if mistakes:
        ordered = sorted(mistakes, key=lambda mistake: mistake.line)
        return (), tuple(f"line {mistake.line}: {mistake.what}" for mistake in ordered)
    subjects = (
        Subject(folder, row.name, row.birth_date.replace("-", ""), row.sex.upper(), row.line)
        for row in rows
        if (folder := folders[row.line])
    )
    return tuple(subjects), ()


# ── what the list says ───────────────────────────────────────────────────────────────────────


def decode(content: bytes) -> str:
    """Return the text of a list: UTF-8, or what older spreadsheets write."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse_rows(text: str) -> tuple[list[Row], list[Mistake]]:
    r"""Return the rows of a list, without its header and its empty lines.

    Examples
    --------
    >>> parse_rows("DCM_DIR,Pname\n'/data/a, b/', sub1\n")[0]
    [Row(line=2, folder='/data/a, b/', name='sub1', birth_date='', sex='')]
    """
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    first = True
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.replace(",", "").strip():
            continue
        cells = split_cells(line)
        if cells is None:
            mistakes.append(Mistake(number, "a quote is not closed, or text follows it"))
        elif first and _is_header(cells):
            pass
        elif not LEAST_COLUMNS <= len(cells) <= len(COLUMNS):
            what = (
                f"there are {len(cells)} column(s), not 2 to 4 ({','.join(COLUMNS)}): put commas "
                "between them, and quotes around a cell that holds one"
            )
            mistakes.append(Mistake(number, what))
        else:
            folder, *others = cells
            rows.append(Row(number, folder, *(cell.strip() for cell in others)))
        first = False
    return rows, mistakes


def split_cells(line: str) -> list[str] | None:
    r"""Return the cells of a line, None if its quotes are wrong.

    Empty cells beyond the fourth, which spreadsheets append, are left out.

    Examples
    --------
    >>> split_cells("'a, b' ,\"it's\", plain ,")
    ['a, b', "it's", 'plain', '']
    >>> split_cells("'it''s','it\\'s'")
    ["it's", "it's"]
    >>> split_cells("'a") is None
    True
    """
    cells: list[str] = []
    position, more = 0, True
    while more:
        match = _CELL.match(line, position)
        if match is None:
            return None
        position, more = match.end(), bool(match["end"])
        quote = match["quote"]
        if quote:
            cells.append(re.sub(rf"\\{quote}|{quote}{quote}", quote, match["inside"]))
        else:
            cells.append(match["plain"].strip())
    while len(cells) > len(COLUMNS) and not cells[-1]:
        cells.pop()
    return cells


def _is_header(cells: list[str]) -> bool:
    names = [cell.strip().casefold() for cell in cells]
    return names == [column.casefold() for column in COLUMNS[: max(len(names), LEAST_COLUMNS)]]


def check_rows(rows: Iterable[Row], today: date) -> list[Mistake]:
    """Return what is wrong with names, dates and sexes, and where a folder is not given."""
    mistakes: list[Mistake] = []
    names: dict[str, int] = {}
    for row in rows:
        found: list[str] = []
        if not row.folder.strip():
            found.append("the folder is empty")
        if not _NAME.fullmatch(row.name):
            found.append("the new name is none: 1 to 64 of A-Z a-z 0-9 . _ - and no dot first")
        elif _TAKEN.search(row.name):
            found.append("the new name ends as the names of the output do: choose another")
        elif (other := names.setdefault(row.name.casefold(), row.line)) != row.line:
            found.append(f"the new name is that of line {other} (upper and lower case are one)")
        if row.birth_date and not _is_past(row.birth_date, today):
            found.append("the birth date is none, or in the future: YYYY-MM-DD, or leave it empty")
        if row.sex and row.sex.upper() not in SEXES:
            found.append("the sex is none of M, F and O: leave it empty if it is another")
        mistakes += [Mistake(row.line, what) for what in found]
    return mistakes


def _is_past(text: str, today: date) -> bool:
    match = _DATE.fullmatch(text)
    try:
        return match is not None and date(int(match[1]), int(match[3]), int(match[4])) <= today
    except ValueError:
        return False


# ── what the disk says ───────────────────────────────────────────────────────────────────────


def _absolute(cell: str, base: Path) -> Path | None:
    r"""Return the folder a cell names, None if it names none; `\ ` is a blank in a shell."""
    if not cell.strip():
        return None
    folder = Path(cell.replace("\\ ", " "))
    try:
        return base / folder.expanduser()
    except RuntimeError:  # `~someone` who is not there: the folder is not, either
        return base / folder


def check_folders(folders: dict[int, Path]) -> list[Mistake]:
    """Return what is wrong with the folders of each line.

    Two studies that share files would put one person's files under another's name.
    """
    mistakes: list[Mistake] = []
    real: dict[int, Path] = {}
    lines: dict[Path, int] = {}
    for line, folder in folders.items():
        if trouble := _trouble(folder):
            mistakes.append(Mistake(line, trouble))
            continue
        real[line] = folder.resolve()
        other = lines.setdefault(real[line], line)
        if other != line:
            mistakes.append(Mistake(line, f"the folder is that of line {other}"))
    for line, folder in real.items():
        around = next((lines[outer] for outer in folder.parents if outer in lines), None)
        if around is not None:
            mistakes.append(Mistake(line, f"the folder lies inside that of line {around}"))
    return mistakes


def _trouble(folder: Path) -> str:
    """Return why a folder cannot be used, nothing if it can."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except FileNotFoundError:
        return "the folder does not exist"
    except NotADirectoryError:
        return "what should be the folder is none"
    except (OSError, ValueError):
        return "the folder cannot be read"
    return "" if os.access(folder, os.R_OK | os.X_OK) else "the folder cannot be read"
