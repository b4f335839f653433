from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bidsdeid.errors import TextError
from bidsdeid.io.readers import hdf5 as module
from bidsdeid.io.readers.dispatch import kind_of, read
from bidsdeid.io.readers.document import RUNS
from bidsdeid.io.readers.hdf5 import (
    ELSEWHERE,
    LARGE,
    MAGIC,
    OBJECTS,
    is_hdf5,
    read_hdf5,
    read_here,
)

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]


@pytest.fixture
def h5py() -> Any:  # noqa: ANN401 -- h5py has no types
    return pytest.importorskip("h5py")


def test_without_h5py_a_file_is_searched_for_runs(
    save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    for start in (b"", b"MATLAB 7.3 MAT-file".ljust(512)):
        path = save(start + MAGIC + b"\0\1Zebulon\0", "a.snirf")
        assert is_hdf5(path.read_bytes())
        assert kind_of(path).name == "HDF5"
        with pytest.raises(TextError, match=r"SNIRF files need `pip install bidsdeid\[audit\]`"):
            read_hdf5(path)
        reading = read(path)
        assert "Zebulon" in {piece.text for piece in reading.pieces}
        assert reading.unseen.endswith(f"need `pip install bidsdeid[audit]`; {RUNS}")


def test_tags_of_snirf_have_their_names(tmp_path: Path, texts: Texts, h5py: Any) -> None:  # noqa: ANN401
    with h5py.File(tmp_path / "a.snirf", "w") as file:
        tags = file.create_group("nirs/metaDataTags")
        tags["SubjectID"], tags["MeasurementDate"] = "MRN1234567", "2019-03-04"
        tags["Zebulon"] = np.bytes_("Jürgen".encode())
        file["nirs/data"] = np.zeros(10)
    reading = read(tmp_path / "a.snirf")
    found = texts(reading)
    assert found["field SubjectID"] == ["MRN1234567"]
    assert found["field MeasurementDate"] == ["2019-03-04"]
    (where,) = (where for where, text in found.items() if text == ["Jürgen"])
    assert found[f"{where} name"] == ["Zebulon"]
    assert {piece.text: piece.field for piece in reading.pieces}["Jürgen"] == "Zebulon"
    assert reading.unseen == ""


def test_strings_of_every_kind(tmp_path: Path, h5py: Any) -> None:  # noqa: ANN401
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.attrs["who"], file.attrs["n"] = "Zebulon", 7
        file["fixed"] = np.array([b"one", b"two"])
        file["long"] = ["three", "four"]
        file["table"] = np.array([(1, b"five")], [("number", "i4"), ("name", "S8")])
        letters = np.frombuffer("Jürgen".encode("utf-16-le"), np.uint16)
        file.create_dataset("char", data=letters).attrs["MATLAB_class"] = np.bytes_("char")
        file["numbers"] = letters
        file["empty"] = h5py.Empty("S8")
        file["pointer"] = file.ref
        file.create_group("group").attrs["list"] = ["six", "seven"]
    content = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file, Created on: Mon Mar  4".ljust(512) + content[512:])
    reading = read_here(path)
    found = {piece.text for piece in reading.pieces}
    assert found >= {"Zebulon", "one", "two", "three", "four", "five", "six", "seven"}
    assert "MATLAB 7.3 MAT-file, Created on: Mon Mar  4" in found
    assert [piece.text for piece in reading.pieces].count("Jürgen") == 1
    assert reading.unseen == ""


def test_links_to_other_files_are_not_followed(tmp_path: Path, h5py: Any) -> None:  # noqa: ANN401
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["word"] = "Wilhelmine"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["outside"] = h5py.ExternalLink("other.h5", "/word")
        file["inside"] = h5py.SoftLink("/deep/jdoe")
        layout = h5py.VirtualLayout((1,), "S10")
        layout[:] = h5py.VirtualSource("other.h5", "x", (1,), "S10")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", (1,), "S10", external="jdoe.raw")
    reading = read_here(tmp_path / "a.h5")
    found = {piece.text for piece in reading.pieces}
    assert {"other.h5", "/word", "/deep/jdoe"} <= found
    assert "Wilhelmine" not in found
    assert reading.unseen == ELSEWHERE


def test_limits_are_told(tmp_path: Path, h5py: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("a", "b", "c"):
            file[name] = np.array([name.encode() * 50])
    monkeypatch.setattr(module, "MAX_OBJECTS", 2)
    reading = read_here(tmp_path / "a.h5")
    assert "c" * 50 not in {piece.text for piece in reading.pieces}
    assert reading.unseen == OBJECTS
    monkeypatch.setattr(module, "MAX_VALUE", 49)
    assert LARGE in read_here(tmp_path / "a.h5").unseen


def test_what_breaks_or_holds_up_the_library_is_told(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    h5py: Any,  # noqa: ANN401
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a"] = "Zebulon"
    content = path.read_bytes()
    path.write_bytes(content[:600])
    with pytest.raises(TextError, match="cannot be read"):
        read_hdf5(path)
    path.write_bytes(content)
    for owner, name, value in ((module, "TIMEOUT_S", 0.01), (sys, "executable", "/bin/false")):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, value)
            with pytest.raises(TextError, match="stops the library"):
                read_hdf5(path)
    assert "Zebulon" in {piece.text for piece in read_hdf5(path).pieces}
    assert capfd.readouterr() == ("", "")


def test_nothing_is_imported_from_the_folder_that_is_audited(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    h5py: Any,  # noqa: ANN401
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = "Zebulon"
    for name in ("json.py", "h5py.py", "numpy.py", "bidsdeid.py", "sitecustomize.py"):
        (tmp_path / name).write_text("open('ran', 'w').close()\nraise ImportError")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    assert "Zebulon" in {piece.text for piece in read_hdf5(tmp_path / "a.h5").pieces}
    assert not (tmp_path / "ran").exists()


def test_the_process_has_limits_and_says_what_it_found(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    h5py: Any,  # noqa: ANN401
) -> None:
    limits: list[object] = []
    monkeypatch.setattr(module.resource, "setrlimit", lambda *args: limits.append(args))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = "Zebulon"
    module.main(str(tmp_path / "a.h5"))
    found = json.loads(capsys.readouterr().out)
    assert found["pieces"][1] == ["object 1", "Zebulon", "a"]
    module.main(str(tmp_path / "none.h5"))
    assert "No such file" in json.loads(capsys.readouterr().out)["problem"]
    memory = (module.MAX_MEMORY, module.MAX_MEMORY)
    assert limits == [(module.resource.RLIMIT_AS, memory)] * 2


@pytest.mark.usefixtures("h5py")
def test_damage_is_survived(tmp_path: Path, survives: Callable[..., None], h5py: Any) -> None:  # noqa: ANN401
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["nirs/metaDataTags/SubjectID"] = "Zebulon"
        file["a"] = np.array([b"Zebulon"] * 3)
        file.attrs["b"] = "Zebulon"
    content = (tmp_path / "a.h5").read_bytes()

    @settings(max_examples=10, deadline=None)  # each is a process of its own
    @given(st.data())
    def check(data: st.DataObject) -> None:
        survives(data, read_hdf5, content, "a.h5")

    check()
