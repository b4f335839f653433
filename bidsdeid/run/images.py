"""Images: the face found and removed, the header built anew, the result audited."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from bidsdeid.core.air import air_noise, air_of
from bidsdeid.core.audit import Verified
from bidsdeid.core.brain import BrainEstimate
from bidsdeid.core.estimate import FaceEstimate
from bidsdeid.core.inheritance import chain, merged
from bidsdeid.core.ledger import Outcome, Release
from bidsdeid.core.naming import Layout, brain_mask_name, face_mask_name, released_name, sidecar_of
from bidsdeid.core.nifti import Image, decode_image, encode_image, mask_header
from bidsdeid.core.plan import Action
from bidsdeid.core.scrub import Change, scrub_fields
from bidsdeid.core.text import encode_fields
from bidsdeid.core.values import JSONValue
from bidsdeid.core.voxels import Fill, remove_voxels
from bidsdeid.errors import FileProblem, GateError, ImageError, TextError
from bidsdeid.run.bench import Bench, Fields, Parsed, released_outcome
from bidsdeid.run.exhibits import exhibit
from bidsdeid.run.review import PUBLIC
from bidsdeid.run.search import SEARCHED
from bidsdeid.run.treatment import Treatment, treatment_of

#: One volume with voxels smaller than this, over a whole head, is an anatomical by any name.
ANATOMICAL_ZOOM_MM = 1.25

#: A field of view that holds a head is larger than this along each axis.
HEAD_MM = 140.0

#: What was done, in words and in the codes of DICOM CID 7050, for the sidecar of each image.
_METHODS: dict[str, tuple[str, str, str]] = {
    "deface": (
        "Face removed with an atlas of a head and its face mask",
        "113102",
        "Clean Recognizable Visual Features Option",
    ),
    "skullstrip": (
        "Face, skull and everything else but the brain removed",
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
        If the image or metadata it needs cannot be read, or face or brain not be found for sure.
    """
    own, changes = _own_sidecar(bench, parsed, action)
    image = decode_image(bench.read(action.path))
    _check_axes(action, image)
    found = _found(bench, action) if action.decision in SEARCHED else None
    if found is None:
        _check_disguise(image)
    treatment = treatment_of(bench.config, found, image)
    target = bench.target(released_name(action.path, bench.config.layout, treatment.desc))
    bench.released[action.path] = target
    releases = [_put_image(bench, action, image, treatment)]
    if treatment.remove is not None:
        releases += _put_mask(bench, action, image, treatment)
    stripped = treatment.stripped or own.get("SkullStripped") is True
    fields = {**own, **_added_fields(bench, action, treatment, stripped=stripped)}
    check = partial(bench.auditor.fields, sidecar_of(target))
    releases.append(
        bench.put(sidecar_of(target), encode_fields(fields), check, str(treatment.decision))
    )
    outcome = released_outcome(action, tuple(releases), changes=changes, **treatment.details)
    outcome = replace(outcome, decision=str(treatment.decision))
    return outcome if found is None else _with_evidence(bench, action, image, found, outcome)


def lender_of(bench: Bench, path: PurePosixPath) -> PurePosixPath | None:
    """Return the image whose mask is used for another, if it is not the image's own."""
    found = bench.found.get(path)
    return None if isinstance(found, FileProblem | None) else found.lender


def retract_borrowers(bench: Bench, actions: Iterable[Action]) -> None:
    """Withhold images whose mask was lent by one that is not released itself.

    Whether a mask fits is seen in the image that lent it: what is measured of a phase image, or of
    a map, does not tell whether a face is gone.
    """
    for action in actions:
        lender = lender_of(bench, action.path)
        if action.path in bench.released and lender is not None and lender not in bench.released:
            bench.retract(action.path, "the image that lent its mask is not released")


