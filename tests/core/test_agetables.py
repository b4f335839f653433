from __future__ import annotations

import pytest

from bidsdeid.core.age import Age, Finding, Unclear
from bidsdeid.core.agetables import AgeTable, AgeTables, find_age
from bidsdeid.core.duration import Unit
from bidsdeid.core.text import decode_table
from bidsdeid.core.values import JSONValue

WEEK = Unit.WEEKS.months


def table(text: str, fields: dict[str, JSONValue] | None = None) -> AgeTable:
    """Return a table written with spaces between its cells."""
    lines = ["\t".join(line.split()) for line in text.strip().splitlines()]
    return AgeTable(decode_table("\n".join(lines).encode()), fields or {})


def months(found: Finding) -> float | str | None:
    if found is None:
        return None
    return found.months if isinstance(found, Age) else found.reason


PEOPLE = table("participant_id age\nsub-01 30\nsub-02 n/a")
BABIES = table("participant_id age\nsub-01 0.5\nsub-02 n/a")


def test_the_nearest_table_wins() -> None:
    people = table("participant_id age\nsub-01 1")
    sessions = table("session_id age_months\nses-a 7\nses-b n/a")
    scans = table("filename age_months\nanat/sub-01_ses-a_T1w.nii.gz 8\nfunc/other.nii.gz 9")
    tables = AgeTables(people, sessions, scans)
    both = ("a", "b")
    scan = "anat/sub-01_ses-a_T1w.nii.gz"
    found = find_age(tables, "01", session="a", scan=scan, sessions=both)
    assert found == Age(8.0, "scans.tsv age_months")
    found = find_age(tables, "01", session="a", scan="anat/sub-01_ses-a_T2w.nii.gz", sessions=both)
    assert found == Age(7.0, "sessions.tsv age_months")
    found = find_age(tables, "01", session="a", sessions=both)
    assert found == Age(7.0, "sessions.tsv age_months")
    found = find_age(tables, "01", session="b", sessions=("b",))
    assert found == Age(12.0, "participants.tsv age")


def test_an_unclear_nearer_table_is_not_passed_over() -> None:
    sessions = table("session_id age\nses-a soon")
    found = find_age(AgeTables(PEOPLE, sessions), "01", session="a", sessions=("a",))
    assert isinstance(found, Unclear)
    assert found.reason.startswith("sessions.tsv: ")


def test_units_come_from_the_dictionary_of_the_same_table() -> None:
    people = table("participant_id age\nsub-01 18", {"age": {"Units": "months"}})
    assert find_age(AgeTables(people), "01") == Age(18.0, "participants.tsv age")


def test_one_age_of_a_child_holds_for_its_first_session() -> None:
    def at(session: str | None, sessions: tuple[str, ...], rows: str = "") -> float | str | None:
        listed = table(rows) if rows else None
        return months(
            find_age(AgeTables(BABIES, listed), "01", session=session, sessions=sessions)
        )

    assert at("1", ("1", "2")) == 6.0
    assert "--age-months" in str(at("2", ("1", "2")))
    assert "--age-months" in str(at(None, ("1", "2")))
    assert at("6mo", ("12mo", "6mo")) == 6.0
    assert "--age-months" in str(at("12mo", ("12mo", "6mo")))
    assert at("v1", ("v1",)) == 6.0
    # nothing says which comes first
    assert "--age-months" in str(at("baseline", ("baseline", "followup")))
    dates = "session_id acq_time\nses-a 1902-05-01T00:00:00\nses-b 1902-01-01"
    assert at("b", ("a", "b"), dates) == 6.0
    assert "--age-months" in str(at("a", ("a", "b"), dates))
    half = "session_id acq_time\nses-x 1902-05-01\nses-yy n/a"
    assert "--age-months" in str(at("x", ("x", "yy"), half))


def test_a_child_is_one_up_to_six_years() -> None:
    people = table("participant_id age\nsub-01 5.9")
    found = find_age(AgeTables(people), "01", session="2", sessions=("1", "2"))
    assert isinstance(found, Unclear)


@pytest.mark.parametrize("age", ["30", "6", "89+"])
def test_one_age_of_somebody_older_holds_for_all_sessions(age: str) -> None:
    people = table(f"participant_id age\nsub-01 {age}")
    found = find_age(AgeTables(people), "01", session="followup", sessions=("base", "followup"))
    assert isinstance(found, Age)


def test_no_age_is_no_problem_unless_the_study_has_children() -> None:
    assert find_age(AgeTables(), "01") is None
    assert find_age(AgeTables(PEOPLE), "02") is None
    assert find_age(AgeTables(PEOPLE), "03") is None
    for participant in ("02", "03"):
        found = find_age(AgeTables(BABIES), participant)
        assert isinstance(found, Unclear)
        assert "--age-months" in found.reason


DHCP = table("participant_id sex birth_age\nsub-CC1 F 36.0\nsub-CC2 M 28.5")


def test_dhcp() -> None:
    sessions = table("session_id scan_age\nses-100 38.5\nses-200 n/a")
    both = ("100", "200")
    found = find_age(AgeTables(DHCP, sessions), "CC1", session="100", sessions=both)
    assert isinstance(found, Age)
    assert found.months == pytest.approx(-1.5 * WEEK)
    found = find_age(AgeTables(DHCP, sessions), "CC1", session="200", sessions=both)
    assert isinstance(found, Unclear)


def test_an_age_since_birth_is_corrected_by_the_age_at_birth_in_another_table() -> None:
    sessions = table("session_id age_weeks\nses-1 14")
    found = find_age(AgeTables(DHCP, sessions), "CC2", session="1", sessions=("1",))
    assert isinstance(found, Age)
    assert found.months == pytest.approx(2.5 * WEEK)


def test_hbcd() -> None:
    fields: dict[str, JSONValue] = {
        "age": {"Description": "Chronological age", "Units": "years"},
        "age_adjusted": {"Description": "days since the expected delivery", "Units": "days"},
    }
    sessions = table("session_id age age_adjusted\nses-V02 0.08 -3", fields)
    found = find_age(AgeTables(sessions=sessions), "01", session="V02", sessions=("V02", "V03"))
    assert isinstance(found, Age)
    assert found.months == pytest.approx(-3 / 30.4375)


def test_rows_of_sessions_in_participants_tsv() -> None:
    people = table("participant_id session age_months\nsub-01 ses-A 1\nsub-01 ses-B 9")
    found = find_age(AgeTables(people), "01", session="B", sessions=("A", "B"))
    assert found == Age(9.0, "participants.tsv age_months")
    found = find_age(AgeTables(people), "01")
    assert isinstance(found, Unclear)
    assert "several rows" in found.reason


def test_labels_with_and_without_their_prefix() -> None:
    people = table("participant_id age\n01 30")
    assert find_age(AgeTables(people), "01") == Age(360.0, "participants.tsv age")
    scans = table("filename age\nsub-01_T1w.nii.gz 31")
    found = find_age(AgeTables(people, scans=scans), "01", scan="anat/sub-01_T1w.nii.gz")
    assert found == Age(372.0, "scans.tsv age")
