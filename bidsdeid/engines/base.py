"""What an engine is asked, and what it answers.

Rule 1: an engine answers one question: *where does this head lie on the atlas?*, or *which voxels
        are brain?*  Which voxels go follows from the answer, for all engines alike
        (`bidsdeid.core.face`), and so does whether it is believed (`bidsdeid.core.judge`,
        `bidsdeid.core.brain`).
Rule 2: an engine that has no answer raises `EngineError`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.voxels import Affine, Bools, Floats, Stored


class FaceEngine(Protocol):
    """A way to find where a head lies on an atlas."""

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed; empty if usable."""
        ...

    def version(self) -> str:
        """Return name and version of the tool."""
        ...

    def register(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> Affine:
        """Find where a head lies.

        Parameters
        ----------
        volume : (X, Y, Z) array, finite
            With voxels of about 2 mm or larger.
        affine : (4, 4) array, voxel → RAS+ mm
        atlas : Atlas
        work_dir : Path
            A private folder for files of this call.

        Returns
        -------
        (4, 4) array
            World of the volume → world of the atlas.

        Raises
        ------
        EngineError
            If there is no answer.
        """
        ...


class BrainEngine(Protocol):
    """A way to find the brain in an image."""

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed; empty if usable."""
        ...

    def version(self) -> str:
        """Return name and version of the tool, and which weights it uses."""
        ...

    def find(self, volume: Stored, affine: Affine, work_dir: Path) -> Bools:
        """Find the brain.

        Parameters
        ----------
        volume : (X, Y, Z) array, finite
        affine : (4, 4) array, voxel → RAS+ mm
        work_dir : Path
            A private folder for files of this call.

        Returns
        -------
        (X, Y, Z) array of bool
            True in what the engine takes for brain, as it says it; nothing is mended here.

        Raises
        ------
        EngineError
            If there is no answer.
        """
        ...
