"""BIDS file names, taken apart once and put together once.

Everything else asks a `BIDSName` and never splits a path itself.  The order of the entities is
that of the BIDS schema (``rules.entities``); a test compares the table with the schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

#: Short entity names in the order in which BIDS wants them in a file name.
ENTITY_ORDER = tuple(
    "sub tpl ses cohort sample task tracksys acq nuc voi ce trc stain rec dir run mod echo flip "
    "inv mt part proc hemi space split recording chunk atlas seg scale res den label desc".split()
)

_RANK = {entity: rank for rank, entity in enumerate(ENTITY_ORDER)}
_PAIR = re.compile(r"([a-z]+)-([a-zA-Z0-9+]+)")
_SUFFIX = re.compile(r"[a-zA-Z0-9]+")
LABEL = re.compile(r"[a-zA-Z0-9+]+")


@dataclass(frozen=True, slots=True)
class BIDSName:
    """A BIDS file name in parts.

    Parameters
    ----------
    entities : tuple of (str, str)
        Short entity names and their labels, in the order of `ENTITY_ORDER`.
    suffix : str
        Such as ``T1w``.
    extension : str
        From the first dot on, such as ``.nii.gz``; empty if there is none.
    """

    entities: tuple[tuple[str, str], ...]
    suffix: str
    extension: str

    def get(self, entity: str) -> str | None:
        """Return the label of `entity`, or None if the name does not have it."""
        return dict(self.entities).get(entity)

    def with_parts(
        self,
        *,
        add: Mapping[str, str] | None = None,
        drop: frozenset[str] = frozenset(),
        suffix: str | None = None,
        extension: str | None = None,
    ) -> BIDSName:
        """Return a copy with entities added or dropped, or another suffix or extension.

        Examples
        --------
        >>> str(parse_name("sub-01_echo-1_run-1_T1w.nii").with_parts(
        ...     add={"mod": "T1w"}, drop=frozenset({"echo"}), suffix="defacemask"))
        'sub-01_run-1_mod-T1w_defacemask.nii'
        """
        kept = {entity: label for entity, label in self.entities if entity not in drop}
        kept.update(add or {})
        return replace(
            self,
            entities=_in_order(kept),
            suffix=self.suffix if suffix is None else suffix,
            extension=self.extension if extension is None else extension,
        )

    def __str__(self) -> str:
        """Return the file name."""
        pairs = [f"{entity}-{label}" for entity, label in self.entities]
        return "_".join([*pairs, self.suffix]) + self.extension


@lru_cache(maxsize=2**12)
def parse_name(filename: str) -> BIDSName | None:
    """Take a file name apart, or return None if it is not built like a BIDS name.

    Whether the name is *legal* (this suffix in this folder with these entities) is another
    question, which the official file-name rules answer.

    Examples
    --------
    >>> parse_name("sub-01_ses-pre_T1w.nii.gz").get("ses")
    'pre'
    >>> parse_name("participants.tsv")
    BIDSName(entities=(), suffix='participants', extension='.tsv')
    >>> parse_name("sub-01_sub-02_T1w.nii.gz") is None
    True
    """
    stem, dot, extension = filename.partition(".")
    *pairs, suffix = stem.split("_")
    if not _SUFFIX.fullmatch(suffix):
        return None
    entities: dict[str, str] = {}
    for pair in pairs:
        match = _PAIR.fullmatch(pair)
        if match is None or match[1] not in _RANK or match[1] in entities:
            return None
        entities[match[1]] = match[2]
    return BIDSName(_in_order(entities), suffix, dot + extension)


def _in_order(entities: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(entities.items(), key=lambda pair: _RANK[pair[0]]))
