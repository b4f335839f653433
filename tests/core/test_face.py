from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.face import BRAIN_MARGIN_MM, SURFACE_MM, ZOOM_MM, FaceFrame
from bidsdeid.core.facestyle import PARTS, FaceStyle, MaskStyle, Strength
from bidsdeid.core.head import behind_front
from bidsdeid.core.voxels import HALF, Affine, Bools, carry, downsample
from bidsdeid.errors import GateError
from bidsdeid.resources import pydeface_atlas
from heads import (
    CROWN,
    EARS,
    EYELIDS,
    LIPS,
    NOSE_TIP,
    OCCIPUT,
    apart,
    at,
    coarse_atlas,
    frame,
    move,
    person,
)

ALL_STYLES = [
    FaceStyle(mask, strength, ears=ears)
    for mask in MaskStyle
    for strength in Strength
    for ears in (False, True)
]


@lru_cache(maxsize=1)
def own_head() -> Bools:
    """Return the head of the atlas, as the frame sees it."""
    return frame().head_in(*downsample(pydeface_atlas().head, pydeface_atlas().affine, 2.0),
                           np.eye(4))  # fmt: skip


def voxel(place: tuple[float, float, float]) -> tuple[int, int, int]:
    x, y, z = np.round(at(np.linalg.inv(frame().affine), place)).astype(int).tolist()
    return x, y, z


