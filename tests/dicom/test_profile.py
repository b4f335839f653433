from __future__ import annotations

import pytest
from pydicom.datadict import DicomDictionary, dictionary_VR, tag_for_keyword

from bidsdeid.dicom.confidentiality import confidentiality_table
from bidsdeid.dicom.profile import Action, Profile, described, open_profile
from bidsdeid.dicom.rulebook import Dates, rulebook
from bidsdeid.errors import UsageError
from bidsdeid.io.readers.vr import known_vr

NAMES = tuple(rulebook().profiles)
STANDARD = ("neuro", "basic", "open-science")
OPTIONS = tuple(rulebook().options)

#: Types of value that hold what somebody wrote.
TEXT = frozenset("AE LO LT PN SH ST UC UR UT".split())
_TABLE = "PS3.15 2026c, table E.1-1: "


def tag_of(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return tag


def action(profile: Profile | str, keyword: str) -> str:
    opened = open_profile(profile) if isinstance(profile, str) else profile
    tag = tag_of(keyword)
    return opened.rule(tag, dictionary_VR(tag)).action.name


# ── what happens to which element ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("keyword", "neuro", "basic", "science", "dicat"),
    [
        ("PatientName", "SUBJECT", "SUBJECT", "SUBJECT", "KEEP"),
        ("PatientID", "SUBJECT", "SUBJECT", "SUBJECT", "KEEP"),
        ("PatientBirthDate", "SUBJECT", "SUBJECT", "SUBJECT", "KEEP"),
        ("PatientBirthTime", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("PatientSex", "CODE", "SUBJECT", "SUBJECT", "KEEP"),
        ("PatientAge", "AGE", "REMOVE", "REMOVE", "KEEP"),
        ("PatientWeight", "NUMBER", "REMOVE", "REMOVE", "KEEP"),
        ("EthnicGroup", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("OtherPatientNames", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("AccessionNumber", "EMPTY", "EMPTY", "EMPTY", "KEEP"),
        ("ReferringPhysicianName", "EMPTY", "EMPTY", "EMPTY", "KEEP"),
        ("InstitutionName", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("StationName", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("DeviceSerialNumber", "DUMMY", "DUMMY", "DUMMY", "KEEP"),
        ("StudyDate", "MOMENT", "EMPTY", "EMPTY", "KEEP"),
        ("SeriesDate", "MOMENT", "DUMMY", "DUMMY", "KEEP"),
        ("AcquisitionDateTime", "MOMENT", "DUMMY", "DUMMY", "KEEP"),
        ("AcquisitionTime", "MOMENT", "EMPTY", "EMPTY", "KEEP"),
        ("InstanceCreationDate", "MOMENT", "REMOVE", "REMOVE", "KEEP"),
        ("GPSTimeStamp", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("StudyDescription", "TEXT", "REMOVE", "REMOVE", "KEEP"),
        ("ProtocolName", "TEXT", "REMOVE", "REMOVE", "KEEP"),
        ("ImageComments", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("StudyInstanceUID", "UID", "UID", "UID", "KEEP"),
        ("ReferencedImageSequence", "ITEMS", "ITEMS", "ITEMS", "ITEMS"),
        ("IconImageSequence", "REMOVE", "REMOVE", "REMOVE", "ITEMS"),
        ("ContentSequence", "EMPTY", "EMPTY", "EMPTY", "ITEMS"),
        ("AcquisitionContextSequence", "EMPTY", "EMPTY", "EMPTY", "ITEMS"),
        ("RequestAttributesSequence", "REMOVE", "REMOVE", "REMOVE", "ITEMS"),
        ("DigitalSignaturesSequence", "REMOVE", "REMOVE", "REMOVE", "ITEMS"),
        # Not in table E.1-1.
        ("SpecificCharacterSet", "WORD", "WORD", "WORD", "KEEP"),
        ("SOPClassUID", "UID", "UID", "UID", "KEEP"),
        ("Manufacturer", "TEXT", "TEXT", "WORD", "KEEP"),
        ("ScanningSequence", "CODE", "CODE", "CODE", "KEEP"),
        ("EchoTime", "NUMBER", "NUMBER", "NUMBER", "KEEP"),
        ("Rows", "NUMBER", "NUMBER", "NUMBER", "KEEP"),
        ("PixelData", "KEEP", "KEEP", "KEEP", "KEEP"),
        ("PixelPaddingValue", "NUMBER", "NUMBER", "NUMBER", "KEEP"),
        ("LUTData", "REMOVE", "REMOVE", "REMOVE", "KEEP"),
        ("EncapsulatedDocument", "EMPTY", "EMPTY", "EMPTY", "KEEP"),
        ("SequenceName", "TEXT", "TEXT", "REMOVE", "KEEP"),
        ("MRDiffusionSequence", "ITEMS", "ITEMS", "ITEMS", "ITEMS"),
        ("FrameReferenceDateTime", "MOMENT", "DUMMY", "DUMMY", "KEEP"),
    ],
)
def test_each_profile_has_an_action_for_each_element(
    keyword: str, neuro: str, basic: str, science: str, dicat: str
) -> None:
    expected = dict(zip(NAMES, (neuro, basic, science, dicat), strict=True))
    assert {name: action(name, keyword) for name in NAMES} == expected


@pytest.mark.parametrize(
    ("name", "tag", "vr", "told"),
    [
        ("neuro", 0x00100010, "PN", f"{_TABLE}Z"),
        ("neuro", 0x00101010, "AS", f"{_TABLE}X; option patient: of type AS"),
        ("neuro", 0x00081030, "LO", f"{_TABLE}X; option descriptors"),
        ("neuro", 0x00080020, "DA", f"{_TABLE}Z; --dates shift"),
        ("basic", 0x00080020, "DA", f"{_TABLE}Z"),
        ("basic", 0x00180081, "DS", "not in table E.1-1: a number"),
        ("basic", 0x00080070, "LO", "not in table E.1-1: text"),
        ("open-science", 0x00080070, "LO", "not in table E.1-1: words of a closed list"),
        ("neuro", 0x00080005, "CS", "says how text is encoded"),
        ("neuro", 0x00290010, "LO", "private element"),
        ("neuro", 0x60003000, "OW", "curves, overlays and padding may hold text"),
        ("neuro", 0x60FE3000, "OW", "curves, overlays and padding may hold text"),
        ("neuro", 0x501E0005, "US", "curves, overlays and padding may hold text"),
        ("neuro", 0xFFFC0001, "US", "curves, overlays and padding may hold text"),
        ("neuro", 0x00091234, "LO", "private element"),
        ("neuro", 0x00181235, "LO", "not an element of the standard"),
        ("neuro", 0x00420011, "OB", f"{_TABLE}D"),
        (
            "neuro",
            0x7FE00010,
            "OW",
            "not in table E.1-1: the image itself, but not one within a sequence",
        ),
        ("neuro", 0x00282000, "OB", "not in table E.1-1: bytes may hold anything"),
        ("dicat", 0x00100010, "PN", "no field of the list"),
        ("neuro", 0x00140104, "PN", "not in table E.1-1: of type PN"),
        ("neuro", 0x00189908, "", "not in table E.1-1: of type unknown"),
    ],
)
def test_a_rule_says_why(name: str, tag: int, vr: str, told: str) -> None:
    assert open_profile(name).rule(tag, vr).why == told


@pytest.mark.parametrize("name", STANDARD)
@pytest.mark.parametrize(
    ("tag", "vr"),
    [
        (0x50000030, "UN"), (0x501E3000, "OW"), (0x60000022, "LO"), (0x60023000, "OW"),
        (0x60FE4000, "LT"), (0xFFFCFFFC, "OB"), (0x00181235, "DS"), (0x00741235, "US"),
    ],
)  # fmt: skip
def test_curves_overlays_padding_and_unknown_elements_go(name: str, tag: int, vr: str) -> None:
    assert open_profile(name).rule(tag, vr).action is Action.REMOVE


@pytest.mark.parametrize("name", STANDARD)
@pytest.mark.parametrize("tag", [0x00090010, 0x00191234, 0x50010030, 0x60013000])
def test_elements_of_odd_groups_are_private(name: str, tag: int) -> None:
    assert open_profile(name).rule(tag, "LO").action is Action.PRIVATE


@pytest.mark.parametrize(
    ("vr", "neuro", "science"),
    [
        ("AE", "REMOVE", "REMOVE"), ("PN", "REMOVE", "REMOVE"), ("UN", "REMOVE", "REMOVE"),
        ("OB", "REMOVE", "REMOVE"), ("OW", "REMOVE", "REMOVE"), ("OB or OW", "REMOVE", "REMOVE"),
        ("ZZ", "REMOVE", "REMOVE"), ("", "REMOVE", "REMOVE"), ("AS", "AGE", "AGE"),
        ("CS", "CODE", "CODE"), ("UI", "UID", "UID"), ("SQ", "ITEMS", "ITEMS"),
        ("LO", "TEXT", "REMOVE"), ("UT", "TEXT", "REMOVE"), ("UR", "TEXT", "REMOVE"),
        ("DA", "MOMENT", "REMOVE"), ("TM", "MOMENT", "REMOVE"), ("DT", "MOMENT", "REMOVE"),
        ("DS", "NUMBER", "NUMBER"), ("AT", "NUMBER", "NUMBER"), ("US or SS", "NUMBER", "NUMBER"),
    ],
)  # fmt: skip
def test_what_the_table_does_not_list_goes_by_its_type(vr: str, neuro: str, science: str) -> None:
    assert open_profile("neuro").rule(0x00189906, vr).action.name == neuro
    assert open_profile("open-science").rule(0x00189906, vr).action.name == science


def test_one_element_may_have_several_types() -> None:
    profile = open_profile("neuro")
    rules = [profile.rule(0x00189906, vr).action for vr in ("LO", "OB", "LO", "DS")]
    assert rules == [Action.TEXT, Action.REMOVE, Action.TEXT, Action.NUMBER]


# ── the Basic Profile ────────────────────────────────────────────────────────────────────────

#: What satisfies an action of the table; for Z and D, bytes and sequences may be empty.
_SATISFIED = {
    "X": {"REMOVE"},
    "Z": {"EMPTY", "DUMMY", "SUBJECT"},
    "D": {"DUMMY", "SUBJECT", "UID"},
    "U": {"UID"},
    "U*": {"ITEMS"},
}
_MAY_BE_EMPTY = frozenset("OB OW UN SQ".split())


@pytest.mark.parametrize("code", sorted({*confidentiality_table().values()}))
@pytest.mark.parametrize("name", ["basic", "open-science"])
def test_every_element_of_the_table_gets_what_the_table_says(code: str, name: str) -> None:
    profile = open_profile(name)
    allowed = {name for choice in code.split("/") for name in _SATISFIED[choice]}
    tags = [tag for tag, table in confidentiality_table().items() if table == code]
    assert tags
    for tag in tags:
        vr = known_vr(tag)
        done = profile.rule(tag, vr).action.name
        assert done in allowed or (done == "EMPTY" and vr in _MAY_BE_EMPTY), f"{tag:08x}"


@pytest.mark.parametrize("name", STANDARD)
def test_no_element_of_the_table_is_kept_without_an_option_or_a_date_that_moved(name: str) -> None:
    profile = open_profile(name)
    named = {tag for option in profile.options for tag in option.keep | option.clean}
    for tag in confidentiality_table().keys() - named:
        done = profile.rule(tag, known_vr(tag)).action
        assert done in {
            *(Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.SUBJECT, Action.UID),
            *(Action.ITEMS, Action.MOMENT),
        }
        assert done is not Action.MOMENT or known_vr(tag) in ("DA", "DT", "TM")


@pytest.mark.parametrize("vr", ["", *sorted(TEXT), "UN", "OB"])
def test_no_text_stays_in_silence_in_open_science(vr: str) -> None:
    profile = open_profile("open-science")
    seen = 0
    for tag in DicomDictionary:
        if vr not in ("", known_vr(tag)) or tag in rulebook().bytes_kept:
            continue
        seen += 1
        done = profile.rule(tag, vr or known_vr(tag)).action
        assert done is not Action.TEXT
        assert done is not Action.KEEP
        if (vr or known_vr(tag)) in TEXT:
            assert done in (Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.SUBJECT, Action.WORD)
        assert done is not Action.WORD or tag in rulebook().vocabulary
    assert seen > 0


def test_nothing_of_a_standard_profile_is_kept_but_bytes_of_the_image() -> None:
    for name in STANDARD:
        profile = open_profile(name)
        kept = {
            tag
            for tag in DicomDictionary
            if profile.rule(tag, known_vr(tag)).action is Action.KEEP
        }
        assert kept == set(rulebook().bytes_kept)


# ── options and dates ────────────────────────────────────────────────────────────────────────


def rules(profile: Profile) -> dict[int, Action]:
    return {tag: profile.rule(tag, known_vr(tag)).action for tag in DicomDictionary}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", ["basic", "open-science"])
def test_an_option_changes_only_what_it_names(option: str, name: str) -> None:
    before, after = rules(open_profile(name)), rules(open_profile(name, retain=[option]))
    changed = {tag for tag in before if before[tag] != after[tag]}
    row = rulebook().options[option]
    if option == "uids":
        assert changed
        assert {dictionary_VR(tag) for tag in changed} == {"UI"}
        assert {after[tag] for tag in changed} == {Action.KEEP}
    else:
        assert changed <= row.keep | row.clean


@pytest.mark.parametrize("name", ["basic", "open-science"])
@pytest.mark.parametrize("option", ["device", "institution"])
def test_an_option_that_keeps_text_keeps_it(name: str, option: str) -> None:
    profile = open_profile(name, retain=[option])
    rules = [profile.rule(tag, known_vr(tag)) for tag in rulebook().options[option].keep]
    assert {rule.action for rule in rules} == {Action.KEEP}
    assert all(rule.why.endswith(f"; option {option}") for rule in rules)


@pytest.mark.parametrize(
    ("option", "keyword", "done"),
    [
        ("device", "StationAETitle", "KEEP"), ("device", "PatientAge", "REMOVE"),
        ("patient", "PatientAge", "AGE"), ("patient", "PatientSize", "NUMBER"),
        ("patient", "PatientSex", "CODE"), ("descriptors", "SeriesDescription", "TEXT"),
        ("uids", "SOPInstanceUID", "KEEP"), ("uids", "SOPClassUID", "KEEP"),
        ("uids", "UID", "UID"), ("uids", "DigitalSignatureUID", "UID"),
        ("uids", "AffectedSOPInstanceUID", "REMOVE"), ("uids", "PatientName", "SUBJECT"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["basic", "open-science"])
def test_what_an_option_keeps(name: str, option: str, keyword: str, done: str) -> None:
    assert action(open_profile(name, retain=[option]), keyword) == done


def test_dates_change_dates_and_nothing_else() -> None:
    removed = rules(open_profile("basic"))
    for dates in (Dates.SHIFT, Dates.KEEP):
        after = rules(open_profile("basic", dates=dates))
        changed = {tag for tag in removed if removed[tag] != after[tag]}
        assert len(changed) > 100
        assert {dictionary_VR(tag) for tag in changed} == {"DA", "DT", "TM"}
        assert {after[tag] for tag in changed} == {Action.MOMENT}


@pytest.mark.parametrize("dates", list(Dates))
@pytest.mark.parametrize("keyword", ["PatientBirthDate", "PatientBirthTime", "GPSTimeStamp"])
def test_dates_of_birth_and_of_satellites_never_stay(dates: Dates, keyword: str) -> None:
    retained = open_profile("neuro", dates=dates, retain=OPTIONS)
    done = action(retained, keyword)
    assert done == ("SUBJECT" if keyword == "PatientBirthDate" else "REMOVE")


# ── the user's own list ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
def test_fields_of_the_user_come_first(name: str) -> None:
    fields = {
        0x00100010: True, 0x00100040: True, 0x00080018: False, 0x00180081: False,
        0x00081140: False, 0x00191234: False, 0x00080020: True, 0x00100030: False,
    }  # fmt: skip
    profile = open_profile(name, fields=fields)
    expected = {
        0x00100010: Action.SUBJECT, 0x00100040: Action.SUBJECT, 0x00080018: Action.UID,
        0x00180081: Action.EMPTY, 0x00081140: Action.REMOVE, 0x00191234: Action.REMOVE,
        0x00080020: Action.EMPTY, 0x00100030: Action.EMPTY,
    }  # fmt: skip
    for tag, done in expected.items():
        rule = profile.rule(tag, known_vr(tag) or "LO")
        assert (rule.action, rule.why) == (done, "field of the user's list")
    assert profile.rule(0x00180080, "DS") == open_profile(name).rule(0x00180080, "DS")


# ── opening ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "retain", "dates", "codes"),
    [
        ("neuro", (), None, "113100 113105 113107 113108 113111"),
        ("basic", (), None, "113100"),
        ("open-science", (), None, "113100"),
        ("dicat", (), None, ""),
        ("dicat", ("device",), Dates.SHIFT, ""),
        ("basic", (), Dates.KEEP, "113100 113106"),
        ("basic", (), Dates.SHIFT, "113100 113107"),
        ("neuro", (), Dates.REMOVE, "113100 113105 113108 113111"),
        ("basic", ("uids", "device", "institution"), None, "113100 113109 113110 113112"),
        ("basic", ("csa",), None, "113100"),
        ("neuro", ("patient", "patient"), None, "113100 113105 113107 113108 113111"),
    ],
)
def test_codes_say_what_was_applied(
    name: str, retain: tuple[str, ...], dates: Dates | None, codes: str
) -> None:
    profile = open_profile(name, retain=retain, dates=dates)
    assert [code for code, _ in profile.codes] == codes.split()


def test_meanings_of_codes_are_those_of_the_standard() -> None:
    meanings = dict(open_profile("neuro", retain=OPTIONS).codes)
    assert meanings["113100"] == "Basic Application Confidentiality Profile"
    assert meanings["113107"] == ("Retain Longitudinal Temporal Information Modified Dates Option")
    assert dict(open_profile("basic", dates=Dates.KEEP).codes)["113106"] == (
        "Retain Longitudinal Temporal Information Full Dates Option"
    )


def test_options_are_applied_once_and_those_of_the_profile_too() -> None:
    profile = open_profile("neuro", retain=["device", "patient", "device"])
    names = ["patient", "descriptors", "safe-private", "device"]
    assert [option.name for option in profile.options] == names
    assert all(map(profile.applies, names))
    assert not profile.applies("csa")


def test_a_profile_is_of_the_standard_unless_it_keeps_text() -> None:
    assert {name for name in NAMES if open_profile(name).standard} == set(STANDARD)


def test_unknown_names_are_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="choose from neuro, basic, open-science, dicat"):
        open_profile("Zebulon")
    with pytest.raises(UsageError, match="--retain takes patient, descriptors"):
        open_profile("neuro", retain=["Zebulon"])


def test_tags_are_described_with_their_keyword() -> None:
    assert described(0x00080018) == "(0008,0018) SOPInstanceUID"
    assert described(0x00191234) == "(0019,1234)"
