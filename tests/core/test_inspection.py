from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.finding import RULES, Notebook
from bidsdeid.core.inspection import Inspector
from bidsdeid.core.piece import Piece
from bidsdeid.core.tables import Table
from bidsdeid.core.terms import KNOWN, NO_TERMS, PERSON, PLACE, RECORD, Lexicon, Terms, known_words
from strategies import JSON_VALUES, TELLING, WORDS, default_policy

Found = set[tuple[str, str]]

TERMS = Terms(
    known_words(["qanaknown"]),
    Lexicon(whole=frozenset({"qanaperson"})),
    Lexicon(whole=frozenset({"qx12", "481516"})),
    Lexicon(whole=frozenset({"qanaplace"})),
    Lexicon(whole=frozenset({"qold7"})),
)


def inspector(terms: Terms = NO_TERMS, public: tuple[str, ...] = ()) -> Inspector:
    return Inspector.of(default_policy(), terms, public)


def found(book: Notebook) -> Found:
    return set(book.places)


def in_fields(
    fields: Any,  # noqa: ANN401 -- JSON
    terms: Terms = NO_TERMS,
    *,
    public: tuple[str, ...] = (),
    scope: str = "image",
    table: str = "",
) -> Found:
    book = Notebook("x.json")
    inspector(terms, public).fields(fields, book, scope=scope, table=table)
    return found(book)


def in_table(columns: Mapping[str, list[str]], suffix: str, terms: Terms = NO_TERMS) -> Found:
    book = Notebook("x.tsv")
    rows = tuple(zip(*columns.values(), strict=True))
    inspector(terms).table(Table(tuple(columns), rows), book, suffix)
    return found(book)


def in_pieces(*pieces: Piece, path: str = "notes.txt", terms: Terms = NO_TERMS) -> Found:
    book = Notebook("x")
    inspector(terms).pieces(pieces, book, PurePosixPath(path))
    return found(book)


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"PatientName": "Doe^Jane"}, {("field PatientName", "identity field")}),
        ({"PatientID": "X4815"}, {("field PatientID", "record field")}),
        ({"OperatorsName": "Miller"}, {("field OperatorsName", "place field")}),
        ({"DeviceSerialNumber": "4815"}, {("field DeviceSerialNumber", "place field")}),
        ({"PatientAge": "034Y"}, {("field PatientAge", "patient field")}),
        ({"PatientBirthDate": "1980-03-04"},
         {("field PatientBirthDate", "patient field"), ("field PatientBirthDate", "date")}),
        ({"SeriesDescription": "rescan 2019-03-04"}, {("field SeriesDescription", "date")}),
        ({"Qana": {"inner": [{"deep": ["at 23:10:11"]}]}}, {("field (unknown)", "time")}),
        ({"Qana 2019-03-04": 1}, {("name of a field", "date")}),
        ({"Levels": {"2019-03-04": "x"}}, {("name of a field", "date")}),
        ({"SAR": 20190304}, {("field SAR", "clock")}),
        ({"Qana": [1, {"b": 4815162}]}, {("field (unknown)", "clock")}),
        ({"TxRefAmp": 4815162}, set()),
        ({"ShimSetting": [1, 1551693600.25]}, {("field ShimSetting", "clock")}),
        ({"name": "Doe"}, set()),
        ({"Subject": {"name": "Doe"}}, {("field name", "identity field")}),
        ({"global": {"const": {"PatientName": "Doe"}}}, {("field PatientName", "identity field")}),
        ({"surname": {"Description": "of the participant", "Units": "n/a"}}, set()),
        (["2019-03-04", {"PatientID": "X4815"}],
         {("list", "date"), ("field PatientID", "record field")}),
        ("2019-03-04", {("list", "date")}),
        ({"doe_surname": "Doe"}, {("field (...surname)", "identity field")}),
        ({"Comment": "x" * 3000}, {("field (unknown)", "length")}),
    ],
)  # fmt: skip
def test_a_field_tells_by_its_name_and_by_what_it_holds(fields: Any, expected: Found) -> None:  # noqa: ANN401
    assert in_fields(fields) >= expected
    if not expected:
        assert in_fields(fields) == set()