def ray(mask: Bools, place: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Return a line of voxels through a place, from the front to the back."""
    x, _, z = voxel(place)
    return np.asarray(mask[x, ::-1, z])


@lru_cache
def region(strength: Strength = Strength.STANDARD, *, ears: bool = False) -> Bools:
    return frame().region(own_head(), FaceStyle(strength=strength, ears=ears))


@lru_cache(maxsize=1)
def far_from_brain() -> NDArray[np.float64]:
    """Return the distance of each voxel of the frame from the brain (mm)."""
    return np.asarray(ndimage.distance_transform_edt(~frame().brain)) * ZOOM_MM


def test_the_frame_holds_the_atlas_and_what_lies_before_and_below_it() -> None:
    atlas, shape = pydeface_atlas(), np.array(frame().shape)
    np.testing.assert_allclose(np.linalg.norm(frame().affine[:3, :3], axis=0), ZOOM_MM)
    corners = np.array([[x, y, z, 1] for x in (0, 175) for y in (0, 255) for z in (0, 255)])
    within = (np.linalg.inv(frame().affine) @ atlas.affine @ corners.T)[:3].T
    assert within.min() > 0
    assert (within < shape - 1).all()
    front, below = (shape - within.max(axis=0))[1] * ZOOM_MM, within[:, 2].min() * ZOOM_MM
    assert front > 30
    assert below > 50


def test_an_atlas_without_a_brain_has_no_frame() -> None:
    atlas = coarse_atlas()
    with pytest.raises(ValueError, match="brain"):
        FaceFrame(Atlas("x", atlas.head, atlas.keep, atlas.affine))


def test_the_brain_of_the_frame_is_that_of_the_atlas() -> None:
    atlas = pydeface_atlas()
    assert atlas.brain is not None
    litres = frame().brain.sum() * ZOOM_MM**3 / 1e6
    own = atlas.brain.sum() * abs(np.linalg.det(atlas.affine)) / 1e6
    assert litres == pytest.approx(own, rel=0.01)
    middle = frame().affine @ [*np.argwhere(frame().brain).mean(axis=0), 1]
    expected = atlas.affine @ [*np.argwhere(atlas.brain).mean(axis=0), 1]
    np.testing.assert_allclose(middle, expected, atol=0.5)


def test_landmarks_are_of_face_and_ends_of_the_brain() -> None:
    places = frame().landmarks[:3].T
    assert places.shape[1] == 3
    brain = np.argwhere(frame().brain) @ frame().affine[:3, :3].T + frame().affine[:3, 3]
    face = places[places[:, 1] > brain[:, 1].max() - 12]
    assert len(face) >= 6
    assert face[:, 2].max() < brain[:, 2].mean() < places[:, 2].max()
    assert places[:, 1].min() == pytest.approx(brain[:, 1].min(), abs=12)
    assert np.ptp(places, axis=0).min() > 60
    np.testing.assert_array_equal(frame().landmarks[3], 1)


def test_the_head_of_the_atlas_is_seen() -> None:
    head = own_head()
    assert head.shape == frame().shape
    assert (frame().brain & ~head).sum() < 0.03 * frame().brain.sum()
    for place in (NOSE_TIP, LIPS, CROWN, OCCIPUT, *EYELIDS):
        x, y, z = voxel(place)
        assert head[x - 3 : x + 4, y - 3 : y + 4, z - 3 : z + 4].any()
    assert not head[:, -8:].any()
    assert not head[:, :, -8:].any()


def test_a_head_is_seen_in_the_atlas_s_place_wherever_it_is() -> None:
    truth = move(pitch=12, yaw=-20, shift=(30, -15, 40), size=0.9)
    head = frame().head_in(*person(truth, zoom=2.0, noise=10), np.linalg.inv(truth))
    assert (head & own_head()).sum() > 0.96 * own_head().sum()
    assert (head & ~own_head()).sum() < 0.06 * own_head().sum()


def test_the_head_in_an_image_is_that_of_its_view() -> None:
    volume, affine = person(zoom=3.0)
    seen = frame().view_of(volume, affine, np.eye(4))
    np.testing.assert_array_equal(seen.head(), frame().head_in(volume, affine, np.eye(4)))
    assert seen.smooth.shape == frame().shape
    assert seen.air < seen.tissue


def test_only_the_largest_body_is_the_head() -> None:
    volume, affine = person(zoom=2.0)
    x, y, z = np.round(at(np.linalg.inv(affine), (80.0, 90.0, 60.0))).astype(int).tolist()
    volume[x - 3 : x + 4, y - 3 : y + 4, z - 3 : z + 4] = volume.max()  # a marker beside it
    head = frame().head_in(volume, affine, np.eye(4))
    assert not head[voxel((80.0, 90.0, 60.0))]
    assert (head & own_head()).sum() > 0.96 * own_head().sum()


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_an_empty_image_has_no_head(value: float) -> None:
    with pytest.raises(GateError):
        frame().head_in(np.full((20, 20, 20), value, np.float32), np.eye(4), np.eye(4))


@pytest.mark.parametrize("strength", Strength)
@pytest.mark.parametrize("place", [NOSE_TIP, *EYELIDS], ids=["nose", "eyelid", "other eyelid"])
def test_the_skin_of_the_face_goes(strength: Strength, place: tuple[float, ...]) -> None:
    x, _, z = voxel(place)  # type: ignore[arg-type]
    around = np.s_[x - 2 : x + 3, :, z - 2 : z + 3]
    head, gone = own_head()[around], region(strength)[around]
    first = head & (np.cumsum(head[:, ::-1], axis=1)[:, ::-1] <= SURFACE_MM / ZOOM_MM)
    assert first.sum() >= 50
    assert gone[first].all()


def test_lips_and_chin_go_and_so_does_the_air_before_the_face() -> None:
    for strength in Strength:
        for place in (NOSE_TIP, LIPS):
            head, gone = ray(own_head(), place), ray(region(strength), place)
            assert gone[: head.argmax() + 5].all()
    under_the_chin = (0.0, 100.0, -118.0)
    for strength in (Strength.STANDARD, Strength.STRONG):
        head, gone = ray(own_head(), under_the_chin), ray(region(strength), under_the_chin)
        assert gone[: head.argmax() + 5].all()


def test_haze_as_bright_as_skin_does_not_save_the_skin_behind_it() -> None:
    """What is skin of the atlas goes, however far before it the head seems to begin."""
    before = -behind_front(own_head()) * ZOOM_MM
    hazy = own_head() | ((before > 0) & (before <= 20) & own_head().any(axis=1)[:, None, :])
    gone = frame().region(hazy, FaceStyle())
    for place in EYELIDS:
        skin = ray(own_head(), place)
        first = int(skin.argmax())
        assert ray(gone, place)[first : first + 4].all()


def test_the_skin_of_the_eyes_goes_from_heads_that_are_flatter_than_the_atlas() -> None:
    deeper = np.roll(own_head(), -6, axis=1)  # the whole surface, 12 mm back
    gone = frame().region(deeper, FaceStyle())
    for place in EYELIDS:
        skin = ray(deeper, place)
        first = int(skin.argmax())
        assert ray(gone, place)[first : first + 4].all()


@pytest.mark.parametrize("style", [s for s in ALL_STYLES if s.mask is MaskStyle.FACE], ids=str)
def test_nothing_near_the_brain_goes(style: FaceStyle) -> None:
    gone = frame().region(own_head(), style)
    assert far_from_brain()[gone].min() > 0.95 * BRAIN_MARGIN_MM
    deep = np.roll(own_head(), -25, axis=1)  # its front lies within the brain
    assert far_from_brain()[frame().region(deep, style)].min() > 0.95 * BRAIN_MARGIN_MM


@pytest.mark.parametrize("strength", Strength)
def test_crown_and_occiput_stay(strength: Strength) -> None:
    gone = region(strength)
    for place in (CROWN, OCCIPUT):
        x, y, z = voxel(place)
        assert not gone[x - 10 : x + 11, y - 10 : y + 11, z - 10 : z + 11].any()
    assert not (gone & frame().behind(145.0)).any()
    assert gone[own_head()].mean() < 0.2


def test_a_stronger_style_takes_all_that_a_weaker_one_takes_and_more() -> None:
    light, standard, strong = map(region, Strength)
    for weak, more in ((light, standard), (standard, strong)):
        assert not (weak & ~more).any()
        assert (own_head() & more & ~weak).sum() * ZOOM_MM**3 > 4000
    base = frame().region(own_head(), FaceStyle(MaskStyle.PYDEFACE))
    near = far_from_brain() <= BRAIN_MARGIN_MM
    assert not (base & ~near & ~light).any()


def test_pydeface_s_region_is_pydeface_s_mask_and_no_other() -> None:
    atlas = pydeface_atlas()
    gone = frame().region(own_head(), FaceStyle(MaskStyle.PYDEFACE))
    for style in ALL_STYLES:
        if style.mask is MaskStyle.PYDEFACE:
            again = frame().region(np.roll(own_head(), 5, axis=1), style)
            np.testing.assert_array_equal(again, gone)
    to_atlas = np.linalg.inv(atlas.affine) @ frame().affine
    index = np.indices(frame().shape).reshape(3, -1)
    place = to_atlas[:3, :3] @ index + to_atlas[:3, 3:]
    keep = ndimage.map_coordinates(atlas.keep.astype(np.float32), place, order=1, mode="nearest")
    differ = gone != (keep < HALF).reshape(frame().shape)
    assert not differ[np.abs(keep.reshape(frame().shape) - HALF) > 1e-3].any()
    back = carry(gone.astype(np.uint8), frame().affine, atlas.keep.shape, atlas.affine, np.eye(4))
    edge = ndimage.binary_dilation(atlas.keep, iterations=2) & ~ndimage.binary_erosion(
        atlas.keep, iterations=2, border_value=1
    )
    np.testing.assert_array_equal((back >= HALF)[~edge], ~atlas.keep[~edge])


def test_ears_go_if_they_are_asked_for_and_always_with_the_strong_style() -> None:
    for place in EARS:
        x, y, z = voxel(place)
        auricle = np.zeros(frame().shape, bool)
        auricle[x - 3 : x + 4, y - 3 : y + 4, z - 3 : z + 4] = True
        auricle &= own_head()
        assert auricle.sum() > 50
        for strength in Strength:
            assert region(strength, ears=True)[auricle].mean() > 0.9
            strong = region(strength)[auricle].mean() > 0.9
            assert strong == (strength is Strength.STRONG)
        assert not region(Strength.STANDARD)[auricle].any()
    added = region(ears=True) & ~region()
    assert not (added & own_head())[27:-27].any(), "the middle of the head is no ear"
    assert far_from_brain()[added].min() > 10, "the skull stays"


def shares(gone: Bools, head: Bools | None = None, view: Bools | None = None) -> dict[str, float]:
    head = own_head() if head is None else head
    view = np.ones(head.shape, bool) if view is None else view
    return frame().parts_removed(head, gone, view)


def test_parts_are_gone_if_all_of_them_is() -> None:
    gone = np.ones(frame().shape, bool)
    assert shares(gone) == dict.fromkeys(PARTS, 1.0)
    assert shares(~gone) == dict.fromkeys(PARTS, 0.0)
    for strength in Strength:
        parts = shares(region(strength))
        assert parts["eyes"] > 0.97
        assert parts["nose"] > 0.97
    assert shares(region())["mouth"] > 0.97


@pytest.mark.parametrize(
    ("part", "place"), [("eyes", EYELIDS[0]), ("nose", NOSE_TIP), ("mouth", LIPS)]
)
def test_each_part_is_where_it_is(part: str, place: tuple[float, float, float]) -> None:
    gone = np.ones(frame().shape, bool)
    x, y, z = voxel(place)
    gone[x - 3 : x + 4, y - 5 : y + 6, z - 3 : z + 4] = False
    measured = shares(gone)
    assert measured.pop(part) < 0.99
    assert set(measured.values()) == {1.0}


def test_only_the_surface_counts() -> None:
    head = own_head()
    depth = np.cumsum(head[:, ::-1], axis=1)[:, ::-1]
    skin = head & (depth <= SURFACE_MM / ZOOM_MM + 1)
    assert min(shares(skin).values()) > 0.9
    deeper = head & (depth > 8 + SURFACE_MM / ZOOM_MM)
    assert max(shares(deeper).values()) < 0.2
    assert shares(~head) == dict.fromkeys(PARTS, 0.0)


def test_a_part_that_is_not_in_view_is_not_a_number() -> None:
    view = np.ones(frame().shape, bool)
    _, _, nose = voxel(NOSE_TIP)
    view[:, :, : nose - 2] = False
    measured = shares(region(), own_head() & view, view)
    assert np.isnan(measured["mouth"])
    assert measured["nose"] > 0.97
    nothing = shares(region(), np.zeros(view.shape, bool), view)
    assert all(np.isnan(share) for share in nothing.values())


def test_where_the_view_ends_within_the_head_there_is_no_surface() -> None:
    view = np.ones(frame().shape, bool)
    _, pole, _ = voxel(EYELIDS[0])
    view[:, pole - 8 :] = False
    cut = shares(np.zeros(view.shape, bool), own_head() & view, view)
    assert all(np.isnan(share) for share in cut.values())


def test_brain_that_lies_open_is_no_skin_if_that_is_asked_for() -> None:
    brain = frame().brain
    view = np.ones(brain.shape, bool)
    gone = np.zeros(brain.shape, bool)
    assert frame().parts_removed(brain, gone, view)["eyes"] == 0
    only = frame().parts_removed(brain, gone, view, skin_only=True)
    assert np.isnan(only["eyes"])
    head = frame().parts_removed(own_head(), gone, view, skin_only=True)
    assert head == dict.fromkeys(PARTS, 0.0)


def test_the_underside_of_the_chin_goes() -> None:
    x, y, z = voxel(LIPS)
    chin = z - 8
    head = own_head().copy()
    head[:, y - 34 :, :chin] = False  # a throat 68 mm behind the lips
    under = np.s_[x - 5 : x + 6, y - 30 : y - 25, chin : chin + 2]
    assert head[under].all()
    for strength in Strength:
        gone = frame().region(head, FaceStyle(strength=strength))
        assert gone[under].all() == (strength is not Strength.LIGHT)


def test_what_is_behind_is_behind_the_frontal_pole() -> None:
    pole = int(np.argwhere(frame().brain)[:, 1].max())
    for depth in (0.0, 50.0, 105.0):
        behind = frame().behind(depth)
        assert behind.shape == frame().shape
        rows = behind.all(axis=(0, 2))
        np.testing.assert_array_equal(rows, behind.any(axis=(0, 2)))
        assert abs(int(rows.sum()) - (pole - depth / ZOOM_MM)) <= 2.5
        assert rows[: int(rows.sum())].all()


def scaled(size: float) -> FaceFrame:
    atlas = coarse_atlas()
    grow = np.diag([size, size, size, 1.0])
    return FaceFrame(Atlas("scaled", atlas.head, atlas.keep, grow @ atlas.affine, atlas.brain))


def test_lengths_go_with_the_size_of_the_atlas_s_brain() -> None:
    adult, infant = scaled(1.0), scaled(0.7)
    sizes = []
    for one, affine in ((adult, np.eye(4)), (infant, np.diag([0.7, 0.7, 0.7, 1.0]))):
        atlas = coarse_atlas()
        head = one.head_in(atlas.head, affine @ atlas.affine, np.eye(4))
        gone = one.region(head, FaceStyle())
        sizes.append((gone & head).sum() / head.sum())
        assert min(one.parts_removed(head, gone, np.ones_like(head)).values()) > 0.97
        near = np.asarray(ndimage.distance_transform_edt(~one.brain)) * ZOOM_MM
        assert near[gone].min() > 0.65 * BRAIN_MARGIN_MM
    assert sizes[0] == pytest.approx(sizes[1], rel=0.12)
    rows = [one.behind(100).any(axis=(0, 2)).sum() - np.argwhere(one.brain)[:, 1].min()
            for one in (adult, infant)]  # fmt: skip
    assert rows[1] == pytest.approx(0.7 * rows[0], abs=1.5)
    moved: Affine = np.diag([0.7, 0.7, 0.7, 1.0])
    np.testing.assert_allclose(infant.landmarks, moved @ adult.landmarks, atol=3)
    assert apart(np.eye(4), np.eye(4)) == 0
