"""Tools, atlases and weights that a release was made with: versions and digests, no paths."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from importlib import resources
from importlib.metadata import version

from bidsdeid import __version__
from bidsdeid.config import Config
from bidsdeid.errors import ToolError
from bidsdeid.io.weights import find_weights
from bidsdeid.report.facts import Resource
from bidsdeid.resources import installed_folder

#: Files of pydeface, and what they are.
_PYDEFACE = {
    "mean_reg2mean.nii.gz": "the atlas of a head that faces were found with",
    "facemask.nii.gz": "its face mask",
}


def instruments(config: Config, ways: Collection[str]) -> tuple[Resource, ...]:
    """Return what the images of a release depend on.

    Parameters
    ----------
    config : Config
    ways : collection of str
        How their masks were found, in the words of the ledger.
    """
    return (Resource("bidsdeid", __version__, "all that was done"), *_used(config, ways))


def _used(config: Config, ways: Collection[str]) -> Iterator[Resource]:
    said = " ".join(ways).casefold()
    if "pydeface" in said:
        package = version("pydeface")
        for name, use in _PYDEFACE.items():
            content = (installed_folder("pydeface") / "data" / name).read_bytes()
            yield Resource(f"pydeface {name}", package, use, _digest(content), "published")
        own = resources.files("bidsdeid") / "atlas" / "pydeface_brain.nii.gz"
        use = "the brain of that atlas, which is never removed"
        yield Resource("pydeface_brain.nii.gz", __version__, use, _digest(own.read_bytes()))
    if "niimath" in said:
        yield Resource("niimath", version("niimath"), "a second way to lay the atlas on a head")
    if "synthstrip" in said:
        yield from _synthstrip(config)
    if "deepbet" in said:
        yield Resource("deepbet", version("deepbet"), "a second way to find a brain")


def _synthstrip(config: Config) -> Iterator[Resource]:
    try:
        weights = find_weights(config.brain.weights, csf=config.brain.csf)
    except ToolError:
        return  # FreeSurfer's own program was used, which has its weights with it
    origin = "published by FreeSurfer" if weights.published else "the user's own"
    yield Resource("SynthStrip's weights", "1", "found brains", weights.sha256, origin)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
