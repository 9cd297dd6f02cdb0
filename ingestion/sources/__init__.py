"""Source files: one YAML per extract, and the model that gives them meaning."""

from ingestion.sources.registry import SOURCES_DIR, load_source, load_sources
from ingestion.sources.spec import ColumnMap, SourceSpec

__all__ = ["SOURCES_DIR", "ColumnMap", "SourceSpec", "load_source", "load_sources"]
