from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.dataset import SourceFile
from bidsdeid.core.packed import PackedFiles
from strategies import source_files

FILES = st.lists(source_files(), max_size=6)


@given(st.dictionaries(st.sampled_from(("01", "02", "zz")), FILES))
def test_what_is_unpacked_is_what_was_packed(people: dict[str, list[SourceFile]]) -> None:
    packed = PackedFiles()
    for label, files in people.items():
        packed.pack(label, files)
    assert list(packed) == list(people)
    assert len(packed) == len(people)
    assert {label: list(files) for label, files in packed.items()} == people
