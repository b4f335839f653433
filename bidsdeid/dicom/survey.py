"""The files of a study before anything is done: what each is, and where it will go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from bidsdeid.core.policy import Policy
from bidsdeid.core.pseudonym import Secret
from bidsdeid.dicom.admission import refusal
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.identifiers import Identifiers
from bidsdeid.dicom.instance import SOP_INSTANCE
from bidsdeid.dicom.part10 import quiet, read_part10
from bidsdeid.dicom.profile import PATIENT_ID, Profile
from bidsdeid.errors import DicomError, InputError
from bidsdeid.io.readers.dicom import is_dicom

_SERIES = 0x0020000E
_SERIES_NUMBER, _INSTANCE_NUMBER = 0x00200011, 0x00200013

#: Numbers of series in names of folders have so many digits; a longer one may be a record's.
_MOST_SERIES = 10_000


class State(StrEnum):
    """What becomes of a file."""

    IMAGE = "released"
    WITHHELD = "withheld"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Scan:
    """A file of a study.

    Parameters
    ----------
    path : str
        Below the study's folder.
    state : State
    reason : str
        Why it is not released.
    uid, series : str
        Of the image and its series, in the source.
    series_number, number : int
        Of the series in the study, and of the image in the series.
    patient : str
        The number of the patient in the source.
    target : str
        Its new path; empty if it has none.
    """

    path: str
    state: State
    reason: str = ""
    uid: str = ""
    series: str = ""
    series_number: int = 0
    number: int = 0
    patient: str = ""
    target: str = ""


def files_of(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, in order, and of links to other folders.

    Raises
    ------
    InputError
        If a folder cannot be read: what is in it would be left out unsaid.
    """

    def fail(error: OSError) -> None:
        message = f"a folder of the study cannot be read: {error.strerror}"
        raise InputError(message) from error

    found: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=fail):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]  # noqa: PTH114, PTH118 -- fast
        found += [os.path.relpath(os.path.join(parent, name), folder) for name in (*names, *links)]  # noqa: PTH118
    return sorted(found)


def survey(
    folder: Path, paths: Iterable[str], profile: Profile, policy: Policy
) -> tuple[list[Scan], Identifiers]:
    """Read the headers of files, and gather what they say about people.

    Files that are not let in are read as well: a report names the patient of the images beside it.
    """
    identifiers = Identifiers()
    with quiet():
        scans = [_scan(folder, path, identifiers, profile, policy) for path in paths]
    return scans, identifiers | Identifiers()  # what was found, not what was looked at


def _scan(
    folder: Path, path: str, identifiers: Identifiers, profile: Profile, policy: Policy
) -> Scan:
    try:
        content = _read(folder / path)
        if not is_dicom(content):
            return Scan(path, State.WITHHELD, "it is not DICOM")
        header, _ = read_part10(content, header=True)
        place = Place(header)
        identifiers.gather(place, profile, policy)
        scan = Scan(
            path,
            State.IMAGE,
            "",
            place.text(SOP_INSTANCE),
            place.text(_SERIES),
            _whole(place.text(_SERIES_NUMBER)),
            _whole(place.text(_INSTANCE_NUMBER)),
            place.text(PATIENT_ID),
        )
        refused = refusal(place)
    except DicomError as error:
        return Scan(path, State.FAILED, str(error))
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, it does not go out
        return Scan(path, State.FAILED, "its header is damaged: copy it again from its source")
    if refused is not None:
        return replace(scan, state=State.WITHHELD, reason=refused.reason)
    return scan


def _read(path: Path) -> bytes:
    if not path.is_file():  # a pipe would be waited for
        message = "it is no file, or a link to a folder or to nothing"
        raise DicomError(message)
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"it cannot be read ({error.strerror})"
        raise DicomError(message) from error


def placed(scans: Sequence[Scan], secret: Secret) -> list[Scan]:
    """Give each image a new path, which tells the number of its series and nothing else.

    Of files with one UID only the first is an image, and the others fail.
    """
    images = [scan for scan in scans if scan.state is State.IMAGE]
    others = [scan for scan in scans if scan.state is not State.IMAGE]
    first: dict[str, Scan] = {}
    for scan in images:
        if first.setdefault(scan.uid, scan) is not scan:
            reason = "another file of the study has its UID: leave one of them out"
            others.append(replace(scan, state=State.FAILED, reason=reason))
    return [*_numbered(list(first.values()), secret), *others]


def _numbered(images: Sequence[Scan], secret: Secret) -> Iterator[Scan]:
    def order(scan: Scan) -> tuple[int, str, int, str]:
        return scan.series_number, secret.uid(scan.series), scan.number, secret.uid(scan.uid)

    folders: dict[str, str] = {}
    counts: dict[str, int] = {}
    for scan in sorted(images, key=order):
        if scan.series not in folders:
            number = scan.series_number if scan.series_number < _MOST_SERIES else 0
            same = sum(name.partition("-")[0] == f"{number:04}" for name in folders.values())
            folders[scan.series] = f"{number:04}-{same + 1}" if same else f"{number:04}"
        folder = folders[scan.series]
        counts[folder] = counts.get(folder, 0) + 1
        yield replace(scan, target=f"{folder}/{counts[folder]:05}.dcm")


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0
