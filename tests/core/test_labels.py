from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bidsdeid.core.labels import (
    NO_PERSON,
    Labels,
    Relabel,
    SourceLabels,
    keyed_labels,
    objection,
    sequential_labels,
    table_labels,
)
from bidsdeid.core.old_labels import old_words
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import Lexicon, Terms, known_words
from bidsdeid.errors import UsageError
from strategies import LABELS

SECRET = Secret(b"k" * 32)
OTHER = Secret(b"l" * 32)
SECRETS = st.builds(Secret, st.binary(min_size=32, max_size=40))

#: Labels as studies have them: numbers of all widths, codes, dates.
PEOPLE = st.integers(0, 120).map(str) | st.integers(0, 20).map("{:02}".format) | LABELS
VISITS = st.sampled_from(
    ["1", "2", "01", "02", "10", "pre", "post", "20190304", "20200305", "04Mar2019", "1234567"]
)
SOURCES = st.dictionaries(PEOPLE, st.lists(VISITS, max_size=4, unique=True), max_size=8)

SOURCE = {"ann": ["pre", "post"], "bob": ["pre", "20190304"], "07": []}


def terms_of(source: SourceLabels, labels: Labels) -> Terms:
    whole, phrases = old_words(source, labels)
    return Terms(labels=Lexicon(whole=whole, phrases=phrases))


def shuffled(source: SourceLabels) -> dict[str, list[str]]:
    return {owner: list(source[owner])[::-1] for owner in list(source)[::-1]}


# ── keyed ────────────────────────────────────────────────────────────────────────────────────


@given(SOURCES, SECRETS)
def test_keyed_labels_depend_on_nothing_but_key_and_label(
    source: dict[str, list[str]], secret: Secret
) -> None:
    labels = keyed_labels(source, secret)
    assert keyed_labels(shuffled(source), secret) == labels
    for owner, sessions in source.items():
        alone = keyed_labels({owner: sessions}, secret)
        assert alone.participants.items() <= labels.participants.items()
        assert alone.sessions.items() <= labels.sessions.items()
    bare = keyed_labels({owner: [] for owner in source}, secret)
    assert bare.participants == labels.participants


def test_two_keys_share_no_label_of_5000_and_none_stands_for_two() -> None:
    source = {f"{number}": ["pre", f"2019{number % 12 + 1:02}04"] for number in range(5000)}
    one, other = keyed_labels(source, SECRET), keyed_labels(source, OTHER)
    assert len({x.casefold() for x in one.participants.values()}) == 5000
    assert not {*one.participants.values()} & {*other.participants.values()}
    assert not {*one.sessions.values()} & {*other.sessions.values()}
    assert not {*one.participants.values()} & {*one.sessions.values()}
    assert not {*one.participants.values()} & {*source}


@given(SOURCES, SECRETS)
def test_a_session_has_one_keyed_label_for_everybody_unless_it_identifies(
    source: dict[str, list[str]], secret: Secret
) -> None:
    labels = keyed_labels(source, secret)
    for visit in {visit for visits in source.values() for visit in visits}:
        owners = [owner for owner, visits in source.items() if visit in visits]
        new = {labels.session(owner, visit) for owner in owners}
        assert len(new) == (len(owners) if objection(visit) else 1)


# ── sequential ───────────────────────────────────────────────────────────────────────────────


@given(SOURCES, SECRETS)
def test_sequential_labels_are_numbers_that_no_one_in_the_source_has(
    source: dict[str, list[str]], secret: Secret
) -> None:
    labels = sequential_labels(source, secret)
    people = set(labels.participants.values()) - NO_PERSON
    assert sorted(map(int, people)) == list(range(1, len(source.keys() - NO_PERSON) + 1))
    assert len({len(label) for label in people}) <= 1
    assert not people & source.keys()
    for owner, visits in source.items():
        new = [labels.session(owner, visit) for visit in visits]
        assert len(set(map(int, new))) == len(visits)
        assert not set(new) & set(visits)


@given(SOURCES, SECRETS)
def test_sequential_labels_do_not_depend_on_the_order_of_the_source(
    source: dict[str, list[str]], secret: Secret
) -> None:
    assert sequential_labels(shuffled(source), secret) == sequential_labels(source, secret)


_ASK = """
from bidsdeid.core.labels import sequential_labels
from bidsdeid.core.old_labels import old_words
from bidsdeid.core.pseudonym import Secret
source = {f"{n}": ["1", "01", "001", "pre", "20190304", "2019-03-04"] for n in range(20)}
labels = sequential_labels(source, Secret(b"k" * 32))
print(sorted(labels.participants.items()), sorted(labels.sessions.items()))
"""


