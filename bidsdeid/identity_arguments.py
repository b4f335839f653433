"""The options about labels, dates and words."""

from __future__ import annotations

from pathlib import Path

from bidsdeid.argument_types import Group, add_option, count


def add_identity(group: Group) -> None:
    """Add the options to a part of the help."""
    add_option(
        group,
        "--relabel",
        default="keep",
        metavar="keep|sequential|keyed|FILE",
        help="new labels of participants and sessions; sequential: numbers in an order that tells "
        "nothing; keyed: derived from the key, the same in each release; FILE: a TSV with columns "
        "participant_id and new_participant_id (default: %(default)s)",
    )
    add_option(
        group,
        "--relabel-sessions",
        choices=("same", "keep"),
        default="same",
        help="same: sessions as participants; keep: as they are (default: %(default)s)",
    )
    add_option(
        group,
        "--dates",
        choices=("shift", "remove"),
        default="shift",
        help="shift: to 1902-1925, intervals kept (default: %(default)s)",
    )
    add_option(
        group,
        "--key",
        type=Path,
        metavar="FILE",
        help="secret that labels and shifts of dates come from; or in $BIDSDEID_KEY (default: "
        "made in the private folder)",
    )
    add_option(
        group,
        "--known-terms",
        type=Path,
        metavar="FILE",
        help="words, one a line, that must not occur in the output",
    )
    add_option(
        group,
        "--scrub-text",
        action="store_true",
        help="take what looks like an identifier out of README, CHANGES and the like, rather than "
        "withhold them",
    )
    add_option(
        group,
        "--k",
        type=count,
        metavar="N",
        help="make participants.tsv N-anonymous: coarser ages, then n/a",
    )
