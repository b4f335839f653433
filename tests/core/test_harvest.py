from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.harvest import (
    NOTHING,
    Harvest,
    describes,
    harvested_fields,
    harvested_table,
    identity_of,
)
from bidsdeid.core.likely import LIKELY, Identity
from bidsdeid.core.ordinary import COMMON, ORDINARY
from bidsdeid.core.policy import ColumnRule
from bidsdeid.core.tables import Table
from bidsdeid.core.terms import KNOWN, PERSON, PLACE, RECORD, Lexicon, Terms, folded, known_words
from bidsdeid.core.values import JSONValue, objects, scalars
from strategies import JSON_VALUES, default_policy

POLICY = default_policy()


def terms_of(fields: dict[str, JSONValue], *public: str) -> Terms:
    harvest = Harvest()
    harvest.add(harvested_fields(fields, POLICY))
    return harvest.terms(public=public)


def kinds(text: str, terms: Terms) -> set[str]:
    return {kind for kind, _ in terms.spans(folded(text))}


# ── what identifies ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("names", "identity"),
    [
        (
            """
            PatientName OtherPatientNames PatientBirthName first_name lastName SURNAME full_name
            name names initials participant_name subjectName mother_name
            """,
            Identity.PERSON,
        ),
        (
            """
            PatientID OtherPatientIDs AccessionNumber StudyID StudyInstanceUID DeviceSerialNumber
            mrn MRN pid patient_id visit_id case_no hospital_number serial_number barcode email
            e_mail phone phone_number mobile_phone telephone passport sample_id
            """,
            Identity.RECORD,
        ),
        (
            """
            OperatorsName ReferringPhysicianName PerformingPhysicianName operator rater rater2
            interviewer scanned_by research_nurse ExaminerName
            """,
            Identity.STAFF,
        ),
        (
            """
            InstitutionName InstitutionAddress StationName hospital clinic_name host_name city
            home_city street address zip_code scanner_station
            """,
            Identity.PLACE,
        ),
    ],
)
def test_fields_and_columns_that_identify(names: str, identity: Identity) -> None:
    assert {name: identity_of(name, POLICY) for name in names.split()} == dict.fromkeys(
        names.split(), identity
    )


@pytest.mark.parametrize(
    "name",
    """
    EchoTime ProtocolName SeriesDescription Manufacturer ManufacturersModelName TaskName age sex
    group handedness onset duration trial_type response_time participant_id session_id filename
    acq_time ethnicity velocity capacity toxicity eccentricity ghost gestation headphones
    microphone session_number stimulus_id trial_name file_name task_name coil_name diagnosis
    weight height score PatientSex PatientAge PatientBirthDate ConversionComments run_number
    GeneratedBy calibrated_by centered_by
    """.split(),
)
def test_fields_and_columns_that_do_not(name: str) -> None:
    assert identity_of(name, POLICY) is None


def test_a_sentence_is_no_name_of_a_field() -> None:
    assert (
        identity_of("the name of the person who ran the scanner that day, surname", POLICY) is None
    )


@pytest.mark.parametrize(
    ("tag", "identity"),
    [
        ("00100010", Identity.PERSON), ("(0010,0020)", Identity.RECORD),
        ("0008,0050", Identity.RECORD), ("(0008, 1070)", Identity.STAFF),
        ("00080080", Identity.PLACE), ("0020000D", Identity.RECORD), ("0020000d", Identity.RECORD),
        ("00180081", None), ("00100040", None), ("99990010", None), ("20190304", None),
    ],
)  # fmt: skip
def test_fields_as_dicom_numbers_them(tag: str, identity: Identity | None) -> None:
    assert identity_of(tag, POLICY) is identity


def test_every_row_of_likely_names_says_why() -> None:
    assert all(row.reason for row in LIKELY)
    assert {row.identity for row in LIKELY} == set(Identity)