def test_sequential_labels_are_the_same_in_all_processes() -> None:
    answers = {
        subprocess.run(
            [sys.executable, "-c", _ASK],
            env={"PYTHONHASHSEED": str(seed)}, capture_output=True, check=True,
        ).stdout
        for seed in range(4)
    }  # fmt: skip
    assert len(answers) == 1


def test_the_order_of_sequential_labels_is_told_by_the_key_alone() -> None:
    source: SourceLabels = {f"{number:03}": [] for number in range(100)}
    orders = [
        [int(sequential_labels(source, secret).participant(label)) for label in source]
        for secret in (SECRET, OTHER)
    ]
    assert orders[0] != orders[1]
    for order in orders:
        rising = sum(a < b for a, b in pairwise(order))
        assert 30 < rising < 70
        assert sum(number == place for place, number in enumerate(order, start=1)) < 10


@given(SOURCES, SOURCES, SOURCES, SECRETS, SECRETS)
def test_what_was_released_keeps_its_sequential_label(
    first: dict[str, list[str]],
    second: dict[str, list[str]],
    third: dict[str, list[str]],
    secret: Secret,
    other: Secret,
) -> None:
    labels = [sequential_labels(first, secret)]
    for source in (second, third):
        labels.append(sequential_labels(source, other, labels[-1]))
        before, after = labels[-2:]
        assert before.participants.items() <= after.participants.items()
        assert before.sessions.items() <= after.sessions.items()
        assert after.participants.keys() == before.participants.keys() | source.keys()
        people = list(after.participants.values())
        assert len(set(people)) == len(people)
        for owner in source:
            new = [label for (who, _), label in after.sessions.items() if who == owner]
            assert len(set(new)) == len(new)
    assert sequential_labels(third, secret, labels[-1]) == labels[-1]


def test_new_participants_get_the_numbers_that_follow() -> None:
    first = sequential_labels({"ann": [], "bob": []}, SECRET)
    after = sequential_labels({"zoe": [], "bob": [], "emptyroom": []}, SECRET, first)
    assert after.participants == {**first.participants, "zoe": "03", "emptyroom": "emptyroom"}
    again = sequential_labels({"abe": []}, SECRET, after)
    assert again.participant("abe") == "04"


def test_sessions_are_numbered_in_their_order_common_ones_for_everybody() -> None:
    labels = sequential_labels(
        {
            "ann": ["10", "9", "20200305", "20190304"],
            "bob": ["9", "20200305"],
            "cec": ["20210101", "20190304"],
        },
        SECRET,
    )
    assert labels.sessions == {
        ("ann", "9"): "01", ("ann", "10"): "02",
        ("ann", "20190304"): "03", ("ann", "20200305"): "04",
        ("bob", "9"): "01", ("bob", "20200305"): "03",
        ("cec", "20190304"): "03", ("cec", "20210101"): "04",
    }  # fmt: skip


def test_sessions_that_are_new_get_numbers_that_no_session_had() -> None:
    first = sequential_labels({"ann": ["pre", "20190304"], "bob": ["20180203"]}, SECRET)
    assert first.sessions == {
        ("ann", "pre"): "01", ("ann", "20190304"): "02", ("bob", "20180203"): "02",
    }  # fmt: skip
    second = sequential_labels(
        {"ann": ["post", "20190304", "20200305"], "bob": ["pre"]}, SECRET, first
    )
    assert second.sessions == {
        **first.sessions,
        ("ann", "post"): "03", ("ann", "20200305"): "04", ("bob", "pre"): "01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("count", "style", "new"),
    [
        (9, "{}", "{:02}"),
        (10, "{}", "{:03}"),
        (9, "{:02}", "{:03}"),
        (9, "{:03}", "{:02}"),
        (99, "{:03}", "{:02}"),
        (100, "{:03}", "{:04}"),
        (100, "p{}", "{:03}"),
    ],
)
def test_numbers_are_as_wide_as_they_must_be(count: int, style: str, new: str) -> None:
    source: SourceLabels = {style.format(number): [] for number in range(1, count + 1)}
    labels = sequential_labels(source, SECRET)
    assert set(labels.participants.values()) == {new.format(n) for n in range(1, count + 1)}


def test_sessions_kept_by_an_earlier_run_do_not_count_as_numbers() -> None:
    kept = Labels({"ann": "01"}, {("ann", "20190304"): "20190304", ("ann", "2"): "2"})
    labels = sequential_labels({"ann": ["20190304", "2"]}, SECRET, kept)
    assert labels.sessions == {("ann", "2"): "01", ("ann", "20190304"): "02"}


