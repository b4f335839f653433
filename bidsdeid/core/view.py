"""An image of a head, seen in the frame of an atlas: what of it is head."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from bidsdeid.core.head import largest_body
from bidsdeid.core.voxels import Bools, Floats

#: What is head, and what is bright for sure; see `bidsdeid.core.head.tissue_threshold`.
_SHARE, SURE_SHARE = 0.5, 1.0


@dataclass(frozen=True, eq=False)
class View:
    """An image, seen in a frame.

    Parameters
    ----------
    smooth : (U, V, W) array
    air, tissue : float
        Brightness of air, and Otsu's threshold.
    sinus : (U, W) array of bool, optional
        Rays from the front that may meet the frontal sinus, with the brain behind it.
    """

    smooth: Floats
    air: float
    tissue: float
    sinus: Bools | None = None

    def head(self, share: float = _SHARE) -> Bools:
        """Return the largest body brighter than a share of the way from air to tissue."""
        return self._head if share == _SHARE else self._body(share)

    @cached_property
    def _head(self) -> Bools:
        """What a mask begins at and is judged by: asked for twice in each attempt."""
        head = self._body(_SHARE)
        head.flags.writeable = False
        return head

    def _body(self, share: float) -> Bools:
        bright = self.smooth > self.air + share * (self.tissue - self.air)
        return largest_body(np.asarray(ndimage.binary_opening(bright)))

    def sure_head(self) -> Bools:
        """Return what is bright for sure, and dim skin before the frontal sinus.

        Skin that is to go begins here: noise and haze before a face must not be taken for it,
        and what lies before it goes anyway.  But where skin is dim, what is bright behind the
        sinus is the brain, and must not be taken for it either.
        """
        head, sure = self.head(), self.head(SURE_SHARE)
        if self.sinus is None:
            return sure
        met = np.maximum.accumulate(head[:, ::-1], axis=1)
        left = np.maximum.accumulate(met & ~head[:, ::-1], axis=1)[:, ::-1]
        first = head & ~left  # of each ray from the front, up to the first cavity
        dim = np.asarray(left.any(axis=1) & ~(first & sure).any(axis=1))
        return np.asarray(sure | (first & (dim & self.sinus)[:, None, :]))
