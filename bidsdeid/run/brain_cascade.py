"""The ways to find a brain, and in which order they are tried."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bidsdeid.config import BrainOptions
from bidsdeid.core.atlas import Atlas
from bidsdeid.core.estimate import Head
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.plumbgrid import NIPREPS
from bidsdeid.core.voxels import HALF, Affine, Bools, Stored, carry
from bidsdeid.engines.base import BrainEngine
from bidsdeid.engines.deepbet import DeepbetEngine
from bidsdeid.engines.freesurfer import FreeSurferEngine
from bidsdeid.engines.synthstrip import SynthStripEngine
from bidsdeid.errors import EngineError, FileProblem, UsageError
from bidsdeid.io.weights import VARIABLE
from bidsdeid.run.face_cascade import Step, cascade
from bidsdeid.run.faces import FaceFinder


@dataclass(frozen=True, slots=True)
class BrainStep:
    """One way to find a brain.

    Parameters
    ----------
    words : str
        What is told of it.
    family : str
        Ways of one family fail together: they cannot confirm each other.
    engine : BrainEngine
    alone : bool
        It may be believed without another that agrees.
    witness : bool
        It is asked even where another is sure: it costs little.
    """

    words: str
    family: str
    engine: BrainEngine
    alone: bool = False
    witness: bool = False


@dataclass(frozen=True, slots=True)
class AtlasBrainEngine:
    """The brain of an atlas, laid on the head: for those who have no network.

    Its edge is a few millimetres off; what is told of the image says so.

    Parameters
    ----------
    steps : sequence of Step
        The cascade that lays the atlas on heads.
    """

    steps: tuple[Step, ...]

    def missing(self) -> tuple[str, ...]:
        """Return nothing: it is part of this package."""
        return ()

    def version(self) -> str:
        """Return name and version of the tool."""
        return self.steps[0].engine.version()

    def find(self, volume: Stored, affine: Affine, work_dir: Path) -> Bools:
        """Find the brain; see `bidsdeid.engines.base.BrainEngine`."""
        head = Head.of(volume, affine)
        try:
            face = FaceFinder(self.steps, FaceStyle(), work_dir).find(head)
        except FileProblem as problem:
            raise EngineError(str(problem)) from problem
        brain = face.atlas.brain
        assert brain is not None  # noqa: S101 -- a frame was made of it
        carried = carry(
            brain.astype(np.uint8), face.atlas.affine, volume.shape, affine, face.to_atlas
        )
        return np.asarray(carried > HALF)


def brain_cascade(
    options: BrainOptions, atlases: Callable[[], Sequence[Atlas]], threads: int = 1
) -> tuple[BrainStep, ...]:
    """Return the ways to find a brain, in the order in which they are tried.

    Parameters
    ----------
    options : BrainOptions
    atlases : callable
        Returns the atlases for the age; raises `FileProblem` where there is none.
    threads : int
        Of one engine.
    """
    steps = list(network_steps(options, threads))
    try:
        own = atlases()
    except FileProblem:
        return tuple(steps)
    words = f"the brain of {own[0].name}, laid on the head (no network, template only)"
    asked = options.engine == "atlas"
    engine = AtlasBrainEngine(cascade(own, threads=threads))
    template = BrainStep(words, "atlas", engine, alone=asked or not steps)
    steps.insert(0 if asked else len(steps), template)
    return tuple(steps)


def network_steps(options: BrainOptions, threads: int = 1) -> tuple[BrainStep, ...]:
    """Return the networks that are installed, the one that is asked for first.

    Raises
    ------
    UsageError
        If the one that is asked for is not installed.
    """
    own = SynthStripEngine(options.weights, options.csf, options.border_mm, threads, options.gpu)
    by_name = {
        "synthstrip": BrainStep("SynthStrip", "synthstrip", own, alone=True),
        "freesurfer": BrainStep(
            "mri_synthstrip",
            "synthstrip",
            FreeSurferEngine(options.csf, options.border_mm, threads, options.gpu),
            alone=True,
        ),
        "nipreps": BrainStep(
            "the procedure of nipreps-synthstrip",
            "synthstrip",
            replace(own, procedure=NIPREPS),
            alone=True,
        ),
        "deepbet": BrainStep(
            "deepbet", "deepbet", DeepbetEngine(threads, options.gpu), witness=True
        ),
    }
    missing = {name: step.engine.missing() for name, step in by_name.items()}
    if missing.get(options.engine):
        raise UsageError(missing[options.engine][0])
    usable = [name for name in by_name if not missing[name]]
    # Of a family the first that is installed, and what is asked for: the rest is the same network
    # again.  So `nipreps`, which needs what `synthstrip` needs, is only ever taken by its name.
    first: dict[str, str] = {}
    for name in usable:
        first.setdefault(by_name[name].family, name)
    usable = [name for name in usable if name in (options.engine, first[by_name[name].family])]
    usable.sort(key=lambda name: name != options.engine)
    return tuple(by_name[name] for name in usable)


def check_skullstrip(options: BrainOptions) -> None:
    """Refuse what cannot be done before anything is begun.

    Raises
    ------
    UsageError
        If what is SynthStrip's own is given and there is no SynthStrip, or the engine that is
        asked for is not there, or it cannot do what is asked.
    ToolError
        If weights that the user names are not SynthStrip's.
    """
    if options.engine == "nipreps" and options.border_mm % 1:
        message = (
            "--border: distances are whole millimetres in nipreps-synthstrip: give a whole "
            "number, or choose the engine synthstrip"
        )
        raise UsageError(message)
    asked = replace(options, engine="auto", gpu=options.gpu and options.engine != "deepbet")
    steps = network_steps(options)
    own = asked != BrainOptions() or VARIABLE in os.environ
    if own and not any(step.family == "synthstrip" for step in steps):
        engine = SynthStripEngine(options.weights, options.csf, gpu=options.gpu)
        message = (
            f"--no-csf, --border, --synthstrip-weights, --gpu and ${VARIABLE} are SynthStrip's: "
            f"{engine.missing()[0]}"
        )
        raise UsageError(message)
    if own:  # weights of the user's that do not fit are told now, not for each image
        for step in steps:
            if isinstance(step.engine, SynthStripEngine):
                step.engine.load()
