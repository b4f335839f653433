from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from bids_validator import BIDSValidator
from hypothesis import given

from bidsdeid.core.entities import BIDSName, parse_name
from bidsdeid.core.naming import (
    Layout,
    brain_mask_name,
    face_mask_name,
    released_name,
    serves,
    sidecar_of,
)
from strategies import names

P = PurePosixPath


@pytest.mark.parametrize(
    ("layout", "desc", "name"),
    [
        (Layout.DERIVATIVE, "defaced", "sub-01_acq-x_desc-defaced_T1w.nii.gz"),
        (Layout.DERIVATIVE, "brain", "sub-01_acq-x_desc-brain_T1w.nii.gz"),
        (Layout.DERIVATIVE, None, "sub-01_acq-x_T1w.nii.gz"),
        (Layout.RAW, "defaced", "sub-01_acq-x_T1w.nii.gz"),
        (Layout.RAW, "brain", "sub-01_acq-x_T1w.nii.gz"),
        (Layout.RAW, None, "sub-01_acq-x_T1w.nii.gz"),
    ],
)
def test_only_a_changed_image_of_a_derivative_is_renamed(
    layout: Layout, desc: str | None, name: str
) -> None:
    source = P("sub-01/anat/sub-01_acq-x_T1w.nii.gz")
    assert released_name(source, layout, desc) == source.with_name(name)


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("sub-01_T1w.nii", "sub-01_desc-brain_mask.nii.gz"),
        ("sub-01_acq-x_run-2_T1w.nii.gz", "sub-01_acq-x_run-2_desc-brain_mask.nii.gz"),
        ("sub-01_T2w.nii.gz", "sub-01_desc-brainT2w_mask.nii.gz"),
        ("sub-01_echo-2_part-mag_MEGRE.nii.gz", "sub-01_desc-brainMEGRE_mask.nii.gz"),
    ],
)
def test_brain_masks_of_two_contrasts_have_two_names(image: str, mask: str) -> None:
    assert brain_mask_name(P("sub-01/anat") / image) == P("sub-01/anat") / mask


def test_only_anatomicals_have_brain_masks() -> None:
    assert brain_mask_name(P("sub-01/fmap/sub-01_magnitude1.nii.gz")) is None


@given(names())
def test_distinct_images_keep_distinct_names(name: BIDSName) -> None:
    other = name.with_parts(add={"acq": (name.get("acq") or "") + "x"})
    one, two = (
        released_name(P("sub-01/anat") / str(n), Layout.DERIVATIVE, "defaced")
        for n in (name, other)
    )
    assert one != two


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("sub-01/anat/sub-01_T1w.nii", "sub-01_mod-T1w_defacemask.nii.gz"),
        ("sub-01/anat/sub-01_run-2_echo-1_part-mag_T2starw.nii.gz",
         "sub-01_run-2_mod-T2starw_defacemask.nii.gz"),
        ("sub-01/ses-a/anat/sub-01_ses-a_acq-x_ce-gd_rec-n_UNIT1.nii.gz",
         "sub-01_ses-a_acq-x_ce-gd_rec-n_mod-UNIT1_defacemask.nii.gz"),
    ],
)  # fmt: skip
def test_a_mask_has_a_name_that_is_valid_bids(image: str, mask: str) -> None:
    path = face_mask_name(P(image))
    assert path == P(image).with_name(mask)
    assert BIDSValidator().is_bids(f"/{path}")


@pytest.mark.parametrize("path", ["sub-01/fmap/sub-01_magnitude1.nii.gz", "sub-01/anat/a b.nii"])
def test_bids_has_no_mask_outside_of_anat(path: str) -> None:
    assert face_mask_name(P(path)) is None


@given(names())
def test_a_sidecar_differs_in_its_extension_only(name: BIDSName) -> None:
    parsed = parse_name(sidecar_of(P("a") / str(name)).name)
    assert parsed == name.with_parts(extension=".json")


@pytest.mark.parametrize(
    ("companion", "image", "serving"),
    [
        ("sub-01/dwi/sub-01_dwi.bvec", "sub-01/dwi/sub-01_dwi.nii.gz", True),
        ("dwi.bval", "sub-01/dwi/sub-01_dwi.nii.gz", True),
        ("sub-01/dwi/sub-01_acq-a_dwi.bval", "sub-01/dwi/sub-01_acq-b_dwi.nii.gz", False),
        ("sub-01/dwi/sub-01_dwi.bval", "sub-02/dwi/sub-02_dwi.nii.gz", False),
        ("sub-01/func/sub-01_task-a_events.tsv", "sub-01/func/sub-01_task-a_bold.nii.gz", True),
        ("sub-01/func/sub-01_task-a_events.tsv", "sub-01/func/sub-01_task-b_bold.nii.gz", False),
        ("sub-01/func/sub-01_task-a_events.tsv", "sub-01/func/sub-01_task-a_sbref.nii.gz", False),
        ("sub-01/func/sub-01_task-a_recording-eye_physio.tsv.gz",
         "sub-01/func/sub-01_task-a_echo-2_bold.nii.gz", True),
        ("sub-01/perf/sub-01_aslcontext.tsv", "sub-01/perf/sub-01_asl.nii.gz", True),
        ("sub-01/perf/sub-01_aslcontext.tsv", "sub-01/perf/sub-01_m0scan.nii.gz", False),
        ("sub-01/func/sub-01_task-a_beh.tsv", "sub-01/func/sub-01_task-a_bold.nii.gz", False),
        ("sub-01/func/a b.tsv", "sub-01/func/sub-01_task-a_bold.nii.gz", False),
    ],
)  # fmt: skip
def test_companions_of_images(companion: str, image: str, *, serving: bool) -> None:
    assert serves(P(companion), P(image)) is serving
