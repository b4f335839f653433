from __future__ import annotations

from dataclasses import asdict, fields, replace
from functools import lru_cache, partial

import numpy as np
import pytest

from bidsdeid.core.face import ZOOM_MM
from bidsdeid.core.facestyle import FaceStyle, MaskStyle, Strength
from bidsdeid.core.gates import GATES, FaceMetrics, Trust, failed_gates, is_sure
from bidsdeid.core.voxels import Affine, Bools, Floats, look_up
from bidsdeid.errors import GateError
from heads import NOSE_TIP, Array, at, frame, judge, mask_for, move, person, subject

SENTENCE = {gate.metric: gate.sentence for gate in GATES}
HERE = np.eye(4)


@lru_cache(maxsize=1)
def right() -> tuple[Bools, FaceMetrics]:
    """Return the mask of the subject and what there is to say of it."""
    remove = mask_for(*subject(), HERE)
    return remove, judge().measure(*subject(), remove, subject()[1], HERE)


def measure(remove: Bools) -> FaceMetrics:
    """Measure a mask of the subject, without asking again what the subject is like."""
    volume, affine = subject()
    metrics = judge().measure(volume, affine, remove, affine, HERE, compare=False)
    return replace(metrics, likeness=right()[1].likeness, lead=right()[1].lead)


def test_a_head_in_its_place_passes_and_is_sure() -> None:
    _, metrics = right()
    assert failed_gates(metrics) == ()
    assert is_sure(metrics)
    assert metrics.smallest_scale == pytest.approx(1)
    assert metrics.largest_scale == pytest.approx(1)
    assert metrics.stretch == pytest.approx(1)
    assert metrics.head_overlap > 0.97
    assert metrics.likeness > 0.9
    assert 0.05 < metrics.removed_share < 0.2


@pytest.mark.parametrize(
    ("moved", "zoom"), [(move(pitch=25, yaw=-10, shift=(30, 40, 50), size=0.95), 2.0),
                        (move(roll=15, size=(1.0, 1.08, 1.0)), 4.0)],
)  # fmt: skip
def test_a_head_elsewhere_passes_if_that_is_known(moved: Array, zoom: float) -> None:
    volume, affine = person(moved, zoom=zoom, noise=10)
    to_atlas = np.linalg.inv(moved)
    remove = mask_for(volume, affine, to_atlas)
    metrics = judge().measure(volume, affine, remove, affine, to_atlas)
    assert failed_gates(metrics) == ()
    scales = np.linalg.norm(moved[:3, :3], axis=0)
    assert metrics.smallest_scale == pytest.approx(scales.min())
    assert metrics.largest_scale == pytest.approx(scales.max())
    assert metrics.stretch == pytest.approx(scales.max() / scales.min())


def turned(diagonal: list[float]) -> Array:
    """Return the mirroring or sizing of a head about its middle."""
    about = move()
    about[:3, :3] = np.diag(diagonal)
    about[:3, 3] = [0, 5 * (1 - diagonal[1]), 0]
    return about


@pytest.mark.parametrize(
    ("to_atlas", "metric"),
    [
        (turned([1, -1, 1]), "lead"),
        (move(pitch=90), "lead"),
        (move(shift=(0, 40, 0)), "head_overlap"),
        (move(shift=(0, 0, -60)), "head_overlap"),
        (move(shift=(900, 0, 0)), "likeness"),
        (move(size=2), "smallest_scale"),
        (move(size=0.6), "largest_scale"),
        (turned([1, 1.6, 1]), "stretch"),
    ],
    ids=["back to front", "on its back", "too far back", "too low",
         "out of view", "tiny", "huge", "stretched"],
)  # fmt: skip
def test_a_wrong_position_does_not_pass(to_atlas: Array, metric: str) -> None:
    volume, affine = subject()
    remove = mask_for(volume, affine, to_atlas)
    compare = metric in ("likeness", "lead")
    metrics = judge().measure(volume, affine, remove, affine, to_atlas, compare=compare)
    assert SENTENCE[metric] in failed_gates(metrics)


def test_a_mask_that_removes_nothing_fails_every_gate_of_the_face() -> None:
    remove, _ = right()
    failed = failed_gates(measure(np.zeros_like(remove)))
    wanted = ["removed_share", "eyes_removed", "nose_removed", "mouth_removed"]
    assert set(failed) == {SENTENCE[metric] for metric in wanted}


def test_a_mask_that_removes_everything_fails_the_gates_of_the_rest() -> None:
    remove, _ = right()
    metrics = measure(np.ones_like(remove))
    wanted = ["removed_share", "brain_removed", "behind_removed"]
    assert set(failed_gates(metrics)) == {SENTENCE[metric] for metric in wanted}
    assert metrics.removed_share > 0.98
    assert metrics.brain_removed == 1


def test_a_nose_that_stays_is_seen() -> None:
    remove = right()[0].copy()
    x, y, z = np.round(at(np.linalg.inv(subject()[1]), NOSE_TIP)).astype(int).tolist()
    remove[x - 6 : x + 7, y - 9 : y + 3, z : z + 12] = False
    assert failed_gates(measure(remove)) == (SENTENCE["nose_removed"],)


def test_a_bit_of_brain_that_goes_is_seen() -> None:
    remove = right()[0].copy()
    inside = frame().affine @ [*np.argwhere(frame().brain).mean(axis=0), 1]
    x, y, z = np.round((np.linalg.inv(subject()[1]) @ inside)[:3]).astype(int).tolist()
    remove[x - 1 : x + 2, y + 5 : y + 8, z - 1 : z + 2] = True
    metrics = measure(remove)
    assert failed_gates(metrics) == (SENTENCE["brain_removed"],)
    share = 9.0**3 / (frame().brain.sum() * ZOOM_MM**3)
    assert metrics.brain_removed == pytest.approx(share, rel=0.3)


