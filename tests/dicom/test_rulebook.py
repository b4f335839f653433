from __future__ import annotations

import re
import tomllib
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.uid import UID

from bidsdeid.core.detectors import DETECTOR_NAMES
from bidsdeid.dicom.confidentiality import confidentiality_table
from bidsdeid.dicom.profile import Action, open_profile
from bidsdeid.dicom.rulebook import Dates, Text, rulebook
from bidsdeid.io.readers.vr import LOCAL, NUMBERS, known_vr

BOOK = rulebook()
RAW: dict[str, list[dict[str, Any]]] = tomllib.loads(
    files("bidsdeid.dicom").joinpath("rules.toml").read_text("utf-8")
)

#: Context group 7050 of PS3.16: code and the name of its option.
CODES = {
    "113105": "Clean Descriptors", "113108": "Retain Patient Characteristics",
    "113109": "Retain Device Identity", "113110": "Retain UIDs", "113111": "Retain Safe Private",
    "113112": "Retain Institution Identity",
}  # fmt: skip


def keywords() -> list[str]:
    listed = [row["keyword"] for name in ("required", "vocabulary") for row in RAW[name]]
    for name in ("bytes", "tolerate", "identity"):
        listed += [word for row in RAW[name] for word in row["keywords"]]
    for row in RAW["option"]:
        listed += [*row.get("keep", ()), *row.get("clean", ())]
    return listed


# ── the file ─────────────────────────────────────────────────────────────────────────────────


def test_the_file_has_these_tables_and_no_others() -> None:
    assert RAW.keys() == {
        *("profile", "option", "required", "bytes", "vocabulary", "private", "csa"),
        *("admitted", "tolerate", "identity"),
    }


@pytest.mark.parametrize("name", sorted(RAW))
def test_every_row_has_a_reason_and_no_key_that_nobody_reads(name: str) -> None:
    known = {
        "profile": {"name", "options", "dates", "text"},
        "option": {"name", "code", "meaning", "keep", "clean"},
        "required": {"keyword"},
        "bytes": {"keywords"},
        "vocabulary": {"keyword", "pattern"},
        "private": {"creator", "group", "elements", "pattern"},
        "csa": {"creator", "group", "elements"},
        "admitted": {"classes"},
        "tolerate": {"keywords", "detectors"},
        "identity": {"whom", "keywords"},
    }[name]
    for row in RAW[name]:
        told = row.get("description" if name == "profile" else "reason", "")
        assert len(told) > 10
        assert row.keys() - {"reason", "description"} <= known


@pytest.mark.parametrize("keyword", sorted(set(keywords())))
def test_every_keyword_is_one_of_the_standard(keyword: str) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    assert keyword_for_tag(tag) == keyword


def test_nothing_is_listed_twice() -> None:
    for name in ("required", "vocabulary"):
        assert max(Counter(row["keyword"] for row in RAW[name]).values()) == 1
    for name in ("bytes", "tolerate", "identity"):
        assert max(Counter(word for row in RAW[name] for word in row["keywords"]).values()) == 1
    for name in ("profile", "option"):
        assert max(Counter(row["name"] for row in RAW[name]).values()) == 1
    keys = Counter(
        (row["creator"], row["group"], number.upper())
        for row in (*RAW["private"], *RAW["csa"])
        for number in row["elements"]
    )
    assert max(keys.values()) == 1
    assert len(keys) == len(BOOK.private) + len(BOOK.csa)


# ── profiles and options ─────────────────────────────────────────────────────────────────────


def test_profiles_are_what_they_are_called() -> None:
    rows = {name: (row.options, row.dates, row.text) for name, row in BOOK.profiles.items()}
    usual = ("patient", "descriptors", "safe-private")
    assert rows == {
        "neuro": (usual, Dates.SHIFT, Text.SCRUB),
        "basic": ((), Dates.REMOVE, Text.SCRUB),
        "open-science": ((), Dates.REMOVE, Text.REMOVE),
        "dicat": (usual, Dates.KEEP, Text.KEEP),
    }


def test_profiles_use_options_that_there_are_each_once() -> None:
    for row in BOOK.profiles.values():
        assert set(row.options) <= BOOK.options.keys()
        assert len(set(row.options)) == len(row.options)


def test_codes_of_options_are_those_of_context_group_7050() -> None:
    coded = {option.code: option.meaning for option in BOOK.options.values() if option.code}
    assert coded == {code: f"{name} Option" for code, name in CODES.items()}
    assert [option.name for option in BOOK.options.values() if not option.code] == ["csa"]
    assert BOOK.options["csa"].meaning == ""


@pytest.mark.parametrize("name", sorted(BOOK.options))
def test_an_option_changes_what_happens_to_something(name: str) -> None:
    option = BOOK.options[name]
    bare, applied = open_profile("basic"), open_profile("basic", retain=[name])
    table = confidentiality_table()
    changed = {
        tag for tag in table
        if bare.rule(tag, known_vr(tag)).action != applied.rule(tag, known_vr(tag)).action
    }  # fmt: skip
    assert option.keep | option.clean <= changed or not option.keep | option.clean
    assert changed or name in ("safe-private", "csa")
    assert not option.keep & option.clean


