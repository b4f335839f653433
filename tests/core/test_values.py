from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.values import (
    DETECTOR_NAMES,
    DETECTORS,
    MAX_LENGTH,
    JSONValue,
    KnownTerms,
    findings,
    strings,
    telling_number,
)
from strategies import JSON_VALUES, WORDS

POSITIVE = [
    ("date", "scan 2019-03-04 repeated"),
    ("date", "rescan_2019_3_4"),
    ("date", "04.03.2019"),
    ("date", "3/4/19"),
    ("date", "20190304"),
    ("date", "20190304101112.500000"),
    ("date", "2019-03-04T10:11:12"),
    ("date", "March 4th, 2019"),
    ("date", "4. März 2019"),
    ("date", "04-MAR-2019"),
    ("date", "\uff12\uff10\uff11\uff19-03-04"),
    ("date", "20\u200b19-03-04"),
    ("time", "started 10:11"),
    ("time", "10:11:12.500"),
    ("email", "ask jane.doe+mri@clinic.example.org"),
    ("url with user", "ftp://jdoe:pw@pacs/x"),
    ("path", "/home/jdoe/raw"),
    ("path", "from /mnt/pacs/doe.dcm"),
    ("path", "C:\\Users\\jdoe"),
    ("path", "\\\\server\\share\\doe"),
    ("path", "~jdoe/raw"),
    ("path", "file:///x"),
    ("uid", "1.2.840.113619.2.5.17"),
    ("ip address", "10.0.12.7"),
    ("mac address", "00:1b:44:11:3a:b7"),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
    ("phone", "612-555-0142"),
    ("phone", "+49 30 1234567"),
    ("ssn", "078-05-1120"),
    ("person name", "DOE^JANE"),
    ("person name", "Doe^^J"),
    ("person name", "\uff24oe^Jane"),
    ("identifier word", "MRN 12"),
    ("record number", "no. 1234567"),
    ("identifier word", "dob unknown"),
    ("length", "word " * (MAX_LENGTH // 5 + 1)),
    ("control characters", "a\x00b"),
    ("control characters", "a\x1b[31mb"),
]

#: Text of real scanners, sidecars and vocabularies.
NEGATIVE = [
    "t1_mprage_sag_p2_iso 1.0mm", "AAHead_Scout_32ch", "cmrr_mbep2d_bold_SMS4_2mm_TR800",
    "ep2d_diff_mddw_64_p2_b1000", "t2_tse_dark-fluid_tra_p2_4mm", "gre_field_mapping_2.5mm",
    "WIP sT1W_3D_TFE SENSE", "MPRAGE_ADNI3", "ABCD_T1w_MPR_vNav_setter", "dMRI_dir98_AP",
    "Ax T2 FRFSE 512x512", "BOLD_rest_TR800_MB8_2.4iso", "T1w_MPR_BIC_v1", "FSPGR BRAVO 1x1x1",
    "tfl3d1_16ns", "%CustomerSeq%\\cmrr_mbep2d_bold", "*tfl3d1_ns", "Prisma_fit", "HeadNeck_64",
    "syngo MR E11", "ORIGINAL\\PRIMARY\\M\\ND\\NORM", "SK\\SP\\MP", "j-", "SENSE; PI-factor 2.5",
    "Sensory-event, Visual-presentation, (Red, Blue/0.3)",
    "Agent-action, ((Participant-response), (Press, Mouse-button)), Delay/3 s",
    "(Def/Task, Onset), Parameter-value/12, Property/Informational-property/Label/Left",
    "https://www.cognitiveatlas.org/task/id/trm_4f24126c22011/", "doi:10.1038/s41597-020-0467-x",
    "10.1016/j.neuroimage.2019.116450", "https://doi.org/10.1000/182", "bids::sub-01/anat/x.nii",
    "May be repeated in 4 runs of 10 min", "Press 1 for yes and 2 for no.", "Köln study, group A",
    "60 s rest / 30 s task", "TE=2.26 TR=2300 TI=900", "n/a", "", "1st, 2nd and 3rd echo",
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), POSITIVE)
def test_identifying_text_is_found(name: str, text: str) -> None:
    assert name in findings(text)


@pytest.mark.parametrize("text", NEGATIVE)
def test_text_about_a_scan_survives(text: str) -> None:
    assert findings(text) == ()


def test_every_detector_has_an_example_and_a_reason() -> None:
    assert {name for name, _ in POSITIVE} == DETECTOR_NAMES
    assert all(detector.reason for detector in DETECTORS)


@pytest.mark.parametrize(("name", "text"), POSITIVE)
def test_a_detector_that_is_tolerated_does_not_speak(name: str, text: str) -> None:
    assert name not in findings(text, tolerate=[name])
    assert findings(text, tolerate=DETECTOR_NAMES) == ()


@given(WORDS, st.sampled_from([t for n, t in POSITIVE if n != "length"]), WORDS)
def test_a_finding_does_not_depend_on_the_text_around(left: str, text: str, right: str) -> None:
    assert findings(f"{left} | {text} | {right}")


@pytest.mark.parametrize("text", ["x", "1.", "~a", "+1 ", "a^"])
def test_a_long_run_of_anything_is_searched_to_its_end(text: str) -> None:
    """A README in a script without spaces, or with a picture in base64, must not take for ever."""
    code = "import sys; from bidsdeid.core.values import findings; findings(sys.argv[1] * 5000)"
    done = subprocess.run([sys.executable, "-c", code, text], timeout=20, check=False)
    assert done.returncode == 0


@given(st.text())
def test_a_finding_never_quotes_the_text(text: str) -> None:
    assert set(findings(text, KnownTerms(("jane",)))) <= DETECTOR_NAMES | {"known term"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("scan of Miller", True),
        ("MILLER_T1w", True),
        ("premillerian", True),
        ("Mil\u200bler", True),
        ("\uff2diller", True),
        ("STRASSE 4", True),
        ("Jo at three", True),
        ("jo", True),
        ("major", False),
        ("jo2", False),
        ("mill", False),
    ],
)
def test_known_terms(text: str, *, found: bool) -> None:
    terms = KnownTerms(("Miller", "Jo", " straße ", "", " "))
    assert ("known term" in findings(text, terms)) is found
    assert ("known term" in findings(text, terms, tolerate=DETECTOR_NAMES)) is found


