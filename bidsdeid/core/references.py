"""Names of files that stand inside other files, made to follow what became of those files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from bidsdeid.core.values import JSONValue

#: Source path of each released file, and the path it is released under.
Released = Mapping[PurePosixPath, PurePosixPath]

_URI = "bids::"


def released_reference(reference: str, participant: str, released: Released) -> str | None:
    """Return `reference` as it must read in the output, or None if its file is not there.

    Parameters
    ----------
    reference : str
        A BIDS URI (``bids::sub-01/...``), a path from the dataset's root, or the older path
        from the participant's folder.
    participant : str
        Label of the participant whose file holds the reference.
    released : mapping of PurePosixPath to PurePosixPath
        What is released, and as what.

    Examples
    --------
    >>> released = {PurePosixPath("sub-01/anat/sub-01_T1w.nii.gz"):
    ...             PurePosixPath("sub-01/anat/sub-01_desc-defaced_T1w.nii.gz")}
    >>> released_reference("bids::sub-01/anat/sub-01_T1w.nii.gz", "01", released)
    'bids::sub-01/anat/sub-01_desc-defaced_T1w.nii.gz'
    >>> released_reference("anat/sub-01_T1w.nii.gz", "01", released)
    'anat/sub-01_desc-defaced_T1w.nii.gz'
    >>> released_reference("anat/sub-01_T2w.nii.gz", "01", released) is None
    True
    """
    scheme = _URI if reference.startswith(_URI) else ""
    path = PurePosixPath(reference.removeprefix(scheme))
    if path in released:
        return scheme + str(released[path])
    target = released.get(PurePosixPath(f"sub-{participant}") / path)
    return None if target is None or scheme else str(target.relative_to(target.parts[0]))


def released_references(value: JSONValue, participant: str, released: Released) -> JSONValue:
    """Apply `released_reference` to a string or a list of strings; None if nothing is left."""
    if isinstance(value, str):
        return released_reference(value, participant, released)
    if not isinstance(value, list):
        return None
    targets = (
        released_reference(item, participant, released) for item in value if isinstance(item, str)
    )
    kept: list[JSONValue] = [target for target in targets if target is not None]
    return kept or None
