"""De-identify MRI datasets in BIDS, and show what was removed."""

__version__ = "0.1.0"
__all__ = ["__version__"]
