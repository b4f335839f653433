"""DICOM files a CPU second, beside other programs; and the whole command with one job and two.

    python benchmarks/dicom.py [FILES] [--core N] [--rounds N]

The files are three kinds of small slices that come with pydicom (MR, CT, and MR in RLE; 2:1:1) as
three series of one invented patient, with the 150 to 300 elements of a scanner's headers.  First
table: one process on one core does all tools in turn, in chunks of 50 files and rotating order,
after each has been warmed up.  It is CPU time that counts, the kernel's for writing included: the
median over the chunks, and the median of its ratio to the baseline, pydicom reading and writing
the same chunk (2.00 is twice the time).  The baseline changes nothing and checks nothing.
"written" and "name left" say what was done: files written, and those of them in whose bytes the
patient's family name still is.  dicom-anonymizer (with the newest table it has), dicognito and
deid (with its default recipe) take part if they are installed.  Second table: wall time of
`bidsdeid dicom`, start of Python included, on one folder with four times as many files.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import UID, generate_uid

from bidsdeid.core.pseudonym import Secret
from bidsdeid.dicom.profile import open_profile
from bidsdeid.dicom.study import Job, deidentify_study, survey_study
from bidsdeid.dicom.subjects import Subject
from bidsdeid.resources import load_policy

Tool = Callable[[Sequence[Path], Path], None]

CHUNK = 50

#: The whole command has so many times the files, so that its start does not count for much.
_LARGER = 4
FAMILY = "Fairweather"

#: What is sliced, in turn; each is a series.
BASES = ("MR_small.dcm", "CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm")

_DAY, _TIME = "20190314", "101112.250000"

#: Public elements of all files; identifiers and free text that repeats them among them.
COMMON: dict[str, object] = {
    "SpecificCharacterSet": "ISO_IR 100", "InstanceCreationDate": _DAY,
    "StudyDate": _DAY, "SeriesDate": _DAY, "AcquisitionDate": _DAY, "ContentDate": _DAY,
    "StudyTime": "100102.125000", "SeriesTime": "100908.500000", "TimezoneOffsetFromUTC": "+0100",
    "AccessionNumber": "QX8830172", "StudyID": "55801733", "FillerOrderNumberProcedure": "F771920",
    "InstitutionName": "Ambleford Infirmary",
    "InstitutionAddress": "14 Quillwort Lane, Ambleford", "StationName": "AMBL35017",
    "InstitutionalDepartmentName": "Neuroradiology", "DeviceSerialNumber": "167904",
    "ReferringPhysicianName": "Hollingbrook^Septimus^^Dr",
    "ReferringPhysicianTelephoneNumbers": "01632 960417",
    "PhysiciansOfRecord": "Hollingbrook^Septimus^^Dr",
    "NameOfPhysiciansReadingStudy": "Tarrowby^Constance",
    "PerformingPhysicianName": "Tarrowby^Constance", "OperatorsName": ["Wexcombe^Ida", "IWX"],
    "StudyDescription": "Head^Research", "ProtocolName": "t1_mprage_sag_p2",
    "AdmittingDiagnosesDescription": "headache, to rule out a lesion",
    "PatientName": f"{FAMILY}^Millicent^Q", "PatientID": "KX4471902", "PatientSex": "F",
    "IssuerOfPatientID": "AMBLEFORD PACS", "PatientBirthDate": "19700209", "PatientAge": "049Y",
    "PatientBirthTime": "031500", "OtherPatientNames": f"{FAMILY}^Millie", "PatientSize": "1.68",
    "PatientWeight": "63", "PatientAddress": "3 Sedgebank Row, Ambleford",
    "PatientTelephoneNumbers": "01632 960552", "EthnicGroup": "unknown", "Occupation": "miller",
    "AdditionalPatientHistory": f"Ms {FAMILY} fell on 9 March; seen by Dr Hollingbrook.",
    "PatientComments": f"{FAMILY} prefers to be called Millie", "PregnancyStatus": 4,
    "BodyPartExamined": "HEAD", "SoftwareVersions": "syngo MR E11", "AcquisitionNumber": "1",
    "PositionReferenceIndicator": "", "Laterality": "", "CommentsOnThePerformedProcedureStep": "",
    "RequestingPhysician": "Hollingbrook^Septimus^^Dr", "RequestingService": "Neurology",
    "RequestedProcedureDescription": "Head without contrast",
    "RequestedProcedureID": "R448120", "PerformedProcedureStepID": "P448121",
    "PerformedProcedureStepStartDate": _DAY, "PerformedProcedureStepStartTime": "100102.125000",
    "PerformedProcedureStepEndDate": _DAY, "PerformedProcedureStepEndTime": "104455.750000",
    "PerformedProcedureStepDescription": "Head^Research", "PerformedStationAETitle": "AMBL35017",
    "PerformedStationName": "AMBL35017", "PerformedLocation": "MR basement",
    "WindowCenterWidthExplanation": "Algo1", "RescaleType": "US", "LossyImageCompression": "00",
}  # fmt: skip

#: What a Siemens scanner adds to the MR slices.
MR: dict[str, object] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"], "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "Prisma", "ScanningSequence": ["GR", "IR"],
    "SequenceVariant": ["SK", "SP", "MP"], "ScanOptions": "IR", "SequenceName": "*tfl3d1_16ns",
    "AngioFlag": "N", "InversionTime": "900", "ImagedNucleus": "1H", "MagneticFieldStrength": "3",
    "NumberOfPhaseEncodingSteps": "255", "EchoTrainLength": "1", "PercentSampling": "100",
    "PercentPhaseFieldOfView": "100", "PixelBandwidth": "240", "TransmitCoilName": "Body",
    "AcquisitionMatrix": [0, 64, 64, 0], "InPlanePhaseEncodingDirection": "ROW", "SAR": "0.0591",
    "VariableFlipAngleFlag": "N", "dBdt": "0", "SpacingBetweenSlices": "0.8",
}  # fmt: skip

#: Creators of private elements and their elements, as in the slices of a Siemens scanner.
SIEMENS: tuple[tuple[int, str, tuple[tuple[int, str, object], ...]], ...] = (
    (0x0019, "SIEMENS MR HEADER", (
        (0x08, "CS", "IMAGE NUM 4"), (0x09, "LO", "1.0"), (0x0B, "DS", "4000"),
        (0x0F, "SH", "Fast"), (0x11, "SH", "No"), (0x12, "SL", [0, 0, -1260]),
        (0x13, "SL", [0, 0, -1260]), (0x14, "IS", ["0", "0", "0"]), (0x17, "DS", "1"),
        (0x18, "IS", "16300"), (0x28, "FD", 18.182), (0x29, "FD", [0.0, 40.0, 80.0, 120.0]),
    )),
    (0x0029, "SIEMENS CSA HEADER", (
        (0x08, "CS", "IMAGE NUM 4"), (0x09, "LO", _DAY), (0x18, "CS", "MR"), (0x19, "LO", _DAY),
    )),
    (0x0029, "SIEMENS MEDCOM HEADER2", ((0x60, "LO", "com"),)),
    (0x0051, "SIEMENS MR HEADER", (
        (0x08, "CS", "IMAGE NUM 4"), (0x09, "LO", "1.0"), (0x0A, "LO", "TA 05:03"),
        (0x0B, "SH", "64*64"), (0x0C, "SH", "FoV 20*20"), (0x0E, "SH", "Sag"),
        (0x0F, "LO", "HEA;HEP"), (0x11, "LO", "p2"), (0x12, "SH", "TP 0"), (0x13, "SH", "+LPH"),
        (0x16, "LO", "p2 M/ND/NORM"), (0x17, "SH", "SL 0.8"), (0x19, "LO", "A1/IR/PFP"),
    )),
)  # fmt: skip


def _csa(fields: Mapping[str, tuple[bytes, Sequence[str]]]) -> bytes:
    """Return fields in the binary form that Siemens keeps in private elements (SV10)."""
    parts = [b"SV10\4\3\2\1", struct.pack("<2I", len(fields), 77)]
    for name, (kind, values) in fields.items():
        parts.append(struct.pack("<64si4s3i", name.encode(), len(values), kind, 0, 6, 77))
        for value in (*values, *[""] * (6 - len(values))):
            content = value.encode() + b"\0" if value else b""
            parts.append(struct.pack("<4i", len(content), len(content), 77, len(content)))
            parts.append(content.ljust(-(-len(content) // 4) * 4, b"\0"))
    content = b"".join(parts)
    return content + b"\0" * (len(content) % 2)


def _code(value: str, meaning: str) -> Dataset:
    """Return the item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99AMBL", meaning
    return item


