"""What all participants of a run have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bidsdeid.config import Config, IdentityOptions
from bidsdeid.core.labels import (
    Labels,
    Relabel,
    SourceLabels,
    keyed_labels,
    objection,
    sequential_labels,
    table_labels,
)
from bidsdeid.core.old_labels import old_words
from bidsdeid.core.plan import Action, Plan
from bidsdeid.core.policy import Policy
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.showing import MASK
from bidsdeid.core.terms import Lexicon, Terms
from bidsdeid.core.text import decode_table
from bidsdeid.errors import TextError, UsageError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.tree import source_labels
from bidsdeid.run.harvesting import glean


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
    """

    config: Config
    policy: Policy
    shared: tuple[Action, ...]
    secret: Secret
    labels: Labels
    terms: Terms

    def shown(self, participant: str) -> str:
        """Return a participant's label in the release, masked if it identifies."""
        label = self.labels.participant(participant)
        return MASK if objection(label, self.terms.in_names) else label


def open_study(config: Config, policy: Policy, plan: Plan, private: PrivateFolder) -> Study:
    """Read what the whole dataset says about people, and give out new labels.

    Raises
    ------
    UsageError
        If key or labels cannot be used.
    """
    identity = config.identity
    gleanings = glean(config.bids_dir, policy)
    lasting = identity.relabel is not Relabel.KEYED or config.private_named
    secret = private.secret(identity.key, gleanings.first_year, lasting=lasting)
    source = source_labels(config.bids_dir)
    labels = new_labels(identity, source, secret, private)
    whole, phrases = old_words(source, labels)
    public = () if labels.participants else tuple(source)
    terms = gleanings.harvest.terms(identity.terms, Lexicon(whole=whole, phrases=phrases), public)
    return Study(config, policy, plan.shared, secret, labels, terms)


def new_labels(
    identity: IdentityOptions, source: SourceLabels, secret: Secret, private: PrivateFolder
) -> Labels:
    """Return new labels, and put their map on record.

    Raises
    ------
    UsageError
        If the user's table of them cannot be used.
    """
    mode = identity.relabel
    if mode is Relabel.KEEP:
        return Labels()
    if mode is Relabel.KEYED:
        labels = keyed_labels(source, secret)
    elif mode is Relabel.SEQUENTIAL:
        labels = sequential_labels(source, secret, private.read_labels(mode))
    else:
        labels = table_labels(source, _read_table(identity.table))
    if identity.sessions:
        private.record_labels(mode, labels)
        return labels
    # Numbers that sessions were given before stay on record for a release that uses them again.
    earlier = private.read_labels(mode).sessions
    private.record_labels(mode, replace(labels, sessions=earlier))
    kept = {(owner, label): label for owner, owned in source.items() for label in owned}
    return replace(labels, sessions=kept)


def _read_table(path: Path | None) -> tuple[Mapping[str, str], ...]:
    """Read the user's table of labels.

    Raises
    ------
    UsageError
        If it cannot be read, or has not the columns.
    """
    try:
        table = decode_table(b"" if path is None else path.read_bytes())
    except OSError as error:
        message = (
            "--relabel takes keep, sequential, keyed or a TSV file, and there is no such file: "
            f"{error.strerror}"
        )
        raise UsageError(message) from error
    except TextError as error:
        message = f"--relabel: {error}"
        raise UsageError(message) from error
    if not {"participant_id", "new_participant_id"} <= set(table.columns):
        message = "--relabel: the table needs columns participant_id and new_participant_id"
        raise UsageError(message)
    return tuple(dict(zip(table.columns, row, strict=True)) for row in table.rows)
