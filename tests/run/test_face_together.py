from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pytest

from bidsdeid.config import Config
from bidsdeid.core.audit import Auditor
from bidsdeid.core.labels import Labels
from bidsdeid.core.ledger import Outcome, Status
from bidsdeid.core.proof import IN_VIEW, SKIN
from bidsdeid.core.pseudonym import Secret
from bidsdeid.core.terms import Terms
from bidsdeid.core.triage import Triage
from bidsdeid.core.zones import Rays, ray_parts
from bidsdeid.io.store import Stage
from bidsdeid.run.bench import Bench
from bidsdeid.run.exhibits import Exhibit
from bidsdeid.run.face_together import gate_together
from bidsdeid.run.study import Study
from strategies import default_policy


def rays(*parts: str) -> Rays:
    """Return what an image shows that has left some parts of the face."""
    seen = np.full((61, 66), IN_VIEW, np.uint8)
    for part in parts:
        seen[:, ray_parts()[part]] |= SKIN
    return seen


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    config = Config(tmp_path / "in", tmp_path / "out", tmp_path / "private", tmp_path / "work")
    secret = Secret(b"x" * 32, 1990)
    study = Study(config, default_policy(), (), secret, Labels(), Terms())
    return Bench(study, Auditor(study.policy, study.terms), Stage(tmp_path), tmp_path, "01")


def put(bench: Bench, name: str, shows: Rays) -> PurePosixPath:
    path = PurePosixPath(f"sub-01/anat/sub-01_{name}.nii.gz")
    bench.released[path] = path
    bench.outcomes[path] = Outcome(str(path), "deface", Status.RELEASED, "a rule")
    bench.exhibits[path] = Exhibit({}, Triage.PASS, rays=shows)
    return path


def test_a_mouth_and_eyes_of_two_images_make_a_face_and_are_withheld(bench: Bench) -> None:
    first, second = put(bench, "T1w", rays("eyes")), put(bench, "T2w", rays("mouth"))
    clean = put(bench, "FLAIR", rays())
    numbers = gate_together(bench)
    assert set(bench.released) == {clean}
    for path in (first, second):
        assert bench.outcomes[path].status is Status.FAILURE
        assert "together with other images" in bench.outcomes[path].reason
    assert numbers == {
        "images": 1, "eyes_visible": 0.0, "nose_visible": 0.0, "mouth_visible": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "images", [[()], [(), ()], [("eyes",), ()], [("eyes", "mouth"), ("eyes",)], [("eyes",)] * 3]
)
def test_what_one_image_shows_alone_is_judged_with_that_image(
    bench: Bench, images: list[tuple[str, ...]]
) -> None:
    for number, parts in enumerate(images):
        put(bench, f"run-{number}_T1w", rays(*parts))
    numbers = gate_together(bench)
    assert len(bench.released) == len(images)
    shown = {part for parts in images for part in parts}
    for part in ("eyes", "mouth"):
        assert numbers[f"{part}_visible"] == (part in shown)


def test_an_image_that_is_not_released_shows_nothing(bench: Bench) -> None:
    put(bench, "T1w", rays("eyes"))
    lost = put(bench, "T2w", rays("mouth"))
    del bench.released[lost]
    assert gate_together(bench)["images"] == 1
    assert len(bench.released) == 1
