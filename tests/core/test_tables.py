from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.detectors import findings
from bidsdeid.core.labels import Labels
from bidsdeid.core.policy import ColumnRule
from bidsdeid.core.pseudonym import FIRST_DAY, LAST_DAY, DateShift
from bidsdeid.core.scrub import Context
from bidsdeid.core.tables import MAX_AGE, Table, TableContext, is_number, scrub_table
from bidsdeid.core.terms import Terms, known_words
from bidsdeid.errors import TextError
from strategies import TELLING, default_policy

POLICY = default_policy()
FOLDER = PurePosixPath("sub-01")
T1W = FOLDER / "anat/sub-01_T1w.nii.gz"
DEFACED = FOLDER / "anat/sub-01_desc-defaced_T1w.nii.gz"
BOLD = FOLDER / "func/sub-01_task-a_bold.nii.gz"
TERMS = Terms(known_words(["Miller"]))


def context(*, renamed: bool = True) -> TableContext:
    released = {T1W: DEFACED if renamed else T1W, BOLD: BOLD}
    return TableContext(
        Context("01", released, TERMS),
        FOLDER,
        participants=frozenset({"01", "02"}),
        sessions={"01": frozenset({"a"})},
        shift=DateShift(-40000) if renamed else DateShift(0),
    )


CELLS = (
    TELLING
    | st.sampled_from(
        ["n/a", "1", "-2.5e3", "89", "90+", "120", "nan", "F", "left", "sub-01", "sub-03", "ses-a",
         "ses-b", "anat/sub-01_T1w.nii.gz", "func/sub-01_task-a_bold.nii.gz", "go", "Miller",
         "2019-03-04T10:11:12", "1905-03-04T10:11:12", "4 March", "/etc/passwd"]
    )
    | st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), min_size=1, max_size=5)
)  # fmt: skip
SUFFIXES = ["participants", "sessions", "scans", "events", "aslcontext"]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Table, str]:
    suffix = draw(st.sampled_from(SUFFIXES))
    known = sorted(column for table, column in POLICY.columns if table == suffix)
    columns = draw(st.sets(st.sampled_from([*known, "comment", "Jane Doe"]), min_size=1))
    rows = draw(st.lists(st.tuples(*[CELLS] * len(columns)), max_size=4))
    return Table(tuple(draw(st.permutations(sorted(columns)))), tuple(rows)), suffix


@given(tables())
def test_scrubbing_twice_is_scrubbing_once(drawn: tuple[Table, str]) -> None:
    table, suffix = drawn
    try:
        once, _ = scrub_table(table, suffix, POLICY, context(renamed=False))
    except TextError:
        assert all(POLICY.column_rule(suffix, name).kind == "drop" for name in table.columns)
        return
    assert scrub_table(once, suffix, POLICY, context(renamed=False)) == (once, ())


@given(tables())
def test_only_named_columns_and_rows_of_released_things_stay(drawn: tuple[Table, str]) -> None:
    table, suffix = drawn
    try:
        result, changes = scrub_table(table, suffix, POLICY, context())
    except TextError:
        return
    kinds = {name: POLICY.column_rule(suffix, name).kind for name in result.columns}
    assert "drop" not in kinds.values()
    assert list(result.columns) == [name for name in table.columns if name in kinds]
    assert set(result.column("participant_id")) <= {"sub-01", "sub-02", "n/a"}
    assert set(result.column("session_id")) <= {"ses-a", "n/a"}
    paths = {str(path.relative_to(FOLDER)) for path in (DEFACED, BOLD)}
    assert set(result.column("filename")) <= paths | {"n/a"}
    gone = sum(change.where == f"{suffix} row" for change in changes)
    assert len(result.rows) + gone == len(table.rows)