# ── what of a value becomes a word ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "value", "kind", "text"),
    [
        ("PatientName", "DOE^JANE", PERSON, "rescan of Doe"),
        ("PatientName", "DOE^JANE", PERSON, "jane_T1w"),
        ("PatientName", "DOE^JANE", PERSON, "scanJaneDoe2"),
        ("PatientName", "Müller-Lüdenscheidt^Ann", PERSON, "MULLER"),
        ("PatientName", "Müller-Lüdenscheidt^Ann", PERSON, "ludenscheidt, ann"),
        ("PatientName", "LI^AN", PERSON, "An Li moved"),
        ("PatientName", "LI^AN", PERSON, "li_an"),
        ("PatientName", "LI^AN^M", PERSON, "An Li"),
        ("PatientName", "WHITE^MAY", PERSON, "May White"),
        ("PatientName", "VAN DER BERG^ANNA", PERSON, "berg"),
        ("PatientName", "Yamada^Tarou=山田^太郎", PERSON, "yamada"),
        ("PatientName", "Yamada^Tarou=山田^太郎", PERSON, "山田 太郎"),
        ("PatientName", "CTRL_0815x", RECORD, "ctrl-0815x"),
        ("PatientName", "CTRL_0815x", RECORD, "0815X"),
        ("PatientName", "B0123", RECORD, "run of b0123"),
        ("PatientID", "4711A", RECORD, "4711a"),
        ("PatientID", "JDOE", RECORD, "jdoe"),
        ("PatientID", "12345", RECORD, "x12345"),
        ("PatientID", 4711123, RECORD, "4711123"),
        ("PatientID", "123-45-67", RECORD, "1234567"),
        ("PatientID", "ab12\\\\cd34", RECORD, "cd34"),
        ("PatientID", "ab12\\\\cd34", RECORD, "ab12"),
        ("AccessionNumber", ["A9917", "A9918"], RECORD, "a9918"),
        ("OperatorsName", "SMITH^JO", PLACE, "ask Smith"),
        ("InstitutionName", "Charité", PLACE, "at the Charite"),
        ("InstitutionName", "University Hospital Ulm", PLACE, "university-hospital ulm"),
        ("StationName", "AWP45557", PLACE, "awp45557"),
        ("StationName", "AWP45557\\MRC8013", PLACE, "mrc8013"),
    ],
)  # fmt: skip
def test_words_that_are_looked_for(field: str, value: JSONValue, kind: str, text: str) -> None:
    assert kind in kinds(text, terms_of({field: value}))


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("PatientName", "LI^AN", "an alkali"),
        ("PatientName", "LI^AN", "an lion"),
        ("PatientName", "LI^AN", "An"),
        ("PatientName", "JO^X", "Jo"),
        ("PatientName", "TING^AN", "starting and ending"),
        ("PatientName", "VAN DER BERG^ANNA", "wie der Mensch, van der Waals"),
        ("PatientName", "WHITE^MAY", "white matter may move"),
        ("PatientName", "DOE^JANE^^MRS", "an MRS scan"),
        ("PatientName", "DOE^JANE", "does Janet"),
        ("PatientName", "CTRL_12", "12 volumes"),
        ("PatientID", "12", "12"),
        ("PatientID", "1234", "1234 volumes"),
        ("PatientID", "20-15", "[20, 15]"),
        ("PatientID", "201-5", "[201, 5]"),
        ("PatientID", "12345", "123456"),
        ("StudyID", "Visit 1", "at visit 1"),
        ("StudyID", "Scan 02", "scan 02 of the session"),
        ("AccessionNumber", "ABC", "abc"),
        ("InstitutionName", "University Hospital Ulm", "a hospital in Ulm, Ulm"),
        ("InstitutionName", "Dept. of Radiology, 12 Main Street, Springfield, IL", "main street"),
        ("StationName", "MRC", "mrc"),
        ("EchoTime", "DOE^JANE", "Doe"),
        ("PatientSex", "FEMALES", "females"),
        ("PatientName", True, "True"),
        ("PatientName", None, "None"),
    ],
)
def test_words_that_are_not(field: str, value: JSONValue, text: str) -> None:
    assert kinds(text, terms_of({field: value})) == set()


PLACEHOLDERS = [
    *sorted(NOTHING | COMMON), "Anonymous", "test_subject", "MR Prisma", "PHANTOM^QA", "sub-pilot",
    "   ", "^^^", "visit 01",
]  # fmt: skip


@pytest.mark.parametrize("field", ["PatientName", "PatientID", "OperatorsName", "StationName"])
def test_values_that_tell_of_no_one_give_no_words(field: str) -> None:
    assert [value for value in PLACEHOLDERS if terms_of({field: value})] == []


