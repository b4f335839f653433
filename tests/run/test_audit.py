from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app_runs import EXAMPLE, ROOT
from bidsdeid.cli import main
from bidsdeid.core.estimate import FaceEstimate, Head
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.finding import RULES
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.recognition import is_defaced
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.audit import FaceTest, audit
from bidsdeid.run.audit_formats import FORMATS
from bidsdeid.run.face_cascade import cascade
from bidsdeid.run.faces import FaceFinder, frame_of
from bidsdeid.run.search import searchable
from file_bytes import dicom, edf, epi, packed, png, tarred, with_fields
from trees import digest

HEADS = (
    "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T2w.nii.gz",
    "sub-02/ses-baseline/anat/sub-02_ses-baseline_T1w.nii",
    "sub-02/ses-followup/anat/sub-02_ses-followup_T1w.nii.gz",
    "sub-03/anat/sub-03_FLAIR.nii.gz", "sub-03/anat/sub-03_T1w.nii.gz",
)  # fmt: skip


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


# ── every kind of finding ────────────────────────────────────────────────────────────────────

_WORDS = {
    "sub-01/sub-01_T1w.json": json.dumps(
        {"PatientName": "QANARY^JANE", "AccessionNumber": "QX-4815", "InstitutionName": "Qanahill"}
    ).encode()
}

#: For each rule, a file that breaks it.
BROKEN: dict[str, tuple[str, bytes]] = {
    "identity field": ("x.json", b'{"PatientName": "Doe"}'),
    "record field": ("x.json", b'{"PatientID": "X4815"}'),
    "place field": ("x.json", b'{"StationName": "Doe"}'),
    "patient field": ("x.json", b'{"PatientSex": "F"}'),
    "pseudonym": ("x.json", b'{"PatientID": "sub-X7Q"}'),
    "label": ("visit 2019-03-04.txt", b"x"),
    "code in a name": ("4815162342.txt", b"x"),
    "known term": ("x.txt", b"by our qanaterm"),
    "name in this dataset": ("x.txt", b"by qanary"),
    "record of this dataset": ("x.txt", b"as qx-4815"),
    "staff or place of this dataset": ("x.txt", b"at qanahill"),
    "date": ("x.txt", b"on 2019-03-04"),
    "time": ("x.txt", b"at 23:10:11"),
    "clock": ("x.json", b'{"SAR": 1551693600}'),
    "time of packing": ("x.nii.gz", packed(epi(), seconds=1551693600)),
    "age": ("participants.tsv", b"participant_id\tage\nsub-01\t93\n"),
    "email": ("x.txt", b"ask jane@clinic.example.org"),
    "phone": ("x.txt", b"call 612-555-0142"),
    "person name": ("x.txt", b"Doe^Jane"),
    "titled name": ("x.txt", b"seen by Dr. Doe"),
    "identifier word": ("x.txt", b"MRN 4815"),
    "ssn": ("x.txt", b"219-09-9999"),
    "national number": ("x.txt", b"RSSMRA85T10A562S"),
    "bank account": ("x.txt", b"DE89 3704 0044 0532 0130 00"),
    "secret": ("x.txt", b"password: Qx9!zu2Lk"),
    "record number": ("x.txt", b"no. 4815162"),
    "postal address": ("x.txt", b"12 Long Hill Road"),
    "path": ("x.txt", b"/home/qanary/raw"),
    "url with user": ("x.txt", b"https://doe@pacs.example.org/"),
    "host name": ("x.txt", b"from mri1.radiology.local"),
    "ip address": ("x.txt", b"10.123.0.17"),
    "mac address": ("x.txt", b"00:1b:44:11:3a:b7"),
    "uid": ("x.txt", b"1.2.840.113619.2.5.17"),
    "uuid": ("x.txt", b"123e4567-e89b-12d3-a456-426614174000"),
    "control characters": ("x.json", b'{"SeriesDescription": "a\\u001b[1m"}'),
    "length": ("x.json", json.dumps({"SeriesDescription": "word " * 500}).encode()),
}


@pytest.mark.parametrize("rule", sorted(RULES.keys() - {"face"}))
def test_every_rule_is_reached(rule: str, tmp_path: Path) -> None:
    name, content = BROKEN[rule]
    write(tmp_path / "in", {name: content, **_WORDS})
    (tmp_path / "terms").write_text("qanaterm\n")
    terms, out = tmp_path / "terms", tmp_path / "out"
    options = ["--no-faces", "--format", "json", "--known-terms", str(terms), "-o", str(out)]
    code = main(["audit", str(tmp_path / "in"), *options])
    facts = json.loads((tmp_path / "out").read_text("utf-8"))
    assert rule in {finding["rule"] for finding in facts["Findings"]}
    assert code == 65


def test_there_is_a_file_for_every_rule() -> None:
    assert BROKEN.keys() == RULES.keys() - {"face"}


