from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bidsdeid.core.reach import reach
from bidsdeid.core.voxels import Affine, Bools

SHAPE = (11, 12, 13)


def tilted(seed: int) -> Affine:
    """Return a grid that is turned, stretched and somewhere near a mask of a few voxels."""
    rng = np.random.default_rng(seed)
    to_mask = np.eye(4)
    to_mask[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.3, 1.5, 3)
    to_mask[:3, 3] = rng.uniform(-6, 12, 3)
    return to_mask


def nearest(mask: Bools, to_mask: Affine) -> NDArray[np.bool_]:
    """Return what each voxel of the grid finds nearest to it in the mask, or at its edge."""
    places = np.tensordot(to_mask[:3, :3], np.indices(SHAPE), 1) + to_mask[:3, 3, None, None, None]
    size = np.array(mask.shape)[:, None, None, None]
    index = np.clip(np.floor(places + 0.5).astype(int), 0, size - 1)
    return np.asarray(mask[tuple(index)])


@given(
    st.lists(st.tuples(*[st.integers(0, 7)] * 3), max_size=3), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_nothing_is_found_outside_of_the_box(
    marked: list[tuple[int, int, int]], seed: int
) -> None:
    mask, to_mask = np.zeros((8, 8, 8), bool), tilted(seed)
    for place in marked:
        mask[place] = True
    found = nearest(mask, to_mask)
    found[reach(mask, SHAPE, to_mask)] = False
    assert not found.any()


def test_the_box_is_as_small_as_the_mask() -> None:
    mask = np.zeros((8, 8, 8), bool)
    mask[3:5, 3:5, 3:5] = True
    box = reach(mask, SHAPE, np.eye(4))
    assert [(side.start, side.stop) for side in box] == [(1, 7)] * 3


def test_what_is_marked_at_the_edge_goes_on_beyond_it() -> None:
    mask = np.zeros((4, 4, 4), bool)
    mask[1:, 1, 1] = True
    first, second, _ = reach(mask, SHAPE, np.eye(4))
    assert first.stop == SHAPE[0]
    assert second.stop < SHAPE[1]


def test_where_nothing_is_marked_or_in_view_there_is_no_box() -> None:
    mask = np.zeros((4, 4, 4), bool)
    far = np.eye(4)
    far[0, 3] = 100
    assert not np.zeros(SHAPE)[reach(mask, SHAPE, np.eye(4))].size
    mask[1, 1, 1] = True
    assert not np.zeros(SHAPE)[reach(mask, SHAPE, far)].size
