from __future__ import annotations

import encodings.aliases
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.datadict import keyword_dict, tag_for_keyword

from bidsdeid.dicom.fields import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ITEMS,
    Field,
    FieldList,
    read_fields,
)

NAME, BIRTH_DATE, SEX, PATIENT_ID = 0x00100010, 0x00100030, 0x00100040, 0x00100020


def item(
    name: str | None, description: str | None, editable: str | None = "no", **more: str
) -> str:
    parts = {"name": name, "description": description, "editable": editable, **more}
    inside = (f"<{key}>{escape(x)}</{key}>" for key, x in parts.items() if x is not None)
    return f"<item>{''.join(inside)}</item>\n"


def listed(*items: str, root: str = "data") -> str:
    return f'<?xml version="1.0"?>\n<{root}>\n{"".join(items)}</{root}>\n'


def read(folder: Path, text: str | bytes) -> FieldList:
    path = folder / "fields.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_fields(path)


def fields_of(folder: Path, *items: str) -> tuple[Field, ...]:
    """Return the fields of items that have nothing odd about them."""
    found = read(folder, listed(*items))
    assert (found.warnings, found.mistakes) == ((), ())
    return found.fields


def odd(folder: Path, *items: str) -> tuple[set[int], tuple[str, ...]]:
    """Return the tags of items that have, and the warnings."""
    found = read(folder, listed(*items))
    assert found.mistakes == ()
    return {field.tag for field in found.fields}, found.warnings


def mistake_of(folder: Path, text: str | bytes) -> str:
    found = read(folder, text)
    assert found.fields == ()
    (mistake,) = found.mistakes
    assert mistake.startswith("the list of fields ")
    return mistake


# ── the four lists in use, in shape ──────────────────────────────────────────────────────────

#: Three fields that take a value, and others that are blanked.
DEFAULT = [
    item("0010,0010", "PatientName", "yes"),
    item("0010,0030", "PatientBirthDate", "yes"),
    item("0010,0040", "PatientSex", "yes"),
    item("0010,0020", "PatientID"),
    item("0008,0080", "InstitutionName"),
]

TAKEN = [
    Field(NAME, editable=True),
    Field(BIRTH_DATE, editable=True),
    Field(SEX, editable=True),
]


def test_the_default_list(tmp_path: Path) -> None:
    assert fields_of(tmp_path, "<!-- who -->", *DEFAULT) == (
        Field(0x00080080),
        TAKEN[0],
        Field(PATIENT_ID),
        *TAKEN[1:],
    )


def test_the_default_list_names_a_field_twice(tmp_path: Path) -> None:
    tags, warnings = odd(tmp_path, *DEFAULT, item("0010,1001", "OtherPatientName"),
                         item("0010,1001", "OtherPatientNames"))  # fmt: skip
    assert tags == {0x00080080, NAME, PATIENT_ID, BIRTH_DATE, SEX, 0x00101001}
    assert warnings == (
        "item 6 (0010,1001 OtherPatientName): its keyword is unknown: the tag is used",
        "item 7 (0010,1001 OtherPatientNames): item 6 lists 0010,1001 too",
    )


def test_the_open_science_list(tmp_path: Path) -> None:
    tags, warnings = odd(
        tmp_path,
        *DEFAULT,
        item("0002,0003", "MediaStorageSOPInstanceUID"),
        item("0008,0018", "SOPInstanceUID"),
        item("0029,1009", "Unknown Tag"),
        item("0029,1019", "Unknown Tag"),
    )
    assert {0x00080018, 0x00291009, 0x00291019} < tags
    assert 0x00020003 not in tags
    assert warnings == (
        "item 8 (0029,1009): its keyword is unknown: the tag is used",
        "item 9 (0029,1019): its keyword is unknown: the tag is used",
    )


def test_the_development_default_list(tmp_path: Path) -> None:
    tags, warnings = odd(
        tmp_path,
        *DEFAULT,
        item("qc-0010,0010", "PatientName", "yes"),
        item("0010,2160", "Occupation"),
        item("0040,0032", "UniversalEntityId"),
        item("0008,1190", "RetrieveURL", None, forceInsert="no"),
    )
    assert {0x00102160, 0x00102180, 0x00400032, 0x00081190} < tags
    assert warnings == (
        "item 7 (0010,2160 Occupation): its keyword is that of 0010,2180: both fields are blanked",
        "item 8 (0040,0032 UniversalEntityId): its keyword is spelt UniversalEntityID",
    )