# ── the command ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("files", "code", "last"),
    [
        ({"x.json": b'{"EchoTime": 0.03}'}, 0, "CLEAR: nothing was found"),
        ({"x.json": b'{"EchoTime": '}, 1, "HOLD: something has to be looked at first"),
        ({"x.txt": b"at 23:10"}, 1, "HOLD: something has to be looked at first"),
        ({}, 1, "HOLD: something has to be looked at first"),
        ({"x.txt": b"on 2019-03-04"}, 65, "STOP: something identifies a person, do not share it"),
    ],
)
def test_the_exit_code_says_what_it_comes_to(
    files: dict[str, bytes], code: int, last: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write(tmp_path, files)
    assert main(["audit", str(tmp_path)]) == code
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == last
    assert err == ""


def test_a_file_can_be_audited_alone(tmp_path: Path) -> None:
    write(tmp_path, {"x.json": b'{"PatientName": "Doe"}', "y.json": b"{}"})
    assert main(["audit", str(tmp_path / "x.json")]) == 65
    assert main(["audit", str(tmp_path / "y.json")]) == 0


def test_nothing_at_the_path_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", str(tmp_path / "qanary")]) == 66
    assert "qanary" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("name", ["in/report", "in/x.json", "in/a/../report", "link/report"])
def test_a_report_is_not_written_into_what_is_audited(name: str, tmp_path: Path) -> None:
    write(tmp_path / "in", {"x.json": b"{}", "a/y.txt": b"x"})
    (tmp_path / "link").symlink_to("in")
    before = digest(tmp_path, times=True)
    assert main(["audit", str(tmp_path / "in"), "-o", str(tmp_path / name)]) == 64
    assert digest(tmp_path, times=True) == before


def test_a_report_does_not_replace_the_one_file_that_is_audited(tmp_path: Path) -> None:
    write(tmp_path, {"x.json": b"{}"})
    assert main(["audit", str(tmp_path / "x.json"), "-o", str(tmp_path / "x.json")]) == 64


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "in", {"x.json": b"{}"})
    assert main(["audit", str(tmp_path / "in"), "-o", str(tmp_path / "no/report")]) == 73


def test_the_report_is_the_same_wherever_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in", {"x.json": b'{"PatientName": "Doe"}', "\u00e9.txt": b"23:10"})
    for form in FORMATS:
        main(["audit", str(tmp_path / "in"), "--format", form])
        main(["audit", str(tmp_path / "in"), "--format", form, "-o", str(tmp_path / "out")])
        assert (tmp_path / "out").read_text("utf-8") == capsys.readouterr().out


