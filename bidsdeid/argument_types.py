"""The parser of all commands, and what options take: labels, numbers, sizes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from bidsdeid.errors import UsageError

#: A part of the help, or the whole.
Group: TypeAlias = "argparse._ArgumentGroup | argparse.ArgumentParser"  # noqa: SLF001 -- argparse has no public name for it


class Parser(argparse.ArgumentParser):
    """A parser that raises our errors instead of leaving with 2."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`; words that are no options may be names, and are not repeated."""
        head, unknown, rest = message.partition("unrecognized arguments: ")
        if unknown:
            options = [word.partition("=")[0] for word in rest.split() if word.startswith("-")]
            message = f"{head}unknown arguments{': ' if options else ''}{' '.join(options)}"
        sentence = f"{message}; see --help"
        raise UsageError(sentence)


def labels(prefix: str) -> Callable[[str], str]:
    """Return a reader of labels with or without their prefix."""

    def label(text: str) -> str:
        bare = text.removeprefix(prefix)
        if not re.fullmatch("[a-zA-Z0-9+]+", bare):
            message = "a label has letters and digits only"
            raise argparse.ArgumentTypeError(message)
        return bare

    return label


def count(text: str) -> int:
    """Read a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        message = "must be a whole number from 1"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def months(text: str) -> float:
    """Read an age in months."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -6 <= value <= 1500:  # noqa: PLR2004 -- from the earliest birth to the oldest person
        message = "must be a number of months"
        raise argparse.ArgumentTypeError(message)
    return value


def millimetres(text: str) -> float:
    """Read a distance from the brain's surface; inside is negative."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -5 <= value <= 5:  # noqa: PLR2004 -- farther out is skull, and then skin
        message = "must be a number of millimetres from -5 to 5"
        raise argparse.ArgumentTypeError(message)
    return value


def megabytes(text: str) -> int:
    """Read an amount of memory; in MB if no suffix says otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text, re.IGNORECASE)
    if match is None:
        message = "must be a number of MB, or with a suffix K, M, G or T"
        raise argparse.ArgumentTypeError(message)
    factor = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}[match[2].upper()]
    return max(1, int(float(match[1]) * factor))


def add_option(group: Group, names: str, **settings: Any) -> None:  # noqa: ANN401 -- argparse's own
    """Add an option; the help shows its first name, and the other spellings work too."""
    shown, *others = names.split()
    action = group.add_argument(shown, **settings)
    for other in others:
        hidden = {"dest": action.dest, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
        group.add_argument(other, **{**settings, **hidden})
