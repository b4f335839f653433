from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from bidsdeid.core.entities import parse_name
from bidsdeid.core.estimate import FaceEstimate, Finding, Head
from bidsdeid.core.face import FaceStyle
from bidsdeid.core.policy import MaskFrom
from bidsdeid.core.voxels import Affine
from bidsdeid.engines.atlas import AtlasEngine
from bidsdeid.errors import FaceError
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.face_cascade import Step
from bidsdeid.run.faces import FaceFinder
from bidsdeid.run.session import SessionImage
from bidsdeid.run.session_faces import Findings, SessionFaces
from pet_heads import AMYLOID, ELSEWHERE, FAINT, FDG, RECEPTOR, Tracer, pet
from session_heads import Array, Grid, Pose, Scan, Scene, volume
from session_scans import scan

GRID = Grid(zooms=(3.0, 3.0, 3.0))
MOVED = Pose(shift=(4.0, 3.0, 9.0))  # 10 mm to the front
HERE = Grid(zooms=(3.0, 3.0, 3.0), front=-10.0)  # the voxels of GRID around a head that moved


#: Where images that show no head, or a poor one, take their mask from.
_MASKS = {
    "phase": MaskFrom.ACQUISITION, "map": MaskFrom.ACQUISITION, "ratio": MaskFrom.EITHER,
}  # fmt: skip


def stripped(values: Array, there: Scene) -> Array:
    values = values.copy()
    values[~ndimage.binary_dilation(there.core, iterations=2)] = 0
    return values


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> FaceFinder:
    """Our own engine alone: what it does not find fails quickly."""
    atlas = pydeface_atlas()
    step = Step("atlas on pydeface", "atlas", AtlasEngine(), atlas)
    return FaceFinder((step,), FaceStyle(), tmp_path_factory.mktemp("scratch"))


def find(finder: FaceFinder, *scans: Scan, source: str = "auto") -> Findings:
    images = []
    for item in scans:
        mask = MaskFrom.SESSION if "/pet/" in item.path else _MASKS.get(item.look, MaskFrom.OWN)
        images.append(session_image(item, mask))
    return SessionFaces(lambda _: finder, source).find(images)


def session_image(item: Scan, mask: MaskFrom) -> SessionImage:
    path = PurePosixPath(item.path)
    name = parse_name(path.name)
    assert name is not None
    return SessionImage(path, name, mask, head_of(item))


def head_of(item: Scan, affine: Affine | None = None) -> Head:
    """Return a head as its header, or another, says that it lies."""
    grid = item.scene.affine if affine is None else affine
    return Head.of(np.asarray(volume(item).dataobj), grid, item.slope)


def made(path: str, **more: Any) -> Scan:  # noqa: ANN401
    return scan(f"anat/{path}", **{"grid": GRID, **more})


def taken(findings: Findings, item: Scan) -> Array:
    """Return the voxels that go, or fail."""
    found = findings[PurePosixPath(item.path)]
    assert isinstance(found, FaceEstimate), found
    return found.remove_on(item.scene.head.shape, item.scene.affine)


def method(findings: Findings, item: Scan) -> str:
    found = findings[PurePosixPath(item.path)]
    assert isinstance(found, FaceEstimate), found
    return found.method


def lender(findings: Findings, item: Scan) -> str:
    """Return the path of the image whose mask it is, or nothing if it is its own."""
    found = findings[PurePosixPath(item.path)]
    assert isinstance(found, FaceEstimate), found
    return "" if found.lender is None else str(found.lender)


def good(mask: Array, item: Scan) -> bool:
    there = item.scene
    return bool(
        mask[there.face].mean() > 0.95
        and mask[there.eyes].mean() > 0.9
        and not mask[there.core].any()
    )


def test_echoes_and_their_phase_have_the_mask_of_the_first(finder: FaceFinder) -> None:
    first, second = (made(f"echo-{n}_part-mag_MEGRE", look="GRE", fade=(1 / n,)) for n in (1, 2))
    phase = made("echo-2_part-phase_MEGRE", look="phase")
    found = find(finder, phase, second, first)
    assert method(found, first) == "atlas on pydeface"
    assert good(taken(found, first), first)
    assert lender(found, first) == ""
    for other in (second, phase):
        assert method(found, other) == "the mask of MEGRE of its acquisition"
        assert lender(found, other) == first.path
        assert np.array_equal(taken(found, other), taken(found, first))


