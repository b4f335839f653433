"""The page of a participant: one file that holds all its pictures.  Private: it shows faces."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import PurePosixPath

from bidsdeid.core.bounds import Bound
from bidsdeid.core.estimate import Attempt
from bidsdeid.core.scrub import Change
from bidsdeid.core.triage import Triage
from bidsdeid.report.markup import as_json, data_uri, document, element, folded, table, text
from bidsdeid.report.numbers import (
    TOGETHER,
    bound_words,
    bounds_of,
    in_order,
    mark,
    words,
    written,
)
from bidsdeid.report.record import ImageRecord, ParticipantRecord
from bidsdeid.report.row import anchors, folder_of, rows_of, to_json

#: What the mosaics show, and the key that shows it.
_LAYERS = (
    ("mosaic_before", "Before", "B", "as it was"),
    ("mosaic_after", "After", "A", "as it is released"),
    ("mosaic_overlay", "Removed", "R", "what was removed in colour, the brain outlined"),
)

_VIEWS = (("left", "from the left"), ("front", "from the front"), ("right", "from the right"))

#: More changes than this are folded away.
_FEW = 12

_KEYS = "".join(
    element("kbd", key) + f" {said} "
    for key, said in (
        ("J", "next image"), ("K", "previous image"), ("F", "flicker"), ("B", "before"),
        ("A", "after"), ("R", "removed"),
    )
)  # fmt: skip

_WARNING = "Private: this page shows faces. It does not belong in the release."


def participant_page(record: ParticipantRecord) -> str:
    """Return the page, as HTML that needs no other file.

    Raises
    ------
    ValueError
        If a picture is neither PNG nor JPEG nor WebP.
    """
    names = anchors(record.images)
    images = list(zip(record.images, names, strict=True))
    title = f"sub-{record.label}"
    header = element(
        "header",
        element("p", element("a", "← All images", href="index.html"), class_="crumbs")
        + element("h1", text(title))
        + element("p", text(_WARNING), class_="private")
        + element("nav", _contents(images), aria_label="Images")
        + element("p", _KEYS, class_="keys"),
        class_="top",
    )
    body = header + element(
        "main", "".join(_image(*image) for image in images) + _participant(record)
    )
    return document(
        f"{title} · bidsdeid",
        body,
        styles=("style.css", "page.css"),
        scripts=("page.js",),
        sources="; img-src data:",
    )


def participant_files(record: ParticipantRecord) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of the files of a participant, in the folder of the reports.

    The page; and for the index, in a folder of the page's name, a thumbnail and a volume of each
    image, and ``rows.json`` with the rest.

    Raises
    ------
    ValueError
        See `participant_page`.
    """
    folder = folder_of(record.label)
    yield f"{folder}.html", participant_page(record).encode()
    rows = rows_of(record)
    yield f"{folder}/rows.json", json.dumps(to_json(rows), indent=1).encode() + b"\n"
    for row, image in zip(rows, record.images, strict=True):
        if row.thumbnail:
            yield f"{folder}/{row.thumbnail}", image.pictures["thumbnail"]
        if row.turnable:
            # A page that was opened from a disk may load scripts, and no other data.
            volume = as_json(base64.b64encode(image.volume).decode())
            yield f"{folder}/{row.anchor}.js", f"bidsdeidVolume({volume});\n".encode()


def badge(triage: Triage) -> str:
    """Return a triage as markup."""
    return element("span", text(triage), class_=f"badge {triage}")


def numbers_table(
    caption: str, numbers: Mapping[str, float | None], bounds: Mapping[str, Bound]
) -> str:
    """Return numbers beside their bounds; those outside of them are marked in words."""
    if not numbers:
        return ""
    rows = (_number(name, numbers[name], bounds.get(name)) for name in in_order(numbers))
    return table(caption, ("number", "value", "bounds", ""), rows, "plain numbers")


def marked(value: float | None, bound: Bound | None) -> str:
    """Return a number as markup, with a sign if it does not lie where it should."""
    said, told = mark(value, bound), text(written(value))
    return told if said is Triage.PASS else element("b", told, class_=f"off {said}")


def _number(name: str, value: float | None, bound: Bound | None) -> tuple[str, ...]:
    said = "within" if bound else "no bound"
    if value is None or not isfinite(value):
        said = ""
    elif bound and mark(value, bound) is not Triage.PASS:
        said = text(bound.sentence)
    origin = bound.origin if bound else None
    place = element("span", text(bound_words(bound)), title=origin)
    return text(words(name)), marked(value, bound), place, said


def _contents(images: Sequence[tuple[ImageRecord, str]]) -> str:
    items = "".join(
        element(
            "li",
            badge(image.triage)
            + " "
            + element("a", text(PurePosixPath(image.path).name), href=f"#{anchor}"),
        )
        for image, anchor in images
    )
    more = element("li", element("a", "The participant as a whole", href="#participant"))
    return element("ol", items + more)


