from __future__ import annotations

import pytest
from bidsschematools.schema import load_schema
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.entities import ENTITY_ORDER, BIDSName, parse_name
from strategies import LABELS, names


@given(names())
def test_a_name_survives_being_written_and_read(name: BIDSName) -> None:
    assert parse_name(str(name)) == name


@given(names(), st.randoms(use_true_random=False))
def test_entities_come_in_the_order_of_bids_however_they_stood(
    name: BIDSName, random: st.DataObject
) -> None:
    pairs = [f"{entity}-{label}" for entity, label in name.entities]
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert parse_name("_".join([*pairs, name.suffix]) + name.extension) == name


@given(names(), st.sampled_from(ENTITY_ORDER), LABELS)
def test_with_parts_adds_in_place_and_drops_again(name: BIDSName, entity: str, label: str) -> None:
    added = name.with_parts(add={entity: label})
    assert added.get(entity) == label
    assert parse_name(str(added)) == added
    dropped = added.with_parts(drop=frozenset({entity}))
    assert dropped.entities == tuple(pair for pair in name.entities if pair[0] != entity)
    assert (dropped.suffix, dropped.extension) == (name.suffix, name.extension)


def test_the_order_is_that_of_the_bids_schema() -> None:
    schema = load_schema().to_dict()
    order = [schema["objects"]["entities"][key]["name"] for key in schema["rules"]["entities"]]
    assert list(ENTITY_ORDER) == order


@pytest.mark.parametrize(
    "name",
    [
        "sub-01_sub-02_T1w.nii",
        "sub-01_foo-1_T1w.nii",
        "sub-_T1w.nii",
        "sub-01_T1w_",
        "sub-01_.nii",
        "sub-01__T1w.nii",
        "SUB-01_T1w.nii",
        "sub-0 1_T1w.nii",
        "sub-01_T1w\n.nii",
        "sub-é_T1w.nii",
        "",
        ".nii",
    ],
)
def test_what_is_not_built_like_a_bids_name_is_none(name: str) -> None:
    assert parse_name(name) is None