@pytest.mark.parametrize("name", sorted(BOOK.options))
def test_an_option_names_elements_of_the_table_only(name: str) -> None:
    option = BOOK.options[name]
    for tag in option.keep | option.clean:
        assert tag in confidentiality_table()
    for tag in option.clean:
        assert dictionary_VR(tag) in LOCAL


def test_no_element_belongs_to_two_options() -> None:
    tags = Counter(tag for option in BOOK.options.values() for tag in option.keep | option.clean)
    assert max(tags.values()) == 1


def test_no_option_keeps_names_of_people_or_ways_to_reach_them() -> None:
    kept = {keyword_for_tag(tag) for option in BOOK.options.values() for tag in option.keep}
    assert len(kept) == 20
    assert not any(
        re.search("Physician|Operator|Telephone|Other|Comment|BirthDate|PatientName|PatientID", x)
        for x in kept
    )
    assert not any(dictionary_VR(tag) == "PN" for x in BOOK.options.values() for tag in x.keep)


# ── required, bytes, vocabulary ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tag", sorted(BOOK.required), ids=keyword_for_tag)
def test_what_is_required_is_in_the_table_with_removal_and_something_else(tag: int) -> None:
    choices = confidentiality_table()[tag].split("/")
    assert "X" in choices
    assert {"Z", "D"} & set(choices)
    action = open_profile("basic").rule(tag, known_vr(tag)).action
    assert action in (Action.EMPTY, Action.DUMMY)


@pytest.mark.parametrize("tag", sorted(BOOK.bytes_kept), ids=keyword_for_tag)
def test_bytes_that_stay_are_not_in_the_table_and_are_needed_by_an_image(tag: int) -> None:
    assert tag not in confidentiality_table()
    assert tag >> 16 in (0x0028, 0x7FE0)
    assert dictionary_VR(tag) in ("OB", "OW", "OF", "OD", "OV", "OB or OW", "US or OW")
    assert open_profile("open-science").rule(tag, dictionary_VR(tag)).action is Action.KEEP


def test_words_of_the_vocabulary_are_those_of_text_that_the_table_does_not_list() -> None:
    for tag in BOOK.vocabulary:
        assert tag not in confidentiality_table()
        assert dictionary_VR(tag) in ("LO", "CS")
        action = open_profile("open-science").rule(tag, dictionary_VR(tag)).action
        assert action is Action.WORD


GOOD = {
    "SpecificCharacterSet": "ISO_IR 100|ISO_IR 192|ISO 2022 IR 6|ISO 2022 IR 149|GB18030|GBK",
    "Manufacturer": "SIEMENS|Siemens Healthineers|Siemens HealthCare GmbH|Philips|"
    "Philips Medical Systems|Philips Healthcare|GE MEDICAL SYSTEMS|TOSHIBA_MEC|CANON_MEC|UIH|"
    "Bruker BioSpin MRI GmbH|Hitachi Medical Corporation|United Imaging Healthcare|Hyperfine",
    "ManufacturerModelName": "Prisma|Prisma_fit|MAGNETOM Vida|TrioTim|Skyra|Avanto_fit|"
    "MAGNETOM Terra.X|DISCOVERY MR750|DISCOVERY MR750w|SIGNA Premier|GENESIS_SIGNA|"
    "Signa HDxt|Achieva dStream|Ingenia Elition X|Ingenia|uMR 790|Vantage Titan|Biograph_mMR",
    "SoftwareVersions": "syngo MR E11|syngo MR B17|syngo MR XA30|syngo MR D13D|syngo MR 2004A4|"
    "syngo MR E11 VE11C|5.3.0|5.3.0.3|10.1",
}
BAD = (
    "", " ", "X", "Zebulon", "Doe^Jane", "20190304", "1234567", "Ambleford Infirmary", "1.2.3.4.5",
    "syngo MR", "MR750", "prisma at Ambleford", "ISO_IR 1000", "ISO_IR", "UTF-8", "SIEMENS 35017",
    "GE", "v5.3", "5", "2019.03.04", "syngo MR E11 Fairweather", "syngo MR E11 123456789",
)  # fmt: skip


@pytest.mark.parametrize(
    ("keyword", "word"),
    [(key, word) for key, text in GOOD.items() for word in text.split("|")],
)
def test_words_that_scanners_write_are_of_the_vocabulary(keyword: str, word: str) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    assert BOOK.vocabulary[tag].fullmatch(word)


@pytest.mark.parametrize(
    ("keyword", "word"),
    [(key, word) for key, text in GOOD.items() for word in text.split("|")],
)
def test_more_than_a_word_of_the_vocabulary_is_none(keyword: str, word: str) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    for other in (f"{word} Zebulon", f"Zebulon {word}", f"{word}\n", f"{word}^Jane", f"x{word}"):
        assert not BOOK.vocabulary[tag].fullmatch(other)


