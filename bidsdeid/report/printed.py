"""Tables, bars and prose as HTML that reads well on a phone, on a screen and on paper.

There is no script and no inline style: a table becomes a list on a narrow screen, by its labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bidsdeid.report.markup import element, text

_WIDTH = 1000  # of a bar, in its own units

#: Classes of the parts of a bar, in their order.
COLOURS = ("one", "two", "three", "four", "five")


def printed_table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    class_: str = "",
    numbers: int | None = None,
) -> str:
    """Return a table whose cells know their column's name.

    Parameters
    ----------
    caption : str
        May be empty where a heading says it.
    columns : sequence of str
    rows : iterable of sequence of str
        Text; the first cell names the row.
    class_ : str
    numbers : int or None
        Index of the first column that holds numbers; all after it do, too.

    Examples
    --------
    >>> "<td" in printed_table("", ("A", "B"), [("a & b", "1")], numbers=1)
    True
    """
    right = [numbers is not None and index >= numbers for index in range(len(columns))]
    head = "".join(
        element("th", text(name), scope="col", role="columnheader", class_=_number(is_number))
        for name, is_number in zip(columns, right, strict=True)
    )
    body = "".join(element("tr", _cells(row, columns, right), role="row") for row in rows)
    whole = (
        (element("caption", text(caption)) if caption else "")
        + element("thead", element("tr", head, role="row"), role="rowgroup")
        + element("tbody", body, role="rowgroup")
    )
    table = element("table", whole, class_=class_ or None, role="table")
    return element("div", table, class_="table")


def _cells(row: Sequence[str], columns: Sequence[str], right: Sequence[bool]) -> str:
    first, *others = row
    cells = [element("th", marked(first), scope="row", role="rowheader")]
    cells += [
        element(
            "td", marked(cell), role="cell", data_label=name or None, class_=_number(is_number)
        )
        for cell, name, is_number in zip(others, columns[1:], right[1:], strict=True)
    ]
    return "".join(cells)


def _number(is_number: bool) -> str | None:  # noqa: FBT001 -- the only thing it is about
    return "number" if is_number else None


def marked(sentence: str) -> str:
    """Return a sentence as markup; what stands between backticks is code.

    Examples
    --------
    >>> marked("`--k 5` & more")
    '<code>--k 5</code> &amp; more'
    """
    parts = sentence.split("`")
    if len(parts) % 2 == 0:  # one without its partner is a sign like any other
        return text(sentence)
    return "".join(
        element("code", text(part)) if index % 2 else text(part)
        for index, part in enumerate(parts)
    )


def bar(label: str, parts: Sequence[tuple[str, int]], colours: Sequence[str] = COLOURS) -> str:
    """Return a bar of parts with its key; parts of nothing are left out.

    Parameters
    ----------
    label : str
    parts : sequence of (str, int)
        Name and number, the whole being their sum.
    colours : sequence of str
        Classes, one for each part.

    Raises
    ------
    ValueError
        If there are more parts than colours.
    """
    coloured = [
        (name, number, colour)
        for (name, number), colour in zip(parts, colours[: len(parts)], strict=True)
        if number
    ]
    total = sum(number for _, number, _ in coloured)
    if not total:
        return ""
    told = ", ".join(f"{name}: {number:,}" for name, number, _ in coloured)
    shapes, start = "", 0.0
    for _, number, colour in coloured:
        width = _WIDTH * number / total
        shapes += element(
            "rect", "", class_=colour, x=f"{start:.2f}", width=f"{width:.2f}", height=20
        )
        start += width
    drawn = element(
        "svg", shapes, class_="bar", viewBox=f"0 0 {_WIDTH} 20", preserveAspectRatio="none",
        role="img", aria_label=f"{label}. {told}.",
    )  # fmt: skip
    key = "".join(
        element("li", _swatch(colour) + text(f"{name}: {number:,}"))
        for name, number, colour in coloured
    )
    return drawn + element("ul", key, class_="key")


def _swatch(colour: str) -> str:
    square = element("rect", "", class_=colour, width=10, height=10)
    return element("svg", square, viewBox="0 0 10 10", aria_hidden="true")


#: How `bidsdeid.core.explanation` begins a rule.
_ITEM = re.compile(r"\s+(?:- |\d+\. )")
_UNKNOWN = "every other "


def prose(lines: str) -> str:
    """Return the sentences of `bidsdeid.core.explanation.explain` as headings and lists.

    Parameters
    ----------
    lines : str
        Title, preface, and parts that begin after two empty lines.
    """
    shown = []
    for index, part in enumerate(lines.split("\n\n\n")):
        heading, *blocks = part.strip("\n").split("\n\n")
        if index:
            shown.append(element("h3", text(heading.replace("\n", " "))))
        shown += [_block(block) for block in blocks]
    return "".join(shown)


def _block(block: str) -> str:
    """Return a paragraph, with the items under it if there are any."""
    intro: list[str] = []
    items: list[str] = []
    for line in block.splitlines():
        if _ITEM.match(line) or line.strip().startswith(_UNKNOWN):
            items.append(line.strip().removeprefix("- "))
        elif items:
            items[-1] += f" {line.strip()}"
        else:
            intro.append(line.strip())
    told = element("h4" if items else "p", marked(" ".join(intro))) if intro else ""
    listed = "".join(element("li", marked(item)) for item in items)
    return told + (element("ul", listed) if items else "")
