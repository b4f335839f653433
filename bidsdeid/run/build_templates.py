"""``bidsdeid templates build``: make the face masks that TemplateFlow lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bidsdeid import __version__
from bidsdeid.core.cohort import ADULT, Cohort
from bidsdeid.core.facemaking import MARGIN_MM, FaceMaker, MadeMask
from bidsdeid.core.maskfigures import CHECKS, failed_checks
from bidsdeid.errors import BidsdeidError, GateError, ToolError, UsageError
from bidsdeid.io.facemasks import digest, write_face_mask
from bidsdeid.io.templates import TemplateFolders, existing, find_template, template_path
from bidsdeid.io.volume import read_mask, read_volume
from bidsdeid.resources import installed_folder, pydeface_atlas

#: The first that is there gives the surface; both are on one grid and share the mask.
CONTRASTS = ("T1w", "T2w")

#: What decides how a mask comes out.
_PACKAGES = ("bidsdeid", "pydeface", "numpy", "scipy")


def build(cohorts: Sequence[Cohort], folders: TemplateFolders) -> Iterator[str]:
    """Make the face masks of some cohorts, and yield what became of each.

    Parameters
    ----------
    cohorts : sequence of Cohort
    folders : TemplateFolders

    Raises
    ------
    ToolError
        In the end, if one of them could not be made.
    """
    maker = _maker()
    failed = 0
    for cohort in cohorts:
        try:
            yield f"{cohort}: {_build(cohort, maker, folders)}"
        except BidsdeidError as problem:
            failed += 1
            yield f"{cohort}: {problem}"
    if failed:
        message = (
            f"{failed} of {len(cohorts)} face masks were not built: "
            "each line above says what to do"
        )
        raise ToolError(message)


@lru_cache(maxsize=1)
def _maker() -> FaceMaker:
    return FaceMaker(pydeface_atlas())


def _build(cohort: Cohort, maker: FaceMaker, folders: TemplateFolders) -> str:
    """Make and write one mask; return what there is to say."""
    heads = (existing(template_path(folders.home, cohort, name)) for name in CONTRASTS)
    head = next((path for path in heads if path), None)
    brain = existing(template_path(folders.home, cohort, "desc-brain_mask"))
    if head is None or brain is None:
        what = "template" if head is None else "brain mask"
        message = (
            f"the {what} is missing: run `bidsdeid templates fetch --cohort {cohort}` "
            "where there is a network"
        )
        raise ToolError(message)
    try:
        data, affine = read_volume(head, "the template")
        inside = read_mask(brain, "the brain mask", data.shape, affine)
    except UsageError as problem:
        message = (
            f"{problem}; delete what is damaged in {head.parent}, then run "
            f"`bidsdeid templates fetch --cohort {cohort}` where there is a network"
        )
        raise ToolError(message) from problem
    made = maker.make(data, affine, inside)
    failed = failed_checks(made.figures)
    if failed:
        message = (
            f"no mask is written, for {'; '.join(failed)}: "
            "fetch the template again, or put a mask of your own in its place"
        )
        raise GateError(message)
    path = write_face_mask(folders, cohort, head, made.face, _facts(head, brain, made))
    return f"written to {path}, removes {made.figures.removed_share:.0%} of the head"


def _facts(head: Path, brain: Path, made: MadeMask) -> dict[str, Any]:
    """Return what the JSON file beside a mask says."""
    adult = find_template(ADULT, "T1w", TemplateFolders(Path(), ()))
    own = installed_folder("bidsdeid") / "atlas" / "pydeface_brain.nii.gz"
    return {
        "Description": "1 on the face: what is to be removed",
        "Type": "Face",
        "GeneratedBy": [
            {"Name": "bidsdeid templates build", "Version": __version__},
        ],
        "Packages": {name: version(name) for name in _PACKAGES},
        "Template": [_source(head), _source(brain)],
        "Atlas": [_source(adult.head), _source(adult.mask), _source(own)],
        "AtlasToTemplate": made.to_template.round(6).tolist(),
        "BrainMargin": {"Value": MARGIN_MM, "Units": "mm"},
        "Figures": made.figures.rounded(),
        "Checks": [
            {name: value for name, value in asdict(check).items() if name in _TOLD}
            for check in CHECKS
        ],
    }


_TOLD = ("metric", "least", "most", "origin")


def _source(path: Path) -> dict[str, str]:
    """Return the name of a file, without its folder, and what was in it."""
    return {"Name": path.name, "SHA256": digest(path)}
