"""Templates of every text in the example dataset.

A mark such as ``<e-mail>`` is a hiding place: `make_example` replaces each by a canary, a string
of that kind that occurs nowhere else, and notes where it went. ``<t>`` is a word to be dropped
whole, ``<t:name>`` the same word wherever it appears, ``<=text>`` a text that is a canary itself.
"""

from typing import Any, Final

# What an identifier of each kind looks like; {w} is a word and {n} a number used only once.
SHAPES: Final = {
    "t": "{w}",
    "short": "qn{n:02d}{w10}",
    "iso-date": "19{y}-{m:02d}-{d:02d}",
    "compact-date": "19{y}{m:02d}{d:02d}",
    "slash-date": "{d:02d}/{m:02d}/19{y}",
    "clock-time": "13:{m:02d}:{d:02d}.{n:03d}",
    "e-mail": "{w}@clinic.example.org",
    "phone": "+1-612-555-{n:04d}",
    "unc-path": "\\\\scanner\\export\\{w}",
    "home-path": "/home/{w}/convert",
    "windows-path": "C:\\Users\\{w}\\Desktop",
    "ip-address": "10.123.{d}.1{m:02d}",
    "mac-address": "00:1a:2b:3c:4d:{n:02x}",
    "dicom-uid": "1.2.840.113619.2.404.{n}.20190312",
    "caret-name": "{W}^{V}",
    "record-number": "4{n:03d}7{d:02d}{y}",
    "user-url": "https://{w}@pacs.example.org/study",
}

# What dcm2niix writes for a scanner that was not told to hide anything.
SCANNER: Final[dict[str, Any]] = {
    "Modality": "MR", "MagneticFieldStrength": 3, "ImagingFrequency": 123.255559,
    "Manufacturer": "Siemens", "ManufacturersModelName": "Prisma_fit",
    "BodyPart": "BRAIN", "PatientPosition": "HFS", "SoftwareVersions": "syngo MR E11",
}  # fmt: skip
T1W: Final[dict[str, Any]] = {
    "MRAcquisitionType": "3D", "ScanningSequence": "GR\\IR", "SequenceVariant": "SK\\SP\\MP",
    "PulseSequenceType": "MPRAGE", "ScanOptions": "IR", "SequenceName": "*tfl3d1_16ns",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM", "MAGNITUDE"],
    "SliceThickness": 2, "EchoTime": 0.00411, "RepetitionTime": 2.25, "InversionTime": 0.925,
    "FlipAngle": 9, "NonlinearGradientCorrection": False, "ReceiveCoilName": "HeadNeck_20",
    "ParallelReductionFactorInPlane": 2, "PixelBandwidth": 150, "DwellTime": 1.3e-05,
    "ConversionSoftware": "dcm2niix", "ConversionSoftwareVersion": "v1.0.20240202",
}  # fmt: skip
IDENTITY: Final[dict[str, Any]] = dict.fromkeys(
    [
        "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName",
        "DeviceSerialNumber", "PatientName", "PatientBirthDate", "PatientID", "PatientSex",
        "PatientAge", "PatientComments", "ReferringPhysicianName", "PerformingPhysicianName",
        "OperatorsName", "AccessionNumber", "StudyID", "StudyInstanceUID", "SeriesInstanceUID",
        "AcquisitionDateTime", "AcquisitionTime", "ImageComments", "ConversionComments",
        "StudyDescription", "ProcedureStepDescription", "RequestedProcedureDescription",
        "WipMemBlock",
    ],
    "<t>",
)  # fmt: skip
T2W: Final[dict[str, Any]] = SCANNER | {
    "MRAcquisitionType": "3D", "ScanningSequence": "SE", "SequenceVariant": "SK\\SP",
    "EchoTime": 0.408, "RepetitionTime": 3.2, "FlipAngle": 120, "SliceThickness": 2,
}  # fmt: skip
EPI: Final[dict[str, Any]] = SCANNER | {
    "MRAcquisitionType": "2D", "ScanningSequence": "EP", "SequenceVariant": "SK\\SS",
    "EchoTime": 0.03, "FlipAngle": 70, "SliceThickness": 4, "EffectiveEchoSpacing": 0.00054,
    "TotalReadoutTime": 0.03402, "PhaseEncodingDirection": "j-",
}  # fmt: skip

