"""A profile: what happens to each element, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydicom.datadict import dictionary_has_tag, keyword_for_tag

from bidsdeid.dicom.confidentiality import EDITION, confidentiality_table
from bidsdeid.dicom.rulebook import Dates, Option, ProfileRow, Text, rulebook
from bidsdeid.errors import UsageError


class Action(StrEnum):
    """What happens to an element."""

    KEEP = "kept"
    REMOVE = "removed"
    EMPTY = "emptied"
    DUMMY = "replaced by a dummy value"
    SUBJECT = "replaced by what the subject is called here, or emptied"
    UID = "replaced by a UID that the key tells, unless it is one of the standard"
    MOMENT = "kept if it is a valid date or time, moved as --dates says"
    AGE = "kept; ages over 89 become 90"
    NUMBER = "kept if it is a number, and not one of the study's records"
    CODE = "kept; values in which an identifier is found are replaced"
    TEXT = "kept; identifiers that are found in it are taken out"
    WORD = "kept if it is a word of a closed list"
    ITEMS = "kept, with each element in it decided on its own"
    PRIVATE = "kept if it describes how the image was made"


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to an element, and why."""

    action: Action
    why: str


#: Types of value (PS3.5, table 6.2-1) by what happens to elements that the table does not list.
_PROSE = frozenset("LO LT SH ST UC UR UT".split())
_MOMENTS = frozenset("DA DT TM".split())
_BYTES = frozenset("OB OD OF OL OV OW UN".split())
_NUMBERS = frozenset("AT DS FD FL IS SL SS SV UL US UV".split())

#: What is replaced by what the user calls the subject.
PATIENT_NAME, PATIENT_ID, BIRTH_DATE, SEX = 0x00100010, 0x00100020, 0x00100030, 0x00100040
_SUBJECT = frozenset({PATIENT_NAME, PATIENT_ID, BIRTH_DATE})

#: Dates and times that no option lets stay: of birth, and of a satellite.
_NEVER_MOVED = frozenset({BIRTH_DATE, 0x00100032, 0x00160077, 0x0016008D})

#: UIDs that no option lets stay.
_NEVER_RETAINED = frozenset({0x04000100, 0x0040A124})

#: Groups before are those of commands, files and directories.
_FIRST_GROUP = 0x0008

#: Groups that repeat: curves and overlays, which may be drawn or written on; and padding.
_CURVES, _OVERLAYS, _PADDING = 0x5000, 0x6000, 0xFFFC

#: Says how the text of a file is encoded.
_CHARACTER_SET = 0x00080005


