from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.errors import TextError
from bidsdeid.io.readers import office as module
from bidsdeid.io.readers.dispatch import read
from bidsdeid.io.readers.office import EMBEDDED, LONG, is_office, read_office

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]

PARTS = {
    "[Content_Types].xml": "<Types/>",
    "word/document.xml": "<w:t>Patient Jürgen</w:t><w:t> &lt;Müller&gt;</w:t>",
    "word/comments.xml": '<w:comment w:author="Dr. Zebulon" w:initials="Z">x<w:t>ok</w:t></w>',
    "word/styles.xml": "<x>not read</x>",
    "word/theme/theme1.xml": "<x>not read</x>",
    "word/_rels/document.xml.rels": '<R Target="file:///home/jdoe/raw"/>',
    "docProps/core.xml": "<dc:creator>Jane Doe</dc:creator>",
}


def document(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_text_and_people_of_a_document(save: Save, texts: Texts) -> None:
    reading = read(save(document(PARTS), "consent"))
    assert texts(reading) == {
        "part 2": ["Patient Jürgen", "<Müller>"],
        "part 3 attribute": ["Dr. Zebulon", "Z"],
        "part 3": ["x", "ok"],
        "part 6 attribute": ["file:///home/jdoe/raw"],
        "part 7": ["Jane Doe"],
    }
    assert reading.unseen == ""


def test_pictures_in_a_document_are_told(save: Save) -> None:
    reading = read(save(document(PARTS | {"word/media/image1.png": "Zebulon"}), "a.docx"))
    assert reading.unseen == EMBEDDED


def test_documents_are_told_from_archives() -> None:
    assert is_office(document(PARTS), "a")
    assert is_office(document({"content.xml": ""}), "a.ODT")
    assert is_office(
        document({"mimetype": "x"})[:38] + b"application/vnd.oasis.opendocument.text", "a"
    )
    assert not is_office(document({"content.xml": ""}), "a.zip")
    assert not is_office(b"text", "a.docx")


def test_a_bomb_is_not_inflated(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {f"{n}.xml": "<" * 2**22 for n in range(3)}
    monkeypatch.setattr(module, "MAX_PART", 2**12)
    monkeypatch.setattr(module, "MAX_PARTS", 2**13)
    reading = read_office(save(document(parts | {"4.xml": "Zebulon"})))
    assert sum(len(piece.text) for piece in reading.pieces) == 2**13
    assert reading.unseen == LONG


def test_what_is_no_document_is_refused(save: Save) -> None:
    for content in (b"", b"Zebulon", document(PARTS)[:-30]):
        with pytest.raises(TextError):
            read_office(save(content))


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    survives(data, read_office, document({"word/a.xml": "<a>Zebulon</a>"}))
