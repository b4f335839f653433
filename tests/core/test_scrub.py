from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.labels import Labels
from bidsdeid.core.policy import Policy
from bidsdeid.core.scrub import MAX_DEPTH, Change, Context, conforms, depth, scrub_fields
from bidsdeid.core.terms import Lexicon, Terms, known_words
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import TextError
from strategies import JSON_VALUES, TELLING, WORDS, default_policy

POLICY = default_policy()
T1W, BOLD = (
    PurePosixPath(f"sub-01/{x}.nii.gz") for x in ("anat/sub-01_T1w", "func/sub-01_task-a_bold")
)
CONTEXT = Context("01", {T1W: T1W, BOLD: BOLD}, Terms(known_words(["Miller"])))

#: Values of the right type for some fields, so that many are kept.
GOOD: dict[str, JSONValue] = {
    "EchoTime": 0.03, "SliceTiming": [0, 0.5], "Manufacturer": "Siemens",
    "IntendedFor": [str(T1W), "sub-01/anat/other.nii.gz"], "Columns": ["cardiac", "Doe^Jane"],
    "TaskName": "rest", "SeriesDescription": "t1_mprage", "SoftwareVersions": "syngo 20190304",
    "ImageType": ["ORIGINAL", "PRIMARY"], "SkullStripped": False, "RepetitionTime": 2,
}  # fmt: skip
NAMES = st.sampled_from(sorted({key for _, key in POLICY.keys})) | WORDS
FIELDS = st.builds(
    lambda good, other: {**other, **{key: GOOD[key] for key in good}},
    st.sets(st.sampled_from(sorted(GOOD))),
    st.dictionaries(NAMES, JSON_VALUES, max_size=5),
)


def scrubbed(
    fields: dict[str, JSONValue], scope: str = "image", table: str = ""
) -> dict[str, JSONValue] | None:
    """Return what is kept, None if the file cannot be released."""
    try:
        return scrub_fields(fields, POLICY, CONTEXT, scope=scope, table=table)[0]
    except TextError:
        return None


@given(FIELDS, st.sampled_from(["image", "dataset"]), st.sampled_from(["", "physio", "events"]))
def test_scrubbing_twice_is_scrubbing_once(
    fields: dict[str, JSONValue], scope: str, table: str
) -> None:
    once = scrubbed(fields, scope, table)
    if once is not None:
        assert scrub_fields(once, POLICY, CONTEXT, scope=scope, table=table) == (once, ())


@given(FIELDS)
def test_nothing_is_kept_that_no_rule_names(fields: dict[str, JSONValue]) -> None:
    for key in scrubbed(fields) or {}:
        assert POLICY.key_rule("image", key).action not in ("drop", "generate")


@given(FIELDS)
def test_every_field_stays_or_is_accounted_for(fields: dict[str, JSONValue]) -> None:
    try:
        kept, changes = scrub_fields(fields, POLICY, CONTEXT)
    except TextError:
        return
    dropped = {change.where for change in changes if change.what == "dropped"}
    replaced = {change.where for change in changes if change.what == "replaced"}
    assert dropped | set(kept) == set(fields)
    assert not dropped & set(kept)
    assert {key for key in kept if kept[key] != fields[key]} == replaced
    assert list(kept) == [key for key in fields if key in kept]


@given(st.dictionaries(st.sampled_from(["Levels", "LongName", "Doe", "Units"]), JSON_VALUES))
def test_a_column_description_is_scrubbed_by_the_rules_for_descriptions(
    description: dict[str, JSONValue],
) -> None:
    kept, changes = scrub_fields(
        {"trial_type": description, "comment": description}, POLICY, CONTEXT, table="events"
    )
    inner, inner_changes = scrub_fields(description, POLICY, CONTEXT, scope="dictionary")
    assert kept == {"trial_type": inner}
    assert {c.where for c in changes} == {
        "comment", *(f"trial_type.{c.where}" for c in inner_changes)
    }  # fmt: skip


@given(
    TELLING, st.sampled_from(["ProtocolName", "SequenceName", "ImageType", "PulseSequenceDetails"])
)
def test_a_telling_string_is_dropped_wherever_it_hides(text: str, key: str) -> None:
    assert scrubbed({key: text}) == {}
    assert scrubbed({key: ["good", text]}) == {}


