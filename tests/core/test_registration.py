from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bidsdeid.core.registration import Reference, head_centre
from bidsdeid.core.voxels import Affine, Floats, downsample
from bidsdeid.errors import GateError
from bidsdeid.resources import pydeface_atlas
from heads import (
    HEAD_MIDDLE,
    TISSUE,
    Array,
    apart,
    move,
    person,
    reference,
)

#: A landmark this far off (mm) is where it was.
NEAR_MM = 2.0

TURN = move(pitch=25, roll=-15, yaw=20)[:3, :3]


def found(volume: Floats, affine: Affine) -> Array:
    return reference().register(volume, affine).to_image


@pytest.mark.parametrize(
    ("moved", "scan"),
    [
        ({}, {}),
        ({"pitch": 40}, {}),
        ({"pitch": -40, "shift": (80, 0, 0)}, {"noise": 60}),
        ({"roll": -40}, {"inverted": True}),
        ({"yaw": 40}, {"zoom": 4.0}),
        ({"shift": (0, -80, 0)}, {}),
        ({"shift": (-30, 20, 80)}, {"noise": 90}),
        ({"size": 0.7}, {}),
        ({"size": 1.2, "pitch": 15}, {"inverted": True, "noise": 30}),
        ({"size": (1.06, 0.95, 1.0), "yaw": 10}, {}),
        ({"pitch": -20, "yaw": 15, "roll": -10, "shift": (10, 40, -30), "size": 0.9},
         {"noise": 60, "zoom": 4.0}),
        ({"pitch": 10}, {"turned": TURN, "zoom": 2.0}),
    ],
)  # fmt: skip
def test_a_head_is_found_where_it_was_brought(moved: dict[str, Any], scan: dict[str, Any]) -> None:
    truth = move(**moved)
    result = reference().register(*person(truth, **scan))
    assert apart(result.to_image, truth) < NEAR_MM
    assert result.view == pytest.approx(1, abs=0.03)
    assert 0.75 < result.likeness <= 1
    np.testing.assert_allclose(result.to_reference @ result.to_image, np.eye(4), atol=1e-9)


def test_a_shear_is_found() -> None:
    truth = move(pitch=10)
    truth[:3, :3] @= [[1, 0.05, 0], [0, 1, -0.04], [0.03, 0, 1]]
    assert apart(found(*person(truth)), truth) < NEAR_MM


@pytest.mark.parametrize(
    ("axis", "cut"),
    [(0, slice(None, 52)), (1, slice(20, None)), (2, slice(38, None)), (2, slice(30, 70))],
    ids=["one side", "no occiput", "no chin", "neither crown nor chin"],
)
def test_a_head_that_is_cut_off_is_found(axis: int, cut: slice) -> None:
    truth = move(pitch=8, yaw=-6, shift=(5, 10, 0))
    volume, affine = person(truth, noise=20)
    part = [slice(None)] * 3
    part[axis] = cut
    cropped = affine.copy()
    cropped[:3, 3] += affine[:3, axis] * (cut.start or 0)
    result = reference().register(volume[tuple(part)], cropped)
    assert apart(result.to_image, truth) < 3 * NEAR_MM
    assert 0.4 < result.view < 0.97


def test_one_head_in_two_contrasts_is_moved_and_turned_only() -> None:
    first, second = (
        move(pitch=-10, size=0.85),
        move(pitch=12, yaw=8, size=0.85, shift=(9, -84, 76)),
    )
    one = Reference(*person(first, noise=20))
    result = one.register(*person(second, inverted=True, noise=20, zoom=4.0), rigid=True)
    np.testing.assert_allclose(result.to_image[:3, :3].T @ result.to_image[:3, :3], np.eye(3),
                               atol=1e-9)  # fmt: skip
    assert apart(result.to_image @ first, second) < 3 * NEAR_MM


def test_what_is_rigid_does_not_follow_another_size() -> None:
    result = reference().register(*person(move(size=0.8)), rigid=True)
    assert np.linalg.det(result.to_image[:3, :3]) == pytest.approx(1)


def test_starts_that_are_given_are_the_only_ones() -> None:
    truth = move(pitch=40, yaw=20, shift=(0, 60, 0))
    volume, affine = person(truth)
    far = move(pitch=-160, shift=(0, 60, 0))
    assert apart(reference().register(volume, affine, [far]).to_image, truth) > 50
    near = move(pitch=33, yaw=24, shift=(4, 55, 5))
    assert apart(reference().register(volume, affine, [near]).to_image, truth) < NEAR_MM
    both = reference().register(volume, affine, [far, near]).to_image
    assert apart(both, truth) < NEAR_MM


def test_the_same_image_has_the_same_answer() -> None:
    volume, affine = person(move(pitch=10), noise=60)
    atlas = pydeface_atlas()
    again = Reference(atlas.head, atlas.affine)
    answer = found(volume, affine)
    for asked in (volume.copy(), np.asfortranarray(volume)):
        np.testing.assert_array_equal(again.register(asked, affine).to_image, answer)


