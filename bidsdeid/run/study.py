"""What all participants of a run have in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from bidsdeid.config import Config
from bidsdeid.core.labels import (
    Labels,
    Relabel,
    objection,
)
from bidsdeid.core.old_labels import old_words
from bidsdeid.core.plan import Action, Plan
from bidsdeid.core.policy import Policy
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.showing import MASK
from bidsdeid.core.terms import Lexicon, Terms
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.store import Store
from bidsdeid.run.planned import read_dataset, read_plan, record_plan
from bidsdeid.run.redo import Rejected, read_rejected, take_ratings
from bidsdeid.run.relabelling import new_labels


@dataclass(frozen=True, slots=True)
class Study:
    """A dataset, and how it is to be released.

    Parameters
    ----------
    config : Config
    policy : Policy
    shared : tuple of Action
        Of the dataset's own files; their sidecars are inherited.
    secret : Secret
        What labels and shifts of dates come from.
    labels : Labels
        New labels.
    terms : Terms
        Words that must not occur in the output.
    rejected : mapping of str to sequence of str
        Ways of finding a face or brain that a reviewer rejected, by source path.
    """

    config: Config
    policy: Policy
    shared: tuple[Action, ...]
    secret: Secret
    labels: Labels
    terms: Terms
    rejected: Rejected = field(default_factory=dict)

    def shown(self, participant: str) -> str:
        """Return a participant's label in the release, masked if it identifies."""
        label = self.labels.participant(participant)
        return MASK if objection(label, self.terms.in_names) else label


def open_study(
    config: Config, policy: Policy, plan: Plan, private: PrivateFolder, *, keep: bool = False
) -> Study:
    """Read what the whole dataset says about people, and give out new labels.

    Parameters
    ----------
    config : Config
    policy : Policy
    plan : Plan
    private : PrivateFolder
    keep : bool
        Put on record what was read, for jobs that do not read it again.

    Raises
    ------
    UsageError
        If key or labels cannot be used.
    """
    identity = config.identity
    # Who finishes the dataset, which is for everyone, reads it again.
    one = config.planned and config.selection.participants is not None
    read = read_plan(config, policy, private) if one else read_dataset(config, policy)
    gleanings, source = read.gleanings, read.source
    if keep:
        record_plan(read, policy, private)
    lasting = identity.relabel is not Relabel.KEYED or config.private_named
    secret = private.secret(identity.key, gleanings.first_year, lasting=lasting)
    labels = new_labels(identity, source, secret, private)
    whole, phrases = old_words(source, labels)
    public = () if labels.participants else tuple(source)
    terms = gleanings.harvest.terms(identity.terms, Lexicon(whole=whole, phrases=phrases), public)
    if config.ratings is not None:
        new = {labels.participant(label): label for label in source}
        take_ratings(config.ratings, private, Store(config.output_dir), new)
    rejected = read_rejected(private)
    return Study(config, policy, plan.shared, secret, labels, terms, rejected)
