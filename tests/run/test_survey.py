from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from bidsdeid.core.finding import AuditReport, Finding, Gap, Note, State
from bidsdeid.core.inspection import Inspector
from bidsdeid.core.terms import NO_TERMS, Terms, known_words
from bidsdeid.io.snapshot import Kind
from bidsdeid.run.survey import MAX_SIGNAL_BYTES, FaceTest, Survey
from file_bytes import dicom, edf, epi, office, packed, png, tarred, with_fields
from strategies import default_policy
from trees import digest

CLEAN = {
    "dataset_description.json": b'{"Name": "A dataset", "BIDSVersion": "1.9.0"}',
    "participants.tsv": b"participant_id\tage\nsub-01\t34\n",
    "sub-01/anat/sub-01_T1w.json": b'{"EchoTime": 0.002, "Manufacturer": "Siemens"}',
    "sub-01/func/sub-01_task-rest_events.tsv": b"onset\tduration\n1.5\t2\n",
}


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def survey(
    root: Path, terms: Terms = NO_TERMS, face: FaceTest | None = None, below: str = ""
) -> AuditReport:
    look = Survey(root, PurePosixPath(below))
    return look.report(Inspector.of(default_policy(), terms, look.labels), face)


def rules(report: AuditReport) -> set[tuple[str, str]]:
    return {(finding.path, finding.rule) for finding in report.findings}


def reasons(report: AuditReport) -> dict[str, str]:
    return {gap.path: gap.reason for gap in report.gaps}


def test_a_clean_dataset_is_clear_and_not_changed(tmp_path: Path) -> None:
    write(tmp_path, CLEAN)
    before = digest(tmp_path, times=True)
    report = survey(tmp_path)
    assert report == AuditReport(len(CLEAN))
    assert report.state is State.CLEAR
    assert digest(tmp_path, times=True) == before


def test_every_kind_of_file_is_looked_into(tmp_path: Path) -> None:
    day = b"rescan 2019-03-04"
    files = {
        "x.json": b'{"SeriesDescription": "2019-03-04"}',
        "x.tsv": b"onset\n2019-03-04\n",
        "x_physio.tsv.gz": gzip.compress(b"1\t2\n2019-03-04\t2\n", mtime=0),
        "x.csv": b"name,when\na,2019-03-04\n",
        "x.nii": with_fields(epi(), {"descrip": day.decode()}),
        "y.nii.gz": packed(with_fields(epi(), {"descrip": day.decode()})),
        "z.nii.gz": packed(epi(), comment=day.decode()),
        "x.dcm": dicom("a", "b", "2019-03-04", "c", "d"),
        "x.png": png("2019-03-04", "a"),
        "x.edf": edf("X 2019-03-04", "y"),
        "x.docx": office("2019-03-04", "a"),
        "x.zip": _zip("2019-03-04/a.txt"),
        "x.tar.gz": tarred("2019-03-04/a.txt", "root"),
        "README": day,
        "notes": day.decode().encode("utf-16"),
    }
    report = survey(write(tmp_path, files))
    found = {path for path, rule in rules(report) if rule in ("date", "label")}
    assert found == set(files)


def _zip(member: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(member), "x")
    return stream.getvalue()


def test_a_single_file_is_looked_at_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "sub-20190304_T1w.json"
    file.write_text('{"PatientName": "Doe^Jane"}')
    report = survey(file)
    assert report.files == 1
    assert rules(report) == {
        ("sub-***_T1w.json (no. 1)", "label"), ("sub-***_T1w.json (no. 1)", "identity field"),
    }  # fmt: skip


def test_a_folder_without_files_is_not_clear(tmp_path: Path) -> None:
    (tmp_path / "sub-01/anat").mkdir(parents=True)
    assert survey(tmp_path) == AuditReport(0, gaps=(Gap("", "there is no file in it"),))


def test_a_folder_is_told_once_however_many_files_are_in_it(tmp_path: Path) -> None:
    files = {f"sub-20190304/anat/run-{n}.txt": b"x" for n in range(4)}
    report = survey(write(tmp_path, files))
    assert report.findings == (Finding("sub-*** (no. 1)", "folder name", "label"),)


def test_an_empty_folder_with_a_telling_name_is_told(tmp_path: Path) -> None:
    write(tmp_path, CLEAN)
    (tmp_path / "sub-01/visit of 2019-03-04").mkdir()
    assert rules(survey(tmp_path)) == {("sub-01/*** (no. 3)", "label")}


