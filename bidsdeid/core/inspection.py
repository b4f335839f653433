"""Looks through metadata of any origin for what identifies people.

Nothing is trusted and nothing is changed: this is the audit of data that this program need not
have made.  Fields that identify are known by their names, everything else by what it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from bidsdeid.core.finding import Notebook, State, rule_of
from bidsdeid.core.harvest import NOTHING, describes, identity_of
from bidsdeid.core.likely import Identity
from bidsdeid.core.ordinary import COMMON
from bidsdeid.core.piece import Piece
from bidsdeid.core.policy import Policy
from bidsdeid.core.pseudonym import LAST_DAY, day_of
from bidsdeid.core.recording import telling_cells
from bidsdeid.core.showing import shown_name, shown_part
from bidsdeid.core.spotting import Spotter
from bidsdeid.core.tables import MAX_AGE, Table, is_number
from bidsdeid.core.telling_fields import field_rule, is_age, is_time, tolerated, usual, weaker
from bidsdeid.core.terms import HARVESTED, RECORD, Terms, words_of
from bidsdeid.core.values import JSONValue, scalars

#: The highest age in years: above it they are months or weeks.
_OLDEST = 125

#: Shorter words are codes within a study, or none.
_TELLING = 2

#: Kinds of columns whose cells are labels and names of files.
_NAMES = frozenset({"participant", "session", "path"})
_NO_NUMBERS = _NAMES | {"age", "drop"}

#: Numbers that are no day, no clock and no record.
_SMALL = re.compile(r"-?\d{1,7}(?:\.\d*)?")

#: Where the gzip header says when a file was packed, which need not be the day of a visit.
_PACKED = "gzip time"

_REMEMBERED = 2**16  # names of fields


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: the file's findings, the place shown, and what applies there.

    `inside` is the name of the field that holds it, which is `known` if a rule names it.  Where a
    field is `settled`, nothing more is looked for: it has to go.
    """

    book: Notebook
    where: str = ""
    tolerate: frozenset[str] = frozenset()
    scope: str = "image"
    table: str = ""
    inside: str = ""
    known: bool = True
    settled: bool = False


@dataclass(frozen=True, slots=True)
class _About:
    """What the name of a field says: how it is shown, whom it identifies, what is tolerated."""

    where: str
    identity: Identity | None
    tolerate: frozenset[str]
    known: bool


