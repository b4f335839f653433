from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.config import Config
from bidsdeid.core.brain import BrainEstimate, BrainMask
from bidsdeid.core.braingates import BrainMetrics
from bidsdeid.core.estimate import Attempt
from bidsdeid.core.nifti import Image
from bidsdeid.core.policy import Decision
from bidsdeid.errors import GateError
from bidsdeid.run.treatment import treatment_of
from heads import move, person

CONFIG = Config(Path("in"), Path("out"), Path("private"), Path("work"))
STILL, NODDED = move(), move(pitch=12)


def series(*poses: Any) -> tuple[Image, BrainEstimate]:  # noqa: ANN401
    """Return volumes of a head on one grid, and something that is kept of them."""
    volume, grid = person(STILL, zoom=4.0)
    shape = volume.shape
    middle = grid @ [*(np.array(shape) / 2), 1.0]
    frames = []
    for pose in poses:
        moved, own = person(pose, zoom=4.0)
        frames.append(moved)
        assert np.allclose(own @ [*(np.array(shape) / 2), 1.0], middle)
    data = np.stack(frames, axis=-1).astype(np.float32)
    image = nib.Nifti1Image(data, grid)
    brain = np.zeros(shape, bool)
    brain[20:45, 20:45, 30:50] = True
    mask = BrainMask.of(brain, grid)
    metrics = BrainMetrics(1400, 1.5, 0.7, 1, 1, 1, 0, 0.97, 0)
    return Image(image.header, data), BrainEstimate(
        mask.brain, mask.affine, metrics, (Attempt("told"),)
    )


def test_a_head_that_lay_still_in_a_series_is_stripped_with_one_mask() -> None:
    image, brain = series(STILL, STILL, STILL)
    treatment = treatment_of(CONFIG, brain, image)
    assert (treatment.decision, treatment.desc) == (Decision.SKULLSTRIP, "brain")
    assert treatment.stripped
    assert treatment.remove is not None
    assert treatment.remove.sum() == treatment.remove.size - 25 * 25 * 20


def test_a_head_that_moved_in_a_series_is_withheld() -> None:
    image, brain = series(STILL, STILL, STILL, NODDED)
    with pytest.raises(GateError, match="the head moved in a series"):
        treatment_of(CONFIG, brain, image)
