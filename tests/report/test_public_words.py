from __future__ import annotations

from bidsdeid.report.facts import Resource
from bidsdeid.report.public_words import public_words, told_version


def test_strings_at_every_depth_are_searched() -> None:
    value = (Resource("of 2019-03-04", "1", "ask jane@clinic.org"),)
    (found,) = public_words(value)
    assert found.name == "of [removed]"
    assert found.use == "ask [removed]"


def test_digests_are_no_words() -> None:
    digits = "1234567890" * 6 + "abcd"
    assert public_words(Resource("a", "1", "b", digits)).sha256 == digits


def test_keys_that_become_one_are_counted_together() -> None:
    assert public_words({"on 2019-03-04": 2, "on 2019-03-05": 3, "else": 1}) == {
        "on [removed]": 5,
        "else": 1,
    }


def test_lines_stay_lines_and_numbers_numbers() -> None:
    assert public_words(("a\n\nb", 3, None, True)) == ("a\n\nb", 3, None, True)


def test_a_build_is_told_in_groups() -> None:
    assert told_version("1.0.20261016") == "1.0.2026 1016"
    assert public_words(told_version("1.0.20261016")) == "1.0.2026 1016"
    assert told_version("3.0.2") == "3.0.2"
