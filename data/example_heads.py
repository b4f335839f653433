"""Heads for the example dataset, all warped from pydeface's average head.

One transform per participant and session places the average head, its face mask and an ellipsoid
inside its brain alike, so where face and brain are in an image is known exactly.
"""

import gzip
import importlib.util
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Middle of the atlas' head (mm), and an ellipsoid well inside its brain, drawn and checked by eye.
CENTRE: Final = np.array([-3.0, 11.0, -18.0])
CORE_CENTRE: Final = np.array([-1.5, 5.0, 23.0])
CORE_RADII: Final = np.array([50.0, 70.0, 37.0])
AIR: Final = 12.0  # the average head fades into a haze; below this the atlas shows air
THICK: Final = 3.0  # grids with larger voxels (mm) are slabs over the brain
NOISE: Final = 6.0
B_AXES: Final = (None, (0, 1), (0, 1), (1, 2), (0, 2), (1, 2), (0, 2))  # axes of each dwi volume


@dataclass(frozen=True)
class Scan:
    """One image: which head, seen how, on which grid, stored how."""

    path: str
    participant: str
    session: str | None
    suffix: str
    axes: str = "RAS"
    tilt: float = 0.0
    size: float = 2.0
    slope: float = 1.0
    inter: float = 0.0
    volumes: int = 1


@dataclass(frozen=True)
class Truth:
    """Where face and brain are in an image, on the image's grid.

    Attributes
    ----------
    face : array of bool
        True where pydeface's own mask, moved along with the head, says face.
    brain_core : array of bool
        True in an ellipsoid that lies well inside the brain.
    """

    face: Mask
    brain_core: Mask


S1, S2, S3 = "sub-01", "sub-02", "sub-03"
SCANS: Final = (
    Scan(f"{S1}/anat/{S1}_T1w.nii.gz", S1, None, "T1w"),
    Scan(f"{S1}/anat/{S1}_T2w.nii.gz", S1, None, "T2w", axes="LPS", tilt=9, slope=0.5),
    Scan(f"{S1}/func/{S1}_task-rest_bold.nii.gz", S1, None, "bold", "LAS", 6, 4.0, volumes=8),
    Scan(f"{S1}/dwi/{S1}_dwi.nii.gz", S1, None, "dwi", "LAS", 0, 4.0, volumes=7),
    Scan(f"{S1}/fmap/{S1}_dir-PA_epi.nii.gz", S1, None, "epi", "LAS", 6, 4.0),
    Scan(f"{S2}/ses-baseline/anat/{S2}_ses-baseline_T1w.nii", S2, "baseline", "T1w", "LAS"),
    Scan(f"{S2}/ses-followup/anat/{S2}_ses-followup_T1w.nii.gz", S2, "followup", "T1w", "LPS",
         -7, 2.1, 2.0, -10.0),
    Scan(f"{S3}/anat/{S3}_T1w.nii.gz", S3, None, "T1w", "PIR"),
    Scan(f"{S3}/anat/{S3}_FLAIR.nii.gz", S3, None, "FLAIR", "RAS", 12),
)  # fmt: skip


@cache
def _volume(name: str) -> tuple[npt.NDArray[np.float32], Floats]:
    """Read a volume of pydeface, and the matrix from mm to its voxels."""
    spec = importlib.util.find_spec("pydeface")  # found, not imported: it pulls in nipype
    if spec is None or not spec.submodule_search_locations:
        message = "the example is made from pydeface's atlas: install pydeface"
        raise SystemExit(message)
    path = Path(spec.submodule_search_locations[0], "data", name)
    raw = gzip.decompress(path.read_bytes())
    dtype = {4: "<i2", 64: "<f8"}[struct.unpack_from("<h", raw, 70)[0]]
    shape = struct.unpack_from("<3h", raw, 42)
    data = np.frombuffer(raw, dtype, int(np.prod(shape)), 352).reshape(shape, order="F")
    rows = np.array(struct.unpack_from("<12f", raw, 280)).reshape(3, 4)
    return np.ascontiguousarray(data, np.float32), np.linalg.inv(np.vstack([rows, [0, 0, 0, 1]]))


def _sample(name: str, points: Floats, outside: float) -> Floats:
    """Read a volume of pydeface at points in mm, trilinearly, in the same way on any machine."""
    data, to_voxel = _volume(name)
    last = np.array(data.shape) - 1
    index = points @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    inside = np.all((index >= 0) & (index <= last), axis=-1)
    found = index[inside].T
    low = np.minimum(found.astype(np.intp), last[:, None] - 1)
    part = found - low
    sides = (1 - part, part)
    total = np.zeros(found.shape[1])
    for i, j, k in np.ndindex(2, 2, 2):
        weight = sides[i][0] * sides[j][1] * sides[k][2]
        total += weight * data[low[0] + i, low[1] + j, low[2] + k]
    result = np.full(inside.shape, outside)
    result[inside] = total
    return result


def _rng(*key: object) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(zlib.crc32(repr(key).encode())))