def test_the_development_open_science_list(tmp_path: Path) -> None:
    tags, warnings = odd(
        tmp_path,
        *DEFAULT,
        item("", ""),
        "<item><name/><description/></item>",
        item("0008,0012", "InstanceCreationDate"),
        item("0008,0012", "StudiesContainingOtherReferencedInstancesSequence"),
        item("0008,0016", "SOPClassUID"),
        item("0018,1078", "RadioPharmaceuticalStartDateTime"),
        item("0040,250", "PerformedProcedureStepEndDate"),
    )
    assert {0x00080012, 0x00081200, 0x00181078, 0x00400250} < tags
    assert 0x00080016 not in tags
    assert [re.sub(r" \(.*?\)", "", warning) for warning in warnings] == [
        "item 6: neither its tag nor its keyword is one: it is left out",
        "item 7: neither its tag nor its keyword is one: it is left out",
        "item 9: its keyword is that of 0008,1200: both fields are blanked",
        "item 9: item 8 lists 0008,0012 too",
        "item 10: 0008,0016 is not blanked: it says what kind of object the file is",
        "item 11: its keyword is spelt RadiopharmaceuticalStartDateTime",
        "item 12: its tag is malformed: that of the keyword is used",
    ]
    assert "(0040,250 PerformedProcedureStepEndDate)" in warnings[-1]


# ── items ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    ["0040,A30A", "0040,a30a", "(0040,A30a)", "0040A30A", " (0040, a30A) ", "\n0040,A30A\n"],
)
def test_spellings_of_a_tag(tmp_path: Path, name: str) -> None:
    assert fields_of(tmp_path, item(name, "NumericValue")) == (Field(0x0040A30A),)


@pytest.mark.parametrize(
    "name", ["0040,30A", "40,A30A", "0040;A30A", "0040,A30G", "\u0660010,0020"]
)
def test_what_is_no_tag(tmp_path: Path, name: str) -> None:
    tags, warnings = odd(tmp_path, item(name, "NumericValue"))
    assert tags == {0x0040A30A}
    assert "its tag is malformed" in warnings[0]


@pytest.mark.parametrize("name", [None, "", "  "])
def test_a_keyword_alone(tmp_path: Path, name: str | None) -> None:
    assert odd(tmp_path, item(name, "patientid")) == (
        {PATIENT_ID},
        ("item 1 (patientid): its tag is missing: that of the keyword is used",),
    )


@pytest.mark.parametrize("keyword", [None, "", "  "])
def test_a_tag_alone(tmp_path: Path, keyword: str | None) -> None:
    assert odd(tmp_path, item("0010,0020", keyword)) == (
        {PATIENT_ID},
        ("item 1 (0010,0020): its keyword is missing: the tag is used",),
    )


@pytest.mark.parametrize(
    ("editable", "expected"),
    [("yes", True), (" YES ", True), ("no", False), ("", False), (None, False)],
)
def test_what_takes_a_value(tmp_path: Path, editable: str | None, *, expected: bool) -> None:
    for name, keyword in (
        ("0010,0010", "PatientName"),
        ("0010,0030", "PatientBirthDate"),
        ("0010,0040", "PatientSex"),
    ):
        (field,) = fields_of(tmp_path, item(name, keyword, editable))
        assert field.editable is expected


def test_a_word_that_is_neither_yes_nor_no(tmp_path: Path) -> None:
    found = read(tmp_path, listed(item("0010,0010", "PatientName", "maybe", forceInsert="1")))
    assert found.fields == (Field(NAME),)
    assert [warning.split(": ", 1)[1] for warning in found.warnings] == [
        "its editable is neither yes nor no: it counts as no",
        "its forceinsert is neither yes nor no: it counts as no",
    ]


def test_a_value_that_would_be_kept_in_silence_is_not(tmp_path: Path) -> None:
    found = read(tmp_path, listed(item("0010,0020", "PatientID", "yes")))
    assert found.fields == (Field(PATIENT_ID, editable=False),)
    (warning,) = found.warnings
    assert warning.endswith(": 0010,0020 is blanked: the list of studies has no value for it")


def test_an_item_of_two_fields_gives_a_value_to_the_one_that_takes_it(tmp_path: Path) -> None:
    more = {"forceInsert": "yes", "VR": "PN"}
    found = read(tmp_path, listed(item("0010,0010", "PatientID", "yes", **more)))
    assert found.fields == (
        Field(NAME, editable=True, insert=True, vr="PN"),
        Field(PATIENT_ID),
    )
    assert len(found.warnings) == 2


