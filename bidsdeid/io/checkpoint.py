"""Weights of a network as torch saves them, read without torch and without running any code.

A checkpoint is a zip file of a pickle (``data.pkl``) that describes tensors, and of one file of
plain numbers for each storage.  Pickles are small programs, which can call any function by name.
This one is not run by Python: its instructions are read one by one, by an interpreter that knows
those that put numbers, words, tuples and dictionaries together, and how a tensor is described.
"""

from __future__ import annotations

import math
import pickletools
import zipfile
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
            content = _Description(archive.read(name)).read()
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
    storage: tuple[str, str],
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *_: object,
) -> _Tensor:
    key, dtype = storage
    return _Tensor(key, dtype, offset, shape, stride)


def _parameter(tensor: _Tensor, *_: object) -> _Tensor:
    return tensor


#: All that a description may name, and what stands for it here.
_KNOWN: Mapping[str, Any] = MappingProxyType(
    {
        "collections OrderedDict": dict,
        "torch._utils _rebuild_tensor_v2": _tensor,
        "torch._utils _rebuild_parameter": _parameter,
        **{f"torch {name}": dtype for name, dtype in _STORAGES.items()},
    }
)

#: Instructions that put their own argument on the stack, and those that say nothing here.
_VALUES = frozenset(
    "BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE INT FLOAT".split()
)
_CONSTANTS: Mapping[str, Callable[[], object]] = MappingProxyType(
    {
        "NONE": lambda: None,
        "NEWTRUE": lambda: True,
        "NEWFALSE": lambda: False,
        "EMPTY_DICT": dict,
        "EMPTY_LIST": list,
        "EMPTY_TUPLE": tuple,
    }
)
_SILENT = frozenset({"PROTO", "FRAME", "STOP"})
_TUPLES = MappingProxyType({"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3})


class _Description:
    """What a pickle says, for the instructions that describe tensors."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def read(self) -> Any:  # noqa: ANN401 -- whatever it describes
        """Follow the instructions to their end, and return what they leave."""
        for code, argument, _ in pickletools.genops(self._content):
            if code.name in _VALUES:
                self._stack.append(argument)
            elif code.name in _CONSTANTS:
                self._stack.append(_CONSTANTS[code.name]())
            elif code.name in _TUPLES:
                self._stack.append(tuple(self._taken(len(self._stack) - _TUPLES[code.name])))
            elif code.name not in _SILENT:
                follow = getattr(self, f"_{code.name.lower()}", None)
                if follow is None:
                    _refuse("it is not a description of tensors")
                follow(argument)
        (result,) = self._stack
        return result

    def _taken(self, start: int) -> list[Any]:
        taken = self._stack[start:]
        del self._stack[start:]
        return taken

    def _mark(self, _: object) -> None:
        self._marks.append(len(self._stack))

    def _tuple(self, _: object) -> None:
        self._stack.append(tuple(self._taken(self._marks.pop())))

    def _binput(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    _long_binput = _put = _binput

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _binget(self, place: int) -> None:
        self._stack.append(self._memo[place])

    _long_binget = _get = _binget

    def _global(self, name: str) -> None:
        if name not in _KNOWN:
            _refuse("it asks for code to be run: it is not a file of weights")
        self._stack.append(_KNOWN[name])

    def _stack_global(self, _: object) -> None:
        module, name = self._taken(-2)
        self._global(f"{module} {name}")

    def _reduce(self, _: object) -> None:
        make, arguments = self._taken(-2)
        self._stack.append(make(*arguments))

    def _build(self, _: object) -> None:
        self._taken(-1)  # attributes of what is below, which do not matter

    def _binpersid(self, _: object) -> None:
        _, dtype, key, *_ = self._stack.pop()
        self._stack.append((str(key), dtype))

    def _setitem(self, _: object) -> None:
        key, value = self._taken(-2)
        self._stack[-1][key] = value

    def _setitems(self, _: object) -> None:
        items = self._taken(self._marks.pop())
        self._stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def _append(self, _: object) -> None:
        item = self._stack.pop()
        self._stack[-1].append(item)

    def _appends(self, _: object) -> None:
        items = self._taken(self._marks.pop())
        self._stack[-1].extend(items)
