from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from bidsdeid.core.piece import Reading
from bidsdeid.errors import FileProblem

Save = Callable[..., Path]
Read = Callable[[Path], Reading]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Return a function that writes a file."""

    def write(content: bytes, name: str = "file") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(scope="session")
def survives(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Return a function that damages a file, and lets a reader raise nothing but what it may."""
    folder = tmp_path_factory.mktemp("damaged")

    def check(data: st.DataObject, read: Read, content: bytes, name: str = "file") -> None:
        places = st.integers(0, max(len(content) - 1, 0))
        changes = data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6))
        cut = data.draw(st.just(len(content)) | st.integers(0, len(content)))
        damaged = bytearray(content)
        for place, byte in changes:
            damaged[place] = byte
        inserted = data.draw(st.just(b"") | st.binary(max_size=8))
        place = data.draw(places)
        path = folder / name
        path.write_bytes(bytes(damaged[:place]) + inserted + bytes(damaged[place:cut]))
        try:
            reading = read(path)
        except FileProblem as problem:
            reading = Reading(unseen=str(problem) or "Zebulon")
        assert all(piece.text.strip() for piece in reading.pieces)
        assert not any("Zebulon" in piece.where for piece in reading.pieces)
        assert "Zebulon" not in reading.unseen

    return check


@pytest.fixture(scope="session")
def texts() -> Callable[[Reading], dict[str, list[str]]]:
    """Return a function that lists what was found by its place."""

    def by_place(reading: Reading) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for piece in reading.pieces:
            found.setdefault(piece.where, []).append(piece.text)
        return found

    return by_place
