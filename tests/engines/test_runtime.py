from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bidsdeid
from bidsdeid.engines.runtime import SILENCE

pytest.importorskip("onnxruntime")

RUN = """
import numpy as np
from bidsdeid.engines.unet import UNet
from checkpoints import random_weights, shapes
UNet(random_weights(0, shapes((2,), (3,), last=(3, 2, 1))))(np.ones((8, 8, 8), np.float32))
"""


def test_a_network_runs_and_tells_nobody(tmp_path: Path) -> None:
    """Onnxruntime keeps a number of the machine in the home when it tells its makers of a run."""
    environment = {key: value for key, value in os.environ.items() if key != SILENCE}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"),
                    "PYTHONPATH": str(Path(__file__).parents[1])}  # fmt: skip
    subprocess.run([sys.executable, "-c", RUN], check=True, env=environment)
    assert list(tmp_path.rglob("*")) == []


def test_nobody_else_imports_it() -> None:
    folder = Path(bidsdeid.__file__).parent
    importers = {
        path.name
        for path in folder.rglob("*.py")
        if any(line.strip().startswith(("import onnxruntime", "from onnxruntime"))
               for line in path.read_text("utf-8").splitlines())
    }  # fmt: skip
    assert importers - {"unet.py", "graph.py"} == {"runtime.py"}, "the others for types only"