def test_the_help_says_what_is_looked_into_and_what_exit_codes_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    text = capsys.readouterr().out
    for word in ("Nothing is changed", "NIfTI and DICOM", "STOP", "exit code 65", "--known-terms"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 99


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_any_terminal_can_show_a_report(tmp_path: Path, variables: dict[str, str]) -> None:
    write(tmp_path, {"caf\u00e9.txt": b"23:10", "\u202egnp.txt": b"23:10"})
    (tmp_path / os.fsdecode(b"\xff.txt")).write_bytes(b"23:10")
    done = subprocess.run(
        [sys.executable, ROOT / "run.py", "audit", tmp_path, "--no-faces"],
        capture_output=True, check=False, env={**os.environ, **variables},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == b""
    assert b"HOLD: something" in done.stdout


def test_a_reader_that_stops_reading_makes_no_noise(tmp_path: Path) -> None:
    write(tmp_path, {f"{n}/x{n}.txt": f"{n} 2019-03-04".encode() for n in range(2000)})
    with subprocess.Popen(
        [sys.executable, ROOT / "run.py", "audit", tmp_path, "--no-faces", "--format", "json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 65


# ── nothing is repeated ──────────────────────────────────────────────────────────────────────

#: Kinds of text that are recognised, with a part that occurs nowhere else.
_TOKENS = (
    "{last}^{first}", "on 19{n}-03-04 {last}@clinic.example", "{last}@clinic.example.org",
    "/home/{last}/raw", "MRN {last}{n}", "qanaterm{last}",
)  # fmt: skip
_LAST = st.text("bdfgklmnprstvz", min_size=6, max_size=10).map(lambda word: f"q{word}q")


def _everywhere(token: str, name: str) -> dict[str, bytes]:
    """Return files with a text in every place that a report has something to say of."""
    told = json.dumps(token)
    return {
        "x.json": f'{{"SeriesDescription": {told}, {told}: {{{told}: [{told}]}}}}'.encode(),
        "list.json": f"[{told}]".encode(),
        "cut.json": f"{{{told}: {told}, ".encode(),
        "twice.json": f'{{"a": {told}, "a": {told}}}'.encode(),
        "x_surname.json": f"{{{json.dumps(f'{token} surname')}: {told}}}".encode(),
        "people.tsv": f"participant_id\t{token}\tsurname {token}\nx\t{token}\tx\n".encode(),
        "ragged.tsv": f"a\tb\n{token}\n".encode(),
        "x.csv": f"{token};b\n1;{token}\n".encode(),
        "x_physio.tsv.gz": packed(f"1\t{token}\n".encode(), comment=token, name="x"),
        "x.nii.gz": packed(with_fields(epi(), {"descrip": token[:79], "aux_file": token[:23]})),
        "x.dcm": dicom(token, "x", token, token, token),
        "x.edf": edf(token, token),
        "x.png": png(token, token),
        "x.tar.gz": tarred(token.lstrip("/"), "root"),
        "x.txt": token.encode(),
        f"{name}": b"x",
        f"{name}.json": b"{",
        f"{name}.d/{name}.tsv": b"",
        f"sub-{name}/anat/sub-{name}_T1w.json": b"{}",
    }


@settings(max_examples=12)
@given(st.sampled_from(_TOKENS), _LAST, st.integers(30, 89))
def test_a_report_repeats_nothing_of_what_it_finds(
    tmp_path_factory: pytest.TempPathFactory, shape: str, last: str, number: int
) -> None:
    token = shape.format(last=last, first="jane", n=number)
    name = f"qanaterm{last}" if "/" in token else token
    root = tmp_path_factory.mktemp("in")
    (root / "terms").write_text(f"qanaterm{last}\n")
    write(root / "in", _everywhere(token, name))
    (root / "in/link").symlink_to(f"/home/{last}/gone")
    for form in FORMATS:
        main(["audit", str(root / "in"), "--no-faces", "--format", form, "-o",
              str(root / "out"), "--known-terms", str(root / "terms")])  # fmt: skip
        report = (root / "out").read_text("utf-8")
        assert last not in unquote(report).lower()
        assert f"19{number}-03-04" not in report
    shutil.rmtree(root)


# ── faces ────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=6)
def example(name: str) -> tuple[Head, FaceEstimate, Any]:
    """Return a head of the example, where its face is, and its image."""
    content = (EXAMPLE / name).read_bytes()
    image = decode_image(content)
    head = searchable(image)
    scratch = Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 -- engines write files there
    found = FaceFinder(cascade((pydeface_atlas(),)), FaceStyle(), scratch).find(head)
    return head, found, image


def _without_face(name: str, keep: Callable[[Any], Any] = lambda x: x < -np.inf) -> bytes:
    """Return an image of the example without its face, or with the part that is kept."""
    head, found, image = example(name)
    remove = found.remove_on(head.shape, head.grid)
    across = np.indices(head.shape)[_left_right(head.grid)]
    middle = across[remove].mean()
    remove &= ~keep(across - middle)
    data = image.data.copy()
    data[remove] = data.min()
    plain = nib.Nifti1Image(data, head.grid)
    plain.set_sform(head.grid, 1)
    return bytes(plain.to_bytes())


def _left_right(grid: Any) -> int:  # noqa: ANN401
    return int(np.abs(grid[0, :3]).argmax())


@pytest.mark.parametrize("name", HEADS)
def test_a_head_of_the_example_has_its_face_until_it_is_removed(name: str) -> None:
    head, found, _ = example(name)
    frame = frame_of(found.atlas)
    assert not is_defaced(head, frame, found.to_atlas)
    for content, defaced in (
        (_without_face(name), True),
        (_without_face(name, lambda x: x > 0), False),
        (_without_face(name, lambda x: x < 0), False),
    ):
        changed = searchable(decode_image(content))
        assert is_defaced(changed, frame, found.to_atlas) is defaced


def test_a_face_stops_and_a_removed_one_does_not(tmp_path: Path) -> None:
    name = HEADS[0]
    whole = gzip.decompress((EXAMPLE / name).read_bytes())
    write(tmp_path, {
        "whole_T1w.nii": whole,
        "without_T1w.nii": _without_face(name),
        "slice_T1w.nii": _slice(),
    })  # fmt: skip
    test = FaceTest(tmp_path / "scratch")
    (tmp_path / "scratch").mkdir()
    kinds = {path.name: test(path)[0] for path in sorted(tmp_path.glob("*.nii"))}
    assert kinds["whole_T1w.nii"] == "finding"
    assert kinds["without_T1w.nii"] in ("note", "gap")
    assert kinds["slice_T1w.nii"] == "gap"


def _slice() -> bytes:
    image = nib.Nifti1Image(np.ones((8, 8, 1), "int16"), np.eye(4))
    return bytes(image.to_bytes())


def test_the_example_stops_with_its_faces_and_is_not_changed() -> None:
    before = digest(EXAMPLE, times=True)
    report = audit(EXAMPLE)
    faces = {finding.path for finding in report.findings if finding.rule == "face"}
    assert faces == set(HEADS)
    assert report.changed == ()
    assert digest(EXAMPLE, times=True) == before
