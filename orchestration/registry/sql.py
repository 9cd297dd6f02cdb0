"""The SQL that computes one KPI, rendered from the same macros that the warehouse is built with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jinja2

from orchestration.paths import DBT_PROJECT
from orchestration.registry.export import kpi_entry, measure_sql, percentile_name
from orchestration.registry.load import load_registry
from orchestration.registry.spec import Kpi, Registry

# What `kpi_branch` and `percentile_columns` are made of.
_MACRO_FILES = ("engine.sql", "statistics.sql", "kpi.sql")


def kpi_sql(registry: Registry, kpi: Kpi) -> str:
    """The measures over the rows of the fact, then the value made of them; empty without source."""
    if kpi.status != "active":
        return ""
    parts = [_measures(registry, kpi, family) for family in _families(kpi)]
    parts.append(
        "-- kpi_values: verdien av hver celle / the value of each cell\n"
        + _tidy(_macros().kpi_branch(kpi_entry(registry, kpi)))
    )
    return "\n\n".join(parts)


@functools.cache
def shipped_kpi_sql() -> tuple[dict[str, Any], ...]:
    """`kpi_sql_rows` of the project's own registry, rendered once per process."""
    return tuple(kpi_sql_rows(load_registry()))


def kpi_sql_rows(registry: Registry) -> list[dict[str, Any]]:
    """kpi_id, kpi_version and sql of every KPI that is computed."""
    return [
        {"kpi_id": kpi.id, "kpi_version": kpi.version, "sql": kpi_sql(registry, kpi)}
        for kpi in registry.active
    ]


def _families(kpi: Kpi) -> list[str]:
    """The KPI's own family first, then those it takes a denominator from."""
    others = {name.partition(".")[0] for form in kpi.forms for name in form if "." in name}
    return [kpi.family, *sorted(others)]


def _measures(registry: Registry, kpi: Kpi, name: str) -> str:
    """The aggregate of one family, cut down to the measures that the KPI uses."""
    family = registry.families[name]
    used = dict.fromkeys(
        bare
        for form in kpi.forms
        for owner, _, bare in (measure.rpartition(".") for measure in form)
        if (owner or kpi.family) == name
    )
    columns = [
        f"{measure_sql(family.measures[measure])} as {measure}"
        for measure in used
        if family.measures[measure].is_stored
    ]
    if kpi.percentile is not None and name == kpi.family:
        column = kpi.percentile.column
        columns.append(f"{_macros().sorted_list(column)} as {column}_sorted")
    brought = [measure for measure in used if not family.measures[measure].is_stored]
    keys = [family.segment or "'all'", "period_grain", "period_start", "level", "unit_id"]
    sql = "\n".join(
        (
            f"-- {family.aggregate}: {family.description_nb} / {family.description_en}",
            f"-- i sin helhet / in full: dbt_project/models/kpi/{family.aggregate}.sql",
            *(f"-- {measure}: {registry.measure(name, measure).en}" for measure in brought),
            "select",
            *(f"    {item}," for item in keys),
            ",\n".join(f"    {item}" for item in columns) or "    count(*)",
            f"from {family.fact}",
            *([f"where {family.scope}"] if family.scope else []),
            "group by segment, period_grain, period_start, level, unit_id",
        )
    )
    if kpi.percentile is None or name != kpi.family:
        return sql
    at = kpi.percentile.at
    limits = _macros().percentile_columns(kpi.percentile.column, percentile_name(at), at)
    return f"{sql}\n\n-- persentilen med grenser / the percentile with its limits\n" + _tidy(
        f"select a.*,\n    {limits}\nfrom {family.aggregate} as a"
    )


def _tidy(sql: str) -> str:
    """Without lines that the macros left empty."""
    return "\n".join(line.rstrip() for line in sql.strip().splitlines() if line.strip())


@functools.cache
def _macros() -> Any:
    """The macros of the warehouse, outside dbt: default dialect, no relations to look up."""
    environment = jinja2.Environment(  # noqa: S701 - the output is SQL of our own, never HTML
        extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined
    )
    found: dict[str, Any] = {}
    environment.globals["return"] = lambda value: value
    environment.globals["adapter"] = _Adapter(found)
    source = "".join(
        (DBT_PROJECT / "macros" / name).read_text(encoding="utf-8") for name in _MACRO_FILES
    )
    module = environment.from_string(source).module
    found.update(_named(module))
    return module


def _named(module: Any) -> Iterator[tuple[str, Any]]:
    for name in dir(module):
        if not name.startswith("_"):
            yield name, getattr(module, name)


class _Adapter:
    """What dbt calls to choose a macro by engine; here always the default one."""

    def __init__(self, macros: dict[str, Any]) -> None:
        self._macros = macros

    def dispatch(self, name: str, package: str) -> Callable[..., Any]:
        """The macro of that name for DuckDB."""
        del package
        found: Callable[..., Any] = self._macros[f"default__{name}"]
        return found