def only(fields: dict[str, JSONValue], policy: Policy = POLICY) -> tuple[Change, ...]:
    return scrub_fields(fields, policy, CONTEXT)[1]


def test_a_change_names_the_field_and_never_the_value() -> None:
    (change,) = only({"ProtocolName": "Doe^Jane 2019-03-04"})
    assert change == Change("ProtocolName", "dropped", "its text looks like: date, person name")
    (change,) = only({"SeriesDescription": "t1 Miller"})
    assert change.why == "its text looks like: known term"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SoftwareVersions", "syngo 20190304 10.0.1.2"),
        ("ConversionSoftwareVersion", "v1.0.20210317"),
        ("CogAtlasID", "https://www.cognitiveatlas.org/task/id/trm_4f24126c22011"),
        ("DeidentificationMethodCodeSequence", [{"CodeValue": "113102"}]),
        ("TracerName", "[11C]AZ10419369"),
        ("InjectedRadioactivity", 572_000_000),
        ("SpecificRadioactivity", 3.51e10),
        ("PromptRate", [19_800_304.0, 2_345_678]),
    ],
)
def test_what_a_rule_tolerates_stays(key: str, value: JSONValue) -> None:
    assert scrubbed({key: value}) == {key: value}


@pytest.mark.parametrize(
    "fields",
    [
        {"DatasetDOI": "doi:10.18112/openneuro.ds000001.v1.0.0"},
        {"ReferencesAndLinks": ["https://doi.org/10.1093/cercor/bhaa123456"]},
        {"Authors": ["Jane Doe"], "License": "CC0"},
    ],
    ids=["doi", "links", "authors"],
)
def test_publications_and_authors_of_a_dataset_stay(fields: dict[str, JSONValue]) -> None:
    assert scrubbed(fields, "dataset") == fields


def test_a_required_string_is_replaced_and_another_required_value_refuses_the_file() -> None:
    assert scrubbed({"TaskName": "Doe^Jane"}) == {"TaskName": "n/a"}
    assert scrubbed({"Manufacturer": 7, "TaskName": None}) == {
        "Manufacturer": "n/a", "TaskName": "n/a",
    }  # fmt: skip
    with pytest.raises(TextError, match="EchoTime is required") as caught:
        scrub_fields({"EchoTime": "Doe^Jane"}, POLICY, CONTEXT)
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SequenceName", 7),
        ("ProtocolName", {"a": "b"}),
        ("SAR", "0.1"),
        ("PhilipsFloatNotDisplayScaling", "yes"),
        ("SkullStripped", "no"),
    ],
)
def test_a_value_of_another_type_is_dropped(key: str, value: JSONValue) -> None:
    assert scrubbed({key: value}) == {}


@pytest.mark.parametrize("value", ["14:35:20", "00:00:00", 52520, ["14:35:20"], "Doe^Jane"])
def test_the_clock_of_a_pet_scan_is_set_to_nothing(value: JSONValue) -> None:
    kept, changes = scrub_fields({"TimeZero": value, "ScanStart": 0}, POLICY, CONTEXT)
    assert kept == {"TimeZero": "00:00:00", "ScanStart": 0}
    assert [(c.where, c.what) for c in changes] == (
        [] if value == "00:00:00" else [("TimeZero", "replaced")]
    )


def test_columns_that_no_rule_names_get_a_number() -> None:
    kept, changes = scrub_fields(
        {"Columns": ["cardiac", "Jane", "trigger"]}, POLICY, CONTEXT, table="physio"
    )
    assert kept == {"Columns": ["cardiac", "column_2", "trigger"]}
    assert [change.what for change in changes] == ["replaced"]
    with pytest.raises(TextError):
        scrub_fields({"Columns": "cardiac"}, POLICY, CONTEXT, table="physio")


def test_references_follow_files() -> None:
    context = Context("01", {T1W: T1W.with_name("sub-01_desc-defaced_T1w.nii.gz")})
    kept, changes = scrub_fields({"IntendedFor": str(T1W), "Sources": "x"}, POLICY, context)
    assert kept == {"IntendedFor": "sub-01/anat/sub-01_desc-defaced_T1w.nii.gz"}
    assert [(change.where, change.what) for change in changes] == [
        ("IntendedFor", "replaced"), ("Sources", "dropped"),
    ]  # fmt: skip


