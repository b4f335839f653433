from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from bidsdeid.core.audit import Auditor, Verified
from bidsdeid.core.header import released_header
from bidsdeid.core.nifti import Image, compress, encode_image, mask_header
from bidsdeid.core.policy import ColumnRule
from bidsdeid.core.pseudonym import DateShift
from bidsdeid.core.scrub import Context, scrub_fields
from bidsdeid.core.tables import Table, TableContext, scrub_table
from bidsdeid.core.terms import Lexicon, Terms, known_words
from bidsdeid.core.text import encode_fields, encode_table
from bidsdeid.core.values import JSONValue
from bidsdeid.errors import FileProblem, LeakError, TextError
from strategies import JSON_VALUES, TELLING, default_policy, file_bytes, header

AUDITOR = Auditor(default_policy(), Terms(known_words(["Miller"])))
OF_THE_DATASET = Auditor(
    default_policy(),
    Terms(
        known_words(["Miller"]),
        Lexicon(whole=frozenset(["doe"]), phrases=frozenset(["janedoe"])),
        Lexicon(whole=frozenset(["4711a"])),
        Lexicon(whole=frozenset(["charite"])),
        Lexicon(whole=frozenset(["pilot7"])),
    ),
)
PATH = PurePosixPath("sub-01/anat/sub-01_T1w.nii.gz")
FILL = 7.0


def source() -> Image:
    head = header()
    data = np.arange(60, dtype=head.get_data_dtype()).reshape((3, 4, 5), order="F")
    return Image(head, data)


def face() -> np.ndarray[Any, np.dtype[np.bool_]]:
    remove = np.zeros((3, 4, 5), dtype=bool)
    remove[:, :2] = True
    return remove


def defaced() -> np.ndarray[Any, Any]:
    data = source().data.copy()
    data[face()] = FILL
    return data


def audit(content: bytes, *, remove: bool = True, path: PurePosixPath = PATH) -> Verified:
    return AUDITOR.image(path, content, source(), face() if remove else None, FILL)


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_good_image_is_verified(*, gzipped: bool) -> None:
    content = encode_image(source().header, defaced(), gzipped=gzipped)
    item = audit(content)
    assert (item.path, item.size) == (PATH, len(content))
    assert item.sha256 == hashlib.sha256(content).hexdigest()
    content = encode_image(source().header, source().data, gzipped=gzipped)
    assert audit(content, remove=False).size == len(content)


def _changed(place: tuple[int, int, int], value: int) -> bytes:
    data = defaced()
    data[place] = value
    return encode_image(source().header, data, gzipped=True)


def _with_header(**fields: Any) -> bytes:  # noqa: ANN401
    head = released_header(source().header)
    for name, value in fields.items():
        head[name] = value
    return gzip_plain(file_bytes(head, defaced()))


def gzip_plain(content: bytes) -> bytes:
    return compress(content)


def _plain() -> bytes:
    return encode_image(source().header, defaced(), gzipped=False)


def _packed(*, name: str = "", mtime: int = 0) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=buffer, mtime=mtime) as file:
        file.write(_plain())
    return buffer.getvalue()


def _with_comment() -> bytes:
    content = bytearray(compress(_plain()))
    content[3] |= 16
    return bytes(content[:10]) + b"Doe\0" + bytes(content[10:])


def _poked(place: int) -> bytes:
    content = bytearray(_plain())
    content[place] = 65
    return bytes(content)


