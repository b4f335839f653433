"""Everything beside images: tables, recordings, gradients, sidecars, documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from bidsdeid.core.audit import MAX_SIGNAL_BYTES
from bidsdeid.core.detectors import findings, removed
from bidsdeid.core.gzipped import GZIP_MAGIC, compress, decompress
from bidsdeid.core.inheritance import chain
from bidsdeid.core.ledger import Outcome, Status
from bidsdeid.core.naming import carries, serves, sidecar_of
from bidsdeid.core.plan import Action, Kind
from bidsdeid.core.policy import Decision
from bidsdeid.core.scrub import Change, scrub_fields
from bidsdeid.core.tables import TableContext, scrub_rows, scrub_table
from bidsdeid.core.text import (
    decode_fields,
    decode_rows,
    decode_table,
    decode_text,
    encode_fields,
    encode_table,
)
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import FileProblem, ImageError, TextError
from bidsdeid.run.bench import Bench, Fields, Parsed, released_outcome, withheld

#: Tables whose rows name files, sessions or participants: they come after those.
_LISTS = frozenset({"scans", "sessions", "participants"})


def parse_sidecars(bench: Bench, actions: Iterable[Action]) -> Parsed:
    """Read the JSON files that are to be released; a problem stands in the place of its file."""
    parsed: dict[PurePosixPath, Fields | FileProblem] = {}
    for action in actions:
        if action.kind is not Kind.JSON or action.decision is not Decision.SCRUB:
            continue
        try:
            parsed[action.path] = decode_fields(bench.read(action.path))
        except FileProblem as problem:
            parsed[action.path] = problem
    return parsed


def release_companions(bench: Bench, parsed: Parsed, actions: Iterable[Action]) -> None:
    """Treat tables, recordings and gradients of the images that are ready, each once.

    An image that cannot stand without one that failed is withheld with it.
    """
    treat = {
        Kind.TABLE: partial(_table, bench),
        Kind.SIGNAL: partial(_signal, bench, parsed),
        Kind.NUMBERS: partial(_numbers, bench),
    }
    for action in actions:
        if action.kind not in treat or action.path in bench.outcomes or _is_list(action):
            continue
        if any(serves(action.path, image) for image in bench.released):
            bench.attempt(action, treat[action.kind])
            retract_dependents(bench, action)


def retract_dependents(bench: Bench, action: Action) -> None:
    """If a file failed, withhold the images that cannot stand without it."""
    if bench.outcomes[action.path].status is Status.FAILURE:
        # Those of participants are published: the validator finds what they lack now.
        served = [p for p in bench.released if p in bench.outcomes and carries(action.path, p)]
        for image in served:
            bench.retract(image, f"a file it cannot stand without failed: {_suffix(action)}")


def release_lists(bench: Bench, actions: Iterable[Action]) -> None:
    """Treat the tables whose rows name files and sessions, after those."""
    for action in actions:
        if action.kind is Kind.TABLE and _is_list(action) and action.path not in bench.outcomes:
            bench.attempt(action, partial(_table, bench))


def release_sidecars(
    bench: Bench, parsed: Parsed, actions: Iterable[Action], targets: Iterable[PurePosixPath]
) -> None:
    """Treat JSON files that are not the own sidecar of an image.

    Parameters
    ----------
    bench : Bench
    parsed : mapping
        From `parse_sidecars`.
    actions : iterable of Action
    targets : iterable of PurePosixPath
        Released files, under their source names, that sidecars may speak for.
    """
    speakers = {path for target in targets for path in chain(target, parsed)}
    names = (sidecar_of(path) for path in bench.released if ".nii" in path.name)
    images = {name for name in names if name in parsed}
    for action in actions:
        if action.path in images:
            continue  # released with its image
        if action.path in parsed:
            bench.attempt(action, partial(_sidecar, bench, parsed, speakers))


def own_sidecar_outcomes(bench: Bench, actions: Iterable[Action]) -> None:
    """Record the sidecars that left together with the image they are named after."""
    images = {sidecar_of(path): path for path in bench.released if ".nii" in path.name}
    for action in actions:
        image = images.get(action.path)
        if image is not None and action.path not in bench.outcomes:
            outcome = bench.outcomes[image]
            target = str(sidecar_of(bench.released[image]))
            mine = tuple(release for release in outcome.releases if release.path == target)
            rest = tuple(release for release in outcome.releases if release.path != target)
            bench.outcomes[image] = replace(outcome, releases=rest, changes=())
            bench.outcomes[action.path] = released_outcome(action, mine, changes=outcome.changes)


def release_documents(bench: Bench, actions: Iterable[Action]) -> None:
    """Release README, CHANGES and the like as they are, if nothing in them identifies anyone."""
    for action in actions:
        if action.kind is Kind.DOCUMENT and action.decision is Decision.COPY:
            bench.attempt(action, partial(_document, bench))


def _document(bench: Bench, action: Action) -> Outcome:
    text = bench.study.labels.text(decode_text(bench.read(action.path)))
    found = findings(text, bench.study.terms, tolerate=action.tolerate)
    if found and not bench.config.identity.scrub_text:
        return withheld(action, f"its text looks like: {', '.join(found)} (see --scrub-text)")
    kept = removed(text, bench.study.terms, tolerate=action.tolerate) if found else text
    target = bench.target(action.path)
    release = bench.put(
        target,
        kept.encode(),
        lambda written: bench.auditor.document(target, written, action.tolerate),
        str(Decision.SCRUB if found else action.decision),
    )
    changes = tuple(Change("text", "removed", f"it looks like: {name}") for name in found)
    return released_outcome(action, (release,), changes=changes)


def _table(bench: Bench, action: Action) -> Outcome:
    suffix = _suffix(action)
    context = TableContext(
        bench.context,
        action.path.parent,
        participants=frozenset(bench.people),
        sessions=bench.people,
        shift=bench.shift,
    )
    table, changes = scrub_table(
        decode_table(bench.read(action.path)), suffix, bench.policy, context
    )
    if not table.rows:
        return withheld(action, "nothing it lists is released")
    target = bench.target(action.path)
    release = bench.put(
        target,
        encode_table(table),
        lambda written: bench.auditor.table(target, written, suffix),
        str(action.decision),
    )
    bench.released[action.path] = target
    return released_outcome(action, (release,), changes=changes)


def _signal(bench: Bench, parsed: Parsed, action: Action) -> Outcome:
    """Release a recording: the columns that a rule names, numbers only, in a new container."""
    content = bench.read(action.path)
    if not content.startswith(GZIP_MAGIC):
        message = "the recording is not a gzip file"
        raise TextError(message)
    try:
        plain = decompress(content, MAX_SIGNAL_BYTES)
    except ImageError as error:
        raise TextError(str(error)) from error
    names = _columns_of(action, parsed)
    rules = [bench.policy.column_rule(_suffix(action), name) for name in names]
    rows = decode_rows(plain, len(names))
    kept = scrub_rows(rows, rules, bench.study.terms)
    return _release_numbers(bench, action, compress(kept))


def _columns_of(action: Action, parsed: Parsed) -> list[str]:
    """Return the names of a recording's columns, from the sidecars that speak for it.

    Raises
    ------
    TextError
        If a sidecar cannot be read, or none names the columns.
    """
    names: JSONValue = None
    for path in chain(action.path, parsed):
        fields = parsed[path]
        if isinstance(fields, FileProblem):
            message = f"metadata of this recording cannot be used: {fields}"
            raise TextError(message) from fields
        names = fields.get("Columns", names)
    if not isinstance(names, list) or not names:
        message = "no sidecar names the columns of this recording"
        raise TextError(message)
    return [str(name) for name in names]


def _numbers(bench: Bench, action: Action) -> Outcome:
    return _release_numbers(bench, action, bench.read(action.path))


def _release_numbers(bench: Bench, action: Action, content: bytes) -> Outcome:
    target = bench.target(action.path)
    release = bench.put(
        target,
        content,
        lambda written: bench.auditor.numbers(target, written),
        str(action.decision),
    )
    bench.released[action.path] = target
    return released_outcome(action, (release,))


def _sidecar(
    bench: Bench, parsed: Parsed, speakers: set[PurePosixPath], action: Action
) -> Outcome:
    fields = parsed[action.path]
    if isinstance(fields, FileProblem):
        raise fields
    if action.path not in speakers:
        return withheld(action, "no file it speaks for is released")
    suffix = _suffix(action)
    kept, changes = scrub_fields(fields, bench.policy, bench.context, table=suffix)
    if not kept:
        return withheld(action, "no field of it is kept")
    target = bench.target(action.path)
    release = bench.put(
        target,
        encode_fields(kept),
        lambda written: bench.auditor.fields(target, written, table=suffix),
        str(action.decision),
    )
    return released_outcome(action, (release,), changes=changes)


def _is_list(action: Action) -> bool:
    """Tell whether the rows of a table are about files, sessions or people."""
    return _suffix(action) in _LISTS or action.path.parts[0] == "phenotype"


def _suffix(action: Action) -> str:
    name = action.file.name
    return action.path.stem if name is None else name.suffix
