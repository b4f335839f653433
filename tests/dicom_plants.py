"""Where identifiers hide in a DICOM file: one function for each kind of place."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.datadict import dictionary_has_tag
from pydicom.dataset import Dataset

from dicom_seeding import Place, Seeded, tag_of, vr_of
from dicom_tokens import cleaned, table, tags

#: In every file; what else Table E.1-1 lists is spread over the files.
_CORE = """
    PatientAddress IssuerOfPatientID PatientBirthName ConsultingPhysicianName ResponsiblePerson
    ResponsibleOrganization MedicalRecordLocator ServiceEpisodeID AdmissionID PlateID GantryID
    DetectorID StationAETitle PerformedStationAETitle PerformedStationName PerformedLocation
    ScheduledPerformingPhysicianName OrderCallbackPhoneNumber RequestingService
    PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest
    ClinicalTrialSubjectID ClinicalTrialSiteName ReviewerName PersonName CurrentPatientLocation
""".split()
_CORE_TEXT = """
    InstitutionAddress ReferringPhysicianAddress PatientTelecomInformation PersonAddress
    UniqueDeviceIdentifier ImagePresentationComments OrderCallbackTelecomInformation
    LongDeviceDescription
""".split()
_CORE_DESCRIPTORS = """
    StudyDescription SeriesDescription ProtocolName ImageComments PatientComments
    AdditionalPatientHistory ContrastBolusAgent DerivationDescription RequestedProcedureDescription
    AcquisitionComments PerformedProcedureStepDescription AdmittingDiagnosesDescription
    ReasonForTheRequestedProcedure AcquisitionProtocolDescription Occupation
""".split()
_CORE_DATES = """
    StudyDate SeriesDate AcquisitionDate ContentDate InstanceCreationDate AcquisitionDateTime
    PatientBirthDate PerformedProcedureStepStartDate PerformedProcedureStepEndDateTime
    AdmittingDate LastMenstrualDate DateOfLastCalibration DateOfSecondaryCapture
""".split()
_CORE_UIDS = """
    FrameOfReferenceUID InstanceCreatorUID DeviceUID SynchronizationFrameOfReferenceUID
    TransactionUID StorageMediaFileSetUID TargetUID
""".split()
_CORE_SEQUENCES = """
    RequestAttributesSequence OriginalAttributesSequence ModifiedAttributesSequence
    ReferencedStudySequence ReferencedPatientSequence OtherPatientIDsSequence
    ReferencedPerformedProcedureStepSequence OperatorIdentificationSequence ContentSequence
    PersonIdentificationCodeSequence DigitalSignaturesSequence
""".split()

#: Sequences that Table E.1-1 does not list.
UNLISTED_SEQUENCES = """
    AnatomicRegionSequence ProcedureCodeSequence ReferencedSeriesSequence ViewCodeSequence
    ContributingEquipmentSequence PerformedProtocolCodeSequence DerivationCodeSequence
    RequestedProcedureCodeSequence DimensionIndexSequence ReferencedInstanceSequence
    MRReceiveCoilSequence RadiopharmaceuticalInformationSequence VOILUTSequence
""".split()

_UNLISTED_TEXT = """
    SequenceName ReceiveCoilName TransmitCoilName FilterType ManufacturerModelName SoftwareVersions
    DetectorManufacturerName FrameLabel PositionReferenceIndicator InterventionDescription
    ConvolutionKernel PulseSequenceName CodeMeaning RetrieveURL TextValue LongCodeValue
    TrackingID CodingSchemeName DocumentTitle ContainerComponentMaterial
    RadiationMachineName LocalNamespaceEntityID