BAD_IMAGES = {
    "descrip": lambda: _with_header(descrip=b"Doe"),
    "aux_file": lambda: _with_header(aux_file=b"Doe"),
    "unused number": lambda: _with_header(glmax=1974),
    "another geometry": lambda: _with_header(qoffset_x=1),
    "the source's header": lambda: compress(file_bytes(source().header, defaced())),
    "a kept voxel changed": lambda: _changed((2, 3, 4), 0),
    "a face voxel left": lambda: _changed((0, 0, 0), 1),
    "a face voxel of another fill": lambda: _changed((2, 1, 4), 0),
    "not defaced": lambda: encode_image(source().header, source().data, gzipped=True),
    "gzip with a name": lambda: _packed(name="Doe.nii"),
    "gzip with a time": lambda: _packed(mtime=1_551_700_000),
    "gzip with a comment": _with_comment,
    "trailing bytes": lambda: _plain() + b"Doe",
    "trailing bytes, packed": lambda: compress(_plain() + b"\0"),
    "an extension": lambda: compress(
        file_bytes(released_header(source().header), defaced(), b"\x10\0\0\0\6\0\0\0Doe^Jane")
    ),
    "extension flags": lambda: _poked(348),
    "bytes behind the gzip stream": lambda: compress(_plain()) + b"Doe",
    "a second gzip member with a name": lambda: compress(_plain()) + _empty_member(),
    "another type": lambda: encode_image(
        header(dtype="float32"), defaced().astype("<f4"), gzipped=True
    ),
    "cut short": lambda: compress(_plain()[:-1]),
    "no image": lambda: b"Doe",
}


def _empty_member() -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile("Doe^Jane.nii", "wb", fileobj=buffer, mtime=0):
        pass
    return buffer.getvalue()


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_a_bad_image_is_refused(name: str) -> None:
    with pytest.raises(FileProblem):
        audit(BAD_IMAGES[name]())


def test_an_image_that_was_to_stay_untouched_must_be_untouched() -> None:
    with pytest.raises(LeakError):
        audit(encode_image(source().header, defaced(), gzipped=True), remove=False)


def test_voxels_that_are_not_numbers_count_as_unchanged() -> None:
    head = header(dtype="float32")
    data = np.full((3, 4, 5), np.nan, dtype="<f4")
    removed = data.copy()
    removed[face()] = 0
    content = encode_image(head, removed, gzipped=True)
    assert AUDITOR.image(PATH, content, Image(head, data), face(), 0.0).size == len(content)
    removed[2, 3, 4] = -np.float32(np.nan)
    with pytest.raises(LeakError):
        AUDITOR.image(
            PATH, encode_image(head, removed, gzipped=True), Image(head, data), face(), 0.0
        )


@pytest.mark.parametrize("fault", ["none", "value", "header", "dtype", "time"])
def test_a_mask_is_the_one_that_was_used(fault: str) -> None:
    keep = (~face()).astype(np.uint8)
    head = mask_header(source().header)
    shown, name = keep.copy(), ""
    if fault == "value":
        shown[0, 0, 0] = 1
    if fault == "header":
        head["descrip"] = b"Doe"
    if fault == "dtype":
        head.set_data_dtype("<i2")
    if fault == "time":
        name = "Doe.nii"
    plain = file_bytes(head, shown)
    content = gzip.compress(plain, mtime=5) if name else compress(plain)
    if fault == "none":
        assert AUDITOR.mask(PATH, content, keep).size == len(content)
    else:
        with pytest.raises(LeakError):
            AUDITOR.mask(PATH, content, keep)


@pytest.mark.parametrize(
    "fields",
    [
        {"Doe": 1},
        {"InstitutionName": "clinic"},
        {"ProtocolName": "t1 2019-03-04"},
        {"ImageType": ["ORIGINAL", "Doe^Jane"]},
        {"ProtocolName": "for Miller"},
        {"GeneratedBy": []},
        {"TimeZero": "14:35:27"},
    ],
    ids=["unknown", "dropped", "date", "name in a list", "known term", "scope", "clock"],
)
def test_fields_that_may_not_leave_are_refused(fields: dict[str, JSONValue]) -> None:
    with pytest.raises(LeakError) as caught:
        AUDITOR.fields(PATH, json.dumps(fields).encode())
    assert "Doe" not in str(caught.value)
    good = {"EchoTime": 0.03, "ProtocolName": "t1_mprage", "SoftwareVersions": "20190304",
            "TimeZero": "00:00:00"}  # fmt: skip
    assert AUDITOR.fields(PATH, json.dumps(good).encode()).size > 0


