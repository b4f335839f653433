"""The options of ``bidsdeid dicom``, and those of DICAT's ``mass_deidentify``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bidsdeid.argument_types import Group, Parser, add_option, count
from bidsdeid.dicom.rulebook import Dates, rulebook

ZIPS = ("both", "deid", "none")

_DESCRIPTION = """\
De-identify DICOM studies by DICOM PS3.15, annex E, at every depth.  For each row of the list a zip
of the original (for you) and a zip of the de-identified study (to share) are written.  The pixels
stay as they are: heads keep their faces, so convert to BIDS and run `bidsdeid` on it, too.
"""

_EPILOG = """\
the list is DICAT's: folder, new name, date of birth, sex, one study a line, such as
  '/data/John_Doe/','subject_ID_1','1981-01-01','M'

`bidsdeid dicom explain [--tag TAG]` says what happens to each element, and why.

exit codes:
  0 done                  1 a file or a study failed; the others are done
  64 usage, or a mistake in the list or the fields: nothing was done
  65 something identifying was left in a file: its study is withheld
  66 input unreadable     70 a tool or a bug     73 cannot write     130 interrupted
"""


def dicom_parser() -> argparse.ArgumentParser:
    """Return the parser of ``bidsdeid dicom``."""
    parser = Parser(
        prog="bidsdeid dicom",
        usage="bidsdeid dicom -c LIST.csv [-x FIELDS.xml] [-o OUT] [options]\n"
        "       bidsdeid dicom IN OUT --subject ID [options]\n"
        "       bidsdeid dicom explain [--profile NAME] [--tag TAG]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("folders", nargs="*", type=Path, metavar="IN OUT", help="one study, and where it goes")
    add("--subject", metavar="ID", help="what the patient of the one study is called from now on")
    _add_lists(parser)
    _add_profile(parser.add_argument_group("what is done"))
    _add_identity(parser.add_argument_group("labels, dates and words"))
    _add_output(parser.add_argument_group("where, and with how much"))
    return parser


def dicat_parser() -> argparse.ArgumentParser:
    """Return the parser of DICAT's own command, with the options it has."""
    parser = Parser(
        prog="mass_deidentify",
        description=f"{_DESCRIPTION}\nThe options are DICAT's; `bidsdeid dicom` has more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_lists(parser)
    return parser


def _add_lists(parser: argparse.ArgumentParser) -> None:
    add_option(
        parser,
        "-c --csvfile --csvlist",
        dest="csv",
        type=Path,
        metavar="LIST.csv",
        help="list of studies; without -o, what is written goes beside it",
    )
    add_option(
        parser,
        "-x --xmlfile",
        dest="xml",
        type=Path,
        metavar="FIELDS.xml",
        help="DICAT's list of fields: they are blanked beside all that the profile does",
    )
    add_option(
        parser,
        "-v --verbose",
        dest="verbose",
        action="store_true",
        help="say when a study is begun",
    )


def _add_profile(group: Group) -> None:
    book = rulebook()
    profiles = "; ".join(f"{row.name}: {row.description}" for row in book.profiles.values())
    add_option(
        group,
        "--profile",
        choices=tuple(book.profiles),
        default="neuro",
        help=f"{profiles} (default: %(default)s)",
    )
    options = "; ".join(f"{row.name}: {row.reason}" for row in book.options.values())
    add_option(
        group,
        "--retain",
        nargs="+",
        default=[],
        metavar="WHAT",
        help=f"what stays beside what the profile keeps: {options}",
    )
    add_option(
        group,
        "--dates",
        type=Dates,
        choices=tuple(Dates),
        help="shift: into 1902-1925, intervals kept; remove; keep (default: as the profile says)",
    )


def _add_identity(group: Group) -> None:
    add_option(
        group,
        "--relabel",
        default="keep",
        metavar="keep|sequential|keyed|FILE",
        help="as for `bidsdeid run`, from the names of the list: the same key gives a participant "
        "the same label and shift of dates here and there (default: %(default)s)",
    )
    add_option(
        group,
        "--merge-patients",
        action="store_true",
        help="images with several PatientIDs in one folder are of one person",
    )
    add_option(
        group,
        "--key",
        type=Path,
        metavar="FILE",
        help="secret that UIDs, labels and shifts of dates come from; or in $BIDSDEID_KEY "
        "(default: made in the private folder)",
    )
    add_option(
        group,
        "--known-terms",
        type=Path,
        metavar="FILE",
        help="words, one a line, that must not occur in the output",
    )


def _add_output(group: Group) -> None:
    add_option(
        group, "-o --output-dir", dest="output", type=Path, metavar="OUT", help="where zips go"
    )
    add_option(
        group,
        "--zip",
        choices=ZIPS,
        default="both",
        help="both: of the original and of what may be shared; deid: the latter; none: a folder "
        "instead (default: %(default)s)",
    )
    add_option(
        group,
        "--private-dir",
        type=Path,
        metavar="DIR",
        help="key, and which file became which (default: OUT_private)",
    )
    add_option(
        group,
        "--work-dir -w",
        type=Path,
        metavar="DIR",
        help="files on their way (default: in the private folder)",
    )
    add_option(
        group,
        "--jobs --nprocs",
        type=count,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes (default: all processors)",
    )
    add_option(
        group,
        "--report",
        type=Path,
        metavar="FILE",
        help="JSON that says what was done to how many files; it names nobody",
    )
    add_option(group, "--dry-run", action="store_true", help="say what would be done")
