"""What the finished release says of itself: manifest, numbers, pictures and certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.core.disclosure import Disclosure
from bidsdeid.core.ledger import Ledger
from bidsdeid.core.policy import Policy
from bidsdeid.core.ratings import Rating, parse_ratings
from bidsdeid.core.triage import Triage, triage_together
from bidsdeid.report.facts import Check, Choices, Facts
from bidsdeid.report.row import IndexRow
from bidsdeid.report.tally import Tally
from bidsdeid.resources import load_policy, policy_names
from bidsdeid.run.evidence import Evidence, cell
from bidsdeid.run.instruments import instruments
from bidsdeid.run.study import Study

#: Columns of the table of what the images of a participant show together.
_TOGETHER = ("images", "eyes_visible", "nose_visible", "mouth_visible")


class ReleaseAccount:
    """Takes in all outcomes of a release, one by one.

    Parameters
    ----------
    config : Config
    policy : Policy
        Whose words are told if it comes with the program.
    ratings : mapping of str to sequence of Rating
        By released path; only of what is still as it was when it was rated.
    """

    def __init__(
        self, config: Config, policy: Policy, ratings: Mapping[str, Sequence[Rating]]
    ) -> None:
        self.own = config.policy not in policy_names()
        self.policy, private = public_policy(policy) if self.own else (policy, frozenset())
        self.evidence, self.tally = Evidence(private), Tally(self.policy)
        self._ratings = ratings
        self._together: list[str] = []

    def add(self, ledger: Ledger) -> None:
        """Take in a participant, or the dataset's own files."""
        for outcome in ledger.outcomes:
            self.evidence.add(outcome)
            word = Triage(outcome.triage) if outcome.triage else None
            rated = [x for r in outcome.releases[:1] for x in self._ratings.get(r.path, ())]
            self.tally.add(outcome, word, rated)
        if ledger.together.get("images"):
            word, _ = triage_together(ledger.together)
            cells = [cell(ledger.together.get(name)) for name in _TOGETHER]
            self._together.append("\t".join([f"sub-{ledger.label}", *cells, str(word)]) + "\n")

    def together(self) -> str:
        """Return the table of what the images of each participant show together."""
        header = "\t".join(["participant_id", *_TOGETHER, "triage"]) + "\n"
        return "".join([header, *sorted(self._together)])

    def facts(self, study: Study, people: int, disclosure: Disclosure | None) -> Facts:
        """Return what the certificate is made of."""
        config = study.config
        return Facts(
            __version__,
            self.policy,
            Choices.of(config, own_policy=self.own),
            self.tally,
            people,
            instruments(config, list(self.tally.ways)),
            tuple(_checks()),
            disclosure,
        )


def public_policy(policy: Policy) -> tuple[Policy, frozenset[str]]:
    """Return a policy of the user's own as it may be told, and the reasons in it that may not.

    Its words are its owner's, and may be about people: its digest is told, and the rules that it
    shares with policies that come with the program.
    """
    known = {rule.reason for name in policy_names() for rule in load_policy(name).files}
    private = frozenset(rule.reason for rule in policy.files) - known
    shared = tuple(rule for rule in policy.files if rule.reason in known)
    told = replace(policy, name="own", version="", description="", identifiers=(), files=shared)
    return told, private


def _checks() -> Iterator[Check]:
    """Yield what a dataset must pass before any of it is published."""
    validator = f"bids-validator-deno {version('bids-validator-deno')}"
    yield Check(validator, "every file, against the BIDS schema", "0 errors", condition=True)
    yield Check(
        f"bidsdeid audit {__version__}",
        "every file of the release, read again as if someone else had made it",
        "nothing that stops a release",
        condition=True,
    )


def current(ratings: str | None, rows: Sequence[IndexRow]) -> dict[str, list[Rating]]:
    """Return the ratings of images that are as they were when they were rated, by path.

    Raises
    ------
    UsageError
        If the table has mistakes.
    """
    shown = {row.path: row.shown for row in rows}
    found: dict[str, list[Rating]] = {}
    for rating in parse_ratings(ratings) if ratings else ():
        if rating.shown and rating.shown == shown.get(rating.path):
            found.setdefault(rating.path, []).append(rating)
    return found
