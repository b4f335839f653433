"""One decision for every file, before anything is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import PurePosixPath
from types import MappingProxyType

from bidsdeid.core.dataset import DatasetIndex, SourceFile, State
from bidsdeid.core.policy import NO_FILE_RULE, Decision, MaskFrom, Policy
from bidsdeid.core.selection import DATATYPES, EVERYTHING, Selection, scope_of
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


class _Planned(Mapping[str, tuple[Action, ...]]):
    """The actions of some participants, decided anew whenever they are asked for."""

    def __init__(
        self,
        files: Mapping[str, tuple[SourceFile, ...]],
        labels: Iterable[str],
        decide: Callable[[SourceFile], Action],
    ) -> None:
        self._files, self._labels, self._decide = files, dict.fromkeys(labels), decide

    def __getitem__(self, label: str) -> tuple[Action, ...]:
        if label not in self._labels:
            raise KeyError(label)
        return tuple(map(self._decide, self._files[label]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)


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


def build_plan(index: DatasetIndex, policy: Policy, selection: Selection = EVERYTHING) -> Plan:
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
    decide = partial(_action, policy, selection)
    participants = _Planned(index.participants, sorted(labels), decide)
    plan = Plan(tuple(map(decide, index.shared)), participants)
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
    if selection.sessions is None and not selection.filters:
        return
    known = {suffix.casefold() for rule in policy.files for suffix in rule.suffix}
    sessions: set[str | None] = set()
    for file in (file for files in index.participants.values() for file in files):
        if file.name is not None:
            known.add(file.name.suffix.casefold())
            sessions.add(file.name.get("ses"))
    if set(selection.sessions or ()) - sessions:
        message = "a session asked for is not in the dataset: compare the labels"
        raise NothingSelectedError(message)
    for query, wanted in selection.filters.items():
        suffixes, datatypes = scope_of(query, wanted)
        if (suffixes and suffixes.isdisjoint(known)) or (
            datatypes and datatypes.isdisjoint(DATATYPES)
        ):
            message = (
                f"the query {query!r} of the filter file speaks for no kind of file: give its "
                "`suffix` or `datatype`"
            )
            raise NothingSelectedError(message)


def _action(policy: Policy, selection: Selection, file: SourceFile) -> Action:
    rule, kind = policy.file_rule(file.path, file.name, file.datatype), _kind(file)
    decision, reason, failure = rule.decision, rule.reason, False
    if policy.deface_all and kind is Kind.IMAGE and decision is not Decision.WITHHOLD:
        decision, reason = Decision.DEFACE, "every image is treated as a face"
    if policy.skullstrip and decision is Decision.DEFACE and file.datatype == "anat":
        decision = Decision.SKULLSTRIP
    refused = selection.refuses(file, image=kind is Kind.IMAGE)
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
