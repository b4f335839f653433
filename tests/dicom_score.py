"""Scores outputs as MIDI-B does: correct actions of required ones."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag

from dicom_bases import Base, read
from dicom_seeding import tag_of, vr_of
from dicom_tokens import Corpus, Path, Stay, Token, graphics, listed, plain

_PIXELS = 0x7FE00010
_BINARY = ("US", "SS", "UL", "SL", "FL", "FD", "UV", "SV", "US or SS")
_NUMBERS = (*_BINARY, "DS", "IS")
#: What a de-identifier writes itself, and the character set, which it may change with the text.
_OWN = {
    *map(
        tag_of,
        """SpecificCharacterSet PatientIdentityRemoved BurnedInAnnotation
        RecognizableVisualFeatures LongitudinalTemporalInformationModified""".split(),
    )
}


def stays(base: Base, seeded: bytes) -> list[Stay]:
    """Return the technical elements of a base that a de-identifier has to keep."""
    data, name = base.dataset(), base.name
    found = [Stay(name, path, vr, (value,)) for path, vr, value in _technical(data, ())]
    syntax = data.file_meta.TransferSyntaxUID.encode()
    found.append(Stay(name, ((0x00020010, 0),), "UI", (syntax,)))
    if "SOPClassUID" in data:
        found.append(Stay(name, ((0x00080016, 0),), "UI", (data.SOPClassUID.encode(),)))
    if "PixelData" in data:
        shown = _raw(data, _PIXELS)[: _size(data)]
        both = (shown, _raw(read(seeded), _PIXELS))
        found.append(Stay(name, ((_PIXELS, 0),), "OW", both))
    return found


def _size(data: Dataset) -> int | None:
    """Return how many bytes the pixels of an image have, None if nothing tells."""
    if data.file_meta.TransferSyntaxUID.is_encapsulated or "Rows" not in data:
        return None
    pixels = data.Rows * data.Columns * data.SamplesPerPixel * int(data.get("NumberOfFrames", 1))
    return (pixels * data.BitsAllocated + 7) // 8


def _technical(data: Dataset, above: Path) -> Iterator[tuple[Path, str, bytes]]:
    for tag in sorted(map(int, data.keys())):
        if listed(tag) or graphics(tag) or not tag & 0xFFFF or tag in _OWN:
            continue
        raw = data.get_item(BaseTag(tag))
        vr = raw.VR if raw.VR not in (None, "UN") else vr_of(tag)
        if vr == "SQ":
            for number, item in enumerate(data[BaseTag(tag)].value):
                yield from _technical(item, (*above, (tag, number)))
        elif vr in (*_NUMBERS, "CS") and (value := _raw(data, tag)).strip(b" \0"):
            yield (*above, (tag, 0)), vr, value


def _raw(data: Dataset, tag: int) -> bytes:
    """Return a value: its bytes, or binary numbers as text."""
    element = data.get_item(BaseTag(tag))
    if element.is_raw and (element.VR or vr_of(tag)) in _BINARY:
        element = data[BaseTag(tag)]
    value = element.value
    if value is None or isinstance(value, bytes):
        return value or b""
    single = isinstance(value, str) or not hasattr(value, "__iter__")
    return "\\".join(map(str, [value] if single else value)).encode()


def _value(data: FileDataset | None, path: Path) -> bytes | None:
    """Return the bytes of a value in a file, or nothing if it is not there."""
    if data is None:
        return None
    place: Dataset = data
    (*above, (tag, _)) = path
    try:
        for sequence, item in above:
            place = place[BaseTag(sequence)].value[item]
        return _raw(place.file_meta if tag >> 16 == 2 else place, tag)
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def _parsed(content: bytes | None) -> FileDataset | None:
    """Return a file, or nothing if it cannot be read."""
    try:
        return read(content) if content else None
    except Exception:  # noqa: BLE001 -- whatever a reader says of a broken file
        return None


def _kept(stay: Stay, value: bytes | None) -> bool:
    if not value:
        return False
    if stay.where[-1][0] == _PIXELS:
        return value.startswith(stay.values)
    if stay.vr not in ("DS", "IS", "CS", "UI"):
        return value in stay.values
    return any(_parts(stay.vr, value) == _parts(stay.vr, known) for known in stay.values)


def _parts(vr: str, value: bytes) -> list[object]:
    texts = [text.strip(b" \0") for text in value.split(b"\\")]
    try:
        return (
            [float(text) if text else text for text in texts] if vr in ("DS", "IS") else [*texts]
        )
    except ValueError:
        return [*texts]


def left(outputs: Mapping[str, bytes], corpus: Corpus) -> list[Token]:
    """Return the identifiers that occur in the outputs of their files."""
    searched = {name: plain(content) for name, content in outputs.items()}
    return [token for token in corpus.tokens if token.occurs_in(searched.get(token.file, b""))]


def missing(outputs: Mapping[str, bytes], corpus: Corpus) -> list[Stay]:
    """Return the technical elements that the outputs do not have any more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_ = {name: _parsed(outputs.get(name)) for name in corpus.files}
        return [
            stay
            for stay in corpus.must_stay
            if not _kept(stay, _value(read_[stay.file], stay.where))
        ]


