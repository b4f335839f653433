"""Identifiers in every place where one can hide: none is left, and an audit finds them."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from app_runs import KEY, Run, Runner
from bidsdeid.cli import main
from bidsdeid.core import detectors
from bidsdeid.core.scrub import Context, scrub_fields
from bidsdeid.core.terms import Lexicon, Terms, known_words
from bidsdeid.run.harvesting import glean
from canary_site import TELLING, TELLING_SESSIONS, Site
from canary_tokens import KIND, KINDS, Token
from file_bytes import epi, packed
from hiding_places import HARMLESS, HIDING_PLACES, build
from strategies import default_policy
from trees import contents, digest, files

LAYOUTS = ("derivative", "raw")

#: New labels as a user would give them.
NEW_LABELS = ("a1", "a2", "a3", "a4")

#: Places that keep a file from being released: what is hidden cannot be taken out of it.
WITHHELD = {
    "a required number", "a required list", "gradients", "label of acquisition",
    "label of a task", "labels of others in names", "name of a link to a folder",
}  # fmt: skip

#: At least so many images leave: a search that finds nothing in nothing proves nothing.
LEAST_IMAGES = 60


@dataclass(frozen=True)
class Input:
    """A dataset with something in every hiding place."""

    root: Path
    site: Site
    known_terms: Path
    table: Path


def _input(
    folder: Path,
    *,
    telling: bool,
    anatomical: bool = False,
    places: Collection[str] | None = None,
) -> Input:
    site = build(folder / "in", telling=telling, anatomical=anatomical, places=places)
    made = Input(folder / "in", site, folder / "known.txt", folder / "labels.tsv")
    made.known_terms.write_text("\n".join(made.site.known_terms), "utf-8")
    rows = [("participant_id", "session_id", "new_participant_id", "new_session_id")]
    for label, new in zip(made.site.people, NEW_LABELS, strict=True):
        sessions = zip(made.site.sessions, ("s1", "s2"), strict=True)
        mine = list(sessions) if label == made.site.people[1] else [("n/a", "n/a")]
        rows += [(label, session, new, new_session) for session, new_session in mine]
    made.table.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    return made


@pytest.fixture(scope="session")
def plain_input(tmp_path_factory: pytest.TempPathFactory) -> Input:
    return _input(tmp_path_factory.mktemp("plain"), telling=False)


@pytest.fixture(scope="session")
def telling_input(tmp_path_factory: pytest.TempPathFactory) -> Input:
    return _input(tmp_path_factory.mktemp("telling"), telling=True)


@pytest.fixture(scope="session")
def telling_heads(tmp_path_factory: pytest.TempPathFactory) -> Input:
    return _input(tmp_path_factory.mktemp("heads"), telling=True, anatomical=True)


#: Which dataset is released under which labels; a head takes seconds.
GIVEN = {"keep": "plain_input", "sequential": "telling_input", "keyed": "telling_heads",
         "table": "telling_input"}  # fmt: skip


@pytest.fixture(
    scope="session", params=[(layout, mode) for layout in LAYOUTS for mode in GIVEN], ids="-".join
)
def done(
    request: pytest.FixtureRequest, app: Runner, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Input, Run]:
    """The dataset de-identified, in each layout and with each way to new labels."""
    layout, mode = request.param
    given: Input = request.getfixturevalue(GIVEN[mode])
    relabel = str(given.table) if mode == "table" else mode
    options = ["--layout", layout, "--relabel", relabel, "--known-terms", str(given.known_terms)]
    options += ["--scrub-text"] if layout == "raw" else []
    out = tmp_path_factory.mktemp(f"{layout}-{mode}") / "out"
    return given, app(given.root, out, "participant", "--skip-bids-validation", *options, code=1)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _readable(root: Path) -> dict[str, bytes]:
    """Return what can be read in each file, in lower case: of images, runs of characters."""
    return {name: _text(name, content).lower() for name, content in contents(root)}


def _text(name: str, content: bytes) -> bytes:
    runs = re.findall(rb"[ -~\xc3\xa9]{4,}", content) if ".nii" in name else [content]
    return b"\n".join(runs)


def _left(tokens: list[Token], found: Mapping[str, bytes], names: str) -> list[tuple[str, str]]:
    """Return (hiding place, where it was found) of each identifier that is left."""
    everything = b"\n".join([*found.values(), names.lower().encode()])
    left = [
        (token.place, mark.encode()) for token in tokens for mark in token.marks
        if mark.encode() in everything
    ]  # fmt: skip
    return sorted(
        {
            (place, next((name for name, text in found.items() if mark in text), "a name"))
            for place, mark in left
        }
    )


def test_there_are_many_places_and_tokens(plain_input: Input, telling_input: Input) -> None:
    tokens = plain_input.site.tokens
    assert len(HIDING_PLACES) >= 100
    assert {token.place for token in telling_input.site.tokens} == {x.name for x in HIDING_PLACES}
    assert len(tokens) >= 1500
    assert sum(token.place == "README" for token in tokens) >= 30, "the policy tolerates much"
    assert len({place.name for place in HIDING_PLACES}) == len(HIDING_PLACES)
    assert all(place.why for place in HIDING_PLACES)
    texts = [mark for token in tokens for mark in token.marks]
    assert len(set(texts)) == len(texts), "each is in one place only"


@pytest.mark.parametrize("which", ["plain", "telling"])
def test_what_is_planted_is_there_to_be_found(request: pytest.FixtureRequest, which: str) -> None:
    """No test of silence without a test of hearing."""
    given: Input = request.getfixturevalue(f"{which}_input")
    found, names = _readable(given.root), "\n".join(_names(given.root))
    links = [str(p.readlink()) for p in given.root.rglob("*") if p.is_symlink()]
    everything = b"\n".join(found.values()) + "\n".join([names, *links]).lower().encode()
    silent = [
        (token.place, token.kind, mark)
        for token in given.site.tokens
        for mark in token.marks
        if mark.encode() not in everything
    ]
    assert [x for x in silent if x[0] not in IN_OTHER_LETTERS] == []


#: Places where identifiers stand as numbers, in UTF-16 or packed.
IN_OTHER_LETTERS = {"NIfTI unused numbers", "UTF-16", "tar archive", "letters"}


def _names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.rglob("*")]


def test_nothing_that_was_planted_is_left(done: tuple[Input, Run]) -> None:
    given, run = done
    names = "\n".join([*_names(run.out), run.words])
    assert _left(given.site.tokens, _readable(run.out), names) == []
    assert str(given.root) not in run.words


def test_much_is_released_and_what_is_not_is_told(done: tuple[Input, Run]) -> None:
    given, run = done
    images = [name for name in files(run.out) if name.endswith((".nii", ".nii.gz"))]
    assert len(images) >= LEAST_IMAGES
    places = {token.path: token.place for token in given.site.tokens}
    ledgers = [json.loads(path.read_text()) for path in (run.private / "ledger").iterdir()]
    failed = {
        outcome["source"]
        for ledger in ledgers
        for outcome in ledger["outcomes"]
        if outcome["status"] == "withheld by failure"
    }
    stems = {path.partition(".")[0]: place for path, place in places.items()}
    assert {stems.get(path.partition(".")[0], path) for path in failed} <= WITHHELD


def _released(source: str, out: Path) -> Path:
    """Return the path of a released file by its name without ``desc-``."""
    path = PurePosixPath(source)
    stem, suffix = path.name.split(".")[0].rsplit("_", 1)
    found = [*(out / path.parent).glob(f"{stem}_desc-*_{suffix}.nii*"), out / path]
    return found[0]


def test_every_reference_resolves(done: tuple[Input, Run]) -> None:
    _, run = done
    people = [row["participant_id"] for row in _rows(run.out / "participants.tsv")]
    assert people == sorted(path.name for path in run.out.glob("sub-*"))
    for path in run.out.rglob("*_scans.tsv"):
        names = [row["filename"] for row in _rows(path)]
        assert names == sorted(names)
        assert all((path.parent / name).is_file() for name in names), path
    for path in run.out.rglob("*_sessions.tsv"):
        names = [row["session_id"] for row in _rows(path)]
        assert names == sorted(folder.name for folder in path.parent.glob("ses-*"))
    seen = set()
    for path in run.out.rglob("sub-*/**/*.json"):
        fields = json.loads(path.read_text())
        for name in ("IntendedFor", "Sources", "AssociatedEmptyRoom", "RawSources"):
            value = fields.get(name, [])
            for reference in [value] if isinstance(value, str) else value:
                seen.add(name)
                assert _target(reference, path, run.out).is_file(), (path, reference)
    assert {"IntendedFor"} <= seen


def _target(reference: str, sidecar: Path, out: Path) -> Path:
    if reference.startswith("bids:raw:"):
        return _released(reference.removeprefix("bids:raw:"), out)
    if reference.startswith("bids::"):
        return out / reference.removeprefix("bids::")
    return out / sidecar.relative_to(out).parts[0] / reference


def test_field_maps_still_know_their_images(done: tuple[Input, Run]) -> None:
    _, run = done
    fields = [json.loads(path.read_text()) for path in run.out.rglob("sub-*/**/*.json")]
    given = {x["B0FieldIdentifier"] for x in fields if "B0FieldIdentifier" in x}
    used = {x["B0FieldSource"] for x in fields if "B0FieldSource" in x}
    assert len(given) == 1
    assert used == given


def test_documents_stay_where_they_can_and_speak_of_new_labels(done: tuple[Input, Run]) -> None:
    _, run = done
    told = set(re.findall(r"sub-[a-zA-Z0-9]+", (run.out / "CHANGES").read_text()))
    assert told == {path.name for path in run.out.glob("sub-*")} & told
    assert len(told) == 3
    scrubbed = json.loads((run.out / "code/bidsdeid/settings.json").read_text())["ScrubText"]
    readme = (run.out / "README").read_text()
    assert readme.startswith("First line.\n") is scrubbed
    assert ("[removed]" in readme) is scrubbed


def test_the_manifest_names_what_is_there(done: tuple[Input, Run]) -> None:
    _, run = done
    own = "code/bidsdeid/manifest.tsv"
    assert {row["path"] for row in _rows(run.out / own)} == files(run.out) - {own}


def _audit(path: Path, report: Path, *options: str) -> tuple[int, str]:
    code = main(
        ["audit", str(path), "--format", "json", "--no-faces", "-o", str(report), *options]
    )
    return code, report.read_text("utf-8")


def test_the_audit_does_not_stop_what_was_released(
    done: tuple[Input, Run], tmp_path: Path
) -> None:
    given, run = done
    code, words = _audit(run.out, tmp_path / "report", "--known-terms", str(given.known_terms))
    assert code in (0, 1), words
    assert [token for token in given.site.tokens for x in token.marks if x in words.lower()] == []


def test_the_plan_names_no_one(app: Runner, telling_input: Input, tmp_path: Path) -> None:
    run = app(telling_input.root, tmp_path / "out", "participant", "--dry-run",
              "--relabel", "keyed", "--known-terms", str(telling_input.known_terms))  # fmt: skip
    assert "SeriesDescription" not in run.words
    assert _left(telling_input.site.tokens, {}, run.words) == []


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runner:
    """Run the app in this process: many short jobs would spend their time on starting."""
    key = tmp_path / "our-key"
    key.write_bytes(KEY)

    def run(bids_dir: Path, out: Path, level: str, *options: str, code: int = 0) -> Run:
        done = main([str(bids_dir), str(out), level, "--key", str(key), *options])
        words = "".join(capfd.readouterr())
        assert done == code, words
        return Run(done, out, out.with_name(out.name + "_private"), words)

    return run


# ── labels ───────────────────────────────────────────────────────────────────────────────────


def test_labels_that_tell_stop_their_participants_where_labels_are_kept(
    app: Runner, tmp_path: Path
) -> None:
    site = build(tmp_path / "in", telling=True, places=["labels"])
    run = app(tmp_path / "in", tmp_path / "out", "participant", "--skip-bids-validation", code=1)
    assert [path.name for path in run.out.glob("sub-*")] == ["sub-Q7"], "a code that is not known"
    assert "use --relabel" in run.words
    told = [token for token in site.tokens if token.text not in ("Q7", *TELLING_SESSIONS)]
    assert len(told) == len(TELLING) - 1
    assert _left(told, _readable(run.out), "\n".join([*_names(run.out), run.words])) == []


#: How old labels could be read in what is released.
_OLD = re.compile(rb"(?:sub|subject|subj|participant|patient no\.|ses)[-_ ]?(?:0[1-4]|pre|post)\b")


def test_labels_too_short_to_tell_are_replaced_wherever_they_are_announced(
    app: Runner, tmp_path: Path
) -> None:
    given = _input(tmp_path, telling=False, places=HARMLESS)
    assert _OLD.search(b"\n".join(_readable(given.root).values()))
    run = app(given.root, tmp_path / "out", "participant", "--skip-bids-validation",
              "--relabel", str(given.table))  # fmt: skip
    found = {name: _OLD.findall(text) for name, text in _readable(run.out).items()}
    assert {name: words for name, words in found.items() if words} == {}
    assert _OLD.findall("\n".join([*_names(run.out), run.words]).lower().encode()) == []


Small = Callable[[str], Run]


@pytest.fixture(scope="session")
def small(app: Runner, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Return a small dataset as one run de-identifies it, with new labels of a kind."""
    folder = tmp_path_factory.mktemp("small")
    build(folder / "in", telling=True, places=HARMLESS)

    @cache
    def run(mode: str) -> Run:
        return app(folder / "in", folder / mode, "participant", "--skip-bids-validation",
                   "--relabel", mode)  # fmt: skip

    return run


