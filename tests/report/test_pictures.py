from __future__ import annotations

import base64
import io
from functools import lru_cache

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Pillow

from bidsdeid.core.header import KEPT
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.voxels import Affine, Bools, Floats
from bidsdeid.errors import ImageError
from bidsdeid.report.mosaic import BRAIN_COLOUR, Layout, midline, mosaic
from bidsdeid.report.pictures import (
    PRIVATE,
    THUMBNAIL,
    drawings_of,
    encoded,
    pictures_of,
    small_volume,
    views_of,
)
from bidsdeid.report.render import Scene, render, small_copy
from heads import NOSE_TIP, person

#: Segments that a JPEG file of pixels needs: JFIF, tables, frame, scan, start and end.
PIXELS_ONLY = {0xD8, 0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0xD9}

BOTH = {
    f"{what}_{when}"
    for what in ("mosaic", "front", "left", "right")
    for when in ("before", "after")
}
NAMES = BOTH | {"mosaic_overlay", "thumbnail"}


@lru_cache(maxsize=1)
def defaced() -> tuple[Floats, Floats, Affine, Bools, Bools]:
    """Return a head before and after, its affine, what went, and something like its brain."""
    before, affine = person(zoom=2.0)
    at = (
        np.tensordot(affine[:3, :3], np.indices(before.shape), 1) + affine[:3, 3, None, None, None]
    )
    remove = (at[1] > 55) & (at[2] < -10)
    brain = ((at.T - (-4, 5, 20)) ** 2).sum(axis=-1).T < 55**2
    return before, np.where(remove, 0, before).astype(np.float32), affine, remove, brain


@lru_cache(maxsize=1)
def files() -> dict[str, bytes]:
    return pictures_of(*defaced())


def opened(content: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(content)))


def segments(content: bytes) -> list[int]:
    """Return the markers of a JPEG file, in order."""
    found, at = [], 0
    while at < len(content):
        assert content[at] == 0xFF
        marker = content[at + 1]
        found.append(marker)
        at += 2
        if marker not in (0xD8, 0xD9):
            at += int.from_bytes(content[at : at + 2], "big")
        if marker == 0xDA:
            at = content.rindex(b"\xff\xd9")
    return found


def test_there_is_a_picture_of_each_name() -> None:
    assert set(files()) == NAMES
    assert set(PRIVATE) < NAMES
    assert not {name for name in PRIVATE if name.endswith("after")}


def test_mosaics_can_be_laid_over_each_other() -> None:
    shapes = {
        opened(files()[f"mosaic_{what}"]).shape[:2] for what in ("before", "after", "overlay")
    }
    assert len(shapes) == 1
    assert opened(files()["mosaic_overlay"]).ndim == 3


def test_files_hold_pixels_and_nothing_else() -> None:
    for name, content in files().items():
        assert set(segments(content)) <= PIXELS_ONLY, name
        assert segments(content)[-1] == 0xD9
        assert not Pillow.open(io.BytesIO(content)).getexif()


def test_the_same_voxels_give_the_same_bytes() -> None:
    before, after, affine, remove, brain = defaced()
    again = pictures_of(before.copy(), after.copy(order="F"), affine.copy(), remove, brain)
    assert again == files()
    assert small_volume(after, affine) == small_volume(after.copy(order="F"), affine)


def test_the_overlay_shows_what_went_and_the_brain() -> None:
    drawn = drawings_of(*defaced())
    before, over = drawn["mosaic_before"], drawn["mosaic_overlay"].astype(int)
    changed = (over != before[..., None]).any(axis=-1)
    outline = (over == BRAIN_COLOUR).all(axis=-1)
    assert outline.sum() > 200
    tinted = changed & ~outline
    assert 0.02 < tinted.mean() < 0.4
    assert (over[tinted][:, 0] > over[tinted][:, 2]).all()
    assert (drawn["mosaic_after"] == before)[~tinted].mean() > 0.97


def test_of_what_is_released_alone_no_face_can_be_drawn() -> None:
    _, after, affine, remove, brain = defaced()
    alone = drawings_of(None, after, affine, remove, brain)
    assert set(alone) == NAMES - set(PRIVATE) | {"mosaic_overlay"}
    under = alone["mosaic_overlay"]
    gone = (under.max(axis=-1) != under.min(axis=-1)) & (under != BRAIN_COLOUR).any(axis=-1)
    assert gone.any()
    # Under the colour there is air, with the dark rim that interpolation leaves.
    assert (alone["mosaic_after"][gone] < 10).mean() > 0.95


def test_pictures_of_what_is_released_do_not_show_what_went() -> None:
    before, after, affine, remove, _ = defaced()
    drawn = drawings_of(before, after, affine, remove)
    small, grid = small_copy(before, affine)
    layout = Layout.of(small, Scene.of(small, grid))
    went = layout.shown(remove.astype(np.float32), affine) == 1
    letters = mosaic(np.zeros_like(before), affine, layout) > 0
    assert went.any()
    assert not drawn["mosaic_after"][went & ~letters].any()
    # The slice of the thumbnail, made smaller as it was.
    gone = midline(remove * np.float32(layout.white), affine, layout)
    wide = round(gone.shape[1] * THUMBNAIL / gone.shape[0])
    gone = np.asarray(Pillow.fromarray(gone).resize((wide, THUMBNAIL), Pillow.Resampling.BOX))
    assert drawn["thumbnail"].shape == (THUMBNAIL, wide + THUMBNAIL)
    assert (gone == 255).mean() > 0.1
    assert not drawn["thumbnail"][:, :wide][gone == 255].any()
    for view, picture in views_of(drawn, "after").items():
        alone = render(*small_copy(after, affine), Scene.of(small, grid), view)
        assert (picture == alone).all()
        assert (picture != drawn[f"{view}_before"]).any()


