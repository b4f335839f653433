"""Things that are not code, and the one way to find them."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from bidsschematools.schema import load_schema

from bidsdeid.core.atlas import Atlas
from bidsdeid.core.nifti import decode_image
from bidsdeid.core.policy import Policy, Schema
from bidsdeid.core.rules import compile_policy
from bidsdeid.core.voxels import HALF
from bidsdeid.errors import PolicyError, ToolError, UsageError


def installed_folder(package: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Raises
    ------
    ToolError
        If it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        message = f"the package {package} is missing: install bidsdeid again"
        raise ToolError(message)
    return Path(next(iter(spec.submodule_search_locations)))


@lru_cache(maxsize=1)
def pydeface_atlas() -> Atlas:
    """Load the atlas and face mask that come with pydeface, and the brain in it.

    The brain was found by SynthStrip, once; see ``bidsdeid/atlas/README.md``.
    """
    folder = installed_folder("pydeface") / "data"
    own = resources.files("bidsdeid") / "atlas" / "pydeface_brain.nii.gz"
    files = (folder / "mean_reg2mean.nii.gz", folder / "facemask.nii.gz", own)
    head, mask, brain = (decode_image(file.read_bytes()) for file in files)  # not scaled
    return Atlas(
        "pydeface mean_reg2mean",
        head.data.astype(np.float32),
        mask.data >= HALF,  # 1 is kept, 0 is removed
        head.affine,
        brain.data >= HALF,
    )


@lru_cache(maxsize=1)
def field_schemas() -> Mapping[str, Schema]:
    """Return the JSON Schema of each metadata field of the BIDS schema, by field name.

    A name that means different things in different files is allowed each of its meanings.
    """
    meanings: dict[str, list[Schema]] = {}
    for definition in load_schema().to_dict()["objects"]["metadata"].values():
        meanings.setdefault(definition["name"], []).append(_plain_schema(definition))
    return {
        name: schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        for name, schemas in meanings.items()
    }


_SCHEMA_WORDS = frozenset(
    "type enum items anyOf oneOf properties additionalProperties required minimum maximum "
    "exclusiveMinimum exclusiveMaximum minItems maxItems minLength pattern".split()
)


def _plain_schema(definition: Any) -> Any:  # noqa: ANN401 -- JSON of any shape
    """Keep the words of JSON Schema; the BIDS schema adds its own beside them."""
    if isinstance(definition, list):
        return [_plain_schema(item) for item in definition]
    if not isinstance(definition, dict):
        return definition
    plain = {k: _plain_schema(v) for k, v in definition.items() if k in _SCHEMA_WORDS}
    for name in ("properties",):
        if isinstance(definition.get(name), dict):
            plain[name] = {k: _plain_schema(v) for k, v in definition[name].items()}
    return plain


def policy_names() -> tuple[str, ...]:
    """Return the names of the policies that come with the package."""
    return tuple(
        sorted(f.name.removesuffix(".toml") for f in _POLICIES.iterdir() if f.suffix == ".toml")
    )


def policy_text(name: str) -> str:
    """Return the TOML of a packaged policy, or of a file if `name` is a path.

    Raises
    ------
    UsageError
        If there is no such policy.
    """
    return _read(_policy_file(name, Path()))


def load_policy(name: str, *, deface_all: bool = False) -> Policy:
    """Read and compile a policy; one that `extends` another has its rules before the other's.

    Raises
    ------
    PolicyError
        With every mistake found, in the file and in those it extends.
    """
    chain: dict[Path, dict[str, Any]] = {}
    mistakes: list[str] = []
    file = _policy_file(name, Path())
    chain[file] = _parsed(file)
    while not mistakes and (base := _extended(chain[file])) is not None:
        try:
            file = _policy_file(base, file.parent)
            if file in chain:
                names = " → ".join(each.name for each in (*chain, file))
                mistakes.append(f"`extends` goes round in a circle: {names}")
            else:
                chain[file] = _parsed(file)
        except PolicyError as error:
            mistakes += [f"`extends`: {mistake}" for mistake in error.mistakes]
        except UsageError as error:
            mistakes.append(f"`extends`: {error}")
    raw, *below = chain.values()
    return compile_policy(
        raw, field_schemas(), below=below, mistakes=mistakes, deface_all=deface_all
    )


_POLICIES = Path(__file__).parent / "policies"


def _policy_file(name: str, folder: Path) -> Path:
    """Return the file of a policy: a packaged one by its name, another by its path.

    Parameters
    ----------
    name : str
    folder : Path
        What a path counts from.

    Raises
    ------
    UsageError
        If there is none.
    """
    path = _POLICIES / f"{name}.toml" if name in policy_names() else folder / name
    if not path.is_file():
        known = ", ".join(policy_names())
        message = f"no policy of that name or file: choose from {known}, or name a TOML file"
        raise UsageError(message)
    return path.resolve()


def _extended(raw: Mapping[str, Any]) -> str | None:
    """Return what a policy extends; what is no word is told by `compile_policy`."""
    head = raw.get("policy")
    base = head.get("extends") if isinstance(head, dict) else None
    return base if isinstance(base, str) else None


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(path.name, (f"{path.name} is not TOML: {error}",)) from error


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(path.name, (f"{path.name} cannot be read as UTF-8 text",)) from error
