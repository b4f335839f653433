"""Does a head lie still in a series?  One mask, found on the mean, goes on all its volumes."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bidsdeid.core.descent import Array
from bidsdeid.core.estimate import Head
from bidsdeid.core.head import is_flat
from bidsdeid.core.nifti import Image
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import Floats
from bidsdeid.errors import FileProblem, GateError
from bidsdeid.run.session import displaced

#: What is unlike the brightest volume is compared with the brightest of the rest: of noise and of
#: frames before a tracer arrived there may be one or two that are brighter than any head.
_ROUNDS = 3


def check_still(image: Image, points: Array, most_mm: float, *, unlike: bool) -> None:
    """See that the head lies in each volume of a series where it lies in the brightest, as stored.

    Their mean would not do: of two volumes it shows two heads, and each of them lies on it.

    Parameters
    ----------
    image : Image
        If it is one volume, it is still.
    points : (4, N) array, RAS+ mm
        Of the head.
    most_mm : float
        How far each may move.
    unlike : bool
        Volumes may show the head otherwise, or not at all: what is unlike all that it was compared
        with is let pass.  What must be gone from each volume is up to whoever calls.

    Raises
    ------
    GateError
        If it does not.
    """
    left = [number for number, volume in enumerate(image.volumes()) if not is_flat(volume)]
    for _ in range(_ROUNDS):
        if len(left) < 2:  # noqa: PLR2004 -- nothing to compare it with
            return
        left = _unlike_the_brightest(image, left, points, most_mm)
        if left and not unlike:
            message = "the head is not to be seen in the same way in each volume of a series"
            raise GateError(message)


def _unlike_the_brightest(
    image: Image, numbers: Collection[int], points: Array, most_mm: float
) -> list[int]:
    """Return which of some volumes are not like the brightest of them.

    Raises
    ------
    GateError
        If the head lies elsewhere in one that is.
    """
    first, brightest = max(_of(image, numbers), key=lambda one: float(one[1].mean()))
    others = [number for number in numbers if number != first]
    try:
        head = Head.of(brightest, image.affine, image.slope)
        reference = Reference(head.volume, head.affine)
    except FileProblem:
        return others
    unlike: list[int] = []
    for number, volume in _of(image, others):
        try:
            moved = displaced(reference, Head.of(volume, image.affine, image.slope), points)
        except FileProblem:
            moved = None
        if moved is None:
            unlike.append(number)
        elif moved > most_mm:
            message = "the head moved in a series"
            raise GateError(message)
    return unlike


def _of(image: Image, numbers: Collection[int]) -> Iterator[tuple[int, Floats]]:
    return ((n, volume) for n, volume in enumerate(image.volumes()) if n in numbers)
