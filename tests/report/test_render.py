from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.voxels import Affine, Bools, Floats
from bidsdeid.report.render import (
    FIELD_MM,
    PIXELS,
    VIEWS,
    Picture,
    Scene,
    render,
    renders,
    small_copy,
    smoothed,
)
from heads import NOSE_TIP, person

#: Pixels of a render for each mm.
SCALE = PIXELS / FIELD_MM

#: Radius of the ball that stands for a head, mm; its middle is at 0.
BALL = 70.0


def grid(
    zooms: tuple[float, ...] = (2, 2, 2), axes: str = "RAS"
) -> tuple[Affine, NDArray[np.float64]]:
    """Return an affine over 240 mm about 0, and the place of each voxel, (3, X, Y, Z) mm."""
    affine = np.eye(4)
    shape = [round(240 / zoom) for zoom in zooms]
    affine[:3, :3] = 0
    for column, (letter, zoom) in enumerate(zip(axes, zooms, strict=True)):
        row = next(n for n, pair in enumerate(("RL", "AP", "SI")) if letter in pair)
        affine[row, column] = zoom if letter in "RAS" else -zoom
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    index = np.indices(shape)
    return affine, np.tensordot(affine[:3, :3], index, 1) + affine[:3, 3, None, None, None]


def ball(at: NDArray[np.float64], middle: tuple[float, float, float], radius: float) -> Bools:
    return np.asarray(radius**2 > ((at.T - middle) ** 2).sum(axis=-1).T)


def head(at: NDArray[np.float64]) -> Floats:
    """Return a ball with a nose in front and one ear, at the right."""
    body = ball(at, (0, 0, 0), BALL)
    body |= ball(at, (0, BALL + 5, -10), 15) | ball(at, (BALL + 5, 0, 0), 15)
    return body.astype(np.float32) * 100


def drawn(volume: Floats, affine: Affine, view: str = "front") -> Picture:
    return render(volume, affine, Scene.of(volume, affine), view)


def columns(picture: Picture) -> np.ndarray:
    """Return the first and the last column in which something is drawn."""
    return np.flatnonzero(picture.max(axis=0) > 10)[[0, -1]]


def test_a_ball_is_as_large_as_it_is_and_where_it_is() -> None:
    affine, at = grid()
    picture = drawn(ball(at, (0, 0, 0), BALL).astype(np.float32), affine)
    assert picture.shape == (PIXELS, PIXELS)
    assert picture.dtype == np.uint8
    left, right = columns(picture)
    assert right - left == pytest.approx(2 * BALL * SCALE, abs=5)
    assert (left + right) / 2 == pytest.approx(PIXELS / 2, abs=2)
    top, bottom = columns(picture.T)
    assert top == pytest.approx(12 * SCALE, abs=7)  # the cap of a ball is few voxels
    assert bottom - top == pytest.approx(2 * BALL * SCALE, abs=5)


def test_as_in_a_photograph_the_right_ear_is_at_the_left() -> None:
    affine, at = grid()
    picture = drawn(head(at), affine)
    middle, chin = round((12 + BALL) * SCALE), round((12 + 1.7 * BALL) * SCALE)
    of_ear, of_chin = (columns(picture[row : row + 1]).mean() for row in (middle, chin))
    assert of_ear < of_chin - 5


@pytest.mark.parametrize(("view", "nose_at_left"), [("left", True), ("right", False)])
def test_from_the_persons_left_the_nose_points_to_the_left(view: str, nose_at_left: bool) -> None:  # noqa: FBT001
    affine, at = grid()
    nose = ball(at, (0, BALL + 30, 0), 25)
    picture = drawn((ball(at, (0, 0, 0), BALL) | nose).astype(np.float32), affine, view)
    middle, chin = round((12 + BALL) * SCALE), round((12 + 1.6 * BALL) * SCALE)
    of_nose, of_chin = (columns(picture[row : row + 1]).mean() for row in (middle, chin))
    assert abs(of_nose - of_chin) > 8
    assert (of_nose < of_chin) == nose_at_left


def test_the_crown_is_at_the_top() -> None:
    affine, at = grid()
    picture = drawn((ball(at, (0, 0, 40), 50) | ball(at, (0, 0, -40), 80)).astype(float), affine)
    width = (picture > 10).sum(axis=1)
    assert width[30:60].max() < width[130:160].min()


def test_light_comes_from_above() -> None:
    affine, at = grid()
    picture = drawn(ball(at, (0, 0, 0), BALL).astype(np.float32), affine)
    middle = round((12 + BALL) * SCALE)
    assert int(picture[middle - 50, 128]) - int(picture[middle + 50, 128]) > 30


def test_both_sides_of_a_head_are_lit_alike() -> None:
    affine, at = grid()
    nose = ball(at, (0, BALL + 5, -10), 15) | ball(at, (0, 0, 0), BALL)
    left, right = (drawn(nose.astype(np.float32), affine, view) for view in ("left", "right"))
    assert np.abs(left[:, ::-1].astype(int) - right).mean() < 1
    assert np.abs(left.astype(int) - right).mean() > 4


def test_a_ball_is_smooth_and_shows_no_steps_of_voxels() -> None:
    affine, at = grid((2, 2, 3))
    # A voxel at the edge is as bright as it is full.
    full = np.clip((BALL - np.sqrt((at**2).sum(axis=0))) / 2 + 0.5, 0, 1)
    picture = drawn(full.astype(np.float32), affine).astype(float)
    middle = round((12 + BALL) * SCALE)
    inside = picture[middle - 45 : middle + 45, 128 - 45 : 128 + 45]
    rough = inside - ndimage.gaussian_filter(inside, 4)
    assert rough[8:-8, 8:-8].std() < 1.2


