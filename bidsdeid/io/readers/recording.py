"""Recordings of EEG and MEG: EDF and BDF, and FIF.

EDF and BDF have a header of fixed places (Kemp et al. 1992; https://www.edfplus.info/specs).  FIF
is a row of tags, which is walked here: of a damaged file, mne reads gigabytes, for minutes.
BrainVision's headers are texts, and read as such.
"""

from __future__ import annotations

import datetime as dt
import itertools
import struct
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType

from bidsdeid.core.piece import Reading
from bidsdeid.errors import TextError
from bidsdeid.io.readers.gather import Gathered, decoded, gather
from bidsdeid.io.readers.source import Bounded

#: What is read of a file, how many blocks of annotations, and bytes of a text.
MAX_BYTES, MAX_BLOCKS = 64 * 2**20, 200_000
MAX_VALUE = 16 * 2**20

BLOCKS = f"only the first {MAX_BLOCKS} blocks of its annotations have been seen"
LARGE = f"a text of more than {MAX_VALUE // 2**20} MB in it has not been read"

_FIF = bytes([0, 0, 0, 100, 0, 0, 0, 31, 0, 0, 0, 20])  # its first tag: who wrote it, and when
_EDF, _BDF = b"0       ", b"\xffBIOSEMI"

#: Names and sizes of the fields of the header, and of those of each signal, with what is text.
_FIELDS = MappingProxyType(
    {
        "version": 8, "local patient identification": 80, "local recording identification": 80,
        "startdate of recording": 8, "starttime of recording": 8, "number of bytes": 8,
        "reserved": 44, "number of data records": 8, "duration": 8, "number of signals": 4,
    }
)  # fmt: skip
_SIGNAL_FIELDS = MappingProxyType(
    {
        "label": 16, "transducer type": 80, "physical dimension": 8, "physical minimum": 8,
        "physical maximum": 8, "digital minimum": 8, "digital maximum": 8, "prefiltering": 80,
        "number of samples": 8, "reserved": 32,
    }
)  # fmt: skip
_TEXTS = frozenset(
    {
        "local patient identification", "local recording identification", "starttime of recording",
        "reserved", "label", "transducer type", "prefiltering",
    }
)  # fmt: skip
_DATE, _BYTES, _SIGNALS = "startdate of recording", "number of bytes", "number of signals"
_LABEL, _SAMPLES = "label", "number of samples"
_ANNOTATIONS = frozenset({b"EDF Annotations", b"BDF Annotations"})
_CENTURY = 85  # two digits of a year: 85 to 99 are of the last century

#: FIF: kind, type, size and next of each tag (Functional Image File Format 1.3, section 2).
_TAG = struct.Struct(">4i")
_STRING, _CHANNEL, _ID = 10, 30, 31
_CHANNEL_NAME, _ID_TIME, _ID_SIZE = slice(80, 96), slice(12, 16), 20
_MAX_NUMBER = 8
_JULIAN = 1721425  # the Julian day before the first of Python's calendar

#: Names of the tags that say something about people, places and times.
_TAGS = MappingProxyType(
    {
        100: "file_id", 103: "block_id", 109: "parent_file_id", 110: "parent_block_id",
        111: "block_name", 113: "creator", 114: "modifier", 118: "ref_file_name",
        150: "dacq_pars", 152: "device_type", 153: "device_model", 154: "device_serial",
        155: "device_site", 203: "ch_info", 204: "meas_date", 205: "subject", 206: "description",
        212: "experimenter", 227: "event_comment", 233: "name", 400: "subj_id",
        401: "first_name", 402: "middle_name", 403: "last_name", 404: "birthday",
        409: "subj_comment", 410: "his_id", 500: "proj_id", 501: "proj_name", 502: "proj_aim",
        503: "proj_persons", 504: "proj_comment", 1101: "ref_path", 3508: "mne_file_name",
        3550: "working_dir", 3551: "command_line", 3566: "event_comments",
    }
)  # fmt: skip


def is_edf(first: bytes) -> bool:
    """Tell whether a file starts with the header of EDF or BDF."""
    return first[:8] in (_EDF, _BDF) and first[184:192].strip().isdigit()


def is_fif(first: bytes) -> bool:
    """Tell whether a file starts with the first tag of a FIF file."""
    return first.startswith(_FIF)


def read_edf(path: Path) -> Reading:
    """Read header, signal headers and annotations of an EDF, EDF+, BDF or BDF+ file.

    Raises
    ------
    TextError
        If its header cannot be read.
    """
    return gather(path, "an EDF recording", _fill_edf, limit=MAX_BYTES)


