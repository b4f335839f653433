from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from bidsdeid.core.ratings import COLUMNS, Region, Verdict
from bidsdeid.report.index import index_files, index_page
from bidsdeid.report.numbers import bound_words, bounds_of, mark
from bidsdeid.report.row import IndexRow, rows_of
from bidsdeid.report.viewer import niivue_script
from report_records import HOSTILE, Page, image, many, participant

BOUND = bounds_of("deface", "released", "a face")["mouth_removed"]


def rows() -> list[IndexRow]:
    return rows_of(participant())


def lines_of(page: Page) -> list[dict[str, str]]:
    return [each for each in page.all("tr") if "data-row" in each]


def data_of(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.scripts[0])
    return found


def test_every_image_is_a_row_the_worst_first() -> None:
    page = Page(index_page(rows()))
    assert [each["data-row"] for each in lines_of(page)] == ["0", "1", "2"]
    told = data_of(page)["rows"]
    assert [each["triage"] for each in told] == ["fail", "look", "pass"]
    assert [each["name"] for each in told] == [
        "sub-01_FLAIR.nii.gz", "sub-01_desc-defaced_T2w.nii.gz", "sub-01_desc-defaced_T1w.nii.gz",
    ]  # fmt: skip


def test_rows_link_to_the_image_on_the_page_of_its_participant() -> None:
    links = {each["href"] for each in Page(index_page(rows())).all("a") if "href" in each}
    assert links == {f"sub-01.html#{row.anchor}" for row in rows()}


def test_pictures_are_loaded_when_they_come_into_view() -> None:
    pictures = [each for each in Page(index_page(rows())).all("img") if each.get("src")]
    assert [each["src"] for each in pictures] == [
        f"sub-01/sub-01_desc-defaced_{suffix}.png" for suffix in ("T2w", "T1w")
    ]
    assert all(each["loading"] == "lazy" for each in pictures)
    assert all(each["width"] and each["height"] for each in pictures)


def test_all_columns_can_be_sorted_and_the_order_is_told() -> None:
    page = Page(index_page(rows()))
    headings = [each for each in page.all("th", scope="col") if "aria-sort" in each]
    numbers = data_of(page)["numbers"]
    assert len(headings) == 3 + len(numbers) == 15
    assert [each["aria-sort"] for each in headings].count("ascending") == 1
    keys = [each["data-sort"] for each in page.all("button") if "data-sort" in each]
    assert keys == ["name", "triage", "rating", *map(str, range(len(numbers)))]


def test_what_tells_most_is_in_view_and_the_rest_on_demand() -> None:
    page = Page(index_page(rows()))
    headings = [each["class"] for each in page.all("th", scope="col") if "num" in each["class"]]
    assert headings == ["num"] * 5 + ["num more"] * 7
    cells = [each["class"] for each in page.all("td") if "num" in each.get("class", "")]
    assert cells == headings * 3


def test_each_number_has_its_histogram_and_its_bounds() -> None:
    page = Page(index_page(rows()))
    assert len(page.all("svg")) == len(data_of(page)["numbers"])
    assert f"bounds {bound_words(BOUND)}" in page.words
    assert "mouth removed: 2 images, from 0.91 to 0.99" in page.words


def test_numbers_outside_of_their_bounds_are_marked() -> None:
    page = Page(index_page(rows()))
    look = data_of(page)["rows"][1]
    names = data_of(page)["numbers"]
    said = mark(0.91, BOUND)
    marks = {name: mark for name, mark in zip(names, look["marks"], strict=True) if mark != "pass"}
    assert marks == {"mouth removed": said}
    assert look["numbers"][names.index("likeness")] is None
    assert len(page.all("b", **{"class": f"off {said}"})) == 1
    assert look["together"][1:] == [["images", "2"], ["mouth visible", "0.12"]]


def test_what_is_withheld_is_told_with_its_reason() -> None:
    page = Page(index_page(rows()))
    assert ["why", rows()[2].reason] in data_of(page)["rows"][0]["facts"]
    assert "it is not released" in page.words