def _item(**elements: object) -> Dataset:
    """Return an item of a sequence."""
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _uid(*parts: object) -> UID:
    """Return the UID of a part of the study, the same in every run."""
    return generate_uid(entropy_srcs=["bidsdeid benchmark", *map(str, parts)])


def _sequences(ds: Dataset, base: str, number: int) -> None:
    """Add the sequences: references within the study, persons, and what was asked for."""
    step, physician = _uid("step"), _code("P7", "Hollingbrook, Septimus")
    neighbours = [
        _item(ReferencedSOPClassUID=ds.SOPClassUID, ReferencedSOPInstanceUID=_uid(base, other))
        for other in (number - len(BASES) if number >= len(BASES) else number, number % len(BASES))
    ]
    ds.ReferencedImageSequence = neighbours
    ds.ReferencedStudySequence = [
        _item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=step)
    ]
    ds.ReferencedPerformedProcedureStepSequence = [
        _item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID=step)
    ]
    ds.ProcedureCodeSequence = [_code("HEAD1", "Head without contrast")]
    ds.PerformedProtocolCodeSequence = [_code("T1", "t1_mprage")]
    ds.ReferringPhysicianIdentificationSequence = [
        _item(PersonIdentificationCodeSequence=[physician], InstitutionName=ds.InstitutionName)
    ]
    ds.OtherPatientIDsSequence = [_item(PatientID="NHS9434765919", TypeOfPatientID="TEXT")]
    ds.RequestAttributesSequence = [
        _item(
            ScheduledProcedureStepDescription=f"Head for {FAMILY}",
            ScheduledProcedureStepID="P448121",
            RequestedProcedureID="R448120",
            ScheduledProtocolCodeSequence=[_code("T1", "t1_mprage")],
        )
    ]


