"""A U-Net for volumes, evaluated plane by plane on ``onnxruntime``.

A convolution of a volume with 3 x 3 x 3 weights is one of planes: each plane and its two
neighbours, which lie in memory one after the other, are an image with three times as many
channels.  onnxruntime is at its best with images, and of the volumes between layers only what
the decoder needs again is ever in memory whole.

Where the decoder enlarges what comes from below (each voxel becomes 2 x 2 x 2) and convolves it,
the enlarged volume is never made: of its 27 weights those that meet the same small voxel are
added up first, which leaves 8.  Results differ from the original's by rounding only.

The network is SynthStrip's (Hoopes et al. 2022, NeuroImage 260:119474): levels of two
convolutions with leaky ReLU, maxima of 2 x 2 x 2 between them, nearest-neighbour enlargement and
the encoder's own features on the way back, and three convolutions at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bidsdeid.core.voxels import Floats
from bidsdeid.engines.graph import LEAK, Graph
from bidsdeid.errors import ToolError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Planes: TypeAlias = "Iterable[Floats]"  # each (channels, height, width)
Weights: TypeAlias = "Mapping[str, Floats]"

#: Planes that are convolved at one time, by as many threads as there are.
_BATCH = 8


class UNet:
    """The network, in memory once and used for many images.

    Parameters
    ----------
    weights : mapping
        Tensors by name, as the checkpoint has them: ``encoder.0.0.conv.weight`` and so on.
    threads : int
        The result does not depend on it.
    gpu : bool
        Use onnxruntime's CUDA provider.

    Raises
    ------
    ToolError
        If the weights are not those of such a network.
    """

    def __init__(self, weights: Weights, threads: int = 1, *, gpu: bool = False) -> None:
        maker = _Maker(weights, ThreadPoolExecutor(max_workers=threads), gpu=gpu)
        try:
            depth = len({name.split(".")[1] for name in weights if name.startswith("encoder.")})
            below = [len(weights[f"decoder.{n}.1.conv.bias"]) for n in range(depth)]
            self._encoder = [
                (maker.plain(f"encoder.{n}.0"), maker.plain(f"encoder.{n}.1"))
                for n in range(depth)
            ]
            self._bottom = maker.plain("decoder.0.0"), maker.plain("decoder.0.1")
            self._decoder = [
                (maker.joined(f"decoder.{n}.0", below[n - 1]), maker.plain(f"decoder.{n}.1"))
                for n in range(1, depth)
            ]
            self._decoder.append(
                (maker.joined("remaining.0", below[-1]), maker.plain("remaining.1"))
            )
            self._last = maker.last("remaining.2")
        except (KeyError, IndexError, ValueError) as error:
            message = "the weights are not those of SynthStrip's network"
            raise ToolError(message) from error
        #: Each axis of a volume must be a multiple of this.
        self.multiple = 2**depth

    def __call__(self, volume: Floats) -> Floats:
        """Return the network's answer.

        Parameters
        ----------
        volume : (X, Y, Z) array
            Each axis a multiple of `multiple`.
        """
        planes: Planes = (plane[None] for plane in volume)
        levels: list[list[Floats]] = []
        for first, second in self._encoder:
            levels.append(list(second(first(planes))))
            planes = _halved(levels[-1])
        first, second = self._bottom
        planes = second(first(planes))
        for joined, plain in self._decoder:
            planes = plain(joined(planes, _emptied(levels.pop())))
        return np.stack(list(self._last(planes)))


class _Plain:
    """A convolution, with its activation."""

    def __init__(self, session: InferenceSession, pool: ThreadPoolExecutor) -> None:
        self._session, self._pool = session, pool

    def __call__(self, planes: Planes) -> Iterator[Floats]:
        for batch in _windows(planes, _BATCH):
            yield from self._pool.map(self._convolved, batch)

    def _convolved(self, window: Floats) -> Floats:
        return _answer(self._session, x=window)


class _Joined:
    """A convolution of a volume enlarged by two and one of the full size, with activation.

    Of the small volume an even plane meets the plane before and its own, an odd one its own and
    the one after.
    """

    def __init__(self, sessions: Sequence[InferenceSession], pool: ThreadPoolExecutor) -> None:
        self._sessions, self._pool = sessions, pool

    def __call__(self, small: Planes, full: Planes) -> Iterator[Floats]:
        batches = zip(_windows(small, _BATCH // 2), _windows(full, _BATCH), strict=True)
        for lows, highs in batches:
            yield from self._pool.map(self._convolved, range(len(highs)), _twice(lows), highs)

    def _convolved(self, index: int, low: Floats, high: Floats) -> Floats:
        odd = index % 2
        return _answer(self._sessions[odd], small=low[odd : odd + 2], full=high)


class _Last:
    """A convolution to one channel: each plane's share in its neighbours and itself, added up."""

    def __init__(self, session: InferenceSession, bias: float, pool: ThreadPoolExecutor) -> None:
        self._session, self._bias, self._pool = session, np.float32(bias), pool

    def __call__(self, planes: Planes) -> Iterator[Floats]:
        for batch in _windows(self._shares(planes), _BATCH):
            for before, own, after in batch:
                yield before[0] + own[1] + after[2] + self._bias

    def _shares(self, planes: Planes) -> Iterator[Floats]:
        for batch in _windows(planes, _BATCH):
            own = [window[1:2] for window in batch]
            yield from self._pool.map(lambda plane: _answer(self._session, x=plane), own)


