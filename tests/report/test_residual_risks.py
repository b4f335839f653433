from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources

import pytest

import release_facts as made_up
from bidsdeid.report.facts import Facts
from bidsdeid.report.residual_risks import condition_names, residual_risks

NOBODY_ALONE = replace(made_up.DISCLOSURE, alone=0, smallest=6)


def names(facts: Facts) -> set[str]:
    return {risk.name for risk in residual_risks(facts)}


def sentence(facts: Facts, name: str) -> str:
    (found,) = [risk.sentence for risk in residual_risks(facts) if risk.name == name]
    return found


def test_every_row_has_a_condition_and_every_condition_a_row() -> None:
    file = resources.files("bidsdeid.report") / "residual_risks.toml"
    rows = tomllib.loads(file.read_text("utf-8"))["risk"]
    assert sorted(row["when"] for row in rows) == sorted(condition_names())
    assert all(row["title"] and row["sentence"] and row["basis"] for row in rows)


def test_a_release_of_everything_tells_what_holds_of_it() -> None:
    assert names(made_up.release()) == {
        "rated_down", "triaged_fail", "unseen", "defaced", "one_engine", "nothing_removed",
        "untouched", "images", "alone", "dates_moved", "labels_kept", "text_kept",
        "scanner_numbers", "always",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choices", "told", "not_told"),
    [
        ({"face_as_given": True}, "as_given", ""),
        ({"strength": "light"}, "light", ""),
        ({"dates": "remove"}, "", "dates_moved"),
        ({"relabel": "keyed"}, "labels_new", "labels_kept"),
        ({"k": 5}, "enforced", "alone"),
        ({"own_policy": True}, "own_policy", ""),
    ],
)
def test_choices_change_what_remains(
    choices: Mapping[str, object], told: str, not_told: str
) -> None:
    outcomes = [made_up.defaced(1)]
    before, after = (names(made_up.facts(outcomes, choices=x)) for x in ({}, choices))
    assert after - before == ({told} if told else set())
    assert before - after == ({not_told} if not_told else set())


def test_policies_that_drop_more_leave_less() -> None:
    assert {"dates_moved", "scanner_numbers"} & names(
        made_up.release("hipaa-safe-harbor")
    ) == set()
    kept = sentence(made_up.release(), "text_kept")
    assert "SeriesDescription" in kept
    assert "SeriesDescription" not in sentence(made_up.release("open-science"), "text_kept")


def test_groups_are_told_as_they_are() -> None:
    alone = sentence(made_up.release(), "alone")
    assert "Of 40 participants, 7 share their combination of age and sex with nobody" in alone
    facts = made_up.facts(disclosure=NOBODY_ALONE)
    assert "the smallest group has 6 of 40" in sentence(facts, "not_enforced")
    assert "alone" not in names(facts)
    none = names(made_up.facts(disclosure=None, choices={"k": 5}))
    assert not {"alone", "not_enforced", "enforced"} & none


def test_counts_are_those_of_the_tally() -> None:
    facts = made_up.release()
    assert "released although" in sentence(facts, "rated_down").casefold()
    assert sentence(facts, "unseen").startswith("Of 7 images, 5 have no rating on record; in 3 of")
    assert sentence(facts, "one_engine").startswith("Of 4 images of which voxels were removed, 3 ")
    assert "2 images (2 in func/)" in sentence(facts, "untouched")
    assert "1 with a face that had been removed before" in sentence(facts, "nothing_removed")


def test_the_ears_are_told() -> None:
    outcomes = [made_up.defaced(1)]
    assert "the ears remain" in sentence(made_up.facts(outcomes), "defaced")
    gone = made_up.facts(outcomes, choices={"ears": True})
    assert "the ears were asked to go" in sentence(gone, "defaced")


def test_an_image_that_everybody_passed_needs_no_look() -> None:
    from bidsdeid.core.ratings import Rating, Verdict  # noqa: PLC0415 -- of this test alone

    outcome = made_up.defaced(1, engine=made_up.TWO)
    ratings = [Rating(outcome.releases[0].path, Verdict.PASS, (), "r")]
    told = names(made_up.facts([outcome], ratings=ratings))
    assert not {"unseen", "rated_down", "one_engine", "triaged_fail"} & told
