"""What is generated from the registry: the seed, the macro the SQL is made from, the schema.

The MetricFlow models are made in `semantic`. The generated files are committed; a test compares
them with the registry.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from orchestration.paths import DBT_PROJECT
from orchestration.registry.load import KPI_FOLDER, load_registry
from orchestration.registry.semantic import semantic_yaml
from orchestration.registry.spec import (
    MS_PER_UNIT,
    Family,
    Kpi,
    Linear,
    Measure,
    Registry,
    format_linear,
)

SEED = Path("seeds") / "kpi_registry.csv"
MACRO = Path("macros") / "kpi_definitions.sql"
SCHEMA = Path(KPI_FOLDER.name) / "schema.json"
SEMANTIC = Path("models") / "semantic" / "semantic.yml"

_MACRO_HEAD = (
    "{#- Generated from kpis/*.yaml by `akutt kpi export`; change the YAML, not this file. -#}\n"
)


def registry_rows(registry: Registry) -> list[dict[str, Any]]:
    """The registry as a table, one row per version of a KPI; lists are joined by bars."""
    return [_row(registry, kpi) for kpi in registry.kpis]


def _row(registry: Registry, kpi: Kpi) -> dict[str, Any]:
    family = registry.families[kpi.family]
    denominator = kpi.denominator or kpi.observations
    exclusions = [family.exclusions[name] for name in kpi.exclusions]
    return {
        "kpi_id": kpi.id,
        "number": kpi.number,
        "version": kpi.version,
        "family": kpi.subject,
        "measure": kpi.kind,
        "sensitivity": kpi.sensitivity,
        "contract": kpi.contract,
        "name_nb": kpi.name_nb,
        "name_en": kpi.name_en,
        "definition_nb": kpi.definition_nb,
        "definition_en": kpi.definition_en,
        "formula": kpi.formula,
        "numerator": registry.texts(kpi, kpi.numerator, "en"),
        "denominator": registry.texts(kpi, denominator, "en"),
        "exclusions": "; ".join(exclusion.en for exclusion in exclusions),
        "unit": kpi.unit,
        "direction": kpi.direction,
        "target": kpi.target,
        "target_source": kpi.target_source,
        "levels": "|".join(kpi.levels),
        "segments": "|".join(kpi.segments),
        "peer_group": "|".join(kpi.peer_group),
        "min_denominator": kpi.min_denominator,
        "why_nb": kpi.why_nb,
        "why_en": kpi.why_en,
        "owner": kpi.owner,
        "valid_from": kpi.valid_from,
        "status": kpi.status,
        "relation": kpi.family,
        "numerator_nb": registry.texts(kpi, kpi.numerator, "nb"),
        "denominator_nb": registry.texts(kpi, denominator, "nb"),
        "exclusions_nb": "; ".join(exclusion.nb for exclusion in exclusions),
        "numerator_measures": format_linear(kpi.numerator),
        "denominator_measures": format_linear(kpi.denominator),
        "observation_measures": format_linear(kpi.n),
        "known_measures": format_linear(kpi.known_form),
        "base_measures": format_linear(kpi.base),
        "percentile": kpi.percentile.at if kpi.percentile else None,
        "status_reason_nb": kpi.status_reason_nb,
        "status_reason_en": kpi.status_reason_en,
    }


def registry_csv(registry: Registry) -> str:
    """The seed that dbt loads."""
    rows = registry_rows(registry)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def definitions_macro(registry: Registry) -> str:
    """Two macros that return the families and the active KPIs as data."""
    families = {name: _family(family) for name, family in registry.families.items()}
    kpis = [kpi_entry(registry, kpi) for kpi in registry.active]
    return "".join(
        (
            _MACRO_HEAD,
            "\n{% macro kpi_families() %}{{ return(",
            _literal(families),
            ") }}{% endmacro %}\n",
            "\n{% macro kpi_definitions() %}{{ return(",
            _literal(kpis),
            ") }}{% endmacro %}\n",
        )
    )


def _family(family: Family) -> dict[str, Any]:
    stored = {name: item for name, item in family.measures.items() if item.is_stored}
    means = {
        name: item.sum
        for kpi in family.kpis
        if kpi.kind == "mean"
        for name, item in stored.items()
        if name in kpi.numerator
    }
    return {
        "subject": family.subject,
        "contract": family.contract,
        "aggregate": family.aggregate,
        "segment": family.segment,
        "units": dict(family.units),
        "measures": {name: measure_sql(item) for name, item in stored.items()},
        "squares": {f"{name}_squares": column for name, column in means.items()},
        "percentiles": {
            column: {
                "at": {percentile_name(at): at for at in percentiles},
                "levels": _levels(family, column),
            }
            for column, percentiles in family.percentiles.items()
        },
    }


def _levels(family: Family, column: str) -> list[str]:
    """The levels at which any KPI asks for a percentile of the column."""
    asked = {
        level
        for kpi in family.kpis
        if kpi.percentile is not None and kpi.percentile.column == column
        for level in kpi.levels
    }
    return [level for level in family.units if level in asked]


def percentile_name(at: float) -> str:
    """p50, p90, p99."""
    return f"p{at * 100:g}".replace(".", "_")


def measure_sql(measure: Measure) -> str:
    """The aggregate expression of a measure."""
    if measure.sql is not None:
        if measure.sql == "true":
            return "count(*)"
        return f"count(case when {measure.sql} then 1 end)"
    if measure.sum is not None:
        return f"cast(sum({measure.sum}) as bigint)"
    return str(measure.expression)


def kpi_entry(registry: Registry, kpi: Kpi) -> dict[str, Any]:
    """One KPI as the macros of the warehouse take it."""
    others = sorted({name.partition(".")[0] for form in kpi.forms for name in form if "." in name})
    entry: dict[str, Any] = {
        "id": kpi.id,
        "version": kpi.version,
        "kind": kpi.kind,
        "family": kpi.family,
        "other": others[0] if others else None,
        "numerator": _terms(registry, kpi, kpi.numerator),
        "denominator": _terms(registry, kpi, kpi.denominator),
        "n": _terms(registry, kpi, kpi.n),
        "known": _terms(registry, kpi, kpi.known_form),
        "base": _terms(registry, kpi, kpi.base),
        "factor": kpi.factor,
        "ms_per_unit": MS_PER_UNIT.get(kpi.unit),
        "levels": list(kpi.levels),
        "segments": list(kpi.segments),
    }
    if kpi.percentile is not None:
        entry["column"] = f"{kpi.percentile.column}_{percentile_name(kpi.percentile.at)}"
    return entry


def _terms(registry: Registry, kpi: Kpi, form: Linear) -> list[list[Any]]:
    """Columns with their coefficients; a measure that counts in parts is divided by them."""
    terms: list[list[Any]] = []
    for name, coefficient in form.items():
        parts = registry.measure(kpi.family, name).parts
        terms.append([name.replace(".", "_"), coefficient / parts if parts > 1 else coefficient])
    return terms


def _literal(value: Any, indent: int = 0) -> str:
    """A Jinja literal; dictionaries two levels deep are spread over lines."""
    pad = "    " * (indent + 1)
    if isinstance(value, dict) and indent < 3:
        lines = [f"{pad}{json.dumps(k)}: {_literal(v, indent + 1)}," for k, v in value.items()]
        return "\n".join(["{", *lines, "    " * indent + "}"])
    if isinstance(value, list) and indent == 0:
        return "\n".join(["[", *(f"{pad}{_literal(v, 3)}," for v in value), "]"])
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {_literal(v, 3)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(v, 3) for v in value) + "]"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False)


def registry_schema() -> str:
    """JSON schema of a registry file, for editors."""
    schema = Family.model_json_schema()
    for name in ("family", "subject", "contract"):
        schema["$defs"]["Kpi"]["properties"].pop(name)
    # The family may say it for all of them.
    schema["$defs"]["Kpi"]["required"].remove("sensitivity")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def generated_files(project: Path = DBT_PROJECT) -> dict[Path, str]:
    """Every generated file of a dbt project with the content it should have."""
    registry = load_registry(project / KPI_FOLDER.name)
    return {
        project / SEED: registry_csv(registry),
        project / MACRO: definitions_macro(registry),
        project / SCHEMA: registry_schema(),
        project / SEMANTIC: semantic_yaml(registry),
    }


def drifted_files(project: Path = DBT_PROJECT) -> dict[Path, str]:
    """The generated files that are not as they should be."""
    return {
        path: text
        for path, text in generated_files(project).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def write_generated_files(project: Path = DBT_PROJECT) -> list[Path]:
    """Write the generated files that have drifted; return those."""
    drifted = drifted_files(project)
    for path, text in drifted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(drifted)
