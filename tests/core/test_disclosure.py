from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.disclosure import AGE_WIDTHS, Disclosure, disclosure, enforced
from bidsdeid.core.tables import Table, is_number

QUASI = ("age", "sex", "site")
COLUMNS = ("participant_id", "sex", "IQ", "age", "site")
AGES = st.sampled_from(
    ["n/a", "n/a", "0.25", "2.9", "4.25", "5", "19", "20", "23", "23.0", "23.5", "24", "25", "29",
     "34", "36", "39.9", "61", "80", "88", "88.5", "89", "93", "adult"]
)  # fmt: skip
CHOICES = st.sampled_from(["F", "F", "M", "n/a"])
SMALL = st.integers(2, 7)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Draw rows that occur several times, as people of a study are alike."""
    kinds = draw(st.lists(st.tuples(CHOICES, AGES, CHOICES, st.integers(1, 12)), max_size=9))
    rows = [kind[:3] for kind in kinds for _ in range(kind[3])]
    return Table(
        COLUMNS,
        tuple((f"sub-{at:03}", sex, f"{at}", age, s) for at, (sex, age, s) in enumerate(rows)),
    )


def table_of(*people: tuple[Sequence[str], int]) -> Table:
    """Return a table of the ages, sexes (and so on) of people, each as often as is said."""
    cells = [tuple(cell) for cell, times in people for _ in range(times)]
    rows = tuple((f"sub-{at:03}", *cell) for at, cell in enumerate(cells))
    return Table(("participant_id", *QUASI[: len(cells[0])]), rows)


def cells_of(table: Table, quasi: Sequence[str] = QUASI) -> list[tuple[str, ...]]:
    return list(zip(*(table.column(name) for name in quasi), strict=True))


def ages_after(table: Table, k: int) -> dict[str, set[str]]:
    """Return what ages became, and of what."""
    became: dict[str, set[str]] = {}
    new = enforced(table, QUASI, k)[0].column("age")
    for old, age in zip(table.column("age"), new, strict=True):
        became.setdefault(age, set()).add(old)
    return became


def binned_by_hand(age: str, width: int) -> str:
    if not is_number(age):
        return age
    return "89" if float(age) >= 89 else str(floor(float(age) / width) * width)


def blanked_by_hand(table: Table, width: int, k: int) -> int:
    """Return how many rows cannot keep their cells with ages of a width."""
    sizes = Counter((binned_by_hand(cell[0], width), *cell[1:]) for cell in cells_of(table))
    before = sizes.pop(("n/a",) * 3, 0)
    few = sum(size for size in sizes.values() if size < k)
    others = [size for size in sizes.values() if size >= k]
    return few + (min(others, default=0) if 0 < few + before < k else 0)


@given(tables(), SMALL)
def test_each_combination_is_shared_by_k_or_all_is_blank(table: Table, k: int) -> None:
    cells = cells_of(enforced(table, QUASI, k)[0])
    if 0 < len(table.rows) < k:
        assert set(cells) == {("n/a",) * 3}
    else:
        assert all(size >= k for size in Counter(cells).values())


@given(tables(), SMALL)
def test_enforcing_twice_is_enforcing_once(table: Table, k: int) -> None:
    once, _ = enforced(table, QUASI, k)
    assert enforced(once, QUASI, k) == (once, ())


@given(tables(), SMALL, st.data())
def test_the_order_of_the_rows_does_not_matter(table: Table, k: int, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(table.rows))))
    turned = Table(table.columns, tuple(table.rows[at] for at in order))
    safe, changes = enforced(table, QUASI, k)
    assert enforced(turned, QUASI, k) == (
        Table(safe.columns, tuple(safe.rows[at] for at in order)),
        changes,
    )
    assert disclosure(turned, QUASI, k) == disclosure(table, QUASI, k)


@given(tables(), SMALL, st.permutations(COLUMNS))
def test_the_order_of_the_columns_does_not_matter(
    table: Table, k: int, columns: Sequence[str]
) -> None:
    turned = Table(tuple(columns), tuple(zip(*(table.column(c) for c in columns), strict=True)))
    safe, again = enforced(table, QUASI, k)[0], enforced(turned, QUASI, k)[0]
    assert [again.column(name) for name in COLUMNS] == [safe.column(name) for name in COLUMNS]


@given(tables(), SMALL, st.sets(st.sampled_from(QUASI)))
def test_other_columns_stay_as_they_are(table: Table, k: int, quasi: set[str]) -> None:
    safe, changes = enforced(table, sorted(quasi), k)
    assert safe.columns == table.columns
    assert len(safe.rows) == len(table.rows)
    for name in set(COLUMNS) - quasi:
        assert safe.column(name) == table.column(name)
    differ = {name for name in quasi if safe.column(name) != table.column(name)}
    assert [change.where for change in changes] == [f"participants.{n}" for n in sorted(differ)]
    assert {change.what for change in changes} <= {"replaced"}


@given(tables(), SMALL)
def test_rows_are_binned_by_one_width_or_blank_as_a_whole(table: Table, k: int) -> None:
    pairs = list(zip(cells_of(table), cells_of(enforced(table, QUASI, k)[0]), strict=True))
    unchanged = all(old == new for old, new in pairs)
    assert unchanged or any(
        all(new in {("n/a",) * 3, (binned_by_hand(old[0], width), *old[1:])} for old, new in pairs)
        for width in AGE_WIDTHS
    )


@given(tables(), SMALL)
def test_who_is_hidden_already_stays_as_they_are(table: Table, k: int) -> None:
    report = disclosure(table, QUASI, k)
    safe, changes = enforced(table, QUASI, k)
    if report.below == 0:
        assert (safe, changes) == (table, ())
        assert (report.age_width, report.suppressed) == (1, 0)
    else:
        assert bool(changes) == (safe != table)
        assert changes or set(cells_of(table)) == {("n/a",) * 3}


@given(tables(), SMALL)
def test_no_more_is_blanked_than_must_be(table: Table, k: int) -> None:
    report = disclosure(table, QUASI, k)
    safe = cells_of(enforced(table, QUASI, k)[0])
    if report.below == 0:
        return
    width, blank = report.age_width or AGE_WIDTHS[-1], ("n/a",) * 3
    binned = [(binned_by_hand(cell[0], width), *cell[1:]) for cell in cells_of(table)]
    sizes = Counter(binned)
    gone = {old for old, new in zip(binned, safe, strict=True) if old != new}
    assert report.suppressed == sum(sizes[cell] for cell in gone)
    large = {cell for cell in gone if sizes[cell] >= k}
    hidden = sum(sizes[cell] for cell in gone - large) + sizes[blank]
    stay = {sizes[cell] for cell in sizes.keys() - gone - {blank}}
    assert len(large) <= (1 if 0 < hidden < k else 0)
    assert all(sizes[cell] <= min(stay, default=sizes[cell]) for cell in large)


@given(tables(), SMALL)
def test_the_finest_width_with_which_few_are_blanked_is_suggested(table: Table, k: int) -> None:
    report = disclosure(table, QUASI, k)
    needed = {width: blanked_by_hand(table, width, k) for width in AGE_WIDTHS}
    fine = [width for width in AGE_WIDTHS if 20 * needed[width] <= len(table.rows)]
    if 0 < len(table.rows) < k or not fine:
        assert (report.age_width, report.suppressed) == (None, needed[20])
    else:
        assert (report.age_width, report.suppressed) == (fine[0], needed[fine[0]])


@given(tables(), SMALL)
def test_what_is_counted_is_so(table: Table, k: int) -> None:
    report = disclosure(table, QUASI, k)
    sizes = Counter(cells_of(table))
    own = [sizes[cell] for cell in cells_of(table)]
    assert (report.rows, report.k, report.columns) == (len(own), k, QUASI)
    assert report.smallest == min(own, default=0)
    assert report.alone == own.count(1)
    assert report.below == sum(size < k for size in own)


@given(tables(), SMALL)
def test_a_report_holds_counts_and_names_of_columns_only(table: Table, k: int) -> None:
    report = disclosure(table, [*QUASI, "diagnosis"], k)
    values = {field.name: getattr(report, field.name) for field in fields(Disclosure)}
    assert set(values.pop("columns")) <= set(QUASI)
    assert all(value is None or type(value) is int for value in values.values())


@given(tables(), st.integers(-2, 1))
def test_one_is_a_crowd_if_nobody_asks_for_more(table: Table, k: int) -> None:
    assert enforced(table, QUASI, k) == (table, ())
    report = disclosure(table, QUASI, k)
    assert (report.below, report.age_width, report.suppressed) == (0, 1, 0)


@pytest.mark.parametrize(
    ("width", "ages"),
    [(1, ("30", "30.9")), (2, ("30", "31")), (5, ("30", "33")), (10, ("30", "37")),
     (20, ("20", "39.9"))],
)  # fmt: skip
def test_ages_are_as_fine_as_can_be(width: int, ages: tuple[str, str]) -> None:
    table = table_of(*(((age, "F"), 2) for age in ages))
    assert disclosure(table, QUASI, 4) == Disclosure(4, ("age", "sex"), 2, 0, 4, 4, width, 0)
    safe, changes = enforced(table, QUASI, 4)
    assert set(safe.column("age")) == {ages[0]}
    (change,) = changes
    assert change.why == f"ages are the lower bounds of bins (width in years: {width})"


def test_widths_do_not_nest_and_each_is_tried() -> None:
    table = table_of((("24", "F"), 3), (("25", "F"), 3))  # 2: together, 5: apart
    assert disclosure(table, QUASI, 6).age_width == 2
    table = table_of((("25", "F"), 3), (("26", "F"), 3))  # 2: apart, 5: together
    assert disclosure(table, QUASI, 6).age_width == 5


def test_up_to_one_in_twenty_is_blanked_rather_than_all_ages_coarser() -> None:
    few = table_of((("30", "F"), 19), (("30.5", "M"), 19), (("35", "F"), 1), (("35", "M"), 1))
    report = disclosure(few, QUASI, 2)
    assert (report.age_width, report.suppressed) == (1, 2)
    safe, changes = enforced(few, QUASI, 2)
    assert Counter(safe.column("age")) == {"30": 38, "n/a": 2}
    blanked = "n/a where fewer than 2 participants share the combination, or to hide those few"
    assert [(change.where, change.why) for change in changes] == [
        ("participants.age", f"ages are the lower bounds of bins (width in years: 1); {blanked}"),
        ("participants.sex", blanked),
    ]
    many = table_of((("30", "F"), 19), (("30.5", "M"), 18), (("35", "F"), 1), (("35", "M"), 1))
    report = disclosure(many, QUASI, 2)
    assert (report.age_width, report.suppressed) == (10, 0)
    assert set(enforced(many, QUASI, 2)[0].column("age")) == {"30"}


def test_the_widest_is_taken_if_none_suffices() -> None:
    table = table_of((("21", "F"), 3), (("39", "F"), 3), (("30", "M"), 1), (("70", "M"), 1))
    report = disclosure(table, QUASI, 2)
    assert report == Disclosure(8, ("age", "sex"), 1, 2, 2, 2, None, 2)
    safe = enforced(table, QUASI, 2)[0]
    assert cells_of(safe, QUASI[:2]) == [("20", "F")] * 6 + [("n/a", "n/a")] * 2


def test_one_who_is_blank_alone_is_hidden_among_the_smallest_others() -> None:
    table = table_of((("30", "F"), 6), (("30", "M"), 5), (("50", "F"), 5), (("70", "M"), 1))
    safe = enforced(table, QUASI, 5)[0]
    assert cells_of(safe, QUASI[:2]) == [
        *[("20", "F")] * 6,
        *[("n/a", "n/a")] * 5,  # "20", "M" comes before "40", "F"
        *[("40", "F")] * 5,
        ("n/a", "n/a"),
    ]
    assert disclosure(table, QUASI, 5).suppressed == 6
    turned = Table(table.columns, table.rows[::-1])
    assert enforced(turned, QUASI, 5)[0].rows == safe.rows[::-1]


def test_of_others_the_smallest_goes_not_the_first() -> None:
    table = table_of((("20", "F"), 6), (("40", "F"), 5), (("70", "M"), 1))
    assert set(enforced(table, QUASI, 5)[0].column("age")) == {"20", "n/a"}
    assert disclosure(table, QUASI, 5).suppressed == 6


def test_who_was_blank_before_hides_others_and_is_hidden_by_them() -> None:
    hides = table_of((("n/a", "n/a"), 4), (("20", "F"), 6), (("70", "M"), 1))
    safe = enforced(hides, QUASI, 5)[0]
    assert Counter(safe.column("age")) == {"n/a": 5, "20": 6}
    assert disclosure(hides, QUASI, 5).suppressed == 1  # not the four who said nothing before
    hidden = table_of((("n/a", "n/a"), 1), (("20", "F"), 6), (("70", "M"), 5))
    assert Counter(enforced(hidden, QUASI, 5)[0].column("age")) == {"n/a": 6, "20": 6}
    enough = table_of((("n/a", "n/a"), 5), (("20", "F"), 6), (("70", "M"), 5))
    assert enforced(enough, QUASI, 5) == (enough, ())


def test_if_few_are_left_all_is_blank() -> None:
    table = table_of((("20", "F"), 5), (("70", "M"), 1))
    assert set(cells_of(enforced(table, QUASI, 5)[0], QUASI[:2])) == {("n/a", "n/a")}


def test_89_and_more_is_a_bin_of_its_own() -> None:
    table = table_of((("81", "F"), 3), (("88.9", "F"), 3), (("89", "F"), 6))
    assert ages_after(table, 6) == {"80": {"81", "88.9"}, "89": {"89"}}
    table = table_of((("81", "F"), 6), (("88", "F"), 5), (("89", "F"), 5), (("30", "F"), 7))
    assert ages_after(table, 6) == {"80": {"81", "88"}, "n/a": {"89", "30"}}


def test_ages_beyond_89_are_89() -> None:
    table = table_of((("89", "F"), 3), (("95.5", "F"), 3))
    assert ages_after(table, 6) == {"89": {"89", "95.5"}}


def test_infants_are_binned_like_others() -> None:
    table = table_of((("0.25", "F"), 2), (("0.8", "F"), 2), (("2.1", "F"), 2), (("2.99", "F"), 2))
    assert ages_after(table, 4) == {"0": {"0.25", "0.8"}, "2": {"2.1", "2.99"}}
    assert ages_after(table, 8) == {"0": {"0.25", "0.8", "2.1", "2.99"}}


def test_four_and_a_quarter() -> None:
    assert ages_after(table_of((("4.25", "F"), 4), (("4", "F"), 4)), 8) == {"4": {"4.25", "4"}}
    alike = table_of((("4.25", "F"), 4), (("6.5", "M"), 4))
    assert enforced(alike, QUASI, 4) == (alike, ())


def test_two_ways_to_write_a_number_are_two_values() -> None:
    table = table_of((("34", "F"), 4), (("34.0", "F"), 1))
    assert disclosure(table, QUASI, 5).alone == 1
    assert ages_after(table, 5) == {"34": {"34", "34.0"}}


def test_an_age_that_is_no_number_counts_as_its_text() -> None:
    table = table_of((("adult", "F"), 3), (("n/a", "F"), 3), (("nan", "F"), 3), (("71", "M"), 3))
    assert enforced(table, QUASI, 3) == (table, ())
    table = table_of((("adult", "F"), 5), (("n/a", "F"), 4), (("20", "F"), 6), (("21", "F"), 3))
    assert ages_after(table, 4) == {"adult": {"adult"}, "n/a": {"n/a"}, "20": {"20", "21"}}


def test_all_ages_not_available() -> None:
    table = table_of((("n/a", "F"), 3), (("n/a", "M"), 2))
    assert enforced(table, QUASI, 2) == (table, ())
    safe, changes = enforced(table, QUASI, 3)
    assert set(cells_of(safe, QUASI[:2])) == {("n/a", "n/a")}
    assert [change.where for change in changes] == ["participants.sex"]
    assert disclosure(table, QUASI, 3) == Disclosure(5, ("age", "sex"), 2, 0, 2, 3, None, 5)


@pytest.mark.parametrize("k", [1, 5])
def test_a_table_without_quasi_identifiers(k: int) -> None:
    table = Table(("participant_id", "IQ"), (("sub-01", "99"), ("sub-02", "101")))
    assert enforced(table, QUASI, k) == (table, ())
    below, width = (0, 1) if k == 1 else (2, None)
    assert disclosure(table, QUASI, k) == Disclosure(2, (), 2, 0, below, k, width, 0)


def test_an_empty_table() -> None:
    table = Table(COLUMNS, ())
    assert enforced(table, QUASI, 5) == (table, ())
    assert disclosure(table, QUASI, 5) == Disclosure(0, QUASI, 0, 0, 0, 5, 1, 0)


def test_k_larger_than_the_table() -> None:
    table = table_of((("20", "F"), 3), (("n/a", "n/a"), 1))
    assert disclosure(table, QUASI, 5) == Disclosure(4, ("age", "sex"), 1, 1, 4, 5, None, 3)
    safe, changes = enforced(table, QUASI, 5)
    assert set(cells_of(safe, QUASI[:2])) == {("n/a", "n/a")}
    assert [change.why for change in changes] == [
        "n/a where fewer than 5 participants share the combination, or to hide those few"
    ] * 2
    assert enforced(safe, QUASI, 5) == (safe, ())
    assert disclosure(safe, QUASI, 5) == Disclosure(4, ("age", "sex"), 4, 0, 4, 5, None, 0)


def test_only_columns_that_are_ages_are_binned() -> None:
    table = table_of((("30", "101", "a"), 2), (("31", "101", "a"), 2), (("31", "102", "b"), 4))
    assert set(enforced(table, QUASI, 4)[0].column("sex")) == {"101", "102"}
    other = Table(("participant_id", "age_at_scan", "age"), tuple(row[:3] for row in table.rows))
    safe, _ = enforced(other, ["age_at_scan"], 8, ages=["age_at_scan"])
    assert set(safe.column("age_at_scan")) == {"30"}
    assert safe.column("age") == other.column("age")
    safe, _ = enforced(other, ["age_at_scan"], 8, ages=[])
    assert set(safe.column("age_at_scan")) == {"n/a"}


def test_several_columns_of_ages_have_one_width() -> None:
    table = table_of((("30", "41"), 2), (("31", "48"), 2))
    safe, _ = enforced(table, QUASI, 4, ages=QUASI)
    assert set(cells_of(safe, QUASI[:2])) == {("30", "40")}


def test_a_column_that_is_named_twice_is_one() -> None:
    table = table_of((("30", "F"), 2))
    assert disclosure(table, ["sex", "age", "sex"], 2).columns == ("sex", "age")


def test_changes_tell_no_value() -> None:
    table = table_of((("61.5", "Jane"), 3), (("67.5", "Jane"), 3), (("33.5", "Joe"), 1))
    for change in enforced(table, QUASI, 2)[1]:
        told = f"{change.where} {change.what} {change.why}"
        assert not [x for x in ("Jane", "Joe", "61", "67", "33", "60", "sub-") if x in told]
