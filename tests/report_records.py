"""Records of people who are all pydeface's mean head, for reports that are tests."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
from PIL import Image

from bidsdeid.core.estimate import Attempt
from bidsdeid.core.scrub import Change
from bidsdeid.core.triage import Triage
from bidsdeid.report.pictures import pictures_of, small_volume
from bidsdeid.report.record import ImageRecord, ParticipantRecord
from bidsdeid.resources import pydeface_atlas

#: Of a face that is gone, as `bidsdeid.core.proof` measures it.
GOOD = {
    "brain_mm3": 0.0, "eyes_removed": 1.0, "nose_removed": 1.0, "mouth_removed": 0.99,
    "ears_removed": 0.1, "head_removed": 0.09, "eyes_left": 0.05, "nose_left": 0.01,
    "mouth_left": 0.02, "behind_removed": 0.0, "face_before": 0.9, "likeness": 0.7,
}  # fmt: skip


#: What could break out of a page, or of a script in it.
HOSTILE = (
    "</script><script>window.broken=1</script><img src=x onerror=broken=1>"
    "\" autofocus onfocus=\"broken=1\" ' autofocus onfocus='broken=1' &<!--\u2028"
)


def dot(grey: int) -> bytes:
    """Return a picture of one pixel."""
    file = BytesIO()
    Image.new("L", (1, 1), grey).save(file, "png")
    return file.getvalue()


#: Pictures that take no time to make, each another one.
DOTS = {
    name: dot(grey)
    for grey, name in enumerate(
        ("mosaic_before", "mosaic_after", "mosaic_overlay", "front_before", "left_before",
         "right_before", "front_after", "left_after", "right_after", "thumbnail")
    )
}  # fmt: skip


@lru_cache(maxsize=1)
def pictures() -> dict[str, bytes]:
    """Return the pictures of a head that was defaced well."""
    atlas = pydeface_atlas()
    after = np.where(atlas.keep, atlas.head, 0)
    return pictures_of(atlas.head, after, atlas.affine, ~atlas.keep, atlas.brain)


@lru_cache(maxsize=1)
def volume() -> bytes:
    """Return a small copy of the head that was defaced."""
    atlas = pydeface_atlas()
    return small_volume(np.where(atlas.keep, atlas.head, 0), atlas.affine)


def image(
    label: str = "01", suffix: str = "T1w", triage: Triage = Triage.PASS, **values: object
) -> ImageRecord:
    """Return an image that was defaced."""
    told: dict[str, object] = {
        "path": f"sub-{label}/anat/sub-{label}_desc-defaced_{suffix}.nii.gz",
        "status": "released",
        "reason": "anatomical images are defaced",
        "decision": "deface",
        "finding": "a face",
        "method": "atlas, from the head's own axes",
        "numbers": GOOD,
        "triage": triage,
        "attempts": (
            Attempt("niimath", ("the atlas does not lie on the head",), {"head_overlap": 0.61}),
            Attempt("atlas, from the head's own axes", (), GOOD),
        ),
        "changes": (
            Change("PatientName", "dropped", "no rule keeps it"),
            Change("AcquisitionTime", "replaced", "times of day are removed"),
            Change("descrip", "dropped", "free text of the header"),
        ),
        "seen": {"front": "found before, not found after", "left": "no evidence"},
        "pictures": DOTS,
        "volume": b"a gzipped NIfTI file",
    }
    return ImageRecord(**(told | values))  # type: ignore[arg-type]


def withheld(label: str = "01") -> ImageRecord:
    """Return an image that could not be defaced."""
    return ImageRecord(
        path=f"sub-{label}/anat/sub-{label}_FLAIR.nii.gz",
        status="withheld by failure",
        reason="no way that was tried found a face or a brain to be trusted",
        decision="withhold",
        triage=Triage.FAIL,
        doubts=("it is not released",),
        attempts=(Attempt("niimath", ("some of the brain would be removed",), {}),),
        pictures={"mosaic_before": DOTS["mosaic_before"]},
    )


def participant(label: str = "01", *images: ImageRecord) -> ParticipantRecord:
    """Return a participant; by default of one good image, one doubtful and one withheld."""
    doubtful = image(
        label,
        "T2w",
        Triage.LOOK,
        numbers=GOOD | {"mouth_removed": 0.91, "likeness": None},
        doubts=("the skin over the mouth is not all removed",),
        seen={"front": "found before, found after"},
    )
    return ParticipantRecord(
        label,
        images or (image(label), doubtful, withheld(label)),
        changes=(Change("participants.name", "dropped", "no rule keeps it"),),
        together={"images": 2, "eyes_visible": 0.01, "mouth_visible": 0.12},
        log=("2 of 3 images are released", "1 image is withheld"),
    )


def shown(record: ParticipantRecord) -> ParticipantRecord:
    """Return a participant with pictures of a head."""
    images = tuple(
        replace(
            one,
            pictures={name: pictures()[name] for name in one.pictures},
            volume=volume() if one.volume else b"",
        )
        for one in record.images
    )
    return replace(record, images=images)


def many(count: int) -> list[ParticipantRecord]:
    """Return participants of one image each, whose numbers vary, some of them bad."""
    noise = np.random.default_rng(0)
    records = []
    for place in range(count):
        label, numbers = f"{place + 1:03d}", dict(GOOD)
        for name in ("ears_removed", "face_before", "likeness", "head_removed"):
            numbers[name] = round(float(GOOD[name] * min(noise.normal(1, 0.03), 1.04)), 4)
        triage, doubts = Triage.PASS, ()
        if place % 29 == 7:
            numbers["mouth_removed"] = round(float(noise.uniform(0.8, 0.94)), 4)
            triage, doubts = Triage.LOOK, ("the skin over the mouth is not all removed",)
        if place % 61 == 11:
            numbers["brain_mm3"] = round(float(noise.uniform(20, 2000)))
            numbers["likeness"] = 0.2
            triage, doubts = Triage.FAIL, ("some of the brain was removed",)
        one = image(label, triage=triage, numbers=numbers, doubts=doubts)
        records.append(ParticipantRecord(label, (one,)))
    return records


class Page(HTMLParser):
    """What a page is made of.

    Attributes
    ----------
    elements : list of (str, dict)
        Names and attributes.
    words : list of str
        Text, but for scripts and styles.
    scripts : list of str
        Text of each script.
    """

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._within = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._within = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 -- as HTMLParser calls it
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts[-1] += data
        elif self._within != "style" and data.strip():
            self.words.append(data)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Return the attributes of elements of a name that have these among them."""
        return [
            each
            for name, each in self.elements
            if name == tag and attributes.items() <= each.items()
        ]
