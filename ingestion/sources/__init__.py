"""Source files: one YAML per extract, and the model that gives them meaning."""

from ingestion.sources.registry import (
    SOURCES_DIR,
    Sources,
    load_source,
    load_sources,
    read_sources,
)
from ingestion.sources.spec import ColumnMap, SourceSpec

__all__ = [
    "SOURCES_DIR",
    "ColumnMap",
    "SourceSpec",
    "Sources",
    "load_source",
    "load_sources",
    "read_sources",
]