""".split()
_UNLISTED_CODES = (
    "ContrastBolusIngredient FilterMaterial ViewPosition ScanOptions BodyPartExamined"
)
_TEXT = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "DS", "IS", "CS")
_STEP = 8

#: Written by `dicom_harvest`.
RESERVED = frozenset(
    map(
        tag_of,
        """PatientName PatientID OtherPatientIDs AccessionNumber ReferringPhysicianName
        PerformingPhysicianName RequestingPhysician InstitutionName InstitutionalDepartmentName
        StationName DeviceSerialNumber StudyID PatientMotherBirthName PatientTelephoneNumbers
        PatientAge PatientSex PatientSize PatientWeight""".split(),
    )
)


def _category(tag: int) -> str:
    vr = vr_of(tag)
    if vr in ("DA", "DT"):
        return "dates top"
    if vr == "UI":
        return "UIDs top"
    if cleaned(tag):
        return "descriptors listed"
    return "free text listed" if vr in ("LT", "ST", "UT", "UC") else "ids top level"


def _others(seeded: Seeded, turn: int, *vrs: str) -> Iterator[int]:
    """Give the listed tags whose turn it is in this file, of those that are not in all."""
    core = {*map(tag_of, (*_CORE, *_CORE_TEXT, *_CORE_DESCRIPTORS, *_CORE_DATES, *_CORE_UIDS))}
    for number, tag in enumerate(tags(*vrs)):
        free = tag not in RESERVED | core and tag not in seeded.data
        if free and (number + seeded.number) % _STEP == turn:
            yield tag


def listed_top(seeded: Seeded) -> None:
    for name in (*_CORE, *_CORE_TEXT, *_CORE_DESCRIPTORS, *_CORE_DATES):
        seeded.plant(_category(tag_of(name)), seeded.top, name)
    for tag in _others(seeded, 0, *_TEXT, "DA", "DT", "OB", "UN"):
        if vr_of(tag) in ("OB", "UN"):
            seeded.plant("blobs listed", seeded.top, tag)
        else:
            seeded.plant(_category(tag), seeded.top, tag)


def listed_without_name(seeded: Seeded) -> None:
    """Plant into rows of Table E.1-1 that pydicom's dictionary does not know."""
    unknown = sorted(tag for tag in table() if not dictionary_has_tag(tag) and tag >> 16 > 6)
    for number, tag in enumerate(unknown):
        if (number + seeded.number) % 4 == 0:
            seeded.plant("listed, not in the dictionary", seeded.top, tag, "LO")


def listed_deeper(seeded: Seeded) -> None:
    """Plant listed elements into a sequence that is not listed, and one of those that is."""
    core = ("PersonName", "InstitutionName", "StationName", "OperatorsName", "PatientID")
    name = UNLISTED_SEQUENCES[seeded.number % len(UNLISTED_SEQUENCES)]
    item = seeded.item(seeded.top, name)
    for tag in (*map(tag_of, core), *_others(seeded, 1, *_TEXT)):
        seeded.plant("listed tag in unlisted SQ", item, tag)
    for tag in (tag_of("AcquisitionDateTime"), *_others(seeded, 1, "DA", "DT")):
        seeded.plant("dates in unlisted SQ", item, tag)
    for tag in _others(seeded, 1, "UI"):
        seeded.plant("UIDs nested", item, tag)
    spread = [tag for number, tag in enumerate(tags("SQ")) if (number + seeded.number) % 6 == 0]
    apart = map(tag_of, ("IconImageSequence", "ReferencedImageSequence", "SourceImageSequence"))
    for tag in sorted({*map(tag_of, _CORE_SEQUENCES), *spread} - {*apart}):
        if (id(seeded.data), tag) in seeded.planted:
            continue
        inner = seeded.item(seeded.top, tag)
        for leaf in ("AccessionNumber", "PersonName", "CodeMeaning", "CommentsOnRadiationDose"):
            seeded.plant("in listed SQ", inner, leaf)
        seeded.plant("dates in listed SQ", inner, "DateTime")
        seeded.plant("UIDs nested", inner, "ReferencedSOPInstanceUID")