@pytest.mark.parametrize("word", BAD)
def test_other_words_are_not_of_the_vocabulary(word: str) -> None:
    assert not any(pattern.fullmatch(word) for pattern in BOOK.vocabulary.values())


def test_every_pattern_has_words_here() -> None:
    assert {keyword_for_tag(tag) for tag in BOOK.vocabulary} == GOOD.keys()


# ── private elements ─────────────────────────────────────────────────────────────────────────


def test_private_elements_are_of_odd_groups_and_known_types() -> None:
    for (creator, group, number), row in (*BOOK.private.items(), *BOOK.csa.items()):
        assert row.creator == creator == creator.strip()
        assert row.group == group
        assert group % 2
        assert 0 <= number <= 0xFF
        assert creator.isascii()


def test_private_elements_that_stay_are_numbers_or_codes_with_a_pattern() -> None:
    for (_, _, number), row in BOOK.private.items():
        vr = row.types[number]
        assert vr in NUMBERS | {"DS", "IS", "CS", "SH"}
        if vr in ("CS", "SH"):
            assert row.pattern is not None
            assert not row.pattern.fullmatch("")
            assert not any(row.pattern.fullmatch(word) for word in BAD)


@pytest.mark.parametrize(
    ("creator", "group", "number", "words"),
    [
        ("SIEMENS MR HEADER", 0x19, 0x0D, "DIRECTIONAL ISOTROPIC NONE BMATRIX"),
        ("SIEMENS MR HEADER", 0x19, 0x0F, "Normal Fast Ultrafast None"),
        ("SIEMENS MR HEADER", 0x51, 0x13, "+LPH -RAF +L"),
        ("Philips Imaging DD 001", 0x2001, 0x04, "P M S O I N"),
    ],
)
def test_codes_of_private_elements_are_of_a_closed_list(
    creator: str, group: int, number: int, words: str
) -> None:
    pattern = BOOK.private[creator, group, number].pattern
    assert pattern is not None
    for word in words.split():
        assert pattern.fullmatch(word)
        for other in (f"x{word}", f"{word}x", f"{word} Jane", f"Jane {word}", word.swapcase()):
            assert not pattern.fullmatch(other)


def test_the_csa_headers_stay_for_the_option_alone() -> None:
    assert set(BOOK.csa) == {
        ("SIEMENS CSA HEADER", 0x29, 0x10),
        ("SIEMENS CSA HEADER", 0x29, 0x20),
    }
    assert not BOOK.csa.keys() & BOOK.private.keys()


def test_groups_of_private_elements_are_told() -> None:
    assert BOOK.private_groups == {
        0x19, 0x21, 0x29, 0x43, 0x51, 0x65, 0x2001, 0x2005,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("creator", "group", "number", "vr"),
    [
        ("SIEMENS MR HEADER", 0x19, 0x0C, "IS"),
        ("SIEMENS MR HEADER", 0x19, 0x0E, "FD"),
        ("SIEMENS MR HEADER", 0x19, 0x29, "FD"),
        ("SIEMENS MR HEADER", 0x51, 0x13, "SH"),
        ("GEMS_PARM_01", 0x43, 0x39, "IS"),
        ("GEMS_ACQU_01", 0x19, 0xBB, "DS"),
        ("Philips Imaging DD 001", 0x2001, 0x03, "FL"),
        ("Philips MR Imaging DD 001", 0x2005, 0x0E, "FL"),
    ],
)
def test_what_converters_read_is_listed(creator: str, group: int, number: int, vr: str) -> None:
    assert BOOK.private[creator, group, number].types[number] == vr


@pytest.mark.parametrize("number", [0x11, 0x0B, 0x12, 0x16, 0x19])
def test_positions_and_names_in_siemens_text_are_not_listed(number: int) -> None:
    assert ("SIEMENS MR HEADER", 0x51, number) not in BOOK.private


# ── files and detectors ──────────────────────────────────────────────────────────────────────


def test_admitted_classes_are_images_of_mr_ct_and_pet() -> None:
    assert len(BOOK.admitted) == 9
    for uid in BOOK.admitted:
        name = UID(uid).name
        assert re.fullmatch(
            r"((Legacy Converted )?Enhanced )?(MR|CT|PET|Positron Emission Tomography) "
            r"Image Storage",
            name,
        )


def test_detectors_that_do_not_apply_are_detectors() -> None:
    assert {keyword_for_tag(tag) for tag in BOOK.tolerated} == {
        *("SoftwareVersions", "HardcopyDeviceSoftwareVersion"),
        *("CodeValue", "LongCodeValue", "CodingSchemeDesignator", "CodingSchemeVersion"),
    }
    for tag, detectors in BOOK.tolerated.items():
        assert detectors
        assert detectors <= DETECTOR_NAMES
        assert dictionary_VR(tag) in LOCAL
        assert open_profile("neuro").rule(tag, dictionary_VR(tag)).action is Action.TEXT
