from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from bidsdeid.core.voxels import Affine, Floats
from bidsdeid.engines import niimath
from bidsdeid.engines.niimath import NiimathEngine
from bidsdeid.errors import EngineError
from heads import apart, coarse_atlas, move, person

#: How the person differs from the atlas: moved, turned and a little larger.
MOVE = move(pitch=5, shift=(4, -7, 9), size=(1.03, 1.0, 1.02))

#: A landmark this far off (mm) is where it was.
NEAR_MM = 3.0


@lru_cache(maxsize=1)
def subject() -> tuple[Floats, Affine]:
    return person(MOVE)


def oblique() -> tuple[Floats, Affine]:
    """Return the subject on a grid that is turned by 25 degrees, and stored front to back."""
    volume, affine = person(MOVE, turned=move(pitch=25)[:3, :3])
    image = nib.Nifti1Image(volume, affine)
    axes = nib.orientations.axcodes2ornt(("P", "L", "S"))
    turned = image.as_reoriented(
        nib.orientations.ornt_transform(nib.io_orientation(image.affine), axes)
    )
    assert nib.aff2axcodes(turned.affine) == ("P", "L", "S")
    return np.asarray(turned.dataobj, dtype=np.float32), np.asarray(turned.affine)


def find(volume: Floats, affine: Affine, folder: Path, threads: int = 1) -> Affine:
    """Return the affine, world of the volume → world of the atlas."""
    folder.mkdir()
    return NiimathEngine(threads).register(volume, affine, coarse_atlas(), folder)


def test_the_head_is_found_by_any_number_of_threads_alike(tmp_path: Path) -> None:
    one = find(*oblique(), tmp_path / "one", 1)
    assert apart(np.linalg.inv(one), MOVE) < NEAR_MM
    np.testing.assert_array_equal(one, find(*oblique(), tmp_path / "two", 2))


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


def test_the_program_is_told_what_to_do_and_its_answer_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = "[[1,0,0,5],[0,2,0,6],[0,0,3,7],[0,0,0,1]]"
    program(
        tmp_path, monkeypatch,
        f"""echo "$@" "$OMP_NUM_THREADS" > said
        echo '{{"moving_to_fixed": {answer}}}' > affine.json""",
    )  # fmt: skip
    folder = tmp_path / "work"
    folder.mkdir()
    volume, affine = subject()
    engine = NiimathEngine(3, "nmi", as_stored=True)
    found = engine.register(volume, affine, coarse_atlas(), folder)
    np.testing.assert_array_equal(found, np.array(json.loads(answer)))
    said = (folder / "said").read_text("utf-8").split()
    assert said[said.index("-cost") + 1] == "nmi"
    assert said[-1] == "3"
    head, atlas = (nib.Nifti1Image.from_filename(folder / n) for n in ("head.nii", "atlas.nii"))
    assert said[:3] == ["head.nii", "-allineate", "atlas.nii"]
    np.testing.assert_allclose(head.affine, affine)
    np.testing.assert_array_equal(head.get_fdata(), volume)
    assert atlas.shape == coarse_atlas().head.shape
    assert head.header.get_xyzt_units()[0] == "mm"


def test_the_program_is_shown_even_brightness_and_the_head_on_the_atlas_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it answers holds for the image as it is."""
    answer = "[[1,0,0,5],[0,2,0,6],[0,0,3,7],[0,0,0,1]]"
    program(tmp_path, monkeypatch, f"""echo '{{"moving_to_fixed": {answer}}}' > affine.json""")
    folder = tmp_path / "work"
    folder.mkdir()
    volume, affine = subject()
    slope = np.exp(np.linspace(-1, 1, volume.shape[1]))[None, :, None]
    away = affine + np.array([[0, 0, 0, 300.0], [0] * 4, [0] * 4, [0] * 4])
    bent = np.asarray(volume * slope, np.float32)
    found = NiimathEngine().register(bent, away, coarse_atlas(), folder)
    shown = nib.Nifti1Image.from_filename(folder / "head.nii")
    shift = np.asarray(shown.affine) @ np.linalg.inv(away)
    np.testing.assert_allclose(shift[:3, :3], np.eye(3), atol=1e-5)
    assert np.linalg.norm(np.asarray(shown.affine) - affine) < 40  # the two heads lie together
    np.testing.assert_allclose(found, np.array(json.loads(answer)) @ shift, atol=1e-3)

    even = np.asarray(shown.dataobj).copy()
    NiimathEngine().register(volume, affine, coarse_atlas(), folder)
    plain = np.asarray(nib.Nifti1Image.from_filename(folder / "head.nii").dataobj)

    def bias(data: NDArray[Any], straight: NDArray[Any]) -> float:
        """Return how much more the front is brighter than the back, as a power of e."""
        tissue = straight > 0.3 * straight.max()
        ratio = np.log(np.maximum(data, 1e-6) / np.maximum(straight, 1e-6))
        back, front = np.array_split(np.where(tissue, ratio, np.nan), 2, axis=1)
        return float(np.nanmean(front) - np.nanmean(back))

    assert abs(bias(even, plain)) < 0.5 * bias(bent, volume)


def test_a_missing_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(niimath, "_program", lambda: tmp_path / "niimath")
    assert NiimathEngine().missing() == ("niimath is not in its package",)