def _private(ds: Dataset, number: int, acquired: str) -> None:
    """Add what Siemens adds."""
    for group, creator, elements in SIEMENS:
        block = ds.private_block(group, creator, create=True)
        for offset, kind, value in elements:
            block.add_new(offset, kind, value)
    ds.private_block(0x0019, "SIEMENS MR HEADER").add_new(0x16, "DS", f"{number * 0.04:.2f}")
    image = {
        "NumberOfImagesInMosaic": (b"US", ()),
        "BandwidthPerPixelPhaseEncode": (b"FD", ("18.182",)),
        "SliceNormalVector": (b"FD", ("0.00000000", "0.00000000", "1.00000000")),
        "MosaicRefAcqTimes": (b"FD", tuple(f"{n * 40:.8f}" for n in range(4))),
        "PhaseEncodingDirectionPositive": (b"IS", ("1",)),
        "TimeAfterStart": (b"DS", (f"{number * 0.04:.8f}",)),
        "ICE_Dims": (b"LO", (f"1_1_1_1_1_1_1_1_1_1_{number}_1_277",)),
        "B_value": (b"IS", ()),
    }
    series = {
        "UsedPatientWeight": (b"IS", ("63",)),
        "Isocentered": (b"IS", ("1",)),
        "CoilForGradient": (b"SH", ("AS82",)),
        "SequenceFileOwner": (b"LO", ("SIEMENS",)),
        "GradientMode": (b"SH", ("Fast",)),
        "MrPhoenixProtocol": (
            b"UN",
            ('### ASCCONV BEGIN ###\ntProtocolName = "t1_mprage"\n' * 8,),
        ),
    }
    block = ds.private_block(0x0029, "SIEMENS CSA HEADER")
    block.add_new(0x10, "OB", _csa(image))
    block.add_new(0x20, "OB", _csa(series))
    ds.private_block(0x0051, "SIEMENS MR HEADER").add_new(0x15, "LO", f"R {acquired}")


def make(chunks: Path, study: Path, files: int) -> None:
    """Make the files: by chunk, and the same (hard links) in one folder."""
    study.mkdir()
    sources = {base: Path(str(get_testdata_file(base, download=False))) for base in BASES}
    for number in range(files):
        base = BASES[number % len(BASES)]
        ds = dcmread(sources[base])
        for keyword, value in COMMON.items() if base.startswith("CT") else (COMMON | MR).items():
            setattr(ds, keyword, value)
        series = sorted(sources).index(base) + 1
        acquired = f"1011{number * 0.04 % 60:09.6f}"
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = _uid(base, number)
        ds.StudyInstanceUID, ds.SeriesInstanceUID = _uid("study"), _uid("series", base)
        ds.FrameOfReferenceUID = _uid("frame")
        ds.SeriesNumber, ds.InstanceNumber = str(series), str(number + 1)
        ds.SeriesDescription = f"series {series} of the head"
        ds.AcquisitionTime = ds.ContentTime = ds.InstanceCreationTime = acquired
        ds.AcquisitionDateTime = _DAY + acquired
        x, y, _ = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x, y, f"{number * 0.8:.4f}"]
        ds.SliceLocation = f"{number * 0.8:.4f}"
        ds.ImageComments = f"slice {number + 1} again, {FAMILY} had moved"
        _sequences(ds, base, number)
        if not base.startswith("CT"):
            _private(ds, number, acquired)
        path = chunks / f"{number // CHUNK:03d}" / f"IM{number + 1:05d}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(path, enforce_file_format=True)
        os.link(path, study / path.name)


