from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bidsdeid.core.ratings import Rating, Verdict, ratings_tsv
from bidsdeid.core.triage import Triage
from bidsdeid.report.record import ImageRecord, ParticipantRecord
from bidsdeid.report.row import (
    IndexRow,
    anchors,
    folder_of,
    from_json,
    rows_of,
    to_json,
    worst_first,
)
from report_records import DOTS, GOOD, dot, image, many, participant, withheld


def row(record: ImageRecord, **together: float) -> IndexRow:
    return rows_of(ParticipantRecord("01", (record,), together=together))[0]


def test_what_is_stored_is_read_again() -> None:
    rows = rows_of(participant())
    assert from_json(json.loads(json.dumps(to_json(rows), allow_nan=False))) == tuple(rows)


def test_what_is_stored_is_small() -> None:
    big = {name: picture * 10_000 for name, picture in DOTS.items()}
    rows = rows_of(participant("01", image(pictures=big, volume=bytes(100_000))))
    assert len(json.dumps(to_json(rows))) < 2500


def test_what_is_no_number_is_stored_as_unknown() -> None:
    told = row(image(numbers={"lead": float("nan"), "stretch": None, "likeness": 0.5}))
    assert told.numbers == {"lead": None, "stretch": None, "likeness": 0.5}


def test_files_of_one_name_have_places_of_their_own() -> None:
    names = [f"sub-01/{at}/sub-01_T1w.nii{gz}" for at in ("anat", "dwi") for gz in ("", ".gz")]
    found = anchors(image(path=name) for name in names)
    assert found == ("sub-01_T1w", "sub-01_T1w-2", "sub-01_T1w-3", "sub-01_T1w-4")


@pytest.mark.parametrize("label", ["../../etc", "a/b", "a\\b", "", "a b", 'a"b', "ä", "a\0"])
def test_no_label_leads_out_of_the_folder(label: str) -> None:
    assert set(folder_of(label)) <= set("sub-ab-etc")
    (anchor,) = anchors([image(path=f"sub-{label}/{label}")])
    assert set(anchor) <= set("sub-abetcimage")


CHANGED = [
    {"triage": Triage.LOOK},
    {"status": "withheld by failure"},
    {"reason": "another"},
    {"decision": "scrub"},
    {"finding": "a brain"},
    {"method": "another"},
    {"doubts": ("one",)},
    {"numbers": GOOD | {"likeness": 0.72}},
    {"pictures": DOTS | {"mosaic_after": dot(99)}},
    {"volume": b"another"},
]


@pytest.mark.parametrize("change", CHANGED, ids=lambda change: next(iter(change)))
def test_a_rating_does_not_count_for_what_was_made_anew(change: dict[str, object]) -> None:
    assert row(image()).shown == row(image()).shown != row(image(**change)).shown


def test_what_all_images_show_together_was_shown_with_each() -> None:
    assert row(image(), eyes_removed=0.9).shown != row(image(), eyes_removed=1.0).shown


def test_what_was_shown_is_told_as_ratings_have_it() -> None:
    told = row(image())
    assert told.shown in ratings_tsv([Rating(told.path, Verdict.PASS, shown=told.shown)])


def test_only_what_lies_beside_the_index_is_linked() -> None:
    kept, _, gone = rows_of(participant())
    assert (kept.thumbnail, kept.turnable) == ("sub-01_desc-defaced_T1w.png", True)
    assert (gone.thumbnail, gone.turnable) == ("", False)


def test_the_worst_come_first() -> None:
    rows = [row for record in many(130) for row in rows_of(record)]
    order = [row.triage for row in worst_first(rows)]
    assert order == sorted(order, key=["fail", "look", "pass"].index)
    assert set(order) == set(Triage)


def test_of_one_triage_those_with_more_numbers_out_of_bounds_come_first() -> None:
    bad = image(suffix="a", numbers=GOOD | {"eyes_removed": 0.5})
    worse = image(suffix="b", numbers=GOOD | {"eyes_removed": 0.5, "nose_removed": 0.5})
    doubted = image(suffix="c", numbers=GOOD | {"eyes_removed": 0.5}, doubts=("one",))
    rows = rows_of(ParticipantRecord("01", (image(), bad, worse, doubted)))
    assert [each.path[-8] for each in worst_first(rows)] == ["b", "c", "a", "w"]


def test_of_those_that_pass_the_strangest_comes_first() -> None:
    heads = [image(f"{n:02}", numbers=GOOD | {"likeness": 0.7 + n / 1000}) for n in range(20)]
    strange = image("99", numbers=GOOD | {"likeness": 0.99})
    rows = [row(each) for each in (*heads, strange)]
    assert worst_first(rows)[0].path.startswith("sub-99")


def test_images_without_numbers_are_in_order_too() -> None:
    rows = [row(withheld("02")), row(withheld("01")), row(image("03"))]
    assert [each.path[:6] for each in worst_first(rows)] == ["sub-01", "sub-02", "sub-03"]
    assert worst_first([]) == []


def test_a_thumbnail_that_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="PNG"):
        row(replace(image(), pictures={"thumbnail": b"<svg>"}))
