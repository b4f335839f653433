"""The parts of a release certificate, each made of what is known of the release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bidsdeid.core.explanation import explain
from bidsdeid.core.ledger import Status
from bidsdeid.report.facts import Facts
from bidsdeid.report.identifiers import Kind, kinds
from bidsdeid.report.public_words import public_words
from bidsdeid.report.tally import Opinion, Tally, Treatment


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy that was followed.

    Parameters
    ----------
    name, version, sha256, description : str
    own : bool
        It did not come with the program.
    prose : tuple of str
        Every rule as a sentence, with its reason; lines that fit a page.
    """

    name: str
    version: str
    sha256: str
    description: str
    own: bool
    prose: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """One kind of identifier: where it was looked for, what is done about it, what came of it.

    Parameters
    ----------
    paragraph, what : str
    where : tuple of str
    how : str
    dropped, rewritten, found_in_text, files_withheld : int
        Fields and columns, texts that would have been kept, and files, over the whole source.
    result : str
        The same in words.
    """

    paragraph: str
    what: str
    where: tuple[str, ...]
    how: str
    dropped: int
    rewritten: int
    found_in_text: int
    files_withheld: int
    result: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code of DICOM PS3.16, context group 7050.

    Parameters
    ----------
    code_value, code_meaning : str
    where : str
        What says so, or what it describes.
    written : int
        Images in whose sidecars it stands.
    """

    code_value: str
    code_meaning: str
    where: str
    written: int


@dataclass(frozen=True, slots=True)
class Images:
    """Images that are released, and those with a face to look for that are not.

    Parameters
    ----------
    all, looked_for, defaced, stripped, nothing_to_remove, header_only : int
    confirmed : int
        Of those of which voxels were removed, by a mask that a second engine confirmed.
    withheld_by_failure, withheld_by_policy : int
    ways : mapping of str to int
        How masks were found.
    """

    all: int
    looked_for: int
    defaced: int
    stripped: int
    nothing_to_remove: int
    header_only: int
    confirmed: int
    withheld_by_failure: int
    withheld_by_policy: int
    ways: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """What one person rated, under a number.

    Parameters
    ----------
    number, passed, rated_down, later : int
    """

    number: int
    passed: int
    rated_down: int
    later: int


@dataclass(frozen=True, slots=True)
class Review:
    """Who looked at the images that are released; without any rating there is none.

    Parameters
    ----------
    reviewed, passed, rated_down, later : int
        Images.
    reviewers : tuple of Reviewer
        The one who rated most comes first.
    """

    reviewed: int
    passed: int
    rated_down: int
    later: int
    reviewers: tuple[Reviewer, ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """Images that nobody looked at.

    Parameters
    ----------
    count, looked_for : int
        Of all, and of those in which a face was looked for.
    paths : mapping of str to tuple of str
        Released paths of the first of them, by what was done.
    """

    count: int
    looked_for: int
    paths: Mapping[str, tuple[str, ...]]


#: What is told of the rules of a policy that does not come with the program: none of its words.
_OWN = ("The rules are those of the owner of the data; their words are not told here.",)


def rules_of(facts: Facts) -> Rules:
    """Return the policy, and its rules as prose; identifiers have a table of their own."""
    policy = facts.policy
    own = facts.choices.own_policy
    prose = _OWN if own else tuple(explain(replace(policy, identifiers=())).splitlines())
    return Rules(policy.name, policy.version, policy.digest, policy.description, own, prose)


def identifier_rows(facts: Facts) -> tuple[IdentifierRow, ...]:
    """Return the eighteen kinds of identifiers; a policy's own words come first."""
    own = {row.paragraph: row for row in facts.policy.identifiers}
    rows = []
    for kind in kinds():
        told = own.get(kind.paragraph)
        where, how = kind.where, _how(kind, facts)
        if told is not None and told.what == kind.what and public_words(told.how) == told.how:
            where, how = told.where, told.how
        tally, mine = facts.tally, kind.paragraph
        dropped, rewritten, found = (
            tally.changes[mine, way] for way in ("dropped", "rewritten", "text")
        )
        numbers = (dropped, rewritten, found, tally.files[mine])
        result = _result(kind, tally, numbers)
        rows.append(IdentifierRow(mine, kind.what, where, how, *numbers, result))
    return tuple(rows)


