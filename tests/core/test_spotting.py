from __future__ import annotations

import pytest

from bidsdeid.core.spotting import Spotter
from bidsdeid.core.terms import KNOWN, NO_TERMS, PERSON, PLACE, RECORD, Lexicon, Terms, known_words

TERMS = Terms(
    known_words(["janedoe"]),
    Lexicon(whole=frozenset({"miller"})),
    Lexicon(whole=frozenset({"48151", "kx12"})),
    Lexicon(whole=frozenset({"utrecht"})),
)
SHA = "0b1c2d3e4f5061728394a5b6c7d8e9f00b1c2d3e"


@pytest.mark.parametrize(
    "text",
    [
        f"MD5E-s12--{SHA[:32]}.nii.gz",
        SHA,
        f"sha256:{SHA[:32]}{SHA[:32]}",
        "1.2.840.10008.5.1.4.1.1.4",
        '<g clip-path="url(#pf5ad941545)" style="fill: #440154">',
        '<image id="image1655974151" width="3">',
        "@keyframes flickerAnimation6cd3ecf7-8190-48f0-9ad6-4ac8ac70fcc5 { 0%",
        "iVBORw0KGgoAAAANSUhEUgAAAPwAAADmCAYAAADx5uiaAACIcklEQVR4nO29WWyk20190304612555",
    ],
)
def test_digests_and_uids_of_the_standard_say_nothing(text: str) -> None:
    assert Spotter.of(NO_TERMS).in_text(text) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{SHA} 2019-03-04", ("date",)),
        ("1.2.840.113619.2.5.17", ("uid",)),
        ("1.2.840.100081.5.1.4.1", ("uid",)),
        ("48151516234231514815151623423151", ("record number",)),
        ("/home/Qanary/Projects/Imaging/Study12/Participants/Visits/Recordings/Of2019/Series7",
         ("path",)),
        ("tissue #440154", ("record number",)),
        ("by Miller", (PERSON,)),
        ("kx12", (RECORD,)),
        ("Utrecht", (PLACE,)),
        ("JaneDoe2", (KNOWN,)),
    ],
)  # fmt: skip
def test_what_stands_beside_them_is_found(text: str, found: tuple[str, ...]) -> None:
    assert Spotter.of(TERMS).in_text(text) == found


def test_a_word_that_is_a_digest_is_found_all_the_same() -> None:
    spotter = Spotter.of(Terms(records=Lexicon(whole=frozenset({SHA}))))
    assert spotter.in_text(f"as {SHA}") == (RECORD,)


def test_what_is_tolerated_once_is_not_tolerated_for_ever() -> None:
    spotter = Spotter.of(NO_TERMS)
    assert spotter.in_text("2019-03-04", frozenset({"date"})) == ()
    assert spotter.in_text("2019-03-04") == ("date",)
    assert spotter.in_text("2019-03-04") == ("date",)


@pytest.mark.parametrize(
    ("value", "written", "found"),
    [
        (2.0, "2.0", ()),
        (20190304, "20190304", ("clock",)),
        (1551693600.5, "1551693600.5", ("clock",)),
        (48151, "48151", (RECORD,)),
        (0.48151, "0.48151", ()),
        (float("nan"), "nan", ()),
        (float("inf"), "inf", ()),
    ],
)
def test_a_number_is_a_day_a_clock_or_a_word(
    value: float, written: str, found: tuple[str, ...]
) -> None:
    assert Spotter.of(TERMS).in_number(value, written, frozenset()) == found


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("sub-01_T1w.nii.gz", set()),
        ("sub-miller_T1w.nii.gz", {PERSON}),
        ("sub-01_ses-20190304_T1w.nii.gz", {"date", "record number"}),
        ("20190304", {"date"}),
        ("20190304101112.5", {"date"}),
        ("20190304 4815162", {"date", "record number"}),
        ("sub-01_20190304.nii.gz", {"date", "record number"}),
        ("scan.04.03.2019.txt", {"date"}),
        ("MR.1.2.840.113619.2.5.17.dcm", {"uid"}),
        ("Doe^Jane", {"person name"}),
        ("sub-kx12", {RECORD}),
        ("ses-utrecht", set()),
        ("janedoe.json", {KNOWN}),
    ],
)
def test_the_name_of_a_file_is_looked_at_whole_and_in_parts(part: str, found: set[str]) -> None:
    assert Spotter.of(TERMS).in_name(part) == found


def test_the_target_of_a_link_is_looked_at_unless_git_annex_made_it() -> None:
    spotter = Spotter.of(NO_TERMS)
    assert spotter.in_target("/home/qanary/raw/x.nii") == ("path",)
    assert spotter.in_target(f"../.git/annex/objects/5q/MD5E-s1234567--{SHA[:32]}/x") == ()
    assert spotter.in_target("../task-rest_bold.json") == ()
