"""The pages, opened from a disk in a real browser that reaches no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bidsdeid.core.ratings import Rating, Region, Verdict, parse_ratings
from bidsdeid.report.index import index_files
from bidsdeid.report.page import participant_files
from bidsdeid.report.record import ParticipantRecord
from bidsdeid.report.row import rows_of
from bidsdeid.report.viewer import niivue_script
from browser import Browser, browser
from report_records import HOSTILE, image, many, participant, shown

WIDTHS = (1280, 390)
NO_FILE_PICKER = "delete window.showSaveFilePicker"  # a dialogue of the system, out of reach


def write(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    for name, content in files:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(content)


def reports(folder: Path, records: Iterable[ParticipantRecord]) -> Path:
    rows = []
    for record in records:
        write(folder, participant_files(record))
        rows += rows_of(record)
    write(folder, index_files(rows))
    return folder


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of a participant who can be seen, and of nine who cannot."""
    others = [record for record in many(10) if record.label != "001"]
    return reports(tmp_path_factory.mktemp("reports"), [shown(participant("01")), *others])


@pytest.fixture
def index(chromium: Browser, folder: Path) -> Browser:
    """The index, at 1280 px, as it is opened for the first time."""
    chromium.open(folder / "index.html")
    chromium.run("localStorage.clear()")
    chromium.open(folder / "index.html")
    chromium.run(NO_FILE_PICKER)
    chromium.complaints()
    return chromium


def names(page: Browser) -> list[str]:
    """Return the images in view, from the top."""
    script = "return [...document.querySelectorAll('tbody tr:not([hidden]) th a')]"
    return list(page.run(f"{script}.map((link) => link.textContent)"))


def at_hand(page: Browser) -> str:
    return page.text("#name")


def choose(page: Browser, name: str) -> None:
    """Choose the image of participant 01 whose name goes on like this."""
    script = "const links = [...document.querySelectorAll('tbody a')]; links.find((link) =>"
    page.run(
        f"{script} link.textContent.includes(arguments[0])).closest('tr').click()",
        f"sub-01_{name}",
    )


def pressed(page: Browser) -> list[str]:
    script = "return [...document.querySelectorAll('aside [aria-pressed=true]')]"
    return list(page.run(f"{script}.map((b) => b.dataset.verdict ?? b.dataset.region)"))


