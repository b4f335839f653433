from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from bidsdeid.core.estimate import FaceEstimate
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.nifti import Image
from bidsdeid.core.triage import Triage
from bidsdeid.core.voxels import remove_voxels
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.exhibits import Exhibit, exhibit
from bidsdeid.run.face_cascade import cascade
from bidsdeid.run.faces import FaceFinder
from heads import move, person

Bools = NDArray[np.bool_]


@lru_cache(maxsize=1)
def head() -> tuple[Image, FaceEstimate]:
    """Return a head, and the face that is found in it."""
    volume, grid = person(move(pitch=4), zoom=2.0)
    data = np.ascontiguousarray(volume).astype(np.int16)
    image = nib.Nifti1Image(data, grid)
    image.header["descrip"] = b"somebody's scan"
    before = Image(image.header, data)
    steps = cascade((pydeface_atlas(),), "auto", None, 1)
    return before, FaceFinder(steps, FaceStyle(), Path()).find(before.head())


def release(remove: Bools) -> Image:
    """Return what is released if these voxels go."""
    before, _ = head()
    after = nib.Nifti1Image(before.data, before.affine).header
    data = remove_voxels(before.data, remove, fill=0) if remove.any() else before.data
    return Image(after, data)


def shown(remove: Bools, *, drawn: bool = False) -> Exhibit:
    before, found = head()
    return exhibit(found, before, release(remove), style=FaceStyle(), drawn=drawn)


def mask() -> Bools:
    before, found = head()
    return found.remove_on(before.data.shape, before.affine)


def test_a_good_release_passes() -> None:
    made = shown(mask())
    assert (made.triage, made.stops, made.doubts) == (Triage.PASS, "", ())
    assert made.numbers["brain_voxels"] == 0
    assert made.numbers["removed_voxels"] == mask()[head()[0].data != 0].sum()
    assert made.rays is not None
    assert made.pictures == {}
    assert made.volume == b""


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("untouched", np.zeros_like),
        ("upside down", lambda m: m[:, :, ::-1]),
        ("back to front", lambda m: m[:, ::-1]),
        ("20 mm up", lambda m: np.roll(m, 10, axis=2)),
        ("40 mm down", lambda m: np.roll(m, -20, axis=2)),
    ],
)
def test_what_is_released_with_another_mask_is_stopped(name: str, wrong: object) -> None:
    assert callable(wrong)
    made = shown(wrong(mask()))
    assert made.triage is Triage.FAIL, name
    assert made.stops in made.doubts


def test_pictures_change_no_number_and_no_stop() -> None:
    drawn, plain = shown(mask(), drawn=True), shown(mask())
    assert drawn.numbers == plain.numbers
    assert drawn.stops == plain.stops
    names = {"mosaic_overlay", "thumbnail"}
    names |= {f"{what}_{when}" for what in ("mosaic", "front", "left", "right")
              for when in ("before", "after")}  # fmt: skip
    assert set(drawn.pictures) == names
    assert drawn.volume[:2] == b"\x1f\x8b"
    assert set(drawn.seen) == {"front", "left", "right"}


def test_fields_of_the_header_that_changed_are_told_without_their_values() -> None:
    changes = {change.where for change in shown(mask()).header}
    assert "NIfTI descrip" in changes
    assert "NIfTI dim" not in changes
    assert not any("somebody" in repr(change) for change in shown(mask()).header)
