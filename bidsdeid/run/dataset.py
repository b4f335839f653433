"""The finishing step: what belongs to the dataset as a whole, and the last check of all.

It reads what participants recorded, never what other processes are doing, so that it can be run
again at any time.  The dataset is validated before it is one: in a private folder that shows the
published participants beside the new files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.core.audit import Auditor
from bidsdeid.core.ledger import Ledger, Outcome, Release
from bidsdeid.core.naming import Layout
from bidsdeid.core.plan import Action, Plan
from bidsdeid.core.policy import Decision, Policy
from bidsdeid.core.scrub import NOT_AVAILABLE, scrub_fields
from bidsdeid.core.tables import Table, TableContext, scrub_table
from bidsdeid.core.text import decode_fields, decode_table, encode_fields, encode_table
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import ReleaseError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.store import DATASET_DESCRIPTION, Stage, Store
from bidsdeid.io.work import work_folder
from bidsdeid.run.bench import Bench, Fields, record_withheld, released_outcome, withheld
from bidsdeid.run.evidence import manifest, readme, settings, summary
from bidsdeid.run.metadata import (
    parse_sidecars,
    release_companions,
    release_documents,
    release_lists,
    release_sidecars,
)
from bidsdeid.run.participant import fingerprint
from bidsdeid.validate import counted, listed, validate

CODE = PurePosixPath("code/bidsdeid")
_PARTICIPANTS = PurePosixPath("participants.tsv")
_DESCRIPTION = PurePosixPath(DATASET_DESCRIPTION)


@dataclass(frozen=True, slots=True)
class _Finish:
    """What the steps of finishing share."""

    bench: Bench
    plan: Plan
    ledgers: Sequence[Ledger]
    own: list[Release] = field(default_factory=list)


def finish_dataset(
    config: Config, policy: Policy, plan: Plan, key: bytes, ledgers: Sequence[Ledger]
) -> Ledger:
    """Publish dataset-level files and validate the whole.

    Parameters
    ----------
    config, policy, plan, key
        As for the participants.
    ledgers : sequence of Ledger
        Of the participants that are done.

    Returns
    -------
    Ledger
        Of the dataset's own files.

    Raises
    ------
    ReleaseError
        If the result is not valid: the files at fault are taken out of the output, and it gets
        no ``dataset_description.json``.
    """
    store = Store(config.output_dir)
    store.clear_incoming()
    with work_folder(config.work_dir) as folder:
        bench = Bench(
            config, policy, Auditor(policy, config.terms), Stage(folder / "stage"), folder
        )
        for ledger in ledgers:
            for outcome in ledger.outcomes:
                if outcome.releases:
                    path = PurePosixPath(outcome.source)
                    bench.released[path] = PurePosixPath(outcome.releases[0].path)
        finish = _Finish(bench, plan, ledgers)
        _fill(finish)
        ledger = Ledger(
            "",
            fingerprint(config, policy, key, plan.shared),
            tuple(bench.outcomes[path] for path in sorted(bench.outcomes)),
        )
        private = PrivateFolder(config.private_dir)
        _check_published(finish, store, private)
        _validate(finish, store, private, folder)
        private.write_ledger(ledger)
        store.publish_dataset(bench.stage, bench.verified)
    return ledger


def _fill(finish: _Finish) -> None:
    bench, plan = finish.bench, finish.plan
    record_withheld(bench, plan.shared)
    parsed = parse_sidecars(bench, plan.shared)
    _release_participants(finish)
    release_companions(bench, parsed, plan.shared)
    release_lists(bench, plan.shared)
    release_documents(bench, plan.shared)
    _release_description(finish)
    sidecars = [a for a in plan.shared if a.path != _DESCRIPTION]
    release_sidecars(bench, parsed, sidecars, bench.released)
    for action in plan.shared:
        if action.path not in bench.outcomes:
            bench.outcomes[action.path] = withheld(action, "no file it belongs to is released")
    _write_own(finish)


def _release_participants(finish: _Finish) -> None:
    """Write participants.tsv: a row for each participant of whom something is released."""
    bench = finish.bench
    labels = sorted(ledger.participant for ledger in finish.ledgers if ledger.releases)
    action = next((a for a in finish.plan.shared if a.path == _PARTICIPANTS), None)

    def treat(action: Action) -> Outcome:
        context = TableContext(bench.context, participants=frozenset(labels))
        table, changes = scrub_table(
            decode_table(bench.read(action.path)), "participants", bench.policy, context
        )
        return released_outcome(action, (put(table),), changes=changes)

    def put(table: Table) -> Release:
        known = {row[0] for row in table.rows}
        blank = (NOT_AVAILABLE,) * (len(table.columns) - 1)
        new = [(f"sub-{x}", *blank) for x in labels if f"sub-{x}" not in known]
        content = encode_table(Table(table.columns, tuple(sorted([*table.rows, *new]))))
        release = bench.put(
            _PARTICIPANTS,
            content,
            lambda written: bench.auditor.table(_PARTICIPANTS, written, "participants"),
            str(Decision.SCRUB),
        )
        bench.released[_PARTICIPANTS] = _PARTICIPANTS
        return release

    if action is not None and action.decision is not Decision.WITHHOLD:
        bench.attempt(action, treat)
    if _PARTICIPANTS not in bench.released:
        finish.own.append(put(Table(("participant_id",), ())))


def _release_description(finish: _Finish) -> None:
    """Write dataset_description.json anew from the kept fields of the input's."""
    bench, raw = finish.bench, finish.bench.config.layout is Layout.RAW
    action = next((a for a in finish.plan.shared if a.path == _DESCRIPTION), None)

    def put(source: Fields) -> Release:
        generated: dict[str, JSONValue] = {"Name": "bidsdeid", "Version": __version__}
        fields: Fields = {
            "Name": "De-identified dataset",
            "BIDSVersion": "1.9.0",
            **source,
            "DatasetType": "raw" if raw else "derivative",
            "GeneratedBy": [generated],
        }
        doi = source.get("DatasetDOI")
        if isinstance(doi, str):
            sources: dict[str, JSONValue] = {"DOI": doi}
            fields["SourceDatasets"] = [sources]
            del fields["DatasetDOI"]  # the DOI is the source's, not that of this dataset
        return bench.put(
            _DESCRIPTION,
            encode_fields(fields),
            lambda written: bench.auditor.fields(_DESCRIPTION, written, scope="dataset"),
            str(Decision.SCRUB),
        )

    def treat(action: Action) -> Outcome:
        fields = decode_fields(bench.read(action.path))
        kept, changes = scrub_fields(fields, bench.policy, bench.context, scope="dataset")
        return released_outcome(action, (put(kept),), changes=changes)

    if action is not None and action.decision is not Decision.WITHHOLD:
        bench.attempt(action, treat)
    if not any(item.path == _DESCRIPTION for item in bench.verified):
        finish.own.append(put({}))


