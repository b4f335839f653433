from __future__ import annotations

import numpy as np
import pytest

from bidsdeid.core.air import air_noise, air_of, air_value


@pytest.mark.parametrize(
    ("slope", "inter", "dtype", "air"),
    [
        (1.0, 0.0, "int16", 0),
        (0.0, 50.0, "int16", 0),
        (float("nan"), 50.0, "int16", 0),
        (2.0, float("nan"), "int16", 0),
        (2.0, -1024.0, "int16", 512),
        (1.0, -1024.0, "uint8", 255),
        (1.0, 5.0, "uint16", 0),
        (0.5, 1.25, "float32", -2.5),
        (-1.0, 10.0, "int16", 10),
    ],
)
def test_air_is_the_stored_value_that_means_no_signal(
    slope: float, inter: float, dtype: str, air: float
) -> None:
    assert air_value(slope, inter, np.dtype(dtype)) == air


@pytest.mark.parametrize(("dtype", "air"), [("<i2", 0), (">i2", -1000), ("u1", 0), ("f4", 0.5)])
def test_noise_of_air_is_like_that_at_the_edges(dtype: str, air: float) -> None:
    random = np.random.default_rng(1)
    noise = air + random.rayleigh(12, (40, 40, 40, 2))
    data = np.where(np.arange(2) < 2, noise, 0).astype(dtype)
    data[8:32, 8:32, 8:32] = 117
    remove = np.zeros(data.shape[:3], bool)
    remove[10:30, 10:30, 10:30] = True
    made = air_noise(data, remove, air, 3)
    assert (made.dtype, made.shape) == (data.dtype, data[remove].shape)
    edge = data[0].astype(float)
    assert made.mean() == pytest.approx(edge.mean(), abs=1)
    assert made.std() == pytest.approx(edge.std(), rel=0.1)
    assert len(np.unique(made)) > 20
    np.testing.assert_array_equal(air_noise(data, remove, air, 3), made)
    assert (air_noise(data, remove, air, 4) != made).any()


def test_noise_of_air_is_as_loud_as_the_edges_and_does_not_wrap_around() -> None:
    data = np.zeros((9, 9, 9), np.uint8)
    data[3:6, 3:6, 3:6] = 255
    assert not air_noise(data, data > 0, 0, 0).any()
    bright = np.full((9, 9, 9), 250, np.uint8)
    assert (air_noise(bright, data > 0, 250, 0) == 250).all()
    loud = np.full((9, 9, 9), 255, np.uint8)
    made = air_noise(loud, np.ones(loud.shape, bool), 0, 0)
    assert 0.3 < (made == 255).mean() < 0.7


@pytest.mark.parametrize(
    ("edge", "slope", "inter", "air"),
    [
        (-1024, 1.0, 0.0, -1024.0),  # a CT
        (7, 1.0, 0.0, 0.0),  # noise of a magnitude image
        (0, 1.0, -1024.0, 0.0),  # a CT of unsigned numbers: zero signal is at 1024
        (9, -1.0, 0.0, 9.0),  # dark is stored as bright
        (-9, -1.0, 0.0, 0.0),
    ],
)
def test_air_is_what_the_edges_show_where_that_is_darker(
    edge: int, slope: float, inter: float, air: float
) -> None:
    data = np.full((6, 6, 6), 3000, np.int16)
    data[1:-1, 1:-1, 1:-1] = -3000  # the inside does not count
    for axis in range(3):
        view = np.moveaxis(data, axis, 0)
        view[0] = view[-1] = edge
    assert air_of(data, slope, inter) == air


@pytest.mark.parametrize("seed", range(4))
def test_noise_about_zero_shows_no_air_below_zero(seed: int) -> None:
    phase = np.random.default_rng(seed).integers(-4096, 4096, (12, 12, 12)).astype(np.int16)
    assert air_of(phase, 1, 0) == 0
    assert air_of(phase - 4096, 1, 0) < -4000


def test_air_of_a_damaged_image_is_no_signal() -> None:
    data = np.full((4, 4, 4), np.nan, np.float32)
    assert air_of(data, 1, 0) == 0
