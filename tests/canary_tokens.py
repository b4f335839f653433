"""Invented identifiers: each kind as it is written, and what gives it away."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class Kind:
    """A way of writing an identifier.

    Parameters
    ----------
    name : str
    detector : str
        That finds it in running text.
    shape : str
        With parts of `_parts` in braces.
    marks : tuple of str
        Parts of it that must not be left, in lower case; the whole by default.
    declared : tuple of str
        Field that says elsewhere in the dataset whom it is, and how it is written there.
    """

    name: str
    detector: str
    shape: str
    marks: tuple[str, ...] = ()
    declared: tuple[str, str] | None = None


_PATIENT = ("OtherPatientNames", "{LAST}^{FIRST}")

#: Identifiers as they stand in text: names that other fields declare, and what has a shape.
KINDS = (
    Kind("surname", "name in this dataset", "{Last}", ("{last}",), _PATIENT),
    Kind("first name", "name in this dataset", "for {first}", ("{first}",), _PATIENT),
    Kind("whole name", "name in this dataset", "{First} {Last}", ("{first}", "{last}"), _PATIENT),
    Kind("name in capitals", "name in this dataset", "T1_{LAST}_2", ("{last}",), _PATIENT),
    Kind("name run together", "name in this dataset", "{last}{first}2", ("{last}",), _PATIENT),
    Kind("name in a hump", "name in this dataset", "again{Last}Scan", ("{last}",), _PATIENT),
    Kind("accented name", "name in this dataset", "{L\u00e1st}", ("{l\u00e1st}",), _PATIENT),
    Kind("patient code", "record of this dataset", "scan {Code} b", ("{code}",),
         ("OtherPatientIDs", "{Code}")),
    Kind("visit code", "record of this dataset", "V{Code}", ("{code}",),
         ("AccessionNumber", "V-{Code}")),
    Kind("member of staff", "staff or place of this dataset", "by {Last}", ("{last}",),
         ("OperatorsName", "{LAST}^{FIRST}")),
    Kind("institution", "staff or place of this dataset", "at {Last}", ("{last}",),
         ("InstitutionName", "{Last}")),
    Kind("known term", "known term", "re{last}2", ("{last}",), ("known terms", "{Last}")),
    Kind("name in the form of DICOM", "person name", "{LAST}^{FIRST}", ("{last}", "{first}")),
    Kind("ISO date", "date", "on 19{yy}-{mm}-{dd}", ("19{yy}-{mm}-{dd}",)),
    Kind("date with slashes", "date", "{dd}/{mm}/19{yy}"),
    Kind("date with points", "date", "{dd}.{mm}.19{yy}"),
    Kind("date without marks", "date", "19{yy}{mm}{dd}"),
    Kind("date with a month's name", "date", "{dd} {Month} 19{yy}", ("{dd} {month} 19{yy}",)),
    Kind("time of day", "time", "at 23:{min}:{sec}", ("23:{min}:{sec}",)),
    Kind("e-mail address", "email", "{last}@clinic.example.org", ("{last}",)),
    Kind("telephone number", "phone", "call 612-555-{n:04}", ("612-555-{n:04}",)),
    Kind("foreign telephone number", "phone", "+49 30 7{n:06}"),
    Kind("social security number", "ssn", "219-09-{n:04}"),
    Kind("address with a user", "url with user", "ftp://{last}:x@pacs/raw", ("{last}",)),
    Kind("home folder", "path", "/home/{last}/raw", ("{last}",)),
    Kind("Windows folder", "path", "C:\\Users\\{last}\\raw", ("{last}",)),
    Kind("network folder", "path", "\\\\scanner\\{last}\\raw", ("{last}",)),
    Kind("DICOM UID", "uid", "1.2.840.113619.2.{n}.7"),
    Kind("IP address", "ip address", "10.123.{n_high}.{n_low}"),
    Kind("MAC address", "mac address", "00:1a:2b:3c:{n_hex_high}:{n_hex_low}"),
    Kind("UUID", "uuid", "{n:08x}-1f0a-4c3b-9d2e-5a0c{n:08x}"),
    Kind("record number", "record number", "no. 4815{n:05}", ("4815{n:05}",)),
    Kind("national number", "national number", "756.1234.{n:04}.97"),
    Kind("bank account", "bank account", "{iban}"),
    Kind("word that announces", "identifier word", "MRN {code}", ("{code}",)),
    Kind("name after a title", "titled name", "Prof. {Last}", ("{last}",)),
    Kind("old age", "age", "{last} is 97 years old", ("{last} is 97",)),
    Kind("name of a computer", "host name", "{last}.radiology.local"),
    Kind("address", "postal address", "{n} {Last} Street", ("{last}",)),
    Kind("password", "secret", "password: {code}x", ("{code}x",)),
    Kind("long text", "length", "{last}" + " and so on" * 200, ("{last}",)),
    Kind("escape sequence", "control characters", "{last}\x1b[1m", ("{last}",)),
)  # fmt: skip

#: What says nothing by itself, or is a patient's code.
WORD = Kind("word", "", "{Last}", ("{last}",))
CODE = Kind("code alone", "record of this dataset", "{Code}", ("{code}",),
            ("OtherPatientIDs", "{Code}"))  # fmt: skip

KIND = MappingProxyType({kind.name: kind for kind in (*KINDS, WORD, CODE)})

_LETTERS = "bdfgklmnprstv"
_SYLLABLES = [a + b for a in _LETTERS for b in "aeiou"]
_MONTHS = "January February March April May June July August".split()


def _parts(n: int) -> dict[str, object]:
    """Return the parts of the `n`-th identifier; no two have one in common."""
    word = _SYLLABLES[n // len(_SYLLABLES)] + _SYLLABLES[n % len(_SYLLABLES)]
    first, last, code = f"qana{word}", f"zem{word}yk", f"kx{n:04}tq"
    month = n // 28 % len(_MONTHS)
    return {
        "n": n, "n_high": n // 100, "n_low": n % 100 + 100,
        "n_hex_high": f"{n >> 8:02x}", "n_hex_low": f"{n & 255:02x}",
        "first": first, "First": first.capitalize(), "FIRST": first.upper(),
        "last": last, "Last": last.capitalize(), "LAST": last.upper(),
        "L\u00e1st": last.replace("e", "\u00e9", 1).capitalize(),
        "l\u00e1st": last.replace("e", "\u00e9", 1),
        "code": code, "Code": code.upper(),
        "yy": f"{50 + n // (28 * len(_MONTHS)):02}", "mm": f"{month + 1:02}",
        "dd": f"{n % 28 + 1:02}", "Month": _MONTHS[month], "month": _MONTHS[month].lower(),
        "min": f"{n // 60:02}", "sec": f"{n % 60:02}", "iban": _iban(n),
    }  # fmt: skip


def _iban(n: int) -> str:
    """Return a German account number, with its check digits."""
    account = f"3704004405{n:08}"
    text = f"DE{98 - int(f'{account}131400') % 97:02}{account}"
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


@dataclass(frozen=True)
class Token:
    """One identifier that stands in one place.

    Parameters
    ----------
    text : str
        As it is written there.
    marks : tuple of str
        What must not be left of it, in lower case.
    kind : str
    place : str
        Name of the hiding place.
    path : str
        File that holds it, or that is called so.
    where : str
        Place in the file, in the words of the audit; empty for any.
    """

    text: str
    marks: tuple[str, ...]
    kind: str
    place: str
    path: str
    where: str = ""


@dataclass
class Mint:
    """Makes identifiers, each once."""

    made: int = 0
    declared: list[tuple[str, str]] = field(default_factory=list)

    def token(self, kind: str, place: str, path: str = "", where: str = "") -> Token:
        """Return a new identifier, and note what declares it."""
        self.made += 1
        row, parts = KIND[kind], _parts(self.made)
        text = row.shape.format(**parts)
        marks = tuple(mark.format(**parts) for mark in row.marks) or (text.lower(),)
        if row.declared is not None:
            name, shape = row.declared
            self.declared.append((name, shape.format(**parts)))
        return Token(text, marks, kind, place, path, where)
