"""One decision for every file, before anything is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType

from bidsdeid.core.dataset import DatasetIndex, SourceFile, State
from bidsdeid.core.policy import NO_FILE_RULE, Decision, MaskFrom, Policy
from bidsdeid.errors import NothingSelectedError


class Kind(StrEnum):
    """What a file holds, which decides how it is treated."""

    IMAGE = "image"
    JSON = "json"
    TABLE = "table"
    SIGNAL = "signal"
    NUMBERS = "numbers"
    DOCUMENT = "document"


_KIND_OF_EXTENSION: Mapping[str, Kind] = MappingProxyType(
    {
        ".nii": Kind.IMAGE,
        ".nii.gz": Kind.IMAGE,
        ".json": Kind.JSON,
        ".tsv": Kind.TABLE,
        ".tsv.gz": Kind.SIGNAL,
        ".bval": Kind.NUMBERS,
        ".bvec": Kind.NUMBERS,
    }
)


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done with one file, and why.

    Parameters
    ----------
    file : SourceFile
        The file.
    kind : Kind
        What it holds.
    decision : Decision
        What happens to it.
    reason : str
        The rule's, or what is wrong with the file.
    failure : bool
        It is withheld because something is wrong with it, not because a rule says so.
    tolerate : frozenset of str
        Detectors that do not apply to its text.
    mask : MaskFrom
        Where its mask comes from, if it is defaced or skull-stripped.
    """

    file: SourceFile
    kind: Kind
    decision: Decision
    reason: str
    failure: bool = False
    tolerate: frozenset[str] = frozenset()
    mask: MaskFrom = MaskFrom.OWN

    @property
    def path(self) -> PurePosixPath:
        """Return the file's path from the dataset's root."""
        return self.file.path


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions for all files, by whose they are."""

    shared: tuple[Action, ...]
    participants: Mapping[str, tuple[Action, ...]]

    def __iter__(self) -> Iterator[Action]:
        """Yield every action."""
        yield from self.shared
        for actions in self.participants.values():
            yield from actions

    def counts(self) -> Counter[Decision]:
        """Return how many files each decision is taken for."""
        return Counter(action.decision for action in self)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of which participants.

    Parameters
    ----------
    participants, sessions : collection of str or None
        Labels without ``sub-`` and ``ses-``; None for all.
    filters : mapping
        As in fMRIPrep's ``--bids-filter-file``: a query name, such as ``t1w``, and the entities
        that files of this query must have; ``None`` for an entity they must not have, ``"*"``
        for one they may have.  A query speaks for the suffix and data type it names, else for
        the suffix it is called after.
    """

    participants: Collection[str] | None = None
    sessions: Collection[str] | None = None
    filters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def refuses(self, file: SourceFile, kind: Kind) -> str | None:
        """Return why a file is not selected, or None if it is."""
        session = None if file.name is None else file.name.get("ses")
        outside = session is not None or kind is Kind.IMAGE
        if self.sessions is not None and outside and session not in self.sessions:
            return "its session is not among the sessions asked for"
        if any(not _passes(file, query, wanted) for query, wanted in self.filters.items()):
            return "the filter file does not select it"
        return None


def build_plan(index: DatasetIndex, policy: Policy, selection: Selection = Selection()) -> Plan:
    """Decide what will be done to every file, and do none of it.

    The plan is total: each file of `index` gets exactly one action, and a file that no rule
    names is withheld.  It depends on nothing but its arguments.

    Parameters
    ----------
    index : DatasetIndex
        Paths and names.  File contents are not read.
    policy : Policy
        Compiled rules; the first that selects a file wins.
    selection : Selection
        Participants that are not selected are not in the plan.

    Raises
    ------
    NothingSelectedError
        If a label is not in the dataset, or no image is left to release.
    """
    labels = set(index.participants) if selection.participants is None else set()
    for label in selection.participants or ():
        if label not in index.participants:
            message = "a participant asked for is not in the dataset: compare the labels"
            raise NothingSelectedError(message)
        labels.add(label)
    _check_selection(index, policy, selection)
    participants = {
        label: tuple(_action(file, policy, selection) for file in index.participants[label])
        for label in sorted(labels)
    }
    plan = Plan(tuple(_action(f, policy, selection) for f in index.shared), participants)
    if not any(a.kind is Kind.IMAGE and a.decision is not Decision.WITHHOLD for a in plan):
        message = "no image is selected: check the labels, the filters and the policy"
        raise NothingSelectedError(message)
    return plan


