"""Before and after the app on brainlife.io: config.json to a BIDS dataset, results to datatypes.

    stage.py prepare     makes bids/ and options.txt from config.json
    stage.py finish N    puts out/t1.nii.gz and so on, and product.json; N is the app's exit code

Inputs are only linked to.  Nothing of their metadata goes into product.json.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

#: Inputs of brainlife's datatypes, by their suffix in BIDS.
IMAGES = {"t1": "T1w", "t2": "T2w"}

#: Options of the app that config.json may set, by their name there.
OPTIONS = ("strength", "anat", "policy", "relabel", "dates", "age-months")

SENTENCES = {
    0: ("success", "all images are de-identified"),
    1: ("warning", "some images were withheld: the log says why"),
    65: ("error", "something identifying was left: nothing may be shared"),
}


def prepare(work: Path) -> None:
    """Make the input of the app."""
    config: dict[str, Any] = json.loads((work / "config.json").read_text("utf-8"))
    bids = work / "bids"
    if config.get("bids"):
        bids.symlink_to(Path(config["bids"]).absolute())
    else:
        anat = bids / f"sub-{_label(config)}" / "anat"
        anat.mkdir(parents=True)
        description = {"Name": "brainlife", "BIDSVersion": "1.9.0"}
        (bids / "dataset_description.json").write_text(json.dumps(description), "utf-8")
        for name, suffix in IMAGES.items():
            if config.get(name):
                target = anat / f"sub-{_label(config)}_{suffix}.nii.gz"
                target.symlink_to(Path(config[name]).absolute())
    chosen = [(name, config.get(name.replace("-", "_"))) for name in OPTIONS]
    lines = [line for name, value in chosen if value for line in (f"--{name}", str(value))]
    (work / "options.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _label(config: dict[str, Any]) -> str:
    """Return the label of the participant, one that identifies nobody if it is none."""
    metas = [given.get("meta", {}) for given in config.get("_inputs", [])]
    label = next((str(meta["subject"]) for meta in metas if meta.get("subject")), "01")
    return label if re.fullmatch("[a-zA-Z0-9]{1,20}", label) else "01"


def finish(work: Path, code: int) -> None:
    """Put results where brainlife's datatypes have them, and say how it went."""
    for name, suffix in IMAGES.items():
        for image in sorted((work / "out").glob(f"sub-*/**/anat/*_{suffix}.nii.gz"))[:1]:
            shutil.copyfile(image, work / "out" / f"{name}.nii.gz")
    kind, sentence = SENTENCES.get(code, ("error", "it could not be done: the log says why"))
    product = {"brainlife": [{"type": kind, "msg": sentence}], "tags": ["deidentified"]}
    (work / "product.json").write_text(json.dumps(product), "utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path.cwd())
    else:
        finish(Path.cwd(), int(sys.argv[2]))
