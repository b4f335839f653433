from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path, PurePosixPath

import pytest

import release_facts as made_up
from bidsdeid.core.audit import Auditor
from bidsdeid.core.finding import State
from bidsdeid.core.inspection import Inspector
from bidsdeid.core.ratings import Rating, Verdict
from bidsdeid.core.terms import Terms
from bidsdeid.report.certificate import FORMAT, certificate, to_json
from bidsdeid.report.certificate_page import certificate_page
from bidsdeid.report.facts import Facts
from bidsdeid.report.identifiers import kinds
from bidsdeid.resources import load_policy, policy_names
from bidsdeid.run.survey import Survey

SECRETS = (made_up.OLD_LABEL, made_up.UNKNOWN_FIELD, made_up.VALUE, "Johanna", "Quist")


def row(facts: Facts, paragraph: str) -> str:
    (found,) = [x for x in certificate(facts).identifiers if x.paragraph == paragraph]
    return found.result


def test_images_are_counted_by_what_was_done_to_them() -> None:
    images = certificate(made_up.release()).images
    assert (images.all, images.looked_for) == (7, 5)
    assert (images.defaced, images.stripped, images.nothing_to_remove) == (3, 1, 1)
    assert (images.header_only, images.withheld_by_failure, images.confirmed) == (2, 1, 1)
    assert images.ways == {made_up.ONE: 2, made_up.TWO: 1, "SynthStrip": 1}


def test_files_are_counted_by_end_decision_and_rule() -> None:
    made = certificate(made_up.release())
    assert made.files_by_status == {
        "released": 7, "withheld by failure": 1, "withheld by policy": 2,
    }  # fmt: skip
    assert made.files_by_decision == {
        "copy": 1, "deface": 5, "scrub": 2, "skullstrip": 1, "withhold": 1,
    }  # fmt: skip
    assert made.withheld_by_rule[made_up.PHOTO_REASON] == 1
    assert sum(made.withheld_by_rule.values()) == 2
    assert (made.files_released, made.mebibytes_released) == (7, 7.0)


def test_changes_are_counted_under_their_identifier() -> None:
    rows = {x.paragraph: x for x in certificate(made_up.release()).identifiers}
    assert len(rows) == 18
    assert (rows["(A)"].dropped, rows["(A)"].found_in_text) == (3, 0)
    assert (rows["(C)"].found_in_text, rows["(C)"].rewritten, rows["(C)"].dropped) == (3, 3, 0)
    assert rows["(D)"].found_in_text == 0  # a text with a date and a number counts once
    assert rows["(Q)"].files_withheld == 1
    assert certificate(made_up.release()).not_attributed == {
        "fields and columns that no rule names": 3
    }


def test_what_was_not_met_with_is_told_apart_from_what_was_not_looked_for() -> None:
    facts = made_up.facts([made_up.bold(1)])
    assert row(facts, "(F)") == "Looked for; nothing of the kind had to go."
    assert row(facts, "(E)") == "No form of its own to look for; counted under (D)."
    assert "not looked for" in row(facts, "(P)")
    assert row(facts, "(Q)") == "Images not looked at for a face: 1."


def test_faces_are_in_the_row_of_biometric_pictures() -> None:
    assert row(made_up.release(), "(Q)") == (
        "Images defaced: 3. Images reduced to the brain: 1. Images with no face to remove: 1. "
        "Images withheld, as no face was found for sure: 1. Images not looked at for a face: 2. "
        "Files withheld: 1."
    )


def test_a_policy_that_answers_for_a_paragraph_has_its_own_words() -> None:
    own = {x.paragraph: x.how for x in load_policy("hipaa-safe-harbor").identifiers}
    rows = {
        x.paragraph: x.how for x in certificate(made_up.release("hipaa-safe-harbor")).identifiers
    }
    assert rows["(C)"] == own["(C)"]
    assert "which Safe Harbor does not allow" in {
        x.paragraph: x.how for x in certificate(made_up.release()).identifiers
    }["(C)"]  # fmt: skip


def test_words_of_a_policy_that_look_like_an_identifier_give_way_to_those_of_the_table() -> None:
    facts = made_up.release("hipaa-safe-harbor")
    rows = tuple(
        replace(row, how="Ask jane@clinic.org.") if row.paragraph == "(F)" else row
        for row in facts.policy.identifiers
    )
    made = certificate(replace(facts, policy=replace(facts.policy, identifiers=rows)))
    own = {kind.paragraph: kind.how for kind in kinds()}
    assert {x.paragraph: x.how for x in made.identifiers}["(F)"] == own["(F)"]


def test_dates_that_were_not_moved_are_not_said_to_be() -> None:
    kept = certificate(made_up.facts([made_up.bold(1)], choices={"dates": "remove"}))
    assert all(code.code_value != "113107" for code in kept.codes)
    assert "Dates were removed." in dict(kept.summary)["Names, dates, places"]
    moved = certificate(made_up.facts([made_up.bold(1)]))
    assert any(code.code_value == "113107" for code in moved.codes)
    assert "moved by a secret number" in dict(moved.summary)["Names, dates, places"]


