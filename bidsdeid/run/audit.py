"""``bidsdeid audit``: look through any folder for what identifies people, and change nothing."""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bidsdeid.argument_types import Parser
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
from bidsdeid.run.survey import Survey, Tick

_DESCRIPTION = """\
Look through a dataset, or any folder or file, for what identifies people.  Nothing is changed, and
nothing that is found is printed: only where it is, and what it looks like.

Looked into: JSON, tables, texts, NIfTI and DICOM headers, pictures' metadata, EDF, FIF, SNIRF and
BrainVision headers, office documents, names of files and folders, lists of archives.  Faces are
looked for in images of heads, which takes seconds for each.
"""

_EPILOG = """\
what it comes to:
  STOP   something identifies a person, do not share it         exit code 65
  HOLD   something has to be looked at, or was not looked into  exit code 1
  CLEAR  nothing was found, and everything was looked into      exit code 0

Three lists are kept apart: what was found, what was not looked into, and what changed meanwhile.
A clear audit is no proof: a name on its own in a text is found only if other files say whose it
is, or --known-terms do.
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
    if not os.access(root, os.R_OK):
        message = "there is nothing at the path given, or it may not be read"
        raise InputError(message)
    if options.output is not None and _inside(options.output, root):
        message = "--output lies in what is audited, which is not changed: name a file elsewhere"
        raise UsageError(message)
    known = read_terms(options.known_terms)
    with _progress(shown=not options.no_progress) as tick:
        report = audit(root, known, faces=not options.no_faces, tick=tick)
    text = FORMATS[options.format](report)
    if options.output is None:
        _print(text)
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
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("path", metavar="PATH", type=Path, help="folder, or one file; it is only read")
    add(
        "--known-terms",
        type=Path,
        metavar="FILE",
        help="words, one a line, that must not occur: names, record numbers, project codes",
    )
    add("--no-faces", action="store_true", help="do not look for faces in images")
    add(
        "--format",
        choices=tuple(FORMATS),
        default="text",
        help="text for people, json for programs, sarif for code scanners (default: %(default)s)",
    )
    add(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where the report goes, outside of PATH (default: the terminal)",
    )
    add("--no-progress", action="store_true", help="no progress bar")
    return parser


def audit(
    root: Path, known: Lexicon = NO_WORDS, *, faces: bool = True, tick: Tick | None = None
) -> AuditReport:
    """Look through a folder, or one file.

    Parameters
    ----------
    root : Path
    known : Lexicon
        Words to look for.
    faces : bool
        Look for faces in images, too.
    tick : callable, optional
        Called with what is done and what there is to do.
    """
    policy, survey = load_policy("default"), Survey(root, tick=tick)
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


@contextmanager
def _progress(*, shown: bool) -> Iterator[Tick]:
    """Show a bar on a terminal, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("files"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not (shown and sys.stderr.isatty())
    ) as bar:
        task = bar.add_task("files", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(text: str) -> None:
    """Print a report, on whatever terminal, and to whoever stops reading."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain of the same once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _inside(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