def test_a_ratio_and_a_map_take_the_mask_of_their_inversions(finder: FaceFinder) -> None:
    bright = made("inv-2_MP2RAGE")
    ratio, relaxation = made("UNIT1", look="ratio"), made("T1map", look="map", dtype="float32")
    found = find(finder, ratio, relaxation, bright)
    for other in (ratio, relaxation):
        assert method(found, other) == "the mask of MP2RAGE of its acquisition"
        assert np.array_equal(taken(found, other), taken(found, bright))


def test_phase_without_a_magnitude_gets_nothing(finder: FaceFinder) -> None:
    phase = made("echo-1_part-phase_MEGRE", look="phase")
    elsewhere = made("acq-other_echo-1_part-mag_MEGRE", look="GRE")
    found = find(finder, phase, elsewhere)
    assert isinstance(found[PurePosixPath(phase.path)], FaceError)


def test_a_head_that_moved_under_equal_headers_is_found_anew(finder: FaceFinder) -> None:
    first = made("flip-1_VFA", look="PDw")
    second = made("flip-2_VFA", pose=MOVED, grid=HERE)
    assert np.array_equal(first.scene.affine, second.scene.affine)
    found = find(finder, first, second)
    assert method(found, second) == "atlas on pydeface"
    assert not np.array_equal(taken(found, first), taken(found, second))
    assert all(good(taken(found, item), item) for item in (first, second))


def test_a_head_that_lay_still_shares_its_mask(finder: FaceFinder) -> None:
    first, second = made("flip-1_VFA", look="PDw"), made("flip-2_VFA")
    found = find(finder, first, second)
    assert method(found, second) == "the mask of VFA of its acquisition"
    assert np.array_equal(taken(found, first), taken(found, second))


def test_a_map_of_a_head_that_moved_gets_nothing(finder: FaceFinder) -> None:
    first = made("flip-1_VFA", look="PDw")
    relaxation = made("T1map", look="map", dtype="float32", pose=MOVED, grid=HERE)
    found = find(finder, first, relaxation)
    assert isinstance(found[PurePosixPath(relaxation.path)], FaceError)


def test_a_lender_on_another_grid_is_refused(finder: FaceFinder) -> None:
    first = made("echo-1_part-mag_MEGRE", look="GRE")
    phase = made("echo-1_part-phase_MEGRE", look="phase", grid=Grid(zooms=(3.0, 3.0, 3.3)))
    turned = made("echo-2_part-phase_MEGRE", look="phase", grid=Grid(zooms=(3.0,) * 3, tilt=4))
    found = find(finder, first, phase, turned)
    for other in (phase, turned):
        assert isinstance(found[PurePosixPath(other.path)], FaceError)


class Blind(AtlasEngine):
    """An engine that lays the atlas on T2w images upside down."""

    def register(self, volume: Array, affine: Array, atlas: Any, work_dir: Path) -> Array:  # noqa: ANN401
        found = super().register(volume, affine, atlas, work_dir)
        return np.diag([1.0, 1.0, -1.0, 1.0]) @ found


def test_an_image_that_fails_alone_is_helped_by_the_session(
    finder: FaceFinder, tmp_path: Path
) -> None:
    atlas = pydeface_atlas()
    blind = FaceFinder((Step("blind", "atlas", Blind(), atlas),), FaceStyle(), tmp_path)
    sharp, dull = made("T1w"), made("T2w", look="T2w", pose=Pose(shift=(9.0, -3.0, 12.0)))
    images = []
    for item in (dull, sharp):
        path = PurePosixPath(item.path)
        name = parse_name(path.name)
        assert name is not None
        head = Head.of(np.asarray(volume(item).dataobj), item.scene.affine)
        images.append(SessionImage(path, name, MaskFrom.OWN, head))
    alone = SessionFaces(lambda _: blind).find(images[:1])
    assert isinstance(alone[PurePosixPath(dull.path)], FaceError)
    found = SessionFaces(lambda image: {"T1w": finder, "T2w": blind}[image.name.suffix]).find(
        images
    )
    assert method(found, dull) == "the session's T1w"
    assert good(taken(found, dull), dull)
    estimate = found[PurePosixPath(dull.path)]
    assert isinstance(estimate, FaceEstimate)
    assert estimate.attempts[0].failed


