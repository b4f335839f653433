from __future__ import annotations

from dataclasses import fields, replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.gates import GATES, FaceJudge, FaceMetrics, failed_gates
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, carry, downsample
from bidsdeid.errors import GateError
from bidsdeid.resources import pydeface_atlas

GOOD = FaceMetrics(1.0, 1.08, 1.08, 0.95, 0.6, 0.3, 0.12, 0.99)
METRICS = [field.name for field in fields(FaceMetrics)]


def test_a_good_mask_passes() -> None:
    assert failed_gates(GOOD) == ()


def test_every_metric_has_its_gate_and_every_gate_its_origin() -> None:
    assert [gate.metric for gate in GATES] == METRICS
    assert all(gate.origin and gate.least < gate.most for gate in GATES)


@pytest.mark.parametrize("gate", GATES, ids=METRICS)
def test_each_gate_fails_on_its_own(gate: object) -> None:
    metric, least, most = (getattr(gate, name) for name in ("metric", "least", "most"))
    sentence = (getattr(gate, "sentence"),)  # noqa: B009
    for inside in (least, most):
        assert failed_gates(replace(GOOD, **{metric: inside})) == ()
    outside = [np.nextafter(least, -9), -99, float("nan"), float("-inf"), float("inf"), most + 1]
    for value in outside:
        assert failed_gates(replace(GOOD, **{metric: value})) == sentence


@given(st.lists(st.floats(), min_size=8, max_size=8))
def test_what_is_no_number_never_passes(values: list[float]) -> None:
    failed = failed_gates(FaceMetrics(*values))
    bad = [not gate.least <= value <= gate.most for gate, value in zip(GATES, values, strict=True)]
    assert bool(failed) is any(bad)
    assert len(set(failed)) == len(failed)


@lru_cache(maxsize=1)
def judge() -> FaceJudge:
    atlas = pydeface_atlas()
    return FaceJudge(atlas.head, atlas.keep, atlas.affine)


@lru_cache(maxsize=1)
def subject() -> tuple[Floats, Affine]:
    """Return the atlas itself as a person, on a grid of 3 mm."""
    atlas = pydeface_atlas()
    return downsample(atlas.head, atlas.affine, 3.0)


def mask_for(to_atlas: Affine) -> Bools:
    atlas, (volume, affine) = pydeface_atlas(), subject()
    kept = carry(atlas.keep.astype(np.uint8), atlas.affine, volume.shape, affine, to_atlas)
    return np.asarray(kept < HALF)


def measure(to_atlas: Affine, remove: Bools | None = None) -> FaceMetrics:
    volume, affine = subject()
    return judge().measure(
        volume, affine, mask_for(to_atlas) if remove is None else remove, to_atlas
    )


def test_the_atlas_registered_to_itself_passes() -> None:
    metrics = measure(np.eye(4))
    assert failed_gates(metrics) == ()
    assert metrics.stretch == pytest.approx(1)
    assert metrics.head_overlap > 0.97


def _turned(diagonal: list[float], shift: tuple[float, float, float] = (0, 0, 0)) -> Affine:
    affine = np.diag([*diagonal, 1.0])
    affine[:3, 3] = shift
    return affine


@pytest.mark.parametrize(
    "to_atlas",
    [
        _turned([1, -1, 1]),
        _turned([1, 1, -1]),
        _turned([-1, -1, 1]),
        _turned([1, 1, 1], (0, 40, 0)),
        _turned([1, 1, 1], (0, 0, -60)),
        _turned([2, 2, 2]),
        _turned([1, 1.6, 1]),
    ],
    ids=["back to front", "upside down", "turned", "too far back", "too low", "tiny", "stretched"],
)
def test_a_wrong_registration_does_not_pass(to_atlas: Affine) -> None:
    assert failed_gates(measure(to_atlas)) != ()


def test_a_mask_that_misses_the_face_or_takes_the_brain_does_not_pass() -> None:
    volume, _ = subject()
    crumb = np.zeros(volume.shape, dtype=bool)
    crumb[0, 0, 0] = True
    sentences = failed_gates(measure(np.eye(4), crumb))
    assert "the front of the face is not removed" in sentences
    assert "too little or too much of the head is removed" in sentences
    assert failed_gates(measure(np.eye(4), np.ones(volume.shape, dtype=bool))) == (
        "too little or too much of the head is removed",
    )


@pytest.mark.parametrize("value", [0, 9])
def test_an_empty_image_has_no_metrics(value: float) -> None:
    volume, affine = subject()
    with pytest.raises(GateError):
        judge().measure(np.full_like(volume, value), affine, mask_for(np.eye(4)), np.eye(4))


def test_noise_does_not_pass() -> None:
    volume, affine = subject()
    noise = np.random.default_rng(0).random(volume.shape, dtype=np.float32)
    metrics = judge().measure(noise, affine, mask_for(np.eye(4)), np.eye(4))
    assert failed_gates(metrics) != ()