LABELS = Labels({"01": "bcd", "02": "fgh"}, {("01", "pre"): "p", ("02", "pre"): "q"})


@pytest.mark.parametrize(
    ("key", "value", "becomes"),
    [
        ("ProtocolName", "as sub-01_ses-pre, sub-02", "as sub-bcd_ses-p, sub-fgh"),
        ("ImageType", ["ORIGINAL", "sub-01"], ["ORIGINAL", "sub-bcd"]),
        ("ProtocolName", "a sub-second scan", "a sub-second scan"),
    ],
)
def test_kept_text_gets_new_labels(key: str, value: JSONValue, becomes: JSONValue) -> None:
    kept, changes = scrub_fields({key: value}, POLICY, Context("01", labels=LABELS))
    assert kept == {key: becomes}
    assert [change.what for change in changes] == (["replaced"] if becomes != value else [])


def test_descriptions_get_new_labels_in_their_levels() -> None:
    fields: dict[str, JSONValue] = {"trial_type": {"Levels": {"sub-01": "that of sub-02"}}}
    kept, changes = scrub_fields(fields, POLICY, Context(labels=LABELS), table="events")
    assert kept == {"trial_type": {"Levels": {"sub-bcd": "that of sub-fgh"}}}
    assert [(change.where, change.what) for change in changes] == [
        ("trial_type.Levels", "replaced")
    ]


def test_text_is_looked_through_after_it_got_new_labels() -> None:
    terms = Terms(labels=Lexicon(phrases=frozenset(["sub01"])))
    context = Context("01", labels=LABELS, terms=terms)
    assert scrub_fields({"ProtocolName": "sub-01"}, POLICY, context)[0] == {
        "ProtocolName": "sub-bcd"
    }
    assert scrub_fields({"ProtocolName": "SUB-01"}, POLICY, context)[0] == {}


WORDS_OF_THE_DATASET = Terms(
    persons=Lexicon(frozenset(), frozenset(["doe", "jane"]), frozenset(["janedoe"])),
    records=Lexicon(whole=frozenset(["4711a"])),
    places=Lexicon(whole=frozenset(["charite"])),
)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("rescan Doe", "its text looks like: name in this dataset"),
        ("mprage_4711A", "its text looks like: record of this dataset"),
        ("Charité mprage", "its text looks like: staff or place of this dataset"),
        (["jane", "4711a"], "its text looks like: name in this dataset, record of this dataset"),
    ],
)
@pytest.mark.parametrize("key", ["ProtocolName", "ImageType"])
def test_words_that_the_dataset_itself_gives_away_are_found(
    key: str, value: JSONValue, why: str
) -> None:
    context = Context("01", terms=WORDS_OF_THE_DATASET)
    listed: JSONValue = [value] if key == "ImageType" and isinstance(value, str) else value
    kept, (change,) = scrub_fields({key: listed}, POLICY, context)
    assert kept == {}
    if key == "ImageType" or isinstance(value, str):
        assert change == Change(key, "dropped", why)


def test_a_name_in_parts_is_found_across_the_strings_of_a_value() -> None:
    terms = Terms(persons=Lexicon(phrases=frozenset(["anli"])))
    kept, (change,) = scrub_fields(
        {"ImageType": ["ORIGINAL", "an", "li"]}, POLICY, Context("01", terms=terms)
    )
    assert kept == {}
    assert change.why == "it holds a name in this dataset"


def test_values_nested_too_deeply_are_dropped() -> None:
    deep: JSONValue = "end"
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    assert depth(deep) == MAX_DEPTH + 1
    assert scrub_fields({"Levels": deep}, POLICY, CONTEXT, scope="dictionary")[0] == {}


def test_conforms_checks_choices_and_ranges() -> None:
    assert conforms("n/a", {"anyOf": [{"type": "number"}, {"enum": ["n/a"]}]})
    assert not conforms("x", {"anyOf": [{"type": "number"}, {"enum": ["n/a"]}]})
    assert not conforms("1", {"type": "number"})
    assert conforms("anything", {})


def test_what_the_program_writes_itself_is_not_taken_over() -> None:
    fields: dict[str, JSONValue] = {
        "Name": "A study",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "another tool"}],
        "SourceDatasets": [{"DOI": "doi:10.1/x"}],
    }
    assert scrubbed(fields, "dataset") == {"Name": "A study"}