# ── a table ──────────────────────────────────────────────────────────────────────────────────


def rows(*pairs: Sequence[str]) -> list[Mapping[str, str]]:
    names = ("participant_id", "new_participant_id", "session_id", "new_session_id")
    return [dict(zip(names, pair, strict=False)) for pair in pairs]


def test_a_table_says_what_becomes_of_labels_with_and_without_their_prefix() -> None:
    labels = table_labels(
        SOURCE,
        rows(
            ("sub-ann", "sub-x1", "ses-pre", "ses-a"),
            ("ann", "x1", "post", "b"),
            ("bob", "sub-x2", "n/a", "n/a"),
            ("sub-bob", "x2", "20190304", "ses-c"),
            ("07", "x3"),
            ("unknown", "x4", "pre", "d"),
        ),
    )
    assert labels.participants == {"ann": "x1", "bob": "x2", "07": "x3"}
    assert labels.sessions == {
        ("ann", "pre"): "a", ("ann", "post"): "b",
        ("bob", "pre"): "pre", ("bob", "20190304"): "c",
    }  # fmt: skip


def test_a_table_may_exchange_labels() -> None:
    source: SourceLabels = {"01": [], "02": []}
    labels = table_labels(source, rows(("01", "02"), ("02", "01")))
    path = PurePosixPath("sub-01/anat/sub-01_T1w.nii.gz")
    assert str(labels.path(path)) == "sub-02/anat/sub-02_T1w.nii.gz"
    assert labels.text("sub-01 before sub-02") == "sub-02 before sub-01"