@dataclass(frozen=True, slots=True)
class Inspector:
    """Looks through values.

    Parameters
    ----------
    policy : Policy
        What is known of fields: which identify, and which detectors do not apply to them.
    vague : frozenset of str
        Words that identify nobody, codes of participants among them.
    names : frozenset of str
        Names of fields and columns that may be shown.
    """

    policy: Policy
    vague: frozenset[str]
    names: frozenset[str]
    _spotter: Spotter
    _abouts: dict[tuple[str, str, str], _About] = field(default_factory=dict)

    @classmethod
    def of(cls, policy: Policy, terms: Terms, public: Iterable[str] = ()) -> Inspector:
        """Return one that shows the names of the policy.

        Parameters
        ----------
        policy : Policy
        terms : Terms
            Words that must not occur.
        public : iterable of str
            Labels of participants; those with digits are codes that identify nobody.
        """
        names = frozenset(name for _, name in (*policy.keys, *policy.columns))
        codes = (word for label in public for word in words_of(label))
        vague = COMMON.union(filter(_has_digit, codes))
        return cls(policy, vague, names, Spotter.of(terms))

    def part(self, part: str, where: str, book: Notebook) -> None:
        """Look at the name of one file or folder."""
        book.add(where, self._name(part))

    def _name(self, part: str) -> tuple[str, ...]:
        """Return the rule that the name of a file, or a label, breaks."""
        found = self._spotter.in_name(part)
        if not found:
            return ()
        # A study's own code of a person is often the scanner's, too: it does not stop.
        stops = any(rule_of(name).severity is State.STOP for name in found - {RECORD})
        stops |= self._spotter.terms.in_names.occur_in(part)
        return ("label",) if stops else ("code in a name",)

    def shown(self, part: str, number: int) -> str:
        """Return the name of a file or folder, the `number`-th of its folder, masked."""
        return shown_part(part, lambda text: bool(self._spotter.in_name(text)), number)

    def target(self, target: str, book: Notebook) -> None:
        """Look at where a link leads."""
        book.add("target of the link", self._spotter.in_target(target))

    def fields(self, value: JSONValue, book: Notebook, *, scope: str, table: str = "") -> None:
        """Look at what a JSON file holds, at every depth.

        `scope` and `table` are those of `bidsdeid.core.scrub.scrub_fields`.
        """
        self._value(value, _Place(book, "list", scope=scope, table=table))

    def _value(self, value: JSONValue, place: _Place) -> None:
        if isinstance(value, str):
            self._string(value, place)
        elif isinstance(value, Mapping):
            self._fields(value, place)
        elif isinstance(value, list):
            for inner in value:
                self._value(inner, place)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found = self._spotter.in_number(
                value, repr(value), place.tolerate, record=not place.known
            )
            place.book.add(place.where, found)

    def _string(self, text: str, place: _Place) -> None:
        if is_time(place.inside, text):
            place.book.add(place.where, ["time"])
        else:
            tolerate = place.tolerate | usual(place.inside, text)
            place.book.add(place.where, self._spotter.in_text(text, tolerate))

    def _fields(self, fields: Mapping[str, JSONValue], outer: _Place) -> None:
        scope = "dataset" if outer.scope == "dataset" else "dictionary"
        for key, value in fields.items():
            about = self._about(key, outer.scope, outer.inside)
            known = about.known or self._is_column(key, outer.table)
            if not known:
                outer.book.add("name of a field", self._spotter.in_text(key, outer.tolerate))
            tolerate = outer.tolerate | about.tolerate
            place = _Place(outer.book, about.where, tolerate, scope, outer.table, key, known)
            if not describes(value):
                place = self._field(key, about.identity, scalars(value), place)
            if not place.settled:
                self._value(value, place)

    def _about(self, key: str, scope: str, inside: str) -> _About:
        """Return what the name of a field says."""
        known = self._abouts.get((key, scope, inside))
        if known is not None:
            return known
        if scope == "dataset":  # it names researchers and places on purpose: only rules count
            rule = self.policy.key_rule("image", key)
            identity = Identity(rule.identity) if rule.identity else None
        else:
            identity = identity_of(key, self.policy, inside)
        about = _About(
            f"field {shown_name(key, self.names)}",
            identity,
            tolerated(key, self.policy, scope),
            (scope, key) in self.policy.keys,
        )
        if len(self._abouts) >= _REMEMBERED:
            self._abouts.clear()
        self._abouts[key, scope, inside] = about
        return about

    def _is_column(self, key: str, table: str) -> bool:
        return bool(table) and self.policy.column_rule(table, key).kind != "drop"

    def _field(
        self, name: str, identity: Identity | None, texts: Iterable[str], place: _Place
    ) -> _Place:
        """Note a field that identifies by its name; return the place of its values."""
        rule = field_rule(name, identity, self.policy)
        least = 1 if rule == "patient field" else _TELLING
        telling = [text for text in texts if rule and self._says_something(text, least)]
        if not telling:
            return place
        rule = weaker(rule, telling)
        place.book.add(place.where, [rule])
        settled = rule_of(rule).severity is State.STOP
        # Words that were harvested from it are its own.
        return replace(place, settled=settled, tolerate=place.tolerate | HARVESTED)

    def _says_something(self, text: str, least: int) -> bool:
        """Tell whether a value of a field is more than a placeholder: a word of some letters."""
        telling = (word for word in words_of(text) if word not in self.vague)
        return text.strip() not in NOTHING and any(len(word) >= least for word in telling)

    def table(self, table: Table, book: Notebook, suffix: str) -> None:
        """Look at a table with a header, column by column."""
        of_people = "participant_id" in table.columns
        for index, name in enumerate(table.columns):
            kind = self.policy.column_rule(suffix, name).kind
            where = f"column {shown_name(name, self.names)}"
            place = _Place(book, where, tolerated(name, self.policy))
            cells = dict.fromkeys(row[index] for row in table.rows)
            if kind == "drop":
                book.add("name of a column", self._spotter.in_text(name))
                identity = identity_of(name, self.policy, None if of_people else suffix)
                place = self._field(name, identity, cells, place)
                kind = "drop" if of_people else "number"  # samples count to millions elsewhere
            kind = "age" if is_age(name) else kind
            for cell in () if place.settled else cells:
                book.add(where, self._cell(cell, kind, place.tolerate))

    def recording(self, parts: Iterable[str], book: Notebook) -> None:
        """Look at a table of numbers without header.

        Parameters
        ----------
        parts : iterable of str
            Of its text, each of whole lines.
        book : Notebook
        """
        for cell in telling_cells(parts, self._spotter.least):
            book.add("recording", self._cell(cell, "number", frozenset()))

    def _cell(self, cell: str, kind: str, tolerate: frozenset[str]) -> Collection[str]:
        if _SMALL.fullmatch(cell) and kind not in _NO_NUMBERS:
            return self._spotter.in_digits(cell, tolerate)
        if cell in NOTHING:
            return ()
        if kind in _NAMES:
            return {rule for part in cell.split("/") for rule in self._name(part)}
        day = day_of(cell) if "T" in cell else None
        if day is not None:
            return ["date"] if day > LAST_DAY else ()
        plain = cell.strip().removesuffix("+")
        if is_number(plain):
            value = float(plain)
            old = kind == "age" and MAX_AGE < value <= _OLDEST
            record = kind == "drop"
            return (
                ["age"] if old else self._spotter.in_number(value, plain, tolerate, record=record)
            )
        return self._spotter.in_text(cell, tolerate)

    def pieces(self, pieces: Iterable[Piece], book: Notebook, path: PurePosixPath) -> None:
        """Look at the strings that a reader found in a file of another format.

        Parameters
        ----------
        pieces : iterable of Piece
        book : Notebook
        path : PurePosixPath
            Of the file in its dataset.
        """
        rule = self.policy.file_rule(path, None, None)
        for piece in pieces:
            if piece.where == _PACKED:
                book.add(piece.where, ["time of packing"])
            else:
                self._piece(piece, book, rule.tolerate | {"length"})

    def _piece(self, piece: Piece, book: Notebook, tolerate: frozenset[str]) -> None:
        place = _Place(book, piece.where, tolerate, inside=piece.field)
        if piece.field:
            place = replace(place, tolerate=tolerate | tolerated(piece.field, self.policy))
            identity = identity_of(piece.field, self.policy)
            place = self._field(piece.field, identity, [piece.text], place)
        if not place.settled:
            self._string(piece.text, place)


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))