def test_only_a_part_of_a_dataset_is_looked_at_if_asked_for(tmp_path: Path) -> None:
    write(
        tmp_path,
        CLEAN | {"notes": b"2019-03-04", "sub-02/sub-02_T1w.json": b'{"PatientID": "X1"}'},
    )
    report = survey(tmp_path, below="sub-02")
    assert report.files == 1
    assert rules(report) == {("sub-02/sub-02_T1w.json", "record field")}


def test_files_are_judged_by_their_place_in_the_innermost_dataset(tmp_path: Path) -> None:
    changes = b"1.0.0 2019-03-04\n - made\n"
    write(tmp_path, {
        "CHANGES": changes,
        "one/CHANGES": changes,
        "one/dataset_description.json": b'{"Name": "x"}',
        "one/sub-01/CHANGES": changes,
    })  # fmt: skip
    assert rules(survey(tmp_path)) == {("one/sub-01/CHANGES", "date")}


# ── what was not looked into ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.json", b'{"a": ', "not JSON"),
        ("x.json", b'{"a": 1, "a": 2}', "names a field twice"),
        ("x.json", b'{"a": ' + b"[" * 2000 + b"]" * 2000 + b"}", "nested too deeply"),
        ("x.tsv", b"a\tb\n1\n", "not as many cells"),
        ("x.tsv", b"/annex/objects/MD5E-s1--00.tsv\n", "datalad get"),
        ("x.nii.gz", packed(epi())[:300], "cannot be read"),
        ("x_physio.tsv.gz", gzip.compress(os.urandom(9000), mtime=0)[:500], "cannot be read"),
        ("x_physio.tsv.gz", b"\x1f\x8b\x08", "gzip header"),
        ("x.dcm", dicom("a", "b", "c", "d", "e")[:-9], "end"),
        ("x.bin", bytes(range(256)) * 20, "its format is not known"),
        ("x.zip", _zip("a"), "have not been looked into"),
        ("x.7z", b"7z\xbc\xaf\x27\x1c" + bytes(40), "not even the names"),
        ("x.dcm", dicom("a", "b", "c", "d", "e") + b"\xe0\x7f\x10\x00OW\0\0\x04\0\0\0abcd",
         "pixels"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    report = survey(write(tmp_path, {name: content, "y.txt": b"x"}))
    assert list(reasons(report)) == [name]
    assert told in reasons(report)[name]
    assert report.state in (State.HOLD, State.STOP)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.txt": b"x", ".git/HEAD": b"2019-03-04", ".datalad/config": b"x"})
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "folder").symlink_to("a")
    os.mkfifo(tmp_path / "pipe.json")
    report = survey(tmp_path)
    assert report.files == 1
    assert reasons(report) == {
        ".git": Kind.HISTORY.value,
        ".datalad": Kind.HISTORY.value,
        "gone": Kind.BROKEN_LINK.value,
        "folder": Kind.FOLDER_LINK.value,
        "pipe.json": Kind.SPECIAL.value,
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_this_user_may_not_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.txt": b"x", "x.json": b"{}"})
    for name in ("a", "x.json"):
        (tmp_path / name).chmod(0)
    try:
        assert reasons(survey(tmp_path)) == dict.fromkeys(("a", "x.json"), Kind.CLOSED.value)
    finally:
        (tmp_path / "a").chmod(0o700)


def test_a_file_that_goes_away_meanwhile_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"x.json": b"{}", "y.json": b"{}"})
    look = Survey(tmp_path)
    (tmp_path / "x.json").unlink()
    report = look.report(Inspector.of(default_policy(), NO_TERMS))
    assert reasons(report) == {"x.json": "No such file or directory"}
    assert report.changed == ("x.json",)


def test_the_target_of_a_link_and_what_it_leads_to_are_looked_at(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "home", {"x.txt": b"2019-03-04"})
    write(tmp_path / "in", {"y.txt": b"x"})
    (tmp_path / "in/link.txt").symlink_to(elsewhere / "x.txt")
    (tmp_path / "in/broken").symlink_to("/home/qanary/raw")
    report = survey(tmp_path / "in")
    assert ("link.txt", "date") in rules(report)
    assert ("broken", "path") in rules(report)


def test_names_of_any_bytes_are_told_in_words_that_can_be_printed(tmp_path: Path) -> None:
    for name in (b"caf\xe9 2019-03-04.txt", b"caf\xe9.txt", b"a\nCLEAR.txt"):
        (tmp_path / os.fsdecode(name)).write_text("2019-03-04")
    report = survey(tmp_path)
    assert {finding.path for finding in report.findings} == {
        "a?CLEAR.txt (no. 1)", "***.txt (no. 2)", "caf?.txt (no. 3)",
    }  # fmt: skip
    assert all(path.isprintable() for path, _ in rules(report))


