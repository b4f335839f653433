from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from bidsdeid.arguments import build_parser
from bidsdeid.core.labels import Labels
from bidsdeid.core.plan import Plan, build_plan
from bidsdeid.core.pseudonym import FIRST_YEAR, Secret
from bidsdeid.core.terms import KNOWN, PERSON, RECORD, folded
from bidsdeid.errors import StoreError, UsageError
from bidsdeid.io.private import KEY_VARIABLE, PrivateFolder
from bidsdeid.io.tree import index_dataset
from bidsdeid.run.options import config_from
from bidsdeid.run.study import Study, open_study
from strategies import default_policy

PEOPLE = {"ann": ("pre", "post"), "bob": ("pre", "20190304"), "cec": ()}
NOTHING_PLANNED = Plan((), {})
KEY = b"a key for tests only, of enough bytes\n"

Open = Callable[..., Study]


def put(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


def add_participant(root: Path, label: str, sessions: tuple[str, ...]) -> None:
    for session in sessions or ("",):
        folder = root / f"sub-{label}" / (f"ses-{session}" if session else "")
        name = f"sub-{label}" + (f"_ses-{session}" if session else "")
        put(folder / f"anat/{name}_T1w.nii.gz", "no image")
        put(folder / f"anat/{name}_T1w.json", json.dumps({"PatientName": "Bell^Xenia"}))
        put(folder / f"{name}_scans.tsv",
            f"filename\tacq_time\nanat/{name}_T1w.nii.gz\t2015-03-04T10:11:12\n")  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    put(root / "dataset_description.json", '{"Name": "x", "BIDSVersion": "1.9.0"}')
    put(root / "T1w.json", "{}")
    for label, sessions in PEOPLE.items():
        add_participant(root, label, sessions)
    return root


@pytest.fixture
def opened(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open the study as a run with some options does."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)

    def opened(*options: object, plan: Plan = NOTHING_PLANNED) -> Study:
        arguments = [str(x) for x in (dataset, tmp_path / "out", "participant", *options)]
        config = config_from(build_parser().parse_args(arguments))
        config.check_folders()
        private = PrivateFolder(config.private_dir)
        private.prepare()
        return open_study(config, default_policy(), plan, private)

    return opened


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    return path


def kinds(text: str, study: Study) -> set[str]:
    return {kind for kind, _ in study.terms.spans(folded(text))}


def private_files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out_private").iterdir()} - {"ledger"}


# ── labels that stay ─────────────────────────────────────────────────────────────────────────


def test_by_default_labels_stay_and_no_map_is_written(opened: Open, tmp_path: Path) -> None:
    study = opened()
    assert study.labels == Labels()
    assert private_files(tmp_path) == {"key"}
    assert kinds("Xenia Bell", study) == {PERSON}
    assert kinds("sub-ann, subject bob", study) == set()


def test_files_of_the_dataset_are_those_of_the_plan(opened: Open, dataset: Path) -> None:
    plan = build_plan(index_dataset(dataset), default_policy())
    shared = [str(action.path) for action in opened(plan=plan).shared]
    assert shared == ["T1w.json", "dataset_description.json"]


def test_a_label_that_stays_is_no_record_and_one_that_goes_is(
    opened: Open, dataset: Path, key: Path
) -> None:
    add_participant(dataset, "4711A", ())
    put(dataset / "sub-4711A/x.json", '{"PatientID": "4711A", "AccessionNumber": "B0815"}')
    add_participant(dataset, "AB12", ())
    put(dataset / "sub-AB12/x.json", '{"PatientID": "AB_12"}')
    stays, goes = opened("--key", key), opened("--key", key, "--relabel", "keyed")
    assert kinds("4711a AB-12", stays) == set()
    assert kinds("b0815", stays) == kinds("b0815", goes) == {RECORD}
    assert kinds("4711a", goes) == kinds("AB-12", goes) == {RECORD}


def test_known_terms_are_looked_for(opened: Open, tmp_path: Path) -> None:
    put(tmp_path / "terms", "Miller\nJo\n")
    assert kinds("premillerian Jo", opened("--known-terms", tmp_path / "terms")) == {KNOWN}


# ── the key ──────────────────────────────────────────────────────────────────────────────────


def test_a_key_that_is_made_begins_with_the_year_of_the_first_visit(
    opened: Open, tmp_path: Path
) -> None:
    study = opened()
    assert study.secret.first_year == 2015
    assert (tmp_path / "out_private/key").read_text().startswith("2015:")
    assert study.secret.shift("ann").apply("2015-03-04T10:11:12") is not None


def test_dates_of_later_releases_do_not_move_the_year_of_the_key(
    opened: Open, dataset: Path
) -> None:
    first = opened().secret
    put(dataset / "sub-cec/sub-cec_sessions.tsv", "session_id\tacq_time\nx\t1999-01-01T00:00:00\n")
    assert opened().secret == first


def test_a_key_of_the_user_has_the_year_it_says(opened: Open, key: Path) -> None:
    assert opened("--key", key).secret == Secret(KEY.strip(), FIRST_YEAR)
    key.write_bytes(b"1990:" + KEY)
    assert opened("--key", key).secret == Secret(KEY.strip(), 1990)


def test_keyed_labels_need_a_key_that_stays(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="needs a key that stays"):
        opened("--relabel", "keyed")
    assert private_files(tmp_path) == set()
    named = opened("--relabel", "keyed", "--private-dir", tmp_path / "p").labels
    assert opened("--relabel", "keyed", "--private-dir", tmp_path / "p").labels == named
    assert opened("--relabel", "keyed", "--key", tmp_path / "p/key").labels == named
    monkeypatch.setenv(KEY_VARIABLE, (tmp_path / "p/key").read_text())
    assert opened("--relabel", "keyed").labels == named


def test_sequential_labels_and_a_table_do_not(opened: Open, tmp_path: Path) -> None:
    put(tmp_path / "new.tsv", "participant_id\tnew_participant_id\nann\ta\nbob\tb\ncec\tc\n")
    assert opened("--relabel", "sequential").labels.participants
    assert opened("--relabel", tmp_path / "new.tsv", "--relabel-sessions", "keep").labels


# ── new labels ───────────────────────────────────────────────────────────────────────────────


def test_keyed_labels_are_those_of_every_run_with_this_key(
    opened: Open, dataset: Path, key: Path
) -> None:
    first = opened("--relabel", "keyed", "--key", key).labels
    assert first.participants.keys() == PEOPLE.keys()
    add_participant(dataset, "dan", ("pre",))
    second = opened(
        "--relabel", "keyed", "--key", key, "--private-dir", dataset.parent / "p"
    ).labels
    assert first.participants.items() < second.participants.items()
    assert first.sessions.items() < second.sessions.items()
    assert second.session("dan", "pre") == first.session("ann", "pre")


def test_a_job_for_one_participant_gives_the_labels_of_all(opened: Open, key: Path) -> None:
    alone = opened("--relabel", "keyed", "--key", key, "--participant-label", "bob")
    assert alone.labels == opened("--relabel", "keyed", "--key", key).labels
    assert kinds("subject ann", alone) == {RECORD}


def test_sequential_labels_stay_over_releases(opened: Open, dataset: Path, tmp_path: Path) -> None:
    first = opened("--relabel", "sequential").labels
    assert sorted(first.participants.values()) == ["01", "02", "03"]
    assert opened("--relabel", "sequential").labels == first
    add_participant(dataset, "aaa", ("pre", "later"))
    second = opened("--relabel", "sequential").labels
    assert first.participants.items() < second.participants.items()
    assert first.sessions.items() < second.sessions.items()
    assert second.participant("aaa") == "04"
    (tmp_path / "out_private/key").unlink()
    assert opened("--relabel", "sequential").labels == second


def test_a_damaged_map_stops_the_run(opened: Open, tmp_path: Path) -> None:
    opened("--relabel", "sequential")
    (tmp_path / "out_private/labels-sequential.tsv").write_text("participant_id\n")
    with pytest.raises(StoreError, match="damaged"):
        opened("--relabel", "sequential")


@pytest.mark.parametrize("mode", ["keyed", "sequential"])
def test_the_map_is_for_the_owner_of_the_data_only(
    opened: Open, tmp_path: Path, key: Path, mode: str
) -> None:
    labels = opened("--relabel", mode, "--key", key).labels
    path = tmp_path / f"out_private/labels-{mode}.tsv"
    assert path.stat().st_mode & 0o777 == 0o600
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    assert header == ["participant_id", "session_id", "new_participant_id", "new_session_id"]
    assert rows == [
        [owner, session or "n/a", labels.participant(owner),
         labels.session(owner, session) if session else "n/a"]
        for owner, sessions in PEOPLE.items() for session in sorted(sessions) or [""]
    ]  # fmt: skip


def test_sessions_stay_if_the_user_says_so(opened: Open, key: Path) -> None:
    study = opened("--relabel", "keyed", "--relabel-sessions", "keep", "--key", key)
    assert study.labels.participant("bob") != "bob"
    assert study.labels.session("bob", "pre") == "pre"
    assert study.labels.session("bob", "20190304") == "20190304"


@pytest.mark.parametrize("mode", ["keyed", "sequential", "table"])
def test_old_labels_are_looked_for_in_text_and_names(
    opened: Open, tmp_path: Path, key: Path, mode: str
) -> None:
    rows = "ann\ta\tpre\tx\nann\ta\tpost\ty\nbob\tb\t20190304\tz\ncec\tc\tn/a\tn/a\n"
    put(
        tmp_path / "table",
        "participant_id\tnew_participant_id\tsession_id\tnew_session_id\n" + rows,
    )
    relabel = tmp_path / "table" if mode == "table" else mode
    study = opened("--relabel", relabel, "--key", key)
    assert kinds("as subject ANN", study) == kinds("scanBob", study) == {RECORD}
    assert study.terms.in_names.occur_in("sub-x/anat/sub-x_acq-cec_T1w.json")
    new = study.labels.participant("cec")
    assert kinds(f"sub-{new} participant {new}", study) == set()


def table(*rows: str, sessions: bool = False) -> str:
    names = ["participant_id", "new_participant_id"]
    names += ["session_id", "new_session_id"] if sessions else []
    return "\n".join(["\t".join(names), *(row.replace(" ", "\t") for row in rows), ""])


def test_a_table_of_new_labels(opened: Open, tmp_path: Path) -> None:
    rows = ("sub-ann sub-x1 pre a", "ann x1 post b", "bob x2 pre a", "bob x2 20190304 c",
            "cec x3 n/a n/a", "nobody x4 pre d")  # fmt: skip
    put(tmp_path / "new.tsv", table(*rows, sessions=True))
    labels = opened("--relabel", tmp_path / "new.tsv").labels
    assert labels.participants == {"ann": "x1", "bob": "x2", "cec": "x3"}
    assert labels.sessions == {
        ("ann", "pre"): "a", ("ann", "post"): "b", ("bob", "pre"): "a", ("bob", "20190304"): "c",
    }  # fmt: skip
    recorded = (tmp_path / "out_private/labels-table.tsv").read_text()
    assert "nobody" not in recorded
    assert "bob\t20190304\tx2\tc\n" in recorded


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (table("ann x1", "bob x2"), "no row for 1 participant"),
        (table("ann x1", "bob x1", "cec x2"), "stand for two"),
        (table("ann x1", "bob x2", "cec 20190304"), "look like dates"),
        (table("ann x1", "bob x2", "cec x_3"), "other characters"),
        ("old\tnew\nann\tx1\n", "needs columns participant_id and new_participant_id"),
        ("participant_id\tnew_participant_id\nann\n", "not as many cells"),
        ("", "empty"),
        ("\n\n", "empty"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(
    opened: Open, tmp_path: Path, content: str, sentence: str
) -> None:
    put(tmp_path / "new.tsv", content)
    with pytest.raises(UsageError, match=sentence) as caught:
        opened("--relabel", tmp_path / "new.tsv", "--relabel-sessions", "keep")
    assert not any(word in str(caught.value) for word in ("ann", "bob", "cec", "x1", "2019"))
    assert private_files(tmp_path) == {"key"}


@pytest.mark.parametrize("name", ["missing.tsv", "sequentiel", "in"])
def test_a_word_that_is_no_way_of_relabelling_and_no_file(
    opened: Open, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match="--relabel takes keep, sequential, keyed or a TSV file"):
        opened("--relabel", tmp_path / name)


def test_a_study_can_be_sent_to_another_process(opened: Open, key: Path) -> None:
    study = opened("--relabel", "keyed", "--key", key)
    assert pickle.loads(pickle.dumps(study)) == study  # noqa: S301 -- our own