def test_a_field_that_has_to_go_is_told_once() -> None:
    fields = {"PatientName": ["Doe^Jane", {"of": "2019-03-04, 612-555-0142"}]}
    assert in_fields(fields) == {("field PatientName", "identity field")}


@pytest.mark.parametrize(
    "value", ["n/a", "", " none ", "anonymous", "ANON", "Phantom test", "-----", None, [], "X"]
)
def test_a_field_without_a_value_identifies_nobody(value: Any) -> None:  # noqa: ANN401
    names = ("PatientName", "PatientID", "InstitutionAddress", "StationName")
    assert in_fields(dict.fromkeys(names, value)) == set()
    about = {("field PatientSex", "patient field")} if value == "X" else set()
    assert in_fields({"PatientSex": value}) == about


def test_the_code_of_a_study_is_no_record_and_a_name_is_one_even_as_a_label() -> None:
    public = ("07", "P012", "qana")
    assert in_fields({"PatientID": "sub-07", "PatientName": "P012"}, public=public) == set()
    assert in_fields({"PatientName": "qana"}, public=public)
    assert in_fields({"PatientID": "08"}, public=public)


def test_a_dataset_names_its_authors_on_purpose_and_no_participant() -> None:
    authors = {"Authors": ["Jane Doe"], "Contact": {"name": "Jane Doe", "email": "n/a"}}
    assert in_fields(authors, scope="dataset") == set()
    fields = {"Qana": {"PatientName": "Doe"}, "Description": "of 4 March 2019"}
    assert in_fields(fields, scope="dataset") == {
        ("field PatientName", "identity field"), ("field Description", "date"),
    }  # fmt: skip


def test_versions_and_the_words_of_other_rules_are_left_alone() -> None:
    fields = {
        "ConversionSoftwareVersion": "v1.0.20260416",
        "SoftwareVersions": "28\\LX\\MR Software release:DV28.0_R02_1947.a",
    }
    assert in_fields({"a": fields, **fields}) == set()


@pytest.mark.parametrize(
    ("word", "rule"),
    [("qanaknown", KNOWN), ("Qanaperson", PERSON), ("qx12", RECORD), ("in qanaplace", PLACE)],
)
def test_words_that_must_not_occur_are_found_everywhere(word: str, rule: str) -> None:
    assert ("field SeriesDescription", rule) in in_fields({"SeriesDescription": word}, TERMS)
    assert ("name of a field", rule) in in_fields({word: 1}, TERMS)
    assert ("column trial_type", rule) in in_table({"trial_type": [word]}, "events", TERMS)
    assert ("name of a column", rule) in in_table({word: ["x"]}, "events", TERMS)
    assert ("line 3", rule) in in_pieces(Piece("line 3", word), terms=TERMS)


def test_a_record_is_found_as_a_number_and_not_behind_a_point() -> None:
    assert in_fields({"SAR": 481516}, TERMS) == {("field SAR", RECORD)}
    assert in_fields({"SAR": 0.481516}, TERMS) == set()
    assert in_table({"value": ["481516"]}, "events", TERMS) == {("column value", RECORD)}
    assert in_table({"value": ["0.481516"]}, "events", TERMS) == set()


def test_the_clock_of_a_pet_scan_is_a_time_of_day_until_it_is_set_to_nothing() -> None:
    assert in_fields({"TimeZero": "14:35:27"}) == {("field TimeZero", "time")}
    assert in_fields({"TimeZero": "00:00:00"}) == set()
    assert in_fields({"Instructions": "00:00:00"}) == {("field Instructions", "time")}


def test_a_place_field_is_not_told_again_for_its_own_words() -> None:
    fields = {"StationName": "qanaplace", "SeriesDescription": "at qanaplace"}
    assert in_fields(fields, TERMS) == {
        ("field StationName", "place field"), ("field SeriesDescription", PLACE),
    }  # fmt: skip