@dataclass(frozen=True)
class Score:
    """How many actions are correct, and how many there are, by action and category.

    Parameters
    ----------
    rows : dict
        (correct, required) by (action, category).
    """

    rows: Mapping[tuple[str, str], tuple[int, int]]

    def of(self, action: str = "") -> tuple[int, int]:
        """Return the sums over an action, or over all."""
        chosen = [counts for (name, _), counts in self.rows.items() if action in ("", name)]
        return sum(row[0] for row in chosen), sum(row[1] for row in chosen)

    @property
    def share(self) -> float:
        """Return the correct part of the required actions."""
        correct, required = self.of()
        return correct / required if required else 0.0

    def table(self) -> str:
        """Return a table to read."""
        lines = [
            f"{action:<17}{category:<34}{correct:>6} of {required:>6}"
            for (action, category), (correct, required) in sorted(self.rows.items())
        ]
        correct, required = self.of()
        return "\n".join([*lines, f"{'all':<51}{correct:>6} of {required:>6}  {self.share:.2%}"])


def score(outputs: Mapping[str, bytes], corpus: Corpus, *, scope: str = "ps315") -> Score:
    """Return the score of outputs; in scope 'open', all identifiers have to go.

    What is not there retains nothing, and removes nothing either.
    """
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])

    def count(action: str, category: str, *, correct: bool) -> None:
        row = counts[action, category]
        row[0] += correct
        row[1] += 1

    there = {name for name, content in outputs.items() if content}
    leaks = set(left(outputs, corpus))
    for token in corpus.tokens:
        if scope in ("open", token.scope):
            correct = token.file in there and token not in leaks
            count(token.action, token.category, correct=correct)
    lost = set(missing(outputs, corpus))
    for stay in corpus.must_stay:
        pixels = stay.where[-1][0] == _PIXELS
        action = "pixels_retained" if pixels else "retained"
        count(action, "pixels" if pixels else "technical elements", correct=stay not in lost)
    for text, correct in _consistent(outputs, corpus).items():
        action = "uid_consistent" if "." in text else "patid_consistent"
        count(action, "across places and files", correct=correct)
    return Score({key: (row[0], row[1]) for key, row in counts.items()})


def _consistent(outputs: Mapping[str, bytes], corpus: Corpus) -> dict[str, bool]:
    """Return for UIDs and PatientIDs with several places, one at the top, if they became one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = {name: _parsed(outputs.get(name)) for name in corpus.files}
        became = {}
        for text, places in corpus.links.items():
            if len(places) > 1 and any(len(path) == 1 for _, path in places):
                values = (_value(data[name], path) for name, path in places)
                became[text] = {value.strip(b" \0") for value in values if value}
    new: dict[bytes, int] = defaultdict(int)
    for text, values in became.items():
        for value in values if "." in text else ():
            new[value] += 1
    return {
        text: len(values) == 1 and text.encode() not in values and all(new[v] < 2 for v in values)
        for text, values in became.items()
    }