def test_an_image_that_is_withheld_is_drawn_before_only() -> None:
    before, _, affine, _, _ = defaced()
    drawn = drawings_of(before, None, affine)
    assert set(drawn) == set(PRIVATE)
    assert (drawn["mosaic_overlay"] == drawn["mosaic_before"][..., None]).all()
    assert views_of(drawn, "after") == {}


def test_two_images_make_a_page_of_less_than_a_megabyte_and_a_half() -> None:
    _, after, affine, _, _ = defaced()
    content = [*files().values(), small_volume(after, affine)]
    assert 2 * sum(len(base64.b64encode(one)) for one in content) < 1.5e6


def test_what_cannot_be_drawn_together_is_refused() -> None:
    before, after, affine, remove, _ = defaced()
    with pytest.raises(ImageError, match="there is no image"):
        drawings_of(None, None, affine)
    with pytest.raises(ImageError, match="cannot be drawn with"):
        drawings_of(before, after[1:], affine)
    with pytest.raises(ImageError, match="cannot be drawn with"):
        drawings_of(before, after, affine, remove[:, 1:])


@pytest.mark.parametrize("value", [0, 100])
def test_an_image_of_one_value_gives_plain_pictures(value: int) -> None:
    data = np.full((12, 14, 16), value, np.int16)
    made = encoded(drawings_of(data, data, np.diag([4.0, 4.0, 4.0, 1.0])))
    assert set(made) == NAMES
    assert not opened(made["front_after"]).any()
    assert decode_image(small_volume(data, np.eye(4))).data.shape[0] > 0


def test_a_ct_is_drawn_from_air_to_bone() -> None:
    before, _, affine, _, _ = defaced()
    scaled = np.where(before > 40, before / before.max() * 1000, -1000.0)
    drawn = drawings_of(None, scaled, affine)
    assert (drawn["mosaic_after"] < 10).mean() > 0.3
    assert (drawn["mosaic_after"] > 150).mean() > 0.1
    assert (drawn["front_after"] > 100).mean() > 0.1


@pytest.mark.parametrize("shape", [(40, 50, 1), (1, 1, 1), (300, 2, 2)])
def test_odd_grids_do_not_break_it(shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(0).random(shape)
    assert set(pictures_of(data, data, np.eye(4), data > 0.5, data > 0.9)) == NAMES
    assert decode_image(small_volume(data, np.eye(4))).data.dtype == np.uint8


@pytest.mark.parametrize(
    "turned", [np.eye(3), np.diag([-1.0, -1.0, 1.0]), np.eye(3)[[2, 0, 1]]], ids=["R", "L", "S"]
)
def test_the_small_volume_lies_where_the_head_lies(turned: np.ndarray) -> None:
    volume, affine = person(zoom=2.0, turned=turned)
    at = (
        np.tensordot(affine[:3, :3], np.indices(volume.shape), 1) + affine[:3, 3, None, None, None]
    )
    mark = np.linalg.norm(at - np.array(NOSE_TIP)[:, None, None, None], axis=0) < 8
    small = decode_image(small_volume(np.where(mark, volume.max() * 3, volume), affine))
    assert small.data.dtype == np.uint8
    assert nib.aff2axcodes(small.affine) == ("R", "A", "S")
    assert np.linalg.norm(small.affine[:3, :3], axis=0) == pytest.approx(2, abs=0.01)
    high = small.affine[:3, :3] @ np.argwhere(small.data).max(axis=0) + small.affine[:3, 3]
    assert high[1] == pytest.approx(NOSE_TIP[1] + 8, abs=4)
    assert small.data.max() == 240
    assert (small.data == 0).mean() > 0.3


def test_the_small_volume_says_nothing_but_where_it_is() -> None:
    _, after, affine, _, _ = defaced()
    header = decode_image(small_volume(after, affine)).header
    for name in header.keys():  # noqa: SIM118 -- a header iterates over its keys only so
        if name not in KEPT and name != "vox_offset":
            assert not np.any(header[name].tobytes().strip(b"\0")), name
    assert header["sform_code"] == 1
    assert header.get_xyzt_units()[0] == "mm"


def test_the_small_volume_holds_nothing_that_was_removed() -> None:
    _, after, affine, remove, _ = defaced()
    small = decode_image(small_volume(after, affine))
    at = small.affine[:3, :3] @ np.argwhere(small.data).T + small.affine[:3, 3:]
    # Smoothing spreads what is bright over a voxel.
    assert not ((at[1] > 55 + 5) & (at[2] < -10 - 5)).any()
    assert remove.any()
