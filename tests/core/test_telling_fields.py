from __future__ import annotations

import pytest

from bidsdeid.core.harvest import identity_of
from bidsdeid.core.likely import Identity
from bidsdeid.core.telling_fields import field_rule, tolerated, usual
from strategies import default_policy


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("PatientName", "identity field"),
        ("surname", "identity field"),
        ("PatientID", "record field"),
        ("AccessionNumber", "record field"),
        ("SeriesInstanceUID", "record field"),
        ("email", "record field"),
        ("DeviceSerialNumber", "place field"),
        ("DetectorID", "place field"),
        ("scanner_id", "place field"),
        ("OperatorsName", "place field"),
        ("InstitutionName", "place field"),
        ("PatientAge", "patient field"),
        ("PatientsWeight", "patient field"),
        ("PatientPosition", ""),
        ("PatientOrientation", ""),
        ("Patience", ""),
        ("EchoTime", ""),
    ],
)
def test_a_field_is_judged_by_whom_it_identifies(name: str, rule: str) -> None:
    policy = default_policy()
    assert field_rule(name, identity_of(name, policy), policy) == rule


def test_every_identity_has_a_rule() -> None:
    assert all(field_rule("x", identity, default_policy()) for identity in Identity)


def test_versions_are_tolerated_wherever_they_stand() -> None:
    policy = default_policy()
    assert "date" in tolerated("ConversionSoftwareVersion", policy, "dictionary")
    assert "uid" in tolerated("SOPClassUID", policy)
    assert not tolerated("SeriesDescription", policy)


_BUILD = "bd2e4670-9ec3-47fb-a8c3-a36b50d1585b||Sequence: R017 nxva61a/main r/ebb919c16; "


@pytest.mark.parametrize(
    ("name", "text", "detectors"),
    [
        ("StudyDescription", "Head^Brain", {"person name"}),
        ("ProcedureStepDescription", "final_studies^fmri_ccns", {"person name"}),
        ("StudyDescription", "DOE^JANE", set()),
        ("StudyDescription", "DOE^JANE^^", {"person name"}),
        ("SeriesDescription", "Head^Brain", set()),
        ("ConsistencyInfo", "66110001", {"record number"}),
        ("ConsistencyInfo", "no. 66110001", set()),
        ("ConsistencyInfo", "N4_VE11C_LATEST_20160120",
         {"date", "record number", "uid", "ip address"}),
        ("WipMemBlock", f"{_BUILD}May 21 2024 10:49:50 by eja",
         {"date", "time", "uuid", "record number"}),
        ("descrip", "FreeSurfer May 13 2013", {"date"}),
        ("descrip", "6.0.5:9e026117", {"record number"}),
        ("descrip", "Jane May 13 2013", set()),
        ("WipMemBlock", f"{_BUILD}May 21 2024 10:49:50 by Jane Doe", set()),
        ("WipMemBlock", "May 21 2024", set()),
    ],
)  # fmt: skip
def test_a_usual_value_is_no_finding_and_another_is(
    name: str, text: str, detectors: set[str]
) -> None:
    assert usual(name, text) == detectors
