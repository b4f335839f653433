"""What a gzip file says about the file it was made from (RFC 1952, section 2.3).

``gzip sub-01_T1w.nii`` keeps the name and the time of the file that was packed.  A file can be
made of several members; only the first one's header is read, as the others can be found by
inflating the whole file only.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from bidsdeid.core.piece import Reading
from bidsdeid.errors import TextError
from bidsdeid.io.readers.gather import Gathered, decoded, printable, refusing
from bidsdeid.io.readers.source import stored_bytes

MAGIC = b"\x1f\x8b"

#: A name or comment longer than this is cut.
MAX_NAME = 2**16

_FIXED = 10
_EXTRA, _NAME, _COMMENT = 4, 8, 16

#: An extra field starts with two letters that say which program wrote it.
_LEAST_EXTRA = 3


def read_gzip_header(path: Path) -> Reading:
    """Read name, comment, extra field and time of a ``.gz`` file, and inflate nothing.

    Raises
    ------
    TextError
        If it is not a gzip file, or ends within its header.
    """
    with refusing("a gzip file"):
        content = stored_bytes(path, _FIXED + 3 * MAX_NAME)
    if len(content) < _FIXED or not content.startswith(MAGIC):
        message = "it does not start with a gzip header"
        raise TextError(message)
    gathered = Gathered()
    flags, rest = content[3], content[_FIXED:]
    if seconds := int.from_bytes(content[4:8], "little"):
        gathered.add("gzip time", dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat())
    if flags & _EXTRA:
        size = int.from_bytes(rest[:2], "little")
        for run in printable(rest[2 : 2 + size], least=_LEAST_EXTRA):
            gathered.add("gzip extra field", run)
        rest = rest[2 + size :]
    for flag, where in ((_NAME, "gzip name"), (_COMMENT, "gzip comment")):
        if flags & flag:
            text, _, rest = rest.partition(b"\0")
            gathered.add(where, decoded(text[:MAX_NAME]))
            if len(text) > MAX_NAME:
                gathered.unseen(f"only the first {MAX_NAME} bytes of the {where} have been seen")
    return gathered.reading()
