"""How a number is distributed over the images of a dataset, as a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np

from bidsdeid.core.bounds import Bound
from bidsdeid.report.markup import element, text

#: Size in user units; the page stretches it to the width there is.
WIDTH, HEIGHT = 240, 40
_BINS = 30


def span(values: Sequence[float], bound: Bound | None) -> tuple[float, float]:
    """Return what the picture's left and right edges stand for.

    All values lie in it, and the bounds so far as they are finite, so that one sees on which side
    of them the values lie.

    Examples
    --------
    >>> span([0.9, 0.97], Bound("x", (0.95, 1.0), (0.9, 1.0), "", "", 1))
    (0.9, 1.0)
    >>> span([3.0], None)
    (2.5, 3.5)
    """
    known = [*values, *(bound.fine if bound else ())]
    known = [float(value) for value in known if isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def histogram(name: str, values: Sequence[float], bound: Bound | None) -> str:
    """Return the picture as inline SVG, with a marker that a script moves to one image's number.

    Parameters
    ----------
    name : str
        What is counted, as text.
    values : sequence of float, finite
    bound : Bound or None
        What lies outside of its bounds is shaded.
    """
    low, high = span(values, bound)
    counts, _ = np.histogram(values, bins=_BINS, range=(low, high))
    step, tallest = WIDTH / _BINS, max(1, int(counts.max()))
    bars = "".join(
        f"M{step * place:g} {HEIGHT}v-{_height(count, tallest):g}h{step - 1:g}V{HEIGHT}z"
        for place, count in enumerate(counts.tolist())
        if count
    )
    shades = "".join(
        element("rect", class_="beyond", x=f"{x:g}", y=0, width=f"{width:g}", height=HEIGHT)
        for x, width in _beyond(bound, low, high)
    )
    told = f"{len(values)} images, from {min(values, default=low):.4g} to "
    told += f"{max(values, default=high):.4g}"
    return element(
        "svg",
        element("title", text(f"{name}: {told}"))
        + shades
        + element("path", class_="bars", d=bars)
        + element("path", class_="here", d=f"M0 0V{HEIGHT}", visibility="hidden"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        class_="histogram",
        data_low=repr(low),
        data_high=repr(high),
    )


def _height(count: int, tallest: int) -> float:
    """Return the height of a bar: by square root, so that a single image is seen beside 300."""
    return round((HEIGHT - 2) * sqrt(count / tallest), 1)


def _beyond(bound: Bound | None, low: float, high: float) -> list[tuple[float, float]]:
    """Return (x, width) of what lies outside of the bounds."""
    if bound is None:
        return []
    left = (max(bound.fine[0], low) - low) / (high - low) * WIDTH
    right = (min(bound.fine[1], high) - low) / (high - low) * WIDTH
    return [(x, width) for x, width in ((0.0, left), (right, WIDTH - right)) if width > 0]
