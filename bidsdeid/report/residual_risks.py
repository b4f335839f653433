"""What a release may still give away, told plainly: rules as data, conditions as functions.

The rows are ``residual_risks.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from bidsdeid.core.labels import Relabel
from bidsdeid.core.prose import in_order, listed
from bidsdeid.core.triage import Triage
from bidsdeid.report.facts import Facts
from bidsdeid.report.tally import Opinion, Treatment

#: What a sentence says in the place of its braces; None if the row is not told.
Values = Mapping[str, object] | None

#: Fields that operators type into, and fields that are set anew for each visit; those are named
#: that the policy keeps.
_TYPED = ("SeriesDescription", "ProtocolName", "TaskDescription", "Instructions")
_MEASURED = ("ShimSetting", "ImagingFrequency", "TxRefAmp", "SAR", "TablePosition")


@dataclass(frozen=True, slots=True)
class Risk:
    """One thing that a release may still give away.

    Parameters
    ----------
    name : str
        Of its condition.
    title : str
    sentence : str
    basis : str
        Where the sentence is from: counted in this release, a publication, an option.
    grave : bool
        Somebody should decide before the dataset is shared.
    """

    name: str
    title: str
    sentence: str
    basis: str
    grave: bool = False


def residual_risks(facts: Facts) -> tuple[Risk, ...]:
    """Return the risks of a release, in the order of the table."""
    risks = []
    for row in _rows():
        values = _CONDITIONS[row["when"]](facts)
        if values is not None:
            words = {name: row[name].format_map(values) for name in ("sentence", "basis")}
            grave = bool(row.get("grave", False))
            risks.append(Risk(row["when"], row["title"], words["sentence"], words["basis"], grave))
    return tuple(risks)


def condition_names() -> frozenset[str]:
    """Return the names that a row of the table may give as its condition."""
    return frozenset(_CONDITIONS)


@lru_cache(maxsize=1)
def _rows() -> tuple[Mapping[str, str], ...]:
    file = resources.files("bidsdeid.report") / "residual_risks.toml"
    return tuple(tomllib.loads(file.read_text("utf-8"))["risk"])


def _count(number: int, **more: object) -> Values:
    """Return a count with what else is told; a row whose count is zero is not told."""
    return {"count": many(number), "number": f"{number:,}", **more} if number else None


def many(number: int, one: str = "image") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> many(1), many(1200)
    ('1 image', '1,200 images')
    """
    return f"{number:,} {one}{'s' * (number != 1)}"


def _unseen(facts: Facts) -> Values:
    tally = facts.tally
    return _count(tally.unseen, all=many(tally.images.total()), heads=f"{tally.unseen_heads:,}")


def _defaced(facts: Facts) -> Values:
    ears = "the ears were asked to go, too" if facts.choices.ears else "the ears remain"
    return _count(facts.tally.images[Treatment.DEFACED], ears=ears)


def _nothing_removed(facts: Facts) -> Values:
    findings = [f"{number:,} with {what}" for what, number in sorted(facts.tally.findings.items())]
    return _count(
        facts.tally.images[Treatment.NOTHING], findings=listed(findings) if findings else ""
    )


def _untouched(facts: Facts) -> Values:
    counts = sorted(facts.tally.datatypes.items())
    kinds = listed(f"{number:,} in {name}/" for name, number in counts) if counts else ""
    return _count(facts.tally.images[Treatment.HEADER], datatypes=kinds)


def _one_engine(facts: Facts) -> Values:
    tally = facts.tally
    return _count(tally.masked - tally.confirmed, all=many(tally.masked))


def _groups(facts: Facts) -> Mapping[str, object] | None:
    """Return the groups of participants who share what others may know of them, if any."""
    found = facts.disclosure
    if found is None or not found.rows or not found.columns:
        return None
    numbers = ("rows", "smallest", "alone", "below", "k")
    return {
        **{name: f"{getattr(found, name):,}" for name in numbers},
        "columns": listed(found.columns),
    }


def _alone(facts: Facts) -> Values:
    found = facts.disclosure
    some = found is not None and found.alone > 0
    return _groups(facts) if some and facts.choices.k is None else None


def _not_enforced(facts: Facts) -> Values:
    found = facts.disclosure
    none = found is not None and found.alone == 0
    return _groups(facts) if none and facts.choices.k is None else None


def _enforced(facts: Facts) -> Values:
    groups = _groups(facts)
    asked = facts.choices.k
    return None if groups is None or asked is None else {**groups, "k": str(asked)}


def _labels_new(facts: Facts) -> Values:
    new = facts.choices.relabel != Relabel.KEEP
    return {"relabel": facts.choices.relabel} if new else None


def _text_kept(facts: Facts) -> Values:
    fields = [name for name in _TYPED if facts.keeps(name)]
    terms = (
        "; the owner of the data listed words that must not occur"
        if facts.choices.known_terms
        else ", and no list of words that must not occur was given"
    )
    words = listed(fields) if fields else "Names of tasks and columns"
    return {"fields": words, "terms": terms}


def _scanner_numbers(facts: Facts) -> Values:
    fields = [name for name in _MEASURED if facts.keeps(name)]
    return {"fields": listed(in_order(fields))} if fields else None


def _if(told: bool) -> Values:  # noqa: FBT001 -- the only thing it is about
    return {} if told else None


_CONDITIONS: Mapping[str, Callable[[Facts], Values]] = {
    "rated_down": lambda facts: _count(facts.tally.opinions[Opinion.DOWN]),
    "triaged_fail": lambda facts: _count(facts.tally.triage[Triage.FAIL]),
    "triaged_look": lambda facts: _count(facts.tally.triage[Triage.LOOK]),
    "unseen": _unseen,
    "defaced": _defaced,
    "as_given": lambda facts: _if(
        facts.choices.face_as_given and facts.tally.images[Treatment.DEFACED] > 0
    ),
    "light": lambda facts: _if(
        facts.choices.strength == "light" and facts.tally.images[Treatment.DEFACED] > 0
    ),
    "one_engine": _one_engine,
    "nothing_removed": _nothing_removed,
    "untouched": _untouched,
    "images": lambda facts: _count(facts.tally.images.total()),
    "alone": _alone,
    "not_enforced": _not_enforced,
    "enforced": _enforced,
    "dates_moved": lambda facts: _if(facts.dates_moved),
    "labels_kept": lambda facts: _if(facts.choices.relabel == Relabel.KEEP),
    "labels_new": _labels_new,
    "text_kept": _text_kept,
    "scanner_numbers": _scanner_numbers,
    "own_policy": lambda facts: _if(facts.choices.own_policy),
    "always": lambda _: {},
}
