"""Writes the Boutiques descriptor from the parser of the command line, so that they agree.

    python platforms/boutiques/make_descriptor.py

The shape of the command line, and the two inputs for the output, are those that `bosh validate
--bids` asks for; the `cbrain:` entries are those by which CBRAIN runs one participant at a time.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bidsdeid import __version__
from bidsdeid.arguments import build_parser

TARGET = Path(__file__).parent / "bidsdeid.json"

IMAGE = "bidsdeid/bidsdeid"

#: Options that stand for files that exist; other paths are made by the program.
FILES = {"--bids-filter-file", "--policy", "--template", "--facemask", "--key", "--known-terms",
         "--synthstrip-weights", "--config-file"}  # fmt: skip

#: Options that make no sense on a platform, which has its own.
LEFT_OUT = {
    "--help", "--version", "--dry-run", "--config-file", "--executor", "--scheduler",
    "--planned",
}  # fmt: skip

ERRORS = {
    1: "some files were withheld because they failed",
    16: "the input is not valid BIDS",
    17: "unknown analysis level",
    18: "labels and filters select nothing",
    64: "usage or policy",
    65: "a leak was found, or the output is not valid BIDS: nothing of it may be published",
    66: "the input cannot be read",
    70: "a tool is missing or broke, or a bug",
    73: "the output cannot be written",
}


def descriptor() -> dict[str, Any]:
    """Return the descriptor."""
    options = [_input(action) for action in _options()]
    keys = " ".join(option["value-key"] for option in options)
    return {
        "name": "bidsdeid",
        "description": "De-identify an MRI dataset in BIDS: remove faces, scrub metadata, check.",
        "tool-version": __version__,
        "schema-version": "0.5",
        "author": "bidsdeid developers",
        "command-line": f"mkdir -p [OUTPUT_DIR]; bidsdeid [BIDS_DIR] [OUTPUT_DIR] "
        f"[ANALYSIS_LEVEL] {keys}",
        "container-image": {
            "type": "singularity",
            "index": "docker://",
            "image": f"{IMAGE}:{__version__}",
        },
        "inputs": [*_POSITIONS, *options],
        "output-files": [
            {
                "id": "output_directory",
                "name": "De-identified dataset",
                "path-template": "[OUTPUT_DIR]",
            }
        ],
        "groups": [
            {
                "id": "output_group",
                "name": "Output folder",
                "members": ["output_dir_name", "output_dir"],
                "mutually-exclusive": True,
                "one-is-required": True,
            }
        ],
        "error-codes": [{"code": code, "description": what} for code, what in ERRORS.items()],
        "suggested-resources": {"cpu-cores": 2, "ram": 4, "walltime-estimate": 600},
        "tags": {"domain": ["neuroinformatics", "BIDS"]},
        "custom": {
            "BIDSApplicationVersion": "2.0",
            "BIDSAppSpecVersion": "0.1.0.dev",
            "cbrain:readonly-input-files": True,
            "cbrain:integrator_modules": {"BoutiquesBidsSingleSubjectMaker": "bids_dir"},
        },
    }


def _options() -> list[argparse.Action]:
    """Return the options that the help shows, each by its first name."""
    return [
        action
        for action in build_parser()._actions  # noqa: SLF001 -- argparse has no public list
        if action.option_strings
        and action.help is not argparse.SUPPRESS
        and LEFT_OUT.isdisjoint(action.option_strings)
    ]


def _input(action: argparse.Action) -> dict[str, Any]:
    long = next((name for name in action.option_strings if name.startswith("--")), None)
    flag = long or action.option_strings[0]
    word = flag.strip("-").replace("-", "_")
    made: dict[str, Any] = {
        "id": word,
        "name": word.replace("_", " ").capitalize(),
        "description": (action.help or "").replace("%(default)s", str(action.default)),
        "optional": True,
        "command-line-flag": flag,
        "value-key": f"[{word.upper()}]",
    }
    if action.nargs == 0:
        return made | {"type": "Flag"}
    if flag in FILES:
        made["type"] = "File" if flag != "--policy" else "String"
    elif action.type is not None and getattr(action.type, "__name__", "") == "count":
        made |= {"type": "Number", "integer": True, "minimum": 1}
    else:
        made["type"] = "String"
    if action.choices is not None:
        made["value-choices"] = [str(choice) for choice in action.choices]
    if action.nargs == "+":
        made["list"] = True
    return made


_POSITIONS: list[dict[str, Any]] = [
    {"id": "bids_dir", "name": "BIDS dataset", "type": "File", "optional": False,
     "value-key": "[BIDS_DIR]"},
    {"id": "output_dir_name", "name": "New output folder", "type": "String", "optional": True,
     "value-key": "[OUTPUT_DIR]"},
    {"id": "output_dir", "name": "Existing output folder", "type": "File", "optional": True,
     "value-key": "[OUTPUT_DIR]"},
    {"id": "analysis_level", "name": "Analysis level", "type": "String", "optional": False,
     "value-key": "[ANALYSIS_LEVEL]", "value-choices": ["participant", "group"],
     "default-value": "participant"},
]  # fmt: skip


if __name__ == "__main__":
    TARGET.write_text(json.dumps(descriptor(), indent=1) + "\n", "utf-8")
