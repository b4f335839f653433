"""``bidsdeid policy``: look at the rules before, or instead of, a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bidsdeid.arguments import Parser
from bidsdeid.core.policy import Policy
from bidsdeid.resources import load_policy, policy_names, policy_text


def main(argv: Sequence[str]) -> int:
    """Carry out one of ``list``, ``show``, ``explain``, ``check`` and return an exit code."""
    parser = Parser(prog="bidsdeid policy", description="Look at the rules.")
    parser.add_argument("what", choices=("list", "show", "explain", "check"))
    parser.add_argument("policy", nargs="?", default="default", metavar="NAME|FILE")
    options = parser.parse_args(argv)
    if options.what == "list":
        text = "\n".join(policy_names())
    elif options.what == "show":
        text = policy_text(options.policy).rstrip()
    else:
        policy = load_policy(options.policy)
        text = f"{policy.name} {policy.version}: no mistakes"
        if options.what == "explain":
            text = explain(policy)
    sys.stdout.write(text + "\n")
    return 0


def explain(policy: Policy) -> str:
    """Return the rules of a policy as sentences, in the order in which they are asked."""
    lines = [f"Policy {policy.name} {policy.version}", "", "Files"]
    for rule in policy.files:
        criteria = (rule.path, rule.datatype, rule.suffix, rule.entity, rule.extension)
        words = ", ".join(" ".join(sorted(words)) for words in criteria if words)
        lines.append(f"  {rule.decision}: {words}\n      because {rule.reason}")
    lines += ["  withhold: everything else", "", "Fields of JSON files"]
    for scope, key in sorted(policy.keys):
        field = policy.keys[scope, key]
        lines.append(f"  {field.action}: {key} ({scope}), because {field.reason}")
    lines += ["  drop: everything else", "", "Columns of tables"]
    for table, name in sorted(policy.columns):
        column = policy.columns[table, name]
        lines.append(f"  {column.kind}: {name} ({table}), because {column.reason}")
    return "\n".join([*lines, "  drop: everything else"])
