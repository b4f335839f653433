"""Invented identifiers for DICOM files, what Table E.1-1 says of a tag, and the answer key."""

from __future__ import annotations

import datetime as dt
import random
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from pydicom.datadict import DicomDictionary, keyword_for_tag

#: A place in a file: the tag and the number of the item, for each level.
Path = tuple[tuple[int, int], ...]

DEFLATED = b"1.2.840.10008.1.2.1.99"
ROOT = "1.2.826.0.1.3680043.10.999"

#: Rows of Table E.1-1 that the options Clean Descriptors and Retain Patient Characteristics let
#: stay after cleaning: text that nothing in the file tells to be an identifier may stay in them.
_CLEANED = re.compile(
    r"Description|Label|Comments?$|Reason|Notes|Agent$|History$|Protocol|^Allergies$|Alerts$"
    r"|^Occupation$|^PatientState$|^Impressions$|^InterpretationText$|Narrative$|Sites?$"
    r"|^PreMedication$|^SpecialNeeds$|^EthnicGroup|^SmokingStatus$|^PatientSexNeutered$"
    r"|^(RTPlan|ROI|StructureSet|Entity|PositionAcquisitionTemplate)Name$|^MakerNote$"
    r"|^LabelText$|^TextString$|^UnformattedTextValue$|^RequestAttributesSequence$"
    r"|^AdmittingDiagnosesCodeSequence$|^AcquisitionFieldOfView"
)
_NOT_CLEANED = re.compile(
    r"^(Long)?DeviceDescription$|^XRayDetectorLabel$|^ImagePresentationComments$|^DeviceLabel$"
    r"|^ModifiedImageDescription$|^TextComments$|^ConfidentialityConstraint|^ClinicalTrialProtocol"
    r"|^IssuerOfClinicalTrial|^OtherClinicalTrial"
)


@cache
def table() -> frozenset[int]:
    """Return the tags of Table E.1-1 that name one element."""
    rows = dicom_anonymization_database_selector("dicomfields_2026c")["ALL_TAGS"]
    return frozenset(row[0] << 16 | row[1] for row in rows if len(row) == 2)


def graphics(tag: int) -> bool:
    """Return whether it is in the groups of curves and overlays."""
    return tag >> 24 in (0x50, 0x60) and not tag >> 16 & 1


def listed(tag: int) -> bool:
    """Return whether Table E.1-1 has a row for a tag; for private ones it has one."""
    return tag in table() or graphics(tag) or bool(tag >> 16 & 1)


def cleaned(tag: int) -> bool:
    """Return whether a listed element may stay after cleaning."""
    name = keyword_for_tag(tag)
    return bool(_CLEANED.search(name)) and not _NOT_CLEANED.search(name)


def tags(*vrs: str, among: str = "listed") -> list[int]:
    """Return the tags of some VRs, of data sets, that Table E.1-1 lists or does not list."""
    return [
        tag
        for tag, row in sorted(DicomDictionary.items())
        if row[0] in vrs and 6 < tag >> 16 < 0xFFFA and (tag in table()) == (among == "listed")
    ]


def shown(path: Path) -> str:
    """Return a place as text."""
    return " > ".join(f"{tag >> 16:04x},{tag & 0xFFFF:04x}[{item}]" for tag, item in path)


@dataclass(frozen=True)
class Token:
    """One identifier in one file.

    Parameters
    ----------
    category : str
    text : str
    needle : tuple of bytes
        Spellings: none may occur in the output.
    where : str
        Its places.
    scope : str
        'ps315' if every profile has to remove it, 'open' if only the strictest one.
    file : str
    """

    category: str
    text: str
    needle: tuple[bytes, ...]
    where: str
    scope: str
    file: str

    @property
    def action(self) -> str:
        """Return what has to be done, in the words of MIDI-B."""
        if self._is_day:
            return "date_shifted"
        return "uid_changed" if self.text.startswith(ROOT) else "removed"

    @property
    def _is_day(self) -> bool:
        return len(self.text) == 8 and self.text.isdecimal()

    def occurs_in(self, content: bytes) -> bool:
        """Return whether some bytes hold it; digits of a longer number are not a date."""
        if self._is_day:
            return any(re.search(rb"(?<![\d.])" + needle, content) for needle in self.needle)
        return any(needle in content for needle in self.needle)


