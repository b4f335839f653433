"""Under which name a file is released, in either layout.

BIDS (derivatives, introduction): in a derivative dataset a file with a raw name must be an
identical copy, so that an image whose voxels changed gets a ``desc-``.  In the raw layout names
stay as they are.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath

from bidsdeid.core.entities import parse_name

#: Entities of one image among several of one acquisition, which share a face mask.
_WITHIN_ACQUISITION = frozenset(
    "echo flip inv mt part proc hemi space split recording chunk desc".split()
)


class Layout(StrEnum):
    """What kind of dataset the output is."""

    DERIVATIVE = "derivative"
    RAW = "raw"


def released_name(path: PurePosixPath, layout: Layout, desc: str | None) -> PurePosixPath:
    """Return the path an image is released under.

    Parameters
    ----------
    path : PurePosixPath
        In the input.
    layout : Layout
    desc : str or None
        What was done to its voxels, ``defaced`` or ``brain``; None if nothing was.

    Field maps keep their names: the parts of one are found by name, and a magnitude that is
    called otherwise leaves its fieldmap alone.

    Examples
    --------
    >>> str(released_name(PurePosixPath("sub-01/anat/sub-01_T1w.nii.gz"),
    ...                   Layout.DERIVATIVE, "defaced"))
    'sub-01/anat/sub-01_desc-defaced_T1w.nii.gz'
    """
    name = parse_name(path.name)
    if name is None or layout is Layout.RAW or desc is None or path.parent.name == "fmap":
        return path
    return path.with_name(str(name.with_parts(add={"desc": desc})))


def face_mask_name(path: PurePosixPath) -> PurePosixPath | None:
    """Return where the mask of a defaced anatomical is released, or None if BIDS has no place.

    Examples
    --------
    >>> str(face_mask_name(PurePosixPath("sub-01/anat/sub-01_echo-2_T2starw.nii.gz")))
    'sub-01/anat/sub-01_mod-T2starw_defacemask.nii.gz'
    """
    name = parse_name(path.name)
    if name is None or path.parent.name != "anat":
        return None
    mask = name.with_parts(
        add={"mod": name.suffix},
        drop=_WITHIN_ACQUISITION,
        suffix="defacemask",
        extension=".nii.gz",
    )
    return path.with_name(str(mask))


def brain_mask_name(path: PurePosixPath) -> PurePosixPath | None:
    """Return where the brain mask of an anatomical is released in a derivative dataset.

    BIDS has no entity that tells whose mask it is; all but a T1w's have it in their ``desc-``.

    Examples
    --------
    >>> str(brain_mask_name(PurePosixPath("sub-01/anat/sub-01_T1w.nii.gz")))
    'sub-01/anat/sub-01_desc-brain_mask.nii.gz'
    >>> str(brain_mask_name(PurePosixPath("sub-01/anat/sub-01_inv-1_MP2RAGE.nii.gz")))
    'sub-01/anat/sub-01_desc-brainMP2RAGE_mask.nii.gz'
    """
    name = parse_name(path.name)
    if name is None or path.parent.name != "anat":
        return None
    desc = "brain" if name.suffix == "T1w" else f"brain{name.suffix}"
    mask = name.with_parts(
        add={"desc": desc}, drop=_WITHIN_ACQUISITION - {"desc"}, suffix="mask", extension=".nii.gz"
    )
    return path.with_name(str(mask))


def sidecar_of(path: PurePosixPath) -> PurePosixPath:
    """Return the path of the JSON file named like an image, table or recording.

    Examples
    --------
    >>> str(sidecar_of(PurePosixPath("sub-01/func/sub-01_task-rest_physio.tsv.gz")))
    'sub-01/func/sub-01_task-rest_physio.json'
    """
    return path.with_name(path.name.partition(".")[0] + ".json")


#: Suffix of the images that a file of the given suffix or extension belongs to.
_SERVED = {
    "events": {"bold", "cbv"},
    "physio": {"bold", "cbv", "dwi", "asl"},
    "stim": {"bold", "cbv"},
    "aslcontext": {"asl"},
    ".bval": {"dwi", "sbref"},
    ".bvec": {"dwi", "sbref"},
}


#: Companions without which an image has no meaning (and a dataset is not valid).
_CARRYING = frozenset({".bval", ".bvec", "aslcontext"})


def carries(companion: PurePosixPath, image: PurePosixPath) -> bool:
    """Tell whether an image cannot stand without a companion.

    Examples
    --------
    >>> carries(PurePosixPath("dwi.bval"), PurePosixPath("sub-01/dwi/sub-01_dwi.nii.gz"))
    True
    >>> carries(PurePosixPath("sub-01/fmap/sub-01_magnitude.nii.gz"),
    ...         PurePosixPath("sub-01/fmap/sub-01_fieldmap.nii.gz"))
    True
    """
    name, target = parse_name(companion.name), parse_name(image.name)
    if name is None or target is None:
        return False
    if name.suffix == "magnitude":
        same = companion.parent == image.parent and name.entities == target.entities
        return same and target.suffix == "fieldmap"
    carrying = name.extension in _CARRYING or name.suffix in _CARRYING
    return carrying and serves(companion, image) and target.suffix != "sbref"


def serves(companion: PurePosixPath, image: PurePosixPath) -> bool:
    """Tell whether a table, recording or gradient file belongs to an image.

    It does if it lies in the image's folder or above and has no entity the image has not,
    ``recording-`` aside.

    Examples
    --------
    >>> serves(PurePosixPath("sub-01/dwi/sub-01_dwi.bval"),
    ...        PurePosixPath("sub-01/dwi/sub-01_dwi.nii.gz"))
    True
    """
    ours, theirs = parse_name(companion.name), parse_name(image.name)
    if ours is None or theirs is None or not image.is_relative_to(companion.parent):
        return False
    suffixes = _SERVED.get(ours.extension) or _SERVED.get(ours.suffix, set())
    own = {pair for pair in ours.entities if pair[0] != "recording"}
    return theirs.suffix in suffixes and own <= set(theirs.entities)
