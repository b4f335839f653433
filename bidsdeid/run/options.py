"""Parsed arguments → `Config`: files read, defaults filled in."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from bidsdeid.config import BrainOptions, Config, IdentityOptions, private_beside
from bidsdeid.core.facestyle import FaceStyle, MaskStyle, Strength
from bidsdeid.core.labels import Relabel
from bidsdeid.core.naming import Layout
from bidsdeid.core.selection import Selection
from bidsdeid.core.terms import NO_WORDS, Lexicon, known_words
from bidsdeid.errors import UsageError


def config_from(options: argparse.Namespace) -> Config:
    """Build the configuration of a run.

    Raises
    ------
    UsageError
        If a file that an option names cannot be read.
    """
    output_dir: Path = options.output_dir.absolute()
    private_dir: Path = options.private_dir or private_beside(output_dir)
    labels, sessions = options.participant_label, options.session_label
    cores = len(os.sched_getaffinity(0))
    return Config(
        bids_dir=options.bids_dir.absolute(),
        output_dir=output_dir,
        private_dir=private_dir.absolute(),
        private_named=options.private_dir is not None,
        work_dir=(options.work_dir or private_dir / "work").absolute(),
        selection=Selection(
            None if labels is None else frozenset(labels),
            None if sessions is None else frozenset(sessions),
            _read_filters(options.bids_filter_file) if options.bids_filter_file else {},
        ),
        layout=Layout(options.layout),
        policy=options.policy,
        deface_all=options.deface_all,
        face=_face_style(options),
        fill=options.fill,
        engine=_engine(options),
        cost=options.cost,
        template=options.template,
        facemask=options.facemask,
        mask_source=options.mask_source,
        age_months=options.age_months,
        infant=options.infant,
        anat=options.anat,
        brain=_brain_options(options),
        brain_limit=options.brain_limit,
        on_failure=options.on_failure,
        identity=identity_options(options),
        validate_input=not options.skip_bids_validation,
        validator_profile=options.validator_profile,
        nprocs=options.nprocs,
        executor=_executor(options),
        scheduler=options.scheduler,
        threads=options.omp_nthreads or max(1, cores // options.nprocs),
        memory_mb=options.mem,
        planned=options.planned,
        reports=not options.no_reports,
        ratings=options.ratings,
        dry_run=options.dry_run,
        stop_on_first_crash=options.stop_on_first_crash,
        progress=not options.no_progress,
        verbosity=options.verbose,
    )


def _executor(options: argparse.Namespace) -> str:
    """Return who does the participants; only a cluster has a scheduler."""
    if options.scheduler is not None and options.executor != "dask":
        message = "--scheduler is for --executor dask: add it, or leave --scheduler out"
        raise UsageError(message)
    return str(options.executor)


def _face_style(options: argparse.Namespace) -> FaceStyle:
    """Return the region that goes; a user's own mask is taken as it is."""
    given = options.template is not None or options.facemask is not None
    mask = options.mask_style or ("pydeface" if given else "face")
    return FaceStyle(MaskStyle(mask), Strength(options.strength), ears=options.ears)


def _brain_options(options: argparse.Namespace) -> BrainOptions:
    return BrainOptions(
        options.skullstrip_engine,
        options.synthstrip_weights,
        not options.no_csf,
        options.border,
        options.gpu,
    )


def _engine(options: argparse.Namespace) -> str:
    """Return the engine that begins; only FLIRT and niimath have costs to choose from."""
    if options.cost is None:
        return str(options.deface_engine)
    if options.deface_engine == "atlas":
        message = "--cost is for --deface-engine flirt or niimath: leave one of the two out"
        raise UsageError(message)
    return "niimath" if options.deface_engine == "auto" else str(options.deface_engine)


def identity_options(options: argparse.Namespace) -> IdentityOptions:
    """Return what the user says about labels, dates and words; some commands ask for less."""
    table = None if options.relabel in _RELABEL_WORDS else Path(options.relabel)
    given = vars(options)
    return IdentityOptions(
        Relabel.TABLE if table else Relabel(options.relabel),
        table,
        given.get("relabel_sessions") == "same",
        given.get("dates") == "shift",
        options.key,
        options.known_terms,
        read_terms(options.known_terms),
        given.get("scrub_text", False),
        given.get("k"),
    )


_RELABEL_WORDS = frozenset({Relabel.KEEP, Relabel.SEQUENTIAL, Relabel.KEYED})


def read_terms(path: Path | None) -> Lexicon:
    """Read ``--known-terms``, one term a line.

    Raises
    ------
    UsageError
        If it is not a text file.
    """
    if path is None:
        return NO_WORDS
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = "--known-terms cannot be read as text"
        raise UsageError(message) from error
    return known_words(lines)


def _read_filters(path: Path) -> dict[str, dict[str, object]]:
    """Read ``--bids-filter-file``.

    Raises
    ------
    UsageError
        If it is not an object of objects.
    """
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = "--bids-filter-file cannot be read as JSON"
        raise UsageError(message) from error
    if not isinstance(raw, dict) or not all(isinstance(value, dict) for value in raw.values()):
        message = "--bids-filter-file must hold an object of queries, each an object of entities"
        raise UsageError(message)
    return raw