@given(tables())
def test_every_cell_that_stays_is_of_its_kind(drawn: tuple[Table, str]) -> None:
    table, suffix = drawn
    try:
        result, _ = scrub_table(table, suffix, POLICY, context())
    except TextError:
        return
    for name in result.columns:
        rule = POLICY.column_rule(suffix, name)
        for cell in set(result.column(name)) - {"n/a"}:
            if rule.kind == "number":
                assert is_number(cell)
            elif rule.kind == "age":
                assert 0 <= float(cell) <= MAX_AGE
            elif rule.kind == "choice":
                assert cell in rule.choices
            elif rule.kind == "date":
                assert str(FIRST_DAY) <= cell[:10] <= str(LAST_DAY)
            elif rule.kind == "text":
                assert findings(cell, TERMS) == ()


ROWS = [("anat/sub-01_T1w.nii.gz", "2019-03-04T10:11:12"), ("func/sub-01_task-a_bold.nii.gz", "?")]


@pytest.mark.parametrize("rows", list(itertools.permutations(ROWS)))
def test_scans_follow_their_files_in_an_order_of_their_own(
    rows: tuple[tuple[str, str], ...],
) -> None:
    table, changes = scrub_table(Table(("filename", "acq_time"), rows), "scans", POLICY, context())
    assert table.rows == (
        ("anat/sub-01_desc-defaced_T1w.nii.gz", "1909-08-28T10:11:12"),
        ("func/sub-01_task-a_bold.nii.gz", "n/a"),
    )
    assert {change.where for change in changes} == {"scans.filename", "scans.acq_time"}


def test_events_keep_their_order() -> None:
    rows = (("3", "b"), ("1", "a"), ("2", "Doe^Jane"))
    table, _ = scrub_table(Table(("onset", "trial_type"), rows), "events", POLICY, context())
    assert table.rows == (("3", "b"), ("1", "a"), ("2", "n/a"))


@pytest.mark.parametrize(
    ("age", "becomes"),
    [("34", "34"), ("89", "89"), ("89.1", "89"), ("90", "89"), ("89+", "89"), ("104+", "89"),
     ("0.5", "0.5"), ("-1", "n/a"), ("nan", "n/a"), ("inf", "n/a"), ("34 y", "n/a"), ("+", "n/a"),
     ("n/a", "n/a")],
)  # fmt: skip
def test_ages(age: str, becomes: str) -> None:
    table = Table(("participant_id", "age"), (("sub-01", age),))
    assert scrub_table(table, "participants", POLICY, context())[0].rows[0][1] == becomes


def test_dates_go_if_they_are_not_shifted() -> None:
    without = TableContext(Context("01", {T1W: T1W}), FOLDER, shift=None)
    table = Table(("filename", "acq_time"), (ROWS[0],))
    assert scrub_table(table, "scans", POLICY, without)[0].column("acq_time") == ("n/a",)


@pytest.mark.parametrize(
    ("cell", "becomes"),
    [
        ("2019-03-04T10:11:12", "1909-08-28T00:00:00"),
        ("2019-03-04T23:59:59.999Z", "1909-08-28T00:00:00"),
        ("2019-03-04T10:11:12+02:00", "1909-08-28T00:00:00"),
        ("2019-03-04", "n/a"),
        ("1950-03-04T10:11:12", "n/a"),
        ("n/a", "n/a"),
    ],
)
def test_of_a_day_the_time_is_removed(cell: str, becomes: str) -> None:
    columns = {**POLICY.columns, ("scans", "acq_time"): ColumnRule("day", "a day is enough")}
    policy = replace(POLICY, columns=columns)
    table = Table(("filename", "acq_time"), ((ROWS[0][0], cell),))
    assert scrub_table(table, "scans", policy, context())[0].column("acq_time") == (becomes,)
    without = replace(context(), shift=None)
    assert scrub_table(table, "scans", policy, without)[0].column("acq_time") == ("n/a",)


RELABELLED = TableContext(
    Context(
        "",
        {
            T1W: PurePosixPath("sub-zzz/anat/sub-zzz_T1w.nii.gz"),
            BOLD: PurePosixPath("sub-zzz/func/sub-zzz_task-a_bold.nii.gz"),
        },
        TERMS,
        Labels(
            {"01": "zzz", "02": "bbb", "03": "ccc"},
            {("01", "a"): "p", ("02", "a"): "p", ("02", "20190304"): "q"},
        ),
    ),
    participants=frozenset({"01", "02"}),
    sessions={"01": frozenset({"a"}), "02": frozenset({"a", "20190304"})},
)


