"""What a reviewer rated down is done again, in another way.

Which ways of finding a face or a brain were rejected is on record in the private folder, by
image: it decides what is done, also in jobs that do not see the ratings.  A participant with an
image that was rated down is taken out of the output, and done like one that was never there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from bidsdeid.core.ratings import Rating, parse_ratings
from bidsdeid.errors import StoreError, UsageError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.store import DATASET_DESCRIPTION, Store
from bidsdeid.run.review import rows_on_record

#: Names of the table of ratings, and of what came of it, in the private folder.
RATINGS, REJECTED = "ratings.tsv", "rejected.json"

#: Ways that are not taken again, by the source path of an image.
Rejected = Mapping[str, Sequence[str]]


def read_rejected(private: PrivateFolder) -> Rejected:
    """Return the ways that are not taken again.

    Raises
    ------
    StoreError
        If their record is damaged.
    """
    text = private.read_text(REJECTED)
    try:
        raw = json.loads(text) if text else {}
        return {str(path): tuple(map(str, ways)) for path, ways in raw.items()}
    except (AttributeError, TypeError, ValueError) as error:
        message = f"{REJECTED} in the private folder is damaged: bring back a copy of it"
        raise StoreError(message) from error


def take_ratings(
    given: Path, private: PrivateFolder, store: Store, labels: Mapping[str, str]
) -> int:
    """Put ratings on record, and take out of the output whoever has an image rated down.

    Parameters
    ----------
    given : Path
        The table.
    private : PrivateFolder
    store : Store
        The output.
    labels : mapping of str to str
        Old labels of participants by new ones.

    Returns
    -------
    int
        How many images are done again.

    Raises
    ------
    UsageError
        If the table cannot be read, or an image of it is not in the release.
    """
    try:
        text = given.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = "--ratings cannot be read as text"
        raise UsageError(message) from error
    down = [rating for rating in parse_ratings(text) if rating.is_down]
    rejected = {path: list(ways) for path, ways in read_rejected(private).items()}
    again: dict[str, int] = {}
    for rating in down:
        label = PurePosixPath(rating.path).parts[0].removeprefix("sub-")
        if label not in labels:
            message = "--ratings: an image is of no participant of this dataset"
            raise UsageError(message)
        found = _method_of(private, labels[label], rating.path)
        if found is None or _is_stale(private, label, rating):
            continue
        source, method = found
        rejected.setdefault(source, []).append(method)
        again[label] = again.get(label, 0) + 1
    private.write_text(REJECTED, json.dumps(rejected, indent=1, sort_keys=True))
    private.write_text(RATINGS, text)
    for label in again:
        private.forget(labels[label])
    folders = [PurePosixPath(f"sub-{label}") for label in again]
    if folders:
        store.withdraw(
            [PurePosixPath(DATASET_DESCRIPTION), *folders], private.folder / "withdrawn"
        )
    return sum(again.values())


def _method_of(private: PrivateFolder, participant: str, path: str) -> tuple[str, str] | None:
    """Return source and way of a released image; None if it is not released (any more)."""
    ledger = private.read_ledger(participant)
    for outcome in ledger.outcomes if ledger is not None else ():
        if any(release.path == path for release in outcome.releases[:1]) and outcome.attempts:
            return outcome.source, outcome.attempts[-1].method
    return None


def _is_stale(private: PrivateFolder, label: str, rating: Rating) -> bool:
    """Tell whether an image was made anew since it was rated: then it was done again already."""
    rows = rows_on_record(private, [label])
    shown = {row.path: row.shown for row in rows}
    return bool(rating.shown) and rating.shown != shown.get(rating.path)


def was_rejected(words: str, rejected: Sequence[str]) -> bool:
    """Tell whether a way of finding something is not taken again.

    Examples
    --------
    >>> was_rejected("atlas", ["atlas, confirmed by niimath"]), was_rejected("niimath", ["atlas"])
    (True, False)
    """
    return any(way == words or way.startswith(f"{words}, ") for way in rejected)
