from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bidsdeid import __version__
from bidsdeid.arguments import build_parser
from bidsdeid.cli import main
from bidsdeid.config import BrainOptions, IdentityOptions
from bidsdeid.core.labels import Relabel
from bidsdeid.core.terms import known_words
from bidsdeid.errors import UsageError
from bidsdeid.run.options import config_from

BASE = ["in", "out", "participant"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["in", "out", "session"], 17, "participant, group"),
        (["run", "in", "out", "Participant"], 17, "level"),
        (["in", "out"], 64, "{participant,group}"),
        ([*BASE, "--no-such-option"], 64, "--no-such-option"),
        ([*BASE, "--partic", "01"], 64, "--partic"),
        ([*BASE, "--participant-label"], 64, "--participant-label"),
        ([*BASE, "--participant-label", "Jane Doe"], 64, "label"),
        ([*BASE, "--participant-label", "../x"], 64, "label"),
        ([*BASE, "--layout", "flat"], 64, "flat"),
        ([*BASE, "--dates", "keep"], 64, "keep"),
        ([*BASE, "--relabel"], 64, "--relabel"),
        ([*BASE, "--relabel-sessions", "drop"], 64, "drop"),
        ([*BASE, "--k", "0"], 64, "from 1"),
        ([*BASE, "--k", "five"], 64, "--k"),
        ([*BASE, "--nprocs", "0"], 64, "from 1"),
        ([*BASE, "--nprocs", "-1"], 64, "--nprocs"),
        ([*BASE, "--omp-nthreads", "many"], 64, "from 1"),
        ([*BASE, "--mem", "lots"], 64, "suffix"),
        ([*BASE, "--anat", "keep"], 64, "keep"),
        ([*BASE, "--on-failure", "release"], 64, "release"),
        ([*BASE, "--brain-limit", "none"], 64, "none"),
        ([*BASE, "--skullstrip-engine", "bet"], 64, "bet"),
        ([*BASE, "--border", "99"], 64, "from -5 to 5"),
        ([*BASE, "--border", "5.1"], 64, "from -5 to 5"),
        ([*BASE, "--border", "nan"], 64, "from -5 to 5"),
        ([*BASE, "--border", "wide"], 64, "from -5 to 5"),
        ([*BASE, "--border=-11"], 64, "from -5 to 5"),
        ([*BASE, "--synthstrip-weights", "missing.pt"], 64, "SynthStrip"),
        ([*BASE, "--config-file", "missing.toml"], 64, "cannot be read"),
        ([*BASE, "--known-terms", "missing.txt"], 64, "--known-terms"),
        ([*BASE, "--bids-filter-file", "missing.json"], 64, "--bids-filter-file"),
        ([*BASE, "--policy", "missing"], 64, "policy"),
        (BASE, 66, "input"),
        (["policy", "check", "missing"], 64, "policy"),
        (["policy", "nonsense"], 64, "nonsense"),
        (["policy", "show", "--no-such-option"], 64, "--no-such-option"),
    ],
)
def test_exit_codes_of_commands_that_cannot_be_right(  # noqa: PLR0917 -- cases and fixtures
    arguments: list[str],
    code: int,
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("bidsdeid: ")
    assert word in error
    assert list(tmp_path.iterdir()) == []


SPELLINGS = {
    "participant_label": [
        "--participant-label", "--participant_label", "--participant-labels",
        "--participant_labels",
    ],
    "session_label": ["--session-label", "--session_label", "--session-id"],
    "work_dir": ["-w", "--work-dir", "--work_dir"],
    "nprocs": ["--nprocs", "--nthreads", "--n_cpus", "--n-cpus", "--n_procs"],
    "omp_nthreads": ["--omp-nthreads", "--omp_nthreads"],
    "mem": ["--mem", "--mem-mb", "--mem_mb"],
    "bids_filter_file": ["--bids-filter-file"],
    "private_dir": ["--private-dir"],
    "key": ["--key"],
    "known_terms": ["--known-terms"],
    "k": ["--k"],
    "relabel": ["--relabel"],
    "policy": ["--policy"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("dest", "option"),
    [(dest, option) for dest, options in SPELLINGS.items() for option in options],
)
def test_every_spelling_of_an_option(dest: str, option: str) -> None:
    value = getattr(build_parser().parse_args([*BASE, option, "3"]), dest)
    expected = {
        "participant_label": ["3"], "session_label": ["3"], "policy": "3", "relabel": "3",
    }  # fmt: skip
    numbers = ("nprocs", "omp_nthreads", "mem", "k")
    assert value == expected.get(dest, 3 if dest in numbers else Path("3"))


@pytest.mark.parametrize(
    ("dest", "option"),
    [
        ("skip_bids_validation", "--skip-bids-validation"),
        ("skip_bids_validation", "--skip_bids_validation"),
        ("skip_bids_validation", "--skip-bids-validator"),
        ("skip_bids_validation", "--skip_bids_validator"),
        ("deface_all", "--deface-all"),
        ("dry_run", "--dry-run"),
        ("stop_on_first_crash", "--stop-on-first-crash"),
        ("no_csf", "--no-csf"),
        ("scrub_text", "--scrub-text"),
        ("gpu", "--gpu"),
        ("no_progress", "--no-progress"),
        ("notrack", "--notrack"),
        ("resource_monitor", "--resource-monitor"),
        ("low_mem", "--low-mem"),
    ],
)
def test_every_switch(dest: str, option: str) -> None:
    assert getattr(build_parser().parse_args([*BASE, option]), dest) is True
    assert getattr(build_parser().parse_args(BASE), dest) is False


def test_options_may_come_before_and_labels_with_their_prefix() -> None:
    options = build_parser().parse_args(
        ["--participant-label", "sub-01", "02", "--session-label", "ses-a", "-vv", *BASE]
    )
    assert options.participant_label == ["01", "02"]
    assert options.session_label == ["a"]
    assert (options.verbose, options.analysis_level) == (2, "participant")


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("8000", 8000), ("8G", 8192), ("8GB", 8192), ("8g", 8192), ("0.5G", 512), ("512M", 512),
     ("2048K", 2), ("1T", 1048576), ("1K", 1), ("8 G", 8192)],
)  # fmt: skip
def test_memory_with_and_without_a_suffix(text: str, megabytes: int) -> None:
    assert build_parser().parse_args([*BASE, "--mem", text]).mem == megabytes


