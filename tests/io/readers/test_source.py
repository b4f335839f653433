from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.errors import TextError
from bidsdeid.io.readers import source
from bidsdeid.io.readers.source import (
    Bounded,
    first_bytes,
    last_bytes,
    opened,
    stored_bytes,
    streamed,
)

Save = Callable[..., Path]
PACKERS = [bytes, gzip.compress, bz2.compress, lzma.compress]


@given(
    content=st.binary(max_size=50), limit=st.integers(0, 60), sizes=st.lists(st.integers(0, 30))
)
def test_no_more_is_read_than_may_be(content: bytes, limit: int, sizes: list[int]) -> None:
    stream = Bounded(io.BytesIO(content), limit)
    wanted = io.BytesIO(content)
    for size in sizes:
        expected = wanted.read(size)
        if wanted.tell() > limit:
            with pytest.raises(TextError):
                stream.read(size)
            return
        assert stream.read(size) == expected
        assert stream.left == limit - wanted.tell()


def test_all_that_remains_is_read_up_to_the_limit() -> None:
    assert Bounded(io.BytesIO(b"abc"), 3).read() == b"abc"
    assert Bounded(io.BytesIO(b"abc"), 3).read(None) == b"abc"
    with pytest.raises(TextError, match="more of it"):
        Bounded(io.BytesIO(b"abcd"), 3).read()


def test_a_size_that_a_file_claims_makes_no_buffer() -> None:
    class Asked(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.most = max(self.most, size or 0)
            return super().read(size)

    asked = Asked(b"abc")
    assert Bounded(asked, 9).read(2**40) == b"abc"
    assert 0 < asked.most <= 2**20


def test_what_is_skipped_does_not_count() -> None:
    stream = Bounded(io.BytesIO(bytes(1000) + b"ab"), 2)
    assert stream.seek(1000) == stream.tell() == 1000
    assert stream.read(2) == b"ab"
    assert stream.readable()
    assert stream.seekable()


@pytest.mark.parametrize(("size", "start", "more"), [(2, b"ab", True), (9, b"abc", True)])
def test_the_start_of_a_file_and_whether_more_follows(
    size: int, start: bytes, *, more: bool
) -> None:
    assert Bounded(io.BytesIO(b"abcd"), 3).start(size) == (start, more)
    assert Bounded(io.BytesIO(b"abcd"), 9).start(4) == (b"abcd", False)


def test_nothing_is_left_behind_a_limit_that_was_passed() -> None:
    stream = Bounded(io.BytesIO(b"abcdef"), 3)
    with pytest.raises(TextError):
        stream.read(5)
    assert stream.start(9)[0] == b""


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_files_are_read_as_what_they_hold(
    save: Save, pack: Callable[[bytes], bytes]
) -> None:
    path = save(pack(b"abcdef"))
    assert first_bytes(path, 3) == b"abc"
    assert stored_bytes(path, 2) == pack(b"abcdef")[:2]
    assert last_bytes(path, 3) == pack(b"abcdef")[-3:]
    assert last_bytes(path, 99) == pack(b"abcdef")
    with opened(path, 6) as (stream, cut):
        assert (stream.read(), cut) == (b"abcdef", False)
        assert stream.seek(2) == 2
        assert stream.read(2) == b"cd" if stream.left else True
    with opened(path, 4) as (stream, cut):
        assert stream.read(4) == b"abcd"
        assert cut == (pack is not bytes)
    with streamed(path, 4) as stream:
        assert stream.read(4) == b"abcd"
        assert stream.packed == (pack is not bytes)


def test_a_bomb_is_inflated_as_far_as_it_is_read(save: Save) -> None:
    once = gzip.compress(bytes(2**20))
    path = save(once * 4096)  # 4 GB in 4 MB
    with streamed(path, 2**20) as stream:
        assert stream.start(2**30) == (bytes(2**20), True)
    with opened(path, 2**20) as (stream, cut):
        assert cut
        assert stream.seek(0, io.SEEK_END) == 2**20


def test_pipes_and_folders_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(TextError, match="not a regular file"):
            stored_bytes(path, 1)


def test_a_file_of_countless_parts_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_READS", 3)
    stream = Bounded(io.BytesIO(b"abcdef"), 99)
    assert [stream.read(1) for _ in range(3)] == [b"a", b"b", b"c"]
    with pytest.raises(TextError, match="more parts"):
        stream.read(1)
