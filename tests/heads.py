"""People of whom it is known where their heads are: pydeface's mean head, moved and scanned."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.face import FaceFrame
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.judge import FaceJudge
from bidsdeid.core.registration import Reference
from bidsdeid.core.voxels import HALF, Affine, Bools, Floats, carry, downsample, look_up
from bidsdeid.resources import pydeface_atlas

Array = NDArray[np.float64]

#: Points of pydeface's head, RAS+ mm, read off its picture: on skin, and on both auricles.
NOSE_TIP, LIPS = (0.0, 114.0, -71.0), (-1.0, 104.0, -99.0)
EYELIDS = ((-34.0, 82.0, -26.0), (30.0, 78.0, -27.0))
EARS = ((-81.0, -10.0, -48.0), (70.0, -21.0, -50.0))
OCCIPUT, CROWN = (-10.0, -88.0, -3.0), (-5.0, -10.0, 80.0)
HEAD_MIDDLE = (-4.0, 5.0, 0.0)

#: What goes if nothing is asked for.
STANDARD = FaceStyle()

#: Brighter than this is tissue, on pydeface's head.
TISSUE = 40.0


@lru_cache(maxsize=1)
def frame() -> FaceFrame:
    """Return the frame of pydeface's head."""
    return FaceFrame(pydeface_atlas())


@lru_cache(maxsize=1)
def reference() -> Reference:
    """Return pydeface's head, ready to be looked for."""
    atlas = pydeface_atlas()
    return Reference(atlas.head, atlas.affine)


@lru_cache(maxsize=1)
def judge() -> FaceJudge:
    """Return who judges masks against pydeface's head."""
    return FaceJudge(frame(), reference())


@lru_cache(maxsize=1)
def coarse_atlas() -> Atlas:
    """Return pydeface's atlas on voxels of 3 mm, so that other programs take seconds."""
    atlas = pydeface_atlas()
    assert atlas.brain is not None
    head, affine = downsample(atlas.head, atlas.affine, 3.0)
    keep, brain = (downsample(m, atlas.affine, 3.0)[0] for m in (atlas.keep, atlas.brain))
    return Atlas("coarse", head, keep >= HALF, affine, brain >= HALF)


@lru_cache(maxsize=1)
def _sharp() -> tuple[Floats, Affine]:
    atlas = pydeface_atlas()
    return downsample(atlas.head, atlas.affine, 2.0)


def move(
    *,
    pitch: float = 0,
    roll: float = 0,
    yaw: float = 0,
    shift: tuple[float, float, float] = (0, 0, 0),
    size: float | tuple[float, float, float] = 1.0,
) -> Array:
    """Return the (4, 4) affine that turns (degrees) and sizes a head about its middle."""
    matrix = np.eye(4)
    turn = Rotation.from_euler("ZYX", [yaw, roll, pitch], degrees=True).as_matrix()
    matrix[:3, :3] = turn * np.asarray(size)
    matrix[:3, 3] = HEAD_MIDDLE - matrix[:3, :3] @ HEAD_MIDDLE + shift
    return matrix


def person(
    moved: Array | None = None,
    *,
    zoom: float = 3.0,
    turned: Array | None = None,
    noise: float = 0,
    inverted: bool = False,
) -> tuple[Floats, Affine]:
    """Return pydeface's head after a move, on a grid of its own that holds all of it.

    Parameters
    ----------
    moved : (4, 4) array, world of pydeface's head → world of the person
    zoom : float
        Voxel size, mm.
    turned : (3, 3) array, optional
        Axes of the grid.
    noise : float
        Rician, in units of an atlas whose brain is about 300.
    inverted : bool
        What is bright in the head is dark.  Air stays dark.
    """
    moved = np.eye(4) if moved is None else moved
    shape = (round(276 / zoom),) * 3
    grid = np.eye(4)
    grid[:3, :3] = (np.eye(3) if turned is None else turned) * zoom
    grid[:3, 3] = at(moved, HEAD_MIDDLE) - grid[:3, :3] @ (np.array(shape) / 2)
    head, affine = _sharp()
    volume = carry(head, affine, shape, grid, np.linalg.inv(moved))
    if inverted:
        volume = np.where(volume > TISSUE, np.float32(650) - volume, volume)
    if noise:
        real, imaginary = np.random.default_rng(0).normal(0, noise, (2, *shape))
        volume = np.hypot(volume + real, imaginary).astype(np.float32)
    return volume, grid


def at(affine: Affine, place: tuple[float, ...]) -> Array:
    """Return where an affine brings a point."""
    return np.asarray((affine @ [*place, 1.0])[:3])


def apart(one: Affine, other: Affine) -> float:
    """Return how far (mm) two moves of pydeface's head put a landmark of face or brain apart."""
    landmarks = frame().landmarks
    return float(np.linalg.norm(((one - other) @ landmarks)[:3], axis=0).max())


@lru_cache(maxsize=1)
def subject() -> tuple[Floats, Affine]:
    """Return a person on coarse voxels, where the atlas lies."""
    return person(zoom=3.0, noise=5)


def mask_for(
    volume: Floats, affine: Affine, to_atlas: Affine, style: FaceStyle = STANDARD
) -> Bools:
    """Return what goes if the head is believed to lie there."""
    seen = frame().view_of(volume, affine, to_atlas).sure_head()
    return look_up(frame().region(seen, style), frame().affine, volume.shape, affine, to_atlas)
