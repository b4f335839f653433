from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import PERSON, PLACE, RECORD, Terms, folded
from bidsdeid.run.harvesting import MAX_BYTES, Gleanings, glean
from strategies import default_policy

POLICY = default_policy()


def put(path: Path, content: str | bytes | object) -> None:
    """Write text, bytes, or anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "bids"
    put(root / "dataset_description.json", {"Name": "x", "BIDSVersion": "1.9.0"})
    return root


def words(root: Path) -> Terms:
    return glean(root, POLICY).harvest.terms()


def kinds(text: str, terms: Terms) -> set[str]:
    return {kind for kind, _ in terms.spans(folded(text))}


def test_all_metadata_of_a_dataset_are_read(dataset: Path) -> None:
    put(dataset / "sub-01/anat/sub-01_T1w.json", {"PatientName": "DOE^JANE"})
    put(dataset / "sub-01/anat/notes of Smith.json", {"OperatorsName": "Smith"})
    put(dataset / "sourcedata/dump.json", {"00100020": {"vr": "LO", "Value": ["4711A"]}})
    put(dataset / "T1w.json", {"InstitutionName": "Charité"})
    put(dataset / "participants.tsv", "participant_id\tsurname\nsub-01\tBellweather\n")
    put(dataset / "phenotype/interview.tsv", "participant_id\tinterviewer\nsub-01\tQuill\n")
    put(
        dataset / "sub-01/sub-01_sessions.tsv",
        "session_id\tscanned_by\nses-1\tPost\nses-2\tQuork\n",
    )
    terms = words(dataset)
    for text in ("doe", "jane", "bellweather"):
        assert kinds(text, terms) == {PERSON}
    for text in ("smith", "charite", "quill", "quork"):
        assert kinds(text, terms) == {PLACE}
    assert kinds("4711a", terms) == {RECORD}


def test_who_wrote_the_dataset_is_named_on_purpose(dataset: Path) -> None:
    put(
        dataset / "dataset_description.json",
        {"Name": "x", "Authors": ["Doe"], "PatientName": "Doe", "surname": "Doe"},
    )
    put(dataset / "sourcedata/dataset_description.json", {"surname": "Doe"})
    assert not words(dataset)


def test_derivatives_and_hidden_folders_are_not_read(dataset: Path) -> None:
    for folder in ("derivatives/fmriprep/sub-01", ".git", "sub-01/.heudiconv"):
        put(dataset / folder / "x.json", {"PatientName": "Doe"})
    assert not words(dataset)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("sub-01/broken.json", '{"PatientName": "Doe"'),
        ("sub-01/number.json", "7"),
        ("sub-01/empty.json", ""),
        ("sub-01/deep.json", "[" * 100_000),
        ("sub-01/long.json", '{"PatientID": ' + "9" * 5000 + "}"),
        ("sub-01/annex.json", "/annex/objects/MD5E-s7--abc.json\n"),
        ("sub-01/sub-01_scans.tsv", ""),
        ("sub-01/sub-01_sessions.tsv", "a\ta\n1\t2\n"),
    ],
)
def test_what_cannot_be_read_is_passed_over(
    dataset: Path, path: str, content: str | bytes
) -> None:
    put(dataset / path, content)
    put(dataset / "sub-02/anat/sub-02_T1w.json", {"PatientName": "Bellweather"})
    terms = words(dataset)
    assert kinds("bellweather", terms) == {PERSON}
    assert kinds("doe müller", terms) == set()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("sub-01/list.json", b'[{"PatientName": "Mueller"}]'),
        ("sub-01/latin.json", '{"PatientName": "Müller"}'.encode("latin-1")),
        ("sub-01/wide.json", '{"PatientName": "Müller"}'.encode("utf-16")),
        ("sub-01/latin.tsv", "Nachname\nMüller\n".encode("latin-1")),
        ("participants.tsv", b"participant_id\tsurname\nsub-01\tMueller\tx\nsub-02\n"),
    ],
)
def test_what_is_not_released_for_its_form_names_people_all_the_same(
    dataset: Path, path: str, content: bytes
) -> None:
    put(dataset / path, content)
    terms = words(dataset)
    for spelling in ("t1 Müller", "MUELLER_2", "muller"):
        assert kinds(spelling, terms) == {PERSON}


def test_links_to_nothing_and_what_is_too_large_are_passed_over(dataset: Path) -> None:
    put(dataset / "sub-01/large.json", json.dumps({"PatientName": "Doe"}) + " " * MAX_BYTES)
    put(dataset / "sub-01/fits.json", json.dumps({"PatientName": "Smith"}).ljust(MAX_BYTES))
    (dataset / "sub-01/link.json").symlink_to("missing")
    (dataset / "sub-01/folder.json").mkdir()
    terms = words(dataset)
    assert kinds("doe", terms) == set()
    assert kinds("smith", terms) == {PERSON}


def test_a_dictionary_of_columns_holds_no_data(dataset: Path) -> None:
    described = {"surname": {"Description": "Name of the family", "Levels": {"Doe": "x"}}}
    put(dataset / "participants.json", described)
    assert not words(dataset)


def test_a_table_with_a_byte_order_mark_or_other_line_ends_is_read(dataset: Path) -> None:
    put(dataset / "participants.tsv", b"\xef\xbb\xbfsurname\tparticipant_id\r\nDoe\tsub-01\r\n")
    assert kinds("doe", words(dataset)) == {PERSON}


# ── the first day ────────────────────────────────────────────────────────────────────────────


def scans(*cells: str) -> str:
    return "filename\tacq_time\n" + "".join(f"f{n}\t{cell}\n" for n, cell in enumerate(cells))


def test_the_first_day_is_the_earliest_of_all_scans_and_sessions(dataset: Path) -> None:
    put(dataset / "sub-01/sub-01_scans.tsv", scans("2019-03-04T10:11:12", "2018-07-01T08:00:00"))
    put(dataset / "sub-02/ses-a/sub-02_ses-a_scans.tsv", scans("n/a", "2021-03-04T10:11:12"))
    put(dataset / "sub-03/sub-03_scans.tsv", scans("n/a"))
    put(
        dataset / "sub-02/sub-02_sessions.tsv",
        "session_id\tacq_time\nses-a\t2017-12-31T23:59:59\n",
    )
    found = glean(dataset, POLICY)
    assert found.first_day == date(2017, 12, 31)
    assert found.first_year == 2017


def test_a_placeholder_does_not_set_the_first_year(dataset: Path) -> None:
    put(
        dataset / "sub-01/sub-01_scans.tsv",
        scans("1900-01-01T00:00:00", "2019-03-04T10:11:12", "2021-03-04T10:11:12"),
    )
    found = glean(dataset, POLICY)
    assert found.first_year == 2000
    shift = Secret(b"k" * 32, found.first_year).shift("01")
    assert shift.apply("2021-03-04T10:11:12") is not None


@pytest.mark.parametrize(
    "content", [scans(), scans("n/a", "yesterday", "2019-03-04", "10:11:12"), "filename\nx\n"]
)
def test_without_dates_a_key_has_the_usual_first_year(dataset: Path, content: str) -> None:
    put(dataset / "sub-01/sub-01_scans.tsv", content)
    found = glean(dataset, POLICY)
    assert found.first_day is None
    assert found.first_year == Gleanings(found.harvest).first_year == 2007


def test_dates_in_other_tables_do_not_count(dataset: Path) -> None:
    put(dataset / "sub-01/func/sub-01_task-a_events.tsv", "acq_time\n1999-01-01T00:00:00\n")
    put(dataset / "participants.tsv", "participant_id\tacq_time\nsub-01\t1999-01-01T00:00:00\n")
    assert glean(dataset, POLICY).first_day is None


def test_what_is_gleaned_does_not_depend_on_the_order_of_files(dataset: Path) -> None:
    for number, day in enumerate(["2019-03-04", "2017-03-04", "2018-03-04"]):
        put(dataset / f"sub-{number}/sub-{number}_scans.tsv", scans(f"{day}T10:11:12"))
        put(dataset / f"sub-{number}/x.json", {"PatientName": f"Doe{chr(97 + number)}"})
    found = glean(dataset, POLICY)
    assert found.first_year == 2017
    assert all(kinds(f"doe{letter}", found.harvest.terms()) == {PERSON} for letter in "abc")
