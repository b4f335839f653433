"""What of a face all released images of a participant show, laid over each other.

A T1w without a mouth and a T2w without eyes make a face.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import nan

import numpy as np

from bidsdeid.core.proof import IN_VIEW, SKIN
from bidsdeid.core.zones import FEW_RAYS, Rays, ray_parts


def together(images: Iterable[Rays]) -> dict[str, float | None]:
    """Return how much of a face is visible in any image of a participant.

    Parameters
    ----------
    images : iterable of (61, 66) arrays of uint8
        `bidsdeid.core.proof.Proof.rays` of each released image whose position is known.  They may
        be merged before, by ``|``.

    Returns
    -------
    dict
        ``eyes_visible``, ``nose_visible``, ``mouth_visible``: part of the atlas's own face, of
        what is in view of any image, where skin is shown; None if it is in view of none.
        ``images``: how many there were.

    Examples
    --------
    >>> from bidsdeid.core.zones import ray_parts
    >>> rays = np.full((61, 66), IN_VIEW, np.uint8)
    >>> rays[:, ray_parts()["mouth"]] |= SKIN
    >>> together([rays])
    {'images': 1, 'eyes_visible': 0.0, 'nose_visible': 0.0, 'mouth_visible': 1.0}
    """
    merged: Rays | None = None
    count = 0
    for count, rays in enumerate(images, 1):  # noqa: B007 -- how many there were
        merged = rays if merged is None else merged | rays
    numbers: dict[str, float | None] = {"images": count}
    for part, columns in ray_parts().items():
        share = nan
        if merged is not None:
            known = (merged[:, columns] & IN_VIEW) > 0
            shown = (merged[:, columns] & SKIN) > 0
            if known.sum() >= FEW_RAYS:
                share = float((shown & known).sum() / known.sum())
        numbers[f"{part}_visible"] = None if np.isnan(share) else round(share, 4)
    return numbers
