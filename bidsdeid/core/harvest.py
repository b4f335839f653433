"""What a dataset itself says about people, so that it is recognised where it should not stand.

The values of fields and columns that are dropped because they identify (``PatientName``,
``AccessionNumber``, a column ``surname``) are words that must not occur in what is kept.  Rules
of the policy mark such fields with ``identity``; `bidsdeid.core.likely` knows others by their
names.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from pydicom.datadict import keyword_for_tag

from bidsdeid.core.likely import Identity, likely
from bidsdeid.core.ordinary import COMMON, ORDINARY
from bidsdeid.core.policy import Policy
from bidsdeid.core.spelling import spellings
from bidsdeid.core.tables import Table
from bidsdeid.core.terms import NO_WORDS, Lexicon, Terms, words_of
from bidsdeid.core.values import JSONValue, objects, scalars

#: Fields of a column's description.
_DICTIONARY = frozenset({"Description", "LongName", "Levels", "Units", "TermURL"})

#: What stands where there is no value.
NOTHING = frozenset({"n/a", "N/A", "na", "NA", "none", "unknown", "-", ""})

#: Names of fields that say what they are only together with what holds them.
_PLAIN = frozenset({"name", "names", "id", "number", "code", "address", "email", "phone"})

#: Columns that hold a person, by name or number; a field of JSON that is called so holds more.
_PEOPLE = frozenset({"patient", "proband", "contact", "contactperson"})

#: Longer than any name of a field or column: a sentence.
_LONGEST = 40

_LETTERS = re.compile(r"[^a-z]+")

#: A field as DICOM numbers them.
_TAG = re.compile(r"\(?([0-9a-fA-F]{4}),? ?([0-9a-fA-F]{4})\)?")

#: Letters of Chinese, Japanese, Korean (also as they are decomposed) and Thai.
_DENSE = re.compile(
    "[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff]"
)

#: What stands between the values of a field, and between the scripts of a name, in DICOM.
_VALUES = re.compile(r"[\\=]")

#: Labels of participants, samples and sessions as BIDS writes them in names.
_SUB = re.compile(r"(?<![a-z0-9])(?:sub|sample)[-_]", re.IGNORECASE)
_SES = re.compile(r"(?<![a-z0-9])ses[-_][a-z0-9+]+", re.IGNORECASE)

#: Shorter names are too common as parts of other things to be looked for on their own.
_SHORT_NAME = 3
_SHORT_CODE = 4
_SHORT_NUMBER = 5
_SHORT_DENSE = 2
#: A value with more words is prose, not a name or a number.
_MAX_WORDS = 8


def identity_of(name: str, policy: Policy, inside: str | None = None) -> Identity | None:
    """Return what the values of a field or column identify, None if nothing is known of it.

    Parameters
    ----------
    name : str
        Of a field or a column.
    policy : Policy
        Its rules come first.
    inside : str, optional
        Name of the field that holds it, empty for none: in JSON a plain ``Name`` is that of a
        tool as often as a person's.  None for a column.
    """
    tag = _TAG.fullmatch(name)
    if tag is not None:
        name = keyword_for_tag(int(tag[1] + tag[2], 16))
    rule = policy.keys.get(("image", name))
    if rule is not None:
        return Identity(rule.identity) if rule.identity else None
    if len(name) > _LONGEST:
        return None
    plain = _LETTERS.sub("", name.lower())
    if inside is None and plain in _PEOPLE:
        return Identity.PERSON
    if inside is not None and plain in _PLAIN:
        plain = _LETTERS.sub("", inside.lower()) + plain
        if plain in _PLAIN:
            return None
    return likely(plain)


def harvested_fields(
    fields: Mapping[str, JSONValue], policy: Policy, inside: str = ""
) -> Iterator[Found]:
    """Yield what the fields of a JSON object identify, at every depth."""
    for key, value in fields.items():
        identity = identity_of(key, policy, inside)
        if identity is not None and not describes(value):
            yield from ((identity, text) for text in scalars(value))
        else:
            for inner in objects(value):
                yield from harvested_fields(inner, policy, key)


def harvested_table(table: Table, suffix: str, policy: Policy) -> Iterator[Found]:
    """Yield what the dropped columns of a table identify.

    A column ``name`` is that of a person in a table of people only; elsewhere it is that of a
    channel, a stimulus, a region.
    """
    inside = None if "participant_id" in table.columns else suffix
    for index, name in enumerate(table.columns):
        if policy.column_rule(suffix, name).kind != "drop":
            continue
        identity = identity_of(name, policy, inside)
        if identity is not None:
            for text in dict.fromkeys(row[index] for row in table.rows):
                yield identity, text


Found = tuple[Identity, str]


@dataclass(slots=True)
class Harvest:
    """Words of a dataset, growing.

    Parameters
    ----------
    words : dict
        By what they identify: whole words, and words run together.
    """

    words: dict[Identity, tuple[set[str], set[str]]] = field(
        default_factory=lambda: {identity: (set(), set()) for identity in Identity}
    )

    def add(self, found: Iterable[Found]) -> None:
        """Take in values."""
        for identity, text in found:
            for value in _VALUES.split(text):
                first, *others = _written(_SUB.sub("", _SES.sub("", value)))
                if value not in NOTHING and len(first) <= _MAX_WORDS:
                    kind = _whom(identity, value, first)
                    for words in (first, *others):
                        self._add(kind, words)

    def _add(self, identity: Identity, words: Sequence[str]) -> None:
        for word in words:
            kind = _kind(word, identity)
            if _tells(word, kind) and (kind is not Identity.PLACE or len(words) == 1):
                self.words[kind][0].add(word)
        of_people = identity in (Identity.PERSON, Identity.STAFF)
        for order in permutations(words, 2) if of_people else [words]:
            joined = "".join(order)
            least = _SHORT_NUMBER if joined.isdigit() else _SHORT_CODE
            short = len(joined) < (_SHORT_DENSE if _is_dense(joined) else least)
            if len(order) > 1 and not short and not all(map(_vague, order)):
                self.words[_kind(joined, identity)][1].add(joined)

    def join(self, other: Harvest) -> None:
        """Take in the words of another."""
        for identity, kinds in other.words.items():
            for words, known in zip(self.words[identity], kinds, strict=True):
                words.update(known)

    def to_json(self) -> dict[str, list[list[str]]]:
        """Return the words as JSON values."""
        return {str(x): [sorted(words) for words in kinds] for x, kinds in self.words.items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, list[list[str]]]) -> Harvest:
        """Rebuild a harvest.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the values are not those of `to_json`.
        """
        harvest = cls()
        for identity, kinds in harvest.words.items():
            for words, known in zip(kinds, raw[str(identity)], strict=True):
                words.update(known)
        return harvest

    def terms(
        self,
        known: Lexicon = NO_WORDS,
        labels: Lexicon = NO_WORDS,
        public: Collection[str] = (),
    ) -> Terms:
        """Return all words that must not occur.

        Parameters
        ----------
        known : Lexicon
            Given by the user.
        labels : Lexicon
            Old labels that were replaced.
        public : collection of str
            Labels that stay: the scanner's code of a person is often the study's, too.
        """
        plain = {"".join(words_of(label)) for label in public}
        spoken = {f"{prefix}{label}" for label in plain for prefix in ("", "sub")}
        lexicon: dict[Identity, Lexicon] = {}
        for identity, (single, joined) in self.words.items():
            kept = spoken if identity is Identity.RECORD else set()
            # Where no blanks part words, a name stands within others.
            inside = {word for word in single | joined if _is_dense(word)}
            lexicon[identity] = Lexicon(
                frozenset(inside),
                frozenset(single - kept - inside),
                frozenset(joined - kept - inside),
            )
        return Terms(
            known,
            lexicon[Identity.PERSON],
            lexicon[Identity.RECORD],
            lexicon[Identity.STAFF] | lexicon[Identity.PLACE],
            labels,
        )


def _written(value: str) -> list[list[str]]:
    """Return the words of a value, and as they are also written; ordinary ones are not."""
    first, *others = (words_of(x) for x in spellings(unicodedata.normalize("NFC", value)))
    ordinary = COMMON | ORDINARY
    return [
        first,
        *([x if x in ordinary else y for x, y in zip(first, way, strict=True)] for way in others),
    ]


def _whom(identity: Identity, value: str, words: Sequence[str]) -> Identity:
    """Return what a value identifies: a name with digits and without ``^`` is a study's code."""
    code = "^" not in value and any(word[:1].isdigit() for word in words)
    return Identity.RECORD if code and identity is Identity.PERSON else identity


def _kind(word: str, identity: Identity) -> Identity:
    """Return what a word identifies: a name with digits in it is a code."""
    coded = identity is Identity.PERSON and not word.isalpha()
    return Identity.RECORD if coded else identity


def _tells(word: str, identity: Identity) -> bool:
    """Tell whether a single word of a value is worth looking for."""
    if word in COMMON or word in ORDINARY:
        return False
    if word.isdigit():
        return len(word) >= _SHORT_NUMBER
    if _is_dense(word):
        return len(word) >= _SHORT_DENSE
    if word.isalpha() and identity in (Identity.PERSON, Identity.STAFF):
        return len(word) >= _SHORT_NAME
    return len(word) >= _SHORT_CODE


def _is_dense(word: str) -> bool:
    """Tell whether a word is in a script of few letters a word and no blanks: Chinese and such."""
    return _DENSE.search(word) is not None


def _vague(word: str) -> bool:
    """Tell whether a word says nothing even beside another such word (``visit 1``)."""
    return word in COMMON or (word.isdigit() and len(word) < _SHORT_NAME)


def describes(value: JSONValue) -> bool:
    """Tell whether a value is the description of a column, which holds no data."""
    return isinstance(value, dict) and not _DICTIONARY.isdisjoint(value)
