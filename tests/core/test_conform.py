from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bidsdeid.core.conform import Conformed, conform, within
from bidsdeid.core.voxels import Affine, Bools, Floats
from bidsdeid.errors import ImageError
from heads import Array

ORDERS = [
    np.eye(3)[list(order)] * np.array(signs)
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]
OBLIQUE = Rotation.from_euler("xyz", [12, -20, 31], degrees=True).as_matrix()
MIDDLE = np.array([-12.0, 31, 7])


def grid_about_the_middle(
    shape: tuple[int, ...], turned: Array, zooms: tuple[float, ...]
) -> Affine:
    grid = np.eye(4)
    grid[:3, :3] = turned * zooms
    grid[:3, 3] = MIDDLE - grid[:3, :3] @ ((np.array(shape) - 1) / 2 - 0.2)
    return grid


def places(shape: tuple[int, ...], grid: Affine) -> Array:
    """Return where each voxel is, mm: (X, Y, Z, 3)."""
    return np.asarray(np.moveaxis(np.indices(shape), 0, -1) @ grid[:3, :3].T + grid[:3, 3])


def from_ball(shape: tuple[int, ...], grid: Affine, radius: float, at: Affine = MIDDLE) -> Floats:
    """Return the distance of each voxel from a ball."""
    return np.asarray(np.linalg.norm(places(shape, grid) - at, axis=-1) - radius, np.float32)


def middle_of(seen: Conformed) -> Affine:
    """Return the grid of the middle 80 x 80 x 80 of 192 x 192 x 192 voxels."""
    grid = seen.affine.copy()
    grid[:3, 3] += grid[:3, :3] @ [56, 56, 56]
    return grid


def textured(shape: tuple[int, ...], seed: int = 0) -> Floats:
    return np.random.default_rng(seed).integers(1, 1000, shape).astype(np.float32)


def shape_for(zooms: tuple[float, ...], size: float) -> tuple[int, ...]:
    return tuple(round(size / zoom) for zoom in zooms)


GRIDS = [
    *((f"order {n}", turned, (2.0, 1.7, 2.6)) for n, turned in enumerate(ORDERS)),
    ("1 mm", np.eye(3), (1.0, 1.0, 1.0)),
    ("thick", np.eye(3), (1.0, 1.0, 5.0)),
    ("oblique", OBLIQUE, (1.3, 0.9, 1.1)),
    ("oblique and thick", OBLIQUE @ ORDERS[19], (1.0, 5.0, 1.0)),
    ("fine", OBLIQUE @ ORDERS[30], (0.7, 0.8, 0.7)),
]


@pytest.mark.parametrize(
    ("turned", "zooms"), [g[1:] for g in GRIDS], ids=[str(g[0]) for g in GRIDS]
)
def test_each_voxel_is_the_nearest_of_the_image_in_the_network_s_order(
    turned: Array, zooms: tuple[float, ...]
) -> None:
    shape = shape_for(zooms, 60)
    grid = grid_about_the_middle(shape, turned, zooms)
    data = textured(shape)
    seen = conform(data, grid)
    assert nib.aff2axcodes(seen.affine) == ("L", "I", "A")
    np.testing.assert_allclose(seen.affine[:3, :3].T @ seen.affine[:3, :3], np.eye(3), atol=1e-6)
    assert seen.volume.shape == (192, 192, 192)
    assert seen.volume.dtype == np.float32

    place = np.random.default_rng(1).integers(50, 142, (30_000, 3))
    found = seen.volume[tuple(place.T)]
    there = np.linalg.inv(grid) @ seen.affine
    index = place @ there[:3, :3].T + there[:3, 3]
    # What is half way between two voxels may be either; of the outermost, a half may be left out.
    sure = (np.abs(index % 1 - 0.5) > 1e-3).all(axis=-1)
    inside = sure & ((index > 0) & (index < np.array(shape) - 1)).all(axis=-1)
    outside = ((index < -1) | (index > shape)).any(axis=-1)
    assert (found[outside] == 0).all()
    assert inside.sum() > 3000
    value = data[tuple(np.rint(index[inside]).astype(int).T)]
    scale = float(np.median(found[inside][value < 300] / value[value < 300]))
    np.testing.assert_allclose(found[inside], np.minimum(value * scale, 1), rtol=1e-4)
    assert np.percentile(seen.volume, 99) == pytest.approx(1)