def test_fields_that_are_added(tmp_path: Path) -> None:
    assert fields_of(
        tmp_path,
        item("0010,0020", "PatientID", forceInsert="Yes", VR=" lo "),
        item("0010,0040", "PatientSex", forceInsert="yes"),
        item("0010,1010", "PatientAge", forceInsert="no", VR="AS"),
        item("0010,0010", "PatientName", forceInsert="", VR=""),
    ) == (
        Field(NAME),
        Field(PATIENT_ID, insert=True, vr="LO"),
        Field(SEX, insert=True),
        Field(0x00101010, vr="AS"),
    )
    found = read(tmp_path, listed(item("40,250", "PatientID", forceInsert="yes", VR="XX")))
    assert found.fields == (Field(PATIENT_ID, insert=True),)
    assert "item 1 (40,250 PatientID): its VR is none: it is ignored" in found.warnings


def test_a_field_listed_twice_is_blanked_if_either_says_so(tmp_path: Path) -> None:
    one = item("0010,0010", "PatientName", "yes", forceInsert="no", VR="PN")
    other = item("0010,0010", "PatientName", "no", forceInsert="yes", VR="LO")
    for text, vr in ((listed(one, other), "PN"), (listed(other, one), "LO")):
        found = read(tmp_path, text)
        assert found.fields == (Field(NAME, editable=False, insert=True, vr=vr),)
        assert "item 2 (0010,0010 PatientName): item 1 lists 0010,0010 too" in found.warnings
    found = read(tmp_path, listed(one, one))
    assert found.fields == (Field(NAME, editable=True, vr="PN"),)


def test_twins_change_nothing_but_are_blanked_without_the_other(tmp_path: Path) -> None:
    twin = item("QC-0010,0010", "PatientName", "no", forceInsert="yes", VR="LO")
    name = item("0010,0010", "PatientName", "yes")
    assert fields_of(tmp_path, twin, name) == fields_of(tmp_path, name, twin) == (TAKEN[0],)
    alone = item("qc-0010,0010", "PatientName", "yes")
    assert fields_of(tmp_path, alone) == (Field(NAME, editable=False),)


@pytest.mark.parametrize(
    "keyword",
    [
        "SOPClassUID", "TransferSyntaxUID", "SpecificCharacterSet", "PixelData", "Rows",
        "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
        "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames",
        "FloatPixelData", "ExtendedOffsetTable", "FileMetaInformationVersion",
        "MediaStorageSOPClassUID", "SourceApplicationEntityTitle", "AffectedSOPClassUID",
        "RedPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData",
        "BluePaletteColorLookupTableDescriptor", "ItemDelimitationItem",
    ],
)  # fmt: skip
def test_what_is_never_blanked(tmp_path: Path, keyword: str) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    tags, warnings = odd(tmp_path, item(f"{tag:08x}", keyword), *DEFAULT)
    assert tag not in tags
    assert len(tags) == len(DEFAULT)
    (warning,) = warnings
    assert " is not blanked: " in warning


@pytest.mark.parametrize(
    "keyword",
    [
        "SOPInstanceUID", "ReferencedSOPClassUID", "ImageComments", "PixelSpacing",
        "PaletteColorLookupTableUID", "SmallestImagePixelValue", "BurnedInAnnotation",
        "InstanceCreationDate", "LengthToEnd", "DataSetTrailingPadding", "FileSetID",
        "IconImageSequence", "PixelDataProviderURL",
    ],
)  # fmt: skip
def test_what_may_be_blanked_next_to_it(tmp_path: Path, keyword: str) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    assert fields_of(tmp_path, item(f"{tag:08x}", keyword)) == (Field(tag),)


def test_of_two_fields_only_the_one_that_is_refused_is_left_out(tmp_path: Path) -> None:
    tags, warnings = odd(tmp_path, item("0010,0020", "Rows"), item("0028,0010", "PatientAge"))
    assert tags == {PATIENT_ID, 0x00101010}
    assert sum(" is not blanked: " in warning for warning in warnings) == 2


