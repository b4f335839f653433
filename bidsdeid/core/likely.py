"""Names of fields and columns whose values are likely to identify somebody, or a place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Identity(StrEnum):
    """Whom or what a value identifies."""

    PERSON = "person"
    RECORD = "record"
    STAFF = "staff"
    PLACE = "place"


@dataclass(frozen=True, slots=True)
class Likely:
    """Names of fields and columns whose values identify.

    Parameters
    ----------
    pattern : str
        Searched for in the name, in lower case and without anything but letters.
    identity : Identity
    reason : str
    """

    pattern: str
    identity: Identity
    reason: str


#: The first that speaks wins.
LIKELY = (
    Likely(
        r"(institution|hospital|clinic|university|scannersite)(al)?(name|address|department"
        r"(name)?)?$|^(mri?|scan(ner)?|console|stim(ulus)?)?(work)?(station|host|computer)(name)?$|"
        r"address$|street|^(home|birth|patient)?city(ofbirth)?$|zipcode|postcode",
        Identity.PLACE,
        "places and machines",
    ),
    Likely(
        r"physician|operator|technologist|technician|radiographer|investigator|experimenter|"
        r"examiner|interviewer|^(first|second|co)?rater$|clinician|nurse|"
        r"^(mri?|scan|data|visit)?(scanned|performed|acquired|rated|entered)by",
        Identity.STAFF,
        "people at work",
    ),
    Likely(
        r"^(sur|first|last|birth)?(vorname|nachname|geburtsname|nom|prenom|nomdefamille|nombre|"
        r"apellidos?|cognome|voornaam|achternaam|nome)$|patname$|patientidentification$",
        Identity.PERSON,
        "names of people, in other languages and shorter",
    ),
    Likely(
        r"(patient|subject|participant|person|first|last|sur|family|given|maiden|full|mother|"
        r"father|parent|guardian|contact|middle|birth)s?names?$|^names?$|^initials$|patientcomments",
        Identity.PERSON,
        "names of people",
    ),
    Likely(
        r"(patient|person|medicalrecord|record|chart|hospital|insurance|national|health|"
        r"otherpatient|issuer|accession|study|visit|case|social|passport|nhs|order|requisition|"
        r"consent|biobank|sample|serial|device|scanner)(ids?|nos?|numbers?|nrs?|codes?)$|email|"
        r"^(mrn|ssn|pid|nhs|pesel|bsn|cpr|uid|guid|passport)$|barcode|"
        r"^(home|work|cell|mobile|contact)?(tele)?(phone|mobile)(nos?|nrs?|numbers?)?$",
        Identity.RECORD,
        "numbers of people, visits and devices",
    ),
)


@lru_cache(maxsize=2**14)
def likely(plain: str) -> Identity | None:
    """Return what the letters of a field's or column's name say of its values.

    Examples
    --------
    >>> likely("operatorsname"), likely("echotime")
    (<Identity.STAFF: 'staff'>, None)
    """
    found = (row.identity for row in LIKELY if re.search(row.pattern, plain))
    return next(found, None)
