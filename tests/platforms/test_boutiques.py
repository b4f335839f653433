from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bidsdeid.arguments import build_parser

FOLDER = Path(__file__).parents[2] / "platforms" / "boutiques"
DESCRIPTOR = json.loads((FOLDER / "bidsdeid.json").read_text("utf-8"))


def test_the_descriptor_is_that_of_the_parser() -> None:
    made = runpy.run_path(str(FOLDER / "make_descriptor.py"))["descriptor"]()
    assert made == DESCRIPTOR, "run platforms/boutiques/make_descriptor.py"


def test_the_parser_takes_what_the_descriptor_gives() -> None:
    flags = {"strength": "light", "nprocs": "2", "participant_label": "01"}
    arguments = ["bids", "out", "participant"]
    for option in DESCRIPTOR["inputs"]:
        if option["id"] in flags:
            arguments += [option["command-line-flag"], flags[option["id"]]]
    options = build_parser().parse_args(arguments)
    assert (options.strength, options.nprocs, options.participant_label) == ("light", 2, ["01"])


@pytest.mark.parametrize("options", [[], ["--bids"]])
def test_boutiques_finds_it_valid(options: list[str]) -> None:
    bosh = shutil.which("bosh", path=str(Path(sys.executable).parent))
    if bosh is None:
        pytest.skip("boutiques is not installed")
    command = [bosh, "validate", *options, str(FOLDER / "bidsdeid.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
