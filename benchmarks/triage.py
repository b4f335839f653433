"""Whether results that went wrong are found, and good ones left alone.

    python benchmarks/triage.py [IMAGE.nii.gz ...] [--json FILE]

Each head is defaced by the program itself.  Its good results, on heads that are turned, moved,
cut off, noisy and of other contrast, must not be called `fail`; results that went wrong on purpose
must be: a mask moved, turned or half applied on its way into the file, brain cut, nothing done,
the place of another head believed.  Without images pydeface's own head is tried, in four forms.

Printed are the part of each kind that is called `fail` and `look`, a receiver operating
characteristic over the severity, and where the planted failures rank.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from perturbations import BRAIN, Case, Subject, brightnesses, moved, placements, views
from scipy.spatial.transform import Rotation

from bidsdeid.core.air import air_of
from bidsdeid.core.estimate import FaceEstimate, Finding, Head
from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.gates import is_sure
from bidsdeid.core.proof import ProofJudge
from bidsdeid.core.together import together
from bidsdeid.core.triage import Context, Triage, severity, triage
from bidsdeid.core.voxels import Affine, Bools, block_mean, look_up, remove_voxels
from bidsdeid.errors import FileProblem
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.face_cascade import cascade
from bidsdeid.run.faces import FaceFinder, frame_of

ZOOM_MM = 2.0

#: What is asked of the triage.
CAUGHT, FALSE_ALARMS = 0.95, 0.05

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Defaced:
    """A head, where its face is, and what goes.

    Parameters
    ----------
    data : (X, Y, Z) array
    affine : (4, 4) array, voxel → RAS+ mm
    estimate : FaceEstimate
    """

    data: Array
    affine: Affine
    estimate: FaceEstimate

    @property
    def remove(self) -> Bools:
        """What goes."""
        return self.moved(np.eye(4))

    @property
    def brain(self) -> Bools:
        """The atlas's brain, on the grid of the image."""
        frame = frame_of(self.estimate.atlas)
        return look_up(
            frame.brain, frame.affine, self.data.shape, self.affine, self.estimate.to_atlas
        )

    def moved(self, move: Affine) -> Bools:
        """Return the mask, moved in the world of the atlas."""
        found = self.estimate
        back = np.linalg.inv(move) @ found.to_atlas
        return look_up(found.region, found.region_affine, self.data.shape, self.affine, back)

    def without(self, remove: Bools) -> Array:
        """Return the image without some voxels."""
        if not remove.any():
            return self.data
        return remove_voxels(self.data, remove, fill=air_of(self.data, 1.0, 0.0))


@dataclass(frozen=True, eq=False)
class Result:
    """What was made of a head.

    Parameters
    ----------
    kind : str
    name : str
        Of this one.
    before, after : (X, Y, Z, ...) arrays
    affine : (4, 4) array, voxel → RAS+ mm
    to_atlas : (4, 4) array
        As it is believed.
    estimate : FaceEstimate
    """

    kind: str
    name: str
    before: Array
    after: Array
    affine: Affine
    to_atlas: Affine
    estimate: FaceEstimate


def shift(axis: int, mm: float) -> Affine:
    """Return a move along an axis."""
    move = np.eye(4)
    move[axis, 3] = mm
    return move


_WAYS = {
    "right": (0, 1), "left": (0, -1), "forward": (1, 1), "back": (1, -1), "up": (2, 1),
    "down": (2, -1),
}  # fmt: skip


def planted(head: Defaced) -> Iterator[Result]:
    """Yield results that went wrong."""
    for name, after in _spoiled(head):
        kind, _, detail = name.partition(": ")
        yield Result(
            kind, detail, head.data, after, head.affine, head.estimate.to_atlas, head.estimate
        )
    yield _one_volume(head)
    yield from _elsewhere(head)


