"""The comparison models on tables made by hand, and the macros of statistics.sql by themselves.

The models are compiled once by dbt; the SQL then runs on DuckDB tables in memory, so that a test
can try thousands of inputs.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2

from tests.dbt_project.warehouse import PROJECT, Warehouse

MODELS = ("kpi_comparisons", "kpi_trends", "kpi_news", "peer_groups")

TABLES = """
create table kpi_releasable (
    kpi_id varchar, kpi_version integer, segment varchar, period_grain varchar, period_start date,
    level varchar, unit_id varchar, geography_version varchar, numerator double,
    denominator double, n bigint, value double, lower double, upper double, coverage double,
    status varchar, grade varchar, days_covered integer, days_in_period integer,
    is_partial boolean, maturity varchar
);
create table kpi_registry (
    kpi_id varchar, version integer, measure varchar, unit varchar, direction varchar,
    target double, min_denominator integer
);
create table peer_groups (
    level varchar, unit_id varchar, scheme varchar, group_id varchar, name_nb varchar,
    name_en varchar, valid_from date, valid_to date
);
create table unit_hierarchy (
    level varchar, unit_id varchar, parent_level varchar, parent_id varchar, valid_from date,
    valid_to date
);
create table kpi_series_breaks (
    kpi_id varchar, kpi_version integer, segment varchar, level varchar, unit_id varchar,
    break_date date, kind varchar, text_nb varchar, text_en varchar
);
create table kpi_events (
    event_date date, kpi_id varchar, level varchar, unit_id varchar, effect varchar,
    text_nb varchar, text_en varchar
);
"""
ALWAYS = (dt.date(2000, 1, 1), dt.date(9999, 12, 31))


def compiled(home: Path, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The SQL of the comparison models, as dbt compiles it."""
    outcome = Warehouse(home).dbt("compile", "--select", *MODELS, variables=variables)
    return {result.node.name: result.node.compiled_code for result in outcome.results}


def macros(name: str = "statistics") -> Any:
    """The macros of a file, callable with column names or literals."""
    environment = jinja2.Environment(
        extensions=["jinja2.ext.do"], autoescape=False, undefined=jinja2.StrictUndefined
    )
    environment.globals.update(
        {"return": lambda value: value, "dbt": SimpleNamespace(type_string=lambda: "varchar")}
    )
    return environment.from_string((PROJECT / "macros" / f"{name}.sql").read_text("utf-8")).module


def evaluate(expression: str, **columns: float | None) -> Any:
    """One SQL expression over one row."""
    row = ", ".join(
        f"cast({'null' if value is None else repr(float(value))} as double) as {name}"
        for name, value in columns.items()
    )
    ((value,),) = duckdb.sql(f"select {expression} from (select {row})").fetchall()
    return value


@dataclass
class Figures:
    """Input tables of the comparison models and their results."""

    models: Mapping[str, str] = field(repr=False)
    cells: list[dict[str, Any]] = field(default_factory=list)
    registry: dict[str, dict[str, Any]] = field(default_factory=dict)
    peers: list[tuple[Any, ...]] = field(default_factory=list)
    parents: list[tuple[Any, ...]] = field(default_factory=list)
    breaks: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)

    def kpi(self, kpi_id: str, **columns: Any) -> None:
        """Register a KPI; a share where higher is better if nothing else is said."""
        self.registry[kpi_id] = {
            "measure": "share", "unit": "%", "direction": "up", "target": None,
            "min_denominator": 20, **columns,
        }  # fmt: skip

    def cell(self, kpi_id: str, unit_id: str, **columns: Any) -> None:
        """One released figure; a month at a central if nothing else is said."""
        self.cells.append(
            {
                "kpi_id": kpi_id,
                "kpi_version": 1,
                "segment": "all",
                "period_grain": "month",
                "period_start": dt.date(2025, 1, 1),
                "level": "central",
                "unit_id": unit_id,
                "geography_version": "2024",
                "numerator": None,
                "denominator": None,
                "n": 1000,
                "value": None,
                "lower": None,
                "upper": None,
                "coverage": 1.0,
                "status": "ok",
                "grade": None,
                "days_covered": 31,
                "days_in_period": 31,
                "is_partial": False,
                "maturity": "final",
                **columns,
            }
        )

    def share(self, kpi_id: str, unit_id: str, numerator: float, n: int, **columns: Any) -> None:
        """A share in per cent with its Wilson interval."""
        lower, upper = wilson(numerator, n)
        self.cell(
            kpi_id, unit_id, numerator=numerator, denominator=n, n=n, value=100 * numerator / n,
            lower=100 * lower, upper=100 * upper, **columns,
        )  # fmt: skip

    def group(self, units: Iterable[str], group_id: str = "amk", level: str = "central") -> None:
        """Put units in a peer group for all time."""
        self.peers += [
            (level, unit, "funnel", group_id, "gruppen", "the group", *ALWAYS) for unit in units
        ]

    def series(
        self, kpi_id: str, values: Sequence[float | None], unit_id: str = "a", grain: str = "month"
    ) -> None:
        """One figure per month from January 2020, or per week; None is a month without."""
        for position, value in enumerate(values):
            if value is not None:
                start = (
                    dt.date(2020 + position // 12, 1 + position % 12, 1)
                    if grain == "month"
                    else dt.date(2020, 1, 6) + dt.timedelta(weeks=position)
                )
                days = calendar.monthrange(start.year, start.month)[1] if grain == "month" else 7
                self.cell(
                    kpi_id, unit_id, value=value, period_grain=grain, period_start=start,
                    days_covered=days, days_in_period=days,
                )  # fmt: skip

    def result(self, model: str) -> list[dict[str, Any]]:
        """Rows of a model over these tables."""
        with duckdb.connect() as connection:
            self.fill(connection)
            if model == "kpi_news":
                connection.execute(f"create table kpi_trends as {self.models['kpi_trends']}")
            found = connection.execute(self.models[model])
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write the input tables to a database named akutt."""
        connection.execute("attach ':memory:' as akutt; use akutt")
        connection.execute(TABLES)
        rows = [
            (kpi_id, 1, *(kpi[c] for c in ("measure", "unit", "direction", "target")),
             kpi["min_denominator"])
            for kpi_id, kpi in self.registry.items()
        ]  # fmt: skip
        for table, content in (
            ("kpi_releasable", [tuple(cell.values()) for cell in self.cells]),
            ("kpi_registry", rows),
            ("peer_groups", self.peers),
            ("unit_hierarchy", self.parents),
            ("kpi_series_breaks", self.breaks),
            ("kpi_events", self.events),
        ):
            if content:
                marks = ", ".join("?" * len(content[0]))
                connection.executemany(f"insert into {table} values ({marks})", content)

    def comparisons(self) -> dict[tuple[str, str], dict[str, Any]]:
        """kpi_comparisons by KPI and unit."""
        return {(row["kpi_id"], row["unit_id"]): row for row in self.result("kpi_comparisons")}

    def trends(self, kpi_id: str = "k", unit_id: str = "a") -> list[dict[str, Any]]:
        """kpi_trends of one series, in order."""
        rows = (
            row
            for row in self.result("kpi_trends")
            if (row["kpi_id"], row["unit_id"]) == (kpi_id, unit_id)
        )
        return sorted(rows, key=lambda row: row["period_start"])


def wilson(x: float, n: float, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's interval in its textbook form, independent of the SQL."""
    p = x / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5)
    return middle - half, middle + half
