"""Face masks of templates, as this program writes them: the mask, and beside it how it was made.

Rule 1: a mask that was not made here is never written over.
Rule 2: a mask is there whole, by one rename, or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bidsdeid.core.cohort import Cohort
from bidsdeid.core.nifti import decode_image, encode_image, mask_header
from bidsdeid.core.voxels import Bools
from bidsdeid.errors import ImageError, StoreError, UsageError
from bidsdeid.io.templates import TemplateFolders, face_mask, template_path

ENDING = "desc-face_mask"

#: Where the JSON file beside a mask has the mask's own digest.
DIGEST = "SHA256"


def sidecar(mask: Path) -> Path:
    """Return the JSON file beside a mask.

    Examples
    --------
    >>> sidecar(Path("tpl-X_desc-face_mask.nii.gz")).name
    'tpl-X_desc-face_mask.json'
    """
    return mask.with_name(mask.name.removesuffix(".nii.gz") + ".json")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_face_mask(
    folders: TemplateFolders, cohort: Cohort, head: Path, face: Bools, facts: Mapping[str, Any]
) -> Path:
    """Write a face mask to the first folder that can be written.

    It never goes behind one that is there already: that one would go on to be used.

    Parameters
    ----------
    folders : TemplateFolders
    cohort : Cohort
    head : Path
        The template whose grid `face` is on.
    face : (X, Y, Z) array of bool
        True on the face.
    facts : mapping
        For the JSON file beside it.

    Raises
    ------
    StoreError
        If no folder can be written.
    UsageError
        If a mask is there that was not made by this program, or the template cannot be read.
    """
    present = face_mask(folders, cohort)
    if present is not None and not _is_own(present):
        message = (
            f"{present} was not made by this command, or was changed since: "
            "move it away to have one built"
        )
        raise UsageError(message)
    try:
        header = mask_header(decode_image(head.read_bytes()).header)
    except (OSError, ImageError) as error:
        message = "the template cannot be read: fetch it again"
        raise UsageError(message) from error
    content = encode_image(header, face.astype("u1"), gzipped=True)
    text = json.dumps(
        {**facts, DIGEST: hashlib.sha256(content).hexdigest()}, indent=2, allow_nan=False
    )
    reason = ""
    for folder in folders.masks:
        path = template_path(folder, cohort, ENDING)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The mask last: without it the other file does no harm.
            _replace(sidecar(path), f"{text}\n".encode())
            _replace(path, content)
        except OSError as error:
            reason = reason or f"{folder}: {error.strerror or type(error).__name__}"
            if path == present:
                break
            continue
        return path
    message = (
        f"the face mask cannot be written to {reason}: "
        "name a folder that can be written in BIDSDEID_TEMPLATES"
    )
    raise StoreError(message)


def _is_own(mask: Path) -> bool:
    try:
        facts = json.loads(sidecar(mask).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get(DIGEST) == digest(mask)


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place by one rename; leave nothing behind if that fails."""
    fresh = path.with_name(f".{path.name}-{uuid.uuid4().hex[:12]}")
    try:
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
