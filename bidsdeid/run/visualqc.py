"""For those who rate defacing in VisualQC: a script that shows it the images of a release.

VisualQC wants a folder for each image.  It is made of links where the script is run, so that the
script works outside of the container that wrote it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from bidsdeid.core.ledger import Outcome
from bidsdeid.core.ratings import VISUALQC_NAMES, visualqc
from bidsdeid.run.review import PUBLIC, RELEASED

#: Of one image: its ID, and its paths in the input and in the release.
Shown = tuple[str, str, str]

_START = """\
#!/bin/bash
# Written by bidsdeid: has VisualQC (vqcdeface) show the defaced images.  It holds labels of the
# source: do not share it.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 BIDS_DIR OUTPUT_DIR" >&2; exit 2; }
bids_dir=$(realpath "$1") output_dir=$(realpath "$2")
cd "$(dirname "$0")"

link() {  # ID, path in the input, path in the output
    mkdir -p "visualqc/$1"
"""


def shown_in(outcomes: Iterable[Outcome]) -> Iterator[Shown]:
    """Yield the images that VisualQC can show: released, and compressed as it expects."""
    for outcome in outcomes:
        for release in outcome.releases[:1] if outcome.triage else ():
            if outcome.source.endswith(".nii.gz") and release.path.endswith(".nii.gz"):
                name = PurePosixPath(release.path).name.partition(".")[0]
                yield name, outcome.source, release.path


def visualqc_script(images: Iterable[Shown]) -> tuple[str, str]:
    """Return the list of IDs, and the script.

    Parameters
    ----------
    images : iterable of (str, str, str)
        See `shown_in`.
    """
    images = sorted(images)
    ids, command = visualqc((released for _, _, released in images), "visualqc")
    names = VISUALQC_NAMES
    links = [
        f'    ln -sfn "$bids_dir/$2" "visualqc/$1/{names["original"]}"',
        f'    ln -sfn "$output_dir/$3" "visualqc/$1/{names["defaced"]}"',
    ]
    for word in PUBLIC:
        if word != "mosaic":
            place = f"../../{RELEASED}/${{3%.nii.gz}}_{word}.jpg"
            links.append(f'    ln -sfn "{place}" "visualqc/$1/{names["render"]}_{word}.jpg"')
    calls = [shlex.join(["link", *image]) for image in images]
    lines = [*links, "}", "", *calls, "", "cp id_list.txt visualqc/", f"exec {command}"]
    return ids, _START + "\n".join(lines) + "\n"
