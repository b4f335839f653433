from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsdeid.config import Config
from bidsdeid.core.brain import BrainEstimate, BrainMask
from bidsdeid.core.braingates import BrainMetrics
from bidsdeid.core.estimate import Attempt, FaceEstimate, Head
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.nifti import Image
from bidsdeid.core.policy import Decision
from bidsdeid.errors import GateError
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.faces import FaceFinder, Hint
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


def face_of(image: Image, pose: Any) -> FaceEstimate:  # noqa: ANN401
    """Return the face of a head whose place is told."""
    hint = Hint("told", np.linalg.inv(pose), pydeface_atlas())
    head = Head.of(image.data[..., 0], image.affine)
    return FaceFinder((), FaceStyle(), Path()).place(head, hint)


def test_a_volume_that_shows_nothing_is_not_asked_whether_its_face_is_gone() -> None:
    image, _ = series(STILL, STILL)
    image.data[..., 1] = 0
    treatment = treatment_of(CONFIG, face_of(image, STILL), image)
    assert treatment.remove is not None
    assert treatment.remove.any()


def rolled(image: Image, voxels: int, axis: int, volume: int = 1) -> None:
    """Move the head in one volume."""
    image.data[..., volume] = np.roll(image.data[..., 0], voxels, axis=axis)


def noise(image: Image, most: float) -> Any:  # noqa: ANN401
    """Return noise of which the brightest is so much brighter than a head."""
    rng = np.random.default_rng(0)
    return rng.uniform(0, most * image.data[..., 0].max(), image.data.shape[:3])


@pytest.mark.parametrize(
    ("axis", "voxels"), [(2, 10), (2, -10), (1, -4)], ids=["40 mm up", "40 mm down", "16 mm back"]
)
def test_a_volume_in_which_the_face_lies_elsewhere_stops_the_series(
    axis: int, voxels: int
) -> None:
    image, _ = series(STILL, STILL)
    rolled(image, voxels, axis)
    with pytest.raises(GateError, match="the head moved in a series"):
        treatment_of(CONFIG, face_of(image, STILL), image)


@pytest.mark.parametrize("sign", [1, -1], ids=["bright", "stored as dark"])
def test_volumes_brighter_than_any_head_do_not_hide_one_that_moved(sign: int) -> None:
    image, _ = series(STILL, STILL, STILL, STILL)
    image.data[..., 2] = noise(image, 2.0)
    image.data[..., 3] = image.data[..., 2].max() * 3  # all of one value
    image = Image(image.header, sign * image.data)
    image.header["scl_slope"] = sign
    face = face_of(Image(image.header, sign * image.data), STILL)
    rolled(image, 4, axis=1)
    with pytest.raises(GateError, match="the head moved in a series"):
        treatment_of(CONFIG, face, image)


@pytest.mark.parametrize("value", [0.0, 1e5, np.nan], ids=["nothing", "bright", "no numbers"])
def test_a_volume_of_one_value_is_compared_with_nothing(value: float) -> None:
    image, brain = series(STILL, STILL, STILL)
    image = Image(image.header, image.data - image.data.max())  # darker than nothing
    image.data[..., 1] = value
    for found in (face_of(image, STILL), brain):
        treatment = treatment_of(CONFIG, found, image)
        assert treatment.remove is not None
        assert treatment.remove.any()


def test_a_series_that_is_stripped_shows_the_head_in_each_volume() -> None:
    image, brain = series(STILL, STILL, STILL)
    image.data[..., 2] = noise(image, 0.1)
    with pytest.raises(GateError, match="not to be seen in the same way"):
        treatment_of(CONFIG, brain, image)


def test_a_volume_in_which_the_head_nods_stops_the_series() -> None:
    image, _ = series(STILL, STILL, move(pitch=-35))
    with pytest.raises(GateError, match="the head moved in a series"):
        treatment_of(CONFIG, face_of(image, STILL), image)


def test_a_volume_that_is_unlike_the_others_must_lose_its_face_all_the_same() -> None:
    image, _ = series(STILL, STILL)
    assert treatment_of(CONFIG, face_of(image, STILL), image).remove is not None
    values = noise(image, 0.5)
    values[:, -14:] = 0  # so that what is brightest lies before the brain, and stays
    image.data[..., 1] = values
    with pytest.raises(GateError, match="in one of its volumes"):
        treatment_of(CONFIG, face_of(image, STILL), image)