#: What converters write for scanners of six vendors.
SIDECARS = (
    {"Manufacturer": "Siemens", "ManufacturersModelName": "MAGNETOM Cima.X",
     "StudyDescription": "final_studies^fmri", "ProcedureStepDescription": "Head^Brain",
     "ImageComments": "Not for diagnostic use, Unaliased MB5/PE4/LB", "ScanOptions": "FS",
     "WipMemBlock": "bd2e4670-9ec3-47fb-a8c3-a36b50d1585b||Sequence: R017 nxva61a/main "
                    "r/ebb919c16; May 21 2024 10:49:50 by eja",
     "ConsistencyInfo": "66110001", "PulseSequenceDetails": "%CustomerSeq%\\cmrr_mbep2d_bold",
     "ShimSetting": [177, -4924, 32, -1601, 55, 789, -198, 85], "DwellTime": 5e-06,
     "BidsGuess": ["func", "_acq-epfid2p2_dir-PA_run-12_bold"],
     "ConversionSoftwareVersion": "v1.0.20260416"},
    {"Manufacturer": "Siemens", "ConsistencyInfo": "N4_VE11C_LATEST_20160120",
     "SoftwareVersions": "syngo MR E11", "SequenceVariant": "SK\\SS",
     "ReceiveCoilActiveElements": "HC3-7", "SeriesDescription": "t1_mprage_sag_p2_iso 1.0mm"},
    {"Manufacturer": "GE", "SoftwareVersions": "28\\LX\\MR Software release:DV28.0_R02_1947.a",
     "ScanOptions": "SAT_GEMS\\EPI_GEMS\\ACC_GEMS\\FS", "ProtocolName": "Brain Advanced Sequences",
     "ConversionSoftwareVersion": "v1.0.20211006", "CoilString": "48HP"},
    {"Manufacturer": "Philips", "SoftwareVersions": "5.7.1\\5.7.1.2", "SeriesNumber": 401,
     "SeriesDescription": "3D_pCASL_6mm", "InstitutionalDepartmentName": "MRI",
     "ConversionSoftwareVersion": "v1.0.202100805"},
    {"Manufacturer": "Canon", "StationName": "Galan 3T", "InstitutionAddress": "-------------",
     "ManufacturersModelName": "Galan 3T", "SoftwareVersions": "V6.1SP3002*",
     "StudyDescription": "TEST 3TC", "SequenceName": "SEEPI2D+0.7"},
    {"Manufacturer": "UIH", "ManufacturersModelName": "uMR 790", "SoftwareVersions": "R004",
     "SequenceName": "gre_fsp", "PatientPosition": "HFS"},
    {"Manufacturer": "Siemens", "TracerName": "DASB", "InjectedRadioactivity": 598.181,
     "PromptRate": [574754.3125, 630141.875], "ScaleFactor": [3.890235973358358e-07]},
    {"Manufacturer": "CPS", "InjectedRadioactivity": 572000000, "TimeZero": "00:00:00",
     "TracerName": "[11C]AZ10419369"},
)  # fmt: skip


@pytest.mark.parametrize("fields", SIDECARS, ids=lambda fields: fields["Manufacturer"])
def test_what_converters_write_raises_no_alarm(fields: dict[str, Any]) -> None:
    assert in_fields(fields, Terms(records=Lexicon(whole=frozenset({"x7000"})))) == set()


