"""A corpus of DICOM files with invented identifiers, and the key to it.

What an engine makes of it is a dictionary of the same names: `{name: engine(content)}`.
"""

from __future__ import annotations

from functools import cache

import dicom_hideouts as hideouts
import dicom_plants as plants
from dicom_bases import bases
from dicom_harvest import harvest
from dicom_score import Score, left, missing, score, stays
from dicom_seeding import Seeded
from dicom_tokens import Corpus, Mint, Path, Stay, Token

__all__ = ["Corpus", "Score", "Stay", "Token", "build", "left", "missing", "score"]

#: Files of one person, who has one PatientID, one study and one frame of reference.
_FILES_OF_ONE = 3

#: In this order: an element belongs to whom plants into it first.
_PLANTERS = (
    hideouts.pixels, plants.another_charset, plants.retyped,
    plants.uids, hideouts.meta, hideouts.frames, plants.attributes_before, plants.equipment,
    plants.five_deep, plants.listed_top, plants.listed_without_name, plants.listed_deeper,
    hideouts.private, hideouts.private_sequences, hideouts.overlays, hideouts.padding,
    hideouts.hostile, plants.unknown_tags, plants.blobs, plants.unlisted,
)  # fmt: skip


def _seeded(seeded: Seeded, person: dict[str, str], others: list[str]) -> Seeded:
    number, mint = seeded.number, seeded.mint
    known = {}
    for keyword, old in (("StudyInstanceUID", "study"), ("FrameOfReferenceUID", "frame")):
        if keyword in seeded.data:
            known[str(seeded.data[keyword].value)] = person[old]
    harvest(seeded, person["mrn"], others[number - 1])
    for keyword, text in (
        ("SOPInstanceUID", others[number]),
        ("StudyInstanceUID", person["study"]),
        ("SeriesInstanceUID", mint.uid()),
        ("FrameOfReferenceUID", person["frame"]),
    ):
        if keyword in seeded.data:
            known[str(seeded.data[keyword].value)] = text
        path = seeded.put(seeded.top, keyword, text.encode())
        seeded.say("UIDs top", text, path)
        seeded.link(text, path)
    for plant in (plants.several_names, plants.age, plants.events):
        plant(seeded)
    hideouts.what_was_there(seeded, known)
    for plant in _PLANTERS:
        plant(seeded)
    return seeded


@cache
def build(seed: int = 1, *, comments: bool = False) -> Corpus:
    """Return all files with the identifiers of a seed; `comments` in compressed pixels, too."""
    mint, all_bases = Mint(seed), bases()
    instances = [mint.uid() for _ in all_bases]
    files: dict[str, bytes] = {}
    tokens: list[Token] = []
    must_stay: list[Stay] = []
    links: dict[str, list[tuple[str, Path]]] = {}
    for number, base in enumerate(all_bases):
        if number % _FILES_OF_ONE == 0:
            person = {"mrn": mint.code(), "study": mint.uid(), "frame": mint.uid()}
        seeded = _seeded(Seeded(base, mint, number, comments=comments), person, instances)
        files[base.name] = seeded.content()
        tokens += seeded.tokens.values()
        must_stay += stays(base, files[base.name])
        for text, paths in seeded.links.items():
            links.setdefault(text, []).extend((base.name, path) for path in paths)
    return Corpus(
        files,
        {base.name: base.kind for base in all_bases},
        frozenset(base.name for base in all_bases if base.hostile),
        tuple(tokens),
        tuple(must_stay),
        {text: tuple(places) for text, places in links.items()},
    )
