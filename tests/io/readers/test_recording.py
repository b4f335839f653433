from __future__ import annotations

import datetime as dt
import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bidsdeid.errors import TextError
from bidsdeid.io.readers import recording as module
from bidsdeid.io.readers.dispatch import read
from bidsdeid.io.readers.recording import BLOCKS, LARGE, is_edf, is_fif, read_edf, read_fif

Save = Callable[..., Path]
Texts = Callable[..., dict[str, list[str]]]


def edf(
    *annotations: bytes, kind: str = "EDF", date: str = "04.03.19", reserved: str = "EDF+C"
) -> bytes:
    """Return a recording with two signals, and a record for each of the annotations."""
    width = 3 if kind == "BDF" else 2
    signals = [
        ("EEG Fp1", "SN998877", "uV", "-1", "1", "-9", "9", "HP:0.1Hz", "4", "kept"),
        (f"{kind} Annotations", "", "", "-1", "1", "-9", "9", "", "30", ""),
    ]
    sizes = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
    patient, session = "MRN1 F 02-MAY-1951 Jürgen", "Startdate 04-MAR-2019 adm Zebulon EQ7"
    fields = (patient, 80), (session, 80), (date, 8), ("10.11.12", 8), ("768", 8), (reserved, 44)
    counts = (str(len(annotations)), 8), ("1", 8), ("2", 4)
    text = "".join(value.ljust(size) for value, size in (*fields, *counts))
    for place, size in enumerate(sizes):
        text += "".join(signal[place].ljust(size) for signal in signals)
    waves = b"+\x14no\x14\0".ljust(4 * width, b"\0")  # looks like an annotation, and is none
    records = (waves + content.ljust(30 * width, b"\0") for content in annotations)
    version = b"\xffBIOSEMI" if kind == "BDF" else b"0       "
    return version + text.encode("latin-1") + b"".join(records)


@pytest.mark.parametrize("kind", ["EDF", "BDF"])
def test_header_signals_and_annotations(save: Save, texts: Texts, kind: str) -> None:
    content = edf(
        b"+0\x14\x14\0+0.5\x15" + b"1\x14Jane sneezes\x14second\x14\0",
        b"+1\x14\x14\0+1.5\x14" + "Jürgen came".encode() + b"\x14\0",
        kind=kind,
    )
    assert is_edf(content[:512])
    reading = read(save(content, "a"))
    assert texts(reading) == {
        "header local patient identification": ["MRN1 F 02-MAY-1951 Jürgen"],
        "header local recording identification": ["Startdate 04-MAR-2019 adm Zebulon EQ7"],
        "header startdate of recording": ["2019-03-04"],
        "header starttime of recording": ["10.11.12"],
        "header reserved": ["EDF+C"],
        "signal 1 label": ["EEG Fp1"],
        "signal 2 label": [f"{kind} Annotations"],
        "signal 1 transducer type": ["SN998877"],
        "signal 1 prefiltering": ["HP:0.1Hz"],
        "signal 1 reserved": ["kept"],
        "record 1 annotation": ["Jane sneezes", "second"],
        "record 2 annotation": ["Jürgen came"],
    }
    assert reading.unseen == ""


@pytest.mark.parametrize(
    ("date", "text"),
    [
        ("01.02.85", "1985-02-01"),
        ("31.12.84", "2084-12-31"),
        ("99.99.99", "99.99.99"),
        ("Zebulon", "Zebulon"),
    ],
)
def test_dates_with_two_digits_of_a_year(save: Save, texts: Texts, date: str, text: str) -> None:
    found = texts(read_edf(save(edf(date=date))))
    assert found["header startdate of recording"] == [text]