# ── tables ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("suffix", "columns", "expected"),
    [
        ("participants", {"participant_id": ["sub-01"], "surname": ["Doe"]},
         {("column surname", "identity field")}),
        ("participants", {"participant_id": ["sub-01"], "name": ["Doe"]},
         {("column name", "identity field")}),
        ("channels", {"name": ["Fp1"], "type": ["EEG"], "units": ["uV"]}, set()),
        ("participants", {"participant_id": ["sub-01"], "e_mail": ["doe at home"]},
         {("column e_mail", "record field")}),
        ("participants", {"participant_id": ["sub-20190304"]},
         {("column participant_id", "label")}),
        ("participants", {"participant_id": ["sub-101309"]},
         {("column participant_id", "code in a name")}),
        ("participants", {"participant_id": ["sub-01"], "age": ["93"]}, {("column age", "age")}),
        ("participants", {"participant_id": ["sub-01"], "Age_at_scan": ["93.5"]},
         {("column (unknown)", "age")}),
        ("participants", {"participant_id": ["sub-01"], "age": ["90+"]}, {("column age", "age")}),
        ("participants", {"participant_id": ["sub-01"], "age": ["89"]}, set()),
        ("participants", {"participant_id": ["sub-01"], "age": ["300"]}, set()),
        ("participants", {"participant_id": ["sub-01"], "IQ": ["93"]}, set()),
        ("participants", {"participant_id": ["sub-01"], "qana": ["4/3/2019"]},
         {("column (unknown)", "date")}),
        ("scans", {"filename": ["func/2019-03-04.nii"], "acq_time": ["n/a"]},
         {("column filename", "label")}),
        ("scans", {"filename": ["x.nii"], "acq_time": ["2019-03-04T10:11:12"]},
         {("column acq_time", "date")}),
        ("scans", {"filename": ["x.nii"], "acq_time": ["1910-03-04T10:11:12"]}, set()),
        ("scans", {"filename": ["x.nii"], "acq_time": ["1880-03-04T10:11:12"]}, set()),
        ("scans", {"filename": ["x.nii"], "acq_time": ["1926-01-01T10:11:12"]},
         {("column acq_time", "date")}),
        ("events", {"onset": ["20190304"], "duration": ["1"]}, {("column onset", "clock")}),
        ("events", {"onset": ["1551693600"], "duration": ["1"]}, {("column onset", "clock")}),
        ("participants", {"participant_id": ["sub-01"], "qana": ["4815162"]},
         {("column (unknown)", "clock")}),
        ("events", {"sample": ["4815162"], "onset": ["1"]}, set()),
        ("events", {"onset": ["1234567.25"], "duration": ["n/a"]}, set()),
        ("events", {"onset 2019-03-04": ["1"]}, {("name of a column", "date")}),
        ("events", {"operator": ["n/a"]}, set()),
    ],
)  # fmt: skip
def test_a_column_tells_by_its_name_and_by_its_cells(
    suffix: str, columns: dict[str, list[str]], expected: Found
) -> None:
    assert in_table(columns, suffix) >= expected
    if not expected:
        assert in_table(columns, suffix) == set()


def test_a_value_counts_once_in_a_column() -> None:
    book = Notebook("x.tsv")
    table = Table(("trial_type",), (("2019-03-04",), ("2019-03-04",), ("2019-03-05",)))
    inspector().table(table, book, "events")
    assert book.places["column trial_type", "date"] == 2


def test_a_recording_holds_numbers_and_nothing_else() -> None:
    book = Notebook("x.tsv.gz")
    parts = ["0.25\t-17\r\nn/a\t\n", "1e-05\t20190304\n\tqanaperson\n481516\n", ""]
    inspector(TERMS).recording(parts, book)
    assert book.places == {
        ("recording", "clock"): 1, ("recording", PERSON): 1, ("recording", RECORD): 1,
    }  # fmt: skip


def test_a_recording_of_small_numbers_is_not_passed_over_if_one_must_not_occur() -> None:
    book = Notebook("x.tsv.gz")
    inspector(Terms(known_words(["4815"]))).recording(["1\t4815\n2\t0.4815\n"], book)
    assert book.places == {("recording", KNOWN): 1}