@pytest.mark.parametrize(
    ("mode", "jobs"),
    [
        ("keyed", [["19871105"], ["Q7"], ["Qanalabelu"], ["481516234"]]),
        ("sequential", [["Qanalabelu", "19871105"], ["Q7", "481516234"]]),
    ],
)
def test_the_order_of_jobs_and_folders_changes_no_byte(
    here: Runner, small: Small, tmp_path: Path, mode: str, jobs: list[list[str]]
) -> None:
    build(tmp_path / "in", telling=True, places=HARMLESS, seed=1)
    options = ("--skip-bids-validation", "--relabel", mode)
    for labels in jobs:
        here(tmp_path / "in", tmp_path / "out", "participant", *options,
             "--participant-label", *labels)  # fmt: skip
    here(tmp_path / "in", tmp_path / "out", "group", *options)
    assert digest(tmp_path / "out") == digest(small(mode).out)


def test_the_times_of_files_tell_nothing_of_the_order_of_old_labels(small: Small) -> None:
    folders = list(small("keyed").out.glob("sub-*"))
    by_time = sorted(folders, key=lambda folder: folder.stat().st_mtime_ns)
    assert by_time == sorted(folders)


def _new_labels(run: Run) -> dict[tuple[str, str], tuple[str, str]]:
    rows = _rows(run.private / "labels-keyed.tsv")
    return {
        (row["participant_id"], row["session_id"]): (
            row["new_participant_id"],
            row["new_session_id"],
        )
        for row in rows
    }