def test_a_name_that_is_an_ordinary_word_is_looked_for_beside_another_only() -> None:
    for word in ORDINARY:
        terms = terms_of({"PatientName": f"{word}^xenia"})
        assert kinds(word, terms) == set()
        assert kinds(f"xenia {word}", terms) == kinds(f"{word}, xenia", terms) == {PERSON}


def test_common_words_are_single_lower_case_words() -> None:
    assert all(word == word.lower().strip() for word in COMMON | ORDINARY)
    assert not COMMON & ORDINARY


@given(st.lists(st.sampled_from(["doe", "jane", "4711a", "12345", "test", "7"]), max_size=10))
def test_prose_in_a_field_for_names_gives_no_words(words: list[str]) -> None:
    terms = terms_of({"PatientName": " ".join(words)})
    assert bool(terms) is (len(words) <= 8 and not {*words} <= {"test", "7"})


@given(st.text("qxzjkw", min_size=3, max_size=8), st.text("qxzjkw", min_size=3, max_size=8))
def test_both_parts_of_a_name_are_found_alone_together_and_in_the_other_order(
    family: str, given_name: str
) -> None:
    terms = terms_of({"PatientName": f"{family.upper()}^{given_name.upper()}"})
    for text in (family, given_name, f"{given_name} {family}", f"{family}_{given_name}"):
        assert kinds(f"a {text}.", terms) == {PERSON}


# ── where values stand ───────────────────────────────────────────────────────────────────────

NESTED: list[JSONValue] = [
    {"PatientName": "Doe^Jane"},
    {"PatientName": {"Alphabetic": "Doe^Jane"}},
    {"PatientName": ["Doe^Jane"]},
    {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}},
    {"(0010,0010)": "Doe^Jane"},
    {"dicom": {"header": {"PatientName": "Doe^Jane"}}},
    {"dicom": [[{"PatientName": "Doe^Jane"}]]},
    {"00081120": {"vr": "SQ", "Value": [{"00100010": {"vr": "PN", "Value": ["Doe^Jane"]}}]}},
    {"Patient": {"Name": "Doe^Jane"}},
    {"patient": {"first": {}, "name": "Doe^Jane"}},
]


@pytest.mark.parametrize("fields", NESTED)
def test_names_are_found_at_every_depth(fields: dict[str, JSONValue]) -> None:
    terms = terms_of(fields)
    assert kinds("Doe", terms) == kinds("jane", terms) == {PERSON}
    assert kinds("PN SQ Alphabetic vr", terms) == set()


@pytest.mark.parametrize(
    "fields",
    [
        {"GeneratedBy": [{"Name": "Doe"}]},
        {"Coil": {"Name": "Doe", "ID": "Doe7x"}},
        {"name": "Doe"},
        {"EchoTime": {"Manufacturer": "Doe"}},
    ],
)
def test_a_name_of_something_else_is_no_name_of_a_person(fields: dict[str, JSONValue]) -> None:
    assert not terms_of(fields)


@pytest.mark.parametrize("key", ["Description", "LongName", "Levels", "Units", "TermURL"])
def test_a_data_dictionary_describes_and_does_not_hold_data(key: str) -> None:
    description: JSONValue = {key: "Doe"}
    assert describes(description)
    assert not terms_of({"surname": description, "mrn": {key: {"A": "Doe"}}})
    assert terms_of({"surname": {"value": "Doe"}})


@given(JSON_VALUES)
def test_all_strings_and_numbers_of_a_value_are_taken(value: JSONValue) -> None:
    holder: JSONValue = {"a": [value, {"needle": [["hay", 7, True, None]]}]}
    assert list(scalars(holder)) == [*scalars(value), "hay", "7"]
    assert all(isinstance(inner, dict) for inner in objects(value))
    assert list(objects([[value], holder])) == [*objects(value), holder]


@given(st.dictionaries(st.text(max_size=9), JSON_VALUES, max_size=4), st.text())
def test_whatever_stands_in_the_fields_what_is_found_is_in_the_text(
    fields: dict[str, JSONValue], text: str
) -> None:
    terms = terms_of({"PatientName": fields, **fields})
    for _, (start, end) in terms.spans(folded(text)):
        assert 0 <= start < end <= len(text)


