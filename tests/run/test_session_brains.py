from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.entities import parse_name
from bidsdeid.core.estimate import Attempt, Head
from bidsdeid.core.policy import MaskFrom
from bidsdeid.core.voxels import Affine, Bools, Stored
from bidsdeid.errors import FaceError, FileProblem
from bidsdeid.run.brain_cascade import BrainStep
from bidsdeid.run.brains import BrainFinder
from bidsdeid.run.session import SessionImage
from bidsdeid.run.session_brains import BrainFindings, SessionBrains
from brain_heads import brain_in
from session_heads import Grid, Mask, Pose, Scan, volume
from session_scans import scan

GRID = Grid(zooms=(3.0, 3.0, 3.0))
MOVED = Pose(shift=(4.0, 3.0, 9.0))  # 10 mm to the front
HERE = Grid(zooms=(3.0, 3.0, 3.0), front=-10.0)  # the voxels of GRID around a head that moved


def made(path: str, **more: Any) -> Scan:  # noqa: ANN401
    return scan(f"anat/{path}", **{"grid": GRID, **more})


class Search:
    """Knows the brains of some images, and finds none in the others."""

    def __init__(self, *known: Scan) -> None:
        self._known = {PurePosixPath(item.path): item for item in known}
        self.asked: list[str] = []

    def __call__(self, image: SessionImage) -> BrainEstimate | FileProblem:
        self.asked.append(image.path.name)
        item = self._known.get(image.path)
        if item is None:
            return FaceError("no brain", (Attempt("the network", ("no brain",)),))
        finder = BrainFinder([BrainStep("told", "told", _Told(item), alone=True)], Path())
        return finder.find(image.head.volume, item.scene.affine, image.head)


@dataclass(frozen=True)
class _Told:
    """An engine that knows where the brain is."""

    item: Scan

    def missing(self) -> tuple[str, ...]:
        return ()

    def version(self) -> str:
        return "told"

    def find(self, volume: Stored, affine: Affine, work_dir: Path) -> Bools:  # noqa: ARG002
        return brain_in(self.item.scene)


def image_of(item: Scan) -> SessionImage:
    path = PurePosixPath(item.path)
    name = parse_name(path.name)
    assert name is not None
    mask = {"phase": MaskFrom.ACQUISITION, "map": MaskFrom.ACQUISITION, "ratio": MaskFrom.EITHER}
    head = Head.of(np.asarray(volume(item).dataobj), item.scene.affine, item.slope)
    return SessionImage(path, name, mask.get(item.look, MaskFrom.OWN), head)


def find(search: Search, *scans: Scan) -> BrainFindings:
    return SessionBrains(search).find(image_of(item) for item in scans)


def estimate(findings: BrainFindings, item: Scan) -> BrainEstimate:
    found = findings[PurePosixPath(item.path)]
    assert isinstance(found, BrainEstimate), found
    return found


def problem(findings: BrainFindings, item: Scan) -> FaceError:
    found = findings[PurePosixPath(item.path)]
    assert isinstance(found, FaceError), found
    return found


def attempts(refused: FaceError) -> tuple[Attempt, ...]:
    return tuple(a for a in refused.attempts if isinstance(a, Attempt))


def kept(findings: BrainFindings, item: Scan) -> Mask:
    return estimate(findings, item).brain_on(item.scene.core.shape, item.scene.affine)


def names(*items: Scan) -> list[str]:
    return [PurePosixPath(item.path).name for item in items]


def test_echoes_and_their_phase_have_the_brain_of_the_first() -> None:
    first, second = (made(f"echo-{n}_part-mag_MEGRE", look="GRE", fade=(1 / n,)) for n in (1, 2))
    phase = made("echo-2_part-phase_MEGRE", look="phase")
    search = Search(first, second)
    found = find(search, phase, second, first)
    assert search.asked == names(first)
    assert estimate(found, first).method == "told"
    assert np.array_equal(kept(found, first), brain_in(first.scene))
    for other in (second, phase):
        assert estimate(found, other).method == "the mask of MEGRE of its acquisition"
        assert str(estimate(found, other).lender) == first.path
        assert np.array_equal(kept(found, other), kept(found, first))


def test_a_ratio_and_a_map_take_the_brain_of_their_inversions() -> None:
    bright = made("inv-2_MP2RAGE")
    ratio, relaxation = made("UNIT1", look="ratio"), made("T1map", look="map", dtype="float32")
    search = Search(bright, ratio, relaxation)
    found = find(search, ratio, relaxation, bright)
    assert search.asked == names(bright)
    for other in (ratio, relaxation):
        assert estimate(found, other).method == "the mask of MP2RAGE of its acquisition"
        assert np.array_equal(kept(found, other), kept(found, bright))


def test_a_ratio_on_its_own_is_searched_and_a_map_is_not() -> None:
    ratio, relaxation = made("UNIT1", look="ratio"), made("T1map", look="map", dtype="float32")
    search = Search(ratio, relaxation)
    found = find(search, ratio, relaxation)
    assert search.asked == names(ratio)
    assert estimate(found, ratio).method == "told"
    assert "no magnitude image" in str(problem(found, relaxation))


def test_no_brain_is_carried_over_to_what_takes_the_mask_of_its_session() -> None:
    first, second = made("T1w"), made("T2w", look="T2w")
    search = Search(first, second)
    images = [image_of(first), replace(image_of(second), mask=MaskFrom.SESSION)]
    found = SessionBrains(search).find(images)
    assert kept(found, first).any()
    assert "searched on its own" in str(problem(found, second))
    assert search.asked == names(first)


def test_an_acquisition_on_another_grid_lends_nothing() -> None:
    first = made("echo-1_part-mag_MEGRE", look="GRE")
    phase = made("echo-1_part-phase_MEGRE", look="phase", grid=Grid(zooms=(3.0, 3.0, 3.3)))
    found = find(Search(first), first, phase)
    assert "no magnitude image" in str(problem(found, phase))


def test_a_head_that_lay_still_shares_its_brain_and_one_that_moved_does_not() -> None:
    first, still = made("flip-1_VFA", look="PDw"), made("flip-2_VFA")
    moved = made("flip-3_VFA", pose=MOVED, grid=HERE)
    assert np.array_equal(first.scene.affine, moved.scene.affine)
    found = find(Search(first, still, moved), first, still, moved)
    assert estimate(found, still).method == "the mask of VFA of its acquisition"
    assert estimate(found, moved).method == "told"
    assert np.array_equal(kept(found, moved), brain_in(moved.scene))


def test_an_image_without_an_answer_gets_the_brain_of_no_other() -> None:
    good = made("T1w")
    failed = made("T2w", look="T2w")  # of the same head, on the same grid
    refused = problem(find(Search(good), failed, good), failed)
    assert str(refused) == "no brain"
    assert [a.method for a in attempts(refused)] == ["the network"]
