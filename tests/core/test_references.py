from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from bidsdeid.core.references import released_reference, released_references
from bidsdeid.core.values import JSONValue

P = PurePosixPath
RELEASED = {
    P("sub-01/ses-a/func/sub-01_ses-a_bold.nii.gz"): P(
        "sub-01/ses-a/func/sub-01_ses-a_bold.nii.gz"
    ),
    P("sub-01/anat/sub-01_T1w.nii.gz"): P("sub-01/anat/sub-01_desc-defaced_T1w.nii.gz"),
    P("sub-02/anat/sub-02_T1w.nii.gz"): P("sub-02/anat/sub-02_T1w.nii.gz"),
}


@pytest.mark.parametrize(
    ("reference", "becomes"),
    [
        (
            "bids::sub-01/anat/sub-01_T1w.nii.gz",
            "bids::sub-01/anat/sub-01_desc-defaced_T1w.nii.gz",
        ),
        ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_desc-defaced_T1w.nii.gz"),
        ("anat/sub-01_T1w.nii.gz", "anat/sub-01_desc-defaced_T1w.nii.gz"),
        ("ses-a/func/sub-01_ses-a_bold.nii.gz", "ses-a/func/sub-01_ses-a_bold.nii.gz"),
        ("bids::anat/sub-01_T1w.nii.gz", None),
        ("bids:other:sub-01/anat/sub-01_T1w.nii.gz", None),
        ("anat/sub-01_T2w.nii.gz", None),
        ("/data/clinic/sub-01/anat/sub-01_T1w.nii.gz", None),
        ("../sub-01/anat/sub-01_T1w.nii.gz", None),
        ("Doe^Jane", None),
        ("", None),
    ],
)
def test_a_reference_follows_its_file_or_goes(reference: str, becomes: str | None) -> None:
    assert released_reference(reference, "01", RELEASED) == becomes


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("anat/sub-01_T1w.nii.gz", "anat/sub-01_desc-defaced_T1w.nii.gz"),
        (
            ["anat/sub-01_T2w.nii.gz", "anat/sub-01_T1w.nii.gz", 7, None],
            ["anat/sub-01_desc-defaced_T1w.nii.gz"],
        ),
        (["anat/sub-01_T2w.nii.gz"], None),
        ([], None),
        ({"file": "anat/sub-01_T1w.nii.gz"}, None),
        (7, None),
    ],
    ids=["string", "list", "none left", "empty", "object", "number"],
)
def test_references_in_a_field(value: JSONValue, becomes: JSONValue) -> None:
    assert released_references(value, "01", RELEASED) == becomes


@pytest.mark.parametrize(
    ("reference", "becomes"),
    [
        ("bids::sub-01/anat/sub-01_T1w.nii.gz", "bids::sub-bcd/anat/sub-bcd_T1w.nii.gz"),
        ("sub-01/anat/sub-01_T1w.nii.gz", "sub-bcd/anat/sub-bcd_T1w.nii.gz"),
        ("anat/sub-01_T1w.nii.gz", "anat/sub-bcd_T1w.nii.gz"),
        ("sub-bcd/anat/sub-bcd_T1w.nii.gz", None),
        ("anat/sub-bcd_T1w.nii.gz", None),
    ],
)
def test_a_reference_has_the_new_label_and_is_looked_up_under_the_old_one(
    reference: str, becomes: str | None
) -> None:
    relabelled = {P("sub-01/anat/sub-01_T1w.nii.gz"): P("sub-bcd/anat/sub-bcd_T1w.nii.gz")}
    assert released_reference(reference, "01", relabelled) == becomes


def test_the_short_form_does_not_reach_another_participant() -> None:
    assert released_reference("anat/sub-02_T1w.nii.gz", "01", RELEASED) is None
