"""PET images of the head of `session_heads`: a bright brain, faint skin, and few of its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from session_heads import AIR, CORE_MM, Array, Grid, Pose, Scan, Scene
from session_scans import scan

#: As scanners for heads reconstruct.
PET_GRID = Grid(zooms=(4.0, 4.0, 4.0))

#: Somebody lay down a second time.
ELSEWHERE = Pose(turn=(9.0, -6.0, 1.0), shift=(-3.0, -1.0, 4.0))

#: Brightness of a full frame, Bq/mL, and the width of its noise (mm).
_SCALE, _GRAIN_MM = 20_000.0, 2.0

#: Pydeface's head: fluid, grey matter and white matter.
_FLUID, _GREY, _WHITE = 125.0, 230.0, 310.0

#: Darker than this is bone and fluid, outside of the brain.
_SOFT = 150.0


@dataclass(frozen=True)
class Tracer:
    """Where a tracer goes, relative to one another.

    Parameters
    ----------
    grey, white, fluid : float
        In the brain.
    soft : float
        In skin and muscle; bone and cavities have half of it.
    """

    grey: float
    white: float
    fluid: float
    soft: float


FDG = Tracer(1.0, 0.35, 0.1, 0.15)
AMYLOID = Tracer(0.45, 0.9, 0.15, 0.25)
RECEPTOR = Tracer(0.6, 0.3, 0.2, 0.1)
#: Nothing to be seen of a face, and little of a head.
FAINT = Tracer(1.0, 0.35, 0.1, 0.03)


def activity(there: Scene, tracer: Tracer, width_mm: float) -> Array:
    """Return how much of a tracer is where, as a scanner of some resolution sees it."""
    zooms = np.linalg.norm(there.affine[:3, :3], axis=0)
    brain = ndimage.distance_transform_edt(~there.core, sampling=zooms) <= CORE_MM
    soft = np.where(there.head > _SOFT, tracer.soft, tracer.soft / 2)
    inside = np.interp(
        there.head,
        [_FLUID, _GREY, _WHITE],
        [tracer.fluid, tracer.grey, tracer.white],
    )
    sharp = np.where(there.head > AIR, np.where(brain, inside, soft), 0)
    return np.asarray(ndimage.gaussian_filter(sharp, width_mm / 2.355 / zooms))


def frames(
    tracer: Tracer, fade: tuple[float, ...], *, width_mm: float = 6.0, noise: float = 0.02
) -> Callable[[Array, Scene], Array]:
    """Return what makes the frames of a PET image, for `Scan.spoil`."""

    def make(values: Array, there: Scene) -> Array:
        rng = np.random.default_rng(11)
        zooms = np.linalg.norm(there.affine[:3, :3], axis=0)
        mean = activity(there, tracer, width_mm)
        series = []
        for share in fade:
            grain = ndimage.gaussian_filter(rng.normal(size=mean.shape), _GRAIN_MM / zooms)
            counts = mean * share
            grain *= noise / grain.std() * np.sqrt(counts + share / 10)
            series.append(np.maximum(counts + grain, 0) * _SCALE)
        return np.stack(series, axis=-1).reshape(values.shape)

    return make


def sidecar(count: int) -> dict[str, Any]:
    """Return what BIDS requires of a PET image of some frames, and what tells of a visit."""
    return {
        "Manufacturer": "Siemens", "ManufacturersModelName": "Biograph 64_mCT",
        "Units": "Bq/mL", "BodyPart": "brain",
        "TracerName": "[11C]AZ10419369", "TracerRadionuclide": "C11",
        "InjectedRadioactivity": 572_000_000, "InjectedRadioactivityUnits": "Bq",
        "InjectedMass": 1.31, "InjectedMassUnits": "ug", "SpecificRadioactivity": 3.51e10,
        "SpecificRadioactivityUnits": "Bq/g", "ModeOfAdministration": "bolus",
        "InjectedMassPerWeight": 0.0187, "InjectedMassPerWeightUnits": "ug/kg",
        "MolarActivityMeasTime": "13:05:00",
        "TimeZero": "14:35:27", "ScanStart": 0, "InjectionStart": 0, "ScanDate": "2019-03-04",
        "FrameTimesStart": [60.0 * n for n in range(count)], "FrameDuration": [60.0] * count,
        "AcquisitionMode": "list mode", "ImageDecayCorrected": True,
        "ImageDecayCorrectionTime": 0, "ReconMethodName": "OP-OSEM3D",
        "ReconMethodParameterLabels": ["subsets", "iterations"],
        "ReconMethodParameterUnits": ["none", "none"], "ReconMethodParameterValues": [21, 3],
        "ReconFilterType": "Gaussian", "ReconFilterSize": 2.0,
        "AttenuationCorrection": "[137Cs]transmission scan-based",
        "PromptRate": [19_800_304.0] * count,
        "InstitutionName": "Rosewood Clinic", "InstitutionAddress": "12 Rosewood Lane",
        "InstitutionalDepartmentName": "Nuclear Medicine of Rosewood",
    }  # fmt: skip


def pet(
    name: str = "pet",
    tracer: Tracer = FDG,
    fade: tuple[float, ...] = (0.02, 0.3, 0.8, 1.0, 0.9),
    *,
    noise: float = 0.02,
    **more: Any,  # noqa: ANN401
) -> Scan:
    """Return a PET image of one or more frames, which differ in brightness by `fade`."""
    given = {"grid": PET_GRID, "dtype": "float32", **more}
    spoil = frames(tracer, fade, noise=noise)
    return scan(f"pet/{name}", sidecar(len(fade)), fade=fade, spoil=spoil, **given)
