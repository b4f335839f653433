from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bidsdeid.errors import ToolError
from bidsdeid.io import checkpoint
from bidsdeid.io.checkpoint import read_checkpoint
from checkpoints import Storage, Tensor, named, pickled, write_archive, write_checkpoint

CUBE = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 7.25
SMALL = {"encoder.weight": CUBE, "encoder.bias": np.array([1.5, -2], np.float32)}


def one_tensor(path: Path, tensor: Tensor, content: bytes = CUBE.tobytes()) -> Path:
    return write_archive(path, pickled({"model_state_dict": {"a": tensor}}), {"0": content})


@pytest.mark.parametrize("key", ["model_state_dict", None])
def test_tensors_are_read_by_name_and_in_order(tmp_path: Path, key: str | None) -> None:
    found = read_checkpoint(write_checkpoint(tmp_path / "a.pt", SMALL, key=key))
    assert list(found) == list(SMALL)
    for name, tensor in SMALL.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], tensor)
        assert found[name].shape == tensor.shape


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int64", "int32"])
def test_every_kind_of_number_becomes_single_precision(tmp_path: Path, kind: str) -> None:
    whole = np.round(CUBE)
    (found,) = read_checkpoint(
        write_checkpoint(tmp_path / "a.pt", {"a": whole.astype(kind)})
    ).values()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, whole)


def test_a_parameter_is_read_as_its_tensor(tmp_path: Path) -> None:
    class Parameter:
        def __reduce__(self) -> tuple[type, tuple[object, ...]]:
            rebuild = named("torch._utils", "_rebuild_parameter")
            return rebuild, (Tensor.of("0", CUBE), True, {})

    content = pickled({"a": Parameter()})
    (found,) = read_checkpoint(
        write_archive(tmp_path / "a.pt", content, {"0": CUBE.tobytes()})
    ).values()
    np.testing.assert_array_equal(found, CUBE)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_descriptions_are_read_in_every_protocol_torch_can_write(
    tmp_path: Path, protocol: int
) -> None:
    tensor = Tensor.of("a long key " * 30, CUBE)
    group = {"lr": 1e-3, "betas": (0.9, 0.999), "amsgrad": False, "maximize": None, "ids": [7, 8]}
    large = {"step": 70000, "seed": 2**40, "steps": [-1], "fused": True, "empty": [(), {}]}
    content = {"optimizer_state_dict": [group, large], "model_state_dict": {"a": tensor}}
    path = write_archive(
        tmp_path / "a.pt", pickled(content, protocol), {tensor.storage.key: CUBE.tobytes()}
    )
    (found,) = read_checkpoint(path).values()
    np.testing.assert_array_equal(found, CUBE)


def test_more_than_255_tensors_are_kept_apart(tmp_path: Path) -> None:
    many = {f"{n}": np.full(3, n, np.float32) for n in range(300)}
    found = read_checkpoint(write_checkpoint(tmp_path / "a.pt", many))
    assert [int(tensor[0]) for tensor in found.values()] == list(range(300))


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_tensor_may_have_two_names(tmp_path: Path, protocol: int) -> None:
    tensors = [Tensor.of("0", CUBE) for _ in range(300)]
    twice = {str(n): tensor for n, tensor in enumerate([*tensors, tensors[0], tensors[-1]])}
    path = write_archive(tmp_path / "a.pt", pickled(twice, protocol), {"0": CUBE.tobytes()})
    found = read_checkpoint(path)
    assert len(found) == 302
    assert all((tensor == CUBE).all() for tensor in found.values())


def test_what_is_said_of_a_model_beside_its_tensors_is_left_out(tmp_path: Path) -> None:
    class State(OrderedDict[str, Tensor]):
        def __reduce__(self) -> tuple[object, ...]:
            made = named("collections", "OrderedDict"), ()
            return *made, {"_metadata": {"version": 1}}, None, iter(self.items())

    content = {"model_state_dict": State(a=Tensor.of("0", CUBE))}
    path = write_archive(tmp_path / "a.pt", pickled(content), {"0": CUBE.tobytes()})
    assert list(read_checkpoint(path)) == ["a"]


def test_a_tensor_may_begin_within_its_storage_and_end_before_it(tmp_path: Path) -> None:
    tensor = replace(Tensor.of("0", CUBE), offset=4, shape=(2, 3), stride=(3, 1))
    (found,) = read_checkpoint(one_tensor(tmp_path / "a.pt", tensor)).values()
    np.testing.assert_array_equal(found, CUBE.ravel()[4:10].reshape(2, 3))


