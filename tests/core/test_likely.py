from __future__ import annotations

import pytest

from bidsdeid.core.likely import LIKELY, Identity, likely


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("vorname", Identity.PERSON), ("nachname", Identity.PERSON), ("prenom", Identity.PERSON),
        ("patname", Identity.PERSON), ("surname", Identity.PERSON), ("mrn", Identity.RECORD),
        ("scannedby", Identity.STAFF), ("hospital", Identity.PLACE), ("street", Identity.PLACE),
        ("echotime", None), ("filename", None), ("taskname", None), ("coilname", None),
    ],
)  # fmt: skip
def test_a_name_says_whom_its_values_identify(name: str, identity: Identity | None) -> None:
    assert likely(name) is identity


def test_every_row_says_why() -> None:
    assert all(row.reason for row in LIKELY)
    assert {row.identity for row in LIKELY} == set(Identity)