JSON: Final[dict[str, Any]] = {
    "dataset_description.json": {
        "Name": "bidsdeid example", "BIDSVersion": "1.10.0", "DatasetType": "raw",
        "License": "CC0", "Authors": ["The bidsdeid contributors"],
        "Acknowledgements": "Thanks to <caret-name>, write to <e-mail> or call <phone>.",
        "HowToAcknowledge": "Cite the log book of <slash-date>, kept on <unc-path>.",
        "Funding": ["Billed to record <record-number>"],
        "EthicsApprovals": ["Consent given on <iso-date> from host <ip-address>"],
        "ReferencesAndLinks": ["<user-url>"],
        "GeneratedBy": [{"Name": "dcm2niix", "Version": "v1.0.20240202",
                         "Description": "Run in <home-path> by <t>"}],
        "SourceDatasets": [{"URL": "file:///data/<t>/dicom", "Version": "<compact-date>"}],
        "ContactPerson": {"Name": "<t>", "Office": ["<t>", 3]}, "<t>": "key named by a canary",
    },
    "participants.json": {
        "age": {"Description": "Age in years on <iso-date>", "Units": "year"},
        "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
        "handedness": {"Description": "Preferred hand, asked by <e-mail>",
                       "Levels": {"L": "left", "R": "right"}},
        "group": {"Description": "Group", "Levels": {"control": "Healthy", "patient": "Patient"}},
        "name": {"Description": "Full name; the first was <t>", "LongName": "<t>"},
        "site_contact": {"Description": "Who scanned",
                         "Levels": {"<t:sitea>": "first", "b": "<t>"}},
    },
    "T1w.json": SCANNER | {
        "InstitutionName": "<t>", "PatientName": "<t>", "TableOperator": {"<t>": ["<t>", {}]},
        "ProtocolName": "T1_mprage for <caret-name>",
    },
    "task-rest_bold.json": {
        "TaskName": "rest", "RepetitionTime": 2.0, "InstitutionName": "<t>",
        "TaskDescription": "Rest, explained by telephone (<phone>) at <clock-time>",
        "Instructions": "Look at the cross. Questions: <e-mail>, files: <windows-path>",
    },
    "task-rest_events.json": {
        "trial_type": {"Description": "Kind of trial as set on <mac-address>",
                       "Levels": {"fixation": "A cross", "photo": "A photograph"}},
        "operator": {"Description": "<t>", "Levels": {"<t:tech>": "<t>"}},
        "StimulusPresentation": {"OperatingSystem": "Linux of <t>", "SoftwareName": "PsychoPy"},
    },
    "scans.json": {
        "operator": {"Description": "<t>", "Levels": {"<t:opa>": "<t>", "<t:opb>": "b"}},
    },
    "sessions.json": {"clinician": {"Description": "<t>", "Levels": {"<t:doctor>": "on duty"}}},
    "phenotype/interview.json": {
        "MeasurementToolMetadata": {"Description": "Interview led by <t>"},
        "score": {"Description": "Sum of the items, typed in at <ip-address>"},
        "free_text": {"Description": "<t>"},
    },
    "sub-01/sub-01_T2w.json": {
        "StationName": "<t>", "PatientID": "<t>", "SeriesDescription": "t2_spc <record-number>",
        "FamilyHistory": [["<t>"], {"mother": {"name": "<t>"}}],
    },
    "sub-01/anat/sub-01_T1w.json": T1W | IDENTITY | {
        "SeriesDescription": "T1_mprage_sag of <iso-date>", "ProtocolName": "T1 <dicom-uid>",
        "EchoTrainLength": "<t>", "ShimSetting": [6773, -6613, "<t>", 231, -69, -567, 196, 99],
        "TxRefAmp": 266.897, "SeriesNumber": 5, "<t>": "value", "Notes": {"who": ["<t>"]},
        "PulseSequenceDetails": "built on <unc-path>", "ImageOrientationText": "Sag>Cor",
    },
    "sub-01/anat/sub-01_T2w.json": T2W | {
        "AcquisitionTime": "<t>", "SequenceName": "spc <slash-date>",
        "ReceiveCoilName": "HeadNeck_20 at <ip-address>", "DeviceSerialNumber": "<t>",
    },
    "sub-01/func/sub-01_task-rest_bold.json": EPI | {
        "SliceTiming": [round(0.05 * (i * 17 % 34), 3) for i in range(34)],
        "ImageComments": "<t>", "AcquisitionDateTime": "<t>", "ScanDate": "<compact-date>",
        "SeriesDescription": "rest <compact-date>", "MultibandAccelerationFactor": 1,
    },
    "sub-01/func/sub-01_task-rest_physio.json": {
        "SamplingFrequency": 10, "StartTime": 0,
        "Columns": ["cardiac", "respiratory", "trigger", "<t:physio>"],
        "cardiac": {"Description": "Pulse, device <mac-address>", "Units": "mV"},
        "<t:physio>": {"Description": "<t>", "Units": "mV"},
        "Manufacturer": "BIOPAC", "DeviceSerialNumber": "<t>", "RecordedBy": "<t>",
    },
    "sub-01/dwi/sub-01_dwi.json": EPI | {
        "RepetitionTime": 4.0, "PatientBirthDate": "<t>", "ProtocolName": "dwi <clock-time>",
        "BidsGuess": ["dwi", "_acq-<t>_dwi"],
    },
    "sub-01/fmap/sub-01_dir-PA_epi.json": EPI | {
        "PhaseEncodingDirection": "j", "RepetitionTime": 4.0, "InstitutionAddress": "<t>",
        "IntendedFor": ["bids::sub-01/func/sub-01_task-rest_bold.nii.gz"],
        "SeriesDescription": "PA <home-path>",
    },
    "sub-02/ses-baseline/anat/sub-02_ses-baseline_T1w.json": T1W | {
        "AcquisitionTime": "<t>", "AccessionNumber": "<t>", "ProtocolName": "T1 <user-url>",
    },
    "sub-02/ses-followup/anat/sub-02_ses-followup_T1w.json": T1W | {
        "StudyInstanceUID": "<t>", "SeriesDescription": "T1 of <phone>",
    },
    "sub-03/anat/sub-03_T1w.json": T1W | {"PatientAge": "<t>", "ReferringPhysicianName": "<t>"},
    "sub-03/anat/sub-03_FLAIR.json": T2W | {
        "InversionTime": 1.8, "EchoTime": 0.388, "RepetitionTime": 5.0, "StationName": "<t>",
        "SeriesDescription": "flair <caret-name>", "OperatorsName": "<t>",
    },
}  # fmt: skip

