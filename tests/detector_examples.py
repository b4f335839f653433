"""Examples of each row of `bidsdeid.core.detectors.DETECTORS`, by the row's reason.

An example is found under the row's name and removed as a whole; a near miss is clean.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts that a row is tried with.

    Parameters
    ----------
    found : tuple of str
        At least one of them is found by no other row of the same name.
    missed : tuple of str
        No row finds anything in them.
    """

    found: tuple[str, ...]
    missed: tuple[str, ...]


WHEN = {
    "ISO-like dates in protocol names and comments, and those of EXIF": Examples(
        ("2019-03-04", "2019/3/4", "2019_3_4", "2019:03:04", "2019\u201303\u201304",
         "\uff12\uff10\uff11\uff19-03-04", "20\u200b19-03-04"),
        ("2019-13-04", "2019_03_32", "3019-03-04", "12019-03-045", "1819-03-04"),
    ),
    "dates with dots, as in German": Examples(
        ("04.03.2019", "4.3.80", "4.3.19", "2019.03.04", "03.04.2019"),
        ("v4.3.19", "ANTs 2.3.10", "PsychoPy 2021.1.4", "fMRIPrep-1.5.10", "4.3.190",
         "numpy>=1.4.10", "40.13.2019", "4.3.1", "HED version 8.3.10"),
    ),
    "day-month-year and month-day-year": Examples(
        ("04-03-2019", "3/4/2019", "13/4/19", "4/13/19", "04-03-80", "04_03_2019"),
        ("delays of 5/10/20 s", "13/13/2019", "1-2-3", "4/3/190", "0.4-3-2019", "1/5/10 cents",
         "8-15-74-75"),
    ),
    "dates with spaces, and no number beside them that makes them a list": Examples(
        ("2019 03 04", "04 03 2019"),
        ("64 2019 03 04", "2000 10 20 30", "2000 3 4", "04 13 2019"),
    ),
    "DICOM DA and DT values": Examples(
        ("20190304", "20190304101112", "201903041011"), ("10.1000/x.20190304", "1.20191304")
    ),
    "months with their year; seasons (2010/11) and TR/TE are none": Examples(
        ("2019-03", "2019/03", "03/2019", "12-2019", "2010-12"),
        ("2010-11", "2009/10", "2004-05", "TR/TE 2000/10", "band of 10-2000 Hz", "2019-13",
         "2000-12"),
    ),
    "calendar weeks": Examples(
        ("2019-W10-1", "2019W10", "KW9 2019"), ("2019-W54", "W10", "KW 9", "2019-W1")
    ),
    "a day, the name of its month and its year, in the orders of Europe": Examples(
        ("4. M\u00e4rz 2019", "4 mars 2019", "4 de marzo de 2019", "4 marzo 2019", "4 maart 2019",
         "4 de mar\u00e7o de 2019", "04-MAR-2019", "4mar19", "1er f\u00e9vrier 2019",
         "19-Mar-04", "04_MAR_19", "4th of March 2019", "4 Dez. 2019", "3. Januar '19"),
        ("run 2 mar", "4 marbles 19", "2 mag 20", "1 set 10", "4 oct 20 ms", "3 nova 2019"),
    ),
    "a day, the name of its month and its year, in the orders of America and ISO": Examples(
        ("March 4th, 2019", "Mar 4, 2019", "Mar_04_19", "2019 March 4", "2019-Mar-04", "2019Mar04",
         "Mar. 4 2019", "may 4 2019"),
        ("may 2 or 3", "march 44 2019x", "Bazaar_04_2019"),
    ),
    "the name of a month with its year": Examples(
        ("March 2019", "Mar-2019", "mar2019", "M\u00e4rz 2019", "marzo de 2019", "Mar '19",
         "Mar-19",
         "2019-Mar", "may 2019"),
        ("MAR-64", "you may 2 times", "summar 2019", "in 2019 may", "SEP-64", "mar-1",
         "2000 trials"),
    ),
    "a day and the name of its month": Examples(
        ("March 4", "4 April", "4. M\u00e4rz", "may 4th", "4th of May", "03-Jun", "1 de enero"),
        ("may 4", "4 may", "4 marches", "run-3-Jun", "4 mars", "Mars 4", "april 4.5", "June 40"),
    ),
    "acquisition times; not durations (5:30 min), nor pages of a volume (12:45-50)": Examples(
        ("10:11", "10:11:12.500", "23:59:59", "9:05"),
        ("5:30 min", "TA: 4:35", 'duration = "14:51"', "Cortex 12:45-50", "25:00", "10:60", "1:3",
         "a ratio of 1:1", 'Dyn. scan time = "00:02.5"', "1:10:11:12", "lasts 10:30"),
    ),
    "times on a clock of twelve hours": Examples(
        ("10am", "3 p.m.", "10.15 pm", "11 a. m.", "12 PM"),
        ("I am 3", "3 amps", "13 pm", "3 pmol", "0.3 am", "10 a minute"),
    ),
    "times as they are written in French and German": Examples(
        ("14h05", "14 h 05", "14.05 Uhr", "9 Uhr", "24 Uhr"),
        ("2h30", "fast for 12h", "14h60", "Uhr", "25 Uhr", "x14h05"),
    ),
    "so few people are older than 89 that an age above it identifies": Examples(
        ("94 y/o", "93-year-old", "93 years old", "aged 93", "age: 91", "093Y", "101 Jahre alt",
         "93-j\u00e4hrige", "Alter: 92", "95yo"),
        ("89 y/o", "033Y", "100 years ago", "aged 18-95", "90 trials", "aged 90 and older",
         "age: 90+", "page 93", "alter 100 trials", "99Y1"),
    ),
}  # fmt: skip

