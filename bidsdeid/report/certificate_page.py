"""A release certificate as one page that a board can read, print and keep.

The page has no script, loads nothing, and allows nothing but its own style, by its digest.
"""

from __future__ import annotations

import base64
import hashlib
from string import Template

from bidsdeid.report.certificate import Certificate
from bidsdeid.report.certificate_parts import (
    checks_part,
    choices_part,
    codes_part,
    faces_part,
    files_part,
    groups_part,
    identifiers_part,
    paragraph,
    review_part,
    risks_part,
    rules_part,
    tools_part,
    unseen_part,
)
from bidsdeid.report.markup import element, template, text

#: Parts of the page, in their order: address and heading.
_PARTS = (
    ("remains", "What remains"),
    ("faces", "Faces"),
    ("review", "Who looked"),
    ("identifiers", "The eighteen identifiers"),
    ("files", "Files"),
    ("groups", "Groups of participants"),
    ("codes", "DICOM codes"),
    ("checks", "Checks, and how to repeat them"),
    ("tools", "Tools, atlases, weights"),
    ("choices", "What was chosen"),
    ("unseen", "Images that nobody looked at"),
    ("rules", "The rules"),
)


def certificate_page(made: Certificate) -> str:
    """Return the certificate as HTML.

    Parameters
    ----------
    made : Certificate

    Returns
    -------
    str
        A whole document; everything in it is escaped.
    """
    makers = {
        "remains": risks_part, "faces": faces_part, "review": review_part,
        "identifiers": identifiers_part, "files": files_part, "groups": groups_part,
        "codes": codes_part, "checks": checks_part, "tools": tools_part, "choices": choices_part,
        "unseen": unseen_part, "rules": rules_part,
    }  # fmt: skip
    parts = "".join(
        element(
            "section",
            element("h2", text(heading), id=f"{name}-heading") + makers[name](made),
            id=name,
            aria_labelledby=f"{name}-heading",
        )
        for name, heading in _PARTS
    )
    body = _header(made) + element("main", parts) + _footer(made)
    style = template("certificate.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return Template(template("certificate.html")).substitute(
        title="Release certificate", digest=f"sha256-{digest}", style=style, body=body
    )


def _header(made: Certificate) -> str:
    parts = [f"bidsdeid {made.version}", f"policy {made.rules.name} {made.rules.version}"]
    parts += [made.date] if made.date else []
    lines = "".join(
        element("div", element("dt", text(about)) + element("dd", text(sentence)))
        for about, sentence in made.summary
    )
    links = "".join(
        element("li", element("a", text(heading), href=f"#{name}")) for name, heading in _PARTS
    )
    return element(
        "header",
        element("h1", "Release certificate")
        + element("p", text(" · ".join(parts)), class_="sub")
        + element("dl", lines, class_="summary")
        + element("nav", element("ul", links), aria_label="Parts of this page"),
    )


def _footer(made: Certificate) -> str:
    sentence = (
        f"Written by bidsdeid {made.version} from counts and digests alone. The same facts are in "
        "certificate.json, and every file with its digest is in manifest.tsv, in the same folder."
    )
    return element("footer", paragraph(sentence))
