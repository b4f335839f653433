"""Slices of an image side by side: a row of axial, one of coronal and one of sagittal ones.

All of them lie along the axes of RAS+ space, whatever the voxels' own, at the same places with
the same brightness for every image that is drawn by one `Layout`, so that pictures can be laid
over each other and flickered.  Neurological convention: what is left is at the left; letters say
so.  Black background, as nilearn and nireports have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bidsdeid.core.voxels import Affine, Bools, Floats, Stored
from bidsdeid.report import lettering
from bidsdeid.report.render import Picture, Scene

Colours: TypeAlias = NDArray[np.uint8]

#: Width of a mosaic, and size of a pixel of it: voxels of 1 mm are seen, and two images' pictures
#: make a page of less than 1.5 MB.
WIDTH, PIXEL_MM = 1152, 1.25

#: Around a head, so much air is shown; of a body below it, so much as belongs to a head.
_MARGIN_MM, _HEIGHT_MM = 6.0, 235.0

#: No head is longer: of what is, a body or a coil, the middle is shown.
_LONGEST_MM = 280.0

#: Slices lie between these shares of the way from one end of the head to the other: beyond is
#: skin only.
_FIRST, _LAST = 0.06, 0.94

#: Brightness is shown from air to this percentile of the head: fat, vessels and noise are white.
_WHITE_PERCENTILE = 95.0

#: Bytes of the largest number that images can be drawn from as they are.
_DOUBLE = 8

#: What brightness is divided by at least: one value only is black.
_TINY = float(np.finfo(np.float32).tiny)

#: Okabe & Ito (2008), colours that the colour-blind can tell apart: vermillion and sky blue.
REMOVED_COLOUR, BRAIN_COLOUR = (213, 94, 0), (86, 180, 233)

#: So much of a pixel's colour is that of what is removed.
_OPACITY = 0.5

#: Letters are so far from the edges of the first slice of a row, pixels.
_INSET = 2


@dataclass(frozen=True, slots=True)
class Row:
    """A row of slices.

    Parameters
    ----------
    name : str
    across, down : int
        Axis of the world (0 right, 1 front, 2 top) along a picture's width and height.
    letters : str
        At the left and right edge, and at the top and bottom edge.
    """

    name: str
    across: int
    down: int
    letters: str

    @property
    def through(self) -> int:
        """The axis that slices are stacked along."""
        return 3 - self.across - self.down


ROWS = (
    Row("axial", 0, 1, "LRAP"),
    Row("coronal", 0, 2, "LRSI"),
    Row("sagittal", 1, 2, "PASI"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where slices lie and how bright they are, for all pictures of one image.

    Parameters
    ----------
    low, high : (3,) tuple of float
        Ends of what is shown along right, front and top, RAS+ mm.
    black, white : float
        Brightness shown as black and as white, in stored units.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    black: float
    white: float

    @classmethod
    def of(cls, small: Floats, scene: Scene) -> Layout:
        """Lay out the image that shows most: the one before anything was removed.

        Parameters
        ----------
        small : (X, Y, Z) array, finite
            See `bidsdeid.report.render.small_copy`.
        scene : Scene
            Of that image.
        """
        head = small[small > scene.skin]
        white = np.percentile(head, _WHITE_PERCENTILE) if head.size else small.max()
        bottom = max(scene.low[2], scene.high[2] - _HEIGHT_MM)
        ends = [_shortened(a, b) for a, b in zip(scene.low, scene.high, strict=True)]
        (left, right), (back, front) = ends[:2]
        return cls(
            (left, back, bottom - _MARGIN_MM),
            (right, front, scene.high[2] + _MARGIN_MM),
            scene.air,
            float(white),
        )

    def pixels(self, axis: int) -> int:
        """Return how many pixels a slice has along an axis of the world."""
        return max(1, round((self.high[axis] - self.low[axis]) / PIXEL_MM))

    def slices(self, row: Row) -> NDArray[np.float64]:
        """Return where the slices of a row lie along the axis they are stacked on, mm."""
        count = max(1, WIDTH // self.pixels(row.across))
        low, high = self.low[row.through] + _MARGIN_MM, self.high[row.through] - _MARGIN_MM
        return np.asarray(low + (high - low) * np.linspace(_FIRST, _LAST, count))

    @property
    def tops(self) -> tuple[int, ...]:
        """Pixel at which each row begins, and the height of all."""
        heights = [self.pixels(row.down) for row in ROWS]
        return tuple(int(n) for n in np.cumsum([0, *heights]))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a mosaic."""
        widths = [self.pixels(row.across) * len(self.slices(row)) for row in ROWS]
        return self.tops[-1], max(WIDTH, *widths)

    def shown(self, data: NDArray[Any], affine: Affine, *, order: Literal[0, 1] = 1) -> Floats:
        """Return the values of an image on the pixels of a mosaic.

        Parameters
        ----------
        data : (X, Y, Z) array
        affine : (4, 4) array, voxel → RAS+ mm
        order : {0, 1}
            Nearest voxel, for masks, or linear.

        Returns
        -------
        (H, W) array
            NaN where the image has no voxel.
        """
        picture = np.full(self.shape, np.nan, np.float32)
        for row, (top, bottom) in zip(ROWS, pairwise(self.tops), strict=True):
            wide, start = self.pixels(row.across), self.left(row)
            for place in self.slices(row):
                drawn = self.plane(data, affine, row, place, order=order)
                picture[top:bottom, start : start + wide] = drawn
                start += wide
        return picture

    def grey(self, values: Floats) -> Picture:
        """Return values as brightness; what is not known is black."""
        known = np.nan_to_num(values, nan=self.black, posinf=self.white, neginf=self.black)
        span = max(self.white - self.black, _TINY)
        scaled = np.clip((known - self.black) / span, 0, 1) * 255
        return np.asarray(np.rint(scaled), np.uint8)

    def left(self, row: Row) -> int:
        """Return the pixel at which the first slice of a row begins: rows are centred."""
        return (self.shape[1] - self.pixels(row.across) * len(self.slices(row))) // 2

    def plane(
        self,
        data: NDArray[Any],
        affine: Affine,
        row: Row,
        place: float,
        *,
        order: Literal[0, 1] = 1,
    ) -> Floats:
        """Return the values of an image on one slice.

        Arguments and values as for `shown`; `place` is along the axis slices are stacked on, mm.
        """
        wide, high = self.pixels(row.across), self.pixels(row.down)
        world = np.empty((3, high, wide))
        world[row.across] = self.low[row.across] + (np.arange(wide) + 0.5) * PIXEL_MM
        world[row.down] = (self.high[row.down] - (np.arange(high) + 0.5) * PIXEL_MM)[:, None]
        world[row.through] = place
        to_voxels = np.linalg.inv(affine)
        at = np.tensordot(to_voxels[:3, :3], world, 1) + to_voxels[:3, 3, None, None]
        return _sampled(data, at, order)


