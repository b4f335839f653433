"""Which images of a session were taken together, and which of them shows the head best."""

from __future__ import annotations

from pathlib import PurePosixPath
from types import MappingProxyType

from bidsdeid.core.entities import BIDSName

#: Entities that tell images of one acquisition apart.
_WITHIN = frozenset({"echo", "flip", "inv", "mt", "part"})

#: Of these, those whose images are made of the same excitations: the head cannot have moved.
_SIMULTANEOUS = frozenset({"echo", "part"})

#: The two inversions of an MP2RAGE alternate within each repetition (Marques et al. 2010).
_ALTERNATING = MappingProxyType({"MP2RAGE": frozenset({"inv"})})

#: A map (left) is computed from images of one acquisition, which lend it their mask.
_COMPUTED_FROM = MappingProxyType(
    {
        "UNIT1": ("MP2RAGE",),
        "T1map": ("MP2RAGE", "VFA", "IRT1", "MPM", "MTS"),
        "R1map": ("MP2RAGE", "VFA", "IRT1", "MPM", "MTS"),
        "T2map": ("MESE",),
        "R2map": ("MESE",),
        "MWFmap": ("MESE", "MEGRE"),
        "T2starmap": ("MEGRE", "MPM", "MESE", "T2starw"),
        "R2starmap": ("MEGRE", "MPM", "MESE", "T2starw"),
        "Chimap": ("MEGRE", "T2starw"),
        "S0map": ("MEGRE", "MESE", "VFA"),
        "M0map": ("MP2RAGE", "VFA", "MPM", "MTS"),
        "PDmap": ("MPM", "MTS", "VFA"),
        "MTsat": ("MPM", "MTS"),
        "MTVmap": ("MPM", "MTS", "VFA"),
        "MTRmap": ("MTR", "MTS", "MPM"),
        "TB1map": ("TB1AFI", "TB1DAM", "TB1EPI", "TB1RFM", "TB1SRGE", "TB1TFL"),
        "RB1map": ("RB1COR",),
    }
)

#: In which order images are asked for the place of the head: whole, sharp heads first.
_PREFERENCE = (
    "T1w MP2RAGE UNIT1 T2w FLAIR PDw PDT2 MPM VFA MTS IRT1 MTR MEGRE MESE T2starw T2star FLASH PD "
    "inplaneT1 inplaneT2 angio magnitude magnitude1 magnitude2"
).split()


def acquisition(path: PurePosixPath, name: BIDSName) -> tuple[PurePosixPath, str]:
    """Return what images of one acquisition, and maps computed from it, have in common.

    Examples
    --------
    >>> from bidsdeid.core.entities import parse_name
    >>> one, other = (PurePosixPath(f"sub-01/anat/sub-01_{n}.nii.gz")
    ...               for n in ("inv-1_part-mag_MP2RAGE", "UNIT1"))
    >>> acquisition(one, parse_name(one.name)) == acquisition(other, parse_name(other.name))
    True
    """
    pairs = [f"{entity}-{label}" for entity, label in name.entities if entity not in _WITHIN]
    return path.parent, "_".join(pairs)


def simultaneous(one: BIDSName, other: BIDSName) -> bool:
    """Tell whether two images of one acquisition show the head in one position for sure.

    Examples
    --------
    >>> from bidsdeid.core.entities import parse_name
    >>> first, second, flip = map(parse_name, ("sub-1_echo-1_flip-1_MPM.nii",
    ...                           "sub-1_echo-2_flip-1_MPM.nii", "sub-1_echo-1_flip-2_MPM.nii"))
    >>> simultaneous(first, second), simultaneous(first, flip)
    (True, False)
    """
    free = _SIMULTANEOUS | _ALTERNATING.get(one.suffix, frozenset())
    return one.suffix == other.suffix and all(
        one.get(entity) == other.get(entity) for entity in _WITHIN - free
    )


def may_lend(lender: BIDSName, borrower: BIDSName) -> bool:
    """Tell whether an image may lend its mask to a phase image or a map of its acquisition."""
    if lender.suffix == borrower.suffix:
        return simultaneous(lender, borrower)
    return lender.suffix in _COMPUTED_FROM.get(borrower.suffix, ())


def is_anatomical(path: PurePosixPath) -> bool:
    """Tell whether an image shows the anatomy of a head, as its folder says.

    Examples
    --------
    >>> is_anatomical(PurePosixPath("sub-01/fmap/sub-01_magnitude1.nii.gz"))
    False
    """
    return path.parent.name == "anat"


def preference(name: BIDSName) -> tuple[int, int, int, str]:
    """Return a key that sorts images by how well they show a head.

    The second inversion of an MP2RAGE is the bright one; early echoes are.
    """
    order = _PREFERENCE.index(name.suffix) if name.suffix in _PREFERENCE else len(_PREFERENCE)
    return order, -_number(name.get("inv")), _number(name.get("echo")), str(name)


def _number(label: str | None) -> int:
    return int(label) if label is not None and label.isdecimal() else 0
