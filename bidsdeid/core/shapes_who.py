"""Names and numbers of people, and the words that announce them.

A name has no shape: it is found beside a title, a caret or an announcing word, and otherwise
only as a known term (`bidsdeid.core.terms`).  Numbers of six digits and more are all found as
record numbers, which most national numbers are; the others have rows for their groups.
Check digits are our own few lines: python-stdnum, which knows them all, is under the LGPL, and
presidio needs a model of a language that is downloaded when it runs.
"""

from __future__ import annotations

import re

from bidsdeid.core.phones import LEAST_DIGITS, phone_spans
from bidsdeid.core.shapes import Detector, as_written, either, expression

#: What stands between a word and the number that it announces.
_LINK = r"(?:\s?(?:is|was|ist|est|es))?[\s:=#.\-]{0,4}"

#: A number, or what has a digit after a space or sign.
_CODE = r"(?:\d{3}|(?<=[\s:=#.\-])(?=[\w./\-]{0,16}\d))[\w./\-]{1,32}"

_NUMBER = r"(?:[ _.-]{0,2}(?:id|nr|no|num|number|nummer|identifier|code|#)s?)"

#: Words that announce the number of a person; after folding.
_RECORD_WORDS = (
    "mrn", "med(?:ical)? rec(?:ord)?" + _NUMBER, "hospital" + _NUMBER, "hosp" + _NUMBER,
    "pat(?:ient)?'?s?" + _NUMBER, "pid", "ssn", "social security" + _NUMBER + "?", "nhs",
    "nhs" + _NUMBER, "insurance" + _NUMBER, "health card" + _NUMBER + "?",
    "passport" + _NUMBER + "?", "driver'?s licen[cs]e" + _NUMBER + "?",
    "licen[cs]e plate" + _NUMBER + "?", "account" + _NUMBER,
    "patienten-?" + _NUMBER, "fall-?(?:nr|nummer)", "aufnahme-?(?:nr|nummer)",
    "versicher(?:ten|ungs)-?" + _NUMBER, "sv-?(?:nr|nummer)", "kvnr", "ausweis-?(?:nr|nummer)",
    "(?:numero|no) (?:de |du )?(?:dossier|patient|securite sociale)",
    "historia clinica", "nhc", "(?:numero|no) de (?:historia|paciente)",
    "codice (?:fiscale|paziente)", "cartella clinica",
    "patientnummer", "patientnr", "bsn", "burgerservicenummer",
    "prontuario", "numero do paciente",
)  # fmt: skip

_BIRTH_WORDS = (
    "dob", r"d\.o\.b\.?", "date of birth", "birth ?date", "birthday", "born on", "geb",
    "geboren(?: am)?", "geburtsdatum", "geburtstag", "date de naissance", "nee? le",
    "fecha de nacimiento", "nacid[oa] el", "data di nascita", "nat[oa] il", "geb(?:oorte)?datum",
    "geboren op", "data de nascimento",
)  # fmt: skip

#: Words that announce a name if a colon follows.
_NAME_WORDS = (
    r"(?:pat(?:ient)?|subject|participant|proband|volunteer)(?:['\u2019]?s)? ?name",
    "name of (?:the )?patient", "surname", "(?:first|last|family|given|full|maiden|middle) ?name",
    "patientenname", "vorname", "nachname", "familienname", "name des patienten",
    "prenom", "nom du patient", "nom de famille", "apellidos?", "nombre del paciente", "cognome",
    "nome del paziente", "achternaam", "voornaam", "naam van de patient", "sobrenome",
    "nome do paciente", "operators?", "technician", "technologist", "mr tech", "radiographer",
    "radiologist", "mtra", "nurse", "(?:referring |attending )?physician", "referring doctor",
    "arzt", "arztin", "untersucher(?:in)?", "bediener(?:in)?", "zuweiser", "manipulateur",
    "medecin", "medico", "tecnico", "operatore", "operateur", "laborant(?:in)?",
)  # fmt: skip

_LETTERS = r"[^\W\d_][\w'\u2019.\-]{0,32}"
_NAMES = rf"{_LETTERS}(?:[ ,^]{{1,2}}{_LETTERS}){{0,3}}"

#: A word that begins with a capital and goes on without.
_PROPER = r"[A-Z\u00c0-\u00de][a-z\u00df-\u00ff][\w'\u2019]{1,32}"

#: Titles, and the names that follow them in films and books.
_TITLES = """
    Dr Prof Professor Mrs Ms Frau Herr Herrn Mme Mlle Monsieur Madame Sra Se\u00f1ora? Signora?
    Dott Dottoressa Mevrouw Mevr Dhr Meneer Doutora?
""".split()
_FICTION = r"(?!(?:Bean|Who|Seuss|Strangelove|Doubtfire|Robot|Dolittle|Jekyll|Fox)\b)"

#: For the check digits of a bank account, letters are numbers from 10.
_IBAN_BASE, _IBAN_REST, _IBAN_MODULUS = 36, 1, 97


def _is_iban(text: str) -> bool:
    """Tell whether an account number's check digits are right (ISO 13616)."""
    plain = text.replace(" ", "")
    digits = "".join(str(int(x, _IBAN_BASE)) for x in plain[4:] + plain[:4])
    return int(digits) % _IBAN_MODULUS == _IBAN_REST


