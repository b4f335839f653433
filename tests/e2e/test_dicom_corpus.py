"""The whole command on files with 34,000 invented identifiers in them: none may be left."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bidsdeid.cli import main
from dicom_corpus import build, left, missing, score
from dicom_tokens import Corpus

PROFILES = ("neuro", "basic", "open-science")


def deidentified(tmp_path: Path, files: Mapping[str, bytes], *options: str) -> dict[str, bytes]:
    """Run the command on files as one study, and return what became of those released."""
    source = tmp_path / "in"
    source.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content)
    out = tmp_path / "out"
    code = main(
        [
            "dicom",
            str(source),
            str(out),
            "--subject",
            "sub-01",
            "--zip",
            "none",
            "--merge-patients",
            *options,
        ]
    )
    assert code in (0, 1)
    record = json.loads((tmp_path / "out_private" / "dicom-sub-01.json").read_text("utf-8"))
    return {
        file["source"]: (out / "sub-01_deidentified" / file["target"]).read_bytes()
        for file in record["files"]
        if file["state"] == "released"
    }


def of_kind(corpus: Corpus, kind: str) -> Corpus:
    return corpus.only(kind, hostile=True)


@pytest.mark.parametrize("profile", PROFILES)
def test_no_identifier_is_left(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = build(1)
    outputs = deidentified(tmp_path, corpus.files, "--profile", profile)
    images = of_kind(corpus, "image")
    assert outputs.keys() == images.files.keys()
    scope = {"ps315", "open"} if profile == "open-science" else {"ps315"}
    assert [token for token in left(outputs, images) if token.scope in scope] == []
    assert missing(outputs, images) == []
    told = "".join(capsys.readouterr())
    assert [token.text for token in corpus.tokens if token.text in told] == []
    result = score(outputs, images)
    sys.stdout.write(result.table())  # shown with -s, and if it is not whole
    assert result.share == 1


def test_a_comment_in_compressed_pixels_is_not_let_through(tmp_path: Path) -> None:
    corpus = of_kind(build(1, comments=True), "image")
    outputs = deidentified(tmp_path, corpus.files, "--profile", "open-science")
    withheld = corpus.files.keys() - outputs.keys()
    planted = {token.file for token in corpus.tokens if "compressed frame" in token.category}
    assert withheld == planted
    released = {name: outputs[name] for name in outputs}
    assert left(released, corpus) == []


def test_what_the_engine_does_not_remove_stops_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bidsdeid.dicom.deidentifier.Deidentifier._elements", lambda *_: None)
    source = tmp_path / "in"
    source.mkdir()
    corpus = build(1)
    (source / "a").write_bytes(corpus.files["MR_small"])
    assert main(["dicom", str(source), str(tmp_path / "out"), "--subject", "sub-01"]) == 65
    assert list((tmp_path / "out").iterdir()) == []
    told = capsys.readouterr().err
    assert "is left in it" in told
    assert [token.text for token in corpus.tokens if token.text in told] == []
