from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.voxels import Floats
from bidsdeid.engines.unet import UNet
from bidsdeid.errors import ToolError
from checkpoints import random_weights, shapes, threshold_weights

Doubles = NDArray[np.float64]
Shape = tuple[int, int, int]

#: Channels down and back, from one level to three, no two of a level alike.
NETWORKS: Mapping[int, tuple[Sequence[int], Sequence[int]]] = {
    1: ((2,), (3,)),
    2: ((2, 3), (4, 3)),
    3: ((2, 3, 4), (5, 3, 2)),
}


@lru_cache(maxsize=8)
def small(depth: int, seed: int = 0) -> Mapping[str, Floats]:
    return random_weights(seed, shapes(*NETWORKS[depth], last=(3, 2, 1)))


def noise(shape: Shape, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def convolved(x: Doubles, weights: Mapping[str, Floats], name: str, *, leak: bool) -> Doubles:
    """Return (out, X, Y, Z): each the sum of all inputs, correlated; beyond them is zero."""
    weight = weights[f"{name}.conv.weight"].astype(float)
    bias = weights[f"{name}.conv.bias"].astype(float)
    y = np.stack(
        [
            sum(
                (ndimage.correlate(a, k, mode="constant") for a, k in zip(x, own, strict=True)),
                start=np.full(x.shape[1:], offset),
            )
            for own, offset in zip(weight, bias, strict=True)
        ]
    )
    return np.where(y < 0, 0.2 * y, y) if leak else y


def enlarged(x: Doubles) -> Doubles:
    for axis in (1, 2, 3):
        x = x.repeat(2, axis)
    return x


def plainly(weights: Mapping[str, Floats], volume: Floats) -> Doubles:
    """Return what the network answers, as its paper draws it: whole volumes, in double."""
    depth = max(int(name.split(".")[1]) for name in weights if name.startswith("encoder")) + 1
    x, beside = volume[None].astype(float), []
    for n in range(depth):
        for part in (0, 1):
            x = convolved(x, weights, f"encoder.{n}.{part}", leak=True)
        beside.append(x)
        parts = [x[:, i::2, j::2, k::2] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
        x = np.max(parts, axis=0)
    for n in range(depth):
        for part in (0, 1):
            x = convolved(x, weights, f"decoder.{n}.{part}", leak=True)
        x = np.concatenate([enlarged(x), beside.pop()])
    x = convolved(x, weights, "remaining.0", leak=True)
    x = convolved(x, weights, "remaining.1", leak=True)
    (answer,) = convolved(x, weights, "remaining.2", leak=False)
    return np.asarray(answer)


@pytest.mark.parametrize(
    ("depth", "shape"),
    [
        (1, (2, 4, 6)), (1, (18, 2, 2)), (2, (4, 4, 4)), (2, (8, 16, 12)), (2, (16, 8, 4)),
        (2, (24, 8, 8)), (3, (8, 16, 16)), (3, (16, 8, 24)), (3, (40, 8, 16)), (3, (72, 8, 8)),
    ],
)  # fmt: skip
def test_planes_give_what_whole_volumes_give(depth: int, shape: Shape) -> None:
    weights, volume = small(depth), noise(shape)
    answer = UNet(weights)(volume)
    expected = plainly(weights, volume)
    assert answer.shape == shape
    assert answer.dtype == np.float32
    assert expected.std() > 0.01
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4 * expected.std())


@pytest.mark.parametrize("seed", range(3))
def test_each_plane_sees_its_neighbours_across_batches(seed: int) -> None:
    # One bright voxel, at the last plane of a batch or the first of the next.
    weights = small(2, seed)
    unet = UNet(weights)
    for plane in (0, 7, 8, 15, 16, 23):
        volume = np.zeros((24, 8, 8), np.float32)
        volume[plane, 3, 4] = 1
        np.testing.assert_allclose(unet(volume), plainly(weights, volume), atol=1e-5)


def test_threads_change_nothing_not_one_bit() -> None:
    volume = noise((40, 16, 16))
    one, *others = (UNet(small(3), threads)(volume).tobytes() for threads in (1, 2, 3, 16))
    assert all(other == one for other in others)


def test_a_network_is_used_again_and_gives_the_same() -> None:
    unet = UNet(small(2), 2)
    first, other = noise((24, 8, 8)), noise((8, 16, 12), 2)
    answers = [unet(first), unet(other), unet(first)]
    assert answers[0].tobytes() == answers[2].tobytes()
    np.testing.assert_allclose(answers[1], plainly(small(2), other), rtol=1e-4, atol=1e-5)


def test_the_image_is_left_as_it_is() -> None:
    volume = noise((8, 8, 8))
    before = volume.copy()
    UNet(small(2))(volume)
    np.testing.assert_array_equal(volume, before)


def test_memory_in_any_order_gives_the_same() -> None:
    volume = noise((8, 12, 16))
    unet = UNet(small(2))
    assert unet(np.asfortranarray(volume)).tobytes() == unet(volume).tobytes()
    wide = np.zeros((16, 12, 16), np.float32)
    wide[::2] = volume
    assert unet(wide[::2]).tobytes() == unet(volume).tobytes()


def test_the_depth_is_read_off_the_weights() -> None:
    assert [UNet(small(depth)).multiple for depth in (1, 2, 3)] == [2, 4, 8]
    assert UNet(random_weights()).multiple == 64


def test_synthstrip_s_own_shape_does_what_its_weights_say() -> None:
    volume = noise((64, 64, 64))
    answer = UNet(threshold_weights(4, -10, shapes()))(volume)
    np.testing.assert_allclose(answer, 4 - 10 * volume, atol=1e-5)


def broken(**changes: Floats | None) -> Mapping[str, Floats]:
    weights = {**small(2), **{name.replace("_", "."): x for name, x in changes.items()}}
    return {name: x for name, x in weights.items() if x is not None}


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"a": np.zeros(3, np.float32)},
        broken(encoder_0_1_conv_weight=None),
        broken(decoder_1_0_conv_bias=None),
        broken(decoder_1_1_conv_bias=None),
        broken(remaining_2_conv_weight=None),
        broken(encoder_1_0_conv_weight=np.zeros((3, 2, 1, 1, 1), np.float32)),
        broken(remaining_0_conv_weight=np.zeros((3, 5, 3, 3), np.float32)),
        broken(remaining_2_conv_bias=np.zeros(0, np.float32)),
    ],
)
def test_weights_of_another_network_are_told(weights: Mapping[str, Floats]) -> None:
    with pytest.raises(ToolError, match="not those of SynthStrip's network"):
        UNet(weights)
