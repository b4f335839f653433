"""What a whole dataset says about people, read once before anything is done.

It is read whole, also by a job that does one participant: the name of one may stand in the files
of another, and what is released must not depend on who was done together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from bidsdeid.core.entities import parse_name
from bidsdeid.core.harvest import Harvest, harvested_fields, harvested_table, identity_of
from bidsdeid.core.policy import Policy
from bidsdeid.core.pseudonym import FIRST_YEAR, ROOM_YEARS, day_of
from bidsdeid.core.scrub import NOT_AVAILABLE
from bidsdeid.core.tables import Table
from bidsdeid.core.text import decode_table, decode_text
from bidsdeid.core.values import objects
from bidsdeid.errors import FileProblem, TextError
from bidsdeid.io.store import DATASET_DESCRIPTION
from bidsdeid.io.tree import metadata_files, read_bytes

#: Metadata larger than this say nothing about people that smaller ones do not.
MAX_BYTES = 16 * 2**20

#: Tables whose dates are moved.
_DATED = frozenset({"scans", "sessions"})


@dataclass(slots=True)
class Gleanings:
    """What was found in the metadata of a dataset.

    Parameters
    ----------
    harvest : Harvest
        Words that identify.
    first_day, last_day : date or None
        The earliest and the latest date of a visit.
    """

    harvest: Harvest
    first_day: date | None = None
    last_day: date | None = None

    @property
    def first_year(self) -> int:
        """First year of a key that is made for this dataset.

        The latest date counts more than the earliest, which may be a placeholder such as 1900.
        """
        if self.first_day is None or self.last_day is None:
            return FIRST_YEAR
        return max(self.first_day.year, self.last_day.year - ROOM_YEARS + 1)

    def add(self, others: Gleanings) -> None:
        """Take in what was found elsewhere."""
        self.harvest.join(others.harvest)
        self.dated([others.first_day, others.last_day])

    def dated(self, days: Iterable[date | None]) -> None:
        """Take in dates of visits."""
        known = [day for day in (*days, self.first_day, self.last_day) if day is not None]
        self.first_day, self.last_day = min(known, default=None), max(known, default=None)

    def to_json(self) -> dict[str, Any]:
        """Return what was found as JSON values."""
        days = [
            None if day is None else day.isoformat() for day in (self.first_day, self.last_day)
        ]
        return {"words": self.harvest.to_json(), "days": days}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Gleanings:
        """Rebuild what was found.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the values are not those of `to_json`.
        """
        days = [None if day is None else date.fromisoformat(day) for day in raw["days"]]
        return cls(Harvest.from_json(raw["words"]), *days)


def glean(bids_dir: Path, policy: Policy, participants: Sequence[str] | None = None) -> Gleanings:
    """Read the sidecars and tables of a dataset.

    What cannot be read is passed over: it is not released either.

    Parameters
    ----------
    bids_dir : Path
    policy : Policy
        Tells which fields identify.
    participants : sequence of str, optional
        Labels; the folders of others are not looked into.
    """
    gleanings = Gleanings(Harvest())
    for path in metadata_files(bids_dir, participants):
        try:
            if (bids_dir / path).stat().st_size <= MAX_BYTES:
                _read(gleanings, path, read_bytes(bids_dir / path), policy)
        except (FileProblem, OSError, ValueError, RecursionError):
            continue
    return gleanings


def _text(content: bytes) -> str:
    """Return a text in whatever encoding: what is not released may name those who are."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return decode_text(content)
    except TextError:
        return content.decode("latin-1")


def _read(gleanings: Gleanings, path: PurePosixPath, content: bytes, policy: Policy) -> None:
    if path.name == DATASET_DESCRIPTION:
        return  # names researchers, and on purpose
    text = _text(content)
    if path.suffix == ".json":
        for fields in objects(json.loads(text)):
            gleanings.harvest.add(harvested_fields(fields, policy))
        return
    name = parse_name(path.name)
    suffix = path.stem if name is None else name.suffix
    header = text.partition("\n")[0].strip("\r").split("\t")
    if suffix in _DATED or any(identity_of(column, policy) for column in header):
        table = _table(text)
        gleanings.harvest.add(harvested_table(table, suffix, policy))
        if suffix in _DATED:
            gleanings.dated(map(day_of, table.column("acq_time")))


def _table(text: str) -> Table:
    """Return a table, also one whose rows are longer or shorter than its header.

    Raises
    ------
    TextError
        If it has no header, or two columns of one name.
    """
    lines = [line.split("\t") for line in text.splitlines() if line.strip()]
    width = max(map(len, lines), default=0)
    header = [*lines[0], *(f"(column {n})" for n in range(len(lines[0]), width))] if lines else []
    rows = [header, *([*line, *[NOT_AVAILABLE] * (width - len(line))] for line in lines[1:])]
    return decode_table("\n".join("\t".join(row) for row in rows).encode())