def _write_own(finish: _Finish) -> None:
    """Write what this program says about the release: README, settings, summary, manifest."""
    bench, config = finish.bench, finish.bench.config
    outcomes = [*bench.outcomes.values(), *(o for x in finish.ledgers for o in x.outcomes)]
    if not any(item.path.stem == "README" for item in bench.verified):
        _put_own(finish, PurePosixPath("README"), readme(config, bench.policy))
    _put_own(finish, CODE / "settings.json", settings(config, bench.policy, outcomes))
    _put_own(finish, CODE / "summary.json", summary(outcomes))
    _put_own(finish, CODE / "manifest.tsv", manifest(outcomes, finish.own))


def _put_own(finish: _Finish, path: PurePosixPath, text: str) -> None:
    bench = finish.bench
    check = partial(bench.auditor.own, path)
    finish.own.append(bench.put(path, text.encode(), check, "written"))


def _check_published(finish: _Finish, store: Store, private: PrivateFolder) -> None:
    """Check that the output holds what participants published, byte for byte, and nothing else.

    Dataset-level files of an earlier finishing step that are no longer released are taken out.

    Raises
    ------
    ReleaseError
        If a file changed since it was audited, or was put there by someone else.
    """
    releases = [release for ledger in finish.ledgers for release in ledger.releases]
    changed = sum(not store.intact(release) for release in releases)
    if changed:
        message = (
            f"{changed} file(s) of the output are not as they were published: remove their "
            "participants there and run again"
        )
        raise ReleaseError(message)
    items = [str(item.path) for item in finish.bench.verified]
    rest = store.others([*(release.path for release in releases), *items])
    earlier = set(private.published_files())
    foreign = [path for path in rest if str(path) not in earlier]
    if foreign:
        message = (
            f"the output holds {len(foreign)} file(s) that this program did not put there: "
            "remove them, or name another output folder"
        )
        raise ReleaseError(message)
    store.withdraw(rest, private.folder / "withdrawn")
    private.record_published(items)


def _validate(finish: _Finish, store: Store, private: PrivateFolder, folder: Path) -> None:
    """Validate the published participants together with the staged files."""
    view = finish.bench.stage.folder
    labels = [ledger.participant for ledger in finish.ledgers if ledger.releases]
    for label in labels:
        (view / f"sub-{label}").symlink_to((store.output_dir / f"sub-{label}").resolve())
    findings = validate(view, folder, deidentified=True)
    if not findings:
        return
    at_fault = {finding.location.parts[0] for finding in findings if finding.location.parts}
    wrong = [f"sub-{label}" for label in labels if f"sub-{label}" in at_fault]
    for label in wrong:
        private.forget(label.removeprefix("sub-"))
    store.withdraw([_DESCRIPTION, *map(PurePosixPath, wrong)], private.folder / "withdrawn")
    private.write_text("output-validation.txt", listed(findings))
    message = (
        f"the output is not valid BIDS ({counted(findings)}): {len(wrong)} participant(s) were "
        "taken out of it and the dataset is not finished; details are in output-validation.txt "
        "in the private folder"
    )
    raise ReleaseError(message)
