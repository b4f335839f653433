"""What is derived from a secret: new labels, and dates moved so that intervals stay.

Everything here depends on the secret and the participant's own label and on nothing else, so that
forty jobs, next year's release and the DICOM files of the same people agree without talking to
each other, and nobody without the secret can link them.

BIDS asks that dates be shifted rather than removed, into the year 1925 or earlier, by one number
of days per participant (common principles, "Describing dates and timestamps").  Some readers of
other modalities stop at the year 1902, so the window is 1902-1925.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

#: Where dates land.
FIRST_DAY = date(1902, 1, 1)
LAST_DAY = date(1925, 12, 31)

#: Each participant's shift is one of so many (two years); the rest of the window, 22 years, is
#: room for the dates of studies that begin in the secret's first year.
SHIFTS = 731
ROOM_YEARS = 22

#: First year of a secret that does not name one.
FIRST_YEAR = 2007

#: Bytes of a key made by this program, and the least of any.
KEY_BYTES = 32

#: Letters of a derived label: no vowels and no digits, so that it is never a word, a name, a date
#: or a number; one case, for file systems that do not tell cases apart.
LETTERS = "bcdfghjklmnpqrstvwxz"
LABEL_LENGTH = 10

_WITH_YEAR = re.compile(rb"(\d{4}):(.*)", re.DOTALL)


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
        day = day_of(text)
        moved = None if day is None else self.move(day)
        return None if moved is None else moved.isoformat() + text[len("YYYY-MM-DD") :]

    def move(self, day: date) -> date | None:
        """Move a day; None if it would leave the window."""
        try:
            moved = day + timedelta(days=self.days)
        except OverflowError:
            return None
        return moved if is_moved(moved) else None


def is_moved(day: date) -> bool:
    """Tell whether a day lies where moved dates do, and no scanner did."""
    return FIRST_DAY <= day <= LAST_DAY


@dataclass(frozen=True, slots=True)
class Secret:
    """What new labels and shifts are derived from.

    Parameters
    ----------
    key : bytes
        At least `KEY_BYTES`.
    first_year : int
        Dates from the first day of this year on, for 22 years, can be moved.
    """

    key: bytes
    first_year: int = FIRST_YEAR

    def digest(self, purpose: str, *words: str) -> bytes:
        """Return 32 bytes that only the secret tells (HMAC-SHA-256)."""
        message = "\0".join((purpose, *words)).encode()
        return hmac.new(self.key, message, hashlib.sha256).digest()

    def label(self, purpose: str, *words: str) -> str:
        """Return a label in the place of another.

        Examples
        --------
        >>> label = Secret(b"k" * 32).label("participant", "01")
        >>> len(label), set(label) <= set(LETTERS)
        (10, True)
        """
        number = int.from_bytes(self.digest(purpose, *words), "big")
        letters = []
        for _ in range(LABEL_LENGTH):
            number, index = divmod(number, len(LETTERS))
            letters.append(LETTERS[index])
        return "".join(letters)

    def uid(self, old: str) -> str:
        """Return a DICOM UID in the place of another (PS3.5, annex B.2: from a UUID).

        Examples
        --------
        >>> uid = Secret(b"k" * 32).uid("1.2.3.4")
        >>> uid.startswith("2.25."), len(uid) <= 64
        (True, True)
        """
        return f"2.25.{UUID(bytes=self.digest('uid', old)[:16], version=5).int}"

    def shift(self, participant: str) -> DateShift:
        """Return the shift of a participant, from the label in the source.

        Examples
        --------
        >>> shift = Secret(b"k" * 32).shift("01")
        >>> first, last = map(shift.apply, ["2019-03-04T08:00:00", "2020-03-04T08:00:00"])
        >>> "1902" <= first[:4] <= "1925", int(last[:4]) - int(first[:4])
        (True, 1)
        """
        extra = int.from_bytes(self.digest("date", participant)[:8], "big") % SHIFTS
        return DateShift((FIRST_DAY - date(self.first_year, 1, 1)).days + extra)


def read_secret(content: bytes) -> Secret | None:
    """Return the secret that a key file or variable holds, None if it is too short to be one.

    It may begin with the first year of the dates it moves, and a colon.

    Examples
    --------
    >>> read_secret(b"1998:" + b"k" * 32).first_year
    1998
    >>> read_secret(b"short") is None
    True
    """
    plain = content.strip()
    match = _WITH_YEAR.fullmatch(plain)
    key, year = (match[2].strip(), int(match[1])) if match else (plain, FIRST_YEAR)
    return Secret(key, year) if len(key) >= KEY_BYTES and year >= FIRST_DAY.year else None


def day_of(text: str) -> date | None:
    """Return the day of a full ISO date-time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.date() if text[:10] == moment.date().isoformat() and "T" in text else None