def test_a_key_gives_the_same_labels_again_also_beside_others(
    here: Runner, small: Small, tmp_path: Path
) -> None:
    whole = small("keyed")
    site = build(tmp_path / "in", telling=True, places=HARMLESS)
    newcomer = tmp_path / "in/sub-new/func/sub-new_task-rest_bold.nii.gz"
    newcomer.parent.mkdir(parents=True)
    shutil.copy(tmp_path / "in" / site.teller.replace(".json", ".nii.gz"), newcomer)
    run = here(tmp_path / "in", tmp_path / "out", "participant", "--skip-bids-validation",
               "--relabel", "keyed", "--private-dir", str(tmp_path / "out_private"))  # fmt: skip
    after = {pair: new for pair, new in _new_labels(run).items() if pair[0] != "new"}
    assert after == _new_labels(whole)
    for folder in whole.out.glob("sub-*"):
        assert digest(run.out / folder.name) == digest(folder)


def test_two_keys_share_no_label_and_no_date(here: Runner, small: Small, tmp_path: Path) -> None:
    build(tmp_path / "in", telling=True, places=HARMLESS)
    key = tmp_path / "key"
    key.write_bytes(b"another key for tests only, of enough bytes\n")
    other = here(tmp_path / "in", tmp_path / "out", "participant", "--skip-bids-validation",
                 "--relabel", "keyed", "--key", str(key))  # fmt: skip
    labels, days = [], []
    for run in (small("keyed"), other):
        labels.append({x for pair in _new_labels(run).values() for x in pair} - {"n/a"})
        tables = run.out.rglob("*_sessions.tsv")
        days.append({row["acq_time"] for path in tables for row in _rows(path)})
    assert len(labels[0]) == len(labels[1]) == len(TELLING) + len(TELLING_SESSIONS)
    assert not labels[0] & labels[1]
    assert not days[0] & days[1]


