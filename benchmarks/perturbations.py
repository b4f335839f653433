"""Ways in which an image of a head can differ from the one an atlas expects.

Each takes a subject and returns another; what is known of the subject goes along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bidsdeid.core.voxels import block_mean

Array = NDArray[np.float64]

#: Bits of `Subject.truth`.
BRAIN, EYES, NOSE, MOUTH = 1, 2, 4, 8


@dataclass(frozen=True, eq=False)
class Subject:
    """A head on its way, and the truth about it.

    Parameters
    ----------
    data : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm
    truth : (X, Y, Z) array of uint8
        Bits: `BRAIN`, and the surface of `EYES`, `NOSE` and `MOUTH`.
    """

    data: NDArray[np.generic]
    affine: Array
    truth: NDArray[np.uint8]

    @property
    def centre(self) -> Array:
        """Middle of the brain, RAS+ mm."""
        middle = np.argwhere(self.truth & BRAIN).mean(axis=0)
        return np.asarray((self.affine @ [*middle, 1])[:3])


Perturbation = Callable[[Subject], Subject]


@dataclass(frozen=True)
class Case:
    """One perturbation.

    Parameters
    ----------
    name : str
    apply : callable
    usable : bool
        A face and most of a head are in view and labelled right: it should be released.
    """

    name: str
    apply: Perturbation
    usable: bool = True


def moved(
    angles: tuple[float, float, float] = (0, 0, 0), shift: Array | None = None, size: float = 1.0
) -> Perturbation:
    """Turn (pitch, roll, yaw in degrees), shift (mm) and scale a head in its header."""

    def apply(subject: Subject) -> Subject:
        move = np.eye(4)
        move[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * size
        centre = subject.centre
        move[:3, 3] = centre - move[:3, :3] @ centre + (0 if shift is None else shift)
        return replace(subject, affine=move @ subject.affine)

    return apply


def no_origin(subject: Subject) -> Subject:
    """Forget where the head was."""
    affine = subject.affine.copy()
    affine[:3, 3] = 0
    return replace(subject, affine=affine)


def thick(*size: int) -> Perturbation:
    """Average blocks of this many voxels."""

    def apply(subject: Subject) -> Subject:
        affine = subject.affine @ np.diag([*size, 1.0])
        affine[:3, 3] += subject.affine[:3, :3] @ ((np.array(size) - 1) / 2)
        cut = tuple(
            slice(s // 2, n // s * s, s) for n, s in zip(subject.data.shape, size, strict=True)
        )
        return Subject(block_mean(subject.data, size), affine, subject.truth[cut])

    return apply


def fine(subject: Subject) -> Subject:
    """Halve the voxels (twice), to 0.5 mm for a copy of 2 mm."""
    affine = subject.affine @ np.diag([0.25, 0.25, 0.25, 1.0])
    affine[:3, 3] -= subject.affine[:3, :3] @ np.full(3, 0.375)

    def grown(data: NDArray[np.generic]) -> NDArray[np.generic]:
        for axis in range(3):
            data = np.repeat(data, 4, axis)
        return data

    data = subject.data.astype(np.int16)
    return Subject(grown(data), affine, grown(subject.truth).astype(np.uint8))


def cropped(axis: int, low: float | None, high: float | None) -> Perturbation:
    """Keep what is `low` mm from the near end of the brain to `high` mm from its far end."""

    def apply(subject: Subject) -> Subject:
        zoom = np.linalg.norm(subject.affine[:3, axis])
        brain = np.argwhere(subject.truth & BRAIN)[:, axis]
        start = 0 if low is None else max(0, int(brain.min() + low / zoom))
        stop = None if high is None else int(brain.max() + high / zoom)
        cut = [slice(None)] * 3
        cut[axis] = slice(start, stop)
        affine = subject.affine.copy()
        affine[:3, 3] += affine[:3, axis] * start
        return Subject(subject.data[tuple(cut)], affine, subject.truth[tuple(cut)])

    return apply


def stored(order: tuple[int, ...], signs: tuple[int, ...]) -> Perturbation:
    """Store the same head with its axes in another order, the header telling the truth."""

    def apply(subject: Subject) -> Subject:
        turn = np.zeros((4, 4))
        turn[3, 3] = 1
        for new, (old, sign) in enumerate(zip(order, signs, strict=True)):
            turn[old, new] = sign
            turn[old, 3] = 0 if sign > 0 else subject.data.shape[old] - 1
        flips = tuple(slice(None, None, sign) for sign in signs)
        return Subject(
            subject.data.transpose(order)[flips],
            subject.affine @ turn,
            subject.truth.transpose(order)[flips],
        )

    return apply


def relabelled(order: tuple[int, ...], signs: tuple[int, ...] = (1, 1, 1)) -> Perturbation:
    """Store the head with its axes in another order, and a header that does not know."""
    store = stored(order, signs)
    return lambda subject: replace(store(subject), affine=subject.affine)


def valued(change: Callable[[NDArray[np.float32]], NDArray[np.generic]]) -> Perturbation:
    """Change the brightness."""
    return lambda subject: replace(subject, data=change(subject.data.astype(np.float32)))


def _noise(share: float) -> Perturbation:
    def change(data: NDArray[np.float32]) -> NDArray[np.generic]:
        rng = np.random.default_rng(0)
        width = share * np.percentile(data, 99)
        return np.hypot(data + rng.normal(0, width, data.shape), rng.normal(0, width, data.shape))

    return valued(change)


def _bias(axis: int, strength: float) -> Perturbation:
    def change(data: NDArray[np.float32]) -> NDArray[np.generic]:
        shape = [1, 1, 1]
        shape[axis] = -1
        return data * np.exp(strength * np.linspace(-1, 1, data.shape[axis])).reshape(shape)

    return valued(change)


def _inverted(data: NDArray[np.float32]) -> NDArray[np.generic]:
    """Turn the contrast of tissue round; air stays dark."""
    bright = np.percentile(data, 99)
    head = ndimage.binary_fill_holes(ndimage.gaussian_filter(data, 1) > 0.15 * bright)
    return np.where(head, 1.1 * bright - np.minimum(data, bright), 0.3 * data)


def _outlier(data: NDArray[np.float32]) -> NDArray[np.generic]:
    data = data.copy()
    data[5, 5, 5] = 1e6
    return data


def _stripped(subject: Subject) -> Subject:
    brain = ndimage.binary_dilation(subject.truth & BRAIN)
    return replace(subject, data=np.where(brain, subject.data, 0))


def _junk(subject: Subject) -> Subject:
    noise = np.random.default_rng(3).gamma(1, 1, subject.data.shape)
    return replace(subject, data=noise.astype(np.float32))


def cases() -> Iterator[Case]:
    """Yield all cases."""
    yield from placements()
    yield from views()
    yield from brightnesses()
    yield from mistakes()


def placements() -> Iterator[Case]:
    """Yield heads that are turned, shifted, and stored otherwise."""
    yield Case("as it is", lambda subject: subject)
    for axis, name in enumerate(("pitch", "roll", "yaw")):
        for angle in (-40, -20, 20, 40):
            angles = [0.0, 0.0, 0.0]
            angles[axis] = angle
            yield Case(f"{name} {angle:+d}", moved((angles[0], angles[1], angles[2])))
    yield Case("turned 20 20 20", moved((20, 20, 20)))
    yield Case("turned -25 15 -15", moved((-25, 15, -15)))
    for axis, name in enumerate("xyz"):
        for shift in (-80, 80):
            yield Case(f"shift {name} {shift:+d}", moved(shift=shift * np.eye(3)[axis]))
    yield Case("origin 0", no_origin)
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            yield Case(f"stored {order} {signs}", stored(order, signs))


def views() -> Iterator[Case]:
    """Yield heads in other voxels, and cut off."""
    for name, size in {
        "2x2x6 mm": (1, 1, 3),
        "6x2x2 mm": (3, 1, 1),
        "2x6x2 mm": (1, 3, 1),
        "4 mm": (2, 2, 2),
    }.items():
        yield Case(name, thick(*size))
    yield Case("0.5 mm", fine)
    yield Case("top cut off", cropped(2, None, -20))
    yield Case("chin cut off", cropped(2, -20, None))
    yield Case("cut below the eyes", cropped(2, 0, None))
    yield Case("slab", cropped(2, 10, -30), usable=False)
    yield Case("back cut off", cropped(1, 30, None))
    yield Case("side cut off", cropped(0, 20, None))
    yield Case("nose cut off", cropped(1, None, 12), usable=False)


def brightnesses() -> Iterator[Case]:
    """Yield heads of other contrast and type."""
    for share in (5, 15):
        yield Case(f"noise {share} %", _noise(share / 100))
    for axis, name in ((1, "front-back"), (2, "top-bottom")):
        for strength in (-1, 1):
            yield Case(f"bias {name} {strength:+d}", _bias(axis, strength))
    yield Case("contrast inverted", valued(_inverted))
    yield Case("gamma 0.5", valued(lambda data: np.maximum(data, 0) ** 0.5))
    yield Case("offset", valued(lambda data: data - 1024))
    yield Case("scaled", valued(lambda data: data * 1e-4))
    yield Case("one bright voxel", valued(_outlier))
    for dtype in (np.int16, np.uint16, np.uint8, np.float64):
        limit = 250 if dtype is np.uint8 else 30000

        def change(
            data: NDArray[np.float32], dtype: type = dtype, limit: int = limit
        ) -> NDArray[np.generic]:
            scaled = np.clip(data / np.percentile(data, 99.9) * limit, 0, limit)
            return np.asarray(scaled, dtype=dtype)

        yield Case(np.dtype(dtype).name, valued(change))


def mistakes() -> Iterator[Case]:
    """Yield heads that are labelled wrong, and what is no whole head."""
    yield Case("small head (0.7)", moved(size=0.7), usable=False)
    yield Case("mirrored", relabelled((0, 1, 2), (-1, 1, 1)))
    wrong = {
        "labels front-back": relabelled((0, 1, 2), (1, -1, 1)),
        "labels up-down": relabelled((0, 1, 2), (1, 1, -1)),
        "labels x-y": relabelled((1, 0, 2)),
        "labels x-z": relabelled((2, 1, 0)),
        "labels y-z": relabelled((0, 2, 1)),
        "nose up": moved((90, 0, 0)),
        "facing backwards": moved((0, 0, 180)),
        "skull-stripped": _stripped,
        "noise only": _junk,
    }
    for name, apply in wrong.items():
        yield Case(name, apply, usable=False)
