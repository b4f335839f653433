from __future__ import annotations

from dataclasses import asdict, fields, replace
from functools import lru_cache
from math import isnan

import numpy as np
import pytest

from bidsdeid.core.face import FaceFrame
from bidsdeid.core.facestyle import FaceStyle, MaskStyle
from bidsdeid.core.head import behind_front
from bidsdeid.core.proof import IN_VIEW, SKIN, ProofJudge, ProofNumbers
from bidsdeid.core.voxels import Affine, Bools, Stored, look_up
from bidsdeid.core.zones import ray_parts
from bidsdeid.errors import GateError, ImageError
from bidsdeid.resources import pydeface_atlas
from heads import EYELIDS, LIPS, Array, at, frame, mask_for, move, person, subject

HERE = np.eye(4)
PARTS = ("eyes", "nose", "mouth")


@lru_cache(maxsize=1)
def proof_judge() -> ProofJudge:
    return ProofJudge(frame())


@lru_cache(maxsize=1)
def right() -> Bools:
    remove = mask_for(*subject(), HERE)
    remove.flags.writeable = False
    return remove


def without(volume: Stored, remove: Bools, fill: float = 0) -> Stored:
    after = volume.copy()
    after[remove] = fill
    return after


def numbers_of(remove: Bools) -> ProofNumbers:
    volume, affine = subject()
    return proof_judge().measure(volume, without(volume, remove), affine, HERE).numbers


@lru_cache(maxsize=1)
def good() -> ProofNumbers:
    return numbers_of(right())


def test_a_face_that_is_gone_is_gone() -> None:
    numbers = good()
    assert numbers.removed_voxels == right().sum()
    assert (numbers.brain_voxels, numbers.brain_mm3) == (0, 0)
    for part in PARTS:
        assert getattr(numbers, f"{part}_removed") > 0.99
        assert getattr(numbers, f"{part}_left") < 0.02
    assert numbers.ears_removed < 0.1
    assert numbers.face_before > 0.9
    assert 0.05 < numbers.head_removed < 0.2
    assert numbers.behind_removed == 0
    assert numbers.stray_removed < 0.02
    assert numbers.brain_distance_mm >= 4
    assert numbers.likeness > 0.8
    assert numbers.off_mm == 0
    assert numbers.lead > 0.2


def test_an_untouched_head_shows_its_face() -> None:
    numbers = numbers_of(np.zeros_like(right()))
    assert numbers.removed_voxels == 0
    for part in PARTS:
        assert getattr(numbers, f"{part}_removed") == 0
        assert getattr(numbers, f"{part}_left") > 0.8
    assert numbers.head_removed == 0
    assert isnan(numbers.brain_distance_mm)


def stored(volume: Stored, affine: Affine, order: tuple[int, ...]) -> tuple[Stored, Affine]:
    """Store an image with its axes in another order, the first of them turned round."""
    turn = np.zeros((4, 4))
    turn[3, 3] = 1
    for new, old in enumerate(order):
        turn[old, new] = 1
    turn[order[0], 0], turn[order[0], 3] = -1, volume.shape[order[0]] - 1
    return volume.transpose(order)[::-1], affine @ turn


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_how_an_image_is_stored_does_not_matter(order: tuple[int, ...]) -> None:
    volume, affine = subject()
    (before, grid), (after, _) = (
        stored(image, affine, order) for image in (volume, without(volume, right()))
    )
    numbers = proof_judge().measure(before, after, grid, HERE).numbers
    for name, value in asdict(good()).items():
        assert getattr(numbers, name) == pytest.approx(value, abs=0.02 + 0.3 * (value > 3))


@pytest.mark.parametrize("moved", [move(pitch=20, yaw=-15, shift=(30, 20, -40), size=0.93),
                                   move(roll=12, size=(1.0, 1.08, 1.0))])  # fmt: skip
