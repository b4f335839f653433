from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bidsdeid.core.head import correlation_ratio, dice, front_of, head_mask, otsu
from bidsdeid.errors import GateError


def ball(radius: float, size: int = 40) -> NDArray[np.bool_]:
    grid = np.indices((size,) * 3) - size / 2
    return np.asarray((grid**2).sum(axis=0) < radius**2)


def noisy(mask: NDArray[np.bool_], seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    return np.where(mask, 100, 0).astype(np.float32) + random.normal(0, 3, mask.shape).astype("f4")


def test_the_head_is_the_largest_body_with_its_cavities_filled() -> None:
    head = ball(14)
    volume = noisy(head & ~ball(6))
    volume[:3, :3, :3] = 100  # a marker beside the head
    found = head_mask(volume)
    assert dice(found, head) > 0.9
    assert found[20, 20, 20]
    assert not found[1, 1, 1]


def test_spikes_and_offsets_do_not_move_the_head() -> None:
    head = ball(14)
    volume = noisy(head)
    volume[0, 0, 0] = 1e7
    assert dice(head_mask(volume), head) > 0.9
    assert dice(head_mask(noisy(head) - 1024), head) > 0.9


@pytest.mark.parametrize("value", [0, 7, -3])
def test_an_image_of_one_value_has_no_head(value: float) -> None:
    with pytest.raises(GateError):
        head_mask(np.full((20, 20, 20), value, dtype=np.float32))


def test_otsu_lies_between_two_classes() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(m, 1, 500) for m in (10, 50)])
    assert 12 < otsu(values.astype(np.float32)) < 48


def test_the_correlation_ratio_sees_any_functional_relation() -> None:
    reference = np.random.default_rng(0).random(5000).astype(np.float32)
    assert correlation_ratio(reference, (reference - 0.5) ** 2) > 0.95
    other = np.random.default_rng(1).random(5000).astype(np.float32)
    assert correlation_ratio(reference, other) < 0.05
    assert correlation_ratio(reference, np.ones_like(reference)) == 0


def test_the_front_is_what_is_met_first_from_the_front() -> None:
    head = np.zeros((1, 10, 1), dtype=bool)
    head[0, 1:8, 0] = True
    assert front_of(head, 8.0)[0, :, 0].nonzero()[0].tolist() == [6, 7]


def test_dice() -> None:
    assert dice(ball(10), ball(10)) == 1
    assert dice(ball(5), ~ball(10)) == 0
    assert dice(ball(5) & ~ball(5), ball(5) & ~ball(5)) == 0
