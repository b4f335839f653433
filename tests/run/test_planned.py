from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bidsdeid.arguments import build_parser
from bidsdeid.config import Config
from bidsdeid.core.plan import Plan
from bidsdeid.io.private import PrivateFolder
from bidsdeid.resources import load_policy
from bidsdeid.run.options import config_from
from bidsdeid.run.planned import RECORD, Planned, read_dataset, read_plan, record_plan
from bidsdeid.run.study import open_study

POLICY = load_policy("default")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    root = tmp_path / "in"
    for label, name in (("01", "Quillfeather"), ("02", "Wobblesby")):
        folder = root / f"sub-{label}" / "ses-a" / "anat"
        folder.mkdir(parents=True)
        stem = f"sub-{label}_ses-a"
        (folder / f"{stem}_T1w.json").write_text(json.dumps({"PatientName": name}))
        table = "filename\tacq_time\nanat/x.nii.gz\t2019-03-04T10:00:00\n"
        (folder.parent / f"{stem}_scans.tsv").write_text(table)
    words = [str(root), str(tmp_path / "out"), "participant", "--participant-label", "01"]
    return replace(config_from(build_parser().parse_args(words)), planned=True)


@pytest.fixture
def private(config: Config) -> PrivateFolder:
    folder = PrivateFolder(config.private_dir)
    folder.prepare()
    record_plan(read_dataset(config, POLICY), POLICY, folder)
    return folder


def names(planned: Planned) -> set[str]:
    return {word for words in planned.gleanings.harvest.words.values() for word in words[0]}


def forget(config: Config, participant: str) -> None:
    """Empty a participant's sidecar, so that only a record knows the name."""
    path = config.bids_dir / f"sub-{participant}/ses-a/anat/sub-{participant}_ses-a_T1w.json"
    path.write_text("{}")


def test_what_is_on_record_is_what_was_read(config: Config, private: PrivateFolder) -> None:
    whole = read_dataset(config, POLICY)
    planned = read_plan(config, POLICY, private)
    assert planned.source == whole.source == {"01": ("a",), "02": ("a",)}
    assert planned.gleanings.harvest.words == whole.gleanings.harvest.words
    assert names(planned) >= {"quillfeather", "wobblesby"}
    assert planned.gleanings.first_day == planned.gleanings.last_day == date(2019, 3, 4)


def test_others_are_taken_from_the_record_and_ones_own_files_are_read(
    config: Config, private: PrivateFolder
) -> None:
    forget(config, "02")
    own = config.bids_dir / "sub-01/ses-a/anat/sub-01_ses-a_T1w.json"
    own.write_text(json.dumps({"PatientName": "Grimblethwaite"}))
    found = names(read_plan(config, POLICY, private))
    assert found >= {"wobblesby", "quillfeather", "grimblethwaite"}


@pytest.mark.parametrize(
    "change", ["participant", "session", "policy", "damage", "no record", "another form"]
)
def test_a_record_of_something_else_is_not_used(
    config: Config, private: PrivateFolder, change: str
) -> None:
    policy = POLICY
    if change == "participant":
        (config.bids_dir / "sub-03").mkdir()
    elif change == "session":
        (config.bids_dir / "sub-01/ses-b").mkdir()
    elif change == "policy":
        policy = load_policy("open-science")
    elif change == "damage":
        (private.folder / RECORD).write_text("{")
    elif change == "no record":
        (private.folder / RECORD).unlink()
    else:
        (private.folder / RECORD).write_text(json.dumps({"labels": [], "gleanings": 1}))
    forget(config, "02")
    planned = read_plan(config, policy, private)
    assert "wobblesby" not in names(planned), "the whole was read again"
    assert planned.source == read_dataset(config, policy).source


def test_who_finishes_the_dataset_reads_it_again(config: Config, private: PrivateFolder) -> None:
    forget(config, "02")
    nothing = Plan((), {})
    one = open_study(config, POLICY, nothing, private)
    everyone = replace(config, selection=replace(config.selection, participants=None))
    assert "wobblesby" in one.terms.persons.whole
    assert "wobblesby" not in open_study(everyone, POLICY, nothing, private).terms.persons.whole
