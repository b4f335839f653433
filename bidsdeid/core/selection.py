"""Which files of which participants are asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bidsdeid.core.dataset import SourceFile


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of which participants.

    Parameters
    ----------
    participants, sessions : collection of str or None
        Labels without ``sub-`` and ``ses-``; None for all.
    filters : mapping
        As in fMRIPrep's ``--bids-filter-file``: a query name, such as ``t1w``, and the entities
        that files of this query must have; ``None`` for an entity they must not have, ``"*"``
        for one they may have.  A query speaks for the suffix and data type it names, else for
        the suffix it is called after.
    """

    participants: Collection[str] | None = None
    sessions: Collection[str] | None = None
    filters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def refuses(self, file: SourceFile, *, image: bool) -> str | None:
        """Return why a file is not selected, or None if it is."""
        session = None if file.name is None else file.name.get("ses")
        outside = session is not None or image
        if self.sessions is not None and outside and session not in self.sessions:
            return "its session is not among the sessions asked for"
        if any(not _passes(file, query, wanted) for query, wanted in self.filters.items()):
            return "the filter file does not select it"
        return None


#: What is selected if nothing is said.
EVERYTHING = Selection()

#: pybids' words for entities, as filter files use them.
_LONG_NAMES = MappingProxyType(
    {
        "subject": "sub",
        "session": "ses",
        "acquisition": "acq",
        "ceagent": "ce",
        "reconstruction": "rec",
        "direction": "dir",
        "modality": "mod",
        "inversion": "inv",
    }
)


def _passes(file: SourceFile, query: str, wanted: Mapping[str, object]) -> bool:
    """Tell whether a file is outside of what a query speaks of, or inside and as wanted."""
    if file.name is None or file.datatype is None:
        return True
    suffixes, datatypes = scope_of(query, wanted)
    if (suffixes and file.name.suffix.casefold() not in suffixes) or (
        datatypes and file.datatype.casefold() not in datatypes
    ):
        return True
    return all(
        _matches(file.name.get(_LONG_NAMES.get(entity, entity)), value)
        for entity, value in wanted.items()
        if entity not in {"suffix", "datatype", "extension"}
    )


def scope_of(query: str, wanted: Mapping[str, object]) -> tuple[set[str], set[str]]:
    """Return the suffixes and data types that a query speaks for.

    Examples
    --------
    >>> scope_of("t1w", {"acquisition": "mprage"}), scope_of("fmap", {"datatype": "fmap"})
    (({'t1w'}, set()), (set(), {'fmap'}))
    """
    suffixes, datatypes = _choices(wanted.get("suffix")), _choices(wanted.get("datatype"))
    if suffixes or datatypes:
        return suffixes, datatypes
    name = query.casefold()
    return (set(), {name}) if name in DATATYPES else ({name}, set())


#: Folders of images.
DATATYPES = frozenset("anat func fmap dwi perf pet".split())


def _matches(label: str | None, wanted: object) -> bool:
    if wanted is None:
        return label is None
    choices = _choices(wanted)
    return "*" in choices or (label is not None and label.casefold() in choices)


def _choices(value: object) -> set[str]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return {str(item).casefold() for item in values}