TSV: Final[dict[str, list[str]]] = {
    "participants.tsv": [
        "participant_id age sex handedness group name date_of_birth mrn e_mail site_contact <t>",
        "sub-01 31 F R control <t> <iso-date> <record-number> <e-mail> <t:sitea> 1",
        "sub-02 58 M R patient <t> <slash-date> <record-number> <e-mail> b 2",
        "sub-03 94 F L control <caret-name> <compact-date> <record-number> n/a <t:sitea> 3",
    ],
    "phenotype/interview.tsv": [
        "participant_id score free_text",
        "sub-01 12 lives_with_<t>", "sub-02 17 phone_<phone>", "sub-03 9 <t>",
    ],
    "sub-01/sub-01_scans.tsv": [
        "filename acq_time operator <t>",
        "anat/sub-01_T1w.nii.gz <=2019-01-22>T09:31:07 <t:opa> 1",
        "anat/sub-01_T2w.nii.gz <=2019-01-22>T09:40:41 <t:opb> 2",
        "func/sub-01_task-rest_bold.nii.gz <=2019-01-22>T09:52:13 n/a 3",
        "dwi/sub-01_dwi.nii.gz <=2019-01-22>T10:03:55 n/a 4",
        "fmap/sub-01_dir-PA_epi.nii.gz <=2019-01-22>T09:50:02 n/a 5",
    ],
    "sub-01/func/sub-01_task-rest_events.tsv": [
        "onset duration trial_type stim_file operator <t>",
        "0 4 fixation n/a <t:tech> 1", "4 4 photo <t:photo>_portrait.png n/a 2",
        "8 8 fixation n/a n/a <t>",
    ],
    "sub-02/sub-02_sessions.tsv": [
        "session_id acq_time clinician comment",
        "ses-baseline <=2019-03-12>T14:05:00 <t:doctor> seen_at_<clock-time>",
        "ses-followup <=2019-11-08>T08:47:30 <t:doctor> <t>",
    ],
    "sub-02/ses-baseline/sub-02_ses-baseline_scans.tsv": [
        "filename acq_time operator",
        "anat/sub-02_ses-baseline_T1w.nii <=2019-03-12>T14:11:59 <t:opb>",
    ],
    "sub-02/ses-followup/sub-02_ses-followup_scans.tsv": [
        "filename acq_time operator",
        "anat/sub-02_ses-followup_T1w.nii.gz <=2019-11-08>T08:55:21 <t:opa>",
    ],
    "sub-03/sub-03_scans.tsv": [
        "filename acq_time",
        "anat/sub-03_T1w.nii.gz <=2018-06-05>T11:20:08",
        "anat/sub-03_FLAIR.nii.gz <=2018-06-05>T11:29:40",
    ],
}  # fmt: skip

