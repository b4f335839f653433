"""What a study itself says about people, places and days, and what of it is replaced.

The values of elements that a profile takes out are looked for in all that stays (`Harvest`), and
in the bytes of each file that was written (`bidsdeid.dicom.residue`).
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from pydicom.datadict import keyword_for_tag
from pydicom.tag import BaseTag
from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]

from bidsdeid.core.harvest import Found, Harvest, identity_of
from bidsdeid.core.likely import Identity
from bidsdeid.core.policy import Policy
from bidsdeid.core.terms import words_of
from bidsdeid.dicom.confidentiality import confidentiality_table
from bidsdeid.dicom.elements import Manner, Place, Written
from bidsdeid.dicom.moments import day_in
from bidsdeid.dicom.profile import Action, Profile
from bidsdeid.dicom.rulebook import rulebook
from bidsdeid.errors import DicomError
from bidsdeid.io.readers.vr import text_of

#: Whose names elements of the patient's group hold (PS3.6).
_PATIENT_GROUP = 0x0010

#: What becomes of values that identify.
_TAKEN_OUT = frozenset({Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.SUBJECT})

#: Begins another character set, whose bytes may be those of ASCII (ISO 2022).
_ESCAPE = b"\x1b"

#: Digits of a number under which somebody is known.
_DIGITS = re.compile(r"(?=\d{5})0*(\d{5,})")

_DAYS = frozenset({"DA", "DT"})
#: Longer values, and more of them, are looked at each time they occur.
_LONGEST, _REMEMBERED = 2**12, 2**16

_TELLING = _DAYS | frozenset("AE CS LO LT PN SH ST UC UI UR UT".split())


@dataclass(slots=True)
class Identifiers:
    """What was found in files of a study.

    Parameters
    ----------
    found : set of Found
        Whom or what a value identifies, and the value.
    days : set of date
        Of visits, births, anything.
    uids : set of str
        That are replaced.
    raw : set of bytes
        Names as they stand in the files, which may be in no encoding that is known.
    """

    found: set[Found] = field(default_factory=set)
    days: set[date] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    raw: set[bytes] = field(default_factory=set)
    _seen: dict[Manner, set[Written]] = field(default_factory=dict)

    def __or__(self, other: Identifiers) -> Identifiers:
        """Return what is in both."""
        return Identifiers(
            self.found | other.found,
            self.days | other.days,
            self.uids | other.uids,
            self.raw | other.raw,
        )

    def gather(self, place: Place, profile: Profile, policy: Policy) -> None:
        """Take in a data set and those within it.

        Parameters
        ----------
        place : Place
        profile : Profile
            What it keeps identifies nobody who is not meant to be.
        policy : Policy
            Says whom an element identifies, as in sidecars.
        """
        seen = self._seen.setdefault(place.manner, set())
        for read, vr, value in place.elements(seen):
            tag, written = int(read), place.written(read)
            if written is not None and len(value or b"") <= _LONGEST and len(seen) < _REMEMBERED:
                seen.add(written)
            if value is None:
                self._gather_items(place, read, profile, policy)
            elif value and (vr in _TELLING or (vr == "?" and tag in confidentiality_table())):
                action = profile.rule(tag, vr).action
                self._add(tag, vr, text_of(value, vr, list(place.encodings)), action, policy)
                if vr == "PN" and (not value.isascii() or _ESCAPE in value):
                    for group in value.split(b"="):
                        parts = [part.strip(b" ") for part in group.split(b"^")]
                        self.raw.update(part for part in (*parts, b"".join(parts)) if part)

    def _gather_items(self, place: Place, tag: BaseTag, profile: Profile, policy: Policy) -> None:
        # What cannot be read does not stay, either.
        with suppress(DicomError):
            for item in place.items(tag):
                self.gather(item, profile, policy)

    def _add(self, tag: int, vr: str, text: str, action: Action, policy: Policy) -> None:
        if vr == "UI":
            if action is not Action.KEEP:
                self.uids.update(uid for uid in text.split("\\") if _is_own(uid))
        elif vr in _DAYS:
            if action is not Action.KEEP:
                days = (day_in(part.strip(), vr) for part in text.split("\\"))
                self.days.update(day for day in days if day is not None)
        elif action in _TAKEN_OUT:
            identity = _identity(tag, vr, policy)
            if identity is not None:
                self.found.add((identity, text))
            if identity is Identity.PLACE:
                # One word of a clinic's name tells which it is, and here nobody writes prose.
                self.found.update((identity, word) for word in words_of(text))
            if identity in (Identity.RECORD, Identity.PERSON):
                # Numbers are typed without the letters and the zeros before them.
                self.found.update((Identity.RECORD, digits) for digits in _DIGITS.findall(text))

    def harvest(self) -> Harvest:
        """Return the words to look for."""
        harvest = Harvest()
        harvest.add(sorted(self.found))
        return harvest


def _identity(tag: int, vr: str, policy: Policy) -> Identity | None:
    """Return whom the value of an element identifies."""
    known = rulebook().identities.get(tag) or identity_of(keyword_for_tag(tag), policy, "")
    if known is not None or vr != "PN":
        return known
    return Identity.PERSON if tag >> 16 == _PATIENT_GROUP else Identity.STAFF


def _is_own(uid: str) -> bool:
    return bool(uid) and uid not in UID_dictionary
