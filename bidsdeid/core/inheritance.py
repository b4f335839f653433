"""Which sidecars speak for which file: the BIDS inheritance principle.

A sidecar applies to a file when it lies in the same folder or one above, has the same suffix,
and has no entity that the file has not.  Nearer folders win, and in one folder the more
specific name.  (BIDS specification, common principles, "The Inheritance Principle".)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from bidsdeid.core.entities import parse_name
from bidsdeid.core.values import JSONValue


def applies(sidecar: PurePosixPath, data: PurePosixPath) -> bool:
    """Tell whether `sidecar` (any metadata file) speaks for `data`.

    Examples
    --------
    >>> applies(PurePosixPath("T1w.json"), PurePosixPath("sub-01/anat/sub-01_T1w.nii.gz"))
    True
    >>> applies(PurePosixPath("sub-02/sub-02_T1w.json"),
    ...         PurePosixPath("sub-01/anat/sub-01_T1w.nii.gz"))
    False
    """
    if not data.is_relative_to(sidecar.parent):
        return False
    ours, theirs = parse_name(sidecar.name), parse_name(data.name)
    if ours is None or theirs is None or ours.suffix != theirs.suffix:
        return False
    return set(ours.entities) <= set(theirs.entities)


def chain(data: PurePosixPath, sidecars: Iterable[PurePosixPath]) -> tuple[PurePosixPath, ...]:
    """Return the sidecars that apply to `data`, the weakest (root) first."""
    return tuple(
        sorted(
            (sidecar for sidecar in sidecars if applies(sidecar, data)),
            key=lambda path: (len(path.parts), path.name.count("-"), path.name),
        )
    )


def merged(
    data: PurePosixPath, sidecars: Mapping[PurePosixPath, Mapping[str, JSONValue]]
) -> dict[str, JSONValue]:
    """Return the metadata of `data`: all that apply, the nearest winning.

    Examples
    --------
    >>> merged(PurePosixPath("sub-01/func/sub-01_task-rest_bold.nii.gz"), {
    ...     PurePosixPath("task-rest_bold.json"): {"RepetitionTime": 2.0, "TaskName": "rest"},
    ...     PurePosixPath("sub-01/func/sub-01_task-rest_bold.json"): {"RepetitionTime": 1.5}})
    {'RepetitionTime': 1.5, 'TaskName': 'rest'}
    """
    result: dict[str, JSONValue] = {}
    for sidecar in chain(data, sidecars):
        result.update(sidecars[sidecar])
    return result
