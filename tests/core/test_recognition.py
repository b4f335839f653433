from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from bidsdeid.core.estimate import Head
from bidsdeid.core.facestyle import FaceStyle, MaskStyle, Strength
from bidsdeid.core.head import bright_body, filled
from bidsdeid.core.recognition import is_defaced
from bidsdeid.core.voxels import Affine, Bools, Floats, look_up
from heads import Array, frame, move, person

STYLES = (
    FaceStyle(), FaceStyle(strength=Strength.LIGHT), FaceStyle(strength=Strength.STRONG),
    FaceStyle(mask=MaskStyle.PYDEFACE), FaceStyle(ears=True),
)  # fmt: skip

#: What is left of a face, by where it was not removed (RAS+ mm on pydeface's head).
HALVES = {
    "left": lambda place: place[0] >= 0,
    "right": lambda place: place[0] < 0,
    "eyes": lambda place: place[2] < -50,
    "nose and mouth": lambda place: place[2] >= -50,
    "mouth": lambda place: place[2] > -85,
}


@lru_cache(maxsize=4)
def scan(noise: float = 4) -> tuple[Floats, Affine]:
    return person(noise=noise)


def told(volume: Floats, affine: Affine, moved: Array | None = None) -> bool:
    to_atlas = np.eye(4) if moved is None else np.linalg.inv(moved)
    return is_defaced(Head.of(volume, affine), frame(), to_atlas)


def face(volume: Floats, affine: Affine, style: FaceStyle, moved: Array | None = None) -> Bools:
    """Return the voxels of the face, as this program removes it."""
    to_atlas = np.eye(4) if moved is None else np.linalg.inv(moved)
    head = Head.of(volume, affine)
    seen = frame().view_of(head.volume, head.affine, to_atlas)
    region = frame().region(seen.sure_head(), style)
    return look_up(region, frame().affine, volume.shape, affine, to_atlas)


def without(volume: Floats, remove: Bools, value: float = 0) -> Floats:
    left = volume.copy()
    left[remove] = value
    return left


@pytest.mark.parametrize("noise", [0, 4, 12])
def test_a_head_with_its_face_is_not_defaced(noise: float) -> None:
    assert not told(*scan(noise))


@pytest.mark.parametrize("noise", [0, 4])
def test_a_head_whose_air_was_masked_is_not_defaced(noise: float) -> None:
    volume, affine = scan(noise)
    masked = without(volume, ~filled(bright_body(volume)))
    assert (masked == 0).mean() > 0.4
    assert not told(masked, affine)


@pytest.mark.parametrize("value", [0, -1000, 31])
@pytest.mark.parametrize("style", STYLES, ids=str)
def test_a_head_without_its_face_is_defaced(style: FaceStyle, value: float) -> None:
    volume, affine = scan()
    assert told(without(volume, face(volume, affine, style), value), affine)


@pytest.mark.parametrize("left", HALVES)
def test_a_head_with_a_part_of_its_face_is_not_defaced(left: str) -> None:
    volume, affine = scan()
    voxels = np.indices(volume.shape).reshape(3, -1)
    place = (affine[:3, :3] @ voxels + affine[:3, 3:]).reshape(3, *volume.shape)
    remove = face(volume, affine, FaceStyle()) & ~HALVES[left](place)
    assert remove.any()
    assert not told(without(volume, remove), affine)


def test_it_does_not_matter_how_a_head_lies() -> None:
    moved = move(pitch=20, yaw=-10, roll=5, shift=(8, -5, 12), size=0.93)
    volume, affine = person(moved, noise=4)
    assert not told(volume, affine, moved)
    remove = face(volume, affine, FaceStyle(), moved)
    assert told(without(volume, remove), affine, moved)


def test_a_head_whose_face_is_not_in_view_is_not_called_defaced() -> None:
    volume, affine = scan()
    back = volume[:, : volume.shape[1] // 2]
    assert not told(back, affine)