def test_the_name_of_a_kept_field_is_nobody_s() -> None:
    angle = Auditor(default_policy(), Terms(persons=Lexicon(whole=frozenset({"angle"}))))
    path = PurePosixPath("sub-01/func/sub-01_task-rest_bold.json")
    assert angle.fields(path, b'{"FlipAngle": 77}').path == path
    with pytest.raises(LeakError):
        angle.fields(path, b'{"SequenceName": "angle"}')


def test_descriptions_of_columns_have_rules_of_their_own() -> None:
    def check(fields: dict[str, JSONValue], table: str = "events") -> Verified:
        return AUDITOR.fields(PATH, json.dumps(fields).encode(), table=table)

    assert check({"trial_type": {"Levels": {"go": "a circle"}}}).size > 0
    for fields in (
        {"trial_type": {"Doe": 1}},
        {"comment": {"LongName": "x"}},
        {"trial_type": {"Levels": {"Doe^Jane": "x"}}},
        {"trial_type": {"Levels": {"go": "Miller"}}},
    ):
        with pytest.raises(LeakError):
            check(fields)  # type: ignore[arg-type]
    with pytest.raises(LeakError):
        check({"trial_type": {"LongName": "x"}}, table="")


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("events", "onset\tcomment\n1\tx\n"),
        ("events", "onset\nsoon\n"),
        ("events", "onset\nnan\n"),
        ("events", "trial_type\nDoe^Jane\n"),
        ("events", "trial_type\nMiller\n"),
        ("scans", "filename\tacq_time\na\t2019-03-04T10:11:12\n"),
        ("scans", "filename\tacq_time\na\t1926-01-01T10:11:12\n"),
        ("scans", "filename\tacq_time\na\t1901-12-31T10:11:12\n"),
        ("scans", "filename\tacq_time\na\t1910-Jane Doe\n"),
        ("scans", "filename\tacq_time\na\t1910-03-04 of Jane Doe\n"),
        ("participants", "participant_id\tage\nsub-01\t90\n"),
        ("participants", "participant_id\tage\nsub-01\told\n"),
        ("participants", "participant_id\tsex\nsub-01\tJane Doe\n"),
    ],
    ids=[
        "unknown column", "text for a number", "nan", "name", "known term", "date not moved",
        "date too late", "date too early", "text for a date", "text behind a date", "age over 89",
        "text for an age", "text for a choice",
    ],
)  # fmt: skip
def test_tables_that_may_not_leave_are_refused(suffix: str, content: str) -> None:
    with pytest.raises(LeakError):
        AUDITOR.table(PATH, content.encode(), suffix)


def test_good_tables_are_verified() -> None:
    scans = b"filename\tacq_time\nanat/sub-01_T1w.nii.gz\t1909-08-28T10:11:12\nfunc/x\tn/a\n"
    assert AUDITOR.table(PATH, scans, "scans").size == len(scans)
    people = b"participant_id\tage\tsex\nsub-01\t89\tF\nsub-02\tn/a\tn/a\n"
    assert AUDITOR.table(PATH, people, "participants").size == len(people)


def test_numbers_with_a_sign_are_not_telephone_numbers() -> None:
    content = b"onset\tweight\n0.5\t+1\n12.345\t-1\n"
    assert AUDITOR.table(PATH, content, "events").size == len(content)


CELLS = TELLING | st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), min_size=1)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=3))
def test_what_scrubbing_a_table_leaves_passes_or_is_refused(rows: list[tuple[str, str]]) -> None:
    table, _ = scrub_table(
        Table(("onset", "trial_type"), tuple(rows)), "events", AUDITOR.policy,
        TableContext(Context(terms=AUDITOR.terms), shift=DateShift(-40000)),
    )  # fmt: skip
    assert AUDITOR.table(PATH, encode_table(table), "events").size > 0


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_cell_with_an_exotic_line_end_passes_or_is_refused(separator: str) -> None:
    table, _ = scrub_table(
        Table(("onset", "trial_type"), (("1", f"left{separator}7"),)), "events",
        AUDITOR.policy, TableContext(Context()),
    )  # fmt: skip
    content = encode_table(table)
    try:
        assert AUDITOR.table(PATH, content, "events").size == len(content)
    except FileProblem:
        assert separator in content.decode()


