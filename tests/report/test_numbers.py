from __future__ import annotations

import math

import pytest

from bidsdeid.core.bounds import BRAIN_BOUNDS, FACE_BOUNDS, FACELESS_BOUNDS
from bidsdeid.core.braingates import BRAIN_GATES
from bidsdeid.core.estimate import Finding
from bidsdeid.core.gates import GATES
from bidsdeid.core.ledger import Status
from bidsdeid.core.policy import Decision
from bidsdeid.core.triage import Triage
from bidsdeid.report.numbers import FIRST, bound_words, bounds_of, in_order, mark, words, written

DEFACED = (str(Decision.DEFACE), str(Status.RELEASED), str(Finding.FACE))
WITHOUT_FACE = (str(Decision.DEFACE), str(Status.RELEASED), str(Finding.DEFACED))
STRIPPED = (str(Decision.SKULLSTRIP), str(Status.RELEASED), "a brain")
WITHHELD = (str(Decision.DEFACE), str(Status.FAILURE), "")


@pytest.mark.parametrize(
    ("image", "asked"),
    [(DEFACED, FACE_BOUNDS), (WITHOUT_FACE, FACELESS_BOUNDS), (STRIPPED, BRAIN_BOUNDS)],
)
def test_what_the_triage_asks_is_shown(image: tuple[str, str, str], asked: object) -> None:
    bounds = bounds_of(*image)
    assert {name: bounds[name] for name in bounds if bounds[name] in asked} == {
        bound.number: bound for bound in asked
    }


def test_what_the_triage_does_not_ask_has_the_bounds_of_its_gate() -> None:
    gates = {gate.metric: gate for gate in (*GATES, *BRAIN_GATES)}
    for image in (DEFACED, WITHHELD):
        bounds = bounds_of(*image)
        assert set(gates) <= set(bounds)
        assert bounds["stretch"].fine == (gates["stretch"].least, gates["stretch"].most)
    withheld = bounds_of(*WITHHELD)
    assert all(withheld[name].fine == (gates[name].least, gates[name].most) for name in gates)


def test_outside_of_a_gate_is_a_failure() -> None:
    bound = bounds_of(*WITHHELD)["head_overlap"]
    assert mark(0.85, bound) is Triage.PASS
    assert mark(0.849, bound) is Triage.FAIL


def test_what_tells_of_brain_and_face_comes_first() -> None:
    names = in_order([*bounds_of(*DEFACED), *bounds_of(*STRIPPED), "zeal", "ears_removed"])
    assert names[: len(FIRST)] == list(FIRST)
    assert names[-1] == "zeal"
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_was_not_measured_and_says_nothing(value: float | None) -> None:
    assert written(value) == "not measured"
    assert mark(value, bounds_of(*DEFACED)["eyes_removed"]) is Triage.PASS


def test_a_number_without_bounds_says_nothing() -> None:
    assert mark(99.0, None) is Triage.PASS
    assert bound_words(None) == ""


def test_every_number_has_a_name_of_its_own() -> None:
    names = {*bounds_of(*DEFACED), *bounds_of(*STRIPPED), *bounds_of(*WITHOUT_FACE)}
    assert len({words(name) for name in names}) == len(names)
    assert not any("_" in words(name) for name in names)
