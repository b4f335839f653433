from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.core.head import dice
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, carry, downsample
from bidsdeid.engines import niimath
from bidsdeid.engines.base import FaceMask
from bidsdeid.engines.niimath import NiimathEngine
from bidsdeid.errors import EngineError
from bidsdeid.resources import Atlas, pydeface_atlas


@lru_cache(maxsize=1)
def coarse() -> Atlas:
    """Return the atlas at 4 mm, so that a registration takes a second."""
    atlas = pydeface_atlas()
    head, affine = downsample(atlas.head, atlas.affine, 4.0)
    keep, _ = downsample(atlas.keep.astype(np.float32), atlas.affine, 4.0)
    return Atlas("coarse", head, keep >= HALF, affine)


#: How the person differs from the atlas: moved, turned and a little larger.
MOVE = np.array(
    [
        [1.03, 0, 0, 4],
        [0, np.cos(0.08), -np.sin(0.08), -7],
        [0, np.sin(0.08), 1.02 * np.cos(0.08), 9],
        [0, 0, 0, 1],
    ]
)


@lru_cache(maxsize=1)
def subject() -> tuple[Floats, Affine]:
    """Return the atlas as a person, on a grid of 3 mm."""
    atlas = pydeface_atlas()
    head, affine = downsample(atlas.head, atlas.affine, 3.0)
    return head, MOVE @ affine


def oriented(codes: str) -> tuple[Floats, Affine]:
    """Return the subject with its voxels stored in another order."""
    image = nib.Nifti1Image(*subject())
    axes = nib.orientations.axcodes2ornt(tuple(codes))
    turned = image.as_reoriented(
        nib.orientations.ornt_transform(nib.io_orientation(image.affine), axes)
    )
    assert "".join(nib.aff2axcodes(turned.affine)) == codes
    return np.asarray(turned.dataobj, dtype=np.float32), np.asarray(turned.affine)


def oblique() -> tuple[Floats, Affine]:
    """Return the subject resampled to a grid that is turned by 25 degrees."""
    head, affine = subject()
    angle = np.deg2rad(25)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle = affine @ [*(np.array(head.shape) / 2), 1]
    shape = (62, 116, 116)
    grid = turn @ np.diag([3.0, 3.0, 3.0, 1.0])
    grid[:3, 3] = middle[:3] - grid[:3, :3] @ (np.array(shape) / 2)
    return carry(head, affine, shape, grid, np.eye(4)), grid


def find(volume: Floats, affine: Affine, folder: Path, threads: int = 1) -> FaceMask:
    folder.mkdir()
    return NiimathEngine(threads).find(volume, affine, coarse(), folder)


def on_subject(mask: FaceMask, affine: Affine) -> Bools:
    """Carry a mask to the subject's own grid."""
    head, own = subject()
    kept = carry((~mask.remove).astype(np.uint8), affine, head.shape, own, np.eye(4))
    inside = carry(np.ones(mask.remove.shape, np.uint8), affine, head.shape, own, np.eye(4))
    return np.asarray((kept < HALF) & (inside > HALF))


def test_the_same_face_is_found_in_every_orientation(tmp_path: Path) -> None:
    head, affine = subject()
    assert nib.aff2axcodes(affine) == ("R", "A", "S")
    expected = find(head, affine, tmp_path / "RAS").remove
    atlas = coarse()
    keep = atlas.keep.astype(np.uint8)
    truth = carry(keep, atlas.affine, head.shape, affine, np.linalg.inv(MOVE)) < HALF
    assert dice(expected, np.asarray(truth)) > 0.95
    tissue = head > np.percentile(head, 40)
    assert (expected & tissue).any()
    for name, (volume, grid) in {
        "LAS": oriented("LAS"), "LPS": oriented("LPS"), "oblique": oblique(),
    }.items():  # fmt: skip
        mask = find(volume, grid, tmp_path / name)
        assert mask.remove.shape == volume.shape
        assert dice(on_subject(mask, grid) & tissue, expected & tissue) > 0.98, name


def test_the_answer_does_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    one, two, again = (
        find(*subject(), tmp_path / name, threads)
        for name, threads in (("one", 1), ("two", 2), ("again", 1))
    )
    for other in (two, again):
        np.testing.assert_array_equal(one.to_atlas, other.to_atlas)
        np.testing.assert_array_equal(one.remove, other.remove)
    assert one.engine.startswith("niimath ")


def test_nothing_is_missing_and_the_version_is_told() -> None:
    assert NiimathEngine().missing() == ()
    assert NiimathEngine().version().split()[1][0].isdigit()


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "niimath"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(niimath, "_program", lambda: path)


@pytest.mark.parametrize(
    "script",
    [
        "exit 3",
        """echo '{"moving_to_fixed": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}'>affine.json
        exit 3""",
        "kill -9 $$",
        "exit 0",
        "echo '{' > affine.json",
        "echo '[]' > affine.json",
        "echo '{}' > affine.json",
        """echo '{"moving_to_fixed": "x"}' > affine.json""",
        """echo '{"moving_to_fixed": [[1, 0], [0, 1]]}' > affine.json""",
        """echo '{"moving_to_fixed": [[1,0,0,0],[0,NaN,0,0],[0,0,1,0],[0,0,0,1]]}'>affine.json""",
        """echo '{"moving_to_fixed": [[1,0,0,0],[0,1,0,0],[0,0,0,0],[0,0,0,1]]}'>affine.json""",
    ],
    ids=[
        "fails",
        "fails with an answer", "killed", "no answer", "no json", "a list", "no field", "text",
        "two axes", "nan",
        "flat",
    ],
)  # fmt: skip
def test_a_program_that_fails_is_an_engine_that_found_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(tmp_path, monkeypatch, script)
    with pytest.raises(EngineError):
        find(*subject(), tmp_path / "work")


def test_a_missing_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(niimath, "_program", lambda: tmp_path / "niimath")
    assert NiimathEngine().missing() == ("niimath is not in its package",)
