"""What is remembered of a participant while the others are done; the rest stays on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bidsdeid.core.ledger import Ledger, Status
from bidsdeid.core.tables import OUTSIDE


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger in short.

    Parameters
    ----------
    participant : str
        Label in the source, or ``""`` for the dataset's own files.
    label : str
        Under which the participant is released.
    fingerprint : str
        Of the ledger.
    released : bool
        Whether anything is.
    counts : mapping of Status to int
        How many source files ended how.
    failures : tuple of (str, str)
        Source path and reason of each file that is withheld because something went wrong.
    lost_dates : int
        How many dates were removed because the key does not move them.
    """

    participant: str
    label: str
    fingerprint: str
    released: bool
    counts: Mapping[Status, int]
    failures: tuple[tuple[str, str], ...]
    lost_dates: int

    @classmethod
    def of(cls, ledger: Ledger) -> Account:
        """Return a ledger in short."""
        outcomes = ledger.outcomes
        return cls(
            ledger.participant,
            ledger.label,
            ledger.fingerprint,
            any(outcome.releases for outcome in outcomes),
            Counter(outcome.status for outcome in outcomes),
            tuple((o.source, o.reason) for o in outcomes if o.status is Status.FAILURE),
            sum(change.why == OUTSIDE for o in outcomes for change in o.changes),
        )
