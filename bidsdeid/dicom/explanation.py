"""What a profile does to elements, as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydicom.datadict import tag_for_keyword

from bidsdeid.dicom.confidentiality import EDITION, confidentiality_table
from bidsdeid.dicom.profile import Action, Profile, described
from bidsdeid.dicom.rulebook import rulebook
from bidsdeid.errors import UsageError
from bidsdeid.io.readers.vr import known_vr

_TAG = re.compile(r"\(?([0-9a-f]{4}),? ?([0-9a-f]{4})\)?", re.IGNORECASE)


def tag_named(text: str) -> int:
    """Return the tag that a text names, by its numbers or its keyword.

    Raises
    ------
    UsageError
        If it names none.

    Examples
    --------
    >>> f"{tag_named('0010,0010'):08x}", f"{tag_named('PatientID'):08x}"
    ('00100010', '00100020')
    """
    match = _TAG.fullmatch(text.strip())
    tag = int(match[1] + match[2], 16) if match else tag_for_keyword(text.strip())
    if tag is None or not text.strip():
        message = "--tag takes a tag such as 0010,0010 or a keyword such as PatientName"
        raise UsageError(message)
    return tag


def explain_tag(profile: Profile, tag: int) -> str:
    """Return what happens to one element, and why."""
    vr = known_vr(tag) or ("UN" if tag >> 16 & 1 else "")
    rule = profile.rule(tag, vr)
    lines = [f"{described(tag)} {vr}".rstrip(), f"  {rule.action}", f"  {rule.why}"]
    if rule.action is Action.PRIVATE:
        rows = {id(row): row for row in rulebook().private.values() if row.group == tag >> 16}
        lines += [
            f"  {row.creator} {' '.join(f'xx{number:02x}' for number in row.types)}: {row.reason}"
            for row in rows.values()
        ]
    return "\n".join(lines)


def explain_profile(profile: Profile) -> str:
    """Return what a profile does: its options, and every element of table E.1-1."""
    row = profile.row
    lines = [f"Profile {row.name}: {row.description}", f"Dates and times: {profile.dates}", ""]
    lines += [f"Option {each.name} {each.code}: {each.reason}" for each in profile.options]
    lines += ["", f"Elements of table E.1-1 of DICOM PS3.15 {EDITION}", ""]
    lines += [*_listed(profile), "", "Elements that it does not list, by their type", ""]
    samples = {
        "PN": 0x00189910, "UI": 0x00081150, "DA": 0x00189908, "LO": 0x00080070, "CS": 0x00180020,
        "DS": 0x00180050, "SQ": 0x00082218, "OB": 0x00282000, "AE": 0x00741234,
    }  # fmt: skip
    for vr, tag in samples.items():
        lines.append(f"  {vr}  {profile.rule(tag, vr).action}")
    lines += ["", "Private elements that stay", ""]
    if profile.applies("safe-private"):
        for (creator, group, number), private in sorted(rulebook().private.items()):
            lines.append(f"  {creator} ({group:04x},xx{number:02x})  {private.reason}")
    return "\n".join(lines)


def _listed(profile: Profile) -> Iterator[str]:
    for tag, table in sorted(confidentiality_table().items()):
        rule = profile.rule(tag, known_vr(tag))
        yield f"  {described(tag):60} {table:6} {rule.action}"