# ── each detector, and the last audit ────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def terms(plain_input: Input) -> Terms:
    """The words that a run would look for."""
    known = known_words(plain_input.site.known_terms)
    return glean(plain_input.root, default_policy()).harvest.terms(known)


def _kinds_left(given: Input, terms: Terms) -> set[str]:
    """Return the kinds of identifiers that are left in the sidecars of runs."""
    left = set()
    for path in sorted(given.root.glob("sub-01/func/*_bold.json")):
        name = path.relative_to(given.root).as_posix()
        kept, _ = scrub_fields(json.loads(path.read_text()), default_policy(),
                               Context("01", terms=terms))  # fmt: skip
        text = json.dumps(kept, ensure_ascii=False).lower()
        mine = [token for token in given.site.tokens if token.path == name]
        left |= {token.kind for token in mine for mark in token.marks if mark in text}
    return left


def test_with_all_detectors_no_kind_is_left(plain_input: Input, terms: Terms) -> None:
    assert _kinds_left(plain_input, terms) == set()
    assert {kind.detector for kind in KINDS} == detectors.DETECTOR_NAMES | {"known term"}


#: Words of each kind, by the attribute of `Terms` that holds them.
_WORDS = {"known term": "known", "name in this dataset": "persons",
          "record of this dataset": "records",
          "staff or place of this dataset": "places"}  # fmt: skip


