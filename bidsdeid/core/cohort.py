"""Which template for which age and contrast.

`COHORTS` has the age ranges that TemplateFlow's ``template_description.json`` gives (archive of
client 25.1.2).  Ranges are half-open, and what is younger than all is given the youngest.
TemplateFlow has no template called NIHPD: the NIHPD averages from 4.5 years on are
``MNIPediatricAsym``, those below are ``MNIInfant`` (Fonov 2011,
doi:10.1016/j.neuroimage.2010.07.033).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isnan

from bidsdeid.errors import UsageError

#: A child younger than this, in months, is never given another template than an infant's.
INFANT_MONTHS = 60.0

#: Years at which the oldest average of children ends, in months.
_GROWN_MONTHS = 18.5 * 12


@dataclass(frozen=True, slots=True)
class Cohort:
    """One template: the average head of an age.

    Parameters
    ----------
    template : str
        As TemplateFlow names it; ``pydeface`` for the adult atlas.
    number : int or None
        Of the cohort.
    low, high : float
        Age in months; `high` does not belong to it.
    """

    template: str
    number: int | None
    low: float
    high: float

    def __str__(self) -> str:
        return self.template if self.number is None else f"{self.template}:{self.number}"

    @property
    def required(self) -> bool:
        """Whether this age has no other template: if it is missing, that is an error."""
        return self.low < INFANT_MONTHS and self.template == _INFANT

    def contains(self, months: float) -> bool:
        """Tell whether an age lies in the range."""
        return self.low <= months < self.high

    def distance(self, months: float) -> float:
        """Return how far an age lies outside of the range, in months."""
        return max(self.low - months, months - self.high, 0.0)


_INFANT = "MNIInfant"
_INFANT_BOUNDS = (0, 2, 5, 8, 11, 14, 17, 21, 27, 33, 44, 60)
_PEDIATRIC_YEARS = ((4.5, 18.5), (4.5, 8.5), (7.0, 11.0), (7.5, 13.5), (10.0, 14.0), (13.0, 18.5))

INFANTS = tuple(
    Cohort(_INFANT, number, float(low), float(high))
    for number, (low, high) in enumerate(pairwise(_INFANT_BOUNDS), start=1)
)
CHILDREN = tuple(
    Cohort("MNIPediatricAsym", number, low * 12, high * 12)
    for number, (low, high) in enumerate(_PEDIATRIC_YEARS, start=1)
)

#: pydeface's own atlas: adults, and children whose templates are not there.
ADULT = Cohort("pydeface", None, INFANT_MONTHS, float("inf"))

COHORTS = (*INFANTS, *CHILDREN, ADULT)


def cohorts_for(months: float, *, neighbours: int = 2) -> tuple[Cohort, ...]:
    """Return the cohorts to try for an age, the best first.

    An infant gets its own cohort, then the nearest in age; never the adult atlas.  An older child
    gets the cohorts of its age, the narrowest first, then the adult atlas.

    Parameters
    ----------
    months : float
        Age; negative before the day the birth was due.
    neighbours : int
        How many other cohorts an infant is given.

    Raises
    ------
    UsageError
        If the age is no number.

    Examples
    --------
    >>> [str(cohort) for cohort in cohorts_for(2.0)]
    ['MNIInfant:2', 'MNIInfant:1', 'MNIInfant:3']
    >>> [str(cohort) for cohort in cohorts_for(-2.5)]
    ['MNIInfant:1', 'MNIInfant:2', 'MNIInfant:3']
    >>> [str(cohort) for cohort in cohorts_for(9.0 * 12)]
    ['MNIPediatricAsym:3', 'MNIPediatricAsym:4', 'MNIPediatricAsym:1', 'pydeface']
    >>> [str(cohort) for cohort in cohorts_for(40.0 * 12)]
    ['pydeface']
    """
    if isnan(months):  # it would compare as an adult
        message = "an age must be a number of months"
        raise UsageError(message)
    if months < INFANT_MONTHS:
        nearest = sorted(
            INFANTS,
            key=lambda cohort: (not cohort.contains(months), cohort.distance(months), cohort.low),
        )
        return tuple(nearest[: neighbours + 1])
    if months >= _GROWN_MONTHS:
        return (ADULT,)
    own = sorted(
        (cohort for cohort in CHILDREN if cohort.contains(months)),
        key=lambda cohort: (cohort.high - cohort.low, cohort.number),
    )
    return (*own, ADULT)


def cohort_named(text: str) -> Cohort | None:
    """Return the cohort that a person writes as ``3``, ``MNIInfant:3`` or ``MNIPediatricAsym:2``.

    Examples
    --------
    >>> cohort_named("3").low, cohort_named("MNIInfant:12") is None
    (5.0, True)
    """
    whole = text if ":" in text else f"{_INFANT}:{text}"
    return next((cohort for cohort in COHORTS if str(cohort) == whole), None)


@dataclass(frozen=True, slots=True)
class ContrastRule:
    """Which template an image is most like, and why."""

    suffixes: tuple[str, ...]
    contrast: str
    reason: str


CONTRASTS = (
    ContrastRule(
        ("T1w", "UNIT1", "MP2RAGE", "inplaneT1", "IRT1", "VFA", "FLASH", "MPM", "MTS"),
        "T1w",
        "short echo time, weighted by T1",
    ),
    ContrastRule(
        (
            "angio",
            "magnitude",
            "magnitude1",
            "magnitude2",
            "MTR",
            "TB1AFI",
            "TB1TFL",
            "TB1DAM",
            "TB1RFM",
            "TB1SRGE",
            "TB1EPI",
            "RB1COR",
        ),
        "T1w",
        "time of flight and field maps: short-echo gradient echoes",
    ),
    ContrastRule(
        ("T2w", "inplaneT2", "PDT2", "MESE", "T2star", "T2starw", "MEGRE", "swi"),
        "T2w",
        "long echo time, weighted by T2",
    ),
    ContrastRule(
        (
            "T1map",
            "T2map",
            "T2starmap",
            "R1map",
            "R2map",
            "R2starmap",
            "PDmap",
            "MTRmap",
            "MTsat",
            "T1rho",
            "MWFmap",
            "MTVmap",
            "Chimap",
            "S0map",
            "M0map",
            "TB1map",
            "RB1map",
        ),
        "T1w",
        "computed: as a rule they take another image's mask",
    ),
    ContrastRule(("FLAIR",), "T2w", "scalp, eyes and myelin as in T2w, without bright fluid"),
    ContrastRule(("PDw", "PD", "m0scan"), "T2w", "fluid is not dark, mostly a T2w's first echo"),
    ContrastRule(
        ("bold", "sbref", "dwi", "asl", "epi", "cbv"), "T2w", "echo-planar, weighted by T2*"
    ),
)

_BY_SUFFIX = {suffix: rule.contrast for rule in CONTRASTS for suffix in rule.suffixes}


def contrast_of(suffix: str) -> str:
    """Return ``T1w`` or ``T2w``, whichever an image with this suffix is more like.

    Examples
    --------
    >>> contrast_of("FLAIR"), contrast_of("UNIT1"), contrast_of("somethingNew")
    ('T2w', 'T1w', 'T1w')
    """
    return _BY_SUFFIX.get(suffix, "T1w")
