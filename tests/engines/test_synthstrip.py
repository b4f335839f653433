from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from bidsdeid.core.conform import FREESURFER, Procedure, conform
from bidsdeid.core.plumbgrid import NIPREPS
from bidsdeid.core.voxels import Bools, Floats, Stored
from bidsdeid.engines import synthstrip
from bidsdeid.engines.synthstrip import SynthStripEngine
from bidsdeid.errors import EngineError, ToolError
from bidsdeid.io.weights import PUBLISHED, WITH_CSF, WITHOUT_CSF, find_weights
from checkpoints import random_weights, shapes, threshold_weights, write_checkpoint

SHAPE = (40, 50, 30)
GRID = np.array([[0, 2.0, 0, -50], [-1.5, 0, 0, 30], [0, 0, 2.5, -40], [0, 0, 0, 1]])


def cloud() -> Floats:
    """Return a head: 0 in the air, brighter towards the middle of its brain."""
    place = np.moveaxis(np.indices(SHAPE), 0, -1) @ GRID[:3, :3].T
    far = np.linalg.norm(place - GRID[:3, :3] @ [19, 26, 14], axis=-1)
    return np.asarray(np.clip(40 - far, 0, None) * 20, np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Distances of 5 in the air to -5 where it is brightest.
    return write_checkpoint(tmp_path_factory.mktemp("w") / "a.pt", threshold_weights(5, -10))


def find(engine: SynthStripEngine, work_dir: Path, volume: Stored | None = None) -> Bools:
    return engine.find(cloud() if volume is None else volume, GRID, work_dir)


def brighter_than(share: float) -> Bools:
    """Return where the head is brighter than a share of what the network takes for brightest."""
    seen = conform(cloud(), GRID)
    # The network sees mm, all of them: a voxel of the image is 2 * 1.5 * 2.5 of them.
    count = round(seen.volume.size * 0.01 / (2 * 1.5 * 2.5))
    return np.asarray(cloud() > share * np.sort(cloud().ravel())[-count])


def test_the_brain_is_found_where_the_network_sees_it(weights: Path, tmp_path: Path) -> None:
    head = cloud()
    before = head.copy()
    # The border is a distance: 5 - 10 * brightness < border.
    for border, share in ((1.0, 0.4), (-2.0, 0.7), (4.0, 0.1)):
        mask = find(SynthStripEngine(weights, border_mm=border), tmp_path, head)
        assert mask.shape == SHAPE
        assert mask.dtype == bool
        true = brighter_than(share)
        assert 1000 < true.sum() < 50_000
        assert (mask != true).mean() < 0.02
        assert mask.sum() == pytest.approx(true.sum(), rel=0.06)
    np.testing.assert_array_equal(head, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("border", "bound"), [(1, 1.0), (0, -1.0), (3, 3.0)])
def test_the_brain_is_found_with_the_grid_of_nipreps(
    weights: Path, tmp_path: Path, border: float, bound: float
) -> None:
    head = cloud()
    before = head.copy()
    engine = SynthStripEngine(weights, border_mm=border, procedure=NIPREPS)
    mask = find(engine, tmp_path, head)
    assert mask.shape == SHAPE
    assert mask.dtype == bool
    # 5 - 10 * brightness < bound: on a grid of whole mm the border is one, too.
    true = brighter_than((5 - bound) / 10)
    assert 1000 < true.sum() < 50_000
    assert (mask != true).mean() < 0.02
    assert mask.sum() == pytest.approx(true.sum(), rel=0.06)
    np.testing.assert_array_equal(head, before)
    assert list(tmp_path.iterdir()) == []


def test_neither_the_grid_of_nipreps_nor_the_way_back_is_freesurfers(
    weights: Path, tmp_path: Path
) -> None:
    procedures = [
        Procedure("", there.conform, back.within)
        for there in (FREESURFER, NIPREPS)
        for back in (FREESURFER, NIPREPS)
    ]
    masks = [
        find(SynthStripEngine(weights, border_mm=0, procedure=procedure), tmp_path).tobytes()
        for procedure in procedures
    ]
    assert len(set(masks)) == 4


def test_type_of_the_voxels_and_number_of_threads_change_nothing(
    weights: Path, tmp_path: Path
) -> None:
    head = np.rint(cloud()).astype(np.int16)
    first = find(SynthStripEngine(weights), tmp_path, head)
    assert first.any()
    again = find(SynthStripEngine(weights, threads=3), tmp_path, head.astype(np.float64))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("value", [0, -3])
@pytest.mark.parametrize("procedure", [FREESURFER, NIPREPS])
def test_an_image_with_nothing_to_see_is_an_engine_that_found_nothing(
    weights: Path, tmp_path: Path, value: float, procedure: Procedure
) -> None:
    engine = SynthStripEngine(weights, procedure=procedure)
    with pytest.raises(EngineError, match="nothing in the image"):
        find(engine, tmp_path, np.full(SHAPE, value, np.float32))


def test_what_the_network_does_not_find_is_not_marked(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", threshold_weights(5, 0))
    assert not find(SynthStripEngine(path), tmp_path).any()


def test_weights_that_were_changed_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    masks = []
    for offset in (5, 3):
        write_checkpoint(path, threshold_weights(offset, -10))
        masks.append(find(SynthStripEngine(path), tmp_path))
    assert masks[0].sum() < masks[1].sum()


def test_the_network_stays_in_memory_for_the_next_image(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = find(SynthStripEngine(weights), tmp_path)

    def not_again(path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(synthstrip, "read_checkpoint", not_again)
    np.testing.assert_array_equal(find(SynthStripEngine(weights), tmp_path), first)


def test_weights_with_and_without_fluid_are_not_confused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / WITH_CSF, threshold_weights(3, -10))
    write_checkpoint(tmp_path / WITHOUT_CSF, threshold_weights(6, -10))
    with_csf, without = (
        find(SynthStripEngine(tmp_path, csf=csf), tmp_path).sum() for csf in (True, False)
    )
    assert without < with_csf


@pytest.mark.parametrize("content", [b"", b"weights"])
def test_a_file_that_holds_no_weights_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(ToolError, match="SynthStrip's weights cannot be used: it cannot be read"):
        find(SynthStripEngine(path), tmp_path)


def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pt", {"a": np.zeros(3, np.float32)})
    with pytest.raises(ToolError, match=r"cannot be used: .* not those of SynthStrip's network"):
        find(SynthStripEngine(path), tmp_path)


def test_a_network_with_more_levels_than_the_grid_allows_is_told(tmp_path: Path) -> None:
    deep = random_weights(0, shapes((1,) * 7, (1,) * 7, (1, 1, 1)))
    path = write_checkpoint(tmp_path / "a.pt", deep)
    with pytest.raises(ToolError, match="cannot be used: they are of a network with more levels"):
        find(SynthStripEngine(path), tmp_path)


def test_nothing_is_missing_where_all_is_installed(weights: Path) -> None:
    assert SynthStripEngine(weights).missing() == ()


def test_what_is_missing_is_told_with_what_to_do(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sentence,) = SynthStripEngine(tmp_path / "away.pt").missing()
    assert "not where they are said to be" in sentence
    (sentence,) = SynthStripEngine(weights, gpu=True).missing()
    assert "no GPU" in sentence
    real = importlib.util.find_spec
    absent = {"onnx", "onnxruntime"}

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in absent else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    for engine in (SynthStripEngine(weights), SynthStripEngine(weights, gpu=True)):
        sentences = engine.missing()
        assert [s.split()[0] for s in sentences] == ["onnx", "onnxruntime"]
        assert all("pip install 'bidsdeid[synthstrip]'" in s for s in sentences)
    absent.remove("onnx")
    assert len(SynthStripEngine(tmp_path / "away.pt").missing()) == 2


def test_the_version_says_which_weights(weights: Path) -> None:
    version = SynthStripEngine(weights).version()
    assert version.startswith("SynthStrip (weights of the user's, sha256 ")
    digest = version.split("sha256 ")[1].split(";")[0]
    assert len(digest) == 12
    assert find_weights(weights).sha256.startswith(digest)
    assert "; onnxruntime 1." in version


def test_the_version_says_whose_grid_it_is(weights: Path) -> None:
    own, nipreps = SynthStripEngine(weights), SynthStripEngine(weights, procedure=NIPREPS)
    assert own.version().startswith("SynthStrip (")
    assert nipreps.version() == own.version().replace(
        "SynthStrip (", "SynthStrip on the grid of nipreps-synthstrip ("
    )


def test_published_weights_are_called_so(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = find_weights(weights).sha256
    monkeypatch.setitem(PUBLISHED, WITH_CSF, digest)
    assert SynthStripEngine(weights).version().startswith("SynthStrip (published weights, ")


def test_the_mask_has_the_grid_of_the_image_whatever_it_is(weights: Path, tmp_path: Path) -> None:
    head = cloud()
    mask = find(SynthStripEngine(weights), tmp_path)
    # Voxel (i, j, k) of the other grid is voxel (39 - j, k, i) of the first.
    other = np.ascontiguousarray(np.transpose(head, (2, 0, 1))[:, ::-1])
    turned = GRID @ np.array([[0, -1, 0, 39], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]])
    found = SynthStripEngine(weights).find(other, turned, tmp_path)
    assert mask.any()
    assert (found != np.transpose(mask, (2, 0, 1))[:, ::-1]).mean() < 0.005
