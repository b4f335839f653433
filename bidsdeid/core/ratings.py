"""What a person thought of the images: ``ratings.tsv``, and what VisualQC needs to go on.

The table names images of the release, under their new labels, and a reviewer by a code; no other
word of it is free, so nothing in it can identify a participant.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from bidsdeid.core.prose import listed
from bidsdeid.core.scrub import NOT_AVAILABLE
from bidsdeid.errors import UsageError


class Verdict(StrEnum):
    """What is thought of an image; the words are those of VisualQC."""

    PASS = "pass"  # noqa: S105 -- a verdict, no password
    OVER = "over-stripped"
    UNDER = "under-stripped"
    LATER = "later"


class Region(StrEnum):
    """Where something of a face is left."""

    EYES = "eyes"
    NOSE = "nose"
    MOUTH = "mouth"
    EARS = "ears"


#: Columns of the table, in this order; of a table that is read the first two must be there.
COLUMNS = ("path", "rating", "regions", "reviewer", "shown")
_REQUIRED = COLUMNS[:2]

#: A code, no name: short, without spaces and accents.
_REVIEWER = re.compile(r"[A-Za-z0-9_-]{1,16}", re.ASCII)

#: First 64 bits of a SHA-256, in hexadecimal digits.
_SHOWN = re.compile(r"[0-9a-f]{16}", re.ASCII)

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

#: Names that VisualQC finds in the folder of each image.
VISUALQC_NAMES = {"original": "original.nii.gz", "defaced": "defaced.nii.gz", "render": "render"}


@dataclass(frozen=True, slots=True)
class Rating:
    """What one person thought of one image.

    Parameters
    ----------
    path : str
        Of the image in the release, relative to its root.
    verdict : Verdict
    regions : tuple of Region
        Where something is left; of no other verdict than `Verdict.UNDER`.
    reviewer : str
        A code, or empty.
    shown : str
        Digest of what the reviewer was shown (`bidsdeid.report.row`), or empty: a rating of an
        image that has been made anew since then says nothing about the new one.
    """

    path: str
    verdict: Verdict
    regions: tuple[Region, ...] = ()
    reviewer: str = ""
    shown: str = ""

    @property
    def is_down(self) -> bool:
        """Tell whether the image is to be made again."""
        return self.verdict in {Verdict.OVER, Verdict.UNDER}

    @property
    def is_review(self) -> bool:
        """Tell whether the image counts as looked at; what is put off does not."""
        return self.verdict is not Verdict.LATER


def ratings_tsv(ratings: Iterable[Rating]) -> str:
    r"""Return the table, in order of paths.

    Raises
    ------
    UsageError
        If a rating is one that `parse_ratings` would not read.

    Examples
    --------
    >>> print(ratings_tsv([Rating("sub-01/anat/sub-01_T1w.nii.gz", Verdict.UNDER,
    ...                           (Region.EYES, Region.EARS))]).replace("\t", " | "), end="")
    path | rating | regions | reviewer | shown
    sub-01/anat/sub-01_T1w.nii.gz | under-stripped | eyes,ears | n/a | n/a
    """
    lines = ["\t".join(COLUMNS)]
    for rating in sorted(ratings, key=lambda rating: rating.path):
        regions = ",".join(region for region in Region if region in rating.regions)
        cells = (rating.path, str(rating.verdict), regions, rating.reviewer, rating.shown)
        lines.append("\t".join(cell or NOT_AVAILABLE for cell in cells))
    text = "\n".join(lines) + "\n"
    parse_ratings(text)
    return text


def parse_ratings(text: str) -> tuple[Rating, ...]:
    r"""Read the table.

    Parameters
    ----------
    text : str
        Tab-separated; what a spreadsheet does to line ends, and a byte order mark, is taken.

    Returns
    -------
    tuple of Rating
        In the order of the lines.

    Raises
    ------
    UsageError
        With every mistake of the table, each with its line; no cell is quoted.

    Examples
    --------
    >>> parse_ratings("path\trating\nsub-01/anat/sub-01_T1w.nii.gz\tpass\n")[0].verdict
    <Verdict.PASS: 'pass'>
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    header = lines[0].split("\t")
    mistakes = list(_header_mistakes(header))
    ratings: dict[str, Rating] = {}
    first: dict[str, int] = {}
    for number, line in enumerate(lines[1:], 2) if not mistakes else ():
        cells = line.split("\t")
        if len(cells) != len(header):
            mistakes.append(f"line {number} has {len(cells)} cells, not {len(header)}")
            continue
        named = {
            name: "" if cell == NOT_AVAILABLE else cell
            for name, cell in zip(header, cells, strict=True)
        }
        wrong = [f"line {number}: {mistake}" for mistake in _row_mistakes(named)]
        path = named["path"]
        if path in first:
            wrong.append(f"line {number} rates the image of line {first[path]} again")
        first.setdefault(path, number)
        mistakes += wrong
        if not wrong:
            ratings[path] = _rating(named)
    if mistakes:
        listing = "".join(f"\n  - {mistake}" for mistake in mistakes)
        message = f"the table of ratings has {len(mistakes)} mistake(s):{listing}"
        raise UsageError(message)
    return tuple(ratings.values())


