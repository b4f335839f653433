from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
import pytest
from scipy import ndimage

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.face import FaceFrame
from bidsdeid.core.facemaking import FaceMaker, MadeMask, _ratio
from bidsdeid.core.head import bright_body, filled
from bidsdeid.core.maskfigures import CHECKS, MaskFigures, failed_checks
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, downsample
from bidsdeid.errors import GateError, UsageError
from bidsdeid.resources import pydeface_atlas
from heads import CROWN, EYELIDS, LIPS, NOSE_TIP, OCCIPUT

#: Voxel size of pydeface's head here, before it is made smaller.
ZOOM_MM = 3.0


@lru_cache(maxsize=1)
def adult() -> Atlas:
    atlas = pydeface_atlas()
    assert atlas.brain is not None
    head, affine = downsample(atlas.head, atlas.affine, ZOOM_MM)
    keep, brain = (downsample(m, atlas.affine, ZOOM_MM)[0] for m in (atlas.keep, atlas.brain))
    return Atlas("adult", head, keep >= HALF, affine, brain >= HALF)


@lru_cache(maxsize=1)
def maker() -> FaceMaker:
    return FaceMaker(adult())


def grown(size: float) -> Affine:
    return np.diag([size, size, size, 1.0])


def child(contrast: str = "T1w", size: float = 0.7) -> tuple[Floats, Affine, Bools]:
    """Return a head like a template's, and its brain."""
    small = adult()
    assert small.brain is not None
    head = small.head
    if contrast == "T2w":
        top = np.float32(np.percentile(head, 99))
        head = np.where(filled(bright_body(head)), 1.1 * top - np.minimum(head, top), 0.3 * head)
    blurred = ndimage.gaussian_filter(head, 0.5)
    return blurred, grown(size) @ small.affine, small.brain.copy()


@lru_cache(maxsize=4)
def made(contrast: str = "T1w", size: float = 0.7) -> MadeMask:
    return maker().make(*child(contrast, size))


def ray(mask: Bools, affine: Affine, place: tuple[float, float, float], size: float) -> Bools:
    """Return the line of voxels through a place on an adult's head, from the front to the back."""
    x, _, z = np.rint(np.linalg.solve(affine, [*(np.array(place) * size), 1.0])[:3]).astype(int)
    return mask[x, ::-1, z]


CHILDREN = [("T1w", 0.7), ("T2w", 0.7), ("T1w", 0.85), ("T1w", 1.0)]


@pytest.mark.parametrize(("contrast", "size"), CHILDREN)
def test_the_mask_has_the_face_and_nothing_else(contrast: str, size: float) -> None:
    result, (head, affine, brain) = made(contrast, size), child(contrast, size)
    assert failed_checks(result.figures) == ()
    tissue = bright_body(head)
    for place in (NOSE_TIP, LIPS, *EYELIDS):
        surface = int(np.argmax(ray(tissue, affine, place, size)))
        assert ray(result.face, affine, place, size)[: surface + 3].all(), place
    middle = np.argwhere(brain).mean(axis=0)
    assert not result.face[:, : int(middle[1])].any()
    assert not result.face[:, :, int(middle[2]) + 5 :].any()


@pytest.mark.parametrize(("contrast", "size"), CHILDREN)
def test_nothing_within_5_mm_of_the_brain(contrast: str, size: float) -> None:
    face, (_, affine, brain) = made(contrast, size).face, child(contrast, size)
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    reach = [np.arange(-np.ceil(5 / zoom), np.ceil(5 / zoom) + 1) * zoom for zoom in zooms]
    ball = np.sum(np.array(np.meshgrid(*reach, indexing="ij")) ** 2, axis=0) <= 5.0**2
    assert not face[ndimage.binary_dilation(brain, ball)].any()


def test_the_brain_decides_where_the_face_is() -> None:
    result = made("T2w")
    np.testing.assert_allclose(result.to_template, grown(0.7), atol=4.0)
    at = np.array([[*EYELIDS[0], 1.0], [*CROWN, 1.0], [*OCCIPUT, 1.0]]).T
    apart = np.linalg.norm((result.to_template @ at - grown(0.7) @ at)[:3], axis=0)
    assert apart.max() < 2.0
    assert result.figures.brain_overlap > 0.97
    assert result.figures.smallest_scale == pytest.approx(0.7, abs=0.03)
    assert result.figures.largest_scale == pytest.approx(0.7, abs=0.03)


def test_what_the_carried_mask_leaves_of_eyes_and_brow_is_added() -> None:
    head, affine, brain = child()
    face = made().face
    frame = FaceFrame(Atlas("", head, adult().keep, affine, brain))
    seen = frame.head_in(head, affine, np.eye(4))
    gone = ~adult().keep
    from_base = _parts(frame, seen, gone, affine)["eyes"]
    assert from_base < 0.9
    assert _parts(frame, seen, face, affine)["eyes"] >= 0.95


def _parts(frame: FaceFrame, seen: Bools, gone: Bools, affine: Affine) -> dict[str, float]:
    """Return the shares of the surface that are gone, each voxel from the nearest."""
    to_grid = np.linalg.inv(affine) @ frame.affine
    index = np.indices(frame.shape).reshape(3, -1)
    at = np.rint(to_grid[:3, :3] @ index + to_grid[:3, 3:]).astype(int)
    inside = ((at >= 0) & (at < np.array(gone.shape)[:, None])).all(axis=0)
    carried, view = np.zeros((2, index.shape[1]), bool)
    carried[inside] = gone[tuple(at[:, inside])]
    view[inside] = True
    shape = frame.shape
    return frame.parts_removed(seen, carried.reshape(shape), view.reshape(shape))