def _spoiled(head: Defaced) -> Iterator[tuple[str, Array]]:
    for mm in (5, 10, 20):
        for way, (axis, sign) in _WAYS.items():
            yield f"mask moved by {mm} mm: {way}", head.without(head.moved(shift(axis, sign * mm)))
    remove, brain = head.remove, head.brain
    for name, turned in _turned(remove, head.affine):
        yield f"mask turned: {name}", head.without(turned)
    yield "untouched: ", head.data
    for name, slab in _ends(brain, head.affine):
        yield f"brain cut by 1 cm: {name}", head.without(remove | slab)
    places = _axes(head)
    tissue = remove & (head.data > np.percentile(head.data, 60))
    face = [np.median(along[tissue]) for along in places]
    yield "half: right only", head.without(remove & (places[0] > face[0]))
    yield "half: left only", head.without(remove & (places[0] < face[0]))
    yield "half: upper only", head.without(remove & (places[2] > face[2]))
    yield "half: lower only", head.without(remove & (places[2] < face[2]))
    dimmed = head.data.copy()
    dimmed[remove] = dimmed[remove] // 2
    yield "half: brightness only", dimmed
    fewer = remove.copy()
    fewer[::2] = False
    yield "half: every other slice", head.without(fewer)


def _axes(head: Defaced) -> NDArray[np.float64]:
    """Return where each voxel lies in the world of the atlas, (3, X, Y, Z)."""
    matrix = head.estimate.to_atlas @ head.affine
    index = np.indices(head.data.shape)
    return np.tensordot(matrix[:3, :3], index, 1) + matrix[:3, 3, None, None, None]


def _ends(brain: Bools, affine: Affine) -> Iterator[tuple[str, Bools]]:
    """Yield the outermost 10 mm of the brain at its front, top, bottom and one side."""
    index = np.argwhere(brain)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    for name, way in {"front": (1, 1), "top": (2, 1), "bottom": (2, -1), "side": (0, 1)}.items():
        axis, sign = way
        along = sign * world[:, axis]
        slab = np.zeros_like(brain)
        slab[tuple(index[along > along.max() - 10].T)] = True
        yield name, slab


def _turned(remove: Bools, affine: Affine) -> Iterator[tuple[str, Bools]]:
    """Yield a mask with its axes turned round or swapped.

    One that is turned from left to right alone is left out: faces are symmetric.
    """
    codes = nib.aff2axcodes(affine)
    for axis in range(3):
        if codes[axis] not in "LR":
            yield f"{codes[axis]} flipped", np.flip(remove, axis)
    for order in ((1, 0, 2), (2, 1, 0), (0, 2, 1)):
        turned = np.zeros((4, 4))
        turned[3, 3] = 1
        for new, old in enumerate(order):
            turned[new, old] = 1
        # Beyond the mask there is nothing to remove.
        padded = np.pad(remove, 1)
        before = shift(0, -1) @ shift(1, -1) @ shift(2, -1)
        yield (
            f"axes {order}",
            look_up(padded, before, remove.shape, np.eye(4), turned),
        )
    yield "all flipped", np.flip(remove)


def _one_volume(head: Defaced) -> Result:
    """Return a series of which one volume was done."""
    rng = np.random.default_rng(0)
    series = np.stack([head.data + rng.integers(0, 3, head.data.shape) for _ in range(3)], -1)
    after = series.copy()
    after[..., 0] = head.without(head.remove)
    return Result(
        "one volume of three", "", series, after, head.affine, head.estimate.to_atlas,
        head.estimate,
    )  # fmt: skip


