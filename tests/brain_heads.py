"""Heads whose brain a network that nobody trained can find: it takes what is bright for brain."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from scipy import ndimage

from bidsdeid.core.voxels import Floats
from checkpoints import shapes, write_checkpoint
from session_heads import CORE_MM, Array, Mask, Scene

#: In a head that glows, brain is brighter than this and all the rest darker.
BRIGHT = 400.0


def brain_in(there: Scene, more_mm: float = 0.0) -> Mask:
    """Return the brain of a head, or what lies within so many millimetres of it."""
    zooms = np.linalg.norm(there.affine[:3, :3], axis=0)
    from_core = ndimage.distance_transform_edt(~there.core, sampling=zooms)
    return np.asarray(from_core <= CORE_MM + more_mm)


def glowing(values: Array, there: Scene) -> Array:
    """Make the brain the brightest thing in the head."""
    return with_bright(values, brain_in(there))


def with_bright(values: Array, brain: Mask) -> Array:
    """Make what is called brain the brightest thing in the head."""
    dim = np.minimum(values, 0.75 * BRIGHT)
    return np.where(brain[..., None], 1.25 * BRIGHT + 0.5 * np.minimum(values, BRIGHT), dim)


def write_weights(path: Path) -> Path:
    """Write SynthStrip's network, one channel thin, that finds what is brighter than half."""
    thin = shapes((1,) * 6, (1,) * 6, (1, 1, 1))
    weights: dict[str, Floats] = {
        name: np.zeros(shape, np.float32) for name, shape in thin.items()
    }
    for name in ("encoder.0.0", "encoder.0.1", "remaining.1"):
        weights[f"{name}.conv.weight"][0, 0, 1, 1, 1] = 1
    weights["remaining.0.conv.weight"][0, 1, 1, 1, 1] = 1  # of the encoder's, not from below
    weights["remaining.2.conv.weight"][0, 0, 1, 1, 1] = -20
    weights["remaining.2.conv.bias"][0] = 11  # with a border of 1 mm
    return write_checkpoint(path, weights)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