@pytest.mark.parametrize("name", sorted(detectors.DETECTOR_NAMES | {"known term"}))
def test_a_detector_that_is_switched_off_leaves_what_only_it_finds(
    plain_input: Input, terms: Terms, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    rows = tuple(row for row in detectors.DETECTORS if row.name != name)
    monkeypatch.setattr(detectors, "_SHORT", 0)  # nothing is remembered
    monkeypatch.setattr(detectors, "DETECTORS", rows)
    if name == "length":
        monkeypatch.setattr(detectors, "MAX_LENGTH", 10**6)
    less = replace(terms, **{_WORDS[name]: Lexicon()}) if name in _WORDS else terms
    left = _kinds_left(plain_input, less)
    assert left
    assert {KIND[kind].detector for kind in left} == {name}


def _two_people(root: Path, *, named: bool) -> None:
    """Write a dataset in which the second participant's sidecar may say who the first one is."""
    root.mkdir(exist_ok=True)
    (root / "dataset_description.json").write_text('{"Name": "two", "BIDSVersion": "1.9.0"}')
    (root / "task-rest_bold.json").write_text('{"RepetitionTime": 2.0, "TaskName": "rest"}')
    sidecars = {"01": {"SeriesDescription": "again Zemgotcha"}, "02": {"FlipAngle": 90}}
    if named:
        sidecars["02"]["PatientName"] = "ZEMGOTCHA^QANA"
    for label, fields in sidecars.items():
        stem = f"sub-{label}/func/sub-{label}_task-rest_bold"
        (root / stem).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{stem}.json").write_text(json.dumps(fields))
        if not (root / f"{stem}.nii.gz").exists():
            (root / f"{stem}.nii.gz").write_bytes(packed(epi()))


def test_a_name_that_is_learnt_later_takes_its_participant_out_of_the_release(
    here: Runner, tmp_path: Path
) -> None:
    _two_people(tmp_path / "in", named=False)

    def go(level: str, *options: str, code: int = 0) -> Run:
        return here(tmp_path / "in", tmp_path / "out", level, "--skip-bids-validation", *options,
                    code=code)  # fmt: skip

    run = go("participant", "--participant-label", "01")
    sidecar = run.out / "sub-01/func/sub-01_task-rest_bold.json"
    assert "Zemgotcha" in sidecar.read_text(), "nothing said that this is a name"
    _two_people(tmp_path / "in", named=True)
    go("participant", "--participant-label", "02")
    run = go("group", code=65)
    assert "1 participant(s) were taken out" in run.words
    assert "gotcha" not in run.words.lower()
    assert [path.name for path in run.out.glob("*")] == ["sub-02"]
    run = go("participant")
    assert _left([_GOTCHA], _readable(run.out), run.words) == []
    assert sidecar.exists()


_GOTCHA = Token("Zemgotcha", ("zemgotcha",), "surname", "SeriesDescription", "")


Rows = dict[str, list[dict[str, str]]]


# ── the audit ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def audited(
    plain_input: Input, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], str]:
    """What an audit says of the input."""
    before = digest(plain_input.root, times=True)
    report = tmp_path_factory.mktemp("audit") / "report"
    code, words = _audit(plain_input.root, report, "--known-terms", str(plain_input.known_terms))
    assert code == 65
    assert digest(plain_input.root, times=True) == before, "an audit changes nothing"
    return json.loads(words), words


