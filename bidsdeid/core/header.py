"""NIfTI headers, built anew from the fields that describe the image.

The rest of a header (348 or 540 bytes) is free text and unused numbers: scanners and converters
leave acquisition times, comments and file names there, and extensions can hold a whole DICOM
header.  `KEPT` lists what is carried over, each with its reason; everything else is zero.
"""

from __future__ import annotations

from typing import TypeAlias

import nibabel as nib
import numpy as np

NiftiHeader: TypeAlias = "nib.nifti1.Nifti1Header"

#: Header fields carried over as stored, and why.
KEPT = {
    "sizeof_hdr": "format: NIfTI-1 or NIfTI-2",
    "magic": "format",
    "dim": "geometry",
    "pixdim": "geometry, and the repetition time of a series",
    "qform_code": "geometry",
    "sform_code": "geometry",
    "quatern_b": "geometry",
    "quatern_c": "geometry",
    "quatern_d": "geometry",
    "qoffset_x": "geometry",
    "qoffset_y": "geometry",
    "qoffset_z": "geometry",
    "srow_x": "geometry",
    "srow_y": "geometry",
    "srow_z": "geometry",
    "datatype": "type of a stored voxel",
    "bitpix": "type of a stored voxel",
    "scl_slope": "scaling of stored values",
    "scl_inter": "scaling of stored values",
    "xyzt_units": "units",
    "intent_code": "what a value means",
    "dim_info": "acquisition: frequency, phase and slice axes",
    "slice_code": "acquisition: slice order",
    "slice_start": "acquisition: slice order",
    "slice_end": "acquisition: slice order",
    "slice_duration": "acquisition: slice timing",
}

#: Voxel types of MRI data; RGB and 128-bit types are not images of anatomy.
DATA_TYPES = frozenset("iuf")


def released_header(header: NiftiHeader) -> NiftiHeader:
    """Return a new header with the `KEPT` fields of `header` and nothing else.

    Class and byte order stay, so that the stored voxels can follow unchanged.  Entries of
    ``dim`` and ``pixdim`` beyond the image's own axes are reset too.

    Examples
    --------
    >>> header = nib.Nifti1Header()
    >>> header.set_data_shape((4, 5, 6))
    >>> header["descrip"] = b"Time=153152.362"
    >>> released_header(header)["descrip"].item()
    b''
    """
    fresh = type(header)(endianness=header.endianness)
    for name in fresh.keys():  # noqa: SIM118 -- a header iterates over its keys only by `keys`
        fresh[name] = header[name] if name in KEPT else np.zeros_like(fresh[name])
    axes = int(header["dim"][0])
    fresh["dim"][axes + 1 :] = 1
    fresh["pixdim"][axes + 1 :] = 0
    fresh["vox_offset"] = fresh.single_vox_offset
    return fresh