def test_a_hollow_is_darker_than_what_is_around_it() -> None:
    affine, at = grid()
    whole = ball(at, (0, 0, 0), BALL)
    bored = whole & ~((np.abs(at[0]) < 10) & (np.abs(at[2]) < 10) & (at[1] > 30))
    scene = Scene.of(whole.astype(np.float32), affine)
    before = render(whole.astype(np.float32), affine, scene)
    after = render(bored.astype(np.float32), affine, scene)
    at_hole = (round((12 + BALL) * SCALE), 128)
    assert int(before[at_hole]) - int(after[at_hole]) > 60


@pytest.mark.parametrize(
    ("zooms", "axes"),
    [((2, 2, 2), "LPS"), ((2, 2, 2), "PSR"), ((1, 1, 4), "RAS"), ((3, 1, 1), "SLA")],
)
@pytest.mark.parametrize("view", VIEWS)
def test_neither_orientation_nor_voxel_size_change_what_is_seen(
    zooms: tuple[float, ...], axes: str, view: str
) -> None:
    affine, at = grid()
    other, other_at = grid(zooms, axes)
    one = drawn(head(at), affine, view).astype(int)
    two = drawn(*small_copy(head(other_at), other), view).astype(int)
    assert np.abs(one - two).mean() < 5
    assert np.abs(one - one[:, ::-1]).mean() > 6  # which a mirror would not pass


def test_a_smooth_copy_that_is_at_hand_changes_nothing() -> None:
    volume, affine = person(zoom=2.0)
    smooth = smoothed(volume, affine)
    scene = Scene.of(volume, affine)
    assert Scene.of(volume, affine, smooth) == scene
    again = renders(volume, affine, scene, smooth=smooth)
    for view, picture in renders(volume, affine, scene).items():
        np.testing.assert_array_equal(again[view], picture)


def test_what_was_not_touched_is_drawn_as_it_was() -> None:
    volume, affine = person(zoom=2.0)
    at = (
        np.tensordot(affine[:3, :3], np.indices(volume.shape), 1) + affine[:3, 3, None, None, None]
    )
    nose = np.linalg.norm(at - np.array(NOSE_TIP)[:, None, None, None], axis=0) < 25
    scene = Scene.of(volume, affine)
    before = renders(volume, affine, scene)
    after = renders(np.where(nose, 0, volume).astype(np.float32), affine, scene)
    for view in VIEWS:
        changed = np.abs(before[view].astype(int) - after[view]) > 25
        assert 0.002 < changed.mean() < 0.08, view
        rows = np.flatnonzero(changed.any(axis=1))
        assert rows.max() - rows.min() < 110 * SCALE, view


def test_noise_in_the_place_of_a_face_is_not_drawn() -> None:
    volume, affine = person(zoom=2.0)
    at = (
        np.tensordot(affine[:3, :3], np.indices(volume.shape), 1) + affine[:3, 3, None, None, None]
    )
    gone = (at[1] > 60) & (at[2] < 0)
    noise = np.random.default_rng(0).rayleigh(6, volume.shape)
    scene = Scene.of(volume, affine)
    empty = render(np.where(gone, 0, volume).astype(np.float32), affine, scene).astype(int)
    noisy = render(np.where(gone, noise, volume).astype(np.float32), affine, scene)
    assert np.abs(empty - noisy).mean() < 2
    assert np.abs(empty - render(volume, affine, scene)).mean() > 5


@pytest.mark.parametrize(("radius", "drawn_too"), [(3, False), (11, True)])
def test_a_speck_is_not_drawn_and_a_nose_that_was_left_is(radius: float, drawn_too: bool) -> None:  # noqa: FBT001
    affine, at = grid()
    whole = ball(at, (0, 0, 0), BALL) | ball(at, (100, 0, 0), radius)
    scene = Scene.of(ball(at, (0, 0, 0), BALL).astype(np.float32), affine)
    picture = render(whole.astype(np.float32), affine, scene)
    beside = picture[:, : round(PIXELS / 2 - (BALL + 10) * SCALE)]
    assert bool(beside.any()) == drawn_too


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_image_of_one_value_is_black(value: float) -> None:
    volume = np.full((20, 20, 20), value, np.float32)
    scene = Scene.of(volume, np.eye(4))
    assert scene.skin == float("inf")
    assert not render(volume, np.eye(4), scene).any()


def test_nothing_left_of_a_head_is_black() -> None:
    affine, at = grid()
    scene = Scene.of(head(at), affine)
    assert not render(np.zeros_like(head(at)), affine, scene).any()


def test_shoulders_do_not_make_a_head_wide() -> None:
    affine, at = grid()
    skull = ball(at, (0, 0, 50), 65)
    body = skull | (np.abs(at[0]) < 30) & (np.abs(at[1]) < 30) & (at[2] < 50)
    broad = body | ((at[2] < -60) & (np.abs(at[1]) < 50) & (np.abs(at[0]) < 118))
    narrow, wide = (Scene.of(mask.astype(np.float32), affine) for mask in (body, broad))
    assert wide.low[:2] == pytest.approx(narrow.low[:2], abs=3)
    assert wide.high == pytest.approx(narrow.high, abs=3)
    assert wide.high[0] < 70


def test_a_bright_spot_does_not_hide_the_head() -> None:
    affine, at = grid()
    volume = head(at)
    usual = drawn(volume, affine).astype(int)
    volume[60, 60, 60] = 1e6
    assert np.abs(drawn(volume, affine) - usual).mean() < 1
