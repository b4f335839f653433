"""Images: the face found and removed, the header built anew, the result audited."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache, partial
from typing import Any

import numpy as np

from bidsdeid.core.audit import Verified
from bidsdeid.core.gates import FaceJudge, FaceMetrics, failed_gates
from bidsdeid.core.inheritance import chain, merged
from bidsdeid.core.ledger import Outcome, Release
from bidsdeid.core.naming import Layout, face_mask_name, released_name, sidecar_of
from bidsdeid.core.nifti import Image, decode_image, encode_image, mask_header
from bidsdeid.core.plan import Action
from bidsdeid.core.policy import Decision
from bidsdeid.core.scrub import Change, scrub_fields
from bidsdeid.core.text import encode_fields
from bidsdeid.core.values import JSONValue
from bidsdeid.core.voxels import air_value, remove_voxels
from bidsdeid.engines.base import FaceMask
from bidsdeid.engines.niimath import NiimathEngine
from bidsdeid.errors import FileProblem, GateError, ImageError, TextError
from bidsdeid.resources import pydeface_atlas
from bidsdeid.run.bench import Bench, Fields, Parsed, released_outcome

#: One volume with voxels smaller than this, over a whole head, is an anatomical by any name.
ANATOMICAL_ZOOM_MM = 1.25

#: A field of view that holds a head is larger than this along each axis.
HEAD_MM = 140.0

#: What was done, in words and in the codes of DICOM CID 7050, for the sidecar of each image.
_METHODS: dict[str, tuple[str, str, str]] = {
    "deface": (
        "Face removed with pydeface's atlas and face mask",
        "113102",
        "Clean Recognizable Visual Features Option",
    ),
    "scrub": (
        "NIfTI header and sidecar rebuilt from an allow-list",
        "113105",
        "Clean Descriptors Option",
    ),
}


def release_image(bench: Bench, parsed: Parsed, action: Action) -> Outcome:
    """Treat one image and its sidecar.

    Raises
    ------
    FileProblem
        If the image or metadata it needs cannot be read, or the face not be found for sure.
    """
    own, changes = _own_sidecar(bench, parsed, action)
    image = decode_image(bench.read(action.path))
    _check_axes(action, image)
    defaced = action.decision is Decision.DEFACE
    target = released_name(action.path, bench.config.layout, defaced=defaced)
    bench.released[action.path] = target
    details: dict[str, Any] = {}
    mask: FaceMask | None = None
    if not defaced:
        _check_disguise(image)
    else:
        mask, metrics = _find_face(bench, image)
        details = {
            "removed_voxels": int(mask.remove.sum()),
            "voxels": int(mask.remove.size),
            "metrics": {name: round(value, 4) for name, value in asdict(metrics).items()},
            "engine": mask.engine,
        }
    releases = [_put_image(bench, action, image, mask)]
    if mask is not None:
        releases += _put_mask(bench, action, image, mask)
    fields = {**own, **_added_fields(bench, own, action, defaced=defaced)}
    check = partial(bench.auditor.fields, sidecar_of(target))
    releases.append(
        bench.put(sidecar_of(target), encode_fields(fields), check, str(action.decision))
    )
    return released_outcome(action, tuple(releases), changes=changes, **details)


def _check_axes(action: Action, image: Image) -> None:
    """Refuse what would make the output invalid: the schema wants one volume of a T1w."""
    name = action.file.name
    if name is not None and name.suffix == "T1w" and image.data.ndim > 3:  # noqa: PLR2004
        message = "a T1w has three axes in BIDS, and this one has more: split it, or name it anew"
        raise ImageError(message)


def _check_disguise(image: Image) -> None:
    """Refuse to release, undefaced, what is called a functional image and looks anatomical.

    Faces are not recognised in echo-planar images; their voxels are larger than this, or they
    are series.
    """
    zooms = np.linalg.norm(image.affine[:3, :3], axis=0)
    field_of_view = zooms * image.data.shape[:3]
    single = int(np.prod(image.data.shape[3:])) == 1
    if single and zooms.max() < ANATOMICAL_ZOOM_MM and field_of_view.min() > HEAD_MM:
        message = (
            "one volume of a whole head with the voxels of an anatomical: check its suffix, or "
            "use --deface-all"
        )
        raise ImageError(message)


def _find_face(bench: Bench, image: Image) -> tuple[FaceMask, FaceMetrics]:
    """Ask the engine for a mask, and the judge whether to believe it."""
    if not image.oriented:
        message = (
            "the header does not say where front and top are (sform and qform codes are 0): set "
            "the orientation and run again"
        )
        raise ImageError(message)
    if min(image.data.shape[:3]) == 1:
        message = "the image is one slice, not a volume: a face cannot be found in it"
        raise ImageError(message)
    volume = image.volume()
    if not volume.any() or volume.min() == volume.max():
        message = "the image is empty: all its voxels have one value or none"
        raise ImageError(message)
    atlas = pydeface_atlas()
    engine = NiimathEngine(bench.config.threads)
    mask = engine.find(volume, image.affine, atlas, bench.scratch)
    metrics = _judge().measure(volume, image.affine, mask.remove, mask.to_atlas)
    failed = failed_gates(metrics) or _moved_volumes(image, mask)
    if failed:
        message = f"the face mask is not to be trusted: {'; '.join(failed)}"
        raise GateError(message)
    return mask, metrics


def _moved_volumes(image: Image, mask: FaceMask) -> tuple[str, ...]:
    """Look at each volume of a series: the mask was found on their mean and must fit them all."""
    judge = _judge()
    failed: list[str] = []
    for volume in image.volumes():
        found = failed_gates(judge.measure(volume, image.affine, mask.remove, mask.to_atlas))
        failed.extend(found)
    return tuple(f"in one of its volumes {sentence}" for sentence in dict.fromkeys(failed))


@lru_cache(maxsize=1)
def _judge() -> FaceJudge:
    atlas = pydeface_atlas()
    return FaceJudge(atlas.head, atlas.keep, atlas.affine)


def _put_image(bench: Bench, action: Action, image: Image, mask: FaceMask | None) -> Release:
    target = bench.released[action.path]
    slope, inter = (float(image.header[name]) for name in ("scl_slope", "scl_inter"))
    fill = air_value(slope, inter, image.data.dtype)
    remove = None if mask is None else mask.remove
    data = image.data if remove is None else remove_voxels(image.data, remove, fill=fill)
    content = encode_image(image.header, data, gzipped=target.name.endswith(".gz"))

    def check(written: bytes) -> Verified:
        return bench.auditor.image(target, written, image, remove, fill)

    return bench.put(target, content, check, str(action.decision))


def _put_mask(bench: Bench, action: Action, image: Image, mask: FaceMask) -> list[Release]:
    """Write the mask that was used, 1 where voxels are kept, once per acquisition."""
    target = face_mask_name(action.path)
    if target is None or any(item.path == target for item in bench.verified):
        return []
    keep = (~mask.remove).astype(np.uint8)
    content = encode_image(mask_header(image.header), keep, gzipped=True)
    decision = str(action.decision)
    releases = [
        bench.put(target, content, lambda c: bench.auditor.mask(target, c, keep), decision)
    ]
    if bench.config.layout is Layout.DERIVATIVE:  # the older validator refuses it in raw data
        fields: Fields = {"SkullStripped": False}
        sidecar = sidecar_of(target)
        check = partial(bench.auditor.fields, sidecar)
        releases.append(bench.put(sidecar, encode_fields(fields), check, decision))
    return releases


def _own_sidecar(
    bench: Bench, parsed: Parsed, action: Action
) -> tuple[Fields, tuple[Change, ...]]:
    """Scrub the sidecar named like the image, and check what it inherits.

    Raises
    ------
    TextError
        If metadata the image needs cannot be read, or a required field would be lost.
    """
    before: dict[Any, Fields] = {}
    after: dict[Any, Fields] = {}
    changes: tuple[Change, ...] = ()
    for path in chain(action.path, parsed):
        fields = parsed[path]
        if isinstance(fields, FileProblem):
            message = f"metadata of this image cannot be used: {fields}"
            raise TextError(message) from fields
        before[path] = fields
        after[path], changes = scrub_fields(fields, bench.policy, bench.context)
    full, left = merged(action.path, before), merged(action.path, after)
    lost = (full.keys() - left.keys()) & bench.policy.required_keys
    if lost:
        message = f"fields that BIDS requires would be lost: {', '.join(sorted(lost))}"
        raise TextError(message)
    nearest = {key: path for path in before for key in before[path]}
    exposed = sorted(key for key in left if key not in after[nearest[key]])
    if exposed:
        message = (
            f"fields dropped from a nearer sidecar would be inherited from a farther one with "
            f"another value: {', '.join(exposed)}"
        )
        raise TextError(message)
    own = sidecar_of(action.path)
    return (after[own], changes) if own in after else ({}, ())


def _added_fields(bench: Bench, own: Fields, action: Action, *, defaced: bool) -> Fields:
    done = ["deface", "scrub"] if defaced else ["scrub"]
    words: list[JSONValue] = [_METHODS[step][0] for step in done]
    codes: list[JSONValue] = [
        {"CodeValue": value, "CodeMeaning": meaning, "CodingSchemeDesignator": "DCM"}
        for _, value, meaning in (_METHODS[step] for step in done)
    ]
    fields: Fields = {
        "DeidentificationMethod": words,
        "DeidentificationMethodCodeSequence": codes,
    }
    if bench.config.layout is Layout.DERIVATIVE:
        fields["SkullStripped"] = own.get("SkullStripped") is True
        fields["Sources"] = [f"bids:raw:{action.path}"]
    return fields