def test_an_audit_finds_what_is_planted_and_tells_what_it_cannot_see(
    plain_input: Input, audited: tuple[dict[str, Any], str]
) -> None:
    report, _ = audited
    coverage, findings = (
        _by_path(plain_input.root, report[part]) for part in ("Coverage", "Findings")
    )
    closed = {place.name for place in HIDING_PLACES if place.closed}
    tokens = plain_input.site.tokens
    told = [token for token in tokens if token.place in closed]
    assert [token for token in told if not _is_told(coverage, token)] == []
    open_to_see = [token for token in tokens if token.place not in closed]
    missed = [token for token in open_to_see if not _is_told(findings, token)]
    assert len(missed) <= 0.01 * len(open_to_see), missed


def _is_told(rows: Rows, token: Token) -> bool:
    """Tell whether a row is about an identifier: in its file, and there in its place."""
    mine = rows.get(token.path, [])
    return any(token.where in ("", row.get("where", token.where)) for row in mine)


def _by_path(root: Path, rows: list[dict[str, str]]) -> Rows:
    """Return the rows of a report by the paths that they are about."""
    found: Rows = {}
    for row in rows:
        found.setdefault(_meant(root, row["path"]), []).append(row)
    return found


def _meant(root: Path, shown: str) -> str:
    """Return the path that a report shows: masked names have their place in the folder."""
    folder = root
    for part in shown.split("/"):
        number = re.search(r" \(no\. (\d+)\)$", part)
        names = sorted(path.name for path in folder.iterdir()) if number else []
        folder /= names[int(number[1]) - 1] if number else part
    return folder.relative_to(root).as_posix()


def test_an_audit_repeats_nothing_of_what_it_finds(
    plain_input: Input, audited: tuple[dict[str, Any], str]
) -> None:
    assert _left(plain_input.site.tokens, {}, audited[1]) == []