def test_the_session_does_not_vouch_for_another_persons_head(finder: FaceFinder) -> None:
    mine = made("T1w", grid=Grid())
    small = Pose(size=(0.7, 0.7, 0.7))
    stranger = made("acq-stranger_T2w", look="T2w", pose=small, grid=Grid())
    found = find(finder, mine, stranger)
    assert isinstance(found[PurePosixPath(stranger.path)], FaceError)


def test_a_stripped_image_does_not_lend_that_nothing_is_to_be_removed(
    finder: FaceFinder,
) -> None:
    first = made("echo-1_MESE", look="PDw", spoil=stripped)
    second = made("echo-2_MESE", look="PDw", fade=(0.7,))
    found = find(finder, first, second)
    estimate = found[PurePosixPath(first.path)]
    assert isinstance(estimate, FaceEstimate)
    assert estimate.finding is Finding.STRIPPED
    assert good(taken(found, second), second)


def test_a_stripped_image_is_not_given_the_mask_of_another(finder: FaceFinder) -> None:
    found = find(finder, made("T1w"), last := made("T2w", look="T2w", spoil=stripped))
    estimate = found[PurePosixPath(last.path)]
    assert isinstance(estimate, FaceEstimate)
    assert estimate.finding is Finding.STRIPPED
    assert not taken(found, last).any()


@pytest.mark.parametrize("source", ["auto", "T1w", "T2w", "union"])
def test_mask_source(finder: FaceFinder, source: str) -> None:
    first, second = made("T1w"), made("T2w", look="T2w", pose=Pose(shift=(9.0, -3.0, 12.0)))
    found = find(finder, first, second, source=source)
    own = "atlas on pydeface"
    assert (method(found, first), method(found, second)) == {
        "auto": (own, own),
        "T1w": (own, "the session's T1w"),
        "T2w": ("the session's T2w", own),
        "union": ("union with the session's T2w", "union with the session's T1w"),
    }[source]
    assert all(good(taken(found, item), item) for item in (first, second))


# ── what takes the mask of its session ───────────────────────────────────────────────────────


def refusal(findings: Findings, item: Scan) -> str:
    found = findings[PurePosixPath(item.path)]
    assert isinstance(found, FaceError), found
    return str(found)


@pytest.mark.parametrize(
    "pose",
    [ELSEWHERE, Pose(turn=(45.0, -3.0, 4.0), shift=(14.0, -20.0, 20.0)),
     Pose(turn=(5.0, -3.0, -36.0), shift=(60.0, 40.0, -80.0))],
    ids=["a little", "nodded by 40 degrees", "turned by 40 degrees and moved by 108 mm"],
)  # fmt: skip
@pytest.mark.parametrize("tracer", [FDG, AMYLOID, RECEPTOR], ids=["FDG", "amyloid", "receptor"])
def test_a_pet_takes_the_mask_of_the_t1w_wherever_it_lies(
    finder: FaceFinder, tracer: Tracer, pose: Pose
) -> None:
    first, item = made("T1w"), pet("pet", tracer, pose=pose)
    found = find(finder, item, first)
    assert method(found, item) == "the session's T1w"
    assert lender(found, item) == first.path
    mask, there = taken(found, item), item.scene
    assert mask[there.face].mean() > 0.97
    assert mask[there.eyes].mean() > 0.85  # voxels of 4 mm
    assert not mask[there.core].any()


def laid_on(first: SessionImage, item: Scan, mask: MaskFrom) -> SessionImage:
    """Lay an image on another by rigid registration, as somebody might have, in its header."""
    image = session_image(item, mask)
    for _ in range(5):
        to_first = image.onto(first)
        assert to_first is not None
        image = replace(image, head=head_of(item, to_first @ image.head.grid))
    return image


