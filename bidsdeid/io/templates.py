"""Templates on disk: where they are, and an atlas made of them.

Rule 1: nothing is fetched here, and `templateflow` is not imported: its import writes files.
Rule 2: a child whose template is missing is an error, with the one command that mends it.
Rule 3: a mask whose polarity or grid cannot be right is an error.  pydeface's masks are 1 where
        voxels are kept; ``desc-face_mask``, which `bidsdeid templates build` writes, is 1 on the
        face.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.cohort import ADULT, Cohort, cohorts_for
from bidsdeid.core.voxels import HALF
from bidsdeid.errors import ToolError, UsageError
from bidsdeid.io.volume import read_mask, read_volume
from bidsdeid.resources import installed_folder, pydeface_atlas

#: Where the container image has TemplateFlow's files.
IMAGE_HOME = Path("/opt/bidsdeid/templateflow")


@dataclass(frozen=True, slots=True)
class TemplateFolders:
    """Where templates are looked for.

    Parameters
    ----------
    home : Path
        TemplateFlow's files.
    masks : tuple of Path
        Face masks, the first that has one counts; laid out like `home`.
    """

    home: Path
    masks: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class TemplateFiles:
    """The files of one template that exist.

    Parameters
    ----------
    name : str
        As it is called in reports.
    head : Path
    mask : Path
        The face mask.
    keeps : bool
        The mask is 1 where voxels are kept, as pydeface's; else 1 on the face.
    brain : Path or None
        1 in the brain.
    """

    name: str
    head: Path
    mask: Path
    keeps: bool = False
    brain: Path | None = None


def template_folders(
    home: Path | None = None, environ: Mapping[str, str] = os.environ
) -> TemplateFolders:
    """Return where templates are, or go.

    Parameters
    ----------
    home : Path, optional
        Instead of ``$TEMPLATEFLOW_HOME``, the container's folder or the user's cache.
    environ : mapping
        ``$BIDSDEID_TEMPLATES`` names a folder of face masks.
    """
    cache = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or "/") / ".cache")
    if home is None and environ.get("TEMPLATEFLOW_HOME"):
        home = Path(environ["TEMPLATEFLOW_HOME"])
    if home is None:
        home = IMAGE_HOME if IMAGE_HOME.is_dir() else cache / "templateflow"
    own = environ.get("BIDSDEID_TEMPLATES")
    masks = (home, cache / "bidsdeid" / "templates")
    return TemplateFolders(home.absolute(), (Path(own), *masks) if own else masks)


def template_path(folder: Path, cohort: Cohort, ending: str) -> Path:
    """Return where TemplateFlow has a file of a cohort.

    Parameters
    ----------
    folder : Path
    cohort : Cohort
    ending : str
        ``T1w``, ``T2w``, ``desc-brain_mask``, or ``desc-face_mask``, which is ours.

    Examples
    --------
    >>> from bidsdeid.core.cohort import INFANTS
    >>> str(template_path(Path("/x"), INFANTS[0], "T1w"))
    '/x/tpl-MNIInfant/cohort-1/tpl-MNIInfant_cohort-1_res-1_T1w.nii.gz'
    """
    stem = f"tpl-{cohort.template}_cohort-{cohort.number}_res-1_{ending}.nii.gz"
    return folder / f"tpl-{cohort.template}" / f"cohort-{cohort.number}" / stem


def existing(path: Path) -> Path | None:
    """Return a path if there is a file with content; TemplateFlow's stubs are empty."""
    return path if path.is_file() and path.stat().st_size > 0 else None


def face_mask(folders: TemplateFolders, cohort: Cohort) -> Path | None:
    """Return the face mask of a cohort, from the first folder that has one."""
    paths = (template_path(folder, cohort, "desc-face_mask") for folder in folders.masks)
    return next((path for path in paths if existing(path)), None)


def find_template(cohort: Cohort, contrast: str, folders: TemplateFolders) -> TemplateFiles:
    """Return the files of one cohort.

    The other contrast does not stand in: an infant's T2w laid on a T1w head comes out of the
    wrong size, and passes.

    Raises
    ------
    ToolError
        If the head or its face mask is missing.
    """
    if cohort == ADULT:
        data = installed_folder("pydeface") / "data"
        return TemplateFiles(
            str(ADULT), data / "mean_reg2mean.nii.gz", data / "facemask.nii.gz", keeps=True
        )
    head = existing(template_path(folders.home, cohort, contrast))
    if head is None:
        message = (
            f"the template {cohort} {contrast} is missing: run `bidsdeid templates fetch "
            f"--cohort {cohort}` where there is a network"
        )
        raise ToolError(message)
    mask = face_mask(folders, cohort)
    if mask is None:
        message = (
            f"the template {cohort} has no face mask yet: run "
            f"`bidsdeid templates build --cohort {cohort}`"
        )
        raise ToolError(message)
    brain = existing(template_path(folders.home, cohort, "desc-brain_mask"))
    return TemplateFiles(f"{cohort} {contrast}", head, mask, brain=brain)


def templates_for(
    months: float, contrast: str, folders: TemplateFolders
) -> tuple[TemplateFiles, ...]:
    """Return the templates to try for an age, the best first; those of other ages if present.

    Parameters
    ----------
    months : float
        Age; infinite for an adult of unknown age.
    contrast : str
        ``T1w`` or ``T2w``; see `bidsdeid.core.cohort.contrast_of`.
    folders : TemplateFolders

    Raises
    ------
    ToolError
        If it is an infant and the template of its age is missing.  Another age's is not silently
        put in its place.
    """
    best, *others = cohorts_for(months)
    found = [find_template(best, contrast, folders)] if best.required else []
    for cohort in others if best.required else (best, *others):
        try:
            found.append(find_template(cohort, contrast, folders))
        except ToolError:
            continue
    return tuple(found)


@lru_cache(maxsize=4)
def load_template(files: TemplateFiles) -> Atlas:
    """Load a template.

    Raises
    ------
    ToolError
        If a file is damaged or cannot be what its name says.
    """
    if files.name == str(ADULT):
        return pydeface_atlas()
    try:
        return _load(files)
    except UsageError as error:
        message = f"the template {files.name} cannot be used, fetch or build it again: {error}"
        raise ToolError(message) from error


def load_pair(template: Path | None, facemask: Path | None) -> Atlas:
    """Load a user's template and face mask; pydeface's own stands for what is not given.

    Parameters
    ----------
    template : Path or None
        A whole head.
    facemask : Path or None
        On the same grid; 1 where voxels are kept, as pydeface has it.

    Raises
    ------
    UsageError
        If they cannot be used.
    """
    adult = find_template(ADULT, "T1w", TemplateFolders(Path(), ()))
    head, mask = template or adult.head, facemask or adult.mask
    return _load(TemplateFiles("template of the user", head, mask, keeps=True))


def _load(files: TemplateFiles) -> Atlas:
    head, affine = read_volume(files.head, "the template")
    if not np.ptp(head) > 0:
        message = "the template is the same everywhere: give the image of a head"
        raise UsageError(message)
    marked = read_mask(files.mask, "the face mask", head.shape, affine)
    keep = marked if files.keeps else ~marked
    inside = head > head.mean()
    if keep[inside].mean() < HALF:
        message = (
            "the face mask takes away more than half of the head: "
            f"it must be 1 {'where voxels are kept' if files.keeps else 'on the face'}"
        )
        raise UsageError(message)
    brain = None
    if files.brain is not None:
        brain = read_mask(files.brain, "the brain mask", head.shape, affine)
    return Atlas(files.name, head, keep, affine, brain)
