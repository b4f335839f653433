"""The BIDS App: from a configuration to an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path

from bidsdeid.config import Config
from bidsdeid.core.account import Account
from bidsdeid.core.labels import Relabel
from bidsdeid.core.ledger import Ledger
from bidsdeid.core.plan import Kind, Plan, build_plan
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.errors import BidsdeidError, InvalidInputError, StoreError, ToolError, UsageError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.tree import index_dataset
from bidsdeid.io.work import work_folder
from bidsdeid.resources import load_policy
from bidsdeid.run.brain_cascade import check_skullstrip, network_steps
from bidsdeid.run.dataset import finish_dataset
from bidsdeid.run.harvesting import glean
from bidsdeid.run.participant import Task, finished_ledger
from bidsdeid.run.progress import Reporter, print_plan, summarise
from bidsdeid.run.records import Records
from bidsdeid.run.study import Study, open_study
from bidsdeid.run.workers import outcomes
from bidsdeid.validate import counted, listed, validate

#: A stored image is at most about this much larger than its file.
_GZIP_RATIO = 3.0
_MB = 2**20


@dataclass(slots=True)
class _Results:
    """What participants came to, and the worst that happened on the way."""

    accounts: list[Account] = field(default_factory=list)
    crashes: list[BidsdeidError] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        if self.crashes:
            return max(crash.exit_code for crash in self.crashes)
        return int(any(account.failures for account in self.accounts))


def run_app(config: Config, level: str) -> int:
    """Carry out one analysis level.

    Parameters
    ----------
    config : Config
        What was asked for.
    level : str
        ``participant`` or ``group``.

    Returns
    -------
    int
        0 if everything the policy names is released, 1 if something was withheld because it
        failed, else the code of the error; see `bidsdeid.errors`.

    Raises
    ------
    BidsdeidError
        If the run cannot go on.
    """
    try:
        return _run_level(config, level)
    except (BidsdeidError, KeyboardInterrupt):
        raise
    except Exception as bug:  # noqa: BLE001 -- the last boundary: no traceback to the terminal
        told = PrivateFolder(config.private_dir).record_bug("crash.txt", bug)
        raise told from None


def _run_level(config: Config, level: str) -> int:
    config.check_folders()
    if level == "group" and config.selection.participants is not None:
        message = "the level `group` finishes the whole dataset: leave out --participant-label"
        raise UsageError(message)
    if level == "group" and config.ratings is not None:
        message = "--ratings is for the level `participant`, which does images again"
        raise UsageError(message)
    if level == "participant" and not config.dry_run:
        check_skullstrip(config.brain)
    policy = policy_of(config)
    index = index_dataset(config.bids_dir, _labels(config))
    plan = build_plan(index, policy, config.selection)
    if config.dry_run:
        terms = glean(config.bids_dir, policy).harvest.terms(config.identity.terms)
        print_plan(plan, terms, relabel=config.identity.relabel is not Relabel.KEEP)
        return 0
    private = PrivateFolder(config.private_dir)
    private.prepare()
    with Reporter(config) as reporter, work_folder(config.work_dir) as scratch:
        for what in private.exposed(config.identity.key):
            reporter.warn(f"{what} can be read by others: `chmod go=` it")
        study = open_study(config, policy, plan, private)
        # The times of files in the output must not tell the order of the old labels.
        labels = sorted(plan.participants, key=study.labels.participant)
        if level == "participant":
            if config.validate_input:
                reporter.step("validating the input")
                validate_input(config, private, scratch)
            results = _run_all(study, plan, labels, reporter, private)
        else:
            results = _collect(study, plan, labels)
        results.accounts.sort(key=lambda account: account.label)
        everyone = level == "group" or (
            config.selection.participants is None and len(results.accounts) == len(labels)
        )
        if everyone and any(account.released for account in results.accounts):
            reporter.step("finishing and validating the dataset")
            own = finish_dataset(study, Records(private, results.accounts), scratch)
            results.accounts.append(Account.of(own))
    summarise(study, plan, results.accounts, reporter.elapsed(), unfinished=not everyone)
    return results.exit_code


def _labels(config: Config) -> Sequence[str] | None:
    wanted = config.selection.participants
    return None if wanted is None else sorted(wanted)


def policy_of(config: Config) -> Policy:
    """Return the rules, as the user's options change them."""
    policy = replace(
        load_policy(config.policy, deface_all=config.deface_all),
        skullstrip=config.anat == "skullstrip",
    )
    return policy.quasi_only_in("participants") if config.identity.k is not None else policy