def test_an_echo_planar_image_is_not_believed_upside_down_though_its_header_fits(
    finder: FaceFinder,
) -> None:
    item = scan("func/task-rest_bold", look="EPI", grid=GRID, spoil=upside_down)
    first = session_image(made("T1w"), MaskFrom.OWN)
    turned = laid_on(first, item, MaskFrom.OWN)
    found = SessionFaces(lambda _: finder, "auto").find([first, turned])[turned.path]
    assert isinstance(found, FaceError), found.metrics
    assert "turned or mirrored" in str(found)


@pytest.mark.parametrize("tracer", [FDG, AMYLOID], ids=["FDG", "amyloid"])
def test_a_pet_that_faces_backwards_is_not_believed_though_its_header_fits(
    finder: FaceFinder, tracer: Tracer
) -> None:
    """Somebody laid it on the T1w by a rigid registration, which ended the wrong way round."""
    straight = pet("pet", tracer, (1.0,))
    item = replace(straight, spoil=lambda data, at: straight.spoil(data, at)[::-1, ::-1])
    first = session_image(made("T1w"), MaskFrom.OWN)
    turned = laid_on(first, item, MaskFrom.SESSION)
    found = SessionFaces(lambda _: finder, "auto").find([first, turned])[turned.path]
    assert isinstance(found, FaceError), found.metrics
    assert "turned or mirrored" in str(found)


def test_a_pet_loses_what_the_t1w_loses_and_the_skin_that_it_shows_itself(
    finder: FaceFinder,
) -> None:
    first, item = made("T1w"), pet("pet", noise=0.05)
    found = find(finder, item, first)
    frame = [found[PurePosixPath(x.path)] for x in (item, first)]
    own, lent = (x.region for x in frame if isinstance(x, FaceEstimate))
    assert not (lent & ~own).any()
    assert (own & ~lent).any()


def test_a_pet_is_never_searched_on_its_own(tmp_path: Path) -> None:
    step = Step("atlas on pydeface", "atlas", AtlasEngine(), pydeface_atlas())
    finder = FaceFinder((step,), FaceStyle(), tmp_path)
    item = pet("pet", AMYLOID)
    assert finder.find(head_of(item)).method == "atlas on pydeface", "it would be found"
    assert "there is none that shows a face" in refusal(find(finder, item), item)


def test_a_pet_takes_the_mask_of_no_image_but_an_anatomical(finder: FaceFinder) -> None:
    magnitude = scan("fmap/magnitude1", look="GRE", grid=GRID)
    item = pet("pet")
    found = find(finder, item, magnitude)
    assert good(taken(found, magnitude), magnitude)
    assert "there is none that shows a face" in refusal(found, item)


def test_a_pet_takes_no_mask_of_a_head_whose_face_was_gone(finder: FaceFinder) -> None:
    first, item = made("T1w", spoil=stripped), pet("pet")
    found = find(finder, item, first)
    assert "there is none that shows a face" in refusal(found, item)


def upside_down(values: Array, there: Scene) -> Array:  # noqa: ARG001
    return values[:, :, ::-1]


def backwards(values: Array, there: Scene) -> Array:  # noqa: ARG001
    return values[:, ::-1]


@pytest.mark.parametrize("spoil", [upside_down, backwards])
@pytest.mark.parametrize("tracer", [FDG, AMYLOID], ids=["FDG", "amyloid"])
def test_a_pet_that_is_mirrored_against_its_labels_is_refused(
    finder: FaceFinder,
    tracer: Tracer,
    spoil: Any,  # noqa: ANN401
) -> None:
    right = pet("pet", tracer)
    assert right.spoil is not None
    made_of = right.spoil
    wrong = replace(right, spoil=lambda values, there: spoil(made_of(values, there), there))
    assert "does not fit it" in refusal(find(finder, wrong, made("T1w")), wrong)


def test_a_pet_that_shows_nothing_but_a_brain_is_refused(finder: FaceFinder) -> None:
    item = pet("pet", FAINT, pose=ELSEWHERE)
    assert "does not fit it" in refusal(find(finder, item, made("T1w")), item)


def test_noise_is_no_pet_of_a_head(finder: FaceFinder) -> None:
    def noise(values: Array, there: Scene) -> Array:  # noqa: ARG001
        return np.random.default_rng(0).uniform(size=values.shape)

    item = replace(pet("pet"), spoil=noise)
    assert "do not lie on each other" in refusal(find(finder, item, made("T1w")), item)
