"""The correlation ratio of points in an image, and the way down to where it is best.

For a given affine the best explanation of the brightness found at points of one bin is its mean.
The means are projected out (variable projection: Golub & Pereyra 1973), and what is left is a
least-squares problem in the parameters of the affine alone.  Gauss-Newton solves it in few steps,
Levenberg's damping keeps it from overshooting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bidsdeid.core.voxels import Affine, Floats

Array = NDArray[np.float64]

BINS = 32

#: With less of the points in view than this, a position says nothing.
_LEAST_VIEW = 0.25

#: Brightness (0 to 1) that varies by less than this (variance) shows nothing.
_FLAT = 1e-4

#: Turns and strains are measured by how far they move a point at this distance (mm).
_RADIUS_MM = 100.0

#: The longest step (mm), and the shortest after which another is taken.
_STRIDE_MM, _STILL_MM = 12.0, 0.02

#: Damping to begin with, and the least; how often a step is tried smaller.
_DAMPING, _LEAST_DAMPING, _TRIES = 1e-3, 1e-5, 4

#: What it costs to be stretched unevenly: heads are not, by more than a few percent, but an
#: image that is cut off or blurred can look so.
_STRAIN_COST = 0.5


def _generators() -> Array:
    """Return the (12, 4, 4) directions: 3 shifts, 3 turns, 3 stretches, 3 shears."""
    axes = ((1, 2), (2, 0), (0, 1))
    found = np.zeros((12, 4, 4))
    for k, (i, j) in enumerate(axes):
        found[k, k, 3] = 1
        found[3 + k, i, j], found[3 + k, j, i] = -1 / _RADIUS_MM, 1 / _RADIUS_MM
        found[6 + k, k, k] = 1 / _RADIUS_MM
        found[9 + k, i, j] = found[9 + k, j, i] = 1 / _RADIUS_MM
    return found


_TWELVE = _generators()

#: What a head may do: move and turn; also change its size; also its three sizes; also shear.
RIGID = _TWELVE[:6]
SIMILAR = np.concatenate([RIGID, _TWELVE[6:9].sum(axis=0, keepdims=True)])
STRETCHED = _TWELVE[:9]
AFFINE = _TWELVE


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a reference head.

    Parameters
    ----------
    world : (N, 4) array
        Homogeneous coordinates, RAS+ mm.
    bins : (N,) array of int
        Into which of the `BINS` classes of brightness each falls.
    weights : (N,) array
    centre : (3,) array
        About which the head turns.
    """

    world: Array
    bins: NDArray[np.intp]
    weights: Array
    centre: Array