TWO: SourceLabels = {"ann": [], "bob": ["pre", "post"]}
KEPT = ("ann", "x1")


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        ([KEPT], "no row for 1 participant"),
        ([], "no row for 2 participant"),
        ([KEPT, ("ann", "x2"), ("bob", "x3")], "gives a participant two labels"),
        ([KEPT, ("bob", "x1")], "1 new label.s. stand for two"),
        ([KEPT, ("bob", "X1")], "1 new label.s. stand for two"),
        ([KEPT, ("bob", "x_2")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "x 2")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "Jané")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "n/a")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "../x")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "x2\n")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "20190304")], "1 new label.s. look like dates or record"),
        ([KEPT, ("bob", "A1234567")], "1 new label.s. look like dates or record"),
        ([KEPT, ("bob", "x2", "pre", "s1"), ("bob", "x2", "pre", "s2")], "a session two labels"),
        ([KEPT, ("bob", "x2", "pre", "post")], "1 new label.s. stand for two"),
        ([KEPT, ("bob", "x2", "pre", "POST")], "1 new label.s. stand for two"),
        ([KEPT, ("bob", "x2", "pre")], "1 new label.s. have other characters"),
        ([KEPT, ("bob", "x2", "pre", "20190304")], "1 new label.s. look like dates"),
        ([("ann", "20190304"), ("bob", "20200305")], "2 new label.s. look like dates"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_in_a_sentence_without_a_value(
    pairs: list[Sequence[str]], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        table_labels(TWO, rows(*pairs))
    told = str(caught.value).casefold()
    assert not any(word in told for word in ("ann", "bob", "x1", "x2", "jan", "2019", "12345"))


def test_a_label_that_stays_is_judged_elsewhere_and_one_that_moves_here() -> None:
    source: SourceLabels = {"20190304": ["20190304"], "20200305": []}
    stays = table_labels(source, rows(("20190304", "20190304"), ("20200305", "x")))
    assert stays.participants == {"20190304": "20190304", "20200305": "x"}
    assert stays.sessions == {("20190304", "20190304"): "20190304"}
    with pytest.raises(UsageError, match=r"2 new label.s. look like dates"):
        table_labels(source, rows(("20190304", "20200305"), ("20200305", "20190304")))


@given(SOURCES)
def test_a_table_decides_for_whom_there_is_and_for_nobody_else(
    source: dict[str, list[str]],
) -> None:
    pairs = [(label, f"n{number}x") for number, label in enumerate(source)]
    labels = table_labels(source, rows(*pairs, ("nobody", "y", "pre", "z")))
    assert labels.participants.keys() == source.keys()
    assert labels.sessions == {
        (owner, visit): visit for owner, visits in source.items() for visit in visits
    }


# ── labels in use ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", ["keyed", "sequential", "table"])
def test_an_empty_room_is_no_person(mode: str) -> None:
    source: SourceLabels = {"ann": [], "emptyroom": ["20190304"]}
    labels = {
        "keyed": lambda: keyed_labels(source, SECRET),
        "sequential": lambda: sequential_labels(source, SECRET),
        "table": lambda: table_labels(
            source, rows(("ann", "x"), ("emptyroom", "y", "20190304", "a"))
        ),
    }[mode]()
    assert labels.participant("emptyroom") == "emptyroom"
    assert labels.participant("ann") != "ann"
    assert objection(labels.session("emptyroom", "20190304")) == ""
    assert not any("room" in word for words in old_words(source, labels) for word in words)


NEW = Labels(
    {"01": "bcd", "02": "fgh", "A7": "jkl"},
    {
        ("01", "pre"): "p", ("02", "pre"): "p",
        ("01", "20190304"): "q", ("02", "20190304"): "r", ("A7", "post"): "s",
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "becomes"),
    [
        ("sub-01/anat/sub-01_T1w.nii.gz", "sub-bcd/anat/sub-bcd_T1w.nii.gz"),
        ("sub-01/ses-pre/anat/sub-01_ses-pre_run-01_T1w.json",
         "sub-bcd/ses-p/anat/sub-bcd_ses-p_run-01_T1w.json"),
        ("sub-01/ses-20190304/sub-01_ses-20190304_scans.tsv",
         "sub-bcd/ses-q/sub-bcd_ses-q_scans.tsv"),
        ("sub-02/ses-20190304", "sub-fgh/ses-r"),
        ("sub-A7/ses-post/func/sub-A7_ses-post_task-01_bold.nii",
         "sub-jkl/ses-s/func/sub-jkl_ses-s_task-01_bold.nii"),
        ("sub-01", "sub-bcd"),
        ("participants.tsv", "participants.tsv"),
        ("phenotype/sub-01.tsv", "phenotype/sub-01.tsv"),
        ("task-01_bold.json", "task-01_bold.json"),
        (".", "."),
    ],
)  # fmt: skip
def test_new_labels_in_paths(path: str, becomes: str) -> None:
    assert str(NEW.path(PurePosixPath(path))) == becomes
    assert str(Labels().path(PurePosixPath(path))) == path


@pytest.mark.parametrize(
    "path",
    ["sub-03/anat/sub-03_T1w.nii", "sub-01/anat/sub-03_T1w.nii", "sub-01/ses-x/sub-01_ses-x_T1w"],
)
def test_a_label_without_a_new_one_never_passes(path: str) -> None:
    with pytest.raises(KeyError):
        NEW.path(PurePosixPath(path))


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("sub-01", "sub-bcd"),
        ("as for sub-01, sub-02 and (sub-A7)", "as for sub-bcd, sub-fgh and (sub-jkl)"),
        ("bids::sub-01/ses-pre/anat/sub-01_ses-pre_T1w.nii.gz",
         "bids::sub-bcd/ses-p/anat/sub-bcd_ses-p_T1w.nii.gz"),
        ("sub-01's ses-pre", "sub-bcd's ses-p"),
        ("sub-1 sub-011 sub-01x xsub-01 SUB-01", "sub-1 sub-011 sub-01x xsub-01 SUB-01"),
        ("a sub-second later, in sub-millimetre steps", None),
        ("ses-none, ses-sion", None),
        ("01 and A7", None),
        ("", None),
    ],
)  # fmt: skip
def test_new_labels_in_text(text: str, becomes: str | None) -> None:
    assert NEW.text(text, "01") == (text if becomes is None else becomes)
    assert Labels().text(text, "01") == text


def test_a_session_in_text_is_that_of_the_participant_or_of_all() -> None:
    text = "ses-20190304 after ses-pre, ses-post"
    assert NEW.text(text, "01") == "ses-q after ses-p, ses-s"
    assert NEW.text(text, "02") == "ses-r after ses-p, ses-s"
    assert NEW.text(text) == "ses-20190304 after ses-p, ses-s"


@given(SOURCES, SECRETS)
def test_paths_text_and_labels_agree(source: dict[str, list[str]], secret: Secret) -> None:
    for labels in (keyed_labels(source, secret), sequential_labels(source, secret)):
        for owner, visits in source.items():
            for visit in visits:
                path = f"sub-{owner}/ses-{visit}/anat/sub-{owner}_ses-{visit}_T1w.nii.gz"
                new, when = labels.participant(owner), labels.session(owner, visit)
                expected = f"sub-{new}/ses-{when}/anat/sub-{new}_ses-{when}_T1w.nii.gz"
                assert str(labels.path(PurePosixPath(path))) == expected
                assert labels.text(path, owner) == expected


@given(SOURCES)
def test_without_new_labels_all_stays_as_it_is(source: dict[str, list[str]]) -> None:
    labels = Labels()
    assert old_words(source, labels) == (frozenset(), frozenset())
    for owner, visits in source.items():
        assert labels.participant(owner) == owner
        assert [labels.session(owner, visit) for visit in visits] == visits