class _Maker:
    """Makes layers of weights."""

    def __init__(self, weights: Weights, pool: ThreadPoolExecutor, *, gpu: bool) -> None:
        self._weights, self._pool, self._gpu = weights, pool, gpu

    def plain(self, name: str) -> _Plain:
        weight, bias = self._tensors(name)
        graph = Graph()
        graph.convolve("x", _flat(weight), "y", bias=bias, leak=True)
        return _Plain(graph.session({"x": 3 * weight.shape[1]}, gpu=self._gpu), self._pool)

    def joined(self, name: str, below: int) -> _Joined:
        """Return a layer whose first `below` channels come from the level below."""
        weight, bias = self._tensors(name)
        small, full = weight[:, :below], weight[:, below:]
        sessions = []
        for odd in (0, 1):
            graph = Graph()
            graph.convolve("full", _flat(full), "from_full", bias=bias)
            corners = []
            for down, right in product((0, 1), repeat=2):
                corner = f"corner{down}{right}"
                merged = _merged(small, (odd, down, right))
                graph.convolve(
                    "small", _flat(merged), corner, pads=(1 - down, 1 - right, down, right)
                )
                corners.append(corner)
            graph.add("Concat", corners, "corners", axis=1)
            graph.add("DepthToSpace", ["corners"], "from_small", blocksize=2, mode="DCR")
            graph.add("Add", ["from_full", "from_small"], "sum")
            graph.add("LeakyRelu", ["sum"], "y", alpha=LEAK)
            channels = {"small": 2 * small.shape[1], "full": 3 * full.shape[1]}
            sessions.append(graph.session(channels, gpu=self._gpu))
        return _Joined(sessions, self._pool)

    def last(self, name: str) -> _Last:
        weight, bias = self._tensors(name)
        graph = Graph()
        graph.convolve("x", np.ascontiguousarray(weight[0].swapaxes(0, 1)), "y")
        session = graph.session({"x": weight.shape[1]}, gpu=self._gpu)
        return _Last(session, float(bias[0]), self._pool)

    def _tensors(self, name: str) -> tuple[Floats, Floats]:
        weight = self._weights[f"{name}.conv.weight"]
        if weight.shape[2:] != (3, 3, 3):
            message = "the weights are not 3 x 3 x 3"
            raise ValueError(message)
        return weight, self._weights[f"{name}.conv.bias"]


def _answer(session: InferenceSession, **inputs: Floats) -> Floats:
    """Run a graph on planes: (planes, channels, height, width), taken as one image each."""
    images = {name: x.reshape(1, -1, *x.shape[2:]) for name, x in inputs.items()}
    answer: Floats = session.run(None, images)[0][0]
    return answer


def _windows(planes: Planes, batch: int) -> Iterator[list[Floats]]:
    """Yield each plane between its neighbours, `batch` at a time; beyond the ends is zero.

    Windows are (3, channels, height, width) views of one array: they are good until the next
    batch is asked for.
    """
    row: Floats | None = None
    filled = 1
    for plane in planes:
        if row is None:
            row = np.zeros((batch + 2, *plane.shape), np.float32)
        if filled == batch + 2:
            yield [row[at : at + 3] for at in range(batch)]
            row[:2] = row[-2:]
            filled = 2
        row[filled] = plane
        filled += 1
    if row is None:
        return
    if filled == batch + 2:
        yield [row[at : at + 3] for at in range(batch)]
        row[:2] = row[-2:]
        filled = 2
    row[filled] = 0
    yield [row[at : at + 3] for at in range(filled - 1)]


def _twice(items: Iterable[Floats]) -> Iterator[Floats]:
    for item in items:
        yield item
        yield item


def _halved(planes: Sequence[Floats]) -> Iterator[Floats]:
    """Yield planes of the maxima of 2 x 2 x 2 voxels."""
    for even, odd in zip(planes[::2], planes[1::2], strict=True):
        both = np.maximum(even, odd)
        rows = np.maximum(both[:, ::2], both[:, 1::2])
        yield np.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def _emptied(planes: list[Floats]) -> Iterator[Floats]:
    """Yield planes from the first on, and let each go."""
    planes.reverse()
    while planes:
        yield planes.pop()


def _flat(weight: Floats) -> Floats:
    """Return (out, in, planes, h, w) weights as (out, planes * in, h, w)."""
    flat = weight.swapaxes(1, 2).reshape(len(weight), -1, *weight.shape[3:])
    return np.ascontiguousarray(flat)


def _merged(weight: Floats, odd: Sequence[int]) -> Floats:
    """Add up the weights that meet one voxel of the small volume, along each of three axes."""
    for axis, far in enumerate(odd, start=2):
        first, middle, last = np.split(weight, 3, axis)
        pair = [first + middle, last] if far else [first, middle + last]
        weight = np.concatenate(pair, axis)
    return weight
