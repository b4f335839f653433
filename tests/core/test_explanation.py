from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bidsdeid.core.explanation import explain, identifier_rows
from bidsdeid.core.policy import ColumnRule, Identifier, KeyRule, Policy
from bidsdeid.core.rule_rows import COLUMN_KINDS, IDENTITIES, KEY_ACTIONS, SCOPES
from bidsdeid.resources import load_policy, policy_names

EMPTY = Policy("mine", "7", "", (), {}, {})
ROW = Identifier("(A)", "Names", ("tables", "documents"), "They go.")


def part(text: str, title: str) -> list[str]:
    """Return the lines of one part, without blank ones."""
    (found,) = (p for p in text.split("\n\n\n") if p.startswith(title))
    return [line for line in found.splitlines()[1:] if line]


def fields(scope: str = "image", **rules: KeyRule) -> list[str]:
    policy = replace(EMPTY, keys={(scope, key): rule for key, rule in rules.items()})
    return part(explain(policy), "FIELDS OF SIDECARS")


def columns(rules: dict[tuple[str, str], ColumnRule]) -> list[str]:
    return part(explain(replace(EMPTY, columns=rules)), "COLUMNS OF TABLES")


def test_a_policy_begins_with_its_name_and_how_to_read_it() -> None:
    lines = explain(replace(EMPTY, description="For us.")).splitlines()
    assert lines[:4] == ["Policy mine 7", "=============", "", "For us."]
    assert "first rule that names it" in " ".join(lines[4:8])
    assert explain(EMPTY).splitlines()[3].startswith("Every file")


def test_a_policy_without_rules_releases_nothing_and_says_so() -> None:
    text = explain(EMPTY)
    parts = [
        "FILES",
        "FIELDS OF SIDECARS",
        "FIELDS THAT DESCRIBE",
        "FIELDS OF dataset_",
        "COLUMNS",
    ]
    assert [len(part(text, title)) for title in parts] == [2] * 5
    assert text.count("because no rule names it.") == 5
    assert "Together with others" not in text
    assert "IDENTIFIERS" not in text


def test_fields_of_one_reason_are_one_sentence() -> None:
    keep = KeyRule("keep", "they are physics")
    lines = fields(EchoTime=keep, Units=replace(keep, tolerate=frozenset({"date"})),
                   FlipAngle=replace(keep, required=True, schema={"type": "number"}))  # fmt: skip
    assert lines[0].startswith("Kept, if the value is of the type of the field and nothing in it")
    assert lines[2:] == [
        "  - EchoTime and FlipAngle, because they are physics.",
        "  - Units (not searched for: date), because they are physics.",
        "Dropped:",
        "  - every other field, because no rule names it.",
    ]  # fmt: skip


def test_many_fields_come_after_their_reason() -> None:
    keep = KeyRule("keep", "they are physics")
    eight = fields(**{f"F{n}": keep for n in range(8)})
    assert eight[2] == "  - F0, F1, F2, F3, F4, F5, F6 and F7, because they are physics."
    nine = fields(**{f"F{n}": keep for n in range(9)})
    assert nine[2:4] == [
        "  - 9 fields, because they are physics:", "      F0, F1, F2, F3, F4, F5, F6, F7, F8.",
    ]  # fmt: skip


def test_what_is_looked_for_elsewhere_is_told_apart_from_what_only_goes() -> None:
    drop = KeyRule("drop", "r")
    assert fields(PatientName=replace(drop, identity="person"), Dosage=drop,
                  StationName=replace(drop, identity="place", reason="s")) == [
        "Dropped, and what they hold is looked for in all that is kept:",
        "  - PatientName, because r.", "  - StationName, because s.",
        "Dropped:", "  - Dosage, because r.", "  - every other field, because no rule names it.",
    ]  # fmt: skip


def test_each_scope_has_its_part() -> None:
    keys = {(scope, f"In{scope}"): KeyRule("keep", "r") for scope in SCOPES}
    text = explain(replace(EMPTY, keys=keys))
    titles = {"image": "OF SIDECARS", "dictionary": "THAT DESCRIBE", "dataset": "OF dataset_"}
    for scope, title in titles.items():
        assert f"  - In{scope}, because r." in part(text, f"FIELDS {title}")


