from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.core.likely import Identity
from bidsdeid.dicom.admission import REFUSALS
from bidsdeid.dicom.identifiers import Identifiers
from bidsdeid.dicom.profile import open_profile
from bidsdeid.dicom.survey import Scan, State, files_of, placed, survey
from bidsdeid.errors import InputError
from dicom_files import PIXELS, SECRET, data_set, element, elements_of, mr, part10, saved
from strategies import default_policy

SERIES, NUMBER, INSTANCE = 0x0020000E, 0x00200011, 0x00200013


def surveyed(folder: Path, *paths: str) -> tuple[list[Scan], Identifiers]:
    return survey(folder, paths or files_of(folder), open_profile("neuro"), default_policy())


# ── files ────────────────────────────────────────────────────────────────────────────────────


def test_all_files_of_all_folders_are_found_in_order(tmp_path: Path) -> None:
    names = ["b.dcm", "a/2", "a/10", ".hidden", "a/b/c", "DICOMDIR"]
    folder = saved(tmp_path, dict.fromkeys(names, b""))
    (folder / "empty").mkdir()
    assert files_of(folder) == sorted(names)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = saved(tmp_path, {"Fairweather/a": b""})
    (folder / "Fairweather").chmod(0)
    try:
        with pytest.raises(InputError, match="a folder of the study cannot be read"):
            files_of(folder)
    finally:
        (folder / "Fairweather").chmod(0o700)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file") as caught:
        files_of(tmp_path / "Fairweather")
    assert "Fairweather" not in str(caught.value)


# ── states ───────────────────────────────────────────────────────────────────────────────────

WHY = {row.name: row.reason for row in REFUSALS}
DAMAGED = "copy it again from its source"


@pytest.mark.parametrize(
    ("content", "state", "reason"),
    [
        (mr(), State.IMAGE, ""),
        (b"", State.WITHHELD, "it is not DICOM"),
        (b"notes of Dr. Quimby", State.WITHHELD, "it is not DICOM"),
        (bytes(200), State.WITHHELD, "it is not DICOM"),
        (mr({0x00080016: "1.2.840.10008.5.1.4.1.1.7"}), State.WITHHELD,
         WHY["not an admitted class"]),
        (mr({0x00280301: "YES"}), State.WITHHELD, WHY["burned in"]),
        (mr({0x00041220: ("SQ", [])}), State.WITHHELD, WHY["directory"]),
        (data_set(elements_of()), State.FAILED, "not a DICOM file with a preamble"),
        (mr()[: mr().index(b"Ambleford") + 4], State.FAILED, DAMAGED),
        (mr()[:150], State.FAILED, DAMAGED),
        (bytes(128) + b"DICM", State.FAILED, DAMAGED),
        (mr({0x00041220: ("SQ", b"Fairweather^Rosalind")}), State.WITHHELD, WHY["directory"]),
        (mr({PIXELS: None}), State.IMAGE, ""),
    ],
    ids=["image", "empty", "text", "zeros", "capture", "burned in", "directory", "no preamble",
         "cut short", "cut in its header", "nothing", "damaged directory", "no pixels"],
)  # fmt: skip
def test_what_becomes_of_a_file(tmp_path: Path, content: bytes, state: State, reason: str) -> None:
    folder = saved(tmp_path, {"a.dcm": content})
    (scan,), _ = surveyed(folder)
    assert (scan.path, scan.state) == ("a.dcm", state)
    assert reason in scan.reason
    assert bool(scan.reason) == (state is not State.IMAGE)
    assert "Fairweather" not in scan.reason


def test_what_is_no_file_failed(tmp_path: Path) -> None:
    folder = saved(tmp_path / "study", {"real": mr()})
    elsewhere = saved(tmp_path / "elsewhere", {"a": mr(number=2)})
    (folder / "link").symlink_to(folder / "nowhere")
    (folder / "linked folder").symlink_to(elsewhere)
    (folder / "linked file").symlink_to(elsewhere / "a")
    os.mkfifo(folder / "pipe")
    assert files_of(folder) == ["link", "linked file", "linked folder", "pipe", "real"]
    scans, _ = surveyed(folder, *files_of(folder), "gone")
    states = {scan.path: scan.state for scan in scans}
    assert [path for path, state in states.items() if state is State.FAILED] == [
        *("link", "linked folder", "pipe", "gone"),
    ]
    assert {scan.reason for scan in scans if scan.state is State.FAILED} == {
        "it is no file, or a link to a folder or to nothing"
    }
    assert states["linked file"] is State.IMAGE


def test_an_image_tells_its_place_in_the_study(tmp_path: Path) -> None:
    folder = saved(tmp_path, {"a": mr({NUMBER: " 12", INSTANCE: "007 "}, 3)})
    (scan,), _ = surveyed(folder)
    assert (scan.path, scan.state, scan.uid, scan.series) == (
        *("a", State.IMAGE, "1.2.826.7.1.3", "1.2.826.7.3"),
    )
    assert (scan.series_number, scan.number, scan.target) == (12, 7, "")


