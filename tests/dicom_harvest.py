"""Identifiers that a file declares in one place and repeats in others, and what has a shape."""

from __future__ import annotations

from dataclasses import dataclass

from dicom_seeding import Seeded, tag_of, vr_of
from dicom_tokens import cleaned, listed

#: Where a file says who is who. PatientID is that of the subject.
_DECLARED = {
    "ReferringPhysicianName": "{referrer}^{referrer2}", "PerformingPhysicianName": "{performer}",
    "RequestingPhysician": "{requester}^{requester2}", "InstitutionName": "{hospital} Clinic",
    "InstitutionalDepartmentName": "{department}", "StationName": "{station}",
    "DeviceSerialNumber": "{serial}", "StudyID": "{study}", "AccessionNumber": "{accession}",
    "OtherPatientIDs": "{other}", "PatientMotherBirthName": "{mother}",
    "PatientTelephoneNumbers": "{phone}",
}  # fmt: skip
_CODES = "station serial study accession other".split()
_WORDS = """surname given referrer referrer2 performer requester requester2 hospital department
    mother""".split()

#: Elements that repeat: with the identifiers in them, as they stand (upper case, mostly),
#: with a capital (:t), or in lower case (:l).
_REPEATED = (
    ("SequenceName", "{surname:t}_t1"),
    ("ReceiveCoilName", "{given:t} 32ch"),
    ("TransmitCoilName", "{mrn}"),
    ("FilterType", "{referrer:l}"),
    ("PulseSequenceName", "se_{hospital:l}"),
    ("ManufacturerModelName", "Scanner of {hospital:t}"),
    ("SoftwareVersions", "syngo {serial}\\{station:l}"),
    ("ImageComments", "{surname} {given}, sent by Dr. {referrer:t}; {accession}; {NEW}"),
    ("PositionReferenceIndicator", "{department:t} NOSE"),
    ("ConvolutionKernel", "{performer:t}"),
    ("InterventionDescription", "as {requester:t} {requester2:t} said for {given:l}"),
    ("ProtocolName", "mprage_{surname:l}_2 {EMAIL} {NEW}"),
    ("SeriesDescription", "t1 {mrn:l} {PHONE} {NEW}"),
    ("StudyDescription", "Brain {mother:t} {ISO} {NEW}"),
    ("PerformedProcedureStepDescription", "MRI {other} {NEW}"),
    ("RequestedProcedureDescription", "MRI {study} {PHONE2} {NEW}"),
    ("ContrastBolusAgent", "Gd {referrer2:t} {NEW}"),
    ("DerivationDescription", "{performer:l} cut it {ISO2}, {EMAIL2} {NEW}"),
    ("AcquisitionProtocolDescription", "{requester:l} wants {NEW}, {PHONE3}"),
    ("TextValue", "{requester2:l} of {department:l}"),
    ("FrameLabel", "{accession:l}"),
    ("RetrieveURL", "https://pacs.example.org/{mother:l}/{study:l}"),
    ("ContrastBolusIngredient", "{hospital}"),
    ("DetectorManufacturerName", "{other:l}"),
)

#: The same identifiers, spelled otherwise than they are declared.
_RESPELLED = (
    ("AcquisitionComments", "born {birth_iso}, or {birth_dots}"),
    ("PatientComments", "or {birth_slashes}; ID {mrn_parted}; tel. {phone_digits}"),
    ("AdmittingDiagnosesDescription", "{given_surname} of {study_iso}"),
)


@dataclass(frozen=True)
class _Name:
    """A text that format strings can write in other letters."""

    text: str

    def __format__(self, how: str) -> str:
        return {"": self.text, "t": self.text.capitalize(), "l": self.text.lower()}[how]


def _identity(seeded: Seeded, mrn: str) -> dict[str, _Name]:
    mint = seeded.mint
    who = {key: mint.word().upper() for key in _WORDS}
    who |= {key: mint.code() for key in _CODES}
    who |= {"mrn": mrn, "phone": f"612-555-{mint.digits(4)}"}
    return {key: _Name(text) for key, text in who.items()}


def _news(seeded: Seeded) -> dict[str, str]:
    """Return what has a shape that tells it, and one thing that has none."""
    mint, day = seeded.mint, lambda: next(seeded.days)
    iso = [f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in (day(), day())]
    return {
        "EMAIL": f"{mint.word()}@clinic.example.org",
        "EMAIL2": f"{mint.word()}@mri.example.net",
        "PHONE": f"+49 30 {mint.digits(8)}",
        "PHONE2": f"(612) 555-{mint.digits(4)}",
        "PHONE3": f"612-555-{mint.digits(4)}",
        "ISO": iso[0],
        "ISO2": iso[1],
    }


