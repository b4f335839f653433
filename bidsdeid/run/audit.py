"""``bidsdeid audit``: look through any folder for what identifies people, and change nothing."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bidsdeid.arguments import Parser
from bidsdeid.core.estimate import Finding as Seen
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.finding import AuditReport, State
from bidsdeid.core.inspection import Inspector
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.recognition import is_defaced
from bidsdeid.core.terms import NO_WORDS, Lexicon
from bidsdeid.errors import EngineError, FaceError, FileProblem, InputError, StoreError, UsageError
from bidsdeid.io.tree import read_bytes
from bidsdeid.resources import load_policy, pydeface_atlas
from bidsdeid.run.audit_formats import FORMATS
from bidsdeid.run.face_cascade import cascade
from bidsdeid.run.faces import FaceFinder, frame_of
from bidsdeid.run.options import read_terms
from bidsdeid.run.search import searchable
from bidsdeid.run.survey import Survey

_EPILOG = """\
STOP   something identifies a person: do not share           exit code 65
HOLD   something must be looked at, or was not looked into   exit code 1
CLEAR  nothing was found, and everything was looked into     exit code 0

Values are never printed.  A clear audit is no proof: a name on its own in a text is found only if
other metadata hold it, or a file of --known-terms.
"""

_CODES = {State.STOP: 65, State.HOLD: 1, State.CLEAR: 0}


def main(argv: Sequence[str]) -> int:
    """Audit a folder and return an exit code.

    Raises
    ------
    BidsdeidError
        If it cannot be read, or the report not be written.
    """
    options = _parser().parse_args(argv)
    root: Path = options.path
    if not root.exists():
        message = "there is nothing at the path given"
        raise InputError(message)
    if options.output is not None and _inside(options.output, root):
        message = "--output lies in what is audited, which is not changed: name a file elsewhere"
        raise UsageError(message)
    report = audit(root, read_terms(options.known_terms), faces=not options.no_faces)
    text = FORMATS[options.format](report)
    if options.output is None:
        sys.stdout.write(text)
    else:
        try:
            options.output.write_text(text, "utf-8")
        except OSError as error:
            message = f"the report cannot be written: {error.strerror}"
            raise StoreError(message) from error
    return _CODES[report.state]


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="bidsdeid audit",
        description="Look through a dataset, or any folder, for what identifies people.  Nothing "
        "is changed.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("path", type=Path, help="folder, or one file")
    add("--known-terms", type=Path, metavar="FILE", help="words, one a line, to look for")
    add("--no-faces", action="store_true", help="do not look for faces in images (faster)")
    add("--format", choices=tuple(FORMATS), default="text", help="(default: %(default)s)")
    add("-o", "--output", type=Path, metavar="FILE", help="(default: the terminal)")
    return parser


def audit(root: Path, known: Lexicon = NO_WORDS, *, faces: bool = True) -> AuditReport:
    """Look through a folder, or one file.

    Parameters
    ----------
    root : Path
    known : Lexicon
        Words to look for.
    faces : bool
        Look for faces in images, too.
    """
    policy, survey = load_policy("default"), Survey(root)
    terms = survey.harvest(policy).terms(known, public=survey.labels)
    inspector = Inspector.of(policy, terms, survey.labels)
    if not faces:
        return survey.report(inspector)
    with tempfile.TemporaryDirectory(prefix="bidsdeid-") as scratch:
        return survey.report(inspector, FaceTest(Path(scratch)))


class FaceTest:
    """Says whether an image shows a face.

    Parameters
    ----------
    scratch : Path
        An empty private folder for files of engines.
    """

    def __init__(self, scratch: Path) -> None:
        steps = cascade((pydeface_atlas(),), threads=len(os.sched_getaffinity(0)))
        self._finder = FaceFinder(steps, FaceStyle(), scratch)

    def __call__(self, path: Path) -> tuple[str, str]:
        """Return (``finding``, ``note`` or ``gap``, sentence)."""
        try:
            head = searchable(decode_image(read_bytes(path)))
            found = self._finder.find(head)
        except (FaceError, EngineError):
            return "gap", "whether it shows a face could not be told: look at it"
        except FileProblem as problem:
            return "gap", str(problem)
        seen = found.finding
        if seen is Seen.FACE and is_defaced(head, frame_of(found.atlas), found.to_atlas):
            seen = Seen.DEFACED
        return ("finding" if seen is Seen.FACE else "note"), f"it shows {seen}"


def _inside(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
