"""Which atlas is for whom: by age, by contrast, or as the user says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from bidsdeid.core.age import Age, Finding
from bidsdeid.core.agetables import AgeTable, AgeTables, find_age
from bidsdeid.core.atlas import Atlas
from bidsdeid.core.cohort import contrast_of
from bidsdeid.core.naming import sidecar_of
from bidsdeid.core.plan import Action
from bidsdeid.core.tables import Table
from bidsdeid.core.text import decode_fields, decode_table
from bidsdeid.core.voxels import HALF, carry
from bidsdeid.engines.atlas import reference
from bidsdeid.errors import EngineError, FileProblem, ToolError
from bidsdeid.io.templates import load_pair, load_template, template_folders, templates_for
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.bench import Bench

#: Of whom nothing is said, the atlas of adults is tried; its gates know an infant by its size.
_ADULT_MONTHS = float("inf")

#: What ``--infant`` means if nobody says how old.
_INFANT_MONTHS = 1.0


class Shelf:
    """The atlases for one participant.

    Parameters
    ----------
    bench : Bench
    actions, shared : iterables of Action
        Files of the participant and of the dataset, with the tables that tell ages.
    """

    def __init__(self, bench: Bench, actions: Iterable[Action], shared: Iterable[Action]) -> None:
        self._bench, self._config, self._participant = bench, bench.config, bench.participant
        self._sessions: list[str] = []
        self._actions: dict[str, Action] = {}
        for action in (*shared, *actions):
            name = action.file.name
            session = None if name is None else name.get("ses")
            if session is not None and session not in self._sessions:
                self._sessions.append(session)
            kind = action.path.stem if action.path.stem == "participants" else None
            if name is not None and name.suffix in ("sessions", "scans"):
                kind = f"{name.suffix} {session or ''}"
            if kind is not None and action.path.suffix == ".tsv":
                self._actions[kind] = action

    def atlases(self, session: str | None, scan: PurePosixPath, suffix: str) -> tuple[Atlas, ...]:
        """Return the atlases for an image, the best first.

        Raises
        ------
        EngineError
            If the age is not clear, or an infant's template is not there.
        """
        config = self._config
        if config.template is not None or config.facemask is not None:
            return (with_brain(load_pair(config.template, config.facemask)),)
        months = self._months(session, scan)
        if months == _ADULT_MONTHS:
            return (pydeface_atlas(),)
        try:
            files = templates_for(months, contrast_of(suffix), template_folders())
            return tuple(with_brain(load_template(item)) for item in files)
        except ToolError as error:
            raise EngineError(str(error)) from error

    def months(self, session: str | None, scan: PurePosixPath) -> float | None:
        """Return the age (months since birth) at an image, None if it is not known for sure."""
        try:
            months = self._months(session, scan)
        except FileProblem:
            return None
        return None if months == _ADULT_MONTHS else months

    def _months(self, session: str | None, scan: PurePosixPath) -> float:
        if self._config.age_months is not None:
            return self._config.age_months
        found = self._age(session, scan)
        if isinstance(found, Age):
            return found.months
        if self._config.infant:
            return _INFANT_MONTHS
        if found is not None:
            raise EngineError(found.reason)
        return _ADULT_MONTHS

    def _age(self, session: str | None, scan: PurePosixPath) -> Finding:
        kinds = ("participants", "sessions ", f"scans {session or ''}")
        tables = AgeTables(*map(self._table, kinds))
        return find_age(
            tables, self._participant, session=session, scan="/".join(scan.parts[-2:]),
            sessions=self._sessions,
        )  # fmt: skip

    def _table(self, kind: str) -> AgeTable | None:
        """Return a table and its dictionary; what cannot be read is told where it is released."""
        if kind not in self._actions:
            return None
        path = self._actions[kind].path
        try:
            table = _decoded(self._bench.read(path))
        except FileProblem:
            return None
        try:
            return AgeTable(table, decode_fields(self._bench.read(sidecar_of(path))))
        except FileProblem:
            return AgeTable(table)


@lru_cache(maxsize=8)
def _decoded(content: bytes) -> Table:
    """Return a table; that of all participants is asked for by each of them."""
    return decode_table(content)


def _upright(atlas: Atlas) -> Atlas:
    """Return an atlas with its axes in the order left-right, back-front, bottom-top."""
    turn = nib.io_orientation(atlas.affine)

    def turned(data: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(nib.apply_orientation(data, turn))

    return Atlas(
        atlas.name,
        turned(atlas.head),
        turned(atlas.keep),
        atlas.affine @ nib.orientations.inv_ornt_aff(turn, atlas.head.shape),
        None if atlas.brain is None else turned(atlas.brain),
    )


@lru_cache(maxsize=4)
def with_brain(atlas: Atlas) -> Atlas:
    """Return an atlas upright and with a brain: its own, or pydeface's, carried over."""
    atlas = _upright(atlas)
    if atlas.brain is not None:
        return atlas
    adult = pydeface_atlas()
    assert adult.brain is not None  # noqa: S101 -- it comes with the package
    found = reference(adult).register(atlas.head, atlas.affine)
    brain = carry(
        adult.brain.astype(np.uint8), adult.affine, atlas.head.shape, atlas.affine,
        found.to_reference,
    )  # fmt: skip
    return replace(atlas, brain=np.asarray(brain > HALF))
