"""The finishing step: what belongs to the dataset as a whole, and the last check of all.

It reads what participants recorded, never what other processes are doing, so that it can be run
again at any time.  The dataset is validated before it is one: in a private folder that shows the
published participants beside the new files.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from bidsdeid.core.audit import Auditor
from bidsdeid.core.ledger import Ledger, Release
from bidsdeid.errors import FileProblem, ReleaseError
from bidsdeid.io.private import PrivateFolder
from bidsdeid.io.store import Stage, Store
from bidsdeid.io.work import work_folder
from bidsdeid.report.certificate import certificate, to_json
from bidsdeid.report.certificate_page import certificate_page
from bidsdeid.report.methods import methods, to_bibtex, to_markdown
from bidsdeid.run.bench import (
    Bench,
    record_telling_names,
    record_withheld,
    withheld,
)
from bidsdeid.run.certifying import ReleaseAccount, current
from bidsdeid.run.description import DESCRIPTION, release_description
from bidsdeid.run.evidence import readme
from bidsdeid.run.last_audit import stopped, told
from bidsdeid.run.metadata import (
    parse_sidecars,
    release_companions,
    release_documents,
    release_lists,
    release_sidecars,
)
from bidsdeid.run.participant import fingerprint
from bidsdeid.run.people import People
from bidsdeid.run.records import Records, ReleasedFiles
from bidsdeid.run.redo import RATINGS
from bidsdeid.run.review import public_pictures, rows_on_record, write_index
from bidsdeid.run.study import Study
from bidsdeid.run.visualqc import Shown, shown_in, visualqc_script
from bidsdeid.validate import counted, listed, validate

CODE = PurePosixPath("code/bidsdeid")


@dataclass(frozen=True, slots=True)
class _Finish:
    """What the steps of finishing share."""

    bench: Bench
    records: Records
    table: People
    own: list[Release] = field(default_factory=list)


def finish_dataset(study: Study, records: Records, scratch: Path) -> Ledger:
    """Publish dataset-level files and validate the whole.

    Parameters
    ----------
    study : Study
    records : Records
        Of the participants that are done.
    scratch : Path
        A private folder for the validator: the one it was run in before, if it was.

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
    config = study.config
    store = Store(config.output_dir)
    store.clear_incoming()
    with work_folder(config.work_dir) as folder:
        auditor = Auditor(study.policy, study.terms)
        bench = Bench(study, auditor, Stage(folder / "stage"), folder)
        bench.released, bench.done = ReleasedFiles(records), records.people
        finish = _Finish(bench, records, People(bench, records.labels))
        _fill(finish)
        ledger = Ledger(
            "",
            fingerprint(study, study.shared),
            tuple(bench.outcomes[path] for path in sorted(bench.outcomes)),
        )
        private = PrivateFolder(config.private_dir)
        _check_published(finish, store, private)
        _audit(finish, store, private)
        _validate(finish, store, private, scratch)
        private.write_ledger(ledger)
        store.publish_dataset(bench.stage, bench.verified)
    return ledger


def _fill(finish: _Finish) -> None:
    bench = finish.bench
    record_withheld(bench, bench.study.shared)
    record_telling_names(bench, bench.study.shared)
    shared = [action for action in bench.study.shared if action.path not in bench.outcomes]
    parsed = parse_sidecars(bench, shared)
    table = finish.table.release()
    if table is not None:
        finish.own.append(table)
    release_companions(bench, parsed, shared)
    release_lists(bench, shared)
    release_documents(bench, shared)
    description = release_description(bench)
    if description is not None:
        finish.own.append(description)
    sidecars = [a for a in shared if a.path != DESCRIPTION]
    release_sidecars(bench, parsed, sidecars, bench.released)
    for action in shared:
        if action.path not in bench.outcomes:
            bench.outcomes[action.path] = withheld(action, "no file it belongs to is released")
    _write_own(finish)


