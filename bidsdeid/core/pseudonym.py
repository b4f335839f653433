"""Dates moved by a secret, so that intervals stay and the calendar goes.

BIDS asks that dates be shifted rather than removed, into the year 1925 or earlier, by one number
of days per participant (common principles, "Describing dates and timestamps").  Some readers of
other modalities stop at the year 1902, so the window is 1902-1925.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

#: A participant's first date lands within this many days of 1902-01-01 (five years) ...
FIRST_DAY = date(1902, 1, 1)
FIRST_DAY_RANGE = 1826
#: ... and the last one must not be later than this, which leaves 18 years for a study.
LAST_DAY = date(1925, 12, 31)

#: Bytes of a key made by this program.
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class DateShift:
    """One participant's shift.

    Parameters
    ----------
    days : int
        Added to every date.
    """

    days: int

    def apply(self, text: str) -> str | None:
        """Move an ISO date-time; None if it is not one or would leave the window.

        The time of day, its fraction and its zone stay as they are written.

        Examples
        --------
        >>> DateShift(-40000).apply("2019-03-04T10:11:12.5")
        '1909-08-28T10:11:12.5'
        >>> DateShift(-40000).apply("yesterday") is None
        True
        """
        day = _day(text)
        if day is None:
            return None
        try:
            moved = day + timedelta(days=self.days)
        except OverflowError:
            return None
        if not FIRST_DAY <= moved <= LAST_DAY:
            return None
        return moved.isoformat() + text[len("YYYY-MM-DD") :]


def date_shift(key: bytes, participant: str, dates: Iterable[str]) -> DateShift:
    """Derive a participant's shift from the key.

    Parameters
    ----------
    key : bytes
        The secret.  The same key and participant give the same first day, on any machine.
    participant : str
        Source label, without ``sub-``.
    dates : iterable of str
        All date-times known of the participant; what is no date is passed over.

    Returns
    -------
    DateShift
        Brings the earliest date to a day in 1902-1906 that only the key tells.

    Examples
    --------
    >>> shift = date_shift(b"secret", "01", ["2019-03-04T08:00:00", "2020-03-04T08:00:00"])
    >>> first, last = (shift.apply(d) for d in ["2019-03-04T08:00:00", "2020-03-04T08:00:00"])
    >>> "1902" <= first[:4] <= "1906", int(last[:4]) - int(first[:4])
    (True, 1)
    """
    digest = hmac.new(key, f"date\0{participant}".encode(), hashlib.sha256).digest()
    start = FIRST_DAY + timedelta(days=int.from_bytes(digest[:8], "big") % FIRST_DAY_RANGE)
    days = [day for day in map(_day, dates) if day is not None]
    return DateShift((start - min(days)).days if days else 0)


def _day(text: str) -> date | None:
    """Return the day of a full ISO date-time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.date() if text[:10] == moment.date().isoformat() and "T" in text else None
