from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from bidsdeid.core.head import dice
from bidsdeid.core.voxels import look_up
from bidsdeid.engines.deepbet import DeepbetEngine
from bidsdeid.errors import EngineError
from bidsdeid.resources import pydeface_atlas
from heads import person


@pytest.mark.parametrize("absent", [{"deepbet"}, {"torch"}, {"deepbet", "torch"}, set()])
def test_what_is_missing_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, absent: set[str]
) -> None:
    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in absent else ModuleSpec(name, None, origin=package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    sentences = DeepbetEngine().missing()
    assert {sentence.split()[0] for sentence in sentences} == absent
    assert all("`pip install 'bidsdeid[deepbet]'`" in sentence for sentence in sentences)


def test_deepbet_itself_finds_the_brain(tmp_path: Path) -> None:
    pytest.importorskip("deepbet")
    volume, affine = person(zoom=2.0)
    atlas = pydeface_atlas()
    assert atlas.brain is not None
    found = DeepbetEngine().find(volume, affine, tmp_path)
    true = look_up(atlas.brain, atlas.affine, volume.shape, affine, np.eye(4))
    assert found.shape == volume.shape
    assert dice(found, true) > 0.9
    assert DeepbetEngine().version().startswith("deepbet 1.")
    with pytest.raises(EngineError, match="deepbet found no brain"):
        DeepbetEngine().find(np.zeros((3, 3, 3), np.float32), np.eye(4), tmp_path)