def saved(page: Browser) -> tuple[Rating, ...]:
    file = page.downloads / "ratings.tsv"
    file.unlink(missing_ok=True)
    page.press("s")
    page.wait(file.is_file)
    return parse_ratings(file.read_text("utf-8"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["index.html", "sub-01.html"])
def test_pages_open_from_a_disk_and_fit(
    chromium: Browser, folder: Path, name: str, width: int, *, dark: bool
) -> None:
    chromium.requests()
    chromium.open(folder / name, width=width, height=844, dark=dark)
    assert chromium.complaints() == []
    assert chromium.too_wide() == 0
    script = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert (sum(chromium.run(script)) < 3 * 128) is dark
    broken = "return [...document.images].filter((i) => i.src && i.complete && !i.naturalWidth)"
    assert chromium.run(f"{broken}.length") == 0
    assert chromium.requests()
    chromium.run("document.querySelector('a[href]').click()")
    beyond = [
        address for address in chromium.requests()
        if not address.startswith((folder.as_uri(), "data:", "blob:", "about:"))
    ]  # fmt: skip
    assert beyond == []


def test_hostile_text_breaks_no_page(chromium: Browser, tmp_path: Path) -> None:
    one = image(path=f"sub-01/anat/{HOSTILE}.nii", reason=HOSTILE, doubts=(HOSTILE,))
    record = ParticipantRecord("01", (one,), together={HOSTILE: 1.0}, log=(HOSTILE,))
    for name in ("sub-01.html", "index.html"):
        chromium.open(reports(tmp_path, [record]) / name)
        assert chromium.run("return window.broken === undefined")
        assert chromium.complaints() == []
    assert HOSTILE in chromium.run("return document.querySelector('#doubts').textContent")


def test_the_list_is_sorted_by_any_column(index: Browser) -> None:
    first = names(index)
    assert first[0] == "sub-01_FLAIR.nii.gz"
    index.click("[data-sort=name]")
    by_name = names(index)
    numbers = [int(name.partition("_")[0].removeprefix("sub-")) for name in by_name]
    assert numbers == sorted(numbers), "002 comes before 010, and 01 before both"
    assert by_name[:2] == ["sub-01_desc-defaced_T1w.nii.gz", "sub-01_desc-defaced_T2w.nii.gz"]
    assert index.run("return document.querySelector('th.name').ariaSort") == "ascending"
    index.click("[data-sort=name]")
    assert names(index) == by_name[::-1]
    assert index.run("return document.querySelector('th.name').ariaSort") == "descending"
    assert index.run("return document.querySelector('th.triage').ariaSort") == "none"
    mouth = (
        "[...document.querySelectorAll('[data-sort]')].find((b) => /mouth/.test(b.textContent))"
    )
    index.run(f"{mouth}.click()")
    values = index.run(
        f"const at = {mouth}.closest('th').cellIndex; return [...document.querySelectorAll("
        "'tbody tr')].map((line) => line.cells[at].textContent)"
    )
    known = [float(value) for value in values if value]
    assert known == sorted(known)
    assert known[0] < known[-1]
    assert values[-1] == "", "what was not measured comes last"
    index.click("[data-sort=triage]")
    assert names(index) == first


def test_the_list_is_filtered_by_triage_words_and_rating(index: Browser) -> None:
    everything = names(index)
    index.click("[name=triage][value=pass]")
    assert 0 < len(names(index)) < len(everything)
    assert index.text("#matches") == f"{len(names(index))} of {len(everything)} shown"
    index.click("#search")
    index.press("MOUTH sub-01")
    assert names(index) == ["sub-01_desc-defaced_T2w.nii.gz"]
    index.run("document.querySelector('#search').value = ''")
    index.click("[name=triage][value=pass]")
    assert names(index) == everything
    index.press("p")
    index.run(
        "const rated = document.querySelector('#rated'); rated.value = 'none';"
        "rated.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    assert names(index) == everything[1:]


def test_images_are_rated_by_keyboard_and_saved(index: Browser) -> None:
    order = names(index)
    withheld = rows_of(shown(participant("01")))[2]
    assert index.text("#reviewed") == f"0 of {len(order)} reviewed"
    index.press("p")
    assert at_hand(index) == order[1]
    index.press("r")
    index.press("e")
    index.press("n")
    index.press("n")
    assert pressed(index) == ["under-stripped", "eyes", "ears"]
    index.press("j")
    index.press("o")
    index.press("l")
    assert at_hand(index) == order[4]
    index.press("u")
    index.press("k")
    assert pressed(index) == ["later"]
    assert index.text("#reviewed").startswith(f"4 of {len(order)} reviewed, 1 for later")
    ratings = {rating.path.rpartition("/")[2]: rating for rating in saved(index)}
    verdicts = [ratings[name].verdict for name in order[:5]]
    assert verdicts == [Verdict.PASS, Verdict.UNDER, Verdict.OVER, Verdict.LATER, Verdict.UNDER]
    assert ratings[order[1]].regions == (Region.EYES, Region.EARS)
    assert len(ratings) == 5
    assert ratings[order[0]] == Rating(withheld.path, Verdict.PASS, shown=withheld.shown)
    assert "not saved" not in index.text("#reviewed")
    assert index.complaints() == []


def test_a_rating_is_taken_back(index: Browser) -> None:
    index.press("p")
    index.press("k")
    assert pressed(index) == ["pass"]
    index.press("x")
    assert pressed(index) == []
    assert saved(index) == ()


def test_a_review_is_resumed_where_it_was_left(index: Browser, folder: Path) -> None:
    order = names(index)
    index.click("#reviewer")
    index.press("R2")
    index.run("document.activeElement.blur()")
    index.press("pl")
    before = saved(index)
    assert {rating.reviewer for rating in before} == {"R2"}
    index.open(folder / "index.html")
    index.run(NO_FILE_PICKER)
    assert index.text("#reviewed") == f"1 of {len(order)} reviewed, 1 for later"
    assert at_hand(index) == order[1], "the first that is not reviewed"
    assert saved(index) == before


def test_a_review_is_taken_up_from_a_file(index: Browser, folder: Path, tmp_path: Path) -> None:
    order = names(index)
    index.press("pe")
    before = saved(index)
    file = tmp_path / "ratings.tsv"
    file.write_text((index.downloads / "ratings.tsv").read_text("utf-8"), "utf-8")
    index.run("localStorage.clear()")
    index.open(folder / "index.html")
    index.run(NO_FILE_PICKER)
    assert index.text("#reviewed") == f"0 of {len(order)} reviewed"
    index.driver.find_element("css selector", "#chosen").send_keys(str(file))
    index.wait(lambda: index.text("#notice"))
    assert index.text("#notice") == "Read 2 ratings."
    assert index.text("#reviewed").startswith(f"2 of {len(order)} reviewed")
    assert saved(index) == before


@pytest.mark.parametrize(
    "text",
    [
        "path\trating\nsub-01/anat/sub-01_T1w.nii.gz\tfine\n",
        "path\trating\tnotes\nsub-01/anat/sub-01_T1w.nii.gz\tpass\t\n",
        "path\trating\tregions\nsub-01/anat/sub-01_T1w.nii.gz\tpass\teyes\n",
        "path\trating\nsub-01/anat/a.nii\tpass\nsub-01/anat/a.nii\tpass\n",
        "",
    ],
)
def test_a_file_with_a_mistake_is_not_read(index: Browser, tmp_path: Path, text: str) -> None:
    file = tmp_path / "ratings.tsv"
    file.write_text(text or "\n", "utf-8")
    index.driver.find_element("css selector", "#chosen").send_keys(str(file))
    index.wait(lambda: index.text("#notice"))
    assert index.text("#notice").startswith("Nothing was read: line ")
    assert index.text("#reviewed").startswith("0 of")


def test_a_rating_of_what_was_made_anew_does_not_count(chromium: Browser, tmp_path: Path) -> None:
    page = reports(tmp_path, [participant("01", image())]) / "index.html"
    chromium.open(page)
    chromium.press("p")
    assert chromium.text("#reviewed").startswith("1 of 1 reviewed")
    reports(tmp_path, [participant("01", image(volume=b"another"))])
    chromium.open(page)
    assert chromium.text("#reviewed").startswith("0 of 1 reviewed")
    assert chromium.text("td.rating") == "before it was made anew: pass"
    assert pressed(chromium) == []


def test_letters_in_a_field_do_not_rate(index: Browser) -> None:
    index.press("/")
    index.press("people")
    assert index.run("return document.querySelector('#search').value") == "people"
    assert index.text("#reviewed").startswith("0 of")


def test_the_keys_are_shown(index: Browser) -> None:
    assert index.run("return document.querySelector('#help').hidden")
    index.press("?")
    assert "under-stripped at eyes, nose, mouth, ears" in index.text("#help")
    assert index.run("return document.querySelector('#help-button').ariaExpanded") == "true"


def test_numbers_are_marked_in_the_histograms(index: Browser) -> None:
    choose(index, "desc-defaced_T2w")
    assert at_hand(index) == "sub-01_desc-defaced_T2w.nii.gz"
    script = (
        "const all = [...document.querySelectorAll('.number')];"
        "const one = all.find((each) => each.textContent.includes(arguments[0]));"
        "const here = one.querySelector('.here');"
        "return [one.querySelector('output').textContent, here.getAttribute('visibility'),"
        " Number(/M([\\d.]+)/.exec(here.getAttribute('d'))[1]),"
        " one.querySelector('output').className]"
    )
    value, visible, place, outside = index.run(script, "mouth removed")
    assert (value, visible) == ("0.91", "visible")
    assert outside.startswith("off ")
    assert 0 < place < 240 * 0.75, "left of the bound"
    assert index.run(script, "likeness")[:2] == ["not measured", "hidden"]


def pixels(page: Browser) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(page.picture("#stage"))).convert("L"), float)


