"""What a reviewer rated down is done again, in another way.

Which ways of finding a face or a brain were rejected is on record in the private folder, by
image: it decides what is done, also in jobs that do not see the ratings.  A participant with an
image that was rated down is taken out of the output, and done like one that was never there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from bidsdeid.core.ratings import parse_ratings, ratings_tsv
from bidsdeid.errors import StoreError, UsageError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.store import DATASET_DESCRIPTION, Store
from bidsdeid.run.review import rows_on_record

#: Names of the table of ratings, and of what came of it, in the private folder.
RATINGS, REJECTED = "ratings.tsv", "rejected.json"

#: A table without ratings.
_NONE = "path\trating\n"

#: What tells of a release, which is none while something of it is done again.
PUBLISHED = ("code/bidsdeid",)

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
    known = {rating.path: rating for rating in parse_ratings(private.read_text(RATINGS) or _NONE)}
    rejected = {path: list(ways) for path, ways in read_rejected(private).items()}
    again: dict[str, int] = {}
    taken = dict(known)
    for rating in parse_ratings(text):
        label = PurePosixPath(rating.path).parts[0].removeprefix("sub-")
        if label not in labels:
            message = "--ratings: an image is of no participant of this dataset"
            raise UsageError(message)
        earlier = known.get(rating.path)
        if not rating.shown and earlier is not None and earlier.verdict is rating.verdict:
            continue  # given again: it is of what there was when it was given first
        now = _shown(private, label, rating.path)
        taken[rating.path] = replace(rating, shown=rating.shown or now)
        if not rating.is_down or (rating.shown and rating.shown != now):
            continue  # made anew since then: it was done again already
        source, method = _method_of(private, labels[label], rating.path)
        rejected.setdefault(source, []).append(method)
        again[label] = again.get(label, 0) + 1
    private.write_text(REJECTED, json.dumps(rejected, indent=1, sort_keys=True))
    private.write_text(RATINGS, ratings_tsv(taken.values()))
    for label in again:
        private.forget(labels[label])
    if again:
        names = [DATASET_DESCRIPTION, *PUBLISHED, *(f"sub-{label}" for label in again)]
        store.withdraw(list(map(PurePosixPath, names)), private.folder / "withdrawn")
    return sum(again.values())


def _method_of(private: PrivateFolder, participant: str, path: str) -> tuple[str, str]:
    """Return source and way of an image.

    Raises
    ------
    UsageError
        If there is no such image.
    """
    ledger = private.read_ledger(participant)
    for outcome in ledger.outcomes if ledger is not None else ():
        if any(release.path == path for release in outcome.releases[:1]):
            return outcome.source, outcome.attempts[-1].method if outcome.attempts else ""
    message = "--ratings: an image that is rated down is not in the release: see its path"
    raise UsageError(message)


def _shown(private: PrivateFolder, label: str, path: str) -> str:
    """Return the digest of what is shown of an image now; of none, one of the release."""
    rows = {row.path: row.shown for row in rows_on_record(private, [label])}
    return rows.get(path, "")
