"""Our own engine: `bidsdeid.core.registration`, without files or other programs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bidsdeid import __version__
from bidsdeid.core.atlas import Atlas
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import Affine, Floats
from bidsdeid.errors import EngineError


@dataclass(frozen=True, slots=True)
class AtlasEngine:
    """The default engine.

    Parameters
    ----------
    cropped : bool
        Look at the top of the image only, as FSL's ``robustfov`` does: a long neck and shoulders
        pull a head down.
    """

    cropped: bool = False

    def missing(self) -> tuple[str, ...]:
        """Return nothing: it is part of this package."""
        return ()

    def version(self) -> str:
        """Return name and version of the tool."""
        return f"bidsdeid {__version__}"

    def register(self, volume: Floats, affine: Affine, atlas: Atlas, work_dir: Path) -> Affine:  # noqa: ARG002
        """Find where a head lies; see `bidsdeid.engines.base.FaceEngine`."""
        if self.cropped:
            volume = _top(volume, affine)
        found = reference(atlas).register(volume, affine)
        if found.view == 0 or not np.isfinite(found.to_image).all():
            message = "the atlas could not be laid on the image"
            raise EngineError(message)
        return found.to_reference


#: From the crown down, an image of a head and its neck that is not long.
_HEAD_MM = 190.0

#: Air is darker than this share of the way from the darkest to the brightest tissue.
_TISSUE = 0.15


def _top(volume: Floats, affine: Affine) -> Floats:
    """Return the image with everything far below the crown set to air."""
    index = np.indices(volume.shape, dtype=np.float32)
    height = np.tensordot(affine[2, :3], index, 1)
    low, high = np.percentile(volume, [1, 99])
    tissue = height[volume > low + _TISSUE * (high - low)]
    crown = np.percentile(tissue, 99.5) if tissue.size else height.max()
    return np.where(height < crown - _HEAD_MM, np.float32(low), volume)


@lru_cache(maxsize=4)
def reference(atlas: Atlas) -> Reference:
    """Return an atlas ready to be looked for."""
    return Reference(atlas.head, atlas.affine)
