"""A head as it would be seen: its surface, shaded, from the front and from both sides.

No polygons and no graphics library: rays are followed through the voxels to where the head
begins, and the surface there is lit.  What is compared, a head and what was left of it, is drawn
by one `Scene`: same threshold, same frame, same light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.head import air_and_tissue
from bidsdeid.core.voxels import Affine, Bools, Floats, Stored, box_corners, downsample, look_up
from bidsdeid.errors import GateError

Picture: TypeAlias = NDArray[np.uint8]

#: Where the camera stands, in degrees from straight before the face, to the person's left.
VIEWS = {"front": 0.0, "left": 45.0, "right": -45.0}

#: Voxels are averaged to this before they are looked at: what is finer is noise on skin.
ZOOM_MM = 2.0

#: A render is of this many pixels, square, and shows so much of the head: crown to chin of an
#: adult is 20-24 cm, and a detector of faces wants some air around.
PIXELS, FIELD_MM = 256, 250.0

#: Above the crown, so much air is shown.
_ABOVE_MM = 12.0

#: Percentiles of its voxels where a head ends.
_ENDS = (0.2, 99.8)

#: So far below the crown there are nose and ears, but no shoulders yet: how wide and how long a
#: head is, is read off there.
_NO_SHOULDERS_MM = 165.0

#: Rays are this far apart, and each is followed in steps of this.
_RAY_MM = 1.5

#: Smoothing before the surface is looked for (mm, standard deviation): a ball of voxels of 2 mm
#: has no steps then, and lips and eyelids are still there.
_SMOOTH_MM = 1.6

#: Of the way from air to Otsu's threshold, where skin begins; see `tissue_threshold`.
_SKIN_SHARE = 0.5

#: Specks smaller than this are noise, and not drawn: a nose, or an ear, is 5 cm³ and more.
_SPECK_MM3 = 1000.0

#: Before and behind the head as it is near the crown, rays go on for so much: chins, shoulders.
_BODY_MM = 60.0

#: Steps of a ray are halved this many times where it meets the surface.
_HALVINGS = 5

#: Light comes from the camera, from above it and a little from its left, as in a portrait; the
#: rest from everywhere.  Along the camera's axes: away from it, down, to its right.
_LIGHT = np.array([-0.85, -0.47, -0.25])
_AMBIENT, _KEY = 0.22, 0.78

#: A hollow (an eye socket, what is under the nose) is darker: so many mm behind what is around
#: it, smoothed by `_AROUND_MM`, halve the light.
_HOLLOW_MM, _AROUND_MM = 20.0, 9.0

#: Brightness of the darkest and the brightest surface, 0 to 255.  Air is 0.
_DARKEST, _BRIGHTEST = 18.0, 250.0


@dataclass(frozen=True, slots=True)
class Scene:
    """How a head is drawn, so that what is left of it can be drawn likewise.

    Parameters
    ----------
    air : float
        Brightness of air.
    skin : float
        Brightness at which the head begins; infinite if there is nothing to be seen.
    low, high : (3,) tuple of float
        Ends of the head along right, front and top, RAS+ mm.
    """

    air: float
    skin: float
    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @classmethod
    def of(cls, small: Floats, affine: Affine, smooth: Floats | None = None) -> Scene:
        """Look at the image that shows most: the one before anything was removed.

        Parameters
        ----------
        small : (X, Y, Z) array, finite
            With voxels of about 2 mm; see `small_copy`.
        affine : (4, 4) array, voxel → RAS+ mm
        smooth : (X, Y, Z) array, optional
            `smoothed` of `small`, if it is at hand.
        """
        ends = box_corners(small.shape, affine)[:3]
        low, high = ends.min(axis=1), ends.max(axis=1)
        smooth = smoothed(small, affine) if smooth is None else smooth
        air, skin = air_and_skin(smooth)
        if np.isinf(skin):
            return cls(air, skin, _three(low), _three(high))
        body = _without_specks(smooth > skin, affine)
        if body.any():
            places = affine[:3, :3] @ np.argwhere(body).T + affine[:3, 3:]
            # A few voxels of noise at the edge, or a coil, are no end of a head.
            low, high = np.percentile(places, _ENDS, axis=1)
            upper = places[:2, places[2] > high[2] - _NO_SHOULDERS_MM]
            low[:2], high[:2] = np.percentile(upper, _ENDS, axis=1)
        return cls(air, skin, _three(low), _three(high))

    @property
    def middle(self) -> tuple[float, float, float]:
        """Middle of the picture of a head, RAS+ mm: an arm's length of neck does not move it."""
        x, y = ((a + b) / 2 for a, b in zip(self.low[:2], self.high[:2], strict=True))
        return x, y, self.high[2] + _ABOVE_MM - FIELD_MM / 2