def test_codes_stand_in_as_many_sidecars_as_images_were_treated() -> None:
    codes = {x.code_value: x.written for x in certificate(made_up.release()).codes}
    assert codes["113102"] == 4
    assert codes["113105"] == 7
    assert "113102" not in {
        x.code_value for x in certificate(made_up.facts([made_up.bold(1)])).codes
    }


def test_the_summary_is_five_lines() -> None:
    for facts in (made_up.release(), made_up.facts()):
        assert len(certificate(facts).summary) == 5
    looked = dict(certificate(made_up.release()).summary)["Who looked"]
    assert "2 of 7 images" in looked
    assert "rated down" in looked


def test_without_ratings_no_review_is_on_record_and_every_image_is_unseen() -> None:
    made = certificate(made_up.facts([made_up.defaced(1), made_up.bold(1)]))
    assert made.review is None
    assert made.triage is None
    assert (made.unseen.count, made.unseen.looked_for) == (2, 1)
    assert "No review is on record" in dict(made.summary)["Who looked"]


def test_reviewers_have_numbers_and_no_names() -> None:
    one, two = made_up.defaced(1), made_up.defaced(2)
    paths = [x.releases[0].path for x in (one, two)]
    ratings = [
        Rating(paths[0], Verdict.PASS, (), "zoe-q"),
        Rating(paths[0], Verdict.PASS, (), "adam-q"),
        Rating(paths[1], Verdict.OVER, (), "zoe-q"),
        Rating(paths[1], Verdict.LATER, (), "eve-q"),
    ]
    made = certificate(made_up.facts([one, two], ratings=ratings))
    assert made.review is not None
    assert [(x.number, x.passed, x.rated_down, x.later) for x in made.review.reviewers] == [
        (1, 1, 1, 0), (2, 1, 0, 0), (3, 0, 0, 1),
    ]  # fmt: skip
    assert (made.review.reviewed, made.review.passed, made.review.rated_down) == (2, 1, 1)
    for name in ("zoe-q", "adam-q", "eve-q"):
        assert name not in to_json(made)
        assert name not in certificate_page(made)


def test_the_order_of_outcomes_makes_no_difference() -> None:
    outcomes = [made_up.defaced(1), made_up.stripped(1), made_up.bold(1), made_up.photo()]
    texts = {to_json(certificate(made_up.facts(order))) for order in permutations(outcomes)}
    assert len(texts) == 1


def test_json_has_the_names_of_bids_and_every_digest() -> None:
    raw = json.loads(to_json(certificate(made_up.release())))
    assert raw["Format"] == FORMAT
    assert raw["Rules"]["SHA256"] == load_policy("default").digest
    assert raw["Resources"][0]["SHA256"] == made_up.DIGEST
    assert raw["Resources"][1]["Version"] == "1.0.2026 1016"  # a build, not the day of a visit
    assert raw["Images"]["Defaced"] == 3
    assert raw["DeidentificationMethodCodeSequence"][0]["CodeValue"] == "113102"
    assert raw["Date"] is None
    assert "\n" not in "".join(raw["Rules"]["Prose"])


@pytest.mark.parametrize("policy", policy_names())
def test_nothing_of_the_source_is_in_it(policy: str) -> None:
    made = certificate(made_up.release(policy))
    for text in (to_json(made), certificate_page(made)):
        assert not [secret for secret in SECRETS if secret in text]


def test_words_of_a_policy_of_the_users_own_are_searched() -> None:
    facts = made_up.release()
    policy = replace(facts.policy, description="approved 2019-03-04, ask jane@clinic.org")
    text = to_json(certificate(replace(facts, policy=policy)))
    assert "2019-03-04" not in text
    assert "jane@" not in text
    assert "approved [removed]" in text


@pytest.mark.parametrize("policy", policy_names())
def test_it_passes_the_audits_of_its_own_release(policy: str, tmp_path: Path) -> None:
    made = certificate(made_up.release(policy))
    rules = load_policy(policy)
    folder = tmp_path / "code" / "bidsdeid"
    folder.mkdir(parents=True)
    for name, text in {
        "certificate.json": to_json(made),
        "certificate.html": certificate_page(made),
    }.items():
        (folder / name).write_text(text, "utf-8")
        path = PurePosixPath("code/bidsdeid", name)
        assert Auditor(rules, Terms()).own(path, text.encode()).size == len(text.encode())
    report = Survey(tmp_path).report(Inspector.of(rules, Terms(), ["001"]))
    assert report.state is State.CLEAR, report.findings


def test_a_certificate_of_nothing_can_be_made() -> None:
    facts = made_up.facts(resources=(), checks=(), disclosure=None, participants=0)
    made = certificate(facts)
    assert made.images.all == 0
    assert [risk.name for risk in made.risks] == [
        "dates_moved", "labels_kept", "text_kept", "scanner_numbers", "always",
    ]  # fmt: skip