def _elsewhere(head: Defaced) -> Iterator[Result]:
    """Yield what is done if the place of another head is believed."""
    found, frame = head.estimate, frame_of(head.estimate.atlas)
    middle = (frame.affine @ [*np.argwhere(frame.brain).mean(axis=0), 1])[:3]
    moves = {way: shift(axis, sign * 20) for way, (axis, sign) in _WAYS.items()}
    for angle in (-25, 25):
        turn = np.eye(4)
        turn[:3, :3] = Rotation.from_euler("x", angle, degrees=True).as_matrix()
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        moves[f"nodding {angle:+d}"] = turn
    around = np.diag([-1.0, -1, 1, 1])
    around[:3, 3] = middle - around[:3, :3] @ middle
    moves["facing backwards"] = around
    for name, move in moves.items():
        to_atlas = np.linalg.inv(move) @ found.to_atlas
        small = Head.of(head.data, head.affine)
        seen = frame.view_of(small.volume, small.affine, to_atlas)
        region = frame.region(seen.sure_head(), FaceStyle())
        remove = look_up(region, frame.affine, head.data.shape, head.affine, to_atlas)
        yield Result(
            "another head's place", name, head.data, head.without(remove), head.affine, to_atlas,
            found,
        )  # fmt: skip


def good_cases() -> Iterator[Case]:
    """Yield what may happen to a head without harm."""
    for number, case in enumerate(placements()):
        if not case.name.startswith("stored") or number % 8 == 0:
            yield case
    yield from (case for case in (*views(), *brightnesses()) if case.usable)


def heads(images: list[Path]) -> Iterator[tuple[str, Subject]]:
    """Yield heads on voxels of about 2 mm, or pydeface's in four forms."""
    for image in images:
        file = nib.Nifti1Image.from_filename(image)
        data = np.asarray(file.dataobj)
        yield image.name.partition(".")[0], _small(data, file.affine)
    if images:
        return
    atlas = pydeface_atlas()
    own = _small(atlas.head, atlas.affine)
    inside = np.asarray(_small(np.asarray(atlas.brain), atlas.affine).data, np.int16) > 0
    own = replace(own, truth=inside.astype(np.uint8) * np.uint8(BRAIN))
    contrasts = {case.name: case for case in brightnesses()}
    yield "pydeface", own
    yield "pydeface, turned, smaller", moved((12, -5, 8), np.array([9, -7, 5]), 0.94)(own)
    yield "pydeface, dark is bright", contrasts["contrast inverted"].apply(own)
    narrow = np.diag([0.93, 1.05, 0.98, 1.0])
    yield (
        "pydeface, narrow, noisy",
        contrasts["noise 5 %"].apply(replace(own, affine=narrow @ own.affine)),
    )


def _small(data: Array, affine: Affine) -> Subject:
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    size = np.maximum(1, np.floor(ZOOM_MM / zooms + 0.1)).astype(int)
    data = data.reshape((*data.shape[:3], -1))[..., 0]
    grid = affine @ np.diag([*size, 1.0])
    grid[:3, 3] += affine[:3, :3] @ ((size - 1) / 2)
    small = block_mean(data, tuple(size))
    whole = np.rint(small * (4000 / np.percentile(small, 99.9))).astype(np.int16)
    return Subject(whole, np.asarray(grid, np.float64), np.zeros(whole.shape, np.uint8))


def defaced(finder: FaceFinder, subject: Subject) -> Defaced | None:
    """Return a head whose face was found; None if it was withheld, or has none."""
    data = np.asfortranarray(subject.data)
    try:
        found = finder.find(Head.of(data, subject.affine))
    except FileProblem:
        return None
    if found.finding is not Finding.FACE:
        return None
    return Defaced(data, subject.affine, found)


def results(finder: FaceFinder, healthy: Subject) -> Iterator[Result]:
    """Yield good results of a head, then planted failures."""
    first = defaced(finder, healthy)
    if first is None:
        return
    healthy = replace(healthy, truth=first.brain.astype(np.uint8) * np.uint8(BRAIN))
    for case in good_cases():
        own = defaced(finder, case.apply(healthy))
        if own is not None:
            yield Result(
                "good", case.name, own.data, own.without(own.remove), own.affine,
                own.estimate.to_atlas, own.estimate,
            )  # fmt: skip
    yield from planted(first)


