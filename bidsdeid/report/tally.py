"""Counts over a release, taken one outcome at a time: what the certificate is made of.

Memory does not grow with the dataset: there are counters, and one list that is cut.  Nothing of
a source file is kept but its suffix and datatype, as a count; a path that is kept is that of a
released file.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from bidsdeid.core.estimate import Finding
from bidsdeid.core.ledger import Outcome, Status
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.core.ratings import Rating
from bidsdeid.core.triage import Triage
from bidsdeid.report.identifiers import paragraph_of_change, paragraph_of_file

#: So many images that nobody looked at are named; of the others there is a count.
MAX_NAMED = 200

#: So many ways to find a mask are told apart; there are a few engines, atlases and contrasts.
MAX_WAYS = 60
OTHER_WAY = "in another way"

#: A reason that no rule of the policy gives.
OTHER_REASON = "for a reason of the file's own, such as a text that looks like an identifier"

_IMAGE = (".nii", ".nii.gz")
_FACES = frozenset({Decision.DEFACE, Decision.SKULLSTRIP})

#: Folders of BIDS in which images lie; what lies elsewhere is counted as ``other``.
_DATATYPES = frozenset({"anat", "func", "dwi", "fmap", "perf"})


class Opinion(StrEnum):
    """What a rating comes to, whatever the image was rated down for."""

    PASSED = "passed"
    DOWN = "rated down"
    LATER = "put off"


class Treatment(StrEnum):
    """What was done to the voxels of an image that is released."""

    DEFACED = "the face was removed"
    STRIPPED = "all but the brain was removed"
    NOTHING = "a face was looked for, and there was none to remove"
    HEADER = "no face was looked for; only the header was written anew"


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """An image that is released.

    Parameters
    ----------
    not_looked_for : bool
        False for an image in which a face was looked for: these come first.
    path : str
        In the release.
    treatment : Treatment
    """

    not_looked_for: bool
    path: str
    treatment: Treatment = field(compare=False)


@dataclass(slots=True)
class Tally:
    """Counts that grow by one outcome after the other, in any order.

    Parameters
    ----------
    policy : Policy
        That was followed.
    statuses, decisions : Counter of str
        Source files, by how they ended and by what was done to them.
    reasons : Counter of str
        Files withheld by policy, by the reason of the rule.
    released, bytes_released : int
        Files of the output, and their size.
    images : Counter of Treatment
        Images that are released.
    datatypes : Counter of str
        Those in which no face was looked for, by folder.
    findings : Counter of str
        Those in which a face was looked for and none had to be removed, by what was found.
    ways : Counter of str
        How the masks of images were found.
    confirmed : int
        Images of which voxels were removed with a mask that a second engine confirmed.
    withheld_images : Counter of Status
        Images in which a face was to be looked for and that are not released.
    changes : Counter of (paragraph, way)
        See `bidsdeid.report.identifiers.paragraph_of_change`.
    files : Counter of str
        Files withheld, by paragraph.
    triage : Counter of Triage
        Images that are released; empty if there was no triage.
    opinions : Counter of Opinion
        Images that are released and that somebody rated, by the last word on them.
    by_reviewer : Counter of (reviewer, Opinion)
        Reviewers get numbers before anything is told of them.
    unseen : int
        Images that are released and nobody passed or rated down.
    unseen_heads : int
        Those of them in which a face was looked for.
    """

    policy: Policy
    statuses: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    released: int = 0
    bytes_released: int = 0
    images: Counter[Treatment] = field(default_factory=Counter)
    datatypes: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    ways: Counter[str] = field(default_factory=Counter)
    confirmed: int = 0
    withheld_images: Counter[Status] = field(default_factory=Counter)
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    triage: Counter[Triage] = field(default_factory=Counter)
    opinions: Counter[Opinion] = field(default_factory=Counter)
    by_reviewer: Counter[tuple[str, Opinion]] = field(default_factory=Counter)
    unseen: int = 0
    unseen_heads: int = 0
    _named: list[Named] = field(default_factory=list)
    _rules: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._rules = frozenset(rule.reason for rule in self.policy.files) | _OWN_REASONS

    @property
    def named(self) -> tuple[Named, ...]:
        """The first `MAX_NAMED` images that nobody looked at, those with heads first."""
        return tuple(self._named)

    @property
    def heads(self) -> int:
        """How many released images a face was looked for in."""
        return self.images.total() - self.images[Treatment.HEADER]

    @property
    def masked(self) -> int:
        """Of how many images voxels were removed."""
        return self.images[Treatment.DEFACED] + self.images[Treatment.STRIPPED]

    @property
    def reviewed(self) -> int:
        """How many released images somebody passed or rated down."""
        return self.opinions[Opinion.PASSED] + self.opinions[Opinion.DOWN]

    def add(
        self,
        outcome: Outcome,
        triage: Triage | None = None,
        ratings: Iterable[Rating] = (),
    ) -> None:
        """Count one source file.

        Parameters
        ----------
        outcome : Outcome
        triage : Triage or None
            Of an image, if there was any.
        ratings : iterable of Rating
            Of this image as it is released, not as it was before; one each reviewer.  Whoever
            rated it down outweighs all others.
        """
        self.statuses[str(outcome.status)] += 1
        self.decisions[str(outcome.decision)] += 1
        self.released += len(outcome.releases)
        self.bytes_released += sum(release.size for release in outcome.releases)
        for change in outcome.changes:
            self.changes[paragraph_of_change(change, self.policy)] += 1
        if outcome.status is not Status.RELEASED:
            self._add_withheld(outcome)
        elif outcome.releases and outcome.releases[0].path.endswith(_IMAGE):
            self._add_image(outcome, triage, ratings)

    def _add_withheld(self, outcome: Outcome) -> None:
        source = PurePosixPath(outcome.source)
        if outcome.status is Status.POLICY:
            known = outcome.reason in self._rules
            self.reasons[outcome.reason if known else OTHER_REASON] += 1
            paragraph = paragraph_of_file(source, outcome.reason)
            if paragraph:
                self.files[paragraph] += 1
        if outcome.decision in _FACES and source.name.endswith(_IMAGE):
            self.withheld_images[outcome.status] += 1

    def _add_image(
        self, outcome: Outcome, triage: Triage | None, ratings: Iterable[Rating]
    ) -> None:
        path = outcome.releases[0].path
        treatment = _treatment(outcome)
        self.images[treatment] += 1
        if treatment is Treatment.HEADER:
            folder = PurePosixPath(path).parent.name
            self.datatypes[folder if folder in _DATATYPES else "other"] += 1
        elif treatment is Treatment.NOTHING:
            known = outcome.finding in _FINDINGS
            self.findings[outcome.finding if known else "something else"] += 1
        else:
            room = outcome.engine in self.ways or len(self.ways) < MAX_WAYS
            self.ways[outcome.engine if room else OTHER_WAY] += 1
            self.confirmed += _CONFIRMED in outcome.engine
        if triage is not None:
            self.triage[triage] += 1
        said = {rating.reviewer: _opinion(rating) for rating in ratings}
        self.by_reviewer.update(said.items())
        last = next((opinion for opinion in _WEIGHT if opinion in said.values()), None)
        if last is not None:
            self.opinions[last] += 1
        if last in (None, Opinion.LATER):
            self._add_unseen(Named(treatment is Treatment.HEADER, path, treatment))

    def _add_unseen(self, image: Named) -> None:
        self.unseen += 1
        self.unseen_heads += not image.not_looked_for
        insort(self._named, image)
        del self._named[MAX_NAMED:]


#: What `bidsdeid.run` says of files that depend on others, in constant words.
_OWN_REASONS = frozenset(
    {
        "no rule names this kind of file",
        "no file it belongs to is released",
        "no image it belongs to is released",
        "no file it speaks for is released",
        "no field of it is kept",
        "nothing it lists is released",
    }
)

_FINDINGS = frozenset(str(finding) for finding in Finding)

#: How `bidsdeid.run.faces` and `bidsdeid.run.brains` tell that a second engine agreed.
_CONFIRMED = ", confirmed by "

#: The heavier first.
_WEIGHT = (Opinion.DOWN, Opinion.PASSED, Opinion.LATER)


def _opinion(rating: Rating) -> Opinion:
    if rating.is_down:
        return Opinion.DOWN
    return Opinion.PASSED if rating.is_review else Opinion.LATER


def _treatment(outcome: Outcome) -> Treatment:
    if outcome.removed_voxels is None:
        return Treatment.NOTHING if outcome.finding else Treatment.HEADER
    stripped = outcome.decision == Decision.SKULLSTRIP
    return Treatment.STRIPPED if stripped else Treatment.DEFACED
