from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from bidsdeid.core.face import ZOOM_MM
from bidsdeid.core.facestyle import PARTS, FaceStyle, Strength
from bidsdeid.core.zones import Zones, along_rays, front_of, ray_parts
from heads import CROWN, EARS, EYELIDS, LIPS, NOSE_TIP, OCCIPUT, Array, at, frame


@lru_cache(maxsize=1)
def zones() -> Zones:
    return Zones(frame())


def index_in(affine: Array, place: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(np.round(at(np.linalg.inv(affine), place)).astype(int).tolist())


@pytest.mark.parametrize(
    ("place", "part"), [(NOSE_TIP, "nose"), (LIPS, "mouth"), *((lid, "eyes") for lid in EYELIDS)]
)
def test_the_parts_of_a_face_are_in_the_box(place: tuple[float, ...], part: str) -> None:
    shape, affine = zones().box_grid
    index = index_in(affine, place)
    assert all(0 <= i < n for i, n in zip(index, shape, strict=True))
    assert [name for name, rows in zones().parts.items() if rows[index[2]]] == [part]


@pytest.mark.parametrize("place", [OCCIPUT, CROWN, *EARS])
def test_the_rest_of_a_head_is_not(place: tuple[float, ...]) -> None:
    shape, affine = zones().box_grid
    assert not all(0 <= i < n for i, n in zip(index_in(affine, place), shape, strict=True))


def test_the_atlas_meets_its_own_face() -> None:
    _, affine = zones().box_grid
    x, y, z = index_in(affine, NOSE_TIP)
    assert abs(int(zones().own_front[x, z]) - y) * ZOOM_MM <= 6


@pytest.mark.parametrize("place", EARS)
def test_ears_are_where_the_auricles_are(place: tuple[float, ...]) -> None:
    x, y, z = index_in(zones().coarse_grid[1], place)
    assert zones().ears[x - 1 : x + 2, y - 1 : y + 2, z - 1 : z + 2].any()
    assert not (zones().ears & zones().brain).any()
    assert not zones().behind[y]


def test_what_is_behind_the_ears_is_behind() -> None:
    _, y, _ = index_in(zones().coarse_grid[1], OCCIPUT)
    assert zones().behind[y]
    assert not (zones().face & zones().brain)[:, zones().behind].any()


@pytest.mark.parametrize("strength", Strength)
def test_no_style_removes_more_than_what_may_go(strength: Strength) -> None:
    region = frame().region(frame().own_head, FaceStyle(strength=strength, ears=True))
    assert not (region[::2, ::2, ::2] & ~zones().face).any()


def test_distances_are_from_the_brain() -> None:
    assert (zones().from_brain[zones().brain] == 0).all()
    x, y, z = index_in(zones().coarse_grid[1], NOSE_TIP)
    assert 40 < zones().from_brain[x, y, z] < 90
    assert zones().near_brain.shape == zones().box_grid[0]


def test_rays_of_all_atlases_share_a_grid() -> None:
    shape, _ = zones().box_grid
    flags = np.zeros((shape[0], shape[2]), np.uint8)
    for number, rows in enumerate(zones().parts.values(), 1):
        flags[:, rows] = number
    rays = zones().on_rays(flags)
    assert rays.shape == (61, 66)
    for number, columns in enumerate(ray_parts().values(), 1):
        inside = rays[2:-2, columns][:, 1:-1]
        assert (inside == number).all()
    assert set(ray_parts()) == set(PARTS)


def test_a_ray_that_meets_nothing_says_so() -> None:
    body = np.zeros((2, 5, 2), bool)
    body[0, 1:4, 1] = True
    assert front_of(body).tolist() == [[-1, 3], [-1, -1]]


def test_along_a_ray_there_is_nothing_beyond_its_ends() -> None:
    volume = np.ones((1, 3, 1), bool)
    index = np.array([-1, 0, 2, 3])[None, :, None]
    assert along_rays(volume, index).ravel().tolist() == [False, True, True, False]
