from __future__ import annotations

import numpy as np

from bidsdeid.core.view import View


def test_haze_before_the_face_is_not_surely_head() -> None:
    smooth = np.full((20, 30, 20), 10, np.float32)
    smooth[5:15, 5:15, 5:15] = 300
    smooth[5:15, 15:20, 5:15] = 75  # 0.65 of the way from air to tissue
    view = View(smooth, 10.0, 110.0)
    assert np.argwhere(view.sure_head()).max(axis=0).tolist() == [14, 14, 14]
    assert np.argwhere(view.head()).max(axis=0).tolist() == [14, 19, 14]
    np.testing.assert_array_equal(view.head(1.2), view.sure_head())


def test_dim_skin_before_a_cavity_is_skin() -> None:
    """Where a coil hardly sees the skin, the brain behind the frontal sinus is no skin."""
    smooth = np.full((20, 30, 20), 10, np.float32)
    smooth[3:17, 3:15, 3:17] = 300
    smooth[3:17, 18:22, 3:17] = 75  # skin, and a cavity of air behind it
    smooth[3:6, 3:22, 3:17] = 75  # at the side, which holds the skin to the head
    assert not View(smooth, 10.0, 110.0).sure_head()[8:14, 18:22, 6:14].any()
    between = np.zeros((20, 20), bool)
    between[8:12] = True
    sure = View(smooth, 10.0, 110.0, between).sure_head()
    assert not sure[13:15, 18:22, 6:14].any()
    assert sure[8:12, 18:22, 6:14].all()
    assert not sure[8:14, 15:18, 6:14].any()


def test_haze_that_lies_on_the_skin_is_no_skin_though_there_are_cavities_behind() -> None:
    smooth = np.full((20, 30, 20), 10, np.float32)
    smooth[3:17, 3:20, 3:17] = 300
    smooth[5:15, 8:12, 5:15] = 10
    smooth[3:17, 20:24, 3:17] = 75
    sure = View(smooth, 10.0, 110.0, np.ones((20, 20), bool)).sure_head()
    assert np.argwhere(sure).max(axis=0)[1] == 19
