from __future__ import annotations

import json
import zipfile
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.cohort import (
    ADULT,
    CHILDREN,
    COHORTS,
    CONTRASTS,
    INFANTS,
    Cohort,
    cohort_named,
    cohorts_for,
    contrast_of,
)
from bidsdeid.errors import UsageError
from bidsdeid.resources import installed_folder, load_policy


@pytest.mark.parametrize(
    ("cohorts", "months_in_unit"), [(INFANTS, {"months": 1}), (CHILDREN, {"yr": 12})]
)
def test_the_ages_are_those_of_templateflow(
    cohorts: tuple[Cohort, ...], months_in_unit: dict[str, int]
) -> None:
    archive = installed_folder("templateflow") / "conf" / "templateflow-skel.zip"
    with zipfile.ZipFile(archive) as files:
        said = json.loads(files.read(f"tpl-{cohorts[0].template}/template_description.json"))
    ages = {
        int(number): tuple(age * months_in_unit[entry["units"]] for age in entry["age"])
        for number, entry in said["cohort"].items()
    }
    assert {cohort.number: (cohort.low, cohort.high) for cohort in cohorts} == ages


@pytest.mark.parametrize(
    ("months", "number"),
    [
        (-3, 1),
        (0, 1),
        (1.99, 1),
        (2, 2),
        (5, 3),
        (13.9, 5),
        (14, 6),
        (27, 9),
        (44, 11),
        (59.9, 11),
    ],
)
def test_the_cohort_of_an_infant(months: float, number: int) -> None:
    assert cohorts_for(months)[0].number == number


@given(st.floats(-5, 59.99))
def test_an_infant_gets_infants_of_neighbouring_ages(months: float) -> None:
    best, *others = cohorts_for(months)
    assert best.contains(max(months, 0))
    assert best.required
    assert all(cohort.template == "MNIInfant" for cohort in (best, *others))
    numbers = [cohort.number or 0 for cohort in (best, *others)]
    assert max(numbers) - min(numbers) == len(numbers) - 1 == 2
    distances = [cohort.distance(months) for cohort in (best, *others)]
    assert distances == sorted(distances)


@given(st.floats(60, 1500))
def test_somebody_older_can_have_the_adult_atlas(months: float) -> None:
    *own, last = cohorts_for(months)
    assert last == ADULT
    assert all(cohort.contains(months) and not cohort.required for cohort in own)
    assert bool(own) == (months < 222)
    widths = [cohort.high - cohort.low for cohort in own]
    assert widths == sorted(widths)


def test_an_age_that_is_no_number_is_not_an_adult() -> None:
    with pytest.raises(UsageError, match="number of months"):
        cohorts_for(nan)
    assert cohorts_for(inf) == (ADULT,)


def test_every_cohort_is_found_by_its_name() -> None:
    for cohort in COHORTS[:-1]:
        assert cohort_named(str(cohort)) == cohort
    assert cohort_named("11") == INFANTS[10]
    assert [cohort_named(text) for text in ("0", "12", "x", "", "NIHPD:1", "pydeface")] == [
        None
    ] * 6


def test_contrasts_have_a_reason_and_cover_what_is_defaced() -> None:
    suffixes = [suffix for rule in CONTRASTS for suffix in rule.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(rule.reason and rule.contrast in {"T1w", "T2w"} for rule in CONTRASTS)
    defaced = {
        suffix
        for rule in load_policy("default").files
        if rule.decision == "deface" and rule.mask != "session"  # that one brings its atlas
        for suffix in rule.suffix
    }
    assert defaced
    assert defaced <= set(suffixes)
    assert contrast_of("T2w") == contrast_of("PDw") == "T2w"
    assert contrast_of("T1w") == contrast_of("UNIT1") == "T1w"
