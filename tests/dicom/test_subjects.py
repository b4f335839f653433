from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bidsdeid.dicom.subjects import (
    MAX_BYTES,
    Subject,
    check_rows,
    parse_rows,
    read_subjects,
    split_cells,
)

#: The example of DICAT's page in DCAN-Labs' manual, as it stands.
DOCUMENTED = """\
'/data/John_Doe/','subject_ID_1','1981-01-01','M'
'/data/Lana_Bip/','subject_ID_2','','F'
'/data/Suzy_Bud/','subject_ID_3','1979-10-10',''
"""

PEOPLE = ("John_Doe", "Lana_Bip", "Suzy_Bud")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for person in PEOPLE:
        (tmp_path / "data" / person).mkdir(parents=True)
    return tmp_path / "data"


def written(data: Path, text: str | bytes) -> Path:
    path = data.parent / "list.csv"
    if isinstance(text, str):
        text = text.replace("/data/", f"{data}/").encode()
    path.write_bytes(text)
    return path


def subjects_of(data: Path, text: str | bytes) -> tuple[Subject, ...]:
    subjects, mistakes = read_subjects(written(data, text))
    assert mistakes == ()
    return subjects


def mistakes_of(data: Path, text: str | bytes) -> tuple[str, ...]:
    subjects, mistakes = read_subjects(written(data, text))
    assert subjects == ()
    return mistakes


# ── what is accepted ─────────────────────────────────────────────────────────────────────────


def test_the_documented_list_means_what_its_page_says(data: Path) -> None:
    assert subjects_of(data, DOCUMENTED) == (
        Subject(data / "John_Doe", "subject_ID_1", "19810101", "M", 1),
        Subject(data / "Lana_Bip", "subject_ID_2", "", "F", 2),
        Subject(data / "Suzy_Bud", "subject_ID_3", "19791010", "", 3),
    )


HEADER = "DCM_DIR,Pname,DOB,Sex\n"


@pytest.mark.parametrize(
    "text",
    [
        DOCUMENTED.replace("'", '"'),
        DOCUMENTED.replace("'", ""),
        DOCUMENTED.replace("'/data", '"/data').replace("/',", '/",'),
        DOCUMENTED.replace("/',", "',"),
        DOCUMENTED.replace("\n", "\r\n"),
        DOCUMENTED.replace("\n", "\r"),
        DOCUMENTED.rstrip(),
        DOCUMENTED.replace("','", "' ,\t'").replace("'/data", "  '/data"),
        DOCUMENTED.replace("'", "").replace(",", "  ,  ").replace("\n", "  \n"),
        DOCUMENTED.replace("-", ""),
        DOCUMENTED.replace("'M'", "m").replace("'F'", "f"),
        DOCUMENTED.replace("\n", ",,,\n"),
        DOCUMENTED.replace("'subject_ID_1'", "' subject_ID_1 '"),
    ],
)
def test_other_spellings_of_the_same_list(data: Path, text: str) -> None:
    assert subjects_of(data, text) == subjects_of(data, DOCUMENTED)


@pytest.mark.parametrize(
    "header",
    [
        HEADER,
        HEADER.upper(),
        "'dcm_dir','pname','dob','sex'\n",
        " \"DCM_DIR\" , Pname , DOB,'SEX'\n",
        "\ufeff" + HEADER,
        "dcm_dir,pname\r\n",
        "DCM_DIR,Pname,DOB,Sex,,\n",
    ],
)
def test_a_header_is_no_study(data: Path, header: str) -> None:
    subjects = subjects_of(data, header + DOCUMENTED)
    assert [subject.name[-1] for subject in subjects] == ["1", "2", "3"]
    assert [subject.line for subject in subjects] == [2, 3, 4]


def test_only_the_first_row_can_be_a_header(data: Path) -> None:
    assert len(mistakes_of(data, DOCUMENTED + HEADER)) == 3  # folder, date and sex are none


def test_empty_lines_count_but_are_no_studies(data: Path) -> None:
    text = "\n , ,\n" + DOCUMENTED.replace("\n", "\n\n\t\n")
    assert [subject.line for subject in subjects_of(data, text)] == [3, 6, 9]


def test_a_byte_order_mark_before_a_quote(data: Path) -> None:
    assert len(subjects_of(data, "\ufeff" + DOCUMENTED)) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_letters_of_other_languages(data: Path, encoding: str) -> None:
    (data / "Zoë Müller").mkdir()
    (subject,) = subjects_of(data, f"{data}/Zoë Müller/,s1".encode(encoding))
    assert subject.folder == data / "Zoë Müller"


def test_dates_and_sexes_may_be_missing(data: Path) -> None:
    subjects = subjects_of(data, "/data/John_Doe,a\n/data/Lana_Bip,b,2001-02-03\n")
    assert subjects == (
        Subject(data / "John_Doe", "a", line=1),
        Subject(data / "Lana_Bip", "b", "20010203", line=2),
    )


