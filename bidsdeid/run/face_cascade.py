"""The ways to find a face, and in which order they are tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bidsdeid.core.atlas import Atlas
from bidsdeid.engines.atlas import AtlasEngine
from bidsdeid.engines.base import FaceEngine
from bidsdeid.engines.flirt import FlirtEngine
from bidsdeid.engines.niimath import NiimathEngine
from bidsdeid.errors import UsageError


@dataclass(frozen=True, slots=True)
class Step:
    """One way to find a face.

    Parameters
    ----------
    words : str
        What is told of it.
    family : str
        Ways of one family fail together: they cannot confirm each other.
    engine : FaceEngine
    atlas : Atlas
    """

    words: str
    family: str
    engine: FaceEngine
    atlas: Atlas


def cascade(
    atlases: Sequence[Atlas], engine: str = "auto", cost: str | None = None, threads: int = 1
) -> tuple[Step, ...]:
    """Return the ways to find a face, in the order in which they are tried.

    Parameters
    ----------
    atlases : sequence of Atlas
        The one for the age first, then its neighbours.
    engine : str
        ``auto`` and ``atlas`` begin with our own, ``niimath`` and ``flirt`` with that.
    cost : str or None
        FLIRT's name of a cost function, for ``flirt`` and ``niimath``.
    threads : int
        Of one registration.

    Raises
    ------
    UsageError
        If the engine is not installed.
    """
    first = atlases[0]
    leaders: dict[str, FaceEngine] = {
        "atlas": AtlasEngine(),
        "niimath": NiimathEngine(threads, NIIMATH_COSTS.get(cost or "", "fast")),
        "flirt": FlirtEngine(cost or "mutualinfo"),
    }
    lead = "atlas" if engine == "auto" else engine
    missing = leaders[lead].missing()
    if missing:
        raise UsageError(missing[0])
    order = [lead, *(name for name in ("atlas", "niimath") if name != lead)]
    steps = [Step(f"{name} on {first.name}", name, leaders[name], first) for name in order]
    steps.append(
        Step(f"atlas on {first.name}, neck left out", "atlas", AtlasEngine(cropped=True), first)
    )
    steps.append(
        Step(
            f"niimath on {first.name}, as stored",
            "niimath",
            NiimathEngine(threads, as_stored=True),
            first,
        )
    )
    for other in atlases[1:]:
        steps.extend(
            Step(f"{name} on {other.name}", name, leaders[name], other)
            for name in ("atlas", "niimath")
        )
    return tuple(steps)


#: FLIRT's names of costs, and niimath's for the same.
NIIMATH_COSTS = {"mutualinfo": "nmi", "normmi": "nmi", "corratio": "fastcr", "leastsq": "ls"}