def _image(image: ImageRecord, anchor: str) -> str:
    name = PurePosixPath(image.path).name
    facts = [("what was done", image.decision), ("how it ended", image.status)]
    facts += [("why", image.reason), ("found", image.finding), ("mask found by", image.method)]
    listed = "".join(
        element("dt", text(term)) + element("dd", text(said)) for term, said in facts if said
    )
    doubts = "".join(element("li", text(doubt)) for doubt in image.doubts)
    parts = [
        element("h2", badge(image.triage) + " " + text(name)),
        element("p", text(image.path), class_="path"),
        element("dl", listed, class_="facts"),
        element("ul", doubts, class_="doubts", aria_label="Doubts") if doubts else "",
        _mosaic(image, name, anchor),
        _renders(image, name),
        numbers_table(
            "Numbers and their bounds",
            image.numbers,
            bounds_of(str(image.decision), str(image.status), str(image.finding)),
        ),
        _attempts(image.attempts),
        _changes("Fields of header and sidecar that changed", image.changes),
    ]
    return element("article", "".join(parts), id=anchor, tabindex=-1)


def _mosaic(image: ImageRecord, name: str, anchor: str) -> str:
    """Return the mosaics, one on top of the other, so that eyes see what changes."""
    layers = [layer for layer in _LAYERS if image.pictures.get(layer[0])]
    if not layers:
        return element("p", "There are no slices to show.", class_="none")
    shown = "mosaic_overlay" if image.pictures.get("mosaic_overlay") else layers[-1][0]
    pictures = buttons = ""
    for key, label, letter, said in layers:
        pictures += element(
            "img",
            src=data_uri(image.pictures[key]),
            alt=f"Slices of {name}, {said}",
            data_layer=letter.lower(),
            data_said=said,
            class_="on" if key == shown else None,
        )
        buttons += element(
            "button",
            text(label) + element("kbd", letter),
            type="button",
            data_show=letter.lower(),
            aria_pressed=str(key == shown).lower(),
        )
    if {"mosaic_before", "mosaic_after"} <= {layer[0] for layer in layers}:
        flicker = "Flicker" + element("kbd", "F")
        buttons += element(
            "button", flicker, type="button", data_flicker=True, aria_pressed="false"
        )
    caption = element("span", text(name)) + ": slices, " + element("span", "", class_="said")
    return element(
        "figure",
        element("div", buttons, class_="buttons", role="group", aria_label="What is shown")
        + element("div", pictures, class_="layers")
        + element("figcaption", caption),
        class_="mosaic",
        id=f"{anchor}-slices",
    )


def _renders(image: ImageRecord, name: str) -> str:
    figures = ""
    for view, said in _VIEWS:
        pair = ""
        for when in ("before", "after"):
            picture = image.pictures.get(f"{view}_{when}")
            if picture:
                alt = f"Surface of the head in {name}, {said}, {when}"
                shown = element("img", src=data_uri(picture), alt=alt, decoding="async")
                pair += element("div", shown + element("small", when), class_=when)
        if pair:
            seen = image.seen.get(view)
            caption = text(said) + (
                element("br") + "face detector: " + element("b", text(seen)) if seen else ""
            )
            figures += element(
                "figure",
                element("div", pair, class_="pair") + element("figcaption", caption),
            )
    others = [(view, said) for view, said in image.seen.items() if view not in dict(_VIEWS)]
    told = "".join(element("li", text(f"{view}: {said}")) for view, said in others)
    if not figures:
        told += "".join(
            element("li", f"face detector, {said}: {text(image.seen[view])}")
            for view, said in _VIEWS
            if view in image.seen
        )
    return (element("div", figures, class_="renders") if figures else "") + (
        element("ul", told) if told else ""
    )


def _attempts(attempts: Sequence[Attempt]) -> str:
    rows = [
        (
            text(attempt.method),
            text("; ".join(attempt.failed)) if attempt.failed else element("b", "believed"),
            text(", ".join(f"{words(n)} {written(attempt.metrics[n])}" for n in _told(attempt))),
        )
        for attempt in attempts
    ]
    count = f"Ways that were tried to find face or brain ({len(rows)})"
    if not rows:
        return ""
    return folded(
        count, table("In the order they were tried", ("way", "outcome", "numbers"), rows)
    )


def _told(attempt: Attempt) -> list[str]:
    return in_order(attempt.metrics)


def _changes(caption: str, changes: Sequence[Change]) -> str:
    if not changes:
        return element("p", text(f"{caption}: none."), class_="none")
    rows = [(text(c.where), text(c.what), text(c.why)) for c in changes]
    listing = table(caption, ("field", "what", "rule"), rows)
    return folded(f"{caption} ({len(rows)})", listing, opened=len(rows) <= _FEW)


def _participant(record: ParticipantRecord) -> str:
    log = element("pre", text("\n".join(record.log)), tabindex=0) if record.log else ""
    parts = [
        element("h2", "The participant as a whole"),
        numbers_table("All released images, laid over each other", record.together, TOGETHER),
        _changes("Fields of tables and other files that changed", record.changes),
        folded(f"Log ({len(record.log)} lines)", log) if log else "",
    ]
    return element("article", "".join(parts), id="participant", tabindex=-1)
