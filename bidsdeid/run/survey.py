"""The audit of a folder: every file is looked into, and none is changed.

What may not be looked into, or cannot, is told: a clean list of findings says nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from bidsdeid.core.dataset import PARTICIPANT_FOLDER, datatype_of
from bidsdeid.core.entities import parse_name
from bidsdeid.core.finding import AuditReport, Finding, Gap, Note, Notebook
from bidsdeid.core.harvest import Found, Harvest, harvested_fields, harvested_table, identity_of
from bidsdeid.core.inspection import Inspector
from bidsdeid.core.policy import Policy
from bidsdeid.core.values import objects
from bidsdeid.errors import FileProblem
from bidsdeid.io.readers.gather import is_text, refusing
from bidsdeid.io.readers.gzip_header import MAGIC, read_gzip_header
from bidsdeid.io.readers.source import Bounded, first_bytes, stored_bytes, streamed
from bidsdeid.io.snapshot import Entry, Kind, snapshot
from bidsdeid.io.store import DATASET_DESCRIPTION
from bidsdeid.run.contents import Contents

#: A recording is looked into up to this size, unpacked, in parts of so many bytes.
MAX_SIGNAL_BYTES, _BLOCK = 2**28, 2**20

#: Says whether an image shows a face: (``finding``, ``gap`` or ``note``, a sentence).
FaceTest: TypeAlias = Callable[[Path], "tuple[str, str]"]

#: Told how many steps are done, and how many there are.
Tick: TypeAlias = Callable[[int, int], None]

Entries: TypeAlias = Mapping[PurePosixPath, Entry]

#: Images whose kind rules out a face, or that are no images of a head.
_NO_FACE = frozenset(
    "bold sbref cbv dwi asl m0scan epi phasediff phase1 phase2 fieldmap defacemask mask dseg "
    "probseg boldref".split()
)

_IMAGES = (".nii", ".nii.gz")

#: Images that may show a face, and in which none is looked for.
_OTHER_IMAGES = (".img", ".img.gz", ".mgz", ".mgh", ".mnc", ".nrrd")
_NOT_SOUGHT = "faces are not looked for in images of this kind: look at it"


_TOP = PurePosixPath()


class Survey:
    """Looks through a folder.

    Parameters
    ----------
    root : Path
        A folder, or one file.
    below : PurePosixPath
        Of the folder, only this part.
    tick : callable, optional
        Called with what is done and what there is to do, in both looks at the files.
    """

    def __init__(self, root: Path, below: PurePosixPath = _TOP, tick: Tick | None = None) -> None:
        self._root, self._below, self._tick = root, below, tick
        self._folder = root if root.is_dir() else root.parent
        self._entries = _by_path(snapshot(root, below))
        self._contents = Contents(self._folder)

    @property
    def labels(self) -> frozenset[str]:
        """Return the labels of participants that have a folder."""
        folders = (e.path.name for e in self._entries.values() if e.kind is Kind.FOLDER)
        return frozenset(m[1] for m in map(PARTICIPANT_FOLDER.fullmatch, folders) if m)

    def harvest(self, policy: Policy) -> Harvest:
        """Return the words by which the files themselves say who people are."""
        harvest = Harvest()
        for done, entry in enumerate(self._entries.values()):
            self._step(done)
            if entry.kind is Kind.FILE and not _is_recording(entry.path):
                # What cannot be read is told when it is looked into.
                with suppress(Exception):
                    harvest.add(self._gleaned(entry, policy))
        return harvest

    def _step(self, done: int) -> None:
        if self._tick is not None:
            self._tick(done, 2 * len(self._entries))

    def _gleaned(self, entry: Entry, policy: Policy) -> Iterator[Found]:
        if entry.path.name == DATASET_DESCRIPTION:
            return  # it names researchers, and on purpose
        content = self._contents.of(entry)
        for value in content.fields:
            for fields in objects(value):
                yield from harvested_fields(fields, policy)
        if content.table is not None:
            yield from harvested_table(content.table, _suffix(entry.path), policy)
        for piece in content.reading.pieces:
            identity = identity_of(piece.field, policy) if piece.field else None
            if identity is not None:
                yield identity, piece.text

    def report(self, inspector: Inspector, face: FaceTest | None = None) -> AuditReport:
        """Look at everything and return what was found.

        Parameters
        ----------
        inspector : Inspector
        face : callable, optional
            Called with images that may show a face.
        """
        look = _Look(self._folder, self._entries, self._contents, inspector, face)
        for done, entry in enumerate(self._entries.values()):
            self._step(len(self._entries) + done)
            look.at(entry)
        look.at_whole()
        after = _by_path(snapshot(self._root, self._below))
        places = _shown(inspector, after) | look.places
        both = {*self._entries, *after}
        changed = (x for x in both if _state(self._entries.get(x)) != _state(after.get(x)))
        return AuditReport(
            sum(entry.kind is Kind.FILE for entry in self._entries.values()),
            tuple(sorted(look.findings)),
            tuple(sorted(look.gaps)),
            tuple(sorted(places[path] for path in changed)),
            tuple(sorted(look.notes)),
        )


class _Look:
    """One look at all files, and what was found."""

    def __init__(
        self,
        folder: Path,
        entries: Entries,
        contents: Contents,
        inspector: Inspector,
        face: FaceTest | None,
    ) -> None:
        self._folder, self._entries, self._contents = folder, entries, contents
        self._inspector, self._face = inspector, face
        self._unsought = 0
        #: Paths as they may be shown.
        self.places = _shown(inspector, entries)
        self.findings: list[Finding] = []
        self.gaps: list[Gap] = []
        self.notes: list[Note] = []

    def at_whole(self) -> None:
        """Say what is true of the whole, after each of its parts was looked at."""
        if all(entry.kind is Kind.FOLDER for entry in self._entries.values()):
            self.gaps.append(Gap("", "there is no file in it"))
        if self._unsought:
            sentence = f"faces were not looked for in {self._unsought} image(s)"
            self.notes.append(Note("", sentence))

    def at(self, entry: Entry) -> None:
        """Look at one entry."""
        book = Notebook(self.places[entry.path])
        where = "folder name" if entry.kind is Kind.FOLDER else "file name"
        self._inspector.part(entry.path.name, where, book)
        self._inspector.target(entry.target, book)
        if entry.kind is Kind.FILE:
            try:
                self._into(entry, book)
            except FileProblem as problem:
                self._gap(book, str(problem))
            except OSError as error:
                self._gap(book, error.strerror or type(error).__name__)
            except Exception as bug:  # noqa: BLE001 -- one file must not hide the others
                self._gap(book, f"a bug ({type(bug).__name__}): please report the kind of file")
        elif entry.kind is not Kind.FOLDER:
            self._gap(book, entry.kind.value)
        self.findings.extend(book.findings())

    def _gap(self, book: Notebook, reason: str) -> None:
        self.gaps.append(Gap(book.path, reason))

    def _into(self, entry: Entry, book: Notebook) -> None:
        file, path = self._folder / entry.path, self._in_dataset(entry.path)
        if _is_recording(path) and _starts_as_text(file):
            self._recording(file, path, book)
            return
        content = self._contents.of(entry)
        dataset = path.name == DATASET_DESCRIPTION
        scope, suffix = ("dataset", "") if dataset else ("image", _suffix(path))
        for value in content.fields:
            self._inspector.fields(value, book, scope=scope, table=suffix)
        if content.table is not None:
            self._inspector.table(content.table, book, suffix)
        self._inspector.pieces(content.reading.pieces, book, path)
        if content.reading.unseen:
            self._gap(book, content.reading.unseen)
        if entry.mark is not None and entry.mark[0]:
            self._image(file, path, book)

    def _recording(self, file: Path, path: PurePosixPath, book: Notebook) -> None:
        if stored_bytes(file, len(MAGIC)) == MAGIC:
            self._inspector.pieces(read_gzip_header(file).pieces, book, path)
        with refusing("a recording"), streamed(file, MAX_SIGNAL_BYTES) as stream:
            self._inspector.recording(_lines(stream), book)

    def _in_dataset(self, path: PurePosixPath) -> PurePosixPath:
        """Return a path from the root of the dataset that it lies in, the innermost one."""
        roots = (x for x in path.parents if x / DATASET_DESCRIPTION in self._entries)
        return path.relative_to(next(roots, _TOP))

    def _image(self, file: Path, path: PurePosixPath, book: Notebook) -> None:
        name = path.name.lower()
        if not name.endswith((*_IMAGES, *_OTHER_IMAGES)) or _suffix(path) in _NO_FACE:
            return
        if self._face is None:
            self._unsought += 1
        elif not name.endswith(_IMAGES) or "pet" in (datatype_of(path), _suffix(path)):
            self._gap(book, _NOT_SOUGHT)
        else:
            kind, sentence = self._face(file)
            if kind == "finding":
                book.add("image", ["face"])
            elif kind == "gap":
                self._gap(book, sentence)
            else:
                self.notes.append(Note(book.path, sentence))


def _state(entry: Entry | None) -> tuple[object, ...]:
    """Return what changes if somebody changes a file, and not if he changes another."""
    return () if entry is None else (entry.kind, entry.mark, entry.target)


def _by_path(entries: Iterable[Entry]) -> Entries:
    return {entry.path: entry for entry in entries}


def _shown(inspector: Inspector, entries: Entries) -> dict[PurePosixPath, str]:
    """Return paths as they may be shown; a folder comes before what is in it."""
    shown: dict[PurePosixPath, str] = {}
    for path, entry in entries.items():
        part = inspector.shown(path.name, entry.number)
        above = shown.get(path.parent, "") if path.name else ""
        shown[path] = f"{above}/{part}" if above else part
    return shown


def _is_recording(path: PurePosixPath) -> bool:
    return path.name.lower().endswith(".tsv.gz")


def _starts_as_text(file: Path) -> bool:
    try:
        with refusing("a recording"):
            return is_text(first_bytes(file, _BLOCK))
    except FileProblem:
        return False  # told when it is read as any other file


def _suffix(path: PurePosixPath) -> str:
    name = parse_name(path.name)
    return path.name.partition(".")[0] if name is None else name.suffix


def _lines(stream: Bounded) -> Iterator[str]:
    """Yield parts of a text, each of whole lines unless a line is too long."""
    rest = b""
    while block := stream.read(_BLOCK):
        lines, end, rest = (rest + block).rpartition(b"\n")
        if len(rest) > _BLOCK:
            lines, end, rest = lines + end + rest, b"\n", b""
        yield (lines + end).decode("utf-8", "replace")
    yield (rest + b"\n").decode("utf-8", "replace")
