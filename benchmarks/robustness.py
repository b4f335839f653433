"""What becomes of heads that are turned, shifted, cropped, noisy, mislabelled, or no heads.

    python benchmarks/robustness.py [IMAGE.nii.gz ...] [--brains DIR] [--anat deface|skullstrip]
                                    [--brain-limit auto|atlas] [--only WORD] [--skip WORD]
                                    [--json FILE]

Each image is tried with each perturbation of `perturbations.py`, on a copy of 2 mm.  The truth is
known from a brain mask of each image (`DIR/NAME.nii.gz`; without images pydeface's own head is
tried, with the brain that comes with bidsdeid) and from the surface of the head before it, seen
from the front; the program under test sees neither.

released good  defaced: no voxel of the brain (less its outer 2 mm) and >= 95 % of the outer 8 mm
               over eyes, nose and mouth is removed, each where it is in view;
               skull-stripped: >= 98 % of that brain is kept, and nothing of that surface
withheld       no mask was believed
released bad   the rest, and must be none
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from perturbations import BRAIN, EYES, MOUTH, NOSE, Case, Subject, cases
from scipy import ndimage

from bidsdeid.config import BrainOptions
from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.estimate import FaceEstimate, Finding, Head
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.voxels import block_mean
from bidsdeid.errors import FileProblem
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.brain_cascade import brain_cascade, network_steps
from bidsdeid.run.brains import BrainFinder
from bidsdeid.run.face_cascade import cascade
from bidsdeid.run.faces import FaceFinder

ZOOM_MM = 2.0
SURFACE_MM = 8.0

#: What lies this near to the brain is nobody's to take, so that it is not asked for.
BRAIN_MARGIN_MM = 5.0

#: As wide as half an eyeball; what lies deeper below the skin is no surface.
CAVITY_MM = 12.0
ENOUGH = 0.95

#: The outermost of a brain mask's voxels are a matter of taste.
LOST = 0.02
PARTS = {"eyes": EYES, "nose": NOSE, "mouth": MOUTH}

#: Heights (shares of the brain's, from its lowest point) and half widths (mm) of the parts.
ZONES = {"eyes": (0.22, 0.42, 60), "nose": (-0.05, 0.22, 60), "mouth": (-0.45, -0.05, 40)}


def surface(data: NDArray[Any], zooms: NDArray[Any], brain: NDArray[Any]) -> NDArray[np.uint8]:
    """Mark the outer 8 mm over eyes, nose and mouth, as bits; axes are RAS."""
    bright = np.minimum(data, np.percentile(data, 99))
    counts, edges = np.histogram(bright, 128)
    centres, below = (edges[1:] + edges[:-1]) / 2, np.cumsum(counts)
    moment = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moment[-1] * below / below[-1] - moment) ** 2 / (below * (below[-1] - below))
    level = bright.min() + 0.5 * (centres[np.nanargmax(between[:-1])] - bright.min())
    head = ndimage.binary_opening(ndimage.gaussian_filter(bright, 1 / zooms) > level)
    labels, _ = ndimage.label(head)
    head = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    last = head.shape[1] - 1
    front = np.where(head.any(axis=1), last - np.argmax(head[:, ::-1], axis=1), -1)
    behind = (front[:, None, :] - np.arange(last + 1)[None, :, None]) * zooms[1]
    skin = head & (behind >= 0) & (behind <= SURFACE_MM) & _outermost(head, zooms)
    skin &= ndimage.distance_transform_edt(~brain, sampling=zooms) > BRAIN_MARGIN_MM
    inside = np.argwhere(brain)
    low, high = inside.min(axis=0), inside.max(axis=0) + 1
    height = (np.arange(head.shape[2]) - low[2]) / (high[2] - low[2])
    aside = np.abs(np.arange(head.shape[0]) - inside[:, 0].mean()) * zooms[0]
    near = (np.arange(head.shape[1]) - high[1]) * zooms[1] > -30  # noqa: PLR2004 -- frontal pole
    marked = np.zeros(head.shape, np.uint8)
    for part, (bottom, top, width) in ZONES.items():
        zone = (aside < width)[:, None, None] & near[None, :, None]
        at = skin & zone & ((height >= bottom) & (height < top))
        marked[at] |= PARTS[part]
    return marked


def subject(image: Path, brain: Path) -> Subject:
    """Read a head and its brain, on a grid of about 2 mm along RAS."""
    head = nib.as_closest_canonical(nib.load(image))
    mask = nib.as_closest_canonical(nib.load(brain))
    data = np.asarray(head.dataobj, dtype=np.float32)
    data = np.ascontiguousarray(data.reshape((*data.shape[:3], -1))[..., 0])
    zooms = np.linalg.norm(head.affine[:3, :3], axis=0)
    inside = np.asarray(mask.dataobj).reshape(data.shape) > 0
    truth = surface(data, zooms, inside)
    core = ndimage.distance_transform_edt(inside, sampling=zooms) > ZOOM_MM
    truth |= core.astype(np.uint8) * np.uint8(BRAIN)
    size = np.maximum(1, np.floor(ZOOM_MM / zooms + 0.1)).astype(int)
    affine = head.affine @ np.diag([*size, 1.0])
    affine[:3, 3] += head.affine[:3, :3] @ ((size - 1) / 2)
    cut = tuple(slice(s // 2, n // s * s, s) for n, s in zip(data.shape, size, strict=True))
    return Subject(block_mean(data, tuple(size)), affine, truth[cut])


def _outermost(head: NDArray[np.bool_], zooms: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark what is near the outside once dark cavities are closed.

    An eyeball is as dark as air on many a T1w: what is met first behind it is no surface.
    """
    wide = ndimage.distance_transform_edt(~head, sampling=zooms) <= CAVITY_MM
    closed = ndimage.distance_transform_edt(wide, sampling=zooms) > CAVITY_MM
    deep = ndimage.distance_transform_edt(closed | head, sampling=zooms)
    return np.asarray(deep <= CAVITY_MM)


