"""The app run as a user runs it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "data" / "example"
KEY = b"a key for tests only, of enough bytes\n"


@dataclass(frozen=True)
class Run:
    """What one call of the app did."""

    code: int
    out: Path
    private: Path
    words: str


Runner = Callable[..., Run]


def image_pairs(out: Path) -> list[tuple[str, str]]:
    """Return (source, target) paths of the released images, masks left out."""
    targets = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.nii*"))
    images = [target for target in targets if "defacemask" not in target]
    return [(target.replace("desc-defaced_", ""), target) for target in images]