def _has_luhn(text: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO 7812)."""
    digits = [int(x) for x in text if x.isdecimal()]
    doubled = [sum(divmod(2 * x, 10)) for x in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


WHO = (
    Detector(
        "phone",
        "telephone numbers, in the formats of their countries",
        phone_spans,
        digits=LEAST_DIGITS,
        public=False,
    ),
    Detector(
        "phone",
        "North American telephone numbers, also of area codes that do not exist",
        expression(r"(?<![\d.])(?:\(\d{3}\)\s?|\d{3}[-.])\d{3}[-.]\d{4}(?![\d.])"),
        digits=10,
        public=False,
    ),
    Detector(
        "phone",
        "numbers after a word for telephone",
        expression(
            r"(?<![a-z])(?:(?:tele?(?:phone|fono?|foon)?|phone|fax)(?:\s?(?:no|nr|number))?[.:\s]|"
            r"(?:mobile?|handy|cell|beeper|pager|ext)[.:])[.:\s]{0,2}"
            r"[+(]?\d(?:[ ()./\-]{0,2}\d){4,14}(?!\d)"
        ),
        digits=5,
        clue=re.compile("tel|phone|fax|mobil|handy|cell|beeper|pager|ext"),
        public=False,
    ),
    Detector(
        "ssn",
        "social security numbers of the United States",
        expression(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"),
        needs="-",
        digits=9,
        public=False,
    ),
    Detector(
        "national number",
        "groups of French, Swiss, Belgian, Brazilian, Spanish and Dutch numbers of people",
        expression(
            r"(?<!\d)(?<!\d )[12] \d\d (?:0[1-9]|1[0-2]) \d[\dab] \d{3} \d{3}(?: \d\d)?(?! ?\d)|"
            r"(?<!\d)756[. ]\d{4}[. ]\d{4}[. ]\d\d(?!\d)|"
            r"(?<!\d)\d\d\.\d\d\.\d\d-\d{3}\.\d\d(?!\d)|"
            r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d\d(?!\d)|"
            r"(?<![\w.])\d{1,2}\.\d{3}\.\d{3}-?[a-z](?![a-z\d])|"
            r"(?<![\d.])\d{4}\.\d\d\.\d{3}(?![\d.])"
        ),
        digits=7,
        public=False,
    ),
    Detector(
        "national number",
        "the Italian codice fiscale",
        expression(r"(?<![a-z\d])[a-z]{6}\d\d[a-ehlmprst][0-7]\d[a-z]\d{3}[a-z](?![a-z\d])"),
        digits=7,
        public=False,
    ),
    Detector(
        "national number",
        "Canadian social insurance numbers, with their check digit",
        expression(r"(?<![\d\-])\d{3}-\d{3}-\d{3}(?![\d\-])", check=_has_luhn),
        needs="-",
        digits=9,
        public=False,
    ),
    Detector(
        "bank account",
        "HIPAA names account numbers",
        expression(
            r"(?<![a-z\d])[a-z]{2}\d\d(?:[a-z\d]{11,30}| [a-z\d]{4}"
            r"(?: (?=[a-z]{0,3}\d)[a-z\d]{4}){1,6}(?: (?=[a-z]{0,2}\d)[a-z\d]{1,3})?)(?![a-z\d])",
            check=_is_iban,
        ),
        digits=12,
        public=False,
    ),
    Detector(
        "record number",
        "medical record numbers: six digits and more, but for colours (0x663399)",
        expression(r"(?<!\d)(?<!\d\.)(?<!0x)(?!0+(?!\d))\d{6,}(?!\d)"),
        digits=6,
        public=False,
    ),
    Detector(
        "identifier word",
        "words that announce the number of a person",
        expression(rf"(?<![a-z]){either(_RECORD_WORDS)}(?![a-z]){_LINK}{_CODE}"),
        digits=1,
    ),
    Detector(
        "identifier word",
        "words that announce a day of birth",
        expression(
            rf"(?<![a-z]){either(_BIRTH_WORDS)}(?![a-z]){_LINK}(?:the |am |den |el )?"
            r"\d[\w./\-]{0,16}(?: (?:de )?[a-z]{3,10}\.? ?(?:de )?\d{2,4})?"
        ),
        digits=1,
    ),
    Detector(
        "identifier word",
        "words that announce a name",
        expression(rf"(?<![a-z]){either(_NAME_WORDS)}\s?[:=]\s?{_NAMES}"),
        clue=re.compile(r"\w\s?[:=]"),
    ),
    Detector(
        "identifier word",
        "a patient or operator who is called by a name",
        as_written(
            rf"\b(?:[Pp]at(?:ient|ientin|\.)?|[Pp]aziente|[Pp]aciente|[Pp]roband)\s?:\s?"
            rf"{_PROPER}[ ,]{{1,2}}{_PROPER}|"
            rf"\b(?:[Ss]canned|[Oo]perated|[Mm]easured) by:? {_PROPER}(?: {_PROPER}){{0,2}}"
        ),
        clue=re.compile(r"[\w.]\s?:|(?:scann|operat|measur)ed by"),
    ),
    Detector(
        "person name",
        "DICOM person names (PN)",
        expression(
            r"[^\W\d_][\w'\-]{1,64}\^{1,4}[^\W\d_][\w'\-]{0,64}"
            r"(?:(?: [\w'\-]{1,32}){0,2}(?:\^[\w'\-]{0,64}|\Z)){0,4}"
        ),
        needs="^",
    ),
    Detector(
        "titled name",
        "a title and the name that follows it; DR and MS in capitals are words of radiology",
        as_written(
            rf"\b(?:{either(_TITLES)}\b\.?|Mr\.)\s?(?<=[.\s]){_FICTION}{_PROPER}"
            rf"(?:[ -]{_PROPER}){{0,2}}"
        ),
    ),
)
