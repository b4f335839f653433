"""Table E.1-1 of DICOM PS3.15: what the Basic Profile does to each element it lists.

The table is that of the `dicom-anonymizer` package (BSD-3-Clause), which follows the standard's
editions.  It is checked before it is believed: a package that changes its mind must not make this
program keep what it removed the day before.

References
----------
DICOM PS3.15 2026c, annex E.  The 617 elements of the package's 2024b table are those of the
innolitics transcription of the standard (MIT); 2026c has all of them, with the same actions, and
35 more.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector

from bidsdeid.errors import ToolError

EDITION = "2026c"

_DATABASE = f"dicomfields_{EDITION}"

#: Actions as the standard writes them, by the names of the package's lists.
_LISTS: Mapping[str, str] = {
    "X_TAGS": "X",
    "Z_TAGS": "Z",
    "D_TAGS": "D",
    "U_TAGS": "U",
    "X_Z_TAGS": "X/Z",
    "X_D_TAGS": "X/D",
    "Z_D_TAGS": "Z/D",
    "X_Z_D_TAGS": "X/Z/D",
    "X_Z_U_STAR_TAGS": "X/Z/U*",
}

#: Fewer rows than the standard had in 2024 are a broken table.
_LEAST = 600

#: One row of each kind, as the standard has it.
_SAMPLES: Mapping[int, str] = {
    0x00100010: "Z",  # PatientName
    0x00100020: "Z/D",  # PatientID
    0x00081048: "X",  # PhysiciansOfRecord
    0x0020000D: "U",  # StudyInstanceUID
    0x0008002A: "X/Z/D",  # AcquisitionDateTime
    0x00081140: "X/Z/U*",  # ReferencedImageSequence
    0x0040A730: "D",  # ContentSequence
    0x00181030: "X/D",  # ProtocolName
    0x00321060: "X/Z",  # RequestedProcedureDescription
}

#: What a list names by four numbers is a group that repeats: (group, element, and their masks).
_MASKED = 4


@cache
def confidentiality_table() -> Mapping[int, str]:
    """Return the action for each tag: any of X, Z, D, U, and choices such as ``X/Z/D``.

    Curves and overlays (50xx, 60xx), of which there are many groups, are not in it: they go.

    Raises
    ------
    ToolError
        If the package has another table than it should.

    Examples
    --------
    >>> table = confidentiality_table()
    >>> table[0x00100010], len(table) > 600
    ('Z', True)
    """
    try:
        lists = dicom_anonymization_database_selector(_DATABASE)
        table = {
            tag[0] << 16 | tag[1]: action
            for name, action in _LISTS.items()
            for tag in lists[name]
            if len(tag) != _MASKED
        }
        every = len(lists["ALL_TAGS"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = "the package dicom-anonymizer has no table of PS3.15: install version 2.1"
        raise ToolError(message) from error
    whole = len(table) + sum(len(tag) == _MASKED for tag in lists["ALL_TAGS"]) == every
    if every < _LEAST or not whole or not _SAMPLES.items() <= table.items():
        message = (
            "the table of the package dicom-anonymizer is not that of PS3.15 "
            f"{EDITION}: install version 2.1"
        )
        raise ToolError(message)
    return table
