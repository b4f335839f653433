from __future__ import annotations

from pathlib import Path

import pytest

import bidsdeid
from bidsdeid.cli import main
from bidsdeid.core.explanation import explain, identifier_rows
from bidsdeid.resources import load_policy, policy_names, policy_text

README = Path(bidsdeid.__file__).parents[1] / "README.md"

#: Three files, each extending the next, with mistakes in all of them.
WRONG = {
    "ours.toml": """
[policy]
name = "ours"
version = "1"
extends = "lab/theirs.toml"
[[file]]
path = "a"
action = "keep"
reason = "r"
[[column]]
table = "participants"
fields = "site"
kind = "text"
quasi = "yes"
reason = "r"
""",
    "lab/theirs.toml": """
[policy]
name = "theirs"
version = "1"
extends = "base.toml"
[[key]]
fields = "PatientName"
action = "drop"
identity = "name"
reason = "r"
""",
    "lab/base.toml": """
[policy]
name = "base"
extends = "missing.toml"
[[identifier]]
paragraph = "(A)"
""",
}


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    (tmp_path / "lab").mkdir()
    for name, text in WRONG.items():
        (tmp_path / name).write_text(text)
    return tmp_path / "ours.toml"


def test_the_policies_are_listed_with_version_and_purpose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["policy", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(policy_names())
    for line, name in zip(lines, policy_names(), strict=True):
        policy = load_policy(name)
        assert line.split()[:2] == [policy.name, policy.version]
        assert line.endswith(policy.description)
        assert policy.name == name
        assert 20 < len(policy.description) < 100
    assert {"default", "hipaa-safe-harbor", "open-science"} <= {line.split()[0] for line in lines}
    assert next(line for line in lines if line.startswith("default")).split()[1] == "1.4.0"


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_is_shown_as_it_is_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", name]) == 0
    assert capsys.readouterr().out.rstrip() == policy_text(name).rstrip()


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", name]) == 0
    assert capsys.readouterr().out == explain(load_policy(name)) + "\n"


def test_the_default_is_meant_if_no_policy_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain"]) == 0
    assert capsys.readouterr().out.startswith("Policy default 1.4.0\n")


@pytest.mark.parametrize("name", policy_names())
def test_a_policy_without_mistakes_is_counted(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "check", name]) == 0
    policy = load_policy(name)
    assert capsys.readouterr().out == (
        f"{name} {policy.version}: no mistakes; {len(policy.files)} rules for files, "
        f"{len(policy.keys)} fields and {len(policy.columns)} columns named\n"
    )


def test_all_mistakes_are_told_at_once(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check", str(wrong)]) == 64
    streams = capsys.readouterr()
    assert streams.out == ""
    first, *mistakes = streams.err.splitlines()
    assert first == "bidsdeid: policy 'ours' has 6 mistake(s):"
    assert [mistake.split(": ")[0] for mistake in mistakes] == [
        "  - `extends`",
        "  - [[file]] no. 1",
        "  - [[column]] no. 1",
        "  - [[key]] no. 1 of policy 'theirs'",
        "  - [policy] needs `name` and `version` of policy 'base'",
        "  - [[identifier]] no. 1 of policy 'base'",
    ]


def test_a_policy_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    for what in ("show", "check", "explain"):
        assert main(["policy", what, "defualt"]) == 64
        assert "default, hipaa-safe-harbor, open-science" in capsys.readouterr().err
    assert main(["policy", "judge"]) == 64


def test_a_policy_of_one_s_own_is_explained_with_what_it_extends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        '[policy]\nname = "ours"\nversion = "1"\nextends = "hipaa-safe-harbor"\n'
        '[[column]]\ntable = "participants"\nfields = ["diagnosis"]\nkind = "choice"\n'
        'choices = ["patient", "control"]\nquasi = true\nreason = "our board approved it"\n'
    )
    assert main(["policy", "explain", str(path)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "- diagnosis of participants (control or patient), because our board approved" in text
    assert "age, diagnosis, group, handedness and sex of participants" in text
    assert "(R) Any other unique identifying number" in text


def test_the_readme_has_the_table_of_safe_harbor() -> None:
    text = README.read_text("utf-8")
    block = text.split("<!-- hipaa -->\n")[1].split("\n<!-- /hipaa -->")[0]
    assert block == identifier_rows(load_policy("hipaa-safe-harbor"))
    assert block.count("\n") == 1 + 18
