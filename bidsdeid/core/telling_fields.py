"""Fields and columns whose names say what their values give away, and those that sound like it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bidsdeid.core.likely import Identity
from bidsdeid.core.ordinary import COMMON
from bidsdeid.core.policy import Policy
from bidsdeid.core.terms import HARVESTED, words_of

_PATIENT = re.compile(r"Patients?[A-Z]")

#: Fields of DICOM about the patient that say how he lies, or that he is not to be known.
_POSTURE = frozenset(
    "PatientPosition PatientOrientation PatientIdentityRemoved PatientSpeciesDescription "
    "PatientSupportAngle".split()
)

#: Fields of DICOM that name a program or a kind of object, and what their values look like.
_CONSTANT = frozenset(
    "ImplementationClassUID ImplementationVersionName MediaStorageSOPClassUID SOPClassUID "
    "TransferSyntaxUID ReferencedSOPClassUID".split()
)
_NUMBERS = frozenset({"uid", "record number", "ip address", "date"})

#: New labels and UIDs by their form (PS3.5, annex B.2): whose they are, only their maker knows.
_PSEUDONYM = re.compile(r"sub-[a-zA-Z0-9+]{1,64}|2\.25\.[0-9]{30,39}")

#: Dates of visits, moved to where no scanner was (BIDS).
_MOVED = re.compile(r"19(?:0[2-9]|1[0-9]|2[0-5])(?:0[1-9]|1[0-2])[0-3][0-9](?:[0-9.]{2,13})?")

#: Fields in which scanners write region and exam as DICOM writes names: ``Head^Brain``.
_EXAMS = frozenset(
    "StudyDescription ProcedureStepDescription PerformedProcedureStepDescription "
    "RequestedProcedureDescription ProtocolName".split()
)
_NAME = re.compile(r"[^\W\d_]{2,}(?:\^+[^\W\d_]{2,})+")

#: Versions and builds of programs, as they are written into fields that can hold anything, and
#: the clock of a PET scan set to nothing (BIDS requires one): the field, how it looks, and the
#: detectors that take it for something else.
_BUILDS = (
    ("ConsistencyInfo", re.compile(r"\d{8}"), frozenset({"record number"})),
    ("ConsistencyInfo", re.compile(r"N4_V\w{4,12}_LATEST_\d{8}(?:_P\d{1,3})?"), _NUMBERS),
    (
        "WipMemBlock",
        re.compile(
            r"[0-9a-f-]{36}\|\|Sequence: R\w{1,8} [\w./+ ]{1,40}; "
            r"[A-Z][a-z]{2} [ \d]\d 20\d\d \d\d:\d\d:\d\d by \w{2,8}\s*"
        ),
        frozenset({"uuid", "date", "time", "record number"}),
    ),
    ("TimeZero", re.compile(r"00:00:00"), frozenset({"time"})),
    ("descrip", re.compile(r"FreeSurfer [A-Z][a-z]{2} [ \d]\d 20\d\d"), frozenset({"date"})),
    ("descrip", re.compile(r"\d\.\d\.\d{1,2}(?:\.\d)?:[0-9a-f]{8}"), frozenset({"record number"})),
)

#: Numbers of devices lead to a place, not to a person.
_DEVICE = re.compile("device|serial|scanner|detector|gantry", re.IGNORECASE)

#: Names of findings, by whom the values of a field identify.
_RULES = {
    Identity.PERSON: "identity field",
    Identity.RECORD: "record field",
    Identity.STAFF: "place field",
    Identity.PLACE: "place field",
}

_TIME = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:\.\d{1,6})?")

_AGE = re.compile(
    r"(?:(?:patient|participant|subject)s?[_ ]?)?age(?:[_ ]?(?:in[_ ]?)?(?:years|yrs|y)"
    r"|[_ ]?at[_ ]?scan)?",
    re.IGNORECASE,
)


def field_rule(name: str, identity: Identity | None, policy: Policy) -> str:
    """Return the rule of findings that a field or column is, whatever it holds; empty for none.

    Parameters
    ----------
    name : str
    identity : Identity or None
        Whom its values identify, as `bidsdeid.core.harvest.identity_of` says.
    policy : Policy
        Says what is known of fields about the patient.
    """
    if identity is Identity.RECORD and _DEVICE.search(name):
        return _RULES[Identity.PLACE]
    if identity is not None:
        return _RULES[identity]
    about = _PATIENT.match(name) and name not in _POSTURE
    return "patient field" if about and policy.key_rule("image", name).action == "drop" else ""


def tolerated(name: str, policy: Policy, scope: str = "image") -> frozenset[str]:
    """Return the detectors that do not apply to a field, wherever it stands."""
    rule = policy.keys.get((scope, name)) or policy.key_rule("image", name)
    return rule.tolerate | (_NUMBERS | HARVESTED if name in _CONSTANT else frozenset())


def usual(name: str, text: str) -> frozenset[str]:
    """Return the detectors that do not apply to a value in a form that is usual for its field.

    Examples
    --------
    >>> [sorted(usual("StudyDescription", x)) for x in ("Head^Brain", "a_study^fmri", "DOE^JANE")]
    [['person name'], ['person name'], []]
    >>> sorted(usual("ConsistencyInfo", "66110001"))
    ['record number']
    >>> sorted(usual("StudyDate", "19090828")), sorted(usual("PatientBirthDate", "19090828"))
    (['date', 'record number'], [])
    """
    if "Date" in name and "Birth" not in name and _MOVED.fullmatch(text):
        return frozenset({"date", "record number"})
    if name in _EXAMS:
        exam = _NAME.fullmatch(text) is None or not COMMON.isdisjoint(words_of(text))
        return frozenset({"person name"} if exam else ())
    found = (found for field, form, found in _BUILDS if field == name and form.fullmatch(text))
    return next(found, frozenset())


def weaker(rule: str, texts: Iterable[str]) -> str:
    """Return the rule of a field whose values all have the form of new labels or UIDs.

    Examples
    --------
    >>> weaker("record field", ["sub-01"]), weaker("record field", ["sub-01", "1.2.840.4711"])
    ('pseudonym', 'record field')
    """
    new = all(_PSEUDONYM.fullmatch(text.strip()) for text in texts)
    return "pseudonym" if new else rule


def is_time(name: str, text: str) -> bool:
    """Tell whether a value is a time of day as DICOM writes it (TM), which looks like a number.

    Examples
    --------
    >>> is_time("AcquisitionTime", "105902.345000"), is_time("EchoTime", "30")
    (True, False)
    """
    return "Time" in name and _TIME.fullmatch(text) is not None


def is_age(name: str) -> bool:
    """Tell whether a column holds ages in years.

    Examples
    --------
    >>> [is_age(name) for name in ("age", "Age_at_scan", "age_years", "age_group", "age_months")]
    [True, True, True, False, False]
    """
    return _AGE.fullmatch(name) is not None
