"""`datapackage.json`: a folder of tables described for machines (Data Package 2.0, Frictionless).

https://datapackage.org/standard/data-package/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reporting.audience import OPEN, warning
from reporting.columns import (
    COLUMNS,
    KEY,
    MATURITIES,
    PART_COLUMNS,
    STATUSES,
    SYNTHETIC,
    TOLD_COLUMNS,
)
from reporting.dimensions import LEVELS
from reporting.periods import GRAINS

if TYPE_CHECKING:
    import polars as pl

FILE = "datapackage.json"
_PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
_FORMATS = {
    ".parquet": ("parquet", "application/vnd.apache.parquet"),
    ".csv": ("csv", "text/csv"),
    ".xlsx": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".duckdb": ("duckdb", "application/octet-stream"),
}
_PART = ("segment", "period_grain", "period_start", "level", "unit_id")
_KEYS: dict[str, tuple[str, ...]] = {
    "kpi_values": (*KEY, "geography_version"),
    "kpi_comparisons": KEY,
    "kpi_trends": KEY,
    "kpi_news": ("kpi_id", "kpi_version", "segment", "period_grain", "level", "unit_id"),
    "hour_profiles": (*_PART, "weekday", "hour"),
    "time_classes": ("measure", *_PART, "class_no"),
    "kpi_registry": ("kpi_id", "version"),
    "units": ("level", "unit_id"),
    "geography": ("municipality_code",),
    "data_coverage": ("source", "contract", "delivered_on"),
    "data_volume": ("source", "contract", "month"),
    "readiness_grades": ("contract", "level", "unit_id", "period_grain", "period_start"),
    "readiness_findings": ("contract", "source", "code", "field"),
    "official_figures": ("figure_id",),
    "release_changes": ("kpi_id", "level", "period_grain", "change_kind", "change_reason"),
}
_REFERENCES = (
    (("kpi_id", "kpi_version"), "kpi_registry", ("kpi_id", "version")),
    (("level", "unit_id"), "units", ("level", "unit_id")),
)
# Its units are sources too, which are no units of a KPI.
_WITHOUT_REFERENCES = frozenset({"data_readiness"})
_ALLOWED: dict[str, Sequence[str]] = {
    "period_grain": GRAINS,
    "level": LEVELS,
    "status": tuple(STATUSES),
    "maturity": MATURITIES,
}
TITLES = {
    "kpi_values": "Nøkkeltall / KPI values",
    "kpi_registry": "Definisjoner / KPI definitions",
    "kpi_comparisons": "Sammenligning med like enheter / comparison with similar units",
    "kpi_trends": "Utvikling over tid / development over time",
    "kpi_news": "Nytt i de siste tre periodene / news of the latest three periods",
    "hour_profiles": "Anrop time for time gjennom uken / calls by hour of the week",
    "time_classes": "Svartid og responstid i klasser / answer and response times by class",
    "kpi_events": "Hendelser som installasjonen forteller om / events of the installation",
    "kpi_series_breaks": "Brudd i serier / breaks in series",
    "kpi_breaks": "Brudd / breaks",
    "kpi_sql": "SQL bak nøkkeltallene / SQL behind the KPIs",
    "peer_groups": "Grupper av like enheter / groups of similar units",
    "units": "Enheter / units",
    "unit_hierarchy": "Hvem som hører til hvor / who belongs where, by date",
    "geography": "Kommuner / municipalities",
    "data_coverage": "Leverte filer per dag / files delivered per day",
    "data_volume": "Rader per måned / rows per month",
    "data_readiness": "Datakvalitet / quality of the data",
    "readiness_grades": "Karakter per enhet og periode / grade per unit and period",
    "readiness_findings": "Funn per kilde / findings per source",
    "official_figures": "Publiserte tall / published figures",
    "release_changes": "Endret siden forrige utgivelse / changed since the release before",
    "chain_link_methods": "Koblingsmetoder / methods of linking",
}


def package(
    metadata: Mapping[str, Any], files: Mapping[Path, Mapping[str, pl.DataType] | None]
) -> dict[str, Any]:
    """The description of a folder: each file with its schema, or None for a file of many tables."""
    names = {path.stem for path, schema in files.items() if schema is not None}
    title, description = described(metadata)
    return {
        "$schema": _PROFILE,
        "name": "akuttkjede",
        "id": metadata["release_id"],
        "title": " / ".join(title),
        "description": " / ".join(description),
        "audience": metadata.get("audience", OPEN),
        "version": metadata["release_id"],
        "created": metadata.get("created_at"),
        "sources": [
            {"title": "Statistisk sentralbyrå (SSB)", "path": "https://www.ssb.no"},
            {"title": "Kartverket", "path": "https://www.kartverket.no"},
        ],
        "resources": [_resource(path, schema, names) for path, schema in files.items()],
    }


def write_package(
    folder: Path,
    metadata: Mapping[str, Any],
    files: Mapping[Path, Mapping[str, pl.DataType] | None],
) -> Path:
    """Write the description into the folder that holds the files."""
    target = folder / FILE
    text = json.dumps(package(metadata, files), ensure_ascii=False, indent=1, default=str)
    target.write_text(text + "\n", encoding="utf-8")
    return target


def described(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], tuple[str, str]]:
    """Title and description of a release, each in bokmål and English."""
    said = warning(str(metadata.get("audience") or OPEN))
    parts = [
        said or "Utgitte tall; små tall er skjult. / Released figures; small numbers are hidden.",
        "Tall skal aldri legges sammen eller snittes over enheter, perioder eller segmenter. / "
        "Figures are never to be added or averaged over units, periods or segments.",
        *([SYNTHETIC] if metadata.get("is_synthetic") else []),
    ]
    nb, en = zip(*(part.split(" / ") for part in parts), strict=True)
    title = (
        "Akuttkjede: nøkkeltall for den akuttmedisinske kjeden",
        "Akuttkjede: key figures of the emergency medical chain",
    )
    return title, (" ".join(nb), " ".join(en))


def _resource(
    path: Path, schema: Mapping[str, pl.DataType] | None, names: set[str]
) -> dict[str, Any]:
    kind, media = _FORMATS[path.suffix]
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    found: dict[str, Any] = {
        "name": path.stem if schema is not None else path.name.replace(".", "-"),
        "path": path.name,
        "title": TITLES.get(path.stem, path.stem),
        "format": kind,
        "mediatype": media,
        "bytes": path.stat().st_size,
        "hash": f"sha256:{digest}",
    }
    if schema is None:
        return found
    found["type"] = "table"
    if kind == "csv":
        found["encoding"] = "utf-8"
        found["dialect"] = {"delimiter": ",", "header": True}
    return found | {"schema": table_schema(path.stem, schema, names)}


def table_schema(table: str, schema: Mapping[str, pl.DataType], names: set[str]) -> dict[str, Any]:
    """The Table Schema of one table; references only to tables that are in the same folder."""
    key = _KEYS.get(table, ())
    described: dict[str, Any] = {
        "fields": [_field(name, dtype, key) for name, dtype in schema.items()],
        "missingValues": [""],
    }
    if key and set(key) <= set(schema):
        described["primaryKey"] = list(key)
    references = [
        {"fields": list(own), "reference": {"resource": resource, "fields": list(theirs)}}
        for own, resource, theirs in _REFERENCES
        if resource in names
        and resource != table
        and table not in _WITHOUT_REFERENCES
        and set(own) <= set(schema)
    ]
    if references:
        described["foreignKeys"] = references
    return described


def _field(name: str, dtype: pl.DataType, key: Sequence[str]) -> dict[str, Any]:
    import polars as pl

    kinds = (
        (dtype.is_integer(), "integer"),
        (dtype.is_numeric(), "number"),
        (dtype == pl.Boolean, "boolean"),
        (dtype == pl.Date, "date"),
        (dtype == pl.Datetime, "datetime"),
        (dtype.is_nested(), "array"),
    )
    field: dict[str, Any] = {
        "name": name,
        "type": next((kind for matches, kind in kinds if matches), "string"),
    }
    if known := COLUMNS.get(name) or PART_COLUMNS.get(name) or TOLD_COLUMNS.get(name):
        field["title"] = known.nb
        field["description"] = f"{known.meaning_nb} / {known.meaning_en}"
    constraints: dict[str, Any] = {}
    if name in key:
        constraints["required"] = True
    if name in _ALLOWED and field["type"] == "string" and "period_start" in key:
        constraints["enum"] = list(_ALLOWED[name])
    if name == "coverage":
        constraints |= {"minimum": 0, "maximum": 1}
    if constraints:
        field["constraints"] = constraints
    return field