def _rotation(degrees: npt.ArrayLike) -> Floats:
    """Make the matrix that turns about x, then y, then z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        turn, i, j = np.eye(3), (axis + 1) % 3, (axis + 2) % 3
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def _shift(scan: Scan) -> Floats:
    """Say how far the head lies from the middle of the scanner, in mm."""
    return _rng("shift", scan.participant, scan.session).uniform(-15, 15, 3)


def _to_atlas(scan: Scan, points: Floats) -> Floats:
    """Map points in the scanner to the atlas: the one transform behind image and truth alike."""
    # Who it is decides the size and the shape of a head, the session how it lies.
    person = _rng("person", scan.participant)
    turn = _rotation(_rng("turn", scan.participant, scan.session).uniform(-12, 12, 3))
    rigid: Floats = (points - CENTRE - _shift(scan)) @ turn / person.uniform(0.92, 1.08, 3)
    moved: Floats = rigid + CENTRE
    for _ in range(4):
        direction = person.normal(size=3)
        wave = direction / np.linalg.norm(direction) * 2 * np.pi / person.uniform(90, 160)
        phase, reach = person.uniform(0, 2 * np.pi), person.uniform(-1.8, 1.8, 3)
        moved = moved + np.sin(rigid @ wave + phase)[..., None] * reach
    return moved


def _grid(scan: Scan) -> tuple[tuple[int, ...], Floats, Floats]:
    """Lay the grid of an image over its head: shape, affine, and the place of each voxel."""
    extent = np.array([208, 240, 136] if scan.size > THICK else [190, 240, 220])
    order = ["RLAPSI".index(letter) // 2 for letter in scan.axes]
    signs = np.array([1.0 if letter in "RAS" else -1.0 for letter in scan.axes])
    shape = np.ceil(extent[order] / scan.size).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = _rotation([scan.tilt, 0, scan.tilt / 3]) @ np.eye(3)[:, order]
    affine[:3, :3] *= signs * scan.size
    # Slabs of thick voxels sit on the brain, fine grids on the head.
    middle = CENTRE + _shift(scan) + ([0, 0, 25] if scan.size > THICK else 0)
    affine[:3, 3] = middle - affine[:3, :3] @ (shape - 1) / 2
    affine = affine.astype(np.float32).astype(float)  # as precise as the header can hold
    size: tuple[int, ...] = tuple(shape.tolist())
    index = np.moveaxis(np.indices(size), 0, -1)
    return size, affine, index @ affine[:3, :3].T + affine[:3, 3]


def truth(participant: str, session: str | None, suffix: str) -> Truth:
    """Say where face and brain are in an image of the example dataset.

    Parameters
    ----------
    participant : str
        Participant, as ``sub-01``.
    session : str or None
        Session without its prefix, as ``baseline``.
    suffix : str
        Suffix of the image, as ``T1w``.

    Returns
    -------
    Truth
        Masks on the grid of the image (for a series: of one volume).
    """
    key = (participant, session, suffix)
    scan = next(s for s in SCANS if (s.participant, s.session, s.suffix) == key)
    points = _to_atlas(scan, _grid(scan)[2])
    core = np.sum(((points - CORE_CENTRE) / CORE_RADII) ** 2, axis=-1) < 1
    return Truth(_sample("facemask.nii.gz", points, 1.0) < 0.5, core)  # noqa: PLR2004


def _bump(value: Floats, at: float, width: float) -> Floats:
    bump: Floats = np.exp(-(((value - at) / width) ** 2))
    return bump


def _steps(*steps: tuple[float, float, float]) -> Callable[[Floats], Floats]:
    """Make a smooth curve of soft steps, each given by its height, middle and width."""

    def curve(value: Floats) -> Floats:
        total = np.zeros_like(value)
        for height, middle, width in steps:
            total += height * (1 + np.tanh((value - middle) / width)) / 2
        return total

    return curve


# What other sequences make of the brightness in the T1-weighted atlas: fluid is near 125, grey
# matter near 230, white matter near 310, fat above 400.
_epi: Final = _steps((650, 90, 30), (-120, 270, 60), (-420, 470, 50))
CONTRAST: Final[dict[str, Callable[[Floats], Floats]]] = {
    "T1w": lambda value: value,
    "T2w": _steps((900, 75, 25), (-300, 150, 40), (-250, 260, 60), (-200, 420, 60)),
    "FLAIR": _steps((150, 70, 25), (450, 170, 50), (-200, 290, 40), (-100, 450, 60)),
    "bold": _epi,
    "dwi": _epi,
    "epi": _epi,
}


def _factor(scan: Scan, volume: int, atlas: Floats) -> Floats:
    """Say how much brighter than the first a volume of a series is, per voxel."""
    if scan.suffix == "bold":
        return 1 + 0.03 * float(np.sin(volume)) * _bump(atlas, 230, 40)
    axes = B_AXES[volume] if scan.suffix == "dwi" else None
    if axes is None:
        return np.ones_like(atlas)
    # Water moves fastest in fluid, and in white matter mostly along one axis.
    rate = 0.8 + 1.8 * _bump(atlas, 125, 40) + 0.4 * _bump(atlas, 310, 40) * (1 in axes)
    kept: Floats = np.exp(-rate)
    return kept


def voxels(scan: Scan) -> tuple[npt.NDArray[np.int16], Floats]:
    """Make the image of a scan.

    Parameters
    ----------
    scan : Scan
        One of `SCANS`.

    Returns
    -------
    data : array of int16
        Voxels as stored, before ``scan.slope`` and ``scan.inter`` are applied.
    affine : array
        Matrix from voxels to mm.
    """
    shape, affine, points = _grid(scan)
    atlas = _sample("mean_reg2mean.nii.gz", _to_atlas(scan, points), 0.0)
    rng = _rng("noise", scan.path)
    coil = 1 + 0.2 * np.sin(points @ rng.uniform(-0.012, 0.012, 3) + rng.uniform(0, 2 * np.pi))
    signal = CONTRAST[scan.suffix](atlas) * coil
    series = np.zeros((*shape, scan.volumes), np.int16)
    for volume in range(scan.volumes):
        real, imaginary = rng.normal(0, NOISE, (2, *shape))
        value = np.hypot(signal * _factor(scan, volume, atlas) + real, imaginary)
        # Scanners mask the air too; without this the noise would be most of the file.
        value[atlas < AIR] = 0
        series[..., volume] = np.rint((value - scan.inter) / scan.slope)
    return (series if scan.volumes > 1 else series[..., 0]), affine
