"""A dataset with room for identifiers: valid BIDS of four people, and what is put into it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from app_runs import EXAMPLE
from canary_tokens import KINDS, Mint, Token
from file_bytes import epi, packed

Fields = dict[str, Any]

#: Labels that say nothing, and labels that are themselves what must not be known: a name, a
#: record number, a birthday, and a short code that means something in the clinic.
PLAIN, TELLING = ("01", "02", "03", "04"), ("Qanalabelu", "481516234", "19871105", "Q7")
PLAIN_SESSIONS, TELLING_SESSIONS = ("pre", "post"), ("20180203", "20190405")

#: Where each kind of identifier has a run of its own.
RUN = {kind.name: number for number, kind in enumerate(KINDS, start=1)}


@dataclass
class Site:
    """A dataset while it is made.

    Parameters
    ----------
    people : sequence of str
        Labels of four participants: one with an anatomical and a run for each kind of
        identifier, one with two sessions, one with a run for each place in a file, and one whose
        sidecar says who everybody is.
    sessions : sequence of str
        Labels of the second one's.
    anatomical : bool
        Whether there is an anatomical, which takes seconds to deface.
    runs : int
        Of the first participant.
    """

    people: Sequence[str] = PLAIN
    sessions: Sequence[str] = PLAIN_SESSIONS
    anatomical: bool = False
    runs: int = len(KINDS)
    place: str = ""
    tokens: list[Token] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    json: dict[str, Fields] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    _mint: Mint = field(default_factory=Mint)
    _series: int = 0

    def __post_init__(self) -> None:
        a, b, c, d = self.people
        self.json |= {
            "dataset_description.json": {"Name": "A dataset", "BIDSVersion": "1.9.0",
                                         "DatasetType": "raw", "License": "CC0"},
            "task-rest_bold.json": {"TaskName": "rest", "RepetitionTime": 2.0},
            "task-more_bold.json": {"TaskName": "more", "RepetitionTime": 2.0},
        }  # fmt: skip
        self.tables |= {
            "participants.tsv": [
                ["participant_id", "age", "group"],
                *([f"sub-{label}", "30", "control"] for label in self.people),
            ],
            f"sub-{b}/sub-{b}_sessions.tsv": [
                ["session_id", "acq_time"],
                *([f"ses-{session}", "n/a"] for session in self.sessions),
            ],
        }
        if self.telling:
            self.json[self.teller] = {"PatientName": f"{a}^ANN"}
        if self.anatomical:
            self.files[f"sub-{a}/anat/sub-{a}_T1w.nii.gz"] = packed(_head())
        for number in range(1, self.runs + 1):
            self.series(a, "rest", number)
            self.tables[f"{self.run(number)}_events.tsv"] = [
                ["onset", "duration", "trial_type", "stimulus", "response"],
                ["1", "2", "go", "n/a", "n/a"],
            ]
        for session in self.sessions:
            stem = f"sub-{b}/ses-{session}/func/sub-{b}_ses-{session}_task-rest_bold"
            self.files[f"{stem}.nii.gz"] = packed(epi())
        self.files[f"sub-{d}/func/sub-{d}_task-rest_bold.nii.gz"] = packed(epi())
        self.series(c, "rest", 1)

    def run(self, number: int) -> str:
        """Return the path of a run of the first participant, without suffix."""
        label = self.people[0]
        return f"sub-{label}/func/sub-{label}_task-rest_run-{number:02}"

    def series(self, label: str, task: str, number: int, image: bytes | None = None) -> str:
        """Put a series there and return its path, without extension."""
        stem = f"sub-{label}/func/sub-{label}_task-{task}_run-{number:02}_bold"
        self.files[f"{stem}.nii.gz"] = packed(epi()) if image is None else image
        return stem

    def new_series(self) -> str:
        """Put one more series of the third participant there, and return its path."""
        self._series += 1
        return self.series(self.people[2], "more", self._series)

    def fields(self, path: str) -> Fields:
        """Return the object in a JSON file, to be changed."""
        return self.json.setdefault(path, {})

    def say(self, kind: str, path: str = "", where: str = "") -> str:
        """Return a new identifier that is going to stand in a file, or in its name."""
        return self.token(kind, path, where).text

    def token(self, kind: str, path: str = "", where: str = "") -> Token:
        """Return a new identifier; see `say`."""
        token = self._mint.token(kind, self.place, path, where)
        self.tokens.append(token)
        return token

    def stands(self, token: Token, path: str, where: str = "") -> None:
        """Note the path of an identifier that was made before its path was known."""
        self.tokens[self.tokens.index(token)] = Token(
            token.text, token.marks, token.kind, token.place, path, where
        )

    @property
    def telling(self) -> bool:
        """Whether the labels are themselves what must not be known."""
        return self.people == TELLING

    @property
    def known_terms(self) -> list[str]:
        """What a user would put on a list."""
        return [value for name, value in self._mint.declared if name == "known terms"]

    @property
    def teller(self) -> str:
        """Path of the sidecar that says who everybody is."""
        label = self.people[3]
        return f"sub-{label}/func/sub-{label}_task-rest_bold.json"

    def write(self, root: Path, chance: random.Random) -> None:
        """Write all of it to a folder, in an order of chance."""
        for name, value in self._mint.declared:
            if name != "known terms":
                self.fields(self.teller).setdefault(name, []).append(value)
        files = dict(self.files)
        for path, fields in self.json.items():
            files[path] = json.dumps(fields, ensure_ascii=False, indent=1).encode()
        for path, (header, *rows) in self.tables.items():
            whole = [header, *([*row, *["n/a"] * (len(header) - len(row))] for row in rows)]
            files[path] = "".join("\t".join(row) + "\n" for row in whole).encode()
        for name, content in chance.sample(sorted(files.items()), len(files)):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, target in self.links.items():
            (root / name).symlink_to(target)


def _head() -> bytes:
    """Return the head of the example, without the canaries that sit in it."""
    image = nib.load(EXAMPLE / "sub-01/anat/sub-01_T1w.nii.gz")
    plain = nib.Nifti1Image(np.asarray(image.dataobj.get_unscaled()), image.affine)
    plain.header.set_xyzt_units("mm", "sec")
    return bytes(plain.to_bytes())
