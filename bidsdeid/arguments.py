"""The options of the BIDS App, with every spelling in use on BIDS Apps."""

from __future__ import annotations

import argparse
from pathlib import Path

from bidsdeid import __version__
from bidsdeid.argument_types import Group, Parser, add_option, count, labels, megabytes
from bidsdeid.identity_arguments import add_identity
from bidsdeid.mask_arguments import add_brain, add_face
from bidsdeid.validate import PROFILES

_EPILOG = """\
exit codes:
  0 done, all released     1 done, some files withheld because they failed
  16 input not valid BIDS  17 unknown level       18 nothing selected
  64 usage or policy       65 output not valid    66 input unreadable
  70 a tool or a bug       73 cannot write        130 interrupted

`bidsdeid audit PATH` looks through any folder for what identifies people;
`bidsdeid dicom` de-identifies DICOM studies; `bidsdeid slurm` writes the jobs for a cluster;
`bidsdeid policy {list,show,explain,check}` shows and checks the rules;
`bidsdeid templates {list,fetch,build}` those of infants' heads; `bidsdeid skullstrip` keeps the
brain in one image.
Nothing is sent anywhere.  The private folder names source files: do not share it.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the BIDS App."""
    parser = Parser(
        prog="bidsdeid",
        description="De-identify an MRI dataset in BIDS: remove faces, scrub metadata, check.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("bids_dir", type=Path, help="dataset to de-identify; it is only read")
    parser.add_argument("output_dir", type=Path, help="where the de-identified dataset goes")
    parser.add_argument(
        "analysis_level",
        metavar="{participant,group}",
        help="participant: do participants, and finish the dataset if it did all of them; "
        "group: finish a dataset whose participants were done by separate jobs",
    )
    version = f"bidsdeid {__version__}"
    parser.add_argument("--version", action="version", version=version)
    _add_selection(parser.add_argument_group("which files"))
    _add_treatment(parser.add_argument_group("what is done"))
    add_identity(parser.add_argument_group("labels, dates and words"))
    add_brain(parser.add_argument_group("how brains are found"))
    _add_resources(parser.add_argument_group("where, and with how much"))
    for name in ("--notrack", "--resource-monitor", "--low-mem"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    return parser


def _add_selection(group: Group) -> None:
    add_option(
        group,
        "--participant-label --participant_label --participant-labels --participant_labels",
        nargs="+",
        metavar="LABEL",
        type=labels("sub-"),
        help="participants to do, with or without sub- (default: all)",
    )
    add_option(
        group,
        "--session-label --session_label --session-id",
        nargs="+",
        metavar="LABEL",
        type=labels("ses-"),
        help="sessions to do, with or without ses- (default: all)",
    )
    add_option(
        group,
        "--bids-filter-file",
        type=Path,
        metavar="FILE",
        help='JSON such as {"t1w": {"acquisition": null}}, as for fMRIPrep',
    )
    add_option(
        group,
        "--skip-bids-validation --skip_bids_validation --skip-bids-validator "
        "--skip_bids_validator",
        action="store_true",
        help="do not validate the input (the output always is)",
    )
    add_option(
        group,
        "--validator-profile",
        choices=PROFILES,
        default="default",
        help="whose settings of the BIDS validator the output must pass (default: %(default)s)",
    )


def _add_treatment(group: Group) -> None:
    add_option(
        group,
        "--layout",
        choices=("derivative", "raw"),
        default="derivative",
        help="derivative: defaced images get desc-defaced; raw: names as in the input "
        "(default: %(default)s)",
    )
    add_option(
        group,
        "--policy",
        default="default",
        metavar="NAME|FILE",
        help="rules: see `bidsdeid policy list` (default: %(default)s)",
    )
    add_option(
        group, "--deface-all", action="store_true", help="treat every image as if it showed a face"
    )
    add_option(
        group,
        "--anat",
        choices=("deface", "skullstrip"),
        default="deface",
        help="what is done to anatomical images; skullstrip: only the brain stays "
        "(default: %(default)s)",
    )
    add_option(
        group,
        "--on-failure",
        choices=("withhold", "skullstrip"),
        default="withhold",
        help="what is done to an image whose face is not found for sure (default: %(default)s)",
    )
    add_face(group)


def _add_resources(group: Group) -> None:
    add_option(
        group,
        "--private-dir",
        type=Path,
        metavar="DIR",
        help="ledger and key (default: OUTPUT_DIR_private)",
    )
    add_option(
        group,
        "--work-dir -w --work_dir",
        type=Path,
        metavar="DIR",
        help="files on their way, also -w (default: in the private folder)",
    )
    add_option(
        group,
        "--nprocs --nthreads --n_cpus --n-cpus --n_procs",
        type=count,
        default=1,
        metavar="N",
        help="participants at one time (default: %(default)s)",
    )
    add_option(
        group,
        "--executor",
        choices=("local", "dask"),
        default="local",
        help="who does the participants: this machine, or the workers of a Dask cluster, which "
        "need the same files under the same paths (default: %(default)s)",
    )
    add_option(
        group,
        "--scheduler",
        metavar="HOST:PORT",
        help="of the Dask cluster (default: as Dask is set up)",
    )
    add_option(
        group,
        "--omp-nthreads --omp_nthreads",
        type=count,
        metavar="N",
        help="threads of one registration or network (default: processors / nprocs)",
    )
    add_option(
        group,
        "--mem --mem-mb --mem_mb",
        type=megabytes,
        metavar="MB",
        help="memory for all processes together, in MB or with a suffix K, M, G or T; fewer "
        "participants are done at one time to keep to it",
    )
    add_option(
        group,
        "--config-file",
        type=Path,
        metavar="FILE",
        help="TOML with any of these options; the command line wins",
    )
    add_option(
        group,
        "--planned",
        action="store_true",
        help="in a job of `bidsdeid slurm`: do not read the metadata of all participants again",
    )
    add_option(
        group,
        "--ratings",
        type=Path,
        metavar="FILE",
        help="ratings.tsv from the report: images rated down are done again, in the next way",
    )
    add_option(
        group,
        "--no-reports",
        action="store_true",
        help="no pictures and pages; images are measured and judged all the same",
    )
    add_option(group, "--dry-run", action="store_true", help="print the plan, write nothing")
    add_option(
        group,
        "--stop-on-first-crash",
        action="store_true",
        help="stop when a participant cannot be done",
    )
    add_option(group, "--no-progress", action="store_true", help="no progress bar")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="print what masks were judged by"
    )
