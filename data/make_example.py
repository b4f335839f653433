"""Write the example dataset ``data/example`` and the table of what is hidden in it.

Run as ``python data/make_example.py [OUT_DIR]``. Every head is pydeface's average head, warped:
no person was scanned. The table ``canaries.tsv`` is written beside the dataset.
"""

import hashlib
import json
import re
import shutil
import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final

import numpy as np

# Loading this file by its path, as tests do, does not make its neighbours importable.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from example_heads import SCANS, Floats, Scan, Truth, truth, voxels
from example_text import AROUND, GZIP, HEADER, JSON, SHAPES, TEXT, TSV

__all__ = ["SCANS", "Canaries", "Scan", "Truth", "dataset_files", "make", "truth", "voxels"]

MARK: Final = re.compile(r"<(?:=(?P<text>[^<>]+)|(?P<kind>[a-z-]+)(?::(?P<label>[a-z]+))?)>")
MTIME: Final = 1548145867  # when the gzip files with a telling header were packed: 2019-01-22
FIELDS: Final = {  # offset and size of the texts in a NIfTI header
    "data_type": (4, 10), "db_name": (14, 18), "descrip": (148, 80), "aux_file": (228, 24),
    "intent_name": (328, 16),
}  # fmt: skip


@dataclass
class Canaries:
    """The canaries planted so far, as rows (token, kind, place) of the table."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)
    _named: dict[str, str] = field(default_factory=dict)

    def plant(self, place: str, template: str) -> str:
        """Fill every mark of a template with a fresh canary and note it under `place`."""
        return MARK.sub(lambda mark: self._fill(MARK.sub("*", place), mark), template)

    def plant_all(self, file: str, value: Any, where: str = "") -> Any:  # noqa: ANN401 (JSON)
        """Fill the marks in all keys and strings of a JSON value; numbers stay as they are."""
        if isinstance(value, dict):
            keys = {key: self.plant(f"{file}: a key in {where[1:] or 'the object'}", key)
                    for key in value}  # fmt: skip
            return {keys[k]: self.plant_all(file, v, f"{where}.{k}") for k, v in value.items()}
        if isinstance(value, list):
            return [self.plant_all(file, item, f"{where}[{i}]") for i, item in enumerate(value)]
        return self.plant(f"{file}: {where[1:]}", value) if isinstance(value, str) else value

    def plant_table(self, file: str, lines: list[str]) -> str:
        """Fill the marks of a table given as lines with one space between cells."""
        names, *rows = (line.split(" ") for line in lines)
        filled = [[self.plant(f"{file}: name of a column", name) for name in names]]
        for row in rows:
            cells = zip(names, row, strict=True)
            filled.append([self.plant(f"{file}: {row[0]}, {name}", cell) for name, cell in cells])
        return "".join("\t".join(cells) + "\n" for cells in filled)

    def _fill(self, place: str, mark: re.Match[str]) -> str:
        label = mark["label"] or mark["text"]
        if label in self._named:
            return self._named[label]
        n = len(self.rows) + 1
        # The letters depend on the number alone: rewording a place must not change the dataset.
        letters = "".join(
            ascii_lowercase[byte % 26] for byte in hashlib.sha256(str(n).encode()).digest()[:6]
        )
        word = f"qanary{n:02d}{letters}"
        text = (mark["text"] or SHAPES[mark["kind"]]).format(
            w=word, w10=letters[: 8 - len(str(n))], W=word[:-6].upper(), V=letters.upper(),
            n=n, y=30 + n % 60, m=1 + n % 12, d=1 + n % 28,
        )  # fmt: skip
        # JSON escapes the backslashes of a path, so a path is looked for by its unique part.
        token = word if word in text else text
        if any(token in row[0] or row[0] in token for row in self.rows):
            message = f"the canary {token} for {place} is not unique"
            raise ValueError(message)
        kind = "structural" if mark["kind"] in {"t", "short"} else mark["kind"] or "date"
        self.rows.append((token, kind, place))
        self._named |= {label: text} if label else {}
        return text

    def table(self) -> str:
        """Write the table of canaries."""
        return "".join("\t".join(row) + "\n" for row in [("token", "kind", "place"), *self.rows])


def _quaternion(turn: Floats) -> Floats:
    """Write a rotation as the three numbers a NIfTI header keeps of its quaternion."""
    (a, b, c), (d, e, f), (g, h, i) = turn
    rows = np.array([
        [1 + a + e + i, h - f, c - g, d - b],
        [h - f, 1 + a - e - i, b + d, c + g],
        [c - g, b + d, 1 - a + e - i, f + h],
        [d - b, c + g, f + h, 1 - a - e + i],
    ])  # fmt: skip
    # All four rows are the quaternion up to a factor; the one with most weight is most precise.
    best = rows[np.argmax(np.diag(rows))]
    best = best / np.linalg.norm(best) * (1 if best[0] >= 0 else -1)
    return np.asarray(best[1:])


def _header(
    scan: Scan, shape: tuple[int, ...], affine: Floats, texts: dict[str, str]
) -> bytearray:
    """Make a NIfTI header by hand: nibabel would not put text into all of these fields."""
    head = bytearray(348)
    size = np.linalg.norm(affine[:3, :3], axis=0)
    turn = affine[:3, :3] / size
    handed = -1.0 if np.linalg.det(turn) < 0 else 1.0
    turn[:, 2] *= handed
    pause = 0.0 if len(shape) == 3 else 2.0 if scan.suffix == "bold" else 4.0  # noqa: PLR2004
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<c", head, 38, b"r")
    struct.pack_into("<8h", head, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<2h", head, 70, 4, 16)
    struct.pack_into("<8f", head, 76, handed, *size, pause, 0, 0, 0)
    struct.pack_into("<2f", head, 112, scan.slope, scan.inter)
    struct.pack_into("<B", head, 123, 10)
    struct.pack_into("<2h6f", head, 252, 1, 1, *_quaternion(turn), *affine[:3, 3])
    struct.pack_into("<12f", head, 280, *affine[:3].ravel())
    struct.pack_into("<4s", head, 344, b"n+1")
    for name, text in texts.items():
        offset, room = FIELDS[name]
        struct.pack_into(f"<{room}s", head, offset, text.encode())
        if len(text) > room:
            message = f"{scan.path}: {text} does not fit into {name}"
            raise ValueError(message)
    return head


def _extension(code: int, content: bytes) -> bytes:
    size = -(-(len(content) + 8) // 16) * 16
    return struct.pack("<2i", size, code) + content.ljust(size - 8)


def _dicom(name: str) -> bytes:
    """Write a patient's name as a DICOM element that fills its extension to the last byte."""
    room = -(-(len(name) + 16) // 16) * 16 - 16
    return struct.pack("<2H2sH", 0x10, 0x10, b"PN", room) + name.encode().ljust(room)


def _nifti(scan: Scan, canaries: Canaries) -> bytes:
    """Write an image, with canaries before, in and behind it."""
    data, affine = voxels(scan)
    texts, around = (
        {key: canaries.plant(f"{scan.path}: NIfTI {key}", text) for key, text in part.items()}
        for part in (HEADER.get(scan.path, {}), AROUND.get(scan.path, {}))
    )
    head = _header(scan, data.shape, affine, texts)
    gap = b""
    if "comment" in around:
        gap += _extension(6, around["comment"].encode())
    if "dicom" in around:
        gap += _extension(2, _dicom(around["dicom"]))
    flag = bool(gap)
    gap += around.get("before", "").encode()
    gap = gap.ljust(-(-len(gap) // 16) * 16, b"\0")
    struct.pack_into("<f", head, 108, 352 + len(gap))
    stored = data.astype("<i2").tobytes(order="F")
    behind = around.get("behind", "").encode()
    return bytes(head) + struct.pack("<B3x", flag) + gap + stored + behind


def _gzip(content: bytes, texts: dict[str, str]) -> bytes:
    """Pack a file by hand: the gzip module cannot write comments and extra fields."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    flags = 4 * ("extra" in texts) + 8 * ("name" in texts) + 16 * ("comment" in texts)
    head = struct.pack("<3BBIBB", 0x1F, 0x8B, 8, flags, MTIME if flags else 0, 2, 255)
    if "extra" in texts:
        extra = texts["extra"].encode()
        head += struct.pack("<H2sH", len(extra) + 4, b"QN", len(extra)) + extra
    for key in ("name", "comment"):
        head += texts[key].encode() + b"\0" if key in texts else b""
    body = stream.compress(content) + stream.flush()
    member = _gzip(b"", {"comment": texts["member"]}) if "member" in texts else b""
    return head + body + struct.pack("<2I", zlib.crc32(content), len(content)) + member


def _physio() -> bytes:
    """Write sixteen seconds of pulse, breath, trigger and a column that should not be there."""
    time = np.arange(160) / 10
    pulse, breath = np.sin(7 * time), np.sin(1.6 * time)
    rows = zip(pulse, breath, time % 2 == 0, breath * pulse, strict=True)
    return "".join(f"{a:.3f}\t{b:.3f}\t{c:d}\t{d:.3f}\n" for a, b, c, d in rows).encode()


def _texts(canaries: Canaries) -> dict[str, str]:
    """Fill in the templates of all sidecars, tables and other texts."""
    files = {
        name: json.dumps(canaries.plant_all(name, content), indent=2) + "\n"
        for name, content in JSON.items()
    }
    files |= {name: canaries.plant_table(name, lines) for name, lines in TSV.items()}
    for name, content in TEXT.items():
        planted = canaries.plant(f"{name}: name of the file or folder", name)
        files[planted] = canaries.plant(f"{name}: content", content)
    return files


def dataset_files() -> tuple[dict[str, bytes], Canaries]:
    """Make the whole dataset in memory.

    Returns
    -------
    files : dict of str to bytes
        Content by path below the dataset.
    canaries : Canaries
        What is hidden in them.
    """
    canaries = Canaries()
    files = {name: text.encode() for name, text in _texts(canaries).items()}
    files["sub-01/func/sub-01_task-rest_physio.tsv.gz"] = _physio()
    files |= {scan.path: _nifti(scan, canaries) for scan in SCANS}
    for name in (name for name in files if name.endswith(".gz")):
        marks = GZIP.get(name, {}).items()
        texts = {key: canaries.plant(f"{name}: gzip {key}", text) for key, text in marks}
        files[name] = _gzip(files[name], texts)
    return dict(sorted(files.items())), canaries


def make(out: Path) -> None:
    """Write the dataset, and ``canaries.tsv`` beside it.

    Parameters
    ----------
    out : pathlib.Path
        Folder for the dataset. An example already there is replaced, anything else is kept.
    """
    description = out / "dataset_description.json"
    if out.exists() and any(out.iterdir()):
        if not description.exists() or "bidsdeid example" not in description.read_text("utf-8"):
            message = f"{out} holds something else than the example"
            raise SystemExit(message)
        shutil.rmtree(out)
    files, canaries = dataset_files()
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (out.parent / "canaries.tsv").write_text(canaries.table(), "utf-8", newline="\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parent / "example")
