"""Where identifiers hide in a dataset: one row a place, with why one survives there.

Each row puts identifiers there that occur nowhere else, so that one that is found in an output,
or missed by an audit, tells its place.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from canary_site import PLAIN, PLAIN_SESSIONS, RUN, TELLING, TELLING_SESSIONS, Site
from canary_tokens import KINDS, Token
from file_bytes import (
    dicom,
    dicom_element,
    edf,
    epi,
    exif,
    jpeg,
    office,
    packed,
    png,
    tarred,
    with_fields,
    with_surroundings,
    zipped,
)
from strategies import default_policy

Planter = Callable[[Site], None]


@dataclass(frozen=True)
class Place:
    """One hiding place.

    Parameters
    ----------
    name : str
    why : str
        How an identifier survives there.
    plant : callable
        Puts identifiers there.
    closed : bool
        It cannot be looked into: an audit says so, and finds nothing.
    """

    name: str
    why: str
    plant: Planter
    closed: bool = False


ALL = tuple(RUN)
#: What is found by its form alone, wherever it stands.
FORMS = tuple(kind.name for kind in KINDS if kind.declared is None)
#: Names and codes that only what other files say gives away.
DECLARED = tuple(kind.name for kind in KINDS if kind.declared is not None)


def _searched(tolerate: Collection[str]) -> tuple[str, ...]:
    """Return the kinds that a text may not hold; what follows an escape sequence may stay."""
    apart = {*tolerate, "control characters"}
    return tuple(kind.name for kind in KINDS if kind.detector not in apart)


def _in_document(path: str) -> tuple[str, ...]:
    rule = default_policy().file_rule(PurePosixPath(path), None, None)
    return _searched(rule.tolerate)


_IN_README = _in_document("README")
_IN_LICENSE = _in_document("LICENSE")
_IN_LINKS = _searched(default_policy().key_rule("dataset", "ReferencesAndLinks").tolerate)
_SHORT = ("surname", "ISO date", "record number")


# ── planters ─────────────────────────────────────────────────────────────────────────────────


def _kept(name: str, kinds: Sequence[str] = ALL) -> Planter:
    """Plant into a field of text that is kept: each kind in the sidecar of a run of its own."""

    def plant(site: Site) -> None:
        for kind in kinds:
            path = f"{site.run(RUN[kind])}_bold.json"
            site.fields(path)[name] = site.say(kind, path, f"field {name}")

    return plant


def _described(name: str, kinds: Sequence[str] = ALL) -> Planter:
    """Plant into the description of a column that is kept."""

    def plant(site: Site) -> None:
        for kind in kinds:
            path = f"{site.run(RUN[kind])}_events.json"
            column = site.fields(path).setdefault("trial_type", {})
            column[name] = site.say(kind, path, f"field {name}")

    return plant


def _levels(site: Site, *, keys: bool) -> None:
    for kind in ALL:
        path = f"{site.run(RUN[kind])}_events.json"
        column = "response" if keys else "stimulus"
        where = "name of a field" if keys else "field (unknown)"
        word = site.say(kind, path, where)
        site.fields(path)[column] = {"Levels": {word: "yes"} if keys else {"y": word}}


def _annotations(site: Site) -> None:
    for kind in FORMS:
        path = f"{site.run(RUN[kind])}_events.json"
        text = f"Sensory-event, ({site.say(kind, path, 'field (unknown)')})"
        site.fields(path).setdefault("trial_type", {})["HED"] = {"go": text}


def _unknown_keys(site: Site) -> None:
    for kind in ALL:
        path = f"{site.run(RUN[kind])}_bold.json"
        site.fields(path)[site.say(kind, path, "name of a field")] = 1


def _inside(site: Site) -> None:
    for kind in ALL:
        path = f"{site.run(RUN[kind])}_bold.json"
        word = site.say(kind, path, "field (unknown)")
        site.fields(path)["Notes"] = {"of": [{"who": [word]}]}


def _identity(*names: str, kind: str = "word") -> Planter:
    """Plant into fields that identify by their names."""

    def plant(site: Site) -> None:
        path = f"{site.new_series()}.json"
        for name in names:
            site.fields(path)[name] = site.say(kind, path, f"field {name}")

    return plant


def _anywhere(*names: str) -> Planter:
    """Plant into fields that are dropped whatever they hold, one kind after the other."""

    def plant(site: Site) -> None:
        for number, kind in enumerate(ALL):
            name = names[number % len(names)]
            if name == names[0]:
                path = f"{site.new_series()}.json"
            site.fields(path)[name] = site.say(kind, path, f"field {name}")

    return plant


def _numbers(site: Site) -> None:
    path = f"{site.new_series()}.json"
    for name, kind in (("SAR", "date without marks"), ("TxRefAmp", "record number")):
        token = site.token(kind, path, f"field {name}")
        site.fields(path)[name] = int(token.marks[0])
    token = site.token("date without marks", path, "field ShimSetting")
    site.fields(path)["ShimSetting"] = [12, -7, int(token.text), 4]


def _wrong_types(site: Site) -> None:
    path = f"{site.new_series()}.json"
    fields = site.fields(path)
    fields["EchoTrainLength"] = site.say("surname", path)
    fields["ShimSetting"] = [12, site.say("surname", path), 3]
    fields["ImageType"] = ["ORIGINAL", site.say("name in the form of DICOM", path), "M"]
    fields["SpoilingState"] = site.say("e-mail address", path)


def _required(name: str, kind: str, *, listed: bool = False) -> Planter:
    def plant(site: Site) -> None:
        path = f"{site.new_series()}.json"
        word = site.say(kind, path, f"field {name}")
        site.fields(path)[name] = [0.0, word] if listed else word

    return plant


def _sidecar(path: Callable[[Site], str], *names: str) -> Planter:
    """Plant into kept fields of a sidecar that images inherit from."""

    def plant(site: Site) -> None:
        for name, kind in zip(names, _SHORT, strict=True):
            site.fields(path(site))[name] = site.say(kind, path(site), f"field {name}")

    return plant


def _dataset(*names: str, kinds: Sequence[str] = _IN_README) -> Planter:
    """Plant into a list of texts about the dataset, or one text of several lines."""

    def plant(site: Site) -> None:
        path = "dataset_description.json"
        for name in names:
            words = [site.say(kind, path, f"field {name}") for kind in kinds]
            many = name in ("Authors", "Funding", "EthicsApprovals", "Keywords")
            site.fields(path)[name] = [f"see {w}" for w in words] if many else "; ".join(words)

    return plant


def _links_of_publications(site: Site) -> None:
    path, where = "dataset_description.json", "field ReferencesAndLinks"
    words = [site.say(kind, path, where) for kind in _IN_LINKS]
    site.fields(path)["ReferencesAndLinks"] = [f"https://example.org/ {word}" for word in words]


def _generated_by(site: Site) -> None:
    path = "dataset_description.json"
    kinds = iter(_IN_README)
    tools = [
        {
            "Name": site.say(next(kinds), path),
            "Description": site.say(next(kinds), path),
            "Container": {"Type": "docker", "URI": site.say(next(kinds), path)},
        }
        for _ in range(len(_IN_README) // 3)
    ]
    site.fields(path)["GeneratedBy"] = tools


def _source_datasets(site: Site) -> None:
    path = "dataset_description.json"
    sources = [{"URL": site.say(kind, path)} for kind in ("home folder", "surname", "IP address")]
    site.fields(path)["SourceDatasets"] = sources
    site.fields(path)["DatasetLinks"] = {"raw": site.say("network folder", path)}


def _contact(site: Site) -> None:
    path = "dataset_description.json"
    site.fields(path)["ContactPerson"] = {
        "Name": site.say("whole name", path),
        "Office": [site.say("e-mail address", path), 3],
    }
    site.fields(path)[site.say("surname", path)] = "x"  # fmt: skip


def _document(path: str, kinds: Sequence[str]) -> Planter:
    """Plant into a text, one line for each kind."""

    def plant(site: Site) -> None:
        lines = ["First line."] + [
            site.say(kind, path, f"line {number}") for number, kind in enumerate(kinds, start=2)
        ]
        site.files[path] = ("\n".join(lines) + "\n").encode()

    return plant


def _citation(site: Site) -> None:
    path = "CITATION.cff"
    lines = ["cff-version: 1.2.0", "message: Cite it.", "title: A dataset",
             "authors: [{family-names: Nobody}]", "abstract: |"]  # fmt: skip
    lines += [
        f"  {site.say(kind, path, f'line {number}')}"
        for number, kind in enumerate(_IN_LICENSE, start=len(lines) + 1)
    ]
    site.files[path] = ("\n".join(lines) + "\n").encode()


def _add_column(rows: list[list[str]], name: str, cells: Sequence[str]) -> None:
    rows[0].append(name)
    for number, row in enumerate(rows[1:]):
        row.append(cells[number] if number < len(cells) else "n/a")


def _people_columns(site: Site) -> None:
    path = "participants.tsv"
    for name in ("surname", "first_name", "mrn", "e_mail", "phone", "street"):
        words = [site.say("word", path, f"column {name}") for _ in site.people]
        _add_column(site.tables[path], name, words)
    for kinds in (FORMS[number : number + 4] for number in range(0, len(FORMS), 4)):
        words = [site.say(kind, path, "column (unknown)") for kind in kinds]
        _add_column(site.tables[path], f"note{kinds[0][0]}{len(site.tables[path][0])}", words)


def _people_header(site: Site) -> None:
    path = "participants.tsv"
    for kind in ("surname", "ISO date", "record number", "e-mail address"):
        word = site.say(kind, path, "name of a column")
        _add_column(site.tables[path], word, "1234")


def _people_cells(site: Site) -> None:
    path, kinds = "participants.tsv", ("surname", "ISO date", "record number", "patient code")
    for row, kind in zip(site.tables[path][1:], kinds, strict=True):
        row[2] = f"group {site.say(kind, path, 'column group')}"


def _people_strangers(site: Site) -> None:
    word = site.token("record number", "participants.tsv", "column participant_id")
    site.tables["participants.tsv"].append([f"sub-{word.marks[0].removeprefix('no. ')}", "n/a",
                                            "control"])  # fmt: skip


def _people_described(site: Site) -> None:
    path = "participants.json"
    for column, name in (("age", "Description"), ("age", "LongName"), ("group", "Description")):
        for kind in ("surname",) if column == "age" else ("ISO date",):
            site.fields(path).setdefault(column, {})[name] = site.say(kind, path, f"field {name}")
    site.fields(path)["group"]["Levels"] = {
        site.say(kind, path, "name of a field"): site.say(kind, path, "field (unknown)")
        for kind in _IN_README
    }
    site.fields(path)["surname"] = {"Description": site.say("whole name", path)}


def _sessions(site: Site) -> None:
    label = site.people[1]
    path = f"sub-{label}/sub-{label}_sessions.tsv"
    rows = site.tables[path]
    for row, day in zip(rows[1:], ("2018-02-03", "2019-04-05"), strict=True):
        row[1] = f"{day}T09:00:00"
        site.tokens.append(Token(day, (day,), "date of a visit", site.place, path,
                                 "column acq_time"))  # fmt: skip
    for name, kind in (("clinician", "word"), ("comment", "time of day"), ("pathology", "surname"),
                       ("visit_id", "word")):  # fmt: skip
        where = "column (unknown)" if name == "comment" else f"column {name}"
        _add_column(rows, name, [site.say(kind, path, where) for _ in rows[1:]])
    path = f"sub-{label}/sub-{label}_sessions.json"
    site.fields(path)["pathology"] = {"Description": site.say("surname", path),
                                      "Levels": {site.say("ISO date", path): "x"}}  # fmt: skip


def _scans(site: Site) -> None:
    label, session = site.people[1], site.sessions[0]
    path = f"sub-{label}/ses-{session}/sub-{label}_ses-{session}_scans.tsv"
    rows = [["filename", "acq_time"]]
    stem = f"func/sub-{label}_ses-{session}_task-rest_bold.nii.gz"
    rows.append([stem, "2018-02-03T09:10:11"])
    stranger = site.say("surname", path, "column filename")
    rows.append([f"func/{stranger}.nii.gz", "2018-02-03T09:12:11"])
    for name, kind in (("operator", "word"), ("comment", "surname"), ("patient_id", "word")):
        where = "column (unknown)" if name == "comment" else f"column {name}"
        _add_column(rows, name, [site.say(kind, path, where) for _ in rows[1:]])
    _add_column(rows, site.say("ISO date", path, "name of a column"), ["1", "2"])
    site.tables[path] = rows
    path = path.replace(".tsv", ".json")
    site.fields(path)["acq_time"] = {"Description": site.say("whole name", path)}
    site.fields(path)["operator"] = {"Levels": {site.say("surname", path): "first"}}


def _event_cells(column: int) -> Planter:
    def plant(site: Site) -> None:
        for kind in ALL:
            path = f"{site.run(RUN[kind])}_events.tsv"
            rows = site.tables[path]
            rows.append(["3", "1", "n/a", "n/a", "n/a"])
            rows[-1][column] = site.say(kind, path, f"column {rows[0][column]}")

    return plant


def _event_columns(site: Site) -> None:
    for kind in ALL:
        path = f"{site.run(RUN[kind])}_events.tsv"
        rows = site.tables[path]
        _add_column(rows, site.say(kind, path, "name of a column"), [])
        _add_column(rows, "stim_file", [site.say(kind, path, "column (unknown)")])


def _event_numbers(site: Site) -> None:
    path = f"{site.run(1)}_events.tsv"
    token = site.token("date without marks", path, "column value")
    _add_column(site.tables[path], "value", [token.text])
    token = site.token("record number", path, "column trial_number")
    _add_column(site.tables[path], "trial_number", [token.marks[0]])


def _physio(site: Site) -> None:
    stem = f"{site.run(1)}_physio"
    unknown, described = site.say("surname", f"{stem}.json"), site.say("ISO date", f"{stem}.json")
    site.json[f"{stem}.json"] = {
        "SamplingFrequency": 10, "StartTime": 0, "Columns": ["cardiac", unknown],
        "cardiac": {"Description": described, "Units": "mV"},
        unknown: {"Description": site.say("whole name", f"{stem}.json")},
        "DeviceSerialNumber": site.say("word", f"{stem}.json", "field DeviceSerialNumber"),
    }  # fmt: skip
    path = f"{stem}.tsv.gz"
    date, name, number = (
        site.token(kind, path, "recording")
        for kind in ("date without marks", "surname", "record number")
    )
    rows = f"0.1\t1\n{date.text}\t2\n0.3\t{name.text}\n0.4\t{number.marks[0]}\n"
    site.files[path] = packed(rows.encode(), name=site.say("surname", path, "gzip name"),
                              comment=site.say("home folder", path, "gzip comment"))  # fmt: skip


def _gradients(site: Site) -> None:
    label = site.people[3]
    stem = f"sub-{label}/dwi/sub-{label}_dwi"
    site.files[f"{stem}.nii.gz"] = packed(epi())
    site.files[f"{stem}.bvec"] = b"0 1 0 0\n0 0 1 0\n0 0 0 1\n"
    text = f"# {site.say('surname', f'{stem}.bval')} {site.say('ISO date', f'{stem}.bval')}\n"
    site.files[f"{stem}.bval"] = f"{text}0 1000 1000 1000\n".encode()


def _header(name: str, *kinds: str) -> Planter:
    """Plant into a text field of a NIfTI header."""

    def plant(site: Site) -> None:
        for kind in kinds:
            path = f"{site.new_series()}.nii.gz"
            word = site.say(kind, path, f"header field {name}")
            site.files[path] = packed(with_fields(epi(), {name: word}))

    return plant


def _behind_the_end_of_a_text(site: Site) -> None:
    path = f"{site.new_series()}.nii.gz"
    word = site.say("surname", path, "header field descrip")
    site.files[path] = packed(with_fields(epi(), {"descrip": f"TE=30\0{word}"}))


def _header_numbers(site: Site) -> None:
    path = f"{site.new_series()}.nii.gz"
    words = {
        name: int(site.token("date without marks", path, f"header field {name}").text)
        for name in ("extents", "glmax", "glmin")
    }
    # A number does not stand there as text: what is looked for is that it can be read.
    site.files[path] = packed(with_fields(epi(), words))


def _extension(code: int, kind: str) -> Planter:
    def plant(site: Site) -> None:
        path = f"{site.new_series()}.nii.gz"
        word = site.say(kind, path)
        content = dicom_element(word) if code == 2 else word.encode()
        site.files[path] = packed(with_surroundings(epi(), {code: content}))

    return plant


def _around(*, before: bool, zipped_: bool) -> Planter:
    def plant(site: Site) -> None:
        stem = site.new_series()
        path = f"{stem}.nii.gz" if zipped_ else f"{stem}.nii"
        word = f"found {site.say('surname', path)}".encode()
        image = with_surroundings(
            epi(), before=word if before else b"", behind=b"" if before else word
        )
        if not zipped_:
            del site.files[f"{stem}.nii.gz"]
        site.files[path] = packed(image) if zipped_ else image

    return plant


def _gzip(part: str, kind: str) -> Planter:
    def plant(site: Site) -> None:
        path = f"{site.new_series()}.nii.gz"
        word = site.say(kind, path, f"gzip {part}")
        site.files[path] = packed(epi(), **{part.split(maxsplit=1)[0]: word})

    return plant


def _gzip_time(site: Site) -> None:
    path = f"{site.new_series()}.nii.gz"
    site.files[path] = packed(epi(), seconds=1551693600)
    marks = ("2019-03-04T10:00:00",)
    site.tokens.append(Token(marks[0], (), "date of a visit", site.place, path, "gzip time"))


def _gzip_member(site: Site) -> None:
    path = f"{site.new_series()}.nii.gz"
    word = f"found {site.say('surname', path)}"
    site.files[path] = packed(epi()) + packed(b"", comment=word)


def _stands(site: Site, token: Token, path: str, word: str) -> None:
    """Note that an identifier stands in the name of a file, or of a folder above it."""
    parts = path.split("/")
    last = next(number for number, part in enumerate(parts) if word in part)
    where = "file name" if last == len(parts) - 1 else "folder name"
    site.stands(token, "/".join(parts[: last + 1]), where)


def _named(pattern: str, *kinds: str) -> Planter:
    """Plant into the name of a file: ``{}`` is the identifier, ``{c}`` the third participant."""

    def plant(site: Site) -> None:
        for kind in kinds:
            token = site.token(kind)
            word = token.marks[-1] if kind in ("record number", "ISO date") else token.text
            path = pattern.format(word, c=site.people[2])
            image = path.endswith(".nii.gz")
            site.files[path] = packed(epi()) if image else b"Nothing is in here.\n"
            _stands(site, token, path, word)

    return plant


def _link(site: Site) -> None:
    folder = f"sub-{site.people[2]}/func"
    token = site.token("surname")
    path = f"{folder}/{token.text}_scan.txt"
    site.links[path] = "../../task-rest_bold.json"
    _stands(site, token, path, token.text)


def _folder_link(site: Site) -> None:
    """Link to a folder: it may hold what a rule would release, so that it is a failure."""
    token = site.token("surname")
    path = f"sub-{site.people[2]}/{token.text}"
    site.links[path] = "../code"
    _stands(site, token, path, token.text)


def _link_target(site: Site) -> None:
    path = f"sub-{site.people[2]}/func/notes.txt"
    site.links[path] = site.say("home folder", path, "target of the link")


def _source_dicom(site: Site) -> None:
    for number, kind in enumerate(kind for kind in ALL if kind != "long text"):
        path = f"sourcedata/dicom/{number:03}.dcm"
        site.files[path] = dicom(
            site.say("word", path, "tag (0010,0010) PatientName"),
            site.say("word", path, "tag (0010,0020) PatientID"),
            site.say(kind, path, "tag (0020,4000) ImageComments"),
            site.say("e-mail address", path),
            site.say("word", path),
        )


def _nested_folder(site: Site) -> None:
    token = site.token("name in the form of DICOM")
    path = f"sourcedata/{token.text}/scan.txt"
    site.files[path] = b"Nothing is in here.\n"
    _stands(site, token, path, token.text)


def _source_json(site: Site) -> None:
    path = "sourcedata/info.json"
    site.json[path] = {
        "PatientName": site.say("word", path, "field PatientName"),
        "series": [{"comment": site.say(kind, path, "field (unknown)")} for kind in ALL],
    }


def _phenotype(site: Site) -> None:
    path = "phenotype/interview.tsv"
    site.tables[path] = [["participant_id", "surname", "answer"]] + [
        [
            f"sub-{site.people[0]}",
            site.say("word", path, "column surname"),
            site.say(kind, path, "column (unknown)"),
        ]
        for kind in FORMS
    ]
    path = "phenotype/interview.json"
    site.json[path] = {"answer": {"Description": site.say("whole name", path),
                                  "Levels": {site.say("surname", path): "x"}}}  # fmt: skip


def _hidden(site: Site) -> None:
    token = site.token("surname")
    path = f".heudiconv/{token.text}/info/notes.txt"
    _stands(site, token, path, token.text)
    kinds = (kind for kind in ALL if kind != "long text")
    lines = [site.say(kind, path, f"line {n}") for n, kind in enumerate(kinds, start=1)]
    site.files[path] = "\n".join(lines).encode()


def _picture(path: str, make: Callable[[str, str], bytes]) -> Planter:
    def plant(site: Site) -> None:
        site.files[path] = make(site.say("whole name", path), site.say("surname", path))

    return plant


def _bare(path: str, make: Callable[[str], bytes]) -> Planter:
    def plant(site: Site) -> None:
        site.files[path] = make(site.say("surname", path))

    return plant


def _archive(site: Site) -> None:
    path = "sourcedata/scans.zip"
    members = {f"{site.say(kind, path)}/a.dcm": "x" for kind in ("surname", "e-mail address")}
    site.files[path] = zipped(members, site.say("home folder", path))


def _ignored(site: Site) -> None:
    path = f"sub-{site.people[2]}/func/sub-{site.people[2]}_task-rest_run-99_bold.json"
    site.json[path] = {"SeriesDescription": site.say("surname", path, "field SeriesDescription")}
    site.series(site.people[2], "rest", 99)
    path = ".bidsignore"
    words = f"# {site.say('surname', path)} {site.say('e-mail address', path)}"
    site.files[path] = f"{words}\n*run-99*\n*.txt\n*.zip\n".encode()


def _wide_text(site: Site) -> None:
    path = "sourcedata/notes.txt"
    text = "\n".join(site.say(kind, path) for kind in ("surname", "ISO date", "home folder"))
    site.files[path] = text.encode("utf-16")


def _history(site: Site) -> None:
    words = [site.say(kind, ".git") for kind in _SHORT]
    site.files[".git/objects/pack"] = " ".join(words).encode()


# ── old labels, where labels are replaced ────────────────────────────────────────────────────


def _old(site: Site, label: str, path: str) -> str:
    """Return an old label that is going to stand in a file; only a telling one is looked for."""
    if site.telling:
        marks = (label.lower(),) if len(label) > 2 else (f"sub-{label.lower()}",)
        site.tokens.append(Token(label, marks, "old label", site.place, path))
    return label


def _fieldmap(site: Site) -> str:
    label, session = site.people[1], site.sessions[1]
    return f"sub-{label}/ses-{session}/fmap/sub-{label}_ses-{session}_dir-PA_epi"


def _references(site: Site) -> None:
    label, session = site.people[1], site.sessions[1]
    stem = _fieldmap(site)
    site.files[f"{stem}.nii.gz"] = packed(epi(2))
    own = f"ses-{session}/func/sub-{label}_ses-{session}_task-rest_bold.nii.gz"
    other = f"sub-{site.people[0]}/anat/sub-{site.people[0]}_T1w.nii.gz"
    site.fields(f"{stem}.json").update({
        "PhaseEncodingDirection": "j", "TotalReadoutTime": 0.05,
        "IntendedFor": [own, f"bids::sub-{label}/{own}", f"bids::{other}"],
        "Sources": [f"bids::sub-{label}/{own}", f"bids:raw:sub-{label}/{own}"],
        "RawSources": [f"sub-{label}/{own}"],
        "AssociatedEmptyRoom": f"bids::{other}",
        "B0FieldIdentifier": f"pepolar_sub-{_old(site, label, f'{stem}.json')}",
    })  # fmt: skip
    for session_ in site.sessions:
        path = f"sub-{label}/ses-{session_}/func/sub-{label}_ses-{session_}_task-rest_bold.json"
        site.fields(path)["B0FieldSource"] = f"pepolar_sub-{label}"


_WAYS = (
    "as for sub-{}", "compare with sub-{}_ses-x", "see SUB-{}", "repeated for subject {}",
    "Participant_{} moved", "like sub{}", "subj {}", "same as {}", "patient no. {}",
)  # fmt: skip


def _spoken(site: Site) -> None:
    for number, way in enumerate(_WAYS):
        label = site.people[number % 3]
        text = way.format(label)
        path = f"{site.run(number + 1)}_bold.json"
        site.fields(path)["MatrixCoilMode"] = text
        _old(site, label, path)
        path = f"{site.run(number + 1)}_events.tsv"
        site.tables[path].append(["4", "1", text, "n/a", "n/a"])
        _old(site, label, path)
    site.tables["participants.tsv"][4][2] = f"sibling of sub-{_old(site, site.people[3], '')}"


def _described_label(site: Site) -> None:
    path = "task-rest_events.json"
    words = [f"asked of sub-{_old(site, label, path)}" for label in site.people]
    site.fields(path)["response"] = {"Levels": {f"y{n}": x for n, x in enumerate(words)}}
    session = _old(site, site.sessions[0], path)
    site.fields(path)["stimulus"] = {"Description": f"used from ses-{session} on"}


def _borrowed(site: Site) -> None:
    """Give a file the label of another participant as one of its entities."""
    if site.telling:
        label = site.people[2]
        for entity, word in (("acq", site.people[0]), ("task", site.people[1])):
            task = "" if entity == "task" else "task-rest_"
            name = f"sub-{label}_{task}{entity}-{word}_bold.nii.gz"
            path = f"sub-{label}/func/{name}"
            site.files[path] = packed(epi())
            _old(site, word, path)
            if entity == "task":
                site.json[path.replace(".nii.gz", ".json")] = {"TaskName": word}


def _told(site: Site) -> None:
    """Tell of other participants: in a form that can be replaced, and in others."""
    for path, ways in (("CHANGES", _WAYS[:2]), ("README", _WAYS)):
        pairs = [(way, label) for way in ways for label in site.people[:3]]
        lines = [f"  - {way.format(_old(site, label, path))}" for way, label in pairs]
        text = "\n".join(["1.0.0 2024-01-01", *lines])
        site.files[path] = site.files.get(path, b"") + f"{text}\n".encode()


def _own_label(site: Site) -> None:
    for label in site.people:
        _old(site, label, f"sub-{label}")
    for session in site.sessions:
        _old(site, session, f"sub-{site.people[1]}/ses-{session}")


# ── the table ────────────────────────────────────────────────────────────────────────────────

HIDING_PLACES = (
    Place("SeriesDescription", "operators type at the console", _kept("SeriesDescription")),
    Place("ProtocolName", "protocols are saved under the first person's name",
          _kept("ProtocolName")),
    Place("TaskDescription", "it is free text", _kept("TaskDescription")),
    Place("Instructions", "they tell whom to call", _kept("Instructions")),
    Place("PulseSequenceDetails", "a build tells where it was built",
          _kept("PulseSequenceDetails")),
    Place("SequenceName", "it tells a sequence's file", _kept("SequenceName")),
    Place("ReceiveCoilName", "coils are named after rooms and people", _kept("ReceiveCoilName")),
    Place("ScanOptions", "vendors append to it", _kept("ScanOptions")),
    Place("Description of a column", "a table's author explains it", _described("Description")),
    Place("LongName of a column", "it is free text", _described("LongName")),
    Place("Units of a column", "it is free text", _described("Units")),
    Place("Format of a column", "nobody looks there", _described("Format")),
    Place("TermURL of a column", "addresses have users and paths", _described(
        "TermURL", tuple(kind for kind in ALL if kind != "record number"))),
    Place("keys of Levels", "a level is called after who had it", partial(_levels, keys=True)),
    Place("values of Levels", "they explain by example", partial(_levels, keys=False)),
    Place("HED of a column", "annotations have labels of their own", _annotations),
    Place("names of unknown fields", "dropping a value keeps its key", _unknown_keys),
    Place("lists within objects", "a search that stops at the first level", _inside),
    Place("fields of the person", "dcm2niix -ba n copies them", _identity(
        "PatientName", "PatientID", "PatientBirthName", "OtherPatientIDs", "PatientBirthDate",
        "PatientSex", "PatientAge", "PatientSize", "PatientWeight", "PatientAddress",
        "PatientComments", "PatientTelephoneNumbers")),
    Place("fields of the visit", "numbers lead to the clinic's archive", _identity(
        "AccessionNumber", "StudyID", "AdmissionID", "StudyInstanceUID", "SeriesInstanceUID",
        "FrameOfReferenceUID")),
    Place("fields of staff", "they lead to the clinic", _identity(
        "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName", "ScannedBy",
        "RequestingPhysician")),
    Place("fields of places and devices", "dcm2niix keeps them", _identity(
        "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName",
        "DeviceSerialNumber")),
    Place("fields of days", "a day is a visit", _identity(
        "AcquisitionDateTime", "StudyDate", "SeriesDate", "ScanDate", "ContentDate",
        kind="ISO date")),
    Place("fields of times", "a minute is a visit", _identity(
        "AcquisitionTime", "SeriesTime", "ContentTime", "StudyTime", kind="time of day")),
    Place("comments", "staff type there about this person", _anywhere(
        "ImageComments", "StudyDescription", "ProcedureStepDescription", "ConversionComments",
        "RequestedProcedureDescription")),
    Place("blobs of vendors", "their form is not known", _anywhere(
        "WipMemBlock", "BidsGuess", "FmriExternalInfo", "ConsistencyInfo")),
    Place("numeric fields", "a day can be written as a number", _numbers),
    Place("fields of another type", "a string where a number should be", _wrong_types),
    Place("a required text", "it cannot be dropped", _required("TaskName", "surname")),
    Place("a required number", "it cannot be dropped or replaced",
          _required("RepetitionTime", "ISO date")),
    Place("a required list", "one item is not a number",
          _required("SliceTiming", "record number", listed=True)),
    Place("sidecar of the dataset", "all inherit it", _sidecar(
        lambda _: "task-rest_bold.json", "ScanningSequence", "SequenceVariant", "BodyPart")),
    Place("sidecar of a participant", "it is inherited from the middle", _sidecar(
        lambda site: f"sub-{site.people[1]}/sub-{site.people[1]}_task-rest_bold.json",
        "CoilCombinationMethod", "GradientSetType", "MRTransmitCoilSequence")),
    Place("sidecar of a session", "it is inherited from the middle", _sidecar(
        lambda site: f"sub-{site.people[1]}/ses-{site.sessions[0]}/sub-{site.people[1]}"
        f"_ses-{site.sessions[0]}_task-rest_bold.json",
        "ProtocolName", "SeriesDescription", "SequenceName")),
    Place("Acknowledgements", "they thank participants", _dataset("Acknowledgements")),
    Place("HowToAcknowledge", "it is free text", _dataset("HowToAcknowledge")),
    Place("Funding", "it is billed to someone", _dataset("Funding")),
    Place("EthicsApprovals", "they tell of consent", _dataset("EthicsApprovals")),
    Place("Authors", "a participant may be among them", _dataset("Authors")),
    Place("Keywords", "they are free text", _dataset("Keywords", kinds=ALL)),
    Place("License", "it is free text", _dataset("License", kinds=("home folder",))),
    Place("ReferencesAndLinks", "addresses have users", _links_of_publications),
    Place("GeneratedBy", "converters tell how they were called", _generated_by),
    Place("SourceDatasets", "sources are folders of somebody", _source_datasets),
    Place("unknown fields of the dataset", "people add a contact", _contact),
    Place("README", "it is free text", _document("README", _IN_README)),
    Place("LICENSE", "it is granted to somebody", _document("LICENSE", _IN_LICENSE)),
    Place("CITATION.cff", "an abstract is free text", _citation),
    Place("columns of participants.tsv", "a spreadsheet is saved whole", _people_columns),
    Place("header of participants.tsv", "a spreadsheet has no types", _people_header),
    Place("cells of participants.tsv", "people write into kept columns", _people_cells),
    Place("rows of participants.tsv", "rows of those who left stay", _people_strangers),
    Place("participants.json", "it explains by example", _people_described),
    Place("sessions table", "it tells when and by whom", _sessions),
    Place("scans table", "heudiconv adds operator and date", _scans),
    Place("trial_type of events", "the stimulus is a person", _event_cells(2)),
    Place("stimulus of events", "files of stimuli have names", _event_cells(3)),
    Place("response of events", "participants say who they are", _event_cells(4)),
    Place("columns of events", "logs have columns of their own", _event_columns),
    Place("numbers of events", "clocks are numbers", _event_numbers),
    Place("recordings", "columns have no header, and gzip has one", _physio),
    Place("gradients", "a comment in a file of numbers", _gradients),
    Place("NIfTI descrip", "dcm2niix writes the time there", _header(
        "descrip", "surname", "time of day", "whole name", "e-mail address", "record number")),
    Place("NIfTI aux_file", "SPM writes there", _header("aux_file", "surname", "patient code")),
    Place("NIfTI db_name", "AFNI and SPM write there", _header("db_name", "surname")),
    Place("NIfTI data_type", "it is unused", _header("data_type", "surname")),
    Place("NIfTI intent_name", "it is free text", _header("intent_name", "surname", "ISO date")),
    Place("NIfTI unused numbers", "they are not looked at", _header_numbers),
    Place("NIfTI behind the end of a text", "a text ends at its zero",
          _behind_the_end_of_a_text),
    Place("NIfTI comment", "an extension that few programs show", _extension(6, "whole name")),
    Place("NIfTI DICOM extension", "it holds a whole header",
          _extension(2, "name in the form of DICOM")),
    Place("NIfTI unknown extension", "its code says nothing", _extension(44, "home folder")),
    Place("NIfTI before the voxels", "programs skip it", _around(before=True, zipped_=True)),
    Place("NIfTI behind the voxels", "programs stop before it",
          _around(before=False, zipped_=False)),
    Place("packed NIfTI behind the voxels", "programs stop before it",
          _around(before=False, zipped_=True), closed=True),
    Place("gzip name", "gzip keeps the name of the file", _gzip("name", "surname")),
    Place("gzip comment", "nobody sees it", _gzip("comment", "home folder")),
    Place("gzip extra field", "nobody sees it", _gzip("extra field", "e-mail address")),
    Place("gzip time", "gzip keeps the time of the file", _gzip_time),
    Place("second gzip member", "readers stop at the end of the image", _gzip_member,
          closed=True),
    Place("label of acquisition", "heudiconv copies the protocol's name", _named(
        "sub-{c}/func/sub-{c}_task-rest_acq-{}_bold.nii.gz", "surname", "date without marks",
        "name run together", "record number", "code alone")),
    Place("label of a task", "tasks are named after pilots", _named(
        "sub-{c}/func/sub-{c}_task-{}_bold.nii.gz", "surname")),
    Place("names of unknown files", "they are left by hand", _named(
        "sub-{c}/func/{}.txt", "surname", "whole name", "name in capitals", "accented name",
        "name in a hump", "name in the form of DICOM", "ISO date", "e-mail address",
        "record number", "telephone number", "code alone")),
    Place("names of stimuli", "photographs are called after whom they show", _named(
        "stimuli/{}.png", "surname", "name run together", "date without marks")),
    Place("names in derivatives", "reports are called after people", _named(
        "derivatives/report/sub-{}/a.txt", "surname", "record number")),
    Place("names of folders", "exports are called after people", _nested_folder),
    Place("name of a link", "a link is a name, too", _link),
    Place("name of a link to a folder", "what is behind it is not looked into", _folder_link),
    Place("target of a link", "it shows where data are kept", _link_target),
    Place("DICOM in sourcedata", "it is the original", _source_dicom),
    Place("JSON in sourcedata", "converters leave it", _source_json),
    Place("phenotype", "interviews have columns of their own", _phenotype),
    Place("hidden files", "heudiconv keeps what it saw", _hidden),
    Place("code", "scripts have paths", _document("code/convert.sh", ALL[:-2])),
    Place("derivatives", "reports quote", _document("derivatives/report/log.txt", ALL[:-2])),
    Place("logs", "logs tell machines and users", _document("logs/run.log", ALL[:-2])),
    Place("letters", "protocols come as documents", _picture("docs/letter.docx", office)),
    Place("PNG", "cameras and editors sign", _picture("stimuli/a.png", png)),
    Place("JPEG", "cameras sign", _picture("stimuli/b.jpg", jpeg)),
    Place("TIFF", "microscopes sign", _bare("sourcedata/slide.tif", exif)),
    Place("EDF", "its header has a field for the name", _picture("sourcedata/eeg.edf", edf)),
    Place("zip archive", "members have names", _archive),
    Place("tar archive", "members have owners",
          _picture("sourcedata/scans.tar.gz", tarred)),
    Place("ignored files", "validators do not see them", _ignored),
    Place("UTF-16", "a search for bytes does not see it", _wide_text),
    Place("history", "git keeps what was deleted", _history, closed=True),
    Place("references", "they spell names of files", _references),
    Place("other participants in text", "staff compare people", _spoken),
    Place("other participants in descriptions", "tables explain by example", _described_label),
    Place("other participants in documents", "a README lists exceptions", _told),
    Place("labels of others in names", "a file is called after another", _borrowed),
    Place("labels", "they were the clinic's", _own_label),
)  # fmt: skip


#: Places that keep nothing from being released, and have references of every kind.
HARMLESS = (
    "sessions table", "scans table", "recordings", "references", "other participants in text",
    "other participants in descriptions", "other participants in documents", "labels",
)  # fmt: skip


def build(
    root: Path,
    *,
    telling: bool = False,
    anatomical: bool = False,
    places: Collection[str] | None = None,
    seed: int = 0,
) -> Site:
    """Write a dataset with something in its hiding places.

    Parameters
    ----------
    root : Path
        A folder that is made.
    telling : bool
        Labels of participants and sessions are identifiers, too.
    anatomical : bool
        There is an anatomical, which takes seconds to deface.
    places : collection of str, optional
        Names of the places, all by default; without some of them the dataset is small.
    seed : int
        Of the order in which files are written.
    """
    people = (TELLING, TELLING_SESSIONS) if telling else (PLAIN, PLAIN_SESSIONS)
    whole = places is None
    site = Site(*people, anatomical=anatomical, runs=len(RUN) if whole else len(_WAYS))
    for place in HIDING_PLACES:
        if whole or place.name in places:
            site.place = place.name
            place.plant(site)
    site.write(root, random.Random(seed))  # noqa: S311 -- an order, not a secret
    return site