def _write_own(finish: _Finish) -> None:
    """Write what this program says about the release: README, settings, summary, manifest."""
    bench, config = finish.bench, finish.bench.config
    private = PrivateFolder(config.private_dir)
    rows = rows_on_record(private, finish.records.everyone)
    account = ReleaseAccount(config, bench.policy, current(private.read_text(RATINGS), rows))
    account.add(Ledger("", "", tuple(bench.outcomes.values())))
    rated: list[Shown] = []
    for ledger in finish.records:
        account.add(ledger)
        rated += shown_in(ledger.outcomes)
        _put_pictures(finish, private, ledger)
    if not any(item.path.stem == "README" for item in bench.verified):
        _put_own(finish, PurePosixPath("README"), readme(config, account.policy))
    people, evidence = finish.table, account.evidence
    facts = account.facts(bench.study, len(people.labels), people.disclosure)
    made = certificate(facts)
    for name, text in {
        "settings.json": evidence.settings(config, account.policy),
        "summary.json": evidence.summary(account.tally, people.disclosure),
        "together.tsv": account.together(),
        "certificate.json": to_json(made),
        "certificate.html": certificate_page(made),
    }.items():
        _put_own(finish, CODE / name, text)
    _put_own(finish, CODE / "manifest.tsv", evidence.manifest(finish.own))
    # Its authors may be called as a patient is: the user puts it where it belongs.
    told_methods = methods(facts)
    private.write_report("methods.md", to_markdown(told_methods).encode())
    private.write_report("methods.bib", to_bibtex(told_methods).encode())
    if rows:
        write_index(private, rows)
        for name, text in zip(("id_list.txt", "visualqc.sh"), visualqc_script(rated), strict=True):
            private.write_report(name, text.encode())


def _put_pictures(finish: _Finish, private: PrivateFolder, ledger: Ledger) -> None:
    """Release pictures of what is released."""
    bench = finish.bench
    for place, content in public_pictures(private, ledger.outcomes):
        path = CODE / "figures" / place
        check = partial(bench.auditor.picture, path)
        with suppress(FileProblem):  # a release is complete without its pictures
            finish.own.append(bench.put(path, content, check, "drawn"))


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
    changed = 0
    expected = {str(item.path) for item in finish.bench.verified}
    rest: list[PurePosixPath] = store.others(expected, without=finish.table.labels)
    for ledger in finish.records:
        releases = ledger.releases
        changed += sum(not store.intact(release) for release in releases)
        if releases:
            rest += store.others({x.path for x in releases}, PurePosixPath(f"sub-{ledger.label}"))
    if changed:
        message = (
            f"{changed} file(s) of the output are not as they were published: remove their "
            "participants there and run again"
        )
        raise ReleaseError(message)
    earlier = set(private.published_files())
    foreign = [path for path in rest if str(path) not in earlier]
    if foreign:
        message = (
            f"the output holds {len(foreign)} file(s) that this program did not put there: "
            "remove them, or name another output folder"
        )
        raise ReleaseError(message)
    store.withdraw(rest, private.folder / "withdrawn")
    private.record_published(sorted(expected))


def _audit(finish: _Finish, store: Store, private: PrivateFolder) -> None:
    """Audit the whole as if someone else had made it.

    Raises
    ------
    ReleaseError
        If something in it stops the release.
    """
    bench = finish.bench
    reports = stopped(bench.study, bench.stage.folder, store.output_dir, finish.table.labels)
    if not reports:
        return
    private.write_text("output-audit.txt", told(reports))
    at_fault = [label for label in reports if label]
    _withdraw(finish, store, private, at_fault)
    message = (
        f"the audit of the output stops the release: {len(at_fault)} participant(s) were taken "
        "out of it and the dataset is not finished; details are in output-audit.txt in the "
        "private folder"
    )
    raise ReleaseError(message)


def _withdraw(
    finish: _Finish, store: Store, private: PrivateFolder, labels: Sequence[str]
) -> None:
    """Take participants out of the output, and forget that they were done."""
    for label in labels:
        private.forget(finish.table.labels[label])
    folders = [PurePosixPath(f"sub-{label}") for label in labels]
    # The pictures and lists of a release that is none any more go, too.
    store.withdraw([DESCRIPTION, CODE, *folders], private.folder / "withdrawn")


def _validate(finish: _Finish, store: Store, private: PrivateFolder, scratch: Path) -> None:
    """Validate the published participants together with the staged files."""
    view = finish.bench.stage.folder
    for label in finish.table.labels:
        (view / f"sub-{label}").symlink_to((store.output_dir / f"sub-{label}").resolve())
    findings = validate(
        view, scratch, deidentified=True, profile=finish.bench.config.validator_profile
    )
    if not findings:
        return
    at_fault = {finding.location.parts[0] for finding in findings if finding.location.parts}
    wrong = [label for label in finish.table.labels if f"sub-{label}" in at_fault]
    _withdraw(finish, store, private, wrong)
    private.write_text("output-validation.txt", listed(findings))
    message = (
        f"the output is not valid BIDS ({counted(findings)}): {len(wrong)} participant(s) were "
        "taken out of it and the dataset is not finished; details are in output-validation.txt "
        "in the private folder"
    )
    raise ReleaseError(message)