@pytest.mark.parametrize(
    ("turned", "zooms"),
    [(g[1], g[2]) for g in [*GRIDS[:48:5], *GRIDS[48:]]],
    ids=[str(g[0]) for g in [*GRIDS[:48:5], *GRIDS[48:]]],
)
def test_what_the_network_finds_comes_back_with_its_size_and_to_its_place(
    turned: Array, zooms: tuple[float, ...]
) -> None:
    shape = shape_for(zooms, 70)
    grid = grid_about_the_middle(shape, turned, zooms)
    seen = conform(textured(shape), grid)
    at = MIDDLE + np.array([3.0, -4.0, 5.0])
    for radius, border in ((19.0, 1.0), (20.0, 0.0), (17.0, 3.0)):
        distance = from_ball((80, 80, 80), middle_of(seen), radius, at)
        mask = within(distance, middle_of(seen), shape, grid, border)
        assert mask.shape == shape
        assert mask.dtype == bool
        volume = mask.sum() * abs(np.linalg.det(grid[:3, :3]))
        assert volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.02)
        middle = places(shape, grid)[mask].mean(axis=0)
        np.testing.assert_allclose(middle, at, atol=0.1)
        away = np.abs(from_ball(shape, grid, 20.0, at)) > 0.2
        assert (mask == (from_ball(shape, grid, 20.0, at) < 0))[away].all()


def by_hand(distance: Floats, own: Affine, shape: tuple[int, ...], grid: Affine) -> Floats:
    """Return distances on all of a grid, without looking for where they matter."""
    matrix = np.linalg.inv(own) @ grid
    carried: Floats = ndimage.affine_transform(
        distance, matrix[:3, :3], matrix[:3, 3], shape, output=np.float32, order=1, cval=100
    )
    return carried


@pytest.mark.parametrize("seed", range(30))
def test_only_where_something_may_be_found_is_looked_and_nothing_is_missed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    own, grid = np.eye(4), np.eye(4)
    own[:3, :3] = ORDERS[rng.integers(48)]
    grid[:3, :3] = Rotation.random(rng=rng).as_matrix() * rng.uniform(0.4, 4, 3)
    shape = tuple(int(n) for n in rng.integers(5, 50, 3))
    grid[:3, 3] = own[:3, :3] @ [20, 20, 20] - grid[:3, :3] @ (np.array(shape) * rng.random(3))
    rough = rng.normal(0, 1, (40, 40, 40))
    distance = (ndimage.gaussian_filter(rough, 2) * 200).astype(np.float32)
    distance[:, :, : int(rng.integers(1, 39))] += 100
    border = float(rng.choice([-5, 0, 1, 3]))
    mask = within(distance, own, shape, grid, border)
    np.testing.assert_array_equal(mask, by_hand(distance, own, shape, grid) < border)


@pytest.mark.parametrize("slope", [0.05, 1, 20])
def test_nothing_is_missed_on_a_fine_grid_that_is_not_turned(slope: float) -> None:
    own, grid = np.eye(4), np.diag([0.2, 0.2, 0.2, 1])
    distance = from_ball((24, 24, 24), own, 3.0, np.array([11.5, 12.3, 11.9])) * np.float32(slope)
    for border in (0.0, 1.0):
        expected = by_hand(distance, own, (115, 115, 115), grid) < border
        assert expected.any()
        np.testing.assert_array_equal(
            within(distance, own, expected.shape, grid, border), expected
        )


def test_a_brain_that_is_partly_in_view_or_not_at_all() -> None:
    shape, zooms = (30, 40, 50), (2.0, 2.0, 2.0)
    grid = grid_about_the_middle(shape, np.eye(3), zooms)
    seen = conform(textured(shape), grid)
    corner = grid[:3, 3]
    distance = from_ball(seen.volume.shape, seen.affine, 24.0, corner)
    mask = within(distance, seen.affine, shape, grid, 1.0)
    true = from_ball(shape, grid, 25.0, corner)
    assert (mask == (true < 0))[np.abs(true) > 0.2].all()
    assert mask[0, 0, 0]
    far = grid.copy()
    far[:3, 3] += 400
    assert not within(distance, seen.affine, shape, far, 1.0).any()
    assert not within(distance + 100, seen.affine, shape, grid, 1.0).any()