def test_only_heads_that_are_there_are_turned() -> None:
    told = data_of(Page(index_page(rows())))["rows"]
    name = "sub-01/sub-01_desc-defaced_{}.js".format
    assert [each["volume"] for each in told] == ["", name("T2w"), name("T1w")]


@pytest.mark.parametrize("viewer", [True, False])
def test_the_page_knows_whether_there_is_a_viewer(*, viewer: bool) -> None:
    data = data_of(Page(index_page(rows(), viewer=viewer)))
    assert data["viewer"] is viewer
    assert data["install"] == "pip install 'bidsdeid[view]'"


def test_the_page_rates_with_the_words_of_the_table() -> None:
    page = Page(index_page(rows()))
    data = data_of(page)
    assert (data["columns"], data["verdicts"]) == (list(COLUMNS), list(Verdict))
    buttons = page.all("button")
    assert {each["data-verdict"] for each in buttons if "data-verdict" in each} == set(Verdict)
    assert [each["data-region"] for each in buttons if "data-region" in each] == list(Region)
    options = [each["value"] for each in page.all("option")]
    assert options == ["", "none", *Verdict]


def test_the_triage_is_counted() -> None:
    page = Page(index_page(rows()))
    boxes = [each["value"] for each in page.all("input", name="triage")]
    assert boxes == ["fail", "look", "pass"]
    assert {"1 fail", "1 look", "1 pass"} <= set(page.words)
    assert any("3 images of 1 participant " in words for words in page.words)


def test_the_page_may_load_what_lies_beside_it_and_nothing_else() -> None:
    markup = index_page(rows())
    (policy,) = (m["content"] for m in Page(markup).all("meta") if "http-equiv" in m)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules) == {
        "default-src", "base-uri", "form-action", "style-src", "script-src", "img-src",
    }  # fmt: skip
    assert "unsafe" not in policy
    assert not re.search(r"(https?|ftp|wss?)://|@import|url\(", markup)


def test_hostile_text_stays_text() -> None:
    one = replace(
        rows()[1],
        label=HOSTILE, path=f"sub-01/{HOSTILE}.nii", status=HOSTILE, reason=HOSTILE,
        decision=HOSTILE, finding=HOSTILE, method=HOSTILE, doubts=(HOSTILE,),
        numbers={HOSTILE: 1.0}, together={HOSTILE: 2.0}, seen={HOSTILE: HOSTILE},
    )  # fmt: skip
    page, plain = Page(index_page([one])), Page(index_page(rows()))
    assert len(page.scripts) == 2
    assert page.scripts[1] == plain.scripts[1]
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert re.fullmatch(r"[\w./#-]*", attributes.get("href", "") + attributes.get("src", ""))
    assert data_of(page)["rows"][0]["doubts"] == [HOSTILE]
    assert any(HOSTILE in words for words in page.words)


def test_an_index_of_nothing_is_a_page_too() -> None:
    page = Page(index_page([]))
    assert any("0 images of 0 participants" in words for words in page.words)
    assert not lines_of(page)


def test_the_files_of_the_index_are_the_page_and_the_viewer() -> None:
    files = dict(index_files(rows()))
    viewer = niivue_script()
    assert files["index.html"] == index_page(rows(), viewer=viewer is not None).encode()
    assert files.get("niivue.js") == viewer
    assert set(files) <= {"index.html", "niivue.js"}


def test_an_index_of_300_is_small() -> None:
    told = [row for record in many(300) for row in rows_of(record)]
    assert len(lines_of(Page(index_page(told)))) == 300
    # 30 MB for all of it; thumbnails and NiiVue take 7.
    assert len(index_page(told).encode()) < 1_000_000


def test_the_same_rows_give_the_same_page() -> None:
    assert index_page(rows()) == index_page(list(reversed(rows())))


def test_numbers_of_one_image_alone_are_columns_of_all() -> None:
    told = [*rows(), *rows_of(participant("02", image("02", numbers={"zeal": 0.5})))]
    data = data_of(Page(index_page(told)))
    place = data["numbers"].index("zeal")
    known = [each["numbers"][place] for each in data["rows"]]
    assert sorted(known, key=str) == [0.5, None, None, None]
