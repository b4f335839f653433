from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bidsdeid.core import conform as freesurfer
from bidsdeid.core.plumbgrid import NIPREPS, conform, within
from bidsdeid.core.voxels import Affine, Floats
from bidsdeid.errors import ImageError
from heads import Array

ORDERS = [
    np.eye(3)[list(order)] * np.array(signs)
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
]
OBLIQUE = Rotation.from_euler("xyz", [12, -20, 31], degrees=True).as_matrix()
PLUMB = np.array([[-1, 0, 0], [0, 0, 1], [0, -1, 0]])
MIDDLE = np.array([-12.0, 31, 7])

GRIDS = {
    **{f"order {n}": (turned, (2.0, 1.7, 2.6)) for n, turned in enumerate(ORDERS)},
    "1 mm": (np.eye(3), (1.0, 1.0, 1.0)),
    "thick": (np.eye(3), (1.0, 1.0, 5.0)),
    "oblique": (OBLIQUE, (1.3, 0.9, 1.1)),
    "oblique and thick": (OBLIQUE @ ORDERS[19], (1.0, 5.0, 1.0)),
    "fine": (OBLIQUE @ ORDERS[30], (0.7, 0.8, 0.7)),
}
SOME = [*list(GRIDS)[:48:5], *list(GRIDS)[48:]]
some_grids = pytest.mark.parametrize(("turned", "zooms"), [GRIDS[n] for n in SOME], ids=SOME)


def grid_about_the_middle(
    shape: tuple[int, ...], turned: Array, zooms: tuple[float, ...]
) -> Affine:
    grid = np.eye(4)
    grid[:3, :3] = turned * zooms
    grid[:3, 3] = MIDDLE - grid[:3, :3] @ ((np.array(shape) - 1) / 2)
    return grid


def shape_for(zooms: tuple[float, ...], size: float) -> tuple[int, ...]:
    return tuple(round(size / zoom) for zoom in zooms)


def places(shape: tuple[int, ...], grid: Affine) -> Array:
    """Return where each voxel is, mm: (X, Y, Z, 3)."""
    return np.asarray(np.moveaxis(np.indices(shape), 0, -1) @ grid[:3, :3].T + grid[:3, 3])


def from_ball(shape: tuple[int, ...], grid: Affine, radius: float, at: Array = MIDDLE) -> Floats:
    """Return the distance of each voxel from a ball."""
    return np.asarray(np.linalg.norm(places(shape, grid) - at, axis=-1) - radius, np.float32)


def slope_of_light(place: Array) -> Array:
    """Return brightness that grows with each axis of the world, each at a rate of its own."""
    return np.asarray(500 + (place - MIDDLE) @ [3.0, 5.0, -2.0])


# ── the grid ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shape", "zooms", "lengths", "corner"),
    [
        ((193, 10, 10), (1, 1, 1), (192, 192, 192), (194.5, -86, 107)),
        ((194, 10, 10), (1, 1, 1), (256, 192, 192), (227, -86, 107)),
        ((10, 257, 400), (1, 1, 1), (192, 320, 256), (103, 5.5, 366)),
        ((97, 5, 9), (2.01, 4.01, 2), (256, 192, 192), (226.98, -82.48, 110.5)),
        ((9, 86, 5), (3, 3, 3), (192, 192, 256), (110.5, 5, 108.5)),
    ],
)
def test_lengths_and_corner_are_those_of_the_command(
    shape: tuple[int, ...],
    zooms: tuple[float, ...],
    lengths: tuple[int, ...],
    corner: tuple[float, ...],
) -> None:
    # As nipreps-synthstrip 0.0.1 makes them of an image that begins at 3, 5, 7 mm: recorded.
    grid = np.diag([*zooms, 1.0])
    grid[:3, 3] = [3, 5, 7]
    seen = conform(np.ones(shape, np.int16), grid)
    assert seen.volume.shape == lengths
    np.testing.assert_allclose(seen.affine[:3, 3], corner, atol=1e-9)


def test_an_oblique_image_gets_the_grid_that_the_command_gives_it() -> None:
    grid = np.eye(4)
    grid[:3, :3] = OBLIQUE * [1.2, 1.0, 4.0]
    grid[:3, 3] = [-12, 31, 7]
    seen = conform(np.ones((100, 180, 40), np.int16), grid)
    assert seen.volume.shape == (256, 256, 256)  # 180 mm that lie aslant need more than 192
    recorded = [98.78622438, -23.33007446, 243.99621775]
    np.testing.assert_allclose(seen.affine[:3, 3], recorded, atol=1e-6)


def test_darkness_about_the_head_is_not_cut_off() -> None:
    data = np.zeros((250, 30, 30), np.float32)
    data[200:230, 5:25, 8:28] = 100
    seen = conform(data, np.eye(4))
    assert seen.volume.shape == (256, 192, 192)
    np.testing.assert_allclose((seen.affine @ [127.5, 95.5, 95.5, 1])[:3], [124.5, 14.5, 14.5])


