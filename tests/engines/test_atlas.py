from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from bidsdeid import __version__
from bidsdeid.core.atlas import Atlas
from bidsdeid.core.voxels import Affine, Floats
from bidsdeid.engines.atlas import AtlasEngine, reference
from bidsdeid.engines.base import FaceEngine
from bidsdeid.errors import EngineError, GateError
from bidsdeid.resources import pydeface_atlas
from heads import Array, apart, coarse_atlas, move, person

MOVE = move(pitch=18, yaw=-12, shift=(15, 30, -20), size=0.93)
NEAR_MM = 2.0


def found(volume: Floats, affine: Affine, folder: Path, *, cropped: bool = False) -> Array:
    """Return the move that the engine believes in."""
    engine: FaceEngine = AtlasEngine(cropped)
    to_atlas = engine.register(volume, affine, pydeface_atlas(), folder)
    return np.asarray(np.linalg.inv(to_atlas))


@lru_cache(maxsize=1)
def with_shoulders() -> tuple[Floats, Affine]:
    """Return a person whose image goes on for 230 mm under the head: a neck, and a wide chest."""
    head, affine = person(MOVE, zoom=4.0, noise=5)
    floor = int(np.argmax((head > 60).mean(axis=(0, 1)) > 0.1))
    head = head[:, :, floor + 1 :]
    below = np.zeros((*head.shape[:2], 58), np.float32)
    below[4:-4, 12:-12, :50] = 220
    below[26:44, 20:50, 50:] = 220
    volume = np.concatenate([below, head], axis=2)
    moved = affine.copy()
    moved[:3, 3] += affine[:3, 2] * (floor + 1 - below.shape[2])
    return volume, moved


@pytest.mark.parametrize("cropped", [False, True])
def test_the_answer_is_the_way_from_the_image_to_the_atlas(
    tmp_path: Path, *, cropped: bool
) -> None:
    volume, affine = person(MOVE, noise=5 if cropped else 20)
    before = volume.copy()
    assert apart(found(volume, affine, tmp_path, cropped=cropped), MOVE) < NEAR_MM
    np.testing.assert_array_equal(volume, before)
    assert list(tmp_path.iterdir()) == []


def test_what_is_far_below_the_crown_is_left_out_if_that_is_asked_for(tmp_path: Path) -> None:
    volume, affine = with_shoulders()
    cut = found(volume, affine, tmp_path, cropped=True)
    assert apart(cut, MOVE) < 2 * NEAR_MM
    other = volume.copy()
    other[:, :, :30] = other[::-1, :, :30] * 0.5  # more than 190 mm under the crown
    np.testing.assert_array_equal(found(other, affine, tmp_path, cropped=True), cut)
    assert (found(other, affine, tmp_path) != found(volume, affine, tmp_path)).any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_below_is_below_in_any_order_of_the_axes(tmp_path: Path, axis: int) -> None:
    volume, affine = with_shoulders()
    order = np.roll([0, 1, 2], axis)
    turned = np.eye(4)
    turned[:3, :3] = np.eye(3)[:, order]
    flip = np.diag([1.0, 1, 1, 1])
    swapped = volume.transpose(*order)
    last = int(np.flatnonzero(order == 2)[0])
    flip[last, last], flip[last, 3] = -1, swapped.shape[last] - 1
    result = found(np.flip(swapped, last), affine @ turned @ flip, tmp_path, cropped=True)
    assert apart(result, MOVE) < 2 * NEAR_MM


def test_an_image_that_the_atlas_cannot_be_laid_on_is_told(tmp_path: Path) -> None:
    volume, affine = person(zoom=2.0)
    with pytest.raises(EngineError):
        found(volume[:, :, 60:61], affine, tmp_path)


@pytest.mark.parametrize("value", [0, 7])
@pytest.mark.parametrize("cropped", [False, True])
def test_an_image_of_one_value_has_no_head(tmp_path: Path, value: float, *, cropped: bool) -> None:
    flat = np.full((40, 40, 40), value, np.float32)
    with pytest.raises(GateError):
        found(flat, np.diag([4.0, 4, 4, 1]), tmp_path, cropped=cropped)


def test_it_needs_nothing_and_tells_its_version() -> None:
    assert AtlasEngine().missing() == ()
    assert AtlasEngine().version() == f"bidsdeid {__version__}"


def test_another_atlas_is_another_reference(tmp_path: Path) -> None:
    atlas = coarse_atlas()
    assert reference(atlas) is reference(atlas)
    grow = np.diag([0.8, 0.8, 0.8, 1.0])
    small = Atlas("small", atlas.head, atlas.keep, grow @ atlas.affine, atlas.brain)
    assert reference(small) is not reference(atlas)
    volume, affine = person(MOVE)
    to_small = AtlasEngine().register(volume, affine, small, tmp_path)
    assert apart(np.linalg.inv(to_small) @ grow, MOVE) < NEAR_MM
