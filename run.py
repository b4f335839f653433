#!/usr/bin/env python3
"""The BIDS App: ``run.py BIDS_DIR OUTPUT_DIR {participant,group}``."""

from bidsdeid.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
