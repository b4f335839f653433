from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.errors import EngineError, UsageError
from bidsdeid.io.volume import is_whole, read_found, read_mask, read_volume
from template_files import save

SHAPE = (4, 5, 6)
GRID = np.diag([2.0, 2.0, 2.0, 1.0])
BLOCK = np.zeros(SHAPE, dtype=np.float32)
BLOCK[1:3, 1:3, 1:3] = 1


def test_a_volume_is_read_as_it_is(tmp_path: Path) -> None:
    data, affine = read_volume(save(tmp_path / "a.nii.gz", BLOCK[..., None], GRID), "x")
    assert data.shape == SHAPE
    assert (data == BLOCK).all()
    assert (affine == GRID).all()


@pytest.mark.parametrize(
    ("data", "affine", "word"),
    [
        (np.zeros((4, 5, 6, 2)), GRID, "one 3-D volume"),
        (np.zeros((4, 5)), GRID, "axes"),
        (np.zeros((4, 5, 1)), GRID, "one 3-D volume"),
        (np.full(SHAPE, np.nan), GRID, "no numbers"),
        (np.full(SHAPE, np.inf), GRID, "no numbers"),
    ],
)
def test_what_is_no_volume(
    tmp_path: Path, data: np.ndarray, affine: np.ndarray, word: str
) -> None:
    path = save(tmp_path / "a.nii.gz", data, affine)
    with pytest.raises(UsageError, match=f"the atlas .*{word}"):
        read_volume(path, "the atlas")
    assert not is_whole(path)


def test_scaled_values_count(tmp_path: Path) -> None:
    image = nib.Nifti1Image((BLOCK * 200).astype(np.uint8), GRID)
    image.header.set_slope_inter(0.005, 0)
    nib.save(image, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[112:116] = np.float32(0.005).tobytes()  # nibabel leaves scl_slope out of what it is given
    (tmp_path / "a.nii").write_bytes(raw)
    assert (read_mask(tmp_path / "a.nii", "x", SHAPE, GRID) == (BLOCK > 0)).all()


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "flipped"])
def test_a_damaged_file_is_told(tmp_path: Path, damage: str) -> None:
    rng = np.random.default_rng(0)
    path = save(tmp_path / "a.nii.gz", rng.random((20, 20, 20)), GRID)
    assert is_whole(path)
    whole = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("not here")
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case _:
            middle = len(whole) // 2
            path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    with pytest.raises(UsageError, match="cannot be read"):
        read_volume(path, "x")
    assert not is_whole(path)


def test_a_mask_is_read_with_a_little_noise(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", BLOCK * 0.98, GRID + 1e-5)
    assert (read_mask(path, "x", SHAPE, GRID) == (BLOCK > 0)).all()


@pytest.mark.parametrize(
    ("data", "affine", "word"),
    [
        (BLOCK[:, :, :5], GRID, "grid"),
        (BLOCK, GRID + 0.002, "grid"),
        (BLOCK * 255, GRID, "other values"),
        (BLOCK * 0.5, GRID, "other values"),
        (BLOCK * 0, GRID, "the same everywhere"),
        (BLOCK * 0 + 1, GRID, "the same everywhere"),
    ],
)
def test_what_is_no_mask(tmp_path: Path, data: np.ndarray, affine: np.ndarray, word: str) -> None:
    path = save(tmp_path / "a.nii.gz", data, affine)
    with pytest.raises(UsageError, match=f"the face mask .*{word}"):
        read_mask(path, "the face mask", SHAPE, GRID)


@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
def test_a_mask_that_a_program_wrote_is_read(tmp_path: Path, kind: str) -> None:
    for data in (BLOCK, BLOCK[..., None]):
        nib.save(nib.Nifti1Image(data.astype(kind), GRID), tmp_path / "a.nii.gz")
        mask = read_found(tmp_path / "a.nii.gz", "a program", SHAPE)
        assert mask.dtype == bool
        np.testing.assert_array_equal(mask, BLOCK > 0)


def test_in_what_a_program_wrote_half_is_enough(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", np.where(BLOCK, 0.5, 0.49), GRID)
    np.testing.assert_array_equal(read_found(path, "a program", SHAPE), BLOCK > 0)


def test_a_program_may_have_found_nothing(tmp_path: Path) -> None:
    assert not read_found(save(tmp_path / "a.nii.gz", BLOCK * 0, GRID), "x", SHAPE).any()


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut"])
def test_a_program_that_left_no_mask_found_nothing(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path / "a.nii.gz", np.random.default_rng(0).random((20, 20, 20)), GRID)
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("not here")
        case _:
            path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(EngineError, match="a program left no mask") as caught:
        read_found(path, "a program", (20, 20, 20))
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("shape", [(4, 5, 7), (5, 4, 6), (4, 5)])
def test_a_mask_on_another_grid_is_not_this_image_s(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = save(tmp_path / "a.nii.gz", BLOCK, GRID)
    with pytest.raises(EngineError, match="a program left a mask on another grid"):
        read_found(path, "a program", shape)
