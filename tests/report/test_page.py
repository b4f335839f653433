from __future__ import annotations

import base64
import json
import re

import pytest

from bidsdeid.core.estimate import Attempt
from bidsdeid.core.scrub import Change
from bidsdeid.core.triage import Triage
from bidsdeid.report.numbers import bound_words, bounds_of
from bidsdeid.report.page import participant_files, participant_page
from bidsdeid.report.record import ImageRecord, ParticipantRecord
from bidsdeid.report.row import from_json, rows_of
from report_records import DOTS, GOOD, HOSTILE, Page, image, participant, withheld

#: Attributes by which a page could load, send or run something.
_ADDRESSES = {"src", "href", "srcset", "action", "formaction", "data", "poster", "style"}


def page_of(*images: ImageRecord) -> Page:
    return Page(participant_page(participant("01", *images)))


def words_of(page: Page) -> str:
    return " ".join(words.strip(" ") for words in page.words)


def hostile() -> ParticipantRecord:
    one = ImageRecord(
        path=f"sub-01/anat/{HOSTILE}.nii.gz",
        status=HOSTILE,
        reason=HOSTILE,
        decision=HOSTILE,
        finding=HOSTILE,
        method=HOSTILE,
        numbers={HOSTILE: 1.0},
        triage=Triage.FAIL,
        doubts=(HOSTILE,),
        attempts=(Attempt(HOSTILE, (HOSTILE,), {HOSTILE: 1.0}),),
        changes=(Change(HOSTILE, HOSTILE, HOSTILE),),
        seen={"front": HOSTILE, HOSTILE: HOSTILE},
        pictures=DOTS,
        volume=b"x",
    )
    changes = (Change(HOSTILE, HOSTILE, HOSTILE),)
    return ParticipantRecord(HOSTILE, (one,), changes, {HOSTILE: 1.0}, (HOSTILE,))


def test_the_page_is_one_file_that_loads_nothing() -> None:
    markup = participant_page(participant())
    page = Page(markup)
    sources = [each["src"] for _, each in page.elements if "src" in each]
    assert len(sources) == 19  # of two images nine, of the one withheld one
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not [tag for tag, _ in page.elements if tag in {"link", "iframe", "object", "base"}]
    assert not re.search(r"(https?|ftp|wss?)://|@import|url\(", markup)


def test_each_picture_is_on_it_once() -> None:
    sources = [each["src"] for each in page_of(image()).all("img")]
    shown = {base64.b64decode(source.partition("base64,")[2]) for source in sources}
    assert shown == {DOTS[name] for name in DOTS if name != "thumbnail"}
    assert len(sources) == len(shown)


def test_pictures_are_told_apart_for_those_who_do_not_see_them() -> None:
    told = [each["alt"] for each in page_of(image()).all("img")]
    assert len(set(told)) == len(told)
    assert all("sub-01_desc-defaced_T1w.nii.gz" in each for each in told)


def test_the_overlay_is_shown_first_and_the_others_on_a_button() -> None:
    page = page_of(image())
    (shown,) = page.all("img", **{"class": "on"})
    assert shown["data-layer"] == "r"
    assert [each["data-show"] for each in page.all("button") if "data-show" in each] == [
        "b", "a", "r",
    ]  # fmt: skip
    assert sum("data-flicker" in each for each in page.all("button")) == 1


def test_one_picture_alone_does_not_flicker() -> None:
    page = page_of(withheld())
    assert [each["data-layer"] for each in page.all("img", **{"class": "on"})] == ["b"]
    assert not [each for each in page.all("button") if "data-flicker" in each]


def test_an_image_without_pictures_says_so() -> None:
    page = page_of(image(pictures={}, seen={"front": "no evidence"}))
    assert "There are no slices to show." in page.words
    assert "no evidence" in words_of(page)
    assert not page.all("img")


def test_what_is_withheld_is_shown_with_its_reason() -> None:
    told = words_of(page_of(withheld()))
    assert withheld().reason in told
    assert withheld().status in told
    assert "it is not released" in told


def test_numbers_stand_beside_their_bounds_and_those_outside_are_told_in_words() -> None:
    numbers = GOOD | {"mouth_removed": 0.91, "likeness": None, "zeal": 7.0}
    told = page_of(image(numbers=numbers)).words
    bound = bounds_of("deface", "released", "a face")["mouth_removed"]
    place = told.index("mouth removed")
    assert told[place : place + 4] == [
        "mouth removed", "0.91", bound_words(bound), bound.sentence,
    ]  # fmt: skip
    assert told[told.index("likeness") + 1] == "not measured"
    assert told[told.index("eyes removed") : told.index("eyes removed") + 4][-1] == "within"
    assert told[told.index("zeal") : told.index("zeal") + 3] == ["zeal", "7", "no bound"]


