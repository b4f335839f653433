"""The output: the only writer of it.

Rule 1: nothing is written to the output but what is `Verified`, byte for byte.
Rule 2: a participant appears whole, by one rename, or not at all.
Rule 3: what is there is never overwritten by a participant; dataset-level files are replaced one
        by one, each by a rename, the one that makes it a dataset last.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bidsdeid.core.audit import Verified
from bidsdeid.core.dataset import participant_of
from bidsdeid.core.ledger import Release
from bidsdeid.errors import StoreError

#: Folders on their way into the output; dot-folders are not part of a BIDS dataset.
INCOMING = ".bidsdeid-incoming-"

_TOP = PurePosixPath()

DATASET_DESCRIPTION = "dataset_description.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """A private folder in which files are made and audited before they leave.

    Parameters
    ----------
    folder : Path
        Below the work folder, for one participant and one attempt.
    """

    folder: Path

    def write(self, path: PurePosixPath, content: bytes) -> bytes:
        """Write a file and return what the disk now holds."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target.read_bytes()

    def read(self, path: PurePosixPath) -> bytes:
        """Return what the disk holds of a file."""
        return (self.folder / path).read_bytes()

    def remove(self, path: PurePosixPath) -> None:
        """Take a file back."""
        (self.folder / path).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Store:
    """The output folder.

    Parameters
    ----------
    output_dir : Path
        Made on first use.
    """

    output_dir: Path

    def has_participant(self, label: str) -> bool:
        """Tell whether a participant is published."""
        return (self.output_dir / f"sub-{label}").is_dir()

    def holds(self, folder: str, releases: Iterable[Release]) -> bool:
        """Tell whether a folder of the output has the files it was given, by name and size."""
        sizes = {release.path: release.size for release in releases}
        return {
            path.relative_to(self.output_dir).as_posix(): path.stat().st_size
            for path in (self.output_dir / folder).rglob("*")
            if not path.is_dir()
        } == sizes

    def intact(self, release: Release) -> bool:
        """Tell whether a file of the output has the bytes that were audited."""
        path = self.output_dir / release.path
        return path.is_file() and _sha256(path) == release.sha256

    def others(
        self,
        known: Container[str],
        below: PurePosixPath = _TOP,
        *,
        without: Container[str] = (),
    ) -> list[PurePosixPath]:
        """Return the files of the output, or of a folder of it, that are not `known`.

        The folders of participants whose labels are in `without` are left out.
        """
        if not self.output_dir.is_dir():
            return []
        others = []
        for entry in (self.output_dir / below).iterdir():
            folder = entry.is_dir() and not entry.is_symlink()
            owner = participant_of(PurePosixPath(entry.name, "_")) if below == _TOP else None
            if folder and owner is not None and owner in without:
                continue
            for path in entry.rglob("*") if folder else [entry]:
                if path.is_dir() and not path.is_symlink():
                    continue
                name = path.relative_to(self.output_dir).as_posix()
                if name not in known:
                    others.append(PurePosixPath(name))
        return sorted(others)

    def publish_participant(self, label: str, stage: Stage, items: Sequence[Verified]) -> None:
        """Make a participant's folder appear.

        Raises
        ------
        StoreError
            If it is there already or cannot be written.
        """
        folder = f"sub-{label}"
        target = self.output_dir / folder
        faster = f"{folder} is in the output already: another job was faster"
        if target.exists():
            raise StoreError(faster)
        incoming = self.output_dir / f"{INCOMING}{folder}-{uuid.uuid4().hex[:12]}"
        with _as_store_error():
            self._bring(stage, items, incoming)
            # With someone new in it the dataset is not finished until the next finishing step.
            (self.output_dir / DATASET_DESCRIPTION).unlink(missing_ok=True)
            try:
                os.rename(incoming / folder, target)  # noqa: PTH104 -- fails on a full target
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                raise StoreError(faster) from error
            finally:
                shutil.rmtree(incoming, ignore_errors=True)
            _sync(self.output_dir)

    def publish_dataset(self, stage: Stage, items: Sequence[Verified]) -> None:
        """Put dataset-level files in place, each by a rename, the description last."""
        incoming = self.output_dir / f"{INCOMING}dataset-{uuid.uuid4().hex[:12]}"
        with _as_store_error():
            self._bring(stage, items, incoming)
            try:
                for item in sorted(
                    items, key=lambda i: (i.path.name == DATASET_DESCRIPTION, i.path)
                ):
                    target = self.output_dir / item.path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    if target.is_file() and _sha256(target) == item.sha256:
                        continue
                    os.replace(incoming / item.path, target)  # noqa: PTH105 -- says what it does
            finally:
                shutil.rmtree(incoming, ignore_errors=True)
            _sync(self.output_dir)

    def withdraw(self, paths: Sequence[PurePosixPath], to: Path) -> None:
        """Move files or folders of the output out of it."""
        with _as_store_error():
            for path in paths:
                if (self.output_dir / path).exists():
                    (to / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    shutil.rmtree(to / path, ignore_errors=True)
                    shutil.move(self.output_dir / path, to / path)

    def clear_incoming(self) -> None:
        """Remove what killed processes left on the way."""
        if self.output_dir.is_dir():
            for leftover in self.output_dir.glob(f"{INCOMING}*"):
                shutil.rmtree(leftover, ignore_errors=True)

    def _bring(self, stage: Stage, items: Sequence[Verified], incoming: Path) -> None:
        """Copy audited bytes next to their place, and check that they are those."""
        for item in items:
            target = incoming / item.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(stage.folder / item.path, target)
            if _sha256(target) != item.sha256:
                message = "a file changed after its audit: nothing of it is published"
                raise StoreError(message)
            _sync(target)


class _as_store_error:  # noqa: N801 -- reads as a statement: `with _as_store_error():`
    """Turn the system's words into ours."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            message = f"the output cannot be written: {error.strerror or type(error).__name__}"
            raise StoreError(message) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Make a file, or the renames in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