def test_people_have_their_new_labels_and_stand_in_the_order_of_these() -> None:
    rows = (("sub-01", "31"), ("02", "32"), ("sub-03", "33"), ("sub-zzz", "34"), ("n/a", "35"))
    table, changes = scrub_table(
        Table(("participant_id", "age"), rows), "participants", POLICY, RELABELLED
    )
    assert table.rows == (("sub-bbb", "32"), ("sub-zzz", "31"))
    assert sum(change.where == "participants row" for change in changes) == 3
    assert not any(word in str(changes) for word in ("zzz", "bbb", "sub-0"))


@pytest.mark.parametrize(
    ("owner", "sessions"), [("01", ("ses-p",)), ("02", ("ses-p", "ses-q")), ("03", ())]
)
def test_sessions_have_the_new_labels_of_their_participant(
    owner: str, sessions: tuple[str, ...]
) -> None:
    rows = (("ses-20190304",), ("ses-a",), ("b",), ("ses-p",), ("n/a",))
    base = replace(RELABELLED.base, participant=owner)
    table, _ = scrub_table(
        Table(("session_id",), rows), "sessions", POLICY, replace(RELABELLED, base=base)
    )
    assert table.column("session_id") == sessions


def test_a_row_that_names_its_participant_has_the_sessions_and_the_text_of_that_one() -> None:
    columns = {
        ("visits", "session_id"): ColumnRule("session", "which visit"),
        ("visits", "participant_id"): ColumnRule("participant", "who"),
        ("visits", "label"): ColumnRule("text", "what"),
    }
    policy = replace(POLICY, columns=columns)
    table = Table(
        ("session_id", "participant_id", "label"),
        (
            ("ses-20190304", "sub-01", "x"),
            ("ses-20190304", "sub-02", "as ses-20190304 of sub-02"),
            ("ses-a", "sub-01", "as ses-20190304"),
        ),
    )
    assert scrub_table(table, "visits", policy, RELABELLED)[0].rows == (
        ("ses-p", "sub-zzz", "as ses-q"),
        ("ses-q", "sub-bbb", "as ses-q of sub-bbb"),
    )


def test_scans_of_a_participant_with_a_new_label() -> None:
    base = replace(RELABELLED.base, participant="01")
    table, _ = scrub_table(
        Table(("filename",), ((BOLD.relative_to(FOLDER).as_posix(),), (ROWS[0][0],))),
        "scans",
        POLICY,
        replace(RELABELLED, base=base, folder=FOLDER),
    )
    assert table.column("filename") == (
        "anat/sub-zzz_T1w.nii.gz", "func/sub-zzz_task-a_bold.nii.gz",
    )  # fmt: skip


def test_changes_name_columns_and_never_cells() -> None:
    table = Table(
        ("participant_id", "sex", "comment"), (("sub-01", "Jane", "Joe"), ("sub-09", "F", "Jim"))
    )
    _, changes = scrub_table(table, "participants", POLICY, context())
    assert [change.where for change in changes] == [
        "participants.comment", "participants row", "participants.sex",
    ]  # fmt: skip
    assert not {"Jane", "Joe", "Jim", "09"} & set(" ".join(map(str, changes)).split("'"))


def test_a_table_of_unknown_columns_is_refused() -> None:
    with pytest.raises(TextError):
        scrub_table(Table(("Jane",), (("1",),)), "events", POLICY, context())


@pytest.mark.parametrize("cell", ["1", "-1.5", "1e-3", "0.0", "+2", "007"])
def test_numbers(cell: str) -> None:
    assert is_number(cell)


@pytest.mark.parametrize(
    "cell", ["", "nan", "inf", "-Infinity", "1_0", "0x1", "1,5", "1 2", "Jane"]
)
def test_what_is_no_number(cell: str) -> None:
    assert not is_number(cell)
