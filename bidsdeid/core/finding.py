"""What an audit says: what was found, what was not looked into, and what changed meanwhile.

The three are kept apart: that nothing was found says little about files that could not be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """What an audit comes to."""

    STOP = "STOP"
    HOLD = "HOLD"
    CLEAR = "CLEAR"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding.

    Parameters
    ----------
    severity : State
        ``STOP``: do not share; ``HOLD``: a person must look at it.
    sentence : str
        What was found.
    remedy : str
        What to do next.
    """

    severity: State
    sentence: str
    remedy: str


_LOOK = "look at it"
_REMOVE = "remove it"
_RENAME = "give it another name"

#: By name, the order in which they are told; names of detectors (`bidsdeid.core.detectors`) are
#: names of rules.
RULES: Mapping[str, Rule] = {
    "face": Rule(State.STOP, "a head with its face", "deface it"),
    "identity field": Rule(State.STOP, "a field with the name of a person", _REMOVE),
    "record field": Rule(State.STOP, "a field that leads to a person or visit", _REMOVE),
    "label": Rule(State.STOP, "a name that looks like an identifier", _RENAME),
    "known term": Rule(State.STOP, "a known term", _REMOVE),
    "name in this dataset": Rule(State.STOP, "a name that other metadata hold", _REMOVE),
    "record of this dataset": Rule(State.STOP, "a number that other metadata hold", _REMOVE),
    "date": Rule(State.STOP, "a date", "shift it, or remove it"),
    "age": Rule(State.STOP, "an age above 89", "write 89"),
    "person name": Rule(State.STOP, "a name in the form of DICOM", _REMOVE),
    "identifier word": Rule(State.STOP, "a word that announces an identifier", _REMOVE),
    "phone": Rule(State.STOP, "a telephone number", _REMOVE),
    "ssn": Rule(State.STOP, "a social security number", _REMOVE),
    "national number": Rule(State.STOP, "a number that a state gives a person", _REMOVE),
    "bank account": Rule(State.STOP, "a number of a bank account", _REMOVE),
    "secret": Rule(State.STOP, "a password, key or token", "remove it, and have it changed"),
    "pseudonym": Rule(State.HOLD, "a new label or UID, by its form", _LOOK),
    "patient field": Rule(State.HOLD, "a field about the patient", _LOOK),
    "place field": Rule(State.HOLD, "a field that names a place, a device or staff", _LOOK),
    "staff or place of this dataset": Rule(
        State.HOLD, "staff, a place or a device that other metadata hold", _LOOK
    ),
    "titled name": Rule(State.HOLD, "a title and a name", _LOOK),
    "record number": Rule(State.HOLD, "a long number", _LOOK),
    "code in a name": Rule(State.HOLD, "a name that holds a code or a long number", _RENAME),
    "time": Rule(State.HOLD, "a time of day", _LOOK),
    "clock": Rule(State.HOLD, "a number that reads as a day, a clock or a record", _LOOK),
    "time of packing": Rule(State.HOLD, "the time at which it was packed", "pack it with gzip -n"),
    "email": Rule(State.HOLD, "an e-mail address", _LOOK),
    "postal address": Rule(State.HOLD, "a postal address", _LOOK),
    "path": Rule(State.HOLD, "the path of a file", _LOOK),
    "url with user": Rule(State.HOLD, "an address with the name of a user", _LOOK),
    "host name": Rule(State.HOLD, "the name of a computer", _LOOK),
    "ip address": Rule(State.HOLD, "the address of a computer", _LOOK),
    "mac address": Rule(State.HOLD, "the address of a network card", _LOOK),
    "uid": Rule(State.HOLD, "a UID, which leads to the scanner's archive", _LOOK),
    "uuid": Rule(State.HOLD, "a UUID", _LOOK),
    "control characters": Rule(State.HOLD, "characters that are no text", _LOOK),
    "length": Rule(State.HOLD, "a long text, which somebody has to read", _LOOK),
}

#: What has no row of its own has the form of something that must be looked at.
OTHER = Rule(State.HOLD, "something in the form of an identifier", _LOOK)


def rule_of(name: str) -> Rule:
    """Return the rule of a name.

    Examples
    --------
    >>> str(rule_of("face").severity), str(rule_of("uuid").severity)
    ('STOP', 'HOLD')
    """
    return RULES.get(name, OTHER)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that may identify, and where.

    Parameters
    ----------
    path : str
        Of the file, with what identifies in it masked.
    where : str
        Place in the file.
    rule : str
        Name of the rule.
    count : int
        How often at this place.
    """

    path: str
    where: str
    rule: str
    count: int = 1


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Something that was not looked into.

    Parameters
    ----------
    path : str
        Of the file or folder, masked; empty for the whole.
    reason : str
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """Something worth knowing that is no fault.

    Parameters
    ----------
    path : str
        Of the file, masked; empty for the whole.
    sentence : str
    """

    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found.

    Parameters
    ----------
    files : int
        That were looked at.
    findings : tuple of Finding
    gaps : tuple of Gap
    changed : tuple of str
        Files that changed, came or went while they were read.
    notes : tuple of Note
        Such as that an image is defaced already.
    """

    files: int
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    changed: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def state(self) -> State:
        """Return what the whole comes to."""
        if any(rule_of(finding.rule).severity is State.STOP for finding in self.findings):
            return State.STOP
        return State.HOLD if self.findings or self.gaps or self.changed else State.CLEAR


@dataclass(slots=True)
class Notebook:
    """Findings in one file, while it is read.

    Parameters
    ----------
    path : str
        Of the file, masked.
    places : Counter of (where, rule)
    """

    path: str
    places: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, where: str, rules: Iterable[str]) -> None:
        """Note what was found at a place."""
        for rule in rules:
            self.places[where, rule] += 1

    def findings(self) -> tuple[Finding, ...]:
        """Return them in order."""
        return tuple(
            Finding(self.path, where, rule, count)
            for (where, rule), count in sorted(self.places.items())
        )
