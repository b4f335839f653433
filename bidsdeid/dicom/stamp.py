"""What a file says of its own de-identification (PS3.15, E.1.1; PS3.3, C.12.1.1)."""

from __future__ import annotations

from functools import cache

from pydicom.dataset import Dataset

from bidsdeid import __version__
from bidsdeid.dicom.confidentiality import EDITION
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.part10 import encoded_items
from bidsdeid.dicom.profile import Profile
from bidsdeid.dicom.rulebook import Dates
from bidsdeid.dicom.values import DUMMIES

IDENTITY_REMOVED, METHOD, METHOD_CODES, TEMPORAL = 0x00120062, 0x00120063, 0x00120064, 0x00280303

_TEMPORAL = {Dates.SHIFT: b"MODIFIED", Dates.REMOVE: b"REMOVED ", Dates.KEEP: b"UNMODIFIED"}


def method(profile: Profile) -> str:
    """Return what was done, in one line.

    Examples
    --------
    >>> from bidsdeid.dicom.profile import open_profile
    >>> method(open_profile("dicat")).partition("; ")[2]
    'profile dicat'
    """
    standard = f"PS3.15 {EDITION}; " if profile.standard else ""
    return f"bidsdeid {__version__}; {standard}profile {profile.row.name}"


def own_words(profile: Profile) -> tuple[str, ...]:
    """Return the texts and dates that this program writes, which come from no study."""
    dummies = (dummy.decode() for dummy in DUMMIES.values())
    return (method(profile), *(meaning for _, meaning in profile.codes), *dummies)


def stamp(place: Place, profile: Profile) -> None:
    """Write into a data set how it was de-identified."""
    data_set = place.data_set
    if not profile.standard:  # which takes less out than this would say
        for tag in (IDENTITY_REMOVED, METHOD_CODES, TEMPORAL):
            data_set.pop(tag, None)
    implicit, little = map(bool, data_set.original_encoding)
    text = method(profile).encode()
    place.replace(METHOD, "LO", text + b" " * (len(text) % 2))
    if profile.standard:
        place.replace(IDENTITY_REMOVED, "CS", b"YES ")
        place.replace(METHOD_CODES, "SQ", _codes(profile.codes, implicit, little))
        place.replace(TEMPORAL, "CS", _TEMPORAL[profile.dates])


@cache
def _codes(codes: tuple[tuple[str, str], ...], implicit: bool, little: bool) -> bytes:  # noqa: FBT001 -- how pydicom says it
    """Return a sequence of codes in the way in which a file is written."""
    items = [Dataset() for _ in codes]
    for item, (code, meaning) in zip(items, codes, strict=True):
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
    like = Dataset()
    like.set_original_encoding(implicit, little)
    return encoded_items(items, like, ())
