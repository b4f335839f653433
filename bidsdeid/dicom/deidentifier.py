"""One data set: each element, at every depth, gets what its rule says."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from pydicom.tag import BaseTag

from bidsdeid.dicom.elements import Manner, Place, Written, block_of
from bidsdeid.dicom.numbers import is_number, is_plausible
from bidsdeid.dicom.part10 import encoded_items
from bidsdeid.dicom.profile import BIRTH_DATE, PATIENT_ID, PATIENT_NAME, SEX, Action, Profile
from bidsdeid.dicom.rulebook import rulebook
from bidsdeid.dicom.values import Values
from bidsdeid.errors import DicomError
from bidsdeid.io.readers.vr import CREATORS, NUMBERS

#: What every file says of its patient (PS3.3, C.7.1.1: type 2).
_PATIENT: Mapping[int, str] = {PATIENT_NAME: "PN", PATIENT_ID: "LO", BIRTH_DATE: "DA", SEX: "CS"}

#: Many elements are alike in all files of a series: so many are looked at once, up to so many
#: bytes, and so many sequences worked out once.
_REMEMBERED, _SHORT = 2**16, 256
_SEQUENCES = 2**12

#: Numbers, whether in binary or written out.
_NUMBERS = NUMBERS | {"DS", "IS"}


@dataclass(frozen=True, slots=True)
class Deidentifier:
    """De-identifies data sets of one subject.

    Parameters
    ----------
    profile : Profile
        What happens to each element.
    values : Values
        New values.
    """

    profile: Profile
    values: Values
    _sequences: dict[Hashable, bytes | None] = field(default_factory=dict)
    _whole: list[bytes] = field(default_factory=list)
    _staying: dict[Manner, set[Written]] = field(default_factory=dict)
    _groups: frozenset[int] = field(default_factory=lambda: rulebook().private_groups)

    def apply(self, place: Place) -> tuple[bytes, ...]:
        """De-identify a data set, in place, and return what stays whole as the user wants it.

        Raises
        ------
        DicomError
            If it is damaged.
        """
        self._whole.clear()
        self._elements(place)
        for tag, vr in self.profile.inserted.items():
            if tag not in place.data_set:
                place.replace(tag, vr, b"")
        for tag, vr in _PATIENT.items():
            if self.values.of_subject(tag) or tag not in place.data_set:
                place.set(tag, vr, self.values.new(Action.SUBJECT, tag, vr, b"", ()) or b"")
        return tuple(self._whole)

    def _elements(self, place: Place) -> None:
        data_set = place.data_set
        creators: list[BaseTag] = []
        described: set[int] = set()
        staying = self._staying.setdefault(place.manner, set())
        for tag, vr, value in place.elements(staying):
            action = Action.REMOVE if vr == "?" else self.profile.rule(int(tag), vr).action
            if action is Action.PRIVATE and tag & 0xFFFF in CREATORS:
                creators.append(tag)
            elif action is Action.PRIVATE and self._describes(place, tag, vr, value):
                described.add(block_of(tag))
            elif action is Action.ITEMS:
                self._items(place, tag)
            elif self._stays(place, tag, vr, value, action) and len(staying) < _REMEMBERED:
                staying.update(place.brief(tag, _SHORT))
        for tag in creators:
            if tag not in described:
                del data_set[tag]

    def _stays(
        self, place: Place, tag: BaseTag, vr: str, value: bytes | None, action: Action
    ) -> bool:
        """Tell whether an element stays as it is; if not, replace or remove it."""
        new = value if action is Action.KEEP else b""
        within = place.depth > 0 and int(tag) in rulebook().bytes_kept
        if within or action in (Action.REMOVE, Action.PRIVATE):
            new = None
        elif value and action is Action.NUMBER and vr in NUMBERS:
            new = value if is_number(int(tag), vr, value, little=place.is_little) else None
        elif value and action not in (Action.KEEP, Action.EMPTY):
            new = self.values.new(action, int(tag), vr, value, place.encodings)
        if new is None:
            del place.data_set[tag]
        elif new != value:
            place.set(tag, vr, new)
        return new is not None and new == value

    def _items(self, place: Place, tag: BaseTag) -> None:
        """De-identify the items of a sequence; if all that was in them is gone, so is it.

        One that was written as of unknown type and cannot be read as a sequence is not known.
        """
        written = place.written(tag)
        key = written, place.manner, place.depth
        if written is not None and key in self._sequences:
            new = self._sequences[key]
        else:
            new = self._new_items(place, tag, written)
            if written is not None and len(self._sequences) < _SEQUENCES:
                self._sequences[key] = new
        if new is None:
            del place.data_set[tag]
        else:
            place.replace(tag, "SQ", new)

    def _new_items(self, place: Place, tag: BaseTag, written: Written | None) -> bytes | None:
        """Return the items of a sequence, de-identified; None if nothing is left of them."""
        try:
            items = place.items(tag)
            held = any(len(item.data_set) for item in items)
            for item in items:
                self._elements(item)
        except DicomError:
            if written is None or written[1] != "UN":
                raise
            return None
        if held and not any(len(item.data_set) for item in items):
            return None
        return encoded_items([item.data_set for item in items], place.data_set, place.encodings)

    def _describes(self, place: Place, tag: BaseTag, vr: str, value: bytes | None) -> bool:
        """Tell whether a private element says how the image was made, and nothing else."""
        key = place.private(int(tag)) if tag >> 16 in self._groups else None
        if key is None or value is None:
            return False
        if key in rulebook().csa and self.profile.applies("csa"):
            self._whole.append(value)
            return True
        row = rulebook().private.get(key)
        if row is None or not self.profile.applies("safe-private"):
            return False
        vr = row.types[key[2]] if vr == "UN" else vr
        if vr in NUMBERS:
            return is_plausible(value, vr, little=place.is_little)
        if vr in _NUMBERS:
            return self.values.new(Action.NUMBER, int(tag), vr, value, ()) is not None
        text = value.decode("ascii", "replace").strip(" \0")
        return row.pattern is not None and row.pattern.fullmatch(text) is not None