def test_brightness_has_no_unit_and_a_spike_is_no_head() -> None:
    truth = move(pitch=10, shift=(0, 70, 60))
    volume, affine = person(truth)
    assert apart(found(volume * 1e-4 - 7, affine), truth) < NEAR_MM
    assert apart(found(volume * np.float32(1e6), affine), truth) < NEAR_MM
    spiky = volume.copy()
    spiky[3, 4, 5] = 1e9
    assert apart(found(spiky, affine), truth) < NEAR_MM


def test_a_coil_that_sees_one_side_better_does_not_pull_the_head_there() -> None:
    truth = move(pitch=10, yaw=5)
    volume, affine = person(truth, noise=10)
    coil = np.linspace(0.3, 2.5, volume.shape[1], dtype=np.float32)[None, :, None]
    assert apart(found(volume * coil, affine), truth) < NEAR_MM


@pytest.mark.parametrize("value", [0, 5])
def test_where_nothing_is_nothing_is_found(value: float) -> None:
    volume, affine = person()
    with pytest.raises(GateError):
        reference().register(np.full_like(volume, value), affine)


def test_the_input_is_left_as_it_is() -> None:
    volume, affine = person(noise=10)
    before = volume.copy(), affine.copy()
    reference().register(volume, affine)
    reference().likeness_and_rival(volume, affine, np.eye(4))
    np.testing.assert_array_equal(volume, before[0])
    np.testing.assert_array_equal(affine, before[1])


@pytest.mark.parametrize("scan", [{}, {"inverted": True}, {"noise": 100}])
def test_a_head_in_its_place_leads(scan: dict[str, Any]) -> None:
    truth = move(pitch=10, yaw=-5, shift=(3, 20, -9))
    volume, affine = person(truth, **scan)
    likeness, rival = reference().likeness_and_rival(volume, affine, found(volume, affine))
    assert likeness - rival > 0.1
    assert likeness > 0.75


@pytest.mark.parametrize(
    "turn",
    [
        np.diag([1.0, -1, 1]),
        np.diag([1.0, 1, -1]),
        np.diag([-1.0, -1, 1]),
        np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
        np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
        np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    ],
    ids=["front to back", "upside down", "turned about", "face up", "to the side",
         "sides for height"],
)  # fmt: skip
def test_a_head_that_is_turned_against_its_labels_does_not_lead(turn: Array) -> None:
    labels = move(pitch=6, shift=(0, 5, 5))
    turned = np.eye(4)
    turned[:3, :3] = turn
    turned[:3, 3] = HEAD_MIDDLE - turn @ HEAD_MIDDLE
    volume, affine = person(turned @ labels)
    likeness, rival = reference().likeness_and_rival(volume, affine, labels)
    assert likeness + 0.1 < rival
    result = found(volume, affine)
    if apart(result, turned @ labels) > NEAR_MM:
        likeness, rival = reference().likeness_and_rival(volume, affine, result)
        assert likeness < rival


def test_left_for_right_is_not_asked() -> None:
    volume, affine = person(np.diag([-1.0, 1, 1, 1]))
    likeness, rival = reference().likeness_and_rival(volume, affine, found(volume, affine))
    assert likeness - rival > 0.1


def test_the_likeness_is_of_the_place_that_is_asked_about() -> None:
    volume, affine = person()
    here, _ = reference().likeness_and_rival(volume, affine, np.eye(4))
    beside, _ = reference().likeness_and_rival(volume, affine, move(shift=(0, 25, 0)))
    assert here > 0.9
    assert beside < 0.7


def test_the_centre_of_a_head_leaves_its_neck_out() -> None:
    volume, affine = downsample(*person(zoom=4.0), 8.0)
    centre = head_centre(volume, affine)
    assert np.abs(centre - HEAD_MIDDLE).max() < 12
    longer = np.concatenate([volume[:, :, :1]] * 20 + [volume], axis=2)
    lower = affine.copy()
    lower[:3, 3] -= 20 * affine[:3, 2]
    below = np.arange(longer.shape[2]) < 20
    longer[10:20, 10:20, below] = volume.max()  # a neck and a chest
    np.testing.assert_allclose(head_centre(longer, lower), centre, atol=1)


def test_a_head_far_from_where_the_headers_say_is_not_looked_for_in_empty_air() -> None:
    truth = move(shift=(0, 260, 0))
    volume, affine = person(truth, zoom=4.0)
    before = 65  # voxels of padding, where the headers say the head is
    padded = np.pad(np.where(volume < TISSUE, 0, volume), ((0, 0), (before, 0), (0, 0)))
    moved = affine.copy()
    moved[:3, 3] -= before * affine[:3, 1]
    assert apart(found(padded, moved), truth) < NEAR_MM
