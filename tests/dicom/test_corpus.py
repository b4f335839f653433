from __future__ import annotations

import io
import time
import warnings
from collections import Counter

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicom_bases import bases, read, written
from dicom_corpus import Corpus, build, left, missing, score
from dicom_tokens import listed, plain

#: What the experiment of MIDI-B and of others planted, in the words of this corpus.
_LEAST = {
    "ids top level", "free text listed", "descriptors listed", "in listed SQ",
    "listed tag in unlisted SQ", "private top", "private nested", "private SQ",
    "public in a private SQ", "private without a creator", "private creator", "overlay/curve",
    "DataSetTrailingPadding", "dates top", "dates in unlisted SQ", "dates in listed SQ",
    "UIDs top", "UIDs nested", "multi-valued PN", "age 095Y", "file meta group 2", "preamble",
    "unknown even tag", "unlisted date", "unlisted std text", "UN with a known tag",
    "sequence as UN", "wrong VR", "PN in three groups", "another character set inside",
    "unlisted blob", "blobs listed", "behind the pixels", "comment in a compressed frame", "icon",
    "in each frame", "harvest", "harvest respelled", "shapes", "original attributes",
    "contributing equipment", "five deep", "text for a number", "unlisted code string",
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return build(1, comments=True)


def test_there_are_enough_bases_of_both_kinds_and_all_are_small() -> None:
    kinds = Counter(base.kind for base in bases())
    assert kinds["image"] >= 23
    assert kinds["other"] >= 10
    assert len({base.name for base in bases()}) == sum(kinds.values())
    assert all(len(base.content) < 330_000 for base in bases())


def test_there_are_enough_identifiers_of_all_categories(corpus: Corpus) -> None:
    images = corpus.only("image")
    assert len(images.tokens) >= 10_000
    assert {token.category for token in images.tokens} >= _LEAST
    assert {token.file for token in corpus.tokens} == corpus.files.keys()
    assert {token.scope for token in corpus.tokens} == {"ps315", "open"}


def test_every_identifier_is_found_where_nothing_was_done(corpus: Corpus) -> None:
    assert left(corpus.files, corpus) == list(corpus.tokens)
    assert missing(corpus.files, corpus) == []


def test_identifiers_are_not_in_the_bases() -> None:
    contents = {base.name: base.content for base in bases()}
    assert left(contents, build(1, comments=True)) == []


def test_every_spelling_of_an_identifier_is_its_own(corpus: Corpus) -> None:
    for name in corpus.files:
        needles = Counter(n for token in corpus.tokens if token.file == name for n in token.needle)
        assert max(needles.values()) == 1
        assert min(map(len, needles.keys() - {b"095Y"})) >= 8


def test_nothing_is_left_and_all_is_missing_without_output(corpus: Corpus) -> None:
    for outputs in ({}, dict.fromkeys(corpus.files, b"")):
        assert left(outputs, corpus) == []
        assert missing(outputs, corpus) == list(corpus.must_stay)
        assert score(outputs, corpus).of()[0] == 0


def test_seeded_files_are_read_strictly_and_keep_pixels_and_syntax(corpus: Corpus) -> None:
    for base in bases():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = dcmread(io.BytesIO(corpus.files[base.name]))
        before = base.dataset()
        assert data.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
        assert ("PixelData" in data) == ("PixelData" in before)


def test_seeded_files_can_be_looked_through_and_written(corpus: Corpus) -> None:
    for name in corpus.files.keys() - corpus.hostile:
        data = read(corpus.files[name])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data.walk(lambda _, element: str(element.value))
        assert written(data)


def test_pixels_are_still_decoded(corpus: Corpus) -> None:
    names = [n for n in corpus.files if corpus.kinds[n] == "image"]
    for name, base in ((base.name, base) for base in bases() if base.name in names):
        before = base.dataset()
        syntax = before.file_meta.TransferSyntaxUID
        if not syntax.is_compressed or "RLE" in syntax.name:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert (read(corpus.files[name]).pixel_array == before.pixel_array).all()


def test_one_seed_gives_the_same_files_and_another_gives_others(corpus: Corpus) -> None:
    build.cache_clear()
    again, other = build(1, comments=True), build(2)
    assert again.files == corpus.files
    assert again.tokens == corpus.tokens
    assert other.files.keys() == corpus.files.keys()
    assert all(other.files[name] != content for name, content in corpus.files.items())


def test_building_takes_seconds() -> None:
    start = time.process_time()
    build.__wrapped__(3)
    assert time.process_time() - start < 20


def _reduced(data: Dataset, above: tuple[tuple[int, int], ...], kept: set[object]) -> None:
    """Delete what is neither to be kept nor a sequence of that."""
    for tag in [*data.keys()]:
        places = {path[len(above)] for path in kept if path[: len(above)] == above}
        numbers = {number for place, number in places if place == tag}
        if not numbers:
            del data[tag]
        elif (*above, (int(tag), 0)) not in kept:
            for number, item in enumerate(data[tag].value):
                _reduced(item, (*above, (int(tag), number)), kept)


def _without_identifiers(corpus: Corpus, name: str) -> bytes:
    """Return a file with nothing but what has to stay."""
    base = next(base for base in bases() if base.name == name)
    data, syntax = read(corpus.files[name]), base.dataset().file_meta
    _reduced(data, (), {stay.where for stay in corpus.must_stay if stay.file == name})
    if "PixelData" in data:
        data[BaseTag(0x7FE00010)] = base.dataset().get_item("PixelData")
    data.file_meta, data.preamble = syntax, b"\0" * 128
    return written(data)


def test_all_can_be_removed_and_kept_at_once(corpus: Corpus) -> None:
    outputs = {name: _without_identifiers(corpus, name) for name in corpus.files}
    assert left(outputs, corpus) == []
    assert missing(outputs, corpus) == []
    result = score(outputs, corpus, scope="open")
    for action in ("removed", "date_shifted", "uid_changed", "retained", "pixels_retained"):
        correct, required = result.of(action)
        assert correct == required > 0


def test_one_identifier_or_one_number_is_told(corpus: Corpus) -> None:
    name = "MR_small"
    part = corpus.only("image", hostile=False)
    output = _without_identifiers(corpus, name)
    token = next(t for t in part.tokens if t.file == name and t.category == "private SQ")
    assert left({name: output + token.needle[0]}, part) == [token]
    data = read(output)
    data.EchoTime = "81"
    (lost,) = (stay for stay in missing({name: written(data)}, part) if stay.file == name)
    assert lost.where == ((0x00180081, 0),)
    data = read(output)
    data.PixelData = data.PixelData[:-2]
    (lost,) = (stay for stay in missing({name: written(data)}, part) if stay.file == name)
    assert lost.where == ((0x7FE00010, 0),)


def test_deflated_text_is_searched(corpus: Corpus) -> None:
    content = corpus.files["MR_deflated"]
    token = next(t for t in corpus.tokens if t.file == "MR_deflated" and t.category == "icon")
    assert token.needle[0] not in content
    assert token.needle[0] in plain(content)


def test_the_digits_of_a_longer_number_are_no_date(corpus: Corpus) -> None:
    token = next(token for token in corpus.tokens if token.action == "date_shifted")
    assert token.occurs_in(b"\x08\0" + token.needle[0])
    assert not token.occurs_in(b"2.25.4" + token.needle[0])


def test_what_has_to_stay_is_not_listed(corpus: Corpus) -> None:
    own = {0x00020010, 0x00080016, 0x7FE00010}
    for stay in corpus.must_stay:
        assert not any(listed(tag) for tag, _ in stay.where if tag not in own)


def test_mapped_identifiers_count_if_they_are_the_same_everywhere(corpus: Corpus) -> None:
    part = corpus.only("image")
    outputs = {
        name: content.replace(b"680043.10.999.", b"680043.10.111.")
        for name, content in part.files.items()
        if "deflated" not in name
    }
    correct, required = score(outputs, part).of("uid_consistent")
    assert correct >= required - 1 > 40
    assert "uid_consistent" in score(outputs, part).table()
