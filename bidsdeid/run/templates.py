"""``bidsdeid templates``: see which templates are there, get and complete them before a run.

Fetching is the only thing that uses the network, in a process of its own.
A command is added by one more function of `_COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from bidsdeid.argument_types import Parser
from bidsdeid.core.cohort import ADULT, COHORTS, INFANTS, Cohort, cohort_named
from bidsdeid.errors import StoreError, ToolError
from bidsdeid.io.process import run
from bidsdeid.io.templates import (
    TemplateFolders,
    existing,
    face_mask,
    template_folders,
    template_path,
)
from bidsdeid.io.volume import is_whole

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 -- argparse has no public name for it

#: What TemplateFlow has of each cohort and this program uses.
ENDINGS = ("T1w", "T2w", "desc-brain_mask")

#: For all files; one of them has about 5 MB.
TIMEOUT_S = 3600.0

#: Importing templateflow fills its folder with empty stubs and may use the network.
_CHILD = """\
import sys
from templateflow import api, conf
conf.update(local=True, overwrite=False, silent=True)
for words in sys.argv[1:]:
    template, cohort, suffix, desc = words.split(":")
    api.get(template, raise_empty=True, cohort=cohort, resolution=1, suffix=suffix,
            desc=desc or None, extension=".nii.gz")
"""

#: A network behind a proxy, or one that signs its own certificates, needs these.
_NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def main(argv: Sequence[str]) -> int:
    """Carry out ``list``, ``fetch`` or ``build`` and return an exit code."""
    parser = Parser(prog="bidsdeid templates", description="Templates of infants and children.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="{list,fetch,build}")
    for add in _COMMANDS:
        add(commands)
    options = parser.parse_args(argv)
    sys.stdout.writelines(f"{line}\n" for line in options.act(options))
    return 0


def table(folders: TemplateFolders) -> Iterator[str]:
    """Yield the lines of ``templates list``: each template, its ages, and which files exist."""
    yield f"TemplateFlow  {folders.home}"
    yield f"face masks    {', '.join(map(str, folders.masks))}"
    yield ""
    row = "{:<20}{:<18}{:<9}{:<9}{:<12}{}".format
    yield row("template", "ages", "T1w", "T2w", "brain mask", "face mask")
    for cohort in COHORTS:
        files = [existing(template_path(folders.home, cohort, ending)) for ending in ENDINGS]
        files.append(face_mask(folders, cohort))
        words = ["present" if file else "missing" for file in files]
        if cohort == ADULT:  # it comes with pydeface
            words = ["present", "-", "present", "present"]
        yield row(str(cohort), _ages(cohort), *words)


def fetch(cohorts: Sequence[Cohort], folders: TemplateFolders) -> Iterator[str]:
    """Get what is missing of some cohorts, and yield what there is to say.

    Parameters
    ----------
    cohorts : sequence of Cohort
    folders : TemplateFolders

    Raises
    ------
    StoreError
        If the folder cannot be written.
    ToolError
        If a file cannot be had.
    """
    wanted = [
        (cohort, ending, path)
        for cohort in cohorts
        for ending in ENDINGS
        if not existing(path := template_path(folders.home, cohort, ending))
    ]
    if wanted:
        yield f"fetching {len(wanted)} files to {folders.home}"
        _download([(cohort, ending) for cohort, ending, _ in wanted], folders.home)
        for _, _, path in wanted:
            if existing(path) and not is_whole(path):
                path.unlink()  # cut short: it must not be taken for a template
        lost = sorted({str(cohort) for cohort, _, path in wanted if not existing(path)})
        if lost:
            raise ToolError(_sentence(cohorts, folders.home))
    yield "all files are there"
    if not all(face_mask(folders, cohort) for cohort in cohorts):
        yield "face masks are missing: run `bidsdeid templates build`"


def _download(wanted: Sequence[tuple[Cohort, str]], home: Path) -> None:
    """Ask TemplateFlow for files; which of them came is seen in the folder."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"templates cannot be written to {home} ({error.strerror}): give --home"
        raise StoreError(message) from error
    if not os.access(home, os.W_OK):
        message = f"templates cannot be written to {home}: give --home"
        raise StoreError(message)
    names = {name: os.environ.get(name) for upper in _NETWORK for name in (upper, upper.lower())}
    passed = {name: value for name, value in names.items() if value is not None}
    own = {"TEMPLATEFLOW_HOME": str(home), "TEMPLATEFLOW_USE_DATALAD": "off"}
    words = [
        ":".join((cohort.template, str(cohort.number), suffix, desc.removeprefix("desc-")))
        for cohort, ending in wanted
        for desc, _, suffix in [ending.rpartition("_")]
    ]
    run([sys.executable, "-c", _CHILD, *words], timeout_s=TIMEOUT_S, env={**passed, **own})


def _sentence(cohorts: Sequence[Cohort], home: Path) -> str:
    folders = sorted({f"tpl-{cohort.template}" for cohort in cohorts})
    return (
        "templates could not be fetched, most likely for want of a network: fetch them on a "
        f"machine that has one, and copy its {' and '.join(folders)} into {home}"
    )


def _ages(cohort: Cohort) -> str:
    if cohort == ADULT:
        return "others"
    if cohort in INFANTS:
        return f"{cohort.low:g}-{cohort.high:g} months"
    return f"{cohort.low / 12:g}-{cohort.high / 12:g} years"


def _add_list(commands: Commands) -> None:
    parser = commands.add_parser("list", help="show which templates are present and missing")
    _add_home(parser)
    parser.set_defaults(act=lambda options: table(template_folders(options.home)))


def _add_fetch(commands: Commands) -> None:
    parser = commands.add_parser("fetch", help="get templates from TemplateFlow")
    _add_cohorts(parser)
    _add_home(parser)
    parser.set_defaults(
        act=lambda options: fetch(options.cohort or INFANTS, template_folders(options.home))
    )


def _add_build(commands: Commands) -> None:
    parser = commands.add_parser("build", help="make the face masks that TemplateFlow lacks")
    _add_cohorts(parser)
    _add_home(parser)
    parser.set_defaults(act=_build)


def _build(options: argparse.Namespace) -> Iterator[str]:
    # Imported late: a second that the others can do without.
    from bidsdeid.run.build_templates import build  # noqa: PLC0415

    return build(options.cohort or INFANTS, template_folders(options.home))


def _add_cohorts(parser: Parser) -> None:
    parser.add_argument(
        "--cohort",
        nargs="+",
        type=_cohort,
        metavar="N",
        help="such as 1 (MNIInfant) or MNIPediatricAsym:2 (default: all of MNIInfant)",
    )


def _add_home(parser: Parser) -> None:
    parser.add_argument(
        "--home", type=Path, metavar="DIR", help="TemplateFlow's folder ($TEMPLATEFLOW_HOME)"
    )


def _cohort(text: str) -> Cohort:
    cohort = cohort_named(text)
    if cohort is None:
        message = "no such cohort: see `bidsdeid templates list`"
        raise argparse.ArgumentTypeError(message)
    return cohort


_COMMANDS = (_add_list, _add_fetch, _add_build)