@dataclass(frozen=True)
class Stay:
    """One element that has to be kept.

    Parameters
    ----------
    file : str
    where : tuple
        Tag and item for each level.
    vr : str
    values : tuple of bytes
        As they stand in the file; any of them will do.
    """

    file: str
    where: Path
    vr: str
    values: tuple[bytes, ...]


@dataclass(frozen=True)
class Corpus:
    """Seeded files with the answer key.

    Parameters
    ----------
    files : dict
        Content by name.
    kinds : dict
        'image' or 'other', by name.
    hostile : frozenset of str
        Names of files with text in place of numbers, which a reader may refuse.
    tokens : tuple of Token
    must_stay : tuple of Stay
    links : dict
        For UIDs and PatientIDs: the files and places where one stands.
    """

    files: Mapping[str, bytes]
    kinds: Mapping[str, str]
    hostile: frozenset[str]
    tokens: tuple[Token, ...]
    must_stay: tuple[Stay, ...]
    links: Mapping[str, tuple[tuple[str, Path], ...]]

    def only(self, kind: str, *, hostile: bool = True) -> Corpus:
        """Return the part of one kind, with or without its hostile files."""
        names = {n for n in self.files if self.kinds[n] == kind}
        names -= frozenset() if hostile else self.hostile
        return Corpus(
            {name: content for name, content in self.files.items() if name in names},
            dict.fromkeys(names, kind),
            self.hostile & names,
            tuple(token for token in self.tokens if token.file in names),
            tuple(stay for stay in self.must_stay if stay.file in names),
            {t: kept for t, all_ in self.links.items() if (kept := _kept(all_, names))},
        )


def _kept(places: tuple[tuple[str, Path], ...], names: set[str]) -> tuple[tuple[str, Path], ...]:
    return tuple(place for place in places if place[0] in names)


def plain(content: bytes) -> bytes:
    """Return what there is to search: the bytes, and what is deflated in them."""
    if DEFLATED not in content[:2048]:
        return content
    start = 144 + int.from_bytes(content[140:144], "little")
    try:
        return content + b"\0" + zlib.decompressobj(-15).decompress(content[start:])
    except zlib.error:
        return content


class Mint:
    """Makes identifiers that occur once.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- for tests, not secret
        self._made: set[str] = set()

    def _new(self, make: Iterator[str]) -> str:
        text = next(text for text in make if text not in self._made)
        self._made.add(text)
        return text

    def word(self) -> str:
        """Return something like a name, of ten letters."""
        pick = self._random.choice
        return self._new(
            "".join(pick("bdfgklmnprstvz") + pick("aeiou") for _ in range(5)) for _ in iter(int, 1)
        )

    def code(self) -> str:
        """Return something like a number of a record, which is a legal code string."""
        pick = self._random.choices
        return self._new(
            "".join([*pick("BDFGKQXZ", k=2), *pick("0123456789", k=6), *pick("KQTWX", k=2)])
            for _ in iter(int, 1)
        )

    def digits(self, count: int) -> str:
        """Return digits that do not start with zero."""
        low = 10 ** (count - 1)
        return self._new(str(self._random.randrange(low, 10 * low)) for _ in iter(int, 1))

    def uid(self) -> str:
        """Return a UID; none is the start of another."""
        return f"{ROOT}.{self.digits(12)}.7"

    def script(self, letters: str, count: int = 5) -> str:
        """Return a word in a script of some letters."""
        return self._new("".join(self._random.choices(letters, k=count)) for _ in iter(int, 1))

    def dates(self) -> Iterator[str]:
        """Return days such that none is another one shifted by a month to ten years.

        They lie in windows of 28 days, with eleven years in between.
        """
        starts = [dt.date(year, 2, 3) for year in range(1904, 2020, 11)]
        days = [start + dt.timedelta(n) for start in starts for n in range(28)]
        self._random.shuffle(days)
        return (day.strftime("%Y%m%d") for day in days)