@pytest.mark.parametrize("action", sorted(KEY_ACTIONS))
@pytest.mark.parametrize("identity", ["", *sorted(IDENTITIES)])
def test_whatever_is_done_to_a_field_is_told(action: str, identity: str) -> None:
    if not identity or action == "drop":
        assert "  - Key, because r." in fields(Key=KeyRule(action, "r", identity=identity))


@pytest.mark.parametrize("kind", sorted(COLUMN_KINDS))
def test_whatever_is_done_to_a_column_is_told(kind: str) -> None:
    lines = columns({("events", "x"): ColumnRule(kind, "r")})
    assert "  - x of events, because r." in lines


def test_columns_of_one_reason_are_one_sentence() -> None:
    number, text = ColumnRule("number", "r"), ColumnRule("text", "s")
    same = ColumnRule("number", "r")
    lines = columns({
        ("physio", "x"): number, ("physio", "y"): number, ("stim", "x"): number,
        ("stim", "y"): same, ("events", "z"): number, ("events", "w"): text,
    })  # fmt: skip
    assert lines == [
        "Kept, where the cell is a number:",
        "  - x and y of physio and stim, because r.", "  - z of events, because r.",
        "Kept, where nothing in the cell looks like an identifier:", "  - w of events, because s.",
        "Dropped:", "  - every other column, because no rule names it.",
    ]  # fmt: skip


def test_a_short_list_of_words_is_told() -> None:
    few, many = (ColumnRule("choice", "r", frozenset(words)) for words in ("ba", "abcdefg"))
    lines = columns({("participants", "group"): few, ("participants", "site"): many})
    assert lines[1:3] == [
        "  - group of participants (a or b), because r.",
        "  - site of participants (7 words), because r.",
    ]


def test_quasi_identifiers_are_told_by_table() -> None:
    age, mood = ColumnRule("age", "r", quasi=True), ColumnRule("text", "r")
    lines = columns({
        ("sessions", "age"): age, ("participants", "site"): age, ("participants", "age"): age,
        ("participants", "mood"): mood,
    })  # fmt: skip
    text = " ".join(lines)
    assert "Together with others these may tell who" in text
    assert ": age and site of participants as well as age of sessions. With --k N" in text
    assert "mood" not in text.partition("Together")[2]


def test_identifiers_are_told() -> None:
    why = replace(ROW, paragraph="(B)", reason="it is so")
    text = explain(replace(EMPTY, identifiers=(ROW, why)))
    assert part(text, "IDENTIFIERS") == [
        "(A) Names.", "    Looked for in tables and documents. They go.",
        "(B) Names.",
        "    Looked for in tables and documents. They go. This is so because it is so.",
    ]  # fmt: skip


def test_identifiers_are_a_table() -> None:
    policy = replace(EMPTY, identifiers=(ROW, replace(ROW, what="a|b", reason="it is so")))
    assert identifier_rows(policy).splitlines() == [
        "| paragraph | what | where it is looked for | what is done |",
        "| --- | --- | --- | --- |",
        "| (A) | Names | tables and documents | They go. |",
        "| (A) | a\\|b | tables and documents | They go. This is so because it is so. |",
    ]


@pytest.mark.parametrize("name", policy_names())
def test_packaged_policies_read_as_prose(name: str) -> None:
    policy = load_policy(name)
    text = explain(policy)
    plain = " ".join(text.split())
    assert all(len(line) <= 100 for line in text.splitlines())
    for key in [*policy.keys, *policy.columns]:
        assert re.search(rf"\b{key[1]}\b", plain), key
    for rule in [*policy.keys.values(), *policy.columns.values()]:
        assert f"because {rule.reason}" in plain
        assert not rule.reason.endswith("."), rule.reason
    sentences = re.findall(r"^ *(?:- |\d+\. ).*", text, flags=re.MULTILINE)
    assert len(sentences) < 120, "one sentence a rule, not one line a field"
    assert plain.count(", because ") == len(sentences) + 1, "each has one reason"
