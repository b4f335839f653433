"""What the images of one participant show of a face together, and which of them must go.

A T1w without a mouth and a T2w without eyes, each defaced before by somebody who was content with
it, make a face; so do five images that each show a fifth of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from bidsdeid.core.together import together
from bidsdeid.core.triage import Triage, triage_together
from bidsdeid.core.zones import Rays
from bidsdeid.run.bench import Bench

#: Together images may show so much more of a face than the one that shows most, in parts: as much
#: as may be visible of one (`bidsdeid.core.bounds.TOGETHER_BOUNDS`).
MORE = 0.25

_REASON = (
    "together with other images of the participant it shows more of the face than any of them "
    "alone: release fewer of them, or deface them from the originals"
)


def shown_together(bench: Bench) -> dict[str, float | None]:
    """Return what the released images show together; see `bidsdeid.core.together.together`."""
    return together(_rays(bench).values())


def revealing(bench: Bench) -> dict[PurePosixPath, str]:
    """Return the images that must go, each with the reason: those that show most go first.

    What one image shows alone is judged with that image.
    """
    rays = _rays(bench)
    gone: dict[PurePosixPath, str] = {}
    while len(rays) > 1 and _make_a_face(rays):
        most = max(sorted(rays), key=lambda path: _parts(together([rays[path]])))
        del rays[most]
        gone[most] = _REASON
    return gone


def _rays(bench: Bench) -> dict[PurePosixPath, Rays]:
    return {
        path: exhibit.rays
        for path, exhibit in bench.exhibits.items()
        if exhibit.rays is not None and path in bench.released
    }


def _make_a_face(rays: Mapping[PurePosixPath, Rays]) -> bool:
    numbers = together(rays.values())
    if triage_together(numbers)[0] is not Triage.FAIL:
        return False
    alone = max(_parts(together([one])) for one in rays.values())
    return _parts(numbers) > alone + MORE


def _parts(numbers: Mapping[str, float | None]) -> float:
    """Return how many parts of a face are visible, each by its share."""
    return sum(value or 0.0 for name, value in numbers.items() if name.endswith("_visible"))
