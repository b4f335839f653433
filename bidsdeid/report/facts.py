"""What is known of a release when its certificate is written.

Everything that the certificate says comes from here: nothing is looked up, and there is no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from bidsdeid.config import Config
from bidsdeid.core.disclosure import Disclosure
from bidsdeid.core.facestyle import MaskStyle, Strength, face_words
from bidsdeid.core.policy import Policy
from bidsdeid.report.tally import Tally


@dataclass(frozen=True, slots=True)
class Resource:
    """A tool, an atlas or a file of weights that the result depends on.

    Parameters
    ----------
    name : str
        Such as ``pydeface mean_reg2mean``; never a path.
    version : str
        Of the package or program it came with; empty if it has none.
    use : str
        What it was used for, in a few words.
    sha256 : str
        Of the file; empty for a program.
    origin : str
        Such as ``published`` or ``the user's own``; empty if that goes without saying.
    """

    name: str
    version: str
    use: str
    sha256: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the finished dataset as a whole.

    Parameters
    ----------
    name : str
        What checked, with its version.
    what : str
        What it looks at.
    result : str
        What it came to, in a few words and counts.
    condition : bool
        Nothing is published unless it passes, so that what is published has passed it.
    """

    name: str
    what: str
    result: str
    condition: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chose, as far as the result depends on it; no path and no secret.

    Parameters
    ----------
    layout : str
    anat : str
        ``deface`` or ``skullstrip``.
    face : str
        Which region goes, in words.
    face_as_given : bool
        The region of pydeface's mask and no more.
    strength : str
    ears : bool
        Ears go, too.
    deface_all : bool
        Every image is treated as if it showed a face.
    fill : str
        What is written in the place of what goes.
    on_failure : str
        What is done to an image whose face is not found for sure.
    mask_source, brain_limit : str
    relabel : str
        Where labels come from; a table is called ``table``.
    dates : str
        ``shift`` or ``remove``.
    k : int or None
        Participants who must share each combination of age, sex and the like.
    known_terms : bool
        The owner of the data listed words that must not occur.
    scrub_text : bool
        What looks like an identifier was taken out of documents.
    own_policy : bool
        The policy is not one that comes with the program.
    """

    layout: str
    anat: str
    face: str
    face_as_given: bool
    strength: str
    ears: bool
    deface_all: bool
    fill: str
    on_failure: str
    mask_source: str
    brain_limit: str
    relabel: str
    dates: str
    k: int | None
    known_terms: bool
    scrub_text: bool
    own_policy: bool

    @classmethod
    def of(cls, config: Config, *, own_policy: bool = False) -> Choices:
        """Return the choices of a run.

        Examples
        --------
        >>> from pathlib import Path
        >>> config = Config(Path("in"), Path("out"), Path("private"), Path("work"))
        >>> choices = Choices.of(config)
        >>> choices.layout, choices.dates, choices.relabel, choices.ears
        ('derivative', 'shift', 'keep', False)
        """
        face, identity = config.face, config.identity
        return cls(
            layout=str(config.layout),
            anat=config.anat,
            face=face_words(face),
            face_as_given=face.mask is MaskStyle.PYDEFACE,
            strength=str(face.strength),
            ears=face.ears or face.strength is Strength.STRONG,
            deface_all=config.deface_all,
            fill=config.fill,
            on_failure=config.on_failure,
            mask_source=config.mask_source,
            brain_limit=config.brain_limit,
            relabel=str(identity.relabel),
            dates="shift" if identity.shift_dates else "remove",
            k=identity.k,
            known_terms=bool(identity.terms),
            scrub_text=identity.scrub_text,
            own_policy=own_policy,
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a certificate is made of.

    Parameters
    ----------
    version : str
        Of bidsdeid.
    policy : Policy
    choices : Choices
    tally : Tally
        Of all outcomes.
    participants : int
        Of whom something is released.
    resources : tuple of Resource
    checks : tuple of Check
    disclosure : Disclosure or None
        Of the table of participants as it is released; None if there is none.
    date : str or None
        Of the certificate, if somebody wants one on it; it is no date of the study.
    """

    version: str
    policy: Policy
    choices: Choices
    tally: Tally
    participants: int
    resources: tuple[Resource, ...] = ()
    checks: tuple[Check, ...] = ()
    disclosure: Disclosure | None = None
    date: str | None = None

    @property
    def dates_moved(self) -> bool:
        """Whether the release may hold dates, moved."""
        kinds = {rule.kind for rule in self.policy.columns.values()}
        return self.choices.dates == "shift" and not kinds.isdisjoint({"date", "day"})

    def keeps(self, *fields: str) -> bool:
        """Tell whether the policy keeps one of some fields of sidecars."""
        return any(self.policy.key_rule("image", name).action == "keep" for name in fields)
