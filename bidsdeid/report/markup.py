"""Values as HTML: escaped, and on a page that can load nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from html import escape
from importlib import resources
from string import Template
from typing import Any

#: What a file begins with tells a browser's picture apart.  (PNG 1.2 §3.1, JFIF, RFC 9649)
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}

#: No HTML document may hold these (WHATWG HTML, preprocessing the input stream).
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

#: Written as such they would end a script, or a line in one.
_IN_SCRIPT = {sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def text(value: object) -> str:
    """Return a value as text of a page or of an attribute in quotes.

    Examples
    --------
    >>> text('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value)), quote=True)


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """Return an element.

    Parameters
    ----------
    name : str
    content : str
        Markup: what came from outside went through `text`.
    **attributes : object
        Are escaped here; ``_`` stands for ``-`` and is taken off at the end, True for an
        attribute without a value, None and False for none.

    Examples
    --------
    >>> element("td", text("a & b"), class_="n", data_to=1, hidden=None)
    '<td class="n" data-to="1">a &amp; b</td>'
    """
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return f"<{name}{told}>" if name in _VOID else f"<{name}{told}>{content}</{name}>"


_VOID = frozenset({"img", "input", "br"})


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], class_: str = "plain"
) -> str:
    """Return a table that may be wider than a phone, in a box that scrolls.

    Parameters
    ----------
    caption : str
        Text.
    columns : sequence of str
        Text.
    rows : iterable of sequence of str
        Markup of the cells; the first names the row.
    class_ : str
    """
    head = "".join(element("th", text(column), scope="col") for column in columns)
    body = "".join(
        element(
            "tr",
            element("th", first, scope="row") + "".join(element("td", cell) for cell in others),
        )
        for first, *others in rows
    )
    whole = element(
        "table",
        element("caption", text(caption))
        + element("thead", element("tr", head))
        + element("tbody", body),
        class_=class_,
    )
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def folded(summary: str, content: str, *, opened: bool = False) -> str:
    """Return something that is shown on demand; `summary` is text, `content` markup."""
    return element("details", element("summary", text(summary)) + content, open=opened)


def picture_kind(picture: bytes) -> str:
    """Return ``png``, ``jpeg`` or ``webp``.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    for signature, kind in _SIGNATURES.items():
        if picture.startswith(signature):
            return kind
    message = "a picture of a report is PNG, JPEG or WebP"
    raise ValueError(message)


def data_uri(picture: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:image/{picture_kind(picture)};base64,{base64.b64encode(picture).decode()}"


def as_json(value: Any) -> str:  # noqa: ANN401 -- JSON of any shape
    r"""Return JSON that may stand in a script.

    Examples
    --------
    >>> as_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    written = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for sign, told in _IN_SCRIPT.items():  # not `translate`, which asks for each letter of NiiVue
        written = written.replace(sign, told)
    return written


@lru_cache
def template(name: str) -> str:
    """Return the text of a file that comes with the package."""
    return (resources.files("bidsdeid.report") / "templates" / name).read_text("utf-8")


def document(
    title: str, body: str, *, styles: Sequence[str], scripts: Sequence[str], sources: str = ""
) -> str:
    """Return a page.

    The styles and scripts in it are allowed by their digests (Content Security Policy Level 3),
    so that no other text in the page could run as one, were it ever not escaped.

    Parameters
    ----------
    title : str
        Text.
    body : str
        Markup.
    styles, scripts : sequence of str
        Names of templates.
    sources : str
        What else may be loaded: directives of the policy, such as ``img-src data:``.
    """
    style = "".join(map(template, styles))
    script = "(() => {\n'use strict';\n" + "".join(map(template, scripts)) + "})();\n"
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}' {sources}"
    )
    return Template(template("document.html")).substitute(
        policy=text(policy), title=text(title), style=style, script=script, body=body
    )


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