#: What no rule names and cannot be looked into may hold files that a rule would release.
_MAY_HIDE_MORE = frozenset({State.UNREADABLE, State.FOLDER_LINK})


def _check_selection(index: DatasetIndex, policy: Policy, selection: Selection) -> None:
    """Refuse sessions that are not there, and queries that can speak for no file: mistakes.

    Raises
    ------
    NothingSelectedError
    """
    names = [
        file.name
        for files in index.participants.values()
        for file in files
        if file.name is not None
    ]
    if set(selection.sessions or ()) - {name.get("ses") for name in names}:
        message = "a session asked for is not in the dataset: compare the labels"
        raise NothingSelectedError(message)
    known = {name.suffix.casefold() for name in names}
    known |= {suffix.casefold() for rule in policy.files for suffix in rule.suffix}
    for query, wanted in selection.filters.items():
        suffixes, datatypes = scope_of(query, wanted)
        if (suffixes and suffixes.isdisjoint(known)) or (
            datatypes and datatypes.isdisjoint(_DATATYPES)
        ):
            message = (
                f"the query {query!r} of the filter file speaks for no kind of file: give its "
                "`suffix` or `datatype`"
            )
            raise NothingSelectedError(message)


def _action(file: SourceFile, policy: Policy, selection: Selection) -> Action:
    rule, kind = policy.file_rule(file.path, file.name, file.datatype), _kind(file)
    decision, reason, failure = rule.decision, rule.reason, False
    if policy.deface_all and kind is Kind.IMAGE and decision is not Decision.WITHHOLD:
        decision, reason = Decision.DEFACE, "every image is treated as a face"
    if policy.skullstrip and decision is Decision.DEFACE and file.datatype == "anat":
        decision = Decision.SKULLSTRIP
    refused = selection.refuses(file, kind)
    if decision is not Decision.WITHHOLD and refused is not None:
        decision, reason = Decision.WITHHOLD, refused
    elif file.state is not State.FILE and decision is not Decision.WITHHOLD:
        decision, reason, failure = Decision.WITHHOLD, str(file.state), True
    elif file.state in _MAY_HIDE_MORE and rule is NO_FILE_RULE:
        reason, failure = str(file.state), True
    return Action(file, kind, decision, reason, failure, rule.tolerate, rule.mask)


def _kind(file: SourceFile) -> Kind:
    extension = "" if file.name is None else file.name.extension
    if not extension:
        extension = file.path.suffix
    return _KIND_OF_EXTENSION.get(extension, Kind.DOCUMENT)


#: pybids' words for entities, as filter files use them.
_LONG_NAMES = MappingProxyType(
    {
        "subject": "sub",
        "session": "ses",
        "acquisition": "acq",
        "ceagent": "ce",
        "reconstruction": "rec",
        "direction": "dir",
        "modality": "mod",
        "inversion": "inv",
    }
)


def _passes(file: SourceFile, query: str, wanted: Mapping[str, object]) -> bool:
    """Tell whether a file is outside of what a query speaks of, or inside and as wanted."""
    if file.name is None or file.datatype is None:
        return True
    suffixes, datatypes = scope_of(query, wanted)
    if (suffixes and file.name.suffix.casefold() not in suffixes) or (
        datatypes and file.datatype.casefold() not in datatypes
    ):
        return True
    return all(
        _matches(file.name.get(_LONG_NAMES.get(entity, entity)), value)
        for entity, value in wanted.items()
        if entity not in {"suffix", "datatype", "extension"}
    )


def scope_of(query: str, wanted: Mapping[str, object]) -> tuple[set[str], set[str]]:
    """Return the suffixes and data types that a query speaks for.

    Examples
    --------
    >>> scope_of("t1w", {"acquisition": "mprage"}), scope_of("fmap", {"datatype": "fmap"})
    (({'t1w'}, set()), (set(), {'fmap'}))
    """
    suffixes, datatypes = _choices(wanted.get("suffix")), _choices(wanted.get("datatype"))
    if suffixes or datatypes:
        return suffixes, datatypes
    name = query.casefold()
    return (set(), {name}) if name in _DATATYPES else ({name}, set())


_DATATYPES = frozenset("anat func fmap dwi perf pet".split())


def _matches(label: str | None, wanted: object) -> bool:
    if wanted is None:
        return label is None
    choices = _choices(wanted)
    return "*" in choices or (label is not None and label.casefold() in choices)


def _choices(value: object) -> set[str]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return {str(item).casefold() for item in values}
