from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bidsdeid.config import BASE_MB, BrainOptions, Config, IdentityOptions
from bidsdeid.errors import UsageError


def config(root: Path, **folders: str) -> Config:
    names = {"bids_dir": "in", "output_dir": "out", "private_dir": "out_private"} | folders
    names.setdefault("work_dir", names["private_dir"] + "/work")
    return Config(**{option: root / name for option, name in names.items()})


@pytest.mark.parametrize(
    "folders",
    [
        {},
        {"output_dir": "in/derivatives/out", "private_dir": "p"},
        {"private_dir": "in_private"},
        {"work_dir": "scratch"},
        {"output_dir": "in2"},
        {"bids_dir": "missing"},
    ],
)
def test_folders_that_are_apart_are_accepted(tmp_path: Path, folders: dict[str, str]) -> None:
    checked = config(tmp_path, **folders)
    checked.check_folders()
    assert checked.output_dir != checked.bids_dir


@pytest.mark.parametrize(
    ("folders", "word"),
    [
        ({"output_dir": "in"}, "output"),
        ({"output_dir": "in/out"}, "inside"),
        ({"output_dir": "in/derivatives"}, "inside"),
        ({"output_dir": "in/derivatives/a/b"}, "inside"),
        ({"output_dir": "in/../in/x"}, "inside"),
        ({"output_dir": "."}, "output"),
        ({"private_dir": "out"}, "--private-dir"),
        ({"private_dir": "out/private"}, "--private-dir"),
        ({"private_dir": "in/private"}, "--private-dir"),
        ({"private_dir": "."}, "--private-dir"),
        ({"work_dir": "out/work"}, "--work-dir"),
        ({"work_dir": "in"}, "--work-dir"),
        ({"work_dir": "."}, "--work-dir"),
        ({"output_dir": "link/out"}, "inside"),
        ({"private_dir": "link"}, "--private-dir"),
    ],
)
def test_folders_that_mix_public_and_private_are_refused(
    tmp_path: Path, folders: dict[str, str], word: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(UsageError, match=word) as caught:
        config(tmp_path, **folders).check_folders()
    assert caught.value.exit_code == 64


FILES = {"key": "--key", "terms_file": "--known-terms", "table": "--relabel"}


@pytest.mark.parametrize("field", sorted(FILES))
@pytest.mark.parametrize("name", ["out/secret", "out/code/secret", "in/../out/secret", "link/x"])
def test_what_is_private_may_not_lie_in_the_output(tmp_path: Path, field: str, name: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    options = IdentityOptions(**{field: tmp_path / name})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=f"{FILES[field]} lies in the output"):
        replace(config(tmp_path), identity=options).check_folders()


@pytest.mark.parametrize("field", sorted(FILES))
@pytest.mark.parametrize("name", ["secret", "out_private/secret", "in/secret", "out2/secret"])
def test_what_is_private_may_lie_elsewhere(tmp_path: Path, field: str, name: str) -> None:
    options = IdentityOptions(**{field: tmp_path / name})  # type: ignore[arg-type]
    checked = replace(config(tmp_path), identity=options)
    checked.check_folders()
    assert checked.identity == options


@pytest.mark.parametrize(
    ("memory", "nprocs", "largest", "processes"),
    [
        (None, 8, 1e6, 8),
        (8000, 8, 10, 8),
        (8000, 8, 1000, 1),
        (4 * BASE_MB, 8, 0, 4),
        (1, 8, 100, 1),
    ],
)
def test_processes_keep_to_the_memory(
    tmp_path: Path, memory: int | None, nprocs: int, largest: float, processes: int
) -> None:
    folders = dict.fromkeys(("bids_dir", "output_dir", "private_dir", "work_dir"), tmp_path)
    many = Config(**folders, nprocs=nprocs, memory_mb=memory)  # type: ignore[arg-type]
    assert many.processes(largest) == processes


def test_a_network_on_a_larger_grid_leaves_room_for_fewer_processes(tmp_path: Path) -> None:
    many = replace(config(tmp_path), nprocs=8, memory_mb=10_000)
    few = [
        replace(many, brain=BrainOptions(engine=engine)).processes(0, network=True)
        for engine in ("synthstrip", "nipreps")
    ]
    assert few == [3, 2]