def _how(kind: Kind, facts: Facts) -> str:
    if kind.how_moved and facts.dates_moved:
        return kind.how_moved
    if kind.how_everywhere and facts.choices.deface_all:
        return kind.how_everywhere
    return kind.how


def _result(kind: Kind, tally: Tally, numbers: tuple[int, int, int, int]) -> str:
    words = (
        "fields or columns dropped",
        "fields or columns rewritten",
        "found in text that would have been kept, and taken out or dropped with it",
        "files withheld",
    )
    told = _counted(words, numbers)
    if kind.paragraph == "(Q)":
        told = [*_faces(tally), *told]
    if kind.counted_with:
        told.append(f"No form of its own to look for; counted under {kind.counted_with}")
    return ". ".join(part[0].upper() + part[1:] for part in told) + "." if told else kind.nothing


def _faces(tally: Tally) -> list[str]:
    """Return what became of the faces, in parts of a sentence."""
    words = (
        "images defaced",
        "images reduced to the brain",
        "images with no face to remove",
        "images withheld, as no face was found for sure",
        "images not looked at for a face",
    )
    numbers = (
        tally.images[Treatment.DEFACED],
        tally.images[Treatment.STRIPPED],
        tally.images[Treatment.NOTHING],
        tally.withheld_images[Status.FAILURE],
        tally.images[Treatment.HEADER],
    )
    return _counted(words, numbers)


def _counted(words: Iterable[str], numbers: Iterable[int]) -> list[str]:
    return [f"{word}: {number:,}" for word, number in zip(words, numbers, strict=True) if number]


def codes_of(facts: Facts) -> tuple[Code, ...]:
    """Return the codes that hold, with how many sidecars say so.

    The codes of sidecars are those that `bidsdeid.run.images` writes; the others describe the
    dataset in the words of the standard, and no file says so.
    """
    tally, policy = facts.tally, facts.policy
    described = "describes the dataset; in no sidecar"
    codes = []
    if tally.masked:
        meaning = "Clean Recognizable Visual Features Option"
        codes.append(Code("113102", meaning, "sidecars of these images", tally.masked))
    if tally.images.total():
        meaning = "Clean Descriptors Option"
        codes.append(Code("113105", meaning, "sidecars of all images", tally.images.total()))
    if facts.dates_moved:
        meaning = "Retain Longitudinal Temporal Information Modified Dates Option"
        codes.append(Code("113107", meaning, described, 0))
    if {"age", "sex"} & policy.quasi_columns("participants"):
        codes.append(Code("113108", "Retain Patient Characteristics Option", described, 0))
    return tuple(codes)


def images_of(tally: Tally) -> Images:
    """Return what became of images."""
    ways = dict(sorted(tally.ways.items(), key=lambda item: (-item[1], item[0])))
    return Images(
        all=tally.images.total(),
        looked_for=tally.heads,
        defaced=tally.images[Treatment.DEFACED],
        stripped=tally.images[Treatment.STRIPPED],
        nothing_to_remove=tally.images[Treatment.NOTHING],
        header_only=tally.images[Treatment.HEADER],
        confirmed=tally.confirmed,
        withheld_by_failure=tally.withheld_images[Status.FAILURE],
        withheld_by_policy=tally.withheld_images[Status.POLICY],
        ways=ways,
    )


def review_of(tally: Tally) -> Review | None:
    """Return who looked at what; None if no rating is on record."""
    by_person: dict[str, Counter[Opinion]] = {}
    for (name, opinion), number in tally.by_reviewer.items():
        by_person.setdefault(name, Counter())[opinion] += number
    if not by_person:
        return None
    order = sorted(by_person, key=lambda name: (-by_person[name].total(), name))
    reviewers = tuple(
        Reviewer(number, *(by_person[name][opinion] for opinion in Opinion))
        for number, name in enumerate(order, start=1)
    )
    passed, down, later = (tally.opinions[opinion] for opinion in Opinion)
    return Review(tally.reviewed, passed, down, later, reviewers)


def unseen_of(tally: Tally) -> Unseen:
    """Return the images that nobody looked at."""
    paths = {
        str(treatment): tuple(x.path for x in tally.named if x.treatment is treatment)
        for treatment in Treatment
    }
    told = {treatment: named for treatment, named in paths.items() if named}
    return Unseen(tally.unseen, tally.unseen_heads, told)
