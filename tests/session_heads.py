"""One session of many images, all of one head: pydeface's, carried along by a known transform.

Where face, brain and skin are in an image is known from the transform, whatever its contrast,
grid or storage.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bidsdeid.resources import pydeface_atlas

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Middle of pydeface's head, RAS+ mm.
MIDDLE = np.array([-3.0, 11.0, -18.0])

#: On pydeface's head: brighter is tissue; darker is the haze before an average face.
TISSUE, AIR = 80.0, 50.0

#: Over the eyes of pydeface's head, mm from side to side (each of both), and from below to above.
EYES_ASIDE, EYES_UP = (12.0, 48.0), (-44.0, -14.0)

#: So deep is skin, and so far from its edge is the core of a brain (mm).
SKIN_MM, CORE_MM = 6.0, 6.0


@dataclass(frozen=True)
class Pose:
    """Who it is, and how the head lies.

    Parameters
    ----------
    size : tuple of float
        Of the head, relative to pydeface's, from side to side, back to front and up.
    turn : tuple of float
        About x, y and z, degrees.
    shift : tuple of float
        mm.
    """

    size: tuple[float, float, float] = (0.97, 1.03, 1.01)
    turn: tuple[float, float, float] = (5.0, -3.0, 4.0)
    shift: tuple[float, float, float] = (4.0, -7.0, 9.0)


@dataclass(frozen=True)
class Grid:
    """Where voxels are.

    Parameters
    ----------
    zooms : tuple of float
        mm.
    axes : str
        Of voxels, as ``RAS``.
    tilt : float
        Degrees.
    extent : tuple of float
        What is in view, from side to side, back to front and up, mm.
    front, up : float
        From the middle of the head to that of the view, mm.
    """

    zooms: tuple[float, float, float] = (2.5, 2.5, 2.5)
    axes: str = "RAS"
    tilt: float = 0.0
    extent: tuple[float, float, float] = (195.0, 240.0, 228.0)
    front: float = 0.0
    up: float = 0.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A head on a grid.

    Parameters
    ----------
    affine : (4, 4) array, voxel → RAS+ mm
    head : (X, Y, Z) array
        Brightness in pydeface's head.
    face, eyes, core : (X, Y, Z) arrays of bool
        Tissue in pydeface's face mask, the skin over the eyes, the brain without its rim.
    """

    affine: Array
    head: Array
    face: Mask
    eyes: Mask
    core: Mask

    @property
    def tissue(self) -> Mask:
        """Return where there is no air for sure."""
        return self.head > TISSUE


def _bumps(places: Array) -> Array:
    """Bend a head a little, so that no affine fits it exactly."""
    rng = np.random.default_rng(5)
    moved = places.copy()
    for _ in range(3):
        wave = rng.normal(size=3)
        wave *= 2 * np.pi / rng.uniform(100, 160) / np.linalg.norm(wave)
        moved += np.sin(places @ wave + rng.uniform(0, 6))[..., None] * rng.uniform(-1.5, 1.5, 3)
    return moved