def air_and_skin(smooth: Floats) -> tuple[float, float]:
    """Return the brightness of air, and that at which a head begins: see `Scene`.

    Parameters
    ----------
    smooth : (X, Y, Z) array
        Of `smoothed`.
    """
    try:
        air, tissue = air_and_tissue(smooth)
    except GateError:
        return 0.0, float("inf")
    return air, air + _SKIN_SHARE * (tissue - air)


def small_copy(data: Stored, affine: Affine) -> tuple[Floats, Affine]:
    """Return a copy with voxels of about 2 mm, and its affine, voxel → RAS+ mm.

    Parameters
    ----------
    data : (X, Y, Z, ...) array
        Trailing axes are averaged; what is not finite counts as 0.
    affine : (4, 4) array, voxel → RAS+ mm
    """
    return downsample(data, affine, ZOOM_MM)


def render(small: Floats, affine: Affine, scene: Scene, view: str = "front") -> Picture:
    """Draw the surface of a head.

    Parameters
    ----------
    small : (X, Y, Z) array, finite
        With voxels of about 2 mm, in any orientation; see `small_copy`.
    affine : (4, 4) array, voxel → RAS+ mm
    scene : Scene
        Of this image, or of the one that it was made from.
    view : {"front", "left", "right"}
        Where the camera stands: before the face, or turned 45 degrees to the person's left or
        right.  As in a photograph, the person's right is at the left of a picture.

    Returns
    -------
    (`PIXELS`, `PIXELS`) array of uint8
        The crown is at the top.  Black where there is no head.
    """
    return renders(small, affine, scene, (view,))[view]


def renders(
    small: Floats,
    affine: Affine,
    scene: Scene,
    views: tuple[str, ...] = tuple(VIEWS),
    *,
    smooth: Floats | None = None,
) -> dict[str, Picture]:
    """Draw several views of a head; arguments and pictures as for `render` and `Scene.of`."""
    smooth = smoothed(small, affine) if smooth is None else smooth
    body = _without_specks(smooth > scene.skin, affine)
    return {view: _drawn(smooth, body, affine, scene, VIEWS[view]) for view in views}


