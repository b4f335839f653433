from __future__ import annotations

import numpy as np
import pytest

from bidsdeid.core.header import KEPT, released_header
from strategies import header

#: Free-text fields, which some reader shows to people.
TEXT_FIELDS = ("descrip", "aux_file", "db_name", "data_type", "intent_name")

KINDS = [(1, "<"), (1, ">"), (2, "<"), (2, ">")]


@pytest.mark.parametrize(("version", "order"), KINDS)
def test_the_kept_fields_stay_and_all_else_is_zero(version: int, order: str) -> None:
    source = header((3, 4, 5, 6), version=version, order=order)
    source.set_dim_info(0, 1, 2)
    source["slice_duration"], source["slice_code"], source["slice_end"] = 0.05, 3, 4
    source["scl_slope"], source["scl_inter"] = 0.5, -7
    source["intent_code"], source["intent_p1"] = 1007, 3.5
    released = released_header(source)
    assert type(released) is type(source)
    assert released.endianness == source.endianness
    for name in source.keys():  # noqa: SIM118
        if name in ("dim", "pixdim", "vox_offset"):
            continue
        expected = source[name] if name in KEPT else np.zeros_like(source[name])
        assert released[name].tobytes() == expected.tobytes(), name
    assert released.get_data_shape() == (3, 4, 5, 6)
    assert released.get_zooms() == source.get_zooms()
    np.testing.assert_array_equal(released.get_best_affine(), source.get_best_affine())
    assert released["vox_offset"] == source.single_vox_offset


@pytest.mark.parametrize("version", [1, 2])
def test_no_text_field_is_kept(version: int) -> None:
    released = released_header(header(version=version))
    for name in TEXT_FIELDS:
        if name in released.keys():  # noqa: SIM118
            assert released[name].item() == b""
    block = released.binaryblock
    assert not any(text in block for text in (b"Time=", b"Doe", b"MRN", b"room", b"clinic"))


def test_text_behind_the_end_of_a_string_is_gone_too() -> None:
    source = header()
    source["descrip"] = b"\0\0hidden"
    source["magic"] = b"n+1"
    assert b"hidden" in source.binaryblock
    assert b"hidden" not in released_header(source).binaryblock


def test_numbers_of_axes_that_the_image_does_not_have_are_reset() -> None:
    source = header()
    source["dim"][4:], source["pixdim"][4:] = 1974, 612.5
    released = released_header(source)
    assert released["dim"].tolist() == [3, 3, 4, 5, 1, 1, 1, 1]
    assert released["pixdim"][4:].tolist() == [0, 0, 0, 0]


def test_releasing_twice_is_releasing_once_and_leaves_the_source_alone() -> None:
    source = header()
    before = source.binaryblock
    once = released_header(source)
    assert released_header(once).binaryblock == once.binaryblock
    assert source.binaryblock == before


def test_every_kept_field_exists_and_has_a_reason() -> None:
    assert set(KEPT) <= set(header(version=1).keys()) | set(header(version=2).keys())
    assert all(KEPT.values())
    assert not set(KEPT) & set(TEXT_FIELDS)
