"""What the index shows of an image: little, so that hundreds are read in a moment.

Pictures and the volume that can be turned lie beside the index, in the folder of the participant,
and are loaded when they are looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import PurePosixPath
from statistics import median, quantiles
from typing import Any

from bidsdeid.core.bounds import Bound
from bidsdeid.core.triage import Triage
from bidsdeid.report.markup import picture_kind
from bidsdeid.report.numbers import bounds_of, mark
from bidsdeid.report.record import ImageRecord, ParticipantRecord

#: What may stand in the name of a file and in an address, as it is.
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)

#: Worst first.
ORDER = (Triage.FAIL, Triage.LOOK, Triage.PASS)

#: Hexadecimal digits of the digest of what is shown; as `bidsdeid.core.ratings` reads it.
_DIGITS = 16

_QUARTERS = 4


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One image in the index.

    Parameters
    ----------
    label : str
        Of the participant.
    path, status, reason, decision, finding, method
        See `bidsdeid.report.record.ImageRecord`.
    triage : Triage
    anchor : str
        Of the image on the participant's page; the names of its files begin with it.
    shown : str
        Digest of what is shown of it: a rating counts for as long as this stays the same.
    thumbnail : str
        Name of the picture in the participant's folder, or empty.
    turnable : bool
        There is a volume in the participant's folder.
    doubts : tuple of str
    numbers, together : mapping
        Of the image, and of all images of the participant.
    seen : mapping
        What a face detector saw, by view.
    """

    label: str
    path: str
    status: str
    reason: str
    decision: str
    finding: str
    method: str
    triage: Triage
    anchor: str
    shown: str
    thumbnail: str = ""
    turnable: bool = False
    doubts: tuple[str, ...] = ()
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    together: Mapping[str, float | None] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Return the folder of the participant beside the index, which is its page's name too."""
        return folder_of(self.label)

    @property
    def bounds(self) -> Mapping[str, Bound]:
        """Return where its numbers should lie."""
        return bounds_of(self.decision, self.status, self.finding)

    def mark(self, name: str) -> Triage:
        """Return what one of its numbers says by itself."""
        return mark(self.numbers.get(name), self.bounds.get(name))


def folder_of(label: str) -> str:
    """Return the name of a participant's folder and page.

    Examples
    --------
    >>> folder_of("01"), folder_of("../01")
    ('sub-01', 'sub--01')
    """
    return f"sub-{_UNSAFE.sub('-', label)}"


def anchors(images: Iterable[ImageRecord]) -> tuple[str, ...]:
    """Return the name of each image on its page: that of its file, or one that differs."""
    names: list[str] = []
    for image in images:
        stem = _UNSAFE.sub("-", PurePosixPath(image.path).name.partition(".")[0]) or "image"
        name, count = stem, 1
        while name in names:
            count += 1
            name = f"{stem}-{count}"
        names.append(name)
    return tuple(names)


def finite(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return numbers with None for what is none, as JSON has it."""
    return {
        name: float(value) if value is not None and isfinite(value) else None
        for name, value in numbers.items()
    }


def rows_of(record: ParticipantRecord) -> list[IndexRow]:
    """Return the rows of a participant.

    Raises
    ------
    ValueError
        If a thumbnail is no picture.
    """
    together = finite(record.together)
    return [
        IndexRow(
            label=record.label,
            path=image.path,
            status=str(image.status),
            reason=image.reason,
            decision=str(image.decision),
            finding=str(image.finding),
            method=image.method,
            triage=Triage(image.triage),
            anchor=anchor,
            shown=_digest(image, record.together),
            thumbnail=_thumbnail(image, anchor),
            turnable=bool(image.volume),
            doubts=tuple(image.doubts),
            numbers=finite(image.numbers),
            together=together,
            seen=dict(image.seen),
        )
        for image, anchor in zip(record.images, anchors(record.images), strict=True)
    ]


def _thumbnail(image: ImageRecord, anchor: str) -> str:
    picture = image.pictures.get("thumbnail")
    return f"{anchor}.{picture_kind(picture)}" if picture else ""


def _digest(image: ImageRecord, together: Mapping[str, float | None]) -> str:
    """Return a digest of all that is shown of an image."""
    told = json.dumps(
        {
            "status": [str(image.status), image.reason, str(image.decision), str(image.triage)],
            "found": [str(image.finding), image.method, *image.doubts],
            "numbers": finite(image.numbers),
            "together": finite(together),
            "pictures": {
                name: hashlib.sha256(picture).hexdigest()
                for name, picture in image.pictures.items()
            },
            "volume": hashlib.sha256(image.volume).hexdigest(),
        },
        sort_keys=True,
    )
    return hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()[:_DIGITS]


def to_json(rows: Iterable[IndexRow]) -> list[dict[str, Any]]:
    """Return rows as JSON values."""
    return [asdict(row) for row in rows]


def from_json(raw: Iterable[Mapping[str, Any]]) -> tuple[IndexRow, ...]:
    """Rebuild rows.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the values are not those of rows.
    """
    return tuple(
        IndexRow(
            **{
                **row,
                "triage": Triage(row["triage"]),
                "doubts": tuple(row["doubts"]),
                **{name: dict(row[name]) for name in ("numbers", "together", "seen")},
            }
        )
        for row in raw
    )


def worst_first(rows: Sequence[IndexRow]) -> list[IndexRow]:
    """Return rows in the order in which they need a person's eye.

    By triage; then those with more numbers outside of their bounds, and more doubts; then those
    that are least like the others: of the number that lies farthest from the dataset's median,
    the distance in units of the spread between the quartiles.
    """
    spreads = _spreads(rows)

    def need(row: IndexRow) -> tuple[int, int, int, float, str]:
        outside = sum(row.mark(name) is not Triage.PASS for name in row.numbers)
        strange = max(
            (
                abs(value - spreads[name][0]) / spreads[name][1]
                for name, value in row.numbers.items()
                if value is not None
            ),
            default=0.0,
        )
        return (ORDER.index(row.triage), -outside, -len(row.doubts), -strange, row.path)

    return sorted(rows, key=need)


def _spreads(rows: Iterable[IndexRow]) -> dict[str, tuple[float, float]]:
    """Return (median, spread) of each number; of one that hardly varies, its range is taken."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.numbers.items():
            if value is not None:
                values.setdefault(name, []).append(value)
    spreads = {}
    for name, known in values.items():
        low, _, high = quantiles(known, n=_QUARTERS) if len(known) > 1 else (known[0],) * 3
        spreads[name] = (median(known), (high - low) or (max(known) - min(known)) or inf)
    return spreads
