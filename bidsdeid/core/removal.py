"""Which voxels of an image were really changed: the input and the release held together."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from bidsdeid.core.brain import ZOOM_MM
from bidsdeid.core.head import bright_body
from bidsdeid.core.voxels import HALF, Affine, Bools, Stored, downsample
from bidsdeid.errors import ImageError

#: Bytes of the largest unsigned integer there is.
_WORD = 8


@dataclass(frozen=True, slots=True)
class StripNumbers:
    """What was left of a head of which only the brain is to stay.

    Parameters
    ----------
    removed_voxels : float
        Of one volume, those that were changed in every volume.
    lost_voxels, lost_mm3 : float
        Of the brain, those among them.
    outside_mm3 : float
        Of the head beside the brain, what was not changed.
    head_removed : float
        Part of the head's volume that is gone.
    """

    removed_voxels: float
    lost_voxels: float
    lost_mm3: float
    outside_mm3: float
    head_removed: float

    def rounded(self) -> dict[str, float | None]:
        """Return the numbers by name, to four digits."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure_stripped(
    before: Stored, after: Stored, affine: Affine, brain: Bools, *, slope: float = 1.0
) -> StripNumbers:
    """Measure what was left of a head.

    Parameters
    ----------
    before, after : (X, Y, Z, ...) arrays
        Stored voxels of the input and, as read back, of the release.
    affine : (4, 4) array, voxel → RAS+ mm
    brain : (X, Y, Z) array of bool
        That is to stay.
    slope : float
        ``scl_slope``: if it is negative, dark is stored as bright.

    Raises
    ------
    ImageError
        If the images differ in shape.
    GateError
        If there is nothing in the image.
    """
    removed = removed_between(before, after)
    small, grid = downsample(before, affine, ZOOM_MM)
    head = bright_body(-small if slope < 0 else small)
    kept, _ = downsample(~removed & ~brain & ~blank(after, removed), affine, ZOOM_MM)
    gone, _ = downsample(removed, affine, ZOOM_MM)
    block, voxel = (abs(float(np.linalg.det(a[:3, :3]))) for a in (grid, affine))
    lost = int((removed & brain).sum())
    return StripNumbers(
        removed_voxels=float(removed.sum()),
        lost_voxels=float(lost),
        lost_mm3=lost * voxel,
        outside_mm3=int((head & (kept > HALF)).sum()) * block,
        head_removed=float((head & (gone > HALF)).sum() / max(1, head.sum())),
    )


def blank(after: Stored, removed: Bools) -> Bools:
    """Return which voxels hold, in every volume, what was filled in where others were removed.

    Some held it before: they did not change, and there is nothing in them.

    Parameters
    ----------
    after : (X, Y, Z, ...) array
        Stored voxels of the release.
    removed : (X, Y, Z) array of bool
        See `removed_between`.

    Examples
    --------
    >>> after = np.array([[[7, 0, 0, 0]]])
    >>> blank(after, np.array([[[False, False, True, True]]])).ravel().tolist()
    [False, True, True, True]
    """
    if not removed.any():
        return np.zeros_like(removed)
    volumes = after.reshape((*removed.shape, -1), order="F")
    values, counts = np.unique(volumes[removed][:, 0], return_counts=True)
    return np.asarray((volumes == values[counts.argmax()]).all(axis=3))


def changed_bits(before: Stored, after: Stored) -> Bools:
    """Return where two arrays differ in any bit: NaN is itself, and -0.0 is not 0.0.

    Parameters
    ----------
    before, after : (X, Y, Z, ...) arrays
        Of one shape and one type.

    Examples
    --------
    >>> changed_bits(np.array([np.nan, 0.0, 1.0]), np.array([np.nan, -0.0, 1.0])).tolist()
    [False, True, False]
    """
    size = before.dtype.itemsize
    if before.dtype.kind not in "fc":
        return np.asarray(before != after)
    if size <= _WORD:
        return np.asarray(before.view(f"u{size}") != after.view(f"u{size}"))
    one, other = (np.ascontiguousarray(x).view("u8") for x in (before, after))
    return np.asarray((one != other).reshape(*before.shape, -1).any(axis=-1))


def removed_between(before: Stored, after: Stored) -> Bools:
    """Return which voxels of an image were changed in every one of its volumes.

    A voxel that held the value that is filled in does not change, and is removed nevertheless if
    it changed in another volume.  A volume of one value shows nothing, and is left out.

    Parameters
    ----------
    before, after : (X, Y, Z, ...) arrays

    Returns
    -------
    (X, Y, Z) array of bool

    Raises
    ------
    ImageError
        If they differ in shape.

    Examples
    --------
    >>> before = np.array([[[[1, 2], [3, 0], [4, 4]]]])
    >>> after = np.array([[[[0, 0], [0, 0], [0, 4]]]])
    >>> removed_between(before, after).ravel().tolist()
    [True, True, False]
    """
    if before.shape != after.shape:
        message = "what is released has not the shape of what was read"
        raise ImageError(message)
    first, second = (x.reshape((*x.shape[:3], -1), order="F") for x in (before, after))
    some, every = np.zeros(first.shape[:3], bool), np.ones(first.shape[:3], bool)
    single = first.shape[3] == 1
    for volume in range(first.shape[3]):
        one, other = first[..., volume], second[..., volume]
        differ = one != other
        if one.dtype.kind == "f":
            differ &= ~(np.isnan(one) & np.isnan(other))
        if single:
            return np.asarray(differ)
        if one.min() == one.max() and not differ.any():
            continue  # it shows nothing, of which nothing could be removed
        some |= differ
        changed = other[differ]
        if changed.size:
            differ |= other == np.median(changed)
        every &= differ
    return some & every