def test_a_recording_larger_than_the_limit_is_looked_into_up_to_it(tmp_path: Path) -> None:
    rows = b"2019-03-04\n" + (b"0." + b"0" * 2**20 + b"\n") * (MAX_SIGNAL_BYTES // 2**20)
    report = survey(write(tmp_path, {"x_physio.tsv.gz": gzip.compress(rows, 1, mtime=0)}))
    assert rules(report) == {("x_physio.tsv.gz", "date")}
    assert "more of it" in reasons(report)["x_physio.tsv.gz"]


def test_a_recording_may_be_one_line_and_need_not_be_packed(tmp_path: Path) -> None:
    line = b"0.25\t" * 700_000 + b"2019-03-04"
    assert rules(survey(write(tmp_path, {"x_physio.tsv.gz": line}))) == {
        ("x_physio.tsv.gz", "date")
    }


def test_a_recording_that_is_no_text_is_looked_at_as_any_other_file(tmp_path: Path) -> None:
    content = bytes(3000) + b" on 2019-03-04 " + bytes(3000)
    report = survey(write(tmp_path, {"x_physio.tsv.gz": packed(content, comment="Doe^Jane")}))
    found = {("x_physio.tsv.gz", "date"), ("x_physio.tsv.gz", "person name")}
    assert rules(report) == found
    assert "its format is not known" in reasons(report)["x_physio.tsv.gz"]


def test_the_header_of_a_damaged_recording_is_looked_at(tmp_path: Path) -> None:
    content = packed(os.urandom(9000), comment="Doe^Jane")[:500]
    report = survey(write(tmp_path, {"x_physio.tsv.gz": content}))
    assert rules(report) == {("x_physio.tsv.gz", "person name")}
    assert "cannot be read" in reasons(report)["x_physio.tsv.gz"]


# ── what changed ─────────────────────────────────────────────────────────────────────────────


def test_what_changes_comes_or_goes_meanwhile_is_told(tmp_path: Path) -> None:
    files = {"a.json": b"{}", "b.nii": epi(), "c.json": b"{}", "sub-20190304.txt": b"x"}
    write(tmp_path, files)

    def touch(_: Path) -> tuple[str, str]:
        (tmp_path / "a.json").write_bytes(b'{"a": 1}')
        (tmp_path / "c.json").unlink(missing_ok=True)
        (tmp_path / "new 2019-03-04.txt").write_text("x")
        (tmp_path / "folder").mkdir()
        (tmp_path / "sub-20190304.txt").write_text("y")
        return "note", "it shows no face"

    report = survey(tmp_path, face=touch)
    assert report.changed == (
        "***.txt (no. 4)", "***.txt (no. 4)", "a.json", "c.json", "folder",
    )  # fmt: skip
    assert report.notes == (Note("b.nii", "it shows no face"),)


# ── faces ────────────────────────────────────────────────────────────────────────────────────


def test_the_answer_about_a_face_is_a_finding_a_gap_or_a_note(tmp_path: Path) -> None:
    names = ("sub-01_T1w.nii", "sub-01_T2w.nii", "sub-01_FLAIR.nii")
    write(tmp_path, {f"sub-01/anat/{name}": epi() for name in names})
    answers = dict(zip(names, ("finding", "gap", "note"), strict=True))
    report = survey(tmp_path, face=lambda path: (answers[path.name], f"{answers[path.name]}."))
    assert rules(report) == {("sub-01/anat/sub-01_T1w.nii", "face")}
    assert reasons(report) == {"sub-01/anat/sub-01_T2w.nii": "gap."}
    assert report.notes == (Note("sub-01/anat/sub-01_FLAIR.nii", "note."),)
    assert report.state is State.STOP


def test_only_images_that_may_show_a_face_are_asked_about(tmp_path: Path) -> None:
    asked = {
        "sub-01/anat/sub-01_T1w.nii", "sub-01/anat/sub-01_T1w.nii.gz", "scan.v2.nii.gz",
        "sourcedata/Head.NII", "derivatives/sub-01_space-MNI_desc-preproc_T1w.nii",
        "sub-01/fmap/sub-01_magnitude1.nii",
    }  # fmt: skip
    told = {"sub-01/pet/sub-01_pet.nii", "sub-01/pet/sub-01_trc-a_T1w.nii", "head.mgz"}
    ignored = {
        "sub-01/func/sub-01_task-rest_bold.nii", "sub-01/dwi/sub-01_dwi.nii",
        "sub-01/anat/sub-01_mod-T1w_defacemask.nii", "sub-01/anat/sub-01_desc-brain_mask.nii",
    }  # fmt: skip
    files = {
        name: packed(epi()) if name.endswith("gz") else epi() for name in asked | told | ignored
    }
    write(tmp_path, files | {"empty_T1w.nii": b""})
    seen: set[str] = set()

    def ask(path: Path) -> tuple[str, str]:
        seen.add(path.relative_to(tmp_path).as_posix())
        return "note", "seen"

    report = survey(tmp_path, face=ask)
    assert seen == asked
    assert {gap.path for gap in report.gaps if "faces are not looked for" in gap.reason} == told
    unasked = survey(tmp_path)
    assert Note("", f"faces were not looked for in {len(asked | told)} image(s)") in unasked.notes


def test_a_fault_of_the_program_is_a_gap_and_the_audit_goes_on(tmp_path: Path) -> None:
    write(tmp_path, {"a_T1w.nii": epi(), "b.txt": b"2019-03-04"})

    def fail(_: Path) -> tuple[str, str]:
        raise ZeroDivisionError

    report = survey(tmp_path, face=fail)
    assert "ZeroDivisionError" in reasons(report)["a_T1w.nii"]
    assert rules(report) == {("b.txt", "date")}


# ── words of the dataset ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sub-01/anat/sub-01_T1w.json", b'{"PatientName": "QANARY^JANE"}'),
        ("code/x.json", b'[{"a": [{"PatientName": "QANARY^JANE"}]}]'),
        ("derivatives/x/people.tsv", b"participant_id\tsurname\nsub-01\tQanary\n"),
        ("people.csv", b"surname;born\nQanary;1\n"),
        ("sourcedata/x/1.dcm", dicom("QANARY^JANE", "b", "c", "d", "e")),
        (".heudiconv/x.json", b'{"PatientName": "QANARY^JANE"}'),
        ("x.edf", edf("X F 01-JAN-1980 Jane_Qanary", "y")),
    ],
)
def test_what_any_file_says_about_people_is_found_in_the_others(
    tmp_path: Path, name: str, content: bytes
) -> None:
    write(
        tmp_path,
        {name: content, "notes.txt": b"asked qanary to come again", "x/Qanary_2.txt": b""},
    )
    look = Survey(tmp_path)
    terms = look.harvest(default_policy()).terms(public=look.labels)
    report = look.report(Inspector.of(default_policy(), terms, look.labels))
    found = dict(rules(report))
    assert found["notes.txt"] in ("name in this dataset", "record of this dataset")
    assert found["x/***.txt (no. 1)"] in ("label", "code in a name")


