"""Addresses of people, machines and files, and what opens them.

Of secrets only what is known to be one is found: scanners such as detect-secrets also go by the
entropy of a string, and sequences of pulses and hashes of files are as random as a key.
"""

from __future__ import annotations

import ipaddress
import re

from bidsdeid.core.shapes import Detector, as_written, either, expression

#: The rest of a path or address: what ends it in prose is not part of it.
_REST = r"[^\s\"'<>|]{0,256}"

_MAIL_DOMAINS = "com|org|edu|net|gov|info|ac|de|fr|ch|nl|uk|ca|eu|it|es|be|se|dk|no|jp|cn|br"

#: First folders of shared and home file systems.
_ROOTS = (
    "home", "users", "root", "mnt", "media", "scratch", r"data\d{0,3}", "export", "nfs", "net",
    "gpfs", "lustre", "beegfs", "afs", "cifs", "nas", "raid", "storage", "cluster", "volumes",
    "groups?", "labs?", "projects?", "private", "tmp", "var", "opt", "srv", "work", "archive",
    "cygdrive",
)  # fmt: skip

#: Last parts of names that only machines within a house have.
_PRIVATE_HOSTS = "local|lan|intranet|intra|internal|corp|localdomain|hospital|clinic"

_STREET = (
    r"\d{1,5}[a-zA-Z]?\s(?:[A-Z]\w{1,24}\.?\s){1,3}"
    r"(?:Street|St\.|Avenue|Ave\.?|Road|Rd\.?|Boulevard|Blvd\.?|Lane|Drive|Square|Terrace|Parkway)"
    r"(?!\w)"
)
_RUE = (
    r"\d{1,4}(?: ?(?:bis|ter))?,? (?:rue|boulevard|impasse|chemin|quai|avenue|all\u00e9e|place) "
    r"(?:de |du |des |la |le |les |d['\u2019]|l['\u2019]){0,2}[A-Z\u00c0-\u00de]\w{2,32}"
)
_STATES = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM "
    "NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC"
).replace(" ", "|")


_BYTE, _FEWEST = 255, 2


def _is_ipv6(text: str) -> bool:
    """Tell whether hexadecimal digits and colons are an address; ``bad::add`` is none."""
    if text.count(":") < _FEWEST or sum(x.isdecimal() for x in text) < _FEWEST:
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_ipv4(text: str) -> bool:
    """Tell whether four numbers are bytes, whether or not with zeros before them."""
    return all(int(x) <= _BYTE for x in text.split("."))


#: After these, four numbers with dots are a version, or the number of a section.
_VERSION = (
    r"(?:(?<![a-z])(?:v|ver|versions?|release|build|dcm2niix|syngo|sections?|sec|chapter|fig|figure|"
    r"table)[ .:=-]{0,2}v?|[=<>~^@])\s?"
)