class Descent:
    """The search for one reference's points in one image.

    Parameters
    ----------
    points : Points
    volume : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm
    """

    def __init__(self, points: Points, volume: Floats, affine: Affine) -> None:
        self._points = points
        self._volume = np.ascontiguousarray(volume)
        self._to_voxel: Array = np.asarray(np.linalg.inv(affine))

    def cost(self, at: Array) -> float:
        """Return what the position leaves unexplained and what it strains; 2 out of view.

        `at` is a (4, 4) array: world of the reference → world of the image.
        """
        likeness, view = self.likeness(at)
        if view < _LEAST_VIEW:
            return 2.0
        return 1 - likeness + _STRAIN_COST * float((_uneven(_strain(at)) ** 2).sum())

    def likeness(self, at: Array) -> tuple[float, float]:
        """Return the correlation ratio times the root of the share in view, and that share.

        The share itself would pull a head that is cut off back into view.
        """
        value, _, inside = self._sample(at)
        weights = self._points.weights * inside
        view = float(weights.sum() / self._points.weights.sum())
        if view == 0:
            return 0.0, 0.0
        left, total = self._residuals(value, weights)
        if total < _FLAT * weights.sum():  # empty air is explained by anything
            return 0.0, view
        return (1 - float((weights * left * left).sum()) / total) * view**0.5, view

    def refine(self, at: Array, directions: Array, steps: int) -> tuple[float, Array]:
        """Go downhill from a position.

        Parameters
        ----------
        at : (4, 4) array
            World of the reference → world of the image.
        directions : (K, 4, 4) array
            `RIGID`, `SIMILAR`, `STRETCHED` or `AFFINE`.
        steps : int
            At most.

        Returns
        -------
        cost : float
        at : (4, 4) array
        """
        cost, damping = self.cost(at), _DAMPING
        for _ in range(steps):
            if cost >= 2:  # noqa: PLR2004 -- out of view
                break
            slope, bend = self._derivatives(at, directions)
            for _ in range(_TRIES):
                curvature = bend + damping * np.diag(np.diag(bend) + 1e-8)
                step = np.asarray(-np.linalg.solve(curvature, slope), dtype=np.float64)
                step = step * min(1.0, _STRIDE_MM / max(float(np.abs(step).max()), 1e-12))
                there = self._moved(at, directions, step)
                new = self.cost(there)
                if new < cost:
                    break
                damping = max(8 * damping, _DAMPING)
            else:
                break
            cost, at, damping = new, there, max(damping / 4, _LEAST_DAMPING)
            if np.abs(step).max() < _STILL_MM:
                break
        return cost, at

    def _pivot(self, at: Array) -> Array:
        """Return the (4, 4) shift that brings the centre of the head in the image to zero."""
        shift = np.eye(4)
        shift[:3, 3] = -(at @ [*self._points.centre, 1.0])[:3]
        return shift

    def _moved(self, at: Array, directions: Array, step: Array) -> Array:
        shift = self._pivot(at)
        move = _exponential(np.tensordot(step, directions, axes=1))
        return np.asarray(np.linalg.inv(shift) @ move @ shift @ at)

    def _derivatives(self, at: Array, directions: Array) -> tuple[Array, Array]:
        """Return slope (K,) and curvature (K, K) of the cost, by Gauss and Newton."""
        value, gradient, inside = self._sample(at)
        weights = self._points.weights * inside
        left, total = self._residuals(value, weights)
        from_centre = self._points.world @ (self._pivot(at) @ at).T
        twelve = (gradient[:, :, None] * from_centre[:, None, :]).reshape(len(value), 12)
        slopes = twelve @ directions[:, :3, :].reshape(len(directions), 12).T
        slopes -= self._bin_means(slopes, weights)[self._points.bins]
        weighted = slopes * weights[:, None]
        even = np.array([_uneven((d[:3, :3] + d[:3, :3].T) / 2).ravel() for d in directions])
        strain = _uneven(_strain(at)).ravel()
        return (
            weighted.T @ left / total + _STRAIN_COST * even @ strain,
            weighted.T @ slopes / total + _STRAIN_COST * even @ even.T,
        )

    def _residuals(self, value: Array, weights: Array) -> tuple[Array, float]:
        """Return what the bins do not explain, and the variance there is to explain."""
        mean = float((weights * value).sum() / weights.sum())
        total = float((weights * (value - mean) ** 2).sum()) + 1e-9
        return value - self._bin_means(value[:, None], weights)[self._points.bins, 0], total

    def _bin_means(self, values: Array, weights: Array) -> Array:
        bins = self._points.bins
        count = np.bincount(bins, weights, BINS) + 1e-9
        columns = [np.bincount(bins, weights * column, BINS) / count for column in values.T]
        return np.stack(columns, axis=1)

    def _sample(self, at: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Return brightness (N,), its gradient per mm (N, 3), and whether a point is in view."""
        to_voxel = self._to_voxel @ at
        place = (self._points.world @ to_voxel[:3].T).astype(np.float32)
        corner = np.floor(place)
        last = np.array(self._volume.shape) - 1
        inside = np.asarray(((corner >= 0) & (corner < last)).all(axis=1))
        corner[~inside] = 0
        x, y, z = (place - corner).T
        strides = np.array(self._volume.strides) // self._volume.itemsize
        base = corner.astype(np.intp) @ strides
        flat = self._volume.ravel()
        offsets = [np.array(step) @ strides for step in np.ndindex(2, 2, 2)]
        # Out of view, and in an image one voxel thick, a neighbour may lie beyond the last voxel.
        eight = [flat[np.minimum(base + offset, flat.size - 1)] for offset in offsets]
        along_z = [
            low + (high - low) * z for low, high in zip(eight[::2], eight[1::2], strict=True)
        ]
        steps_z = [high - low for low, high in zip(eight[::2], eight[1::2], strict=True)]
        front, back = (
            along_z[0] + (along_z[1] - along_z[0]) * y,
            along_z[2] + (along_z[3] - along_z[2]) * y,
        )
        value = front + (back - front) * x
        gradient = np.stack(
            [
                back - front,
                (along_z[1] - along_z[0]) * (1 - x) + (along_z[3] - along_z[2]) * x,
                (steps_z[0] * (1 - y) + steps_z[1] * y) * (1 - x)
                + (steps_z[2] * (1 - y) + steps_z[3] * y) * x,
            ],
            axis=1,
        )
        value[~inside] = 0
        return value.astype(float), gradient @ self._to_voxel[:3, :3], inside


def _exponential(small: Array) -> Array:
    """Return the exponential of a (4, 4) matrix of small turns and strains, by its series.

    SciPy's starts threads for matrices of any size, which costs more than the registration.
    """
    total, term = np.eye(4), np.eye(4)
    for order in range(1, 20):
        term = term @ small / order
        total = total + term
    return total


def _strain(at: Array) -> Array:
    """Return the (3, 3) logarithmic strain of an affine (Hencky): 0 for what is rigid."""
    squares, axes = np.linalg.eigh(at[:3, :3] @ at[:3, :3].T)
    return np.asarray((axes * (np.log(squares) / 2)) @ axes.T)


def _uneven(strain: Array) -> Array:
    """Return a strain without the part that is the same along all axes."""
    return np.asarray(strain - np.eye(3) * np.trace(strain) / 3)