def test_a_known_term_is_not_an_expression() -> None:
    assert findings("abc", KnownTerms(("a.c",))) == ()
    assert findings("x(y", KnownTerms(("x(y",))) == ("known term",)


@given(JSON_VALUES)
def test_every_string_of_a_value_is_looked_at(value: JSONValue) -> None:
    marked: JSONValue = {"a": [value, {"needle": [["hay"]]}]}
    assert {"needle", "hay", "a"} <= set(strings(marked))
    assert set(strings(value)) <= set(strings(marked))


@pytest.mark.parametrize(
    "text", ["Jane Doe", "JANE_DOE", "JaneDoe", "jane  doe", "doe, jane", "Doe^Jane", "Jané Doe"]
)
def test_a_known_term_is_found_in_every_spelling(text: str) -> None:
    assert KnownTerms(("Jane Doe",)).occur_in(f"seen with {text} on the day")
    assert not KnownTerms(("Jane Doe",)).occur_in("a jane and, quite apart from her, a doe")


@pytest.mark.parametrize("text", ["ID.777888999", "MRN12345", "visit 4.3.80", "scan 04-03-80"])
def test_identifiers_that_lean_on_their_neighbours_are_found(text: str) -> None:
    assert findings(text)


@pytest.mark.parametrize("number", [19800304, 20191231.0, 1551693600.5, -1e9])
def test_numbers_that_tell_a_day_or_a_clock(number: float) -> None:
    assert telling_number(number)


@pytest.mark.parametrize("number", [0, -3.5, 2.0, 127.748504, 123255.5, 1802, 987654])
def test_numbers_that_are_quantities(number: float) -> None:
    assert not telling_number(number, record=True)


def test_large_whole_numbers_are_records_in_fields_and_counts_in_tables() -> None:
    assert telling_number(4815162, record=True)
    assert not telling_number(4815162)
    assert not telling_number(19800399), "no month has 99 days"
