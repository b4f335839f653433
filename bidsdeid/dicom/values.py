"""New values of elements, by what happens to them: bytes in, bytes out, nothing else known.

A value stands in all files of a series, so each is worked out once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydicom.charset import encode_string
from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]  # public, if not said so

from bidsdeid.core.detectors import MAX_LENGTH, findings, removed
from bidsdeid.core.pseudonym import DateShift, Secret
from bidsdeid.core.terms import Terms
from bidsdeid.dicom.moments import day_in, moved
from bidsdeid.dicom.profile import BIRTH_DATE, PATIENT_ID, PATIENT_NAME, SEX, Action
from bidsdeid.dicom.rulebook import rulebook
from bidsdeid.dicom.subjects import Subject
from bidsdeid.io.readers.vr import LOCAL, WHOLE, text_of

#: What stands where a value must be, in text and numbers.
DUMMY = "REMOVED"
DUMMIES: Mapping[str, bytes] = {
    "AS": b"000Y",
    "DA": b"19000101",
    "TM": b"000000",
    "DT": b"19000101000000",
    "IS": b"0 ",
    "DS": b"0 ",
    **dict.fromkeys("AE CS LO LT PN SH ST UC UT".split(), DUMMY.encode() + b" "),
}

#: Longest values of types of text, in characters (PS3.5, table 6.2-1).
_LONGEST = {"CS": 16, "LO": 64, "SH": 16, "ST": 1024, "LT": 10240}

#: Ages are no identifiers up to this number of years (HIPAA, 45 CFR 164.514 (b)(2)(i)(C)).
_OLDEST = 89
_AGE = re.compile(r"([0-9]{3})([DWMY])")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

#: Digits of the shortest number under which somebody is known.
_LEAST_RECORD = 5

#: More values than those of a large study are not remembered.
_REMEMBERED = 2**17


@dataclass(slots=True)
class Values:
    """Works out new values for the files of one subject.

    Parameters
    ----------
    subject : Subject
    secret : Secret
    shift : DateShift or None
        None leaves dates as they are.
    terms : Terms
        Words that must not occur.
    lost : set of str
        Dates that could not be moved.
    made : set of bytes
        New UIDs.
    """

    subject: Subject
    secret: Secret
    shift: DateShift | None
    terms: Terms
    lost: set[str] = field(default_factory=set)
    made: set[bytes] = field(default_factory=set)
    _known: dict[tuple[object, ...], bytes | None] = field(default_factory=dict)

    def new(
        self, action: Action, tag: int, vr: str, value: bytes, encodings: tuple[str, ...]
    ) -> bytes | None:
        """Return the value in the place of another, or None if the element goes.

        Parameters
        ----------
        action : Action
        tag : int
        vr : str
            Type of the value.
        value : bytes
            As it stands in the file.
        encodings : tuple of str
            Python's names of the file's character sets.
        """
        key = tag, vr, value, encodings  # which say what the action is
        known = self._known.get(key, b"?")
        if known == b"?":
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = self._work_out(action, tag, vr, value, encodings)
        return known

    def _work_out(
        self, action: Action, tag: int, vr: str, value: bytes, encodings: tuple[str, ...]
    ) -> bytes | None:
        if action is Action.DUMMY:
            return DUMMIES.get(vr, b"") if value else value
        if action is Action.SUBJECT:
            return _padded(self.of_subject(tag), vr)
        text = text_of(value, vr, list(encodings))
        if action is Action.TEXT and vr in WHOLE:
            new = self._clean(text, tag)
        else:
            each = self._each(action, tag, vr)
            stripped = (part.strip(" \0") for part in text.split("\\"))
            parts = [each(part) if part else "" for part in stripped]
            if None in parts:
                return None
            new = "\\".join(part for part in parts if part is not None)
        return value if new == text else _encoded(new, vr, encodings)

    def _each(self, action: Action, tag: int, vr: str) -> Callable[[str], str | None]:
        """Return what is done to each of several values; None takes the element out."""
        ways: Mapping[Action, Callable[[str], str | None]] = {
            Action.UID: self._uid,
            Action.MOMENT: lambda part: self._moment(part, vr),
            Action.AGE: _age,
            Action.NUMBER: self._number,
            Action.CODE: lambda part: DUMMY if findings(part, self.terms) else part,
            Action.TEXT: lambda part: self._clean(part, tag),
            Action.WORD: lambda part: part if rulebook().vocabulary[tag].fullmatch(part) else None,
        }
        return ways[action]

    def of_subject(self, tag: int) -> str:
        """Return what the subject is called here."""
        return {
            PATIENT_NAME: self.subject.name,
            PATIENT_ID: self.subject.name,
            BIRTH_DATE: self.subject.birth_date,
            SEX: self.subject.sex,
        }[tag]

    def _uid(self, part: str) -> str:
        if part in UID_dictionary:
            return part
        new = self.secret.uid(part)
        self.made.add(new.encode())
        return new

    def _moment(self, part: str, vr: str) -> str:
        new = moved(part, vr, self.shift)
        if new is None:
            self.lost.add(part)
        return new or ""

    def _number(self, part: str) -> str | None:
        """Return a number, unless it is one under which somebody is known."""
        if _NUMBER.fullmatch(part) is None:
            return None
        number = float(part)
        whole = str(int(abs(number))) if number.is_integer() else ""
        telling = len(whole) >= _LEAST_RECORD and self.terms.occur_in(whole)
        return None if telling or day_in(whole, "DA") else part

    def _clean(self, text: str, tag: int) -> str:
        if len(text) > MAX_LENGTH:
            return ""
        tolerated = rulebook().tolerated.get(tag, frozenset())
        return removed(text, self.terms, tolerate=tolerated)


def _age(part: str) -> str:
    """Return an age that is no identifier; an empty value if it is none."""
    match = _AGE.fullmatch(part)
    if match is None:
        return ""
    return f"{_OLDEST + 1:03}Y" if match[2] == "Y" and int(match[1]) > _OLDEST else part


def _encoded(text: str, vr: str, encodings: tuple[str, ...]) -> bytes:
    """Return a text as bytes, empty if it does not fit its type or character set."""
    if any(len(part) > _LONGEST.get(vr, len(text)) for part in text.split("\\")):
        return b""
    if text.isascii() or vr not in LOCAL:
        return _padded(text, vr)
    try:
        content = encode_string(text, list(encodings) or ["iso8859"])
    except (LookupError, ValueError):
        return b""
    if text_of(content, vr, list(encodings)) != text:
        return b""
    return content + b" " * (len(content) % 2)


def _padded(text: str, vr: str) -> bytes:
    """Return a text as bytes of even number."""
    content = text.encode("ascii", "replace")
    return content + (b"\0" if vr == "UI" else b" ") * (len(content) % 2)
