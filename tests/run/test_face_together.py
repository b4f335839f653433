from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from bidsdeid.config import Config
from bidsdeid.core.audit import Auditor
from bidsdeid.core.bounds import TOGETHER_BOUNDS
from bidsdeid.core.labels import Labels
from bidsdeid.core.ledger import Outcome, Status
from bidsdeid.core.proof import IN_VIEW, SKIN
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import Terms
from bidsdeid.core.triage import Triage, triage_together
from bidsdeid.core.zones import Rays, ray_parts
from bidsdeid.io.store import Stage
from bidsdeid.run.bench import Bench
from bidsdeid.run.exhibits import Exhibit
from bidsdeid.run.face_together import revealing, shown_together
from bidsdeid.run.study import Study
from strategies import default_policy

EYES, NOSE, MOUTH = "eyes", "nose", "mouth"


def rays(**shares: tuple[float, float]) -> Rays:
    """Return what an image shows that has left some of the face, each part from and to a share."""
    seen = np.full((61, 66), IN_VIEW, np.uint8)
    for part, (start, end) in shares.items():
        columns = ray_parts()[part]
        places = np.argwhere(seen[:, columns])
        for row, column in places[int(start * len(places)) : int(end * len(places))]:
            seen[row, np.arange(66)[columns][column]] |= SKIN
    return seen


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    config = Config(tmp_path / "in", tmp_path / "out", tmp_path / "private", tmp_path / "work")
    secret = Secret(b"x" * 32, 1990)
    study = Study(config, default_policy(), (), secret, Labels(), Terms())
    return Bench(study, Auditor(study.policy, study.terms), Stage(tmp_path), tmp_path, "01")


def put(bench: Bench, name: str, **shares: tuple[float, float]) -> PurePosixPath:
    path = PurePosixPath(f"sub-01/anat/sub-01_{name}.nii.gz")
    bench.released[path] = path
    bench.outcomes[path] = Outcome(str(path), "deface", Status.RELEASED, "a rule")
    bench.exhibits[path] = Exhibit({}, Triage.PASS, rays=rays(**shares))
    return path


WHOLE = (0.0, 1.0)


def test_a_mouth_and_eyes_of_two_images_make_a_face(bench: Bench) -> None:
    first, second = put(bench, "T1w", eyes=WHOLE), put(bench, "T2w", mouth=WHOLE)
    put(bench, "FLAIR")
    gone = revealing(bench)
    assert len(gone) == 1, "without one of them there is no face"
    assert set(gone) <= {first, second}
    assert all("together with other images" in reason for reason in gone.values())


def test_fifths_of_a_face_make_a_face(bench: Bench) -> None:
    for number in range(5):
        share = (number / 5, (number + 1) / 5)
        put(bench, f"run-{number}_T1w", eyes=share, nose=share, mouth=share)
    numbers = shown_together(bench)
    assert all((numbers[bound.number] or 0) > 0.9 for bound in TOGETHER_BOUNDS)
    for path in revealing(bench):
        del bench.released[path]
    assert len(bench.released) >= 1
    assert triage_together(shown_together(bench))[0] is not Triage.FAIL


def test_whatever_is_left_makes_no_face(bench: Bench) -> None:
    put(bench, "T1w", eyes=WHOLE)
    for number in range(5):
        put(bench, f"run-{number}_T2w", mouth=(number / 5, (number + 1) / 5))
    gone = revealing(bench)
    left = [bench.exhibits[path].rays for path in bench.released if path not in gone]
    assert left
    assert not set(gone) >= set(bench.released)
    for path in gone:
        del bench.released[path]
    assert revealing(bench) == {}


@pytest.mark.parametrize(
    "images",
    [
        [{}],
        [{}, {}],
        [{EYES: WHOLE}, {}],
        [{EYES: WHOLE, MOUTH: WHOLE}, {EYES: WHOLE}],
        [{EYES: WHOLE}] * 3,
        [{EYES: (0.0, 0.1)}, {MOUTH: (0.0, 0.1)}],
    ],
)
def test_what_one_image_shows_alone_is_judged_with_that_image(
    bench: Bench, images: list[dict[str, tuple[float, float]]]
) -> None:
    for number, shares in enumerate(images):
        put(bench, f"run-{number}_T1w", **shares)
    assert revealing(bench) == {}


def test_an_image_that_shows_a_little_does_not_excuse_another(bench: Bench) -> None:
    little = (0.0, 0.26)
    put(bench, "T1w", eyes=little, nose=little, mouth=little)
    put(bench, "T2w", eyes=(0.26, 1.0))
    assert revealing(bench)


def test_an_image_that_is_not_released_shows_nothing(bench: Bench) -> None:
    put(bench, "T1w", eyes=WHOLE)
    lost = put(bench, "T2w", mouth=WHOLE)
    del bench.released[lost]
    assert shown_together(bench)["images"] == 1
    assert revealing(bench) == {}
