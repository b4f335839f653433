"""The private folder: the key, the map of labels, and the ledger that names source files.

It is 0700 and its files 0600, and it lies neither in the input nor in the output.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bidsdeid.core.labels import Labels, Relabel
from bidsdeid.core.ledger import Ledger, from_json, to_json
from bidsdeid.core.pseudonym import FIRST_DAY, KEY_BYTES, Secret, read_secret
from bidsdeid.core.text import decode_table
from bidsdeid.errors import StoreError, TextError, ToolError, UsageError

#: Name of the ledger of files that belong to no participant.
DATASET = "dataset"

#: Folder of pages and pictures to look at.
REPORTS = "reports"

_PUBLISHED = "published.json"

#: Holds the secret where no file can: in containers and jobs.
KEY_VARIABLE = "BIDSDEID_KEY"

_COLUMNS = ("participant_id", "session_id", "new_participant_id", "new_session_id")


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """Where everything goes that must not be shared."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder.

        Raises
        ------
        StoreError
            If it cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / "ledger").mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            message = (
                f"the private folder cannot be made ({error.strerror}): name one with "
                "--private-dir"
            )
            raise StoreError(message) from error

    def exposed(self, key: Path | None = None) -> tuple[str, ...]:
        """Return what other users of the machine can read and should not, in words."""
        places = {"the private folder": self.folder, "the key file": key or self.folder / "key"}
        return tuple(
            what
            for what, path in places.items()
            if path.exists() and path.stat().st_mode & (0o077 if path.is_dir() else 0o044)
        )

    def secret(self, given: Path | None, first_year: int, *, lasting: bool) -> Secret:
        """Return the secret: from the file named, the environment, or this folder.

        Parameters
        ----------
        given : Path or None
            File the user named; one that lies in this folder is made on first use.
        first_year : int
            Of the dataset's dates, for a key that is made.
        lasting : bool
            Whether a key that is made here will be here the next time, as far as is known.

        Raises
        ------
        UsageError
            If a key that was named is missing or too short, or one would be made that is lost.
        """
        content = os.environb.get(KEY_VARIABLE.encode(), b"") if given is None else b""
        if not content:
            content = self._key_file(given or self.folder / "key", first_year, lasting=lasting)
        secret = read_secret(content)
        if secret is None:
            message = f"the key holds fewer than {KEY_BYTES} bytes: it is not a secret"
            raise UsageError(message)
        return secret

    def _key_file(self, path: Path, first_year: int, *, lasting: bool) -> bytes:
        inside = path.resolve().is_relative_to(self.folder.resolve())
        if inside and not path.exists() and not lasting:
            message = (
                "--relabel keyed needs a key that stays: name the private folder with "
                f"--private-dir, or a key with --key, or set ${KEY_VARIABLE}"
            )
            raise UsageError(message)
        year = max(first_year, FIRST_DAY.year)  # no key moves what is earlier
        try:
            if inside and not path.exists():
                made = f"{year}:{secrets.token_hex(KEY_BYTES)}\n"
                self._create_once(path, made.encode())
            return path.read_bytes()
        except OSError as error:
            message = f"the key file cannot be read: {error.strerror}"
            raise UsageError(message) from error

    def read_labels(self, mode: Relabel) -> Labels:
        """Return the labels that earlier runs gave.

        Raises
        ------
        StoreError
            If their map is damaged.
        """
        path = self._labels_path(mode)
        if not path.exists():
            return Labels()
        damaged = f"{path.name} in the private folder is damaged: bring back a copy of it"
        try:
            table = decode_table(path.read_bytes())
        except TextError as error:
            raise StoreError(damaged) from error
        if table.columns != _COLUMNS:
            raise StoreError(damaged)
        sessions = {(row[0], row[1]): row[3] for row in table.rows if row[1] != "n/a"}
        return Labels({row[0]: row[2] for row in table.rows}, sessions)

    def record_labels(self, mode: Relabel, labels: Labels) -> None:
        """Record which label stands for which, for the owner of the data."""
        by_person: Mapping[str, list[tuple[str, str]]] = {x: [] for x in labels.participants}
        for (owner, old), new in labels.sessions.items():
            by_person[owner].append((old, new))
        rows = [
            (owner, old, labels.participants[owner], new)
            for owner, sessions in sorted(by_person.items())
            for old, new in sorted(sessions) or [("n/a", "n/a")]
        ]
        text = "".join("\t".join(row) + "\n" for row in (_COLUMNS, *rows))
        path = self._labels_path(mode)
        if not path.exists() or path.read_text("utf-8") != text:
            self.write_text(path.name, text)

    def _labels_path(self, mode: Relabel) -> Path:
        return self.folder / f"labels-{mode}.tsv"

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
                "the record of a participant in the private folder is damaged: remove it and "
                "the participant's folder in the output, and run again"
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
        self._put(self.folder / name, text.encode(errors="surrogateescape"))

    def read_text(self, name: str) -> str | None:
        """Return a text that lies in the folder, None if there is none.

        Raises
        ------
        StoreError
            If it is no text.
        """
        path = self.folder / name
        try:
            return path.read_text("utf-8") if path.is_file() else None
        except (OSError, UnicodeDecodeError) as error:
            message = f"{name} in the private folder cannot be read as text"
            raise StoreError(message) from error

    def write_report(self, name: str, content: bytes) -> None:
        """Write a file of the report, which shows faces.

        Parameters
        ----------
        name : str
            Below the folder ``reports``, with ``/`` between its parts.
        content : bytes
        """
        path = self.folder / REPORTS / name
        for folder in (*reversed(PurePosixPath(name).parents),):
            (self.folder / REPORTS / folder).mkdir(exist_ok=True, mode=0o700)
        self._put(path, content)

    def remove_report(self, name: str) -> None:
        """Remove the page of a participant and the folder of that name."""
        (self.folder / REPORTS / f"{name}.html").unlink(missing_ok=True)
        shutil.rmtree(self.folder / REPORTS / name, ignore_errors=True)

    def read_report(self, name: str) -> bytes | None:
        """Return a file of the report, None if there is none."""
        path = self.folder / REPORTS / name
        return path.read_bytes() if path.is_file() else None

    def record_bug(self, name: str, error: BaseException) -> ToolError:
        """Write a traceback, which may hold names, where only the user reads it.

        Returns
        -------
        ToolError
            What to tell of it.
        """
        where = "please report how it came about"
        if self.folder.is_dir():
            self.write_text(name, "".join(traceback.format_exception(error)))
            where = f"please report it; {name} in the private folder tells where it is"
        return ToolError(f"a bug ({type(error).__name__}): {where}")

    def _ledger_path(self, participant: str) -> Path:
        name = f"sub-{participant}" if participant else DATASET
        return self.folder / "ledger" / f"{name}.json"

    def _put(self, path: Path, content: bytes) -> None:
        """Write a file, whole or not at all."""
        own = path.with_name(f".{secrets.token_hex(8)}")  # its name may be as long as names may be
        self._write(own, content)
        own.replace(path)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