def turn(page: Browser, name: str) -> None:
    if niivue_script() is None:
        pytest.skip("NiiVue comes with bidsdeid[view]")
    choose(page, name)
    page.press("t")
    script = "return document.querySelector('#stage').dataset.shown ?? ''"
    page.wait(lambda: name in page.run(script))


def test_the_released_head_is_turned_with_the_mouse(index: Browser) -> None:
    assert not any(address.endswith("niivue.js") for address in index.requests())
    turn(index, "desc-defaced_T1w")
    assert index.text("#stage-says").startswith("Drag to turn")
    front = pixels(index)
    share = (front > 40).mean()
    assert 0.1 < share < 0.6, "a head on a dark ground"
    middle = front[:, front.shape[1] // 2 - 5 : front.shape[1] // 2 + 5]
    assert (middle > 40).any()
    index.drag("#stage canvas", 90, 0)
    index.wait(lambda: np.abs(pixels(index) - front).mean() > 2)
    index.click("[data-azimuth='180']")
    index.wait(lambda: np.abs(pixels(index) - front).mean() < 1)
    index.press("p")
    assert saved(index), "keys rate while a head is turned"
    assert index.complaints() == []


def test_each_head_is_loaded_when_it_is_asked_for(index: Browser) -> None:
    index.requests()
    turn(index, "desc-defaced_T1w")
    loaded = [address.rpartition("/")[2] for address in index.requests()]
    assert [name for name in loaded if name.endswith(".js")] == [
        "niivue.js", "sub-01_desc-defaced_T1w.js",
    ]  # fmt: skip
    turn(index, "desc-defaced_T2w")
    loaded = [address.rpartition("/")[2] for address in index.requests()]
    assert [name for name in loaded if name.endswith(".js")] == ["sub-01_desc-defaced_T2w.js"]
    assert (pixels(index) > 40).mean() > 0.1


def test_no_head_is_shown_beside_the_name_of_another(index: Browser) -> None:
    turn(index, "desc-defaced_T1w")
    # The next head is asked for after 120 ms; by then another image is about to be looked at.
    index.run(
        "const line = (name) => [...document.querySelectorAll('tbody a')].find((link) =>"
        " link.textContent === `sub-01_${name}.nii.gz`).closest('tr');"
        "line('desc-defaced_T2w').click(); setTimeout(() => line('FLAIR').click(), 121)"
    )
    stage = "const stage = document.querySelector('#stage'); return "
    index.wait(lambda: "T2w" in index.run(stage + "stage.dataset.shown"))
    assert at_hand(index) == "sub-01_FLAIR.nii.gz"
    assert not index.run(stage + "stage.classList.contains('turning')")
    assert "nothing of it is released" in index.text("#stage-says")


def test_a_head_that_is_not_released_is_not_turned(index: Browser) -> None:
    assert at_hand(index) == "sub-01_FLAIR.nii.gz"
    assert "nothing of it is released" in index.text("#stage-says")
    assert index.run("return document.querySelector('#turn').hidden")


def test_a_head_that_cannot_be_read_is_told_and_the_next_is_turned(
    index: Browser, folder: Path
) -> None:
    script = "return document.querySelector('#stage').classList.contains('turning')"
    turn(index, "desc-defaced_T1w")
    good = (folder / "sub-01" / "sub-01_desc-defaced_T1w.js").read_bytes()
    bad = folder / "sub-01" / "sub-01_desc-defaced_T2w.js"
    bad.write_bytes((folder / "sub-002" / "sub-002_desc-defaced_T1w.js").read_bytes())
    choose(index, "desc-defaced_T2w")
    index.wait(lambda: "cannot be turned here: the volume" in index.text("#stage-says"))
    assert not index.run(script)
    assert all("NIfTI" in complaint for complaint in index.complaints())
    bad.write_bytes(good)
    turn(index, "desc-defaced_T1w")
    assert index.run(script)
    assert (pixels(index) > 40).mean() > 0.1


def test_without_a_viewer_the_page_says_what_to_install(chromium: Browser, tmp_path: Path) -> None:
    folder = reports(tmp_path, [participant("01", image())])
    page = (folder / "index.html").read_text("utf-8").replace('"viewer":true', '"viewer":false')
    (folder / "index.html").write_text(page, "utf-8")
    (folder / "niivue.js").unlink(missing_ok=True)
    chromium.open(folder / "index.html")
    assert "install NiiVue (pip install 'bidsdeid[view]')" in chromium.text("#stage-says")
    chromium.press("p")
    assert chromium.text("#reviewed").startswith("1 of 1")
    assert chromium.complaints() == []


def test_before_and_after_flicker_on_the_page(chromium: Browser, folder: Path) -> None:
    chromium.open(folder / "sub-01.html")
    script = "return document.querySelector('figure.mosaic img.on').dataset.layer"
    assert chromium.run(script) == "r"
    overlay = chromium.picture("figure.mosaic .layers")
    chromium.press("b")
    assert chromium.run(script) == "b"
    assert chromium.picture("figure.mosaic .layers") != overlay
    assert "as it was" in chromium.text("figure.mosaic figcaption")
    chromium.click("[data-flicker]")
    assert chromium.wait(lambda: chromium.run(script) == "a")
    assert chromium.wait(lambda: chromium.run(script) == "b")
    chromium.press("a")
    assert chromium.run(script) == "a"
    assert chromium.run("return document.querySelector('[data-flicker]').ariaPressed") == "false"
    assert chromium.complaints() == []


def test_a_link_leads_to_the_image_on_its_page(chromium: Browser, folder: Path) -> None:
    chromium.open(folder / "sub-01.html", at="#sub-01_desc-defaced_T2w")
    script = "return document.querySelector(':target h2').getBoundingClientRect().top"
    assert 0 <= chromium.run(script) < 200
    chromium.press("b")
    shown_script = "return document.querySelector(':target figure.mosaic img.on').dataset.layer"
    assert chromium.run(shown_script) == "b", "keys are for the image in view"
    chromium.press("k")
    assert chromium.run("return document.activeElement.id") == "sub-01_desc-defaced_T1w"


def test_everything_can_be_reached_by_keyboard(index: Browser) -> None:
    from selenium.webdriver.common.keys import Keys  # noqa: PLC0415

    reached = []
    for _ in range(12):
        index.press(Keys.TAB)
        reached.append(
            index.run("const a = document.activeElement; return a.id || a.value || a.dataset.sort")
        )
        outline = index.run("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] in {"fail", "look", "pass"}
    assert reached[:4] == ["save", "open", "help-button", "fail"]
    assert "search" in reached
