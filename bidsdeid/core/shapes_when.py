"""Dates, times of day and ages.

HIPAA allows the year of an event and nothing finer, so that a month with its year counts, too.
A parser of dates (python-dateutil, dateparser) is of no help: it reads a date into almost any
text with a number, and a day that is in no calendar (30 February) is a typing error, not clean.
Compact days that begin with the day (04032019) are found as record numbers.
"""

from __future__ import annotations

import re

from bidsdeid.core.shapes import Detector, either, expression

_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)\d\d"
_DASH = r"\-\u2010-\u2015\u2212"

#: Months in English, German, French, Spanish, Italian, Dutch and Portuguese, as folding leaves
#: them.
_NAMES = """
    january february march april may june july august september october november december
    januar janner februar feber marz maerz mai juni juli oktober dezember
    janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre
    enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre
    diciembre
    gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre
    januari februari maart mei augustus
    janeiro fevereiro marco maio junho julho setembro outubro novembro dezembro
""".split()

#: Short forms.  Those that are words of their own in series and prose are left out: "out", "set",
#: "mag" (magnitude), "gen", "ago", "jui".
_SHORT = """
    jan feb mar apr jun jul aug sep sept oct nov dec mrz okt dez janv fevr fev avr juil ene abr dic
    giu lug ott mrt
""".split()

#: Months that are verbs, planets or pronouns as well, and count without a year only beside an
#: ordinal number.
_WORDS = {"may", "mai", "mars", "mei", "marco", "maio"}

_NAME = either([*_NAMES, *_SHORT])
_MONTH_STEM = re.compile(either({name[:3] for name in [*_NAMES, *_SHORT]}))
_CLEAR = either(set(_NAMES) - _WORDS)
_OF = r"(?:d[aei] |of |del |d')?"
_GAP = r"[ .,/_\-]{0,2}"
_TH = r"(?:st|nd|rd|th|er|[.o])?"

#: Three numbers before a unit are steps of something: "delays of 5/10/20 s".
_STEPS = (
    r"(?!\s?(?:ms|s|secs?|seconds?|mins?|minutes?|hours?|hz|khz|mm|cm|deg\w{0,5}|%|trials?|times|"
    r"cents?|points?|months?|weeks?|days?|years?|volumes?)(?![a-z]))"
)

#: After these, three numbers with dots are a version, or the number of a section.
_VERSION = (
    r"(?:(?<![a-z])(?:v|ver|versions?|release|rev|build|afni|ants|bids|docker|dcm2niix|eeglab|"
    r"e-?prime|fmriprep|freesurfer|fsl|hed|heudiconv|java|matlab|mne|mriqc|mricrogl|nibabel|"
    r"nilearn|nipype|numpy|presentation|psychopy|psychtoolbox|pybids|python|qsiprep|spm|syngo|"
    r"ubuntu|sections?|sec|chapter|fig|figure|table)\d{0,2}[-_ :=.(]{0,2}v?|[=<>~^@])\s?"
)

_YEAR_DIGITS = 4


def _is_no_season(text: str) -> bool:
    """Tell whether a month follows a year, and not the year after it, as in 2010-11."""
    year, month = text[:_YEAR_DIGITS], text[_YEAR_DIGITS + 1 :]
    return not year.isdecimal() or int(year[-2:]) + 1 != int(month)