def validate_input(config: Config, private: PrivateFolder, scratch: Path) -> None:
    """Have the official validator look at the input.

    Parameters
    ----------
    config : Config
    private : PrivateFolder
        Where errors are told.
    scratch : Path
        A private folder, see `bidsdeid.validate.validate`.

    Raises
    ------
    InvalidInputError
        If it finds errors.
    """
    findings = validate(config.bids_dir, scratch, deidentified=False)
    if findings:
        private.write_text("input-validation.txt", listed(findings))
        message = (
            f"the input is not valid BIDS ({counted(findings)}): mend it, or go on with "
            "--skip-bids-validation; details are in input-validation.txt in the private folder"
        )
        raise InvalidInputError(message)


def _run_all(
    study: Study,
    plan: Plan,
    labels: Sequence[str],
    reporter: Reporter,
    private: PrivateFolder,
) -> _Results:
    results = _Results()
    reporter.participants(len(labels))
    for participant, outcome in outcomes(study, plan, labels, _processes(study.config, plan)):
        label = study.shown(participant)
        if isinstance(outcome, Ledger):
            results.accounts.append(Account.of(outcome))
            reporter.participant(label, outcome)
            continue
        crash = _as_crash(label, outcome, private)
        results.crashes.append(crash)
        reporter.crash(label, str(crash))
        if study.config.stop_on_first_crash:
            raise crash
    return results


def _processes(config: Config, plan: Plan) -> int:
    """Return how many participants are done at one time."""
    if config.nprocs == 1:
        return 1
    network = seeks_brains(config, plan) and bool(network_steps(config.brain))
    return config.processes(largest_mb(plan), network=network)


def seeks_brains(config: Config, plan: Plan) -> bool:
    """Tell whether brains are looked for, by a network if one is installed."""
    decisions = plan.counts()
    by_the_way = config.keeps_own_brain or config.on_failure == "skullstrip"
    return bool(decisions[Decision.SKULLSTRIP] or (by_the_way and decisions[Decision.DEFACE]))


def _as_crash(label: str, error: BaseException, private: PrivateFolder) -> BidsdeidError:
    """Return what to tell of an error; the traceback of a bug goes to the private folder."""
    if isinstance(error, BidsdeidError):
        return error
    if isinstance(error, BrokenProcessPool):
        return ToolError("its process was killed: give it more memory (--mem, --nprocs)")
    return private.record_bug(f"crash-sub-{label}.txt", error)


def _collect(study: Study, plan: Plan, labels: Sequence[str]) -> _Results:
    """Read what other jobs recorded."""
    results = _Results()
    for participant in labels:
        task = Task(participant, plan.participants[participant])
        ledger = finished_ledger(study, task, task.fingerprint(study))
        if ledger is None:
            label = study.shown(task.participant)
            message = (
                f"sub-{label} is not done: run the level `participant` for it, with the same "
                "options"
            )
            results.crashes.append(StoreError(message))
        else:
            results.accounts.append(Account.of(ledger))
    if results.crashes:
        raise results.crashes[0]
    return results


def largest_mb(plan: Plan) -> float:
    """Return the size of the largest image as it is in memory (MB)."""
    sizes = [
        action.file.size * (_GZIP_RATIO if action.path.name.endswith(".gz") else 1)
        for action in plan
        if action.kind is Kind.IMAGE
    ]
    return max(sizes, default=0.0) / _MB
