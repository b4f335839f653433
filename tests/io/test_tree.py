from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from bidsdeid.core.dataset import DatasetIndex, SourceFile, State
from bidsdeid.errors import ImageError, InputError
from bidsdeid.io.tree import index_dataset, metadata_files, read_bytes, source_labels


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "bids"
    description = json.dumps({"Name": "x", "BIDSVersion": "1.9.0"})
    for path, text in {
        "dataset_description.json": description,
        "participants.tsv": "participant_id\nsub-01\n",
        "sub-01/anat/sub-01_T1w.nii.gz": "x",
        "sub-01/anat/sub-01_T1w.json": "{}",
        "sub-02/ses-a/func/sub-02_ses-a_task-rest_bold.nii.gz": "x",
    }.items():
        put(root / path, text)
    return root


def put(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def entries(index: DatasetIndex) -> dict[str, SourceFile]:
    every = [*index.shared, *(file for own in index.participants.values() for file in own)]
    found = {str(file.path): file for file in every}
    assert len(found) == len(every)
    return found


def test_every_file_is_seen_once_with_its_owner_and_name(dataset: Path) -> None:
    index = index_dataset(dataset)
    found = entries(index)
    on_disk = {str(p.relative_to(dataset)) for p in dataset.rglob("*") if p.is_file()}
    assert set(found) == on_disk
    assert [str(file.path) for file in index.shared] == [
        "dataset_description.json", "participants.tsv",
    ]  # fmt: skip
    assert list(index.participants) == ["01", "02"]
    bold = found["sub-02/ses-a/func/sub-02_ses-a_task-rest_bold.nii.gz"]
    assert (bold.datatype, bold.state, bold.size) == ("func", State.FILE, 1)
    assert bold.name is not None
    assert (bold.name.get("ses"), bold.name.suffix) == ("a", "bold")


def test_the_index_does_not_depend_on_how_many_are_read_at_once(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = index_dataset(dataset)
    monkeypatch.setattr("bidsdeid.io.tree.BATCH", 1)
    assert index_dataset(dataset) == whole


def test_other_participants_are_not_looked_into(dataset: Path) -> None:
    index = index_dataset(dataset, ["02"])
    assert list(index.participants) == ["02"]
    assert not any("sub-01" in path for path in entries(index))


UNKNOWN = [
    "sub-01/anat/Jane Doe.nii.gz",
    "sub-01/anat/sub-02_T1w.nii.gz",
    "sub-01/sub-01_T1w.nii.gz",
    "sub-01/anat/sub-01_foo-1_T1w.nii.gz",
    "sub-01/anat/extra/sub-01_T1w.nii.gz",
    "sub-01/anat/sub-01_task-rest_bold.nii.gz",
    "sub-02/ses-a/anat/sub-02_ses-b_T1w.nii.gz",
    "sourcedata/sub-01/anat/sub-01_T1w.nii.gz",
    "derivatives/x/sub-01/anat/sub-01_T1w.nii.gz",
    "code/task-rest_bold.json",
    "notes.txt",
    "sub-a b/anat/sub-01_T1w.nii.gz",
    "Grüße 脳 \u202e.txt",
    "sub-01/anat/" + "x" * 250,
    "sub-01/new\nline.txt",
    "sub-01/.hidden",
]


@pytest.mark.parametrize("path", UNKNOWN, ids=range(len(UNKNOWN)))
def test_a_file_that_is_not_bids_in_its_place_is_seen_without_a_name(
    dataset: Path, path: str
) -> None:
    put(dataset / path)
    file = entries(index_dataset(dataset))[path]
    assert (file.name, file.state) == (None, State.FILE)


def test_names_that_are_not_unicode_are_seen(dataset: Path) -> None:
    path = os.fsencode(dataset) + b"/sub-01/anat/\xff.txt"
    with open(path, "wb"):  # noqa: PTH123
        pass
    assert os.fsdecode(b"sub-01/anat/\xff.txt") in entries(index_dataset(dataset))


def test_links(dataset: Path, tmp_path: Path) -> None:
    put(tmp_path / "annex" / "content", "voxels")
    put(tmp_path / "elsewhere" / "sub-01_T2w.nii.gz")
    anat = dataset / "sub-01/anat"
    (anat / "sub-01_T2w.nii.gz").symlink_to(tmp_path / "annex" / "content")
    (anat / "sub-01_FLAIR.nii.gz").symlink_to("../../.git/annex/objects/missing")
    (dataset / "sub-01/fmap").symlink_to(tmp_path / "elsewhere")
    found = entries(index_dataset(dataset))
    content = found["sub-01/anat/sub-01_T2w.nii.gz"]
    assert (content.state, content.size) == (State.FILE, 6)
    assert found["sub-01/anat/sub-01_FLAIR.nii.gz"].state is State.BROKEN_LINK
    assert found["sub-01/fmap"].state is State.FOLDER_LINK
    assert not any(path.startswith("sub-01/fmap/") for path in found)


def test_a_link_to_itself_is_a_link_to_nothing(dataset: Path) -> None:
    (dataset / "sub-01/loop").symlink_to("loop")
    assert entries(index_dataset(dataset))["sub-01/loop"].state is State.BROKEN_LINK


def test_a_hidden_folder_is_one_entry(dataset: Path) -> None:
    put(dataset / ".git/config")
    put(dataset / "sub-01/.heudiconv/Doe.txt")
    found = entries(index_dataset(dataset))
    assert found[".git"].state is State.HIDDEN_FOLDER
    assert found["sub-01/.heudiconv"].state is State.HIDDEN_FOLDER
    assert not any(path.startswith((".git/", "sub-01/.heudiconv/")) for path in found)


def test_what_is_neither_file_nor_folder_is_special(dataset: Path) -> None:
    os.mkfifo(dataset / "sub-01/anat/sub-01_T2w.nii.gz")
    file = entries(index_dataset(dataset))["sub-01/anat/sub-01_T2w.nii.gz"]
    assert file.state is State.SPECIAL


_INDEX = """
import json, sys
from pathlib import Path
from bidsdeid.io.tree import index_dataset
from bidsdeid.errors import InputError
try:
    index = index_dataset(Path(sys.argv[1]))
except InputError as error:
    print(json.dumps(error.exit_code))
else:
    files = [f for own in index.participants.values() for f in own]
    print(json.dumps({str(f.path): f.state.name for f in files}))
"""

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2


def _obey_permissions() -> None:
    """Give up, from the next program on, root's privilege to read what it may not."""
    if os.geteuid() == 0:
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def as_a_mere_user(dataset: Path) -> object:
    """Index a dataset bound by its permissions, and return the states, or the exit code."""
    done = subprocess.run(
        [sys.executable, "-c", _INDEX, str(dataset)],
        capture_output=True,
        check=False,
        preexec_fn=_obey_permissions,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_folders_and_files_that_may_not_be_read_are_told(dataset: Path) -> None:
    put(dataset / "sub-01/func/sub-01_task-rest_bold.nii.gz")
    (dataset / "sub-01/func").chmod(0o000)
    (dataset / "sub-01/anat/sub-01_T1w.nii.gz").chmod(0o000)
    found = as_a_mere_user(dataset)
    (dataset / "sub-01/func").chmod(0o755)
    assert isinstance(found, dict)
    assert found["sub-01/func"] == "UNREADABLE"
    assert found["sub-01/anat/sub-01_T1w.nii.gz"] == "UNREADABLE"
    assert found["sub-01/anat/sub-01_T1w.json"] == "FILE"


def test_a_dataset_that_may_not_be_read_is_an_error(dataset: Path) -> None:
    assert isinstance(as_a_mere_user(dataset), dict)
    dataset.chmod(0o000)
    answer = as_a_mere_user(dataset)
    dataset.chmod(0o755)
    assert answer == 66


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_dataset_that_is_no_folder_is_an_error(tmp_path: Path, name: str) -> None:
    put(tmp_path / "file")
    with pytest.raises(InputError):
        index_dataset(tmp_path / name)


def test_indexing_writes_nothing(dataset: Path) -> None:
    def state() -> list[tuple[str, int, int]]:
        every = sorted([dataset, *dataset.rglob("*")])
        return [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in every]

    before = state()
    index_dataset(dataset)
    assert state() == before


def test_pointers_of_git_annex_are_not_content(tmp_path: Path) -> None:
    put(tmp_path / "pointer", "/annex/objects/MD5E-s7--abc.nii.gz\n")
    with pytest.raises(ImageError, match="datalad get"):
        read_bytes(tmp_path / "pointer")
    put(tmp_path / "content", "annex")
    assert read_bytes(tmp_path / "content") == b"annex"
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "missing")


def test_paths_are_relative_to_the_dataset(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dataset.parent)
    index = index_dataset(Path("bids"))
    assert index == index_dataset(dataset)
    assert index.shared[0].path == PurePosixPath("dataset_description.json")


def test_labels_of_participants_and_their_sessions_are_those_of_folders(dataset: Path) -> None:
    put(dataset / "sub-10/ses-pre/anat/x")
    put(dataset / "sub-10/ses-20190304/anat/x")
    for path in (
        "sub-11", "ses-root/x", "sub-10/ses-file", "sub-a b/x", "sub-/x", "xsub-12/x",
        "sub-10/anat/ses-deep/x", "derivatives/sub-13/x", "sub-10/ses-a_b/x",
    ):  # fmt: skip
        put(dataset / path)
    labels = source_labels(dataset)
    assert labels == {"01": (), "02": ("a",), "10": ("20190304", "pre")}
    assert list(labels) == list(index_dataset(dataset).participants)


def test_links_to_folders_are_labels_too(dataset: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/ses-b/x")
    (dataset / "sub-03").symlink_to(tmp_path / "elsewhere")
    (dataset / "sub-04").symlink_to(tmp_path / "missing")
    (dataset / "sub-05").symlink_to("sub-05")
    (dataset / "sub-01/ses-x").symlink_to("ses-x")
    assert source_labels(dataset) == {"01": (), "02": ("a",), "03": ("b",)}
    assert list(index_dataset(dataset).participants) == ["01", "02", "03"]


@pytest.mark.parametrize("name", ["missing", "file"])
def test_labels_of_what_is_no_folder_are_an_error(tmp_path: Path, name: str) -> None:
    put(tmp_path / "file")
    with pytest.raises(InputError):
        source_labels(tmp_path / name)


def test_metadata_are_all_json_and_tsv_files_but_hidden_ones_and_derivatives(
    dataset: Path,
) -> None:
    for path in (
        "sub-01/.heudiconv/info.json", ".git/x.json", "derivatives/a/b.json",
        "sourcedata/derivatives/x.tsv", "phenotype/interview.tsv", "sourcedata/sub-01/dump.json",
        "sub-02/ses-a/sub-02_ses-a_scans.tsv", "sub-01/func/x_physio.tsv.gz", "notes.txt",
        "sub-01/Jane Doe.json", "x.JSON", "extra.json/inner.tsv",
    ):  # fmt: skip
        put(dataset / path)
    assert [str(path) for path in metadata_files(dataset)] == [
        "dataset_description.json",
        "participants.tsv",
        "extra.json/inner.tsv",
        "phenotype/interview.tsv",
        "sourcedata/sub-01/dump.json",
        "sub-01/Jane Doe.json",
        "sub-01/anat/sub-01_T1w.json",
        "sub-02/ses-a/sub-02_ses-a_scans.tsv",
    ]


def test_names_of_metadata_that_are_not_unicode_are_yielded(dataset: Path) -> None:
    with open(os.fsencode(dataset) + b"/sub-01/\xff.json", "wb"):  # noqa: PTH123
        pass
    assert PurePosixPath(os.fsdecode(b"sub-01/\xff.json")) in set(metadata_files(dataset))