@cache
def scene(pose: Pose = Pose(), grid: Grid = Grid()) -> Scene:
    """Place the head on a grid."""
    order = ["RLAPSI".index(letter) // 2 for letter in grid.axes]
    signs = np.array([1.0 if letter in "RAS" else -1.0 for letter in grid.axes])
    zooms = np.array(grid.zooms)
    shape = np.ceil(np.array(grid.extent)[order] / zooms).astype(int)
    affine = np.eye(4)
    tilt = Rotation.from_euler("XZ", [grid.tilt, grid.tilt / 3], degrees=True).as_matrix()
    affine[:3, :3] = tilt @ np.eye(3)[:, order] * signs * zooms
    middle = MIDDLE + pose.shift + [0, grid.front, grid.up]
    affine[:3, 3] = middle - affine[:3, :3] @ (shape - 1) / 2
    affine = affine.astype(np.float32).astype(float)  # as precise as the header can hold
    index = np.moveaxis(np.indices(tuple(shape)), 0, -1)
    turn = Rotation.from_euler("xyz", pose.turn, degrees=True).as_matrix()
    world = index @ affine[:3, :3].T + affine[:3, 3]
    places = _bumps((world - MIDDLE - pose.shift) @ turn / pose.size) + MIDDLE
    atlas = pydeface_atlas()
    head = _at(places, atlas.head, 0.0)
    face = (_at(places, atlas.keep, 1.0) < 0.5) & (head > TISSUE)
    eyes = _skin(places, head > TISSUE, max(4.0, 1.6 * zooms.max()))
    return Scene(affine, head, face, eyes, _at(places, _core(), 0.0) > 0.5)


@cache
def _core() -> Mask:
    brain = pydeface_atlas().brain
    assert brain is not None
    return np.asarray(ndimage.binary_erosion(brain, iterations=round(CORE_MM)))  # voxels of 1 mm


def _at(places: Array, volume: NDArray[Any], outside: float) -> Array:
    """Read a volume of pydeface at places in its world."""
    inverse = np.linalg.inv(pydeface_atlas().affine)
    index = np.moveaxis(places @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    return np.asarray(
        ndimage.map_coordinates(volume.astype(np.float32), index, order=1, cval=outside)
    )


def _skin(places: Array, tissue: Mask, ray_mm: float) -> Mask:
    """Mark the first tissue met from the front, in the zone of the eyes."""
    aside, front, up = np.moveaxis(places, -1, 0)
    beside = np.abs(aside - MIDDLE[0])
    zone = (beside > EYES_ASIDE[0]) & (beside < EYES_ASIDE[1])
    zone &= (up > EYES_UP[0]) & (up < EYES_UP[1]) & tissue
    rays = np.zeros((30, 30))
    ray = (
        ((aside[zone] + 60) // ray_mm).astype(int),
        ((up[zone] + 60) // ray_mm).astype(int),
    )
    np.maximum.at(rays, ray, front[zone])
    skin = zone.copy()
    skin[zone] = front[zone] > rays[ray] - SKIN_MM
    return skin


Look = Callable[[Array], Array]


def _steps(*steps: tuple[float, float, float]) -> Look:
    """Make a smooth curve of soft steps, each given by its height, middle and width."""

    def curve(value: Array) -> Array:
        total = np.zeros_like(value)
        for height, middle, width in steps:
            total += height * (1 + np.tanh((value - middle) / width)) / 2
        return total

    return curve


#: What sequences make of pydeface's T1w: fluid is near 125, grey matter near 230, white matter
#: near 310, fat above 400.
LOOKS: dict[str, Look] = {
    "T1w": lambda value: value,
    "T2w": _steps((900, 75, 25), (-300, 150, 40), (-250, 260, 60), (-200, 420, 60)),
    "FLAIR": _steps((150, 70, 25), (450, 170, 50), (-200, 290, 40), (-100, 450, 60)),
    "PDw": _steps((700, 70, 25), (-150, 250, 60), (-60, 420, 60)),
    "GRE": _steps((420, 70, 25), (120, 180, 40), (-160, 270, 60)),
    "EPI": _steps((650, 90, 30), (-120, 270, 60), (-420, 470, 50)),
    "TOF": _steps((200, 60, 25), (150, 230, 60), (250, 480, 40)),
}


@dataclass(frozen=True)
class Scan:
    """One image.

    Parameters
    ----------
    path : str
        From the dataset's root.
    look : str
        Of `LOOKS`; or ``phase``, ``map`` (relaxation times) or
        ``ratio`` (UNIT1): in their air is nothing but noise.
    pose : Pose
    grid : Grid
    fade : tuple of float
        Brightness of each volume; one for a single volume.
    dtype : str
    slope, inter : float
    fields : mapping
        Its sidecar.
    spoil : callable or None
        What befell the voxels before they were stored, given their scene.
    """

    path: str
    look: str = "T1w"
    pose: Pose = field(default_factory=Pose)
    grid: Grid = field(default_factory=Grid)
    fade: tuple[float, ...] = (1.0,)
    dtype: str = "int16"
    slope: float = 1.0
    inter: float = 0.0
    fields: tuple[tuple[str, Any], ...] = ()
    spoil: Callable[[Array, Scene], Array] | None = None

    @property
    def scene(self) -> Scene:
        """Return what is where."""
        return scene(self.pose, self.grid)


def _values(scan: Scan, fade: float, rng: np.random.Generator) -> Array:
    """Make the (X, Y, Z) values of one volume."""
    there = scan.scene
    shape, inside = there.head.shape, there.head > AIR
    if scan.look in LOOKS:
        real, imaginary = rng.normal(0, 7, (2, *shape))
        signal = LOOKS[scan.look](there.head) * fade
        return np.asarray(np.hypot(np.where(inside, signal, 0) + real, imaginary))
    if scan.look == "ratio":
        noise = rng.uniform(0, 4095, shape)
        return np.where(inside, np.clip(there.head * 7, 0, 4095), noise)
    if scan.look == "map":
        return np.where(inside, 2.5 - there.head / 250, rng.uniform(0, 5, shape))
    index = np.indices(shape).sum(axis=0) / 20 + fade
    smooth = np.sin(index) + there.head / 900
    return np.asarray(np.where(inside, smooth, rng.uniform(-1.5, 1.5, shape)) * 2000)


def volume(scan: Scan) -> nib.Nifti1Image:
    """Make an image as it is stored."""
    rng = np.random.default_rng(zlib.crc32(scan.path.encode()))
    values = np.stack([_values(scan, fade, rng) for fade in scan.fade], axis=-1)
    if scan.spoil is not None:
        values = scan.spoil(values, scan.scene)
    values = (values - scan.inter) / scan.slope
    if np.dtype(scan.dtype).kind in "iu":
        limits = np.iinfo(scan.dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    stored = values.astype(scan.dtype)
    image = nib.Nifti1Image(stored if len(scan.fade) > 1 else stored[..., 0], scan.scene.affine)
    image.set_qform(scan.scene.affine, 1)
    image.header.set_xyzt_units("mm", "sec")
    if len(scan.fade) > 1:
        image.header.set_zooms((*scan.grid.zooms, 2.0))
    image.header["scl_slope"], image.header["scl_inter"] = scan.slope, scan.inter
    return image


def write_scans(root: Path, scans: Iterable[Scan]) -> None:
    """Write a dataset of some scans, with their sidecars."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text('{"Name": "coverage", "BIDSVersion": "1.9.0"}')
    (root / "README").write_text("Heads of nobody, made by a test from an average head. " * 4)
    for scan in scans:
        path = root / scan.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_with_scale(volume(scan), scan))
        sidecar = path.with_name(path.name.partition(".")[0] + ".json")
        sidecar.write_text(json.dumps(dict(scan.fields)))


def _with_scale(image: nib.Nifti1Image, scan: Scan) -> bytes:
    """Return the bytes of an image; nibabel would choose a scale of its own."""
    content = bytearray(image.to_bytes())
    block = image.header.copy()
    block["vox_offset"] = 352
    block["scl_slope"], block["scl_inter"] = scan.slope, scan.inter
    content[:348] = block.binaryblock[:348]
    if scan.path.endswith(".gz"):
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        return packer.compress(bytes(content)) + packer.flush()
    return bytes(content)