Treat = Callable[[Head, Subject], FaceEstimate | BrainEstimate]


def verdict(treat: Treat, case: Case, healthy: Subject) -> dict[str, Any]:
    """Try one case."""
    before = _cpu_s()
    ill = case.apply(healthy)
    row: dict[str, Any] = {"case": case.name, "usable": case.usable}
    try:
        head = Head.of(np.asfortranarray(ill.data), ill.affine)
        found = treat(head, ill)
    except FileProblem as problem:
        return {**row, "verdict": "withheld", "why": str(problem), "cpu_s": _cpu_s() - before}
    gone = found.remove_on(head.shape, head.grid)
    shares = {"brain": float(gone[(ill.truth & BRAIN) > 0].mean())}
    for part, bit in PARTS.items():
        at = (ill.truth & bit) > 0
        if at.sum() * abs(np.linalg.det(ill.affine[:3, :3])) > 400:  # noqa: PLR2004 -- mm³
            shares[part] = float(gone[at].mean())
    most, least = (LOST, 1.0) if isinstance(found, BrainEstimate) else (0.0, ENOUGH)
    good = shares["brain"] <= most and all(shares.get(part, 1) >= least for part in PARTS)
    if isinstance(found, FaceEstimate) and found.finding is Finding.STRIPPED:
        good = case.name == "skull-stripped"  # nothing was removed, rightly
    row |= {"verdict": "good" if good else "bad", "method": found.method, **shares}
    return {**row, "cpu_s": _cpu_s() - before}


def treatment(anat: str, limit: str, work: Path) -> Treat:
    """Return what is done to heads."""
    brains = BrainFinder(brain_cascade(BrainOptions(), lambda: (pydeface_atlas(),)), work)
    faces = FaceFinder(cascade([pydeface_atlas()]), FaceStyle(), work)
    network = limit == "auto" and bool(network_steps(BrainOptions()))

    def strip(head: Head, ill: Subject) -> BrainEstimate:
        return brains.find(np.asfortranarray(ill.data), ill.affine, head)

    def deface(head: Head, ill: Subject) -> FaceEstimate:
        brain = None
        if network:
            with suppress(FileProblem):
                brain = strip(head, ill)
        return faces.find(head, None, brain)

    return strip if anat == "skullstrip" else deface


def _cpu_s() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, who))


def _subjects(
    images: list[Path], brains: Path | None, work: Path
) -> Iterator[tuple[str, Subject]]:
    if images and brains is not None:
        for image in images:
            yield image.name.partition(".")[0], subject(image, brains / image.name)
        return
    atlas = pydeface_atlas()
    for name, data in (("head", atlas.head), ("brain", atlas.brain)):
        nib.save(nib.Nifti1Image(np.asarray(data, np.float32), atlas.affine), work / f"{name}.nii")
    yield "pydeface", subject(work / "head.nii", work / "brain.nii")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--brains", type=Path, help="folder with a brain mask for each image")
    parser.add_argument("--anat", choices=("deface", "skullstrip"), default="deface")
    parser.add_argument("--brain-limit", choices=("auto", "atlas"), default="auto")
    parser.add_argument("--only", default="", help="cases whose name has this word")
    parser.add_argument("--skip", default="\0", help="no cases whose name has this word")
    parser.add_argument("--json", type=Path, help="append a line for each case")
    options = parser.parse_args()
    if options.images and options.brains is None:
        parser.error("images need --brains")
    total: Counter[tuple[bool, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        treat = treatment(options.anat, options.brain_limit, work)
        for name, healthy in _subjects(options.images, options.brains, work):
            own: Counter[tuple[bool, str]] = Counter()
            chosen = (c for c in cases() if options.only in c.name and options.skip not in c.name)
            for case in chosen:
                row = {"head": name, **verdict(treat, case, healthy)}
                own[case.usable, row["verdict"]] += 1
                if row["verdict"] == "bad" or (case.usable and row["verdict"] != "good"):
                    print(
                        "   ",
                        {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()},
                        flush=True,
                    )
                if options.json:
                    with options.json.open("a") as file:
                        file.write(json.dumps(row) + "\n")
            total += own
            _print(name, own)
    _print("all", total)


def _print(name: str, counts: Counter[tuple[bool, str]]) -> None:
    usable, rest = (
        " ".join(f"{word} {counts[kind, word]}" for word in ("good", "withheld", "bad"))
        for kind in (True, False)
    )
    print(f"{name:28} should be released: {usable}   need not be: {rest}", flush=True)


if __name__ == "__main__":
    main()