def _with_evidence(
    bench: Bench,
    action: Action,
    image: Image,
    found: FaceEstimate | BrainEstimate,
    outcome: Outcome,
) -> Outcome:
    """Look at what is on the stage.

    Raises
    ------
    FileProblem
        If it is not what it should be, or cannot be measured.
    """
    written = decode_image(bench.stage.read(PurePosixPath(outcome.releases[0].path)))
    config = bench.config
    shown = exhibit(
        found, image, written, mask=action.mask, style=config.face, drawn=config.reports
    )
    bench.exhibits[action.path] = shown
    if shown.stops:
        message = f"what would be released is not as it should be: {shown.stops}"
        raise GateError(message, found.attempts)
    word, doubts = shown.measured
    digests = {
        kind: hashlib.sha256(shown.pictures[name]).hexdigest()
        for kind, name in PUBLIC.items()
        if name in shown.pictures
    }
    return replace(
        outcome, numbers=shown.numbers, triage=str(word), doubts=doubts, pictures=digests
    )


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


def _found(bench: Bench, action: Action) -> FaceEstimate | BrainEstimate:
    """Return what was found.

    Raises
    ------
    FileProblem
        If nothing was.
    """
    found = bench.found[action.path]
    if isinstance(found, FileProblem):
        raise found
    return found


def _put_image(bench: Bench, action: Action, image: Image, treatment: Treatment) -> Release:
    target, remove = bench.released[action.path], treatment.remove
    air = air_of(image.data, image.slope, float(image.header["scl_inter"]))
    fill: Fill = air
    if bench.config.fill == "noise" and remove is not None and treatment.desc == "defaced":
        fill = air_noise(image.data, remove, air, zlib.crc32(str(target).encode()))
    data = image.data if remove is None else remove_voxels(image.data, remove, fill=fill)
    content = encode_image(image.header, data, gzipped=target.name.endswith(".gz"))

    def check(written: bytes) -> Verified:
        return bench.auditor.image(target, written, image, remove, fill)

    return bench.put(target, content, check, str(treatment.decision))


def _put_mask(bench: Bench, action: Action, image: Image, treatment: Treatment) -> list[Release]:
    """Write the mask that was used, 1 where voxels are kept, once per acquisition.

    Raw data have a place for the masks of faces only.
    """
    derivative = bench.config.layout is Layout.DERIVATIVE
    brain = treatment.desc == "brain" and derivative
    name = (brain_mask_name if brain else face_mask_name)(action.path)
    target = None if name is None else bench.target(name)
    if target is None or any(item.path == target for item in bench.verified):
        return []
    assert treatment.remove is not None  # noqa: S101 -- else nothing was masked
    keep = (~treatment.remove).astype(np.uint8)
    content = encode_image(mask_header(image.header), keep, gzipped=True)
    decision = str(treatment.decision)
    releases = [
        bench.put(target, content, lambda c: bench.auditor.mask(target, c, keep), decision)
    ]
    if derivative:  # the older validator refuses it in raw data
        fields: Fields = {"SkullStripped": False}
        if brain:
            fields = {"Type": "Brain", "Sources": [f"bids:raw:{bench.target(action.path)}"]}
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


def _added_fields(bench: Bench, action: Action, treatment: Treatment, *, stripped: bool) -> Fields:
    done = ["scrub"] if treatment.remove is None else [str(treatment.decision), "scrub"]
    words: list[JSONValue] = [_METHODS[step][0] for step in done]
    codes: list[JSONValue] = [
        {"CodeValue": value, "CodeMeaning": meaning, "CodingSchemeDesignator": "DCM"}
        for _, value, meaning in (_METHODS[step] for step in done)
    ]
    fields: Fields = {
        "DeidentificationMethod": words,
        "DeidentificationMethodCodeSequence": codes,
    }
    if stripped or bench.config.layout is Layout.DERIVATIVE:
        fields["SkullStripped"] = stripped
    if bench.config.layout is Layout.DERIVATIVE:
        fields["Sources"] = [f"bids:raw:{bench.target(action.path)}"]
    return fields
