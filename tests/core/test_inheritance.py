from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.inheritance import applies, chain, merged

DATA = PurePosixPath("sub-01/ses-a/func/sub-01_ses-a_task-rest_run-1_bold.nii.gz")


@pytest.mark.parametrize(
    ("sidecar", "speaks"),
    [
        ("bold.json", True),
        ("task-rest_bold.json", True),
        ("sub-01/sub-01_task-rest_bold.json", True),
        ("sub-01/ses-a/func/sub-01_ses-a_task-rest_run-1_bold.json", True),
        ("task-nback_bold.json", False),
        ("task-rest_events.json", False),
        ("acq-x_bold.json", False),
        ("sub-02/sub-02_bold.json", False),
        ("sub-01/ses-b/sub-01_bold.json", False),
        ("sub-01/ses-a/anat/sub-01_bold.json", False),
        ("not a name/bold.json", False),
        ("sub-01_what ever_bold.json", False),
    ],
)
def test_a_sidecar_speaks_for_what_lies_below_it_and_has_its_entities(
    sidecar: str, *, speaks: bool
) -> None:
    assert applies(PurePosixPath(sidecar), DATA) is speaks


CANDIDATES = [
    "bold.json", "task-rest_bold.json", "run-1_task-rest_bold.json", "task-nback_bold.json",
    "sub-01/sub-01_bold.json", "sub-01/sub-01_task-rest_bold.json", "sub-02/sub-02_bold.json",
    "sub-01/ses-a/func/sub-01_ses-a_task-rest_run-1_bold.json",
]  # fmt: skip


@given(st.permutations(CANDIDATES), st.integers(0, len(CANDIDATES)))
def test_the_nearest_and_then_the_most_specific_wins_in_any_order(
    order: list[str], number: int
) -> None:
    sidecars = {PurePosixPath(path): {"Which": path} for path in order[:number]}
    spoken = chain(DATA, sidecars)
    assert set(spoken) == {path for path in sidecars if applies(path, DATA)}
    assert list(spoken) == sorted(spoken, key=lambda path: CANDIDATES.index(str(path)))
    expected = {"Which": str(spoken[-1])} if spoken else {}
    assert merged(DATA, sidecars) == expected


def test_fields_of_all_levels_are_merged() -> None:
    below = PurePosixPath("sub-01/sub-01_bold.json")
    sidecars = {below: {"A": 2, "C": 4}, PurePosixPath("bold.json"): {"A": 1, "B": 3}}
    assert merged(DATA, sidecars) == {"A": 2, "B": 3, "C": 4}
