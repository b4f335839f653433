from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from bidsdeid.core.removal import blank, changed_bits, measure_stripped, removed_between
from bidsdeid.core.voxels import Bools, Floats, look_up
from bidsdeid.errors import GateError, ImageError
from heads import frame, person


def test_only_what_changed_is_removed() -> None:
    before = np.arange(27, dtype=np.int16).reshape(3, 3, 3)
    after = before.copy()
    after[1, 1, :] = 0
    assert np.array_equal(np.argwhere(removed_between(before, after))[:, :2], [[1, 1]] * 3)
    assert not removed_between(before, before).any()


def test_what_is_not_a_number_and_stays_so_did_not_change() -> None:
    before = np.full((2, 2, 2), np.nan, np.float32)
    after = before.copy()
    after[0] = 0
    assert removed_between(before, after)[0].all()
    assert not removed_between(before, after)[1].any()


def test_every_volume_of_a_series_counts() -> None:
    before = np.full((2, 2, 2, 3), 7, np.int16)
    after = before.copy()
    after[0] = 0
    after[1, ..., :2] = 0
    assert removed_between(before, after)[0].all()
    assert not removed_between(before, after)[1].any()


def test_a_voxel_that_was_dark_in_one_volume_is_removed_with_the_rest() -> None:
    before = np.full((2, 2, 2, 3), 7, np.int16)
    before[0, 0, 0, 1] = 0
    after = before.copy()
    after[0] = 0
    assert removed_between(before, after)[0].all()


def test_a_volume_that_shows_nothing_is_left_out_and_one_that_shows_something_is_not() -> None:
    before = np.full((2, 2, 2, 3), 7, np.int16)
    before[..., 1] = 0
    after = before.copy()
    after[0] = 0
    removed = removed_between(before, after)
    assert removed[0].all()
    assert not removed[1].any()
    before[1, 1, 1, 1] = after[1, 1, 1, 1] = 3
    assert not removed_between(before, after).any(), "no voxel was removed from it"


def test_axes_beyond_the_fourth_count_as_volumes() -> None:
    before = np.full((2, 2, 2, 2, 2), 7, np.int16)
    after = before.copy()
    after[0] = 0
    after[0, 0, 0, 1, 1] = 7
    removed = removed_between(before, after)
    assert removed.sum() == 3
    assert not removed[0, 0, 0]


def test_images_of_different_shape_are_refused() -> None:
    with pytest.raises(ImageError):
        removed_between(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)))


@pytest.mark.parametrize("kind", ["u1", ">i2", "<f4", ">f4", "<f8", "<f16", "<c8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_one_changed_bit_is_found(kind: str, order: Literal["C", "F"]) -> None:
    rng = np.random.default_rng(0)
    before = np.asarray(rng.integers(1, 99, (3, 4, 5, 2)).astype(kind), order=order)
    after = before.copy(order="K")
    assert not changed_bits(before, after).any()
    bits = np.frombuffer(after[1, 2, 3, 1].tobytes(), np.uint8).copy()
    bits[0] ^= 1
    after[1, 2, 3, 1] = np.frombuffer(bits.tobytes(), kind)[0]
    assert np.argwhere(changed_bits(before, after)).tolist() == [[1, 2, 3, 1]]


@pytest.mark.parametrize("kind", ["f4", "f8", "f16", "c8"])
def test_zeros_of_two_signs_are_two_and_what_is_no_number_is_itself(kind: str) -> None:
    before, after = np.array([0.0, np.nan], kind), np.array([-0.0, np.nan], kind)
    assert changed_bits(before, after).tolist() == [True, False]


def test_what_was_blank_before_is_blank_in_every_volume() -> None:
    before = np.full((2, 2, 2, 3), 7, np.int16)
    before[1, 0] = 0
    before[1, 1, 1, 0] = 0
    after = before.copy()
    after[0] = 0
    removed = removed_between(before, after)
    empty = blank(after, removed)
    assert empty[0].all()
    assert empty[1, 0].all()
    assert not empty[1, 1].any()
    assert not blank(before, np.zeros((2, 2, 2), bool)).any(), "nothing was removed"


def head_and_brain() -> tuple[Floats, Bools]:
    volume, affine = person(zoom=3.0)
    return volume, look_up(frame().brain, frame().affine, volume.shape, affine, np.eye(4))


def test_a_brain_that_is_all_there_alone() -> None:
    volume, brain = head_and_brain()
    affine = np.diag([3.0, 3, 3, 1])
    numbers = measure_stripped(volume, np.where(brain, volume, 0), affine, brain)
    assert (numbers.lost_voxels, numbers.lost_mm3, numbers.outside_mm3) == (0, 0, 0)
    assert 0.5 < numbers.head_removed < 0.8
    assert numbers.rounded()["lost_voxels"] == 0


def test_what_was_blank_before_did_not_stay() -> None:
    volume, brain = head_and_brain()
    affine = np.diag([3.0, 3, 3, 1])
    holes = (volume > 200) & ~brain & (np.indices(volume.shape)[0] % 4 < 3)
    before = np.where(holes, 0, volume)
    numbers = measure_stripped(before, np.where(brain, before, 0), affine, brain)
    assert (numbers.lost_voxels, numbers.outside_mm3) == (0, 0)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_what_is_lost_and_what_stayed_is_counted(slope: float) -> None:
    volume, brain = head_and_brain()
    affine = np.diag([3.0, 3, 3, 1])
    kept = brain.copy()
    x, y, z = np.argwhere(brain)[len(np.argwhere(brain)) // 2].tolist()
    kept[x, y, z] = False
    scalp = np.argwhere((volume > 200) & ~brain)[:100]
    kept[tuple(scalp.T)] = True
    before = volume * np.float32(slope)
    numbers = measure_stripped(before, np.where(kept, before, 0), affine, brain, slope=slope)
    assert (numbers.lost_voxels, numbers.lost_mm3) == (1, pytest.approx(27))
    assert numbers.outside_mm3 == pytest.approx(2700)


def test_an_untouched_head_is_not_stripped() -> None:
    volume, brain = head_and_brain()
    numbers = measure_stripped(volume, volume, np.diag([3.0, 3, 3, 1]), brain)
    assert numbers.head_removed == 0
    assert numbers.outside_mm3 > 1e6


def test_an_empty_image_is_refused() -> None:
    volume, brain = head_and_brain()
    with pytest.raises(GateError):
        measure_stripped(volume * 0, volume * 0, np.eye(4), brain)
