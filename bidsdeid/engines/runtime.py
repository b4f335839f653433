"""The one way to onnxruntime, which tells its makers of every run unless it is told not to."""

from __future__ import annotations

import os
from types import ModuleType

#: Read when onnxruntime is first imported (its ``Privacy.md``).
SILENCE = "ORT_DISABLE_TELEMETRY"


def onnxruntime() -> ModuleType:
    """Import onnxruntime, silent whatever the environment says.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    os.environ[SILENCE] = "1"
    import onnxruntime as runtime  # noqa: PLC0415 -- an extra, and only after that

    silent: ModuleType = runtime
    return silent
