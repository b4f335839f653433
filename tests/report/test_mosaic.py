from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bidsdeid.core.voxels import Affine, Bools, Floats
from bidsdeid.report.mosaic import (
    BRAIN_COLOUR,
    PIXEL_MM,
    ROWS,
    WIDTH,
    Layout,
    Row,
    midline,
    mosaic,
    overlay,
)
from bidsdeid.report.render import Picture, Scene, small_copy
from heads import person

AXIAL, CORONAL, SAGITTAL = ROWS
LAYOUT = Layout((-80.0, -100.0, -120.0), (80.0, 100.0, 100.0), 0.0, 100.0)


def layout_of(volume: Floats, affine: Affine) -> Layout:
    small, grid = small_copy(volume, affine)
    return Layout.of(small, Scene.of(small, grid))


def coordinate(axis: int, turned: np.ndarray | None = None) -> tuple[Floats, Affine]:
    """Return an image whose values are places along an axis of the world, mm."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, :3] = affine[:3, :3] @ (np.eye(3) if turned is None else turned)
    affine[:3, 3] = -affine[:3, :3] @ [40, 40, 40]
    at = np.tensordot(affine[:3, :3], np.indices((81, 81, 81)), 1)
    return (at[axis] + affine[axis, 3]).astype(np.float32), affine


def cell(picture: np.ndarray, row: Row, number: int = 0, layout: Layout = LAYOUT) -> np.ndarray:
    """Return a slice of a mosaic."""
    top, bottom = list(pairwise(layout.tops))[ROWS.index(row)]
    start = layout.left(row) + number * layout.pixels(row.across)
    return picture[top:bottom, start : start + layout.pixels(row.across)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize(
    "turned",
    [np.eye(3), np.diag([-1.0, -1.0, 1.0]), np.eye(3)[[2, 0, 1]]],
    ids=["RAS", "LPS", "turned"],
)
def test_each_pixel_shows_its_place_in_the_world(row: Row, turned: np.ndarray) -> None:
    across = cell(LAYOUT.shown(*coordinate(row.across, turned)), row, 1)
    down = cell(LAYOUT.shown(*coordinate(row.down, turned)), row, 1)
    through = cell(LAYOUT.shown(*coordinate(row.through, turned)), row, 1)
    low, high = LAYOUT.low, LAYOUT.high
    places = low[row.across] + (np.arange(across.shape[1]) + 0.5) * PIXEL_MM
    assert across == pytest.approx(np.broadcast_to(places, across.shape), abs=0.01)
    places = high[row.down] - (np.arange(down.shape[0]) + 0.5) * PIXEL_MM
    assert down == pytest.approx(np.broadcast_to(places[:, None], down.shape), abs=0.01)
    assert through == pytest.approx(LAYOUT.slices(row)[1], abs=0.01)


def test_what_is_left_is_at_the_left_and_what_is_front_or_top_is_up() -> None:
    assert (AXIAL.across, AXIAL.down, CORONAL.down, SAGITTAL.across) == (0, 1, 2, 1)
    shown = cell(LAYOUT.shown(*coordinate(0)), AXIAL)
    assert shown[0, 0] < -70
    assert shown[0, -1] > 70


def glyph(part: np.ndarray) -> list[str]:
    """Return the one letter in a part of a slice, row by row."""
    rows, columns = (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
    letter = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return ["".join("#" if pixel else "." for pixel in row) for row in letter]


@pytest.mark.parametrize(
    ("row", "letters"), [(AXIAL, "LRAP"), (CORONAL, "LRSI"), (SAGITTAL, "PASI")]
)
def test_letters_say_which_side_is_which(row: Row, letters: str) -> None:
    feet = {"L": "#####", "R": "#...#", "A": "#...#", "P": "#", "S": "####.", "I": "###"}
    heads = {"L": "#", "R": "####.", "A": ".###.", "P": "####.", "S": ".####", "I": "###"}
    volume, affine = coordinate(0)
    picture = mosaic(np.zeros_like(volume), affine, LAYOUT)
    seen = cell(picture, row) > 0
    for part, letter in zip(
        (seen[20:-20, :20], seen[20:-20, -20:], seen[:20], seen[-20:]), letters, strict=True
    ):
        drawn = glyph(part)
        assert len(drawn) == 7
        assert drawn[-1].strip(".") == feet[letter].strip("."), letter
        assert drawn[0].strip(".") == heads[letter].strip("."), letter
    assert not (cell(picture, row, 1) > 0).any()


def test_slices_reach_from_end_to_end_of_the_head() -> None:
    for row in ROWS:
        places = LAYOUT.slices(row)
        low, high = LAYOUT.low[row.through], LAYOUT.high[row.through]
        assert low < places[0] < low + 30
        assert high - 30 < places[-1] < high
        assert (np.diff(places) > 5).all()


def test_rows_do_not_overlap_and_fill_the_width() -> None:
    high, wide = LAYOUT.shape
    assert wide == WIDTH
    assert high == sum(LAYOUT.pixels(row.down) for row in ROWS)
    for row in ROWS:
        used = LAYOUT.pixels(row.across) * len(LAYOUT.slices(row))
        assert 0.8 * WIDTH < used <= WIDTH


def test_brightness_runs_from_air_to_white() -> None:
    volume, affine = coordinate(0)
    flat = np.full_like(volume, 50.0)
    assert cell(mosaic(flat, affine, LAYOUT), AXIAL, 1)[5, 5] == 128
    assert cell(mosaic(flat * 9, affine, LAYOUT), AXIAL, 1)[5, 5] == 255
    assert cell(mosaic(flat * -9, affine, LAYOUT), AXIAL, 1)[5, 5] == 0


def test_outside_of_the_image_and_where_nothing_is_known_it_is_black() -> None:
    data = np.full((4, 4, 4), np.nan)
    data[0, 0, 0] = np.inf
    picture = mosaic(data, np.diag([40.0, 40.0, 40.0, 1.0]), LAYOUT)
    assert not cell(picture, AXIAL, 1).any()
    assert not cell(picture, AXIAL, 3)[:60].any()


@pytest.mark.parametrize("dtype", [">i2", "u1", "f8", "g", "i8", "u4", ">f4"])
def test_any_type_of_voxel_can_be_drawn(dtype: str) -> None:
    volume, affine = coordinate(1)
    one = mosaic(np.clip(volume, 0, 100).astype(dtype), affine, LAYOUT)
    other = mosaic(np.clip(volume, 0, 100).astype(np.float32), affine, LAYOUT)
    assert np.abs(one.astype(int) - other).max() <= 1


def test_before_and_after_differ_where_voxels_went_only() -> None:
    volume, affine = person(zoom=2.0)
    gone = np.zeros(volume.shape, bool)
    gone[:, 100:, :60] = True
    layout = layout_of(volume, affine)
    before = mosaic(volume, affine, layout)
    after = mosaic(np.where(gone, 0, volume), affine, layout)
    near = layout.shown(gone.astype(np.float32), affine)
    assert before.shape == after.shape
    assert (before != after).any()
    assert (before == after)[np.nan_to_num(near) == 0].all()


def test_the_head_fills_its_slices() -> None:
    volume, affine = person(zoom=2.0)
    layout = layout_of(volume, affine)
    picture = mosaic(volume, affine, layout)
    for row in ROWS:
        middle = cell(picture, row, len(layout.slices(row)) // 2, layout) > 40
        assert 0.3 < middle.mean() < 0.95, row.name


def overlaid(
    remove: Bools | None = None, brain: Bools | None = None
) -> tuple[Picture, np.ndarray, Affine]:
    volume, affine = coordinate(0)
    picture = mosaic(np.full_like(volume, 50.0), affine, LAYOUT)
    return picture, overlay(picture, remove, brain, affine, LAYOUT), affine


def test_what_is_removed_is_coloured_and_nothing_else() -> None:
    remove = np.zeros((81, 81, 81), bool)
    remove[:, 50:, :40] = True  # 40 mm and more to the front, below 0
    picture, coloured, affine = overlaid(remove)
    gone = LAYOUT.shown(remove, affine, order=0) > 0
    assert gone.any()
    assert (coloured[~gone] == picture[~gone][:, None]).all()
    red, green, blue = coloured[gone & (picture == 128)].astype(int).T
    assert (red > green + 30).all()
    assert (green > blue + 10).all()


def test_what_is_below_the_colour_is_still_seen() -> None:
    remove = np.ones((81, 81, 81), bool)
    volume, affine = coordinate(1)
    coloured = overlay(mosaic(volume, affine, LAYOUT), remove, None, affine, LAYOUT)
    red = cell(coloured, AXIAL, 1)[:, 30, 0].astype(int)
    assert red[5] > red[-5] + 100


def test_the_brain_is_outlined_and_not_filled() -> None:
    _, _, affine = overlaid()
    at = (
        np.tensordot(affine[:3, :3], np.indices((81, 81, 81)), 1) + affine[:3, 3, None, None, None]
    )
    brain = (at**2).sum(axis=0) < 50**2
    picture, coloured, _ = overlaid(brain=brain)
    outline = (coloured == BRAIN_COLOUR).all(axis=-1)
    inside = LAYOUT.shown(brain, affine, order=0) > 0
    assert outline.any()
    assert inside[outline].all()
    assert (coloured[~outline] == picture[~outline][:, None]).all()
    assert outline.sum() < inside.sum() / 5


def test_without_masks_the_overlay_is_the_mosaic() -> None:
    picture, coloured, _ = overlaid()
    assert coloured.shape == (*picture.shape, 3)
    assert (coloured == picture[:, :, None]).all()


def test_the_midline_is_the_middle_of_the_head() -> None:
    volume, affine = coordinate(0)
    layout = replace(LAYOUT, low=(-50.0, -100.0, -120.0))
    shown = midline(volume, affine, replace(layout, black=-35, white=65))
    assert shown.shape == (LAYOUT.pixels(2), LAYOUT.pixels(1))
    assert (shown == 128).all()  # the middle, of -50 and 80, is 15


def test_a_body_or_a_wide_field_of_view_does_not_make_a_huge_picture() -> None:
    small = np.random.default_rng(0).random((60, 60, 60)).astype(np.float32)
    grid = np.diag([20.0, 20.0, 20.0, 1.0])
    layout = Layout.of(small, Scene.of(small, grid))
    high, wide = layout.shape
    assert high <= 3 * 300 / PIXEL_MM
    assert wide == WIDTH


@pytest.mark.parametrize("value", [0.0, 9.0])
def test_an_image_of_one_value_is_black_but_for_letters(value: float) -> None:
    volume = np.full((30, 30, 30), value, np.float32)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    layout = layout_of(volume, affine)
    picture = mosaic(volume, affine, layout)
    assert (picture > 0).mean() < 0.02 or value > 0
    assert picture.shape == layout.shape
