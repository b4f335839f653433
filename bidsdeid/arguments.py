"""The options of the BIDS App, with every spelling in use on BIDS Apps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from bidsdeid import __version__
from bidsdeid.argument_types import count, labels, megabytes, months
from bidsdeid.core.facestyle import MaskStyle, Strength
from bidsdeid.engines.flirt import COSTS
from bidsdeid.errors import UsageError

Group: TypeAlias = "argparse._ArgumentGroup"  # noqa: SLF001 -- argparse has no public name for it

_EPILOG = """\
exit codes:
  0 done, all released     1 done, some files withheld because they failed
  16 input not valid BIDS  17 unknown level       18 nothing selected
  64 usage or policy       65 output not valid    66 input unreadable
  70 a tool or a bug       73 cannot write        130 interrupted

`bidsdeid policy {list,show,explain,check}` shows and checks the rules;
`bidsdeid templates {list,fetch,build}` those of infants' heads.
Nothing is sent anywhere.  The private folder names source files: do not share it.
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises our errors instead of leaving with 2."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        sentence = f"{message}; see --help"
        raise UsageError(sentence)


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
    _add_resources(parser.add_argument_group("where, and with how much"))
    for name in ("--notrack", "--resource-monitor", "--low-mem"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    return parser


def _add(group: Group, names: str, **settings: Any) -> None:  # noqa: ANN401 -- argparse's own
    """Add an option; the help shows its first name, and the other spellings work too."""
    shown, *others = names.split()
    action = group.add_argument(shown, **settings)
    for other in others:
        hidden = {"dest": action.dest, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
        group.add_argument(other, **{**settings, **hidden})


def _add_selection(group: Group) -> None:
    _add(
        group,
        "--participant-label --participant_label --participant-labels --participant_labels",
        nargs="+",
        metavar="LABEL",
        type=labels("sub-"),
        help="participants to do, with or without sub- (default: all)",
    )
    _add(
        group,
        "--session-label --session_label --session-id",
        nargs="+",
        metavar="LABEL",
        type=labels("ses-"),
        help="sessions to do, with or without ses- (default: all)",
    )
    _add(
        group,
        "--bids-filter-file",
        type=Path,
        metavar="FILE",
        help='JSON such as {"t1w": {"acquisition": null}}, as for fMRIPrep',
    )
    _add(
        group,
        "--skip-bids-validation --skip_bids_validation --skip-bids-validator "
        "--skip_bids_validator",
        action="store_true",
        help="do not validate the input (the output always is)",
    )


def _add_treatment(group: Group) -> None:
    _add(
        group,
        "--layout",
        choices=("derivative", "raw"),
        default="derivative",
        help="derivative: defaced images get desc-defaced; raw: names as in the input "
        "(default: %(default)s)",
    )
    _add(
        group,
        "--policy",
        default="default",
        metavar="NAME|FILE",
        help="rules: see `bidsdeid policy list` (default: %(default)s)",
    )
    _add(
        group, "--deface-all", action="store_true", help="treat every image as if it showed a face"
    )
    _add_face(group)
    _add(
        group,
        "--dates",
        choices=("shift", "remove"),
        default="shift",
        help="shift: to 1902-1925, intervals kept (default: %(default)s)",
    )
    _add(
        group,
        "--key",
        type=Path,
        metavar="FILE",
        help="secret that moves dates (default: made in the private folder)",
    )
    _add(
        group,
        "--known-terms",
        type=Path,
        metavar="FILE",
        help="words, one a line, that must not occur in the output",
    )


def _add_face(group: Group) -> None:
    _add(
        group,
        "--strength",
        choices=[str(strength) for strength in Strength],
        default="standard",
        help="light: up to the brow, thin; standard: with the brow and the jaw; strong: with the "
        "forehead and the ears (default: %(default)s)",
    )
    _add(group, "--ears", action="store_true", help="remove the ears, too")
    _add(
        group,
        "--mask-style",
        choices=[str(style) for style in MaskStyle],
        help="face: pydeface's region and the skin over eyes, nose and mouth; pydeface: only its "
        "region (default: face, and with --template or --facemask pydeface)",
    )
    _add(
        group,
        "--fill",
        choices=("air", "noise"),
        default="air",
        help="what is written in the place of the face (default: %(default)s)",
    )
    _add(
        group,
        "--mask-source",
        choices=("auto", "T1w", "T2w", "union"),
        default="auto",
        help="whose mask the T1w and T2w of a session get; auto: each its own, unless the "
        "other's is more complete (default: %(default)s)",
    )
    _add(
        group,
        "--deface-engine",
        choices=("auto", "atlas", "niimath", "flirt"),
        default="auto",
        help="who lays the atlas on the head first; flirt runs pydeface with FSL "
        "(default: %(default)s: atlas, then niimath)",
    )
    _add(group, "--cost", choices=COSTS, help="pydeface's, for flirt and niimath")
    _add(group, "--template", type=Path, metavar="FILE", help="pydeface's: a head of your own")
    _add(group, "--facemask", type=Path, metavar="FILE", help="pydeface's: its mask, 1 is kept")
    _add(
        group,
        "--age-months",
        type=months,
        metavar="N",
        help="age of all participants (default: from participants, sessions and scans tables)",
    )
    _add(
        group,
        "--infant",
        action="store_true",
        help="participants of whom no age is known are newborns",
    )


def _add_resources(group: Group) -> None:
    _add(
        group,
        "--private-dir",
        type=Path,
        metavar="DIR",
        help="ledger and key (default: OUTPUT_DIR_private)",
    )
    _add(
        group,
        "--work-dir -w --work_dir",
        type=Path,
        metavar="DIR",
        help="files on their way, also -w (default: in the private folder)",
    )
    _add(
        group,
        "--nprocs --nthreads --n_cpus --n-cpus --n_procs",
        type=count,
        default=1,
        metavar="N",
        help="participants at one time (default: %(default)s)",
    )
    _add(
        group,
        "--omp-nthreads --omp_nthreads",
        type=count,
        metavar="N",
        help="threads of one registration (default: processors / nprocs)",
    )
    _add(
        group,
        "--mem --mem-mb --mem_mb",
        type=megabytes,
        metavar="MB",
        help="memory for all processes together, in MB or with a suffix K, M, G or T; fewer "
        "participants are done at one time to keep to it",
    )
    _add(
        group,
        "--config-file",
        type=Path,
        metavar="FILE",
        help="TOML with any of these options; the command line wins",
    )
    _add(group, "--dry-run", action="store_true", help="print the plan, write nothing")
    _add(
        group,
        "--stop-on-first-crash",
        action="store_true",
        help="stop when a participant cannot be done",
    )
    _add(group, "--no-progress", action="store_true", help="no progress bar")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="print what masks were judged by"
    )
