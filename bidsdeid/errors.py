"""What can go wrong, as one tree, each branch with its exit code.

::

    BidsdeidError                     exit
    ├── UsageError                     64  a flag, a label or a path that cannot be right
    │   ├── UnknownLevelError          17  neither `participant` nor `group`
    │   ├── NothingSelectedError       18  the labels and filters select no file
    │   └── PolicyError                64  every mistake of a policy file at once
    ├── InvalidInputError              16  the input is not valid BIDS
    ├── InputError                     66  the input cannot be read
    ├── ReleaseError                   65  a leak was found, or the output is not valid BIDS
    ├── StoreError                     73  the output (or the private folder) cannot be written
    ├── ToolError                      70  an installed tool is missing or broke
    └── FileProblem                     1  one file cannot be released; the others go on
        ├── ImageError                     it cannot be read as an image
        ├── TextError                      a sidecar, table or document cannot be read
        ├── DicomError                     a DICOM file is damaged, or not to be let in
        ├── EngineError                    the engine found no mask
        ├── GateError                      a mask was found, and is not to be trusted
        │   └── FaceError                  no way that was tried found one that is
        └── LeakError                      the audit found what must not leave

A message says what is wrong, where, and what to do next, and never quotes a value from the
data: names, dates and numbers found in a dataset can identify a person.
"""

from __future__ import annotations


class BidsdeidError(Exception):
    """The root: catching it catches everything this package raises on purpose."""

    exit_code: int = 70


class UsageError(BidsdeidError):
    """The command cannot be carried out as it was given."""

    exit_code = 64


class UnknownLevelError(UsageError):
    """The analysis level is neither ``participant`` nor ``group``."""

    exit_code = 17


class NothingSelectedError(UsageError):
    """Labels and filters leave no file to work on."""

    exit_code = 18


class PolicyError(UsageError):
    """A policy file has mistakes.

    Parameters
    ----------
    name : str
        The policy's name.
    mistakes : tuple of str
        One sentence each; all of them, so that the file is mended in one go.
    """

    def __init__(self, name: str, mistakes: tuple[str, ...]) -> None:
        self.name = name
        self.mistakes = mistakes
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        super().__init__(f"policy {name!r} has {len(mistakes)} mistake(s):{lines}")


class InvalidInputError(BidsdeidError):
    """The official validator finds errors in the input."""

    exit_code = 16


class InputError(BidsdeidError):
    """The input folder is missing or cannot be read."""

    exit_code = 66


class ReleaseError(BidsdeidError):
    """The result must not be published."""

    exit_code = 65


class StoreError(BidsdeidError):
    """The output cannot be written."""

    exit_code = 73


class ToolError(BidsdeidError):
    """A tool that was installed with the package is missing or broke."""

    exit_code = 70


class FileProblem(BidsdeidError):  # noqa: N818 -- a problem in the data, not an error of ours
    """One file cannot be released.  It is withheld, and the others go on.

    Parameters
    ----------
    message : str
    attempts : tuple
        The `bidsdeid.core.estimate.Attempt` of each way that was tried, if any was.
    """

    exit_code = 1

    def __init__(self, message: str = "", attempts: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.attempts = attempts


class ImageError(FileProblem):
    """A file cannot be read as the image its name says it is."""


class TextError(FileProblem):
    """A sidecar, table or document cannot be read."""


class DicomError(FileProblem):
    """A DICOM file cannot be read, or is of a kind that is not let in."""


class EngineError(FileProblem):
    """The engine could not say where the face is."""


class GateError(FileProblem):
    """A mask was found but fails a check of its plausibility."""


class FaceError(GateError):
    """No way that was tried found a mask, of a face or a brain, to be trusted."""


class LeakError(FileProblem):
    """Something that must not leave was found in a file ready to be released."""