def test_the_authors_of_a_dataset_are_no_words_to_look_for(tmp_path: Path) -> None:
    description = {"Name": "x", "Authors": ["Jane Qanary"], "PatientName": "Nobody"}
    write(tmp_path, {"dataset_description.json": json.dumps(description).encode()})
    assert not Survey(tmp_path).harvest(default_policy()).terms()


def test_labels_are_those_of_folders(tmp_path: Path) -> None:
    write(tmp_path, {"sub-01/x": b"", "one/sub-P7/x": b"", "sub-03_T1w.json": b"{}"})
    assert Survey(tmp_path).labels == {"01", "P7"}


def test_the_order_of_a_folder_makes_no_difference(tmp_path: Path) -> None:
    files = {f"sub-{n:02}/x{n}.txt": f"2019-03-{n:02}".encode() for n in range(1, 25)}
    files |= {f"{n}.json": b'{"a": ' for n in range(9)}
    names = [*list(files)[1::2], *list(files)[::-2]]
    one = survey(write(tmp_path / "one", files))
    other = survey(write(tmp_path / "other", {name: files[name] for name in names}))
    assert one == other
    assert list(one.findings) == sorted(one.findings)
    assert list(one.gaps) == sorted(one.gaps)


def test_a_known_term_is_masked_wherever_it_stands(tmp_path: Path) -> None:
    write(tmp_path, {
        "qanary/sub-qanary_T1w.json": b'{"qanary": "qanary", "a": {"qanary_id": ["qanary"]}}',
        "qanary.tsv": b"qanary\tsurname_qanary\nqanary\tQANARY\n",
        "x.qanary": b"qanary",
    })  # fmt: skip
    report = survey(tmp_path, Terms(known_words(["qanary"])))
    assert "known term" in {rule for _, rule in rules(report)}
    assert "qanary" not in repr(report).lower()