WHO = {
    "telephone numbers, in the formats of their countries": Examples(
        ("+49 30 1234567", "0511/532-1234", "020 7946 0958", "01 42 34 56 78", "044 268 12 34",
         "020 123 4567", "02 9374 4000", "0650 1234567", "0049 30 1234567", "612 555 0142",
         "+1 (612) 555-0142", "+41446681800"),
        ("256 256 1000", "01 02 03 04 05", "0 1000 2000 3000", "0.5 1.0 1.5 2.0", "+30 45 60 90",
         "1 2 3 4 5 6 7 8 9 10", "0 30 60 90 120 150", "0000-0002-9048-8438", "128 555 0142",
         "0 0.707107 -0.707107", "0 2995 500 700", "64 020 7946 0958 7", "0.0701465624"),
    ),
    "North American telephone numbers, also of area codes that do not exist": Examples(
        ("099-555-0142", "(199) 555-0142", "199.555.0142"), ("199-555-014", "1.199-555-01423")
    ),
    "numbers after a word for telephone": Examples(
        ("tel. 53212", "phone 53 212", "Fax: 5321-0", "Telefon 53212", "ext: 53212"),
        ("hotel 53212", "phone 5321", "telephone task", "cell 10000", "next: 53212"),
    ),
    "social security numbers of the United States": Examples(
        ("078-05-1120", "123-45-6789"), ("078-05-112", "0078-05-1120", "78-05-1120")
    ),
    "groups of French, Swiss, Belgian, Brazilian, Spanish and Dutch numbers of people": Examples(
        ("2 69 05 49 588 157 80", "1 85 12 2A 588 157", "756.9217.0769.85", "85.07.30-033.28",
         "123.456.789-09", "12.345.678-Z", "1234.56.782"),
        ("3 69 05 49 588 157", "123.456.789", "12.345.678 ms", "0.1234.56.78",
         "2 64 64 32 100 200",
         "31 2 49 11 88 144 208"),
    ),
    "the Italian codice fiscale": Examples(
        ("RSSMRA80A01H501U", "vrdgpp13r10b293p"), ("RSSMRA80A01H501", "RSSMRA80F01H501U")
    ),
    "Canadian social insurance numbers, with their check digit": Examples(
        ("046-454-286", "130-692-544"), ("100-200-300", "046-454-287", "1-046-454-286")
    ),
    "HIPAA names account numbers": Examples(
        ("DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32", "AT61 1904 3002 3457 3201"),
        ("TE12 1000 2000 3000 4000", "DE88 3704 0044 0532 0130 00"),
    ),
    "medical record numbers: six digits and more, but for colours (0x663399)": Examples(
        ("1234567", "123456", "04032019", "1551693600"),
        ("12345", "0x663399", "000000", "1.123456", "ds000117", "PMC4412149", "R01 EB023297",
         "https://pubmed.ncbi.nlm.nih.gov/18482717", "doi:10.1038/1234567", "Sci. Data 2:150001",
         "RRID:SCR_002881", "NeuroImage, 203, 116189", "NSF Grant OCI-1131441",
         "grant no. 720270"),
    ),
    "words that announce the number of a person": Examples(
        ("MRN 12", "MRN: A12", "Patient ID = JD4", "Pat.-Nr. 4711", "Fall-Nr. 99-1", "mrn12345",
         "NHS number is 943", "num\u00e9ro de dossier 4711", "Patientennummer: X9", "SSN 12-34"),
        ("MRN", "the patient ID was removed", "mrn: unknown", "patient 3", "a nhs ward", "ssn2"),
    ),
    "words that announce a day of birth": Examples(
        ("DOB 4.3", "dob: 1980", "geb. 1980", "born on the 4th", "n\u00e9e le 4 mars 1980",
         "Geburtsdatum: 1980", "date of birth 1/80"),
        ("suspicious DOB", "born in Rome", "geb", "il ne le fait pas 2 fois", "Show-image-dob"),
    ),
    "words that announce a name": Examples(
        ("Patient name: Jane Doe", "operator=jd", "Surname: Doe", "Vorname: J\u00fcrgen",
         "apellidos: G. L.", "Technician : Doe", "Name des Patienten: Doe, Jane"),
        ("the patient name was removed", "operator", "a nurse in the room", "surnames",
         "task name: x"),
    ),
    "a patient or operator who is called by a name": Examples(
        ("Patient: Jane Doe", "pat.: Doe, Jane", "scanned by Miller",
         "Operated by: Jo\u00e3o Silva"),
        ("Patient: HFS", "Patient: supine", "operated by a button", "scanned by two people",
         "PATIENT: HEAD FIRST"),
    ),
    "DICOM person names (PN)": Examples(
        ("DOE^JANE", "Doe^^J", "Doe^Jane^Mary^Dr", "Doe^Jane Ann^^Dr", "\uff24oe^Jane",
         "Li^An"), ("x^y", "10^b", "mm^2", "^M")
    ),
    "a title and the name that follows it; DR and MS in capitals are words of radiology": Examples(
        ("Dr. Smith", "Dr Smith", "Prof. M\u00fcller", "Mrs Jane Doe", "Frau Schmidt", "Mr. Doe",
         "Sra. Garc\u00eda", "Mme Dupont"),
        ("DR Thorax", "MS Lesions", "syngo MR Prisma", "Mr. Bean", "Dr. Who", "Hydr. Smith",
         "Mr Scan",
         "the doctor"),
    ),
}  # fmt: skip

