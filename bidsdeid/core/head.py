"""Where the head is in an image, and how alike two images are.  No registration here."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from bidsdeid.core.voxels import Bools, Floats
from bidsdeid.errors import GateError

#: Tissue this far behind the front of the head makes its surface.
FRONT_MM = 16.0

_BINS = 32


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


def head_mask(volume: Floats) -> Bools:
    """Return the largest bright body with its cavities filled.

    Parameters
    ----------
    volume : (X, Y, Z) array
        Of voxels of about 4 mm.

    Raises
    ------
    GateError
        If there is no body to be seen: the image is empty or flat.
    """
    top = float(np.percentile(volume, 99))
    bottom = float(volume.min())
    if not top > bottom:
        message = "the image is empty or has one value only"
        raise GateError(message)
    smooth = ndimage.gaussian_filter(np.clip(volume, bottom, top), 0.6)
    bright = smooth > bottom + (otsu(smooth) - bottom) * 0.5
    labels, count = ndimage.label(bright)
    if count > 1:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        bright = labels == sizes.argmax()
    filled = np.asarray(bright, dtype=bool)
    for axis in range(3):
        slices = np.moveaxis(filled, axis, 0)
        for plane in slices:
            plane[...] = ndimage.binary_fill_holes(plane)
    return filled


def correlation_ratio(reference: Floats, values: Floats) -> float:
    """Return how much of the variance of `values` the bins of `reference` explain, 0 to 1."""
    low, high = np.percentile(reference, [0.5, 99.5])
    bins = np.clip((reference - low) / max(high - low, 1e-9) * _BINS, 0, _BINS - 1).astype(int)
    count = np.maximum(np.bincount(bins, minlength=_BINS), 1)
    means = np.bincount(bins, values, _BINS) / count
    total = float(((values - values.mean()) ** 2).sum())
    return 1 - float(((values - means[bins]) ** 2).sum()) / total if total > 0 else 0.0


def front_of(head: Bools, zoom_mm: float) -> Bools:
    """Mark head voxels within `FRONT_MM` of the first one met from the front, along -y."""
    depth = np.cumsum(head[:, ::-1, :], axis=1)[:, ::-1, :]
    marked: Bools = head & (depth <= round(FRONT_MM / zoom_mm))
    return marked


def dice(one: Bools, other: Bools) -> float:
    """Return the overlap of two masks, 0 to 1; 0 if both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 0.0
