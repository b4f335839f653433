"""The images of one synthetic session: every kind that a policy releases, each on its own grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from session_heads import Grid, Pose, Scan, write_scans

STILL = Pose()
MOVED = Pose(turn=(8.0, -1.0, 2.0), shift=(6.0, -4.0, 7.0))
COARSE = Grid(zooms=(4.0, 4.0, 4.0))
OBLIQUE = Grid(axes="LPS", tilt=16)
THICK = Grid(zooms=(1.5, 1.5, 5.0), axes="LPS", tilt=6)
SAGITTAL = Grid(axes="PIR")

_MP2RAGE = {
    "RepetitionTimePreparation": 5.0, "RepetitionTimeExcitation": 0.007, "FlipAngle": 5,
    "NumberShots": 120, "MagneticFieldStrength": 3,
}  # fmt: skip
_VFA = {"PulseSequenceType": "Spoiled gradient echo", "RepetitionTimeExcitation": 0.02}
_ASL = {
    "ArterialSpinLabelingType": "PASL", "PostLabelingDelay": 1.8, "BackgroundSuppression": False,
    "M0Type": "Separate", "TotalAcquiredPairs": 1, "BolusCutOffFlag": False,
    "RepetitionTimePreparation": 4.0, "MagneticFieldStrength": 3, "MRAcquisitionType": "3D",
    "EchoTime": 0.01,
}  # fmt: skip


def scan(
    path: str,
    fields: dict[str, Any] | None = None,
    sub: str = "01",
    **more: Any,  # noqa: ANN401
) -> Scan:
    """Return an image of a participant, given ``folder/entities_suffix``."""
    folder, _, name = path.partition("/")
    return Scan(
        f"sub-{sub}/{folder}/sub-{sub}_{name}.nii.gz", fields=tuple((fields or {}).items()), **more
    )


def _collections() -> list[Scan]:
    """Return the file collections: several images of one acquisition, and maps of them."""
    radians = {"Units": "rad"}
    scans = []
    for inv, fade in ((1, 0.4), (2, 1.0)):
        fields = {**_MP2RAGE, "InversionTime": 0.8 * inv}
        name = f"anat/inv-{inv}_part-"
        scans += [
            scan(f"{name}mag_MP2RAGE", fields, fade=(fade,)),
            scan(f"{name}phase_MP2RAGE", {**fields, **radians}, look="phase"),
        ]
    scans += [
        scan("anat/UNIT1", look="ratio"),
        scan("anat/T1map", look="map", dtype="float32"),
    ]
    for echo, fade in ((1, 1.0), (2, 0.6), (3, 0.3)):
        fields = {"EchoTime": 0.005 * echo}
        name = f"anat/echo-{echo}_part-"
        scans += [
            scan(f"{name}mag_MEGRE", fields, look="GRE", fade=(fade,), pose=MOVED, grid=SAGITTAL),
            scan(f"{name}phase_MEGRE", {**fields, **radians}, look="phase", pose=MOVED,
                 grid=SAGITTAL),
        ]  # fmt: skip
    scans += [
        scan("anat/T2starmap", look="map", dtype="float32", pose=MOVED, grid=SAGITTAL),
        *(
            scan(f"anat/echo-{echo}_MESE", {"EchoTime": 0.01 * echo}, look="PDw", fade=(fade,))
            for echo, fade in ((1, 1.0), (2, 0.7))
        ),
        *(
            scan(
                f"anat/flip-{flip}_VFA", {**_VFA, "FlipAngle": 4 * flip}, look=look, dtype="uint16"
            )
            for flip, look in ((1, "PDw"), (2, "T1w"))
        ),
        *(
            scan(f"anat/mt-{state}_MTR", {"MTState": state == "on"}, look="PDw", fade=(fade,))
            for state, fade in (("on", 0.7), ("off", 1.0))
        ),
        scan("anat/acq-series_T2starw", look="GRE", fade=(1.0, 0.7, 0.5)),
        scan("anat/acq-complex_part-mag_T2starw", look="GRE", grid=OBLIQUE),
        scan("anat/acq-complex_part-real_T2starw", look="phase", grid=OBLIQUE),
        scan("anat/acq-complex_part-imag_T2starw", look="phase", grid=OBLIQUE),
    ]
    return scans


def _contrasts() -> list[Scan]:
    return [
        scan("anat/T1w", grid=Grid(zooms=(2.2, 2.2, 2.2), axes="LAS")),
        scan("anat/T2w", look="T2w", pose=MOVED, grid=OBLIQUE, slope=0.5, inter=-10.0),
        scan("anat/FLAIR", look="FLAIR", pose=MOVED, grid=THICK),
        scan("anat/PDw", look="PDw", grid=SAGITTAL, dtype="uint8", slope=4.0),
        scan("anat/inplaneT1", grid=Grid(zooms=(1.8, 1.8, 4.0)), dtype="float32"),
        scan("anat/angio", look="TOF", slope=-0.5, inter=12000.0),
    ]


def _field_maps() -> list[Scan]:
    return [
        scan("fmap/magnitude1", look="GRE", grid=Grid(zooms=(3.0, 3.0, 3.0))),
        scan("fmap/magnitude2", look="GRE", grid=Grid(zooms=(3.0, 3.0, 3.0)), fade=(0.7,)),
        scan("fmap/phasediff", {"EchoTime1": 0.005, "EchoTime2": 0.0075}, look="phase",
             grid=Grid(zooms=(3.0, 3.0, 3.0))),
        *(
            scan(f"fmap/flip-{flip}_TB1DAM", {"FlipAngle": 60 * flip}, look="PDw", grid=COARSE,
                 fade=(fade,))
            for flip, fade in ((1, 0.8), (2, 1.0))
        ),
        scan("fmap/TB1map", look="map", dtype="float32", grid=COARSE),
        scan("fmap/dir-PA_epi", {"PhaseEncodingDirection": "j", "TotalReadoutTime": 0.05},
             look="EPI", grid=COARSE),
    ]  # fmt: skip


def series() -> list[Scan]:
    """Return what is echo-planar, or quick."""
    epi = {"look": "EPI", "grid": COARSE}
    task = {"TaskName": "rest", "RepetitionTime": 2.0}
    return [
        scan("func/task-rest_sbref", task, **epi),
        scan("func/task-rest_bold", task, fade=(1.0, 1.01, 0.99, 1.02), **epi),
        scan("dwi/dwi", fade=(1.0, 0.5, 0.6), **epi),
        scan("perf/asl", _ASL, fade=(1.0, 0.98), **epi),
        scan("perf/m0scan", {"RepetitionTimePreparation": 8.0, "EchoTime": 0.01,
             "IntendedFor": "bids::sub-01/perf/sub-01_asl.nii.gz"}, **epi),
    ]  # fmt: skip


def write_companions(root: Path) -> None:
    """Write the small files without which series mean nothing."""
    dwi, perf = root / "sub-01/dwi/sub-01_dwi", root / "sub-01/perf/sub-01_aslcontext.tsv"
    dwi.with_suffix(".bval").write_text("0 1000 1000\n")
    dwi.with_suffix(".bvec").write_text("0 1 0\n0 0 1\n0 0 0\n")
    perf.write_text("volume_type\ncontrol\nlabel\n")


def _second(scan: Scan) -> Scan:
    """Give an image to the second participant: two are done at a time."""
    return replace(scan, path=scan.path.replace("sub-01", "sub-02"))


SESSION = (*_contrasts(), *map(_second, _collections()), *_field_maps(), *series())


def write_session(root: Path) -> Path:
    """Write the whole session."""
    write_scans(root, SESSION)
    write_companions(root)
    return root
