from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.report.markup import as_json, data_uri, document, element, picture_kind, table, text
from report_records import HOSTILE, Page, dot


@given(st.text())
def test_text_is_read_again_as_it_was(words: str) -> None:
    page = Page(element("p", text(words), title=words))
    told = page.all("p")[0]["title"]
    assert len(page.elements) == 1
    assert all(b in {a, "\ufffd"} for a, b in zip(words, told, strict=True))


def test_what_no_page_may_hold_is_replaced() -> None:
    text("\x00\x1b\ud800").encode()
    assert text("\x00\x1b\ud800a\tb\n") == "\ufffd\ufffd\ufffda\tb\n"


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists))
def test_json_in_a_script_is_read_again_and_does_not_end_it(value: object) -> None:
    told = as_json(value)
    assert json.loads(told) == value
    assert not set(told) & set("<>&\u2028\u2029")


def test_hostile_text_in_a_script_stays_in_it() -> None:
    assert "script" in as_json(HOSTILE)
    assert "</" not in as_json(HOSTILE)


def test_an_attribute_is_there_or_not() -> None:
    assert element("input", checked=True, hidden=False, value=None) == "<input checked>"
    assert element("td", "1", class_="n", data_to=0) == '<td class="n" data-to="0">1</td>'


def test_a_table_has_a_caption_and_names_its_rows_and_columns() -> None:
    page = Page(table("Numbers", ("name", "value"), [("a", "1"), ("b", "2")]))
    assert len(page.all("th", scope="col")) == len(page.all("th", scope="row")) == 2
    assert page.words == ["Numbers", "name", "value", "a", "1", "b", "2"]
    assert page.all("div", role="region", **{"aria-label": "Numbers"})


def test_pictures_are_told_apart_by_what_they_begin_with() -> None:
    assert data_uri(dot(7)) == "data:image/png;base64," + base64.b64encode(dot(7)).decode()
    assert picture_kind(b"\xff\xd8\xff\xe0") == "jpeg"
    with pytest.raises(ValueError, match="PNG, JPEG or WebP"):
        data_uri(b"<svg onload='x'>")


def test_a_page_runs_its_own_script_and_loads_nothing() -> None:
    markup = document(
        HOSTILE, "<p>$script</p>", styles=("style.css",), scripts=("page.js",), sources=""
    )
    page = Page(markup)
    (policy,) = (m["content"] for m in page.all("meta") if "http-equiv" in m)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert len(page.scripts) == 1
    assert page.words[0] == HOSTILE
    assert page.words[1] == "$script"
    assert not re.search(r"https?:", markup)
