"""Weights of a network as torch saves them, read without torch and without running any code.

A checkpoint is a zip file of a pickle (``data.pkl``) that describes tensors, and of one file of
plain numbers for each storage.  Pickles can name any function to be called; the reader knows the
few that describe a tensor and refuses every other.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from bidsdeid.core.voxels import Floats
from bidsdeid.errors import ToolError

#: SynthStrip's weights are 31 MB; what is far larger is something else.
MAX_BYTES = 512 * 2**20
_MAX_PICKLE = 8 * 2**20

_STORAGES = MappingProxyType(
    {
        "FloatStorage": "<f4",
        "DoubleStorage": "<f8",
        "HalfStorage": "<f2",
        "LongStorage": "<i8",
        "IntStorage": "<i4",
    }
)

#: Where checkpoints keep the weights, beside the state of an optimiser.
_STATE = "model_state_dict"


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor that is described, and not read yet."""

    key: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_checkpoint(path: Path) -> Mapping[str, Floats]:
    """Return the tensors of a model by name.

    Parameters
    ----------
    path : Path
        A ``.pt`` file as ``torch.save`` has written it since torch 1.6.

    Raises
    ------
    ToolError
        If it is not one, or damaged, or asks for code to be run.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_BYTES:
                _refuse("it is too large")
            name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            if archive.getinfo(name).file_size > _MAX_PICKLE:
                _refuse("its description is too large")
            content = _Describer(io.BytesIO(archive.read(name))).load()
            state = content.get(_STATE, content)
            folder = name.removesuffix("data.pkl") + "data/"
            return {
                key: _read(archive.read(folder + tensor.key), tensor)
                for key, tensor in state.items()
            }
    except ToolError:
        raise
    except Exception as error:
        # A damaged pickle can fail in any way: nothing of it has been used.
        message = f"it cannot be read as weights ({type(error).__name__})"
        raise ToolError(message) from error


def _refuse(why: str) -> NoReturn:
    raise ToolError(why)


def _read(content: bytes, tensor: _Tensor) -> Floats:
    storage = np.frombuffer(content, tensor.dtype)[tensor.offset :]
    count = math.prod(tensor.shape)
    packed = tuple(math.prod(tensor.shape[axis + 1 :]) for axis in range(len(tensor.shape)))
    if tensor.stride != packed or storage.size < count:
        _refuse("its tensors are not stored whole and in order")
    return np.asarray(storage[:count].reshape(tensor.shape), dtype=np.float32)


def _tensor(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], stride: tuple[int, ...],
    *_: object,
) -> _Tensor:  # fmt: skip
    key, dtype = storage
    return _Tensor(str(key), dtype, int(offset), tuple(shape), tuple(stride))


def _parameter(tensor: _Tensor, *_: object) -> _Tensor:
    return tensor


#: All that a pickle may name, and what it stands for here.
_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
    }
)


class _Describer(pickle.Unpickler):
    """Reads descriptions of tensors, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 -- pickle's signature
        """Return what stands for a name, or refuse it."""
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) not in _KNOWN:
            _refuse("it asks for code to be run: it is not a file of weights")
        return _KNOWN[module, name]

    def persistent_load(self, pid: tuple[Any, ...]) -> tuple[str, str]:
        """Return key and type of a storage."""
        return pid[2], pid[1]