@pytest.mark.parametrize(
    ("label", "looks"),
    [("20190304", "date"), ("04Mar2019", "date"), ("1234567", "record number"), ("01", ""),
     ("pre", ""), ("PILOT7", ""), ("12345", ""), ("2019", "")],
)  # fmt: skip
def test_labels_that_identify(label: str, looks: str) -> None:
    assert objection(label) == looks


def test_words_of_the_user_identify_in_labels_too() -> None:
    terms = Terms(known_words(["Doe"]), Lexicon(whole=frozenset(["jane"])))
    assert objection("doe1", terms) == "known term"
    assert objection("ctrlJane", terms) == "name in this dataset"
    assert objection("does", terms) == ""


# ── old labels in text ───────────────────────────────────────────────────────────────────────

OLD: SourceLabels = {
    "01": [],
    "2": [],
    "PILOT7": [],
    "12345": [],
    "765432": [],
    "A1": [],
    "grp+42b": [],
}
TERMS = terms_of(OLD, keyed_labels(OLD, SECRET))


@pytest.mark.parametrize(
    "text",
    [
        "as subject 01", "Subject 1 moved", "subject-001", "SUB01", "sub1", "Sub-0001", "subj. 01",
        "participant 2", "participant 02", "vp002", "patient #2", "case 01", "proband_01",
        "PILOT7", "the pilot7 scan", "scanPILOT7", "Pilot 7", "PILOT-7", "T1wPilot7Repeat",
        "12345", "x12345y", "no. 12345,", "subject A1", "subA1", "grp+42b", "GRP 42B",
        "sub-grp+42b", "subject no. A1", "participants A1 and another", "patient number A1",
    ],
)  # fmt: skip
def test_an_old_label_is_found_in_text(text: str) -> None:
    assert TERMS.occur_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "01", "run-01", "sub-011", "subject 10", "subject 12", "2 mm", "in 2 runs", "a1", "a 1",
        "PILOT", "PILOT70", "a pilot of 7 subjects", "123 45", "0.123456", "[765, 432]", "12 345",
        "the case of 01", "participants 2-3", "subject", "grp", "42b",
    ],
)  # fmt: skip
def test_what_is_no_old_label(text: str) -> None:
    assert not TERMS.occur_in(text)


@given(SOURCES, SECRETS, st.sampled_from(["keyed", "sequential"]))
def test_new_labels_are_no_old_ones_and_old_ones_are_found(
    source: dict[str, list[str]], secret: Secret, mode: str
) -> None:
    assume(not {"t1w", "json"} & {label.casefold() for label in source})
    make = keyed_labels if mode == "keyed" else sequential_labels
    labels = make(source, secret)
    terms = terms_of(source, labels)
    new = {x.casefold() for x in labels.participants.values()}
    for label in labels.participants.values():
        assert not terms.occur_in(f"sub-{label}/anat/sub-{label}_T1w.json")
    for label in source.keys() - NO_PERSON:
        if label.casefold() not in new and any(letter.isalnum() for letter in label):
            assert terms.occur_in(f"subject {label}")


def test_a_label_that_is_both_old_and_new_is_the_new_one_after_sub_only() -> None:
    source: SourceLabels = {"01": ["pre1"], "02": []}
    table = table_labels(source, rows(("01", "02", "pre1", "V2"), ("02", "01")))
    terms = terms_of(source, table)
    assert not terms.occur_in("sub-01/anat/sub-01_ses-V2_T1w.json")
    assert terms.occur_in("as for subject 01")
    assert terms.occur_in("session pre1")


@pytest.mark.parametrize("label", ["pilot", "Phantom", "SUB", "proband", "case", "White", "+"])
def test_an_old_label_that_is_an_ordinary_word_is_looked_for_after_another_only(
    label: str,
) -> None:
    source: SourceLabels = {label: []}
    terms = terms_of(source, keyed_labels(source, SECRET))
    text = "a pilot scan of a phantom, sub-01 or a case or a proband with white matter"
    assert not terms.occur_in(text)
    assert terms.occur_in(f"sub-{label}") is (label != "+")


def test_labels_that_only_change_their_case_are_not_looked_for() -> None:
    source: SourceLabels = {"Pilot7": []}
    assert not terms_of(source, table_labels(source, rows(("Pilot7", "PILOT7")))).occur_in(
        "pilot7"
    )


def test_where_labels_may_come_from() -> None:
    assert sorted(Relabel) == ["keep", "keyed", "sequential", "table"]