# ── other files ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        (Piece("tag (0010,0010) PatientName", "Doe^Jane", "PatientName"), {"identity field"}),
        (Piece("tag (0010,0020) PatientID", "X4815", "PatientID"), {"record field"}),
        (Piece("tag (0010,1010) PatientAge", "034Y", "PatientAge"), {"patient field"}),
        (Piece("tag (0018,5100) PatientPosition", "HFS", "PatientPosition"), set()),
        (Piece("tag (0010,0010) PatientName", "Anonymous", "PatientName"), set()),
        (Piece("tag (0008,0016) SOPClassUID", "1.2.840.10008.5.1.4.1.1.4", "SOPClassUID"), set()),
        (Piece("tag (0002,0012)", "1.3.12.2.1107.5.2.20190304", "ImplementationClassUID"), set()),
        (Piece("tag (0008,0020) StudyDate", "20190304", "StudyDate"), {"date"}),
        (Piece("tag (0008,0032)", "101500.123000", "AcquisitionTime"), {"time"}),
        (Piece("tag (0018,0081)", "987654", "EchoTime"), {"record number"}),
        (Piece("tag (0008,1030)", "Head^Brain", "StudyDescription"), set()),
        (Piece("line 2", "call 612-555-0142"), {"phone"}),
        (Piece("line 2", "word " * 1000), set()),
        (Piece("gzip time", "2019-03-04T10:11:12+00:00"), {"time of packing"}),
    ],
)
def test_a_string_of_another_file_tells_by_its_field_and_by_what_it_is(
    piece: Piece, expected: set[str]
) -> None:
    assert in_pieces(piece) == {(piece.where, rule) for rule in expected}


def test_documents_of_a_dataset_may_say_what_they_are_for() -> None:
    line = Piece("line 1", "1.0.0 2019-03-04")
    assert in_pieces(line, path="CHANGES") == set()
    assert in_pieces(line, path="notes/CHANGES") == {("line 1", "date")}
    assert in_pieces(line, path="README") == {("line 1", "date")}


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ("sub-01_T1w.nii.gz", None),
        ("sub-20190304_T1w.nii.gz", "label"),
        ("sub-4815162_T1w.nii.gz", "code in a name"),
        ("qanaperson", "label"),
        ("sub-qx12", "code in a name"),
        ("sub-qold7", "label"),
        ("ses-qanaplace", None),
    ],
)
def test_the_name_of_a_file_stops_if_it_names_somebody(part: str, rule: str | None) -> None:
    book = Notebook("x")
    inspector(TERMS).part(part, "file name", book)
    assert found(book) == (set() if rule is None else {("file name", rule)})


def test_the_target_of_a_link_is_looked_at() -> None:
    book = Notebook("x")
    inspector().target("/home/qanary/raw", book)
    assert found(book) == {("target of the link", "path")}


# ── whatever it is ───────────────────────────────────────────────────────────────────────────

KEYS = WORDS | TELLING


@given(st.dictionaries(KEYS, JSON_VALUES, max_size=4))
def test_places_and_rules_are_words_of_ours_whatever_a_file_holds(fields: dict[str, Any]) -> None:
    places = in_fields(fields, TERMS)
    known = inspector().names
    for where, rule in places:
        assert rule in RULES
        shown = where.removeprefix("field ")
        assert (
            where in ("name of a field", "list")
            or shown in known
            or shown.startswith("(")
            or (
                shown.replace("_", "").replace(".", "").replace("-", "").replace(" ", "").isalpha()
            )
        )


_HIDE: dict[str, Callable[[str], Found]] = {
    "field": lambda text: in_fields({"SeriesDescription": text}),
    "name of a field": lambda text: in_fields({text: 1}),
    "inner": lambda text: in_fields({"a": [{"b": [text]}]}),
    "level": lambda text: in_fields({"group": {"Levels": {text: "x"}}}, table="participants"),
    "cell": lambda text: in_table({"trial_type": [text]}, "events"),
    "unknown cell": lambda text: in_table({"qana": [text]}, "events"),
    "header": lambda text: in_table({text: ["1"]}, "events"),
    "line": lambda text: in_pieces(Piece("line 1", text)),
}


@pytest.mark.parametrize("place", _HIDE)
@given(TELLING, WORDS)
def test_what_identifies_is_found_in_every_place_and_not_repeated(
    place: str, text: str, rest: str
) -> None:
    places = _HIDE[place](f"{text} {rest.strip()}")
    assert places
    assert not any(text in where for where, _ in places)