def read_fif(path: Path) -> Reading:
    """Read all texts of a FIF file, and the numbers that stand for a subject, a study or a time.

    Raises
    ------
    TextError
        If it does not start as one.
    """
    return gather(path, "a FIF recording", _fill_fif, limit=MAX_BYTES)


def _fill_edf(stream: Bounded, gathered: Gathered) -> None:
    fields = {name: stream.read(size) for name, size in _FIELDS.items()}
    if fields["version"] not in (_EDF, _BDF):
        message = "it does not start as an EDF file does"
        raise TextError(message)
    for name, value in fields.items():
        if name in _TEXTS:
            gathered.add(f"header {name}", decoded(value), name)
    gathered.add(f"header {_DATE}", _date(decoded(fields[_DATE])), _DATE)
    count = int(fields[_SIGNALS])
    signals = {
        name: [stream.read(size) for _ in range(count)] for name, size in _SIGNAL_FIELDS.items()
    }
    for name, values in signals.items():
        for number, value in enumerate(values if name in _TEXTS else (), start=1):
            gathered.add(f"signal {number} {name}", decoded(value), name)
    width = 3 if fields["version"] == _BDF else 2
    sizes = [int(samples) * width for samples in signals[_SAMPLES]]
    _add_annotations(stream, signals[_LABEL], sizes, int(fields[_BYTES]), gathered)


def _date(text: str) -> str:
    """Return ``dd.mm.yy`` as ISO, or as it is if it is no date."""
    day, _, rest = text.strip().partition(".")
    month, _, year = rest.partition(".")
    try:
        century = 1900 if int(year) >= _CENTURY else 2000
        return dt.date(century + int(year), int(month), int(day)).isoformat()
    except ValueError:
        return text


def _add_annotations(
    stream: Bounded, labels: Iterable[bytes], sizes: list[int], start: int, gathered: Gathered
) -> None:
    """Add the texts of EDF+, which stand in signals of their own: time 20 text 20 ... 0."""
    if min(sizes, default=0) < 0:
        message = "a signal has a size that is none"
        raise TextError(message)
    ends = list(itertools.accumulate(sizes, initial=0))
    texts = [i for i, label in enumerate(labels) if label.strip() in _ANNOTATIONS]
    blocks = 0
    for number in itertools.count() if texts else ():
        for index in texts:
            stream.seek(start + number * ends[-1] + ends[index])
            if not (content := stream.read(sizes[index])):
                return
            if blocks == MAX_BLOCKS:
                gathered.unseen(BLOCKS)
                return
            blocks += 1
            for annotation in content.split(b"\0"):
                for text in annotation.split(b"\x14")[1:]:
                    gathered.add(f"record {number + 1} annotation", decoded(text))


def _fill_fif(stream: Bounded, gathered: Gathered) -> None:
    if stream.read(len(_FIF)) != _FIF:
        message = "it does not start as a FIF file does"
        raise TextError(message)
    stream.seek(0)
    while len(head := stream.read(_TAG.size)) == _TAG.size:
        kind, form, size, ahead = _TAG.unpack(head)
        size = max(size, 0)
        after = stream.tell() + size
        name = _TAGS.get(kind, "")
        where = f"tag {kind} {name}".rstrip()
        if size > MAX_VALUE and form in (_STRING, _CHANNEL):
            gathered.unseen(LARGE)
        elif form == _STRING:
            gathered.add_lines(where, decoded(stream.read(size)), name)
        elif form == _CHANNEL:
            gathered.add(
                where, decoded(stream.read(size)[_CHANNEL_NAME].partition(b"\0")[0]), name
            )
        elif form == _ID and size == _ID_SIZE:
            gathered.add(where, _time(stream.read(size)[_ID_TIME]), name)
        elif kind in _NUMBERS and 0 < size <= _MAX_NUMBER:
            gathered.add(where, _NUMBERS[kind](stream.read(size)), name)
        # A tag is followed by the next one in the file, or by one farther on.
        stream.seek(max(ahead, after))


def _number(content: bytes) -> str:
    return str(int.from_bytes(content, "big", signed=True))


def _time(content: bytes) -> str:
    """Return seconds since 1970, which microseconds may follow, as ISO; empty if they are 0."""
    seconds = int.from_bytes(content[:4], "big", signed=True)
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat() if seconds else ""


def _day(content: bytes) -> str:
    """Return a Julian day as ISO, or its number if it is none of this calendar."""
    try:
        return dt.date.fromordinal(int(_number(content)) - _JULIAN).isoformat()
    except (OverflowError, ValueError):
        return _number(content)


#: Numbers that stand for a time, a person or a study, and how they are read.
_NUMBERS = MappingProxyType({204: _time, 400: _number, 404: _day, 500: _number})
