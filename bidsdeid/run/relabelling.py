"""New labels of participants, as the user wants them, and the record of which stands for which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bidsdeid.config import IdentityOptions
from bidsdeid.core.labels import (
    Labels,
    Relabel,
    SourceLabels,
    keyed_labels,
    sequential_labels,
    table_labels,
)
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.text import decode_table
from bidsdeid.errors import TextError, UsageError
from bidsdeid.io.private import PrivateFolder


def new_labels(
    identity: IdentityOptions, source: SourceLabels, secret: Secret, private: PrivateFolder
) -> Labels:
    """Return new labels, and put their map on record.

    Raises
    ------
    UsageError
        If the user's table of them cannot be used.
    """
    mode = identity.relabel
    if mode is Relabel.KEEP:
        return Labels()
    if mode is Relabel.KEYED:
        labels = keyed_labels(source, secret)
    elif mode is Relabel.SEQUENTIAL:
        labels = sequential_labels(source, secret, private.read_labels(mode))
    else:
        labels = table_labels(source, _read_table(identity.table))
    if identity.sessions:
        private.record_labels(mode, labels)
        return labels
    # Numbers that sessions were given before stay on record for a release that uses them again.
    earlier = private.read_labels(mode).sessions
    private.record_labels(mode, replace(labels, sessions=earlier))
    kept = {(owner, label): label for owner, owned in source.items() for label in owned}
    return replace(labels, sessions=kept)


def _read_table(path: Path | None) -> tuple[Mapping[str, str], ...]:
    """Read the user's table of labels.

    Raises
    ------
    UsageError
        If it cannot be read, or has not the columns.
    """
    try:
        table = decode_table(b"" if path is None else path.read_bytes())
    except OSError as error:
        message = (
            "--relabel takes keep, sequential, keyed or a TSV file, and there is no such file: "
            f"{error.strerror}"
        )
        raise UsageError(message) from error
    except TextError as error:
        message = f"--relabel: {error}"
        raise UsageError(message) from error
    if not {"participant_id", "new_participant_id"} <= set(table.columns):
        message = "--relabel: the table needs columns participant_id and new_participant_id"
        raise UsageError(message)
    return tuple(dict(zip(table.columns, row, strict=True)) for row in table.rows)
