from __future__ import annotations

from itertools import pairwise

import pytest

from bidsdeid.core.facestyle import PARTS, SKIN, FaceStyle, MaskStyle, Strength


def test_a_style_that_is_not_given_is_the_standard_one() -> None:
    assert FaceStyle() == FaceStyle(MaskStyle.FACE, Strength.STANDARD, ears=False)
    assert [MaskStyle("face"), MaskStyle("pydeface")] == list(MaskStyle)
    assert [Strength("light"), Strength("standard"), Strength("strong")] == list(Strength)


def test_every_part_of_a_face_has_a_height_of_its_own() -> None:
    heights = sorted(PARTS.values())
    assert all(bottom < top for bottom, top in heights)
    assert all(low[1] == high[0] for low, high in pairwise(heights))


@pytest.mark.parametrize("strength", Strength)
def test_every_strength_has_skin_over_the_eyes_that_goes(strength: Strength) -> None:
    bottom, top = PARTS["eyes"]
    assert any(skin.bottom <= bottom and skin.top >= top for skin in SKIN[strength])
    assert all(skin.bottom < skin.top and skin.depth_mm > 0 for skin in SKIN[strength])
