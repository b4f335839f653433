from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.entities import parse_name
from bidsdeid.core.file_sentences import file_sentences, left_out
from bidsdeid.core.policy import Decision, FileRule, MaskFrom


def rule(decision: str = "withhold", mask: str = "own", **criteria: str) -> FileRule:
    words = {
        name: (tuple if name == "path" else frozenset)(text.split())
        for name, text in criteria.items()
    }
    return FileRule(Decision(decision), "r", MaskFrom(mask), **words)


def told(*rules: FileRule) -> dict[str, list[str]]:
    """Return the sentences of rules on one line each, by the first word of their group."""
    groups: dict[str, list[str]] = {}
    for part in "\n".join(file_sentences(rules)).split("\n\n")[2:]:
        heading, *rest = re.split(r"\n(?= *\d+\. |      every)", part)
        sentences = [" ".join(sentence.split()) for sentence in rest]
        numbered = [sentence for sentence in sentences if sentence[0].isdigit()]
        if numbered:
            groups[heading.partition(":")[0]] = numbered
    return groups


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ({"suffix": "T1w"}, "files named T1w"),
        ({"suffix": "T2w T1w", "extension": ".nii .nii.gz"}, "T1w and T2w images"),
        ({"suffix": "T1w", "extension": ".json"}, "JSON files named T1w"),
        ({"suffix": "scans", "extension": ".json .tsv"}, "tables and JSON files named scans"),
        ({"suffix": "stim physio", "extension": ".tsv.gz"}, "recordings named physio or stim"),
        ({"extension": ".bval .bvec"}, "gradient files"),
        ({"extension": ".edf .tsv"}, "tables and .edf files"),
        ({"datatype": "anat", "extension": ".nii"}, "images in anat/"),
        ({"datatype": "pet eeg"}, "files in eeg/ and pet/"),
        (
            {"entity": "part-phase part-imag", "suffix": "T1w", "extension": ".nii"},
            "T1w images with part-imag or part-phase in their name",
        ),
        ({"path": "README"}, "README"),
        ({"path": "code code/*"}, "everything in code/"),
        ({"path": "code/* logs/*"}, "everything in code/ and logs/"),
        ({"path": "a-*/eeg a-*/eeg/* *_b.json"}, "everything in a-*/eeg/ and files like *_b.json"),
        ({"path": ".* */.*"}, "files like .* or */.*"),
        ({"path": "README a?.txt"}, "README and files like a?.txt"),
        (
            {"path": "sub-1/*", "suffix": "T1w", "extension": ".nii"},
            "everything in sub-1/, of these T1w images",
        ),
        (
            {"suffix": "a b c d e f g h i", "extension": ".nii"},
            "9 kinds of images, because r: a, b, c, d, e, f, g, h, i.",
        ),
        ({"suffix": "a b c d e f g h"}, "files named a, b, c, d, e, f, g or h, because r."),
    ],
)  # fmt: skip
def test_which_files_a_rule_speaks_of(criteria: dict[str, str], words: str) -> None:
    ((sentence,),) = told(rule(**criteria)).values()
    assert sentence == f"1. {words}" + ("" if "because" in words else ", because r.")


def test_rules_are_grouped_by_decision_and_keep_their_numbers() -> None:
    rules = [
        rule("copy", path="README", tolerate="length phone date"), rule(path="code"),
        rule("scrub", suffix="bold"), rule("deface", "either", suffix="UNIT1"),
        rule("skullstrip", suffix="T1w"), rule("deface", "acquisition", suffix="T1map"),
        rule(path="docs"),
    ]  # fmt: skip
    rules += [
        replace(rule("deface", "session", suffix="pet"), deface_all=True),
        rule(suffix="pet"),
    ]
    either = "by the mask of the images they come from, else by their own"
    carried = "by the mask of an anatomical image of the same session"
    taken = "by the mask of a magnitude image of the same acquisition"
    assert told(*rules) == {
        "Defaced": [
            f"4. files named UNIT1 ({either}), because r.",
            f"6. files named T1map ({taken}), because r.",
            f"8. files named pet ({carried}) (only with --deface-all), because r.",
        ],
        "Skull-stripped": ["5. files named T1w, because r."],
        "Scrubbed": ["3. files named bold, because r."],
        "Copied": ["1. README (not searched for: date, phone), because r."],
        "Withheld": [
            "2. code, because r.",
            "7. docs, because r.",
            "9. files named pet, because r.",
        ],
    }
    assert list(told(*rules)) == ["Defaced", "Skull-stripped", "Scrubbed", "Copied", "Withheld"]


def test_what_no_rule_names_is_told_last() -> None:
    for rules in ([], [rule("copy", path="README")]):
        lines = list(file_sentences(rules))
        assert lines[-2:] == [
            "Withheld: not released:", "      every other file, because no rule names it.",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "later", "words"),
    [
        ({"path": "a b"}, {"path": "a b c"}, "c"),
        ({"path": "a b"}, {"path": "b a"}, None),
        ({"suffix": "T1w"}, {"suffix": "T1w T2w"}, "files named T2w"),
        ({"suffix": "T1w T2w"}, {"suffix": "T1w", "datatype": "anat"}, None),
        ({"suffix": "T1w", "datatype": "anat"}, {"suffix": "T1w"}, "files named T1w"),
        ({"suffix": "T1w", "datatype": "anat"}, {"datatype": "anat"}, "files in anat/"),
        (
            {"suffix": "T1w", "datatype": "anat"},
            {"suffix": "T1w T2w", "datatype": "anat fmap"},
            "files named T1w or T2w in anat/ and fmap/",
        ),
        (
            {"suffix": "T1w", "datatype": "anat fmap"},
            {"suffix": "T1w T2w", "datatype": "anat fmap"},
            "files named T2w in anat/ and fmap/",
        ),
        ({"suffix": "T1w"}, {"path": "a"}, "a"),
        ({"path": "*"}, {"path": "a"}, "a"),
    ],
)
def test_what_an_earlier_rule_has_decided_is_not_told_again(
    earlier: dict[str, str], later: dict[str, str], words: str | None
) -> None:
    sentences = told(rule("copy", **earlier), rule("withhold", **later))
    assert sentences.get("Withheld", []) == ([] if words is None else [f"2. {words}, because r."])


WORD = st.sampled_from(["T1w", "T2w", "bold"])
CRITERIA = st.fixed_dictionaries(
    {},
    optional={
        "suffix": st.frozensets(WORD, min_size=1),
        "datatype": st.frozensets(st.sampled_from(["anat", "func"]), min_size=1),
        "extension": st.frozensets(st.sampled_from([".nii", ".json"]), min_size=1),
    },
)


@given(st.lists(CRITERIA, min_size=2, max_size=5), WORD, st.sampled_from(["anat", "func"]))
def test_a_rule_that_decides_on_a_file_is_told(
    rows: list[dict[str, frozenset[str]]], suffix: str, datatype: str
) -> None:
    rules = [FileRule(Decision.COPY, f"r{n}", **row) for n, row in enumerate(rows)]  # type: ignore[arg-type]
    name = parse_name(f"sub-01_{suffix}.nii")
    path = PurePosixPath(f"sub-01/{datatype}/sub-01_{suffix}.nii")
    before = list(takewhile(lambda r: not r.selects(path, name, datatype), rules))
    if len(before) < len(rules):
        text = " ".join(" ".join(file_sentences(rules)).split())
        assert f"because r{len(before)}" in text


def test_what_is_not_searched_for() -> None:
    assert left_out(frozenset()) == left_out({"length"}) == ""
    assert left_out({"phone", "length", "date"}) == " (not searched for: date, phone)"
