"""What the user sees while it runs, and the summary at the end.

On a terminal a bar, otherwise one line a participant; never a name that BIDS does not know.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bidsdeid.config import Config
from bidsdeid.core.dataset import SourceFile, public_path
from bidsdeid.core.ledger import Ledger, Outcome, Status
from bidsdeid.core.plan import Plan
from bidsdeid.core.policy import Decision


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
                    self._line(f"  {outcome.source}: {values}")
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
    config: Config, plan: Plan, ledgers: Sequence[Ledger], elapsed: str, *, unfinished: bool
) -> None:
    """Print what was released, what was not and why, and where things are."""
    console = Console(highlight=False, soft_wrap=True)
    outcomes = [outcome for ledger in ledgers for outcome in ledger.outcomes]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for status in Status:
        table.add_row(str(status), str(sum(outcome.status is status for outcome in outcomes)))
    table.add_row("time", elapsed)
    if any(ledger.releases for ledger in ledgers):
        table.add_row("output", str(config.output_dir))
    table.add_row("private", f"{config.private_dir}  (do not share)")
    console.print(table)
    files = {str(action.path): action.file for action in plan}
    failures = [outcome for outcome in outcomes if outcome.status is Status.FAILURE]
    if failures:
        console.print("\nWithheld by failure:")
        for outcome in failures:
            console.print(f"  {_shown(outcome, files)}: {outcome.reason}", markup=False)
    if unfinished:
        console.print(
            "\nThe dataset is not finished: run the level `group` when all participants are done."
        )


def print_plan(plan: Plan) -> None:
    """Print the plan: counts by decision, then files with reasons."""
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
        row = (str(action.decision), public_path(action.file), action.reason)
        if row != previous:  # files that may not be named stand as one line
            table.add_row(*row)
        previous = row
    Console(highlight=False, markup=False, width=None if console.is_terminal else 160).print(table)


def _shown(outcome: Outcome, files: dict[str, SourceFile]) -> str:
    file = files.get(outcome.source)
    return "(unknown)" if file is None else public_path(file)