@pytest.mark.parametrize(
    ("name", "description", "shown"),
    [
        ("Doe, John", "PatientID", "item 1 (PatientID): "),
        ("60xx,3000", "Overlay Data", "item 1 (60xx,3000): "),
        ("x" * 65, "y" * 65, "item 1: "),
        ("Zoë", "PatientID\nline", "item 1: "),
        ("0010,0020", "<b>", "item 1 (0010,0020): "),
    ],
)
def test_what_a_warning_shows(tmp_path: Path, name: str, description: str, shown: str) -> None:
    found = read(
        tmp_path, listed(*DEFAULT).replace("<data>\n", "<data>" + item(name, description))
    )
    assert found.warnings
    assert all(warning.startswith(shown) for warning in found.warnings[:1])


def test_every_keyword_resolves_in_any_case(tmp_path: Path) -> None:
    keywords = sorted(set(keyword_dict) - {""})
    for start in range(0, len(keywords), 1000):
        some = keywords[start : start + 1000]
        found = read(tmp_path, listed(*(item("", keyword.swapcase()) for keyword in some)))
        used = {field.tag for field in found.fields}
        for number, keyword in enumerate(some, start=1):
            refused = any(
                warning.startswith(f"item {number} (") and " is not blanked: " in warning
                for warning in found.warnings
            )
            follows = keyword == "MediaStorageSOPInstanceUID"
            assert (keyword_dict[keyword] in used) is not (refused or follows), keyword


# ── XML ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("root", ["data", "fields", "item", "x:data"])
def test_the_root_may_be_called_anything(tmp_path: Path, root: str) -> None:
    found = read(tmp_path, listed(*DEFAULT, root=root))
    assert len(found.fields) == len(DEFAULT)


def test_what_xml_allows_in_and_around_items(tmp_path: Path) -> None:
    text = """<data xmlns:d='urn:x'><!-- <item><name>0010,1010</name></item> --><?pi x?>
    <group><d:ITEM id='1'> stray <Name>0010<!-- c -->,<![CDATA[0020]]></Name>
    <description>Patient<b>ID</b>&#10;</description><value>Doe</value></d:ITEM></group></data>"""
    assert read(tmp_path, text) == FieldList((Field(PATIENT_ID),))


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8", "UTF-8", "utf8", "utf-8-sig", "utf-16", "iso-8859-1", "latin-1", "us-ascii",
        "ascii", "windows-1252", "iso-8859-15", "koi8-r", "shift_jis", "euc-jp", "gb2312", "GBK",
        "gb18030", "big5", "euc-kr", "iso-2022-jp",
    ],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str) -> None:
    comment = {"shift_jis": "日本", "gb2312": "中国", "koi8-r": "Имя", "windows-1252": "€ é"}
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = listed(f"<!-- {comment.get(encoding, '')} -->", *DEFAULT)
    text = text.replace('"1.0"', f'"1.0" encoding="{declared}"')
    found = read(tmp_path, text.encode(encoding))
    assert (len(found.fields), found.warnings, found.mistakes) == (len(DEFAULT), (), ())


@pytest.mark.parametrize(
    "encoding", ["no-such", "utf-7", "punycode", "idna", "zlib", "rot13", "undefined", "utf-16"]
)
def test_encodings_that_are_refused(tmp_path: Path, encoding: str) -> None:
    text = listed(*DEFAULT).replace('"1.0"', f'"1.0" encoding="{encoding}"')
    assert mistake_of(tmp_path, text)


def test_text_that_is_not_in_the_encoding_it_declares(tmp_path: Path) -> None:
    text = listed("<!-- é -->", *DEFAULT)
    assert "line 3: not well-formed" in mistake_of(tmp_path, text.encode("latin-1"))
    declared = text.replace('"1.0"', '"1.0" encoding="utf-8"')
    assert "save it as UTF-8" in mistake_of(tmp_path, declared.encode("latin-1"))


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
HOSTILE = {
    "a billion laughs": f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]><d>&l9;</d>',
    "a file": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>',
    "an address": '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd"><d/>',
    "a parameter": '<!DOCTYPE d [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><d/>',
    "nothing": "<!DOCTYPE data><data/>",
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_whatever_it_declares(
    tmp_path: Path, what: str, encoding: str
) -> None:
    text = HOSTILE[what].replace("</d>", "".join(DEFAULT) + "</d>")
    assert "declares a document type" in mistake_of(tmp_path, text.encode(encoding))


def test_entities_that_are_not_declared(tmp_path: Path) -> None:
    text = listed(item("0010,0020", "PatientID").replace("PatientID", "&x;"))
    assert "line 3: undefined entity" in mistake_of(tmp_path, text)