TEXT: Final[dict[str, str]] = {
    "README": (
        "This dataset is an example for trying out and testing bidsdeid. No person was scanned:\n"
        "all heads are warped copies of an average head. It is full of invented identifiers.\n\n"
        "Contact: <t>, <e-mail>, <phone>. Scanned by <caret-name> on <iso-date>; the originals\n"
        "are in <home-path> and <windows-path>, record <record-number>, see <user-url>.\n"
    ),
    "CHANGES": "1.0.0 2024-02-02\n  - First version.\n",
    "LICENSE": (
        "CC0 1.0 Universal. To the extent possible under law, the authors have waived all\n"
        "copyright and related or neighbouring rights to this dataset.\n"
        "https://creativecommons.org/publicdomain/zero/1.0/\n"
    ),
    ".bidsignore": "# kept out on the request of <t>\n*_<t:notes>.txt\n<t>_log.txt\n",
    "sub-01/anat/sub-01_<t:notes>.txt": "Reported by <t>, born <iso-date>.\n",
    "sourcedata/<t>_dicom/<t>.dcm.txt": "(0010,0010) PN [<t>]\n(0010,0030) DA [<compact-date>]\n",
    "derivatives/<t>/report_<t>.txt": "Recording of <t>\n",
    "code/convert_<t>.sh": "#!/bin/sh\n# for <t>\ndcm2niix -o <home-path> /dicom\n",
    "stimuli/<t:photo>_portrait.png": "stands for a photograph of <t>\n",
    ".heudiconv/<t>/info/<t>.auto.txt": "{'subject': '<t>'}\n",
    "sub-01/dwi/sub-01_dwi.bval": "0 1000 1000 1000 1000 1000 1000\n",
    "sub-01/dwi/sub-01_dwi.bvec": (
        "0 0.707107 -0.707107 0 0.707107 0 0.707107\n"
        "0 0.707107 0.707107 0.707107 0 0.707107 0\n"
        "0 0 0 0.707107 0.707107 -0.707107 -0.707107\n"
    ),
}

# Text in the fields of a NIfTI header; each is as long as its field allows.
HEADER: Final[dict[str, dict[str, str]]] = {
    "sub-01/anat/sub-01_T1w.nii.gz": {
        "descrip": "TE=4.1;Time=<clock-time>;<t>", "aux_file": "<t>", "db_name": "<t>",
        "data_type": "<short>", "intent_name": "<t>",
    },
    "sub-01/anat/sub-01_T2w.nii.gz": {"descrip": "born <iso-date>", "aux_file": "<caret-name>"},
    "sub-01/func/sub-01_task-rest_bold.nii.gz": {"descrip": "<t>", "intent_name": "<t>"},
    "sub-01/dwi/sub-01_dwi.nii.gz": {"aux_file": "<t>"},
    "sub-01/fmap/sub-01_dir-PA_epi.nii.gz": {"db_name": "<t>"},
    "sub-02/ses-baseline/anat/sub-02_ses-baseline_T1w.nii": {"descrip": "<t>", "aux_file": "<t>"},
}  # fmt: skip

# Texts around the voxels: header extensions of code 6 (comment) and 2 (DICOM: here only the
# patient's name), bytes between the header and the voxels, and bytes behind the voxels.
AROUND: Final[dict[str, dict[str, str]]] = {
    "sub-01/anat/sub-01_T1w.nii.gz": {"comment": "<t> <phone>", "dicom": "<caret-name>"},
    "sub-01/anat/sub-01_T2w.nii.gz": {"behind": "<t>"},
    "sub-01/func/sub-01_task-rest_bold.nii.gz": {"comment": "<t>"},
    "sub-02/ses-baseline/anat/sub-02_ses-baseline_T1w.nii": {"before": "<t>", "behind": "<t>"},
}

# Fields of the gzip container. A member is a second, empty gzip stream that has only a comment.
GZIP: Final[dict[str, dict[str, str]]] = {
    "sub-01/anat/sub-01_T1w.nii.gz": {"name": "<t>.nii", "comment": "<t>", "extra": "<t>"},
    "sub-01/func/sub-01_task-rest_physio.tsv.gz": {
        "name": "<t>.tsv", "comment": "<t> <home-path>", "extra": "<t>",
    },
    "sub-03/anat/sub-03_FLAIR.nii.gz": {"member": "<t>"},
}  # fmt: skip