def plain(files: Sequence[Path], out: Path) -> None:
    """Read and write: the baseline."""
    for path in files:
        dcmread(path).save_as(out / path.name, enforce_file_format=True)


def lenient(files: Sequence[Path], out: Path) -> None:
    """Read and write without a check that the file meta information is complete."""
    for path in files:
        dcmread(path).save_as(out / path.name)


def ours(files: Sequence[Path], out: Path) -> None:
    """Do all that the command does for a study: survey, new files, and the search of each."""
    policy, profile = load_policy("default"), open_profile("neuro")
    subject = Subject(files[0].parent, "bench01")
    job = Job(subject, "bench01", profile, policy, Secret(bytes(range(32))))
    outcome = deidentify_study(job, survey_study(job), out)
    if outcome.residue or len(outcome.released) != len(files):
        message = "not all files were released"
        raise RuntimeError(message)


def dicom_anonymizer() -> Tool:
    """Return its function for a file, with the newest table it has."""
    engine = importlib.import_module("dicomanonymizer.simpledicomanonymizer")
    tables = importlib.import_module("dicomanonymizer.dicom_anonymization_databases")
    newest = max(module.name for module in pkgutil.iter_modules(tables.__path__))

    def rules() -> object:
        return engine.initialize_actions(newest)

    def run(files: Sequence[Path], out: Path) -> None:
        for path in files:
            engine.anonymize_dicom_file(str(path), str(out / path.name), base_rules_gen=rules)

    return run


def dicognito() -> Tool:
    """Return what its command does: one anonymizer for all, files named by their new UID."""
    anonymizer = importlib.import_module("dicognito.anonymizer").Anonymizer()

    def run(files: Sequence[Path], out: Path) -> None:
        for path in files:
            with dcmread(path) as ds:
                anonymizer.anonymize(ds)
                ds.save_as(out / f"{ds.SOPInstanceUID}.dcm", enforce_file_format=True)

    return run


def deid() -> Tool:
    """Return its replacement of identifiers by the default recipe, which is parsed once."""
    header = importlib.import_module("deid.dicom.header")
    recipe = importlib.import_module("deid.config").DeidRecipe()
    importlib.import_module("deid.logger").bot.level = 0  # it warns of each file

    def run(files: Sequence[Path], out: Path) -> None:
        names = [str(path) for path in files]
        header.replace_identifiers(names, deid=recipe, save=True, output_folder=str(out))

    return run


BASELINE = "pydicom"

#: Name, distribution, and what returns the tool or raises ImportError.
TOOLS: tuple[tuple[str, str, Callable[[], Tool]], ...] = (
    (BASELINE, "pydicom", lambda: plain),
    ("pydicom, unenforced", "pydicom", lambda: lenient),
    ("bidsdeid", "bidsdeid", lambda: ours),
    ("dicom-anonymizer", "dicom-anonymizer", dicom_anonymizer),
    ("dicognito", "dicognito", dicognito),
    ("deid", "deid", deid),
)


@dataclass
class Figures:
    """What a tool took and left."""

    seconds: list[float] = field(default_factory=list)
    written: int = 0
    left: int = 0


def cpu() -> float:
    """Return the CPU seconds of this process and of those it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextmanager
def one_core(core: int | None) -> Iterator[None]:
    """Keep this process on one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        print("This system pins no process to a core.")
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before) if core is None else core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def available(files: Sequence[Path], work: Path) -> tuple[dict[str, Tool], dict[str, str]]:
    """Return the tools, warmed up, and why others are not among them."""
    found: dict[str, Tool] = {}
    missing: dict[str, str] = {}
    for number, (name, distribution, load) in enumerate(TOOLS):
        out = work / f"warm-out{number}"
        out.mkdir()
        try:
            tool = load()
            tool(files, out)
        except ImportError as error:
            missing[name] = f"missing ({error.name} is not installed)"
        except NotImplementedError as error:
            missing[name] = str(error.args[0])
        else:
            found[f"{name} {importlib.metadata.version(distribution)}"] = tool
        shutil.rmtree(out)
    return found, missing


