from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.head import (
    above_floor,
    behind_front,
    bright_body,
    dice,
    evened,
    filled,
    largest_body,
    otsu,
    tissue_threshold,
)
from bidsdeid.errors import GateError


def ball(radius: float, size: int = 40) -> NDArray[np.bool_]:
    grid = np.indices((size,) * 3) - size / 2
    return np.asarray((grid**2).sum(axis=0) < radius**2)


def noisy(mask: NDArray[np.bool_], seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return np.where(mask, 100, 0).astype(np.float32) + random.normal(0, 3, mask.shape).astype("f4")


def head_mask(volume: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the head with its cavities filled, as it is outlined everywhere."""
    smooth = ndimage.gaussian_filter(np.minimum(volume, np.percentile(volume, 99)), 0.6)
    return filled(bright_body(smooth))


def test_the_head_is_the_largest_body_with_its_cavities_filled() -> None:
    head = ball(14)
    volume = noisy(head & ~ball(6))
    volume[:3, :3, :3] = 100  # a marker beside the head
    found = head_mask(volume)
    assert dice(found, head) > 0.9
    assert found[20, 20, 20]
    assert not found[1, 1, 1]


def test_spikes_and_offsets_do_not_move_the_head() -> None:
    head = ball(14)
    volume = noisy(head)
    volume[0, 0, 0] = 1e7
    assert dice(head_mask(volume), head) > 0.9
    assert dice(head_mask(noisy(head) - 1024), head) > 0.9


@pytest.mark.parametrize("value", [0, 7, -3])
def test_an_image_of_one_value_has_no_head(value: float) -> None:
    with pytest.raises(GateError):
        head_mask(np.full((20, 20, 20), value, dtype=np.float32))


def test_otsu_lies_between_two_classes() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(m, 1, 500) for m in (10, 50)])
    assert 12 < otsu(values.astype(np.float32)) < 48


def test_dark_skin_is_head_and_noise_is_not() -> None:
    skin = np.where(ball(14), 30, 0).astype(np.float32)
    volume = np.where(ball(12), 100, skin)
    haze = np.random.default_rng(0).normal(4, 1, volume.shape).astype(np.float32)
    for level in (0, -1024, 5000):
        assert dice(bright_body(volume + haze + level), ball(14)) > 0.98
    assert not bright_body(volume + haze)[0].any()


def test_the_threshold_lies_a_share_of_the_way_from_air_to_tissue() -> None:
    volume = np.where(ball(14), 100, 0).astype(np.float32) + noisy(ball(0))
    air, half, tissue = (tissue_threshold(volume, share) for share in (0.0, 0.5, 1.0))
    assert air == pytest.approx(0, abs=0.5)
    assert tissue == otsu(volume)
    assert half == pytest.approx((air + tissue) / 2)
    assert tissue_threshold(volume) == half
    spike = volume.copy()
    spike[0, 0, 0] = -1e3  # the darkest voxel is not the air
    assert tissue_threshold(spike, 0.0) == pytest.approx(air, abs=0.5)


@pytest.mark.parametrize("value", [0, 7, float("nan")])
def test_what_has_one_value_or_none_has_no_threshold(value: float) -> None:
    flat = np.full((5, 5, 5), value, np.float32)
    with pytest.raises(GateError):
        tissue_threshold(flat)
    with pytest.raises(GateError):
        bright_body(flat)


def test_the_largest_of_the_bodies_is_kept_whole() -> None:
    mask = np.zeros((20, 20, 20), bool)
    mask[1:4, 1:4, 1:4] = True
    mask[8:18, 8:18, 8:18] = True
    found = largest_body(mask)
    assert found[8:18, 8:18, 8:18].all()
    assert found.sum() == 1000
    np.testing.assert_array_equal(largest_body(found), found)
    assert not largest_body(np.zeros((3, 3, 3), bool)).any()


def test_cavities_are_filled_and_bays_are_not() -> None:
    body = ball(14)
    hollow = body & ~ball(8)
    before = hollow.copy()
    np.testing.assert_array_equal(filled(hollow), body)
    np.testing.assert_array_equal(hollow, before)
    tube = body.copy()
    tube[18:22, :, 18:22] = False  # through and through, closed in the planes across it
    assert filled(tube)[18:22, 15:25, 18:22].all()
    bay = np.ones((9, 9, 9), bool)
    bay[3:, 3:, 3:] = False
    np.testing.assert_array_equal(filled(bay), bay)


def test_depth_is_counted_from_the_first_of_the_head_met_from_the_front() -> None:
    head = np.zeros((2, 8, 1), bool)
    head[0, [1, 2, 5], 0] = True
    assert behind_front(head)[0, :, 0].tolist() == [5, 4, 3, 2, 1, 0, -1, -2]
    assert (behind_front(head)[1] >= 8).all()
    head[0, 7, 0] = True
    assert behind_front(head)[0, :, 0].tolist() == [7, 6, 5, 4, 3, 2, 1, 0]
    assert (behind_front(np.zeros_like(head)) >= 8).all()


def test_height_is_counted_from_the_first_of_the_head_met_from_below() -> None:
    head = np.zeros((2, 1, 8), bool)
    head[0, 0, [2, 5, 6]] = True
    assert above_floor(head)[0, 0].tolist() == [-2, -1, 0, 1, 2, 3, 4, 5]
    assert (above_floor(head)[1] >= 8).all()
    random = np.random.default_rng(0).random((4, 5, 6)) < 0.3
    front_for_floor = behind_front(random.transpose(0, 2, 1)[:, ::-1]).transpose(0, 2, 1)
    measured = np.minimum(above_floor(random), 5)
    np.testing.assert_array_equal(measured, np.minimum(front_for_floor[:, :, ::-1], 5))


@pytest.mark.parametrize("zooms", [(8.0, 8.0, 8.0), (4.0, 8.0, 6.0)])
def test_brightness_that_a_coil_changes_is_evened(zooms: tuple[float, ...]) -> None:
    head = ball(14)
    coil = np.linspace(0.3, 3, 40)[:, None, None]
    volume = np.where(head, 100, 0.5).astype(np.float32)
    result = evened((volume * coil).astype(np.float32), np.array(zooms))
    assert result.dtype == np.float32
    inner = ball(10)
    before, after = (image[inner].std() / image[inner].mean() for image in (volume * coil, result))
    assert after < 0.6 * before
    assert result[~ball(16)].max() < 0.15 * result[inner].min()
    flat = evened(volume, np.array(zooms))
    assert flat[inner].std() / flat[inner].mean() < 0.12


def test_how_bright_an_image_is_on_the_whole_is_not_changed_by_evening() -> None:
    volume = np.where(ball(14), 100, 0).astype(np.float32)
    result = evened(volume, np.full(3, 8.0))
    assert 50 < result[ball(10)].mean() < 150
    np.testing.assert_allclose(evened(volume * 7, np.full(3, 8.0)), result * 7, rtol=0.01, atol=1)


def test_dice() -> None:
    assert dice(ball(10), ball(10)) == 1
    assert dice(ball(5), ~ball(10)) == 0
    assert dice(ball(5) & ~ball(5), ball(5) & ~ball(5)) == 0
