"""The rules for files of a policy as sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from bidsdeid.core.policy import Decision, FileRule, MaskFrom
from bidsdeid.core.prose import because, heading, in_order, listed, title, wrapped

#: A sentence that names more than this gives their number, and then the list.
MANY = 8

_DECISIONS: Mapping[Decision, str] = MappingProxyType(
    {
        Decision.DEFACE: "Defaced: the face is removed from these images; their other voxels stay "
        "as they are, and their headers are written anew",
        Decision.SKULLSTRIP: "Skull-stripped: the brain in these images stays as it is, and "
        "nothing else of them is released",
        Decision.SCRUB: "Scrubbed: of tables and JSON files only the fields and columns named "
        "further down are released; images keep their voxels, and their headers are written anew",
        Decision.COPY: "Copied: released as they are, if nothing in them looks like an identifier "
        "(with --scrub-text, what does is taken out)",
        Decision.WITHHOLD: "Withheld: not released",
    }
)

_MASKS: Mapping[MaskFrom, str] = MappingProxyType(
    {
        MaskFrom.OWN: "",
        MaskFrom.ACQUISITION: " (by the mask of a magnitude image of the same acquisition)",
        MaskFrom.EITHER: " (by the mask of the images they come from, else by their own)",
        MaskFrom.SESSION: " (by the mask of an anatomical image of the same session)",
    }
)

#: What files are called, by their extension.
_THINGS: Mapping[str, str] = MappingProxyType(
    {
        ".nii": "images",
        ".nii.gz": "images",
        ".tsv": "tables",
        ".tsv.gz": "recordings",
        ".json": "JSON files",
        ".bval": "gradient files",
        ".bvec": "gradient files",
    }
)

_CRITERIA = ("path", "datatype", "suffix", "extension", "entity")
_WILDCARDS = frozenset("*?[")


def file_sentences(rules: Sequence[FileRule]) -> Iterator[str]:
    """Yield the lines that tell what is done to files, each rule with its number."""
    reached = [(n, _reached(rule, rules[: n - 1])) for n, rule in enumerate(rules, start=1)]
    yield from title("FILES")
    for decision, what in _DECISIONS.items():
        mine = [(n, rule) for n, rule in reached if rule is not None and rule.decision is decision]
        if mine or decision is Decision.WITHHOLD:
            yield from heading(what)
        for number, rule in mine:
            subject, kinds = _subject(rule)
            more = _MASKS[rule.mask] + left_out(rule.tolerate)
            more += " (only with --deface-all)" if rule.deface_all else ""
            yield from because(subject + more, rule.reason, kinds, f"{number:>4}. ")
    yield from wrapped("every other file, because no rule names it.", "      ")


def left_out(tolerate: Collection[str]) -> str:
    """Return what is not looked for in a text, in brackets; its length is no identifier."""
    words = in_order(set(tolerate) - {"length"})
    return f" (not searched for: {', '.join(words)})" if words else ""


def _reached(rule: FileRule, earlier: Iterable[FileRule]) -> FileRule | None:
    """Return a rule without what earlier rules have decided, or None if nothing is left of it.

    Only what follows from the words of the rules is seen, not what patterns have in common.
    """
    for other in earlier:
        if other.deface_all and not rule.deface_all:
            continue
        wider = [name for name in _CRITERIA if not _covers(other, rule, name)]
        if not wider:
            return None
        (first, *more) = wider
        mine, theirs = getattr(rule, first), getattr(other, first)
        if not more and mine:
            rule = replace(rule, **{first: type(mine)(x for x in mine if x not in theirs)})
    return rule


def _covers(other: FileRule, rule: FileRule, name: str) -> bool:
    """Tell whether whatever a rule selects meets one criterion of another."""
    mine, theirs = getattr(rule, name), getattr(other, name)
    return not theirs or (bool(mine) and set(mine) <= set(theirs))


def _subject(rule: FileRule) -> tuple[str, list[str]]:
    """Return which files a rule speaks of, and their kinds if they are too many to be told so."""
    kinds = in_order(rule.suffix)
    things = dict.fromkeys(word for x, word in _THINGS.items() if x in rule.extension)
    things |= dict.fromkeys(f"{x} files" for x in in_order(rule.extension) if x not in _THINGS)
    words = listed(things) if things else "files"
    if len(kinds) > MANY:
        words = f"{len(kinds)} kinds of {words}"
    elif kinds:
        words = f"{listed(kinds)} {words}" if words == "images" else f"{words} named {_or(kinds)}"
    if rule.datatype:
        words += f" in {listed(f'{name}/' for name in in_order(rule.datatype))}"
    if rule.entity:
        words += f" with {_or(in_order(rule.entity))} in their name"
    if rule.path:
        words = _paths(rule.path) if words == "files" else f"{_paths(rule.path)}, of these {words}"
    return words, kinds if len(kinds) > MANY else []


def _paths(patterns: Sequence[str]) -> str:
    """Return paths in words: a folder and what is in it are one."""
    folders = [p.removesuffix("/*") for p in patterns if p.endswith("/*")]
    others = [p for p in patterns if not p.endswith("/*") and p not in folders]
    likes = [p for p in others if not _WILDCARDS.isdisjoint(p)]
    parts = [f"everything in {listed(f'{folder}/' for folder in folders)}"] if folders else []
    parts += [p for p in others if p not in likes]
    parts += [f"files like {_or(likes)}"] if likes else []
    return listed(parts)


def _or(words: Iterable[str]) -> str:
    return listed(words, "or")