def options_in(tmp_path: Path, toml: str, *more: str) -> tuple[int, str]:
    """Run with a configuration file in a fresh process, up to the missing input."""
    path = tmp_path / "options.toml"
    path.write_text(toml)
    done = subprocess.run(
        [sys.executable, "-m", "bidsdeid", *BASE, "--config-file", path, *more],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    "toml",
    [
        'participant-label = ["01"]\n',
        'participant_label = ["sub-01", "02"]\nlayout = "raw"\nnprocs = 2\nmem = "8G"\n',
        "dry-run = true\nno-progress = false\nmem = 800\n",
        "",
    ],
)
def test_a_configuration_file_sets_options(tmp_path: Path, toml: str) -> None:
    code, error = options_in(tmp_path, toml)
    assert (code, "input folder" in error) == (66, True)


@pytest.mark.parametrize(
    ("toml", "word"),
    [
        ("colour = 1\n", "colour"),
        ('bids_dir = "x"\n', "bids_dir"),
        ('participant-label = "01"\n', "participant-label"),
        ('nprocs = ["2"]\n', "nprocs"),
        ("nprocs = true\n", "nprocs"),
        ('dry-run = "yes"\n', "dry-run"),
        ("dry-run = 1\n", "dry-run"),
        ('layout = "flat"\n', "layout"),
        ("nprocs = 0\n", "nprocs"),
        ('mem = "lots"\n', "mem"),
        ('participant-label = ["Jane Doe"]\n', "participant-label"),
        ("nprocs = \n", "TOML"),
    ],
)
def test_mistakes_in_a_configuration_file(
    tmp_path: Path, toml: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "options.toml"
    path.write_text(toml)
    assert main([*BASE, "--config-file", str(path)]) == 64
    assert word in capsys.readouterr().err


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    assert options_in(tmp_path, 'policy = "missing"\n')[0] == 64
    assert options_in(tmp_path, 'policy = "missing"\n', "--policy", "default")[0] == 66


def test_options_about_brains_reach_the_configuration() -> None:
    given = "--anat skullstrip --skullstrip-engine freesurfer --no-csf --border=-2.5 --gpu "
    given += "--synthstrip-weights my.pt --brain-limit atlas --on-failure skullstrip"
    config = config_from(build_parser().parse_args([*BASE, *given.split()]))
    assert config.brain == BrainOptions(
        "freesurfer", Path("my.pt"), csf=False, border_mm=-2.5, gpu=True
    )
    assert (config.anat, config.brain_limit, config.on_failure) == (
        "skullstrip", "atlas", "skullstrip",
    )  # fmt: skip


def test_nipreps_is_an_engine_that_can_be_asked_for() -> None:
    given = "--anat skullstrip --skullstrip-engine nipreps --border 2"
    config = config_from(build_parser().parse_args([*BASE, *given.split()]))
    assert config.brain == BrainOptions("nipreps", border_mm=2)


def test_by_default_faces_go_brains_are_kept_and_what_fails_is_withheld() -> None:
    config = config_from(build_parser().parse_args(BASE))
    assert config.brain == BrainOptions()
    assert (config.anat, config.brain_limit, config.on_failure) == ("deface", "auto", "withhold")
    assert config.keeps_own_brain


@pytest.mark.parametrize(
    ("given", "keeps"),
    [
        ("--brain-limit atlas", False),
        ("--skullstrip-engine atlas", False),
        ("--skullstrip-engine deepbet", True),
    ],
)
def test_when_the_brain_of_an_image_is_the_limit(given: str, *, keeps: bool) -> None:
    config = config_from(build_parser().parse_args([*BASE, *given.split()]))
    assert config.keeps_own_brain == keeps


def test_the_help_shows_what_can_be_said_about_brains() -> None:
    shown = build_parser().format_help()
    for option in (
        "--anat {deface,skullstrip}", "--on-failure {withhold,skullstrip}", "--no-csf",
        "--skullstrip-engine {auto,synthstrip,freesurfer,nipreps,deepbet,atlas}", "--border MM",
        "--synthstrip-weights FILE", "--gpu", "--brain-limit {auto,atlas}",
    ):  # fmt: skip
        assert option in shown


@pytest.mark.parametrize(
    ("given", "identity"),
    [
        ("", IdentityOptions()),
        ("--relabel keep", IdentityOptions(Relabel.KEEP)),
        ("--relabel sequential", IdentityOptions(Relabel.SEQUENTIAL)),
        ("--relabel keyed", IdentityOptions(Relabel.KEYED)),
        ("--relabel new.tsv", IdentityOptions(Relabel.TABLE, Path("new.tsv"))),
        ("--relabel ./keyed", IdentityOptions(Relabel.TABLE, Path("keyed"))),
        ("--relabel table", IdentityOptions(Relabel.TABLE, Path("table"))),
        (
            "--relabel keyed --relabel-sessions keep --key my.key --dates remove",
            IdentityOptions(Relabel.KEYED, sessions=False, shift_dates=False, key=Path("my.key")),
        ),
        ("--scrub-text --k 5", IdentityOptions(scrub_text=True, k=5)),
    ],
)
def test_options_about_labels_dates_and_words_reach_the_configuration(
    given: str, identity: IdentityOptions
) -> None:
    assert config_from(build_parser().parse_args([*BASE, *given.split()])).identity == identity


def test_a_private_folder_that_is_named_is_one_that_stays() -> None:
    config = config_from(build_parser().parse_args([*BASE, "--private-dir", "p"]))
    assert config.private_named


def test_the_help_shows_what_can_be_said_about_labels_dates_and_words() -> None:
    shown = build_parser().format_help()
    for option in (
        "--relabel keep|sequential|keyed|FILE", "--relabel-sessions {same,keep}", "--key FILE",
        "--dates {shift,remove}", "--known-terms FILE", "--scrub-text", "--k N", "$BIDSDEID_KEY",
    ):  # fmt: skip
        assert option in shown


@pytest.mark.parametrize("command", [["-m", "bidsdeid"], ["run.py"]])
def test_version_and_help_of_each_way_in(command: list[str]) -> None:
    root = Path(__file__).parents[1]
    for option, word in (("--version", __version__), ("--help", "exit codes:")):
        done = subprocess.run(
            [sys.executable, *command, option], capture_output=True, check=False, cwd=root
        )
        assert done.returncode == 0
        assert word in done.stdout.decode()


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 64
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["policy", "list"], "default"),
        (["policy", "show"], "[[file]]"),
        (["policy", "check", "default"], "no mistakes"),
        (["policy", "explain"], "Defaced: the face is removed"),
    ],
)
def test_policies_can_be_looked_at(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert word in capsys.readouterr().out


def test_defaults_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = config_from(build_parser().parse_args(BASE))
    assert config.bids_dir == tmp_path / "in"
    assert config.private_dir == tmp_path / "out_private"
    assert config.work_dir == tmp_path / "out_private" / "work"
    assert config.selection.participants is None
    assert config.validate_input
    assert config.identity == IdentityOptions()
    assert config.identity.shift_dates
    assert not config.private_named
    assert config.threads == len(os.sched_getaffinity(0))


def test_files_that_options_name_are_read(tmp_path: Path) -> None:
    terms, filters = tmp_path / "terms", tmp_path / "filters"
    terms.write_text("Miller\n\n  Jane Doe \n")
    filters.write_text(json.dumps({"t1w": {"acquisition": None}}))
    config = config_from(build_parser().parse_args(
        [*BASE, "--known-terms", str(terms), "--bids-filter-file", str(filters)]
    ))  # fmt: skip
    assert config.identity.terms == known_words(["Miller", "Jane Doe"])
    assert config.identity.terms_file == terms
    assert config.selection.filters == {"t1w": {"acquisition": None}}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"t1w": 1}', b"\xff", b"7"])
def test_a_filter_file_of_another_shape_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "filters.json"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        config_from(build_parser().parse_args([*BASE, "--bids-filter-file", str(path)]))
