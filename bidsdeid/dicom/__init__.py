"""DICOM studies: DICAT's job, by PS3.15 Annex E."""
