from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bidsdeid.config import Config, IdentityOptions
from bidsdeid.core.audit import Auditor
from bidsdeid.core.labels import Labels
from bidsdeid.core.ledger import Status
from bidsdeid.core.plan import build_plan
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import Lexicon, Terms
from bidsdeid.io.store import Stage
from bidsdeid.run.bench import Bench, withheld
from bidsdeid.run.people import PARTICIPANTS, SMALL, People
from bidsdeid.run.study import Study
from strategies import default_policy, index_of, source_file

KEPT = {"01": "01", "02": "02", "03": "03"}
TABLE = """\
participant_id\tage\tsex\tsurname
sub-03\t31\tF\tDoe
sub-01\t92\tM\tRoe
sub-02\t30\tF\tPoe
"""


@pytest.fixture
def bids_dir(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    root.mkdir()
    return root


def people(
    bids_dir: Path,
    labels: Mapping[str, str] = KEPT,
    table: str | None = TABLE,
    k: int | None = None,
    terms: Terms = Terms(),  # noqa: B008 -- a value
) -> People:
    """Return those of whom something is released, by new label with the old one."""
    config = Config(bids_dir, bids_dir / "../out", bids_dir / "../p", bids_dir / "../w")
    config = replace(config, identity=IdentityOptions(k=k))
    files = [source_file("sub-01/anat/sub-01_T1w.nii.gz")]
    if table is not None:
        (bids_dir / PARTICIPANTS).write_text(table)
        files.append(source_file("participants.tsv"))
    plan = build_plan(index_of(files), default_policy(), config.selection)
    new = {old: label for label, old in labels.items()}
    changed = any(old != label for old, label in new.items())
    study = Study(config, default_policy(), plan.shared, Secret(b"k" * 32),
                  Labels(new if changed else {}, {}), terms)  # fmt: skip
    bench = Bench(study, Auditor(default_policy(), terms), Stage(bids_dir / "../stage"), bids_dir)
    return People(bench, labels)


def rows(given: People) -> list[list[str]]:
    written = given.bench.stage.folder / PARTICIPANTS
    return [line.split("\t") for line in written.read_text().splitlines()]


def test_each_has_a_row_with_the_columns_that_rules_keep(bids_dir: Path) -> None:
    given = people(bids_dir)
    assert given.release() is None
    assert rows(given) == [
        ["participant_id", "age", "sex"],
        ["sub-01", "89", "M"], ["sub-02", "30", "F"], ["sub-03", "31", "F"],
    ]  # fmt: skip
    outcome = given.bench.outcomes[PARTICIPANTS]
    assert outcome.status is Status.RELEASED
    assert {change.where for change in outcome.changes} == {
        "participants.surname", "participants.age",
    }  # fmt: skip
    assert given.bench.released[PARTICIPANTS] == PARTICIPANTS


def test_those_of_whom_nothing_is_released_have_no_row(bids_dir: Path) -> None:
    given = people(bids_dir, {"02": "02"})
    given.release()
    assert [row[0] for row in rows(given)] == ["participant_id", "sub-02"]


def test_those_who_have_no_row_in_the_input_get_one(bids_dir: Path) -> None:
    given = people(bids_dir, {**KEPT, "09": "09", "001": "001"})
    given.release()
    assert rows(given)[1] == ["sub-001", "n/a", "n/a"]
    assert rows(given)[-1] == ["sub-09", "n/a", "n/a"]


def test_rows_are_sorted_by_new_labels(bids_dir: Path) -> None:
    given = people(bids_dir, {"bcd": "03", "fgh": "01", "klm": "02"})
    given.release()
    assert rows(given)[1:] == [
        ["sub-bcd", "31", "F"], ["sub-fgh", "89", "M"], ["sub-klm", "30", "F"],
    ]  # fmt: skip


@pytest.mark.parametrize("table", [None, "no table\nat all\t\n", "surname\nDoe\n", ""])
def test_without_a_table_that_can_be_kept_there_is_a_list(
    bids_dir: Path, table: str | None
) -> None:
    given = people(bids_dir, table=table)
    release = given.release()
    assert release is not None
    assert release.path == "participants.tsv"
    assert rows(given) == [["participant_id"], ["sub-01"], ["sub-02"], ["sub-03"]]
    if table is not None:
        assert given.bench.outcomes[PARTICIPANTS].status is Status.FAILURE


def test_the_groups_of_those_who_share_age_and_sex_are_counted(bids_dir: Path) -> None:
    given = people(bids_dir)
    assert given.disclosure is None
    given.release()
    assert given.disclosure is not None
    assert (given.disclosure.rows, given.disclosure.k, given.disclosure.alone) == (3, SMALL, 3)
    assert set(given.disclosure.columns) == {"age", "sex"}


def test_k_makes_them_alike_and_says_so(bids_dir: Path) -> None:
    lines = [f"sub-{n:02}\t{30 + n % 2}\tF" for n in range(1, 9)]
    table = "\n".join(["participant_id\tage\tsex", *lines, "sub-09\t64\tM"]) + "\n"
    labels = {f"{n:02}": f"{n:02}" for n in range(1, 10)}
    given = people(bids_dir, labels, table, k=3)
    given.release()
    cells = [tuple(row[1:]) for row in rows(given)[1:]]
    assert all(cells.count(cell) >= 3 for cell in cells)
    assert given.disclosure is not None
    assert given.disclosure.smallest >= 3
    where = {change.where for change in given.bench.outcomes[PARTICIPANTS].changes}
    assert where >= {"participants.age", "participants.sex"}


def test_what_the_auditor_objects_to_is_not_written(bids_dir: Path) -> None:
    terms = Terms(persons=Lexicon(whole=frozenset({"qana"})))
    table = "participant_id\tgroup\nsub-01\tqana\nsub-02\tcontrol\nsub-03\tcontrol\n"
    given = people(bids_dir, table=table, terms=terms)
    given.release()
    assert rows(given)[1] == ["sub-01", "n/a"]
    assert "qana" not in (given.bench.stage.folder / PARTICIPANTS).read_text()


def test_a_table_that_the_plan_withholds_is_not_read(bids_dir: Path) -> None:
    given = people(bids_dir)
    (action,) = given.bench.study.shared
    given.bench.outcomes[PARTICIPANTS] = withheld(action, "by our board")
    release = given.release()
    assert release is not None
    assert rows(given)[0] == ["participant_id"]
