"""The index of all images: what needs a look first, and the place to rate them.  Private."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from bidsdeid.core.bounds import Bound
from bidsdeid.core.ratings import COLUMNS, Region, Verdict
from bidsdeid.report.histogram import histogram
from bidsdeid.report.markup import as_json, document, element, template, text
from bidsdeid.report.numbers import FIRST, bound_words, in_order, words, written
from bidsdeid.report.page import badge, marked
from bidsdeid.report.row import ORDER, IndexRow, worst_first
from bidsdeid.report.viewer import INSTALL, niivue_script

#: So many numbers stand in the table at first.
_FIRST_COLUMNS = 5

#: What may be loaded from beside the page: ``file:`` where it was opened from a disk, ``'self'``
#: from a server of one's own.
_SOURCES = "'self' file: blob:; img-src 'self' file: data: blob:"

#: Width and height of a thumbnail on the page, in CSS pixels.
_THUMBNAIL = (92, 48)


def index_files(rows: Iterable[IndexRow]) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of the index's own files, in the folder of the reports.

    Parameters
    ----------
    rows : iterable of IndexRow
        Of all participants, whose files (`bidsdeid.report.page.participant_files`) lie beside.
    """
    viewer = niivue_script()
    yield "index.html", index_page(tuple(rows), viewer=viewer is not None).encode()
    if viewer is not None:
        yield "niivue.js", viewer


def index_page(rows: Sequence[IndexRow], *, viewer: bool = True) -> str:
    """Return the page.

    Parameters
    ----------
    rows : sequence of IndexRow
    viewer : bool
        NiiVue lies beside it.
    """
    rows = worst_first(rows)
    counts = Counter(row.triage for row in rows)
    names = in_order(name for row in rows for name in row.numbers)
    people = len({row.label for row in rows})
    told = f"{_many(len(rows), 'image')} of {_many(people, 'participant')}"
    data = {
        "columns": COLUMNS,
        "verdicts": list(Verdict),
        "regions": list(Region),
        "numbers": [words(name) for name in names],
        "install": INSTALL,
        "viewer": viewer,
        "rows": [_data(row, names) for row in rows],
    }
    parts = {
        "told": text(told),
        "triage": "".join(_filter(triage, counts[triage]) for triage in ORDER),
        "table": _table(rows, names),
        "numbers": "".join(_figure(name, rows) for name in names),
        "data": as_json(data),
    }
    body = template("index.html")
    for name, markup in parts.items():
        # Not string.Template: what came from outside could hold its signs.
        before, sign, after = body.partition(f"<!--{name}-->")
        assert sign, name  # noqa: S101 -- the template is ours
        body = before + markup + after
    return document(
        "Review · bidsdeid",
        body,
        styles=("style.css", "index.css"),
        scripts=("ratings.js", "turning.js", "index.js"),
        sources=_SOURCES,
    )


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _data(row: IndexRow, names: Sequence[str]) -> dict[str, object]:
    """Return what the page's script knows of a row."""
    facts = [(row.decision, row.status), ("why", row.reason), ("found", row.finding)]
    facts += [("mask found by", row.method)]
    facts += [(f"face detector, {view}", said) for view, said in row.seen.items()]
    return {
        "path": row.path,
        "name": PurePosixPath(row.path).name,
        "page": f"{row.folder}.html#{row.anchor}",
        "thumbnail": f"{row.folder}/{row.thumbnail}" if row.thumbnail else "",
        "volume": f"{row.folder}/{row.anchor}.js" if row.turnable else "",
        "shown": row.shown,
        "triage": row.triage,
        "doubts": row.doubts,
        "facts": [fact for fact in facts if fact[1]],
        "numbers": [row.numbers.get(name) for name in names],
        "marks": [row.mark(name) for name in names],
        "together": [
            [words(name), written(row.together[name])] for name in in_order(row.together)
        ],
    }


def _filter(triage: str, count: int) -> str:
    box = element("input", type="checkbox", name="triage", value=triage, checked=True)
    return element("label", box + element("span", f"{count} {triage}"), class_=f"chip {triage}")


def _table(rows: Sequence[IndexRow], names: Sequence[str]) -> str:
    fixed = (("", "thumbnail"), ("Image", "name"), ("Triage", "triage"), ("Rating", "rating"))
    head = element("th", element("span", "Picture", class_="unseen"), scope="col", class_="pic")
    for label, key in fixed[1:]:
        head += _heading(label, key, "ascending" if key == "triage" else None)
    for place, name in enumerate(names):
        head += _heading(words(name), str(place), more=_is_more(name, names))
    body = "".join(_row(place, row, names) for place, row in enumerate(rows))
    return element(
        "table",
        element("caption", "Images, those that need a look first", class_="unseen")
        + element("thead", element("tr", head))
        + element("tbody", body),
        id="images",
    )


def _heading(label: str, key: str, sort: str | None = None, *, more: bool = False) -> str:
    kind = "num" if key.isdigit() else key
    return element(
        "th",
        element("button", text(label), type="button", data_sort=key),
        scope="col",
        class_=f"{kind} more" if more else kind,
        aria_sort=sort or "none",
    )


def _is_more(name: str, names: Sequence[str]) -> bool:
    first = [each for each in names if each in FIRST][:_FIRST_COLUMNS]
    return name not in (first or names[:_FIRST_COLUMNS])


def _row(place: int, row: IndexRow, names: Sequence[str]) -> str:
    picture = ""
    if row.thumbnail:
        picture = element(
            "img",
            src=f"{row.folder}/{row.thumbnail}",
            alt="",
            width=_THUMBNAIL[0],
            height=_THUMBNAIL[1],
            loading="lazy",
            decoding="async",
        )
    name = PurePosixPath(row.path).name
    # One tab opens all pages of participants, so that a review does not leave hundreds open.
    link = element("a", text(name), href=f"{row.folder}.html#{row.anchor}", target="bidsdeid-page")
    why = "; ".join(row.doubts) or (row.reason if row.status != "released" else "")
    cells = element("td", picture, class_="pic")
    cells += element("th", link + (element("small", text(why)) if why else ""), scope="row")
    cells += element("td", badge(row.triage), class_="triage")
    cells += element("td", "", class_="rating")
    for each in names:
        value = row.numbers.get(each)
        shown = "" if value is None else marked(value, row.bounds.get(each))
        cells += element("td", shown, class_="num more" if _is_more(each, names) else "num")
    return element("tr", cells, data_row=place)


def _usual_bound(name: str, rows: Sequence[IndexRow]) -> Bound | None:
    """Return where a number should lie in most images that have it."""
    found = Counter(row.bounds.get(name) for row in rows if row.numbers.get(name) is not None)
    return found.most_common(1)[0][0] if found else None


def _figure(name: str, rows: Sequence[IndexRow]) -> str:
    """Return how a number is distributed, with a place for that of the image at hand."""
    values = [value for row in rows if (value := row.numbers.get(name)) is not None]
    bound = _usual_bound(name, rows)
    label = element("span", text(words(name))) + element("output", "")
    told = element("small", text(f"bounds {bound_words(bound)}" if bound else "no bounds"))
    picture = histogram(words(name), values, bound)
    return element("div", element("p", label + told) + picture, class_="number")
