from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

import release_facts as made_up
from bidsdeid.report.certificate import certificate
from bidsdeid.report.certificate_page import certificate_page
from bidsdeid.report.certificate_parts import COMMANDS
from bidsdeid.report.tally import MAX_NAMED
from bidsdeid.run.evidence import Evidence

VOID = {"meta", "link", "img", "br", "input"}


class Reader(HTMLParser):
    """Notes tags, ids, links and text, and that every tag is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str, name: str) -> list[str]:
        return [str(found[name]) for t, found in self.attributes if t == tag and name in found]


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.fixture(scope="module")
def page() -> str:
    return certificate_page(certificate(made_up.release()))


def test_the_page_is_well_formed_and_of_one_language(page: str) -> None:
    reader = read(page)
    assert reader.open == []
    assert reader.all("html", "lang") == ["en"]
    assert page.startswith("<!DOCTYPE html>")


def test_nothing_runs_and_nothing_is_loaded(page: str) -> None:
    reader = read(page)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(reader.tags)
    for _, attributes in reader.attributes:
        assert not {
            name for name in attributes if name.startswith("on") or name in {"src", "style"}
        }
    assert all(link.startswith("#") for link in reader.all("a", "href"))
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_of_the_page_allows_its_own_style_and_no_script(page: str) -> None:
    (content,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert content == (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    )


def test_links_lead_to_parts_of_the_page(page: str) -> None:
    reader = read(page)
    ids = [str(a["id"]) for _, a in reader.attributes if "id" in a]
    assert len(ids) == len(set(ids))
    links = [link.removeprefix("#") for link in reader.all("a", "href")]
    assert links
    assert set(links) <= set(ids)
    assert set(reader.all("section", "aria-labelledby")) <= set(ids)


def test_headings_go_down_one_step_at_a_time(page: str) -> None:
    levels = [int(tag[1]) for tag in read(page).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_cells_have_the_name_of_their_column_for_narrow_screens(page: str) -> None:
    reader = read(page)
    cells = [a for tag, a in reader.attributes if tag == "td"]
    assert cells
    assert all(cell.get("data-label") and cell.get("role") == "cell" for cell in cells)
    rows = [a for tag, a in reader.attributes if tag == "th"]
    assert {a.get("scope") for a in rows} == {"row", "col"}


def test_the_page_opens_with_the_summary(page: str) -> None:
    made = certificate(made_up.release())
    shown = [page.index(about) for about, _ in made.summary]
    assert shown == sorted(shown)
    assert shown[-1] < page.index('id="remains"')


def test_all_eighteen_identifiers_and_all_risks_are_on_it(page: str) -> None:
    made = certificate(made_up.release())
    text = "".join(read(page).text)
    assert all(f"{row.paragraph} {row.what}" in text for row in made.identifiers)
    assert all(risk.title in text for risk in made.risks)
    assert text.count("Decide about this before sharing.") == sum(r.grave for r in made.risks) > 2


def test_every_word_is_escaped() -> None:
    made = certificate(made_up.release())
    bad = '"><script>alert(1)</script>`<b>`'
    rules = replace(made.rules, name=bad, description=bad, prose=("a", "", bad))
    risks = tuple(replace(risk, sentence=bad, title=bad, basis=bad) for risk in made.risks)
    rows = tuple(
        replace(row, what=bad, how=bad, result=bad, where=(bad,)) for row in made.identifiers
    )
    resources = tuple(replace(x, name=bad, sha256=bad) for x in made.resources)
    unseen = replace(made.unseen, paths={bad: (bad,)})
    page = certificate_page(
        replace(
            made, rules=rules, risks=risks, identifiers=rows, resources=resources, unseen=unseen,
            date=bad, withheld_by_rule={bad: 1}, summary=((bad, bad),),
            checks=tuple(replace(x, name=bad, result=bad) for x in made.checks),
        )
    )  # fmt: skip
    assert not {"script", "b"} & set(read(page).tags)
    assert read(page).open == []


def test_a_review_that_is_not_on_record_is_said_so() -> None:
    made = certificate(made_up.facts([made_up.defaced(1)]))
    text = "".join(read(certificate_page(made)).text)
    assert "No review is on record." in text
    assert "The images were not triaged by their numbers." in text


def test_the_list_of_unseen_images_is_cut_and_says_so() -> None:
    outcomes = [made_up.defaced(number) for number in range(MAX_NAMED + 5)]
    page = certificate_page(certificate(made_up.facts(outcomes)))
    assert page.count("_desc-defaced_T1w.nii.gz</code>") == MAX_NAMED
    assert f"These are the first {MAX_NAMED} of {MAX_NAMED + 5}." in page


def test_a_page_without_anything_to_tell_is_whole() -> None:
    facts = made_up.facts(resources=(), checks=(), disclosure=None, participants=0)
    reader = read(certificate_page(certificate(facts)))
    assert reader.open == []
    text = "".join(reader.text)
    assert "There are no images." in text
    assert "No check of the whole is on record." in text


def test_a_policy_of_the_users_own_is_told() -> None:
    own = certificate(made_up.facts([made_up.bold(1)], choices={"own_policy": True}))
    assert "written or changed by the owner of the data" in certificate_page(own)


def test_digests_are_compared_with_the_columns_of_the_manifest() -> None:
    columns = Evidence().manifest(()).rstrip("\n").split("\t")
    (command,) = [text for _, text in COMMANDS if "manifest.tsv" in text]
    assert columns[int(command.split("print $")[1][0]) - 1] == "sha256"
    assert columns[0] == "path"
    assert '"$1' in command