def test_every_attempt_is_told_and_which_one_was_believed() -> None:
    told = words_of(page_of(image()))
    assert "niimath the atlas does not lie on the head head overlap 0.61" in told
    assert "atlas, from the head's own axes believed" in told


def test_changes_are_told_with_their_rule() -> None:
    told = words_of(page_of(image()))
    assert "PatientName dropped no rule keeps it" in told
    assert "participants.name dropped no rule keeps it" in told
    none = words_of(page_of(image(changes=())))
    assert "Fields of header and sidecar that changed: none." in none


@pytest.mark.parametrize(("count", "opened"), [(12, True), (13, False)])
def test_many_changes_are_folded_away(count: int, *, opened: bool) -> None:
    changes = tuple(Change(f"Field{n}", "dropped", "no rule") for n in range(count))
    page = page_of(image(attempts=(), changes=changes))
    assert ("open" in page.all("details")[0]) is opened


def test_what_the_face_detector_saw_is_told_by_view() -> None:
    told = words_of(page_of(image()))
    assert "from the front face detector: found before, not found after" in told
    assert "from the left face detector: no evidence" in told


def test_what_all_images_show_together_and_the_log_are_told() -> None:
    told = words_of(Page(participant_page(participant())))
    assert "All released images, laid over each other" in told
    assert "mouth visible 0.12 0 to 0.1 together the released images show skin" in told
    assert "eyes visible 0.01 0 to 0.1 within" in told
    assert "2 of 3 images are released\n1 image is withheld" in told


def test_images_are_found_by_the_names_the_index_links_to() -> None:
    record = participant()
    page = Page(participant_page(record))
    names = [row.anchor for row in rows_of(record)]
    assert [each["id"] for each in page.all("article")] == [*names, "participant"]
    assert {f"#{name}" for name in names} <= {each["href"] for each in page.all("a")}


def test_it_says_that_it_is_private() -> None:
    assert "Private: this page shows faces." in words_of(page_of(image()))


def test_a_participant_without_images_has_a_page() -> None:
    assert "sub-09" in Page(participant_page(ParticipantRecord("09", ()))).words


def test_hostile_text_stays_text() -> None:
    page = Page(participant_page(hostile()))
    plain = Page(participant_page(participant()))
    assert len(page.scripts) == 1
    assert page.scripts == plain.scripts
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in plain.elements} | {"ul"}
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in _ADDRESSES & attributes.keys():
            assert re.match(
                r"data:image/png;base64,|#[A-Za-z0-9-]+$|index\.html$", attributes[name]
            )
    assert words_of(page).count(HOSTILE) >= 15
    assert page.words[0].startswith(f"sub-{HOSTILE}")


def test_the_files_of_a_participant_lie_together() -> None:
    files = dict(participant_files(participant()))
    assert set(files) == {
        "sub-01.html",
        "sub-01/rows.json",
        "sub-01/sub-01_desc-defaced_T1w.png",
        "sub-01/sub-01_desc-defaced_T1w.js",
        "sub-01/sub-01_desc-defaced_T2w.png",
        "sub-01/sub-01_desc-defaced_T2w.js",
    }
    assert from_json(json.loads(files["sub-01/rows.json"])) == tuple(rows_of(participant()))
    script = files["sub-01/sub-01_desc-defaced_T1w.js"].decode()
    held = json.loads(script.removeprefix("bidsdeidVolume(").removesuffix(");\n"))
    assert base64.b64decode(held) == image().volume


def test_no_file_of_a_hostile_participant_leaves_the_folder() -> None:
    for name, content in participant_files(hostile()):
        assert re.fullmatch(r"sub-[A-Za-z0-9_-]+(\.html|/[A-Za-z0-9_-]+\.(json|js|png))", name)
        assert content


def test_nothing_of_the_before_lies_beside_the_index() -> None:
    files = dict(participant_files(participant("01", image(), withheld())))
    before = [DOTS[name] for name in DOTS if "before" in name or "overlay" in name]
    for name, content in files.items():
        if name != "sub-01.html":
            assert not any(each in content for each in before)


def test_the_same_record_gives_the_same_bytes() -> None:
    assert dict(participant_files(participant())) == dict(participant_files(participant()))
