"""What the user sees while it runs, and the summary at the end.

On a terminal a bar, otherwise one line a participant; never a name that BIDS does not know.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bidsdeid.config import Config
from bidsdeid.core.account import Account
from bidsdeid.core.dataset import SourceFile, public_path
from bidsdeid.core.labels import objection
from bidsdeid.core.ledger import Ledger, Status
from bidsdeid.core.plan import Plan
from bidsdeid.core.policy import Decision
from bidsdeid.core.showing import MASK
from bidsdeid.core.terms import NO_WORDS, Terms
from bidsdeid.io.private import REPORTS
from bidsdeid.run.study import Study


class Reporter:
    """Tells the user what happens.

    Parameters
    ----------
    config : Config
        For verbosity and the progress bar.
    """

    def __init__(self, config: Config) -> None:
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._verbosity = config.verbosity
        self._started = time.monotonic()
        self._bar: Progress | None = None
        if config.progress and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._errors,
            )

    def __enter__(self) -> Self:
        """Start the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the bar."""
        if self._bar is not None:
            self._bar.stop()

    def warn(self, text: str) -> None:
        """Say what should not be so."""
        self._line(f"warning: {text}")

    def step(self, text: str) -> None:
        """Say what is being done."""
        self._line(text)

    def participants(self, total: int) -> None:
        """Start counting participants."""
        if self._bar is not None:
            self._bar.add_task("participants", total=total)

    def participant(self, label: str, ledger: Ledger) -> None:
        """Say that a participant is done."""
        parts = [f"{ledger.count(status)} {status}" for status in Status if ledger.count(status)]
        self._line(f"sub-{label}: {', '.join(parts) or 'no files'}")
        if self._verbosity:
            for outcome in ledger.outcomes:
                if outcome.metrics:
                    values = " ".join(f"{k}={v:g}" for k, v in outcome.metrics.items())
                    name = outcome.releases[0].path if outcome.releases else "withheld"
                    self._line(f"  {name}: {values}")
        self._advance()

    def crash(self, label: str, sentence: str) -> None:
        """Say that a participant could not be done."""
        self._line(f"sub-{label}: not done: {sentence}")
        self._advance()

    def _advance(self) -> None:
        if self._bar is not None:
            for task in self._bar.task_ids:
                self._bar.advance(task)

    def _line(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self._errors.print(f"[{minutes:02d}:{seconds:02d}] {text}", markup=False)

    def elapsed(self) -> str:
        """Return the time since the start, for people."""
        minutes, seconds = divmod(round(time.monotonic() - self._started), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def summarise(
    study: Study, plan: Plan, accounts: Sequence[Account], elapsed: str, *, unfinished: bool
) -> None:
    """Print what was released, what was not and why, and where things are."""
    config = study.config
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for status in Status:
        table.add_row(str(status), str(sum(account.counts.get(status, 0) for account in accounts)))
    table.add_row("time", elapsed)
    if any(account.released for account in accounts):
        table.add_row("output", str(config.output_dir))
    table.add_row("private", f"{config.private_dir}  (do not share)")
    index = config.private_dir / REPORTS / "index.html"
    if config.reports and not unfinished and index.is_file():
        table.add_row("look at", str(index))
    console.print(table)
    if any(account.failures for account in accounts):
        console.print("\nWithheld by failure:")
    for account in accounts:
        owned = plan.participants.get(account.participant, ()) if account.failures else ()
        files = {str(a.path): a.file for a in (owned if account.participant else plan.shared)}
        for source, reason in account.failures:
            shown = _shown(files.get(source), study)
            console.print(f"  {shown}: {reason}", markup=False)
    lost = sum(account.lost_dates for account in accounts)
    if lost:
        console.print(
            f"\n{lost} date(s) were removed, not moved: the key moves the 22 years from "
            f"{study.secret.first_year} on.  Begin its file with an earlier year and a colon."
        )
    if unfinished:
        console.print(
            "\nThe dataset is not finished: run the level `group` when all participants are done."
        )


def print_plan(plan: Plan, terms: Terms, *, relabel: bool) -> None:
    """Print the plan: counts by decision, then files with reasons.

    Labels that will be replaced are not shown, nor is what identifies in a name.
    """
    console = Console(highlight=False, soft_wrap=True)
    counts = plan.counts()
    overview = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for decision in Decision:
        overview.add_row(str(decision), str(counts.get(decision, 0)))
    console.print(overview)
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("decision", "file", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name != "reason")
    previous: tuple[str, ...] = ()
    for action in plan:
        path = public_path(action.file)
        if relabel:
            path = _LABEL.sub(r"\1-*", path)
        row = (str(action.decision), _masked(path, terms), action.reason)
        if row != previous:  # files that may not be named stand as one line
            table.add_row(*row)
        previous = row
    Console(highlight=False, markup=False, width=None if console.is_terminal else 160).print(table)


#: A label in a path: of a participant or a session, and any.
_LABEL = re.compile(r"(?<![a-zA-Z0-9])(sub|ses)-[a-zA-Z0-9+]+")
_ANY_LABEL = re.compile(r"(?<![a-zA-Z0-9])([a-z]+)-([a-zA-Z0-9+]+)")


def _shown(file: SourceFile | None, study: Study) -> str:
    """Return a source path with new labels, and what identifies in it masked."""
    if file is None:
        return "(unknown)"
    return _masked(str(study.labels.path(PurePosixPath(public_path(file)))), study.terms)


def _masked(path: str, terms: Terms) -> str:
    """Return a path of BIDS with the labels masked that identify."""
    codes = replace(terms, places=NO_WORDS)

    def mask(match: re.Match[str]) -> str:
        entity, label = match.groups()
        found = objection(label, terms.in_names if entity in ("sub", "ses") else codes)
        return f"{entity}-{MASK}" if found else match[0]

    return _ANY_LABEL.sub(mask, path)