def test_nesting_has_an_end(tmp_path: Path) -> None:
    deep = MAX_DEPTH - 3  # and the root, the item and its name
    whole = "<a>" * deep + DEFAULT[0] + "</a>" * deep
    assert read(tmp_path, listed(whole)).fields == (TAKEN[0],)
    assert "nested too deeply" in mistake_of(tmp_path, listed(f"<a>{whole}</a>"))
    assert "nested too deeply" in mistake_of(tmp_path, "<a>" * 1_000_000)


def test_items_have_a_number_and_do_not_nest(tmp_path: Path) -> None:
    assert len(read(tmp_path, listed(*[DEFAULT[0]] * MAX_ITEMS)).fields) == 1
    assert "10000 items" in mistake_of(tmp_path, listed(*["<item/>"] * (MAX_ITEMS + 1)))
    nested = listed(DEFAULT[0].replace("</item>", DEFAULT[3] + "</item>"))
    assert "item inside an item" in mistake_of(tmp_path, nested)


def test_size_has_an_end(tmp_path: Path) -> None:
    text = listed(*DEFAULT)
    assert len(read(tmp_path, text.ljust(MAX_BYTES)).fields) == len(DEFAULT)
    assert "4 MB" in mistake_of(tmp_path, text.ljust(MAX_BYTES + 1))


def test_text_in_a_million_pieces_is_read_in_a_moment(tmp_path: Path) -> None:
    pieces = "x<b/>" * 800_000
    assert len(read(tmp_path, listed(f"<item><name>{pieces}</name></item>")).warnings) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not XML (line 1: no element found)"),
        ("hello", "is not XML (line 1: syntax error)"),
        ("<data>\n<item>", "is not XML (line 2: no element found)"),
        ("<data>\n<item></data>", "is not XML (line 2: mismatched tag)"),
        ("<data/><data/>", "is not XML"),
        ("<data/>", "has no <item>"),
        ("<item/>", "has no <item>"),
        ("<data><field><name>0010,0010</name></field></data>", "has no <item>"),
    ],
)
def test_what_is_no_list(tmp_path: Path, text: str, words: str) -> None:
    assert words in mistake_of(tmp_path, text)


@pytest.mark.parametrize(
    "items",
    [["<item/>"], [item("", "")], [item("x", "y")] * 2, [item("0008,0016", "SOPClassUID")],
     [item("0002,0003", "MediaStorageSOPInstanceUID")]],
)  # fmt: skip
def test_a_list_of_nothing_of_use(tmp_path: Path, items: list[str]) -> None:
    found = read(tmp_path, listed(*items))
    assert found.fields == ()
    assert found.mistakes == ("no item of the list of fields can be used",)


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    missing = read_fields(tmp_path / "John_Doe.xml")
    assert missing == FieldList(
        mistakes=("the list of fields cannot be read (No such file or directory)",)
    )
    assert "Is a directory" in read_fields(tmp_path).mistakes[0]
    assert len(read_fields(Path("a\0b")).mistakes) == 1


WORDS = st.sampled_from(
    ["0010,0010", "qc-", "PatientName", "SOPClassUID", "yes", "no", "LO", "40,250", "Unknown Tag"]
) | st.text(max_size=6)  # fmt: skip
ITEMS = st.builds(item, WORDS, WORDS, WORDS, forceInsert=WORDS, VR=WORDS)
MARKUP = st.sampled_from(
    ["<item>", "</item>", "<data>", "</data>", "<name>", "</name>", "<!--", "-->", "<![CDATA[",
     "]]>", "&#0;", "&lt;", "<!DOCTYPE d", "<?xml version='1.0' encoding='gbk'?>", "\0", "<a b="]
)  # fmt: skip
CODECS = st.sampled_from(
    sorted({*encodings.aliases.aliases} | {*encodings.aliases.aliases.values()})
)


@given(
    st.binary(max_size=200)
    | st.lists(ITEMS).map(lambda items: listed(*items))
    | st.lists(MARKUP | WORDS).map("".join)
    | st.builds("<?xml version='1.0' encoding='{}'?>{}".format, CODECS, st.text(max_size=20))
)
@example(b"<?xml version='1.0' encoding='gb18030'?>\x84\x31\xa4\x37<a/>")
def test_any_file_gives_fields_or_mistakes(content: bytes | str) -> None:
    if isinstance(content, str):
        content = content.encode(errors="surrogatepass")
    with TemporaryDirectory() as folder:
        found = read(Path(folder), content)
    assert bool(found.fields) != bool(found.mistakes)
    tags = [field.tag for field in found.fields]
    assert tags == sorted(set(tags))