WHERE = {
    "contacts in comments and instructions": Examples(
        ("jane.doe+mri@clinic.example.org", "j@x.io", "jos\u00e9@cl\u00ednica.es"),
        ("checkout@v4.1", "bold@3T", "git@github.com", "a@b", "@jane", "bids-validator@1.14.10"),
    ),
    "contacts that are hidden from programs": Examples(
        ("jane at clinic dot org", "jane(at)clinic.org", "jane [at] clinic [dot] org",
         "j.doe at mri dot clinic dot de"),
        ("look at red dot moving", "shown (at) fixation", "at the dot",
         "looked at clinic dot orgs"),
    ),
    "paths of internal servers": Examples(
        ("ftp://jdoe:pw@pacs/x", "https://jane@host/a?b"),
        ("https://host/@jane", "x://y", "a:/b@c")
    ),
    "home and network folders, which carry user names": Examples(
        ("/home/jdoe/raw", "/mnt/pacs/doe.dcm", "/Users/jdoe", "/data01/x", "/gpfs/lab/x",
         "/Volumes/a"),
        ("Item/home/x", "and/or", "/home", "../data/x", "https://x.org/home/x", "/sub-01/anat"),
    ),
    "the folder of a user on a computer or a web server": Examples(
        ("~jdoe/raw", "~/data", "~/.ssh/id", "/~jdoe", "/~jdoe/x"),
        ("~8 cm", "lasts ~3/4 s", "~TR/2", "a~b/c", "~/"),
    ),
    "addresses of files within a network, and folders of Windows with slashes": Examples(
        ("file:///x", "smb://pacs/doe", "jane@pacs:/data", "jdoe@10-pacs:~/x", "c:/users/jdoe"),
        ("profile://x", "bids::sub-01/anat", "git@github.com:x/y"),
    ),
    "folders of Windows and its servers": Examples(
        ("C:\\Users\\Jane Doe\\raw", "\\\\server\\share\\doe", "D:\\\\mri\\x",
         "\\Users\\jdoe"),
        ("ORIGINAL\\PRIMARY\\M\\ND", "%CustomerSeq%\\cmrr_mbep2d", "a\\b", "C:/x", "SK\\SP"),
    ),
    "DICOM UIDs, which lead back to the scanner's archive": Examples(
        ("1.2.840.113619.2.5.17", "2.25.3.4.5.6"), ("1.2.3.4.5", "1.02.3.4.5.6.7", "3.1.2.3.4.5.6")
    ),
    "addresses of machines (IPv4)": Examples(
        ("10.0.12.7", "192.168.1.20", "192.168.001.020"),
        ("v1.0.12.7", "version 4.0.12.7", "1.2.3", "300.1.2.3", "`10.0.2.3/dfjj`", "==1.2.3.4"),
    ),
    "addresses of machines (IPv6)": Examples(
        ("2001:db8::8a2e:370:7334", "fe80::1ff:fe23:4567:890a", "2001:db8:0:0:0:0:2:1"),
        ("bids::sub-01", "bad::add", "a::b", "Class::fade1", "ab:cd:ef"),
    ),
    "network interfaces": Examples(
        ("00:1b:44:11:3a:b7", "00-1B-44-11-3A-B7", "001b.4411.3ab7"),
        ("00:1b:44:11:3a", "00:1b-44:11-3a:b7", "1000.2000.3000", "x0-1b-44-11-3a-b7-00"),
    ),
    "machines of a clinic or laboratory": Examples(
        ("pacs01.hospital.local", "mrc35131.lan", "scan.rad.clinic"),
        ("local", "nibabel.localtime", "e.g. local", "/x.local", "site.org", "x.internal_use"),
    ),
    "record identifiers": Examples(
        ("123e4567-e89b-12d3-a456-426614174000", "ABCDEF01-ABCD-ABCD-ABCD-ABCDEF012345"),
        ("123e4567-e89b-12d3-a456", "g23e4567-e89b-12d3-a456-42661a17400"),
    ),
    "where people live and clinics are, in English and French": Examples(
        ("15 Chaucer Road", "10 Center Drive", "221b Baker Street", "12 rue de la Paix",
         "5 bis, avenue Foch", "4 Peter St."),
        ("2 lane road", "3 place cells", "1 Drive", "the Road 15", "4 rue",
         "12 left Street views"),
    ),
    "where people live and clinics are, in German, Dutch, Spanish and Italian": Examples(
        ("Hauptstr. 5", "Ignaz-Harrer-Stra\u00dfe 79", "Lange Gasse 4", "Kerkstraat 12 b",
         "Calle Mayor 4", "Piazza del Duomo 1", "Lindenallee 7"),
        ("str. 5", "strasse 5", "eine Stra\u00dfe", "corso 4", "via USB 3", "Arbeitsplatz 2"),
    ),
    "post boxes and postal codes": Examples(
        ("D-30625 Hannover", "02139-4307", "P.O. Box 12", "Postfach 4711", "PLZ: 30625",
         "postcode SW1A", "NL-6525 Nijmegen"),
        ("zip file 2", "T1 2MM", "D-10000 ms", "12345-67890", "post code", "2139-4307"),
    ),
    "private keys": Examples(
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN PRIVATE KEY-----x-----END PRIVATE KEY-----"),
        ("-----BEGIN PUBLIC KEY-----", "--BEGIN PRIVATE KEY--", "begin private key"),
    ),
    "tokens of services, by what they begin with, and JSON web tokens": Examples(
        ("AKIAIOSFODNN7EXAMPLE", "ghp_" + "aB3" * 12, "xoxb-" + "a1" * 8, "hf_" + "a1b" * 11,
         "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1", "glpat-" + "x1" * 10),
        ("AKIA", "ghp_short", "task-hidden-figure-condition", "eyJhbGciOiJIUzI1NiJ9", "hf_energy"),
    ),
    "passwords and keys that are announced": Examples(
        ("password=hunter2", "Passwort: geheim", "api_key='abcd'", "access token: abc1",
         "Bearer " + "aB3" * 8, "pwd = x9z"),
        ("press the key", "password", "token: word", "bearer of news", "secret", "keyword: xyz"),
    ),
    "addresses that hold their own key": Examples(
        ("?token=abcd1234", "&X-Amz-Signature=abcd", "?sid=12ab", "?access_token=abcd"),
        ("?page=abcd", "?token=", "key=abcd", "?q=token"),
    ),
}  # fmt: skip

CONTROL = {
    "bytes of a header that are no text, and orders to a terminal": Examples(
        ("\x00", "\x1b", "\x7f", "\x85"), ("a\tb", "a\nb", "a\r\nb", "\u00a0")
    ),
}

EXAMPLES = {**WHEN, **WHO, **WHERE, **CONTROL}
