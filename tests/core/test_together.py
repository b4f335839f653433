from __future__ import annotations

import numpy as np
import pytest

from bidsdeid.core.proof import IN_VIEW, SKIN
from bidsdeid.core.together import together
from bidsdeid.core.zones import Rays, ray_parts

PARTS = ray_parts()


def showing(*parts: str, unseen: str = "") -> Rays:
    """Return the rays of an image that shows some parts of a face, and does not hold another."""
    rays = np.full((61, 66), IN_VIEW, np.uint8)
    for part in parts:
        rays[:, PARTS[part]] |= SKIN
    if unseen:
        rays[:, PARTS[unseen]] = 0
    return rays


def test_images_that_show_nothing_show_nothing_together() -> None:
    assert together([showing(), showing()]) == {
        "images": 2, "eyes_visible": 0, "nose_visible": 0, "mouth_visible": 0,
    }  # fmt: skip


def test_a_t1w_without_a_mouth_and_a_t2w_without_eyes_make_a_face() -> None:
    both = together([showing("eyes", "nose"), showing("mouth", "nose")])
    assert both == {"images": 2, "eyes_visible": 1, "nose_visible": 1, "mouth_visible": 1}


def test_what_one_image_does_not_hold_another_may() -> None:
    merged = together([showing("nose", unseen="mouth"), showing("mouth", unseen="nose")])
    assert (merged["nose_visible"], merged["mouth_visible"]) == (1, 1)


def test_what_no_image_holds_is_not_known() -> None:
    assert together([showing(unseen="mouth")] * 2)["mouth_visible"] is None
    assert together([]) == {
        "images": 0, "eyes_visible": None, "nose_visible": None, "mouth_visible": None,
    }  # fmt: skip


def test_merging_before_makes_no_difference() -> None:
    one, other = showing("eyes"), showing("mouth", unseen="eyes")
    one[:20] = 0
    assert {**together([one | other]), "images": 2} == together([one, other])


def test_half_a_nose_is_half_visible() -> None:
    rays = showing()
    rays[:30, PARTS["nose"]] |= SKIN
    assert together([rays])["nose_visible"] == pytest.approx(30 / 61, abs=1e-3)


def test_a_part_of_which_a_few_rays_are_in_view_is_not_known() -> None:
    rays = showing("mouth", unseen="nose")
    rays[:5, np.flatnonzero(PARTS["nose"])[:5]] = IN_VIEW | SKIN
    assert together([rays])["nose_visible"] is None
