"""The release certificate: what was done to a dataset, what was checked, and what remains.

It is public.  It holds counts, digests, rules and released paths; no source path, no name of a
field that no rule knows, no old label, no value and no picture.  It is made of `Facts` alone, so
that the same release has the same certificate, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from bidsdeid.core.disclosure import Disclosure
from bidsdeid.core.ledger import Status
from bidsdeid.core.prose import listed
from bidsdeid.core.triage import Triage
from bidsdeid.report.certificate_rows import (
    Code,
    IdentifierRow,
    Images,
    Review,
    Rules,
    Unseen,
    codes_of,
    identifier_rows,
    images_of,
    review_of,
    rules_of,
    unseen_of,
)
from bidsdeid.report.facts import Check, Choices, Facts, Resource
from bidsdeid.report.identifiers import LISTED_TERM, OTHER_CHANGE, UNKNOWN_FIELD
from bidsdeid.report.public_words import public_words, told_version
from bidsdeid.report.residual_risks import Risk, many, residual_risks
from bidsdeid.report.tally import Tally

FORMAT = "bidsdeid release certificate"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is told of a release.

    Parameters
    ----------
    summary : tuple of (str, str)
        Five lines: what about, and a sentence or two.
    version : str
        Of bidsdeid.
    date : str or None
    rules : Rules
    choices : Choices
    resources : tuple of Resource
    participants, files_released : int
    mebibytes_released : float
    files_by_status, files_by_decision, withheld_by_rule : mapping of str to int
    images : Images
    identifiers : tuple of IdentifierRow
    not_attributed : mapping of str to int
        Changes that belong to none of the eighteen, or cannot be told to.
    codes : tuple of Code
    triage : mapping of str to int, or None
    review : Review or None
    unseen : Unseen
    disclosure : Disclosure or None
    risks : tuple of Risk
    checks : tuple of Check
    """

    summary: tuple[tuple[str, str], ...]
    version: str
    date: str | None
    rules: Rules
    choices: Choices
    resources: tuple[Resource, ...]
    participants: int
    files_released: int
    mebibytes_released: float
    files_by_status: Mapping[str, int]
    files_by_decision: Mapping[str, int]
    withheld_by_rule: Mapping[str, int]
    images: Images
    identifiers: tuple[IdentifierRow, ...]
    not_attributed: Mapping[str, int]
    codes: tuple[Code, ...]
    triage: Mapping[str, int] | None
    review: Review | None
    unseen: Unseen
    disclosure: Disclosure | None
    risks: tuple[Risk, ...]
    checks: tuple[Check, ...]


def certificate(facts: Facts) -> Certificate:
    """Return the certificate of a release.

    Parameters
    ----------
    facts : Facts
        Of the whole release; the tally must hold every outcome.

    Returns
    -------
    Certificate
    """
    tally = facts.tally
    risks = residual_risks(facts)
    identifiers = identifier_rows(facts)
    review, images = review_of(tally), images_of(tally)
    triage = {str(grade): tally.triage[grade] for grade in Triage} if tally.triage else None
    made = Certificate(
        summary=tuple(_summary(facts, images, review, risks).items()),
        version=facts.version,
        date=facts.date,
        rules=rules_of(facts),
        choices=facts.choices,
        resources=tuple(replace(x, version=told_version(x.version)) for x in facts.resources),
        participants=facts.participants,
        files_released=tally.released,
        mebibytes_released=round(tally.bytes_released / 2**20, 1),
        files_by_status=dict(sorted(tally.statuses.items())),
        files_by_decision=dict(sorted(tally.decisions.items())),
        withheld_by_rule=dict(sorted(tally.reasons.items(), key=lambda x: (-x[1], x[0]))),
        images=images,
        identifiers=identifiers,
        not_attributed=_not_attributed(tally),
        codes=codes_of(facts),
        triage=triage,
        review=review,
        unseen=unseen_of(tally),
        disclosure=facts.disclosure,
        risks=risks,
        checks=facts.checks,
    )
    return public_words(made)