@pytest.mark.parametrize("value", ["", None, "-1", "two", "1.5", "1\\2", "٣"])
def test_a_number_that_is_none_is_zero(tmp_path: Path, value: str | None) -> None:
    folder = saved(tmp_path, {"a": mr({NUMBER: value, INSTANCE: value})})
    (scan,), _ = surveyed(folder)
    assert (scan.state, scan.series_number, scan.number) == (State.IMAGE, 0, 0)


def test_a_report_beside_the_images_tells_who_they_are_of(tmp_path: Path) -> None:
    report = mr({0x00080016: "1.2.840.10008.5.1.4.1.1.88.11", 0x00080050: "RX1234567"}, 2)
    folder = saved(tmp_path, {"a": mr(), "b": report, "c": b"text"})
    scans, identifiers = surveyed(folder)
    assert [scan.state for scan in scans] == [State.IMAGE, State.WITHHELD, State.WITHHELD]
    assert (Identity.RECORD, "RX1234567") in identifiers.found
    assert (Identity.PERSON, "Fairweather^Rosalind") in identifiers.found


def test_a_damaged_file_does_not_stop_the_others(tmp_path: Path) -> None:
    broken = part10(data_set({0x00080018: "1.2"}) + element(0x00081140, "SQ", b"ab"))
    cut = mr()[: mr().index(b"Ambleford") + 4]
    folder = saved(tmp_path, {"a": broken, "b": cut, "c": mr()})
    scans, identifiers = surveyed(folder)
    assert [scan.state for scan in scans][1:] == [State.FAILED, State.IMAGE]
    assert scans[0].state is not State.IMAGE
    assert (Identity.PERSON, "Fairweather^Rosalind") in identifiers.found


# ── new paths ────────────────────────────────────────────────────────────────────────────────


def scan(path: str, uid: str, series: str = "s", series_number: int = 5, number: int = 1) -> Scan:
    return Scan(path, State.IMAGE, "", uid, series, series_number, number)


def targets(scans: list[Scan]) -> dict[str, str]:
    return {each.uid: each.target for each in placed(scans, SECRET) if each.target}


def test_images_are_numbered_within_their_series() -> None:
    scans = [scan("x", "1", number=10), scan("y", "2", number=9), scan("z", "3", "t", 12, 1)]
    assert targets(scans) == {
        "2": "0005/00001.dcm", "1": "0005/00002.dcm", "3": "0012/00001.dcm",
    }  # fmt: skip


def test_series_of_one_number_have_folders_of_their_own() -> None:
    scans = [scan(f"{n}", f"u{n}", f"series {n}") for n in range(4)]
    assert sorted(targets(scans).values()) == [
        *("0005-2/00001.dcm", "0005-3/00001.dcm", "0005-4/00001.dcm", "0005/00001.dcm"),
    ]
    assert targets(scans) == targets(scans[::-1])


@pytest.mark.parametrize(
    ("number", "folder"),
    [(0, "0000"), (1, "0001"), (9999, "9999"), (10_000, "0000"), (20190304, "0000")],
)
def test_a_number_that_may_be_a_records_is_not_told(number: int, folder: str) -> None:
    assert targets([scan("a", "u", series_number=number)]) == {"u": f"{folder}/00001.dcm"}


def test_of_files_with_one_uid_the_first_is_taken() -> None:
    scans = [scan("a", "1"), scan("b", "1"), scan("c", "2", number=2), scan("d", "1", "t")]
    after = placed(scans, SECRET)
    assert {each.path: each.state for each in after} == {
        "a": State.IMAGE, "b": State.FAILED, "c": State.IMAGE, "d": State.FAILED,
    }  # fmt: skip
    failed = [each for each in after if each.state is State.FAILED]
    assert {each.reason for each in failed} == {
        "another file of the study has its UID: leave one of them out"
    }
    assert not any(each.target for each in failed)
    assert targets(scans) == {"1": "0005/00001.dcm", "2": "0005/00002.dcm"}


def test_files_that_are_no_images_have_no_new_path_and_are_told() -> None:
    others = [Scan("a", State.WITHHELD, "x"), Scan("b", State.FAILED, "y")]
    after = placed([others[0], scan("c", "1"), others[1]], SECRET)
    assert [each for each in after if not each.target] == others
    assert len(after) == 3


@given(st.integers(0, 2**32))
def test_the_order_does_not_depend_on_names_of_files(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    names = [f"{n}" for n in range(24)]
    random.shuffle(names)
    scans = [
        scan(names[n], f"1.2.{n}", f"1.3.{n % 5}", n % 3, random.randint(0, 3) and n % 4)
        for n in range(24)
    ]
    expected = targets(scans)
    assert len(set(expected.values())) == 24
    renamed = [
        scan(f"x{random.random()}", x.uid, x.series, x.series_number, x.number) for x in scans
    ]
    random.shuffle(renamed)
    assert targets(renamed) == expected
    for path in expected.values():
        folder, name = path.split("/")
        assert folder.partition("-")[0].isdecimal()
        assert name.removesuffix(".dcm").isdecimal()


def test_images_without_a_number_are_in_an_order_that_the_key_tells() -> None:
    scans = [scan(f"{n}", f"1.2.{n}", number=0) for n in range(50)]
    order = sorted(range(50), key=lambda n: targets(scans)[f"1.2.{n}"])
    assert order != sorted(order)
    assert order == sorted(order, key=lambda n: SECRET.uid(f"1.2.{n}"))