@dataclass(frozen=True, slots=True)
class Profile:
    """What happens to each element.

    Parameters
    ----------
    row : ProfileRow
    options : tuple of Option
    dates : Dates
    fields : mapping of int to bool
        Tags of the user's own list, and whether the subject's value replaces theirs.
    inserted : mapping of int to str
        Tags of it that are put in, empty, where they are missing, and their types.
    """

    row: ProfileRow
    options: tuple[Option, ...]
    dates: Dates
    fields: Mapping[int, bool] = field(default_factory=dict)
    inserted: Mapping[int, str] = field(default_factory=dict)
    _known: dict[tuple[int, str], Rule] = field(default_factory=dict, compare=False)

    @property
    def standard(self) -> bool:
        """Tell whether the profile is one of PS3.15, and not a list of fields alone."""
        return self.row.text is not Text.KEEP

    def applies(self, option: str) -> bool:
        """Tell whether an option is applied."""
        return any(each.name == option for each in self.options)

    def rule(self, tag: int, vr: str) -> Rule:
        """Return what happens to an element.

        Parameters
        ----------
        tag : int
            Group and element.
        vr : str
            Type of its value.

        Examples
        --------
        >>> open_profile("neuro").rule(0x00100010, "PN").action.name
        'SUBJECT'
        >>> open_profile("neuro").rule(0x00081030, "LO").why
        'PS3.15 2026c, table E.1-1: X; option descriptors'
        """
        key = tag, vr
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._decide(tag, vr)
        return known

    def _decide(self, tag: int, vr: str) -> Rule:
        if tag in self.fields:
            return self._listed_by_user(tag, vr)
        if not self.standard:
            return Rule(Action.ITEMS if vr == "SQ" else Action.KEEP, "no field of the list")
        table = confidentiality_table().get(tag)
        return self._unlisted(tag, vr) if table is None else self._listed(tag, vr, table)

    def _unlisted(self, tag: int, vr: str) -> Rule:
        """Decide on an element that table E.1-1 does not list."""
        group = tag >> 16
        if group < _FIRST_GROUP:
            return Rule(Action.REMOVE, "not of a data set")
        if group & 1:
            return Rule(Action.PRIVATE, "private element")
        if group & 0xFF00 in (_CURVES, _OVERLAYS) or group == _PADDING:
            return Rule(Action.REMOVE, "curves, overlays and padding may hold text")
        if not dictionary_has_tag(tag):
            return Rule(Action.REMOVE, "not an element of the standard")
        return self._by_type(tag, vr, "not in table E.1-1")

    def _listed_by_user(self, tag: int, vr: str) -> Rule:
        why = "field of the user's list"
        if self.fields[tag] and tag in _SUBJECT | {SEX}:
            return Rule(Action.SUBJECT, why)
        if vr == "UI":
            return Rule(Action.UID, why)
        return Rule(Action.REMOVE if vr == "SQ" or tag >> 16 & 1 else Action.EMPTY, why)

    def _listed(self, tag: int, vr: str, table: str) -> Rule:
        """Decide on an element of table E.1-1."""
        why = f"PS3.15 {EDITION}, table E.1-1: {table}"
        if tag in _SUBJECT:
            return Rule(Action.SUBJECT, why)
        if vr in _MOMENTS and self.dates is not Dates.REMOVE and tag not in _NEVER_MOVED:
            return Rule(Action.MOMENT, f"{why}; --dates {self.dates}")
        return self._by_option(tag, vr, why) or Rule(self._by_table(tag, vr, table), why)

    def _by_option(self, tag: int, vr: str, why: str) -> Rule | None:
        for option in self.options:
            explained = f"{why}; option {option.name}"
            if tag in option.clean:
                return Rule(Action.TEXT, explained)
            if tag in option.keep:
                rule = self._by_type(tag, vr, explained)
                kept = vr in _PROSE or vr == "AE"
                return Rule(Action.KEEP, explained) if kept else rule
        return None

    def _by_table(self, tag: int, vr: str, table: str) -> Action:
        """Choose among the table's actions: removal, unless images need the element."""
        choices = table.split("/")
        if tag == SEX:
            return Action.SUBJECT
        if vr == "UI" and table != "X":
            retained = self.applies("uids") and tag not in _NEVER_RETAINED
            return Action.KEEP if retained else Action.UID
        if "U*" in choices:
            return Action.ITEMS
        if "X" in choices and (len(choices) == 1 or tag not in rulebook().required):
            return Action.REMOVE
        if "D" in choices and vr not in _BYTES | {"SQ"}:
            return Action.DUMMY
        return Action.EMPTY

    def _by_type(self, tag: int, vr: str, why: str) -> Rule:
        """Decide on an element by the type of its value."""
        if tag == _CHARACTER_SET:
            return Rule(Action.WORD, "says how text is encoded")
        if vr in _NUMBERS or vr == "US or SS":
            return Rule(Action.NUMBER, f"{why}: a number")
        if vr in _BYTES or " or " in vr:
            reason = rulebook().bytes_kept.get(tag)
            action = Action.REMOVE if reason is None else Action.KEEP
            return Rule(action, f"{why}: {reason or 'bytes may hold anything'}")
        if vr in _MOMENTS:
            removed = self.dates is Dates.REMOVE
            return Rule(Action.REMOVE if removed else Action.MOMENT, f"{why}: a date or time")
        if vr in _PROSE:
            return self._prose(tag, why)
        actions = {
            "AS": Action.AGE,
            "CS": Action.CODE,
            "SQ": Action.ITEMS,
            "UI": Action.KEEP if self.applies("uids") else Action.UID,
        }
        # Names of people and of applications, and types that are not known.
        return Rule(actions.get(vr, Action.REMOVE), f"{why}: of type {vr or 'unknown'}")

    def _prose(self, tag: int, why: str) -> Rule:
        if self.row.text is not Text.REMOVE:
            return Rule(Action.TEXT, f"{why}: text")
        if tag in rulebook().vocabulary:
            return Rule(Action.WORD, f"{why}: words of a closed list")
        return Rule(Action.REMOVE, f"{why}: text")

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Code and meaning of what was applied (PS3.16, context group 7050)."""
        if not self.standard:
            return ()
        codes = [("113100", "Basic Application Confidentiality Profile")]
        codes += [(option.code, option.meaning) for option in self.options if option.code]
        if self.dates is not Dates.REMOVE:
            codes.append(_DATE_CODES[self.dates])
        return tuple(sorted(codes))


_DATE_CODES: Mapping[Dates, tuple[str, str]] = {
    Dates.KEEP: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Dates.SHIFT: ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
}


def open_profile(
    name: str,
    *,
    retain: Iterable[str] = (),
    dates: Dates | None = None,
    fields: Mapping[int, bool] | None = None,
    inserted: Mapping[int, str] | None = None,
) -> Profile:
    """Return a profile with changes to it.

    Parameters
    ----------
    name : str
    retain : iterable of str
        Names of options to apply beside its own.
    dates : Dates, optional
        Instead of its own.
    fields : mapping of int to bool, optional
        Tags of the user's own list, and whether the subject's value replaces theirs.
    inserted : mapping of int to str, optional
        Tags of it that are put in, empty, where they are missing, and their types.

    Raises
    ------
    UsageError
        If there is no such profile or option.
    """
    book = rulebook()
    if name not in book.profiles:
        message = f"unknown profile: choose from {', '.join(book.profiles)}"
        raise UsageError(message)
    row = book.profiles[name]
    names = dict.fromkeys((*row.options, *retain))
    if not names.keys() <= book.options.keys():
        message = f"--retain takes {', '.join(book.options)}"
        raise UsageError(message)
    options = tuple(book.options[each] for each in names)
    return Profile(row, options, dates or row.dates, dict(fields or {}), dict(inserted or {}))


def described(tag: int) -> str:
    """Return a tag as people read it, with its keyword.

    Examples
    --------
    >>> described(0x00100010)
    '(0010,0010) PatientName'
    """
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x}) {keyword_for_tag(tag)}".rstrip()