def test_a_head_elsewhere_is_measured_where_it_is(moved: Array) -> None:
    volume, affine = person(moved, zoom=2.5, noise=10)
    to_atlas = np.linalg.inv(moved)
    after = without(volume, mask_for(volume, affine, to_atlas))
    numbers = proof_judge().measure(volume, after, affine, to_atlas).numbers
    assert min(numbers.eyes_removed, numbers.nose_removed, numbers.mouth_removed) > 0.98
    assert max(numbers.eyes_left, numbers.nose_left, numbers.mouth_left) < 0.03
    assert (numbers.brain_voxels, numbers.off_mm) == (0, 0)
    assert numbers.stray_removed < 0.03


@pytest.mark.parametrize(
    ("way", "number", "least"),
    [((0, -20, 0), "brain_mm3", 5000), ((0, 0, 20), "brain_mm3", 2000),
     ((0, 30, 0), "eyes_left", 0.5), ((0, 0, -30), "eyes_left", 0.3),
     ((30, 0, 0), "eyes_left", 0.1),
     ((0, -150, 0), "behind_removed", 0.3), ((0, -40, 0), "stray_removed", 0.2)],
    ids=["back", "up", "forward", "down", "sideways", "far back", "back into the head"],
)  # fmt: skip
def test_a_mask_that_moved_on_its_way_shows(
    way: tuple[float, float, float], number: str, least: float
) -> None:
    _, affine = subject()
    moved = np.eye(4)
    moved[:3, 3] = way
    remove = look_up(np.pad(right(), 60), affine @ padding(60), right().shape,
                     np.linalg.inv(moved) @ affine, HERE)  # fmt: skip
    assert getattr(numbers_of(remove), number) > least
    assert getattr(good(), number) < 0.05


def padding(voxels: int) -> Affine:
    before = np.eye(4)
    before[:3, 3] = -voxels
    return before


def test_a_face_that_is_dimmed_is_still_there() -> None:
    volume, affine = subject()
    after = volume.copy()
    after[right()] *= 0.6
    numbers = proof_judge().measure(volume, after, affine, HERE).numbers
    assert numbers.nose_removed > 0.99
    assert min(numbers.eyes_left, numbers.nose_left, numbers.mouth_left) > 0.5


def test_noise_in_the_place_of_a_face_is_no_face() -> None:
    volume, affine = subject()
    after = volume.copy()
    after[right()] = np.random.default_rng(1).rayleigh(5, int(right().sum()))
    numbers = proof_judge().measure(volume, after, affine, HERE).numbers
    assert min(numbers.eyes_removed, numbers.nose_removed, numbers.mouth_removed) > 0.99
    assert max(numbers.eyes_left, numbers.nose_left, numbers.mouth_left) < 0.03


def brain_blob() -> Bools:
    """Mark a centimetre cube in the middle of the atlas's brain."""
    volume, affine = subject()
    inside = frame().affine @ [*np.argwhere(frame().brain).mean(axis=0), 1]
    x, y, z = np.round((np.linalg.inv(affine) @ inside)[:3]).astype(int).tolist()
    blob = np.zeros(volume.shape, bool)
    blob[x - 1 : x + 2, y + 5 : y + 8, z - 1 : z + 2] = True
    return blob


def test_a_bit_of_brain_that_goes_is_counted() -> None:
    numbers = numbers_of(right() | brain_blob())
    assert numbers.brain_mm3 == pytest.approx(27 * 27)
    assert numbers.brain_voxels == 27
    assert numbers.brain_distance_mm == 0


def test_the_image_s_own_brain_counts_beside_the_atlas_s() -> None:
    volume, affine = subject()
    brain = np.zeros(volume.shape, bool)
    x, y, z = np.argwhere(right() & (volume > 100))[0].tolist()
    brain[x, y, z] = True
    after = without(volume, right())
    numbers = proof_judge().measure(volume, after, affine, HERE, brain=brain).numbers
    assert (numbers.brain_voxels, numbers.brain_mm3) == (1, pytest.approx(27))


def test_ears_are_reported_apart() -> None:
    numbers = numbers_of(mask_for(*subject(), HERE, FaceStyle(ears=True)))
    assert numbers.ears_removed > 0.9
    assert numbers.stray_removed < 0.02