def _respelled(who: dict[str, _Name], birth: str, study: str) -> dict[str, str]:
    year, month, day = birth[:4], birth[4:6], birth[6:]
    mrn, phone = who["mrn"].text, who["phone"].text
    return {
        "birth_iso": f"{year}-{month}-{day}",
        "birth_dots": f"{day}.{month}.{year}",
        "birth_slashes": f"{int(month)}/{int(day)}/{year}",
        "study_iso": f"{study[:4]}-{study[4:6]}-{study[6:]}",
        "mrn_parted": f"{mrn[:4]}-{mrn[4:7]}-{mrn[7:]}",
        "phone_digits": phone.replace("-", ""),
        "given_surname": who["given"].text.lower() + who["surname"].text.lower(),
    }


def _used(template: str, values: dict[str, object]) -> list[str]:
    """Return the parts of a template, as it writes them."""
    fields = [part.split("}")[0] for part in template.split("{")[1:]]
    return [f"{{{field}}}".format(**values) for field in fields if field != "NEW"]


def harvest(seeded: Seeded, mrn: str, partner: str) -> None:
    """Plant the identity of a file, and what repeats it; `partner` is a UID of another file."""
    who, top = _identity(seeded, mrn), seeded.top
    birth, study = next(seeded.days), next(seeded.days)
    foreign = seeded.foreign()
    name = f"{who['surname']}^{who['given']}".encode()
    path = seeded.put(top, "PatientName", name + (b"=" + foreign[1] if foreign else b""))
    declared = {"PatientName": "{surname}^{given}", **_DECLARED}
    for keyword, template in _DECLARED.items():
        seeded.put(top, keyword, template.format(**who).encode())
    for keyword, template in declared.items():
        for text in _used(template, dict(who)):
            seeded.say("ids top level", text, ((tag_of(keyword), 0),))
    if foreign:
        seeded.say("ids top level", foreign[0], path, "ps315", foreign[1], foreign[0].encode())
    path = seeded.put(top, "PatientID", mrn.encode())
    seeded.say("ids top level", mrn, path)
    seeded.link(mrn, path)
    for keyword, day in (("PatientBirthDate", birth), ("StudyDate", study)):
        seeded.say("dates top", day, seeded.put(top, keyword, day.encode()))
    _repeat(seeded, who, foreign)
    _respell(seeded, _respelled(who, birth, study))
    block = seeded.block(top, 0x0051, "SIEMENS MR HEADER")
    path = seeded.put(top, block | 0x13, f"+LPH {who['surname']:l}".encode(), "SH")
    seeded.say("harvest", f"{who['surname']:l}", path)
    image = seeded.item(top, "ReferencedImageSequence")
    path = seeded.put(image, "ReferencedSOPInstanceUID", partner.encode())
    seeded.say("UIDs nested", partner, path)
    seeded.link(partner, path)
    seeded.plant(
        "UIDs nested", seeded.item(top, "SourceImageSequence"), "ReferencedSOPInstanceUID"
    )


def _repeat(seeded: Seeded, who: dict[str, _Name], foreign: tuple[str, bytes] | None) -> None:
    news = _news(seeded)
    for keyword, template in _REPEATED:
        tag = tag_of(keyword)
        if vr_of(tag) == "CS" and tag in seeded.data:
            continue
        opaque = seeded.mint.word().capitalize()
        value = template.format(**who, **news, NEW=opaque).encode()
        if foreign and keyword == "ImageComments":
            value += b" " + foreign[1]
        path = seeded.put(seeded.top, tag, value)
        for text in _used(template, {**who, **news}):
            seeded.say("shapes" if text in news.values() else "harvest", text, path)
        if "{NEW}" in template:
            assert listed(tag)
            assert cleaned(tag), keyword
            seeded.say("descriptors listed", opaque, path, "open")
        if foreign and keyword == "ImageComments":
            seeded.say("harvest", foreign[0], path)
    item = seeded.item(seeded.top, "AnatomicRegionSequence")
    path = seeded.put(item, "CodeMeaning", f"{who['surname']:t} brain {who['mrn']}".encode())
    for text in (f"{who['surname']:t}", who["mrn"].text):
        seeded.say("harvest", text, path)


def _respell(seeded: Seeded, spelled: dict[str, str]) -> None:
    for keyword, template in _RESPELLED:
        path = seeded.put(seeded.top, keyword, template.format(**spelled).encode())
        for text in _used(template, dict(spelled)):
            seeded.say("harvest respelled", text, path)
