"""Checkpoints as torch writes them, written without torch: weights nobody trained.

A checkpoint is a zip of a pickle, which describes tensors and names torch's functions, and of one
file of plain numbers for each tensor.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bidsdeid.core.voxels import Floats

#: Channels that SynthStrip's levels give, on the way down and on the way back, and at the end.
ENCODER, DECODER, LAST = (16, 32, 64, 64, 64, 64), (64, 64, 64, 64, 64, 32), (16, 16, 1)


def shapes(
    encoder: Sequence[int] = ENCODER,
    decoder: Sequence[int] = DECODER,
    last: Sequence[int] = LAST,
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of such a network, by name; SynthStrip's unless told."""
    convolutions: list[tuple[str, int, int]] = []
    for n, (before, own) in enumerate(pairwise((1, *encoder))):
        convolutions += [(f"encoder.{n}.0", own, before), (f"encoder.{n}.1", own, own)]
    # What a level of the decoder is given: what comes from below, then the encoder's own.
    beside = (0, *reversed(encoder))
    for n, (before, own) in enumerate(pairwise((encoder[-1], *decoder))):
        convolutions += [
            (f"decoder.{n}.0", own, before + beside[n]),
            (f"decoder.{n}.1", own, own),
        ]
    for n, (before, own) in enumerate(pairwise((decoder[-1] + encoder[0], *last))):
        convolutions.append((f"remaining.{n}", own, before))
    found: dict[str, tuple[int, ...]] = {}
    for name, own, before in convolutions:
        found[f"{name}.conv.weight"] = (own, before, 3, 3, 3)
        found[f"{name}.conv.bias"] = (own,)
    return found


def random_weights(
    seed: int = 0, shapes_by_name: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, Floats]:
    """Return weights that keep what passes through them about as large as it is."""
    rng = np.random.default_rng(seed)
    weights: dict[str, Floats] = {}
    for name, shape in (shapes_by_name or shapes()).items():
        numbers = rng.standard_normal(shape, dtype=np.float32)
        weights[name] = numbers * np.float32((2 / np.prod(shape[1:])) ** 0.5)
    return weights


def threshold_weights(
    offset: float, slope: float, shapes_by_name: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, Floats]:
    """Return a network made to answer `offset` + `slope` * brightness (0 to 1).

    With `slope` below zero it finds what is brighter than `offset` / -`slope`.  It has
    SynthStrip's levels, but one channel in each unless told, so that it takes half a second.
    """
    known = shapes_by_name or shapes((1,) * 6, (1,) * 6, (1, 1, 1))
    weights = {name: np.zeros(shape, np.float32) for name, shape in known.items()}
    for name in ("encoder.0.0", "encoder.0.1", "remaining.1"):
        weights[f"{name}.conv.weight"][0, 0, 1, 1, 1] = 1
    below = len(weights["decoder.5.1.conv.bias"])
    weights["remaining.0.conv.weight"][0, below, 1, 1, 1] = 1
    weights["remaining.2.conv.weight"][0, 0, 1, 1, 1] = slope
    weights["remaining.2.conv.bias"][0] = offset
    return weights


def write_checkpoint(
    path: Path, weights: Mapping[str, NDArray[Any]], *, key: str | None = "model_state_dict"
) -> Path:
    """Write weights as ``torch.save`` does; under `key`, or alone if it is None."""
    state = OrderedDict(
        (name, Tensor.of(str(number), array))
        for number, (name, array) in enumerate(weights.items())
    )
    optimizer = {"state": {}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999)}]}
    content = state if key is None else {key: state, "optimizer_state_dict": optimizer, "epoch": 1}
    storages = {
        str(number): array.astype(array.dtype.newbyteorder("<")).tobytes()
        for number, array in enumerate(weights.values())
    }
    return write_archive(path, pickled(content), storages)


def write_archive(
    path: Path, description: bytes, storages: Mapping[str, bytes], *, folder: str = "archive"
) -> Path:
    """Write a pickle, and storages by key, into a zip file as torch lays it out."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(f"{folder}/data.pkl", description)
        archive.writestr(f"{folder}/byteorder", b"little")
        for key, content in storages.items():
            archive.writestr(f"{folder}/data/{key}", content)
        archive.writestr(f"{folder}/version", b"3\n")
    return path


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers in a file of their own."""

    key: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the pickle describes it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @classmethod
    def of(cls, key: str, array: NDArray[Any]) -> Tensor:
        """Describe an array that is stored whole and in order."""
        stride = tuple(int(np.prod(array.shape[at + 1 :])) for at in range(array.ndim))
        return cls(Storage(key, _KINDS[array.dtype.name], array.size), 0, array.shape, stride)

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        hooks: OrderedDict[str, object] = OrderedDict()
        described = (self.storage, self.offset, self.shape, self.stride, False, hooks)
        return named("torch._utils", "_rebuild_tensor_v2"), described


_KINDS = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
}


@cache
def named(module: str, name: str) -> type:
    """Return what a pickle writes as this name: nothing of it need be installed."""
    return type(name, (), {"__module__": module, "__qualname__": name})


def pickled(content: object, protocol: int = 2) -> bytes:
    """Return the pickle of something that holds `Tensor` and `named` objects."""
    file = io.BytesIO()
    _Pickler(file, protocol).dump(content)
    return file.getvalue()


_Python: Any = pickle._Pickler  # noqa: SLF001 -- the one in C asks whether names can be imported


class _Pickler(_Python):  # type: ignore[misc]
    def persistent_id(self, obj: object) -> tuple[object, ...] | None:
        if not isinstance(obj, Storage):
            return None
        return "storage", named("torch", obj.kind), obj.key, "cpu", obj.count

    def save_global(self, obj: type, name: str | None = None) -> None:
        names = obj.__module__, name or obj.__qualname__
        if self.proto >= 4:
            for part in names:
                self.save(part)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + "{}\n{}\n".format(*names).encode())
        self.memoize(obj)
