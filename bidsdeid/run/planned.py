"""What all participants of a dataset have in common, read once for many jobs.

Labels and words that identify come from the whole dataset.  Jobs of one participant each would
all read all of it; ``bidsdeid slurm`` does it once and puts it on record in the private folder.
A job that is told to (``--planned``) takes it from there, and looks again at what is its own.
The finishing step trusts no record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.core.labels import SourceLabels
from bidsdeid.core.policy import Policy
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.tree import session_labels, source_labels, top_labels
from bidsdeid.run.harvesting import Gleanings, glean

#: Name of the record in the private folder.
RECORD = "planned.json"


@dataclass(frozen=True, slots=True)
class Planned:
    """What the whole dataset says.

    Parameters
    ----------
    source : mapping of str to sequence of str
        Labels of participants, with those of their sessions.
    gleanings : Gleanings
        Words that identify, and dates.
    """

    source: SourceLabels
    gleanings: Gleanings


def read_dataset(config: Config, policy: Policy) -> Planned:
    """Read the whole dataset.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    return Planned(source_labels(config.bids_dir), glean(config.bids_dir, policy))


def record_plan(planned: Planned, policy: Policy, private: PrivateFolder) -> None:
    """Put on record what the whole dataset says."""
    facts = {
        "mark": _mark(policy, planned.source),
        "labels": {label: list(sessions) for label, sessions in planned.source.items()},
        "gleanings": planned.gleanings.to_json(),
    }
    private.write_text(RECORD, json.dumps(facts))


def read_plan(config: Config, policy: Policy, private: PrivateFolder) -> Planned:
    """Return what is on record, with what the participants that are asked for say now.

    Without a record of this dataset, or with participants or sessions that it does not know, the
    whole dataset is read.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    labels = sorted(config.selection.participants or ())
    try:
        facts = json.loads((private.folder / RECORD).read_bytes())
        source = {str(label): tuple(map(str, x)) for label, x in facts["labels"].items()}
        gleanings = Gleanings.from_json(facts["gleanings"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return read_dataset(config, policy)
    root = config.bids_dir
    present = top_labels(root)
    known = facts["mark"] == _mark(policy, present) and present == list(source)
    if not known or any(session_labels(root, x) != source.get(x) for x in labels):
        return read_dataset(config, policy)
    gleanings.add(glean(root, policy, labels))
    return Planned(source, gleanings)


def _mark(policy: Policy, labels: Iterable[str]) -> str:
    """Return what tells whether a record is of these rules, this program and these people."""
    facts = [__version__, policy.digest, list(labels)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
