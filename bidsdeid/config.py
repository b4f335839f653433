"""What the user asked for, checked, in one value that never changes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from bidsdeid.core.facestyle import FaceStyle
from bidsdeid.core.labels import Relabel
from bidsdeid.core.naming import Layout
from bidsdeid.core.selection import Selection
from bidsdeid.core.terms import Lexicon
from bidsdeid.errors import UsageError

#: Memory of one process beside the image it works on: Python, NumPy, SciPy, pybids, the atlas, and
#: what pictures and a detector of faces need.
BASE_MB = 420

#: What a network takes beside that (`benchmarks/brains.py`), and on a grid that nothing dark is
#: cut off from.
_NETWORK_MB, _WHOLE_NETWORK_MB = 2500, 4100

#: Copies of an image (as stored) that are in memory at one time, at the most.
COPIES = 8


#: Names of engines, the best first, as ``--skullstrip-engine`` has them.
ENGINES = ("synthstrip", "freesurfer", "nipreps", "deepbet", "atlas")


def private_beside(output_dir: Path) -> Path:
    """Return the private folder of an output, if the user names none.

    Examples
    --------
    >>> private_beside(Path("/data/release")).name
    'release_private'
    """
    return output_dir.with_name(output_dir.name + "_private")


@dataclass(frozen=True, slots=True)
class BrainOptions:
    """What the user says about skull-stripping.

    Parameters
    ----------
    engine : str
        ``auto`` or one of `ENGINES`.
    weights : Path or None
        SynthStrip's.
    csf : bool
        Whether masks hold cerebrospinal fluid.
    border_mm : float
        How far beyond the brain's surface masks go.
    gpu : bool
    """

    engine: str = "auto"
    weights: Path | None = None
    csf: bool = True
    border_mm: float = 1.0
    gpu: bool = False

    @property
    def network_mb(self) -> int:
        """Memory of the network, MB."""
        return _WHOLE_NETWORK_MB if self.engine == "nipreps" else _NETWORK_MB


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """What the user says about labels, dates and words.

    Parameters
    ----------
    relabel : Relabel
        Where new labels come from.
    table : Path or None
        Of new labels, if they come from one.
    sessions : bool
        Sessions get new labels, too.
    shift_dates : bool
        Move dates; otherwise they are removed.
    key : Path or None
        File with the secret that new labels and shifts are derived from.
    terms_file : Path or None
        File of the words that must not occur in the output.
    terms : Lexicon
        Words that must not occur in the output.
    scrub_text : bool
        Take what looks like an identifier out of documents, rather than withhold them.
    k : int or None
        Participants who must share each combination of age, sex and the like.
    """

    relabel: Relabel = Relabel.KEEP
    table: Path | None = None
    sessions: bool = True
    shift_dates: bool = True
    key: Path | None = None
    terms_file: Path | None = None
    terms: Lexicon = field(default_factory=Lexicon)
    scrub_text: bool = False
    k: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a run depends on.

    Parameters
    ----------
    bids_dir, output_dir : Path
        Input and output.
    private_dir : Path
        Ledger and key; by default ``<output_dir>_private``.
    private_named : bool
        The user named it, so that it is not lost with a container.
    work_dir : Path
        Files on their way; by default in the private folder.  Holds faces, so it is private too.
    selection : Selection
        Participants, sessions, filters.
    layout : Layout
        ``derivative`` or ``raw``.
    policy : str
        Name or TOML file.
    deface_all : bool
        Treat every image as if it showed a face.
    face : FaceStyle
        Which region goes.
    fill : str
        What is written there: ``air`` or ``noise``.
    engine : str
        ``auto``, ``atlas``, ``niimath`` or ``flirt``.
    cost : str or None
        pydeface's ``--cost``.
    template, facemask : Path or None
        A head and its mask in the place of pydeface's.
    mask_source : str
        Whose mask T1w and T2w images of a session get.
    age_months : float or None
        Of all participants.
    infant : bool
        Of whom no age is known is a newborn.
    anat : str
        What is done to anatomical images: ``deface`` or ``skullstrip``.
    brain : BrainOptions
        How brains are found.
    brain_limit : str
        What keeps face masks off the brain: ``auto``, the image's own brain where a network is
        installed, and the atlas's; ``atlas``, only that.
    on_failure : str
        What is done to an image whose face is not found: ``withhold`` or ``skullstrip``.
    identity : IdentityOptions
        What is done to labels, dates and words.
    validate_input : bool
        Run the BIDS validator on the input.
    validator_profile : str
        Whose settings of the validator count for the output: `bidsdeid.validate.PROFILES`.
    nprocs : int
        Participants at one time.
    executor : str
        Who does participants: ``local`` or ``dask``.
    scheduler : str or None
        Address of the Dask scheduler, if one is named.
    threads : int
        Threads of one registration.
    memory_mb : int or None
        What all processes may use together.
    planned : bool
        Take what the whole dataset says from the record in the private folder.
    reports : bool
        Draw pictures and write pages to look at.
    ratings : Path or None
        What a reviewer thought of the images; those rated down are done again.
    dry_run, stop_on_first_crash, progress : bool
        As the options of those names.
    verbosity : int
        0 to 2.
    """

    bids_dir: Path
    output_dir: Path
    private_dir: Path
    work_dir: Path
    private_named: bool = False
    selection: Selection = field(default_factory=Selection)
    layout: Layout = Layout.DERIVATIVE
    policy: str = "default"
    deface_all: bool = False
    face: FaceStyle = field(default_factory=FaceStyle)
    fill: str = "air"
    engine: str = "auto"
    cost: str | None = None
    template: Path | None = None
    facemask: Path | None = None
    mask_source: str = "auto"
    age_months: float | None = None
    infant: bool = False
    anat: str = "deface"
    brain: BrainOptions = field(default_factory=BrainOptions)
    brain_limit: str = "auto"
    on_failure: str = "withhold"
    identity: IdentityOptions = field(default_factory=IdentityOptions)
    validate_input: bool = True
    validator_profile: str = "default"
    nprocs: int = 1
    executor: str = "local"
    scheduler: str | None = None
    threads: int = 1
    memory_mb: int | None = None
    planned: bool = False
    reports: bool = True
    ratings: Path | None = None
    dry_run: bool = False
    stop_on_first_crash: bool = False
    progress: bool = True
    verbosity: int = 0

    @property
    def keeps_own_brain(self) -> bool:
        """Whether face masks are kept off the brain that a network finds in the image."""
        return self.brain_limit == "auto" and self.brain.engine != "atlas"

    def check_folders(self) -> None:
        """Refuse folders that would mix input, output and what is private.

        Raises
        ------
        UsageError
            With the folder that is in the way, by its option.
        """
        given, out = _real(self.bids_dir), _real(self.output_dir)
        if out == given or given.is_relative_to(out):
            message = "the output folder is, or holds, the input: name another"
            raise UsageError(message)
        if out.is_relative_to(given) and out.parent != given / "derivatives":
            message = "the output folder lies inside the input: name one outside of it"
            raise UsageError(message)
        for option, folder in (("--private-dir", self.private_dir), ("--work-dir", self.work_dir)):
            inner = _real(folder)
            if any(inner.is_relative_to(public) for public in (given, out)):
                message = f"{option} must lie outside of input and output: it holds originals"
                raise UsageError(message)
            if any(public.is_relative_to(inner) for public in (given, out)):
                message = f"{option} must not hold the input or the output"
                raise UsageError(message)

        files = (
            ("--key", self.identity.key),
            ("--known-terms", self.identity.terms_file),
            ("--relabel", self.identity.table),
        )
        for option, file in files:
            if file is not None and _real(file).is_relative_to(out):
                message = f"{option} lies in the output, which is to be shared: move it out"
                raise UsageError(message)

    def processes(self, largest_mb: float, *, network: bool = False) -> int:
        """Return how many participants may be done at one time within `memory_mb`.

        Parameters
        ----------
        largest_mb : float
            Size of the largest image, as stored.
        network : bool
            Whether each process runs a network.
        """
        if self.memory_mb is None:
            return self.nprocs
        base = BASE_MB + self.brain.network_mb * network
        fit = int(self.memory_mb // (base + COPIES * largest_mb))
        return max(1, min(self.nprocs, fit))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
