"""What is on record of the participants that are done, read one by one.

A finishing step of ten thousand participants needs no more memory than one of ten.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from functools import cached_property
from pathlib import PurePosixPath

from bidsdeid.core.account import Account
from bidsdeid.core.dataset import SESSION_FOLDER, participant_of
from bidsdeid.core.ledger import Ledger
from bidsdeid.errors import StoreError
from bidsdeid.io.private import PrivateFolder


class Records:
    """The ledgers of participants.

    Parameters
    ----------
    private : PrivateFolder
        Where they are.
    accounts : sequence of Account
        Of those that are done.
    """

    def __init__(self, private: PrivateFolder, accounts: Sequence[Account]) -> None:
        self._private = private
        self._accounts = {account.participant: account for account in accounts}
        self._last: Ledger | None = None

    def __iter__(self) -> Iterator[Ledger]:
        """Yield each ledger, of whom something is released and of whom nothing is.

        Raises
        ------
        StoreError
            If one is not what it was when its participant was done.
        """
        return map(self._read, self._accounts.values())

    def of(self, participant: str) -> Ledger | None:
        """Return the ledger of a participant, None of one that is not among those done.

        Raises
        ------
        StoreError
            If it is not what it was when the participant was done.
        """
        account = self._accounts.get(participant)
        if account is None:
            return None
        if self._last is None or self._last.participant != participant:
            self._last = self._read(account)
        return self._last

    def _read(self, account: Account) -> Ledger:
        ledger = self._private.read_ledger(account.participant)
        if ledger is None or ledger.fingerprint != account.fingerprint:
            message = (
                "what is on record of a participant changed while the dataset was being "
                "finished: run the level `group` when no other job is at work"
            )
            raise StoreError(message)
        return ledger

    @property
    def everyone(self) -> tuple[str, ...]:
        """New labels of all that are done, also of whom nothing is released."""
        return tuple(account.label for account in self._accounts.values())

    @cached_property
    def labels(self) -> dict[str, str]:
        """New labels of whom something is released, each with the old one."""
        released = (account for account in self._accounts.values() if account.released)
        return {account.label: account.participant for account in released}

    @cached_property
    def people(self) -> dict[str, frozenset[str]]:
        """Old labels of whom something is released, with those of their sessions."""
        return {
            ledger.participant: frozenset(
                match[1]
                for outcome in ledger.outcomes
                if outcome.releases
                for part in PurePosixPath(outcome.source).parts[1:2]
                if (match := SESSION_FOLDER.fullmatch(part))
            )
            for ledger in self
            if ledger.releases
        }


class ReleasedFiles(MutableMapping[PurePosixPath, PurePosixPath]):
    """Source path → released path: of the dataset's own files, and of all participants.

    Parameters
    ----------
    records : Records
        Of the participants; their files cannot be changed.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._own: dict[PurePosixPath, PurePosixPath] = {}

    def __getitem__(self, path: PurePosixPath) -> PurePosixPath:
        owner = participant_of(path)
        ledger = None if owner is None else self._records.of(owner)
        if ledger is None:
            return self._own[path]
        return dict(_released(ledger))[path]

    def __setitem__(self, path: PurePosixPath, target: PurePosixPath) -> None:
        self._own[path] = target

    def __delitem__(self, path: PurePosixPath) -> None:
        del self._own[path]

    def __iter__(self) -> Iterator[PurePosixPath]:
        yield from self._own
        for ledger in self._records:
            for path, _ in _released(ledger):
                yield path

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _released(ledger: Ledger) -> Iterator[tuple[PurePosixPath, PurePosixPath]]:
    for outcome in ledger.outcomes:
        if outcome.releases:
            yield PurePosixPath(outcome.source), PurePosixPath(outcome.releases[0].path)
