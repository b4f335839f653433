from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from bidsdeid.core.place import Place, PlaceJudge
from bidsdeid.core.voxels import Affine, carry, in_view
from bidsdeid.core.zones import Zones
from heads import Array, frame, move, person


@lru_cache(maxsize=1)
def place_judge() -> PlaceJudge:
    return PlaceJudge(Zones(frame()))


def looked_at(believed: Affine, *, inverted: bool = False, noise: float = 5) -> Place:
    """Look at a head that lies where the atlas does, and is believed to lie elsewhere."""
    volume, affine = person(zoom=3.0, noise=noise, inverted=inverted)
    grid = Zones(frame()).coarse_grid
    back = np.linalg.inv(believed)
    seen = carry(volume, affine, *grid, back)
    return place_judge().look(seen, in_view(volume.shape, affine, *grid, back))


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("noise", [0, 30])
def test_a_head_in_its_place_stays(inverted: bool, noise: float) -> None:  # noqa: FBT001
    place = looked_at(np.eye(4), inverted=inverted, noise=noise)
    assert place.off_mm == 0
    assert place.likeness > 0.6
    assert place.lead > 0.2


@pytest.mark.parametrize(
    ("wrong", "least", "most"),
    [(move(shift=(0, 0, 14)), 8, 20), (move(shift=(0, -20, 0)), 14, 28),
     (move(shift=(20, 0, 0)), 14, 28), (move(pitch=-20), 15, 60), (move(yaw=15), 10, 50)],
)  # fmt: skip
def test_it_is_told_by_how_much_a_head_is_elsewhere(
    wrong: Array, least: float, most: float
) -> None:
    place = looked_at(wrong)
    assert least < place.off_mm < most
    assert place.likeness < looked_at(np.eye(4)).likeness - 0.1


@pytest.mark.parametrize("turn", [move(yaw=180), move(pitch=180), move(pitch=90)])
def test_a_head_that_is_turned_fits_better_otherwise(turn: Array) -> None:
    assert looked_at(turn).lead < 0.01


def test_noise_is_like_nothing() -> None:
    shape, _ = Zones(frame()).coarse_grid
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert place_judge().look(noise, np.ones(shape, bool)).likeness < 0.05


def test_what_is_out_of_view_is_no_likeness() -> None:
    shape, _ = Zones(frame()).coarse_grid
    place = place_judge().look(np.ones(shape, np.float32), np.zeros(shape, bool))
    assert place == Place(0.0, 0.0, 0.0)
