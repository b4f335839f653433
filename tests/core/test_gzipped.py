from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.gzipped import compress, decompress, inflated_at_once
from bidsdeid.errors import ImageError
from strategies import packed


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_compression_is_undone_whatever_the_members(content: bytes, cuts: list[int]) -> None:
    assert decompress(compress(content), len(content)) == content
    assert decompress(packed(content, *cuts), len(content)) == content
    assert compress(content) == compress(bytes(bytearray(content)))
    if content:
        with pytest.raises(ImageError):
            decompress(compress(content), len(content) - 1)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_only_one_sound_member_is_read_at_once(content: bytes, cut: int) -> None:
    size, whole = len(content), compress(content)
    assert inflated_at_once(whole, size) == content
    assert inflated_at_once(whole, size + 1) is None
    assert inflated_at_once(whole[:-9], size) is None
    assert inflated_at_once(whole + b"PatientName", size) is None
    if 0 < cut < size:
        several = gzip.compress(content[:cut]) + compress(content[cut:])
        assert inflated_at_once(several, size) is None