def _header_mistakes(header: Sequence[str]) -> Iterable[str]:
    missing = [f"`{name}`" for name in _REQUIRED if name not in header]
    if missing:
        yield f"line 1 must name the columns, {listed(missing)} among them"
    if len(set(header)) != len(header):
        yield "line 1 names a column twice"
    for place, name in enumerate(header, 1):
        if name not in COLUMNS:
            yield f"line 1: column {place} is none of {listed(COLUMNS, 'or')}"


def _row_mistakes(cells: Mapping[str, str]) -> Iterable[str]:
    if not _is_path(cells["path"]):
        yield "`path` is not that of an image in the release, such as sub-01/anat/sub-01_T1w.nii"
    if cells["rating"] not in set(Verdict):
        yield f"`rating` is none of {listed(Verdict, 'or')}"
    regions = _regions(cells)
    if not set(regions) <= set(Region) or len(set(regions)) != len(regions):
        yield f"`regions` is no list of {listed(Region)}, with commas between and none twice"
    if regions and cells["rating"] != Verdict.UNDER:
        yield f"`regions` are told only of what is {Verdict.UNDER}"
    if cells.get("reviewer") and not _REVIEWER.fullmatch(cells["reviewer"]):
        yield "`reviewer` is a code of up to 16 letters and digits, not a name"
    if cells.get("shown") and not _SHOWN.fullmatch(cells["shown"]):
        yield "`shown` is not 16 hexadecimal digits, as the report writes it"


def _is_path(cell: str) -> bool:
    path = PurePosixPath(cell)
    return (
        not _CONTROL.search(cell)
        and str(path) == cell
        and not path.is_absolute()
        and ".." not in path.parts
        and path.parts[0].startswith("sub-")
        and path.name.endswith((".nii", ".nii.gz"))
    )


def _regions(cells: Mapping[str, str]) -> list[str]:
    told = cells.get("regions", "")
    return told.split(",") if told else []


def _rating(cells: Mapping[str, str]) -> Rating:
    told = _regions(cells)
    return Rating(
        cells["path"],
        Verdict(cells["rating"]),
        tuple(region for region in Region if region in told),
        cells.get("reviewer", ""),
        cells.get("shown", ""),
    )


def visualqc(paths: Iterable[str], folder: str) -> tuple[str, str]:
    r"""Return what VisualQC needs to have images rated: a list of IDs, and its command line.

    VisualQC looks in ``folder/ID`` for the two images and the renders, under one name for all
    (`VISUALQC_NAMES`; renders begin with ``render``): `visualqc.defacing` of VisualQC 0.7.

    Parameters
    ----------
    paths : iterable of str
        Of images in the release.  Their names without extension are the IDs.
    folder : str
        Where the folders of the images, and ``id_list.txt``, will be.

    Returns
    -------
    ids : str
        Text of ``id_list.txt``.
    command : str
        For a POSIX shell.

    Examples
    --------
    >>> ids, command = visualqc(["sub-01/anat/sub-01_T1w.nii.gz"], "private/visualqc")
    >>> ids
    'sub-01_T1w\n'
    >>> command.partition(" --defaced_name")[0]
    'vqcdeface --user_dir private/visualqc --id_list private/visualqc/id_list.txt'
    """
    names = sorted(PurePosixPath(path).name.partition(".nii")[0] for path in paths)
    options = {
        "user_dir": folder,
        "id_list": f"{folder}/id_list.txt",
        "defaced_name": VISUALQC_NAMES["defaced"],
        "mri_name": VISUALQC_NAMES["original"],
        "render_name": VISUALQC_NAMES["render"],
        "out_dir": f"{folder}/ratings",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return "".join(f"{name}\n" for name in names), shlex.join(["vqcdeface", *words])


def was_rejected(words: str, rejected: Iterable[str]) -> bool:
    """Tell whether a way of finding something was rejected by a reviewer.

    Examples
    --------
    >>> was_rejected("atlas", ["atlas, confirmed by niimath"]), was_rejected("niimath", ["atlas"])
    (True, False)
    """
    return any(way == words or way.startswith(f"{words}, ") for way in rejected)