def series(done: int) -> tuple[Stored, Stored]:
    volume = subject()[0].astype(np.int16)
    before = np.stack([volume, volume + 1, volume + 2], axis=-1)
    after = before.copy()
    after[right(), :done] = 0
    return before, after


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_series_of_which_some_volumes_were_done_is_not_done(done: int) -> None:
    numbers = proof_judge().measure(*series(done), subject()[1], HERE).numbers
    assert numbers.removed_voxels == 0
    assert numbers.nose_removed == 0


def test_a_series_that_was_done_is_done() -> None:
    numbers = proof_judge().measure(*series(3), subject()[1], HERE).numbers
    assert numbers.removed_voxels == right().sum()
    assert numbers.nose_removed > 0.99


def test_dark_that_is_stored_as_bright_is_seen_as_it_is() -> None:
    volume, affine = subject()
    after = without(volume, right())
    numbers = proof_judge().measure(-volume, -after, affine, HERE, slope=-1.0).numbers
    assert asdict(numbers) == pytest.approx(asdict(good()), nan_ok=True)


def test_an_image_without_an_outline_is_measured_where_the_atlas_has_its_face() -> None:
    volume, affine = subject()
    phase = np.random.default_rng(2).uniform(-3, 3, volume.shape).astype(np.float32)
    for remove, share in ((right(), 1), (np.zeros_like(right()), 0)):
        numbers = (
            proof_judge()
            .measure(phase, without(phase, remove, 9), affine, HERE, outlined=False)
            .numbers
        )
        for part in PARTS:
            assert getattr(numbers, f"{part}_removed") == pytest.approx(share, abs=0.03)
            assert isnan(getattr(numbers, f"{part}_left"))
        assert isnan(numbers.likeness)


def test_what_is_not_in_view_is_not_known() -> None:
    volume, affine = subject()
    _, _, brow = np.round(np.linalg.inv(affine) @ [0, 100, -15, 1])[:3].astype(int)
    grid = affine.copy()
    grid[:3, 3] += affine[:3, 2] * brow
    upper, after = (x[..., int(brow) :] for x in (volume, without(volume, right())))
    proof = proof_judge().measure(upper, after, grid, HERE)
    rounded = proof.numbers.rounded()
    assert (rounded["mouth_removed"], rounded["nose_left"]) == (None, None)
    assert rounded["brain_voxels"] == 0
    assert set(rounded) == {field.name for field in fields(ProofNumbers)}
    assert not (proof.rays[:, 0] & IN_VIEW).any()


@pytest.mark.parametrize("way", [(20, 0, 0), (0, 20, 0), (0, 0, 20), (0, -20, 0), (0, 0, -20)])
def test_a_place_that_is_wrong_is_doubted(way: tuple[float, float, float]) -> None:
    volume, affine = subject()
    wrong = move(shift=way)
    after = without(volume, mask_for(volume, affine, wrong))
    numbers = proof_judge().measure(volume, after, affine, wrong).numbers
    assert numbers.off_mm > 12
    assert numbers.likeness < 0.5


def test_a_head_that_is_believed_to_face_backwards_is_doubted() -> None:
    volume, affine = subject()
    wrong = move(yaw=180)
    after = without(volume, mask_for(volume, affine, wrong))
    assert proof_judge().measure(volume, after, affine, wrong).numbers.lead < 0


def test_a_brain_without_skin_is_not_asked_for_its_skin() -> None:
    volume, affine = subject()
    brain = look_up(frame().brain, frame().affine, volume.shape, affine, HERE)
    bare = np.where(brain, volume, np.float32(0))
    assert isnan(proof_judge().measure(bare, bare, affine, HERE).numbers.eyes_removed)


def test_what_lies_under_skin_that_is_gone_is_no_skin() -> None:
    """A face may lie before the atlas's: what is left of it then lies where the atlas has skin."""
    volume, affine = subject()
    forward = move(shift=(0, 12, 0))
    shallow = mask_for(volume, affine, forward, FaceStyle(MaskStyle.PYDEFACE))
    seen = frame().view_of(volume, affine, forward).sure_head()
    skin = frame().region(seen, FaceStyle()) & (behind_front(seen) < 5)
    after = without(volume, shallow | look_up(skin, frame().affine, volume.shape, affine, forward))
    proof = proof_judge().measure(volume, after, affine, forward)
    assert proof.numbers.eyes_left > 0.2
    assert (proof.rays[:, ray_parts()["eyes"]] & SKIN > 0).mean() < 0.05


