from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.gates import GATES, FaceMetrics, Gate, Trust, failed_gates, is_sure

GOOD = FaceMetrics(
    smallest_scale=0.98, largest_scale=1.05, stretch=1.07, head_overlap=0.95, likeness=0.7,
    lead=0.3, removed_share=0.1, eyes_removed=0.99, nose_removed=1.0, mouth_removed=0.98,
    brain_removed=0.0, behind_removed=0.001,
)  # fmt: skip
METRICS = [field.name for field in fields(FaceMetrics)]
NUMBERS = st.lists(st.floats(), min_size=len(METRICS), max_size=len(METRICS))


def test_a_good_mask_passes_and_is_sure() -> None:
    assert failed_gates(GOOD) == ()
    assert is_sure(GOOD)


def test_every_metric_has_its_gate_and_every_gate_its_origin() -> None:
    assert [gate.metric for gate in GATES] == METRICS
    assert all(gate.origin and gate.sentence and gate.least <= gate.most for gate in GATES)
    assert all(gate.sure is None or gate.least < gate.sure < gate.most for gate in GATES)


def outside(gate: Gate) -> list[float]:
    near = [np.nextafter(gate.least, -9), np.nextafter(gate.most, 9)]
    return [*near, -99, gate.most + 1, float("nan"), float("-inf"), float("inf")]


@pytest.mark.parametrize("gate", GATES, ids=METRICS)
def test_each_gate_fails_on_its_own(gate: Gate) -> None:
    for inside in (gate.least, gate.most):
        assert failed_gates(replace(GOOD, **{gate.metric: inside})) == ()
    for value in outside(gate):
        assert failed_gates(replace(GOOD, **{gate.metric: value})) == (gate.sentence,)


@pytest.mark.parametrize("trust", Trust)
@pytest.mark.parametrize("gate", GATES, ids=METRICS)
def test_what_is_trusted_more_is_asked_less(gate: Gate, trust: Trust) -> None:
    for value in outside(gate):
        if trust is Trust.CONFIRMED and gate.confirmed_least is not None:
            continue
        failed = failed_gates(replace(GOOD, **{gate.metric: value}), trust)
        assert failed == ((gate.sentence,) if trust <= gate.until else ())


@pytest.mark.parametrize("gate", [gate for gate in GATES if gate.confirmed_least is not None],
                         ids=lambda gate: gate.metric)  # fmt: skip
def test_what_is_confirmed_is_asked_for_less_but_asked(gate: Gate) -> None:
    assert gate.confirmed_least is not None
    assert gate.confirmed_least < gate.least
    inside = replace(GOOD, **{gate.metric: gate.confirmed_least})
    below = replace(GOOD, **{gate.metric: np.nextafter(gate.confirmed_least, -9)})
    assert failed_gates(inside, Trust.CONFIRMED) == ()
    assert failed_gates(below, Trust.CONFIRMED) == (gate.sentence,)
    assert failed_gates(inside, Trust.CARRIED) == (gate.sentence,)


def test_only_its_size_is_not_asked_of_what_is_carried_over() -> None:
    waived = {gate.metric for gate in GATES if gate.until < Trust.CARRIED}
    assert waived == {"smallest_scale", "largest_scale", "stretch", "removed_share"}


@pytest.mark.parametrize("gate", GATES, ids=METRICS)
def test_an_atlas_s_own_mask_is_not_asked_for_more_than_it_removes(gate: Gate) -> None:
    for value in outside(gate):
        failed = failed_gates(replace(GOOD, **{gate.metric: value}), as_given=True)
        assert failed == (() if gate.extended else (gate.sentence,))


def test_the_skin_of_the_face_and_the_brain_are_always_asked_for() -> None:
    parts = {"eyes_removed", "nose_removed", "mouth_removed"}
    always = {*parts, "brain_removed", "behind_removed"}
    assert always.isdisjoint(gate.metric for gate in GATES if gate.until < Trust.KNOWN)
    assert {gate.metric for gate in GATES if gate.extended} <= parts


@given(NUMBERS)
def test_what_is_no_number_never_passes(values: list[float]) -> None:
    failed = failed_gates(FaceMetrics(*values))
    bad = [not gate.least <= value <= gate.most for gate, value in zip(GATES, values, strict=True)]
    assert bool(failed) is any(bad)
    assert len(set(failed)) == len(failed)


@given(NUMBERS)
def test_asking_less_fails_less(values: list[float]) -> None:
    metrics = FaceMetrics(*values)
    less = failed_gates(metrics, Trust.CARRIED), failed_gates(metrics, as_given=True)
    for failed in less:
        assert set(failed) <= set(failed_gates(metrics))


@pytest.mark.parametrize("gate", [gate for gate in GATES if gate.sure is not None],
                         ids=lambda gate: gate.metric)  # fmt: skip
def test_each_metric_alone_makes_unsure(gate: Gate) -> None:
    assert gate.sure is not None
    assert is_sure(replace(GOOD, **{gate.metric: gate.sure}))
    for value in (np.nextafter(gate.sure, -9), float("nan")):
        unsure = replace(GOOD, **{gate.metric: value})
        assert not is_sure(unsure)
    assert failed_gates(replace(GOOD, **{gate.metric: np.nextafter(gate.sure, -9)})) == ()


def test_likeness_overlap_and_lead_make_sure() -> None:
    sure = {gate.metric for gate in GATES if gate.sure is not None}
    assert sure == {"head_overlap", "likeness", "lead"}
