from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.braingates import BRAIN_GATES, BrainMetrics, failed_brain_gates, is_sure_brain
from bidsdeid.core.gates import Gate

GOOD = BrainMetrics(
    volume_ml=1400, volume_least=1.5, volume_most=0.7, whole=1.0, solid=1.0, in_head=1.0, skin=0.0,
    atlas_overlap=0.96, astray=0.0005,
)  # fmt: skip
METRICS = [field.name for field in fields(BrainMetrics)]
GATED = [gate.metric for gate in BRAIN_GATES]


def test_a_good_mask_passes_and_is_sure() -> None:
    assert failed_brain_gates(GOOD) == ()
    assert is_sure_brain(GOOD)


def test_every_metric_but_the_size_itself_has_its_gate_and_every_gate_its_origin() -> None:
    assert ["volume_ml", *GATED] == METRICS
    assert all(gate.origin and gate.sentence and gate.least < gate.most for gate in BRAIN_GATES)
    assert all(gate.sure is None or gate.least < gate.sure < gate.most for gate in BRAIN_GATES)


@pytest.mark.parametrize("gate", BRAIN_GATES, ids=GATED)
def test_each_gate_fails_on_its_own(gate: Gate) -> None:
    for inside in (gate.least, min(gate.most, 1e9)):
        assert failed_brain_gates(replace(GOOD, **{gate.metric: inside})) == ()
    outside = [np.nextafter(gate.least, -9), -99, float("nan"), float("-inf")]
    if np.isfinite(gate.most):
        outside += [np.nextafter(gate.most, 9), gate.most + 1, float("inf")]
    for value in outside:
        failed = failed_brain_gates(replace(GOOD, **{gate.metric: value}))
        assert failed == (gate.sentence,)


def test_a_size_that_is_wrong_twice_is_told_once() -> None:
    both = replace(GOOD, volume_least=float("nan"), volume_most=float("nan"))
    assert len(failed_brain_gates(both)) == 1
    all_wrong = BrainMetrics(*[float("nan")] * len(METRICS))
    assert len(failed_brain_gates(all_wrong)) == len({gate.sentence for gate in BRAIN_GATES}) == 7


@pytest.mark.parametrize(
    ("metric", "right", "wrong"),
    [
        ("whole", (0.998, 1.0), (0.9,)),
        ("solid", (0.999, 1.0), (0.9,)),
        ("in_head", (0.999, 1.0), (0.957, 0.982, 0.5)),
        ("atlas_overlap", (0.953, 0.977), (0.92, 0.49, 0.91)),
        ("astray", (0.0, 0.0009), (0.011, 0.018, 0.05, 0.07)),
    ],
)
def test_bounds_part_what_was_right_from_what_was_wrong(
    metric: str, right: tuple[float, ...], wrong: tuple[float, ...]
) -> None:
    assert all(not failed_brain_gates(replace(GOOD, **{metric: value})) for value in right)
    assert all(failed_brain_gates(replace(GOOD, **{metric: value})) for value in wrong)


def test_only_the_overlap_with_the_atlas_makes_sure() -> None:
    (gate,) = [gate for gate in BRAIN_GATES if gate.sure is not None]
    assert gate.metric == "atlas_overlap"
    assert gate.sure is not None
    assert is_sure_brain(replace(GOOD, atlas_overlap=gate.sure))
    for value in (np.nextafter(gate.sure, -9), float("nan")):
        assert not is_sure_brain(replace(GOOD, atlas_overlap=value))
    assert failed_brain_gates(replace(GOOD, atlas_overlap=np.nextafter(gate.sure, -9))) == ()


NUMBERS = st.lists(st.floats(), min_size=len(METRICS), max_size=len(METRICS))


@given(NUMBERS)
def test_what_is_no_number_never_passes(values: list[float]) -> None:
    failed = failed_brain_gates(BrainMetrics(*values))
    gated = zip(BRAIN_GATES, values[1:], strict=True)
    assert bool(failed) is any(not gate.least <= value <= gate.most for gate, value in gated)
    assert len(set(failed)) == len(failed)
