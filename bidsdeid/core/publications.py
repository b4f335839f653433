"""Numbers that are public: those of publications, datasets and grants.

A README cites papers, and a paper's number has as many digits as a patient's.  Inside of what is
listed here, numbers are no finding; everything else is searched for there as anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bidsdeid.core.shapes import either
from bidsdeid.core.terms import Span

#: Hosts whose addresses lead to what anybody may read.
_HOSTS = (
    "doi.org", "dx.doi.org", "ncbi.nlm.nih.gov", "pubmed.gov", "europepmc.org", "orcid.org",
    "biorxiv.org", "medrxiv.org", "arxiv.org", "psyarxiv.com", "osf.io", "zenodo.org",
    "figshare.com", "openneuro.org", "openfmri.org", "neurovault.org", "datadryad.org",
    "dandiarchive.org", "github.com", "gitlab.com", "wikipedia.org", "cognitiveatlas.org",
    "bioontology.org", "obolibrary.org", "creativecommons.org",
    "opendatacommons.org", "sciencedirect.com", "elsevier.com", "nature.com", "springer.com",
    "wiley.com", "frontiersin.org", "plos.org", "jneurosci.org", "sagepub.com", "tandfonline.com",
    "oup.com", "mitpress.mit.edu", "jmir.org", "mdpi.com", "cell.com", "science.org", "pnas.org",
    "nitrc.org", "scicrunch.org", "grantome.com", "reporter.nih.gov", "clinicaltrials.gov",
    "neurostars.org", "gin.g-node.org", "datalad.org", "readthedocs.io", "neuroimaging.io",
    "mathworks.com", "nipy.org", "surfer.nmr.mgh.harvard.edu", "fil.ion.ucl.ac.uk", "rrid.site",
    "brain-map.org", "wikimedia.org",
)  # fmt: skip

_HOST = either(re.escape(host) for host in _HOSTS)

_JOURNAL = r"(?<![a-z])(?:front\.|frontiers|neuroimage|plos)"

#: How the number of a grant is announced, by whom or as what.
_FUNDED = (
    r"(?:(?:grant|award|agreement)s?\s?(?:id|no|nr|number)?s?[ .:#]{0,3}|"
    r"(?:anr|commission|council|dfg|erc|foundation|health|jsps|nih|snsf|wellcome)"
    r"[ :,(-]{1,4}(?:no\.? ?)?)"
)

_PATTERNS = (
    # addresses, without what ends a sentence, and DOIs, which may hold parentheses
    rf"(?<![\w.@-])(?:https?://)?(?:[a-z\d-]{{1,32}}\.){{0,3}}{_HOST}/[^\s<>\"')\]]{{0,200}}",
    r"(?<![\d.])10\.\d{4,9}/[^\s<>\"']{0,200}",
    # OpenNeuro, PubMed Central, trials, terms of HED; research resources (RRID)
    r"(?<![a-z\d])(?:ds|pmc|nct|isrctn|drks|phs|hed_|scr_{1,2}|nlx_|jax:)\d{5,9}(?!\d)",
    r"(?<![a-z])rrid:?\s?[a-z]{2,8}_\d{5,9}(?!\d)",
    r"(?<![a-z])(?:pmid|pubmed(?: id)?|dandi|arxiv|isbn(?:-1[03])?):?\s?[\d.-]{5,17}",
    # volume and article of a journal, with its name if they look like a clock; PubMed's dates
    r"(?<!\d)\d{1,3}(?:\(\d{1,3}\))?:\d{6}(?!\d)",
    rf"{_JOURNAL}[\w.,:;* -]{{0,32}}?[,;. ]\d{{1,3}}(?:\(\d\d?\))?[,:] ?e?\d{{2,7}}(?!\d)",
    r"(?<!\d)(?:19|20)\d\d [a-z]{3}(?: \d{1,2})?;\s?\d{1,4}(?!\d)",
    # grants: those of NIH have an activity, an institute and six digits
    r"(?<![a-z\d])[a-z][\do]\d[ -]?[a-z]{2}[ -]?\d{6}(?!\d)",
    r"(?<![a-z])(?:aci|bcs|dbi|dge|dms|iis|ios|nsf|oac|oci|sma)[ -]?\d{7}(?!\d)",
    rf"(?<![a-z]){_FUNDED}(?:[a-z]{{1,6}}[ /-]?)?\d{{4,9}}(?!\d)",
    # digests of files and commits
    r"(?<![\da-z])(?=\d{0,31}[a-f])[\da-f]{32,64}(?![\da-z])",
)

_REFERENCE = re.compile("|".join(_PATTERNS))


def references(plain: str) -> Iterator[Span]:
    """Yield where a text refers to something public.

    Examples
    --------
    >>> text = "see https://pubmed.ncbi.nlm.nih.gov/18482717 and patient 18482717"
    >>> [text[start:end] for start, end in references(text)]
    ['https://pubmed.ncbi.nlm.nih.gov/18482717']
    """
    return (match.span() for match in _REFERENCE.finditer(plain))
