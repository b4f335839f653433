from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.errors import TextError
from bidsdeid.io.readers import archive as module
from bidsdeid.io.readers.archive import MANY, UNLISTED, UNSEEN, is_tar, read_tar, read_zip
from bidsdeid.io.readers.dispatch import read

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]
NAMES = ["sub-01/Zebulon_T1w.nii", "sub-01/Jürgen.txt"]


def zipped(names: list[str] = NAMES, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name in names:
            member = zipfile.ZipInfo(name)
            member.comment = b"room 4" if name == NAMES[0] else b""
            archive.writestr(member, b"content of Wilhelmine")
    return buffer.getvalue()


def tarred(names: list[str] = NAMES, kind: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.uname, member.gname, member.size = "jdoe", "root", 21
            archive.addfile(member, io.BytesIO(b"content of Wilhelmine"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/home/jdoe/raw"
        link.pax_headers = {"comment": "from Zebulon"}
        archive.addfile(link)
    return buffer.getvalue()


def test_members_of_a_zip_are_listed_and_not_looked_into(save: Save, texts: Texts) -> None:
    reading = read(save(zipped(comment=b"for Jane\n"), "a"))
    assert texts(reading) == {
        "comment of the archive": ["for Jane"],
        "member 1": [NAMES[0]],
        "member 1 comment": ["room 4"],
        "member 2": [NAMES[1]],
    }
    assert reading.unseen == UNSEEN


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_members_of_a_tar_are_listed_and_not_looked_into(
    save: Save, texts: Texts, pack: Callable[[bytes], bytes], kind: int
) -> None:
    reading = read(save(pack(tarred(kind=kind)), "a"))
    found = texts(reading)
    found.pop("gzip time", None)
    assert found == {
        "member 1": [NAMES[0]],
        "member 1 owner": ["jdoe"],
        "member 2": [NAMES[1]],
        "member 2 owner": ["jdoe"],
        "member 3": ["link"],
        "member 3 link": ["/home/jdoe/raw"],
    } | ({"member 3 record": ["from Zebulon"]} if kind == tarfile.PAX_FORMAT else {})
    assert reading.unseen == UNSEEN


@pytest.mark.parametrize(("read_kind", "made"), [(read_zip, zipped), (read_tar, tarred)])
def test_no_more_members_are_listed_than_anybody_reads(
    save: Save,
    monkeypatch: pytest.MonkeyPatch,
    read_kind: Callable[..., object],
    made: Callable[..., bytes],
) -> None:
    monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    reading = read_kind(save(made([f"name {n}" for n in range(9)])))
    assert {p.text for p in reading.pieces if "name" in p.text} == {"name 0", "name 1", "name 2"}
    assert MANY in reading.unseen


def test_a_tar_that_is_not_packed_is_skipped_through(
    save: Save, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("large", "Zebulon"):
            member = tarfile.TarInfo(name)
            member.size = 2**20
            archive.addfile(member, io.BytesIO(bytes(2**20)))
    monkeypatch.setattr(module, "MAX_INFLATED", 2**15)
    plain = read_tar(save(buffer.getvalue()))
    assert texts(plain) == {"member 1": ["large"], "member 2": ["Zebulon"]}
    assert plain.unseen == UNSEEN
    packed = read_tar(save(gzip.compress(buffer.getvalue())))
    assert texts(packed) == {"member 1": ["large"]}
    assert "only a part of it" in packed.unseen


def test_a_bomb_is_not_inflated(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_INFLATED", 2**20)
    reading = read(save(gzip.compress(tarred()[:512]) + gzip.compress(bytes(2**20)) * 4096))
    assert len(reading.pieces) <= 3


def test_a_list_that_is_too_long_is_refused(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LIST", 2**10)
    with pytest.raises(TextError):
        read_zip(save(zipped([f"name {n}" for n in range(99)])))


@pytest.mark.parametrize("content", module.OTHER)
def test_other_archives_are_told(save: Save, content: bytes) -> None:
    reading = read(save(content + bytes(99)))
    assert reading.pieces == ()
    assert reading.unseen == f"{UNLISTED}; {UNSEEN}"


def test_damaged_archives_are_refused_or_told(save: Save) -> None:
    for content in (b"", b"PK\3\4", zipped()[:-9], b"PK\5\6" + bytes(9)):
        with pytest.raises(TextError):
            read_zip(save(content))
    for content in (b"", b"x" * 600, gzip.compress(b"x" * 600)):
        with pytest.raises(TextError):
            read_tar(save(content))
    many = tarred([f"name {n}" for n in range(99)])
    reading = read_tar(save(gzip.compress(many, 0)[:-50_000]))
    assert 50 < len(reading.pieces) < 198
    assert "only a part of it" in reading.unseen


def test_a_tar_whose_size_is_negative_ends(save: Save) -> None:
    content = bytearray(tarred(kind=tarfile.GNU_FORMAT))
    assert is_tar(content)
    for size in (-512, -1024, -21):  # base 256, CVE-2025-8194
        content[124:136] = b"\xff" * 4 + struct.pack(">q", size)
        content[148:156] = b" " * 8
        content[148:156] = b"%06o\0 " % sum(content[:512])
        for pack in (bytes, gzip.compress):
            assert UNSEEN in read_tar(save(pack(bytes(content)))).unseen


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    survives(data, read_zip, zipped(comment=b"Zebulon"))
    content = tarred()[:5000]
    survives(data, read_tar, content)
    survives(data, read_tar, gzip.compress(content))
