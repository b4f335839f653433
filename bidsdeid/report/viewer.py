"""NiiVue, the viewer that turns heads: found in an installed package, never copied into this one.

The wheel of ``ipyniivue`` (BSD-2-Clause) holds NiiVue as an ES module that follows the protocol
of anywidget: ``initialize({model})`` and ``render({model, el})``.  A page that was opened from a
disk may load scripts but import no module, so the module's text is wrapped in a script that hands
it to the page (``templates/turning.js``), which imports it from a blob.
"""

from __future__ import annotations

from bidsdeid.errors import ToolError
from bidsdeid.report.markup import as_json
from bidsdeid.resources import installed_folder

#: The package, and the module in it.
PACKAGE, MODULE = "ipyniivue", ("static", "widget.js")

#: What to type if it is missing.
INSTALL = "pip install 'bidsdeid[view]'"


def niivue_script(package: str = PACKAGE) -> bytes | None:
    """Return the script that hands NiiVue to the index; None if it is not installed.

    Parameters
    ----------
    package : str
        Name for import.
    """
    try:
        file = installed_folder(package).joinpath(*MODULE)
    except ToolError:
        return None
    if not file.is_file():
        return None
    origin = f"// NiiVue, as it comes with {package}: BSD-2-Clause, Copyright (c) Niivue\n"
    return f"{origin}bidsdeidViewer({as_json(file.read_text('utf-8'))});\n".encode()