WHERE = (
    Detector(
        "email",
        "contacts in comments and instructions",
        expression(
            r"(?<![\w.+-])(?!git@)[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z][a-z\d-]{1,24}(?![\w-])"
        ),
        needs="@.",
    ),
    Detector(
        "email",
        "contacts that are hidden from programs",
        expression(
            r"(?<![\w.+-])[\w.+-]{1,64}\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?[\w-]{1,63}"
            r"(?:\s?[\[({<]?(?:\.|\sdot\s|dot(?=[\])}>]))[\])}>]?\s?[\w-]{2,63}){1,4}|"
            r"(?<![\w.+-])(?:[\w+-]{1,32}\sdot\s){0,3}[\w.+-]{1,64}\sat\s[\w-]{1,63}(?:\sdot\s[\w-]{2,63}){0,3}\sdot\s"
            rf"(?:{_MAIL_DOMAINS})(?!\w)"
        ),
        clue=re.compile(r"[\[({<]\s?(?:at|@)|\sat\s"),
    ),
    Detector(
        "url with user",
        "paths of internal servers",
        expression(rf"\w{{1,20}}://[^/\s@]{{1,100}}@{_REST}"),
        needs=":/@",
    ),
    Detector(
        "path",
        "home and network folders, which carry user names",
        expression(rf"(?<![\w:/.])/{either(_ROOTS)}/[^\s/]{_REST}"),
        needs="/",
    ),
    Detector(
        "path",
        "the folder of a user on a computer or a web server",
        expression(rf"(?<!\w)~(?:[a-z_][\w.-]{{2,31}}/\w|/\.?[a-z]){_REST}|/~[a-z]{_REST}"),
        needs="~/",
    ),
    Detector(
        "path",
        "addresses of files within a network, and folders of Windows with slashes",
        expression(
            rf"(?<!\w)(?:file|smb|afp|nfs|cifs|ssh|sftp|scp|rsync|dicom|dcm4chee)://{_REST}|"
            rf"(?<![\w.+-])[\w.-]{{1,64}}@[\w.-]{{1,64}}:[/~]{_REST}|"
            rf"(?<!\w)[a-z]:/(?:users|documents|home)/{_REST}"
        ),
        needs=":",
    ),
    Detector(
        "path",
        "folders of Windows and its servers",
        expression(
            r"(?<!\w)[a-z]:\\{1,2}(?:[\w .()&+-]{1,64}\\{1,2}){0,16}"
            r"[\w.()+-]{1,64}|"
            r"(?<!\\)\\\\[\w.$-]{1,64}\\(?:[\w .()&$+-]{1,64}\\){0,16}[\w.()$+-]{0,64}|"
            r"\\(?:users|profiles|homes?)\\(?:[\w .()&+-]{1,64}\\){0,16}[\w.()&+-]{1,64}"
        ),
        needs="\\",
    ),
    Detector(
        "uid",
        "DICOM UIDs, which lead back to the scanner's archive",
        expression(r"(?<![\d.])[0-2](?:\.(?:0|[1-9]\d*)){5,}(?!\d)"),
        needs=".",
        digits=6,
        public=False,
    ),
    Detector(
        "ip address",
        "addresses of machines (IPv4)",
        expression(
            r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]|/\d?[a-z])",
            unless=_VERSION,
            check=_is_ipv4,
        ),
        needs=".",
        digits=4,
        public=False,
    ),
    Detector(
        "ip address",
        "addresses of machines (IPv6)",
        expression(r"(?<![\w:.])[\da-f:]{4,39}(?![\w:])", check=_is_ipv6),
        needs=":",
        digits=2,
    ),
    Detector(
        "mac address",
        "network interfaces",
        expression(
            r"(?<![\da-f:-])(?:[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2})(?![\da-f:-])|"
            r"(?<![\w.])(?=[\d.]{0,13}[a-f])[\da-f]{4}\.[\da-f]{4}\.[\da-f]{4}(?![\w.])"
        ),
        clue=re.compile(r"[\da-f]{2}([:-])[\da-f]{2}\1|[\da-f]{4}\.[\da-f]{4}\."),
    ),
    Detector(
        "host name",
        "machines of a clinic or laboratory",
        expression(
            r"(?<![\w/.@-])[a-z][a-z\d-]{1,62}\.(?:[a-z\d-]{1,63}\.){0,4}"
            rf"(?:{_PRIVATE_HOSTS})(?![\w-]|\.\w)"
        ),
        needs=".",
        clue=re.compile(rf"\.(?:{_PRIVATE_HOSTS})"),
    ),
    Detector(
        "uuid",
        "record identifiers",
        expression(r"(?<![\da-f])[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}(?![\da-f])"),
        needs="-",
    ),
    Detector(
        "postal address",
        "where people live and clinics are, in English and French",
        as_written(rf"(?<![\w.])(?:{_STREET}|{_RUE})"),
        needs=" ",
        digits=1,
        clue=re.compile(r"\d[a-z]?(?: ?(?:bis|ter))?,?\s[a-z]"),
    ),
    Detector(
        "postal address",
        "where people live and clinics are, in German, Dutch, Spanish and Italian",
        expression(
            r"(?<!\w)(?:\w{2,32}-){0,3}\w{2,32}[- ]?(?:strasse|str\.|allee|gasse|straat|laan|"
            r"gracht|kade) ?\d{1,4}(?:\s?[a-z])?(?!\w)|"
            r"(?<![a-z])(?:calle|avenida|piazza|viale|corso|rua) (?:[a-z]\w{1,24},? ){1,4}"
            r"(?:no?\.? ?)?\d{1,4}(?!\w)"
        ),
        digits=1,
        clue=re.compile("str|allee|gasse|laan|gracht|kade|calle|avenida|piazza|viale|corso|rua"),
    ),
    Detector(
        "postal address",
        "post boxes and postal codes",
        as_written(
            rf"(?<=, )(?:{_STATES}),? \d{{5}}(?:-\d{{4}})?(?!\d)|"
            r"(?<![\w-])\d{5}-\d{4}(?![\w-])|"
            r"(?<!\w)(?:DE?|CH|FR?|NL)-\d{4,5} [A-Z\u00c0-\u00de][a-z\u00df-\u00ff]{2}\w{0,32}|"
            r"(?i:(?<!\w)(?:p\.? ?o\.? ?box|postfach|post ?code|postal code|zip code|plz|"
            r"code postal|c\u00f3digo postal)[ :=]{1,3}(?=\w{0,4}\s?\d)[\w-]{1,10})"
        ),
        digits=1,
        clue=re.compile(r"\d{4}|box|post|zip|plz"),
    ),
    Detector(
        "secret",
        "private keys",
        expression(
            r"-----begin [a-z ]{0,30}private key-----[^-]{0,16384}(?:-----end [a-z ]{1,40}-----)?"
        ),
        needs="-",
    ),
    Detector(
        "secret",
        "tokens of services, by what they begin with, and JSON web tokens",
        expression(
            r"(?<![a-z\d])(?:(?:akia|asia)[\da-z]{16}|gh[opsur]_\w{30,255}|github_pat_\w{22,255}|"
            r"glpat-[\w-]{20,64}|xox[abeoprs]-[\w-]{10,255}|aiza[\w-]{35}|sk-[\w-]{20,255}|"
            r"hf_[a-z\d]{30,64}|pypi-[\w-]{50,255}|eyj[\w-]{13,2048}\.eyj[\w-]{8,8192}\.?[\w-]{0,2048})"
        ),
        clue=re.compile(r"[\w-]{16}"),
    ),
    Detector(
        "secret",
        "passwords and keys that are announced",
        expression(
            r"(?<![a-z])(?:password|passwd|passwort|kennwort|passphrase|mot de passe|contrasena|"
            r"wachtwoord|senha|pwd|(?:api|access|secret|private|auth)[_ -]?key|"
            r"(?:access|auth|api|refresh|bearer|secret|id)[_ -]?token|client[_ -]?secret)"
            r"[\"']?\s?[:=]\s?[\"']?[^\s\"',;]{3,256}[\"']?|"
            r"(?<![a-z])bearer [\w.~+/-]{20,2048}={0,2}"
        ),
        clue=re.compile("pass|woord|wort|contrasena|senha|pwd|key|token|secret|bearer"),
    ),
    Detector(
        "secret",
        "addresses that hold their own key",
        expression(
            r"[?&](?:[a-z_-]{0,24}token|sig|signature|[a-z_-]{0,12}key|passw(?:or)?d|pwd|secret|"
            r"sid|session(?:_?id)?|jwt|auth|x-amz-[a-z]{4,16})=[^&\s\"'<>]{4,512}"
        ),
        needs="=",
    ),
)
