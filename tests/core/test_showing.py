from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bidsdeid.core.likely import LIKELY
from bidsdeid.core.showing import MASK, UNKNOWN, shown_name, shown_part


def objects(text: str) -> bool:
    return "doe" in text.lower()


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("sub-01_T1w.nii.gz", "sub-01_T1w.nii.gz"),
        ("sub-doe_T1w.nii.gz", "sub-***_T1w.nii.gz (no. 7)"),
        ("sub-01_acq-doe_ses-2doe_T1w.json", "sub-01_acq-***_ses-***_T1w.json (no. 7)"),
        ("sub-doe", "sub-*** (no. 7)"),
        ("sub-01_ses-doe", "sub-01_ses-*** (no. 7)"),
        ("doe-01", "*** (no. 7)"),
        ("sub-01_doe.nii.gz", "***.nii.gz (no. 7)"),
        ("Doe, Jane.docx", "***.docx (no. 7)"),
        ("scan.of.doe", "*** (no. 7)"),
        ("sub-01_T1w.doe.nii", "***.nii (no. 7)"),
        ("sub-01_T1w\x1b[2J.nii", "sub-01_T1w?[2J.nii (no. 7)"),
        ("one\ntwo", "one?two (no. 7)"),
        ("caf\udce9.txt", "caf?.txt (no. 7)"),
    ],
)
def test_what_identifies_in_the_name_of_a_file_is_masked(part: str, shown: str) -> None:
    assert shown_part(part, objects, 7) == shown


NAMES = st.text(string.ascii_letters + string.digits + "_-. ^\n\x1b\u202e\udcff", max_size=30)


@given(NAMES, st.sampled_from(["doe", "DOE", "Doe"]), st.integers(0, 30), st.integers(1, 99))
def test_no_name_shows_what_it_was_masked_for(
    rest: str, word: str, place: int, number: int
) -> None:
    shown = shown_part(rest[:place] + word + rest[place:], objects, number)
    assert not objects(shown)
    assert MASK in shown
    assert shown.isprintable()


@given(NAMES)
def test_every_name_can_be_printed(part: str) -> None:
    assume(not objects(part))
    shown = shown_part(part, objects, 1)
    assert shown.isprintable()
    assert (shown == part) == part.isprintable()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("EchoTime", "EchoTime"),
        ("PatientWeight", "PatientWeight"),
        ("e_mail", "e_mail"),
        ("First Name", "First Name"),
        ("doe_surname", "(...surname)"),
        ("surname_1980", "(...surname)"),
        ("Qanary", UNKNOWN),
        ("", UNKNOWN),
        ("20190304", UNKNOWN),
        ("Doe^Jane", UNKNOWN),
    ],
)
def test_names_of_fields_are_shown_if_somebody_else_made_them(name: str, shown: str) -> None:
    assert shown_name(name, {"EchoTime"}) == shown


#: What patterns of fields are made of; a name may hold a word of theirs by chance.
_OWN = "".join(row.pattern for row in LIKELY)


@given(st.text(string.ascii_letters + string.digits + "_^- ", min_size=1, max_size=20))
def test_a_name_that_nobody_knows_is_not_shown(word: str) -> None:
    plain = "".join(letter for letter in word.lower() if letter.isalpha())
    shown = shown_name(f"{word}_mrn_{word}", ())
    assert word not in shown or plain in _OWN or not plain