def test_scalp_behind_the_ears_that_goes_is_seen() -> None:
    remove = right()[0].copy()
    volume, affine = subject()
    places = np.tensordot(affine[:3, :3], np.indices(volume.shape), 1)
    places += affine[:3, 3, None, None, None]
    remove[places[1] < -75] = True
    metrics = measure(remove)
    assert metrics.behind_removed > 0.02
    assert SENTENCE["behind_removed"] in failed_gates(metrics)


@pytest.mark.parametrize(
    "style", [*map(partial(FaceStyle, MaskStyle.FACE), Strength), FaceStyle(ears=True)], ids=str
)
def test_every_style_passes(style: FaceStyle) -> None:
    assert failed_gates(measure(mask_for(*subject(), HERE, style))) == ()


def test_pydeface_s_own_mask_passes_as_what_was_asked_for() -> None:
    remove = mask_for(*subject(), HERE, FaceStyle(MaskStyle.PYDEFACE))
    assert failed_gates(measure(remove), as_given=True) == ()
    assert failed_gates(measure(remove)) == (SENTENCE["eyes_removed"],)


def cut(part: tuple[slice, slice, slice]) -> tuple[Floats, Affine]:
    """Return a part of the subject's image."""
    volume, affine = subject()
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [piece.start or 0 for piece in part]
    return volume[part], moved


def test_what_is_not_in_view_is_not_missed() -> None:
    _, _, brow = np.round(np.linalg.inv(subject()[1]) @ [0, 100, -15, 1])[:3].astype(int)
    volume, affine = cut((slice(None), slice(None), slice(int(brow), None)))
    remove = mask_for(volume, affine, HERE)
    metrics = judge().measure(volume, affine, remove, affine, HERE, compare=False)
    assert metrics.mouth_removed == 1
    assert metrics.nose_removed == 1
    assert metrics.head_overlap > 0.95
    none = judge().measure(volume, affine, np.zeros_like(remove), affine, HERE, compare=False)
    assert (none.mouth_removed, none.nose_removed) == (1, 1)


def test_brain_that_is_not_in_view_is_not_removed() -> None:
    _, _, eyes = np.round(np.linalg.inv(subject()[1]) @ [0, 80, -26, 1])[:3].astype(int)
    volume, affine = cut((slice(None), slice(None), slice(None, int(eyes) - 3)))
    remove = mask_for(volume, affine, HERE)
    metrics = judge().measure(volume, affine, remove, affine, HERE, compare=False)
    assert metrics.brain_removed == 0


def test_a_mask_on_a_finer_grid_than_the_copy_measures_the_same() -> None:
    volume, affine = subject()
    shape, grid = (230, 276, 184), affine @ np.diag([0.4, 1 / 3, 0.5, 1.0])
    grid[:3, 3] = affine[:3, 3]
    seen = frame().view_of(volume, affine, HERE).sure_head()
    fine = look_up(frame().region(seen, FaceStyle()), frame().affine, shape, grid, HERE)
    metrics = judge().measure(volume, affine, fine, grid, HERE, compare=False)
    for name, value in asdict(right()[1]).items():
        if name not in ("likeness", "lead"):
            assert getattr(metrics, name) == pytest.approx(value, abs=0.02)


def test_a_view_that_is_at_hand_is_used() -> None:
    volume, affine = subject()
    remove, metrics = right()
    seen = frame().view_of(volume, affine, HERE)
    again = judge().measure(volume, affine, remove, affine, HERE, compare=False, seen=seen)
    assert replace(again, likeness=metrics.likeness, lead=metrics.lead) == metrics
    empty = judge().measure(
        volume, affine, remove, affine, HERE, compare=False, seen=replace(seen, tissue=1e9)
    )
    assert empty.removed_share == 0


def test_a_brain_without_skin_needs_no_skin_removed_if_its_place_is_known() -> None:
    volume, affine = subject()
    brain = look_up(frame().brain, frame().affine, volume.shape, affine, HERE)
    bare = np.where(brain, volume, 0)
    remove = np.zeros(volume.shape, bool)
    plain, carried = (
        judge().measure(
            bare,
            affine,
            remove,
            affine,
            HERE,
            compare=False,
            trust=Trust.KNOWN if known else Trust.FOUND,
        )
        for known in (False, True)
    )
    assert plain.eyes_removed == 0
    assert carried.eyes_removed == 1


def test_what_is_not_compared_is_not_a_number_and_does_not_pass() -> None:
    volume, affine = subject()
    metrics = judge().measure(volume, affine, right()[0], affine, HERE, compare=False)
    assert np.isnan([metrics.likeness, metrics.lead]).all()
    assert set(failed_gates(metrics)) == {SENTENCE["likeness"], SENTENCE["lead"]}
    assert failed_gates(metrics, Trust.KNOWN) == ()
    assert not is_sure(metrics)


@pytest.mark.parametrize("value", [0, 9])
def test_an_empty_image_has_no_metrics(value: float) -> None:
    volume, affine = subject()
    with pytest.raises(GateError):
        judge().measure(np.full_like(volume, value), affine, right()[0], affine, HERE)


def test_noise_does_not_pass() -> None:
    volume, affine = subject()
    noise = np.random.default_rng(0).random(volume.shape, dtype=np.float32)
    metrics = judge().measure(noise, affine, right()[0], affine, HERE)
    assert SENTENCE["likeness"] in failed_gates(metrics)


def test_all_metrics_are_plain_numbers() -> None:
    for field in fields(FaceMetrics):
        assert type(getattr(right()[1], field.name)) is float
