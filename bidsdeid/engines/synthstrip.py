"""SynthStrip without FreeSurfer and without torch: its weights on our own U-Net."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bidsdeid.core.conform import FREESURFER, STEP, Procedure
from bidsdeid.core.voxels import Affine, Bools, Stored
from bidsdeid.engines.runtime import onnxruntime
from bidsdeid.engines.unet import UNet
from bidsdeid.errors import EngineError, ImageError, ToolError
from bidsdeid.io.checkpoint import read_checkpoint
from bidsdeid.io.weights import WeightsFile, find_weights

#: Of the digest of weights, as much is told as tells them apart.
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class SynthStripEngine:
    """The published network, and a procedure.

    Parameters
    ----------
    weights : Path or None
        A file or folder; else it is looked for, see `bidsdeid.io.weights`.
    csf : bool
        Whether the mask holds cerebrospinal fluid; ``mri_synthstrip --no-csf`` if not.
    border_mm : float
        How far beyond the brain's surface the mask goes; ``mri_synthstrip -b``.
    threads : int
        The result does not depend on it.
    gpu : bool
        Use onnxruntime's CUDA provider; ``mri_synthstrip -g``.
    procedure : Procedure
        How images come before the network: FreeSurfer's way unless told.
    """

    weights: Path | None = None
    csf: bool = True
    border_mm: float = 1.0
    threads: int = 1
    gpu: bool = False
    procedure: Procedure = FREESURFER

    def missing(self) -> tuple[str, ...]:
        """Return one sentence for each thing that is not installed."""
        sentences = [
            f"{package} is not installed: `pip install 'bidsdeid[synthstrip]'`"
            for package in ("onnx", "onnxruntime")
            if importlib.util.find_spec(package) is None
        ]
        if not sentences and self.gpu and not _has_gpu():
            sentences.append(
                "onnxruntime sees no GPU: install onnxruntime-gpu, or leave out --gpu"
            )
        try:
            self._weights()
        except ToolError as error:
            sentences.append(str(error))
        return tuple(sentences)

    def version(self) -> str:
        """Return name and version of the tool, and which weights it uses."""
        found = self._weights()
        origin = "published weights" if found.published else "weights of the user's"
        installed = onnxruntime().__version__  # of onnxruntime-gpu, too
        digest = found.sha256[:_DIGITS]
        return f"{self.procedure.name} ({origin}, sha256 {digest}; onnxruntime {installed})"

    def find(self, volume: Stored, affine: Affine, work_dir: Path) -> Bools:  # noqa: ARG002
        """Find the brain; see `bidsdeid.engines.base.BrainEngine`."""
        try:
            seen = self.procedure.conform(volume, affine)
        except ImageError as error:
            raise EngineError(str(error)) from error
        network = self.load()
        try:
            distance = network(seen.volume)
        except Exception as error:
            # onnxruntime's own errors have no common root: memory of a GPU, for one.
            message = f"the network could not be run ({type(error).__name__})"
            raise EngineError(message) from error
        shape = volume.shape
        return self.procedure.within(distance, seen.affine, shape, affine, self.border_mm)

    def load(self) -> UNet:
        """Return the network.

        Raises
        ------
        ToolError
            If the weights are not those of SynthStrip's network.
        """
        return _network(self._weights(), self.threads, self.gpu)

    def _weights(self) -> WeightsFile:
        return find_weights(self.weights, csf=self.csf)


@lru_cache(maxsize=1)
def _network(weights: WeightsFile, threads: int, gpu: bool) -> UNet:  # noqa: FBT001 -- a cache's key
    """Return the network, which stays in memory for the next image."""
    try:
        network = UNet(read_checkpoint(weights.path), threads, gpu=gpu)
    except ToolError as error:
        message = f"SynthStrip's weights cannot be used: {error}"
        raise ToolError(message) from error
    if STEP % network.multiple:
        message = "SynthStrip's weights cannot be used: they are of a network with more levels"
        raise ToolError(message)
    return network


def _has_gpu() -> bool:
    return "CUDAExecutionProvider" in onnxruntime().get_available_providers()