def test_the_border_is_where_the_mask_ends() -> None:
    distance = np.broadcast_to(np.arange(-10.0, 30), (5, 5, 40)).astype(np.float32)
    for border in (0.0, 1.0, 2.5):
        mask = within(distance, np.eye(4), distance.shape, np.eye(4), border)
        np.testing.assert_array_equal(mask, distance < border)


def lengths(count: int, axis: int) -> Conformed:
    """Conform a rod of 1 mm voxels; its last axis is the network's last."""
    shape = [3, 3, 3]
    shape[axis] = count
    grid = np.diag([-1.0, -1.0, 1.0, 1.0])[:, [0, 2, 1, 3]]
    return conform(np.ones(shape, np.float32), np.asarray(grid))


@pytest.mark.parametrize(
    ("count", "length"),
    [(1, 192), (64, 192), (192, 192), (193, 256), (256, 256), (257, 320), (320, 320), (400, 320)],
)
def test_axes_are_multiples_of_64_between_192_and_320(count: int, length: int) -> None:
    axis = count % 3
    seen = lengths(count, axis)
    expected = [192, 192, 192]
    expected[axis] = length
    assert seen.volume.shape == tuple(expected)
    bright = np.flatnonzero(seen.volume.any(axis=tuple({0, 1, 2} - {axis})))
    assert len(bright) == min(count, length)
    assert bright[0] == (length - len(bright)) // 2


def test_what_is_too_long_is_cut_about_its_middle() -> None:
    data = np.zeros((3, 3, 401), np.float32)
    data[1, 1] = np.arange(1, 402)
    seen = conform(data, np.asarray(np.diag([-1.0, 1.0, 1.0, 1.0])))
    assert seen.volume.shape[nib.aff2axcodes(seen.affine).index("I")] == 320
    # Of 401 the first 40 and the last 41 go, from above.
    assert seen.affine[2, 3] == 360


def test_darkness_about_the_head_is_cut_off_first() -> None:
    data = np.zeros((240, 30, 30), np.float32)
    data[200:230, 5:25, 8:28] = textured((30, 20, 20))
    grid = np.diag([-1.0, 1.0, -1.0, 1.0])
    for volume in (data, data - (data == 0) * 3):  # what is below zero is dark, too
        seen = conform(volume, grid)
        assert seen.volume.shape == (192, 192, 192)
        world = seen.affine @ [96, 96, 96, 1]
        np.testing.assert_allclose(world[:3], grid[:3, :3] @ [215, 15, 18], atol=1)


def test_brightness_is_from_the_least_to_the_99th_percentile() -> None:
    grid = np.diag([-1.0, 1.0, -1.0, 1.0])[:, [0, 2, 1, 3]]
    data = np.zeros((192, 192, 192), np.float32)
    data[:, :96] = 50
    data[:, 96] = 100  # 0.52 %
    data[:, 10:20] = 25
    data[0, 0, 0] = data[-1, -1, -1] = 1  # nothing is cropped
    for shift in (0, -20):
        volume = data + np.float32(shift)
        volume[0, 0, 0] = volume[-1, -1, -1] = 1
        seen = conform(volume, np.asarray(grid))
        assert seen.volume.min() == 0
        assert seen.volume.max() == 1
        assert (seen.volume == 1).mean() == pytest.approx(87 / 192, abs=1e-3)
        assert (seen.volume == np.float32(0.5)).mean() == pytest.approx(10 / 192, abs=1e-3)
    data[:, 96:100] = 100  # 2.1 %
    half = conform(data, np.asarray(grid)).volume
    assert np.unique(half).tolist() == pytest.approx([0, 0.01, 0.25, 0.5, 1])


def test_a_few_bright_voxels_do_not_break_it() -> None:
    data = np.zeros((20, 20, 20), np.int16)
    data[10, 10, 10] = 700
    seen = conform(data, np.eye(4))
    assert np.isfinite(seen.volume).all()
    assert seen.volume.max() == 1


@pytest.mark.parametrize("value", [0, -5])
def test_an_image_with_nothing_above_zero_is_refused(value: int) -> None:
    with pytest.raises(ImageError, match="nothing in the image is above zero"):
        conform(np.full((20, 20, 20), value, np.int16), np.eye(4))


