"""``bidsdeid policy``: look at the rules before, or instead of, a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bidsdeid.argument_types import Parser
from bidsdeid.core.explanation import explain
from bidsdeid.core.policy import Policy
from bidsdeid.resources import load_policy, policy_names, policy_text


def main(argv: Sequence[str]) -> int:
    """Carry out one of ``list``, ``show``, ``explain``, ``check`` and return an exit code.

    Raises
    ------
    UsageError
        If there is no such policy, or it has mistakes: all of them are told.
    """
    parser = Parser(prog="bidsdeid policy", description="Look at the rules.")
    parser.add_argument("what", choices=("list", "show", "explain", "check"))
    parser.add_argument("policy", nargs="?", default="default", metavar="NAME|FILE")
    options = parser.parse_args(argv)
    if options.what == "list":
        text = "\n".join(_line(load_policy(name)) for name in policy_names())
    elif options.what == "show":
        text = policy_text(options.policy).rstrip()
    else:
        policy = load_policy(options.policy)
        text = explain(policy) if options.what == "explain" else _count(policy)
    sys.stdout.write(text + "\n")
    return 0


def _line(policy: Policy) -> str:
    return f"{policy.name:<18}  {policy.version:<7}  {policy.description}".rstrip()


def _count(policy: Policy) -> str:
    counts = (
        f"{len(policy.files)} rules for files, {len(policy.keys)} fields and "
        f"{len(policy.columns)} columns named"
    )
    return f"{policy.name} {policy.version}: no mistakes; {counts}"
