"""Text of MRI datasets that identifies nobody, in the style of scanners, converters and authors.

Made from tables, so that the spellings of each vendor are combined as its consoles combine them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import cos, sin

#: Scope, field and text; documents have no field.
Clean = tuple[str, str, str]

_SIEMENS = product(
    ("t1_mprage_sag", "t2_tse_tra", "t2_space_dark-fluid_sag", "ep2d_diff_mddw_64", "tfl3d1_16ns",
     "cmrr_mbep2d_bold", "gre_field_mapping", "AAHead_Scout", "pcasl_3d_tgse", "svs_se_30",
     "mp2rage_UNI-DEN", "swi3d1r", "tof_fl3d_tra_p2_multi-slab", "ep2d_fid_basic_bold"),
    ("", "_p2_iso", "_p2_0.8mm", "_SMS4_2mm_TR800", "_MB8_PA", "_2.5mm iso", " 192x192x1.0"),
    ("", "_SBRef", "_ND", "_RMS", "_e1"),
)  # fmt: skip

_GE = product(
    ("Ax", "Sag", "Cor", "3Plane Loc", "ASSET calibration", "HyperBand", "WIP"),
    ("FSPGR BRAVO 1x1x1", "T2 FRFSE 512x512", "T1 FLAIR PROPELLER", "SWAN 2.0", "3D ASL (non-MAD)",
     "rsfMRI 4 of 4", "DTI 32dir b1000", "CUBE T2 FLAIR", "GRE-EPI TE30/FA90", "MPRAGE_PROMO"),
)  # fmt: skip

_PHILIPS = product(
    ("WIP sT1W_3D_TFE SENSE", "SmartBrain", "T2W_FFE CLEAR", "B0map", "DTI_high_iso SENSE",
     "FE_EPI 3x3x3 TR2000", "VEN_BOLD HR", "sFLAIR_Longtr", "pCASL 1800ms", "QFLOW 2D 150cm/s"),
    ("", " dyn 1-240", " MB3 SENSE2", " (fov 240)", " 32ch", " - repeat", " 7/8"),
)  # fmt: skip

_REPROIN = product(
    ("anat-T1w", "func-bold_task-rest", "func_task-faces", "fmap-epi", "dwi", "perf-asl"),
    ("", "_acq-mb4", "_dir-AP", "_dir-PA_run-02", "_acq-b3000_dir-LR", "__dup-01"),
)  # fmt: skip

_HED = product(
    ("Sensory-event, Visual-presentation", "Agent-action, Participant-response",
     "Experiment-structure", "(Def/Task, Onset)", "Data-feature, (Def/Blink-01, Offset)"),
    ("(Red, Blue/0.3)", "(Image, Pathname/face01.png)", "Property/Label/Left", "Item-count/12",
     "Delay/3 s", "((Press, Mouse-button), Duration/0.25 s)", "RGB-color/0.5 0.2 0.9",
     "(Parameter-value/2000, Label/TR)", "Frequency/440 Hz"),
)  # fmt: skip

_EVENTS = product(
    ("face", "house", "go", "no-go", "stop", "cue_valid", "feedback", "probe", "rest", "2-back"),
    ("", "_left", "_right", "/correct", "/incorrect", " 1", "_run-2", "_50ms", "_1st"),
)

_SOFTWARE = (
    *(f"syngo MR {x}" for x in ("B17", "D13D", "E11", "XA30", "XA60", "VE11C", "2004A 4VA25A")),
    *(f"{n}_LX_MR Software release:{x}" for n, x in
      product((24, 27, 29), ("DV24.0_R02_1607.b", "DV26.0_R03_1831.b", "RX29.1_R01_2030.a"))),
    "5.7.1", "5.4.1.2", "5.1.7.1\\5.1.7", "R5.6.1", "V4.0.0.20210317", "11.1.0.0",
)  # fmt: skip

_CONVERTERS = tuple(
    f"v1.0.{version}{compiler}"
    for version, compiler in product(
        (20181027, 20200331, 20210317, 20220720), ("", "  GCC6.1.0", " (JP2:OpenJPEG) Clang11.1.0")
    )
)

_SENTENCES = product(
    ("T1w", "T2w", "bold", "dwi", "rest", "faces", "n-back", "stop-signal"),
    (
        "The {} images have 208 slices of 0.8 mm (TR = 2400 ms, TE = 2.22 ms, FA = 8 deg).",
        "For {}, 4 runs of 5:30 min were acquired in 2 sessions; run 3 of sub-07 is missing.",
        "{} data were acquired on a 3T Siemens Prisma with a 32-channel coil (syngo MR E11).",
        "See https://doi.org/10.1016/j.neuroimage.2019.03.012 for how {} was analysed.",
        "Participants (n = 24, aged 18-35 years, 12 female) saw 10/20/30 trials of {}.",
        "In {} blocks of 30 s alternate with 15 s of rest; jitter was 2, 4 or 6 s.",
        "{}: preprocessed with fMRIPrep 20.2.10 (Nipype 1.5.10; FreeSurfer 7.4.1, ANTs 2.3.10).",
        "{}: supported by NIH R01 EB023297, NSF Grant OCI-1131441 and ERC (no. 720270).",
        "{} is described by Miller et al. (2010/11), NeuroImage, 203, 116189; PMC4412149.",
    ),
)

_PROSE = (
    "Press 1 for yes and 2 for no, as fast as you can.",
    "Keep your eyes on the red dot and look at it until it moves.",
    "May be repeated; you may 2 times ask for a break.",
    "Subjects performed a vigilance task with replica ID badges, some with a suspicious DOB.",
    "The patient name, the date of birth and the MRN were removed from all headers.",
    "A letter appears at 3 o'clock; say whether it is left or right of the cross.",
    "Accession #: ds000117, revision 1.0.3; see also ds002893 and dandi:000026.",
    "Contact us at https://neurostars.org/t/some-question/17315/3 with the tag bids.",
    "The stimuli are 16 clips of Mr. Bean and Dr. Who, 25 fps, 1024 x 768 pixels.",
    "Gradient directions: 0 1000 2000 3000 s/mm2, 6 30 64 64 of each.",
    "Reaction times below 150 ms or above 3000 ms were dropped (see section 3.1.2.4).",
    "All volumes are 64 64 32 voxels; b-values 0, 1000 and 2000; FOV 256 256 1000 mm.",
    "Scanned at 7T with an 8Tx/32Rx coil (Nova Medical); shim 2027 -5895 -1760 478 -244.",
    "Versions: HED 8.2.0, BIDS 1.8.0, MATLAB R2019b, PsychoPy 2021.1.4, Python 3.11.4.",
    "Responses: 1 = never, 2 = 1-2 times a week, 3 = 3/4 of all days, 4 = always.",
    "Probands: 20 patients with MS (EDSS 0-4.5), 20 controls; ratio of 1:1 by age group.",
    "RRID:SCR_002881; trial NCT01234567; preregistered at https://osf.io/zw8aj/.",
    "Flip angle map: B1 (80 %-120 %), TR1/TR2 = 20/100 ms; ~8 cm below the circle of Willis.",
    "The alphabet is shown in steps A-1, A-2, ..., M-12; 'dec' stands for decimal.",
    "In German: Bitte dr\u00fccken Sie die linke Taste, wenn Sie eine Frau sehen.",
    "En fran\u00e7ais : appuyez sur la touche 1 si le mot est vrai, il ne le fait pas 2 fois.",
    "CSS-color 0x663399; masks at 2 mm; 170 participants; the 4th run is a localiser.",
)

_VALUES = (
    *(("image", "ImageType", x) for x in
      "ORIGINAL PRIMARY DERIVED M P ND NORM DIS2D MOSAIC FFE M_FFE T1 MAP DIFFUSION".split()),
    *(("image", "ReceiveCoilActiveElements", x) for x in
      ("HEA;HEP", "HC1-6", "HE1-4;NE1,2", "1-32", "NC_1", "BO1;SP4-8")),
    *(("image", "ReceiveCoilName", x) for x in ("HeadNeck_64", "32Ch_Head", "MULTI COIL",
         "dS Head")),
    *(("image", "ScanOptions", x) for x in ("PFP\\FS", "EPI_GEMS\\PFF", "SAT_GEMS", "WE",
         "FC_FREQ")),
    *(("image", "SequenceVariant", x) for x in ("SK\\SP\\MP", "SK\\SS", "SP\\OSP", "NONE")),
    *(("image", "SequenceName", x) for x in ("*tfl3d1_16ns", "epfid2d1_104", "*fl2d1",
         "ep_b1000#7")),
    *(("image", "PulseSequenceDetails", x) for x in
      ("%SiemensSeq%\\tfl", "%CustomerSeq%\\cmrr_mbep2d_bold", "research\\ABCD\\muxepi2",
       "GE 3d spiral pcasl product sequence: 24_LX_MR_Software_release")),
    *(("image", "ManufacturersModelName", x) for x in
      ("Prisma_fit", "MAGNETOM Vida", "DISCOVERY MR750", "Ingenia Elition X", "uMR 790",
         "Titan 3T")),
    *(("dictionary", "Units",
         x) for x in "s ms mm mm/s deg Hz a.u. % kg/m^2 1/s mT/m uV \u00b0C".split()),
    ("image", "CogAtlasID", "https://www.cognitiveatlas.org/task/id/trm_4f24126c22011/"),
    ("image", "CogPOID", "http://wiki.cogpo.org/index.php?title=Oddball_Discrimination_Paradigm"),
    ("dictionary", "TermURL", "https://bioregistry.io/ncit:C64917"),
    ("dataset", "DatasetDOI", "doi:10.18112/openneuro.ds000117.v1.0.5"),
    ("dataset", "ReferencesAndLinks", "Sci. Data 2:150001 doi: 10.1038/sdata.2015.1"),
    ("dataset", "Funding",
         "National Institute on Aging (R01AG025340), European Commission (CIG618600)"),
    ("dataset", "License", "CC0; https://creativecommons.org/publicdomain/zero/1.0/"),
    ("dataset", "Authors", "Jane B. Doe"),
)  # fmt: skip


def _numbers() -> Iterator[str]:
    """Yield lines of numbers, as gradient tables have them, with spaces, tabs and commas."""
    for count, gap in product(range(3, 33), (" ", "\t", ", ")):
        yield gap.join(f"{cos(i * count) if i % 7 else 0:.6g}" for i in range(count))
        yield gap.join(f"{sin(i * count):.3f}" for i in range(count))
        yield gap.join(str((0, 995, 1000, 2005, 3000, 5, 700)[i * i % 7]) for i in range(count))


def clean_values() -> Iterator[Clean]:
    """Yield texts of a release, each with where it stands."""
    for parts in (*_SIEMENS, *_GE, *_PHILIPS, *_REPROIN):
        text = ("" if parts[0].islower() else " ").join(parts).strip()
        yield "image", "SeriesDescription", text
        yield "image", "ProtocolName", text.replace(" ", "_")
    for event, hed in product(("dictionary",), _HED):
        yield event, "HED", ", ".join(hed)
    for parts in _EVENTS:
        yield "dictionary", "Levels", "".join(parts)
    yield from (("image", "SoftwareVersions", text) for text in _SOFTWARE)
    yield from (("image", "ConversionSoftwareVersion", text) for text in _CONVERTERS)
    for task, sentence in _SENTENCES:
        yield "document", "README", sentence.format(task)
    for text in _PROSE:
        yield "image", "TaskDescription", text
        yield "document", "README", text
    for text in _numbers():
        yield "document", "README", text
    yield from _VALUES