# ── its values ───────────────────────────────────────────────────────────────────────────────


@some_grids
def test_the_grid_is_plumb_and_shows_everything_where_it_was(
    turned: Array, zooms: tuple[float, ...]
) -> None:
    shape = shape_for(zooms, 60)
    grid = grid_about_the_middle(shape, turned, zooms)
    seen = conform(slope_of_light(places(shape, grid)).astype(np.float32), grid)
    np.testing.assert_array_equal(seen.affine[:3, :3], PLUMB)
    assert nib.aff2axcodes(seen.affine) == ("L", "I", "A")
    assert seen.volume.shape == (192, 192, 192)
    assert seen.volume.dtype == np.float32
    np.testing.assert_allclose((seen.affine @ [95.5, 95.5, 95.5, 1])[:3], MIDDLE, atol=1e-9)

    # Splines keep straight lines straight, but for the outermost voxels.
    near = (from_ball(seen.volume.shape, seen.affine, 12.0) < 0) & (seen.volume < 1)
    assert near.sum() > 3000
    value = slope_of_light(places(seen.volume.shape, seen.affine)[near])
    scale, first = np.polyfit(value, seen.volume[near], 1)
    assert scale > 0
    np.testing.assert_allclose(seen.volume[near], first + scale * value, atol=0.003)


def spline(values: list[float], at: float) -> float:
    """Return the cubic spline through values one apart, mirrored at its ends, by hand."""
    count = len(values)
    tent = np.zeros((count, count))
    for row in range(count):
        for step, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
            beside = abs(row + step)
            tent[row, beside if beside < count else 2 * (count - 1) - beside] += weight
    knots = np.linalg.solve(tent, values)
    total = 0.0
    for place in range(-2, count + 2):
        far = abs(at - place)
        beside = abs(place) if abs(place) < count else 2 * (count - 1) - place
        if far < 1:
            total += knots[beside] * (2 / 3 - far**2 + far**3 / 2)
        elif far < 2:
            total += knots[beside] * (2 - far) ** 3 / 6
    return total


LINE = [100.0, 0, 0, 250, 100, 100, 100, 0, 200, 100]

#: What nipreps-synthstrip 0.0.1 makes of `LINE` in voxels of 2.5 mm: recorded.
SIGNED = "86 40 -12 -41 -18 80 200 252 200 116 75 82 106 122 110 56 1 12 105 191 186 125"
UNSIGNED = SIGNED.replace("-12 -41 -18", "0 0 0")


def line_seen(kind: str) -> Floats:
    """Return what the network sees of `LINE`, which all of a large image repeats."""
    data = np.zeros((20, len(LINE), 20), kind)
    data[:] = np.array(LINE, kind)[None, :, None]
    grid = np.diag([10, 2.5, 10, 1.0])
    grid[:3, 3] = [-90, -7, -80]
    seen = conform(data, grid)
    np.testing.assert_allclose(seen.affine[:3, 3], [100.5, -91.25, 110.5])
    row: Floats = seen.volume[96, 96]
    # It begins 1.75 mm into the image, and beyond it is 0, on either side.
    assert len(set(row[:85].tolist() + row[107:].tolist())) == 1
    return row


@pytest.mark.parametrize(
    ("kind", "recorded", "bright"),
    [("int16", SIGNED, 241), (">i2", SIGNED, 241), ("int32", SIGNED, 241),
     ("uint8", UNSIGNED, 200), ("uint16", UNSIGNED, 200)],
)  # fmt: skip
def test_whole_numbers_stay_whole_and_in_the_bounds_of_their_type(
    kind: str, recorded: str, bright: float
) -> None:
    values = np.array(recorded.split(), float)
    least = min(values.min(), 0)
    row = line_seen(kind)
    expected = np.clip((values - least) / bright, 0, 1)
    np.testing.assert_allclose(row[85:107], expected, atol=1e-6)
    assert row[0] == pytest.approx(-least / bright)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_values_are_those_of_a_spline_made_by_hand(kind: str) -> None:
    values = np.array([spline(LINE, (mm + 0.75) / 2.5) for mm in range(22)])
    assert np.rint(values).astype(int).tolist() == [int(x) for x in SIGNED.split()]
    row = line_seen(kind)
    bright = 241.68286  # as the command has it
    expected = np.clip((values - values.min()) / bright, 0, 1)
    np.testing.assert_allclose(row[85:107], expected, atol=1e-5)
    assert row[0] == pytest.approx(-values.min() / bright, abs=1e-5)


