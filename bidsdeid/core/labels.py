"""Old labels of participants and sessions, and the new ones in their place.

A label stands in names of files and folders, in tables, in references and in text; all of them
ask one `Labels`, so that they agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from bidsdeid.core.dataset import PARTICIPANT_FOLDER
from bidsdeid.core.detectors import findings
from bidsdeid.core.numbering import last, natural, numbered
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import NO_TERMS, Terms
from bidsdeid.errors import UsageError

#: Labels by which BIDS means no person.
NO_PERSON = frozenset({"emptyroom"})

#: Source labels of participants, each with those of their sessions.
SourceLabels = Mapping[str, Sequence[str]]

_LABEL = re.compile(r"(?<![a-zA-Z0-9])(sub|ses)-([a-zA-Z0-9+]+)")


class Relabel(StrEnum):
    """Where new labels come from."""

    KEEP = "keep"
    SEQUENTIAL = "sequential"
    KEYED = "keyed"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Labels:
    """New labels by old ones; without any, labels stay as they are.

    Parameters
    ----------
    participants : mapping of str to str
        Both without ``sub-``.
    sessions : mapping of (str, str) to str
        By the old labels of participant and session, without ``ses-``.
    """

    participants: Mapping[str, str] = field(default_factory=dict)
    sessions: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def participant(self, label: str) -> str:
        """Return the label under which a participant is released.

        Raises
        ------
        KeyError
            If labels are replaced, and this one has no replacement.
        """
        return self.participants[label] if self.participants else label

    def session(self, participant: str, label: str) -> str:
        """Return the label under which a session of a participant is released."""
        return self.sessions[participant, label] if self.participants else label

    def path(self, path: PurePosixPath) -> PurePosixPath:
        """Return the path with new labels in its folders and its name.

        Examples
        --------
        >>> labels = Labels({"01": "bcd"}, {("01", "pre"): "fgh"})
        >>> str(labels.path(PurePosixPath("sub-01/ses-pre/anat/sub-01_ses-pre_T1w.nii.gz")))
        'sub-bcd/ses-fgh/anat/sub-bcd_ses-fgh_T1w.nii.gz'
        """
        folder = PARTICIPANT_FOLDER.fullmatch(path.parts[0]) if path.parts else None
        if folder is None or not self.participants:
            return path
        owner = folder[1]

        def new(match: re.Match[str]) -> str:
            entity, label = match.groups()
            known = self.participant(label) if entity == "sub" else self.session(owner, label)
            return f"{entity}-{known}"

        return PurePosixPath(_LABEL.sub(new, str(path)))

    def text(self, text: str, participant: str = "") -> str:
        """Return a text with new labels in the place of old ones that follow ``sub-`` or ``ses-``.

        What is no old label stays.

        Examples
        --------
        >>> Labels({"01": "bcd"}, {}).text("as for sub-01, a sub-second later")
        'as for sub-bcd, a sub-second later'
        """

        def new(match: re.Match[str]) -> str:
            entity, label = match.groups()
            known = self.participants.get(label)
            if entity == "ses":
                known = self.sessions.get((participant, label), self._shared_session(label))
            return match[0] if known is None else f"{entity}-{known}"

        return _LABEL.sub(new, text) if self.participants else text

    def _shared_session(self, label: str) -> str | None:
        """Return the new label of a session, if it is the same for all participants."""
        new = {value for (_, old), value in self.sessions.items() if old == label}
        return new.pop() if len(new) == 1 else None


def keyed_labels(source: SourceLabels, secret: Secret) -> Labels:
    """Derive new labels from the secret.

    A session has one new label for all participants, so that sessions still compare; one whose
    label identifies (a date) has one for each participant, so that it does not tell who came on
    one day.
    """
    sessions = {
        (owner, label): secret.label("session", owner if objection(label) else "", label)
        for owner, labels in source.items()
        for label in labels
    }
    people = {x: x if x in NO_PERSON else secret.label("participant", x) for x in source}
    return _checked(Labels(people, sessions))


def sequential_labels(source: SourceLabels, secret: Secret, previous: Labels = Labels()) -> Labels:
    """Give participants numbers in an order that only the secret tells, and sessions in theirs.

    Sessions whose label identifies (a date) are numbered within the participant, the others over
    the whole dataset.

    Parameters
    ----------
    source : SourceLabels
    secret : Secret
    previous : Labels
        Of an earlier release: they stay, and what is new gets the numbers that follow.

    Examples
    --------
    >>> labels = sequential_labels({"ann": ["20190304", "20200305"]}, Secret(b"k" * 32))
    >>> labels.participant("ann"), labels.session("ann", "20200305")
    ('01', '02')
    """
    shuffled = sorted(set(source) - NO_PERSON, key=lambda x: secret.digest("order", x))
    people = numbered(shuffled, previous.participants)
    people |= {label: label for label in NO_PERSON & source.keys()}
    common = {s for labels in source.values() for s in labels if not objection(s)}
    sessions = {pair: new for pair, new in previous.sessions.items() if new != pair[1]}
    known = {old: new for (_, old), new in sessions.items() if not objection(old)}
    shared = numbered(sorted(common, key=natural), known, last(sessions.values()))
    before: dict[str, dict[str, str]] = {}
    for (owner, old), new in sessions.items():
        before.setdefault(owner, {})[old] = new
    for owner, labels in source.items():
        own = sorted({label for label in labels if label not in shared}, key=natural)
        mine = numbered(own, {**before.get(owner, {}), **shared})
        sessions.update({(owner, label): mine[label] for label in labels})
    return _checked(Labels(people, sessions))


def table_labels(source: SourceLabels, rows: Iterable[Mapping[str, str]]) -> Labels:
    """Return the labels that a table of the user gives.

    Parameters
    ----------
    source : SourceLabels
    rows : iterable of mapping
        Columns ``participant_id`` and ``new_participant_id``, and if sessions get new labels
        ``session_id`` and ``new_session_id``; with or without ``sub-`` and ``ses-``.

    Raises
    ------
    UsageError
        If a participant has no row, or a label is not a legal one.
    """
    people: dict[str, str] = {}
    sessions: dict[tuple[str, str], str] = {}
    for row in rows:
        old = row["participant_id"].removeprefix("sub-")
        new = row["new_participant_id"].removeprefix("sub-")
        if people.setdefault(old, new) != new:
            message = "--relabel: the table gives a participant two labels"
            raise UsageError(message)
        session = row.get("session_id", "").removeprefix("ses-")
        if session not in ("", "n/a"):
            new = row.get("new_session_id", "").removeprefix("ses-")
            if sessions.setdefault((old, session), new) != new:
                message = "--relabel: the table gives a session two labels"
                raise UsageError(message)
    missing = len(set(source) - NO_PERSON - people.keys())
    if missing:
        message = f"--relabel: the table has no row for {missing} participant(s) of the dataset"
        raise UsageError(message)
    people |= {label: label for label in NO_PERSON & source.keys()}
    visits = [(owner, session) for owner, labels in source.items() for session in labels]
    return _checked(
        Labels({x: people[x] for x in source}, {x: sessions.get(x, x[1]) for x in visits})
    )


def objection(label: str, terms: Terms = NO_TERMS) -> str:
    """Return what a label looks like if it identifies, else nothing.

    Examples
    --------
    >>> objection("20190304"), objection("baseline"), objection("07")
    ('date', '', '')
    """
    return next(iter(findings(label, terms)), "")


def _checked(labels: Labels) -> Labels:
    """Refuse new labels that are no labels, that two people share, or that identify.

    Those that stay as they were are judged where files have them in their names.

    Raises
    ------
    UsageError
        With the number of labels concerned.
    """
    new = list(labels.participants.values())
    spoken = [*new, *labels.sessions.values()]
    illegal = sum(not re.fullmatch(r"[a-zA-Z0-9+]+", label) for label in spoken)
    if illegal:
        message = (
            f"--relabel: {illegal} new label(s) have other characters than letters and digits"
        )
        raise UsageError(message)
    changed = [x for old, x in labels.participants.items() if x != old]
    changed += [x for (_, old), x in labels.sessions.items() if x != old]
    telling = sum(bool(objection(label)) for label in changed)
    if telling:
        message = f"--relabel: {telling} new label(s) look like dates or record numbers"
        raise UsageError(message)
    by_person: dict[str, list[str]] = {}
    for (owner, _), label in labels.sessions.items():
        by_person.setdefault(owner, []).append(label)
    shared = sum(_repeated(group) for group in (new, *by_person.values()))
    if shared:
        message = f"--relabel: {shared} new label(s) stand for two participants or sessions"
        raise UsageError(message)
    return labels


def _repeated(labels: Iterable[str]) -> int:
    """Count labels that are not the only ones of their spelling, whatever the case."""
    return sum(count > 1 for count in Counter(label.casefold() for label in labels).values())
