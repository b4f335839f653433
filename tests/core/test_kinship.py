from __future__ import annotations

import random
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.entities import BIDSName, parse_name
from bidsdeid.core.kinship import acquisition, may_lend, preference, simultaneous
from bidsdeid.core.policy import Decision, MaskFrom
from strategies import default_policy, names


def name(words: str) -> BIDSName:
    parsed = parse_name(f"sub-01_{words}.nii.gz")
    assert parsed is not None
    return parsed


def group(words: str, folder: str = "sub-01/anat") -> tuple[PurePosixPath, str]:
    return acquisition(PurePosixPath(folder) / str(name(words)), name(words))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("echo-1_MEGRE", "echo-2_MEGRE"),
        ("part-mag_T2starw", "part-phase_T2starw"),
        ("inv-1_MP2RAGE", "inv-2_part-phase_MP2RAGE"),
        ("acq-x_run-1_echo-1_flip-1_mt-on_MPM", "acq-x_run-1_MTsat"),
        ("ses-a_inv-1_MP2RAGE", "ses-a_UNIT1"),
    ],
)
def test_images_of_one_acquisition_and_its_maps_have_a_group(one: str, other: str) -> None:
    assert group(one) == group(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("run-1_T1w", "run-2_T1w"),
        ("acq-x_T1w", "acq-y_T1w"),
        ("acq-x_UNIT1", "UNIT1"),
        ("ses-a_T1w", "ses-b_T1w"),
        ("rec-norm_T1w", "T1w"),
        ("ce-gd_T1w", "T1w"),
    ],
)
def test_images_of_two_acquisitions_have_two(one: str, other: str) -> None:
    assert group(one) != group(other)


def test_images_of_two_folders_have_two_groups() -> None:
    assert group("part-mag_T1w") != group("part-mag_T1w", "sub-01/fmap")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("echo-1_MEGRE", "echo-4_MEGRE", True),
        ("part-mag_T1w", "part-imag_T1w", True),
        ("T1w", "T1w", True),
        ("inv-1_MP2RAGE", "inv-2_part-phase_MP2RAGE", True),
        ("inv-1_IRT1", "inv-2_IRT1", False),
        ("flip-1_VFA", "flip-2_VFA", False),
        ("flip-1_echo-1_MPM", "flip-1_echo-2_MPM", True),
        ("mt-on_MTR", "mt-off_MTR", False),
        ("mt-on_flip-1_MTS", "mt-on_flip-1_part-phase_MTS", True),
        ("flip-1_VFA", "VFA", False),
        ("MP2RAGE", "UNIT1", False),
        ("T1w", "T2w", False),
    ],
)
def test_what_shares_its_excitations_is_simultaneous(one: str, other: str, *, same: bool) -> None:
    assert simultaneous(name(one), name(other)) is same
    assert simultaneous(name(other), name(one)) is same


@given(names())
def test_an_image_is_simultaneous_with_itself_and_lends_to_itself(one: BIDSName) -> None:
    assert simultaneous(one, one)
    assert may_lend(one, one)


@pytest.mark.parametrize(
    ("lender", "borrower", "may"),
    [
        ("part-mag_T2starw", "part-phase_T2starw", True),
        ("flip-1_VFA", "flip-2_part-phase_VFA", False),
        ("inv-2_MP2RAGE", "UNIT1", True),
        ("UNIT1", "inv-2_MP2RAGE", False),
        ("inv-1_MP2RAGE", "T1map", True),
        ("flip-1_VFA", "R1map", True),
        ("echo-1_MEGRE", "R2starmap", True),
        ("echo-1_MESE", "T2map", True),
        ("mt-on_MTR", "MTRmap", True),
        ("flip-1_TB1AFI", "TB1map", True),
        ("RB1COR", "RB1map", True),
        ("T1w", "T1map", False),
        ("bold", "T2starmap", False),
        ("T1map", "R1map", False),
    ],
)
def test_who_may_lend_a_mask(lender: str, borrower: str, *, may: bool) -> None:
    assert may_lend(name(lender), name(borrower)) is may


def lenders() -> list[BIDSName]:
    """Return an image of each kind that the default policy finds a face in."""
    own = [r for r in default_policy().files if r.decision is Decision.DEFACE and r.suffix]
    return [name(s) for r in own if r.mask is not MaskFrom.ACQUISITION for s in sorted(r.suffix)]


def borrowers() -> list[str]:
    """Return each kind of map that the default policy wants a mask lent to."""
    return sorted(
        suffix
        for rule in default_policy().files
        if rule.mask is not MaskFrom.OWN and not rule.entity
        for suffix in rule.suffix
    )


@pytest.mark.parametrize("suffix", borrowers())
def test_each_map_that_needs_a_mask_has_someone_to_lend_it(suffix: str) -> None:
    assert any(may_lend(lender, name(suffix)) for lender in lenders())


def test_heads_that_are_whole_and_sharp_come_first() -> None:
    ordered = [
        "T1w", "inv-2_MP2RAGE", "inv-1_MP2RAGE", "UNIT1", "T2w", "FLAIR", "echo-1_MEGRE",
        "echo-2_MEGRE", "echo-10_MEGRE", "T2starw", "magnitude", "bold",
    ]  # fmt: skip
    mixed = ordered.copy()
    random.Random(0).shuffle(mixed)  # noqa: S311
    assert mixed != ordered
    assert sorted(mixed, key=lambda words: preference(name(words))) == ordered


@given(st.lists(names(), unique=True))
def test_the_order_is_total(some: list[BIDSName]) -> None:
    keys = [preference(one) for one in some]
    assert len(set(keys)) == len(some)