def test_an_image_larger_than_any_head_is_refused() -> None:
    data = np.ones((3, 3, 64), np.int16)
    conform(data, np.diag([2, 2, 9.99, 1]))
    with pytest.raises(ImageError, match="larger than any head: its voxel sizes cannot be in mm"):
        conform(data, np.diag([2, 2, 10.02, 1]))


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "float32", "float64", ">i2"])
def test_every_type_of_voxel_is_seen_alike(kind: str) -> None:
    data = textured((30, 20, 25)).clip(0, 200)
    grid = np.diag([1.3, 1, 1.2, 1])
    typed = data.astype(kind)
    before = typed.copy()
    seen = conform(typed, grid)
    np.testing.assert_array_equal(seen.volume, conform(data, grid).volume)
    np.testing.assert_array_equal(typed, before)


@pytest.mark.parametrize("zoom", [1.8, 0.9375, 1.015625, 1.2, 0.46875])
@pytest.mark.parametrize("seed", range(4))
def test_how_an_oblique_image_is_cut_does_not_hang_on_rounding(zoom: float, seed: int) -> None:
    # 160 voxels of 1.8 mm are 288 of 1 mm; were they of 1.8000001 mm, there would be 289.
    shape = (160, 30, 160)
    data = np.zeros(shape, np.uint8)
    data[2:-2, 2:-2, 2:-2] = 1
    straight = np.diag([zoom, 1.5, zoom, 1])
    turn = np.eye(4)
    angles = np.random.default_rng(seed).uniform(-20, 20, 3)
    turn[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    stored = (turn @ straight).astype(np.float32).astype(np.float64)
    plain, oblique = conform(data, straight), conform(data, stored)
    assert plain.volume.shape == oblique.volume.shape
    np.testing.assert_allclose(turn.T @ oblique.affine, plain.affine, atol=1e-3)


def test_images_of_1_mm_but_for_rounding_are_not_resampled() -> None:
    data = textured((30, 40, 50))
    grid = np.diag([-1.0, 1.000004, -0.999996, 1.0])[:, [0, 2, 1, 3]]
    seen = conform(data, np.asarray(grid))
    np.testing.assert_allclose(np.linalg.norm(seen.affine[:3, :3], axis=0), [1, 1, 1], atol=1e-5)
    assert (seen.volume > 0).sum() == data.size


def test_a_mask_can_be_carried_between_images_of_one_head() -> None:
    def ball(shape: tuple[int, ...], grid: Affine) -> Bools:
        inside: Bools = from_ball(shape, grid, 18.0) < 0
        return inside

    thick = grid_about_the_middle((60, 60, 12), np.eye(3), (1.0, 1.0, 5.0))
    fine = grid_about_the_middle((50, 60, 70), OBLIQUE, (0.9, 0.8, 0.7))
    seen = conform(textured((60, 60, 12)), thick)
    distance = from_ball((80, 80, 80), middle_of(seen), 18.0)
    found = within(distance, middle_of(seen), (50, 60, 70), fine, 0.0)
    assert (found != ball((50, 60, 70), fine)).mean() < 0.002


@pytest.mark.parametrize(
    ("count", "zoom", "taken", "top"),
    [
        (5, 1.5, "2234455", -0.75),
        (5, 2.0, "1223344555", 0),
        (7, 1.3, "123455677", -0.55),
        (9, 0.7, "235689", -0.65),
        (4, 5.0, "11122222333334444444", 0),
        (10, 2.7, "12223334455566677788999aaaa", -0.5),
        (15, 0.9375, "23456789abcdef", -0.5312),
        (3, 1.1, "233", -0.65),
        (3, 2.45, "1223333", -0.675),
        (3, 3.7, "11222333333", -0.55),
        (3, 5.2, "112222233333333", -0.8),
        (3, 4.55, "1122223333333", -0.825),
    ],
)
def test_voxels_are_taken_as_freesurfer_takes_them(
    count: int, zoom: float, taken: str, top: float
) -> None:
    # As surfa 0.6.3 does with such a file, of which mri_synthstrip is made: recorded.
    data = np.zeros((3, count, 3), np.float32)
    data[:] = np.arange(1, count + 1)[None, :, None] / 32
    grid = np.array([[-1, 0, 0, 0], [0, 0, 1, 0], [0, -zoom, 0, 0], [0, 0, 0, 1]])
    seen = conform(data, grid)
    line = seen.volume.max(axis=(0, 2)) * 32
    first = int(np.flatnonzero(line)[0])
    assert line[first : first + len(taken)].tolist() == [int(digit, 16) for digit in taken]
    assert np.count_nonzero(line) == len(taken)
    assert seen.affine[2, 3] - first == pytest.approx(top, abs=1e-4)
