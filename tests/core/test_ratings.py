from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.ratings import (
    COLUMNS,
    VISUALQC_NAMES,
    Rating,
    Region,
    Verdict,
    parse_ratings,
    ratings_tsv,
    visualqc,
)
from bidsdeid.errors import UsageError

T1W, T2W = "sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T2w.nii"


def table(*rows: str, header: str = "path\trating\tregions") -> str:
    return "\n".join([header, *rows, ""])


def mistakes(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_ratings(text)
    return str(caught.value)


ratings = st.builds(
    Rating,
    st.from_regex(r"sub-[a-z0-9]{1,4}/anat/sub-[a-z0-9_]{1,8}\.nii(\.gz)?", fullmatch=True),
    st.sampled_from([v for v in Verdict if v is not Verdict.UNDER]),
    st.just(()),
    st.from_regex(r"[A-Za-z0-9_-]{0,16}", fullmatch=True),
    st.one_of(st.just(""), st.from_regex(r"[0-9a-f]{16}", fullmatch=True)),
)


@given(st.lists(ratings, unique_by=lambda rating: rating.path))
def test_what_is_written_is_read_again(some: list[Rating]) -> None:
    assert parse_ratings(ratings_tsv(some)) == tuple(sorted(some, key=lambda r: r.path))


def test_regions_are_read_again_in_the_order_of_the_face() -> None:
    text = table(f"{T1W}\tunder-stripped\tears,eyes")
    (rating,) = parse_ratings(text)
    assert rating.regions == (Region.EYES, Region.EARS)
    assert parse_ratings(ratings_tsv([rating])) == (rating,)


def test_a_table_that_went_through_a_spreadsheet_is_read() -> None:
    text = "\ufeff" + table(f"{T1W}\tpass\tn/a").replace("\n", "\r\n")
    assert parse_ratings(text) == (Rating(T1W, Verdict.PASS),)


def test_what_is_stripped_too_much_or_too_little_is_made_again() -> None:
    down = {verdict for verdict in Verdict if Rating(T1W, verdict).is_down}
    assert down == {Verdict.OVER, Verdict.UNDER}
    assert [v for v in Verdict if not Rating(T1W, v).is_review] == [Verdict.LATER]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (f"{T1W}\tgood\tn/a", "line 2: `rating` is none of pass"),
        (f"{T1W}\tPass\tn/a", "line 2: `rating` is none of pass"),
        (f"{T1W}\tunder-stripped\tchin", "line 2: `regions` is no list of eyes"),
        (f"{T1W}\tunder-stripped\teyes,eyes", "line 2: `regions` is no list"),
        (f"{T1W}\tpass\teyes", "line 2: `regions` are told only of what is under-stripped"),
        (f"{T1W}\tpass", "line 2 has 2 cells, not 3"),
        ("", "line 2 has 1 cells, not 3"),
        ("n/a\tpass\tn/a", "line 2: `path`"),
        ("/sub-01/anat/a.nii\tpass\tn/a", "line 2: `path`"),
        ("sub-01/../../a.nii\tpass\tn/a", "line 2: `path`"),
        ("sub-01//a.nii\tpass\tn/a", "line 2: `path`"),
        ("code/a.nii\tpass\tn/a", "line 2: `path`"),
        ("sub-01/anat/a.json\tpass\tn/a", "line 2: `path`"),
        ("sub-01/anat/\x1ba.nii\tpass\tn/a", "line 2: `path`"),
    ],
)
def test_a_row_that_is_not_as_it_should_be_is_named(row: str, sentence: str) -> None:
    assert sentence in mistakes(table(row, f"{T2W}\tpass\tn/a"))


def test_all_mistakes_are_told_at_once_and_no_cell_is_quoted() -> None:
    told = mistakes(table("sub-01/John/Doe\tpass\tn/a", f"{T1W}\tDoe\tn/a"))
    assert "2 mistake(s)" in told
    assert "line 2" in told
    assert "line 3" in told
    assert "Doe" not in told


def test_an_image_is_rated_once() -> None:
    row = f"{T1W}\tpass\tn/a"
    assert "line 4 rates the image of line 2 again" in mistakes(
        table(row, f"{T2W}\tpass\tn/a", row)
    )


@pytest.mark.parametrize("header", ["", "path", "rating", "path\trating\tpath"])
def test_a_table_without_its_columns_is_not_read(header: str) -> None:
    assert "line 1" in mistakes(table(header=header))


def test_a_column_that_nobody_knows_is_not_read_past() -> None:
    told = mistakes(table(header="path\trating\tname of the patient"))
    assert "column 3 is none of" in told
    assert "patient" not in told


@pytest.mark.parametrize("code", ["John Doe", "a" * 17, "Zoë", "a/b"])
def test_a_reviewer_is_a_code(code: str) -> None:
    header = "path\trating\treviewer"
    assert "`reviewer` is a code" in mistakes(table(f"{T1W}\tpass\t{code}", header=header))


@pytest.mark.parametrize("digest", ["xyz", "0123456789ABCDEF", "0" * 15, "0" * 17])
def test_what_was_shown_is_a_digest(digest: str) -> None:
    header = "path\trating\tshown"
    assert "`shown` is not 16" in mistakes(table(f"{T1W}\tpass\t{digest}", header=header))


@pytest.mark.parametrize(
    "rating",
    [
        Rating("sub-01/a\tb.nii", Verdict.PASS),
        Rating(T1W, Verdict.PASS, (Region.EYES,)),
        Rating(T1W, Verdict.PASS, reviewer="A Name"),
    ],
)
def test_what_could_not_be_read_is_not_written(rating: Rating) -> None:
    with pytest.raises(UsageError):
        ratings_tsv([rating])


def test_the_columns_are_those_of_the_table() -> None:
    assert ratings_tsv([]) == "\t".join(COLUMNS) + "\n"
    assert parse_ratings(ratings_tsv([])) == ()


def test_visualqc_is_told_where_the_images_are() -> None:
    folder = "it's private/qc $HOME"
    ids, command = visualqc([T2W, T1W], folder)
    assert ids.split("\n") == ["sub-01_T1w", "sub-01_T2w", ""]
    name, *words = shlex.split(command)
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert name == "vqcdeface"
    assert options == {
        "--user_dir": folder,
        "--id_list": f"{folder}/id_list.txt",
        "--defaced_name": VISUALQC_NAMES["defaced"],
        "--mri_name": VISUALQC_NAMES["original"],
        "--render_name": VISUALQC_NAMES["render"],
        "--out_dir": f"{folder}/ratings",
    }
