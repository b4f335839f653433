"""What was really removed from a head: measured from what is released, whatever way it took.

The gates (`bidsdeid.core.gates`) judge a mask at the moment it is found.  Here the image before
and the image that is released are held against each other and against the atlas, so that a mask
that was turned, moved, lost or half applied on its way into the file shows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan, nan

import numpy as np
from scipy import ndimage

from bidsdeid.core.face import FaceFrame
from bidsdeid.core.head import air_and_tissue, evened, largest_body
from bidsdeid.core.place import PlaceJudge
from bidsdeid.core.removal import blank, removed_between
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, Stored, carry, downsample, in_view
from bidsdeid.core.zones import AIR_VOXELS, FEW_RAYS, SURFACE_MM, Rays, Zones, along_rays, front_of

#: Images are held against the atlas on copies of this size.
_ZOOM_MM = 2.0

#: They are smoothed by this (standard deviation, mm).
_SMOOTH_MM = 1.2

#: A face is where the atlas has its own, give or take: what is farther behind it is not skin that
#: was left, and some have longer noses.
_BEHIND_MM, _BEFORE_MM = 6.0, 16.0

#: Where an image is held against itself, its face may lie this far behind the atlas's.
_RECESSED_MM = 10.0

#: Skin is shown where the first tissue is as far to the front as it was, to half the surface.
_SAME_MM = SURFACE_MM / 2

#: Ears of fewer voxels of the coarse grid are not in view.
_FEW = 20

#: Bits of the rays that tell what an image shows.
IN_VIEW, SKIN = 1, 2


@dataclass(frozen=True, slots=True)
class ProofNumbers:
    """What was removed of a head, and what is left of its face.

    Not a number where nothing is in view, or nothing was given to measure it with.

    Parameters
    ----------
    removed_voxels : float
        Of one volume, those that were changed in every volume.
    brain_voxels, brain_mm3 : float
        Of the atlas's brain, or the image's own if more, among them.
    eyes_removed, nose_removed, mouth_removed, ears_removed : float
        Part of the outer 8 mm over each, and of the ears' tissue, that is gone.
    eyes_left, nose_left, mouth_left : float
        Part of the atlas's own face before which, or just behind which, the released image shows
        tissue.
    face_before : float
        The same of the whole face and the image before.
    head_removed : float
        Part of the head's volume.
    behind_removed : float
        Part of what was removed of the head that lies behind the ears.
    stray_removed : float
        Part of that which lies where no style of mask removes anything.
    brain_distance_mm : float
        From the atlas's brain to the nearest tissue that was removed.
    likeness, off_mm, lead : float
        A second look at the position (`bidsdeid.core.place.Place`), in the released image.
    """

    removed_voxels: float = 0.0
    brain_voxels: float = 0.0
    brain_mm3: float = 0.0
    eyes_removed: float = nan
    nose_removed: float = nan
    mouth_removed: float = nan
    ears_removed: float = nan
    eyes_left: float = nan
    nose_left: float = nan
    mouth_left: float = nan
    face_before: float = nan
    head_removed: float = nan
    behind_removed: float = nan
    stray_removed: float = nan
    brain_distance_mm: float = nan
    likeness: float = nan
    off_mm: float = nan
    lead: float = nan

    def rounded(self) -> dict[str, float | None]:
        """Return the numbers by name, to four digits; None for what is not known."""
        return {
            name: None if isnan(value) else round(value, 4) for name, value in asdict(self).items()
        }


@dataclass(frozen=True, eq=False)
class Proof:
    """The evidence of one image.

    Parameters
    ----------
    numbers : ProofNumbers
    rays : (61, 66) array of uint8
        `IN_VIEW` and `SKIN`, for each ray that meets the face from the front: what is put together
        of all images of a participant (`bidsdeid.core.together`).
    """

    numbers: ProofNumbers
    rays: Rays


@dataclass(frozen=True, eq=False)
class _Copy:
    """An image on a grid of the zones: what is in view, bright before and after, and gone."""

    view: Bools
    before: Bools
    after: Bools
    gone: Bools


class ProofJudge:
    """Measures what was removed from images, against one atlas.

    Parameters
    ----------
    frame : FaceFrame
        Of that atlas.
    """

    def __init__(self, frame: FaceFrame) -> None:
        self._zones = Zones(frame)
        self._place = PlaceJudge(self._zones)

    def measure(
        self,
        before: Stored,
        after: Stored,
        affine: Affine,
        to_atlas: Affine,
        *,
        brain: Bools | None = None,
        slope: float = 1.0,
        outlined: bool = True,
    ) -> Proof:
        """Measure what was removed from an image.

        Parameters
        ----------
        before, after : (X, Y, Z, ...) arrays
            Stored voxels of the input and, as read back, of the release.
        affine : (4, 4) array, voxel → RAS+ mm
        to_atlas : (4, 4) array, world of the image → world of the atlas
            As it is believed.
        brain : (X, Y, Z) array of bool, optional
            The image's own brain, beside the atlas's.
        slope : float
            ``scl_slope``: if it is negative, dark is stored as bright.
        outlined : bool
            The image shows an outline of the head.  Phase images and maps do not: what is gone of
            their face is measured where the atlas has its own, and what is left is not known.

        Raises
        ------
        ImageError
            If the two images differ in shape.
        GateError
            If there is nothing in the image.
        """
        removed = removed_between(before, after)
        small, grid = downsample(before, affine, _ZOOM_MM)
        left, _ = downsample(after, affine, _ZOOM_MM)
        gone, _ = downsample(removed, affine, _ZOOM_MM)
        empty = gone
        if not outlined:  # a phase image, say, of which much may have been blank before
            empty, _ = downsample(removed | blank(after, removed), affine, _ZOOM_MM)
        sign = np.float32(-1 if slope < 0 else 1)
        images = _evened(sign * small, sign * left, grid) if outlined else None
        back = np.linalg.inv(to_atlas)
        box, _ = self._copy(images, empty, grid, self._zones.box_grid, back)
        numbers, rays = self._face(box, outlined=outlined)
        coarse, seen = self._copy(images, gone, grid, self._zones.coarse_grid, back)
        if seen is not None:
            place = self._place.look(seen, coarse.view)
            numbers |= self._volumes(coarse) | asdict(place)
        voxel = abs(float(np.linalg.det(affine[:3, :3])))
        cut_mm3 = self._brain_mm3(gone, grid, to_atlas)
        cut = max(round(cut_mm3 / voxel), 0 if brain is None else int((removed & brain).sum()))
        numbers |= {"brain_voxels": float(cut), "brain_mm3": max(cut_mm3, cut * voxel)}
        return Proof(ProofNumbers(removed_voxels=float(removed.sum()), **numbers), rays)

    def _copy(
        self,
        images: tuple[Floats, Floats, float] | None,
        gone: Floats,
        affine: Affine,
        grid: tuple[tuple[int, ...], Affine],
        back: Affine,
    ) -> tuple[_Copy, Floats | None]:
        """Return an image on a grid of the zones, and the brightness of the release there."""
        view = in_view(gone.shape, affine, *grid, back)
        there = view & (carry(gone, affine, *grid, back) > HALF)
        if images is None:
            nothing = np.zeros_like(view)
            return _Copy(view, nothing, nothing, there), None
        first, second, level = images
        before, after = (carry(image, affine, *grid, back) for image in (first, second))
        return _Copy(view, (before > level) & view, (after > level) & view, there), after

    def _face(self, box: _Copy, *, outlined: bool) -> tuple[dict[str, float], Rays]:
        """Measure the surface of the face, ray by ray."""
        zones = self._zones
        step = _ZOOM_MM / zones.size
        head = largest_body(_opened(box.before)) if outlined else zones.frame.own_head[zones.box]
        front, own = front_of(head), zones.own_front
        # Where the field of view ends inside the head there is no surface.
        met = (front >= 0) & along_rays(box.view, front[:, None] + AIR_VOXELS)[:, 0]
        depth = np.arange(int(SURFACE_MM / step) + 1)
        index = front[:, None, :] - depth[None, :, None]
        asked = along_rays(head & box.view & ~zones.near_brain, index) & met[:, None, :]
        gone = along_rays(box.gone, index) & asked
        near = np.arange(-int(_RECESSED_MM / step), int(_BEFORE_MM / step) + 1)
        around = own[:, None, :] + near[None, :, None]
        known = (own >= 0) & along_rays(box.view, own[:, None])[:, 0]
        tissue = _opened(box.after)
        there = np.asarray(along_rays(tissue, around) & known[:, None, :])
        shown = np.asarray(there[:, near >= -int(_BEHIND_MM / step)].any(axis=1))
        had = known & along_rays(head, around).any(axis=1)
        numbers = {}
        for part, rows in zones.parts.items():
            few = met[:, rows].sum() < FEW_RAYS or not asked[..., rows].any()
            share = nan if few else float(gone[..., rows].sum() / asked[..., rows].sum())
            numbers[f"{part}_removed"] = share
            few = not outlined or known[:, rows].sum() < FEW_RAYS
            share = nan if few else float(shown[:, rows].sum() / known[:, rows].sum())
            numbers[f"{part}_left"] = share
        if outlined and known.sum() >= FEW_RAYS:
            numbers["face_before"] = float(had.sum() / known.sum())
        kept = there.any(axis=1) & (front_of(tissue) >= front - _SAME_MM / step)
        rays = known * np.uint8(IN_VIEW if outlined else 0) | kept * np.uint8(SKIN)
        return numbers, zones.on_rays(rays)

    def _volumes(self, coarse: _Copy) -> dict[str, float]:
        """Measure which part of the head was removed."""
        zones = self._zones
        head = largest_body(coarse.before)
        removed = coarse.gone & head
        count = max(1, int(removed.sum()))
        ears = zones.ears & head
        return {
            "head_removed": float(removed.sum() / max(1, head.sum())),
            "behind_removed": float(removed[:, zones.behind].sum() / count),
            "stray_removed": float((removed & ~zones.face).sum() / count),
            "ears_removed": float(coarse.gone[ears].mean()) if ears.sum() >= _FEW else nan,
            "brain_distance_mm": float(zones.from_brain[removed].min()) if removed.any() else nan,
        }

    def _brain_mm3(self, gone: Floats, affine: Affine, to_atlas: Affine) -> float:
        """Return how much of the atlas's brain lies in what is gone."""
        found = ndimage.find_objects((gone > HALF).astype(np.int8))
        if not found:
            return 0.0
        part, frame = found[0], self._zones.frame
        start = np.eye(4)
        start[:3, 3] = [piece.start for piece in part]
        solid = frame.brain.view(np.uint8)
        brain = carry(solid, frame.affine, gone[part].shape, affine @ start, to_atlas)
        cut = int(((brain > HALF) & (gone[part] > HALF)).sum())
        return cut * abs(float(np.linalg.det(affine[:3, :3])))


def _opened(bright: Bools) -> Bools:
    """Return a mask without its specks."""
    return np.asarray(ndimage.binary_opening(bright))


def _evened(before: Floats, after: Floats, affine: Affine) -> tuple[Floats, Floats, float]:
    """Return two images smoothed and evened alike, and the brightness at which tissue begins."""
    low, high = np.percentile(before[::2, ::2, ::2], [0.1, 99])
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    first, second = (
        ndimage.gaussian_filter(
            np.clip(image, low, max(high, low)) - low, _SMOOTH_MM / zooms, truncate=3
        )
        for image in (before, after)
    )
    few = np.ascontiguousarray(first[::2, ::2, ::2])  # brightness changes slowly
    even = evened(few, zooms * 2)
    gain = np.divide(even, few, out=np.ones_like(few), where=few > 0)
    for axis, size in enumerate(first.shape):
        gain = np.repeat(gain, 2, axis).take(np.arange(size), axis)
    air, tissue = air_and_tissue(even)
    return first * gain, second * gain, (air + tissue) / 2
