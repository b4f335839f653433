"""What an engine is asked, and what it answers.

Rule 1: an engine answers one question, *which voxels?*, for one volume.  Data type, scaling,
        time, header and fill are none of its business (`bidsdeid.core.voxels`).
Rule 2: polarity is in the type: `FaceMask.remove` is True where voxels go.
Rule 3: an engine that is not sure raises `EngineError`.  It never returns an empty mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bidsdeid.core.voxels import Affine, Bools, Floats
from bidsdeid.resources import Atlas


@dataclass(frozen=True, eq=False)
class FaceMask:
    """Voxels that show the face.

    Parameters
    ----------
    remove : (X, Y, Z) array of bool
        True where voxels go, on the grid of the volume asked about.
    to_atlas : (4, 4) array
        World of the volume (RAS+ mm) → world of the atlas.
    engine : str
        Name and version of the tool.
    """

    remove: Bools
    to_atlas: Affine
    engine: str


class FaceEngine(Protocol):
    """A way to find the face."""

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed; empty if usable."""
        ...

    def version(self) -> str:
        """Return name and version of the tool."""
        ...

    def find(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> FaceMask:
        """Find the face in one volume.

        Parameters
        ----------
        volume : (X, Y, Z) array, finite
        affine : (4, 4) array, voxel → RAS+ mm
        atlas : Atlas
        work_dir : Path
            A private folder for files of this call.

        Raises
        ------
        EngineError
            If no mask can be had.
        """
        ...
