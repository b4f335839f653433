"""Where on a grid a mask reaches: most masks are far smaller than the images they lie on."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Box: TypeAlias = tuple[slice, slice, slice]

_NOWHERE: Box = (slice(0, 0), slice(0, 0), slice(0, 0))

#: The corners of a box, as (3, 8) zeros and ones.
_CORNERS = np.array(list(np.ndindex(2, 2, 2)), dtype=bool).T

#: Room for what rounding does, in voxels of the grid.
_ROOM = 1


def reach(
    mask: NDArray[np.bool_], shape: tuple[int, ...], to_mask: NDArray[np.floating[Any]]
) -> Box:
    """Return a box of a grid, outside of which no voxel is nearest to a marked one.

    What is marked at the edge of the mask goes on beyond it.

    Parameters
    ----------
    mask : (X, Y, Z) array of bool
    shape : tuple of int
        Of the grid.
    to_mask : (4, 4) array, voxel of the grid → voxel of the mask

    Examples
    --------
    >>> mask = np.zeros((9, 9, 9), bool)
    >>> mask[4, 4, 0] = True
    >>> reach(mask, (30, 30, 30), np.diag([0.5, 0.5, 0.5, 1]))
    (slice(6, 11, None), slice(6, 11, None), slice(0, 3, None))
    """
    marked = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
    if not marked[0].size:
        return _NOWHERE
    last = np.subtract(shape, 1)[:, None]
    seen = to_mask[:3, :3] @ (_CORNERS * last) + to_mask[:3, 3:]
    low = [at[0] - 0.5 if at[0] > 0 else -np.inf for at in marked]
    high = [
        at[-1] + 0.5 if at[-1] < size - 1 else np.inf
        for at, size in zip(marked, mask.shape, strict=True)
    ]
    # The box of the mask, cut to what the grid sees of it: no end of it is infinite then.
    low, high = np.maximum(low, seen.min(axis=1)), np.minimum(high, seen.max(axis=1))
    if (low > high).any():
        return _NOWHERE
    back = np.linalg.inv(to_mask)
    ends = back[:3, :3] @ np.where(_CORNERS, high[:, None], low[:, None]) + back[:3, 3:]
    start = np.clip(np.floor(ends.min(axis=1)) - _ROOM, 0, shape).astype(int)
    stop = np.clip(np.ceil(ends.max(axis=1)) + 1 + _ROOM, 0, shape).astype(int)
    first, second, third = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return first, second, third
