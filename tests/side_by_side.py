"""A plugin for pytest: tests of several files at one time, but one image or cluster at a time.

    python -m pytest -n 2 --no-loadscope-reorder -p tests.side_by_side

Tests of containers and of Slurm fill the machine, share what they build, and wait for each other's
disks: all of them go to one worker, and first, as they take longest. A file's tests stay together,
for the sake of its fixtures. (xdist's own groups do nothing with pytest 9.2.)
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling

MACHINE = ("tests/cluster/", "tests/container/")


class SideBySide(LoadFileScheduling):  # type: ignore[misc, unused-ignore]
    """Each file is one piece of work, and so is all that fills the machine."""

    def _split_scope(self, nodeid: str) -> str:
        return "machine" if nodeid.startswith(MACHINE) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: Any, log: Any) -> SideBySide:  # noqa: ANN401 -- xdist's
    """Give xdist the order above."""
    return SideBySide(config, log)
