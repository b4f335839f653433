"""The pictures of one image, before and after, as files.

They carry no comment, no time and no name, and the same voxels give the same bytes.  Pictures
called ``before``, and the overlay, show a face: they are for the private report only.  What is
called ``after``, the thumbnail and the small volume are made of released voxels alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from bidsdeid.core.nifti import encode_image
from bidsdeid.core.voxels import Affine, Bools, Stored
from bidsdeid.errors import ImageError
from bidsdeid.report.mosaic import Layout, midline, mosaic, overlay
from bidsdeid.report.render import VIEWS, Scene, air_and_skin, renders, small_copy, smoothed

#: What shows a face that is not released.
PRIVATE = ("mosaic_before", "mosaic_overlay", *(f"{view}_before" for view in VIEWS))

#: Height of a thumbnail, pixels.
THUMBNAIL = 128

#: Quality of JPEG files: at 75 a mosaic of 1152 pixels is 55-150 kB, and gyri are seen as well as
#: on PNG files of several times the size.  Black stays 0, as at 70 it does not: 8 divides 1024.
_QUALITY = 75

#: Air of a small volume is made 0 up to this share of the way to where skin begins: noise is what
#: does not compress, and what a surface viewer stumbles over.
_AIR_SHARE = 0.5

#: Voxels of air left around the head of a small volume, for a viewer to end its surface in.
_RIM = 2

#: A small volume has this many greys: more are noise, which is what does not compress.
_GREYS = 16

_FULL = 255

_ORIGIN = (0.0, 0.0, 0.0)


def pictures_of(
    before: Stored | None,
    after: Stored | None,
    affine: Affine,
    remove: Bools | None = None,
    brain: Bools | None = None,
) -> dict[str, bytes]:
    """Return the pictures of an image as JPEG files, by name.

    Parameters and names as for `drawings_of`.
    """
    return encoded(drawings_of(before, after, affine, remove, brain))


def drawings_of(
    before: Stored | None,
    after: Stored | None,
    affine: Affine,
    remove: Bools | None = None,
    brain: Bools | None = None,
) -> dict[str, NDArray[np.uint8]]:
    """Draw an image, before and after.

    Parameters
    ----------
    before, after : (X, Y, Z) array or None
        What is bright is bright; see `bidsdeid.core.nifti.Image.still`.  None if there is no such
        image, or it must not be shown; one of them is needed.
    affine : (4, 4) array, voxel → RAS+ mm
        Of both.
    remove : (X, Y, Z) array of bool, optional
        What went, on the same grid.
    brain : (X, Y, Z) array of bool, optional
        What was found to be brain, on the same grid.

    Returns
    -------
    dict of (H, W) or (H, W, 3) array of uint8
        ``mosaic_before``, ``mosaic_after`` and ``mosaic_overlay`` are of one size, and the overlay
        is drawn over what there was before if that is given.  ``front_before``, ``left_before``,
        ``right_before``, and the same with ``after``: see `bidsdeid.report.render`.
        ``thumbnail``: the midline and the front, after only.

    Raises
    ------
    ImageError
        If there is nothing to draw, or grids differ.
    """
    images = {"before": before, "after": after}
    given = {when: data for when, data in images.items() if data is not None}
    if not given:
        message = "there is no image to draw"
        raise ImageError(message)
    first = next(iter(given.values()))
    for grid in (*given.values(), remove, brain):
        if grid is not None and grid.shape != first.shape:
            message = f"a grid of {grid.shape} cannot be drawn with one of {first.shape}"
            raise ImageError(message)
    small = {when: small_copy(data, affine) for when, data in given.items()}
    # The first is what shows most: both are drawn as it is.
    shown, shown_affine = next(iter(small.values()))
    smooth = {when: smoothed(*copy) for when, copy in small.items()}
    scene = Scene.of(shown, shown_affine, next(iter(smooth.values())))
    layout = Layout.of(shown, scene)
    drawn: dict[str, NDArray[np.uint8]] = {}
    for when, data in given.items():
        drawn[f"mosaic_{when}"] = mosaic(data, affine, layout)
        for view, picture in renders(*small[when], scene, smooth=smooth[when]).items():
            drawn[f"{view}_{when}"] = picture
    under = drawn[f"mosaic_{next(iter(given))}"]
    drawn["mosaic_overlay"] = overlay(under, remove, brain, affine, layout)
    if after is not None:
        slice_, front = midline(after, affine, layout), drawn["front_after"]
        drawn["thumbnail"] = np.hstack([_high(slice_), _high(front)])
    return drawn


def encoded(drawings: Mapping[str, NDArray[np.uint8]]) -> dict[str, bytes]:
    """Return drawings as JPEG files: pixels and nothing else."""
    return {name: _jpeg(drawing) for name, drawing in drawings.items()}


def views_of(drawings: Mapping[str, NDArray[np.uint8]], when: str) -> dict[str, Any]:
    """Return the renders among drawings, by view, as a detector of faces is shown them.

    Parameters
    ----------
    drawings : mapping
        Of `drawings_of`.
    when : {"before", "after"}
    """
    return {view: drawings[f"{view}_{when}"] for view in VIEWS if f"{view}_{when}" in drawings}


def small_volume(after: Stored, affine: Affine) -> bytes:
    """Return a small copy of a head for a viewer that turns it, as a ``.nii.gz`` file.

    Parameters
    ----------
    after : (X, Y, Z) array
        What is released.
    affine : (4, 4) array, voxel → RAS+ mm

    Returns
    -------
    bytes
        Voxels of about 2 mm, uint8, axes nearest to right, front and top, air 0, cut to the head.
        The header says where it is and nothing else.
    """
    small, grid = small_copy(after, affine)
    small = smoothed(small, grid)
    air, skin = air_and_skin(small)
    # Its greys are asked for, not where the head ends.
    layout = Layout.of(small, Scene(air, skin, _ORIGIN, _ORIGIN))
    grey = (layout.grey(small) // (_FULL // _GREYS + 1)) * (_FULL // _GREYS + 1)
    grey[small < air + _AIR_SHARE * (skin - air)] = 0
    grey, grid = _cut(grey, grid)
    turn = nib.io_orientation(grid)
    grid = grid @ nib.orientations.inv_ornt_aff(turn, grey.shape)
    grey = nib.orientations.apply_orientation(grey, turn)
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(grey.shape)
    header.set_sform(grid, code="scanner")
    header["pixdim"][1:4] = np.linalg.norm(grid[:3, :3], axis=0)
    header.set_xyzt_units("mm")
    return encode_image(header, grey, gzipped=True)


def _cut(grey: NDArray[np.uint8], grid: Affine) -> tuple[NDArray[np.uint8], Affine]:
    """Return what is not air of a volume, with a rim; all of it if everything is air."""
    bright = grey > 0
    if not bright.any():
        return grey, grid
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        at = np.flatnonzero(bright.any(axis=others))
        box.append(slice(max(0, int(at[0]) - _RIM), int(at[-1]) + 1 + _RIM))
    moved = grid.copy()
    moved[:3, 3] += grid[:3, :3] @ [side.start for side in box]
    return grey[tuple(box)], moved


def _high(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture at the height of a thumbnail."""
    wide = max(1, round(picture.shape[1] * THUMBNAIL / picture.shape[0]))
    resized = Pillow.fromarray(picture).resize((wide, THUMBNAIL), Pillow.Resampling.BOX)
    return np.asarray(resized)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    # All of the colour's pixels: an outline of one pixel would be smeared over two.
    Pillow.fromarray(np.ascontiguousarray(picture)).save(
        file, "JPEG", quality=_QUALITY, optimize=True, subsampling=0
    )
    return file.getvalue()