WHEN = (
    Detector(
        "date",
        "ISO-like dates in protocol names and comments, and those of EXIF",
        expression(rf"(?<!\d){_YEAR}([/_:{_DASH}]){_MONTH}\1{_DAY}(?!\d)"),
        digits=6,
        public=False,
    ),
    Detector(
        "date",
        "dates with dots, as in German",
        expression(
            rf"(?<!\d){_YEAR}\.{_MONTH}\.{_DAY}(?!\d)|"
            rf"(?<![\d.])(?:{_DAY}\.{_MONTH}|{_MONTH}\.{_DAY})\.(?:{_YEAR}(?!\d)|\d\d(?![\d.]))",
            unless=_VERSION,
        ),
        needs=".",
        digits=4,
        clue=re.compile(r"\d\.\d{1,2}\.\d"),
        public=False,
    ),
    Detector(
        "date",
        "day-month-year and month-day-year",
        expression(
            rf"(?<![\d.])(?:{_DAY}([/_:{_DASH}]){_MONTH}\1|{_MONTH}([/_:{_DASH}]){_DAY}\2)"
            rf"{_YEAR}(?!\d)|"
            rf"(?<![\d.])(?<!\d[-/])(?:{_DAY}([/{_DASH}]){_MONTH}\3|{_MONTH}([/{_DASH}]){_DAY}\4)"
            rf"\d\d(?![\d.]|[-/]\d){_STEPS}"
        ),
        digits=4,
        clue=re.compile(rf"\d[/_:{_DASH}]\d{{1,2}}[/_:{_DASH}]\d"),
        public=False,
    ),
    Detector(
        "date",
        "dates with spaces, and no number beside them that makes them a list",
        expression(
            rf"(?<![\d.])(?<!\d )(?:{_YEAR} (?:0[1-9]|1[0-2]) (?:0[1-9]|[12]\d|3[01])|"
            rf"(?:0[1-9]|[12]\d|3[01]) (?:0[1-9]|1[0-2]) {_YEAR})(?! ?\d)"
        ),
        needs=" ",
        digits=8,
        public=False,
    ),
    Detector(
        "date",
        "DICOM DA and DT values",
        expression(
            rf"(?<!\d){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{{4}}|\d{{6}})?(?!\d)"
        ),
        digits=8,
        public=False,
    ),
    Detector(
        "date",
        "months with their year; seasons (2010/11) and TR/TE are none",
        expression(
            rf"(?<![\d.\-/])(?!2000-1){_YEAR}(?:-(?:0[1-9]|1[0-2])|/0[1-9])"
            rf"(?![\d/\-]|\.\d){_STEPS}|"
            rf"(?<![\d.\-/])(?:0[1-9]|1[0-2])[/\-]{_YEAR}(?![\d/\-]){_STEPS}",
            check=_is_no_season,
        ),
        digits=6,
        public=False,
    ),
    Detector(
        "date",
        "calendar weeks",
        expression(
            rf"(?<!\d){_YEAR}-?w(?:[0-4]\d|5[0-3])(?:-?[1-7])?(?!\d)|"
            rf"(?<![a-z])kw ?\d{{1,2}}[ /\-]{_YEAR}(?!\d)"
        ),
        needs="w",
        digits=5,
        public=False,
    ),
    Detector(
        "date",
        "a day, the name of its month and its year, in the orders of Europe",
        expression(
            rf"(?<![\d.]){_DAY}{_TH}{_GAP}{_OF}{_NAME}{_GAP}{_OF}(?:{_YEAR}|'?\d\d)(?![\d.])"
            rf"{_STEPS}"
        ),
        digits=3,
        clue=_MONTH_STEM,
        public=False,
    ),
    Detector(
        "date",
        "a day, the name of its month and its year, in the orders of America and ISO",
        expression(
            rf"(?<![a-z]){_NAME}{_GAP}{_DAY}{_TH}{_GAP}(?:{_YEAR}|'\d\d)(?!\d)|"
            rf"(?<![a-z]){_NAME}([-/_]){_DAY}\1\d\d(?!\d)|"
            rf"(?<!\d){_YEAR}{_GAP}{_NAME}{_GAP}{_DAY}(?!\d){_STEPS}"
        ),
        digits=4,
        clue=_MONTH_STEM,
        public=False,
    ),
    Detector(
        "date",
        "the name of a month with its year",
        expression(
            rf"(?<![a-z]){_NAME}{_GAP}{_OF}{_YEAR}(?!\d){_STEPS}|"
            rf"(?<!\d){_YEAR}[-_/.]?{_NAME}(?![a-z])|"
            rf"(?<![a-z]){_NAME}(?: ?'\d|-[0-3])\d(?!\d)"
        ),
        digits=2,
        clue=_MONTH_STEM,
        public=False,
    ),
    Detector(
        "date",
        "a day and the name of its month",
        expression(
            rf"(?<![\d.]){_DAY}{_TH} {_OF}{_CLEAR}(?![a-z])|"
            rf"(?<![a-z]){_CLEAR} {_DAY}(?:st|nd|rd|th)?(?![\d.:%a-z]){_STEPS}|"
            rf"(?<![a-z]){_NAME} {_DAY}(?:st|nd|rd|th)(?![a-z])|"
            rf"(?<![\d.]){_DAY}(?:st|nd|rd|th) of {_NAME}(?![a-z])|"
            rf"(?<![\w.])(?:0[1-9]|[12]\d|3[01])-{_NAME}(?![\w-])"
        ),
        digits=1,
        clue=_MONTH_STEM,
        public=False,
    ),
    Detector(
        "time",
        "acquisition times; not durations (5:30 min), nor pages of a volume (12:45-50)",
        expression(
            r"(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?![\d:]|\.\d)"
            r"(?!\s?(?:mins?|minutes?|m:ss|mm:ss|seconds?|secs?)(?![a-z]))"
            r"(?![-\u2013]\d{1,4}(?![\d:]))",
            unless=r"(?<![a-z])(?:ta|durations?|lasts|lasted|length)(?: of)?[\s:=\"]{1,8}",
        ),
        needs=":",
        digits=3,
        public=False,
    ),
    Detector(
        "time",
        "times on a clock of twelve hours",
        expression(
            r"(?<![\d.:])(?:1[0-2]|0?[1-9])(?:[:.][0-5]\d)?\s?[ap](?:\.\s?m\.?|m)(?![a-z])"
        ),
        needs="m",
        digits=1,
        clue=re.compile(r"[ap]\.?\s?m"),
        public=False,
    ),
    Detector(
        "time",
        "times as they are written in French and German",
        expression(
            r"(?<![a-z\d.:])(?:0\d|1\d|2[0-3])\s?h\s?[0-5]\d(?!\d)|"
            r"(?<![\d.:])(?:[01]?\d|2[0-4])(?:[.:][0-5]\d)?\s?uhr(?![a-z])"
        ),
        needs="h",
        digits=1,
        public=False,
    ),
    Detector(
        "age",
        "so few people are older than 89 that an age above it identifies",
        expression(
            r"(?<![\d.])(?:9\d|1[01]\d)(?:[ -]{0,2}(?:y/o|y\.o\.?|yo(?![a-z])|yrs?[ -]old|"
            r"years?[ -]old|year[ -]old|jahre alt|jahrige\w?|jaar oud|ans? de vie|anos de edad))|"
            r"(?<!\d)(?:09\d|1[01]\d)y(?![a-z\d])|"
            r"(?<![a-z])(?:aged?|leeftijd|edad|alter(?=\s?[:=]))[ :=]{1,3}"
            r"(?:9\d|1[01]\d)(?![\d.+%])(?!\s?(?:and|or|or more|und|ms|years? (?:and|or)) )"
        ),
        digits=2,
        clue=re.compile(r"9\d|1[01]\d"),
        public=False,
    ),
)
