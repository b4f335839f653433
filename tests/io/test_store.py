from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from bidsdeid.core.audit import Auditor, Verified
from bidsdeid.core.terms import NO_TERMS
from bidsdeid.errors import StoreError
from bidsdeid.io.store import DATASET_DESCRIPTION, INCOMING, Stage, Store
from strategies import default_policy

AUDITOR = Auditor(default_policy(), NO_TERMS)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "work" / "stage")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "out")


def verified(stage: Stage, path: str, content: bytes = b"text") -> Verified:
    where = PurePosixPath(path)
    return AUDITOR.document(where, stage.write(where, content), ())


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_participant_appears_with_verified_files_only(stage: Stage, store: Store) -> None:
    items = [verified(stage, "sub-01/anat/a.json"), verified(stage, "sub-01/b.tsv", b"b")]
    stage.write(PurePosixPath("sub-01/anat/face.nii"), b"not verified")
    assert not store.has_participant("01")
    store.publish_participant("01", stage, items)
    assert store.has_participant("01")
    assert files(store.output_dir) == {"sub-01/anat/a.json": b"text", "sub-01/b.tsv": b"b"}
    assert [path.name for path in store.output_dir.iterdir()] == ["sub-01"]


def test_a_file_that_changed_after_its_audit_stops_the_participant(
    stage: Stage, store: Store
) -> None:
    items = [verified(stage, "sub-01/a.json"), verified(stage, "sub-01/b.json")]
    (stage.folder / "sub-01/b.json").write_bytes(b"face")
    with pytest.raises(StoreError, match="changed after its audit"):
        store.publish_participant("01", stage, items)
    assert not store.has_participant("01")
    store.clear_incoming()
    assert files(store.output_dir) == {}


def test_a_file_that_is_gone_stops_the_participant(stage: Stage, store: Store) -> None:
    items = [verified(stage, "sub-01/a.json")]
    stage.remove(items[0].path)
    stage.remove(items[0].path)
    with pytest.raises(StoreError):
        store.publish_participant("01", stage, items)
    assert not store.has_participant("01")


def test_a_participant_that_is_there_is_never_touched(stage: Stage, store: Store) -> None:
    store.publish_participant("01", stage, [verified(stage, "sub-01/a.json", b"first")])
    with pytest.raises(StoreError, match="already"):
        store.publish_participant("01", stage, [verified(stage, "sub-01/a.json", b"second")])
    assert files(store.output_dir) == {"sub-01/a.json": b"first"}
    assert len(list(store.output_dir.iterdir())) == 1


def test_who_comes_late_does_not_unfinish_the_dataset(stage: Stage, store: Store) -> None:
    store.publish_participant("01", stage, [verified(stage, "sub-01/a.json", b"first")])
    store.publish_dataset(stage, [verified(stage, DATASET_DESCRIPTION, b"{}")])
    with pytest.raises(StoreError, match="another job was faster"):
        store.publish_participant("01", stage, [verified(stage, "sub-01/a.json", b"late")])
    assert (store.output_dir / DATASET_DESCRIPTION).exists()


def test_what_a_killed_process_left_on_the_way_is_cleared(stage: Stage, store: Store) -> None:
    store.clear_incoming()
    store.publish_participant("01", stage, [verified(stage, "sub-01/a.json")])
    left = store.output_dir / f"{INCOMING}sub-02-abc" / "sub-02"
    left.mkdir(parents=True)
    (left / "face.nii").write_bytes(b"x")
    store.clear_incoming()
    assert files(store.output_dir) == {"sub-01/a.json": b"text"}
    assert len(list(store.output_dir.iterdir())) == 1


def test_the_description_comes_last(
    stage: Stage, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[str] = []
    real = os.replace

    def noted(source: Path, target: Path) -> None:
        placed.append(target.name)
        real(source, target)

    monkeypatch.setattr(os, "replace", noted)
    names = [DATASET_DESCRIPTION, "README", "task-a_bold.json", "code/bidsdeid/manifest.tsv"]
    store.publish_dataset(stage, [verified(stage, name) for name in names])
    assert sorted(placed[:-1]) == ["README", "manifest.tsv", "task-a_bold.json"]
    assert placed[-1] == DATASET_DESCRIPTION
    assert set(files(store.output_dir)) == set(names)


def test_identical_files_are_left_alone_and_others_replaced(stage: Stage, store: Store) -> None:
    first = [verified(stage, "README", b"one"), verified(stage, "T1w.json", b"{}")]
    store.publish_dataset(stage, first)
    before = {name: (store.output_dir / name).stat().st_ino for name in ("README", "T1w.json")}
    store.publish_dataset(stage, [verified(stage, "README", b"two"), first[1]])
    after = {name: (store.output_dir / name).stat().st_ino for name in ("README", "T1w.json")}
    assert files(store.output_dir) == {"README": b"two", "T1w.json": b"{}"}
    assert before["T1w.json"] == after["T1w.json"]
    assert before["README"] != after["README"]
    assert len(list(store.output_dir.iterdir())) == 2


def test_a_changed_dataset_file_stops_all_of_them(stage: Stage, store: Store) -> None:
    items = [verified(stage, "README"), verified(stage, DATASET_DESCRIPTION)]
    (stage.folder / DATASET_DESCRIPTION).write_bytes(b"changed")
    with pytest.raises(StoreError):
        store.publish_dataset(stage, items)
    store.clear_incoming()
    assert files(store.output_dir) == {}


def test_files_are_withdrawn_to_another_folder(stage: Stage, store: Store, tmp_path: Path) -> None:
    store.publish_dataset(stage, [verified(stage, "README"), verified(stage, "T1w.json")])
    paths = [PurePosixPath("README"), PurePosixPath("missing")]
    store.withdraw(paths, tmp_path / "private")
    assert files(store.output_dir) == {"T1w.json": b"text"}
    assert files(tmp_path / "private") == {"README": b"text"}


def test_an_output_that_cannot_be_written_is_told_without_a_path(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "out")
    for publish in (
        lambda item: store.publish_participant("01", stage, [item]),
        lambda item: store.publish_dataset(stage, [item]),
    ):
        with pytest.raises(StoreError, match="cannot be written") as caught:
            publish(verified(stage, "sub-01/a.json"))
        assert str(tmp_path) not in str(caught.value)
        assert caught.value.exit_code == 73