def attributes_before(seeded: Seeded) -> None:
    """Plant what a coercion replaced: the values are a level further in."""
    item = seeded.item(seeded.top, "OriginalAttributesSequence")
    seeded.plant("original attributes", item, "SourceOfPreviousValues")
    seeded.plant("original attributes", item, "ModifyingSystem")
    inner = seeded.item(item, "ModifiedAttributesSequence")
    for name in ("PatientName", "PatientID", "AccessionNumber", "StudyDescription"):
        seeded.plant("original attributes", inner, name)
    seeded.plant("original attributes", item, "NonconformingModifiedAttributesSequence", "UN")


def equipment(seeded: Seeded) -> None:
    item = seeded.item(seeded.top, "ContributingEquipmentSequence")
    for name in (
        "InstitutionName", "InstitutionAddress", "StationName", "InstitutionalDepartmentName",
        "DeviceSerialNumber", "OperatorsName", "ContributionDateTime", "ContributionDescription",
        "SoftwareVersions", "DeviceUID",
    ):  # fmt: skip
        seeded.plant("contributing equipment", item, name)


def five_deep(seeded: Seeded) -> None:
    place = seeded.item(seeded.top, "PerformedProtocolCodeSequence")
    for _ in range(4):
        place = seeded.item(place, "EquivalentCodeSequence")
    for name in ("PatientName", "PatientAddress", "StudyDate", "SOPInstanceUID", "CodeMeaning"):
        seeded.plant("five deep", place, name)
    seeded.plant(
        "five deep", place, seeded.block(place, 0x0029, "SIEMENS CSA HEADER") | 0x10, "OB"
    )


def uids(seeded: Seeded) -> None:
    for name in (*_CORE_UIDS, *_others(seeded, 0, "UI")):
        if tag_of(name) not in seeded.data:
            seeded.plant("UIDs top", seeded.top, name)
    for name in (
        "MultiFrameSourceSOPInstanceUID", "SOPInstanceUIDOfConcatenationSource",
        "VolumeFrameOfReferenceUID", "RadiopharmaceuticalAdministrationEventUID",
        "CreatorVersionUID",
    ):  # fmt: skip
        if tag_of(name) not in seeded.data:
            seeded.plant("unlisted UID", seeded.top, name)


def events(seeded: Seeded) -> None:
    """Plant several UIDs into one element."""
    three = [seeded.mint.uid() for _ in range(3)]
    path = seeded.put(seeded.top, "IrradiationEventUID", "\\".join(three).encode())
    for event in three:
        seeded.say("UIDs top", event, path)


