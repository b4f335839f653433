"""The shell blocks of README.md, and the command lines of this app in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app_runs import ROOT

README = ROOT / "README.md"

#: Programs of this package.
PROGRAMS = ("bidsdeid", "mass_deidentify", "run.py")

#: Options of engines of containers that take a value, and those that take none.
_VALUED = {
    "docker": "-v -u --user -e --env --network --entrypoint --memory --name".split(),
    "apptainer": "-B --bind --env --home --pwd".split(),
}
_BARE = {
    "docker": "--rm --read-only --init".split(),
    "apptainer": "--containall --cleanenv -e --nv".split(),
}
_LIKE = {"podman": "docker", "singularity": "apptainer"}


@dataclass(frozen=True)
class Block:
    """A fenced block of the shell.

    Parameters
    ----------
    line : int
        Where it begins in the README.
    text : str
    """

    line: int
    text: str

    @property
    def first(self) -> str:
        """Its first line."""
        return self.text.partition("\n")[0]


def fenced(language: str) -> list[Block]:
    """Return the blocks of a language."""
    text = README.read_text("utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = ((text[: block.start()].count("\n") + 1, block[1], block[2]) for block in found)
    return [Block(line, content) for line, name, content in lines if name == language]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the simple commands of a script as words; what lies in here-documents is left out."""
    text = re.sub(r"<<\s*'?(\w+)'?\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = text.replace("\\\n", " ")
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";|&"):
                if words:
                    yield words
                words = []
            else:
                words.append(word)


@dataclass(frozen=True)
class Call:
    """A command line of this app.

    Parameters
    ----------
    program : str
        One of `PROGRAMS`.
    arguments : tuple of str
    wrapper : tuple of str
        What runs it, up to the image: ``docker run ... IMAGE``; empty where nothing does.
    """

    program: str
    arguments: tuple[str, ...]
    wrapper: tuple[str, ...] = ()


def call_in(words: list[str]) -> Call | None:
    """Return the call of this app that a command is, or None if it is none.

    Raises
    ------
    ValueError
        If an engine is given an option that is not known here.
    """
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    if len(words) > 1 and Path(words[0]).name in ("python", "python3"):
        words = words[1:]
    if len(words) > 1 and _LIKE.get(words[0], words[0]) in _VALUED and words[1] in ("run", "exec"):
        return _wrapped(words)
    if words and Path(words[0]).name in PROGRAMS:
        return Call(Path(words[0]).name, tuple(words[1:]))
    return None


def _wrapped(words: list[str]) -> Call | None:
    engine, verb = _LIKE.get(words[0], words[0]), words[1]
    program = "run.py"
    at = 2
    while words[at].startswith("-"):
        option, equals, value = words[at].partition("=")
        if option in _VALUED[engine] and not equals:
            at += 1
            value = words[at]
        elif option not in (*_VALUED[engine], *_BARE[engine]):
            message = f"{words[0]} {verb} has no option {option}, as far as is known here"
            raise ValueError(message)
        if option == "--entrypoint":
            program = value
        at += 1
    wrapper, rest = words[: at + 1], words[at + 1 :]
    if engine == "apptainer" and verb == "exec":
        program, *rest = rest
    return Call(program, tuple(rest), tuple(wrapper)) if program in PROGRAMS else None


def calls(blocks: list[Block]) -> list[Call]:
    """Return the calls of this app in some blocks."""
    found = (call_in(words) for block in blocks for words in commands(block.text))
    return [call for call in found if call is not None]