def to_json(made: Certificate) -> str:
    """Return a certificate as JSON, with names in the style of BIDS.

    Examples
    --------
    >>> _camel("files_by_status")
    'FilesByStatus'
    """
    raw = {"Format": FORMAT, "FormatVersion": FORMAT_VERSION, **_plain(made)}
    return json.dumps(raw, indent=2, ensure_ascii=False) + "\n"


def _plain(value: object) -> Any:  # noqa: ANN401 -- JSON of any shape
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(each.name): _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return value


#: Names that BIDS has for the same; audits know what their values look like.
_NAMES = {"codes": "DeidentificationMethodCodeSequence", "sha256": "SHA256"}


def _camel(name: str) -> str:
    return _NAMES.get(name) or "".join(word[0].upper() + word[1:] for word in name.split("_"))


def _not_attributed(tally: Tally) -> Mapping[str, int]:
    """Return changes that count under none of the eighteen, by why."""
    counts = {
        why: sum(number for (where, _), number in tally.changes.items() if where == why)
        for why in (UNKNOWN_FIELD, LISTED_TERM, OTHER_CHANGE)
    }
    return {why: number for why, number in counts.items() if number}


def _summary(
    facts: Facts, images: Images, review: Review | None, risks: tuple[Risk, ...]
) -> Mapping[str, str]:
    """Return five lines for somebody who reads no more."""
    tally = facts.tally
    dates = "moved by a secret number of days" if facts.dates_moved else "removed"
    withheld = tally.statuses[str(Status.POLICY)] + tally.statuses[str(Status.FAILURE)]
    grave = sum(risk.grave for risk in risks)
    return {
        "What this is": (
            f"A dataset of {many(facts.participants, 'participant')} and "
            f"{many(tally.released, 'file')}, de-identified by bidsdeid {facts.version} with the "
            f"policy {facts.policy.name} {facts.policy.version}. This page says what was done, "
            "how it was checked, and what remains."
        ),
        "Faces": _faces(images),
        "Names, dates, places": (
            "A file, field or column is released only if a rule names it. "
            f"Dropped or rewritten over all files: {tally.changes.total():,} fields, columns and "
            f"texts. Withheld: {many(withheld, 'file')} of the source. Dates were {dates}."
        ),
        "Who looked": _looked(tally, review, facts.checks),
        "What remains": (
            f"De-identified is not anonymous. {many(len(risks), 'residual risk')} "
            f"{'is' if len(risks) == 1 else 'are'} listed below"
            + (
                f", {grave} of which somebody has to decide about before sharing."
                if grave
                else "."
            )
        ),
    }


def _faces(images: Images) -> str:
    done = (
        (images.defaced, "had the face removed"),
        (images.stripped, "were reduced to the brain"),
        (images.nothing_to_remove, "showed none to remove"),
    )
    told = [f"{number:,} {what}" for number, what in done if number]
    parts = [
        f"A face was looked for in {many(images.looked_for, 'released image')}"
        + (f": {listed(told)}." if told else ".")
    ]
    if images.withheld_by_failure:
        unsure = many(images.withheld_by_failure, "image")
        parts.append(f"Withheld, as the result was not sure: {unsure}.")
    if images.header_only:
        others = many(images.header_only, "other image")
        parts.append(f"In {others}, such as functional ones, no face was looked for.")
    return " ".join(parts)


def _looked(tally: Tally, review: Review | None, checks: tuple[Check, ...]) -> str:
    images = tally.images.total()
    if review is None:
        eyes = f"No review is on record: nobody is known to have looked at the {images:,} images."
    else:
        people = "one person" if len(review.reviewers) == 1 else f"{len(review.reviewers)} people"
        eyes = (
            f"Looked at by {people}: {review.reviewed:,} of {images:,} images, of which "
            f"{review.passed:,} were passed and {review.rated_down:,} rated down. Looked at by "
            f"nobody: {tally.unseen:,}."
        )
    passed = [check.name for check in checks if check.condition]
    return eyes + (f" The whole passed {listed(passed)}." if passed else "")