def several_names(seeded: Seeded) -> None:
    for name in ("NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "OperatorsName"):
        words = [seeded.mint.word().upper() for _ in range(4)]
        value = f"{words[0]}^{words[1]}\\{words[2]}^{words[3]}"
        path = seeded.put(seeded.top, name, value.encode())
        for word in words:
            seeded.say("multi-valued PN", word, path)


def age(seeded: Seeded) -> None:
    path = seeded.put(seeded.top, "PatientAge", b"095Y")
    seeded.say("age 095Y", "095Y", path)


def unlisted(seeded: Seeded) -> None:
    """Plant into standard elements that Table E.1-1 does not list."""
    top, number = seeded.top, seeded.number
    others = tags("LO", "SH", "ST", "LT", "UT", "UC", "UR", among="unlisted")
    names = [*map(tag_of, _UNLISTED_TEXT), *others[number % 29 :: 29]]
    for tag in names:
        seeded.plant("unlisted std text", top, tag)
    for name in _UNLISTED_CODES.split():
        if tag_of(name) not in seeded.data:
            seeded.plant("unlisted code string", top, name)
    for tag in tags("DA", "DT", among="unlisted")[number % 3 :: 3]:
        seeded.plant("unlisted date", top, tag)
    for tag in tags("PN", among="unlisted"):
        seeded.plant("unlisted PN", top, tag)
    item = seeded.item(top, UNLISTED_SEQUENCES[(number + 5) % len(UNLISTED_SEQUENCES)])
    for name in ("CodeMeaning", "SequenceName", "UniversalEntityID", "CodingSchemeExternalID"):
        seeded.plant("unlisted std text", item, name)


def blobs(seeded: Seeded) -> None:
    for name in ("ICCProfile", "Signature", "EncryptedContent", "SpectroscopyData"):
        seeded.plant("unlisted blob", seeded.top, name, "OB", "open")
    item = seeded.item(seeded.item(seeded.top, "WaveformSequence"), "ChannelDefinitionSequence")
    seeded.plant("unlisted blob", item, "ChannelMinimumValue", "OB", "open")


def unknown_tags(seeded: Seeded) -> None:
    """Plant into even elements that no dictionary has."""
    for tag, vr in (
        (0x00080EEE, "LO"),
        (0x0010EEE0, "UN"),
        (0x12345678, "UT"),
        (0x0018EEE2, "PN"),
    ):
        seeded.plant("unknown even tag", seeded.top, tag, vr)
    item = seeded.item(seeded.top, "ProcedureCodeSequence")
    seeded.plant("unknown even tag", item, 0x0040EEE4, "SH")


def retyped(seeded: Seeded) -> None:
    """Plant into elements whose VR is not that of the dictionary."""
    if seeded.implicit:
        return
    for tag in _others(seeded, 2, "LO", "PN", "SH", "UI", "DA"):
        seeded.plant("UN with a known tag", seeded.top, tag, "UN")
    item = seeded.item(seeded.top, "ViewCodeSequence")
    for name in ("PersonName", "StationName", "CodeMeaning", "SeriesDate"):
        seeded.plant("UN with a known tag", item, name, "UN")
    for name, vr in (
        ("PatientReligiousPreference", "OB"), ("CountryOfResidence", "UT"),
        ("RegionOfResidence", "PN"), ("OrderEnteredBy", "LO"), ("ScheduledStationName", "CS"),
        ("NamesOfIntendedRecipientsOfResults", "ST"), ("HumanPerformerName", "OB"),
    ):  # fmt: skip
        if tag_of(name) not in seeded.data:
            seeded.plant("wrong VR", seeded.top, name, vr)
    inner, names = Dataset(), [seeded.mint.word().upper() for _ in range(2)]
    inner.PersonName = "^".join(names)
    path = seeded.put(seeded.top, "AuthorObserverSequence", seeded.implicit_item(inner), "UN")
    for name in names:
        seeded.say("sequence as UN", name, path)
    inner.PersonName = (word := seeded.mint.word().upper())
    path = seeded.put(seeded.top, "ReferencedSOPSequence", seeded.implicit_item(inner), "UN")
    seeded.say("sequence as UN", word, path)


def another_charset(seeded: Seeded) -> None:
    """Plant names in all groups of components, and in a character set of an item."""
    groups = [seeded.mint.word().upper(), seeded.mint.word(), seeded.mint.word()]
    spelled = [(word, word.encode()) for word in groups]
    for number in (1, 2):
        spelled[number] = seeded.foreign() or spelled[number]
    value = b"=".join(raw + b"^" + raw for _, raw in spelled)
    places = Place(seeded.data), seeded.item(seeded.top, "ProcedureCodeSequence")
    for place, name in zip(
        places, ("ScheduledPerformingPhysicianName", "PersonName"), strict=True
    ):
        path = seeded.put(place, name, value)
        for word, raw in spelled:
            seeded.say("PN in three groups", word, path, "ps315", raw, word.encode())
    item = seeded.item(seeded.top, "AnatomicRegionSequence")
    seeded.put(item, "SpecificCharacterSet", b"ISO_IR 144")
    for name in ("PersonName", "InstitutionName"):
        word = seeded.mint.script("абвгдежзийклмнопрстуфх", 9)
        raw = word.encode("iso8859-5")
        path = seeded.put(item, name, raw)
        seeded.say("another character set inside", word, path, "ps315", raw, word.encode())
