"""What readers hand to detectors: the strings of a file, where they were found, and what was not.

A reader returns a `Reading`: all the pieces it found, and a sentence about what it did not look
into.  A file of which nothing could be read raises a `bidsdeid.errors.FileProblem` instead.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """One string of a file.

    Parameters
    ----------
    where : str
        Place in the file in words of its format, such as ``field PatientName``,
        ``column operator``, ``extension 1`` or ``tag (0010,0010)``.  It is shown to people, so
        that it is made of constants, numbers and names that a standard defines only.
    text : str
        What stands there.
    field : str
        Name of the field or column as the file has it, such as ``PatientName``; empty if the
        place has none.  Never shown.
    """

    where: str
    text: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader found in one file.

    Parameters
    ----------
    pieces : tuple of Piece
        In the order of the file.
    unseen : str
        What was not looked into, as sentences without a value from the file; empty if all that
        can hold text was seen.
    """

    pieces: tuple[Piece, ...] = ()
    unseen: str = ""

    def joined(self, other: Reading) -> Reading:
        """Return both readings as one.

        Examples
        --------
        >>> Reading(unseen="the pixels").joined(Reading(unseen="the tail")).unseen
        'the pixels; the tail'
        """
        unseen = "; ".join(filter(None, (self.unseen, other.unseen)))
        return Reading(self.pieces + other.pieces, unseen)
