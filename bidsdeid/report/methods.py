"""Text for the methods section of a paper, made of what was used and of nothing else.

Like the boilerplate of fMRIPrep it may be copied as it is; numbers are those of the release.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bidsdeid.core.prose import listed
from bidsdeid.report.citations import CITATIONS, bibtex, reference
from bidsdeid.report.facts import Facts
from bidsdeid.report.identifiers import kinds
from bidsdeid.report.markup import element, text
from bidsdeid.report.public_words import public_words
from bidsdeid.report.tally import Treatment

#: How a paragraph marks what it cites: keys of `bidsdeid.report.citations`.
_MARK = re.compile(r" ?\[((?:@[a-z0-9]+(?:; )?)+)\]")


@dataclass(frozen=True, slots=True)
class Methods:
    """Paragraphs with marks for citations, and the keys of these in the order of the text.

    Parameters
    ----------
    paragraphs : tuple of str
    cited : tuple of str
    """

    paragraphs: tuple[str, ...]
    cited: tuple[str, ...]


def methods(facts: Facts) -> Methods:
    """Return the text for a release."""
    parts = (_what(facts), _faces(facts), _masks(facts), _fields(facts), _checks(facts))
    paragraphs = tuple(" ".join(sentences) for part in parts if (sentences := list(part)))
    marks = [key for words in paragraphs for mark in _MARK.findall(words) for key in _keys(mark)]
    return Methods(public_words(paragraphs), tuple(dict.fromkeys(marks)))


def to_markdown(made: Methods) -> str:
    """Return the text with its references, as Markdown."""
    told = "\n\n".join(_MARK.sub(_spoken, words) for words in made.paragraphs)
    references = "\n".join(f"- {reference(CITATIONS[key])}" for key in made.cited)
    return f"## De-identification\n\n{told}\n\n### References\n\n{references}\n"


def to_html(made: Methods) -> str:
    """Return the text with its references, as a part of a page; everything is escaped."""
    told = "".join(element("p", text(_MARK.sub(_spoken, words))) for words in made.paragraphs)
    items = "".join(element("li", text(reference(CITATIONS[key]))) for key in made.cited)
    return (
        element("h2", "De-identification")
        + told
        + element("h3", "References")
        + element("ul", items)
    )


def to_bibtex(made: Methods) -> str:
    """Return the references as BibTeX."""
    return "\n".join(bibtex(key, CITATIONS[key]) for key in made.cited)


def _keys(marks: str) -> list[str]:
    return [mark.removeprefix("@") for mark in marks.split("; ")]


def _spoken(match: re.Match[str]) -> str:
    return f" ({'; '.join(CITATIONS[key].short for key in _keys(match[1]))})"


def _used(facts: Facts) -> str:
    """Return how masks were found, as one text: what is only installed has no part in it."""
    return " ".join(facts.tally.ways).casefold()


def _what(facts: Facts) -> Iterator[str]:
    policy = facts.policy
    version = f"version {policy.version}, " if policy.version else ""
    layout = "a derivative" if facts.choices.layout == "derivative" else "raw data"
    yield (
        f"The dataset, organised as a Brain Imaging Data Structure [@bids], was de-identified "
        f"with bidsdeid {facts.version}, a BIDS App [@bidsapps], under its policy "
        f"'{policy.name}' ({version}SHA-256 {policy.digest[:12]})."
    )
    yield f"The result, laid out as {layout}, holds data of {facts.participants:,} participants."
    if {kind.paragraph for kind in kinds()} <= {row.paragraph for row in policy.identifiers}:
        yield (
            "The policy answers for each of the eighteen identifiers of the Safe Harbor method of "
            "the HIPAA Privacy Rule [@hipaa]."
        )


def _faces(facts: Facts) -> Iterator[str]:
    images, used = facts.tally.images, _used(facts)
    if images[Treatment.DEFACED]:
        fill = "noise like that of the air" if facts.choices.fill == "noise" else "air"
        atlas = " of pydeface [@pydeface]" if "pydeface" in used else ""
        yield (
            f"Faces were removed from {images[Treatment.DEFACED]:,} images: an atlas{atlas} was "
            f"laid on each head by an affine registration, and the voxels of its face were "
            f"replaced by {fill} ({facts.choices.face}); all other voxels kept their stored "
            "values."
        )
    if images[Treatment.STRIPPED]:
        yield (
            f"In {images[Treatment.STRIPPED]:,} images all voxels outside of the brain were "
            "replaced by air."
        )
    if images[Treatment.NOTHING]:
        yield (
            f"{images[Treatment.NOTHING]:,} images were found to show no face that had to be "
            "removed, and kept their voxels."
        )
    if images[Treatment.HEADER]:
        yield (
            f"No face was looked for in {images[Treatment.HEADER]:,} other images, which kept "
            "their voxels."
        )


def _masks(facts: Facts) -> Iterator[str]:
    """Yield which engines found heads and brains, and how masks were checked."""
    if not facts.tally.masked:
        return
    used = _used(facts)
    engines = {
        "the registration of bidsdeid": "atlas on" in used,
        "niimath [@niimath]": "niimath" in used,
        "FLIRT [@flirt]": "flirt" in used,
        "SynthStrip [@synthstrip]": "synthstrip" in used,
        "deepbet [@deepbet]": "deepbet" in used,
    }
    names = [name for name, was_used in engines.items() if was_used]
    if names:
        yield f"Heads and brains were found by {listed(names)}."
    if any(name in used for name in ("mniinfant", "mnipediatric")):
        yield "For children, atlases of their age came from TemplateFlow [@templateflow; @nihpd]."
    if facts.tally.images[Treatment.DEFACED]:
        yield (
            "No engine was believed without a check of its mask in the image itself: the atlas "
            "had to lie on the head, and the skin over eyes, nose and mouth had to be removed "
            "without any voxel of the brain."
            if not facts.choices.face_as_given
            else "No engine was believed without a check of its mask in the image itself: the "
            "atlas had to lie on the head, and the nose had to be removed without any voxel of "
            "the brain."
        )
    yield "Images whose masks did not pass were withheld or treated otherwise."
    if facts.tally.confirmed:
        yield (
            f"For {facts.tally.confirmed:,} of {facts.tally.masked:,} images a second engine "
            "confirmed the first."
        )


def _fields(facts: Facts) -> Iterator[str]:
    yield (
        "NIfTI headers were built anew; fields of sidecars and columns of tables were kept only "
        "if a rule of the policy names them, and text in them was searched for what looks like "
        "an identifier."
    )
    if facts.tally.images.total():
        yield "What was done is coded in the sidecars in the terms of DICOM [@ps315]."
    yield (
        "Dates were moved by a secret number of days for each participant, which keeps intervals."
        if facts.dates_moved
        else "Dates were removed."
    )
    yield "Ages above 89 years were set to 89."
    if facts.choices.relabel != "keep":
        yield "Participants were given new labels."
    if facts.choices.k is not None:
        yield (
            f"In the table of participants each combination of quasi-identifiers is shared by "
            f"{facts.choices.k} or more [@sweeney]."
        )


def _checks(facts: Facts) -> Iterator[str]:
    passed = [check.name for check in facts.checks if check.condition]
    if passed:
        yield f"The finished dataset passed {listed(passed)}."
    if facts.tally.reviewed:
        people = len({name for name, _ in facts.tally.by_reviewer})
        yield (
            f"{facts.tally.reviewed:,} of {facts.tally.images.total():,} images were looked at "
            f"by {people} {'person' if people == 1 else 'people'}."
        )
    if facts.tally.images[Treatment.DEFACED]:
        yield "Defacing lowers the risk of recognition and does not end it [@schwarz]."