PEOPLE = Table(
    ("participant_id", "age", "surname", "name", "mrn", "interviewer", "clinic", "comment"),
    (
        ("sub-01", "31", "Doe", "Jane", "B0123", "Smith", "Charité", "Xenia"),
        ("sub-02", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a"),
    ),
)


def test_dropped_columns_that_identify_are_taken_and_no_others() -> None:
    assert list(harvested_table(PEOPLE, "participants", POLICY)) == [
        (Identity.PERSON, "Doe"), (Identity.PERSON, "n/a"),
        (Identity.PERSON, "Jane"), (Identity.PERSON, "n/a"),
        (Identity.RECORD, "B0123"), (Identity.RECORD, "n/a"),
        (Identity.STAFF, "Smith"), (Identity.STAFF, "n/a"),
        (Identity.PLACE, "Charité"), (Identity.PLACE, "n/a"),
    ]  # fmt: skip


def test_a_column_that_is_kept_identifies_no_one() -> None:
    columns = {("participants", "surname"): ColumnRule("text", "of a family of viruses")}
    assert "Doe" in str(list(harvested_table(PEOPLE, "participants", POLICY)))
    kept = replace(POLICY, columns=columns)
    assert "Doe" not in str(list(harvested_table(PEOPLE, "participants", kept)))


@pytest.mark.parametrize("suffix", ["channels", "events", "electrodes", "dseg"])
def test_a_column_of_names_is_of_people_only_in_a_table_of_people(suffix: str) -> None:
    table = Table(("onset", "name", "surname"), (("1", "ECG", "Doe"),))
    assert list(harvested_table(table, suffix, POLICY)) == [(Identity.PERSON, "Doe")]


# ── all words of a dataset ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "label", "text"),
    [
        ("PILOT7", "PILOT7", "the scan of PILOT7"),
        ("pilot_7x", "Pilot7x", "Pilot7x"),
        ("sub-0123", "0123", "sub-0123"),
        ("sub_0123_ses_pre", "0123", "sub-0123/ses-pre/anat"),
        ("sub-0123_ses-pre", "0123", "sub-0123_ses-pre_T1w"),
        ("sub0123", "0123", "sub0123"),
        ("SUB-PILOT7", "PILOT7", "sub-PILOT7"),
        ("12345", "12345", "sub-12345"),
    ],
)
@pytest.mark.parametrize("field", ["PatientName", "PatientID"])
def test_labels_that_stay_public_are_left_out(
    field: str, value: str, label: str, text: str
) -> None:
    assert kinds(text, terms_of({field: value}, label)) == set()


@pytest.mark.parametrize("value", ["PILOT7", "sub-PILOT7", "SUB_pilot7_ses-1", "x_pilot7"])
def test_codes_of_others_are_looked_for(value: str) -> None:
    assert kinds("PILOT7", terms_of({"PatientID": value}, "PILOT8", "PILOT")) == {RECORD}


def test_a_session_in_a_code_does_not_hide_what_follows() -> None:
    terms = terms_of({"PatientName": "ses-1_DOE_JANE"})
    assert kinds("doe", terms) == kinds("jane", terms) == {PERSON}
    assert kinds("ses-1", terms) == set()


def test_a_public_label_that_is_a_name_is_still_a_name() -> None:
    assert kinds("sub-doe", terms_of({"PatientName": "Doe^Jane"}, "doe")) == {PERSON}


def test_words_of_the_user_and_old_labels_are_added() -> None:
    harvest = Harvest()
    harvest.add([(Identity.STAFF, "Smith")])
    terms = harvest.terms(known_words(["Miller"]), Lexicon(whole=frozenset(["pilot7"])))
    assert kinds("miller", terms) == {KNOWN}
    assert kinds("Pilot7", terms) == {RECORD}
    assert kinds("Smith", terms) == {PLACE}
    assert terms.in_names.occur_in("acq-Pilot7")
    assert not terms.in_names.occur_in("acq-smith")


def test_a_harvest_grows() -> None:
    harvest = Harvest()
    assert not harvest.terms()
    harvest.add([(Identity.PERSON, "Doe")])
    harvest.add([(Identity.PERSON, "Jane")])
    assert kinds("doe", harvest.terms()) == kinds("jane", harvest.terms()) == {PERSON}