@pytest.mark.parametrize(
    ("cell", "folder"),
    [
        ("'/data/Doe, John/'", "Doe, John"),
        ("/data/Doe\\ John", "Doe John"),
        ("'/data/Doe\\ John'", "Doe John"),
        ("/data/O'Brien", "O'Brien"),
        ('"/data/O\'Brien"', "O'Brien"),
        ("'/data/O''Brien'", "O'Brien"),
        ("'/data/O\\'Brien'", "O'Brien"),
        ("'/data/Jo''s, ''x'", "Jo's, 'x"),
        ("'data/Doe John'", "Doe John"),
        ("data/Suzy_Bud/../Doe John/", "Suzy_Bud/../Doe John"),
        ("'/data/back\\slash'", "back\\slash"),
    ],
)
def test_paths_as_people_write_them(data: Path, cell: str, folder: str) -> None:
    (data / folder).mkdir()
    (subject,) = subjects_of(data, f"{cell},s1")
    assert subject.folder == data / folder
    assert subject.folder.is_absolute()


def test_home_is_where_the_tilde_is(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(data))
    (subject,) = subjects_of(data, "'~/John_Doe/',s1")
    assert subject.folder == data / "John_Doe"


def test_relative_folders_are_relative_to_the_list(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(data, "data/John_Doe,s1")
    (data.parent / "elsewhere").mkdir()
    monkeypatch.chdir(data.parent / "elsewhere")
    subjects, mistakes = read_subjects(Path("../list.csv"))
    assert mistakes == ()
    assert subjects[0].folder.is_absolute()
    assert subjects[0].folder.samefile(data / "John_Doe")


def test_a_link_to_a_folder_is_kept_as_it_is_named(data: Path) -> None:
    (data / "link").symlink_to(data / "John_Doe")
    assert subjects_of(data, "/data/link,s1")[0].folder == data / "link"


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a", ["a"]),
        ("a,", ["a", ""]),
        ("'',\"\"", ["", ""]),
        ("'C:\\data\\', 'x'", ["C:\\data\\", "x"]),
        ("''''", ["'"]),
        ('"a""b","c\\"d"', ['a"b', 'c"d']),
        ("1,2,3,4,,,", ["1", "2", "3", "4"]),
        ("1,2,3,4,,5", ["1", "2", "3", "4", "", "5"]),
        ("'a'b", None),
        ("'a", None),
        ("a,'b", None),
        ("\"a',b", None),
    ],
)
def test_cells(line: str, cells: list[str] | None) -> None:
    assert split_cells(line) == cells


QUOTES = st.sampled_from("'\"")


@given(st.lists(st.tuples(QUOTES, st.text("ab ,'\"", max_size=8)), min_size=1, max_size=4))
def test_what_is_quoted_by_doubling_comes_back(cells: list[tuple[str, str]]) -> None:
    line = ", ".join(quote + text.replace(quote, quote * 2) + quote for quote, text in cells)
    assert split_cells(line) == [text for _, text in cells]


@pytest.mark.parametrize(
    "text", ["'" * 200_001, "'" + "\\'" * 100_000 + "x", "'" + "\\'' " * 50_000]
)
def test_long_lines_of_quotes_are_read_in_a_moment(text: str) -> None:
    assert split_cells(text) is None


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("/data/John_Doe", "there are 1 column(s)"),
        ("/data/John_Doe,a,,M,x", "there are 5 column(s)"),
        ("'/data/John_Doe,a,,M", "quote is not closed"),
        ("'/data/'John_Doe,a,,M", "text follows"),
        (",a,,M", "the folder is empty"),
        ("'',a,,M", "the folder is empty"),
        ("'  ',a,,M", "the folder is empty"),
        ("/data/nobody,a", "the folder does not exist"),
        ("~nobody-of-that-name/x,a", "the folder does not exist"),
        ("/data/file,a", "is none"),
        ("/data/file/,a", "is none"),
        ("/data/loop,a", "the folder cannot be read"),
        (f"/data/{'x' * 300},a", "the folder cannot be read"),
        ("/data/John_Doe,", "the new name is none"),
        ("/data/John_Doe,a b", "the new name is none"),
        ("/data/John_Doe,Zoë", "the new name is none"),
        ("/data/John_Doe,a/b", "the new name is none"),
        ("/data/John_Doe,.a", "the new name is none"),
        ("/data/John_Doe,..", "the new name is none"),
        ("/data/John_Doe,٣", "the new name is none"),
        (f"/data/John_Doe,{'a' * 65}", "the new name is none"),
        ("/data/John_Doe,a_deidentified", "as the names of the output"),
        ("/data/John_Doe,a_DeIdentified_partial", "as the names of the output"),
        ("/data/John_Doe,a,1981-02-30", "the birth date"),
        ("/data/John_Doe,a,1981-1-1", "the birth date"),
        ("/data/John_Doe,a,1981-0101", "the birth date"),
        ("/data/John_Doe,a,01/01/1981", "the birth date"),
        ("/data/John_Doe,a,0000-01-01", "the birth date"),
        ("/data/John_Doe,a,19810101 ?", "the birth date"),
        ("/data/John_Doe,a,9999-01-01", "the birth date"),
        ("/data/John_Doe,a,1981-01-01,male", "the sex"),
        ("/data/John_Doe,a,,MF", "the sex"),
    ],
)
def test_a_mistake_names_its_line_and_nothing_of_what_it_says(
    data: Path, row: str, words: str
) -> None:
    (data / "file").touch()
    (data / "loop").symlink_to(data / "loop")
    text = f"\n/data/Suzy_Bud,good\n{row}\n"
    (mistake,) = mistakes_of(data, text)
    assert mistake.startswith("line 3: ")
    assert words in mistake
    for secret in ("Doe", "1981", "9999", "nobody", "male", "Zoë", str(data)):
        assert secret not in mistake


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
def test_a_folder_that_is_closed(data: Path, mode: int) -> None:
    (data / "John_Doe").chmod(mode)
    try:
        assert mistakes_of(data, "/data/John_Doe,a") == ("line 1: the folder cannot be read",)
    finally:
        (data / "John_Doe").chmod(0o700)


