"""Letters on pictures, drawn by hand: fonts differ from machine to machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: White, but not glaring.
GREY = 200

#: Of the ends of three axes; each row of pixels is a word.
_LETTERS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
}

#: Size of a letter, pixels.
HEIGHT, WIDTH = 7, 5


def write(picture: NDArray[np.uint8], letter: str, top: int, left: int) -> None:
    """Write a letter into a picture, where there is room for it.

    Parameters
    ----------
    picture : (H, W) array of uint8
        Is changed.
    letter : {"L", "R", "P", "A", "I", "S"}
    top, left : int
        Pixel at which it begins.

    Examples
    --------
    >>> picture = np.zeros((7, 5), np.uint8)
    >>> write(picture, "L", 0, 0)
    >>> (picture[:, 0] == GREY).all(), (picture[:6, 1:] == 0).all()
    (np.True_, np.True_)
    """
    drawn = np.array([list(line) for line in _LETTERS[letter].split()]) == "1"
    place = picture[top : top + HEIGHT, left : left + WIDTH]
    if place.shape == drawn.shape:
        place[drawn] = GREY
