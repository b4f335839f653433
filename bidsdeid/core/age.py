"""How old somebody was, or why that is not known.

An age counts from the day a birth was due, where the tables let it: a head grows by that clock
(AAP 2004, doi:10.1542/peds.2004-1915), so a child born early can have a negative age.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

#: Below this an age at one session does not hold for another.
CHILD_MONTHS = 72.0


@dataclass(frozen=True, slots=True)
class Age:
    """How old somebody was.

    Parameters
    ----------
    months : float
        Of 30.4375 days, since birth, or since the day it was due: then
        ``(post-menstrual weeks - 40) * 7 / 30.4375``, below 0 before that day.
    source : str
        What says so, such as ``sessions.tsv age``.
    """

    months: float
    source: str

    @property
    def child(self) -> bool:
        """Whether one age does not hold for all sessions of a study."""
        return self.months < CHILD_MONTHS


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why there is no age although something is said about it.

    Parameters
    ----------
    reason : str
        One sentence: what is wrong and what to do; never a value.
    """

    reason: str


#: What tables say of an age; None if nothing.
Finding: TypeAlias = "Age | Unclear | None"