def test_the_image_that_is_given_is_not_changed() -> None:
    data = np.arange(24_000, dtype=np.int16).reshape(20, 30, 40)
    before = data.copy()
    conform(data, np.eye(4))
    np.testing.assert_array_equal(data, before)


# ── the way back ─────────────────────────────────────────────────────────────────────────────


@some_grids
def test_what_the_network_finds_comes_back_with_its_size_and_to_its_place(
    turned: Array, zooms: tuple[float, ...]
) -> None:
    shape = shape_for(zooms, 70)
    grid = grid_about_the_middle(shape, turned, zooms)
    plumb = grid_about_the_middle((80, 80, 80), PLUMB, (1.0, 1.0, 1.0))
    at = MIDDLE + np.array([3.0, -4.0, 5.0])
    for radius, border in ((19.0, 1.0), (21.0, 0.0), (17.0, 3.0)):
        distance = from_ball((80, 80, 80), plumb, radius, at)
        mask = within(distance, plumb, shape, grid, border)
        assert mask.shape == shape
        assert mask.dtype == bool
        true = from_ball(shape, grid, 20.0, at)
        assert (mask == (true < 0))[np.abs(true) > 0.2].all()
        assert mask.any()
        np.testing.assert_allclose(places(shape, grid)[mask].mean(axis=0), at, atol=0.15)


@pytest.mark.parametrize(
    ("border", "bound", "itself"),
    [(1, 1.0, False), (3, 3.0, False), (0, -1.0, True), (-2, -3.0, True), (2.5, 3.0, False)],
)
def test_distances_are_whole_millimetres(border: float, bound: float, *, itself: bool) -> None:
    # The command stores them as int16, which cuts them towards zero: 1.9 is 1 and -1.9 is -1.
    distance = np.broadcast_to(np.arange(-5, 8, 0.25), (5, 5, 52)).astype(np.float32)
    mask = within(distance, np.eye(4), distance.shape, np.eye(4), border)
    expected = (distance < bound) | (itself & (distance == bound))
    np.testing.assert_array_equal(mask, expected)


def test_between_voxels_of_the_network_distances_are_splines() -> None:
    line = [4.0, 4, -3, 4, 4, 4, -3, -3, 4, 4]
    distance = np.broadcast_to(np.array(line, np.float32), (5, 5, 10)).copy()
    fine = np.diag([1, 1, 0.1, 1.0])
    mask = within(distance, np.eye(4), (5, 5, 91), fine, 1.0)
    expected = [spline(line, n / 10) < 1 for n in range(91)]
    assert mask[2, 2].tolist() == expected
    straight = np.interp(np.arange(91) / 10, np.arange(10), line) < 1
    assert (straight != np.array(expected)).any()


def test_beyond_what_the_network_saw_there_is_no_brain() -> None:
    distance = np.full((20, 20, 20), -5, np.float32)
    mask = within(distance, np.eye(4), (60, 20, 20), np.diag([1.0, 1, 1, 1]), 3.0)
    assert mask[:20].all()
    assert not mask[20:].any()
    far = np.eye(4)
    far[:3, 3] = 400
    assert not within(distance, np.eye(4), (20, 20, 20), far, 3.0).any()


# ── what is refused ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [0, -5])
def test_an_image_with_nothing_above_zero_is_refused(value: int) -> None:
    with pytest.raises(ImageError, match="nothing in the image is above zero"):
        conform(np.full((20, 20, 20), value, np.int16), np.eye(4))


@pytest.mark.parametrize("turned", [np.eye(3), OBLIQUE], ids=["straight", "oblique"])
def test_an_image_larger_than_any_head_is_refused(turned: Array) -> None:
    data = np.ones((20, 20, 64), np.int16)
    conform(data, grid_about_the_middle(data.shape, turned, (1.0, 1.0, 9.99)))
    with pytest.raises(ImageError, match="larger than any head: its voxel sizes cannot be in mm"):
        conform(data, grid_about_the_middle(data.shape, turned, (1.0, 1.0, 10.01)))


@pytest.mark.parametrize("shape", [(20, 20, 20), (1, 20, 20), (20, 1, 1)])
def test_a_few_bright_voxels_do_not_break_it(shape: tuple[int, ...]) -> None:
    data = np.zeros(shape, np.uint8)
    data[tuple(n // 2 for n in shape)] = 200
    seen = conform(data, np.eye(4))
    assert np.isfinite(seen.volume).all()
    assert 0 <= seen.volume.min() <= seen.volume.max() <= 1


def test_it_is_a_procedure_beside_freesurfers() -> None:
    assert (NIPREPS.conform, NIPREPS.within) == (conform, within)
    assert (freesurfer.FREESURFER.conform, freesurfer.FREESURFER.within) == (
        freesurfer.conform, freesurfer.within,
    )  # fmt: skip
    assert NIPREPS.name != freesurfer.FREESURFER.name