def test_annotations_have_a_limit(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BLOCKS", 2)
    records = [b"+0\x14one\x14\0", b"+1\x14two\x14\0", b"+2\x14three\x14\0"]
    reading = read_edf(save(edf(*records)))
    assert [p.text for p in reading.pieces if "annotation" in p.where] == ["one", "two"]
    assert reading.unseen == BLOCKS
    assert read_edf(save(edf(*records[:2]))).unseen == ""


def test_a_signal_with_a_negative_size_is_told(save: Save) -> None:
    content = edf(b"+0\x14one\x14\0").replace(b"30      ", b"-30     ")
    reading = read_edf(save(content))
    assert len(reading.pieces) == 10
    assert reading.unseen.startswith("a signal has a size that is none")


def test_what_is_no_recording_is_refused(save: Save) -> None:
    for content in (b"", b"0       ", b"Zebulon" * 99):
        with pytest.raises(TextError):
            read_edf(save(content))


def test_headers_of_brainvision_are_texts(save: Save, texts: Texts) -> None:
    content = b"Brain Vision Data Exchange Header File Version 1.0\n[Comment]\nZebulon\n"
    assert texts(read(save(content, "a.vhdr")))["line 3"] == ["Zebulon"]


def tag(kind: int, form: int, content: bytes, ahead: int = 0) -> bytes:
    return struct.pack(">4i", kind, form, len(content), ahead) + content


def fif(*tags: bytes) -> bytes:
    """Return a FIF file, which starts with who wrote it, and when."""
    return tag(100, 31, struct.pack(">5i", 1, 2, 3, 1551694272, 0)) + b"".join(tags)


def test_texts_and_telling_numbers_of_fif(save: Save, texts: Texts) -> None:
    content = fif(
        tag(401, 10, "Jürgen".encode()),
        tag(403, 10, "Müller".encode("latin-1")),
        tag(206, 10, b"two\nlines"),
        tag(404, 6, struct.pack(">i", 2433769)),
        tag(404, 6, struct.pack(">i", -1)),
        tag(204, 3, struct.pack(">2i", 1551694272, 5)),
        tag(204, 3, struct.pack(">2i", 0, 5)),
        tag(500, 3, struct.pack(">i", 771)),
        tag(203, 30, bytes(80) + b"EEG Zebulon\0\0\0\0\0"),
        tag(777, 10, b"of no name"),
        tag(300, 4, b"data" * 99),
    )
    reading = read(save(content, "a"))
    assert texts(reading) == {
        "tag 100 file_id": ["2019-03-04T10:11:12+00:00"],
        "tag 401 first_name": ["Jürgen"],
        "tag 403 last_name": ["Müller"],
        "tag 206 description line 1": ["two"],
        "tag 206 description line 2": ["lines"],
        "tag 404 birthday": ["1951-05-02", "-1"],
        "tag 204 meas_date": ["2019-03-04T10:11:12+00:00"],
        "tag 500 proj_id": ["771"],
        "tag 203 ch_info": ["EEG Zebulon"],
        "tag 777": ["of no name"],
    }
    assert reading.unseen == ""


def test_tags_that_are_farther_on_are_found(save: Save) -> None:
    jump = tag(403, 10, b"Jane", ahead=100)
    content = (fif(jump).ljust(100, b"\xff")) + tag(403, 10, b"Zebulon")
    assert [piece.text for piece in read(save(content)).pieces][1:] == ["Jane", "Zebulon"]
    back = fif(tag(403, 10, b"Jane", ahead=10), tag(403, 10, b"John", -1), tag(403, 10, b"Joe"))
    assert [piece.text for piece in read(save(back)).pieces][1:] == ["Jane", "John", "Joe"]


def test_data_of_fif_are_not_read_and_long_texts_are_told(
    save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**10)
    monkeypatch.setattr(module, "MAX_VALUE", 2**9)
    data, long = tag(300, 4, bytes(2**20)), tag(206, 10, b"a" * 2**10)
    reading = read_fif(save(fif(data, long, tag(403, 10, b"Zebulon"))))
    assert [piece.text for piece in reading.pieces][1:] == ["Zebulon"]
    assert reading.unseen == LARGE


def test_what_is_no_fif_file_is_refused(save: Save) -> None:
    assert is_fif(fif())
    for content in (b"", fif()[:11], b"Zebulon" * 9):
        assert not is_fif(content)
        with pytest.raises(TextError):
            read_fif(save(content))


@pytest.mark.parametrize("name", ["a_raw.fif", "a_raw.fif.gz"])
@pytest.mark.filterwarnings("default")
def test_what_mne_writes_is_read(tmp_path: Path, texts: Texts, name: str) -> None:
    mne = pytest.importorskip("mne")
    info = mne.create_info(["Fp1", "Zebulon"], 100.0, "eeg")
    info.set_meas_date(dt.datetime(2019, 3, 4, 10, 11, 12, tzinfo=dt.UTC))
    info["subject_info"] = {
        "id": 771, "his_id": "MRN1234567", "last_name": "Doe", "birthday": dt.date(1951, 5, 2),
    }  # fmt: skip
    info["experimenter"], info["description"] = "Smith, J", "rest\nof Jane"
    info["device_info"] = {"type": "VV", "serial": "SN998877", "site": "Clinic 4"}
    raw = mne.io.RawArray([[0.0] * 300] * 2, info, verbose="ERROR")
    raw.set_annotations(mne.Annotations([0.5], [0.1], ["Jane sneezes"], info["meas_date"]))
    raw.save(tmp_path / name, verbose="ERROR")
    found = texts(read(tmp_path / name))
    expected = {
        "tag 400 subj_id": ["771"],
        "tag 410 his_id": ["MRN1234567"],
        "tag 403 last_name": ["Doe"],
        "tag 404 birthday": ["1951-05-02"],
        "tag 212 experimenter": ["Smith, J"],
        "tag 206 description line 1": ["rest"],
        "tag 206 description line 2": ["of Jane"],
        "tag 206 description": ["Jane sneezes"],
        "tag 154 device_serial": ["SN998877"],
        "tag 155 device_site": ["Clinic 4"],
        "tag 204 meas_date": ["2019-03-04T10:11:12+00:00"],
        "tag 203 ch_info": ["Fp1", "Zebulon"],
    }
    assert {where: found.get(where) for where in expected} == expected


@given(st.data())
def test_damage_is_survived(survives: Callable[..., None], data: st.DataObject) -> None:
    content = edf(b"+0\x14Zebulon\x14\0", b"+1\x14Zebulon\x14\0")
    survives(data, read_edf, content)
    survives(data, read_edf, gzip.compress(content))
    content = fif(tag(403, 10, b"Zebulon"), tag(404, 6, bytes(4)), tag(204, 3, bytes(8)))
    survives(data, read_fif, content + tag(203, 30, b"Zebulon ".rjust(96)))
