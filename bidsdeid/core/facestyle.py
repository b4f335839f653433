"""Which part of a head is its face, and how much of it goes: the tables.

Heights are shares of the brain's height from its lowest point, and lengths are those of a head
whose brain is as high as that of pydeface's atlas, so that the rules fit heads of any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Strength(StrEnum):
    """How much of a face goes."""

    LIGHT = "light"
    STANDARD = "standard"
    STRONG = "strong"


class MaskStyle(StrEnum):
    """Whose region it is."""

    FACE = "face"
    PYDEFACE = "pydeface"


@dataclass(frozen=True, slots=True)
class Skin:
    """A part of the head whose skin goes.

    Parameters
    ----------
    bottom, top : float
        From and to where, as shares of the brain's height from its lowest point.
    half_width_mm, back_mm : float
        How far to the sides of the middle, and back from the frontal pole.
    depth_mm : float
        How deep.
    below : bool
        Seen from below, not from the front: the underside of the chin.
    """

    bottom: float
    top: float
    half_width_mm: float
    back_mm: float
    depth_mm: float
    below: bool = False


#: On pydeface's atlas the brow is at 0.42 of the brain's height, the hairline near 0.75.  Scalp
#: and bone are 12 mm thick over the brow; below it lie the orbits, and no brain for 20 mm.
_JAW = Skin(-9.0, -0.05, 75.0, 75.0, 12.0)
_CHIN = Skin(-9.0, -0.15, 60.0, 60.0, 8.0, below=True)
_EYES = Skin(-0.05, 0.42, 66.0, 33.0, 12.0)
SKIN = MappingProxyType(
    {
        Strength.LIGHT: (Skin(-0.05, 0.42, 66.0, 33.0, 8.5),),
        Strength.STANDARD: (_JAW, _CHIN, _EYES, Skin(0.42, 0.56, 66.0, 33.0, 9.0)),
        Strength.STRONG: (_JAW, _CHIN, _EYES, Skin(0.42, 0.66, 66.0, 33.0, 9.0)),
    }
)

#: Parts of a face, from and to which share of the brain's height (bottom 0, top 1).
PARTS = MappingProxyType({"eyes": (0.22, 0.42), "nose": (-0.05, 0.22), "mouth": (-9.0, -0.05)})


@dataclass(frozen=True, slots=True)
class FaceStyle:
    """Which region a user wants gone.

    Parameters
    ----------
    mask : MaskStyle
        ``face``, or ``pydeface`` for the region of pydeface's mask and no other.
    strength : Strength
    ears : bool
        The ears, too.
    """

    mask: MaskStyle = MaskStyle.FACE
    strength: Strength = Strength.STANDARD
    ears: bool = False


def face_words(style: FaceStyle) -> str:
    """Say which region goes.

    Examples
    --------
    >>> face_words(FaceStyle(MaskStyle.PYDEFACE))
    "the atlas's own face mask"
    """
    ears = " and the ears" if style.ears or style.strength is Strength.STRONG else ""
    if style.mask is MaskStyle.PYDEFACE:
        return "the atlas's own face mask"
    return (
        f"the atlas's face mask and the skin over eyes, nose and mouth{ears} ({style.strength}), "
        "nothing near the brain"
    )
