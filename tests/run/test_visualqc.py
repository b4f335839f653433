from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bidsdeid.core.ledger import Outcome, Release, Status
from bidsdeid.run.visualqc import shown_in, visualqc_script

#: What VisualQC would be given, as it finds it.
STAND_IN = """#!/bin/bash
printf '%s\\n' "$@" > said.txt
while read -r id; do
    cd "visualqc/$id"
    cat original.nii.gz defaced.nii.gz render_front.jpg
    cd ../..
done < visualqc/id_list.txt > seen.txt
"""


def outcome(source: str, target: str, triage: str = "pass") -> Outcome:
    release = Release(target, "0" * 64, 1, "deface")
    return Outcome(source, "deface", Status.RELEASED, "a rule", (release,), triage=triage)


IMAGES = (
    outcome("sub-old 1/anat/a_T1w.nii.gz", "sub-x/anat/sub-x_T1w.nii.gz"),
    outcome("sub-02/anat/b_T1w.nii", "sub-y/anat/sub-y_T1w.nii"),
    outcome("sub-02/func/c_bold.nii.gz", "sub-y/func/sub-y_bold.nii.gz", ""),
    Outcome("sub-02/anat/d_T2w.nii.gz", "deface", Status.FAILURE, "no face is found"),
)


def test_only_images_that_can_be_rated_are_shown() -> None:
    assert list(shown_in(IMAGES)) == [
        ("sub-x_T1w", "sub-old 1/anat/a_T1w.nii.gz", "sub-x/anat/sub-x_T1w.nii.gz")
    ]


def test_the_script_shows_before_after_and_a_render(tmp_path: Path) -> None:
    reports, bids, out = (tmp_path / name for name in ("reports", "in put", "out"))
    for path, text in {
        bids / "sub-old 1/anat/a_T1w.nii.gz": "before ",
        out / "sub-x/anat/sub-x_T1w.nii.gz": "after ",
        reports / "released/sub-x/anat/sub-x_T1w_front.jpg": "render",
        tmp_path / "bin/vqcdeface": STAND_IN,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin/vqcdeface").chmod(0o755)
    ids, script = visualqc_script(shown_in(IMAGES))
    (reports / "id_list.txt").write_text(ids)
    (reports / "visualqc.sh").write_text(script)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["/bin/bash", reports / "visualqc.sh", bids, out], check=True, env=environment)
    assert (reports / "seen.txt").read_text() == "before after render"
    assert "--user_dir\nvisualqc\n" in (reports / "said.txt").read_text()
