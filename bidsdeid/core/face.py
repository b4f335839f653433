"""Where the face is on a head whose place is known: the region that goes.

pydeface's mask is the base.  It leaves eyelids and brow on many heads, whatever registered it, so
that the skin over eyes, nose and mouth is added from the image itself: from the front, each ray
meets the head somewhere, and what lies there and a little deeper goes.  The atlas says where on
the face a ray is and where the brain begins; nothing is taken from the brain.

All of it happens in a *frame*: a grid of 2 mm along the atlas's axes, so that one set of rules
serves any orientation, voxel size and field of view.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.facestyle import PARTS, SKIN, FaceStyle, MaskStyle, Strength
from bidsdeid.core.head import above_floor, air_and_tissue, behind_front, evened
from bidsdeid.core.view import SURE_SHARE, View
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, carry, downsample

#: Voxel size of a frame.
ZOOM_MM = 2.0

#: How far a frame reaches beyond the atlas: to the front, down the throat, and elsewhere.
_FRONT_MM, _BELOW_MM, _AROUND_MM = 40, 60, 16

#: Nothing goes this near to the brain: an affine follows a person's brain to a few millimetres.
BRAIN_MARGIN_MM = 5.0

#: A brain that was found in the image itself is known better, and kept with this around it.
OWN_MARGIN_MM = 3.0

#: An infant's margin is smaller, but not than this: voxels are no smaller for being a child's.
_LEAST_MARGIN_MM = 4.0

#: The head is outlined on a copy smoothed by this (standard deviation).
_SMOOTH_MM = 1.2

#: How far to the sides the frontal sinus reaches, and above which share of the brain's height.
_SINUS_MM, _SINUS_BOTTOM = 25.0, 0.3

#: As much less goes behind the atlas's skin than behind the image's own.
_LESS_MM = 4.0

#: What is called surface when it is asked how much of it is gone.
SURFACE_MM = 8.0

#: Height of the brain on pydeface's atlas: lengths below are of a head of that size.
_ADULT_BRAIN_MM = 142.0

#: A part of which less than this (voxels) is in view is not in view.
_FEW = 60

#: A surface has this many voxels of air before it.
_AIR_VOXELS = 3

#: The ears' middle lies this far behind the frontal pole.
_EAR_BACK_MM = 100.0

#: The pinna lies at least this far from the brain; the skull behind it does not.
_EAR_MM = 16.0


#: The face's surface lies within this of the middle, and no farther back from the frontal pole.
_HALF_WIDTH_MM, _BACK_MM = 60.0, 30.0


class FaceFrame:
    """The rules of a face on one atlas.

    Parameters
    ----------
    atlas : Atlas
        With a brain.
    """

    def __init__(self, atlas: Atlas) -> None:
        if atlas.brain is None:
            message = "an atlas without a brain mask has no frame"
            raise ValueError(message)
        self.atlas = atlas
        step = ZOOM_MM / np.linalg.norm(atlas.affine[:3, :3], axis=0)
        before = -np.array([_AROUND_MM, _AROUND_MM, _BELOW_MM]) / ZOOM_MM * step
        after = (
            np.array(atlas.head.shape)
            + np.array([_AROUND_MM, _FRONT_MM, _AROUND_MM]) / ZOOM_MM * step
        )
        grid = np.diag([*step, 1.0])
        grid[:3, 3] = before
        self.affine: Affine = atlas.affine @ grid
        self.shape = tuple(int(n) for n in np.ceil((after - before) / step))
        self.brain = self._carried(atlas.brain)
        # Beyond the atlas its mask goes on as at its edge.
        edge = carry(
            atlas.keep.astype(np.uint8),
            atlas.affine,
            self.shape,
            self.affine,
            np.eye(4),
            mode="nearest",
        )
        self._base = edge < HALF
        self._base.flags.writeable = False  # it is returned as it is, and serves many images
        self._own_skin: dict[Strength, Bools] = {}
        across, along, up = (np.arange(n) * ZOOM_MM for n in self.shape)
        inside = np.argwhere(self.brain) * ZOOM_MM
        low, high = inside.min(axis=0), inside.max(axis=0) + ZOOM_MM
        self._height = (up - low[2]) / (high[2] - low[2])
        self._aside = np.abs(across - inside[:, 0].mean())
        self._before_pole = along - high[1]
        self._size = float(high[2] - low[2]) / _ADULT_BRAIN_MM
        # Eyes, cheeks and chin before the frontal pole, and the ends of the brain; (4, N), world.
        middle, pole, height = inside[:, 0].mean(), high[1], high[2] - low[2]
        points = [
            [middle + x * self._size, pole + y * self._size, low[2] + z * height]
            for x in (-45, 45)
            for y, z in ((0, 0.35), (5, 0.05), (0, -0.3))
        ]
        points += [[middle, low[1], low[2] + height / 2], [middle, (low[1] + pole) / 2, high[2]]]
        voxels = np.c_[np.array(points) / ZOOM_MM, np.ones(len(points))].T
        self.landmarks: NDArray[np.float64] = self.affine @ voxels

    def head_in(
        self, volume: Floats, affine: Affine, to_atlas: Affine, share: float = 0.5
    ) -> Bools:
        """Return the head of an image, seen in the frame.

        Parameters
        ----------
        volume : (X, Y, Z) array
            Of voxels of about 2 mm or larger.
        affine : (4, 4) array, voxel → RAS+ mm
        to_atlas : (4, 4) array, world of the image → world of the atlas
        share : float
            How bright is head; see `tissue_threshold`.

        Raises
        ------
        GateError
            If the image is empty.
        """
        return self.view_of(volume, affine, to_atlas).head(share)

    def view_of(self, volume: Floats, affine: Affine, to_atlas: Affine) -> View:
        """Return an image, seen in the frame; arguments as for `head_in`."""
        low, high = np.percentile(volume[::2, ::2, ::2], [0.1, 99])
        zooms = np.linalg.norm(affine[:3, :3], axis=0)
        clipped = np.clip(volume, low, max(high, low)) - low
        smooth = evened(ndimage.gaussian_filter(clipped, _SMOOTH_MM / zooms, truncate=3), zooms)
        seen = carry(smooth, affine, self.shape, self.affine, np.linalg.inv(to_atlas))
        return View(seen, *air_and_tissue(smooth), self._sinus)

    def region(self, head: Bools, style: FaceStyle) -> Bools:
        """Return the voxels of the frame that go.

        Parameters
        ----------
        head : (X, Y, Z) array of bool
            A head, seen in the frame.
        style : FaceStyle
        """
        if style.mask is MaskStyle.PYDEFACE:
            return self._base
        # Bright haze before a face can be taken for skin: what is skin of the atlas goes, too.
        if style.strength not in self._own_skin:
            own = self._own_view.head(SURE_SHARE)
            self._own_skin[style.strength] = self._skin(own, style.strength, _LESS_MM)
        region = self._skin(head, style.strength)
        region |= self._own_skin[style.strength] | self._base
        if style.ears or style.strength is Strength.STRONG:
            region |= self._ears
        return np.asarray(region & ~self._near_brain)

    def _skin(self, head: Bools, strength: Strength, less_mm: float = 0.0) -> Bools:
        """Return the skin of a head that goes, so much less deep."""
        behind = behind_front(head) * ZOOM_MM / self._size
        above = above_floor(head) * ZOOM_MM / self._size
        region = np.zeros(self.shape, bool)
        for skin in SKIN[strength]:
            region |= (
                ((above if skin.below else behind) < skin.depth_mm - less_mm)
                & (self._aside[:, None, None] < skin.half_width_mm * self._size)
                & (self._before_pole[None, :, None] > -skin.back_mm * self._size)
                & (self._height >= skin.bottom)
                & (self._height < skin.top)
            )
        return region

    def near(self, brain: Bools, affine: Affine, to_atlas: Affine) -> Bools:
        """Return what lies near a brain that was found in an image, seen in the frame.

        Parameters
        ----------
        brain : (X, Y, Z) array of bool
        affine : (4, 4) array, voxel of `brain` → RAS+ mm
        to_atlas : (4, 4) array, world of the image → world of the atlas
        """
        small, small_affine = downsample(brain, affine, ZOOM_MM)
        back = np.linalg.inv(to_atlas)
        # All that a voxel of the frame touches counts: more than nothing, not half.
        there = carry(small, small_affine, self.shape, self.affine, back) > 0
        return np.asarray(ndimage.distance_transform_edt(~there) * ZOOM_MM <= OWN_MARGIN_MM)

    def parts_removed(
        self, head: Bools, gone: Bools, view: Bools, *, skin_only: bool = False
    ) -> dict[str, float]:
        """Return how much of the surface over each of `PARTS` is gone; NaN if not in view.

        Where the field of view ends inside the head there is no surface.

        Parameters
        ----------
        head, gone, view : (X, Y, Z) arrays of bool
            The image's head, the voxels removed and what is in view, seen in the frame.
        skin_only : bool
            What lies near the brain does not count: an echo-planar image shows a brain and
            little else.  Only for a position that is known to be right.
        """
        behind = behind_front(head)
        open_air = (view & (behind < 0) & (behind >= -_AIR_VOXELS)).sum(axis=1) == _AIR_VOXELS
        surface = (
            head
            & open_air[:, None, :]
            & (behind >= 0)
            & (behind <= SURFACE_MM * self._size / ZOOM_MM)
            & (self._aside[:, None, None] < _HALF_WIDTH_MM * self._size)
            & (self._before_pole[None, :, None] > -_BACK_MM * self._size)
        )
        if skin_only:
            surface &= ~self._near_brain
        shares = {}
        for part, (bottom, top) in PARTS.items():
            at = surface & ((self._height >= bottom) & (self._height < top))
            shares[part] = float(gone[at].mean()) if at.sum() >= _FEW else float("nan")
        return shares

    def behind(self, depth_mm: float) -> Bools:
        """Return what lies farther back from the frontal pole, on an adult's head, as a mask."""
        return np.broadcast_to(
            (self._before_pole < -depth_mm * self._size)[None, :, None], self.shape
        )

    @cached_property
    def _sinus(self) -> Bools:
        """Rays between the eyes and above: those that may meet the frontal sinus."""
        middle = self._aside < _SINUS_MM * self._size
        return np.asarray(middle[:, None] & (self._height > _SINUS_BOTTOM)[None, :])

    @cached_property
    def _own_view(self) -> View:
        small = downsample(self.atlas.head, self.atlas.affine, ZOOM_MM)
        return self.view_of(*small, np.eye(4))

    @cached_property
    def own_head(self) -> Bools:
        """The atlas's head."""
        return self._own_view.head()

    @cached_property
    def own_face(self) -> Bools:
        """What of the atlas's head is its face: its mask, and the skin from where it seems."""
        skin = self._skin(self.own_head, Strength.STANDARD)
        return np.asarray(self.own_head & (skin | self._base) & ~self._near_brain)

    @cached_property
    def from_brain(self) -> NDArray[np.float64]:
        """The distance of each voxel from the brain, mm."""
        return np.asarray(ndimage.distance_transform_edt(~self.brain) * ZOOM_MM)

    @cached_property
    def _near_brain(self) -> Bools:
        return np.asarray(self.from_brain <= max(_LEAST_MARGIN_MM, BRAIN_MARGIN_MM * self._size))

    @cached_property
    def _ears(self) -> Bools:
        """Tissue beside the lower half of the brain, too far from it to be skull."""
        beside = self._aside > 0.8 * self._aside[self.brain.any(axis=(1, 2))].max()
        level = np.abs(self._before_pole + _EAR_BACK_MM * self._size) < 28 * self._size
        low = (self._height > -0.15) & (self._height < 0.42)  # noqa: PLR2004
        box = beside[:, None, None] & level[None, :, None] & low[None, None, :]
        return np.asarray(box & (self.from_brain > _EAR_MM * self._size))

    def _carried(self, mask: Bools) -> Bools:
        carried = carry(
            mask.astype(np.uint8), self.atlas.affine, self.shape, self.affine, np.eye(4)
        )
        return np.asarray(carried > HALF)
