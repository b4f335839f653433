from __future__ import annotations

import importlib.util
from functools import lru_cache
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from bidsdeid.core.voxels import Floats
from bidsdeid.engines.red_team import BOUNDS, LEAST, RedTeam, Seen, verdict
from bidsdeid.report.render import Picture, Scene, renders, small_copy
from bidsdeid.resources import pydeface_atlas


@lru_cache(maxsize=1)
def whole() -> tuple[Floats, np.ndarray, Scene]:
    atlas = pydeface_atlas()
    small, affine = small_copy(atlas.head, atlas.affine)
    return small, affine, Scene.of(small, affine)


def views(keep: np.ndarray | None = None) -> dict[str, Picture]:
    """Return renders of pydeface's head, or of what is kept of it."""
    small, affine, scene = whole()
    if keep is None:
        return renders(small, affine, scene)
    atlas = pydeface_atlas()
    return renders(small_copy(atlas.head * keep, atlas.affine)[0], affine, scene)


@pytest.fixture(scope="module")
def detector() -> RedTeam:
    pytest.importorskip("dlib")
    return RedTeam()


def without_dlib(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "dlib" else ModuleSpec(name, None, origin=package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.mark.parametrize("view", BOUNDS)
def test_a_verdict_follows_from_two_scores(view: str) -> None:
    least = BOUNDS[view].least
    assert verdict(view, least, least - 0.01) is Seen.GONE
    assert verdict(view, least, least) is Seen.STAYED
    assert verdict(view, least - 0.01, least - 0.01) is Seen.NEVER
    assert verdict(view, least - 0.01, least) is Seen.APPEARED


def test_silence_counts_only_where_a_face_was_found_before() -> None:
    assert [seen for seen in Seen if seen.evidence] == [Seen.GONE]
    assert [seen for seen in Seen if seen.bad] == [Seen.STAYED, Seen.APPEARED]


def test_words_are_those_of_the_report() -> None:
    assert {str(seen) for seen in Seen} == {
        "found before, not found after",
        "found before and after",
        "not found before: no evidence",
        "not found before, found after",
        "no detector",
    }


def test_without_a_detector_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    without_dlib(monkeypatch)
    (sentence,) = RedTeam().missing()
    assert "`pip install 'bidsdeid[redteam]'`" in sentence
    plain = {view: np.zeros((8, 8), np.uint8) for view in BOUNDS}
    assert RedTeam().look(plain, plain) == dict.fromkeys(BOUNDS, Seen.NO_DETECTOR)
    assert not Seen.NO_DETECTOR.evidence


def test_views_that_only_one_of_both_has_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_dlib(monkeypatch)
    plain = np.zeros((8, 8), np.uint8)
    seen = RedTeam().look({"front": plain, "left": plain}, {"front": plain, "back": plain})
    assert set(seen) == {"front"}


def test_a_whole_head_has_a_face_and_what_bidsdeid_leaves_has_none(detector: RedTeam) -> None:
    assert detector.missing() == ()
    assert "dlib" in detector.version()
    seen = detector.look(views(), views(pydeface_atlas().keep))
    assert seen["front"] is Seen.GONE
    assert not any(one.bad for one in seen.values())


def test_a_face_that_was_left_in_is_told(detector: RedTeam) -> None:
    seen = detector.look(views(), views())
    assert seen["front"] is Seen.STAYED


def test_a_mask_that_missed_the_face_is_told(detector: RedTeam) -> None:
    # The mask lies 8 cm too far to the front: the tip of the nose may go, the face stays.
    keep = np.roll(pydeface_atlas().keep, 80, axis=1)
    keep[:, :80] = True
    assert detector.look(views(), views(keep))["front"].bad


def test_neither_a_brain_nor_a_black_picture_nor_a_head_upside_down_has_a_face(
    detector: RedTeam,
) -> None:
    brain = pydeface_atlas().brain
    assert brain is not None
    least = BOUNDS["front"].least
    assert detector.score(views(brain)["front"]) < least - 1
    assert detector.score(np.zeros((256, 256), np.uint8)) == LEAST
    assert detector.score(views()["front"][::-1]) < least - 0.5


def test_a_brain_before_is_no_evidence(detector: RedTeam) -> None:
    brain = pydeface_atlas().brain
    assert brain is not None
    seen = detector.look(views(brain), views(brain))
    assert set(seen.values()) == {Seen.NEVER}


def test_a_picture_may_lie_in_memory_in_any_order(detector: RedTeam) -> None:
    front = views()["front"]
    assert detector.score(np.asfortranarray(front)) == detector.score(front)
