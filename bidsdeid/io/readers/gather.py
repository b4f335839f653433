"""The pieces of a file, put together by its reader: what is kept, cut, and told as not seen."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bidsdeid.core.piece import Piece, Reading
from bidsdeid.errors import FileProblem, TextError
from bidsdeid.io.readers.source import Bounded, opened, streamed

#: No more strings than this are taken from one file: of more, nobody would read the findings.
MAX_PIECES = 200_000

#: Characters that a run of printable ones in a binary file has at least.
LEAST = 6

#: A text has at most this part of control characters in what is looked at to decide.
_CONTROLS, _SAMPLE = 0.01, 2**16
_CONTROL = bytes({*range(32), 127} - set(b"\t\n\r\f\x1b"))
_BLANK = "\0 \t\r\n\f\v"
_NEWLINE = re.compile(r"\r\n|\n|\r")

#: Control characters become 0; all other bytes can be part of a run.
_UNPRINTED = bytes({*range(32), 127} - set(b"\t"))
_PRINTED = bytes.maketrans(_UNPRINTED, bytes(len(_UNPRINTED)))

#: ASCII and the letters of UTF-8 and Latin-1; the latter only within words, as any byte could be.
_MIXED = (
    rb"(?:[\x20-\x7e\t]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}"
    rb"|(?<=[A-Za-z])[\xc0-\xff](?=[A-Za-z])){%d,}"
)
#: UTF-16 in both byte orders: which of them does not matter, as its first or last 0 is left out.
_WIDE = rb"(?:[\x20-\x7e]\x00){%d,}[\x20-\x7e]"


class Gathered:
    """What has been found in a file so far."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._unseen: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._pieces)

    def add(self, where: str, text: str, field: str = "") -> None:
        """Keep one string, unless it is blank."""
        text = text.strip(_BLANK)
        if not text or text.isspace():
            return
        if len(self._pieces) < MAX_PIECES:
            self._pieces.append(Piece(where, text, field))
        else:
            self.unseen(f"only the first {MAX_PIECES} strings have been taken")

    def add_lines(self, where: str, text: str, field: str = "") -> None:
        """Keep each line of a text, with its number if there are several or no other place."""
        lines = _NEWLINE.split(text.replace("\0", "\n").rstrip(_BLANK))
        for number, line in enumerate(lines, start=1):
            place = where if where and len(lines) == 1 else f"{where} line {number}".strip()
            self.add(place, line, field)

    def add_runs(
        self, where: str, content: bytes, field: str = "", *, least: int = LEAST, wide: bool = True
    ) -> None:
        """Keep the printable runs of bytes that are no text; `wide` finds UTF-16, too."""
        for run in printable(content, least=least, wide=wide):
            self.add(where, run, field)

    def add_content(self, where: str, content: bytes, field: str = "") -> None:
        """Keep the lines of bytes if they are a text, and their printable runs if not."""
        content = content.strip(b"\0")
        if is_text(content):
            self.add_lines(where, decoded(content), field)
        else:
            self.add_runs(where, content, field)

    def unseen(self, sentence: str) -> None:
        """Tell that something has not been looked into."""
        self._unseen[sentence] = None

    def reading(self) -> Reading:
        """Return everything."""
        return Reading(tuple(self._pieces), "; ".join(self._unseen))


def gather(
    path: Path,
    what: str,
    fill: Callable[[Bounded, Gathered], None],
    *,
    limit: int,
    in_order: bool = False,
    problem: type[FileProblem] = TextError,
) -> Reading:
    """Read a file.

    Parameters
    ----------
    path : Path
    what : str
        How a message calls its kind, such as ``a DICOM file``.
    fill : callable
        Given the file, puts what is in it into a `Gathered`; may raise anything.
    limit : int
        Bytes that may be read, after inflating.
    in_order : bool
        The file is read from its start to its end: nothing is inflated that is not read.
    problem : type of FileProblem

    Raises
    ------
    FileProblem
        If nothing could be read of it.  If something could, the rest is told as not seen.
    """
    gathered = Gathered()
    try:
        with refusing(what, problem):
            if in_order:
                with streamed(path, limit) as stream:
                    fill(stream, gathered)
            else:
                with opened(path, limit) as (stream, cut):
                    fill(stream, gathered)
                if cut:
                    gathered.unseen(f"only its first {limit // 2**20} MB have been inflated")
    except FileProblem as error:
        if not len(gathered):
            raise
        gathered.unseen(f"{error}, so that only a part of it has been seen")
    return gathered.reading()


@contextmanager
def refusing(what: str, problem: type[FileProblem] = TextError) -> Iterator[None]:
    """Turn whatever goes wrong with a file into a `FileProblem` that quotes nothing of it.

    Parameters
    ----------
    what : str
        How the message calls its kind.
    problem : type of FileProblem
    """
    logged = logging.root.manager.disable
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries quote values in theirs, and in their logs
            logging.disable()
            yield
    except FileProblem:
        raise
    except OSError as error:
        why = error.strerror if error.errno else type(error).__name__
        message = f"it cannot be read ({why})"
        raise problem(message) from error
    except Exception as error:
        # A damaged file can fail in any way, in any library: all of them mean the same.
        message = f"it cannot be read as {what} ({type(error).__name__})"
        raise problem(message) from error
    finally:
        logging.disable(logged)


def is_text(content: bytes) -> bool:
    r"""Tell whether bytes are a text in some encoding that keeps ASCII.

    Examples
    --------
    >>> is_text("Sjögren\n".encode("latin-1")), is_text(b"\x00\x01PK")
    (True, False)
    """
    sample = content[:_SAMPLE]
    controls = len(sample) - len(sample.translate(None, _CONTROL))
    return b"\0" not in content and controls <= len(sample) * _CONTROLS


def decoded(content: bytes) -> str:
    """Return bytes as UTF-8, or as Latin-1 if they are not."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def printable(content: bytes, *, least: int = LEAST, wide: bool = True) -> list[str]:
    r"""Return the runs of printable characters, as ``strings`` does; those in UTF-16 come last.

    Examples
    --------
    >>> printable(b"\x01\x02Doe^Jane\x00\xff" + "Doe^John".encode("utf-16-le"))
    ['Doe^Jane', 'Doe^John']
    """
    runs: list[bytes] = []
    for match in re.finditer(rb"[^\x00]{%d,}" % least, content.translate(_PRINTED)):
        run = match[0]
        runs += [run] if run.isascii() else re.findall(_MIXED % least, run)
    if wide:
        runs += [run.replace(b"\0", b"") for run in re.findall(_WIDE % (least - 1), content)]
    return [decoded(run) for run in runs]
