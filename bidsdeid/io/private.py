"""The private folder: the key, and the ledger that names source files.

It is 0700 and its files 0600, and it lies neither in the input nor in the output.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bidsdeid.core.ledger import Ledger, from_json, to_json
from bidsdeid.core.pseudonym import KEY_BYTES
from bidsdeid.errors import StoreError, UsageError

#: Name of the ledger of files that belong to no participant.
DATASET = "dataset"

_PUBLISHED = "published.json"


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """Where everything goes that must not be shared."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder, or check that no one else can read it.

        Raises
        ------
        StoreError
            If it cannot be made.
        UsageError
            If others may read it.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.folder.stat().st_mode & 0o077:
                message = (
                    "the private folder can be read by others: `chmod 700` it, or name another "
                    "with --private-dir"
                )
                raise UsageError(message)
            (self.folder / "ledger").mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            message = (
                f"the private folder cannot be made ({error.strerror}): name one with "
                "--private-dir"
            )
            raise StoreError(message) from error

    def key(self, given: Path | None) -> bytes:
        """Return the secret that moves dates, made on first use.

        Raises
        ------
        UsageError
            If a key file that was named is missing or too short.
        """
        path = given or self.folder / "key"
        if given is None and not path.exists():
            self._create_once(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        try:
            key = path.read_bytes().strip()
        except OSError as error:
            message = f"the key file cannot be read: {error.strerror}"
            raise UsageError(message) from error
        if len(key) < KEY_BYTES:
            message = f"the key file holds fewer than {KEY_BYTES} bytes: it is not a secret"
            raise UsageError(message)
        return key

    def _create_once(self, path: Path, content: bytes) -> None:
        """Create a file that many jobs may want to create: one wins, all read the same."""
        own = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
        self._write(own, content)
        try:
            os.link(own, path)
        except FileExistsError:
            pass
        finally:
            own.unlink()

    def read_ledger(self, participant: str) -> Ledger | None:
        """Return what is recorded of a participant, or None."""
        path = self._ledger_path(participant)
        if not path.exists():
            return None
        try:
            return from_json(json.loads(path.read_bytes()))
        except (KeyError, TypeError, ValueError) as error:
            message = (
                f"{path.name} in the private folder is damaged: remove it and the "
                "participant's folder in the output, and run again"
            )
            raise StoreError(message) from error

    def write_ledger(self, ledger: Ledger) -> None:
        """Record what became of a participant's files, whole or not at all."""
        path = self._ledger_path(ledger.participant)
        own = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
        content = json.dumps(to_json(ledger), indent=1).encode()
        try:
            self._write(own, content)
            own.replace(path)
        except OSError as error:
            own.unlink(missing_ok=True)
            message = f"the private folder cannot be written: {error.strerror}"
            raise StoreError(message) from error

    def forget(self, participant: str) -> None:
        """Remove the record of a participant that was taken out of the output."""
        self._ledger_path(participant).unlink(missing_ok=True)

    def published_files(self) -> tuple[str, ...]:
        """Return the dataset-level files that a finishing step has put, or meant to put, out."""
        path = self.folder / _PUBLISHED
        return tuple(json.loads(path.read_bytes())) if path.exists() else ()

    def record_published(self, paths: Sequence[str]) -> None:
        """Record dataset-level files before they are published."""
        known = sorted({*self.published_files(), *paths})
        self.write_text(_PUBLISHED, json.dumps(known, indent=1))

    def write_text(self, name: str, text: str) -> None:
        """Write a report that names source files."""
        path = self.folder / name
        own = path.with_name(f".{name}-{secrets.token_hex(6)}")
        self._write(own, text.encode(errors="surrogateescape"))
        own.replace(path)

    def _ledger_path(self, participant: str) -> Path:
        name = f"sub-{participant}" if participant else DATASET
        return self.folder / "ledger" / f"{name}.json"

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