@pytest.mark.parametrize(
    ("offset", "shape", "stride"),
    [
        (0, (4, 3, 2), (1, 4, 12)),  # transposed
        (0, (2, 3, 2), (12, 4, 2)),  # every other number
        (0, (2, 3, 4), (0, 4, 1)),  # one number in many places
        (0, (2, 3, 4), (12, 4)),
        (1, (2, 3, 4), (12, 4, 1)),  # ends after its storage
        (0, (5, 5), (5, 1)),
        (25, (1,), (1,)),
    ],
)
def test_a_tensor_that_is_not_whole_and_in_order_is_refused(
    tmp_path: Path, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    tensor = Tensor(Storage("0", "FloatStorage", CUBE.size), offset, shape, stride)
    with pytest.raises(ToolError, match="not stored whole and in order"):
        read_checkpoint(one_tensor(tmp_path / "a.pt", tensor))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"),
        ("torch", "load"), ("torch._utils", "_rebuild_sparse_tensor"), ("collections", "Counter"),
        ("bidsdeid.io.checkpoint", "read_checkpoint"), ("torch", "FloatStorage.__init__"),
    ],
)  # fmt: skip
def test_no_code_is_run_whatever_the_pickle_names(tmp_path: Path, module: str, name: str) -> None:
    class Order:
        def __reduce__(self) -> tuple[type, tuple[object, ...]]:
            return named(module, name), (f"touch {tmp_path}/done",)

    content = pickled({"model_state_dict": {"a": Tensor.of("0", CUBE)}, "epoch": Order()})
    path = write_archive(tmp_path / "a.pt", content, {"0": CUBE.tobytes()})
    with pytest.raises(ToolError, match="asks for code to be run"):
        read_checkpoint(path)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_are_refused_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps({"a": exec}, protocol)
    with pytest.raises(ToolError, match=r"not a (file of weights|description of tensors)"):
        read_checkpoint(write_archive(tmp_path / "a.pt", content, {}))


def test_a_pickle_alone_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(pickled({"a": Tensor.of("0", CUBE)}))
    with pytest.raises(ToolError, match="cannot be read as weights"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x80\x02.", pickle.dumps(3), pickle.dumps({"a": 3}), pickle.dumps([CUBE.tolist()]),
        pickle.dumps({"model_state_dict": {"a": "0"}}),
        pickled({"a": Tensor.of("1", CUBE)}),  # its storage is not there
        pickled({"a": Tensor(Storage("0", "ComplexFloatStorage", 1), 0, (1,), (1,))}),
        pickled({"a": Tensor.of("0", CUBE)})[:-9],
    ],
)  # fmt: skip
def test_a_zip_of_something_else_is_told_and_nothing_of_it_quoted(
    tmp_path: Path, content: bytes
) -> None:
    path = write_archive(tmp_path / "Doe.pt", content, {"0": CUBE.tobytes()})
    with pytest.raises(ToolError) as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith("it ")
    assert "Doe" not in str(caught.value)


def test_no_file_and_no_description_are_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="FileNotFoundError"):
        read_checkpoint(tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("archive/data/0", b"")
    with pytest.raises(ToolError, match="cannot be read as weights"):
        read_checkpoint(tmp_path / "a.pt")


def test_the_folder_within_may_have_any_name(tmp_path: Path) -> None:
    content = pickled({"a": Tensor.of("0", CUBE)})
    path = write_archive(tmp_path / "a.pt", content, {"0": CUBE.tobytes()}, folder="synthstrip.1")
    np.testing.assert_array_equal(read_checkpoint(path)["a"], CUBE)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def cut(content: bytes, at: int) -> bytes:
    return content[:at]


@pytest.mark.parametrize("damage", [flipped, cut])
def test_a_damaged_file_is_told_or_read_as_it_was(
    tmp_path: Path, damage: Callable[[bytes, int], bytes]
) -> None:
    path = write_checkpoint(tmp_path / "a.pt", SMALL)
    whole = path.read_bytes()
    told = 0
    places = range(0, len(whole), 3)
    for at in places:
        path.write_bytes(damage(whole, at))
        try:
            found = read_checkpoint(path)
        except ToolError:
            told += 1
            continue
        # A date in the zip's directory, say: the contents have sums of their own.
        assert list(found) == list(SMALL)
        assert all((found[name] == SMALL[name]).all() for name in SMALL)
    assert told > len(places) / 2


def test_what_is_far_too_large_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_checkpoint(tmp_path / "a.pt", {"a": np.zeros(2**21, np.float32)})
    assert path.stat().st_size < 2**17
    assert len(read_checkpoint(path)) == 1
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 2**23)
    with pytest.raises(ToolError, match="it is too large"):
        read_checkpoint(path)


def test_a_description_that_is_far_too_large_is_refused_before_it_is_unpacked(
    tmp_path: Path,
) -> None:
    def with_words(count: int) -> Path:
        content = io.BytesIO()
        pickle.dump({"epoch": "x" * count}, content)
        return write_archive(tmp_path / "a.pt", content.getvalue(), {})

    with pytest.raises(ToolError, match="its description is too large"):
        read_checkpoint(with_words(2**23))
    with pytest.raises(ToolError, match="cannot be read as weights"):
        read_checkpoint(with_words(2**22))


def test_numbers_are_little_endian_whatever_the_machine(tmp_path: Path) -> None:
    tensor = Tensor(Storage("0", "FloatStorage", 2), 0, (2,), (1,))
    path = one_tensor(tmp_path / "a.pt", tensor, struct.pack("<2f", 1.5, -3))
    np.testing.assert_array_equal(read_checkpoint(path)["a"], [1.5, -3])
