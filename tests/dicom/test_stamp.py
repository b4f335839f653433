from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.dataset import Dataset

from bidsdeid import __version__
from bidsdeid.dicom.elements import Place
from bidsdeid.dicom.part10 import quiet, read_part10, write_part10
from bidsdeid.dicom.profile import Profile, open_profile
from bidsdeid.dicom.rulebook import Dates, rulebook
from bidsdeid.dicom.stamp import IDENTITY_REMOVED, METHOD, METHOD_CODES, TEMPORAL, method, stamp
from dicom_files import SYNTAXES, Elements, mr

OLD: Elements = {
    IDENTITY_REMOVED: "NO",
    METHOD: "Zebulon's tool\\by hand",
    METHOD_CODES: ("SQ", [{0x00080100: "113109", 0x00080102: "DCM", 0x00080104: "Zebulon"}]),
    TEMPORAL: "UNMODIFIED",
}


def stamped(
    profile: Profile, syntax: str = SYNTAXES[1], before: Elements | None = None
) -> Dataset:
    with quiet():
        data, found = read_part10(mr(before, syntax=syntax))
        stamp(Place(data), profile)
        content = write_part10(data, found, "1.2.3", "1.2.4")
    return pydicom.dcmread(io.BytesIO(content))


@pytest.mark.parametrize("before", [None, OLD], ids=["bare", "stamped before"])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_file_says_how_it_was_deidentified(syntax: str, before: Elements | None) -> None:
    data = stamped(open_profile("neuro"), syntax, before)
    assert data.PatientIdentityRemoved == "YES"
    assert data.DeidentificationMethod == f"bidsdeid {__version__}; PS3.15 2026c; profile neuro"
    assert data.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [
        (each.CodeValue, each.CodingSchemeDesignator, each.CodeMeaning)
        for each in data.DeidentificationMethodCodeSequence
    ]
    assert codes == [
        ("113100", "DCM", "Basic Application Confidentiality Profile"),
        ("113105", "DCM", "Clean Descriptors Option"),
        ("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"),
        ("113108", "DCM", "Retain Patient Characteristics Option"),
        ("113111", "DCM", "Retain Safe Private Option"),
    ]


@pytest.mark.parametrize(
    ("name", "retain", "dates", "codes", "temporal"),
    [
        ("basic", (), None, "113100", "REMOVED"),
        ("open-science", (), None, "113100", "REMOVED"),
        ("basic", (), Dates.KEEP, "113100 113106", "UNMODIFIED"),
        ("basic", (), Dates.SHIFT, "113100 113107", "MODIFIED"),
        ("basic", ("device", "uids"), None, "113100 113109 113110", "REMOVED"),
        ("basic", ("institution",), None, "113100 113112", "REMOVED"),
        ("basic", ("csa",), None, "113100", "REMOVED"),
        ("neuro", (), Dates.REMOVE, "113100 113105 113108 113111", "REMOVED"),
    ],
)
def test_codes_and_dates_are_those_that_were_applied(
    name: str, retain: tuple[str, ...], dates: Dates | None, codes: str, temporal: str
) -> None:
    data = stamped(open_profile(name, retain=retain, dates=dates), before=OLD)
    assert [each.CodeValue for each in data.DeidentificationMethodCodeSequence] == codes.split()
    assert temporal == data.LongitudinalTemporalInformationModified
    assert data.DeidentificationMethod.endswith(f"PS3.15 2026c; profile {name}")


@pytest.mark.parametrize("before", [None, OLD], ids=["bare", "stamped before"])
def test_a_list_of_fields_alone_claims_no_profile_of_the_standard(before: Elements | None) -> None:
    data = stamped(open_profile("dicat"), before=before)
    assert IDENTITY_REMOVED not in data
    assert data.DeidentificationMethod == f"bidsdeid {__version__}; profile dicat"
    assert METHOD_CODES not in data
    assert TEMPORAL not in data


@pytest.mark.parametrize("name", list(rulebook().profiles))
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_stamp_is_the_same_a_second_time(name: str, syntax: str) -> None:
    profile = open_profile(name, retain=["device", "institution", "uids"])
    with quiet():
        data, found = read_part10(mr(syntax=syntax))
        stamp(Place(data), profile)
        once = write_part10(data, found, "1.2.3", "1.2.4")
        data, _ = read_part10(once)
        stamp(Place(data), profile)
        assert write_part10(data, found, "1.2.3", "1.2.4") == once


@pytest.mark.parametrize("name", list(rulebook().profiles))
def test_what_is_stamped_is_of_even_length(name: str) -> None:
    for dates in Dates:
        with quiet():
            data, _ = read_part10(mr())
            stamp(Place(data), open_profile(name, dates=dates))
        stamped = (data.get_item(tag) for tag in OLD if tag in data)
        assert {len(element.value) % 2 for element in stamped} == {0}


@pytest.mark.parametrize("name", list(rulebook().profiles))
def test_the_method_fits_its_element(name: str) -> None:
    told = method(open_profile(name))
    assert len(told) <= 64
    assert told.isascii()
    assert "\\" not in told
