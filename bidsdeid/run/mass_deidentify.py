"""``mass_deidentify``: what DICAT's command of this name does, with the options it has."""

from __future__ import annotations

from collections.abc import Sequence

from bidsdeid.dicom_arguments import dicat_parser
from bidsdeid.errors import UsageError
from bidsdeid.run import dicom


def main(argv: Sequence[str]) -> int:
    """De-identify the studies of a list and return an exit code.

    Raises
    ------
    BidsdeidError
        If nothing could be done.
    """
    given = dicat_parser().parse_args(argv)
    if given.csv is None:
        message = "name a list of studies with -c; see --help"
        raise UsageError(message)
    arguments = ["-c", str(given.csv)]
    arguments += ["-x", str(given.xml)] if given.xml is not None else []
    arguments += ["-v"] if given.verbose else []
    return dicom.main(arguments)