@given(st.dictionaries(st.sampled_from(sorted(k for _, k in default_policy().keys)), JSON_VALUES))
def test_what_scrubbing_fields_leaves_passes(fields: dict[str, JSONValue]) -> None:
    try:
        kept, _ = scrub_fields(fields, AUDITOR.policy, Context(terms=AUDITOR.terms))
    except TextError:
        return
    assert AUDITOR.fields(PATH, encode_fields(kept)).size > 0


@pytest.mark.parametrize(
    ("content", "good"),
    [
        (b"0 1000 1000\n-1.5e-3\tn/a\n", True),
        (compress(b"1\t2\n"), True),
        (b"", True),
        (b"0 Doe\n", False),
        (b"0 nan\n", False),
        (b"0 \xff\xfe\n", False),
        (compress(b"Doe\t2\n"), False),
        (gzip.compress(b"1\t2\n", mtime=5), False),
        (compress(b"1\t2\n") + b"Doe", False),
    ],
    ids=["numbers", "packed", "empty", "text", "nan", "bytes", "packed text", "time", "trailing"],
)
def test_files_of_numbers(content: bytes, *, good: bool) -> None:
    if good:
        assert AUDITOR.numbers(PATH, content).size == len(content)
    else:
        with pytest.raises(FileProblem):
            AUDITOR.numbers(PATH, content)


@pytest.mark.parametrize("text", ["Doe^Jane", "by Miller", "at 10:11", "call 612-555-0142"])
def test_documents_with_telling_text_are_refused(text: str) -> None:
    with pytest.raises(LeakError):
        AUDITOR.document(PATH, text.encode(), ())
    assert AUDITOR.document(PATH, b"A study of reading.", ()).size == 19


def test_own_reports_are_looked_through_too() -> None:
    for text in (b"20190304 bidsdeid", b"its own words, one of which is a term: Miller"):
        assert AUDITOR.own(PATH, text).size > 0
    for text in (b"Doe^Jane", b"jane@clinic.example"):
        with pytest.raises(LeakError):
            AUDITOR.own(PATH, text)


@pytest.mark.parametrize(
    "path", ["sub-Miller/anat/sub-Miller_T1w.nii.gz", "sub-01/Doe^Jane.json", "sub-01/a@b.org.tsv"]
)
def test_names_are_looked_through_too(path: str) -> None:
    with pytest.raises(LeakError) as caught:
        AUDITOR.document(PurePosixPath(path), b"", ())
    assert "Miller" not in str(caught.value)
    content = encode_image(source().header, defaced(), gzipped=True)
    with pytest.raises(LeakError):
        audit(content, path=PurePosixPath(path))


@pytest.mark.parametrize(
    "path",
    ["sub-20190304/anat/sub-20190304_T1w.nii.gz",
     "sub-01/ses-04Mar2019/anat/sub-01_ses-04Mar2019_T1w.nii.gz",
     "sub-01/ses-20190304/anat/sub-01_ses-20190304_T1w.nii.gz",
     "sub-01/anat/sub-01_acq-1234567_T1w.nii.gz", "sub-01/anat/sub-01_acq-scanDoe_T1w.nii.gz",
     "sub-01/anat/sub-01_acq-pilot7_T1w.nii.gz", "sub-01/anat/sub-01_desc-JaneDoe_T1w.nii.gz",
     "sub-01/doe/sub-01_T1w.nii.gz", "notes of 2019-03-04.txt"],
)  # fmt: skip
def test_no_label_in_a_name_identifies(path: str) -> None:
    with pytest.raises(LeakError) as caught:
        OF_THE_DATASET.document(PurePosixPath(path), b"", ())
    assert not {"Doe", "2019", "1234567", "pilot7"} & set(re.split(r"\W", str(caught.value)))