def test_rays_tell_where_skin_is_shown() -> None:
    volume, affine = subject()
    whole = proof_judge().measure(volume, volume, affine, HERE).rays
    gone = proof_judge().measure(volume, without(volume, right()), affine, HERE).rays
    known = (gone & IN_VIEW) > 0
    assert np.array_equal(known, (whole & IN_VIEW) > 0)
    assert known.mean() > 0.6
    assert (whole[known] & SKIN > 0).mean() > 0.8
    assert (gone[known] & SKIN > 0).mean() < 0.02


def test_a_cut_surface_is_no_skin() -> None:
    """An image that comes without a face shows none, though nothing of it changes."""
    volume, affine = subject()
    cut = without(volume, right())
    rays = proof_judge().measure(cut, cut, affine, HERE).rays
    assert (rays & SKIN > 0).mean() < 0.05


@pytest.mark.parametrize(("place", "ray"), [(LIPS, (30, 21)), (EYELIDS[1], (46, 57))])
def test_rays_lie_where_the_face_is(
    place: tuple[float, float, float], ray: tuple[int, int]
) -> None:
    volume, affine = subject()
    remove = right().copy()
    x, _, z = np.round(at(np.linalg.inv(affine), place)).astype(int).tolist()
    remove[x - 4 : x + 5, :, z - 4 : z + 5] = False
    rays = proof_judge().measure(volume, without(volume, remove), affine, HERE).rays
    shown = np.argwhere(rays & SKIN)
    assert len(shown) > 40, "skin that stays is shown"
    assert np.abs(shown.mean(axis=0) - ray).max() < 3


def test_a_small_head_on_an_atlas_of_its_size_is_measured_alike() -> None:
    atlas = pydeface_atlas()
    small = FaceFrame(replace(atlas, affine=np.diag([0.7, 0.7, 0.7, 1]) @ atlas.affine))
    volume, affine = subject()
    after = without(volume, right())
    grid = np.diag([0.7, 0.7, 0.7, 1]) @ affine
    proof = ProofJudge(small).measure(volume, after, grid, HERE)
    for name in ("eyes_removed", "nose_removed", "mouth_removed", "eyes_left", "off_mm",
                 "face_before", "head_removed", "stray_removed", "likeness"):  # fmt: skip
        assert getattr(proof.numbers, name) == pytest.approx(getattr(good(), name), abs=0.06), name
    full = proof_judge().measure(volume, after, affine, HERE)
    assert (proof.rays == full.rays).mean() > 0.9


def test_images_of_different_shape_are_refused() -> None:
    volume, affine = subject()
    with pytest.raises(ImageError):
        proof_judge().measure(volume, volume[1:], affine, HERE)


def test_an_empty_image_is_refused() -> None:
    volume, affine = subject()
    with pytest.raises(GateError):
        proof_judge().measure(np.zeros_like(volume), volume, affine, HERE)


def test_an_image_without_an_outline_may_have_been_blank_where_the_face_is() -> None:
    volume, affine = subject()
    phase = np.random.default_rng(2).uniform(-3, 3, volume.shape).astype(np.float32)
    phase[volume < np.percentile(volume, 75)] = 0
    phase[right() & (np.indices(volume.shape)[0] % 2 == 0)] = 0
    after = without(phase, right(), 0)
    numbers = proof_judge().measure(phase, after, affine, HERE, outlined=False).numbers
    for part in PARTS:
        assert getattr(numbers, f"{part}_removed") == pytest.approx(1, abs=0.03)
    assert numbers.brain_mm3 == 0, "what was blank in the brain before is not cut"
    untouched = proof_judge().measure(phase, phase, affine, HERE, outlined=False).numbers
    assert max(getattr(untouched, f"{part}_removed") for part in PARTS) < 0.95
