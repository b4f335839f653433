"""What is cited for what was used, as text and as BibTeX.

Each entry was compared with the publisher's page, or with what the tool itself asks to be cited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Citation:
    """A publication, a standard or a law.

    Parameters
    ----------
    short : str
        As it stands in a text, such as ``Hoopes et al., 2022``.
    kind : str
        Of BibTeX entry.
    authors : str
        As BibTeX has them, joined by ``and``.
    title : str
    year : str
        Empty for a standard that is revised all the time.
    where : str
        Journal, archive or publisher, with volume and pages.
    doi : str
        Empty if there is none.
    url : str
        Only where there is no DOI.
    """

    short: str
    kind: str
    authors: str
    title: str
    year: str
    where: str
    doi: str = ""
    url: str = ""

    @property
    def link(self) -> str:
        """Where it is found."""
        return f"https://doi.org/{self.doi}" if self.doi else self.url


_FEW = 3  # authors that are all named


def reference(cited: Citation) -> str:
    """Return an entry of a list of references.

    Examples
    --------
    >>> reference(CITATIONS["hipaa"]).startswith("U.S. Department of Health")
    True
    """
    names = cited.authors.replace("{", "").replace("}", "").split(" and ")
    others = " et al." if len(names) > _FEW or names[-1] == "others" else ""
    told = "; ".join(name for name in names[:_FEW] if name != "others")
    year = f" ({cited.year})" if cited.year else ""
    begin = f"{told}{others}{year}".removesuffix(".")
    return f"{begin}. {cited.title}. {cited.where}. {cited.link}"


def bibtex(key: str, cited: Citation) -> str:
    """Return a BibTeX entry."""
    venue = "journal" if cited.kind == "article" else "howpublished"
    fields = {
        "author": cited.authors,
        "title": f"{{{cited.title}}}",
        "year": cited.year,
        venue: cited.where,
        "doi": cited.doi,
        "url": cited.url,
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@{cited.kind}{{{key},\n{lines}}}\n"


CITATIONS: Mapping[str, Citation] = MappingProxyType(
    {
        "bids": Citation(
            "Gorgolewski et al., 2016",
            "article",
            "Gorgolewski, Krzysztof J. and Auer, Tibor and Calhoun, Vince D. and others",
            "The brain imaging data structure, a format for organizing and describing outputs of "
            "neuroimaging experiments",
            "2016",
            "Scientific Data 3:160044",
            "10.1038/sdata.2016.44",
        ),
        "bidsapps": Citation(
            "Gorgolewski et al., 2017",
            "article",
            "Gorgolewski, Krzysztof J. and Alfaro-Almagro, Fidel and Auer, Tibor and others",
            "BIDS apps: Improving ease of use, accessibility, and reproducibility of neuroimaging "
            "data analysis methods",
            "2017",
            "PLOS Computational Biology 13(3):e1005209",
            "10.1371/journal.pcbi.1005209",
        ),
        "pydeface": Citation(
            "Gulban et al., 2019",
            "misc",
            "Gulban, Omer Faruk and Nielson, Dylan and Poldrack, Russ and Lee, John and "
            "Gorgolewski, Chris and {Vanessasaurus} and Ghosh, Satrajit",
            "poldracklab/pydeface: v2.0.0",
            "2019",
            "Zenodo",
            "10.5281/zenodo.3524401",
        ),
        "niimath": Citation(
            "Rorden et al., 2024",
            "article",
            "Rorden, C. and Webster, M. and Drake, C. and Jenkinson, M. and Clayden, J. D. and "
            "Li, N. and Hanayik, T.",
            "niimath and fslmaths: replication as a method to enhance popular neuroimaging tools",
            "2024",
            "Aperture Neuro 4",
            "10.52294/001c.94384",
        ),
        "flirt": Citation(
            "Jenkinson et al., 2002",
            "article",
            "Jenkinson, Mark and Bannister, Peter and Brady, Michael and Smith, Stephen",
            "Improved optimization for the robust and accurate linear registration and motion "
            "correction of brain images",
            "2002",
            "NeuroImage 17(2):825-841",
            "10.1006/nimg.2002.1132",
        ),
        "synthstrip": Citation(
            "Hoopes et al., 2022",
            "article",
            "Hoopes, Andrew and Mora, Jocelyn S. and Dalca, Adrian V. and Fischl, Bruce and "
            "Hoffmann, Malte",
            "SynthStrip: skull-stripping for any brain image",
            "2022",
            "NeuroImage 260:119474",
            "10.1016/j.neuroimage.2022.119474",
        ),
        "deepbet": Citation(
            "Fisch et al., 2024",
            "article",
            "Fisch, Lukas and Zumdick, Stefan and Barkhau, Carlotta and Emden, Daniel and "
            "Ernsting, Jan and others",
            "deepbet: Fast brain extraction of T1-weighted MRI using convolutional neural "
            "networks",
            "2024",
            "Computers in Biology and Medicine 179:108845",
            "10.1016/j.compbiomed.2024.108845",
        ),
        "templateflow": Citation(
            "Ciric et al., 2022",
            "article",
            "Ciric, R. and Thompson, W. H. and Lorenz, R. and others",
            "TemplateFlow: FAIR-sharing of multi-scale, multi-species brain models",
            "2022",
            "Nature Methods 19:1568-1571",
            "10.1038/s41592-022-01681-2",
        ),
        "nihpd": Citation(
            "Fonov et al., 2011",
            "article",
            "Fonov, V. and Evans, A. C. and Botteron, K. and others",
            "Unbiased average age-appropriate atlases for pediatric studies",
            "2011",
            "NeuroImage 54(1):313-327",
            "10.1016/j.neuroimage.2010.07.033",
        ),
        "schwarz": Citation(
            "Schwarz et al., 2021",
            "article",
            "Schwarz, Christopher G. and Kremers, Walter K. and Wiste, Heather J. and others",
            "Changing the face of neuroimaging research: Comparing a new MRI de-facing technique "
            "with popular alternatives",
            "2021",
            "NeuroImage 231:117845",
            "10.1016/j.neuroimage.2021.117845",
        ),
        "sweeney": Citation(
            "Sweeney, 2002",
            "article",
            "Sweeney, Latanya",
            "k-anonymity: a model for protecting privacy",
            "2002",
            "International Journal of Uncertainty, Fuzziness and Knowledge-Based Systems 10(5), "
            "557-570",
            "10.1142/S0218488502001648",
        ),
        "ps315": Citation(
            "DICOM PS3.15",
            "misc",
            "{National Electrical Manufacturers Association}",
            "DICOM PS3.15: Security and System Management Profiles, annex E",
            "",
            "Standard",
            url="https://dicom.nema.org/medical/dicom/current/output/html/part15.html",
        ),
        "hipaa": Citation(
            "45 CFR 164.514",
            "misc",
            "{U.S. Department of Health and Human Services}",
            "45 CFR 164.514: Other requirements relating to uses and disclosures of protected "
            "health information",
            "",
            "Code of Federal Regulations",
            url="https://www.ecfr.gov/current/title-45/section-164.514",
        ),
    }
)
