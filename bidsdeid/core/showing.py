"""What of a name may be shown: a report does not repeat what it warns of.

Names of fields and columns come from whoever made the file.  Only those that a standard or this
program knows are shown; of others, what is shown is the part that a rule of ours spells out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from pydicom.datadict import tag_for_keyword

from bidsdeid.core.entities import parse_name
from bidsdeid.core.likely import LIKELY

#: What stands in the place of what identifies.
MASK = "***"

#: What stands for the name of a field or column that nobody knows.
UNKNOWN = "(unknown)"

#: Endings of names that say what a file is, and nothing else; the longer first.
_ENDINGS = (
    ".nii.gz .tsv.gz .tar.gz .nii .json .tsv .csv .txt .md .rst .dcm .ima .png .jpg .jpeg .gif "
    ".tif .tiff .pdf .edf .bdf .vhdr .vmrk .eeg .set .fdt .fif .snirf .zip .tar .tgz .gz .mat "
    ".py .m .sh .log .xml .html .svg .xlsx .docx .hdr .img .mgz .bval .bvec"
).split()

#: A name of letters: digits could be a number of somebody.
_WORDS = re.compile(r"[a-zA-Z](?:[ _.-]?[a-zA-Z]){0,39}")
_NO_LETTERS = re.compile("[^a-z]+")


def shown_part(part: str, objects: Callable[[str], bool], number: int) -> str:
    """Return the name of a file or folder with what identifies in it masked.

    Parameters
    ----------
    part : str
        The name.
    objects : callable
        Tells whether a text identifies.
    number : int
        The name's place in its folder: it tells masked names apart, and leads the user there.

    Examples
    --------
    >>> shown_part("sub-doe_T1w.json", lambda text: "doe" in text, 3)
    'sub-***_T1w.json (no. 3)'
    >>> shown_part("scan of doe.nii.gz", lambda text: "doe" in text, 4)
    '***.nii.gz (no. 4)'
    """
    if not objects(part):
        # Orders to a terminal, line breaks and what is no Unicode are not printed either.
        plain = "".join(letter if letter.isprintable() else "?" for letter in part)
        return plain if plain == part else f"{plain} (no. {number})"
    name = parse_name(part) or parse_name(f"{part}_folder")
    if name is not None:
        told = {f"{entity}-{label}": entity for entity, label in name.entities if objects(label)}
        stem, dot, ending = part.partition(".")
        tokens = [f"{told[x]}-{MASK}" if x in told else x for x in stem.split("_")]
        masked = "_".join(tokens) + dot + ending
        if not objects(masked):
            return f"{masked} (no. {number})"
    ending = next((ending for ending in _ENDINGS if part.lower().endswith(ending)), "")
    return f"{MASK}{ending} (no. {number})"


def shown_name(name: str, known: Collection[str]) -> str:
    """Return the name of a field or column, or what may be shown of it.

    Parameters
    ----------
    name : str
        As the file has it.
    known : collection of str
        Names of the policy.

    Examples
    --------
    >>> [shown_name(x, ()) for x in ("PatientWeight", "sur_name", "doe_surname", "doe", "mrn_12")]
    ['PatientWeight', 'sur_name', '(...surname)', '(unknown)', '(...mrn)']
    """
    if name in known or (name and tag_for_keyword(name) is not None):
        return name
    plain = _NO_LETTERS.sub("", name.lower())
    # What a pattern of ours spells out cannot be a word of the file's own.
    found = next((m[0] for m in (re.search(row.pattern, plain) for row in LIKELY) if m), "")
    if found and found == plain and _WORDS.fullmatch(name):
        return name
    return f"(...{found})" if found else UNKNOWN