def test_a_template_that_ends_at_the_nose() -> None:
    head, affine, brain = child()
    bottom = int(np.flatnonzero(brain.any(axis=(0, 1)))[0])
    cut = slice(bottom, None)
    shift = np.eye(4)
    shift[2, 3] = bottom
    result = maker().make(head[:, :, cut], affine @ shift, brain[:, :, cut])
    assert failed_checks(result.figures) == ()
    assert np.isnan(result.figures.mouth_removed)
    assert result.figures.rounded()["mouth_removed"] is None
    assert (result.face == made().face[:, :, cut])[:, :, 3:].mean() > 0.99


def test_a_template_without_a_face_fails() -> None:
    head, affine, brain = child()
    gone = head.copy()
    front = int(np.flatnonzero(brain.any(axis=(0, 2)))[-1])
    cut = slice(None, front - 6)  # all there is before the brain, and some of that
    result = maker().make(gone[:, cut], affine, brain[:, cut])
    assert "the skin over the eyes is not in view or stays" in failed_checks(result.figures)


@pytest.mark.parametrize(
    ("shift", "sentence"),
    [
        ((0, 0, 12), "does not lie in the template's head"),
        ((0, 12, 0), "too near to the face's skin"),
    ],
)
def test_a_brain_mask_in_another_place_fails(shift: tuple[int, int, int], sentence: str) -> None:
    head, affine, brain = child()
    moved = np.roll(brain, shift, axis=(0, 1, 2))
    failed = failed_checks(maker().make(head, affine, moved).figures)
    assert any(sentence in words for words in failed), failed


def test_skin_that_must_be_spared_is_told_apart_from_skin_that_stays() -> None:
    head, affine, brain = child()
    wider = ndimage.binary_dilation(brain, iterations=4)
    result = maker().make(head, affine, wider)
    assert failed_checks(result.figures) == ()
    assert 0.06 < result.figures.surface_spared < 0.2
    frame = FaceFrame(Atlas("", head, ~result.face, affine, wider))
    seen = frame.head_in(head, affine, np.eye(4))
    assert _parts(frame, seen, result.face, affine)["eyes"] < 0.95


def test_a_share_is_never_above_1_by_rounding() -> None:
    assert 0.1 / (1 - 0.9) > 1.0
    assert _ratio(0.1, 1 - 0.9) == 1.0
    assert np.isnan(_ratio(float("nan"), float("nan")))
    assert _ratio(0.0, 0.0) == 0.0


def test_half_a_brain_fails() -> None:
    head, affine, brain = child()
    brain[: brain.shape[0] // 2] = False
    failed = failed_checks(maker().make(head, affine, brain).figures)
    assert "the adult's brain does not fit the template's brain mask" in failed


def test_a_head_the_size_of_a_mouse_fails() -> None:
    failed = failed_checks(maker().make(*child(size=0.3)).figures)
    assert "the template's brain is not of a human's size" in failed


def test_left_and_right_may_be_stored_either_way() -> None:
    head, affine, brain = child()
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = head.shape[0] - 1
    result = maker().make(head[::-1], affine @ flip, brain[::-1])
    assert failed_checks(result.figures) == ()
    assert (result.face[::-1] == made().face).mean() > 0.999


@pytest.mark.parametrize("axis", [1, 2])
def test_other_axes_are_refused(axis: int) -> None:
    head, affine, brain = child()
    signs = np.ones(4)
    signs[axis] = -1
    flip = np.diag(signs)
    flip[axis, 3] = head.shape[axis] - 1
    flipped = np.flip(head, axis), affine @ flip, np.flip(brain, axis)
    with pytest.raises(UsageError, match="reorient its files to RAS"):
        maker().make(*flipped)
    with pytest.raises(UsageError, match="reorient its files to RAS"):
        maker().make(head.swapaxes(0, axis), affine[:, _swapped(axis)], brain.swapaxes(0, axis))


def _swapped(axis: int) -> list[int]:
    order = [0, 1, 2, 3]
    order[0], order[axis] = axis, 0
    return order


def test_an_empty_head_is_refused() -> None:
    head, affine, brain = child()
    with pytest.raises(GateError, match="empty"):
        maker().make(head * 0, affine, brain)


def test_an_adult_without_a_brain_is_refused() -> None:
    with pytest.raises(UsageError, match="without a brain mask"):
        FaceMaker(replace(adult(), brain=None))


GOOD = MaskFigures(
    brain_overlap=0.95,
    smallest_scale=0.8,
    largest_scale=0.9,
    brain_in_head=1.0,
    margin_removed=0.0,
    landmarks_removed=1.0,
    eyes_removed=1.0,
    nose_removed=1.0,
    mouth_removed=1.0,
    surface_spared=0.05,
    removed_share=0.09,
    behind_removed=0.0,
)


def test_there_is_a_check_of_every_figure() -> None:
    assert failed_checks(GOOD) == ()
    assert {check.metric for check in CHECKS} == set(asdict(GOOD))
    assert all(check.origin for check in CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.metric)
def test_each_check_can_fail(check: object) -> None:
    (one,) = (c for c in CHECKS if c is check)
    for value in (one.least - 0.01, one.most + 0.01):
        assert failed_checks(replace(GOOD, **{one.metric: value})) == (one.sentence,)
    passes = one.metric in {"nose_removed", "mouth_removed"}
    unknown = failed_checks(replace(GOOD, **{one.metric: float("nan")}))
    assert unknown == (() if passes else (one.sentence,))
