from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

import release_facts as made_up
from bidsdeid.core.audit import Auditor
from bidsdeid.core.finding import State
from bidsdeid.core.inspection import Inspector
from bidsdeid.core.terms import Terms
from bidsdeid.report.citations import CITATIONS, Citation, bibtex, reference
from bidsdeid.report.methods import methods, to_bibtex, to_html, to_markdown
from bidsdeid.resources import load_policy, policy_names
from bidsdeid.run.survey import Survey

#: What the text is made of, and what it must cite for it, and must not cite without it.
USED = {
    "atlas on pydeface mean_reg2mean": {"pydeface"},
    "niimath on pydeface mean_reg2mean": {"pydeface", "niimath"},
    "flirt on pydeface mean_reg2mean": {"pydeface", "flirt"},
    "atlas on MNIInfant cohort 1; brain kept: SynthStrip": {"templateflow", "nihpd", "synthstrip"},
    "atlas on a template of the user's; brain kept: mri_synthstrip": {"synthstrip"},
    "SynthStrip, confirmed by deepbet": {"synthstrip", "deepbet"},
}
TOOLS = set().union(*USED.values())


@pytest.mark.parametrize("engine", USED)
def test_what_was_used_is_cited_and_nothing_else(engine: str) -> None:
    made = methods(made_up.facts([made_up.defaced(1, engine=engine)]))
    assert TOOLS & set(made.cited) == USED[engine]
    assert {"bids", "bidsapps", "ps315", "schwarz"} <= set(made.cited)


def test_a_tool_that_is_only_installed_is_not_cited() -> None:
    facts = made_up.facts([made_up.defaced(1)])
    assert any(x.name == "niimath" for x in facts.resources)
    assert "niimath" not in methods(facts).cited


def test_without_images_no_tool_and_no_risk_of_faces_is_cited() -> None:
    made = methods(made_up.facts())
    assert set(made.cited) == {"bids", "bidsapps"}


def test_every_reference_is_cited_in_the_text_and_every_mark_is_gone() -> None:
    made = methods(made_up.release("hipaa-safe-harbor"))
    text = to_markdown(made)
    assert "[@" not in text
    assert "hipaa" in made.cited
    for key in made.cited:
        assert CITATIONS[key].short in text
        assert reference(CITATIONS[key]) in text
    assert to_bibtex(made).count("@article{") + to_bibtex(made).count("@misc{") == len(made.cited)


def test_the_default_policy_does_not_claim_safe_harbor() -> None:
    assert "hipaa" not in methods(made_up.release()).cited


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"fill": "noise"}, "noise like that of the air"),
        ({"dates": "remove"}, "Dates were removed."),
        ({"relabel": "keyed"}, "Participants were given new labels."),
        ({"k": 7}, "shared by 7 or more"),
        ({"layout": "raw"}, "laid out as raw data"),
        ({"face_as_given": True}, "the nose had to be removed without"),
    ],
)
def test_choices_change_the_text(choices: dict[str, object], words: str) -> None:
    outcomes = [made_up.defaced(1)]
    assert words not in to_markdown(methods(made_up.facts(outcomes)))
    assert words in to_markdown(methods(made_up.facts(outcomes, choices=choices)))


def test_numbers_are_those_of_the_release() -> None:
    text = to_markdown(methods(made_up.release()))
    assert "Faces were removed from 3 images" in text
    assert "In 1 images all voxels outside of the brain" in text
    assert "For 1 of 4 images a second engine" in text
    assert "2 of 7 images were looked at by 1 person." in text


def test_the_name_of_a_policy_is_searched() -> None:
    facts = made_up.facts()
    policy = replace(facts.policy, name="of jane@clinic.org")
    text = to_markdown(methods(replace(facts, policy=policy)))
    assert "jane" not in text
    assert "of [removed]" in text


def test_html_is_escaped() -> None:
    facts = made_up.facts([made_up.defaced(1)], version="<b>1</b>")
    assert "<b>" not in to_html(methods(facts))
    assert "&lt;b&gt;1&lt;/b&gt;" in to_html(methods(facts))


@pytest.mark.parametrize("key", CITATIONS)
def test_a_citation_can_be_followed(key: str) -> None:
    cited = CITATIONS[key]
    assert cited.link.startswith("https://")
    assert bool(cited.doi) != bool(cited.url)
    assert re.fullmatch(r"10\.\d{4,5}/\S+", cited.doi) or not cited.doi
    assert cited.authors.split(",")[0].strip("{").split()[0] in reference(cited)
    entry = bibtex(key, cited)
    assert entry.startswith(f"@{cited.kind}{{{key},\n")
    assert entry.count("{") == entry.count("}")


def test_many_authors_are_cut() -> None:
    few = Citation("A", "misc", "One, A. and Two, B.", "T", "2020", "W", "10.1/x")
    many = Citation("A", "misc", "One, A. and Two, B. and Three, C. and Four, D.", "T", "", "W")
    assert reference(few) == "One, A.; Two, B. (2020). T. W. https://doi.org/10.1/x"
    assert reference(many).startswith("One, A.; Two, B.; Three, C. et al. T.")


@pytest.mark.parametrize("policy", policy_names())
def test_the_text_passes_the_audits_of_its_own_release(policy: str, tmp_path: Path) -> None:
    made = methods(made_up.release(policy))
    rules = load_policy(policy)
    folder = tmp_path / "code" / "bidsdeid"
    folder.mkdir(parents=True)
    texts = {"methods.md": to_markdown(made), "methods.bib": to_bibtex(made)}
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
        Auditor(rules, Terms()).own(PurePosixPath("code/bidsdeid", name), text.encode())
        assert made_up.OLD_LABEL not in text
    report = Survey(tmp_path).report(Inspector.of(rules, Terms()))
    assert report.state is State.CLEAR, report.findings
