"""Where the head is in an image.  No registration here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.voxels import Bools, Floats
from bidsdeid.errors import GateError

#: Coils change brightness over this distance (mm, standard deviation of the mean that is taken).
_COIL_MM = 30.0

#: Of Otsu's threshold, what counts as tissue where brightness is evened.
_TISSUE = 0.3

#: Share of the typical brightness below which nothing is made brighter: air stays dark.
_FLOOR = 0.2

#: Values in single precision that span fewer steps than this tell no classes apart.
_STEPS = 512


def otsu(values: Floats, bins: int = 256) -> float:
    """Return the threshold that best splits values into two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(float)
    above = below[-1] - below
    moment = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moment[-1] * below / below[-1] - moment) ** 2 / (below * above)
    return float(centres[int(np.nanargmax(between[:-1]))])


def is_flat(values: Floats) -> bool:
    """Tell whether there is nothing to be seen: all values are one, as far as they are precise.

    Examples
    --------
    >>> is_flat(np.array([30_000.0, 30_000.004])), is_flat(np.array([0.0, 1e-9]))
    (True, False)
    """
    low, high = float(values.min()), float(values.max())
    return not high - low > _STEPS * float(np.spacing(np.float32(max(abs(low), abs(high)))))


def air_and_tissue(smooth: Floats) -> tuple[float, float]:
    """Return the brightness of air, and Otsu's threshold.

    Parameters
    ----------
    smooth : (X, Y, Z) array
        A small, smooth copy of an image of a head.

    Raises
    ------
    GateError
        If there is nothing to be seen: the image is empty or flat.
    """
    if is_flat(smooth):
        message = "the image is empty or has one value only"
        raise GateError(message)
    tissue = otsu(smooth)
    return float(np.median(smooth[smooth <= tissue])), tissue  # air is noise, not the least value


def tissue_threshold(smooth: Floats, share: float = 0.5) -> float:
    """Return the brightness a share of the way from air to Otsu's threshold.

    Parameters
    ----------
    smooth : (X, Y, Z) array
        A small, smooth copy of an image of a head.
    share : float
        Skin and bone are darker than tissue on the whole: half way finds them, too.

    Raises
    ------
    GateError
        If there is nothing to be seen: the image is empty or flat.
    """
    air, tissue = air_and_tissue(smooth)
    return air + (tissue - air) * share


def evened(smooth: Floats, zooms: NDArray[np.floating[Any]]) -> Floats:
    """Return an image with the slow changes of brightness taken out of its tissue.

    A surface coil makes what is near to it several times as bright as the rest of the head.

    Parameters
    ----------
    smooth : (X, Y, Z) array
        A small, smooth copy of an image, air near 0.
    zooms : (3,) array
        Size of its voxels, mm.
    """
    if not smooth.max() > 0:
        return smooth
    steps = np.maximum(1, (_COIL_MM / 4 / zooms).astype(int))
    few = smooth[tuple(slice(None, None, int(step)) for step in steps)]
    tissue = (few > _TISSUE * otsu(few)).astype(np.float32)
    sigmas = _COIL_MM / (zooms * steps)
    weight = ndimage.gaussian_filter(tissue, sigmas, truncate=2.5)
    local = ndimage.gaussian_filter(few * tissue, sigmas, truncate=2.5) / (weight + 1e-3)
    typical = float(np.average(few, weights=tissue + 1e-9))
    field = ndimage.affine_transform(
        local, 1 / steps, output_shape=smooth.shape, order=1, mode="nearest"
    )
    return np.asarray(smooth * typical / (field + _FLOOR * typical), dtype=np.float32)


def largest_body(bright: Bools) -> Bools:
    """Return the largest of the connected bodies of a mask."""
    labels, count = ndimage.label(bright)
    if count <= 1:
        return bright
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def bright_body(smooth: Floats) -> Bools:
    """Return the largest body brighter than air; see `tissue_threshold`."""
    return largest_body(smooth > tissue_threshold(smooth))


def filled(body: Bools) -> Bools:
    """Return a body with the cavities filled that a plane along the axes shows closed."""
    result = body.copy()
    for axis in range(3):
        for plane in np.moveaxis(result, axis, 0):
            plane[...] = ndimage.binary_fill_holes(plane)
    return result


def behind_front(head: Bools) -> NDArray[np.intp]:
    """Return how many voxels each lies behind the first of the head met from the front, along -y.

    Negative before it; where a ray meets no head, as many as there are.
    """
    count = head.shape[1]
    first = count - 1 - np.argmax(head[:, ::-1, :], axis=1)
    behind = first[:, None, :] - np.arange(count)[None, :, None]
    return np.asarray(np.where(np.asarray(head.any(axis=1))[:, None, :], behind, count))


def above_floor(head: Bools) -> NDArray[np.intp]:
    """Return how many voxels each lies above the first of the head met from below, along z.

    Negative below it; where a ray meets no head, as many as there are.
    """
    turned = behind_front(head[:, :, ::-1].transpose(0, 2, 1))
    return np.asarray(turned.transpose(0, 2, 1)[:, :, ::-1])


def dice(one: Bools, other: Bools) -> float:
    """Return the overlap of two masks, 0 to 1; 0 if both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 0.0
