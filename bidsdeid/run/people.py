"""participants.tsv: a row for each participant of whom something is released."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bidsdeid.core.disclosure import Disclosure, disclosure, enforced
from bidsdeid.core.ledger import Outcome, Release
from bidsdeid.core.plan import Action
from bidsdeid.core.policy import Decision
from bidsdeid.core.scrub import NOT_AVAILABLE, Change
from bidsdeid.core.tables import Table, TableContext, scrub_table
from bidsdeid.core.text import decode_table, encode_table
from bidsdeid.run.bench import Bench, released_outcome

PARTICIPANTS = PurePosixPath("participants.tsv")

#: Cells with fewer participants than this are told, if nothing is asked for.
SMALL = 5


@dataclass(slots=True)
class People:
    """Those of whom something is released.

    Parameters
    ----------
    bench : Bench
        For the dataset's own files.
    labels : mapping of str to str
        New labels, each with the old one.
    disclosure : Disclosure or None
        How small the groups are of those who share age, sex and the like, once it is known.
    """

    bench: Bench
    labels: Mapping[str, str]
    disclosure: Disclosure | None = field(default=None)

    def release(self) -> Release | None:
        """Write the table; return it if it is not made from one of the input."""
        action = next((a for a in self.bench.study.shared if a.path == PARTICIPANTS), None)
        if action is not None and action.path not in self.bench.outcomes:
            self.bench.attempt(action, self._treat)
        if PARTICIPANTS in self.bench.released:
            return None
        return self._put(Table(("participant_id",), ()))[0]

    def _treat(self, action: Action) -> Outcome:
        context = TableContext(self.bench.context, participants=frozenset(self.labels.values()))
        table, changes = scrub_table(
            decode_table(self.bench.read(action.path)), "participants", self.bench.policy, context
        )
        release, more = self._put(table)
        return released_outcome(action, (release,), changes=(*changes, *more))

    def _put(self, table: Table) -> tuple[Release, tuple[Change, ...]]:
        bench, k = self.bench, self.bench.config.identity.k
        known = {row[0] for row in table.rows}
        blank = (NOT_AVAILABLE,) * (len(table.columns) - 1)
        new = [(f"sub-{label}", *blank) for label in self.labels if f"sub-{label}" not in known]
        whole = Table(table.columns, tuple(sorted([*table.rows, *new])))
        rules = {name: bench.policy.column_rule("participants", name) for name in table.columns}
        quasi = [name for name, rule in rules.items() if rule.quasi]
        ages = [name for name, rule in rules.items() if rule.kind == "age"]
        changes: tuple[Change, ...] = ()
        if k is not None:
            whole, changes = enforced(whole, quasi, k, ages=ages)
        self.disclosure = disclosure(whole, quasi, k or SMALL, ages=ages)
        release = bench.put(
            PARTICIPANTS,
            encode_table(whole),
            lambda written: bench.auditor.table(PARTICIPANTS, written, "participants"),
            str(Decision.SCRUB),
        )
        bench.released[PARTICIPANTS] = PARTICIPANTS
        return release, changes