def measure(tool: Tool, files: Sequence[Path], out: Path, figures: Figures) -> None:
    """Let a tool do a chunk, and look at what it wrote."""
    out.mkdir()
    gc.collect()  # nobody pays for what another left
    start = cpu()
    tool(files, out)
    figures.seconds.append(cpu() - start)
    for path in out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if content[128:132] == b"DICM":
                figures.written += 1
                figures.left += FAMILY.encode() in content
    shutil.rmtree(out)


def per_file(chunks: Sequence[Sequence[Path]], work: Path) -> None:
    """Print the first table."""
    warm = work / "warm"
    warm.mkdir()
    for path in chunks[0][: len(BASES)]:
        os.link(path, warm / path.name)
    tools, missing = available(sorted(warm.iterdir()), work)
    figures = {name: Figures() for name in tools}
    order = list(tools)
    for number, files in enumerate(chunks):
        turn = number % len(order)
        for name in order[turn:] + order[:turn]:
            measure(tools[name], files, work / "out", figures[name])
    row = "{:28} {:>11} {:>13} {:>7} {:>9} {:>8} {:>10}"
    print(
        row.format("", "files/CPU s", "min-max", "CPU s", "CPU ratio", "written", "name left"),
        flush=True,
    )
    base = figures[order[0]]
    for name, found in figures.items():
        rates = [len(files) / s for files, s in zip(chunks, found.seconds, strict=True)]
        ratio = median(s / b for s, b in zip(found.seconds, base.seconds, strict=True))
        print(
            row.format(
                name, f"{median(rates):.0f}", f"{min(rates):.0f}-{max(rates):.0f}",
                f"{sum(found.seconds):.2f}", f"{ratio:.2f}", found.written, found.left,
            )
        )  # fmt: skip
    for name, reason in missing.items():
        print(f"{name:28} {reason}")


def whole_command(study: Path, work: Path, rounds: int) -> None:
    """Print the second table: the median of each number of jobs over the rounds."""
    files = sum(1 for _ in study.iterdir())
    print(f"\n{'bidsdeid dicom':28} {'wall s':>11} {'min-max':>13} {'files/s':>7} {'speed-up':>9}")
    if importlib.util.find_spec("bidsdeid.dicom") is None:
        print("not there yet")
        return
    walls: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(rounds):
        for jobs in (1, 2) if turn % 2 == 0 else (2, 1):
            folder = work / f"command{turn}-{jobs}"
            folder.mkdir()
            command = [
                sys.executable, "-m", "bidsdeid", "dicom", str(study), str(folder / "out"),
                "--subject", "bench01", "--zip", "none", "--jobs", str(jobs),
            ]  # fmt: skip
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            walls[jobs].append(time.perf_counter() - start)
            if done.returncode:
                said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
                print(f"--jobs {jobs} ended with {done.returncode}:", *said)
                return
            shutil.rmtree(folder)
    for jobs, taken in walls.items():
        wall = median(taken)
        limits = f"{min(taken):.2f}-{max(taken):.2f}"
        gain = median(one / s for one, s in zip(walls[1], taken, strict=True))
        name = f"--jobs {jobs}"
        print(f"{name:28} {wall:>11.2f} {limits:>13} {files / wall:>7.0f} {gain:>9.2f}")


def main() -> None:
    """Make the files and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="?", type=int, default=12 * CHUNK)
    parser.add_argument("--core", type=int, help="of the first table; the last one if not given")
    parser.add_argument("--rounds", type=int, default=3, help="of the second table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        study = work / "study"
        make(work / "chunks", study, options.files)
        size = sum(path.stat().st_size for path in study.iterdir()) / 1e6
        elements = [sum(1 for _ in dcmread(path).iterall()) for path in sorted(study.iterdir())]
        print(
            f"{options.files} files, {size:.1f} MB, {median(elements):.0f} elements each"
            f" ({min(elements)}-{max(elements)}); {os.cpu_count()} cores,"
            f" load {os.getloadavg()[0]:.1f}\n"
        )
        with one_core(options.core):
            per_file([sorted(f.iterdir()) for f in sorted((work / "chunks").iterdir())], work)
        larger = work / "larger"
        larger.mkdir()
        make(larger / "chunks", larger / "study", _LARGER * options.files)
        whole_command(larger / "study", work, options.rounds)


if __name__ == "__main__":
    main()