def mosaic(data: Stored, affine: Affine, layout: Layout) -> Picture:
    """Draw an image as slices.

    Parameters
    ----------
    data : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm
    layout : Layout
        Of this image, or of the one that it was made from.

    Returns
    -------
    (H, W) array of uint8
        Black where there is no image.
    """
    return _lettered(layout.grey(layout.shown(data, affine)), layout)


def midline(data: Stored, affine: Affine, layout: Layout) -> Picture:
    """Draw the sagittal slice in the middle of the head; arguments as for `mosaic`."""
    row = ROWS[-1]
    middle = (layout.low[row.through] + layout.high[row.through]) / 2
    return layout.grey(layout.plane(data, affine, row, middle))


def overlay(
    picture: Picture, remove: Bools | None, brain: Bools | None, affine: Affine, layout: Layout
) -> Colours:
    """Draw what is removed, translucent, and the outline of the brain over a mosaic.

    Parameters
    ----------
    picture : (H, W) array of uint8
        Of `mosaic`.
    remove, brain : (X, Y, Z) array of bool or None
    affine : (4, 4) array, voxel of the masks → RAS+ mm
    layout : Layout
        That the mosaic was drawn by.

    Returns
    -------
    (H, W, 3) array of uint8
    """
    coloured = np.repeat(picture[:, :, None], 3, axis=2)
    if remove is not None:
        gone = layout.shown(remove, affine, order=0) > 0
        tint = coloured[gone] * (1 - _OPACITY) + np.multiply(REMOVED_COLOUR, _OPACITY)
        coloured[gone] = np.rint(tint)
    if brain is not None:
        inside = layout.shown(brain, affine, order=0) > 0
        coloured[inside & ~ndimage.binary_erosion(inside)] = BRAIN_COLOUR
    return coloured


def _sampled(data: NDArray[Any], at: NDArray[np.float64], order: Literal[0, 1]) -> Floats:
    if order == 0:
        index = np.rint(at).astype(np.intp)
        size = np.array(data.shape)[:, None, None]
        inside = ((index >= 0) & (index < size)).all(axis=0)
        x, y, z = np.clip(index, 0, size - 1)
        return np.where(inside, data[x, y, z], np.nan).astype(np.float32)
    if data.dtype.itemsize > _DOUBLE:  # NIfTI has floats of 128 bits, and scipy has not
        data = data.astype(np.float64)
    sampled: Floats = ndimage.map_coordinates(
        data, at, np.float32, order, mode="constant", cval=np.nan
    )
    return sampled


def _lettered(picture: Picture, layout: Layout) -> Picture:
    """Write which side is which on the first slice of each row."""
    for row, (top, bottom) in zip(ROWS, pairwise(layout.tops), strict=True):
        wide, high, left = layout.pixels(row.across), bottom - top, layout.left(row)
        middle_y, middle_x = top + (high - lettering.HEIGHT) // 2, left + wide // 2 - _INSET
        ends = (
            (middle_y, left + _INSET),
            (middle_y, left + wide - _INSET - lettering.WIDTH),
            (top + _INSET, middle_x),
            (bottom - _INSET - lettering.HEIGHT, middle_x),
        )
        for letter, (y, x) in zip(row.letters, ends, strict=True):
            lettering.write(picture, letter, y, x)
    return picture


def _shortened(low: float, high: float) -> tuple[float, float]:
    """Return the ends of a side of the head with some air, no longer than any head."""
    middle, half = (low + high) / 2, min(high - low + 2 * _MARGIN_MM, _LONGEST_MM) / 2
    return middle - half, middle + half