def judged(result: Result, judge: Callable[[FaceEstimate], ProofJudge]) -> dict[str, Any]:
    """Measure one result and triage it."""
    before = time.process_time()
    proof = judge(result.estimate).measure(
        result.before, result.after, result.affine, result.to_atlas
    )
    seconds = time.process_time() - before
    # What the gates and the cascade had to say is left out: numbers alone must tell.
    context = Context("deface", finding=str(Finding.FACE))
    word, doubts = triage(asdict(proof.numbers), context)
    return {
        "kind": result.kind, "name": result.name, "triage": str(word), "doubts": doubts,
        "severity": severity(asdict(proof.numbers), context), "cpu_s": seconds,
        "sure": is_sure(result.estimate.metrics), "attempts": len(result.estimate.attempts),
        **proof.numbers.rounded(), **together([proof.rays]),
    }  # fmt: skip


#: Moves this small are for the characteristic only: a mask is made to stand them.
SMALL = ("mask moved by 5 mm", "mask moved by 10 mm")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--json", type=Path, help="append a line for each result")
    options = parser.parse_args()
    judges: dict[int, ProofJudge] = {}

    def judge(estimate: FaceEstimate) -> ProofJudge:
        return judges.setdefault(id(estimate.atlas), ProofJudge(frame_of(estimate.atlas)))

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        finder = FaceFinder(cascade([pydeface_atlas()]), FaceStyle(), Path(folder))
        for name, healthy in heads(options.images):
            own = [{"head": name, **judged(r, judge)} for r in results(finder, healthy)]
            print(f"{name:28} {len(own)} results", flush=True)
            rows += own
            if options.json:
                with options.json.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in own)
    table(rows)
    characteristic(rows)


def table(rows: list[dict[str, Any]]) -> None:
    """Print what became of each kind, and what did not become as asked."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        kinds[row["kind"]].append(row)
    print(f"\n{'kind':26} {'results':>7}", *(f"{word:>6}" for word in Triage))
    for kind, some in kinds.items():
        print(f"{kind:26} {len(some):7}", *(f"{_share(some, word):6.1%}" for word in Triage))
    bad = [row for row in rows if row["kind"] not in ("good", *SMALL)]
    good = kinds["good"]
    print(
        f"planted failures {len(bad)}, caught {_share(bad, Triage.FAIL):.1%}, asked {CAUGHT:.0%}"
    )
    alarms = f"false alarms {_share(good, Triage.FAIL):.1%}, asked {FALSE_ALARMS:.0%}"
    print(f"good results {len(good)}, {alarms}")
    wrong = [row for row in bad if row["triage"] != Triage.FAIL]
    for row in wrong + [row for row in good if row["triage"] != Triage.PASS]:
        words = (row[word] for word in ("triage", "head", "kind", "name"))
        print("   ", *words, *row["doubts"], sep=" | ")


def _share(rows: list[dict[str, Any]], word: Triage) -> float:
    return float(np.mean([row["triage"] == word for row in rows])) if rows else float("nan")


def characteristic(rows: list[dict[str, Any]]) -> None:
    """Print the characteristic over the severity, and the ranks."""
    good, *small = (_severities(rows, kind) for kind in ("good", *SMALL))
    bad = np.array([row["severity"] for row in rows if row["kind"] not in ("good", *SMALL)])
    print(f"\n{'severity >':>12} {'false alarms':>12} {'caught':>8}  moved by 5 mm, 10 mm")
    for level in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0):
        first, *shares = (np.mean(values > level) for values in (good, bad, *small))
        print(f"{level:12} {first:12.1%}", *(f"{share:8.1%}" for share in shares))
    order = np.argsort(-np.r_[good, bad], kind="stable")  # ties count against us
    worst = np.mean(order[: len(bad)] >= len(good))
    print(f"of the {len(bad)} worst, planted: {worst:.1%}")
    print(f"numbers of one image: {np.median([row['cpu_s'] for row in rows]):.2f} CPU s")


def _severities(rows: list[dict[str, Any]], kind: str) -> NDArray[np.float64]:
    return np.array([row["severity"] for row in rows if row["kind"] == kind])


if __name__ == "__main__":
    main()
