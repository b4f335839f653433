"""How large a brain can be at an age: a table, wide on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class PlausibleVolume:
    """What a brain mask can hold at an age.

    Parameters
    ----------
    months : float
        Age since term birth; negative before it.
    least_ml, most_ml : float
        The least is of brain tissue, the most of all within the skull: masks lie between the two.
    origin : str
        What the row was read from.
    """

    months: float
    least_ml: float
    most_ml: float
    origin: str


_HOLLAND = "Holland et al. 2014, JAMA Neurol 71:1266 (brain at term 335-347 mL, +64 % in 90 days)"
_SGOUROS = "Sgouros et al. 1999, J Neurosurg 91:610 (intracranial, 7 days to 15 years)"
_MATSUMAE = "Matsumae et al. 1996, J Neurosurg 84:982 (intracranial 1,289 ± 111, 1,469 ± 102 mL)"

#: Published means, and about a third less and more; between the rows it is interpolated.
PLAUSIBLE = (
    PlausibleVolume(-3, 80, 450, f"before term: half of the first row of {_HOLLAND}"),
    PlausibleVolume(0, 220, 750, _HOLLAND),
    PlausibleVolume(3, 360, 1000, f"{_HOLLAND}; {_SGOUROS}: 600-900"),
    PlausibleVolume(12, 550, 1300, f"between {_HOLLAND} and the next row"),
    PlausibleVolume(24, 700, 1500, f"{_SGOUROS}: 1,000-1,150"),
    PlausibleVolume(60, 800, 1800, f"{_SGOUROS}: 1,200-1,350"),
    PlausibleVolume(180, 900, 2000, f"{_SGOUROS}: 1,300-1,500; {_MATSUMAE}"),
)

#: Of whom no age is known can be an infant of half a year; a newborn's mask could be a part of an
#: adult's.
_UNKNOWN = PlausibleVolume(float("nan"), 600, 2000, "from half a year on")


def plausible_volume(months: float | None) -> tuple[float, float]:
    """Return the least and the most (mL) a brain mask can hold.

    Parameters
    ----------
    months : float or None
        None if no age is known.

    Examples
    --------
    >>> plausible_volume(0)
    (220.0, 750.0)
    >>> plausible_volume(12 * 40)
    (900.0, 2000.0)
    >>> plausible_volume(None)
    (600.0, 2000.0)
    """
    if months is None:
        return float(_UNKNOWN.least_ml), float(_UNKNOWN.most_ml)
    ages = [row.months for row in PLAUSIBLE]
    least = np.interp(months, ages, [row.least_ml for row in PLAUSIBLE])
    most = np.interp(months, ages, [row.most_ml for row in PLAUSIBLE])
    return float(least), float(most)