@pytest.mark.parametrize(
    "path",
    ["sub-4711A/anat/sub-4711A_T1w.nii.gz", "sub-01/anat/sub-01_acq-charite_T1w.nii.gz",
     "sub-bcdfghjklm/ses-03/anat/sub-bcdfghjklm_ses-03_T1w.nii.gz", "code/bidsdeid/manifest.tsv"],
)  # fmt: skip
def test_codes_of_a_study_and_names_of_sites_may_stand_in_names(path: str) -> None:
    assert OF_THE_DATASET.document(PurePosixPath(path), b"", ()).path == PurePosixPath(path)


@pytest.mark.parametrize("word", ["Doe", "4711A", "Charité", "PILOT7", "jane_doe"])
def test_words_that_the_dataset_itself_gives_away_are_found(word: str) -> None:
    fields, table = {"ProtocolName": f"mprage {word}"}, f"onset\ttrial_type\n1\tgo {word}\n"
    with pytest.raises(LeakError):
        OF_THE_DATASET.fields(PATH, json.dumps(fields).encode())
    with pytest.raises(LeakError):
        OF_THE_DATASET.table(PATH, table.encode(), "events")
    with pytest.raises(LeakError):
        OF_THE_DATASET.document(PATH, f"by {word}".encode(), ())
    assert OF_THE_DATASET.own(PATH, f"by {word}".encode()).size > 0


def test_what_is_tolerated_is_tolerated_but_not_what_the_user_named() -> None:
    def check(text: str, *tolerate: str) -> Verified:
        return OF_THE_DATASET.document(PATH, text.encode(), tolerate)

    assert check("at the Charité", "staff or place of this dataset").size > 0
    with pytest.raises(LeakError):
        check("by Doe at the Charité", "staff or place of this dataset")
    with pytest.raises(LeakError):
        check("by Miller", "known term", "name in this dataset")


@pytest.mark.parametrize(
    ("cell", "good"),
    [
        ("1909-08-28T00:00:00", True),
        ("n/a", True),
        ("1909-08-28T10:11:12", False),
        ("2019-03-04T00:00:00", False),
        ("1909-08-28", False),
        ("00:00:00", False),
    ],
)
def test_a_day_has_no_time(cell: str, *, good: bool) -> None:
    columns = {**AUDITOR.policy.columns, ("scans", "acq_time"): ColumnRule("day", "a day")}
    auditor = replace(AUDITOR, policy=replace(AUDITOR.policy, columns=columns))
    content = f"filename\tacq_time\na\t{cell}\n".encode()
    if good:
        assert auditor.table(PATH, content, "scans").size == len(content)
    else:
        with pytest.raises(LeakError):
            auditor.table(PATH, content, "scans")


@pytest.mark.parametrize("token", [None, object(), True, "_TOKEN"])
def test_a_verified_cannot_be_made_elsewhere(token: object) -> None:
    with pytest.raises(TypeError):
        Verified(token, PATH, b"")
    with pytest.raises(TypeError):
        Verified(PATH, "0" * 64, 1)  # type: ignore[arg-type]


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    grey = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    Pillow.fromarray(grey).save(buffer, "JPEG", **options)
    return buffer.getvalue()


FIGURE = PurePosixPath("code/bidsdeid/figures/sub-01_T1w_front.jpg")


def test_a_picture_of_pixels_alone_passes() -> None:
    assert AUDITOR.picture(FIGURE, jpeg()).size == len(jpeg())
    assert AUDITOR.picture(FIGURE, jpeg(progressive=True, optimize=True))


@pytest.mark.parametrize(
    "content",
    [
        jpeg(comment=b"made on Tuesday"),
        jpeg(exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
        jpeg(icc_profile=b"x" * 200),
        jpeg() + b"behind it",
        jpeg() + jpeg(),
        jpeg()[:-2],
        b"\x89PNG\r\n\x1a\n",
        b"",
    ],
)
def test_a_picture_with_anything_beside_its_pixels_does_not(content: bytes) -> None:
    with pytest.raises(LeakError, match="pixels alone"):
        AUDITOR.picture(FIGURE, content)
