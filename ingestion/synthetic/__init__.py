"""Synthetic national extracts: all ten sources in their real formats, with known faults and truth.

`generate` writes them; `FAULTS` and `FILE_FAULTS` are the table of what is wrong in them.
"""

from __future__ import annotations

from ingestion.synthetic.faults import FAULTS, FILE_FAULTS, Fault, FileFault
from ingestion.synthetic.files import FileEntry
from ingestion.synthetic.generate import GENERATOR_VERSION, Manifest, generate

__all__ = [
    "FAULTS",
    "FILE_FAULTS",
    "GENERATOR_VERSION",
    "Fault",
    "FileEntry",
    "FileFault",
    "Manifest",
    "generate",
]
