"""Stand-ins for TemplateFlow's files, made from pydeface's atlas at 4 mm."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.cohort import Cohort
from bidsdeid.core.voxels import HALF, Affine, Floats, downsample
from bidsdeid.io.templates import template_path
from bidsdeid.resources import pydeface_atlas

ALL = ("T1w", "T2w", "desc-brain_mask", "desc-face_mask")


@cache
def small_atlas(scale: float = 1.0) -> Atlas:
    """Return pydeface's atlas with voxels of 4 mm, its head `scale` times as large."""
    atlas = pydeface_atlas()
    head, affine = downsample(atlas.head, atlas.affine, 4.0)
    keep, _ = downsample(atlas.keep.astype(np.float32), atlas.affine, 4.0)
    brain = np.zeros(head.shape, dtype=bool)
    brain[15:30, 20:40, 25:40] = True
    return Atlas("small", head, keep >= HALF, np.diag([scale, scale, scale, 1.0]) @ affine, brain)


def save(path: Path, data: Floats, affine: Affine) -> Path:
    """Write an image, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data.astype(np.float32), affine), path)
    return path


def write_template(
    home: Path, cohort: Cohort, endings: tuple[str, ...] = ALL, *, scale: float = 0.7
) -> None:
    """Write the files of one cohort; T2w is T1w with its contrast inverted."""
    small = small_atlas(scale)
    assert small.brain is not None
    data = {
        "T1w": small.head,
        "T2w": np.where(small.head > small.head.mean(), small.head.max() - small.head, 0.0),
        "desc-brain_mask": small.brain,
        "desc-face_mask": ~small.keep,
    }
    for ending in endings:
        save(template_path(home, cohort, ending), data[ending].astype(np.float32), small.affine)