def test_good_names(data: Path) -> None:
    for name in ("a", "sub-01", "A.b_c-9", "a" * 64, "deidentified", "x_deidentified_2"):
        assert subjects_of(data, f"/data/John_Doe,{name}")[0].name == name


def test_names_that_are_one_to_a_file_system(data: Path) -> None:
    (mistake,) = mistakes_of(data, "/data/John_Doe,Sub1\n/data/Lana_Bip,s2\n/data/Suzy_Bud,sUB1")
    assert mistake.startswith("line 3: the new name is that of line 1")


def test_a_folder_is_one_person_s(data: Path) -> None:
    (data / "John_Doe" / "mr").mkdir()
    (data / "link").symlink_to(data / "John_Doe")
    text = (
        "/data/John_Doe/mr,a\n/data/John_Doe/,b\n/data/Suzy_Bud/../John_Doe,c\n"
        "/data/link,d\n/data/Suzy_Bud,e\n/data/link/mr,f\n"
    )
    assert mistakes_of(data, text) == (
        "line 1: the folder lies inside that of line 2",
        "line 3: the folder is that of line 2",
        "line 4: the folder is that of line 2",
        "line 6: the folder is that of line 1",
        "line 6: the folder lies inside that of line 2",
    )


def test_folders_side_by_side_may_begin_alike(data: Path) -> None:
    (data / "John_Doe_2").mkdir()
    assert len(subjects_of(data, "/data/John_Doe,a\n/data/John_Doe_2,b")) == 2


def test_all_mistakes_are_told_in_the_order_of_the_lines(data: Path) -> None:
    text = "/data/no,a b,1981,x\n'\n/data/John_Doe,a\n/data/John_Doe,A\nx\n"
    found = mistakes_of(data, text)
    assert [mistake.split(":")[0][-1] for mistake in found] == [*"1111", "2", "4", "4", "5"]


def test_one_mistake_and_nothing_is_carried_out(data: Path) -> None:
    assert len(mistakes_of(data, DOCUMENTED.replace("'M'", "'X'"))) == 1


def test_born_today_but_not_tomorrow() -> None:
    today = date(2020, 2, 29)
    for days, count in ((0, 0), (1, 1), (-1, 0), (-40_000, 0)):
        rows, _ = parse_rows(f"x,a,{today + timedelta(days=days)}")
        assert len(check_rows(rows, today)) == count


@pytest.mark.parametrize("text", ["", "\n\n", HEADER, "\ufeff", " , ,\n"])
def test_a_list_of_nothing(data: Path, text: str) -> None:
    assert mistakes_of(data, text) == ("the list of studies has no rows",)


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_subjects(tmp_path / "John_Doe.csv") == (
        (),
        ("the list of studies cannot be read (No such file or directory)",),
    )
    assert "Is a directory" in read_subjects(tmp_path)[1][0]
    assert len(read_subjects(Path("a\0b"))[1]) == 1


def test_a_list_that_is_too_large(data: Path) -> None:
    full = DOCUMENTED.replace("/data/", f"{data}/").encode()
    assert len(subjects_of(data, full.ljust(MAX_BYTES, b"\n"))) == 3
    assert "1 MB" in mistakes_of(data, full.ljust(MAX_BYTES + 1, b"\n"))[0]


def test_a_list_that_is_no_text(data: Path) -> None:
    assert "plain text" in mistakes_of(data, DOCUMENTED.encode("utf-16"))[0]


PIECES = st.sampled_from(
    ["'", '"', ",", "\\", " ", "\n", "\r\n", "/", "~", "..", "a", "John_Doe", "1981-01-01", "M"]
)


@given(st.binary(max_size=200) | st.lists(PIECES | st.text(max_size=3)).map("".join))
@example(b"\0,a")
@example("~\0,a")
@example("\ud800,a")
@example("/" * 5000 + ",a")
def test_any_file_gives_studies_or_mistakes(content: bytes | str) -> None:
    if isinstance(content, str):
        content = content.encode(errors="surrogatepass")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(content)
        subjects, mistakes = read_subjects(path)
    assert bool(subjects) != bool(mistakes)
    assert all(subject.folder.is_absolute() and subject.name for subject in subjects)