def camera(scene: Scene, degrees: float) -> tuple[tuple[int, int, int], Affine]:
    """Return the grid of rays of a camera: its shape, and its affine to RAS+ mm.

    Axes are: along a ray away from the camera, down the picture, and to its right.

    Examples
    --------
    >>> scene = Scene(0.0, 1.0, (-80.0, -100.0, -150.0), (80.0, 100.0, 90.0))
    >>> (camera(scene, 0.0)[1][:3, :3] / _RAY_MM).round().astype(int).tolist()
    [[0, 0, -1], [-1, 0, 0], [0, -1, 0]]
    """
    turn = np.deg2rad(degrees)
    towards = np.array([-np.sin(turn), np.cos(turn), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    axes = np.stack([-towards, -up, np.cross(up, towards)], axis=1)
    reach = float(np.linalg.norm(np.subtract(scene.high, scene.low)[:2])) + _BODY_MM
    side = round(FIELD_MM / _RAY_MM)
    shape = (round(reach / _RAY_MM) + 2, side, side)
    grid = np.eye(4)
    grid[:3, :3] = axes * _RAY_MM
    grid[:3, 3] = scene.middle - grid[:3, :3] @ ((np.array(shape) - 1) / 2)
    return shape, grid


def _drawn(smooth: Floats, body: Bools, affine: Affine, scene: Scene, degrees: float) -> Picture:
    shape, grid = camera(scene, degrees)
    padded, before = np.pad(body, 1), np.eye(4)  # beyond the image there is air
    before[:3, 3] = -1
    along = look_up(padded, affine @ before, shape, grid, np.eye(4))
    met: Bools = np.asarray(along.any(axis=0))
    depth = np.argmax(along, axis=0).astype(np.float64)
    rows, columns = np.nonzero(met)
    steps, values = depth[met], (smooth - np.float32(scene.skin))
    to_voxels = np.linalg.inv(affine) @ grid

    def at(steps: NDArray[np.float64], shift: Any = 0.0) -> Floats:  # noqa: ANN401 -- (3, 1) or 0
        ray = np.stack([steps, rows, columns, np.ones_like(steps)])
        places = (to_voxels @ ray)[:3] + shift
        found: Floats = ndimage.map_coordinates(values, places, np.float32, 1, mode="nearest")
        return found

    stride = 1.0
    for _ in range(_HALVINGS):  # nearest voxels are off by half of one: go to the surface itself
        steps += np.where(at(steps) > 0, -stride, stride)
        stride /= 2
    slope = np.stack([at(steps, s) - at(steps, -s) for s in np.eye(3)[:, :, None]])
    # A gradient is of voxels: its way to the world is the inverse transposed.
    normal = -np.linalg.inv(affine[:3, :3]).T @ slope
    normal = grid[:3, :3].T @ normal / _RAY_MM
    normal /= np.linalg.norm(normal, axis=0) + 1e-9
    depth[met] = steps
    picture = np.zeros(shape[1:])
    # A face that looks to the other side is lit from there.
    light = _LIGHT * [1, 1, -1 if degrees < 0 else 1]
    lit = _AMBIENT + _KEY * np.clip(light @ normal / np.linalg.norm(light), 0, 1)
    around = _mean_around(depth, met)
    hollow = np.clip((depth - around)[met] * _RAY_MM, 0, None)
    lit *= 0.5 ** (hollow / _HOLLOW_MM)
    picture[met] = _DARKEST + (_BRIGHTEST - _DARKEST) * np.clip(lit, 0, 1)
    large = ndimage.zoom(picture, PIXELS / shape[1], order=1, mode="nearest", grid_mode=True)
    return np.clip(np.rint(large), 0, 255).astype(np.uint8)


def _mean_around(depth: NDArray[np.float64], met: Bools) -> NDArray[np.float64]:
    """Return the mean depth of the surface around each pixel."""
    sigma = _AROUND_MM / _RAY_MM
    weight = ndimage.gaussian_filter(met.astype(np.float64), sigma, truncate=2.5)
    total = ndimage.gaussian_filter(np.where(met, depth, 0.0), sigma, truncate=2.5)
    return np.asarray(total / (weight + 1e-6))


def smoothed(small: Floats, affine: Affine) -> Floats:
    """Return a small copy that is smooth, without what is extremely bright.

    Parameters
    ----------
    small : (X, Y, Z) array, finite
    affine : (4, 4) array, voxel → RAS+ mm
    """
    low, high = np.percentile(small[::2, ::2, ::2], [0.1, 99])
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    clipped = np.clip(small, low, max(high, low))
    smooth: Floats = ndimage.gaussian_filter(clipped, _SMOOTH_MM / zooms, truncate=3)
    return smooth


def _without_specks(bright: Bools, affine: Affine) -> Bools:
    """Return a mask without bodies smaller than any part of a face."""
    labels, _ = ndimage.label(bright)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    voxel = abs(float(np.linalg.det(affine[:3, :3])))
    return np.asarray(sizes[labels] * voxel >= _SPECK_MM3)


def _three(values: NDArray[Any]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
