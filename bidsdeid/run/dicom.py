"""``bidsdeid dicom``: DICOM studies in, de-identified zips out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from bidsdeid.argument_types import Parser, add_option
from bidsdeid.config import private_beside
from bidsdeid.dicom.explanation import explain_profile, explain_tag, tag_named
from bidsdeid.dicom.fields import Field, FieldList, read_fields
from bidsdeid.dicom.profile import Profile, open_profile
from bidsdeid.dicom.rulebook import Dates, rulebook
from bidsdeid.dicom.subjects import Row, Subject, check_folders, check_rows, read_subjects
from bidsdeid.dicom_arguments import dicom_parser
from bidsdeid.errors import StoreError, UsageError
from bidsdeid.io.readers.vr import known_vr
from bidsdeid.run.dicom_order import Order
from bidsdeid.run.dicom_studies import deidentify_studies
from bidsdeid.run.options import identity_options

_NOT_STANDARD = (
    "warning: profile dicat blanks the fields of the list and nothing else, which is not what "
    "DICOM PS3.15 calls de-identified"
)
_CSA = "warning: --retain csa keeps Siemens' own headers whole; they may hold names and dates"


def main(argv: Sequence[str]) -> int:
    """De-identify DICOM studies and return an exit code.

    Raises
    ------
    BidsdeidError
        If nothing could be done; what fails in one study is in the exit code.
    """
    if argv[:1] == ["explain"]:
        return _explain(argv[1:])
    parser = dicom_parser()
    if not argv:
        parser.print_help()
        return UsageError.exit_code
    return _run(parser.parse_args(argv))


def _run(options: argparse.Namespace) -> int:
    subjects, output, mistakes = _subjects(options)
    fields = FieldList() if options.xml is None else read_fields(options.xml)
    mistakes = (*mistakes, *fields.mistakes)
    if options.profile == "dicat" and options.xml is None:
        mistakes = (*mistakes, "--profile dicat needs a list of fields: name one with -x")
    if mistakes:
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        message = f"nothing was done, for {len(mistakes)} mistake(s):{lines}"
        raise UsageError(message)
    profile = _profile(options, fields)
    for warning in _warnings(options, fields):
        print(f"bidsdeid: {warning}", file=sys.stderr)  # noqa: T201
    order = Order(
        subjects,
        output,
        options.private_dir or private_beside(output),
        profile,
        identity_options(options),
        options.zip,
        options.jobs,
        work_dir=options.work_dir,
        private_named=options.private_dir is not None,
        report=options.report,
        merge=options.merge_patients,
        dry_run=options.dry_run,
        verbose=options.verbose,
    )
    order.check()
    report, code = deidentify_studies(order)
    if options.report is not None:
        _write_report(options.report, report)
    return code


def _subjects(options: argparse.Namespace) -> tuple[tuple[Subject, ...], Path, tuple[str, ...]]:
    """Return the studies, where they go, and what is wrong with them."""
    folders: list[Path] = options.folders
    if options.csv is not None:
        if folders or options.subject:
            message = "give either a list of studies (-c) or one study (IN OUT --subject ID)"
            raise UsageError(message)
        subjects, mistakes = read_subjects(options.csv)
        output: Path = options.output or options.csv.absolute().parent
        return subjects, output.absolute(), mistakes
    wanted = 1 if options.output else 2
    if len(folders) != wanted or options.subject is None:
        message = "name a list of studies with -c, or one study: IN OUT --subject ID; see --help"
        raise UsageError(message)
    output = (options.output or folders[1]).absolute()
    row, folder = Row(1, str(folders[0]), options.subject), folders[0].absolute()
    found = [*check_rows([row], date.max), *check_folders({row.line: folder})]
    return (Subject(folder, row.name),), output, tuple(mistake.what for mistake in found)


def _profile(options: argparse.Namespace, fields: FieldList | None = None) -> Profile:
    retain = [word for words in options.retain for word in words.split(",") if word]
    listed = () if fields is None else fields.fields
    return open_profile(
        options.profile,
        retain=retain,
        dates=options.dates,
        fields={field.tag: field.editable for field in listed},
        inserted={field.tag: vr for field, vr in _inserted(listed) if vr not in _NOT_INSERTED},
    )


def _inserted(fields: Iterable[Field]) -> Iterator[tuple[Field, str]]:
    """Yield the fields that a list wants to be there, with their types, empty if unknown."""
    for field in fields:
        if field.insert:
            yield field, known_vr(field.tag) or field.vr


#: Types of fields that are not put in: of none, a sequence, or one that depends on the image.
_NOT_INSERTED = frozenset({"", "SQ", "US or SS", "OB or OW", "US or OW"})


def _warnings(options: argparse.Namespace, fields: FieldList) -> tuple[str, ...]:
    """Return what the user should know before it begins."""
    warnings = [f"the list of fields: {warning}" for warning in fields.warnings]
    missing = sum(vr in _NOT_INSERTED for _, vr in _inserted(fields.fields))
    if missing:
        warnings.append(f"the list of fields: {missing} field(s) cannot be put in where missing")
    if options.profile == "dicat":
        warnings.append(_NOT_STANDARD)
    if any("csa" in words.split(",") for words in options.retain):
        warnings.append(_CSA)
    return tuple(warnings)


def _write_report(path: Path, report: object) -> None:
    try:
        path.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    except OSError as error:
        message = f"the report cannot be written: {error.strerror}"
        raise StoreError(message) from error


def _explain(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="bidsdeid dicom explain",
        description="Say what happens to an element of a DICOM file, or to all, and why.",
        allow_abbrev=False,
    )
    add_option(parser, "--profile", choices=tuple(rulebook().profiles), default="neuro")
    add_option(parser, "--retain", nargs="+", default=[], metavar="WHAT")
    add_option(parser, "--dates", type=Dates, choices=tuple(Dates))
    add_option(
        parser,
        "--tag",
        metavar="TAG",
        help="a tag such as 0010,0010 or a keyword such as PatientName (default: all)",
    )
    options = parser.parse_args(argv)
    profile = _profile(options)
    text = explain_profile(profile)
    if options.tag is not None:
        text = explain_tag(profile, tag_named(options.tag))
    print(text)  # noqa: T201
    return 0
