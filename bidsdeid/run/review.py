"""What lies among the reports when a dataset is finished: rows of the index, public pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from bidsdeid.core.ledger import Outcome
from bidsdeid.errors import StoreError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.report.index import index_files
from bidsdeid.report.row import IndexRow, folder_of, from_json

#: Folder of these among the reports.
RELEASED = "released"

#: Pictures that may be public, by the word that ends their names.
PUBLIC = {"mosaic": "mosaic_after", "front": "front_after"}


def picture_place(path: str, word: str) -> str:
    """Return where a picture of a released image lies, below a folder of pictures.

    Examples
    --------
    >>> picture_place("sub-01/anat/sub-01_desc-defaced_T1w.nii.gz", "front")
    'sub-01/anat/sub-01_desc-defaced_T1w_front.jpg'
    """
    return f"{path.removesuffix('.gz').removesuffix('.nii')}_{word}.jpg"


def public_pictures(
    private: PrivateFolder, outcomes: Sequence[Outcome]
) -> Iterator[tuple[str, bytes]]:
    """Yield (place, content) of the pictures of images as they are released now."""
    for outcome in outcomes:
        for word, digest in outcome.pictures.items():
            place = picture_place(outcome.releases[0].path, word)
            content = private.read_report(f"{RELEASED}/{place}")
            # What lies there may be of an image that was released before.
            if content is not None and hashlib.sha256(content).hexdigest() == digest:
                yield place, content


def rows_on_record(private: PrivateFolder, labels: Sequence[str]) -> tuple[IndexRow, ...]:
    """Return what the index shows of some participants; of some, nothing may be on record.

    Raises
    ------
    StoreError
        If something is, and is damaged.
    """
    rows: list[IndexRow] = []
    for label in labels:
        content = private.read_report(f"{folder_of(label)}/rows.json")
        try:
            rows += from_json(json.loads(content)) if content is not None else ()
        except (KeyError, TypeError, ValueError) as error:
            message = "a report in the private folder is damaged: remove the folder `reports`"
            raise StoreError(message) from error
    return tuple(rows)


def write_index(private: PrivateFolder, rows: Sequence[IndexRow]) -> None:
    """Write the index of all images."""
    for path, content in index_files(rows):
        private.write_report(path, content)
